"""Newton's method for a pair energy on the sphere.

The Hessian lives in the tangent spaces, dim − 1 coordinates for each point.  Rotations of the
whole configuration leave it singular, and far from a minimum it is indefinite; a Levenberg shift,
raised until the Cholesky factorisation succeeds and lowered again afterwards, deals with both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotrs

from geomsup.sphere.kernels import Kernel, spacing

__all__ = ["hessian", "newton_polish", "tangent_bases"]

FloatArray = NDArray[np.float64]

_LEAST_SHIFT = 1e-9  # of the mean curvature: keeps the factorisation of a singular Hessian going
_FIRST_SHIFT = 4e-3
_MOST_SHIFT = 1e3
_STEPS = 150
_NOISE = 1e-14  # relative rounding of an energy
# Steps that leave the energy alone and raise the gradient.  At a minimum with quartic directions
# (nine points in R⁴, s = 2) a step along one excites the stiff ones, which the next step cures.
_DETOURS = 40


def tangent_bases(x: FloatArray) -> FloatArray:
    """Orthonormal bases of the tangent spaces at unit rows x (n, dim): (n, dim − 1, dim).

    The rows 2 … dim of the Householder reflector that takes the first axis to ∓x.
    """
    dim = x.shape[1]
    v = x.copy()
    v[:, 0] += np.where(x[:, 0] >= 0.0, 1.0, -1.0)
    v /= np.sqrt(1.0 + np.abs(x[:, 0]))[:, None]  # |v|² = 2
    bases = -v[:, 1:, None] * v[:, None, :]
    bases[:, np.arange(dim - 1), np.arange(1, dim)] += 1.0
    return bases


def hessian(x: FloatArray, kernel: Kernel, bases: FloatArray) -> FloatArray:
    """Second derivatives along the sphere in given tangent bases, (n (dim − 1), n (dim − 1)).

    Row a n + i belongs to basis vector a of point i: blocks of n × n are contiguous, which makes
    them four times faster to fill than blocks of (dim − 1) × (dim − 1).  Between two points
    f''(t_ij) (Bᵢᵃ xⱼ)(Bⱼᵇ xᵢ) + f'(t_ij) Bᵢᵃ Bⱼᵇ; for one point with itself
    Σ_k f''(t_ik) (Bᵢᵃ x_k)(Bᵢᵇ x_k) − δ_ab Σ_k f'(t_ik) t_ik, the bend of the sphere itself.
    """
    n, k, _ = bases.shape
    slope, curvature = kernel.slopes_and_curvatures(x)
    seen = [bases[:, a] @ x.T for a in range(k)]  # [a][i, j] = Bᵢᵃ · xⱼ
    bend = np.einsum("id,id->i", slope @ x, x)  # Σ_k f'(t_ik) t_ik
    h = np.empty((k * n, k * n))
    for a in range(k):
        weighted = seen[a] * curvature
        for b in range(a + 1):
            block = h[a * n : (a + 1) * n, b * n : (b + 1) * n]
            np.matmul(bases[:, a], bases[:, b].T, out=block)
            block *= slope
            block += weighted * seen[b].T
            own = np.einsum("ij,ij->i", weighted, seen[b])
            np.fill_diagonal(block, own - bend if a == b else own)
            if a != b:
                h[b * n : (b + 1) * n, a * n : (a + 1) * n] = block.T
    return h


def newton_polish(
    x: FloatArray, energy: float, gradient: FloatArray, kernel: Kernel, goal: float
) -> tuple[FloatArray, float, FloatArray]:
    """Newton steps from unit rows x (n, dim) until no gradient component is above the goal."""
    n, dim = x.shape
    reach = 0.5 * spacing(n, dim)
    shift = 0.0
    detours = 0
    best = (x, energy, gradient)
    size = least = float(np.abs(gradient).max())
    for _ in range(_STEPS):
        if size <= goal:
            break
        bases = tangent_bases(x)
        h = hessian(x, kernel, bases)
        wanted = np.einsum("nkd,nd->kn", bases, gradient).ravel()
        mean = float(np.abs(h.trace())) / len(h)
        while True:
            shifted = h.copy()
            shifted.reshape(-1)[:: len(h) + 1] += max(shift, _LEAST_SHIFT) * mean
            factor, failed = dpotrf(shifted.T, lower=1, clean=0, overwrite_a=1)
            if not failed:
                solved = -dpotrs(factor, wanted, lower=1)[0]
                move = np.einsum("kn,nkd->nd", solved.reshape(-1, n), bases)
                longest = float(np.sqrt(np.einsum("nd,nd->n", move, move).max()))
                if longest <= 2.0 * reach:
                    trial = x + min(1.0, reach / max(longest, 1e-300)) * move
                    trial /= np.sqrt(np.einsum("nd,nd->n", trial, trial))[:, None]
                    new_energy, new_gradient = kernel.energy_and_gradient(trial)
                    new_size = float(np.abs(new_gradient).max())
                    slack = _NOISE * abs(energy)
                    level = new_energy <= energy + slack
                    if new_energy < energy - slack or (level and new_size < size):
                        break
                    if level and detours < _DETOURS:
                        detours += 1
                        break
            shift = max(4.0 * shift, _FIRST_SHIFT)
            if shift > _MOST_SHIFT:
                return best
        x, energy, gradient, size = trial, new_energy, new_gradient, new_size
        if size < least:
            least, best = size, (x, energy, gradient)
        shift = shift / 5.0 if shift > 1e-4 else 0.0
    return best
