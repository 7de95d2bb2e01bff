"""
Features are learned one at a time
==================================

The paper watched the dimensionalities of features while a model learned.  They sit on levels and
jump between them, and the loss drops when they do.
"""

# %%
# Jumps are found in the weights, drops in the loss, each without looking at the other.  How often a
# jump lies in a drop is compared with how often it would if all jumps were shifted in time.  With
# many features the loss is too smooth to show every one of them.

from dataclasses import replace

import matplotlib.pyplot as plt

from geomsup.experiments import Trainer, get_experiment

experiment = get_experiment("energy-levels")
config = replace(experiment.smoke, n_features=40, n_hidden=5, n_steps=1800)
result = experiment.run(config, 0, Trainer())
print(f"energy-levels: {experiment.check([result])}")
get_experiment("energy-levels").draw([result])
plt.show()
