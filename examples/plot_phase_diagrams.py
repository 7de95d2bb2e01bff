"""
Phase diagrams of superposition
===============================

Is a feature ignored, given a dimension of its own, or stored in superposition?  The paper answers
with a diagram: sparsity on one axis, the importance of the last feature on the other, the best of
ten trained models in each cell, and borders that are sharp.
"""

# %%
# Here the map of trained models stands beside two computed ones: the exact optimum, over all
# weights and biases, and what the paper computed, the best arrangement of unit vectors without
# bias.  Cells of the first that differ from the second are dotted.  The grid is small, so that the
# page builds in seconds; ``geomsup reproduce phase-2-1 phase-3-2 --scale paper`` makes 25 × 25.

from dataclasses import replace

import matplotlib.pyplot as plt

from geomsup.experiments import Trainer, get_experiment

results = {}
for name in ("phase-2-1", "phase-3-2"):
    experiment = get_experiment(name)
    config = replace(experiment.smoke, n_grid=5, n_steps=300)
    results[name] = experiment.run(config, 0, Trainer())
    print(f"{name}: {experiment.check([results[name]])}\n")

# %%
# Two features in one dimension: each alone where it matters more and features are frequent, both as
# a digon where they are rare.  A second feature does not fade in: where it first appears, its norm
# is a good half of the other's or more.

get_experiment("phase-2-1").draw([results["phase-2-1"]])

# %%
# Three features in two dimensions.  The paper's fourth region, in which the third feature takes a
# dimension for itself and the second is ignored, exists for unit vectors without bias.  With norms
# and biases of their own, two features on one line are better than one alone, so that the region
# shrinks or vanishes, in the exact map and in the trained one alike.

get_experiment("phase-3-2").draw([results["phase-3-2"]])
plt.show()
