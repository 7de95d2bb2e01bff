"""Feature directions as arrows, with the ideal figure behind them.

What a reader wants to see is how far the arrows are from the figure, so lengths are true and the
ghost has the mean length of its component.  In three dimensions the picture is turned to where the
tips are farthest apart, and what lies behind is drawn fainter: a flat page has no other depth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.geometry.report import GeometryReport
from geomsup.plotting.canvas import (
    axes_for,
    checked_matrix,
    checked_pair,
    empty_space,
    note,
    view_frame,
)
from geomsup.plotting.scene import Ghost, Scene, bare_scene, report_scene
from geomsup.plotting.style import (
    DROPPED,
    GHOST,
    INK,
    shortened_numbers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_directions"]

Array = NDArray[np.float64]

# Tips closer than this share of the longest arrow carry one label together.
_TOGETHER = 0.05
# More labels than this are a grey cloud.
_MOST_LABELS = 40
_MOST_IN_LEGEND = 6
# More arrows of one component are drawn at once, without depth: each takes milliseconds.
_MOST_SINGLE = 200
# A figure with more corners looks alike from all sides.
_MOST_CORNERS = 64


def plot_directions(
    W: object,
    report: GeometryReport | None = None,
    *,
    ax: Axes | None = None,
    component: int | None = None,
    ideal: bool = True,
    feature_axis: int = -1,
) -> Axes:
    """Draw feature vectors as arrows from the origin, in two or three dimensions.

    Parameters
    ----------
    W : array_like of shape (n_hidden, n_features), torch.Tensor, or path
        Weights, in every form that :func:`geomsup.classify_geometry` reads.
    report : GeometryReport, optional
        The report on ``W``; gives each component its colour and the ideal figure behind it.
        Without it every non-zero column is an arrow.
    ax : matplotlib.axes.Axes, optional
        Where to draw, with ``projection="3d"`` for three dimensions; a new figure by default.
        The view of three-dimensional axes is set.
    component : int, optional
        Draw only ``report.components[component]``, which must have rank 3 or less, in
        coordinates of its own span: those of the matched figure, or the principal ones.
        Required when ``n_hidden`` is above 3.
    ideal : bool, default True
        Draw the matched figure, scaled to the mean norm of the component.
    feature_axis : int, default -1
        -1 when columns of W are features, 0 when rows are.

    Returns
    -------
    matplotlib.axes.Axes
        Equal scales on all axes.  Tips carry feature numbers; dropped features are grey dots.

    Raises
    ------
    GeomsupError
        If the arguments do not fit together, or there are more than three dimensions to draw.

    Notes
    -----
    In its own span a component is projected; what sticks out of the span is noise, and the arrows
    are that much shorter.  Depth is drawn for the view that is set and does not follow the mouse.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from geomsup import classify_geometry
    >>> W = [[1, -0.5, -0.5], [0, 0.866, -0.866]]
    >>> ax = plot_directions(W, classify_geometry(W), ax=Figure().add_subplot())
    >>> [text.get_text() for text in ax.texts]
    ['0', '1', '2']
    """
    if report is None:
        if component is not None:
            raise GeomsupError("component= counts the components of a report; pass the report too")
        scene = bare_scene(checked_matrix(W, feature_axis))
    else:
        weights, known = checked_pair(W, report, feature_axis)
        scene = report_scene(weights, known, component, ideal)
    three_d = scene.dim == 3
    axes: Axes = axes_for(ax, figsize=(6.0, 5.6), three_d=three_d)
    if not scene.families:
        note(axes, "no represented features")
        return axes
    if three_d:
        _draw_solid(axes, scene)
    else:
        _draw_flat(axes, scene)
    _draw_legend(axes, scene)
    return axes


def _tip_labels(scene: Scene) -> list[tuple[Array, str, str]]:
    """Return place, text and colour of each label; coinciding tips share one."""
    tips = np.concatenate([family.tips for family in scene.families])
    numbers = [i for family in scene.families for i in family.features]
    colors = [family.color for family in scene.families for _ in family.features]
    reach = _TOGETHER * float(np.linalg.norm(tips, axis=1).max())
    labels: list[tuple[Array, list[int], str]] = []
    for tip, number, color in zip(tips, numbers, colors, strict=True):
        for place, shared, _ in labels:
            if np.linalg.norm(place - tip) < reach:
                shared.append(number)
                break
        else:
            labels.append((tip, [number], color))
    if len(labels) > _MOST_LABELS:
        return []
    return [(tip, shortened_numbers(tuple(shared), 4), color) for tip, shared, color in labels]


def _farthest(scene: Scene) -> float:
    return max(float(np.linalg.norm(family.tips, axis=1).max()) for family in scene.families)


def _draw_flat(axes: Any, scene: Scene) -> None:
    from matplotlib.collections import LineCollection

    reach = 1.25 * _farthest(scene)
    axes.axhline(0, color=DROPPED, linewidth=0.6, zorder=0)
    axes.axvline(0, color=DROPPED, linewidth=0.6, zorder=0)
    for ghost in scene.ghosts:
        edges = list(ghost.points[ghost.frame.edges])
        style: dict[str, Any] = {"linewidths": 1.2, "linestyles": "--", "zorder": 1, "gid": "ideal"}
        axes.add_collection(LineCollection(edges, colors=GHOST, **style), autolim=False)
    few = sum(len(family.tips) for family in scene.families) <= 24
    for family in scene.families:
        axes.quiver(
            *np.zeros((2, len(family.tips))),
            *family.tips.T,
            angles="xy",
            scale_units="xy",
            scale=1,
            width=0.007 if few else 0.004,
            color=family.color,
            zorder=3,
            gid="arrows",
        )
    style = {"edgecolors": "white", "linewidths": 0.5, "zorder": 4, "gid": "dropped"}
    axes.scatter(*scene.dropped_tips.T, s=18, color=DROPPED, **style)
    for tip, text, color in _tip_labels(scene):
        outward = tip / np.linalg.norm(tip)
        axes.annotate(
            text,
            xy=tip,
            xytext=tuple(9.0 * outward),
            textcoords="offset points",
            ha="center" if abs(outward[0]) < 0.5 else ("left" if outward[0] > 0 else "right"),
            va="center" if abs(outward[1]) < 0.5 else ("bottom" if outward[1] > 0 else "top"),
            color=color,
            fontsize=9,
        )
    _set_plane(axes, scene, reach)


def _set_plane(axes: Any, scene: Scene, reach: float) -> None:
    """Limits and names of the axes; a line has but one of them."""
    is_line = scene.dim == 1
    axes.set_xlim(-reach, reach)
    axes.set_aspect("equal")
    height = 0.3 * reach if is_line else reach
    axes.set_ylim(-height, height)
    if is_line:
        axes.set_yticks([])
    name = "span" if scene.in_span else "hidden"
    axes.set_xlabel(f"{name} 0")
    axes.set_ylabel("" if is_line else f"{name} 1")
    axes.tick_params(labelsize=8)
    axes.locator_params(nbins=5)


def _draw_solid(axes: Any, scene: Scene) -> None:
    reach = _farthest(scene)
    tips = np.concatenate([family.tips for family in scene.families])
    view = _best_view(tips, scene.ghosts)
    towards = view_frame(*view)[2]

    def nearness(points: Array) -> Array:
        """0 at the back, 1 at the front."""
        return np.asarray(np.clip((points @ towards / reach + 1) / 2, 0, 1))

    axes.set_proj_type("persp", focal_length=1.5)
    for k, axis in enumerate(1.15 * reach * np.eye(3)):
        axes.plot(*np.column_stack([-axis, axis]), color=DROPPED, linewidth=0.5, zorder=0)
        if not scene.in_span:
            place = 1.12 * axis
            axes.text(*place, f"hidden {k}", color=GHOST, fontsize=7, ha="center", va="center")
    for ghost in scene.ghosts:
        _draw_ghost(axes, ghost, nearness(ghost.points[ghost.frame.edges].mean(axis=1)))
    for family in scene.families:
        if len(family.features) > _MOST_SINGLE:
            axes.quiver(
                *np.zeros((3, 1)), *family.tips.T, color=family.color, alpha=0.4, linewidth=0.8,
                arrow_length_ratio=0.05, gid="arrows",
            )  # fmt: skip
            continue
        for feature, tip, near in zip(
            family.features, family.tips, nearness(family.tips), strict=True
        ):
            _arrow(axes, tip, family.color, 0.45 + 0.55 * float(near), f"arrow {feature}")
    if len(scene.dropped_tips):
        axes.scatter(*scene.dropped_tips.T, s=14, color=DROPPED, gid="dropped")
    for tip, text, color in _tip_labels(scene):
        place = tip + 0.11 * reach * tip / np.linalg.norm(tip)
        axes.text(*place, text, color=color, fontsize=9, ha="center", va="center", zorder=10)
    empty_space(axes, 0.8 * reach, view)


def _draw_ghost(axes: Any, ghost: Ghost, near: Array) -> None:
    """The edges of an ideal figure, fainter and dashed at the back, and its faces."""
    from mpl_toolkits.mplot3d.art3d import Line3DCollection, Poly3DCollection

    axes.add_collection3d(
        Line3DCollection(
            ghost.points[ghost.frame.edges],
            colors=[(0.45, 0.45, 0.45, 0.25 + 0.6 * value) for value in near],
            linewidths=0.7 + 0.9 * near,
            linestyles=["--" if value < 0.5 else "-" for value in near],
            gid="ideal",
        )
    )
    if len(ghost.frame.triangles):
        faces = ghost.points[ghost.frame.triangles]
        style = {"facecolors": (0.5, 0.5, 0.5, 0.05), "edgecolors": "none"}
        axes.add_collection3d(Poly3DCollection(faces, **style))


def _arrow(axes: Any, tip: Array, color: str, strength: float, gid: str) -> None:
    """Draw one arrow; the head keeps its shape whatever the length."""
    axes.quiver(
        *np.zeros(3), *tip, color=color, alpha=strength, linewidth=0.8 + 1.6 * strength,
        arrow_length_ratio=0.09, gid=gid,
    )  # fmt: skip


def _best_view(tips: Array, ghosts: list[Ghost]) -> tuple[float, float]:
    """Return elevation and azimuth from which tips and corners are well away from other lines."""
    views = [(float(el), float(az)) for el in range(10, 41, 5) for az in range(0, 360, 5)]
    frames = np.array([view_frame(*view)[:2] for view in views])
    arrows = tips[:_MOST_LABELS]
    # A tip must keep away from the origin, or its own arrow is hidden, and from other arrows; but
    # parallel arrows lie on each other in every view.
    lengths = np.linalg.norm(arrows, axis=1)
    parallel = arrows @ arrows.T > 0.99 * np.outer(lengths, lengths)
    apart = _clearance(frames, arrows, np.zeros_like(arrows), arrows, parallel)
    flat = np.linalg.norm(arrows @ frames.transpose(0, 2, 1), axis=2)
    apart = np.minimum(apart, flat.min(axis=1))
    for ghost in ghosts:
        if len(ghost.points) > _MOST_CORNERS:
            continue
        edges = ghost.frame.edges
        own = (edges[None] == np.arange(len(ghost.points))[:, None, None]).any(axis=2)
        starts, ends = ghost.points[edges[:, 0]], ghost.points[edges[:, 1]]
        apart = np.minimum(apart, _clearance(frames, ghost.points, starts, ends, own))
    return views[int(np.argmax(apart))]


def _clearance(
    frames: Array, points: Array, starts: Array, ends: Array, exempt: NDArray[np.bool_]
) -> Array:
    """Return, for each view, the least distance on the page from a point to a line."""
    if exempt.all():
        return np.full(len(frames), np.inf)
    p, a, b = (np.einsum("vck,nk->vnc", frames, cloud) for cloud in (points, starts, ends))
    along = b - a
    squares = np.maximum((along**2).sum(axis=2), 1e-12)
    offset = p[:, :, None] - a[:, None]
    t = np.clip((offset * along[:, None]).sum(axis=3) / squares[:, None], 0, 1)
    gaps = np.linalg.norm(offset - t[..., None] * along[:, None], axis=3)
    return np.asarray(np.where(exempt, np.inf, gaps).min(axis=(1, 2)))


def _draw_legend(axes: Any, scene: Scene) -> None:
    from matplotlib.lines import Line2D

    named = [family for family in scene.families if family.text]
    handles = [
        Line2D([], [], color=family.color, linewidth=2, label=family.text)
        for family in named[:_MOST_IN_LEGEND]
    ]
    remarks = []
    if len(named) > _MOST_IN_LEGEND:
        remarks.append(f"and {len(named) - _MOST_IN_LEGEND} more components")
    if scene.n_others:
        remarks.append(f"{scene.n_others} other component{'s' * (scene.n_others > 1)} not drawn")
    handles += [Line2D([], [], linestyle="none", label=text) for text in remarks]
    if scene.ghosts:
        handles.append(Line2D([], [], color=GHOST, linestyle="--", label="ideal"))
    if scene.dropped:
        text = f"dropped: {shortened_numbers(scene.dropped)}"
        dot: dict[str, Any] = {"marker": "o", "markersize": 4, "linestyle": "none"}
        handles.append(Line2D([], [], color=DROPPED, label=text, **dot))
    if handles:
        axes.legend(
            handles=handles,
            loc="upper center",
            bbox_to_anchor=(0.5, 0.0),
            # In font sizes: clear of the tick labels and the name of the axis.
            borderaxespad=0.0 if axes.name == "3d" else 4.5,
            ncols=2 if len(handles) > 3 else 1,
            fontsize=8,
            frameon=False,
            labelcolor=INK,
        )
