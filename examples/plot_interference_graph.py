"""
A hundred features in forty dimensions
======================================

Small models can be drawn as arrows, forty dimensions cannot.  What can be drawn is who
interferes with whom: the matrix of cosines, and the graph whose edges are the large ones.  The
question is the same as for five features: which structures are there, and what fraction of the
features does each of them hold?
"""

# %%
# Four models that differ only in how often features occur.  They train side by side.

import matplotlib.pyplot as plt
import numpy as np

from geomsup import classify_geometry
from geomsup.plotting import (
    name_color,
    plot_cosines,
    plot_dimensionality,
    plot_interference_graph,
)
from geomsup.training import ToyModelConfig, train

PROBABILITIES = (0.01, 0.1, 0.2, 0.3)

config = ToyModelConfig(
    n_features=100,
    n_hidden=40,
    feature_probability=[[p] for p in PROBABILITIES],
    n_instances=len(PROBABILITIES),
    n_steps=10_000,
    batch_size=128,
)
run = train(config, seed=0, progress=False)
reports = {p: classify_geometry(W) for p, W in zip(PROBABILITIES, run.weights, strict=True)}
weights = dict(zip(PROBABILITIES, run.weights, strict=True))

# %%
# Rare features
# -------------
# At p = .01 all hundred features are represented, and they do not fall apart into structures:

sparse = reports[0.01]
print(sparse)

# %%
# One component, irregular, of full rank, and the tightness is close to 1: the features form
# nearly a tight frame, in which each has about 40/100 of a dimension.  No name in
# the catalogue belongs to it, and none is forced upon it.  The matrix of cosines has no blocks
# either.  It has a pattern, though: most cosines are small and positive, and the large ones are
# negative, because a negative overlap costs a ReLU model nothing while features are rare.

fig, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.8), layout="constrained")
plot_cosines(weights[0.01], ax=left)
left.set_title("cosines, features in the order of W")
plot_dimensionality(sparse, ax=right)
right.set_title("dimensionality")

# %%
# A threshold set by hand always finds something.  Here are the pairs with a cosine beyond ±.5,
# isolated features hidden:

forced = classify_geometry(weights[0.01], interference_threshold=0.5)
plot_interference_graph(forced, min_degree=1)
plt.title("p = .01, threshold .5 set by hand: not what the evidence says")

print("structures at a threshold of .5:", forced.counts())
leaks = [component.leakage for component in forced.components if len(component.features) > 1]
print(f"their leakage: {100 * min(leaks):.0f} % to {100 * max(leaks):.0f} %")

# %%
# It looks like digons and triangles, and the names fit the angles within the noise.  But the
# leakage column gives it away: these pairs share about half of their interference with features
# outside, so what is drawn as a digon is not a structure by itself.  The automatic threshold
# refuses cuts whose components leak that much.
#
# Features that are less rare
# ---------------------------
# At p = .2 structures do form.  Now the report finds them without being told where to cut:

report = reports[0.2]
print(report)

# %%

fig, ax = plt.subplots(figsize=(7.6, 6.4), layout="constrained")
plot_cosines(weights[0.2], ax=ax, order=report)
ax.set_title("p = .2: cosines, features by component")

# %%
# Each component by itself, under its name; features without any edge are hidden.

plot_interference_graph(report, min_degree=1)

# %%

plot_dimensionality(report)
budget = sum(component.rank for component in report.components)
print(f"ranks of the components: {budget}, dimensions: {report.n_hidden}")

# %%
# The shapes are clear by their angles, but the dimensionalities lie below the levels of ideal
# digons and pentagons.  The budget says why: the structures would need more dimensions than
# there are, so they cannot all be orthogonal.  They lean on each other, which is what the leakage
# column measures and what the pale checks off the diagonal of the matrix show.
#
# What fraction of the features does each structure hold?
# -------------------------------------------------------
# Counted over all hundred features, "dropped" being those whose norm is below the threshold that
# the report states.

held = {}
for p, found in reports.items():
    for component in found.components:
        held.setdefault(component.name, dict.fromkeys(PROBABILITIES, 0))
        held[component.name][p] += len(component.features)
held["dropped"] = {p: int((~found.represented).sum()) for p, found in reports.items()}

print(f"{'structure':<26}" + "".join(f"  p = {p:<5}" for p in PROBABILITIES))
for name, numbers in held.items():
    shares = (number / config.n_features for number in numbers.values())
    print(f"{name:<26}" + "".join(f"  {100 * share:>6.0f} %" for share in shares))

# %%

NAMELESS = ("irregular", "dropped")

fig, ax = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
below = np.zeros(len(PROBABILITIES))
for name in sorted(held, key=lambda name: (name in NAMELESS, -sum(held[name].values()))):
    share = np.array(list(held[name].values())) / config.n_features
    ax.bar(range(len(share)), share, bottom=below, color=name_color(name), label=name, width=0.7)
    below += share
ax.set_xticks(range(len(PROBABILITIES)), [f"{p:g}" for p in PROBABILITIES])
ax.set_xlabel("feature probability p")
ax.set_ylabel("fraction of the features")
ax.set_ylim(0, 1)
ax.spines[["top", "right"]].set_visible(False)
fig.legend(loc="outside right upper", frameon=False)
plt.show()
