"""Correlated pairs as they become frequent: arrows above, collapses and losses below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from geomsup.experiments.sets.pca_collapse import STATED, Result, collapsed
from geomsup.experiments.sets.set_figures import draw_sets
from geomsup.plotting.canvas import plain_numbers
from geomsup.plotting.style import DROPPED, PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]

_PANELS = 6


def draw(results: Sequence[Result]) -> Figure:
    """Models of the first seed, the number of collapsed pairs, and the losses beside PCA's."""
    import matplotlib.pyplot as plt

    one = results[0]
    q = one.set_probabilities
    figure = plt.figure(figsize=(10.5, 6.2), layout="constrained")
    grid = figure.add_gridspec(2, 2 * _PANELS, height_ratios=[1.0, 1.5])
    shown = np.unique(np.rint(np.linspace(0, len(q) - 1, _PANELS)).astype(int))
    for place, k in enumerate(shown):
        ax = figure.add_subplot(grid[0, 2 * place : 2 * place + 2])
        number = int(collapsed(one.weights[k]))
        pairs = {0: "none collapsed", 1: "one collapsed", 2: "two collapsed", 3: "all collapsed"}
        draw_sets(one.weights[k], ax, 2, f"1−S = {q[k]:g}\n{pairs[number]}")
    left: Any = figure.add_subplot(grid[1, :_PANELS])
    exact: dict[str, Any] = {"color": PALETTE[0], "label": "exact optimum"}
    points: dict[str, Any] = {"ls": "", "marker": "o", "ms": 4, "color": PALETTE[1]}
    right: Any = figure.add_subplot(grid[1, _PANELS:], sharex=left)
    for low, high, number in STATED:
        band = (number - 0.35, number + 0.35)
        left.fill_between([max(low, q[0]), high], *band, color=DROPPED, alpha=0.5, lw=0)
    left.plot(q, collapsed(one.optimal_weights), drawstyle="steps-mid", **exact)
    for k, result in enumerate(results):
        left.plot(
            q,
            collapsed(result.weights) + 0.06 * (k - (len(results) - 1) / 2),
            **points,
            label="trained, a point for each seed" if k == 0 else None,
        )
    left.set(xscale="log", xlabel="1 − S", ylabel="collapsed pairs", yticks=[0, 1, 2, 3])
    plain_numbers(left.xaxis)
    left.plot([], [], color=DROPPED, lw=8, alpha=0.5, label="as the paper says")
    left.legend(fontsize=8, frameon=False, loc="upper left")
    right.plot(q, one.optimal_losses / one.pca_losses, **exact)
    for k, result in enumerate(results):
        right.plot(
            q,
            result.losses / result.pca_losses,
            **points,
            label="trained" if k == 0 else None,
        )
    right.axhline(1.0, color=PALETTE[2], lw=1.2, label="PCA")
    right.set(xlabel="1 − S", ylabel="loss, in units of PCA's", ylim=(0, 1.08))
    right.legend(fontsize=8, frameon=False, loc="lower right")
    return figure
