"""One page for one weight matrix: what hangs together, how, and at which levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geomsup.geometry.report import GeometryReport
from geomsup.plotting.canvas import checked_pair, figure_for
from geomsup.plotting.dimensionality import plot_dimensionality
from geomsup.plotting.directions import plot_directions
from geomsup.plotting.graph import plot_interference_graph
from geomsup.plotting.matrices import plot_cosines

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec

__all__ = ["plot_report"]

_SIZE = (12.0, 9.5)


def plot_report(
    W: object, report: GeometryReport, *, fig: Figure | None = None, feature_axis: int = -1
) -> Figure:
    """Draw the overview of a report: graph, cosines, dimensionalities and directions.

    Parameters
    ----------
    W : array_like of shape (n_hidden, n_features), torch.Tensor, or path
        Weights, in every form that :func:`geomsup.classify_geometry` reads.
    report : GeometryReport
        The report on ``W``.
    fig : matplotlib.figure.Figure, optional
        An empty figure, whose layout engine is set; a new one of 12 × 9.5 inches by default.
    feature_axis : int, default -1
        -1 when columns of W are features, 0 when rows are.

    Returns
    -------
    matplotlib.figure.Figure
        The interference graph, the cosine matrix and the dimensionalities; also the
        directions, if ``n_hidden`` is at most 3, or those of the largest named component of rank
        2 or 3, if there is one.

    Raises
    ------
    GeomsupError
        If the two do not belong together, or the figure is too small.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from geomsup import classify_geometry
    >>> W = [[1, -1, 0, 0], [0, 0, 1, -1]]
    >>> figure = plot_report(W, classify_geometry(W), fig=Figure(figsize=(12, 9)))
    >>> [ax.get_title() for ax in figure.axes if ax.get_title().startswith("Inter")]
    ['Interference graph']
    """
    weights, known = checked_pair(W, report, feature_axis)
    figure: Figure = figure_for(fig, _SIZE)
    figure.figure.set_layout_engine("constrained")
    figure.suptitle(_headline(known), fontsize=12)
    grid = figure.add_gridspec(2, 2)
    chosen = _drawn_component(known)
    drawn = chosen is not None or (known.n_hidden <= 3 and bool(known.components))

    def panel(place: SubplotSpec, title: str, *, three_d: bool = False) -> Any:
        # A figure of its own, so that long labels of one panel do not narrow the others.
        axes = figure.add_subfigure(place).add_subplot(projection="3d" if three_d else None)
        axes.set_title(title)
        return axes

    plot_cosines(weights, ax=panel(grid[0, 1], "Cosines"), order=known)
    plot_dimensionality(known, ax=panel(grid[1, 0 if drawn else 1], "Dimensionality"))
    if drawn:
        dim = known.n_hidden if chosen is None else known.components[chosen].rank
        others = chosen is not None and len(known.components) > 1
        which = f", 1 of {len(known.components)} components" if others else ""
        axes = panel(grid[1, 1], f"Directions{which}", three_d=dim == 3)
        plot_directions(weights, known, ax=axes, component=chosen)
    # Last, because it is fitted to the room that the others leave.
    left = grid[0, 0] if drawn else grid[:, 0]
    plot_interference_graph(known, ax=panel(left, "Interference graph"))
    return figure


def _drawn_component(report: GeometryReport) -> int | None:
    """Return the component whose directions are worth a panel, if W itself cannot be drawn."""
    if report.n_hidden <= 3:
        return None
    for number, component in enumerate(report.components):
        if component.match is not None and component.rank in (2, 3):
            return number
    return None


def _headline(report: GeometryReport) -> str:
    text = (
        f"{int(report.represented.sum())} of {report.n_features} features represented in "
        f"{report.n_hidden} dimension{'' if report.n_hidden == 1 else 's'}"
    )
    return f"{text}: {report.summary(most=5)}" if report.components else text
