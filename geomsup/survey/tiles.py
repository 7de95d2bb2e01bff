"""One strip of rows against a block of columns: what is taken of each tile before it is dropped.

The product takes by far most of the time, so all else must read a tile as few times as it can:
where a maximum lies is looked up only for the rows and columns whose maximum has grown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from geomsup.compiling import can_compile
from geomsup.survey.source import Directions, IntArray, UnitArray

__all__ = [
    "N_BINS",
    "Best",
    "Bounds",
    "InMemory",
    "Product",
    "Seen",
    "Task",
    "bin_of",
    "cosine_counts",
    "tasks_of",
]

FloatArray = NDArray[np.float64]
Counts = NDArray[np.int64]

# Rows and columns of a tile: 2.3 MB, and of a task, which is a row of tiles.
_TILE, _TASK = 768, 6144
# Bins of the cosine, each .001 wide.
N_BINS = 2000
# With fewer rows a compiled loop saves less time than numba takes to be imported.
_COMPILED_FROM = 2**14


class Bounds(NamedTuple):
    """Which pairs stand out: beyond the cuts all are counted, beyond their rows' bounds all kept.

    `above` and `below` have shape (n,); a pair must be beyond both of its rows' bounds.
    """

    cuts: tuple[float, float]
    above: UnitArray
    below: UnitArray


class Best(NamedTuple):
    """The largest cosine of each row, or the least, and with which row it is."""

    sign: int
    cosines: UnitArray
    partners: IntArray

    @classmethod
    def of(cls, n: int, sign: int) -> Best:
        """Nothing seen yet."""
        return cls(sign, np.full(n, -2 * sign, np.float32), np.zeros(n, np.intp))

    def is_beaten(self, rows: slice | IntArray, cosines: UnitArray) -> NDArray[np.bool_]:
        """Where cosines are farther out; the same cosine is not."""
        better: NDArray[np.bool_] = (np.greater if self.sign > 0 else np.less)(
            cosines, self.cosines[rows]
        )
        return better

    def update(self, rows: IntArray, cosines: UnitArray, partners: IntArray) -> None:
        """Take what is farther out."""
        better = self.is_beaten(rows, cosines)
        self.cosines[rows[better]] = cosines[better]
        self.partners[rows[better]] = partners[better]


Reader = Callable[
    [UnitArray, np.float32, np.float32], tuple[UnitArray, UnitArray, IntArray, IntArray | None]
]
# Rows, their cosines and their partners; the sign says of which `Best`.
Improved = tuple[int, IntArray, UnitArray, IntArray]


class Task(NamedTuple):
    """Rows first … last against rows start … stop, of which the first may be the same."""

    first: int
    last: int
    start: int
    stop: int


class Seen(NamedTuple):
    """What one task has seen."""

    i: IntArray
    j: IntArray
    cosines: UnitArray
    histogram: Counts
    improved: list[Improved]


class Product(Protocol):
    """What computes tiles."""

    n_threads: int

    def tasks(self) -> list[Task]:
        """All pairs, each once."""

    def look(self, task: Task, bounds: Bounds, best: tuple[Best, Best]) -> Seen:
        """Compute the cosines of a task and take what stands out; `best` is only read."""


def tasks_of(n: int, strip: int, block: int) -> list[Task]:
    """Strips of rows with blocks of columns from the diagonal on."""
    return [
        Task(first, min(first + strip, n), start, min(start + block, n))
        for first in range(0, n, strip)
        for start in range(first, n, block)
    ]


class InMemory:
    """Tiles computed by NumPy, as many at a time as there are processors."""

    def __init__(self, rows: Directions, n_threads: int) -> None:
        self._rows, self.n_threads = rows, n_threads
        self._read: Reader = read
        if rows.n >= _COMPILED_FROM and can_compile():
            from geomsup.survey import compiled

            self._read = compiled.read

    def tasks(self) -> list[Task]:
        """Strips of one tile's height."""
        return tasks_of(self._rows.n, _TILE, _TASK)

    def look(self, task: Task, bounds: Bounds, best: tuple[Best, Best]) -> Seen:
        """Tile by tile."""
        low, high = np.asarray(bounds.cuts, dtype=np.float32)
        strip = self._rows.units(task.first, task.last)
        block = self._rows.units(task.start, task.stop)
        room = np.empty(_TILE * _TILE, np.float32)
        outer, far, improved = [], [], []
        for column in range(task.start, task.stop, _TILE):
            end = min(column + _TILE, task.stop)
            shape = len(strip), end - column
            tile = room[: shape[0] * shape[1]].reshape(shape)
            np.matmul(strip, block[column - task.start : end - task.start].T, out=tile)
            if column == task.first:
                improved += _improved_on_diagonal(tile, task.first, best)
                tile[np.tri(*shape, dtype=np.bool_)] = (low + high) / 2
                at = np.flatnonzero(_is_out(tile, low, high))
            else:
                rows, columns, at, which = self._read(tile, low, high)
                improved += _improved(tile, rows, task.first, column, best)
                improved += _improved(tile.T, columns, column, task.first, best, which)
            cosines = np.clip(tile.ravel()[at], -1, 1)
            outer.append(cosines)
            far.append(_far(at, cosines, (task.first, column, end - column), task, bounds))
        i, j, kept = (np.concatenate(part) for part in zip(*far, strict=True))
        return Seen(i, j, kept, _counted(np.concatenate(outer)), improved)


