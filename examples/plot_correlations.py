"""
When PCA, when superposition
============================

Pairs of correlated features in fewer dimensions than features: the members of a pair may keep
directions of their own, or collapse onto one, that of their mean, which is what principal component
analysis does.  Which is better is a matter of exact losses.  The maps come with the package;
nothing is trained here.
"""

# %%
# Where which strategy is best
# ----------------------------
# To the right the correlation of a pair, upwards the probability of a feature.  In the upper row
# the members of a pair come together with probability c, and otherwise each by itself; in the lower
# row they are always together, and have equal values with probability ρ.  Blue: all pairs apart.
# Orange: all collapsed.  The dashed line is the law for rare features.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch

from geomsup.plotting import plot_pair_losses, plot_pair_map, strategy_color
from geomsup.theory import collapse_limit, critical_together, pair_map

SIZES = ((2, 2), (3, 2), (3, 3))
figure, axes = plt.subplots(2, 3, figsize=(11, 8.2), layout="constrained", sharey=True)
for row, axis in zip(axes, ("together", "equal_values"), strict=True):
    for ax, size in zip(row, SIZES, strict=True):
        pairs = pair_map(*size, axis)
        law = collapse_limit(*size) if axis == "equal_values" and size != (3, 3) else None
        plot_pair_map(pairs, ax=ax, law=law, legend=False)
        if ax is not row[0]:
            ax.set_ylabel("")
legend = {
    "all pairs apart": "3 apart",
    "one of three collapsed": "2 apart, 1 collapsed",
    "two of three collapsed": "1 apart, 2 collapsed",
    "all collapsed": "3 collapsed: digon ⊕ 1",
    "all collapsed, means in a triangle": "3 collapsed: triangle",
    "all collapsed, means otherwise": "3 collapsed: 3 in 2",
    "a direction shared unevenly": "2 apart, 1 uneven",
}
handles = [Patch(color=strategy_color(name), label=words) for words, name in legend.items()]
figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
figure.suptitle("Which strategy has the least loss: pairs apart, or collapsed as PCA does it?")
plt.show()

# %%
# The laws
# --------

for size in ((2, 2), (3, 2)):
    print(collapse_limit(*size))
print(f"1 pair in 1 dimension, as p → 0: collapsed for c > {critical_together():.6f}")

# %%
# The lines behind the pictures, three pairs in two dimensions, always together:

print(pair_map(3, 2).lines[-1])

# %%
# How far PCA is from the optimum
# -------------------------------
# Two pairs in two dimensions: where they are collapsed the ReLU does nothing and PCA is the
# optimum.  Three pairs in two dimensions: the collapsed pairs are in superposition themselves, and
# PCA is never as good.

figure, row = plt.subplots(1, 2, figsize=(10.5, 4.2), layout="constrained", sharey=True)
for ax, size in zip(row, ((2, 2), (3, 2)), strict=True):
    plot_pair_losses(pair_map(*size), ax=ax)
plt.show()

# %%
# What the models look like
# -------------------------
# The optima of three pairs in two dimensions, always together, as they become more frequent; both
# members of a pair have one colour.

line = pair_map(3, 2).lines[-1]
places = [0, 4, 6, 8]
figure, row = plt.subplots(1, len(places), figsize=(11, 3.1), layout="constrained")
for ax, place in zip(row, places, strict=True):
    for feature, (x, y) in enumerate(line.W[place].T):
        color = ("#0072B2", "#D55E00", "#009E73")[feature // 2]
        ax.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "color": color, "lw": 2})
    reach = 1.15 * np.abs(line.W).max()
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
    ax.set_title(f"$p$ = {line.values[place]:g}\n{line.strategies[place]}", fontsize=9)
    ax.spines[:].set_visible(False)
plt.show()
