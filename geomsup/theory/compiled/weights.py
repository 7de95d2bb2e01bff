"""From weights to the rows of their Gram matrix and back; the twin of `loss`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.compiled.jit import LOSS, ROUNDING, SLOPE, kernel

__all__ = ["error_bounds", "fill_gradient", "fill_gram"]

FloatArray = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)


@kernel
def fill_gram(W: FloatArray, gram: FloatArray) -> None:
    """G = WᵀW of one model."""
    n_hidden, n = W.shape
    for i in range(n):
        for j in range(n):
            gram[i, j] = 0.0
            for k in range(n_hidden):
                gram[i, j] += W[k, i] * W[k, j]


@kernel
def fill_gradient(W: FloatArray, pull: FloatArray, grad_W: FloatArray) -> None:
    """L depends on W through G_ij = W_i·W_j, each row i of G being the weights of output i."""
    n_hidden, n = W.shape
    for k in range(n_hidden):
        for j in range(n):
            grad_W[k, j] = 0.0
            for i in range(n):
                grad_W[k, j] += W[k, i] * (pull[i, j] + pull[j, i])


@kernel
def error_bounds(
    W: FloatArray,
    b: FloatArray,
    p: FloatArray,
    gram: FloatArray,
    pull: FloatArray,
    importance: FloatArray,
    results: FloatArray,
) -> tuple[float, float]:
    """Bounds on the rounding of one model's loss, and on all errors of its gradient.

    They are derived in `loss._bounds`; `results` is that of all rows, `pull` their gradients times
    their importance.
    """
    n_hidden, n = W.shape
    rounding = 0.0
    of_rows = np.empty(n)
    for i in range(n):
        spread = shift = 0.0
        low = high = b[i]
        for j in range(n):
            slack = 0.0
            for k in range(n_hidden):
                slack += abs(W[k, i] * W[k, j])
            slack *= _EPS * (n_hidden + 2.0)
            spread += slack * np.sqrt(p[j] / 3.0)
            shift += slack
            rounding += abs(pull[i, j]) * slack
            low += min(gram[i, j], 0.0)
            high += max(gram[i, j], 0.0)
        kink = min(shift / gram[i, i], 1.0) if gram[i, i] > 0.0 else 1.0
        if low > 2.0 * shift or high < -2.0 * shift or shift == 0.0:
            kink = 0.0
        of_loss = 2.0 * spread * spread + n * _EPS * results[i, LOSS] + results[i, ROUNDING]
        rounding += importance[i] * of_loss
        of_rows[i] = importance[i] * (results[i, SLOPE] + 2.0 * spread + 2.0 * p[i] * kink)
    slope = 0.0
    for j in range(n):
        slope = max(slope, of_rows[j])
        for k in range(n_hidden):
            of_weight = 0.0
            for i in range(n):
                both = (n_hidden + n + 4.0) * _EPS * (abs(pull[i, j]) + abs(pull[j, i]))
                of_weight += abs(W[k, i]) * (of_rows[i] + of_rows[j] + both)
            slope = max(slope, of_weight)
    return rounding, slope
