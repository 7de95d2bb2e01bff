"""
From a hexagon to principal components
======================================

Three pairs of features in two dimensions; the members of a pair always come together.  While they
are rare every feature gets a direction of its own, members side by side.  As they become frequent,
pair after pair collapses into one direction, and in the end the model does what principal component
analysis does.
"""

# %%
# The losses are exact: given which pairs are present their values are independent, and there are
# only eight cases.

from dataclasses import replace

import matplotlib.pyplot as plt

from geomsup.experiments import Trainer, get_experiment

experiment = get_experiment("pca-collapse")
config = replace(
    experiment.smoke,
    set_probabilities=(0.03, 0.05, 0.1, 0.18, 0.45, 0.75),
    n_restarts=8,
    n_steps=1500,
    n_exact=1,
)
result = experiment.run(config, 0, Trainer())
print(f"pca-collapse: {experiment.check([result])}")
get_experiment("pca-collapse").draw([result])
plt.show()
