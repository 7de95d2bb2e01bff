"""Weights and neurons of the best model at each sparsity, as in the paper's figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.experiments.neurons.relu_hidden import Result, code_names
from geomsup.plotting.neurons import neuron_legend, neuron_order, plot_neurons
from geomsup.plotting.style import DIVERGING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]

_IN_A_ROW = 4
# Room for the legend, in inches.
_FOOT = 0.4


def draw(results: Sequence[Result]) -> Figure:
    """The first seed: W as a map, and the neurons as stacks below it."""
    import matplotlib.pyplot as plt

    result = results[0]
    count = len(result.feature_probabilities)
    rows = -(-count // _IN_A_ROW)
    figure = plt.figure(figsize=(12.0, 4.1 * rows + _FOOT), layout="constrained")
    parts = figure.subfigures(2, 1, height_ratios=(4.1 * rows, _FOOT), squeeze=False)
    above, foot = parts[:, 0]
    grid = above.subfigures(rows, min(count, _IN_A_ROW), squeeze=False).ravel()
    bound = float(np.abs(result.weights).max())
    for cell, p, W, report in zip(
        grid, result.feature_probabilities, result.weights, result.reports(), strict=False
    ):
        map_ax, stack_ax = cell.subplots(2, 1, height_ratios=(1.0, 1.5))
        image = map_ax.imshow(
            W[neuron_order(report)], cmap=DIVERGING, vmin=-bound, vmax=bound, aspect="auto"
        )
        map_ax.set_xticks(range(W.shape[1]))
        map_ax.tick_params(labelsize=7, length=0)
        map_ax.set_yticks([])
        map_ax.set_xlabel("features", fontsize=8)
        map_ax.set_ylabel("neurons", fontsize=8)
        figure.colorbar(image, ax=map_ax, fraction=0.05, pad=0.02).ax.tick_params(labelsize=7)
        plot_neurons(W, report, ax=stack_ax)
        stack_ax.tick_params(labelsize=7)
        cell.suptitle(f"1 − S = {p:g}\n{_in_lines(code_names(report))}", fontsize=9)
    last = foot.subplots()
    last.axis("off")
    neuron_legend(last, loc="center", ncols=4)
    return figure


def _in_lines(names: str) -> str:
    """The largest code in a line of its own, and the others below; both lines are always there."""
    first, _, rest = names.partition(", ")
    return f"{first}\n{rest}"
