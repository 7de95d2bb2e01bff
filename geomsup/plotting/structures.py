"""The structures of a census: the forest that they are cut from, and one in its own span."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.plotting.canvas import axes_for, check_kind, note
from geomsup.plotting.labels import point_labels
from geomsup.plotting.style import DROPPED, INK, NEGATIVE, POSITIVE, name_color
from geomsup.survey.component import Component
from geomsup.survey.record import Census
from geomsup.survey.tree import MergeForest, merge_forest
from geomsup.validation import whole_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_component", "plot_forest"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Features of all components together that are drawn, and that are called by their names.
_MOST_LEAVES, _MOST_NAMED = 400, 60
# Room between two components, in features.
_GAP = 1
# Features of a component that are called by their names, and letters of a name.
_MOST_LABELS, _LETTERS = 24, 14
# Pairs are drawn down to this share of the |cosine| at which the component hangs together: all
# sides of a shape that is a little uneven, and not yet its diagonals.
_SIDES = 0.85
# Edges of a crowd are drawn thinner and fainter.
_FEW_EDGES = 40


def plot_forest(
    found: Census,
    W: object,
    *,
    n_components: int = 8,
    feature_axis: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how the largest components of a census hang together.

    Parameters
    ----------
    found : Census
    W : object
        The matrix that it was taken of.
    n_components : int, default 8
        How many to draw at most, those with the most features first.
    feature_axis : int, optional
        As for :func:`geomsup.census`.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        A tree for each component: two branches meet at the largest \\|cosine\\| of a pair between
        them.  Dots tell which features point the other way than the
        first of their component.

    Raises
    ------
    GeomsupError
        If an argument cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from geomsup import census
    >>> from matplotlib.figure import Figure
    >>> W = np.random.default_rng(0).normal(size=(300, 32))
    >>> W[1] = -W[0]
    >>> found = census(W, feature_axis=0, null="isotropic", n_draws=0, progress=False)
    >>> ax = plot_forest(found, W, feature_axis=0, ax=Figure().add_subplot())
    >>> [text.get_text() for text in ax.get_xticklabels()]
    ['0', '1']
    """
    checked_census(found)
    most = whole_number("n_components", n_components, 1)
    axes: Axes = axes_for(ax, figsize=(9.0, 4.0))
    drawn = _largest(found, most)
    if not drawn:
        none = "no structures" if not found.components else "structures of too many features"
        note(axes, none)
        return axes
    every = [feature for component in drawn for feature in component.features]
    units = found.directions(W, every, feature_axis=feature_axis)
    start, ticks, leaves, done = 0, [], [], 0
    for number, component in enumerate(drawn):
        size = len(component.features)
        forest = _forest_of(component, units[done : done + size])
        done += size
        _draw_tree(axes, forest, start, name_color(component.name))
        places = np.arange(start, start + size)
        ticks += places.tolist()
        leaves += forest.features.tolist()
        middle = float(places.mean())
        # By turns higher and lower, as small components have no room for their names side by side.
        level = 1.05 + 0.05 * (number % 2)
        axes.text(middle, level, component.name, ha="center", fontsize=8, color=INK, gid="name")
        start += size + _GAP
    axes.set_xlim(-1, start)
    axes.set_ylim(0, 1.18)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_ylabel("|cosine|")
    names = [shortened(found.label(leaf)) for leaf in leaves] if len(leaves) <= _MOST_NAMED else []
    axes.set_xticks(ticks if names else [], names, rotation=90, fontsize=7)
    if not names:
        axes.set_xlabel("features")
    axes.spines[["top", "right"]].set_visible(False)
    for color, text in ((POSITIVE, "as the first of its structure"), (NEGATIVE, "the other way")):
        axes.plot([], [], "o", color=color, markersize=3, label=text)
    axes.legend(frameon=False, fontsize=7, loc="lower right")
    n_left = len(found.components) - len(drawn)
    if n_left:
        axes.text(1, -0.02, f"and {n_left:,} more", ha="right", va="top", transform=axes.transAxes)
    return axes


