"""
What do neurons do when there are too few of them?
==================================================

With a ReLU on the hidden layer neurons cannot be turned into one another any more: each weight says
how a feature drives a neuron.  Ten features, five neurons; the sparser the features, the more of
them are stored.  Elhage et al. 2022 trained a thousand models for each picture, because few find
the best arrangement.  Here it is thirty-two.
"""

# %%
# The code that three features make on two neurons is the one of a lookup table: one fires both, the
# others fire one and hold the other down.  ``neuron_report`` reads it off the signs of the weights.

import dataclasses

import matplotlib.pyplot as plt

from geomsup.experiments import Trainer, get_experiment
from geomsup.neurons import neuron_report

print(neuron_report([[0.9, -0.8, 0.8], [0.9, 0.8, -0.8]]))

# %%
# Now the models.  The experiment keeps the one of lowest loss at each sparsity.

experiment = get_experiment("relu-hidden")
config = dataclasses.replace(
    experiment.smoke, feature_probabilities=(0.5, 0.25, 0.15, 0.02), n_restarts=32, n_steps=5000
)
result = experiment.run(config, 1, Trainer())
for p, report in zip(result.feature_probabilities, result.reports(), strict=True):
    print(f"1 - S = {p:g}: {report}\n")

# %%
# At 1 − S = .25 three features share two neurons, by all non-empty sets of them, and at .15 five
# share three.  At .02 all ten features are stored, each on two neurons: there are ten pairs of five
# neurons, and every pair is taken once.

get_experiment("relu-hidden").draw([result])
plt.show()

# %%
# In the stacks, blue features have neurons of their own and orange ones share; grey below the axis
# is what holds a neuron down.  ``geomsup reproduce relu-hidden`` runs it in full.
