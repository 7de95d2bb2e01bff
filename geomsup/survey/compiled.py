"""The one reading of a tile, compiled by numba (the extra ``fast``).

NumPy reads a tile seven times for what stands here in one loop, and a tile that has left the
innermost cache costs nearly as much to read as to compute.  The results are the same to the last
bit.  This module is imported where numba is there and much is to be read.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["read"]

UnitArray = NDArray[np.float32]

# Maxima that are taken side by side, and cosines that are passed over together.
_LANES, _WORD = 64, 8


def _read_into(
    tile: UnitArray,
    low: np.float32,
    high: np.float32,
    rows: UnitArray,
    columns: UnitArray,
    at: NDArray[np.int32],
) -> int:
    """Largest and least of rows and columns, (2, n) each, and the places beyond low or high."""
    n_rows, n_columns = tile.shape
    lanes = np.empty((2, _LANES), np.float32)
    is_out = np.zeros(-(-n_columns // _WORD) * _WORD, np.uint8)
    words = is_out.view(np.uint64)
    n_whole = n_columns // _LANES
    up, down, highest, lowest = lanes[0], lanes[1], columns[0], columns[1]
    n = 0
    for r in range(n_rows):
        row = tile[r]
        for k in range(_LANES):
            up[k] = down[k] = row[0]
        for s in range(n_whole):
            part = row[s * _LANES : (s + 1) * _LANES]
            for k in range(_LANES):
                value = part[k]
                up[k] = value if value > up[k] else up[k]
                down[k] = value if value < down[k] else down[k]
        for c in range(n_whole * _LANES, n_columns):
            up[0], down[0] = max(up[0], row[c]), min(down[0], row[c])
        rows[0, r], rows[1, r] = up.max(), down.min()
        if r == 0:
            highest[:], lowest[:] = row, row
        for c in range(n_columns):
            value = row[c]
            highest[c] = value if value > highest[c] else highest[c]
            lowest[c] = value if value < lowest[c] else lowest[c]
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
) -> tuple[tuple[UnitArray, UnitArray], NDArray[np.intp]]:
    """Largest and least of rows and of columns, and the places beyond low or high."""
    rows, columns = (np.empty((2, n), np.float32) for n in tile.shape)
    at = np.empty(tile.size + _WORD, np.int32)
    n = _compiled(tile, low, high, rows, columns, at)
    return (rows, columns), at[:n].astype(np.intp)


# No cosine is NaN, so that the larger of two is one instruction; nothing else is loosened.
_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"nnan", "nsz"}}
_SIGNATURE = numba.intp(
    numba.types.Array(numba.float32, 2, "C"),
    numba.float32,
    numba.float32,
    *(numba.types.Array(numba.float32, 2, "C"),) * 2,
    numba.types.Array(numba.int32, 1, "C"),
)
try:
    _compiled = numba.njit(_SIGNATURE, cache=True, **_OPTIONS)(_read_into)
except (RuntimeError, OSError):  # no folder to keep it in
    _compiled = numba.njit(_SIGNATURE, **_OPTIONS)(_read_into)
