"""The figure of sae-recovery: what autoencoders see of a pentagon, and when they see the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.dictionaries.sae_recovery import KINDS, Result, Setting, settings_of
from geomsup.plotting.style import DROPPED, INK, PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

_LINES = ("-", "--", ":")
_MARKERS = ("o", "^", "s")
# Of the two kinds of autoencoders in all panels; the shares have colours of their own.
_OF_KIND = dict(zip(KINDS, PALETTE, strict=False))
_OF_SHARE = {"directions": PALETTE[2], "loss": PALETTE[3]}


def draw(results: Sequence[Result]) -> Figure:
    """Draw dictionaries of the first seed, and shares over all settings and seeds."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(11.0, 6.8), layout="constrained")
    grid = figure.add_gridspec(2, 12, height_ratios=(1.0, 1.25))
    first = results[0]
    l1, topk = (settings_of(first, 0, kind) for kind in KINDS)
    weakest = min(l1, key=lambda setting: (setting.sparsity, setting.n_latents))
    panels = [("least penalty", weakest), ("chosen", l1[0]), ("chosen", topk[0])]
    for k, (why, setting) in enumerate(panels):
        ax = figure.add_subplot(grid[0, 4 * k : 4 * k + 4])
        _pentagon(ax, first, why, setting)
        if k == 0:
            ax.text(-1.15, -1.15, "grey: true directions", fontsize=8, color=INK)
    _by_penalty(figure.add_subplot(grid[1, :6]), results)
    _by_agreement(figure.add_subplot(grid[1, 6:]), results)
    return figure


def _pentagon(ax: Axes, result: Result, why: str, setting: Setting) -> None:
    """Latents of one restart as arrows over the true directions."""
    row = setting.rows[0]
    truth = result.weights / np.linalg.norm(result.weights, axis=0)
    for x, y in truth.T:
        ax.plot([0.0, x], [0.0, y], color=DROPPED, linewidth=7.0, solid_capstyle="round", zorder=1)
    color = _OF_KIND[setting.kind]
    decoder: NDArray[np.float64] = result.decoders[row]
    for x, y in decoder[:, ~np.isnan(decoder[0])].T:
        arrow: dict[str, Any] = {"arrowstyle": "-|>", "color": color, "linewidth": 1.4}
        ax.annotate("", xy=(x, y), xytext=(0.0, 0.0), arrowprops=arrow, zorder=2)
    ax.set_title(
        f"{KINDS[setting.kind]}, {why}: {setting}\n{result.share[row]:.0%} of the directions, "
        f"{result.loss_recovered[row]:.0%} of the loss",
        fontsize=9,
    )
    ax.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), aspect="equal")
    ax.set_axis_off()


def _by_penalty(ax: Axes, results: Sequence[Result]) -> None:
    """Directions found, and loss recovered, against the penalty; largest dictionary."""
    for model, size in enumerate(results[0].sizes):
        largest = max(setting.n_latents for setting in settings_of(results[0], model, "relu"))
        penalties, shares, losses = [], [], []
        for setting in settings_of(results[0], model, "relu"):
            if setting.n_latents == largest:
                penalties.append(setting.sparsity)
                shares.append(np.mean([result.share[setting.rows] for result in results]))
                losses.append(np.mean([result.loss_recovered[setting.rows] for result in results]))
        order = np.argsort(penalties)
        for (what, color), values in zip(_OF_SHARE.items(), (shares, losses), strict=True):
            ax.plot(
                np.array(penalties)[order],
                np.array(values)[order],
                color=color,
                linestyle=_LINES[model % len(_LINES)],
                marker="o",
                markersize=4,
                label=f"{what}, {size}",
            )
    ax.set(
        xscale="log", xlabel="L1 penalty", ylabel="share found, share recovered", ylim=(-0.03, 1.3)
    )
    ax.set_yticks(np.linspace(0.0, 1.0, 6))
    ax.set_title("ReLU with L1, largest dictionaries", fontsize=10, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8, loc="upper left", ncols=2)


def _by_agreement(ax: Axes, results: Sequence[Result]) -> None:
    """One point for each setting; those that agreement chooses have a rim."""
    for model, size in enumerate(results[0].sizes):
        for kind, name in KINDS.items():
            for number, result in enumerate(results):
                settings = settings_of(result, model, kind)
                x = [setting.agreement for setting in settings]
                y = [result.share[setting.rows].mean() for setting in settings]
                label = f"{name}, {size}" if number == 0 else None
                marker, color = _MARKERS[model % len(_MARKERS)], _OF_KIND[kind]
                ax.scatter(x, y, s=34, marker=marker, color=color, linewidths=0, label=label)
                ax.scatter(
                    x[:1], y[:1], s=60, marker=marker, c=color, edgecolors=INK, linewidths=1.6
                )
    ax.set(xlabel="agreement of restarts", ylabel="directions found", ylim=(-0.03, 1.05))
    ax.set_title("all settings; dark rims: chosen by agreement", fontsize=10, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8, loc="upper left")
