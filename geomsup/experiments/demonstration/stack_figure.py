"""WᵀW with the biases, and the norms coloured by superposition, a column for each sparsity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.experiments.demonstration.stack import Result, superposition
from geomsup.plotting.style import DIVERGING, INK, SEQUENTIAL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(results: Sequence[Result]) -> Figure:
    """The models of the first seed: one linear model (all are alike), then ReLU by sparsity."""
    import matplotlib.pyplot as plt
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    one = results[0]
    chosen = [("linear", 0, 0), *(("ReLU", 1, k) for k in range(len(one.feature_probabilities)))]
    figure, axes = plt.subplots(
        2,
        len(chosen),
        figsize=(1.55 * len(chosen) + 0.8, 4.9),
        height_ratios=[1.0, 1.25],
        layout="constrained",
    )
    n = one.weights.shape[-1]
    amount = Normalize(0.0, 1.0)
    colors = plt.get_cmap(SEQUENTIAL)
    widest = 1.05 * float(np.linalg.norm(one.weights, axis=2).max())
    for (kind, row, k), (above, below) in zip(chosen, axes.T, strict=True):
        W, b = one.weights[row, k], one.biases[row, k]
        # The bias is one more column, apart from the matrix.
        table = np.column_stack([W.T @ W, np.full(n, np.nan), b])
        image = above.imshow(table, cmap=DIVERGING, vmin=-1.2, vmax=1.2, aspect="auto")
        above.set(xticks=[], yticks=[])
        p = one.feature_probabilities[k]
        above.set_title(f"{kind}\n1−S = {p:g}" if kind == "ReLU" else "linear", fontsize=9)
        below.barh(
            np.arange(n),
            np.linalg.norm(W, axis=0),
            height=1.0,
            color=colors(amount(superposition(W))),
        )
        below.set(ylim=(n - 0.5, -0.5), xlim=(0, widest), yticks=[])
        below.spines[["top", "right"]].set_visible(False)
        below.set_xlabel("|W_i|", fontsize=8)
        below.tick_params(labelsize=7)
    axes[0, 0].set_ylabel("WᵀW, and b", color=INK)
    axes[1, 0].set_ylabel("features, most important first", color=INK)
    figure.colorbar(image, ax=axes[0].tolist(), shrink=0.9, pad=0.01)
    figure.colorbar(
        ScalarMappable(amount, colors), ax=axes[1].tolist(), shrink=0.9, pad=0.01, extend="max"
    ).set_label("superposition Σ (Ŵ_i·W_j)²", fontsize=8)
    return figure