def plot_component(
    found: Census,
    W: object,
    component: int = 0,
    *,
    feature_axis: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one component of a census in the plane of its own span that holds most of it.

    Parameters
    ----------
    found : Census
    W : object
        The matrix that it was taken of.
    component : int, default 0
        Which of ``found.components``.
    feature_axis : int, optional
        As for :func:`geomsup.census`.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Arrows are unit directions projected on their first two principal axes, about the origin or
        the centroid, whichever the structure has; the names of the axes say how much of the squared
        length they show.  Lines join pairs with a \\|cosine\\| of .85 or more of that at which
        the component hangs together, wider where it is larger.

    Raises
    ------
    GeomsupError
        If an argument cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from geomsup import census
    >>> from matplotlib.figure import Figure
    >>> W = np.random.default_rng(0).normal(size=(300, 32))
    >>> W[1] = -W[0]
    >>> found = census(W, feature_axis=0, null="isotropic", n_draws=0, progress=False)
    >>> ax = plot_component(found, W, feature_axis=0, ax=Figure().add_subplot())
    >>> ax.get_title()
    'digon'
    """
    checked_census(found)
    if not found.components:
        raise GeomsupError("the census found no component to draw; plot_census draws the rest")
    one = found.components[whole_number("component", component, 0, len(found.components) - 1)]
    units = found.directions(W, one.features, feature_axis=feature_axis)
    points, shares = _projected(units, one.about == "centroid")
    axes: Axes = axes_for(ax, figsize=(5.4, 5.2))
    _draw_edges(axes, units, one.height, points)
    color = name_color(one.name)
    for point in points:
        axes.plot(*np.array([(0.0, 0.0), point]).T, color=color, linewidth=0.8, alpha=0.6, zorder=2)
    axes.plot(*points.T, "o", color=color, markersize=5, zorder=3, gid="features")
    axes.plot(0, 0, "+", color=INK, markersize=7, zorder=3)
    # A corner is left for the legend.
    reach = 1.45 * float(np.abs(points).max())
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal")
    centre = "centroid" if one.about == "centroid" else "origin"
    names = [f"{100 * share:.0f} % of the squared length about the {centre}" for share in shares]
    axes.set(xlabel=names[0], ylabel=names[1])
    axes.set_title(one.name)
    axes.tick_params(labelsize=8)
    if len(points) <= _MOST_LABELS:
        texts = [shortened(found.label(feature)) for feature in one.features]
        point_labels(axes, [tuple(p) for p in points.tolist()], texts, [INK] * len(texts))
    return axes


def checked_census(found: Any) -> None:
    """Refuse what is no census."""
    check_kind(found, Census, "geomsup.census")


def shortened(label: str) -> str:
    """A name that leaves room for others."""
    return label if len(label) <= _LETTERS else f"{label[: _LETTERS - 1]}…"


def _largest(found: Census, most: int) -> list[Component]:
    """Components of many features first; one that leaves no room for others is left out."""
    drawn: list[Component] = []
    room = _MOST_LEAVES
    for one in sorted(found.components, key=lambda one: -len(one.features)):
        if len(one.features) <= room and len(drawn) < most:
            drawn.append(one)
            room -= len(one.features)
    return drawn


def _forest_of(component: Component, units: Array) -> MergeForest:
    """Of all pairs of a component: not each need be beyond chance by itself."""
    features = np.array(component.features)
    i, j = np.triu_indices(len(features), 1)
    return merge_forest(features[i], features[j], (units @ units.T)[i, j])


def _draw_tree(axes: Any, forest: MergeForest, start: int, color: str) -> None:
    """Branches of one component, its leaves from `start` on."""
    lines = []
    for first, size, height, children in zip(
        forest.first, forest.size, forest.heights, forest.children, strict=True
    ):
        ends = []
        for child, leaf in zip(children, (first, first + size - 1), strict=True):
            if child < 0:
                ends.append((float(leaf), 1.0))
            else:
                middle = forest.first[child] + (forest.size[child] - 1) / 2
                ends.append((float(middle), float(forest.heights[child])))
        (left, above_left), (right, above_right) = ends
        corners = [(left, above_left), (left, height), (right, height), (right, above_right)]
        lines.append([(start + x, y) for x, y in corners])
    from matplotlib.collections import LineCollection

    axes.add_collection(LineCollection(lines, colors=color, linewidths=1.1), autolim=False)
    places = start + np.arange(forest.features.size)
    turned = forest.signs * forest.signs[0] < 0
    for which, dot, gid in ((~turned, POSITIVE, "same way"), (turned, NEGATIVE, "other way")):
        ones = np.ones(which.sum())
        axes.plot(places[which], ones, "o", color=dot, markersize=3, zorder=3, gid=gid)


def _projected(units: Array, about_centroid: bool) -> tuple[Array, tuple[float, float]]:
    """Coordinates on the first two principal axes, and the shares of them."""
    centred = units - units.mean(axis=0) if about_centroid else units
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    points = np.zeros((len(units), 2))
    n_axes = min(2, sizes.size)
    points[:, :n_axes] = left[:, :n_axes] * sizes[:n_axes]
    shares = np.zeros(2)
    shares[:n_axes] = (sizes**2 / (sizes**2).sum())[:n_axes]
    return points, (float(shares[0]), float(shares[1]))


def _draw_edges(axes: Any, units: Array, height: float, points: Array) -> None:
    from matplotlib.collections import LineCollection

    i, j = np.triu_indices(len(units), 1)
    cosines = (units @ units.T)[i, j]
    near = np.abs(cosines) >= _SIDES * height
    i, j, cosines = i[near], j[near], cosines[near]
    axes.add_collection(
        LineCollection(
            [points[[a, b]] for a, b in zip(i, j, strict=True)],
            colors=[POSITIVE if cosine > 0 else NEGATIVE for cosine in cosines],
            linewidths=(2.5 if cosines.size <= _FEW_EDGES else 1.0) * np.abs(cosines),
            alpha=0.5 if cosines.size <= _FEW_EDGES else 0.2,
            zorder=1,
            gid="pairs",
        ),
        autolim=False,
    )
    for color, sign, word in ((POSITIVE, 1, "> 0"), (NEGATIVE, -1, "< 0")):
        if (np.sign(cosines) == sign).any():
            axes.plot([], [], color=color, linewidth=2, label=f"cos {word}")
    axes.axhline(0, color=DROPPED, linewidth=0.5, zorder=0)
    axes.axvline(0, color=DROPPED, linewidth=0.5, zorder=0)
    if cosines.size:
        axes.legend(frameon=False, fontsize=8, handlelength=1.0, loc="upper right")
