"""The best model, the commonest stuck ones, and all losses against the exact minima."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.experiments.frame.measures import models_by_name
from geomsup.experiments.frame.model_figures import draw_model
from geomsup.experiments.uniform.notes_pentagon import Result
from geomsup.plotting.style import INK, name_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

_MOST_MODELS = 3
_MOST_MINIMA = 4


def draw(results: Sequence[Result]) -> Figure:
    """Draw the models of all seeds by loss, and one of each common name."""
    import matplotlib.pyplot as plt

    weights = np.concatenate([result.weights for result in results])
    losses = np.concatenate([result.losses for result in results])
    named = models_by_name([name for result in results for name in result.names])
    # Cheapest of each name, cheapest names first.
    kinds = sorted(named, key=lambda name: losses[named[name]].min())
    shown = sorted(list(named)[:_MOST_MODELS], key=kinds.index)

    figure = plt.figure(figsize=(10.5, 6.4), layout="constrained")
    grid = figure.add_gridspec(2, len(shown), height_ratios=(1.0, 1.15))
    best = [min(named[name], key=lambda k: losses[k]) for name in shown]
    limit = 1.35 * float(np.linalg.norm(weights[best], axis=1).max())
    for column, (name, k) in enumerate(zip(shown, best, strict=True)):
        draw_model(
            weights[k],
            figure.add_subplot(grid[0, column]),
            f"{name}\nloss {losses[k]:.4f}",
            limit=limit,
        )
    ax = figure.add_subplot(grid[1, :])
    rank = losses.argsort(kind="stable").argsort()
    for name in kinds:
        ax.bar(
            rank[named[name]],
            losses[named[name]],
            width=0.8,
            color=name_color(name),
            label=f"{len(named[name])} × {name}",
        )
    top = 1.3 * float(losses.max())
    _draw_minima(ax, results[0], top)
    ax.set(
        xlabel="models, by loss",
        ylabel="expected loss, summed over features",
        xlim=(-0.8, len(losses) - 0.2),
        ylim=(0.0, top),
        xticks=[],
    )
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8, loc="upper left", ncols=2)
    return figure


def _draw_minima(ax: Axes, result: Result, top: float) -> None:
    """Lines at the exact minima below a loss."""
    minima = zip(result.minima, result.minima_names, strict=True)
    last = -np.inf
    for loss, name in [one for one in minima if one[0] < top][:_MOST_MINIMA]:
        ax.axhline(loss, color=INK, linestyle=":", linewidth=1.0)
        if loss - last > 0.05 * top:  # labels that would overlap are left out
            ax.annotate(
                f"{name}, exact {loss:.5f}",
                (1.0, loss),
                xycoords=("axes fraction", "data"),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
                color=INK,
                annotation_clip=False,
            )
            last = loss
