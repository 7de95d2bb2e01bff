"""Learned directions beside the optimum of as many points, and energies above the least known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, counted
from geomsup.plotting.canvas import axes_for, check_made_by, empty_space, figure_for, view_frame
from geomsup.plotting.style import DROPPED, GHOST, INK, PALETTE
from geomsup.plotting.wireframe import wireframe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from geomsup.best_known import BestKnown
    from geomsup.sphere import OptimaComparison

__all__ = ["plot_comparison", "plot_excess_energy", "plot_optimum"]

Array = NDArray[np.float64]

_VIEW = (22.0, 38.0)
# Names are written beside so many points of a plot, the highest ones first.
_MOST_NAMES = 24
_CIRCLES: dict[str, Any] = {"s": 34, "linewidths": 1.4}


def plot_comparison(comparison: OptimaComparison, *, fig: Figure | None = None) -> Figure:
    """Draw directions beside the best known configuration, turned alike.

    Parameters
    ----------
    comparison : OptimaComparison
        What :func:`geomsup.sphere.compare_to_optima` returned, in two or three dimensions.
    fig : matplotlib.figure.Figure, optional

    Returns
    -------
    matplotlib.figure.Figure
        Left the directions, as unit vectors; right the optimum.  Each point on the left has the
        colour of its partner on the right.

    Raises
    ------
    GeomsupError
        If `comparison` is something else, has another number of dimensions, or was read back
        from JSON, which does not hold the points.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from geomsup import get_shape
    >>> from geomsup.plotting import plot_comparison
    >>> from geomsup.sphere import compare_to_optima
    >>> comparison = compare_to_optima(get_shape("cube").vertices)
    >>> [ax.get_title().splitlines()[0] for ax in plot_comparison(comparison, fig=Figure()).axes]
    ['directions given', 'square antiprism (best known)']
    """
    _checked(comparison)
    given, optimum = comparison.aligned, comparison.optimum_points
    if given is None or optimum is None:
        raise GeomsupError(
            "this comparison was read back from JSON, which does not hold the points; compare again"
        )
    figure = _figure(fig, (9.0, 4.8), comparison.dim)
    shades = _shades(optimum)
    best = f"{comparison.optimum} ({comparison.status})\nenergy {comparison.best_energy:.6f}"
    _panel(figure, 121, given, shades, f"directions given\nenergy {comparison.energy:.6f}")
    _panel(figure, 122, optimum, shades, best)
    return figure


def plot_optimum(optimum: BestKnown, *, fig: Figure | None = None) -> Figure:
    """Draw a best known configuration in two or three dimensions.

    Parameters
    ----------
    optimum : BestKnown
        What :func:`geomsup.sphere.thomson_optimum` returned.
    fig : matplotlib.figure.Figure, optional

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GeomsupError
        If `optimum` is something else, or has another number of dimensions.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from geomsup.plotting import plot_optimum
    >>> from geomsup.sphere import thomson_optimum
    >>> plot_optimum(thomson_optimum(12), fig=Figure()).axes[0].get_title().splitlines()
    ['icosahedron (proven)', 'energy 49.165253']
    """
    check_made_by("sphere.thomson_optimum", optimum, "points", "status", "energy")
    figure = _figure(fig, (5.4, 5.0), optimum.dim)
    name = optimum.name or f"{optimum.n_points} points, {optimum.point_group}".rstrip(", ")
    title = f"{name} ({optimum.status})\nenergy {optimum.energy:.6f}"
    _panel(figure, 111, optimum.points, _shades(optimum.points), title)
    return figure


def _figure(fig: Figure | None, figsize: tuple[float, float], dim: int) -> Figure:
    if dim not in (2, 3):
        raise GeomsupError(
            f"expected points in two or three dimensions, got {dim}; a page shows no more"
        )
    figure: Figure = figure_for(fig, figsize)
    return figure


def _shades(optimum: Array) -> Array:
    """A shade for each point, alike for neighbours: by height."""
    shades = np.empty(len(optimum))
    shades[np.argsort(optimum[:, -1], kind="stable")] = np.linspace(0.1, 0.9, len(optimum))
    return shades


def _panel(figure: Figure, place: int, points: Array, shades: Array, title: str) -> None:
    three_d = points.shape[1] == 3
    ax: Any = figure.add_subplot(place, projection="3d" if three_d else None)
    (_draw_solid if three_d else _draw_flat)(ax, points, shades)
    # Under the points: constrained layout gives no room outside axes that are switched off.
    ax.set_title(title, fontsize=10, y=-0.01 if three_d else 0.0)


def plot_excess_energy(
    comparisons: Sequence[OptimaComparison | None], *, ax: Axes | None = None
) -> Axes:
    """Draw how far configurations lie above the least known energy, against their size.

    Parameters
    ----------
    comparisons : sequence of OptimaComparison
        For example ``[component.thomson for component in report.components]``; None is left out.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        The excess in per cent, linear below a hundredth of a per cent and logarithmic above; one
        colour for each dimension, and full circles where the optimum itself was met.

    Raises
    ------
    GeomsupError
        If there is nothing to draw.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from geomsup import get_shape
    >>> from geomsup.plotting import plot_excess_energy
    >>> from geomsup.sphere import compare_to_optima
    >>> shapes = [get_shape(name) for name in ("cube", "octahedron")]
    >>> rows = [compare_to_optima(shape.vertices) for shape in shapes]
    >>> plot_excess_energy(rows, ax=Figure().add_subplot()).get_xlabel()
    'number of points'
    """
    if not isinstance(comparisons, (list, tuple)):
        raise GeomsupError(
            f"expected a list of comparisons, got {type(comparisons).__name__}; pass what "
            "compare_to_optima returned, in a list"
        )
    rows = [row for row in comparisons if row is not None]
    for row in rows:
        _checked(row)
    if not rows:
        raise GeomsupError("there is no comparison to draw; pass what compare_to_optima returned")
    axes: Axes = axes_for(ax, figsize=(7.0, 4.4))
    for k, dim in enumerate(sorted({row.dim for row in rows})):
        _draw_excess(axes, [row for row in rows if row.dim == dim], PALETTE[k % len(PALETTE)])
    if not all(row.same for row in rows):
        text = "open: not the shape of the best known"
        axes.scatter([], [], **_CIRCLES, facecolors="white", edgecolors=INK, label=text)
    axes.axhline(0.0, color=DROPPED, linewidth=0.8, zorder=1)
    axes.set_yscale("symlog", linthresh=0.01)
    axes.set_ylim(-0.004, max(0.02, 2.0 * max(map(_per_cent, rows))))
    for row in sorted(rows, key=_per_cent, reverse=True)[:_MOST_NAMES]:
        if _per_cent(row) > 1e-4:
            axes.annotate(
                f"{100 * row.excess:.2g} %",
                (row.n_points, _per_cent(row)),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
                color=INK,
            )
    axes.set(xlabel="number of points", ylabel="energy above the best known, %")
    axes.locator_params(axis="x", integer=True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    return axes


def _per_cent(comparison: OptimaComparison) -> float:
    return max(100.0 * comparison.excess, 0.0)


def _draw_excess(axes: Axes, rows: list[OptimaComparison], color: str) -> None:
    """Comparisons in one dimension; the first circles drawn stand in the legend."""
    label: str | None = counted(rows[0].dim, "dimension")
    for same in (True, False):
        alike = [row for row in rows if row.same is same]
        if alike:
            axes.scatter(
                [row.n_points for row in alike],
                [_per_cent(row) for row in alike],
                **_CIRCLES,
                facecolors=color if same else "white",
                edgecolors=color,
                label=label,
                zorder=3,
            )
            label = None


def _checked(comparison: object) -> None:
    check_made_by("sphere.compare_to_optima", comparison, "verdict", "excess", "best_energy")


def _draw_flat(ax: Any, points: Array, shades: Array) -> None:
    turn = np.linspace(0.0, 2.0 * np.pi, 200)
    ax.plot(np.cos(turn), np.sin(turn), color=DROPPED, linewidth=0.8, zorder=0)
    for first, last in wireframe(points).edges:
        ax.plot(*points[[first, last]].T, color=GHOST, linewidth=1.0, zorder=1)
    ax.scatter(*points.T, c=shades, cmap="viridis", vmin=0, vmax=1, s=50, zorder=3)
    ax.set(xlim=(-1.1, 1.1), ylim=(-1.4, 1.1))
    ax.set_aspect("equal")
    ax.set_axis_off()


def _draw_solid(ax: Any, points: Array, shades: Array) -> None:
    from mpl_toolkits.mplot3d.art3d import Line3DCollection

    towards = view_frame(*_VIEW)[2]
    edges = wireframe(points).edges
    segments = points[edges] if len(edges) else np.tile(points[0], (1, 2, 1))
    near = np.clip((segments.mean(axis=1) @ towards + 1.0) / 2.0, 0.0, 1.0)
    ax.add_collection3d(
        Line3DCollection(
            segments,
            colors=[(0.3, 0.3, 0.3, 0.15 + 0.75 * value) for value in near],
            linewidths=0.6 + 1.0 * near,
        )
    )
    depth = (points @ towards + 1.0) / 2.0
    size = 120.0 / np.sqrt(max(len(points), 6) / 6.0)
    # Points at the back are fainter: a flat page has no other depth.
    ax.scatter(
        *points.T,
        c=shades,
        cmap="viridis",
        vmin=0,
        vmax=1,
        s=size * (0.5 + 0.5 * depth),
        alpha=0.35 + 0.65 * depth,
        edgecolors="white",
        linewidths=0.4,
        depthshade=False,
    )
    empty_space(ax, 0.75, _VIEW, zoom=0.95)
