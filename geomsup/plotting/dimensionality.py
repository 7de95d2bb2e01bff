"""D_i of every represented feature, beside the levels that shapes would give.

A level does not name a shape (1/2 is the digon, the square and the octahedron), so a guide line
says which of the shapes at its height the report found, and is drawn fainter where it found none.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

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

__all__ = ["plot_dimensionality"]

Array = NDArray[np.float64]

# The levels at which trained models were first seen to gather (Elhage et al. 2022, "Toy Models of
# Superposition", section "The Geometry of Superposition"), and the shapes it names there.
_CLASSICAL = {
    Fraction(1): ("monosemantic",),
    Fraction(3, 4): ("tetrahedron",),
    Fraction(2, 3): ("triangle",),
    Fraction(1, 2): ("digon",),
    Fraction(2, 5): ("pentagon",),
    Fraction(3, 8): ("square antiprism",),
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
    loose = unstructured(known)
    if not known.components and not loose:
        note(axes, "no represented features")
        return axes
    colors = name_colors(known)
    groups = [
        (text, colors[run[0].name], np.concatenate([one.dimensionalities for one in run]))
        for text, run in grouped_by_name(known)
    ]
    if loose:
        groups.append((f"{len(loose)} × unstructured", UNSTRUCTURED, known.dimensionalities[loose]))
    tints, centres, borders = [], [], [0]
    for _, color, points in groups:
        tints += [color] * len(points)
        centres.append(borders[-1] + (len(points) - 1) / 2)
        borders.append(borders[-1] + len(points))
    heights = np.concatenate([points for _, _, points in groups])
    n = len(heights)
    levels = _levels(known, heights)

    shown = [*heights, *(level for level, _, _ in levels)]
    low, high = min(shown), max(shown)
    pad = max(0.05 * (high - low), 0.03)
    axes.set_ylim(max(0.0, low - pad), min(high + pad, 1.05))
    axes.set_xlim(-0.5 - 0.01 * n, n - 0.5 + 0.01 * n)
    for level, _, found in levels:
        axes.axhline(
            level,
            color=INK if found else DROPPED,
            linewidth=0.8 if found else 1.0,
            linestyle="-" if found else ":",
            zorder=1,
            gid="level",
        )
    for border in borders[1:-1]:
        axes.axvline(border - 0.5, color=DROPPED, linewidth=0.6, zorder=0)
    size = float(np.clip(2500 / n, 6, 36))
    axes.scatter(
        np.arange(n),
        heights,
        s=size,
        c=tints,
        edgecolors="white",
        linewidths=0.4,
        zorder=3,
        gid="points",
    )
    axes.set_xticks([])
    axes.set_ylabel("dimensionality $D_i$")
    axes.spines[["top", "right"]].set_visible(False)
    margin_labels(
        axes,
        "right",
        [level for level, _, _ in levels],
        [text for _, text, _ in levels],
        [INK if found else "#808080" for _, _, found in levels],
    )
    margin_labels(
        axes, "bottom", centres, [text for text, _, _ in groups], [color for _, color, _ in groups]
    )
    return axes


def _levels(report: GeometryReport, heights: Array) -> list[tuple[float, str, bool]]:
    """Return the levels to draw, highest first: value, text, whether a shape was found there."""
    found: list[tuple[float, str]] = []
    for component in report.components:
        match = component.match
        if match is not None and max(component.multiplicities) == 1:
            gram = match.vertices @ match.vertices.T
            distinct = np.unique(np.round(1 / (gram**2).sum(axis=1), 9))
            found += [(float(level), component.name) for level in distinct]
    named = [(level, name, True) for level, name in dict.fromkeys(found)]
    for fraction, names in _CLASSICAL.items():
        if np.abs(heights - float(fraction)).min() <= _NEAR:
            named += [(float(fraction), name, False) for name in names]

    levels: list[tuple[float, str, bool]] = []
    while named:
        top = max(level for level, _, _ in named)
        here = [entry for entry in named if top - entry[0] < _SAME]
        named = [entry for entry in named if top - entry[0] >= _SAME]
        sure = any(known for _, _, known in here)
        # The classical name is a reminder only where no shape was found.
        texts = list(dict.fromkeys(name for _, name, known in here if known or not sure))
        if len(texts) > _MOST_NAMES:
            texts = [*texts[:_MOST_NAMES], "…"]
        value, number = _value([level for level, _, known in here if known or not sure])
        levels.append((value, f"{number}  {', '.join(texts)}", sure))
    return levels


def _value(levels: list[float]) -> tuple[float, str]:
    """Return where the line for some close levels goes, and as what number it is known."""
    for level in levels:
        fraction = Fraction(level).limit_denominator(60)
        if abs(float(fraction) - level) < _EXACT:
            return level, str(fraction)
    mean = float(np.mean(levels))
    return mean, f"{mean:.3f}"
