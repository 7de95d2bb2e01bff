"""The figure of sae-splitting: both trees, and how much of each dictionary splits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.experiments.dictionaries.sae_splitting import TRUTHS, Result, nominal_sizes, tree_of
from geomsup.plotting.dictionaries import plot_splitting_tree
from geomsup.plotting.style import GHOST, INK, PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(results: Sequence[Result]) -> Figure:
    """Draw the trees of the first seed, and the shares that split, mean over seeds."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(10.5, 8.2), layout="constrained")
    grid = figure.add_gridspec(3, 1, height_ratios=(1.0, 1.0, 0.8))
    trees = [[tree_of(result, truth) for truth in range(2)] for result in results]
    for truth, name in enumerate(TRUTHS):
        ax = figure.add_subplot(grid[truth])
        plot_splitting_tree(trees[0][truth], ax=ax)
        ax.set_title(
            f"{results[0].n_features} {name} directions (area: mean square of the code)",
            fontsize=10,
            loc="left",
        )
    ax = figure.add_subplot(grid[2])
    nominal = nominal_sizes(results[0])
    levels = range(len(nominal) - 1)
    for truth, (name, color) in enumerate(zip(TRUTHS, (PALETTE[0], GHOST), strict=True)):
        shares = np.array([[pair[truth].split(level).mean() for level in levels] for pair in trees])
        bars = ax.bar(
            np.array(levels) + 0.4 * (truth - 0.5),
            shares.mean(axis=0),
            width=0.38,
            color=color,
            label=name,
        )
        labels = ax.bar_label(bars, fmt="{:.0%}", fontsize=8, padding=1)
        for label in labels:
            label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})
    for k in levels:
        if nominal[k] < results[0].n_features:
            tree = trees[0][1]
            ax.hlines(
                tree.by_chance(k, n_draws=200).mean() / tree.sizes[k],
                k - 0.4,
                k + 0.4,
                color=INK,
                linestyle="--",
                linewidth=1.0,
                label="by chance" if k == 0 else "",
            )
    ax.set_xticks(levels, [f"from {nominal[k]} to {nominal[k + 1]} latents" for k in levels])
    ax.set(ylabel="share that splits", ylim=(0.0, 1.15))
    ax.set_yticks([0.0, 0.5, 1.0])
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    return figure
