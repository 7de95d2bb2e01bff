"""How much the data speak for a shape: Bayesian evidence of directions under noise.

The residual of a fit cannot choose between shapes, because a shape of higher rank soaks up more
noise and a shape with fewer symmetries has more ways to be aligned with the data.  The evidence
charges for both.  Noise is von Mises–Fisher with concentration κ = 1/σ², which for small angles
is a Gaussian of σ radians per tangent axis, and whose normaliser stays exact when many tangent axes
add up to a large angle.  Three models share one σ and are compared, by Laplace's method where
an integral has no closed form:

* a *shape* of rank r: N unit vectors of known arrangement, in unknown order and orientation;
* a *generic* set: N independent uniform directions in an unknown q-dimensional space, or
  antipodal pairs of them on independent axes, which is what "irregular" means;
* two *orthogonal* components: subspaces whose mutual angles are noise, against subspaces
  that are oriented independently.

A weight matrix can be turned and embedded in a larger space without a change of its Gram matrix, so
the number of its rows says nothing.  Independent directions live in q dimensions, noise does too,
and q is marginalised like σ: over the subspaces in which the directions lie up to noise, and over
all dimensions that are large enough for them.

Functions return natural logarithms of densities on the product of N unit spheres in Rᵐ, or, where
they say so, of their ratio to the *background*, independent uniform directions in Rᵐ; on the grid
``NOISE_GRID`` of σ values, over which σ is marginalised with a log-uniform prior.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ive, multigammaln

from geomsup.restoring import read_only

__all__ = [
    "NOISE_GRID",
    "bundle_log_ratio",
    "evenness_log_ratio",
    "generic_log_evidence",
    "gram_log_density",
    "log_sphere",
    "log_sum",
    "loosest_noise",
    "marginalise",
    "noise_grid",
    "orthogonality_log_evidence",
    "paired_log_evidence",
    "shape_log_evidence",
    "subspace_log_evidence",
]

Array = NDArray[np.float64]

# Below .005 rad a shape is exact for every purpose here; above .25 rad neighbouring vertices of
# even small shapes trade places and a name means nothing.
NOISE_GRID: Array = read_only(np.geomspace(0.005, 0.25, 20))

# Least share of its squared norm that a direction has along its ideal vertex, on average: as much
# as the best aligned pentagon has by chance in many dimensions (rank / vertices).  At greater noise
# a shape plus noise becomes the uniform distribution, and ties with independent directions.
_LEAST_SHARE = 0.4

# Ranks that are weighed: those after the widest gaps between singular values.
_MOST_RANKS = 12

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
        n_vertices * _log_peak(dim, sigma)
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


@cache
def loosest_noise(dim: int) -> float:
    """Return the noise per tangent axis in R^dim beyond which a shape explains too little.

    There the mean resultant length ρ = I_(m/2)(κ) / I_(m/2-1)(κ) of von Mises–Fisher noise has
    ρ² = .4, the share of the squared norm along the ideal vertex (Mardia & Jupp 2000, section 9.3,
    with the bound ρ ≈ (√(κ² + ν²) - ν)/κ, ν = (m - 1)/2, of Amos 1974).
    """
    order = 0.5 * (dim - 1)
    rho = math.sqrt(_LEAST_SHARE)
    # ρκ + ν = √(κ² + ν²)  ⇔  κ = 2ρν / (1 - ρ²)
    kappa = 2 * rho * order / (1 - rho**2)
    return 1 / math.sqrt(kappa) if kappa > 0 else math.inf


def bundle_log_ratio(n_vertices: Array, resultant: Array, dim: int, sigma: Array) -> Array:
    """Return the log evidence of sets of directions near one that is unknown, over independent.

    Parameters
    ----------
    n_vertices, resultant : ndarray of shape (n_sets,)
        Number N of directions in each set, and length R of their sum.
    dim : int
    sigma : ndarray of shape (n_sigma,)
        Noise scales in radians.

    Returns
    -------
    ndarray of shape (n_sets, n_sigma)
        log of C_m(κ)^N |S|^N / (C_m(κR) |S|), the integral of the von Mises–Fisher density over
        its centre (Mardia & Jupp 2000, section 10.3).

    Examples
    --------
    >>> import numpy as np
    >>> ratio = bundle_log_ratio(np.array([2]), np.array([2.0]), 2, np.array([0.1]))
    >>> round(float(np.exp(ratio[0, 0])), 2)  # 2π C(κ)² / C(2κ), nearly 2π √(κ/4π)
    17.69
    """
    kappa = 1 / sigma**2
    n, length = n_vertices[:, None], np.minimum(resultant, n_vertices)[:, None]
    together = _log_peak_density(dim, np.maximum(kappa * length, 1e-3))
    spread = n * _log_peak(dim, sigma) - kappa * (n - length)
    return np.asarray(spread - together + (n - 1) * log_sphere(dim))


def gram_log_density(log_det: Array | float, n_vertices: int, dim: int) -> Array:
    """Return the log density of the Gram matrix of independent uniform directions in R^dim.

    Parameters
    ----------
    log_det : float or ndarray
        log |G| of the N × N matrix of cosines.
    n_vertices : int
        N ≤ ``dim``.
    dim : int
        Dimension q.

    Returns
    -------
    ndarray of the shape of ``log_det``
        N log Γ(q/2) - log Γ_N(q/2) + (q - N - 1)/2 · log |G|, the density of a correlation matrix
        of N independent samples of size q (Muirhead 1982, "Aspects of Multivariate Statistical
        Theory", theorem 5.1.3).

    Examples
    --------
    >>> import numpy as np
    >>> round(float(np.exp(gram_log_density(0.0, 2, 3))), 12)  # cosines in space are uniform
    0.5
    """
    half = 0.5 * (dim - n_vertices - 1)
    return np.asarray(_log_gram_constant(n_vertices, dim) + half * np.asarray(log_det))


@cache
def _log_gram_constant(n_vertices: int, dim: int) -> float:
    half = 0.5 * dim
    return float(n_vertices * gammaln(half) - multigammaln(half, n_vertices))


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
        The ranks r < min(N, m) considered, at most twelve of them, and never 1, because distinct
        directions on one line are a digon.  Where r is as large, nothing is constrained.
    log_evidence : ndarray of shape (n_ranks, n_sigma)

    Notes
    -----
    Given the subspace, a direction whose projection has length ρ has the exact density
    C_m(κ) / (|S^(r-1)| C_r(κρ)), C being the normaliser of the von Mises–Fisher density.  The
    integral over subspaces is Laplace's, in the axes of the data, and holds as long as these stand
    out of the noise: at greater noise the evidence is zero.
    """
    n_vertices, n_axes = points.shape
    ranks = np.arange(2, min(n_vertices, dim, n_axes + 1))
    squares = points**2
    if len(ranks) > _MOST_RANKS:
        # A rank shows as a gap between singular values.
        energy = squares.sum(axis=0) + 1e-12
        energy = np.append(energy, 1e-12)
        gaps = energy[ranks - 1] / energy[ranks]
        ranks = np.sort(ranks[np.argsort(-gaps, kind="stable")[:_MOST_RANKS]])
    log_evidence = np.empty((len(ranks), len(sigma)))
    for row, r in enumerate(ranks):
        log_evidence[row] = subspace_log_evidence(squares, int(r), dim=dim, sigma=sigma)
    return ranks, log_evidence


def subspace_log_evidence(squares: Array, rank: int, *, dim: int, sigma: Array) -> Array:
    """Return log p(directions | independent directions in a subspace of one rank, σ).

    ``squares`` has shape (..., n_vertices, k), the squared coordinates along the principal axes;
    the result has shape (..., n_sigma).  See :func:`generic_log_evidence`.
    """
    n_vertices, kappa = squares.shape[-2], 1 / sigma**2
    lengths = np.cumsum(squares[..., :rank], axis=-1)[..., -1:]
    inside = np.sqrt(np.clip(lengths, 1e-12, 1.0))
    reach = kappa * inside
    projected = reach - kappa - _log_peak_density(rank, np.maximum(reach, 1e-3))
    likelihood = n_vertices * (_log_peak(dim, sigma) - log_sphere(rank))
    # Each principal axis can tilt into the m - r directions outside, up to its sign.
    volume = _log_stiefel(rank, dim) - _log_stiefel(rank, rank)
    # A tilt of axis i by φ shortens projection k from ρ by φ² x_ki² / 2ρ.
    firmness = (squares[..., :rank] / inside).sum(axis=-2)
    stiffness = kappa[:, None, None] * firmness[..., None, :, None]
    axes = _log_rotation_volume(stiffness, dim - rank + 1)
    tilt = (axes + log_sphere(dim - rank + 1)).sum(axis=-1) - volume
    tilt = np.minimum(tilt, 0.0)
    # Where noise alone makes axes half as strong, the subspace is nobody's guess.
    drowned = squares[..., rank - 1].sum(axis=-1)[..., None] < 2 * (dim - rank) * sigma**2
    return np.where(drowned, -np.inf, likelihood + projected.sum(axis=-2) + tilt)


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


def evenness_log_ratio(points: Array, sigma: Array) -> Array:
    """Return the evidence that directions fill their space evenly, over independent ones.

    Learned features that form no figure still share their space evenly: Σ x xᵀ = (N/q) I, a tight
    frame up to noise.  Held only against independent directions, the figure whose vertices are
    spread best would look certain for any of them.

    Parameters
    ----------
    points : ndarray of shape (..., n_vertices, q)
        Unit rows that span R^q.
    sigma : ndarray of shape (n_sigma,)
        Noise scales in radians.

    Returns
    -------
    ndarray of shape (..., n_sigma)

    Notes
    -----
    The traceless part of Σ x xᵀ has q(q + 1)/2 - 1 components, nearly normal.  The mean of its
    squared length is N(1 - 1/q) for independent directions and 2Nσ²(q - 1) for a tight frame with
    noise.
    """
    n_vertices, dim = points.shape[-2:]
    n_components = dim * (dim + 1) / 2 - 1
    frame = points.swapaxes(-1, -2) @ points - np.eye(dim) * n_vertices / dim
    length2 = (frame**2).sum(axis=(-2, -1))[..., None]
    free = n_vertices * (1 - 1 / dim) / n_components
    noisy = np.minimum(2 * n_vertices * sigma**2 * (dim - 1) / n_components, free)
    result: Array = 0.5 * (length2 * (1 / free - 1 / noisy) + n_components * np.log(free / noisy))
    return result


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
    functions of matrix argument", which is exact for small Δ, and made so for large.

    Parameters
    ----------
    stiffness : ndarray of shape (..., r)
        The κs_i.
    dim : int
        Dimension m ≥ r.
    """
    u = 2 * stiffness / dim
    above = np.hypot(u, 1.0) + 1.0
    y = u / above
    # 1 - y² without cancellation: y = u / (h + 1) with h² = u² + 1 gives 2 / (h + 1).
    rest = 2 / above
    rank = stiffness.shape[-1]
    i, j = _upper(rank)
    # 1 - y_i² y_j² = (1 - y_i²) + y_i² (1 - y_j²)
    pairs = rest[..., i] + y[..., i] ** 2 * rest[..., j]
    # κs (1 - y) = κs (1 - y²) / (1 + y)
    loss = (0.5 * dim * np.log(rest) - stiffness * rest / (1 + y)).sum(axis=-1)
    # Near 0 the approximation is exact, near 1 it falls short, by what is known.
    firm = (y[..., i] * y[..., j]) ** 2
    shortfall = _laplace_shortfall(rank, dim) * firm.mean(axis=-1)
    return np.asarray(loss - 0.5 * np.log(pairs).sum(axis=-1) + shortfall)


@cache
def _laplace_shortfall(rank: int, dim: int) -> float:
    """Return by how much the Laplace approximation falls short where data hold frames firmly.

    There the frames near the best are a Gaussian: a turn by angle a in the plane of axes i and j
    costs κ(s_i + s_j)a²/2, one out of the span κs_i a²/2, and the volume of all frames is known.
    The approximation, taken to the same limit, has the same powers of the stiffness but too small a
    factor, above all where the frames fill their space: 2 in the plane, 5 in space, 16,000 in R⁸.
    """
    n_turns = rank * (rank - 1) / 2 + rank * (dim - rank)
    firm = 0.5 * n_turns * _LOG_2PI - _log_stiefel(rank, dim)
    n_pairs = rank * (rank + 1) / 2
    laplace = 0.5 * rank * dim * (np.log(dim) - 1)
    laplace -= 0.5 * (n_pairs * np.log(dim) + rank * np.log(2))
    return float(firm - laplace)


@cache
def _upper(rank: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return np.triu_indices(rank)


def _log_peak(dim: int, sigma: Array) -> Array:
    """Return log C_m(κ) + κ for κ = 1/σ²; nearly always σ is the same grid."""
    return _log_peak_of(dim, sigma.tobytes())


@lru_cache(maxsize=1024)
def _log_peak_of(dim: int, sigma: bytes) -> Array:
    return read_only(_log_peak_density(dim, 1 / np.frombuffer(sigma) ** 2))


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
def log_sphere(dim: int) -> float:
    """Return the log area of the unit sphere in R^dim."""
    return float(np.log(2) + 0.5 * dim * np.log(np.pi) - gammaln(0.5 * dim))


@cache
def _log_stiefel(rank: int, dim: int) -> float:
    """Return the log volume of the orthonormal r-frames in R^dim (unit generators)."""
    return sum(log_sphere(k) for k in range(dim - rank + 1, dim + 1))
