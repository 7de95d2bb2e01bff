"""Row losses with many features: a Fourier series, and an exact share for the sparsest inputs.

On |s| ≤ H, ρ₂ = s|s| − Hs, ρ₁ = |s| − H/2 and ρ₀ = sgn(s) are Fourier series in odd multiples of
t = π/H, and relu(s)² = (s² + Hs + ρ₂)/2, relu(s) = (s + H/2 + ρ₁)/2, 1(s > 0) = (1 + ρ₀)/2.  The
expectation of a series needs the characteristic function of s alone,

    φ(t) = e^{itb} Π_j (1 − p_j + p_j σ(a_j t)),      σ(z) = ∫₀¹ e^{izu} du.

The terms of φ in which few features are active decay slowly or not at all.  So inputs with at
most two active features are taken out of φ and integrated exactly
(:mod:`geomsup.theory.sparse_inputs`); what remains of the series of ρ₂ falls off as k⁻⁶.

Two errors remain, and both are bounded rather than estimated: the tail of the series, from
|σ(z)| ≤ min(1, 2/|z|), and what lies beyond H, from the moment generating function (Chernoff's
bound), which lets H lie far below the largest |s|.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.moments import RowTerms, open_terms
from geomsup.theory.sparse_inputs import SeriesParts, SparseInputs

__all__ = ["GRADIENT_SLACK", "Plan", "plan_series", "series_terms"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
IndexArray = NDArray[np.intp]

_EPS = float(np.finfo(np.float64).eps)
_MOST_TERMS = 1 << 15
# Numbers of odd terms at which the bound on the tail is evaluated, some beyond the last in use.
_LENGTHS = np.unique(np.round(8 * 2.0 ** (np.arange(0, 61) / 4)).astype(np.int64))
_USABLE = _LENGTHS[_LENGTHS <= _MOST_TERMS]
# The bound on the tail of ∂L/∂b may be so many times the relative error that the loss may have: it
# is pessimistic, and with this the gradient has come out good to 1e-8 (3e-8 in the worst of 216
# problems with weights over up to five orders of magnitude) …
GRADIENT_SLACK = 1000.0
# … and for their sake at most so many terms are summed.
_MOST_GRADIENT_TERMS = 1 << 13
# Above this many features the pairs cost more than the terms that they save.
_MOST_FOR_PAIRS = 64
# Complex numbers in one array of a block of work: what a processor's cache holds several of.
_BLOCK = 1 << 16
# Where |z| is smaller, the closed forms of σ, κ and κ₂ cancel and their power series serve.
_SMALL = 0.5
_SERIES_ORDER = 12


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """Half periods, and the bound on each row's truncation error at every length."""

    half_period: FloatArray  # (n_rows,)
    beyond: FloatArray  # (n_rows,) error from |s| > H
    tails: FloatArray  # (n_lengths, n_rows) of the loss
    slopes: FloatArray  # (n_lengths,) largest tail of ∂L/∂b, relative to the row's p_own
    sparse: SparseInputs

    def n_terms(self, allowed: float, importance: FloatArray) -> int:
        """Fewest odd terms whose weighted tails stay within `allowed`, or the most there are."""
        return _shortest(self.tails[: len(_USABLE)] @ importance, allowed)

    def n_gradient_terms(self, tol: float) -> int:
        """Odd terms after which every ∂L/∂b is good to about `tol` of its row's p_own.

        The components of ∂L/∂W converge alike.  This is an aim, no bound on their errors.
        """
        return min(_shortest(self.slopes[: len(_USABLE)], tol), _MOST_GRADIENT_TERMS)

    def truncation(self, n_terms: int) -> FloatArray:
        """Bound on the truncation error of each row's loss with `n_terms` odd terms."""
        bound: FloatArray = self.beyond + self.tails[int(np.searchsorted(_LENGTHS, n_terms))]
        return bound


def _shortest(tails: FloatArray, allowed: float) -> int:
    """The first length whose tail is small enough, or the longest."""
    enough = np.flatnonzero(tails <= allowed)
    return int(_USABLE[enough[0]] if enough.size else _USABLE[-1])


def plan_series(
    a: FloatArray, b: FloatArray, own: IndexArray, p: FloatArray, allowed: float
) -> Plan:
    """Choose periods and bound the errors; `allowed` is what a row may err by."""
    sparse = SparseInputs.of(p, 2 if a.shape[1] <= _MOST_FOR_PAIRS else 1)
    half_period, beyond = _half_periods(a, b, p, allowed / 4.0)
    tails, slopes = _tail_bounds(a, own, p, half_period, sparse)
    return Plan(half_period=half_period, beyond=beyond, tails=tails, slopes=slopes, sparse=sparse)


