"""What every picture needs before it starts: checked input, axes, and sizes in points.

Input is validated here, once; the drawing code trusts it.  Sizes are measured in points because
text is: a layout made in points keeps labels apart whatever the limits of the axes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.geometry.report import GeometryReport
from geomsup.plotting.style import INK
from geomsup.weights import matrix_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

__all__ = [
    "POINTS_PER_INCH",
    "axes_for",
    "axes_size",
    "check_kind",
    "check_made_by",
    "checked_matrix",
    "checked_pair",
    "checked_report",
    "drawn_legend",
    "empty_space",
    "figure_for",
    "note",
    "plain_numbers",
    "text_width",
    "view_frame",
]

Array = NDArray[np.float64]

POINTS_PER_INCH = 72.0
_REFERENCE_SIZE = 10.0
# So many numbers stand side by side below half a picture.
_MOST_NUMBERS = 9


def checked_matrix(W: object, feature_axis: int = -1) -> Array:
    """W as :func:`geomsup.classify_geometry` reads it: arrays, tensors, lists, files.

    Of as many dimensions as features the classifier warns; a picture has nothing to add.
    """
    return matrix_of(W, feature_axis=feature_axis)


def checked_report(report: object) -> GeometryReport:
    """Return the report, or say what came instead."""
    if not isinstance(report, GeometryReport):
        raise GeomsupError(
            f"expected a GeometryReport, got {type(report).__name__}; "
            "pass what classify_geometry(W) returned"
        )
    return report


def checked_pair(W: object, report: object, feature_axis: int = -1) -> tuple[Array, GeometryReport]:
    """Return weights and the report on them, or say that they do not belong together."""
    weights, known = checked_matrix(W, feature_axis), checked_report(report)
    if weights.shape != (known.n_hidden, known.n_features):
        turned = weights.shape == (known.n_features, known.n_hidden)
        rows = feature_axis in (0, -2)
        cure = f"feature_axis={-1 if rows else 0}" if turned else "the matrix that was classified"
        raise GeomsupError(
            f"W has {weights.shape[1]} features in {weights.shape[0]} dimensions, but the report "
            f"is on {known.n_features} in {known.n_hidden}; pass {cure}"
        )
    return weights, known


def check_kind(result: object, kind: type, maker: str) -> None:
    """Refuse what is not of a class, and name the function of geomsup that makes it."""
    if not isinstance(result, kind):
        raise GeomsupError(
            f"expected a {kind.__name__}, got {type(result).__name__}; make one with {maker}"
        )


def check_made_by(maker: str, result: object, *attributes: str) -> None:
    """Refuse what a function of geomsup did not return, by the attributes of what it returns.

    By attributes, because the classes would bring along what made them, torch for one.
    """
    if not all(hasattr(result, name) for name in attributes):
        raise GeomsupError(
            f"expected what geomsup.{maker}(…) returned, got {type(result).__name__}"
        )


def figure_for(fig: object, figsize: tuple[float, float]) -> Any:
    """Return the figure to draw into: the caller's, or a new one."""
    if fig is None:
        import matplotlib.pyplot as plt

        return plt.figure(figsize=figsize, layout="constrained")
    from matplotlib.figure import FigureBase

    if not isinstance(fig, FigureBase):
        raise GeomsupError(
            f"fig must be a matplotlib Figure, got {type(fig).__name__}; leave it out for a new one"
        )
    return fig


def axes_for(
    ax: object, *, figsize: tuple[float, float] = (6.4, 4.8), three_d: bool = False
) -> Any:
    """Return the axes to draw into: the caller's, if they fit, or those of a new figure.

    ``Any``, because three-dimensional axes come without type information.
    """
    projection = "3d" if three_d else None
    if ax is None:
        return figure_for(None, figsize).add_subplot(projection=projection)
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise GeomsupError(
            f"ax must be matplotlib Axes, got {type(ax).__name__}; pass ax=figure.add_subplot()"
        )
    if (ax.name == "3d") != three_d:
        needed = "three-dimensional" if three_d else "plain two-dimensional"
        cure = "add_subplot(projection='3d')" if three_d else "add_subplot()"
        raise GeomsupError(
            f"this picture needs {needed} axes, got projection {ax.name!r}; "
            f"pass ax=figure.{cure}, or leave ax out"
        )
    return ax


def view_frame(elevation: float, azimuth: float) -> Array:
    """Return the directions right, up and towards the viewer as rows; angles in degrees."""
    el, az = np.radians(elevation), np.radians(azimuth)
    return np.array(
        [
            [-np.sin(az), np.cos(az), 0.0],
            [-np.sin(el) * np.cos(az), -np.sin(el) * np.sin(az), np.cos(el)],
            [np.cos(el) * np.cos(az), np.cos(el) * np.sin(az), np.sin(el)],
        ]
    )


def empty_space(ax: Any, reach: float, view: tuple[float, float], *, zoom: float = 1.0) -> None:
    """A cube without axes, seen from an elevation and an azimuth, that holds ± ``reach``."""
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), zlim=(-reach, reach))
    ax.set_box_aspect((1, 1, 1), zoom=zoom)
    ax.set_axis_off()
    ax.view_init(elev=view[0], azim=view[1])


def axes_size(ax: Axes) -> tuple[float, float]:
    """Return width and height of the axes in points, as they will be once layout has run."""
    figure = ax.figure.figure if ax.figure is not None else None
    engine = None if figure is None else figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    ax.apply_aspect()
    box = ax.get_window_extent()
    scale = POINTS_PER_INCH / ax.figure.dpi
    return float(box.width * scale), float(box.height * scale)


def text_width(text: str, size: float) -> float:
    """Return the width of the longest line of a text in points, at a font size in points."""
    return max(_line_width(line) for line in text.splitlines()) * size / _REFERENCE_SIZE


@lru_cache(maxsize=1024)
def _line_width(line: str) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    path = TextPath((0, 0), line, prop=FontProperties(size=_REFERENCE_SIZE))
    return float(path.get_extents().x1)


def drawn_legend(ax: Axes, **options: Any) -> None:
    """A legend without the entries of curves that have no finite point."""
    entries = [
        (handle, label)
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
        if not hasattr(handle, "get_xydata") or np.isfinite(handle.get_xydata()).all(axis=1).any()
    ]
    if entries:
        handles, labels = zip(*entries, strict=True)
        ax.legend(handles, labels, **options)


def plain_numbers(axis: Axis) -> None:
    """Numbers at 1, 2, 3, 5, 10, … on a logarithmic axis, fewer of them over many decades."""
    low, high = axis.get_view_interval()
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for leading in ((1, 2, 3, 5), (1, 3), (1,)):
        powers = [float(f"{digit}e{decade}") for decade in decades for digit in leading]
        ticks = [tick for tick in powers if low <= tick <= high]
        if len(ticks) <= _MOST_NUMBERS:
            break
    if len(ticks) < 2:
        ticks = [float(f"{tick:.2g}") for tick in np.geomspace(low, high, 5)[1:-1]]
    axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_ticks([], minor=True)


def note(ax: Axes, text: str) -> None:
    """Say in the middle of empty axes why there is nothing to see."""
    ax.set_axis_off()
    arguments: dict[str, Any] = {"ha": "center", "va": "center", "color": INK, "fontsize": 9}
    if ax.name == "3d":
        ax.text2D(0.5, 0.5, text, transform=ax.transAxes, **arguments)  # type: ignore[attr-defined]
    else:
        ax.text(0.5, 0.5, text, transform=ax.transAxes, wrap=True, **arguments)
