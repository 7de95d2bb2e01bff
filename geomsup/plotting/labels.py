"""Labels in the margin of the axes that never collide.

A label wants to stand beside what it names; where two want the same place, all give way by the
least total square, which is isotonic regression on the positions less the room each label takes.
A thin line leads from the label to its place.  The places are worked out whenever the figure
is drawn, because titles, colour bars and layout engines change the axes after the labels are made.
Labels of points inside the axes take the side of their point on which they cover the least.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from geomsup.plotting.canvas import POINTS_PER_INCH, axes_size, text_width
from geomsup.plotting.style import GHOST, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.transforms import Affine2D

__all__ = ["level_names", "margin_labels", "point_labels", "spread"]

Array = NDArray[np.float64]

# A line of text takes this many times its font size, the gap to the next one included.
_LINE_HEIGHT = 1.3
_LARGEST = 8.0
_SMALLEST = 4.5
_LEAD = 14.0
# Labels below the axes stay horizontal while none has to move by more than this share of the axes.
_FARTHEST = 0.1
_WRAP = 18
# Where a label of a point may stand, the usual sides first: half its size and a gap in these
# directions.
_SIDES = ((1, 1), (-1, 1), (1, -1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1))
_GAP = 5.0


def spread(positions: Array, rooms: Array, low: float = -np.inf, high: float = np.inf) -> Array:
    """Move intervals apart until no two overlap.

    Parameters
    ----------
    positions : ndarray of shape (n,)
        Where the centres would like to be.
    rooms : ndarray of shape (n,)
        Lengths of the intervals.
    low, high : float
        Keep within this range; where it is too narrow for all, it is overstepped on both sides.

    Returns
    -------
    ndarray of shape (n,)
        Centres, ranked as the positions are; without limits the sum of squared moves is minimal.

    Examples
    --------
    >>> import numpy as np
    >>> spread(np.array([0.0, 0.1, 5.0]), np.ones(3))
    array([-0.45,  0.55,  5.  ])
    """
    if not len(positions):
        return positions
    order = np.argsort(positions, kind="stable")
    ends = np.cumsum(rooms[order])
    steps = ends - rooms[order] / 2
    # With all intervals shrunk to points the demand is only that the order is kept.
    free = isotonic_regression(positions[order] - steps).x
    top = high - ends[-1]
    if top < low:
        low = top = (low + top) / 2
    moved = np.empty(len(positions))
    moved[order] = np.clip(free, low, top) + steps
    return moved


def level_names(
    ax: Axes, levels: Sequence[tuple[float, str]], *, room: float, fontsize: float
) -> None:
    """Write names right of the axes at some heights, each with so much room in units of data."""
    heights = np.array([height for height, _ in levels])
    places = spread(heights, np.full(len(heights), room))
    for (height, name), place in zip(levels, places, strict=True):
        ax.annotate(
            name,
            (1.0, height),
            (1.01, float(place)),
            xycoords=("axes fraction", "data"),
            textcoords=("axes fraction", "data"),
            va="center",
            fontsize=fontsize,
            color=INK,
            annotation_clip=False,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Row:
    """Labels along one side of the axes: data positions, and the room each takes in points."""

    ax: Axes
    across: bool
    positions: Array
    rooms: Array

    def moves(self, length: float) -> Array:
        """Return by how much each label gives way on axes of this length, in points."""
        low, high = self.ax.get_xlim() if self.across else self.ax.get_ylim()
        wanted = (self.positions - low) / (high - low) * length
        return spread(wanted, self.rooms, 0.0, length) - wanted

    def locate(self, k: int, lead: float, _renderer: RendererBase) -> Affine2D:
        """Return where label k goes, ``lead`` points beside the axes as they are now."""
        from matplotlib.transforms import Affine2D

        box = self.ax.get_window_extent()
        scale = self.ax.figure.dpi / POINTS_PER_INCH
        length = box.width if self.across else box.height
        low, high = self.ax.get_xlim() if self.across else self.ax.get_ylim()
        along = (self.positions[k] - low) / (high - low) * length
        along += scale * self.moves(length / scale)[k]
        if self.across:
            return Affine2D().translate(box.x0 + along, box.y0 - scale * lead)
        edge = box.x1 if lead > 0 else box.x0
        return Affine2D().translate(edge + scale * lead, box.y0 + along)


def margin_labels(
    ax: Axes,
    side: Literal["left", "right", "bottom"],
    positions: Sequence[float],
    texts: Sequence[str],
    colors: Sequence[str],
) -> None:
    """Write one label for each data position beside the axes, or below them.

    Labels below stand upright where there is no room for them side by side.
    """
    if not texts:
        return
    across = side == "bottom"
    places = np.asarray(positions, dtype=np.float64)
    row, size, wrapped = _laid_out(ax, across, places, texts)
    upright = wrapped is not None
    for k, (text, color) in enumerate(zip(wrapped or texts, colors, strict=True)):
        ax.annotate(
            text,
            xy=(places[k], 0.0) if across else (float(side == "right"), places[k]),
            xycoords=ax.get_xaxis_transform() if across else ax.get_yaxis_transform(),
            xytext=(0.0, 0.0),
            textcoords=partial(row.locate, k, -_LEAD if side == "left" else _LEAD),
            ha={"left": "right", "right": "left", "bottom": "center"}[side],
            va="top" if across else "center",
            multialignment="right" if upright else None,
            rotation=90 if upright else 0,
            fontsize=size,
            linespacing=1.1,
            color=color,
            annotation_clip=False,
            gid="margin",
            arrowprops={
                "arrowstyle": "-",
                "color": GHOST,
                "linewidth": 0.6,
                "shrinkA": 1.0,
                "shrinkB": 0.0,
                "relpos": {"left": (1, 0.5), "right": (0, 0.5), "bottom": (0.5, 1)}[side],
            },
        )


def _laid_out(
    ax: Axes, across: bool, places: Array, texts: Sequence[str]
) -> tuple[_Row, float, list[str] | None]:
    """The row of some labels, their font size, and their lines if they stand upright below."""
    length = axes_size(ax)[0 if across else 1]
    wrapped = None
    if across:
        widths = np.array([text_width(text, _LARGEST) + 6.0 for text in texts])
        row = _Row(ax=ax, across=True, positions=places, rooms=widths)
        if widths.sum() <= length and np.abs(row.moves(length)).max() <= _FARTHEST * length:
            return row, _LARGEST, None
        wrapped = ["\n".join(textwrap.wrap(text, _WRAP)) for text in texts]
    lines = np.array([text.count("\n") + 1 for text in wrapped or texts])
    size = float(np.clip(length / (_LINE_HEIGHT * lines.sum()), _SMALLEST, _LARGEST))
    rooms = _LINE_HEIGHT * size * lines
    return _Row(ax=ax, across=across, positions=places, rooms=rooms), size, wrapped


def point_labels(
    ax: Axes,
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    colors: Sequence[str],
    *,
    size: float = _LARGEST,
) -> None:
    """Write a label at each point, on a side where it covers no other point and no other label.

    To be called last: the limits of the axes must be final.  Where every side is taken, the one is
    chosen on which the label covers the least.
    """
    if not texts:
        return
    width, height = axes_size(ax)
    places = ax.transAxes.inverted().transform(
        ax.transData.transform(np.array(points, dtype=float))
    )
    places = places * (width, height)
    dots = np.column_stack([places - 0.6 * _GAP, places + 0.6 * _GAP])
    boxes: list[Array] = []
    for k, (text, color) in enumerate(zip(texts, colors, strict=True)):
        half = np.array([text_width(text, size) + 4.0, _LINE_HEIGHT * size]) / 2
        taken = np.array([*np.delete(dots, k, axis=0), *boxes])
        moves = [np.multiply(side, half + _GAP * (0.5 if all(side) else 0.9)) for side in _SIDES]
        tried = [np.concatenate([places[k] + m - half, places[k] + m + half]) for m in moves]
        best = int(np.argmin([_covered(box, taken) for box in tried]))
        boxes.append(tried[best])
        ax.annotate(
            text,
            points[k],
            xytext=tuple(moves[best]),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=size,
            color=color,
            gid="point",
        )


def _covered(box: Array, others: Array) -> float:
    """Area of a box (left, bottom, right, top) that lies on others."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    return float(np.prod(np.maximum(sides, 0.0), axis=1).sum())
