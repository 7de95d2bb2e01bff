"""Ten features in two dimensions: models at some probabilities, D* and losses against p."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.experiments.frame.model_figures import draw_model
from geomsup.experiments.phase_diagrams.ten_in_two import FAMILIES, PHASES, Result
from geomsup.plotting.canvas import drawn_legend
from geomsup.plotting.style import INK, name_color

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]

_N_MODELS = 5
_MARKERS = ("s", "o", "^", "x")
# Of the shape that stands for each phase.
_COLORS = (name_color("monosemantic"), name_color("digon"), name_color("pentagon"), INK)


def draw(results: Sequence[Result]) -> Figure:
    """Draw the models of all seeds; pictures are of the first."""
    import matplotlib.pyplot as plt

    first = results[0]
    p = first.feature_probabilities
    figure = plt.figure(figsize=(12.5, 7.0), layout="constrained")
    grid = figure.add_gridspec(2, 2 * _N_MODELS, height_ratios=(1.0, 1.7))
    for column, k in enumerate(np.linspace(0, len(p) - 1, _N_MODELS).round().astype(int)):
        at = int(first.losses[k].argmin())
        draw_model(
            first.weights[k, at],
            figure.add_subplot(grid[0, 2 * column : 2 * column + 2]),
            f"p = {p[k]:.3g}\n{first.names[k][at]}",
        )
    sticky = figure.add_subplot(grid[1, :_N_MODELS])
    price = figure.add_subplot(grid[1, _N_MODELS:], sharex=sticky)
    for phase, marker, color in zip(PHASES, _MARKERS, _COLORS, strict=True):
        points = [
            (p[k], weights.shape[0] / np.sum(weights**2))
            for result in results
            for k, row in enumerate(result.weights)
            for weights, name in zip(row, result.phases[k], strict=True)
            if name == phase
        ]
        if points:
            x, y = np.array(points).T
            sticky.plot(
                1 / x, y, linestyle="none", marker=marker, color=color, alpha=0.6, markersize=5,
                label=phase,
            )  # fmt: skip
    for k, family in enumerate(FAMILIES):
        price.plot(
            1 / p, first.family_losses[:, k] / (first.weights.shape[-1] * p / 3.0),
            color=name_color(family), label=family, linewidth=1.5,
        )  # fmt: skip
    lowest = np.min([result.losses.min(1) for result in results], axis=0)
    price.plot(
        1 / p, lowest / (first.weights.shape[-1] * p / 3.0), linestyle="none", marker="o",
        color=INK, markersize=4, label="best trained model",
    )  # fmt: skip
    for at in first.boundaries[np.isfinite(first.boundaries)]:
        for ax in (sticky, price):
            ax.axvline(1 / at, color=INK, linestyle=":", linewidth=0.8, zorder=0)
    sticky.set(xscale="log", xlabel="1 / (1 − S)", ylabel="$D^* = m / \\|W\\|_F^2$", ylim=(0, None))
    price.set(xlabel="1 / (1 − S)", ylabel="loss / loss of the zero output")
    for ax in (sticky, price):
        ax.spines[["top", "right"]].set_visible(False)
        drawn_legend(ax, framealpha=1.0, edgecolor="none", fontsize=8)
    return figure
