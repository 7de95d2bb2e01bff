"""Exact losses compiled by numba, beside the NumPy route that they are held against.

The rows of a model are loops over scalars, which NumPy can only run side by side for many rows at
once; compiled, one model costs little, and each row can stop where its own tolerance is reached.
The formulas and the bounds are those of :mod:`geomsup.theory.rows` and of what it calls.

The kernels are compiled for this machine at first use and then found on disk.  Without numba (the
extra ``fast``), or with the environment variable ``GEOMSUP_COMPILED=0``, NumPy computes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomsup.compiling import can_compile
from geomsup.theory.moments import RowTerms

__all__ = ["compiled_models", "compiled_rows", "serves"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

# Beyond so many features most of the time goes into what NumPy does as well.
_MOST_FEATURES = 64


def serves(n_features: int) -> bool:
    """Whether rows of so many features are computed here."""
    return n_features <= _MOST_FEATURES and can_compile()


def compiled_rows(
    a: FloatArray,
    b: FloatArray,
    own: IndexArray,
    p: FloatArray,
    importance: FloatArray,
    tol: float,
    *,
    bounds: bool = True,
    n_models: int = 1,
) -> RowTerms:
    """As :func:`geomsup.theory.rows.row_terms`, with the tolerance for each model by itself."""
    terms, _, _ = _computed(np.empty((n_models, 0, 0)), a, b, own, p, importance, tol, bounds)
    return terms


def compiled_models(
    W: FloatArray, b: FloatArray, p: FloatArray, importance: FloatArray, tol: float, *, bounds: bool
) -> tuple[RowTerms, FloatArray, FloatArray]:
    """All rows of a batch of models, the gradients in W, and the bounds on loss and gradient.

    The rows' derivatives in their weights carry their importance.  Shapes as in
    :func:`geomsup.theory.loss.batch_losses`; `p` and `importance` may differ from model to model.
    The bounds, (n_models, 2), are of the rounding of the loss and of the gradient; without `bounds`
    they are zero.
    """
    n = b.shape[1]
    rows = np.empty((b.size, n))
    weighted = np.empty(b.shape)
    weighted[:] = importance
    return _computed(
        W,
        rows,
        b.reshape(-1),
        np.arange(b.size) % n,
        p.reshape(-1, n),
        weighted.reshape(-1),
        tol,
        bounds,
    )


def _computed(
    W: FloatArray,
    a: FloatArray,
    b: FloatArray,
    own: IndexArray,
    p: FloatArray,
    importance: FloatArray,
    tol: float,
    bounds: bool,
) -> tuple[RowTerms, FloatArray, FloatArray]:
    from geomsup.theory.compiled.entry import entry

    results, errors = np.zeros((len(b), 5)), np.zeros((len(W), 2))
    # Copies, because kernels are compiled for contiguous arrays that can be written.
    given = [np.array(x, order="C") for x in (W, a, b, own, p, importance)]
    grad_a, grad_W = np.empty(a.shape), np.empty(W.shape)
    entry()(*given, tol, bounds, grad_a, results, grad_W, errors)
    loss, grad_b, rounding, slope, truncation = results.T
    terms = RowTerms(
        loss=loss,
        grad_a=grad_a,
        grad_b=grad_b,
        truncation=truncation,
        rounding=rounding,
        slope=slope,
    )
    return terms, grad_W, errors
