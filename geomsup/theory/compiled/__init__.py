"""Exact losses compiled by numba, beside the NumPy route that they are held against.

The rows of a model are loops over scalars, which NumPy can only run side by side for many rows at
once; compiled, one model costs little, and each row can stop where its own tolerance is reached.
The formulas and the bounds are those of :mod:`geomsup.theory.rows` and of what it calls.

The kernels are compiled for this machine at first use and then found on disk.  Without numba (the
extra ``fast``), or with the environment variable ``GEOMSUP_COMPILED=0``, NumPy computes.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.moments import RowTerms

__all__ = ["compiled_rows", "serves"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

# Beyond so many features most of the time goes into what NumPy does as well.
_MOST_FEATURES = 64


def serves(n_features: int) -> bool:
    """Whether rows of so many features are computed here."""
    return (
        n_features <= _MOST_FEATURES
        and os.environ.get("GEOMSUP_COMPILED", "1") != "0"
        and _has_numba()
    )


@cache
def _has_numba() -> bool:
    return find_spec("numba") is not None


def compiled_rows(
    a: FloatArray,
    b: FloatArray,
    own: IndexArray,
    p: FloatArray,
    importance: FloatArray,
    tol: float,
    *,
    bounds: bool = True,
) -> RowTerms:
    """As :func:`geomsup.theory.rows.row_terms`, with the tolerance for each model by itself.

    The rows of a model follow each other, their `own` rising.
    """
    from geomsup.theory.compiled.entry import entry

    grad_a, results = np.empty(a.shape), np.zeros((len(b), 5))
    # Copies, because kernels are compiled for arrays that can be written.
    floats = [np.array(x, dtype=np.float64, order="C") for x in (a, b, p, importance)]
    entry()(*floats, np.array(own, dtype=np.intp), tol, bounds, grad_a, results)
    loss, grad_b, rounding, slope, truncation = results.T
    return RowTerms(
        loss=loss,
        grad_a=grad_a,
        grad_b=grad_b,
        truncation=truncation,
        rounding=rounding,
        slope=slope,
    )
