"""
Five features in two dimensions
===============================

With five features of equal importance, two dimensions and a feature probability of .1, the best
arrangement that is known is a regular pentagon.  Not every seed finds it.  This example trains
sixteen models, names what each has become, and puts a price on being stuck.
"""

# %%
# The experiment is one of those that ``geomsup reproduce`` runs: Adam with a step size of .001 and
# batches of 64 for 6,250 steps, which is 40 passes over 10,000 samples, except that every batch is
# drawn afresh.  Its row says what was published, what was found, and whether it holds.

import matplotlib.pyplot as plt
import numpy as np

from geomsup import classify_geometry
from geomsup.experiments import get_experiment, reproduce
from geomsup.plotting import plot_dimensionality

done = reproduce(["notes-pentagon"], progress=False)
print(done)

# %%
# The losses are exact expected losses of the trained weights, summed over features; no sample is
# drawn for them.  So they can be compared with the exact minima that a search from a hundred
# random starts finds:

(result,) = done.results["notes-pentagon"]
for loss, name in zip(result.minima, result.minima_names, strict=True):
    print(f"{loss:.7f}  {name}")

# %%
# What each seed has become, and what it costs above the best.

print("seed  structures                loss     above")
for k in np.argsort(result.losses, kind="stable"):
    above = 100 * (result.losses[k] / result.minima[0] - 1)
    print(f"{k:>4}  {result.names[k]:<22}  {result.losses[k]:.5f}  {above:>+6.1f} %")
n_pentagons = result.names.count("pentagon")
print(f"\n{n_pentagons} of {len(result.names)} seeds are pentagons")

# %%
# The seeds that are not pentagons keep two digons at right angles, and their fifth feature is a
# shorter arrow on a direction that is taken already: the name says "digon (×2)", because two
# features share one vertex.  That is a local minimum, not an unfinished run: it is in the list of
# exact minima above.

get_experiment("notes-pentagon").draw(done.results["notes-pentagon"])

# %%
# The report on the best model.  In a regular pentagon every feature has a dimensionality of 2/5.

report = classify_geometry(result.weights[np.argmin(result.losses)])
print(report)
plot_dimensionality(report)
plt.show()