def _half_periods(
    a: FloatArray, b: FloatArray, p: FloatArray, allowed: float
) -> tuple[FloatArray, FloatArray]:
    """A half period H for each row, and a bound on the error that |s| > H commits.

    There the periodic extensions of ρ₂ and ρ₁ are off by at most 2.25 s² and 2|s|, so the row's
    loss by at most 1.125 s² + 2|s|; and s² ≤ H² e^{θ(|s| − H)}, |s| ≤ H e^{θ(|s| − H)} for
    θ ≥ 2/H.
    """
    low = b + np.minimum(a, 0.0).sum(1)
    high = b + np.maximum(a, 0.0).sum(1)
    reach = np.maximum(np.abs(low), np.abs(high))
    half_period, beyond = reach.copy(), np.zeros_like(reach)
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
        error = (1.125 * H**2 + 2.0 * H) * np.exp(np.minimum(tail, 0.0))
        better = (error <= allowed) & (tail < 0.0)
        if not better.any():
            break
        half_period = np.where(better, H, half_period)
        beyond = np.where(better, error, beyond)
    return half_period, beyond


def _log_moment(a: FloatArray, p: FloatArray, theta: FloatArray) -> FloatArray:
    """log E e^{θ a·x}; inf, which no comparison accepts, where the exponent would overflow."""
    z = a * theta[:, None]
    overflow = np.any(z > 700.0, axis=1)
    safe = np.where(np.abs(z) < 1e-9, 1e-9, np.clip(z, -1e300, 700.0))
    logs = np.log1p(p * (np.expm1(safe) / safe - 1.0)).sum(1)
    return np.where(overflow, np.inf, logs)


