"""Quasi-Newton descent from many starts side by side.

Every start keeps its own inverse Hessian, step length and verdict; all of them share one call of
the function a step, because a batched exact loss costs little more than a single one.  A start
whose trial point fails the sufficient-decrease test shortens its step while the others move on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Descent", "descend", "descend_in_units"]

FloatArray = NDArray[np.float64]
Function = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
Linear = Callable[[FloatArray], FloatArray]

_SUFFICIENT = 1e-4  # of the decrease that the gradient promises (Armijo 1966)
_SHORTEST = 1e-14
_NOISE = 4e-16  # relative rounding of a loss; smaller changes are no news
# A start that gained less than so much, relative, in so many steps has arrived: at rounding, or at
# a kink, where the gradient never vanishes.
_STALLED, _PATIENCE = 1e-14, 40


@dataclass(frozen=True, kw_only=True, eq=False)
class Descent:
    """Where the starts ended."""

    x: FloatArray  # (n_starts, n_parameters)
    value: FloatArray  # (n_starts,)
    gradient: FloatArray  # (n_starts, n_parameters)


def descend(
    function: Function,
    x: FloatArray,
    *,
    gradient_tol: float = 1e-10,
    max_steps: int = 2000,
    arrived: Callable[[int], None] | None = None,
) -> Descent:
    """Minimise from each row of `x` by BFGS with backtracking.

    Parameters
    ----------
    function : callable
        (n, n_parameters) to values (n,) and gradients (n, n_parameters).
    x : ndarray of shape (n_starts, n_parameters)
    gradient_tol : float
        Stop a start when no component of its gradient is larger, or when it gains nothing more.
    max_steps : int
        Function calls, each for all the starts that are still moving.
    arrived : callable, optional
        Told after each of them how many starts move no more.
    """
    x = x.copy()
    n_starts, size = x.shape
    value, gradient = function(x)
    inverse = np.tile(np.eye(size), (n_starts, 1, 1))
    fresh = np.ones(n_starts, dtype=bool)  # no curvature learnt yet
    direction = -gradient
    step = np.minimum(1.0, 0.1 / np.maximum(np.linalg.norm(gradient, axis=1), 1e-300))
    moving = np.abs(gradient).max(1) > gradient_tol
    earlier = value.copy()
    for n_steps in range(max_steps):
        if n_steps % _PATIENCE == _PATIENCE - 1:
            moving &= earlier - value > _STALLED * np.abs(value)
            earlier = value.copy()
        at = np.flatnonzero(moving)
        if arrived is not None:
            arrived(n_starts - at.size)
        if not at.size:
            break
        change = step[at, None] * direction[at]
        new_value, new_gradient = function(x[at] + change)
        slope = np.einsum("sd,sd->s", gradient[at], direction[at])
        slack = _NOISE * np.abs(value[at])
        good = new_value <= value[at] + _SUFFICIENT * step[at] * slope + slack
        good &= np.isfinite(new_value)

        won, s, y = at[good], change[good], new_gradient[good] - gradient[at[good]]
        x[won] += s
        value[won], gradient[won] = new_value[good], new_gradient[good]
        sy = np.einsum("sd,sd->s", s, y)
        yy = np.einsum("sd,sd->s", y, y)
        bent = sy > 1e-10 * np.sqrt(yy * np.einsum("sd,sd->s", s, s)) + 1e-300
        learn, s, y, sy, yy = won[bent], s[bent], y[bent], sy[bent], yy[bent]
        first = fresh[learn]
        inverse[learn[first]] *= (sy[first] / yy[first])[:, None, None]
        fresh[learn] = False
        inverse[learn] = _updated(inverse[learn], s, y, sy)
        direction[won] = -np.einsum("sij,sj->si", inverse[won], gradient[won])
        step[won] = 1.0

        lost = at[~good]
        step[lost] *= 0.3
        stuck = lost[step[lost] < _SHORTEST]
        uphill = won[np.einsum("sd,sd->s", gradient[won], direction[won]) >= 0.0]
        moving[stuck[fresh[stuck]]] = False  # not even the gradient leads downhill
        again = np.concatenate([stuck[~fresh[stuck]], uphill])
        inverse[again] = np.eye(size)
        fresh[again] = True
        direction[again] = -gradient[again]
        step[again] = 0.1
        moving[won[np.abs(gradient[won]).max(1) <= gradient_tol]] = False
    return Descent(x=x, value=value, gradient=gradient)


def _updated(inverse: FloatArray, s: FloatArray, y: FloatArray, sy: FloatArray) -> FloatArray:
    """H ← (1 − s yᵀ/sy) H (1 − y sᵀ/sy) + s sᵀ/sy, after steps s that changed the gradient by y."""
    hy = np.einsum("sij,sj->si", inverse, y)
    gain = (sy + np.einsum("sd,sd->s", y, hy)) / sy**2
    cross = hy[:, :, None] * s[:, None, :] / sy[:, None, None]
    inverse = inverse + gain[:, None, None] * s[:, :, None] * s[:, None, :]
    updated: FloatArray = inverse - (cross + cross.transpose(0, 2, 1))
    return updated


def descend_in_units(
    function: Function, x: FloatArray, divided: Linear, multiplied: Linear, **settings: Any
) -> Descent:
    """Descend in y of x = divided(y), in which all directions are about as steep.

    Parameters
    ----------
    function : callable
        Of x, as in :func:`descend`.
    x : ndarray of shape (n_starts, n_parameters)
    divided, multiplied : callable
        A symmetric linear map of rows, and its inverse.
    **settings
        As in :func:`descend`; gradients are those in y.

    Returns
    -------
    Descent
        In x.
    """

    def in_units(y: FloatArray) -> tuple[FloatArray, FloatArray]:
        value, gradient = function(divided(y))
        return value, divided(gradient)

    ends = descend(in_units, multiplied(x), **settings)
    return Descent(x=divided(ends.x), value=ends.value, gradient=multiplied(ends.gradient))
