"""
Neurons that compute in superposition
=====================================

The absolute value takes two neurons, ``|x| = ReLU(x) + ReLU(−x)``.  What does a layer do that has
to compute more of them than it has neurons for?
"""

# %%
# Eight neurons have room for four features.  They get twelve, of falling importance.  First with
# features that are present in every input, then with rare ones.

import matplotlib.pyplot as plt
import numpy as np

from geomsup.neurons import asymmetric_motifs, neuron_report
from geomsup.plotting import neuron_legend, plot_motif, plot_neurons
from geomsup.training import ToyModelConfig, train

models = []
for p, rate in ((1.0, 0.03), (0.03, 0.01)):
    config = ToyModelConfig(
        n_features=12,
        n_hidden=8,
        feature_probability=p,
        importance=0.8 ** np.arange(12),
        hidden_activation="relu",
        tied=False,
        target="absolute",
        signed=True,
        n_instances=8,
        n_steps=5000,
        batch_size=512,
        learning_rate=rate,
        lr_schedule="cosine",
        init_scale=0.1,
    )
    models.append(train(config, seed=0, progress=False).best())
    report = neuron_report(models[-1].W, models[-1].V, signed=True)
    print(f"1 - S = {p:g}: {str(report).splitlines()[0]}")

# %%
# Dense features get two neurons each, and the others are dropped.  Rare ones share.

figure, axes = plt.subplots(2, 1, figsize=(8, 5), layout="constrained")
for ax, model in zip(axes, models, strict=True):
    report = neuron_report(model.W, model.V, signed=True)
    plot_neurons(model.W, report, rescale=True, ax=ax)
    ax.set_title(f"1 − S = {model.feature_probability[0]:g}", fontsize=9, loc="left")
neuron_legend(axes[1], ncols=4, loc="upper left", bbox_to_anchor=(0.0, -0.1))
plt.show()

# %%
# How do two features share a neuron without disturbing each other?  In asymmetric superposition
# one has a large weight into the neuron and a small one out of it, and the other the reverse.  Then
# only the first disturbs the second, and another neuron keeps that output below zero.
# ``asymmetric_motifs`` finds such places, and says how many there would be by chance.

sparse = models[1]
found = asymmetric_motifs(sparse.W, sparse.V)
print(str(found).splitlines()[0])
clearest = min(found.motifs, key=lambda motif: len(motif.inhibitors))
print(clearest)

ax = plot_motif(sparse.W, sparse.V, clearest)
ax.figure.set_size_inches(5, 4)
plt.show()

# %%
# ``geomsup reproduce computation`` does this with a hundred features and forty neurons, as the
# paper does, and asks the same of the AND of pairs.
