"""How much the data speak for a shape: Bayesian evidence of directions under noise.

The residual of a fit cannot choose between shapes, because a shape of higher rank soaks up more
noise and a shape with fewer symmetries has more ways to be laid over the data.  The evidence
charges for both.  Noise is von Mises–Fisher with concentration κ = 1/σ², which for small angles
is a Gaussian of σ radians per tangent axis, and whose normaliser stays exact when many tangent axes
add up to a large angle.  Three models share one σ and are compared, by Laplace's method where
an integral has no closed form:

* a *shape* of rank r: N unit vectors of known arrangement, in unknown order and orientation;
* a *generic* set: N independent uniform directions in an unknown r-dimensional subspace, or
  antipodal pairs of them on independent axes, which is what "irregular" means;
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
from scipy.special import gammaln, ive

__all__ = [
    "NOISE_GRID",
    "generic_log_evidence",
    "log_sum",
    "marginalise",
    "noise_grid",
    "orthogonality_log_evidence",
    "paired_log_evidence",
    "shape_log_evidence",
]

Array = NDArray[np.float64]

# Below .005 rad a shape is exact for every purpose here; above .25 rad neighbouring vertices of
# even small shapes trade places and a name means nothing.
NOISE_GRID: Array = np.geomspace(0.005, 0.25, 20)
NOISE_GRID.setflags(write=False)

_LOG_2PI = float(np.log(2 * np.pi))
# √(ν² + κ²) from which Debye's expansion of I_ν(κ) is taken; below it the series is cheap.
_DEBYE_FROM = 10.0


def noise_grid(noise: float | None) -> Array:
    """Return the grid of σ to marginalise over: one value when the noise is given."""
    return NOISE_GRID if noise is None else np.array([noise])


def log_sum(terms: Array, axis: int = 0) -> Array:
    """Return log Σ exp along an axis (SciPy's version costs more than the terms themselves)."""
    return np.asarray(np.logaddexp.reduce(terms, axis=axis))


def marginalise(log_evidence: Array) -> Array:
    """Average log evidences (…, n_sigma) over the noise grid (log-uniform prior on σ)."""
    return log_sum(log_evidence, axis=-1) - math.log(log_evidence.shape[-1])


def shape_log_evidence(
    *,
    residual: Array | float,
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
    residual : float or ndarray of shape (n_fits,)
        E = Σ|x_k - Q v_π(k)|² at the best rotation for one or several permutations.
    singular_values : ndarray of shape (r,) or (n_fits, r)
        Singular values of Σ x_k v_π(k)ᵀ, which say how firmly the data hold the rotation.
    n_vertices, dim : int
        Number N of directions and dimension m of the space they live in.
    symmetry_order : int
        Order of the symmetry group, the number of equally good fits.
    sigma : ndarray of shape (n_sigma,)
        Noise scales in radians.
    parameter_curvature, parameter_range : float
        Second derivative of E/2 in the free parameter of a family, and the width of its
        uniform prior; 0 for a shape without one.

    Returns
    -------
    ndarray of shape (n_sigma,) or (n_fits, n_sigma)
    """
    kappa = 1 / sigma**2
    stiffness = kappa[:, None] * singular_values[..., None, :]
    result: Array = (
        n_vertices * _log_peak_density(dim, kappa)
        - 0.5 * np.asarray(residual)[..., None] * kappa
        + _log_rotation_volume(stiffness, dim)
        + math.log(symmetry_order)
        - gammaln(n_vertices + 1)
    )
    if parameter_range > 0:
        stiff = np.maximum(kappa * parameter_curvature, 1e-12)
        width = 0.5 * (_LOG_2PI - np.log(stiff)) - np.log(parameter_range)
        result = result + np.minimum(width, 0.0)
    return result


def generic_log_evidence(points: Array, *, dim: int, sigma: Array) -> tuple[Array, Array]:
    """Return log p(directions | independent directions in an r-dimensional subspace, σ).

    Parameters
    ----------
    points : ndarray of shape (n_vertices, k)
        Unit vectors in the basis of their principal axes, strongest first.
    dim : int
        Dimension m ≥ k of the space they live in.
    sigma : ndarray of shape (n_sigma,)
        Noise scales in radians.

    Returns
    -------
    ranks : ndarray of shape (n_ranks,)
        The ranks r considered: 1 only for a single direction, because distinct directions on
        one line are a digon.
    log_evidence : ndarray of shape (n_ranks, n_sigma)

    Notes
    -----
    Given the subspace, a direction whose projection has length ρ has the exact density
    C_m(κ) / (|S^(r-1)| C_r(κρ)), C being the normaliser of the von Mises–Fisher density.  The
    integral over subspaces is Laplace's, in the axes of the data.
    """
    n_vertices, n_axes = points.shape
    ranks = np.arange(1 if n_vertices == 1 or dim == 1 else 2, min(n_vertices, n_axes) + 1)
    kappa = 1 / sigma**2
    squares = points**2
    inside = np.sqrt(np.clip(np.cumsum(squares, axis=1), 1e-12, 1.0))
    log_evidence = np.empty((len(ranks), len(sigma)))
    for row, r in enumerate(ranks):
        if r == min(n_vertices, dim):
            # Nothing is constrained: the directions are uniform on the whole sphere, exactly.
            log_evidence[row] = -n_vertices * _log_sphere(dim)
            continue
        reach = kappa[None, :] * inside[:, r - 1, None]
        projected = reach - kappa - _log_peak_density(r, np.maximum(reach, 1e-3))
        likelihood = n_vertices * (_log_peak_density(dim, kappa) - _log_sphere(r))
        # Each principal axis can tilt into the m - r directions outside, up to its sign.
        room = _log_stiefel(r, dim) - _log_stiefel(r, r)
        # A tilt of axis i by φ shortens projection k from ρ by φ² x_ki² / 2ρ.
        firmness = (squares[:, :r] / inside[:, r - 1, None]).sum(axis=0)
        axes = _log_rotation_volume(kappa[:, None, None] * firmness[None, :, None], dim - r + 1)
        tilt = (axes + _log_sphere(dim - r + 1)).sum(axis=1) - room
        tilt = np.minimum(tilt, 0.0)
        log_evidence[row] = likelihood + projected.sum(axis=0) + tilt
    return ranks, log_evidence


def paired_log_evidence(points: Array, *, dim: int, sigma: Array) -> Array | None:
    """Return log p(directions | antipodal pairs on independent axes, σ), or None without pairs.

    Learned features pair up whatever else they do, so directions in a crowd of leaning digons are
    far from independent.  Held only against independent directions, any figure made of antipodes
    (a cross-polytope above all) would look certain however badly it fits.

    Parameters
    ----------
    points : ndarray of shape (n_vertices, k)
        Unit vectors, in any basis of their span.
    dim : int
        Dimension m ≥ k of the space they live in.
    sigma : ndarray of shape (n_sigma,)
        Noise scales in radians.

    Returns
    -------
    ndarray of shape (n_sigma,) or None
        None unless each direction is the one most opposed to its own most opposed one.
    """
    n_vertices = len(points)
    if n_vertices < 4 or n_vertices % 2 or dim < 2:
        return None
    partner = (points @ points.T).argmin(axis=1)
    natural = np.arange(n_vertices)
    if not np.array_equal(partner[partner], natural):
        return None
    first = natural[natural < partner]
    # The best axis of a pair lies along its difference, whose length is the singular value.
    length = np.linalg.norm(points[first] - points[partner[first]], axis=1)
    pairs = shape_log_evidence(
        residual=np.maximum(4 - 2 * length, 0.0),
        singular_values=length[:, None],
        n_vertices=2,
        dim=dim,
        symmetry_order=2,
        sigma=sigma,
    )
    half = n_vertices // 2
    ways = gammaln(n_vertices + 1) - gammaln(half + 1) - half * math.log(2)
    return np.asarray(pairs.sum(axis=0) - ways)


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


def _log_rotation_volume(stiffness: Array, dim: int) -> Array:
    """Return the log share of all orthonormal r-frames in R^dim that fit as well as the best.

    That is log E exp Σ_i κs_i (q_i·e_i - 1) over uniform frames q, the hypergeometric function
    ₀F₁(m/2; Δ²/4) of matrix argument with Δ = diag(κs), relative to its peak, in the
    calibrated Laplace approximation of Butler & Wood (2003), "Laplace approximation for Bessel
    functions of matrix argument".

    Parameters
    ----------
    stiffness : ndarray of shape (..., r)
        The κs_i.
    dim : int
        Dimension m ≥ r.
    """
    u = 2 * stiffness / dim
    y = u / (np.hypot(u, 1.0) + 1.0)
    # 1 - y² without cancellation: y = u / (h + 1) with h² = u² + 1 gives 2 / (h + 1).
    rest = 2 / (np.hypot(u, 1.0) + 1.0)
    rank = stiffness.shape[-1]
    i, j = _upper(rank)
    # 1 - y_i² y_j² = (1 - y_i²) + y_i² (1 - y_j²)
    pairs = rest[..., i] + y[..., i] ** 2 * rest[..., j]
    # κs (1 - y) = κs (1 - y²) / (1 + y)
    loss = (0.5 * dim * np.log(rest) - stiffness * rest / (1 + y)).sum(axis=-1)
    return np.asarray(loss - 0.5 * np.log(pairs).sum(axis=-1))


@cache
def _upper(rank: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return np.triu_indices(rank)


def _log_peak_density(dim: int, kappa: Array) -> Array:
    """Return log C_m(κ) + κ, the log density of von Mises–Fisher noise at its centre.

    C_m(κ) = κ^ν / ((2π)^(m/2) I_ν(κ)) with ν = m/2 - 1.  Debye's uniform expansion of the Bessel
    function is good to 1e-3 wherever it is used.
    """
    if dim == 1:
        # On the line noise can only flip the sign: C_1 = 1 / (2 cosh κ).
        return np.asarray(-np.log1p(np.exp(-2 * kappa)))
    order = 0.5 * dim - 1
    root = np.hypot(order, kappa)
    log_bessel = np.asarray(
        root
        + order * np.log(kappa / (order + root))
        - 0.5 * (_LOG_2PI + np.log(root))
        + (3 / root - 5 * order**2 / root**3) / 24
    )
    small = root < _DEBYE_FROM
    log_bessel[small] = np.log(ive(order, kappa[small])) + kappa[small]
    return np.asarray(order * np.log(kappa) - 0.5 * dim * _LOG_2PI - log_bessel + kappa)


@cache
def _log_sphere(dim: int) -> float:
    """Return the log area of the unit sphere in R^dim."""
    return float(np.log(2) + 0.5 * dim * np.log(np.pi) - gammaln(0.5 * dim))


@cache
def _log_stiefel(rank: int, dim: int) -> float:
    """Return the log volume of the orthonormal r-frames in R^dim (unit generators)."""
    return sum(_log_sphere(k) for k in range(dim - rank + 1, dim + 1))
