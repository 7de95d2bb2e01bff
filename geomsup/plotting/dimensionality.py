"""D_i of every represented feature, beside the levels that shapes would give.

A level does not name a shape (1/2 is the digon, the square and the octahedron), so a guide line
says which of the shapes at its height the report found, and is drawn fainter where it found none.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geomsup.geometry.report import GeometryReport
from geomsup.plotting.canvas import axes_for, checked_report, note
from geomsup.plotting.labels import margin_labels
from geomsup.plotting.style import (
    DROPPED,
    INK,
    UNSTRUCTURED,
    grouped_by_name,
    name_colors,
    unstructured,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CLASSICAL", "plot_dimensionality"]

Array = NDArray[np.float64]

# The levels at which trained models were first seen to gather (Elhage et al. 2022, "Toy Models of
# Superposition", section "The Geometry of Superposition"), and the shapes it names there.
CLASSICAL = {
    Fraction(1): "monosemantic",
    Fraction(3, 4): "tetrahedron",
    Fraction(2, 3): "triangle",
    Fraction(1, 2): "digon",
    Fraction(2, 5): "pentagon",
    Fraction(3, 8): "square antiprism",
}
# A level is worth a line when a feature comes this close.
_NEAR = 0.02
# Levels that differ by less are one line.
_SAME = 4e-3
# A level is a fraction when it is one to rounding; fitted families are none.
_EXACT = 1e-6
_MOST_NAMES = 3


def plot_dimensionality(report: GeometryReport, *, ax: Axes | None = None) -> Axes:
    """Draw the dimensionality D_i of every represented feature, component by component.

    Parameters
    ----------
    report : GeometryReport
        What ``classify_geometry(W)`` returned.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
        A point for each feature, coloured by the name of its component, which stands below.  Guide
        lines: solid at the levels of the shapes that were found, dotted at other named levels
        (1, 3/4, 2/3, 1/2, 2/5, 3/8) that a feature comes within .02 of.

    Raises
    ------
    GeomsupError
        If ``report`` is no report, or the axes are three-dimensional.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from geomsup import classify_geometry
    >>> report = classify_geometry([[1, -1, 0], [0, 0, 1]])
    >>> ax = plot_dimensionality(report, ax=Figure().add_subplot())
    >>> [text.get_text() for text in ax.texts]
    ['1  monosemantic', '1/2  digon', 'digon', 'monosemantic']
    """
    known = checked_report(report)
    axes: Axes = axes_for(ax, figsize=(7.0, 4.8))
    groups = _groups(known)
    if not groups:
        note(axes, "no represented features")
        return axes
    heights = np.concatenate([group.points for group in groups])
    levels = _levels(known, heights)
    _set_limits(axes, heights, [level.value for level in levels])
    _draw_levels(axes, levels)
    _draw_points(axes, groups, heights)
    axes.set_xticks([])
    axes.set_ylabel("dimensionality $D_i$")
    axes.spines[["top", "right"]].set_visible(False)
    ends = np.cumsum([len(group.points) for group in groups])
    margin_labels(
        axes,
        "bottom",
        [end - (len(group.points) + 1) / 2 for end, group in zip(ends, groups, strict=True)],
        [group.text for group in groups],
        [group.color for group in groups],
    )
    return axes


@dataclass(frozen=True, kw_only=True, eq=False)
class _Group:
    """Features side by side: what stands below them, and their dimensionalities."""

    text: str
    color: str
    points: Array


@dataclass(frozen=True, kw_only=True)
class _Level:
    """A height with a name; ``found`` says that a shape of the report has it."""

    value: float
    text: str
    found: bool


def _groups(report: GeometryReport) -> list[_Group]:
    colors = name_colors(report)
    groups = [
        _Group(
            text=text,
            color=colors[run[0].name],
            points=np.concatenate([component.dimensionalities for component in run]),
        )
        for text, run in grouped_by_name(report)
    ]
    loose = unstructured(report)
    if loose:
        text = f"{len(loose)} × unstructured"
        points = report.dimensionalities[loose]
        groups.append(_Group(text=text, color=UNSTRUCTURED, points=points))
    return groups


def _set_limits(axes: Axes, heights: Array, levels: list[float]) -> None:
    n, shown = len(heights), [*heights, *levels]
    low, high = min(shown), max(shown)
    pad = max(0.05 * (high - low), 0.03)
    axes.set_ylim(max(0.0, low - pad), min(high + pad, 1.05))
    axes.set_xlim(-0.5 - 0.01 * n, n - 0.5 + 0.01 * n)


def _draw_levels(axes: Axes, levels: list[_Level]) -> None:
    for level in levels:
        style: dict[str, Any] = {"linewidth": 1.0, "linestyle": ":", "color": DROPPED}
        if level.found:
            style = {"linewidth": 0.8, "linestyle": "-", "color": INK}
        axes.axhline(level.value, zorder=1, gid="level", **style)
    colors = [INK if level.found else "#808080" for level in levels]
    values, texts = [level.value for level in levels], [level.text for level in levels]
    margin_labels(axes, "right", values, texts, colors)


def _draw_points(axes: Axes, groups: list[_Group], heights: Array) -> None:
    for border in np.cumsum([len(group.points) for group in groups[:-1]]):
        axes.axvline(border - 0.5, color=DROPPED, linewidth=0.6, zorder=0)
    axes.scatter(
        np.arange(len(heights)),
        heights,
        s=float(np.clip(2500 / len(heights), 6, 36)),
        c=[group.color for group in groups for _ in group.points],
        edgecolors="white",
        linewidths=0.4,
        zorder=3,
        gid="points",
    )


def _levels(report: GeometryReport, heights: Array) -> list[_Level]:
    """Return the levels to draw, highest first: those of close values are one."""
    named = _named_levels(report, heights)
    levels: list[_Level] = []
    while named:
        top = max(level.value for level in named)
        here = [level for level in named if top - level.value < _SAME]
        named = [level for level in named if top - level.value >= _SAME]
        # The classical name is a reminder only where no shape was found.
        here = [level for level in here if level.found] or here
        texts = list(dict.fromkeys(level.text for level in here))
        if len(texts) > _MOST_NAMES:
            texts = [*texts[:_MOST_NAMES], "…"]
        value, number = _value([level.value for level in here])
        text = f"{number}  {', '.join(texts)}"
        levels.append(_Level(value=value, text=text, found=here[0].found))
    return levels


def _named_levels(report: GeometryReport, heights: Array) -> list[_Level]:
    """Return the levels of the shapes found, and the classical ones that features come near."""
    found: dict[tuple[float, str], None] = {}
    for component in report.components:
        match = component.match
        if match is not None and max(component.multiplicities) == 1:
            gram = match.vertices @ match.vertices.T
            distinct = np.unique(np.round(1 / (gram**2).sum(axis=1), 9))
            found |= {(float(level), component.name): None for level in distinct}
    near = [
        (float(fraction), name)
        for fraction, name in CLASSICAL.items()
        if np.abs(heights - float(fraction)).min() <= _NEAR
    ]
    return [
        _Level(value=value, text=text, found=is_found)
        for levels, is_found in ((found, True), (near, False))
        for value, text in levels
    ]


def _value(levels: list[float]) -> tuple[float, str]:
    """Return where the line for some close levels goes, and as what number it is known."""
    for level in levels:
        fraction = Fraction(level).limit_denominator(60)
        if abs(float(fraction) - level) < _EXACT:
            return level, str(fraction)
    mean = float(np.mean(levels))
    return mean, f"{mean:.3f}"
