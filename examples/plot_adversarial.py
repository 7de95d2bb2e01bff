"""
Does superposition make models easy to attack?
==============================================

Elhage et al. 2022, "Superposition and adversarial vulnerability": an attacker may change an input
by a tenth of the mean norm of inputs.  In a model without superposition there is nothing to attack
but the features themselves.  With superposition every feature answers a little to others, and the
attacker can add up many of these answers.
"""

# %%
# One dimension first.  It holds one feature, or two as a digon; of both the first one is there.

import dataclasses

import matplotlib.pyplot as plt

from geomsup.attacks import linear_attack
from geomsup.experiments import Trainer, get_experiment

x, budget = [[0.5, 0.0]], 0.1
for name, W in (("one feature", [[1.0, 0.0]]), ("digon", [[1.0, -1.0]])):
    attack = linear_attack(W, [0.0, 0.0], x, budget)
    print(f"{name}: δ = {attack.perturbations[0].round(3)}, L′ − L = {attack.rise:.3f}")

# %%
# The digon can be pushed from both sides: take a little from the one feature and give a little to
# the other, and both changes move the same hidden number.  That is the unit of what follows: a
# model without superposition loses budget², a digon twice that.
#
# The experiment trains models whose features get ever sparser, and attacks each.  Here are smaller
# ones.

experiment = get_experiment("adversarial")
small = dataclasses.replace(
    experiment.smoke,
    n_features=50,
    n_hidden=5,
    inverse_densities=(1.0, 1.5, 2.2, 3.2, 4.6, 6.8, 10.0, 20.0, 40.0),
    n_steps=1200,
)
result = experiment.run(small, 0, Trainer())
print(experiment.check([result]))

# %%
# Read word by word, the paper's attack changes all inputs alike, along the direction (WᵀW)_i that
# harms the model most.  It rises along with the number of features per dimension at first, and lags
# behind in sparse models: biases are so negative by then that they swallow small changes, and what
# harms one input does nothing to most others.  An attacker that chooses for each input does far
# more, and its harm goes on rising.

get_experiment("adversarial").draw([result])
plt.show()

# %%
# ``geomsup reproduce adversarial --scale paper`` trains models of 100 features in 10 dimensions.
