"""A quantity of a sweep against a field of its grid."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, shorten
from geomsup.plotting.canvas import axes_for
from geomsup.plotting.style import INK, PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["checked_rows", "is_number", "plot_sweep"]

# Values over more decades than that are drawn on a logarithmic axis.
_DECADES = 2.0
# Lines of more groups than there are colours.
_DASHES = ("-", "--", ":")


def plot_sweep(
    results: Any, x: str, y: str, *, by: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a quantity of every task against a field, and the median where several share it.

    Parameters
    ----------
    results : Sweep, Store, or rows of their ``table()``
    x, y : str
        Names of columns that hold numbers. Rows without one of them, as those of failed tasks,
        are left out.
    by : str, optional
        A column whose every value gets points and a median of its own; by default all rows are
        pooled, whatever else varies among them.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
        Positive values over more than two decades are on a logarithmic axis.

    Raises
    ------
    GeomsupError
        If there are no rows, a column does not exist, or holds no numbers.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> rows = [{"p": p, "loss": p**2 + k} for p in (0.1, 0.2) for k in (0.0, 0.01, 0.02)]
    >>> ax = plot_sweep(rows, "p", "loss", ax=Figure().add_subplot())
    >>> [round(float(loss), 3) for loss in ax.lines[-1].get_ydata()]
    [0.02, 0.05]
    """
    groups = _groups(results, x, y, by)
    axes: Axes = axes_for(ax)
    for k, (name, own) in enumerate(groups.items()):
        _draw_group(axes, own, name, PALETTE[k % len(PALETTE)], _DASHES[k // len(PALETTE) % 3])
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    points = np.concatenate(list(groups.values()))
    for column, set_scale in ((points[:, 0], axes.set_xscale), (points[:, 1], axes.set_yscale)):
        if column.min() > 0 and np.log10(column.max() / column.min()) > _DECADES:
            set_scale("log")
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    return axes


def _draw_group(
    axes: Axes, points: NDArray[np.float64], name: str | None, color: str, dashes: str
) -> None:
    at, place = np.unique(points[:, 0], return_inverse=True)
    medians = [np.median(points[place == k, 1]) for k in range(len(at))]
    dots: dict[str, Any] = {"alpha": 0.45, "markersize": 4, "mew": 0, "gid": "tasks"}
    is_one_each = len(at) == len(points)
    label = name if is_one_each else None
    axes.plot(*points.T, "o", color=color, label=label, **dots)
    if not is_one_each:
        label = "median" if name is None else f"{name}, median"
        axes.plot(at, medians, dashes, color=color, lw=1.5, gid="medians", label=label)


def _groups(results: Any, x: str, y: str, by: str | None) -> dict[str | None, NDArray[np.float64]]:
    """Both numbers of every row that has them, of shape (n_rows, 2), for each value of a column."""
    rows = checked_rows(results, *((x, y) if by is None else (x, y, by)))
    groups: dict[str | None, list[tuple[Any, Any]]] = {}
    for row in rows:
        pair = row.get(x), row.get(y)
        if all(map(is_number, pair)):
            group = None if by is None else f"{by} = {shorten(row.get(by), 20)}"
            groups.setdefault(group, []).append(pair)
    if not groups:
        raise GeomsupError(
            f"{x} and {y} are nowhere both finite numbers, got {shorten(rows[0].get(x), 40)} and "
            f"{shorten(rows[0].get(y), 40)}"
        )
    return {name: np.array(pairs, dtype=np.float64) for name, pairs in groups.items()}


def checked_rows(results: Any, *columns: str) -> list[Mapping[str, Any]]:
    """The rows of a table that has these columns; GeomsupError if it has none or others."""
    rows = list(results.table() if hasattr(results, "table") else results)
    if not rows or not all(isinstance(row, Mapping) for row in rows):
        raise GeomsupError(
            "expected the results of a sweep, or the rows of their table(), at least one; got "
            f"{shorten(results)}"
        )
    for name in columns:
        if not any(name in row for row in rows):
            known = list(dict.fromkeys(word for row in rows for word in row))
            near = difflib.get_close_matches(name, known, n=1)
            cure = f"did you mean {near[0]!r}?" if near else f"they have {', '.join(known)}"
            raise GeomsupError(f"the rows have no {shorten(name)}; {cure}")
    return rows


def is_number(value: object) -> bool:
    """Whether a value of a table is a finite number, and no truth value."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
        return False
    return math.isfinite(value)
