"""Descent of a pair energy on the sphere, many starts side by side.

Limited-memory BFGS finds the basin and Newton steps finish it (:mod:`geomsup.sphere.newton`): the
soft modes of a hundred points cost quasi-Newton some three hundred steps and Newton five.  The
quasi-Newton part treats a whole batch at once, because a step is some forty numpy calls however
many starts there are.  Every start keeps its own step, history and verdict, and no start's path
depends on its neighbours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.sphere.kernels import Kernel
from geomsup.sphere.newton import newton_polish

__all__ = ["Descent", "descend", "force_scale", "gradient_goal", "spacing"]

FloatArray = NDArray[np.float64]

_MEMORY = 8
_SUFFICIENT = 1e-4  # of the decrease that the gradient promises (Armijo 1966)
_NOISE = 1e-15  # relative rounding of an energy; smaller changes are no news
_SHORTEST = 1e-9  # of a quasi-Newton step, before the history is dropped
# Newton takes over when no component of the gradient is above this share of the force on a point.
_NEWTON_FROM = 7e-4
# Dense Hessians beyond this many rows cost more than the steps that they save.
_NEWTON_SIZE = 4000
_QUASI_NEWTON_STEPS = 4000


@dataclass(frozen=True, kw_only=True, eq=False)
class Descent:
    """Where the starts ended."""

    points: FloatArray  # (n_starts, n_points, dim)
    energy: FloatArray  # (n_starts,)
    gradient_norm: FloatArray  # (n_starts,), largest component of the tangential gradient
    converged: NDArray[np.bool_]  # (n_starts,)


def force_scale(energy: FloatArray, n_points: int, kernel: Kernel) -> FloatArray:
    """What all other points together exert on one, the yardstick of a gradient (n_starts,).

    Twice the virial Σ_j f'(t_ij) (1 − t_ij), averaged over the points i.
    """
    if kernel.power == 0.0:
        return np.full(energy.shape, n_points - 1.0)
    return 2.0 * kernel.power / n_points * energy


def gradient_goal(energy: FloatArray, n_points: int, dim: int, kernel: Kernel) -> FloatArray:
    """Largest gradient component of a converged start: 1e-10 where rounding allows it.

    Below it for energies below one, so that small energies are as exact as large ones.  Above it
    where the squared distance 2 − 2t of neighbours, with its rounding of 1e-16, does not give the
    force as well; on the ordinary sphere that begins at some thousand points.
    """
    scale = force_scale(energy, n_points, kernel)
    rounding = max(1e-13, 1e-15 / spacing(n_points, dim) ** 2)
    return np.maximum(1e-10 * np.minimum(1.0, scale), rounding * scale)


def spacing(n_points: int, dim: int) -> float:
    """Rough distance of neighbours among points that are spread evenly."""
    return float((4.0 / n_points) ** (1.0 / max(dim - 1, 1)))


def descend(x: FloatArray, kernel: Kernel, target: float = -math.inf) -> Descent:
    """Minimise the energy from each of the starts x, unit rows of shape (n_starts, n, dim).

    Once a start has reached the target the others are left unfinished.
    """
    # Random points may be so close that a steep energy overflows; such a step is not taken.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _descend(x, kernel, target)


def _descend(x: FloatArray, kernel: Kernel, target: float) -> Descent:
    n, dim = x.shape[1:]
    newton = n * (dim - 1) <= _NEWTON_SIZE
    x, energy, gradient = _quasi_newton(x, kernel, _NEWTON_FROM if newton else None)
    if newton:
        # The lowest first: with a target it is the likeliest to save the others the trouble.
        for start in np.argsort(energy, kind="stable"):
            goal = float(gradient_goal(energy[start : start + 1], n, dim, kernel)[0])
            x[start], energy[start], gradient[start] = newton_polish(
                x[start], float(energy[start]), gradient[start], kernel, goal
            )
            if energy[start] <= target:
                break
    norm = np.abs(gradient).max((1, 2))
    return Descent(
        points=x,
        energy=energy,
        gradient_norm=norm,
        converged=norm <= gradient_goal(energy, n, dim, kernel),
    )


class _History:
    """The last steps and gradient changes of every start, and the direction that they advise.

    Byrd, Nocedal & Schnabel 1994, eq. 3.1: the inverse Hessian in compact form, which is two
    matrix products for a batch where the two-loop recursion is a long chain of them.  The newest
    pair stands last.  A start without a usable pair in a slot holds zeros there, and a one on the
    diagonal of its products, which change nothing.
    """

    def __init__(self, n_starts: int, size: int) -> None:
        self.pairs = np.zeros((n_starts, 2, _MEMORY, size))  # steps s, gradient changes y
        self.scale = np.zeros(n_starts)
        self.sy = np.tile(np.eye(_MEMORY), (n_starts, 1, 1))  # s_i · y_j for i ≤ j
        self.yy = np.zeros((n_starts, _MEMORY, _MEMORY))

    def keep(self, starts: NDArray[np.bool_]) -> None:
        """Forget the starts that have finished."""
        self.pairs, self.scale = self.pairs[starts], self.scale[starts]
        self.sy, self.yy = self.sy[starts], self.yy[starts]

    def forget(self, starts: NDArray[np.bool_]) -> None:
        """Drop all curvature of some starts."""
        self.pairs[starts] = 0.0
        self.sy[starts] = np.eye(_MEMORY)
        self.yy[starts] = 0.0

    def advise(
        self, s: FloatArray, y: FloatArray, good: NDArray[np.bool_], g: FloatArray
    ) -> FloatArray:
        """Take in one pair for each start, and return minus the inverse Hessian times g.

        All of shape (n_starts, size); the rows of s and y that are not good are overwritten.
        """
        along = np.einsum("bk,bk->b", s, y)
        yy = np.einsum("bk,bk->b", y, y)
        good = good & (along > 1e-9 * np.sqrt(yy * np.einsum("bk,bk->b", s, s)))
        everywhere = bool(good.all())
        if everywhere:
            self.scale = along / yy
        else:
            s[~good] = 0.0
            y[~good] = 0.0
            self.scale[good] = along[good] / yy[good]
        pairs, m = self.pairs, _MEMORY
        pairs[:, :, :-1] = pairs[:, :, 1:]
        pairs[:, 0, -1], pairs[:, 1, -1] = s, y
        rows = pairs.reshape(len(s), 2 * m, -1)
        products = rows @ np.stack((y, g), axis=2)
        self.sy[:, :-1, :-1] = self.sy[:, 1:, 1:]
        self.sy[:, -1] = 0.0
        self.sy[:, :, -1] = products[:, :m, 0]
        self.yy[:, :-1, :-1] = self.yy[:, 1:, 1:]
        self.yy[:, :, -1] = self.yy[:, -1] = products[:, m:, 0]
        if not everywhere:
            self.sy[~good, -1, -1] = 1.0
        inverse = np.linalg.inv(self.sy)
        rp = inverse @ products[:, :m, 1:]
        scale = self.scale[:, None, None]
        curvature = np.einsum("bmm->bm", self.sy)[:, :, None]
        inner = curvature * rp + scale * (self.yy @ rp - products[:, m:, 1:])
        weights = np.concatenate((inverse.swapaxes(1, 2) @ inner, -scale * rp), axis=1)
        result = -self.scale[:, None] * g
        result -= (weights.swapaxes(1, 2) @ rows)[:, 0]
        return np.asarray(result)


def _quasi_newton(
    x: FloatArray, kernel: Kernel, share: float | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """L-BFGS until the gradient is a share of the force, or meets its goal when that is None."""
    n_starts, n, dim = x.shape
    ends = (np.empty_like(x), np.empty(n_starts), np.empty_like(x))
    at = np.arange(n_starts)
    energy, gradient = kernel.energy_and_gradient(x)
    history = _History(n_starts, n * dim)
    # No point moves further in one step than half the distance to its neighbours.
    reach = 0.5 * spacing(n, dim)
    history.scale = 0.4 * reach / np.maximum(_longest(gradient), 1e-300)
    direction = -history.scale[:, None, None] * gradient
    step = np.ones(n_starts)
    for _ in range(_QUASI_NEWTON_STEPS):
        if share is None:
            goal = gradient_goal(energy, n, dim, kernel)
        else:
            goal = share * force_scale(energy, n, kernel)
        done = np.abs(gradient).max((1, 2)) <= goal
        done |= step < _SHORTEST
        if done.any():
            for end, values in zip(ends, (x, energy, gradient), strict=True):
                end[at[done]] = values[done]
            left = ~done
            at, x, energy, gradient = at[left], x[left], energy[left], gradient[left]
            direction, step = direction[left], step[left]
            history.keep(left)
            if not at.size:
                break
        trial = x + step[:, None, None] * direction
        trial /= np.sqrt(np.einsum("bnd,bnd->bn", trial, trial))[..., None]
        new_energy, new_gradient = kernel.energy_and_gradient(trial)
        promised = step * np.einsum("bnd,bnd->b", gradient, direction)
        good = new_energy <= energy + _SUFFICIENT * promised + _NOISE * np.abs(energy)
        everywhere = bool(good.all())
        step_taken = (trial - x).reshape(len(at), -1)
        change = (new_gradient - gradient).reshape(len(at), -1)
        if everywhere:
            x, energy, gradient = trial, new_energy, new_gradient
        else:
            x = np.where(good[:, None, None], trial, x)
            energy = np.where(good, new_energy, energy)
            gradient = np.where(good[:, None, None], new_gradient, gradient)
        flat = gradient.reshape(len(at), -1)
        advised = history.advise(step_taken, change, good, flat).reshape(x.shape)
        # The negated comparison also catches the NaN of an overflow.
        uphill = ~(np.einsum("bnd,bnd->b", gradient, advised) < 0.0)
        if uphill.any():
            history.forget(uphill)
            advised[uphill] = -history.scale[uphill, None, None] * gradient[uphill]
        advised *= np.minimum(1.0, reach / np.maximum(_longest(advised), 1e-300))[:, None, None]
        if everywhere:
            direction, step = advised, np.ones(len(at))
        else:
            direction = np.where(good[:, None, None], advised, direction)
            step = np.where(good, 1.0, 0.3 * step)
    for end, values in zip(ends, (x, energy, gradient), strict=True):
        end[at] = values
    return ends


def _longest(moves: FloatArray) -> FloatArray:
    """Length of the longest move of a point, for each start of (n_starts, n, dim)."""
    return np.asarray(np.sqrt(np.einsum("bnd,bnd->bn", moves, moves).max(1)))
