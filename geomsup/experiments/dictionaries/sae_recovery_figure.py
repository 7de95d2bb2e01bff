"""The figure of sae-recovery: what autoencoders see of a pentagon, and when they see the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from geomsup.experiments.dictionaries.sae_recovery import KINDS, Result, Setting, Toy
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
    toy = results[0].toys[0]
    l1, topk = toy.grids
    weakest = min(l1.settings, key=lambda setting: (setting.sparsity, setting.n_latents))
    panels = [("least penalty", weakest), ("chosen", l1.chosen), ("chosen", topk.chosen)]
    for k, (why, setting) in enumerate(panels):
        ax = figure.add_subplot(grid[0, 4 * k : 4 * k + 4])
        _pentagon(ax, toy, why, setting)
        if k == 0:
            ax.text(-1.15, -1.15, "grey: true directions", fontsize=8, color=INK)
    _by_penalty(figure.add_subplot(grid[1, :6]), results)
    _by_agreement(figure.add_subplot(grid[1, 6:]), results)
    return figure


def _pentagon(ax: Axes, toy: Toy, why: str, setting: Setting) -> None:
    """Latents of one restart as arrows over the true directions."""
    truth = toy.weights / np.linalg.norm(toy.weights, axis=0)
    for x, y in truth.T:
        ax.plot([0.0, x], [0.0, y], color=DROPPED, linewidth=7.0, solid_capstyle="round", zorder=1)
    color = _OF_KIND[setting.kind]
    for x, y in setting.decoders[0].T:
        arrow: dict[str, Any] = {"arrowstyle": "-|>", "color": color, "linewidth": 1.4}
        ax.annotate("", xy=(x, y), xytext=(0.0, 0.0), arrowprops=arrow, zorder=2)
    ax.set_title(
        f"{KINDS[setting.kind]}, {why}: {setting}\n{setting.share[0]:.0%} of the directions, "
        f"{setting.loss_recovered[0]:.0%} of the loss",
        fontsize=9,
    )
    ax.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), aspect="equal")
    ax.set_axis_off()


def _by_penalty(ax: Axes, results: Sequence[Result]) -> None:
    """Directions found, and loss recovered, against the penalty; largest dictionary."""
    for model, toy in enumerate(results[0].toys):
        by_penalty: dict[float, list[Setting]] = {}
        largest = max(setting.n_latents for setting in toy.grids[0].settings)
        for setting in (one for result in results for one in result.toys[model].grids[0].settings):
            if setting.n_latents == largest:
                by_penalty.setdefault(setting.sparsity, []).append(setting)
        penalties = sorted(by_penalty)
        for (what, color), measure in zip(
            _OF_SHARE.items(), ("share", "loss_recovered"), strict=True
        ):
            ax.plot(
                penalties,
                [np.mean([getattr(one, measure) for one in by_penalty[x]]) for x in penalties],
                color=color,
                linestyle=_LINES[model % len(_LINES)],
                marker="o",
                markersize=4,
                label=f"{what}, {toy}",
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
    for model, toy in enumerate(results[0].toys):
        for place, kind in enumerate(KINDS):
            marker, color = _MARKERS[model % len(_MARKERS)], _OF_KIND[kind]
            for number, result in enumerate(results):
                grid = result.toys[model].grids[place]
                x = [setting.agreement for setting in grid.settings]
                y = [setting.share.mean() for setting in grid.settings]
                label = f"{KINDS[kind]}, {toy}" if number == 0 else None
                ax.scatter(x, y, s=34, marker=marker, color=color, linewidths=0, label=label)
                ax.scatter(
                    x[:1], y[:1], s=60, marker=marker, c=color, edgecolors=INK, linewidths=1.6
                )
    ax.set(xlabel="agreement of restarts", ylabel="directions found", ylim=(-0.03, 1.05))
    ax.set_title("all settings; dark rims: chosen by agreement", fontsize=10, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8, loc="upper left")
