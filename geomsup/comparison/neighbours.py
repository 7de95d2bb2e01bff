"""All cosines between two dictionaries in tiles: the nearest, and those above their prices.

Cosines are computed in float32, a strip of one dictionary against blocks of the other, and never
kept; those that something hangs on are computed again in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geomsup.survey.pairs import in_threads
from geomsup.survey.source import Directions, IntArray, UnitArray

__all__ = ["Neighbours", "Overpaid", "cosines_of", "neighbours", "overpaid"]

FloatArray = NDArray[np.float64]

# Rows of a strip, and columns of a block: 4 MB.
_STRIP, _BLOCK = 512, 2048
# A small dictionary has so many strips nevertheless: each tells columns one neighbour.
_LEAST_STRIPS = 32
# Candidates of each row and of each column.  With them two random dictionaries of 4,096 directions
# in 384 dimensions were all but matched (gap 1e-6 of the sum), with half as many off by 2e-5.
_ROW_CANDIDATES, _COLUMN_CANDIDATES = 32, 16
# Numbers that are gathered at once: 32 MB.
_GATHERED = 2**22
# Rounding of float32.
_ROUNDING = 2.0**-24


class Neighbours(NamedTuple):
    """The nearest of each, and pairs that are near for one of the two at least."""

    row_nearest: IntArray
    row_cosines: FloatArray
    column_nearest: IntArray
    column_cosines: FloatArray
    rows: IntArray
    columns: IntArray


class Overpaid(NamedTuple):
    """Pairs whose cosine exceeds the sum of their prices, and by how much at most in each row."""

    rows: IntArray
    columns: IntArray
    excess: FloatArray


class _Strip(NamedTuple):
    """What one strip of rows has found: neighbours of its rows, and the nearest of all columns."""

    first: int
    columns: IntArray
    cosines: UnitArray
    nearest: IntArray
    largest: UnitArray


def neighbours(a: Directions, b: Directions, *, signed: bool) -> Neighbours:
    """The nearest of every direction in the other dictionary, and candidates for a matching.

    Parameters
    ----------
    a, b : Directions
        Rows and columns.
    signed : bool
        Whether opposite directions are far from each other, or near.
    """
    columns: list[IntArray] = []
    nearest = np.zeros((_COLUMN_CANDIDATES + 1, b.n), dtype=np.intp)
    largest = np.full(nearest.shape, -2.0, dtype=np.float32)
    row_nearest, every = [], np.arange(b.n)
    for strip in in_threads(partial(_near, a, b, signed), list(_strips(a.n))):
        columns.append(strip.columns)
        best = strip.cosines.argmax(axis=1)[:, None]
        row_nearest.append(np.take_along_axis(strip.columns, best, axis=1).ravel())
        # The least of those known makes room.
        slot = largest.argmin(axis=0)
        nearest[slot, every], largest[slot, every] = strip.nearest, strip.largest
    found, last = np.concatenate(columns), largest.argmax(axis=0)
    slots, far = np.nonzero(largest > -2.0)
    one, other = np.concatenate(row_nearest), nearest[last, every]
    own = np.arange(a.n)
    return Neighbours(
        one,
        cosines_of(a, b, own, one, signed=signed),
        other,
        cosines_of(b, a, every, other, signed=signed),
        np.concatenate([np.repeat(own, found.shape[1]), nearest[slots, far]]),
        np.concatenate([found.ravel(), far]),
    )


def cosines_of(
    a: Directions, b: Directions, rows: IntArray, columns: IntArray, *, signed: bool
) -> FloatArray:
    """Cosines of single pairs in float64; their sizes, if signs do not count."""
    step = max(1, _GATHERED // a.dim)
    tasks = [(slice(k, k + step),) for k in range(0, rows.size, step)]

    def some(part: slice) -> FloatArray:
        which, place = np.unique(rows[part], return_inverse=True)
        products: FloatArray = np.einsum("ij,ij->i", a.exact(which)[place], b.exact(columns[part]))
        return products

    # Without pairs there is nothing to join.
    found = np.clip(np.concatenate([*in_threads(some, tasks), np.zeros(0)]), -1.0, 1.0)
    return np.asarray(found if signed else np.abs(found))


def overpaid(
    a: Directions,
    b: Directions,
    row_prices: FloatArray,
    column_prices: FloatArray,
    *,
    signed: bool,
    least: float,
) -> Overpaid:
    """Which pairs are worth more than their prices: c_ij > u_i + v_j.

    Parameters
    ----------
    a, b : Directions
    row_prices, column_prices : ndarray of shape (a.n,) and (b.n,)
    signed : bool
    least : float
        Excesses up to this are not listed.

    Returns
    -------
    Overpaid
        Of each tile the worst of every row and of every column.  `excess` is 0 or more, and holds
        for all pairs: those that float32 cannot tell from being overpaid are computed in float64.
    """
    # n products and n sums are off by n roundings at most, however they are grouped; the entries
    # are rounded once, and so are the prices and their differences.
    size = float(np.abs(row_prices).max() + np.abs(column_prices).max())
    slack = _ROUNDING * (a.dim + 8.0 + 4.0 * size)
    look = partial(_dear, a, b, row_prices, column_prices, signed, slack, least)
    parts = list(in_threads(look, list(_strips(a.n))))
    return Overpaid(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _strips(n: int) -> Iterator[tuple[int, int]]:
    step = min(_STRIP, -(-n // _LEAST_STRIPS))
    return ((first, min(first + step, n)) for first in range(0, n, step))


def _tiles(
    a: Directions, b: Directions, signed: bool, first: int, last: int
) -> Iterator[tuple[int, UnitArray]]:
    """Cosines of a strip with each block, and where the block begins."""
    strip = a.units(first, last)
    for start in range(0, b.n, _BLOCK):
        tile = strip @ b.units(start, min(start + _BLOCK, b.n)).T
        yield start, tile if signed else np.abs(tile, out=tile)


def _near(a: Directions, b: Directions, signed: bool, first: int, last: int) -> _Strip:
    columns, cosines, nearest, largest = [], [], [], []
    for start, tile in _tiles(a, b, signed, first, last):
        n_kept = min(_ROW_CANDIDATES, tile.shape[1])
        top = np.argpartition(tile, tile.shape[1] - n_kept, axis=1)[:, -n_kept:]
        columns.append(top + start)
        cosines.append(np.take_along_axis(tile, top, axis=1))
        best = tile.argmax(axis=0)
        nearest.append(best + first)
        largest.append(tile[best, np.arange(tile.shape[1])])
    found, values = np.concatenate(columns, axis=1), np.concatenate(cosines, axis=1)
    if found.shape[1] > _ROW_CANDIDATES:
        top = np.argpartition(values, -_ROW_CANDIDATES, axis=1)[:, -_ROW_CANDIDATES:]
        found = np.take_along_axis(found, top, axis=1)
        values = np.take_along_axis(values, top, axis=1)
    return _Strip(first, found, values, np.concatenate(nearest), np.concatenate(largest))


def _dear(
    a: Directions,
    b: Directions,
    row_prices: FloatArray,
    column_prices: FloatArray,
    signed: bool,
    slack: float,
    least: float,
    first: int,
    last: int,
) -> Overpaid:
    bound = (row_prices[first:last, None] - slack).astype(np.float32)
    columns_paid = column_prices.astype(np.float32)
    excess = np.zeros(last - first)
    rows, columns = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
    for start, tile in _tiles(a, b, signed, first, last):
        tile -= columns_paid[start : start + tile.shape[1]]
        near = tile > bound
        i, j = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        if not i.size:
            continue
        exact = a.exact(first + i) @ b.exact(start + j).T
        exact = exact if signed else np.abs(exact)
        exact -= row_prices[first + i, None] + column_prices[start + j]
        worst = exact.argmax(axis=1)
        over = exact[np.arange(i.size), worst]
        excess[i] = np.maximum(excess[i], over)
        dearest = exact.argmax(axis=0)
        also = exact[dearest, np.arange(j.size)] > least
        rows += [first + i[over > least], first + i[dearest[also]]]
        columns += [start + j[worst[over > least]], start + j[also]]
    return Overpaid(np.concatenate(rows), np.concatenate(columns), excess)
