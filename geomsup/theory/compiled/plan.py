"""One row's half period, and what every length of its series leaves out.

The twin of :mod:`geomsup.theory.series_plan`, where the bounds are derived.  Here the steepness θ
of Chernoff's bound comes from one list for all half periods, so that a few exponentials serve all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.compiled.counting import STATE, many_present
from geomsup.theory.compiled.jit import LANES, kernel
from geomsup.theory.series_plan import BEYOND_SIGN, BEYOND_SQUARE

__all__ = ["LENGTHS", "N_USABLE", "half_period", "shortest", "tail_bounds"]

FloatArray = NDArray[np.float64]

_MOST_TERMS = 1 << 15
# Numbers of odd terms at which the bound on the tail is evaluated, some beyond the last in use.
LENGTHS = np.unique(np.round(8 * 2.0 ** (np.arange(0, 61) / 4)).astype(np.int64))
N_USABLE = int(np.sum(LENGTHS <= _MOST_TERMS))
_N_LENGTHS = len(LENGTHS)
# Neighbouring lengths differ by at most this factor.
_RATIO = 1.25
# Each half period tried is this share of the one before; and so many values of θ, doubling.
_SHRINK, _MOST_SHRINKS, _N_THETAS = 0.85, 17, 8
_TWO, _MORE = 2 * LANES, 4 * LANES


@kernel
def half_period(
    a: FloatArray, b: float, p: FloatArray, reach: float, allowed: float
) -> tuple[float, float, float]:
    """H, and bounds on the errors that |s| > H commits in the loss and its gradient."""
    spread = 0.0
    for j in range(len(a)):
        spread += a[j] * a[j] * p[j]
    spread = np.sqrt(spread) + 1e-6 * reach
    thetas, logs = np.empty(_N_THETAS), np.empty(_N_THETAS)
    for i in range(_N_THETAS):
        thetas[i] = max(2.0 / reach, 0.5 / spread) * 2.0**i
        up, down = _log_moments(a, p, thetas[i])
        up, down = up + thetas[i] * b, down - thetas[i] * b
        high = max(up, down)
        logs[i] = high + np.log1p(np.exp(min(up, down) - high))
    H, beyond, slope = reach, 0.0, 0.0
    smaller = reach
    for _ in range(_MOST_SHRINKS):
        smaller *= _SHRINK
        tail = np.inf
        for i in range(_N_THETAS):
            if thetas[i] * smaller >= 2.0:
                tail = min(tail, logs[i] - thetas[i] * smaller)
        if not tail < 0.0:
            break
        chance = np.exp(tail)
        error = (BEYOND_SQUARE * smaller * smaller + smaller) * chance
        if error > allowed:
            break
        H, beyond, slope = smaller, error, (smaller + BEYOND_SIGN) * chance
    return H, beyond, slope


@kernel
def _log_moments(a: FloatArray, p: FloatArray, theta: float) -> tuple[float, float]:
    """log E e^{θ a·x} and log E e^{−θ a·x}; inf where the exponent would overflow."""
    up = down = 1.0
    for j in range(len(a)):
        z = abs(a[j]) * theta
        if z > 700.0:
            return np.inf, np.inf
        grown = shrunk = 1.0  # (e^z − 1)/z and (1 − e^{−z})/z
        if z > 1e-9:
            rise = np.expm1(z)
            grown, shrunk = rise / z, rise / (z * (1.0 + rise))
        more, less = 1.0 + p[j] * (grown - 1.0), 1.0 + p[j] * (shrunk - 1.0)
        up *= more if a[j] > 0.0 else less
        down *= less if a[j] > 0.0 else more
    return np.log(up), np.log(down)


@kernel
def tail_bounds(
    a: FloatArray, own: int, p: FloatArray, H: float, tails: FloatArray, slopes: FloatArray
) -> None:
    """Into `tails` and `slopes`: what the terms after each of LENGTHS leave out."""
    n = len(a)
    present = np.zeros((n, 2 * LANES))
    state = np.empty(STATE)
    own_p, own_step = p[own], max(abs(a[own]) * np.pi / H, 1e-300)
    for start in range(0, _N_LENGTHS, LANES):
        width = min(LANES, _N_LENGTHS - start)
        for j in range(n):
            row, inverse = present[j], 2.0 / max(abs(a[j]) * np.pi / H, 1e-300)
            for i in range(width):
                row[i] = min(1.0, inverse / (2.0 * LENGTHS[start + i] + 1.0))
        many_present(p, present, n, own, width, state)
        for i in range(width):
            k = 2.0 * LENGTHS[start + i] + 1.0
            z = own_step * k
            sigma = min(1.0, 2.0 / z)
            with_own = own_p * (state[_MORE + i] + state[_TWO + i])
            plain = (1.0 - own_p) * state[_MORE + i] + sigma * with_own
            tight, loose = min(0.5, (1.0 + sigma) / z), min(0.5, 2.0 / z)
            # Σ over odd j ≥ k of j⁻³ and j⁻²: the first term and an integral, less the next ones.
            blocks3, blocks2 = 1.0 / k**3 + 0.25 / k**2, 1.0 / k**2 + 0.5 / k
            if start + i + 1 < _N_LENGTHS:
                after = 2.0 * LENGTHS[start + i + 1] + 1.0
                blocks3 -= 0.25 / after**2
                blocks2 -= 0.5 / after
            relu2, x_relu = 4.0 * H * H / np.pi**3 * plain, 4.0 * H / np.pi**2 * with_own * tight
            tails[start + i] = relu2 * blocks3 + x_relu * blocks2
            step = 4.0 / np.pi * with_own * loose * _RATIO * k
            slopes[start + i] = (4.0 * H / np.pi**2 * plain + step) * blocks2
    for i in range(_N_LENGTHS - 2, -1, -1):
        tails[i] += tails[i + 1]
        slopes[i] += slopes[i + 1]


@kernel
def shortest(bounds: FloatArray, allowed: float) -> int:
    """The first of LENGTHS after which little enough is left out, or the longest in use."""
    for i in range(N_USABLE):
        if bounds[i] <= allowed:
            return i
    return N_USABLE - 1
