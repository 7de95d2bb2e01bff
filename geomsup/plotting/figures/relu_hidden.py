"""Weights and neurons of the best model at each sparsity, as in the paper's figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.experiments.relu_hidden import Result, code_names
from geomsup.plotting.neurons import neuron_legend, neuron_order, plot_neurons
from geomsup.plotting.style import DIVERGING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]

_IN_A_ROW = 4


def draw(results: Sequence[Result]) -> Figure:
    """The first seed: W as a map, and the neurons as stacks below it."""
    import matplotlib.pyplot as plt

    result = results[0]
    count = len(result.feature_probabilities)
    rows = -(-count // _IN_A_ROW)
    figure = plt.figure(figsize=(12.0, 4.1 * rows), layout="constrained")
    grid = figure.subfigures(rows, min(count, _IN_A_ROW), squeeze=False).ravel()
    bound = float(np.abs(result.weights).max())
    for cell, p, W, report in zip(
        grid, result.feature_probabilities, result.weights, result.reports(), strict=False
    ):
        above, below = cell.subplots(2, 1, height_ratios=(1.0, 1.5))
        image = above.imshow(
            W[neuron_order(report)], cmap=DIVERGING, vmin=-bound, vmax=bound, aspect="auto"
        )
        above.set_xticks(range(W.shape[1]))
        above.tick_params(labelsize=7, length=0)
        above.set_yticks([])
        above.set_xlabel("features", fontsize=8)
        above.set_ylabel("neurons", fontsize=8)
        figure.colorbar(image, ax=above, fraction=0.05, pad=0.02).ax.tick_params(labelsize=7)
        plot_neurons(W, report, ax=below)
        below.tick_params(labelsize=7)
        cell.suptitle(f"1 − S = {p:g}\n{_in_lines(code_names(report))}", fontsize=9)
    if count < len(grid):
        corner = grid[-1].subplots()
        corner.axis("off")
        neuron_legend(corner, loc="center")
    return figure


def _in_lines(names: str) -> str:
    """The largest code in a line of its own, and the others below; both lines are always there."""
    first, _, rest = names.partition(", ")
    return f"{first}\n{rest}"
