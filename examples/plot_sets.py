"""
Features that come together, and features that never do
=======================================================

So far every feature came and went by itself.  Correlated features prefer to be orthogonal: an error
that they make on each other is paid whenever they are present, which is always at the same time.
Features that are never present together may share a line at no cost.
"""

# %%
# Anticorrelated first: two pairs in two dimensions.  The two members of a pair are never there
# together, so an antipodal pair loses nothing at all.  Training finds this in a third of its
# restarts; others pair the wrong features and stay there.

from dataclasses import replace

import matplotlib.pyplot as plt

from geomsup.experiments import Trainer, get_experiment

experiment = get_experiment("anticorrelated")
result = experiment.run(replace(experiment.smoke, n_steps=1500), 0, Trainer())
print(f"anticorrelated: {experiment.check([result])}")
get_experiment("anticorrelated").draw([result])

# %%
# Two sets of ten that come together, in ten dimensions: each is a basis of its own, nearly
# orthogonal, and opposite to the other.

experiment = get_experiment("local-bases")
result = experiment.run(replace(experiment.smoke, n_models=2, n_steps=2500), 0, Trainer())
print(f"local-bases: {experiment.check([result])}")
get_experiment("local-bases").draw([result])
plt.show()
