"""Shapes without a name as their cosines, one orbit of vertices after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from geomsup.errors import GeomsupError, counted
from geomsup.plotting.canvas import axes_for, check_made_by, figure_for
from geomsup.plotting.matrices import plot_cosines
from geomsup.plotting.style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from geomsup.discovery.record import Discovery, FoundShape

__all__ = ["plot_discovery", "plot_found_shape"]

_MOST_PANELS, _IN_A_ROW = 6, 3


def plot_found_shape(shape: FoundShape, *, ax: Axes | None = None) -> Axes:
    """Draw the cosines of a discovered shape; lines part the orbits of its symmetries.

    Parameters
    ----------
    shape : FoundShape
        One of the ``shapes`` of :func:`geomsup.discover`.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    GeomsupError
        If it is something else.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from geomsup import discover
    >>> W = np.random.default_rng(0).normal(size=(4, 9))
    >>> found = discover([W, 2 * W], progress=False)
    >>> plot_found_shape(found.shapes[0], ax=Figure().add_subplot()).get_title()
    '9-in-4 a: 2 runs, symmetry order 1'
    """
    check_made_by("discover", shape, "orbits", "member_runs")
    axes = plot_cosines(shape.vertices, feature_axis=0, ax=axes_for(ax, figsize=(5.2, 4.6)))
    for border in np.flatnonzero(np.diff(shape.orbits)) if shape.symmetry_order > 1 else ():
        for line in (axes.axhline, axes.axvline):
            line(border + 0.5, color=INK, linewidth=0.6)
    order = "not looked for" if shape.slack is None else f"order {shape.symmetry_order:,}"
    axes.set_title(f"{shape.name}: {counted(len(shape.runs), 'run')}, symmetry {order}", fontsize=9)
    return axes


def plot_discovery(found: Discovery, *, fig: Figure | None = None) -> Figure:
    """Draw the first six shapes that :func:`geomsup.discover` found.

    Parameters
    ----------
    found : Discovery
    fig : matplotlib.figure.Figure, optional

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GeomsupError
        If it is something else, or nothing recurred.
    """
    check_made_by("discover", found, "shapes", "sizes")
    shown = found.shapes[:_MOST_PANELS]
    if not shown:
        raise GeomsupError("no shape recurred, so that there is nothing to draw")
    across = min(len(shown), _IN_A_ROW)
    down = -(-len(shown) // across)
    figure: Figure = figure_for(fig, (4.6 * across, 4.0 * down))
    for k, shape in enumerate(shown):
        plot_found_shape(shape, ax=figure.add_subplot(down, across, k + 1))
    return figure
