"""
Three features in two dimensions
================================

Three features have to share two dimensions.  Two arrangements suggest themselves: three
directions at 120° (a triangle), or two of the features on one line, back to back, and the third
at a right angle to them (a digon and a monosemantic feature).  Which of the two does a trained
model choose, and does it depend on how often features occur?

The triangle is the picture that everybody draws for this model when features are rare.  It is
the better of the two only when features are *frequent*.  Optimised exactly within each of
the two arrangements, the expected losses cross at a feature probability of p = .521838: the
triangle is lower above it, the digon below.
"""

# %%
# The experiment trains models at several probabilities, on both sides of the crossing.

import matplotlib.pyplot as plt
import numpy as np

from geomsup import classify_geometry
from geomsup.experiments import get_experiment, reproduce
from geomsup.theory.search import configuration_name
from geomsup.training import ToyModelConfig, train

done = reproduce(["notes-triangle"], progress=False)
print(done)

# %%
# What the models have become, and their exact losses.

(result,) = done.results["notes-triangle"]
print(f"{'p':>5}  {'models':>6}  {'structures':<22}  losses (summed over features)")
for p, names, losses in zip(result.feature_probabilities, result.names, result.losses, strict=True):
    for kind in sorted(set(names)):
        of_kind = np.sort(losses[np.array(names) == kind])
        span = f"{of_kind[0]:.5f} – {of_kind[-1]:.5f}"
        print(f"{p:>5}  {len(of_kind):>6}  {kind:<22}  {span}")

# %%
# Well below the crossing every model ends as a digon and a monosemantic feature.  Above it a
# triangle has the lowest loss of all, but only some get there.  Most are stuck in a fan, with some
# 50° to 70° between neighbours: roughly a triangle with one arm reversed, which fills the plane as
# evenly (its tightness is nearly 1) but reads one feature as the negative of the others.  No name
# in the catalogue belongs to it, and the report calls it irregular.

get_experiment("notes-triangle").draw(done.results["notes-triangle"])

# %%
# The dotted line is the crossing; on either side of it another arrangement has the lower loss.
# Here is the best model of the first probability above it, with its report.

above = int(np.argmax(result.feature_probabilities > result.crossing))
print(classify_geometry(result.weights[above, np.argmin(result.losses[above])]))

# %%
# Why does one see triangles at small p all the same?  Because the two arrangements hardly differ
# there.  With one feature at a time neither has any loss at all, and the two differ only
# in inputs with two features: to leading order the triangle costs 3/8 p² and the digon 1/3 p².
# A model that starts near the origin grows all directions alike and can stay a triangle for
# thousands of steps.

config = ToyModelConfig(
    n_features=3,
    n_hidden=2,
    feature_probability=0.05,
    n_instances=32,
    n_steps=6_250,
    batch_size=64,
    init_scale=0.1,
)
small = train(config, seed=0, progress=False)
names = np.array([configuration_name(classify_geometry(W)) for W in small.weights])
p = config.feature_probability
print(f"p = {p}, initial weights a tenth of the usual size, 32 models")
for kind in sorted(set(names)):
    of_kind = np.sort(small.losses[names == kind])
    print(f"{len(of_kind):>3}  {kind:<22}  losses {of_kind[0]:.6f} – {of_kind[-1]:.6f}")
print(f"leading order: triangle {3 / 8 * p**2:.6f}, digon and monosemantic {p**2 / 3:.6f}")
plt.show()
