"""Descend many models at once, each with a problem of its own.

The phase diagram and the trainer's exact objective both need it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.descent import descend
from geomsup.theory.loss import Problem, batch_losses
from geomsup.theory.packing import packed, unpacked

__all__ = ["DescendedModels", "arrived_after", "descend_models"]

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
        One for all models, or with one row and one weight decay for each; how features depend on
        each other is the same for all.
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
        p, importance = x[:, size : size + n], x[:, size + n : size + 2 * n]
        own = replace(problem, p=p, importance=importance, weight_decay=x[:, -1])
        value, grad_W, grad_b = batch_losses(*unpacked(x[:, :size], m), own, tol)
        # What says which problem it is has no gradient, so that it stays.
        return value, np.hstack([packed(grad_W, grad_b), np.zeros((len(x), 2 * n + 1))])

    of_each = [np.broadcast_to(values, b.shape) for values in (problem.p, problem.importance)]
    decay = np.broadcast_to(problem.weight_decay, n_models)[:, None]
    starts = np.hstack([packed(W, b), *of_each, decay])
    x, loss, n_calls = np.empty((n_models, size)), np.empty(n_models), 0
    for first in range(0, n_models, _BATCH):
        batch = slice(first, first + _BATCH)
        calls = 0
        ends = descend(
            function,
            starts[batch],
            gradient_tol=gradient_tol,
            max_steps=max_steps,
            arrived=arrived_after(first, arrived),
        )
        x[batch], loss[batch] = ends.x[:, :size], ends.value
        n_calls = max(n_calls, calls)
    W, b = unpacked(x, m)
    return DescendedModels(W=W, b=b, loss=loss, n_calls=n_calls)


def arrived_after(
    before: int, arrived: Callable[[int], None] | None
) -> Callable[[int], None] | None:
    """Counts the starts of one batch after those of the batches before it."""
    return None if arrived is None else lambda number: arrived(before + number)
