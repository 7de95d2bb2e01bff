"""The figure of the row on memorisation, in the order of the source's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.learning.memorisation import LOSS_OF_ZERO, Result, dimensionalities
from geomsup.plotting.canvas import plain_numbers
from geomsup.plotting.style import DROPPED, INK, PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_memorisation"]

FloatArray = NDArray[np.float64]


def draw_memorisation(results: Sequence[Result]) -> Figure:
    """Losses and dimensionalities against T, and the vectors of some sizes, as in the source."""
    one = results[0]
    shown = np.unique(np.rint(np.linspace(0, len(one.sizes) - 1, 8)).astype(int))
    figure = plt.figure(figsize=(10.5, 9.0), layout="constrained")
    grid = figure.add_gridspec(4, len(shown), height_ratios=[1.1, 1.6, 0.9, 0.9])
    top: Any = figure.add_subplot(grid[0, :])
    middle: Any = figure.add_subplot(grid[1, :], sharex=top)
    _draw_losses(results, top)
    _draw_dimensionalities(results, middle)
    for place, k in enumerate(shown):
        for row, (vectors, color, what) in enumerate(
            (
                (one.sizes[k].hidden[0], PALETTE[1], "data points"),
                (one.sizes[k].weights[0].T, PALETTE[0], "features"),
            )
        ):
            ax: Any = figure.add_subplot(grid[2 + row, place])
            _draw_vectors(vectors, ax, color)
            if not row:
                ax.set_title(f"T = {one.sizes[k].dataset_size}", fontsize=9)
            if not place:
                ax.set_ylabel(what, fontsize=9)
    return figure


def _draw_losses(results: Sequence[Result], ax: Any) -> None:
    sizes = [one.dataset_size for one in results[0].sizes]
    for name, label, color in (
        ("losses", "on fresh samples", PALETTE[2]),
        ("training_losses", "on the data set", PALETTE[3]),
    ):
        values = [
            [value for result in results for value in getattr(result.sizes[k], name)]
            for k in range(len(sizes))
        ]
        ax.plot(sizes, np.mean(values, axis=1), "-o", ms=4, color=color, label=label)
        spread = [(size, value) for size, row in zip(sizes, values, strict=True) for value in row]
        ax.plot(*zip(*spread, strict=True), ls="", marker=".", ms=4, color=color, alpha=0.5)
    ax.axhline(LOSS_OF_ZERO, color=DROPPED, lw=1, label="an answer of zero")
    ax.set(xscale="log", ylabel="loss")
    ax.legend(fontsize=8, frameon=False, loc="best")
    ax.tick_params(labelbottom=False)


def _draw_dimensionalities(results: Sequence[Result], ax: Any) -> None:
    one = results[0]
    sizes = np.array([each.dataset_size for each in one.sizes])
    points: dict[str, Any] = {"ls": "", "marker": ".", "ms": 3, "alpha": 0.5}
    # Side by side, because there are many of both at every size.
    for k, each in enumerate(one.sizes):
        for shift, values, color, label in (
            (0.96, each.sample_dimensionalities[0], PALETTE[1], "data points"),
            (1.04, dimensionalities(each)[0], PALETTE[0], "features"),
        ):
            at = np.full(len(values), each.dataset_size * shift)
            ax.plot(at, values, color=color, label=None if k else label, **points)
    ax.plot(sizes, np.minimum(2 / sizes, 1.0), color=INK, lw=1, ls="--", label="m/T")
    ax.axhline(0.4, color=INK, lw=0.8, ls=":", label="2/5, in a pentagon alone")
    ax.set(xscale="log", xlabel="data points T", ylabel="dimensionality", ylim=(-0.02, 0.75))
    plain_numbers(ax.xaxis)
    ax.legend(fontsize=8, frameon=False, loc="upper right", markerscale=2)


def _draw_vectors(vectors: FloatArray, ax: Any, color: str) -> None:
    """Vectors from the origin, in units of the longest."""
    reach = max(float(np.linalg.norm(vectors, axis=1).max()), 1e-12)
    for x, y in vectors / reach:
        ax.plot([0, x], [0, y], color=color, lw=0.6, alpha=0.6)
    ax.plot(*(vectors / reach).T, ls="", marker=".", ms=3, color=color)
    ax.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), xticks=[], yticks=[], aspect="equal")
    ax.spines[:].set_visible(False)
