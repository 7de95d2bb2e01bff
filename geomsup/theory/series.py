"""Row losses with many features: a Fourier series, and an exact share for the sparsest inputs.

On |s| ≤ H, ρ₂ = s|s| − Hs, ρ₁ = |s| − H/2 and ρ₀ = sgn(s) are Fourier series in odd multiples of
t = π/H, and relu(s)² = (s² + Hs + ρ₂)/2, relu(s) = (s + H/2 + ρ₁)/2, 1(s > 0) = (1 + ρ₀)/2.  The
expectation of a series needs the characteristic function of s alone,

    φ(t) = e^{itb} Π_j (1 − p_j + p_j σ(a_j t)),      σ(z) = ∫₀¹ e^{izu} du.

The terms of φ in which few features are active decay slowly or not at all.  So inputs with at
most two active features are integrated exactly (:mod:`geomsup.theory.sparse_inputs`), and φ is
summed over the others alone (:mod:`geomsup.theory.counts`); its series of ρ₂ falls off as k⁻⁶, and
where features are rare its rounding is as small as it is.

What the series leaves out is bounded in :mod:`geomsup.theory.series_plan`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.counts import many_present, many_present_with_and_without_each
from geomsup.theory.moments import LinearMoments, RowTerms, moments_of_many
from geomsup.theory.series_plan import Plan, factors_of_others
from geomsup.theory.sparse_inputs import sparse_terms

__all__ = ["series_terms"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
IndexArray = NDArray[np.intp]

_EPS = float(np.finfo(np.float64).eps)
# No difference is taken where inputs with many active features are less common than this times
# n (n + 24): its rounding, over all rows, could reach 1e-11 of their share of the loss …
_RARE = 4e-5
# … nor where a feature is so nearly certain that the odds overflow.
_CERTAIN = 1.0 - 1e-9
# Complex numbers in one array of a block of work: what a processor's cache holds several of.
_BLOCK = 1 << 16
# Where |z| is smaller, the closed forms of σ, κ and κ₂ cancel and their power series serve.
_SMALL = 0.5
_SERIES_ORDER = 12


@dataclass(frozen=True, kw_only=True, eq=False)
class _Parts:
    """Expectations of ρ₂ = s|s| − Hs, ρ₁ = |s| − H/2 and ρ₀ = sgn(s), alone and with factors."""

    rho2: FloatArray  # (n_rows,)
    rho1: FloatArray  # (n_rows,)
    own_rho0: FloatArray  # (n_rows,)
    x_rho1: FloatArray  # (n_rows, n_features)
    own_x_rho0: FloatArray  # (n_rows, n_features)

    @classmethod
    def blank(cls, shape: tuple[int, int]) -> _Parts:
        """Zero everywhere."""
        scalars = {name: np.zeros(shape[0]) for name in ("rho2", "rho1", "own_rho0")}
        return cls(**scalars, x_rho1=np.zeros(shape), own_x_rho0=np.zeros(shape))

    def put(self, which: slice | NDArray[np.bool_], parts: _Parts) -> None:
        """Write the rows `which`."""
        for name, value in vars(parts).items():
            getattr(self, name)[which] = value

    def __add__(self, other: _Parts) -> _Parts:
        return _Parts(**{k: v + getattr(other, k) for k, v in vars(self).items()})


def series_terms(
    a: FloatArray,
    b: FloatArray,
    own: IndexArray,
    p: FloatArray,
    plan: Plan,
    n_terms: int,
    n_gradient_terms: int,
) -> RowTerms:
    """Each row's loss and gradient.

    `n_terms` odd terms of the series, the first `n_gradient_terms` of them for the gradient too.
    """
    most = plan.most_active
    many = moments_of_many(a, b, own, p, most)
    n = a.shape[1]
    common = many.chance >= min(_RARE * n * (n + 24.0), 0.5)
    by_difference = common & (p.max(axis=1) <= _CERTAIN)
    parts = _Parts.blank(a.shape)
    for which, way in ((~by_difference, False), (by_difference, True)):
        if which.any():
            part = (a[which], b[which], own[which], p[which], plan.half_period[which])
            parts.put(which, _series(*part, most, n_terms, n_gradient_terms, way))
    share = _together(a, b, own, plan.half_period, many, parts, by_difference)
    share.truncation[:] = plan.truncation(n_terms)
    share.slope[:] += plan.slope(min(n_terms, n_gradient_terms))
    return sparse_terms(a, b, own, p, most) + share


def _together(
    a: FloatArray,
    b: FloatArray,
    own: IndexArray,
    H: FloatArray,
    many: LinearMoments,
    parts: _Parts,
    by_difference: NDArray[np.bool_],
) -> RowTerms:
    """relu² = (s² + Hs + ρ₂)/2, relu = (s + H/2 + ρ₁)/2 and 1(s>0) = (1 + ρ₀)/2; no truncation."""
    n_rows, n = a.shape
    rows = np.arange(n_rows)
    own_x, own_x2 = many.x[rows, own], many.own_x[rows, own]
    relu2 = 0.5 * (many.z2 + H * many.z + parts.rho2)
    relu = 0.5 * (many.z + 0.5 * H * many.chance + parts.rho1)
    x_relu = 0.5 * (many.xz + 0.5 * H[:, None] * many.x + parts.x_rho1)
    # Each phase takes n + log K products; Σ k⁻³ and Σ k⁻² are below 1.1 and 1.3, and Σ k⁻¹ over
    # fewer than 2¹⁵ terms below 7.
    chance = np.where(by_difference, 1.0, many.chance)
    own_chance = np.where(by_difference, 1.0, own_x)
    size = 0.3 * H**2 * chance + 2.0 * H * own_chance + 0.5 * many.size + own_x2
    slope = 4.0 * (H + np.abs(b) + np.abs(a).sum(1)) * chance + 16.0 * own_chance
    return RowTerms(
        loss=own_x2 - 2.0 * x_relu[rows, own] + relu2,
        grad_a=2.0 * x_relu - many.own_x - parts.own_x_rho0,
        grad_b=2.0 * relu - own_x - parts.own_rho0,
        truncation=np.zeros(n_rows),
        rounding=(n + 24.0) * _EPS * size,
        slope=(n + 24.0) * _EPS * slope,
    )


def _series(
    a: FloatArray,
    b: FloatArray,
    own: IndexArray,
    p: FloatArray,
    half_period: FloatArray,
    most_active: int,
    n_terms: int,
    n_gradient_terms: int,
    by_difference: bool,
) -> _Parts:
    """The sums over the terms, block by block."""
    n_rows, n = a.shape
    with_gradient = min(n_terms, n_gradient_terms)
    length = min(n_terms, max(64, _BLOCK // n))
    height = max(1, _BLOCK // (n * length))
    edges = sorted({*range(0, n_terms, length), with_gradient, n_terms})
    parts = _Parts.blank(a.shape)
    for start in range(0, n_rows, height):
        r = slice(start, start + height)
        problem = (a[r], b[r], own[r], p[r], half_period[r], most_active, by_difference)
        pieces = [
            _block(*problem, np.arange(first, last), first < with_gradient)
            for first, last in pairwise(edges)
        ]
        parts.put(r, reduce(add, pieces))
    return parts


def _block(
    a: FloatArray,
    b: FloatArray,
    own: IndexArray,
    p: FloatArray,
    half_period: FloatArray,
    most_active: int,
    by_difference: bool,
    which: NDArray[np.int_],
    with_gradient: bool,
) -> _Parts:
    """Some terms of every series; the last axis runs over the terms.

    Without the gradient, what only it needs stays zero.
    """
    n_rows, n = a.shape
    rows = np.arange(n_rows)
    k = np.asarray(2.0 * which + 1.0, dtype=np.float64)
    H = half_period
    step = (np.pi / H)[:, None]
    shift = _odd_powers(b[:, None] * step, k)[:, 0]
    wave = _odd_powers(a * step, k)
    z = (a * step)[:, :, None] * k
    small = np.abs(z) < _SMALL
    some_small = bool(small.any())
    inverse: Any = -1j / (np.where(small, 1.0, z) if some_small else z)
    sigma = _by_parts(wave, 1.0, inverse, z, small if some_small else None, 0)

    small_own = small[rows, own] if some_small else None
    own_wave, own_inverse, own_z = wave[rows, own], inverse[rows, own], z[rows, own]
    own_sigma, own_p = sigma[rows, own], p[rows, own][:, None]
    own_kappa = _by_parts(own_wave, own_sigma, own_inverse, own_z, small_own, 1)
    factors = factors_of_others(sigma, p, rows, own)
    if with_gradient:
        others, besides = many_present_with_and_without_each(
            *factors, most_active, by_difference=by_difference
        )
    else:
        others = many_present(*factors, most_active, by_difference=by_difference)
    # One active feature fewer is enough where the own one is active too.
    with_own = own_p * (others.more + others.exactly)
    phi = shift * ((1.0 - own_p) * others.more + own_sigma * with_own)
    own_phi = shift * own_kappa * with_own

    x_rho1, own_x_rho0 = np.zeros((n_rows, n)), np.zeros((n_rows, n))
    scale1, scale0 = -4.0 * H / np.pi**2, 4.0 / np.pi
    if with_gradient:
        kappa = _by_parts(wave, sigma, inverse, z, small if some_small else None, 1)
        kappa *= p[:, :, None]
        with_both = (besides.more + besides.exactly) * kappa
        own_x_phi = _summed(with_both, own_p * own_kappa * shift / k)
        x_phi = _summed(besides.more * kappa, (1.0 - own_p) * shift / k**2)
        x_phi += _summed(with_both, own_p * own_sigma * shift / k**2)
        x_rho1 = scale1[:, None] * x_phi.real
        own_x_rho0 = scale0 * own_x_phi.imag
        own_kappa2 = _by_parts(own_wave, 2.0 * own_kappa, own_inverse, own_z, small_own, 2)
        own_x_rho0[rows, own] = scale0 * (shift * own_kappa2 * with_own / k).sum(1).imag
    x_rho1[rows, own] = scale1 * (own_phi / k**2).sum(1).real
    return _Parts(
        rho2=-(8.0 * H**2 / np.pi**3) * (phi / k**3).sum(1).imag,
        rho1=scale1 * (phi / k**2).sum(1).real,
        own_rho0=scale0 * (own_phi / k).sum(1).imag,
        x_rho1=x_rho1,
        own_x_rho0=own_x_rho0,
    )


def _summed(terms: ComplexArray, weights: ComplexArray) -> ComplexArray:
    """Σ_k terms[r, j, k] · weights[r, k]."""
    out: ComplexArray = np.matmul(terms, weights[:, :, None])[:, :, 0]
    return out


def _odd_powers(step: FloatArray, k: FloatArray) -> ComplexArray:
    """e^{i step k} for the odd numbers k, by doubling: a complex product is cheaper than a sine."""
    length = len(k)
    out = np.empty((*step.shape, length), dtype=np.complex128)
    out[..., 0] = np.exp(1j * step * k[0])
    done = 1
    while done < length:
        more = min(done, length - done)
        turn = np.exp(2j * step * done)[..., None]
        np.multiply(out[..., :more], turn, out=out[..., done : done + more])
        done += more
    return out


def _by_parts(
    wave: ComplexArray,
    lower: ComplexArray | float,
    inverse: ComplexArray,
    z: FloatArray,
    small: NDArray[np.bool_] | None,
    power: int,
) -> ComplexArray:
    """∫₀¹ u^power e^{izu} du = (e^{iz} − lower)/(iz), `lower` being what is left by parts."""
    out: ComplexArray = (wave - lower) * inverse
    if small is not None:
        out[small] = _power_series(z[small], power)
    return out


def _power_series(z: FloatArray, power: int) -> ComplexArray:
    """∫₀¹ u^power e^{izu} du = Σ_m (iz)^m / (m! (m + power + 1)), for |z| < 1/2."""
    total = np.zeros(z.shape, dtype=np.complex128)
    term = np.ones(z.shape, dtype=np.complex128)
    for m in range(_SERIES_ORDER):
        total += term / (m + power + 1.0)
        term *= 1j * z / (m + 1.0)
    return total