def read(
    tile: UnitArray, low: np.float32, high: np.float32
) -> tuple[UnitArray, UnitArray, IntArray, None]:
    """Largest and least of rows, and of columns, shape (2, n); the places beyond low or high."""
    rows, columns = (np.stack([tile.max(axis=axis), tile.min(axis=axis)]) for axis in (1, 0))
    return rows, columns, np.flatnonzero(_is_out(tile, low, high)), None


def _is_out(tile: UnitArray, low: np.float32, high: np.float32) -> NDArray[np.bool_]:
    is_out: NDArray[np.bool_] = (tile <= low) | (tile >= high)
    return is_out


def _improved(
    tile: UnitArray,
    extremes: UnitArray,
    first: int,
    column: int,
    best: tuple[Best, Best],
    which: IntArray | None = None,
) -> list[Improved]:
    """Rows whose best cosine is in this tile; `which` says in which column, where that is known."""
    improved = []
    for side, (one, cosines) in enumerate(zip(best, extremes, strict=True)):
        grown = np.flatnonzero(one.is_beaten(slice(first, first + cosines.size), cosines))
        if which is None:
            # In contiguous rows a maximum is found ten times faster.
            partners = _furthest(np.ascontiguousarray(tile[grown]), one.sign)
        else:
            partners = which[side, grown]
        improved.append((one.sign, grown + first, cosines[grown], partners + column))
    return improved


def _improved_on_diagonal(tile: UnitArray, first: int, best: tuple[Best, Best]) -> list[Improved]:
    """Both ends of each pair are rows of such a tile."""
    improved = []
    for one in best:
        np.fill_diagonal(tile, -2 * one.sign)
        partners = _furthest(tile, one.sign)
        rows = np.arange(len(tile))
        improved.append((one.sign, rows + first, tile[rows, partners], partners + first))
    return improved


def _furthest(lines: UnitArray, sign: int) -> IntArray:
    at: IntArray = lines.argmax(axis=1) if sign > 0 else lines.argmin(axis=1)
    return at


def _far(
    at: IntArray,
    cosines: UnitArray,
    place: tuple[int, int, int],
    task: Task,
    bounds: Bounds,
) -> tuple[IntArray, IntArray, UnitArray]:
    """Of the pairs at some places of a tile those that are beyond the bounds of both rows."""
    first, column, width = place
    rows, columns = slice(task.first, task.last), slice(column, column + width)
    above, below = bounds.above, bounds.below
    # Most are on the near side of the loosest bound, and need not be looked at one by one.
    loosest = max(above[rows].min(), above[columns].min())
    lowest = min(below[rows].max(), below[columns].max())
    some = np.flatnonzero((cosines >= loosest) | (cosines <= lowest))
    at, cosines = at[some], cosines[some]
    i, j = np.divmod(at, width)
    i, j = i + first, j + column
    beyond = (cosines >= np.maximum(above[i], above[j])) | (
        cosines <= np.minimum(below[i], below[j])
    )
    return i[beyond], j[beyond], cosines[beyond]


def cosine_counts(units: UnitArray) -> Counts:
    """The histogram of all pairs of some rows."""
    counts = np.zeros(N_BINS, np.int64)
    for task in tasks_of(len(units), _TILE, len(units)):
        tile = units[task.first : task.last] @ units[task.start : task.stop].T
        square = np.arange(task.last - task.first)
        inside = tile[:, : square.size][square[:, None] < square]
        counts += _counted(np.clip(np.concatenate([inside, tile[:, square.size :].ravel()]), -1, 1))
    return counts


def _counted(cosines: UnitArray) -> Counts:
    return np.bincount(bin_of(cosines), minlength=N_BINS)


def bin_of(cosines: NDArray[np.floating]) -> IntArray:
    """The bins of cosines in [-1, 1]."""
    at: IntArray = np.minimum((cosines + 1) * (N_BINS / 2), N_BINS - 1).astype(np.intp)
    return at
