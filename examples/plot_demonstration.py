"""
Superposition, demonstrated
===========================

Twenty features in five dimensions, each less important than the one before.  A linear model keeps
the five most important ones, however sparse they are.  A ReLU at the output is all it takes to
store more, at the price of interference.
"""

# %%
# The paper's first figure.  Above: WᵀW, with the biases beside it.  Below: the norm of every
# feature, coloured by how much of its direction other features use.  The linear model is principal
# component analysis, so its best loss is known and compared.

from dataclasses import replace

import matplotlib.pyplot as plt

from geomsup.experiments import Trainer, get_experiment

experiment = get_experiment("demonstration")
config = replace(experiment.smoke, feature_probabilities=(1.0, 0.3, 0.1, 0.03, 0.01), n_restarts=3)
result = experiment.run(config, 0, Trainer())
print(f"demonstration: {experiment.check([result])}")
get_experiment("demonstration").draw([result])
plt.show()
