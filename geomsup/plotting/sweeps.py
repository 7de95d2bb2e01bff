"""A quantity of a sweep against a field of its grid."""

from __future__ import annotations

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

__all__ = ["plot_sweep"]

# Values over more decades than that are drawn on a logarithmic axis.
_DECADES = 2.0


def plot_sweep(results: Any, x: str, y: str, *, ax: Axes | None = None) -> Axes:
    """Draw a quantity of every task against a field, and the median where several share it.

    Parameters
    ----------
    results : Sweep, Store, or rows of their ``table()``
    x, y : str
        Names of columns that hold numbers. Rows without one of them, as those of failed tasks,
        are left out.
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
    points = _points(results, x, y)
    axes: Axes = axes_for(ax)
    at, place = np.unique(points[:, 0], return_inverse=True)
    medians = [np.median(points[place == k, 1]) for k in range(len(at))]
    color = PALETTE[0]
    axes.plot(*points.T, "o", color=color, alpha=0.45, markersize=4, mew=0, gid="tasks")
    if len(at) < len(points):
        axes.plot(at, medians, "-", color=color, lw=1.5, gid="medians", label="median")
        axes.legend(frameon=False)
    for column, set_scale in ((points[:, 0], axes.set_xscale), (points[:, 1], axes.set_yscale)):
        if column.min() > 0 and np.log10(column.max() / column.min()) > _DECADES:
            set_scale("log")
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    return axes


def _points(results: Any, x: str, y: str) -> NDArray[np.float64]:
    """Both numbers of every row that has them, of shape (n_rows, 2)."""
    rows = list(results.table() if hasattr(results, "table") else results)
    if not rows or not all(isinstance(row, Mapping) for row in rows):
        raise GeomsupError(
            "expected the results of a sweep, or the rows of their table(), at least one; got "
            f"{shorten(results)}"
        )
    for name in (x, y):
        if not any(name in row for row in rows):
            known = ", ".join(dict.fromkeys(word for row in rows for word in row))
            raise GeomsupError(f"the rows have no {shorten(name)}; they have {known}")
    pairs = [(row.get(x), row.get(y)) for row in rows]
    numbers = [pair for pair in pairs if all(map(_is_number, pair))]
    if not numbers:
        raise GeomsupError(
            f"{x} and {y} are nowhere both finite numbers, got {shorten(pairs[0][0], 40)} and "
            f"{shorten(pairs[0][1], 40)}"
        )
    return np.array(numbers, dtype=np.float64)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
        return False
    return math.isfinite(value)
