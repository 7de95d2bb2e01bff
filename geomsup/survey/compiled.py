"""The one reading of a tile, compiled by numba (the extra ``fast``).

NumPy reads a tile seven times for what stands here in one loop, and a tile that has left the
innermost cache costs nearly as much to read as to compute.  The results are the same to the last
bit.  This module is imported where numba is there and much is to be read.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from geomsup.compiling import compiled

__all__ = ["read"]

UnitArray = NDArray[np.float32]

# Maxima that are taken side by side, and cosines that are passed over together.
_LANES, _WORD = 64, 8


# No cosine is NaN, so that the larger of two is one instruction; nothing else is loosened.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"nnan", "nsz"}}


@numba.njit(**_OPTIONS)  # type: ignore[untyped-decorator]  # of a library
def _ends(row: UnitArray, lanes: UnitArray) -> tuple[np.float32, np.float32]:
    """Largest and least of a row; `lanes` is room for two times so many running ones."""
    up, down = lanes[0], lanes[1]
    n_whole = row.size // _LANES
    up[:], down[:] = row[0], row[0]
    for s in range(n_whole):
        part = row[s * _LANES : (s + 1) * _LANES]
        for k in range(_LANES):
            value = part[k]
            up[k] = value if value > up[k] else up[k]
            down[k] = value if value < down[k] else down[k]
    for c in range(n_whole * _LANES, row.size):
        up[0], down[0] = max(up[0], row[c]), min(down[0], row[c])
    return up.max(), down.min()


def _read_into(
    tile: UnitArray,
    low: np.float32,
    high: np.float32,
    rows: UnitArray,
    columns: UnitArray,
    which: NDArray[np.int32],
    at: NDArray[np.int32],
) -> int:
    """Fill what `read` returns; the number of places."""
    n_rows, n_columns = tile.shape
    lanes = np.empty((2, _LANES), np.float32)
    is_out = np.zeros(-(-n_columns // _WORD) * _WORD, np.uint8)
    words = is_out.view(np.uint64)
    highest, lowest = columns[0], columns[1]
    at_highest, at_lowest = which[0], which[1]
    n = 0
    for r in range(n_rows):
        row = tile[r]
        rows[0, r], rows[1, r] = _ends(row, lanes)
        if r == 0:
            highest[:], lowest[:] = row, row
            which[:] = 0
        # Numbers of one width in each loop, so that many columns go side by side.
        here = np.int32(r)
        for c in range(n_columns):
            at_highest[c] = here if row[c] > highest[c] else at_highest[c]
            highest[c] = row[c] if row[c] > highest[c] else highest[c]
        for c in range(n_columns):
            at_lowest[c] = here if row[c] < lowest[c] else at_lowest[c]
            lowest[c] = row[c] if row[c] < lowest[c] else lowest[c]
        for c in range(n_columns):
            value = row[c]
            is_out[c] = (value >= high) | (value <= low)
        for w in range(words.size):
            if words[w]:
                for k in range(_WORD):
                    # Written in any case, and kept by going on: no branch to be guessed.
                    at[n] = r * n_columns + w * _WORD + k
                    n += is_out[w * _WORD + k]
    return n


def read(
    tile: UnitArray, low: np.float32, high: np.float32
) -> tuple[UnitArray, UnitArray, NDArray[np.intp], NDArray[np.intp]]:
    """What :func:`geomsup.survey.tiles.read` returns, and the rows that columns have theirs in."""
    rows, columns = (np.empty((2, n), np.float32) for n in tile.shape)
    which, at = np.empty(columns.shape, np.int32), np.empty(tile.size + _WORD, np.int32)
    n = _compiled(tile, low, high, rows, columns, which, at)
    return rows, columns, at[:n].astype(np.intp), which.astype(np.intp)


_SIGNATURE = numba.intp(
    numba.types.Array(numba.float32, 2, "C"),
    numba.float32,
    numba.float32,
    *(numba.types.Array(numba.float32, 2, "C"),) * 2,
    *(numba.types.Array(numba.int32, n, "C") for n in (2, 1)),
)
_compiled = compiled(_read_into, _SIGNATURE, **_OPTIONS)
