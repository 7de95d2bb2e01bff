"""Descent of a pair energy on the sphere.

Limited-memory BFGS finds the basin and Newton steps finish it (:mod:`geomsup.sphere.newton`): the
soft modes of a hundred points cost quasi-Newton some three hundred steps and Newton five.  One
start at a time with few, in-place array operations was as fast as batches of starts from thirty
points on, and needs no bookkeeping of who has finished.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.sphere.kernels import Kernel, spacing
from geomsup.sphere.newton import newton_polish

__all__ = ["Descent", "descend"]

FloatArray = NDArray[np.float64]
Pair = tuple[FloatArray, FloatArray, float]  # step, gradient change, 1 / their product

_MEMORY = 4
_SUFFICIENT = 1e-4  # of the decrease that the gradient promises (Armijo 1966)
_NOISE = 1e-15  # relative rounding of an energy; smaller changes are no news
_SHORTEST = 1e-9  # of a quasi-Newton step
# Newton takes over when no component of the gradient is above this share of the force on a point.
_NEWTON_FROM = 5e-4
# Dense Hessians beyond this many rows cost more than the steps that they save.
_NEWTON_SIZE = 1600
_QUASI_NEWTON_STEPS = 4000


@dataclass(frozen=True, kw_only=True, eq=False)
class Descent:
    """Where a descent ended."""

    points: FloatArray  # (n_points, dim)
    energy: float
    gradient_norm: float  # largest component of the gradient along the sphere
    converged: bool


def descend(
    x: FloatArray, kernel: Kernel, on_progress: Callable[[float], None] | None = None
) -> Descent:
    """Minimise the energy from unit rows x (n_points, dim).

    `on_progress` gets after each step how far the descent is, from 0 to 1: the share of the way
    that the logarithm of the gradient has come.
    """
    # Random points may be so close that a steep energy overflows; such a step is not taken.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _descend(x, kernel, on_progress)


def _descend(x: FloatArray, kernel: Kernel, on_progress: Callable[[float], None] | None) -> Descent:
    n, dim = x.shape
    newton = n * (dim - 1) <= _NEWTON_SIZE
    x, energy, gradient = _quasi_newton(x, kernel, _NEWTON_FROM if newton else None, on_progress)
    if newton:
        x, energy, gradient = newton_polish(
            x, energy, gradient, kernel, kernel.gradient_goal(energy, dim)
        )
    norm = float(np.abs(gradient).max())
    return Descent(
        points=x,
        energy=energy,
        gradient_norm=norm,
        converged=norm <= kernel.gradient_goal(energy, dim),
    )


def _quasi_newton(
    x: FloatArray,
    kernel: Kernel,
    share: float | None,
    on_progress: Callable[[float], None] | None,
) -> tuple[FloatArray, float, FloatArray]:
    """L-BFGS until the gradient is a share of the force, or meets its goal when that is None."""
    n, dim = x.shape
    energy, gradient = kernel.energy_and_gradient(x)
    pairs: deque[Pair] = deque(maxlen=_MEMORY)
    # No point moves further in one step than half the distance to its neighbours.
    reach = 0.5 * spacing(n, dim)
    scale = 0.4 * reach / max(_longest(gradient), 1e-300)
    first = float(np.vdot(gradient, gradient))
    for _ in range(_QUASI_NEWTON_STEPS):
        goal = kernel.gradient_goal(energy, dim) if share is None else share * kernel.force(energy)
        flat = gradient.reshape(-1)
        # The sum of squares is the cheaper test, and rarely lets the exact one be reached.
        squares, wanted = float(flat @ flat), goal * goal * flat.size
        if squares <= wanted and np.abs(flat).max() <= goal:
            break
        if on_progress is not None and wanted < squares < first:
            on_progress(math.log(first / squares) / math.log(first / wanted))
        direction = _direction(flat, pairs, scale)
        promised = float(flat @ direction)
        if not promised < 0.0:  # uphill, or the NaN of an overflow
            pairs.clear()
            direction = -scale * flat
            promised = float(flat @ direction)
        moves = direction.reshape(n, dim)
        step = min(1.0, reach / max(_longest(moves), 1e-300))
        while True:
            trial = x + step * moves
            trial /= np.sqrt(np.einsum("nd,nd->n", trial, trial))[:, None]
            new_energy, new_gradient = kernel.energy_and_gradient(trial)
            if new_energy <= energy + _SUFFICIENT * step * promised + _NOISE * abs(energy):
                break
            step *= 0.3
            if step < _SHORTEST:
                if not pairs:
                    return x, energy, gradient  # not even the gradient leads downhill
                break
        if step < _SHORTEST:
            pairs.clear()
            continue
        s = (trial - x).reshape(-1)
        y = (new_gradient - gradient).reshape(-1)
        sy, yy = float(s @ y), float(y @ y)
        if sy > 1e-9 * (yy * float(s @ s)) ** 0.5:
            pairs.append((s, y, 1.0 / sy))
            scale = sy / yy
        x, energy, gradient = trial, new_energy, new_gradient
    return x, energy, gradient


def _direction(gradient: FloatArray, pairs: deque[Pair], scale: float) -> FloatArray:
    """Minus the inverse Hessian times the gradient: the two-loop recursion (Nocedal 1980)."""
    q = gradient.copy()
    weights = []
    for s, y, inverse in reversed(pairs):
        weight = inverse * float(s @ q)
        weights.append(weight)
        q -= weight * y
    q *= scale
    for (s, y, inverse), weight in zip(pairs, reversed(weights), strict=True):
        q += (weight - inverse * float(y @ q)) * s
    return np.negative(q, out=q)


def _longest(moves: FloatArray) -> float:
    """Length of the longest move of a point, of (n_points, dim)."""
    return math.sqrt(np.einsum("nd,nd->n", moves, moves).max())
