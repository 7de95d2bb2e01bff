"""Row losses with many features: a Fourier series, and an exact share for the sparsest inputs.

On |s| ≤ H, ρ₂ = s|s| − Hs, ρ₁ = |s| − H/2 and ρ₀ = sgn(s) are Fourier series in odd multiples of
t = π/H, and relu(s)² = (s² + Hs + ρ₂)/2, relu(s) = (s + H/2 + ρ₁)/2, 1(s > 0) = (1 + ρ₀)/2.  The
expectation of a series needs the characteristic function of s alone,

    φ(t) = e^{itb} Π_j (1 − p_j + p_j σ(a_j t)),      σ(z) = ∫₀¹ e^{izu} du.

The terms of φ in which few features are active decay slowly or not at all.  So inputs with at
most two active features are integrated exactly (:mod:`geomsup.theory.sparse_inputs`), and φ is
summed over the others alone (:mod:`geomsup.theory.counts`); its series of ρ₂ falls off as k⁻⁶, and
where features are rare its rounding is as small as it is.

Two errors remain, and both are bounded rather than estimated, for the loss and for its gradient:
the tail of the series, from |σ(z)| ≤ min(1, 2/|z|), and what lies beyond H, from the moment
generating function (Chernoff's bound), which lets H lie far below the largest |s|.
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
from geomsup.theory.sparse_inputs import sparse_terms

__all__ = ["GRADIENT_SLACK", "Plan", "plan_series", "series_terms"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
IndexArray = NDArray[np.intp]

_EPS = float(np.finfo(np.float64).eps)
_MOST_TERMS = 1 << 15
# Numbers of odd terms at which the bound on the tail is evaluated, some beyond the last in use.
_LENGTHS = np.unique(np.round(8 * 2.0 ** (np.arange(0, 61) / 4)).astype(np.int64))
_USABLE = _LENGTHS[_LENGTHS <= _MOST_TERMS]
# Neighbouring lengths differ by at most this factor.
_RATIO = 1.25
# The bound on the gradient may be so many times the relative error that the loss may have: it is
# pessimistic, and with this the gradient has come out good to 1e-8 (3e-8 in the worst of 216
# problems with weights over up to five orders of magnitude) …
GRADIENT_SLACK = 2000.0
# … and for its sake at most so many terms are summed; its bound says what is then left out.
_MOST_GRADIENT_TERMS = 1 << 13
# Above this many features the pairs cost more than the terms that they save.
_MOST_FOR_PAIRS = 64
# Off by so much are ρ₂/2, in units of s², and ρ₀ where |s| > H.
BEYOND_SQUARE, BEYOND_SIGN = 0.5, 2.0
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """Half periods, and the bounds on each row's truncation error at every length."""

    most_active: int  # inputs with more active features are the series' share
    half_period: FloatArray  # (n_rows,)
    beyond: FloatArray  # (n_rows,) error of the loss from |s| > H
    beyond_slope: FloatArray  # (n_rows,) … and of each component of the gradient
    tails: FloatArray  # (n_lengths, n_rows) of the loss
    slopes: FloatArray  # (n_lengths, n_rows) of each component of the gradient

    def n_terms(self, allowed: float, importance: FloatArray) -> int:
        """Fewest odd terms whose weighted tails stay within `allowed`, or the most there are."""
        tails: FloatArray = self.tails[: len(_USABLE)] @ importance
        return _shortest(tails, allowed)

    def n_gradient_terms(self, tol: float, own_p: FloatArray) -> int:
        """Odd terms after which the gradient of every row is good to `tol` times its p_own."""
        relative = (self.slopes[: len(_USABLE)] / np.maximum(own_p, 1e-300)).max(axis=1)
        return min(_shortest(relative, tol), _MOST_GRADIENT_TERMS)

    def converges(self, tol: float, slope: float, own_p: FloatArray) -> NDArray[np.bool_]:
        """Rows whose loss and gradient come within so much of p_own with the most terms."""
        loss = self.beyond + self.tails[len(_USABLE) - 1]
        most = int(np.searchsorted(_LENGTHS, _MOST_GRADIENT_TERMS))
        gradient = self.beyond_slope + self.slopes[most]
        good: NDArray[np.bool_] = (loss <= tol * own_p) & (gradient <= slope * own_p)
        return good

    def truncation(self, n_terms: int) -> FloatArray:
        """Bound on the truncation error of each row's loss with `n_terms` odd terms."""
        bound: FloatArray = self.beyond + self.tails[int(np.searchsorted(_LENGTHS, n_terms))]
        return bound

    def slope(self, n_terms: int) -> FloatArray:
        """Bound on the truncation error of each component of a row's gradient."""
        tail = self.slopes[int(np.searchsorted(_LENGTHS, n_terms))]
        bound: FloatArray = self.beyond_slope + tail
        return bound


