"""Descend many models at once, each with a problem of its own.

The packing of weights, biases and problem into one row lives here, because the phase diagram and
the trainer's exact objective both need it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.descent import descend
from geomsup.theory.loss import Problem, batch_losses

__all__ = ["DescendedModels", "descend_models"]

FloatArray = NDArray[np.float64]

# Models descended in one batch.
_BATCH = 4096


@dataclass(frozen=True, kw_only=True, eq=False)
class DescendedModels:
    """Where the models ended."""

    W: FloatArray  # (n_models, n_hidden, n_features)
    b: FloatArray  # (n_models, n_features)
    loss: FloatArray  # (n_models,)
    n_calls: int  # evaluations of the loss, of the slowest batch


def descend_models(
    W: FloatArray,
    b: FloatArray,
    problem: Problem,
    *,
    gradient_tol: float,
    max_steps: int,
    tol: float = 1e-10,
    arrived: Callable[[int], None] | None = None,
) -> DescendedModels:
    """Minimise the exact expected loss of every model by quasi-Newton.

    Parameters
    ----------
    W : ndarray of shape (n_models, n_hidden, n_features)
    b : ndarray of shape (n_models, n_features)
        Where to start.
    problem : Problem
        With one row for each model.
    gradient_tol, max_steps : float, int
        As in `descend`.
    tol : float
        Accuracy of the losses.
    arrived : callable, optional
        Told from time to time how many models are done.
    """
    n_models, m, n = W.shape
    size = n * (m + 1)
    calls = 0

    def function(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        nonlocal calls
        calls += 1
        own = Problem(p=x[:, size : size + n], importance=x[:, size + n :])
        here, bias = x[:, : m * n].reshape(-1, m, n), x[:, m * n : size]
        value, grad_W, grad_b = batch_losses(here, bias, own, tol)
        # What says which problem it is has no gradient, so that it stays.
        still = np.zeros((len(x), 2 * n))
        return value, np.hstack([grad_W.reshape(len(x), -1), grad_b, still])

    packed = np.hstack([W.reshape(n_models, -1), b, problem.p, problem.importance])
    x, loss, n_calls = np.empty((n_models, size)), np.empty(n_models), 0
    for first in range(0, n_models, _BATCH):
        batch = slice(first, first + _BATCH)
        calls = 0
        ends = descend(
            function,
            packed[batch],
            gradient_tol=gradient_tol,
            max_steps=max_steps,
            arrived=_after(first, arrived),
        )
        x[batch], loss[batch] = ends.x[:, :size], ends.value
        n_calls = max(n_calls, calls)
    return DescendedModels(
        W=x[:, : m * n].reshape(-1, m, n), b=x[:, m * n :], loss=loss, n_calls=n_calls
    )


def _after(before: int, arrived: Callable[[int], None] | None) -> Callable[[int], None] | None:
    """Counts the models of one batch after those of the batches before it."""
    return None if arrived is None else lambda number: arrived(before + number)
