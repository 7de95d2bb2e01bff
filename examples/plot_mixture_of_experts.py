"""
Does routing remove the need for superposition?
===============================================

A mixture of experts sends each input to one of several small models (Fedus et al. 2021).  An expert
that sees only the inputs it is made for should need to store fewer features.  Does it?
"""

# %%
# Twenty features, each present in one input of twenty.  An expert has four dimensions; five of them
# have as many dimensions in all as there are features.

import dataclasses

import matplotlib.pyplot as plt

from geomsup.experiments import Trainer, get_experiment
from geomsup.experts import MixtureConfig, train_mixtures
from geomsup.training import ToyModelConfig

toy = ToyModelConfig(
    n_features=20,
    n_hidden=4,
    feature_probability=0.05,
    n_instances=1,
    n_steps=1500,
    batch_size=256,
    learning_rate=3e-3,
    lr_schedule="cosine",
)
for n_experts in (1, 5):
    (mixture,) = train_mixtures(MixtureConfig(toy=toy, n_experts=n_experts), progress=False)
    print(mixture)
    for report in mixture.reports:
        print("   ", report.summary())

# %%
# With one expert, which is a dense model of the size at work, the features are crowded.  Five
# experts are less crowded, and lose less.  But they are not free of superposition: an input may
# hold any two features, and the expert that gets it must answer for both.
#
# The experiment asks what that is worth, in dimensions of a dense model of equal loss, for
# independent features and for features that come in sets.  This is a small version of it.

experiment = get_experiment("mixture-of-experts")
small = dataclasses.replace(
    experiment.smoke,
    n_features=20,
    n_hidden=4,
    n_experts=(2, 5),
    dense_sizes=(2, 4, 6, 10, 20),
    set_size=4,
    n_restarts=1,
    n_steps=800,
    batch_size=256,
    learning_rate=3e-3,
)
result = experiment.run(small, 0, Trainer())
print(experiment.check([result]))

# %%
# On the left, further left is less superposition and further down is less loss.  With independent
# features, mixtures lie to the left of the dense models of their loss, and above those with the
# same superposition.  With sets there is little between them, because some experts stay idle.  On
# the right, bright cells are features that an expert holds; many are held by more than one.

get_experiment("mixture-of-experts").draw([result])
plt.show()

# %%
# ``geomsup reproduce mixture-of-experts`` runs it in full.
