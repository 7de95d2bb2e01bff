"""The pentagon, one feature of which matters less or more; and the larger shape below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.experiments.nonuniform.nonuniform_importance import Config, Result
from geomsup.experiments.nonuniform.varied_feature_figure import draw_varied, scale_factors
from geomsup.plotting.canvas import drawn_legend
from geomsup.plotting.style import INK, PALETTE, name_color

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(results: Sequence[Result]) -> Figure:
    """Draw the first seed."""
    import matplotlib.pyplot as plt

    result, config = results[0], Config()
    figure = plt.figure(figsize=(13.0, 10.5), layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=(2.2, 1.0))
    draw_varied(figure, grid[0], result, "importance", config.shape)
    row = grid[1].subgridspec(1, 2)
    losses, bent = figure.add_subplot(row[0, 0]), figure.add_subplot(row[0, 1])
    kept = np.array([name == config.larger_shape for name in result.larger_names])
    for values, here, label in zip(
        result.larger_losses,
        (kept, np.ones_like(kept)),
        (config.larger_shape, f"{config.larger_rival}, 1 dropped"),
        strict=False,
    ):
        losses.plot(
            result.larger_factors, np.where(here, values, np.nan), "o-", color=name_color(label),
            markersize=3, label=f"{label}, exact",
        )  # fmt: skip
    losses.set_ylabel("expected loss, summed over features")
    losses.set_title(
        f"{config.larger_features} features in {config.larger_hidden} dimensions, "
        f"p = {config.larger_probability:g}",
        fontsize=10,
    )
    norms = np.where(kept[:, None], np.linalg.norm(result.larger_weights, axis=1), np.nan)
    for k in range(norms.shape[1]):
        bent.plot(
            result.larger_factors, norms[:, k], color=PALETTE[0 if k == 0 else 5],
            linewidth=1.5 if k == 0 else 0.9,
            label={0: "norm of the varied feature", 1: "norms of the others"}.get(k),
        )  # fmt: skip
    bent.set(ylabel="norm of the followed minimum", ylim=(0.0, None))
    for ax in (losses, bent):
        ax.set(xlabel="importance of the varied feature, relative to the others")
        scale_factors(ax, result.larger_factors)
        ax.axvline(result.larger_crossing, color=INK, linestyle=":", linewidth=0.9, zorder=0)
        ax.spines[["top", "right"]].set_visible(False)
        drawn_legend(ax, frameon=False, fontsize=8)
    return figure
