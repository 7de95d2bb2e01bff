"""How much the data speak for a shape: Bayesian evidence of directions under noise.

The residual of a fit cannot choose between shapes, because a shape of higher rank soaks up more
noise and a shape with fewer symmetries has more ways to be laid over the data.  The evidence
charges for both.  Three models share one noise scale σ (geodesic, in radians per tangent
axis) and are compared with each other, each by Laplace's method:

* a *shape* of rank r: N unit vectors of known arrangement, in unknown order and orientation;
* a *generic* set of rank r: N independent uniform directions in an unknown r-dimensional
  subspace, which is what "irregular" means;
* two *orthogonal* components: subspaces whose mutual angles are noise, against subspaces
  that are oriented independently.

All functions return natural logarithms of densities on the product of N unit spheres in Rᵐ, on
the grid ``NOISE_GRID`` of σ values, over which σ is marginalised with a log-uniform prior.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

__all__ = [
    "NOISE_GRID",
    "generic_log_evidence",
    "marginalise",
    "noise_grid",
    "orthogonality_log_evidence",
    "shape_log_evidence",
]

Array = NDArray[np.float64]

# Below .005 rad a shape is exact for every purpose here; above .25 rad neighbouring vertices of
# even small shapes trade places and a name means nothing.
NOISE_GRID: Array = np.geomspace(0.005, 0.25, 20)
NOISE_GRID.setflags(write=False)

_LOG_2PI = float(np.log(2 * np.pi))


def noise_grid(noise: float | None) -> Array:
    """Return the grid of σ to marginalise over: one value when the noise is given."""
    return NOISE_GRID if noise is None else np.array([noise])


def marginalise(log_evidence: Array) -> float:
    """Average a log evidence over the noise grid (log-uniform prior on σ)."""
    return float(logsumexp(log_evidence)) - float(np.log(len(log_evidence)))


def shape_log_evidence(
    *,
    residual: float,
    singular_values: Array,
    n_vertices: int,
    dim: int,
    symmetry_order: int,
    sigma: Array,
    parameter_curvature: float = 0.0,
    parameter_range: float = 0.0,
) -> Array:
    """Return log p(directions | shape, σ) for each σ.

    Parameters
    ----------
    residual : float
        E = Σ|x_k - Q v_π(k)|² at the best rotation and permutation.
    singular_values : ndarray of shape (r,)
        Singular values of Σ x_k v_π(k)ᵀ; their sums are the curvatures of E/2 in the rotation
        angles.
    n_vertices, dim : int
        Number N of directions and dimension m of the space they live in.
    symmetry_order : int
        Order of the symmetry group, the number of equally good fits.
    sigma : ndarray of shape (n_sigma,)
        Noise scales in radians.
    parameter_curvature, parameter_range : float
        Second derivative of E/2 in the free parameter of a family, and the width of its
        uniform prior; 0 for a shape without one.
    """
    rank = len(singular_values)
    log_variance = _LOG_2PI + 2 * np.log(sigma)
    # A singular value of zero would be a rotation that costs nothing; the angle is bounded anyway.
    pairs = singular_values[:, None] + singular_values[None, :]
    curvatures = np.concatenate(
        [pairs[np.triu_indices(rank, 1)], np.repeat(singular_values, dim - rank)]
    )
    occam = 0.5 * (len(curvatures) * log_variance - np.log(np.maximum(curvatures, 1e-9)).sum())
    result: Array = (
        -0.5 * residual / sigma**2
        - 0.5 * n_vertices * (dim - 1) * log_variance
        + occam
        + math.log(symmetry_order)
        - gammaln(n_vertices + 1)
        - _log_stiefel(rank, dim)
    )
    if parameter_range > 0:
        width = 0.5 * (log_variance - np.log(max(parameter_curvature, 1e-9)))
        result = result + np.minimum(width - np.log(parameter_range), 0.0)
    return result


def generic_log_evidence(
    energies: Array, *, n_vertices: int, dim: int, sigma: Array
) -> tuple[Array, Array]:
    """Return log p(directions | independent directions in an r-dimensional subspace, σ).

    Parameters
    ----------
    energies : ndarray
        Squared singular values of the N directions, descending.
    n_vertices, dim : int
        Number N of directions and dimension m of the space they live in.
    sigma : ndarray of shape (n_sigma,)
        Noise scales in radians.

    Returns
    -------
    ranks : ndarray of shape (n_ranks,)
        The ranks r considered: 1 only for a single direction, because distinct directions on
        one line are a digon.
    log_evidence : ndarray of shape (n_ranks, n_sigma)
    """
    largest = min(n_vertices, dim, len(energies))
    ranks = np.arange(1, largest + 1)
    first = 0 if n_vertices == 1 or largest == 1 else 1
    log_variance = _LOG_2PI + 2 * np.log(sigma)[None, :]
    outside = np.maximum(energies.sum() - np.cumsum(energies[:largest]), 0.0)[:, None]
    r = ranks[:, None]
    sphere = np.array([_log_sphere(k) for k in ranks])[:, None]
    grassmann = np.array([_log_stiefel(k, dim) - _log_stiefel(k, k) for k in ranks])
    # Laplace's width of a rotation out of the subspace, bounded by the room there is for it.
    log_energies = np.log(np.maximum(energies[:largest], 1e-12))
    width = 0.5 * (log_variance[:, None, :] - log_energies[None, :, None])
    width = np.minimum((dim - r)[:, :, None] * width, (grassmann / ranks)[:, None, None])
    tilt = (width * np.tri(largest)[:, :, None]).sum(axis=1)
    result: Array = (
        -n_vertices * sphere
        - 0.5 * n_vertices * (dim - r) * log_variance
        - 0.5 * outside / sigma[None, :] ** 2
        + tilt
        - grassmann[:, None]
    )
    if largest == n_vertices or largest == dim:
        # Nothing is constrained: the directions are uniform on the whole sphere, exactly.
        result[-1] = -n_vertices * _log_sphere(dim)
    return ranks[first:], result[first:]


def orthogonality_log_evidence(cosine: Array, stiffness: Array, *, dim: int, sigma: Array) -> Array:
    """Return the log Bayes factor for "orthogonal up to noise" against "independent".

    Parameters
    ----------
    cosine : ndarray of shape (n_pairs,)
        Inner products of principal directions of two components.
    stiffness : ndarray of shape (n_pairs,)
        λ_a λ_b / (λ_a + λ_b) for their energies λ: a tilt by angle c costs E = stiffness · c².
    dim : int
        Dimension of the space.
    sigma : ndarray of shape (n_sigma,)
        Noise scales in radians.

    Returns
    -------
    ndarray of shape (n_pairs, n_sigma)
    """
    variance = sigma[None, :] ** 2 / np.maximum(stiffness, 1e-9)[:, None]
    squared = cosine[:, None] ** 2
    # The cosine of two independent directions has variance 1/m; on the line it is ±1 always.
    free_variance = 1.0 / dim
    noise = -0.5 * (squared / variance + np.log(variance))
    free = -0.5 * (squared / free_variance + np.log(free_variance))
    result: Array = noise - free
    return result


@cache
def _log_sphere(dim: int) -> float:
    """Return the log area of the unit sphere in R^dim."""
    return float(np.log(2) + 0.5 * dim * np.log(np.pi) - gammaln(0.5 * dim))


@cache
def _log_stiefel(rank: int, dim: int) -> float:
    """Return the log volume of the orthonormal r-frames in R^dim (unit generators)."""
    return sum(_log_sphere(k) for k in range(dim - rank + 1, dim + 1))
