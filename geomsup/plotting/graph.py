"""The interference graph, each component by itself and called by its name.

Nothing joins two components, so a force-directed layout of the whole would only push them around;
they are packed like words on a page instead (see ``packing``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.geometry.report import ComponentReport, GeometryReport
from geomsup.plotting.canvas import axes_for, axes_size, checked_report, note
from geomsup.plotting.packing import (
    NODE,
    Packing,
    Piece,
    natural_height,
    pack,
    size_of,
    unit_layout,
    wrapped,
)
from geomsup.plotting.style import (
    INK,
    NEGATIVE,
    POSITIVE,
    SEQUENTIAL,
    component_title,
    name_colors,
    unstructured,
)
from geomsup.validation import one_of, random_generator, whole_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_interference_graph"]

Array = NDArray[np.float64]

# Room for the legend below the components, in points.
_FOOT = 40.0
_WIDEST = 2.6
# In inches.
_LARGEST_FIGURE = 60.0
# A component with more vertices is a blot, and so are more of them together.
_MOST_NODES = 3000
# Nodes larger than this carry the number of their feature.
_NUMBERED = 11.0


def plot_interference_graph(
    report: GeometryReport,
    *,
    ax: Axes | None = None,
    min_degree: int = 0,
    labels: bool = True,
    color_by: Literal["dimensionality", "name"] = "dimensionality",
    seed: int | np.random.Generator | None = 0,
) -> Axes:
    """Draw which features interfere, one labelled drawing for each component.

    Parameters
    ----------
    report : GeometryReport
        What ``classify_geometry(W)`` returned.
    ax : matplotlib.axes.Axes, optional
        Where to draw.  By default a new figure that is large enough for all components.
    min_degree : int, default 0
        Hide features with fewer edges: 1 hides isolated features, 2 the digons too.  A
        component without a visible feature loses its label.
    labels : bool, default True
        Write the name of each component below it.
    color_by : {"dimensionality", "name"}
        What the colour of a node stands for.
    seed : int, Generator or None, default 0
        Seeds the choice of the planes on which solids are projected.

    Returns
    -------
    matplotlib.axes.Axes
        In units of points.  Edge width is proportional to |cosine|; colour and legend tell
        the sign.  Nodes that are large enough carry their feature numbers.  Labels are texts with
        gid "component"; if axes of the caller are too small for them, they are left out, and the
        legend says so.  What has no room at all is left out too, the smallest components first,
        and the legend says how many are drawn.

    Raises
    ------
    GeomsupError
        If an argument cannot be used, or the axes are too small for any drawing.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from geomsup import classify_geometry
    >>> report = classify_geometry([[1, -1, 0], [0, 0, 1]])
    >>> ax = plot_interference_graph(report, ax=Figure().add_subplot(), min_degree=1)
    >>> [text.get_text() for text in ax.texts if text.get_gid() == "component"]
    ['digon']
    """
    known = checked_report(report)
    least = whole_number("min_degree", min_degree, 0)
    one_of("color_by", color_by, ("dimensionality", "name"))
    every = [c for c in known.components if _visible(known, c, least).any()]
    drawn = _with_room(every)
    pieces = _pieces(known, drawn, least, random_generator(seed), labels)
    axes: Axes = axes_for(ax, figsize=_figure_size(pieces))
    if not pieces:
        note(axes, _why_empty(known, every, least))
        return axes

    axes.set_axis_off()
    width, height = axes_size(axes)
    fitting, packing = _packed(pieces, width, height - _FOOT)
    axes.set_xlim(0, width)
    axes.set_ylim(-_FOOT, height - _FOOT)
    axes.set_aspect("equal", adjustable="box")
    place, sizes = _placed(fitting, packing)
    _draw_edges(axes, known, place)
    _draw_nodes(axes, known, place, sizes, color_by)
    _draw_labels(axes, fitting, packing)
    remarks = ["no room for names"] if labels and not fitting[0].label else []
    if len(fitting) < len(every):
        remarks.append(f"{len(fitting):,} of {len(every):,} components drawn")
    loose = len(unstructured(known))
    if loose:
        remarks.append(f"{loose:,} unstructured features not drawn")
    _draw_legend(axes, known, color_by, remarks)
    return axes


def _packed(pieces: list[Piece], width: float, height: float) -> tuple[list[Piece], Packing]:
    """Pack all pieces; else without names, and then fewer and fewer of them."""
    nameless = [replace(piece, label="") for piece in pieces]
    tries = [pieces, nameless]
    while len(tries[-1]) > 1:
        tries.append(nameless[: len(tries[-1]) // 2])
    for fitting in tries:
        packing = pack(fitting, width, height)
        if packing is not None:
            return fitting, packing
    raise GeomsupError(
        f"no component fits into axes of {width:.0f} × {height + _FOOT:.0f} points; leave ax out, "
        "or pass larger ones"
    )


def _visible(
    report: GeometryReport, component: ComponentReport, min_degree: int
) -> NDArray[np.bool_]:
    """Which features of a component have that many edges."""
    features = list(component.features)
    if min_degree == 0:
        return np.ones(len(features), dtype=bool)
    return np.bincount(report.edges.ravel(), minlength=report.n_features)[features] >= min_degree


def _with_room(components: list[ComponentReport]) -> list[ComponentReport]:
    """The largest components, as many as a picture can show."""
    chosen, room = [], _MOST_NODES
    for component in components:
        if len(component.features) <= room:
            chosen.append(component)
            room -= len(component.features)
    return chosen


def _why_empty(report: GeometryReport, every: list[ComponentReport], least: int) -> str:
    if every:
        return f"components of more than {_MOST_NODES:,} features are not drawn"
    if report.components:
        return f"no feature has {least} edges or more"
    loose = len(unstructured(report))
    return f"{loose:,} unstructured features" if loose else "no represented features"


def _pieces(
    report: GeometryReport,
    components: list[ComponentReport],
    min_degree: int,
    rng: np.random.Generator,
    labels: bool,
) -> list[Piece]:
    """Lay out the visible part of each component on its unit scale."""
    pieces = []
    for component in components:
        visible = _visible(report, component, min_degree)
        positions = unit_layout(component, _adjacency(report, component), rng)[visible]
        middle = (positions.max(axis=0) + positions.min(axis=0)) / 2
        pieces.append(
            Piece(
                features=tuple(np.array(component.features)[visible].tolist()),
                positions=positions - middle,
                label=wrapped(component_title(component)) if labels else "",
                scale=size_of(len(component.features)),
            )
        )
    return pieces


def _adjacency(report: GeometryReport, component: ComponentReport) -> Array:
    """Return |cosine| of the edges between the vertices, taken at their first features."""
    number = np.full(report.n_features, -1)
    heads = [vertex[0] for vertex in component.vertices]
    number[heads] = np.arange(len(heads))
    first, second = number[report.edges].T
    inner = (first >= 0) & (second >= 0)
    adjacency = np.zeros((len(heads), len(heads)))
    adjacency[first[inner], second[inner]] = np.abs(report.cosines[inner])
    return np.maximum(adjacency, adjacency.T)


def _figure_size(pieces: list[Piece]) -> tuple[float, float]:
    """Return a figure in inches, about 4:3, in which the pieces have room."""
    width, height = 6.4, 3.2
    while pieces and width < _LARGEST_FIGURE:
        height = (natural_height(pieces, 72 * width) + _FOOT) / 72
        if height <= 0.75 * width:
            break
        width *= 1.1
    return width, float(np.clip(height + 0.3, 0.5 * width, 0.8 * width))


def _placed(pieces: list[Piece], packing: Packing) -> tuple[dict[int, Array], dict[int, float]]:
    """Return the place of each visible feature and the diameter of its node, in points."""
    place, sizes = {}, {}
    for piece, centre in zip(pieces, packing.centres, strict=True):
        scale = packing.scale * piece.scale
        for feature, position in zip(piece.features, piece.positions, strict=True):
            place[feature] = centre + scale * position
            sizes[feature] = min(NODE * scale, 20.0)
    return place, sizes


def _draw_edges(axes: Axes, report: GeometryReport, place: dict[int, Array]) -> None:
    from matplotlib.collections import LineCollection

    owner = np.full(report.n_features, -1)
    for k, component in enumerate(report.components):
        owner[list(component.features)] = k
    drawn = np.zeros(report.n_features, dtype=bool)
    drawn[list(place)] = True
    first, second = report.edges.T
    inner = (owner[first] == owner[second]) & (owner[first] >= 0)
    crowds = np.bincount(owner[first[inner]], minlength=len(report.components))
    visible = np.flatnonzero(inner & drawn[first] & drawn[second])
    visible = visible[np.argsort(np.abs(report.cosines[visible]), kind="stable")]
    edges, cosines = report.edges[visible], report.cosines[visible]
    strengths, crowd = np.abs(cosines), crowds[owner[first[visible]]]
    # A thousand edges at full strength are a blot; in a crowded component the weak ones fade.
    fade = np.clip((crowd - 60) / 300, 0.0, 1.0)
    alphas = 0.9 * strengths ** (1.2 * fade) * np.clip(2000 / np.maximum(crowd, 1), 0.05, 1.0)
    for negative in (False, True):
        kept = (cosines < 0) == negative
        axes.add_collection(
            LineCollection(
                [[place[int(i)], place[int(j)]] for i, j in edges[kept]],
                linewidths=_WIDEST * strengths[kept] * (1 - 0.5 * fade[kept]),
                alpha=alphas[kept] if kept.any() else None,
                colors=NEGATIVE if negative else POSITIVE,
                zorder=1,
                gid="negative" if negative else "positive",
            ),
            autolim=False,
        )


def _draw_nodes(
    axes: Axes,
    report: GeometryReport,
    place: dict[int, Array],
    sizes: dict[int, float],
    color_by: str,
) -> None:
    from matplotlib.colors import to_rgba_array

    features = list(place)
    points = np.array([place[i] for i in features])
    diameters = np.array([sizes[i] for i in features])
    colors: dict[str, Any]
    if color_by == "name":
        tints = name_colors(report)
        owner = {i: c.name for c in report.components for i in c.features}
        colors = {"c": [tints[owner[i]] for i in features]}
    else:
        shades = report.dimensionalities[features]
        colors = {"c": shades, "cmap": SEQUENTIAL, "vmin": 0.0, "vmax": 1.0}
    nodes = axes.scatter(
        points[:, 0],
        points[:, 1],
        s=diameters**2,
        edgecolors="white",
        linewidths=np.minimum(0.6, diameters / 12).tolist(),
        zorder=2,
        gid="nodes",
        **colors,
    )
    nodes.update_scalarmappable()
    light = to_rgba_array(nodes.get_facecolor())[:, :3] @ np.array([0.299, 0.587, 0.114])
    for feature, point, diameter, shade in zip(features, points, diameters, light, strict=True):
        if diameter >= _NUMBERED:
            axes.text(
                float(point[0]),
                float(point[1]),
                str(feature),
                fontsize=diameter * min(0.5, 1.2 / max(2, len(str(feature)))),
                color="black" if shade > 0.55 else "white",
                ha="center",
                va="center_baseline",
                zorder=3,
                gid="feature",
            )


def _draw_labels(axes: Axes, pieces: list[Piece], packing: Packing) -> None:
    for piece, centre in zip(pieces, packing.centres, strict=True):
        if not piece.label:
            continue
        half = (np.ptp(piece.positions[:, 1]) + NODE * 1.15) * packing.scale * piece.scale / 2
        axes.text(
            centre[0],
            centre[1] - half - 1,
            piece.label,
            fontsize=packing.fontsize,
            color=INK,
            ha="center",
            va="top",
            linespacing=1.1,
            gid="component",
        )


def _draw_legend(axes: Axes, report: GeometryReport, color_by: str, remarks: list[str]) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.lines import Line2D

    title = f"|cosine| ≥ {report.interference_threshold:.2f}, width ∝ |cosine|"
    drawn = {str(c.get_gid()) for c in axes.collections if len(c.get_paths())}
    legend = axes.legend(
        handles=[
            Line2D([], [], color=color, linewidth=2, label=sign)
            for sign, color in (("negative", NEGATIVE), ("positive", POSITIVE))
            if sign in drawn
        ],
        title="\n".join([title, "; ".join(remarks)] if remarks else [title]),
        loc="lower left",
        bbox_to_anchor=(0.0, 0.0),
        ncols=2,
        fontsize=7,
        title_fontsize=7,
        frameon=False,
        borderaxespad=0.2,
        alignment="left",
    )
    legend.set_in_layout(False)
    if color_by == "dimensionality":
        _, height = axes_size(axes)
        bar = axes.inset_axes((0.64, 22 / height, 0.33, 6 / height))
        scale = ScalarMappable(norm=Normalize(0, 1), cmap=SEQUENTIAL)
        colorbar = axes.figure.colorbar(scale, cax=bar, orientation="horizontal")
        colorbar.set_ticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "¼", "½", "¾", "1"])
        bar.tick_params(labelsize=7, length=2, pad=1)
        bar.set_title("dimensionality", fontsize=7, pad=2)
