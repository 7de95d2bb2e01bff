"""One feature varied: exact losses of the branches, trained models, and how the shape bends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from geomsup.experiments.frame.model_figures import draw_model
from geomsup.experiments.nonuniform.varied_feature import VariedResult
from geomsup.plotting.canvas import drawn_legend
from geomsup.plotting.style import DROPPED, INK, PALETTE, name_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_varied", "scale_factors"]

_N_MODELS = 5
_REPRESENTED = 0.1
_TICKS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)


def draw_varied(figure: Any, grid: Any, result: VariedResult, what: str, shape: str) -> None:
    """Fill two rows of a grid: the best models, then losses, shares and the deformation."""
    n = len(result.factors)
    across = grid.subgridspec(2, 1, height_ratios=(1.0, 1.7))
    top = across[0].subgridspec(1, _N_MODELS)
    limit = 1.35 * float(np.linalg.norm(result.weights, axis=1).max())
    best = result.losses.argmin(1)
    for column, k in enumerate(np.linspace(0, n - 1, _N_MODELS).round().astype(int)):
        draw_model(
            _upright(result.weights[k]),
            figure.add_subplot(top[0, column]),
            f"{what} × {result.factors[k]:.2g}\n{result.names[k][int(best[k])]}",
            limit=limit,
        )
    below = across[1].subgridspec(1, 3)
    _draw_branches(figure.add_subplot(below[0, 0]), result, shape)
    shares = figure.add_subplot(below[0, 1])
    share = [np.mean([name == shape for name in names]) for names in result.names]
    shares.plot(result.factors, share, "o-", color=INK, markersize=4)
    shares.set(ylabel=f"share of trained models that are a {shape}", ylim=(0, 1))
    _draw_deformation(figure.add_subplot(below[0, 2]), result, shape)
    for ax in figure.axes[_N_MODELS : _N_MODELS + 3]:
        ax.set(xlabel=f"{what} of the varied feature, relative to the others")
        scale_factors(ax, result.factors)
        ax.spines[["top", "right"]].set_visible(False)
        for rival in result.rivals:
            if np.isfinite(rival.crossing):
                ax.axvline(rival.crossing, color=INK, linestyle=":", linewidth=0.9, zorder=0)


def scale_factors(ax: Axes, factors: Any) -> None:
    """A logarithmic axis of factors, with plain numbers."""
    ticks = [x for x in _TICKS if factors.min() <= 1.001 * x and x <= 1.001 * factors.max()]
    ax.set_xscale("log")
    ax.set_xticks(ticks, [f"{x:g}" for x in ticks])
    ax.set_xticks([], minor=True)


def _upright(W: Any) -> Any:
    """The same model, turned so that its first represented feature points up."""
    first = int(np.argmax(np.linalg.norm(W, axis=0) > _REPRESENTED))
    x, y = W[:, first] / np.linalg.norm(W[:, first])
    return np.array([[y, -x], [x, y]]) @ W


def _draw_branches(ax: Axes, result: VariedResult, shape: str) -> None:
    """Exact losses of the branches, and of the trained models."""
    kept = np.array([name == shape for name in result.shape.names])
    for k in range(result.losses.shape[1]):
        ax.plot(
            result.factors, result.losses[:, k], ".", color=DROPPED, markersize=3,
            label="trained models" if k == 0 else None,
        )  # fmt: skip
    ax.plot(
        result.factors, np.where(kept, result.shape.losses, np.nan), color=name_color(shape),
        label=f"{shape}, exact",
    )  # fmt: skip
    for rival, end in zip(result.rivals, (0, -1), strict=True):
        name = rival.names[end]
        if name:
            same = np.array(rival.names) == name
            ax.plot(
                result.factors, np.where(same, rival.losses, np.nan), color=name_color(name),
                label=f"{name}, exact",
            )  # fmt: skip
    ax.plot(
        result.factors, result.losses.min(1), linestyle="none", marker="o", color=INK,
        markersize=4, label="best trained model",
    )  # fmt: skip
    ax.set(yscale="log", ylabel="expected loss, summed over features")
    ax.set_ylim(0.8 * result.losses.min(), 2.5 * result.losses.min(1).max())
    drawn_legend(ax, frameon=False, fontsize=7, loc="upper left")


def _draw_deformation(ax: Axes, result: VariedResult, shape: str) -> None:
    """Norms of the followed shape, and how far its angles differ."""
    kept = np.array([name == shape for name in result.shape.names])
    norms = np.where(kept[:, None], np.linalg.norm(result.shape.weights, axis=1), np.nan)
    bent = np.where(kept, result.shape.angle_gaps, np.nan)
    ax.plot(result.factors, norms[:, 0], color=PALETTE[0], label="norm of the varied feature")
    for k in range(1, norms.shape[1]):
        ax.plot(
            result.factors, norms[:, k], color=PALETTE[5], linewidth=0.9,
            label="norms of the others" if k == 1 else None,
        )  # fmt: skip
    ax.set(ylabel="norm of the followed minimum", ylim=(0.0, 1.5))
    angles = ax.twinx()
    angles.plot(
        result.factors, bent, color=PALETTE[1], linestyle="--",
        label="spread of the angles (right)",
    )  # fmt: skip
    angles.set_ylabel("largest less smallest angle between neighbours (°)")
    angles.set_ylim(0.0, 1.6 * max(float(np.nanmax(bent)), 1.0))
    angles.spines["top"].set_visible(False)
    handles = [*ax.get_legend_handles_labels()[0], *angles.get_legend_handles_labels()[0]]
    ax.legend(handles=handles, frameon=False, fontsize=7, loc="upper left")
