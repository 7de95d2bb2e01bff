"""Vulnerability against sparsity, above features per dimension, as in the paper; and one against
the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from geomsup.experiments.adversarial.adversarial import Result
from geomsup.plotting.canvas import plain_numbers
from geomsup.plotting.style import DROPPED, INK, PALETTE
from geomsup.plotting.vulnerability import vulnerability_frame, vulnerability_points

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]

_ATTACKS = {
    "gradient": ("gradient ascent, each input", ":"),
    "linear": ("worst direction, each input", "--"),
    "universal": ("worst direction, all inputs alike", "-"),
}


def draw(results: Sequence[Result]) -> Figure:
    """Draw all seeds: a colour for each, a style for each attack."""
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    figure, axes = plt.subplot_mosaic(
        [["rise", "both"], ["features", "both"]],
        figsize=(10.4, 6.0),
        width_ratios=(1.15, 1.0),
        height_ratios=(1.5, 1.0),
        layout="constrained",
    )
    rise, features, both = axes["rise"], axes["features"], axes["both"]
    colors = [PALETTE[k % len(PALETTE)] for k in range(len(results))]
    for one, color in zip(results, colors, strict=True):
        for name, (_, style) in _ATTACKS.items():
            width = 1.8 if style == "-" else 1.2
            rise.plot(one.inverse_densities, getattr(one, name), color=color, ls=style, lw=width)
        rise.fill_between(
            one.inverse_densities,
            one.universal - 2.0 * one.universal_error,
            one.universal + 2.0 * one.universal_error,
            color=color,
            alpha=0.2,
            linewidth=0,
        )
        features.plot(one.inverse_densities, one.features_per_dimension, color=color, lw=1.8)
        vulnerability_points(both, one.features_per_dimension, one.universal, one.linear, color)
    most = max(float(one.features_per_dimension.max()) for one in results)
    vulnerability_frame(both, most)
    for ax in (rise, features):
        ax.set(xscale="log", yscale="log")
        plain_numbers(ax.xaxis)
        plain_numbers(ax.yaxis)
    rise.axhline(1.0, color=DROPPED, lw=1.0, zorder=0)
    rise.set_ylabel("vulnerability $(L'-L)\\,/\\,(L'_0-L_0)$")
    rise.tick_params(labelbottom=False)
    features.set_ylabel(r"features / dimension $\|W\|_F^2\,/\,m$")
    features.set_xlabel("1 / (1 − S), from dense to sparse")
    both.set_ylabel("vulnerability")
    styles = [Line2D([], [], color=INK, ls=style, label=text) for text, style in _ATTACKS.values()]
    rise.legend(handles=styles, frameon=False, fontsize=9, loc="upper left")
    dot: dict[str, Any] = {"marker": "o", "ls": ""}
    seeds = [f"seed {k}: " if len(results) > 1 else "" for k in range(len(results))]
    points = [
        Line2D([], [], color=color, label=f"{seed}all inputs alike", **dot)
        for seed, color in zip(seeds, colors, strict=True)
    ]
    points.append(
        Line2D([], [], color=INK, markerfacecolor="none", label="each input its own", **dot)
    )
    both.legend(
        handles=points,
        frameon=False,
        title=f"worst direction, {results[0]}",
        loc="upper left",
        alignment="left",
    )
    for ax in axes.values():
        ax.spines[["top", "right"]].set_visible(False)
    return figure