def _tail_bounds(
    a: FloatArray, own: IndexArray, p: FloatArray, half_period: FloatArray, sparse: SparseInputs
) -> tuple[FloatArray, FloatArray]:
    """What the terms after each length leave out: of every row's loss, and at most of a ∂L/∂b.

    Shapes (n_lengths, n_rows) and (n_lengths,); the second is relative to the row's own p.

    With |σ| ≤ min(1, 2/|z|) and |∫ u e^{izu} du| ≤ min(1/2, (1 + |σ|)/|z|) the bounds on the terms
    fall with k, so each block of terms is bounded by its first.
    """
    n_rows, n = a.shape
    rows = np.arange(n_rows)
    k = 2.0 * _LENGTHS + 1.0
    height = max(1, 4 * _BLOCK // (n * len(k)))
    parts, slopes = [], np.zeros(len(k))
    for start in range(0, n_rows, height):
        r = slice(start, start + height)
        at, mine = rows[: len(own[r])], own[r]
        few, chance = sparse.rows(r), p[r, :, None]
        z = np.abs(a[r, :, None]) * (np.pi / half_period[r, None, None]) * k
        np.maximum(z, 1e-300, out=z)
        sigma = np.minimum(1.0, 2.0 / z)
        kappa = np.minimum(0.5, (1.0 + sigma[at, mine]) / z[at, mine])
        factor = 1.0 - chance + chance * sigma
        own_factor = factor[at, mine]
        factor[at, mine] = 1.0
        product = np.prod(factor, axis=1)
        y = few.odds[:, :, None] * sigma
        # Rounding of the two differences is covered by the last term of each.
        full = product * own_factor
        q0, odds = few.none_active[:, None], few.odds[at, mine][:, None]
        plain = np.abs(full - q0 * few.total(y)) + 4 * _EPS * full
        rest = np.abs(product - q0 * (1.0 + odds) * few.others_of(y, mine)) + 4 * _EPS * product
        with_own = p[at, mine][:, None] * kappa * rest
        # Σ over odd j ≥ k of j⁻³ and j⁻²: the first term and an integral.
        blocks3 = 1.0 / k**3 + 0.25 / k**2 - np.append(0.25 / k[1:] ** 2, 0.0)
        blocks2 = 1.0 / k**2 + 0.5 / k - np.append(0.5 / k[1:], 0.0)
        # relu² carries half of 8H²/π³ Σ, and −2 x_own relu carries 4H/π² Σ.
        H = half_period[r, None]
        relu2, x_relu = 4.0 * H**2 / np.pi**3 * plain, 4.0 * H / np.pi**2 * with_own
        parts.append(_from_the_end(relu2 * blocks3 + x_relu * blocks2))
        # 2 relu carries 4H/π² Σ k⁻², and −2 x_own 1(s>0) carries 4/π Σ k⁻¹ with a factor κ ~ 1/k.
        slope = 4.0 * H / np.pi**2 * plain + 4.0 / np.pi * with_own * k
        relative = _from_the_end(slope * blocks2) / np.maximum(p[at, mine], 1e-300)
        slopes = np.maximum(slopes, relative.max(1))
    return np.concatenate(parts, axis=1), slopes


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
    """The expectations behind each row's loss and gradient.

    `n_terms` odd terms of the series, the first `n_gradient_terms` of them for the gradient too.
    """
    n_rows, n = a.shape
    H = plan.half_period
    parts = plan.sparse.expectations(a, b, own, H) + _series(
        a, b, own, p, plan, n_terms, n_gradient_terms
    )
    smooth = open_terms(a, b, own, p)
    rows = np.arange(n_rows)
    x_relu = 0.5 * (smooth.x_relu + H[:, None] * p / 4.0 + parts.x_rho1)
    # Each phase takes n + log K products; Σ k⁻³ and Σ k⁻² are below 1.1 and 1.3.
    size = 0.3 * H**2 + H * p[rows, own] + 0.5 * smooth.relu2
    return RowTerms(
        relu2=0.5 * (smooth.relu2 + H * smooth.relu + parts.rho2),
        relu=0.5 * (smooth.relu + 0.5 * H + parts.rho1),
        own_relu=x_relu[rows, own],
        own_open=0.5 * (smooth.own_open + parts.own_rho0),
        x_relu=x_relu,
        own_x_open=0.5 * (smooth.own_x_open + parts.own_x_rho0),
        truncation=plan.truncation(n_terms),
        rounding=smooth.rounding + (n + 24.0) * _EPS * size,
    )


def _series(
    a: FloatArray,
    b: FloatArray,
    own: IndexArray,
    p: FloatArray,
    plan: Plan,
    n_terms: int,
    n_gradient_terms: int,
) -> SeriesParts:
    """The series' share: inputs with more active features than the sparse ones have."""
    n_rows, n = a.shape
    with_gradient = min(n_terms, n_gradient_terms)
    length = min(n_terms, max(64, _BLOCK // n))
    height = max(1, _BLOCK // (n * length))
    edges = sorted({*range(0, n_terms, length), with_gradient, n_terms})
    blocks = []
    for start in range(0, n_rows, height):
        r = slice(start, start + height)
        problem = (a[r], b[r], own[r], p[r], plan.half_period[r], plan.sparse.rows(r))
        pieces = [
            _block(*problem, np.arange(first, last), first < with_gradient)
            for first, last in pairwise(edges)
        ]
        blocks.append(reduce(add, pieces))
    return SeriesParts(
        **{name: np.concatenate([getattr(x, name) for x in blocks]) for name in vars(blocks[0])}
    )


def _block(
    a: FloatArray,
    b: FloatArray,
    own: IndexArray,
    p: FloatArray,
    half_period: FloatArray,
    sparse: SparseInputs,
    which: NDArray[np.int_],
    with_gradient: bool,
) -> SeriesParts:
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
    chance = p[:, :, None]
    factor = chance * sigma
    factor += 1.0 - chance
    own_factor = factor[rows, own]
    factor[rows, own] = 1.0

    y = sparse.odds[:, :, None] * sigma
    q0 = sparse.none_active[:, None]
    total, own_others = sparse.total(y), sparse.others_of(y, own)
    odds_own, chance_own = sparse.odds[rows, own][:, None], p[rows, own][:, None]
    small_own = small[rows, own] if some_small else None
    own_wave, own_inverse, own_z = wave[rows, own], inverse[rows, own], z[rows, own]
    own_kappa = _by_parts(own_wave, sigma[rows, own], own_inverse, own_z, small_own, 1)

    x_rho1, own_x_rho0 = np.zeros((n_rows, n)), np.zeros((n_rows, n))
    scale1, scale0 = -4.0 * H / np.pi**2, 4.0 / np.pi
    if with_gradient:
        product, left_out = _left_out(factor)
        kappa = _by_parts(wave, sigma, inverse, z, small if some_small else None, 1)
        left_out *= chance * kappa
        x_phi = _summed(left_out, own_factor * shift / k**2)
        x_phi -= _summed(kappa * sparse.others(y), shift * q0 / k**2) * sparse.odds
        x_rho1 = scale1[:, None] * x_phi.real
        own_x_phi = _summed(left_out, chance_own * own_kappa * shift / k)
        if sparse.most_active == 2:
            own_x_phi -= _summed(kappa, shift * q0 * odds_own * own_kappa / k) * sparse.odds
        own_x_rho0 = scale0 * own_x_phi.imag
        own_kappa2 = _by_parts(own_wave, 2.0 * own_kappa, own_inverse, own_z, small_own, 2)
        twice = own_kappa2 * (chance_own * product - q0 * odds_own * own_others)
        own_x_rho0[rows, own] = scale0 * (shift * twice / k).sum(1).imag
    else:
        product = np.prod(factor, axis=1)

    phi = shift * (own_factor * product - q0 * total)
    own_phi = shift * own_kappa * (chance_own * product - q0 * odds_own * own_others)
    x_rho1[rows, own] = scale1 * (own_phi / k**2).sum(1).real
    return SeriesParts(
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


def _left_out(factor: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
    """The product over features, and for each feature the product over the others.

    Products from both ends rather than a quotient: a factor may be zero.
    """
    n = factor.shape[1]
    left_out = np.empty_like(factor)
    running = np.ones_like(factor[:, 0])
    for j in range(n):
        left_out[:, j] = running
        running = running * factor[:, j]
    product = running
    running = np.ones_like(factor[:, 0])
    for j in range(n - 1, -1, -1):
        left_out[:, j] *= running
        running = running * factor[:, j]
    return product, left_out
