"""Every stored feature of every model: D_i over sparsity, and who holds what share of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from geomsup.experiments.uniform.dimensionality import LEVELS, shares_by_name, stored_reports
from geomsup.experiments.uniform.uniform import Result, Sweep, sweeps_of
from geomsup.plotting.labels import spread
from geomsup.plotting.style import GHOST, INK, name_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

_ORDER = ("monosemantic", *(name for name, _ in LEVELS))
_OTHER, _IRREGULAR = "other shapes", "irregular"
# Share of the space between two sparsities over which the features of a model are strewn.
_STREWN = 0.7


def draw(results: Sequence[Result]) -> Figure:
    """A column for each size (its first seed): the scatter above, the shares of features below."""
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    series: dict[str, Sweep] = {}
    for one in sweeps_of(results):
        series.setdefault(str(one), one)
    colors = {name: name_color(name) for name in (*_ORDER, _OTHER, _IRREGULAR)}
    figure, axes = plt.subplots(
        2,
        len(series),
        figsize=(1.6 + 5.0 * len(series), 7.2),
        height_ratios=[2.4, 1.0],
        sharex="col",
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    used: set[str] = set()
    for column, (size, one) in zip(axes.T, series.items(), strict=True):
        used |= _scatter(column[0], one, colors)
        _shares(column[1], one, colors)
        column[0].set_title(f"{size.replace('→', ' features in ')} dimensions", fontsize=11)
        column[1].set_xlabel("1 / (1 − S)")
    axes[0, 0].set_ylabel("dimensionality $D_i$ of a stored feature")
    axes[1, 0].set_ylabel("share of features")
    _name_levels(axes[0, -1])
    handles: list[Any] = [
        Line2D([], [], color=color, marker="o", ls="", label=name)
        for name, color in colors.items()
        if name in used
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    return figure


def _family(name: str) -> str:
    return name if name in (*_ORDER, _IRREGULAR) else _OTHER


def _scatter(axes: Axes, series: Sweep, colors: dict[str, str]) -> set[str]:
    """Draw the D_i of every model beside each other; return the families that occur."""
    rng = np.random.default_rng(0)
    used = set()
    for level in sorted({level for _, levels in LEVELS for level in levels} | {1.0}):
        axes.axhline(level, color=GHOST, lw=0.6, zorder=0)
    for place, report in enumerate(stored_reports(series)):
        for component in report.components:
            family = _family(component.name)
            used.add(family)
            inside = list(component.features)
            heights = report.dimensionalities[inside]
            axes.scatter(
                place + _STREWN * (rng.random(len(inside)) - 0.5),
                heights,
                s=9,
                color=colors[family],
                alpha=0.75,
                lw=0,
                zorder=2,
            )
    axes.set_ylim(0, 1.05)
    return used


def _shares(axes: Axes, series: Sweep, colors: dict[str, str]) -> None:
    bottoms = np.zeros(len(series.weights))
    tables = []
    for shares in shares_by_name(series):
        families: Counter[str] = Counter()
        for name, share in shares.items():
            families[_family(name)] += share  # type: ignore[assignment]  # a Counter of shares
        tables.append(families)
    for family, color in colors.items():
        heights = np.array([table[family] for table in tables])
        axes.bar(np.arange(len(tables)), heights, 0.9, bottoms, color=color, lw=0)
        bottoms += heights
    labels = [f"{density:.3g}" for density in series.inverse_densities]
    axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=8)
    axes.set_ylim(0, 1)


def _name_levels(axes: Axes) -> None:
    names: dict[float, str] = {1.0: "a dimension each"}
    for name, levels in LEVELS:
        if len(levels) == 1:
            names[levels[0]] = name
    heights = np.array(list(names))
    places = spread(heights, np.full(len(heights), 0.042))
    for (level, name), place in zip(names.items(), places, strict=True):
        axes.annotate(
            f"{level:.3g}  {name}",
            (1.0, level),
            (1.02, place),
            xycoords=("axes fraction", "data"),
            textcoords=("axes fraction", "data"),
            va="center",
            fontsize=8.5,
            color=INK,
            annotation_clip=False,
        )
