"""How many terms of the series are enough, and what the others leave out.

Two errors are bounded rather than estimated, for the loss and for its gradient: the tail of the
series, from |σ(z)| ≤ min(1, 2/|z|), and what lies beyond the half period H, from the moment
generating function (Chernoff's bound), which lets H lie far below the largest |s|.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.counts import many_present

__all__ = [
    "BEYOND_SIGN",
    "BEYOND_SQUARE",
    "GRADIENT_SLACK",
    "Plan",
    "factors_of_others",
    "plan_series",
]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

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
# Complex numbers in one array of a block of work: what a processor's cache holds several of.
_BLOCK = 1 << 16


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
        others = many_present(*factors_of_others(sigma, p[r], at, mine), most_active)
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


def _from_the_end(terms: FloatArray) -> FloatArray:
    """Σ_{k ≥ l} terms[r, k], of shape (n_lengths, n_rows)."""
    return np.asarray(np.cumsum(terms[:, ::-1], axis=1)[:, ::-1].T)


def factors_of_others(
    sigma: Any, p: FloatArray, rows: IndexArray, own: IndexArray
) -> tuple[FloatArray, Any]:
    """The factors of absent and of present features, with the own feature neither."""
    absent, present = 1.0 - p[:, :, None], p[:, :, None] * sigma
    absent[rows, own], present[rows, own] = 1.0, 0.0
    return absent, present
