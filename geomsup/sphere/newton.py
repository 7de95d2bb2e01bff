"""Newton's method for a pair energy on the sphere.

The Hessian lives in the tangent spaces, dim − 1 coordinates for each point.  Rotations of the
whole configuration leave it singular, and far from a minimum it is indefinite; a Levenberg shift,
raised until the Cholesky factorisation succeeds and lowered again afterwards, deals with both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotrs

from geomsup.sphere.kernels import Kernel

__all__ = ["hessian", "newton_polish", "tangent_bases"]

FloatArray = NDArray[np.float64]

_LEAST_SHIFT = 1e-9  # of the mean curvature: keeps the factorisation of a singular Hessian going
_FIRST_SHIFT = 4e-3
_MOST_SHIFT = 1e3
_STEPS = 150
_NOISE = 1e-14  # relative rounding of an energy


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
    """Second derivatives along the sphere, (n (dim − 1), n (dim − 1)), in given tangent bases.

    Block (i, j): f''(t_ij) (Bᵢ xⱼ)(Bⱼ xᵢ)ᵀ + f'(t_ij) Bᵢ Bⱼᵀ; block (i, i):
    Σ_k f''(t_ik) (Bᵢ x_k)(Bᵢ x_k)ᵀ − Σ_k f'(t_ik) t_ik, the bend of the sphere itself.
    """
    n, k, dim = bases.shape
    flat = bases.reshape(n * k, dim)
    cosines = x @ x.T
    second = kernel.curvature(cosines.copy())
    slope = kernel.value_and_slope(cosines.copy())[1]
    seen = (flat @ x.T).reshape(n, k, n)  # [i, a, j] = Bᵢᵃ · xⱼ
    weighted = seen * second[:, None, :]
    h = (flat @ flat.T).reshape(n, k, n, k)
    h *= slope[:, None, :, None]
    h += weighted[:, :, :, None] * np.ascontiguousarray(seen.transpose(2, 0, 1))[:, None]
    own = weighted @ seen.transpose(0, 2, 1)
    own -= np.einsum("ij,ij->i", slope, cosines)[:, None, None] * np.eye(k)
    diagonal = np.arange(n)
    h[diagonal, :, diagonal, :] = own
    return np.asarray(h.reshape(n * k, n * k))


def newton_polish(
    x: FloatArray, energy: float, gradient: FloatArray, kernel: Kernel, goal: float
) -> tuple[FloatArray, float, FloatArray]:
    """Newton steps from unit rows x (n, dim) until no gradient component is above the goal."""
    n, dim = x.shape
    reach = 0.5 * (4.0 / n) ** (1.0 / max(dim - 1, 1))  # half the distance of neighbours
    shift = 0.0
    size = float(np.abs(gradient).max())
    for _ in range(_STEPS):
        if size <= goal:
            break
        bases = tangent_bases(x)
        h = hessian(x, kernel, bases)
        wanted = np.einsum("nkd,nd->nk", bases, gradient).ravel()
        mean = float(np.abs(h.trace())) / len(h)
        while True:
            shifted = np.array(h, order="F")
            shifted.T.reshape(-1)[:: len(h) + 1] += max(shift, _LEAST_SHIFT) * mean
            factor, failed = dpotrf(shifted, lower=1, clean=0, overwrite_a=1)
            if not failed:
                solved = -dpotrs(factor, wanted, lower=1)[0]
                move = np.einsum("nk,nkd->nd", solved.reshape(n, -1), bases)
                longest = float(np.sqrt(np.einsum("nd,nd->n", move, move).max()))
                if longest <= 2.0 * reach:
                    trial = x + min(1.0, reach / max(longest, 1e-300)) * move
                    trial /= np.sqrt(np.einsum("nd,nd->n", trial, trial))[:, None]
                    new_energy, new_gradient = kernel.energy_and_gradient(trial)
                    new_size = float(np.abs(new_gradient).max())
                    slack = _NOISE * abs(energy)
                    if new_energy < energy - slack or (
                        new_energy <= energy + slack and new_size < size
                    ):
                        break
            # A gradient alone bends the rotations downwards, by about its own size.
            shift = max(4.0 * shift, min(size / mean, _FIRST_SHIFT))
            if shift > _MOST_SHIFT:
                return x, energy, gradient
        x, energy, gradient, size = trial, float(new_energy), new_gradient, new_size
        shift = shift / 5.0 if shift > 1e-4 else 0.0
    return x, energy, gradient