def _shortest(tails: FloatArray, allowed: float) -> int:
    """The first length whose tail is small enough, or the longest."""
    enough = np.flatnonzero(tails <= allowed)
    return int(_USABLE[enough[0]] if enough.size else _USABLE[-1])


def plan_series(
    a: FloatArray, b: FloatArray, own: IndexArray, p: FloatArray, allowed: float
) -> Plan:
    """Choose periods and bound the errors; `allowed` is what a row may err by."""
    most_active = 2 if a.shape[1] <= _MOST_FOR_PAIRS else 1
    half_period, beyond, beyond_slope = _half_periods(a, b, p, allowed / 4.0)
    tails, slopes = _tail_bounds(a, own, p, half_period, most_active)
    return Plan(
        most_active=most_active,
        half_period=half_period,
        beyond=beyond,
        beyond_slope=beyond_slope,
        tails=tails,
        slopes=slopes,
    )


def _half_periods(
    a: FloatArray, b: FloatArray, p: FloatArray, allowed: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A half period H for each row, and bounds on the errors that |s| > H commits.

    There the periodic extensions of ρ₂, ρ₁ and ρ₀ are off by at most s², |s| and 2, so the row's
    loss by at most s²/2 + |s| and a component of its gradient by |s| + 2; and
    s² ≤ H² e^{θ(|s| − H)}, |s| ≤ H e^{θ(|s| − H)} for θ ≥ 2/H.
    """
    low = b + np.minimum(a, 0.0).sum(1)
    high = b + np.maximum(a, 0.0).sum(1)
    reach = np.maximum(np.abs(low), np.abs(high))
    half_period, beyond, slope = reach.copy(), np.zeros_like(reach), np.zeros_like(reach)
    spread = np.sqrt(np.sum(a**2 * p, axis=1)) + 1e-6 * reach
    for fraction in 0.85 ** np.arange(1, 18):
        H = fraction * reach
        tail = np.full_like(reach, np.inf)
        for steepness in (1.0, 2.0, 4.0, 8.0, 16.0):
            theta = np.maximum(2.0 / H, steepness / spread)
            both = np.logaddexp(
                _log_moment(a, p, theta) + theta * b, _log_moment(a, p, -theta) - theta * b
            )
            tail = np.minimum(tail, both - theta * H)
        chance = np.exp(np.minimum(tail, 0.0))
        error = (BEYOND_SQUARE * H**2 + H) * chance
        better = (error <= allowed) & (tail < 0.0)
        if not better.any():
            break
        half_period = np.where(better, H, half_period)
        beyond = np.where(better, error, beyond)
        slope = np.where(better, (H + BEYOND_SIGN) * chance, slope)
    return half_period, beyond, slope


def _log_moment(a: FloatArray, p: FloatArray, theta: FloatArray) -> FloatArray:
    """log E e^{θ a·x}; inf, which no comparison accepts, where the exponent would overflow."""
    z = a * theta[:, None]
    overflow = np.any(z > 700.0, axis=1)
    safe = np.where(np.abs(z) < 1e-9, 1e-9, np.clip(z, -1e300, 700.0))
    logs = np.log1p(p * (np.expm1(safe) / safe - 1.0)).sum(1)
    return np.where(overflow, np.inf, logs)


def _tail_bounds(
    a: FloatArray, own: IndexArray, p: FloatArray, half_period: FloatArray, most_active: int
) -> tuple[FloatArray, FloatArray]:
    """What the terms after each length leave out of every row's loss, and of its gradient.

    Both (n_lengths, n_rows).  With |σ| ≤ min(1, 2/|z|), |∫ u e^{izu} du| ≤ min(1/2, (1 + |σ|)/|z|)
    and |∫ u² e^{izu} du| ≤ min(1/2, 2/|z|) the bounds on the terms fall with k, so each block of
    terms is bounded by its first.  A factor x_j takes the place of one |σ| in the sum over many
    active features, and is no larger.
    """
    n_rows, n = a.shape
    rows = np.arange(n_rows)
    k = 2.0 * _LENGTHS + 1.0
    height = max(1, 4 * _BLOCK // (n * len(k)))
    parts, slopes = [], []
    for start in range(0, n_rows, height):
        r = slice(start, start + height)
        at, mine = rows[: len(own[r])], own[r]
        z = np.abs(a[r, :, None]) * (np.pi / half_period[r, None, None]) * k
        np.maximum(z, 1e-300, out=z)
        sigma = np.minimum(1.0, 2.0 / z)
        own_p, own_sigma, own_z = p[r][at, mine][:, None], sigma[at, mine], z[at, mine]
        others = many_present(*_of_others(sigma, p[r], at, mine), most_active)
        with_own = own_p * (others.more + others.exactly)
        plain = (1.0 - own_p) * others.more + own_sigma * with_own
        tight = np.minimum(0.5, (1.0 + own_sigma) / own_z)
        loose = np.minimum(0.5, 2.0 / own_z)
        # Σ over odd j ≥ k of j⁻³ and j⁻²: the first term and an integral.
        blocks3 = 1.0 / k**3 + 0.25 / k**2 - np.append(0.25 / k[1:] ** 2, 0.0)
        blocks2 = 1.0 / k**2 + 0.5 / k - np.append(0.5 / k[1:], 0.0)
        # relu² carries half of 8H²/π³ Σ, and −2 x_own relu carries 4H/π² Σ.
        H = half_period[r, None]
        relu2, x_relu = 4.0 * H**2 / np.pi**3 * plain, 4.0 * H / np.pi**2 * with_own * tight
        parts.append(_from_the_end(relu2 * blocks3 + x_relu * blocks2))
        # 2 relu carries 4H/π² Σ k⁻², and −2 x_own 1(s>0) carries 4/π Σ k⁻¹ with a factor that times
        # k grows by the ratio of lengths at most within a block.
        step = 4.0 / np.pi * with_own * loose * _RATIO * k
        slopes.append(_from_the_end((4.0 * H / np.pi**2 * plain + step) * blocks2))
    return np.concatenate(parts, axis=1), np.concatenate(slopes, axis=1)


def _of_others(
    sigma: Any, p: FloatArray, rows: IndexArray, own: IndexArray
) -> tuple[FloatArray, Any]:
    """The factors of absent and of present features, with the own feature neither."""
    absent, present = 1.0 - p[:, :, None], p[:, :, None] * sigma
    absent[rows, own], present[rows, own] = 1.0, 0.0
    return absent, present


def _from_the_end(terms: FloatArray) -> FloatArray:
    """Σ_{k ≥ l} terms[r, k], of shape (n_lengths, n_rows)."""
    return np.asarray(np.cumsum(terms[:, ::-1], axis=1)[:, ::-1].T)


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
    factors = _of_others(sigma, p, rows, own)
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
