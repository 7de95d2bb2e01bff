"""Dimensions per feature against sparsity, and the two levels at which they stick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from geomsup.experiments.uniform.uniform import LEVEL_WIDTH, Result, all_series
from geomsup.plotting.style import DROPPED, INK, PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]

_LEVELS = ((1.0, "$D^* = 1$: a dimension for each feature"), (0.5, "$D^* = 1/2$: antipodal pairs"))


def draw(results: Sequence[Result]) -> Figure:
    """Draw D* of every series over 1/(1 − S); a colour for each size, a line for each seed."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(7.6, 4.6), layout="constrained")
    series = all_series(results)
    sizes = list(dict.fromkeys(str(one) for one in series))
    seen: set[str] = set()
    for one in series:
        size = str(one)
        place = sizes.index(size)
        ax.plot(
            one.inverse_densities,
            one.dimensions,
            color=PALETTE[place % len(PALETTE)],
            marker="os^D"[place % 4],
            markersize=4.5,
            markeredgecolor="white",
            markeredgewidth=0.5,
            linewidth=1.3,
            label=size if size not in seen else None,
        )
        seen.add(size)
    sparsest = max(float(one.inverse_densities[-1]) for one in series)
    for level, text in _LEVELS:
        ax.axhspan(level - LEVEL_WIDTH, level + LEVEL_WIDTH, color=DROPPED, alpha=0.3, linewidth=0)
        ax.axhline(level, color=INK, linewidth=0.6, zorder=0)
        ax.text(sparsest, level + LEVEL_WIDTH + 0.015, text, ha="right", fontsize=9, color=INK)
    ticks = [tick for tick in (1, 2, 3, 5, 10, 20, 30, 50, 100) if tick <= sparsest]
    ax.set(xscale="log", ylim=(0.0, 1.18))
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.set_xlabel("1 / (1 − S), from dense to sparse")
    ax.set_ylabel(r"dimensions per feature $D^* = m\,/\,\|W\|_F^2$")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, title="features→dimensions", loc="lower left", alignment="left")
    return figure
