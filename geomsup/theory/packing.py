"""Models as rows of numbers, W and then b, as descents and Hessians want them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.loss import Problem, batch_losses

__all__ = ["packed", "packed_loss", "unpacked"]

FloatArray = NDArray[np.float64]


def packed(W: FloatArray, b: FloatArray) -> FloatArray:
    """Weights (…, n_hidden, n_features) and biases (…, n_features) in rows.

    Examples
    --------
    >>> packed(np.array([[1.0, -1.0]]), np.array([0.5, 0.2]))
    array([ 1. , -1. ,  0.5,  0.2])
    """
    *many, n_hidden, n_features = W.shape
    return np.concatenate([W.reshape(*many, n_hidden * n_features), b], axis=-1)


def unpacked(x: FloatArray, n_hidden: int) -> tuple[FloatArray, FloatArray]:
    """Weights and biases of rows."""
    n = x.shape[-1] // (n_hidden + 1)
    return x[..., : n_hidden * n].reshape(*x.shape[:-1], n_hidden, n), x[..., n_hidden * n :]


def packed_loss(n_hidden: int, problem: Problem, tol: float = 1e-10) -> Any:
    """The loss as a function of rows, as :func:`geomsup.theory.descent.descend` wants it."""

    def function(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        value, grad_W, grad_b = batch_losses(*unpacked(x, n_hidden), problem, tol)
        return value, packed(grad_W, grad_b)

    return function
