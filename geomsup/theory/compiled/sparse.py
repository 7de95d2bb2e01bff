"""One row's share of the inputs with at most two active features; the twin of `sparse_inputs`.

The same exact rule, two Gauss-Legendre nodes on every piece between the kink and the edges.  A
scalar loop can see that a set of features never opens the output, or always does, and then needs
no pieces.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.compiled.jit import kernel

__all__ = ["sparse_row"]

FloatArray = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)
# Gauss-Legendre nodes on [0, 1]; both weights are 1/2.
_NODES = (0.5 - float(np.sqrt(1.0 / 12.0)), 0.5 + float(np.sqrt(1.0 / 12.0)))
# Rounded operations behind one value of the integrand.
_OPERATIONS = 16.0
# What is added up, for every set of features.
_LOSS, _PULL, _FIRST, _SECOND, _ERROR, _OPEN = range(6)


@kernel
def sparse_row(
    a: FloatArray, b: float, own: int, p: FloatArray, grad_a: FloatArray
) -> tuple[float, float, float, float]:
    """Loss, gradient in b, and the bounds on the rounding of both; adds to `grad_a`."""
    n = len(a)
    nothing, certain = _all_absent(p)
    size = abs(b)
    part, total = np.zeros(6), np.zeros(6)
    if b >= 0.0 and certain == 0:
        part[_LOSS], part[_PULL], part[_ERROR], part[_OPEN] = b * b, -b, b, 1.0
        _add(part, nothing, size, 0.0, total)
    for i in range(n):
        odds, alone = _odds(p[i])
        rest = (1.0 if i == own else 0.0) - a[i]
        if certain == alone:
            _edge(b, a[i], rest, 0.0, -b, i == own, 0.0, 1.0, part)
            chance = nothing * odds
            grad_a[i] -= 2.0 * chance * part[_FIRST]
            kink = _kink(size, abs(a[i]), 1.0) if i == own else 0.0
            _add(part, chance, size + abs(rest), kink, total)
        for j in range(i + 1, n):
            odds2, alone2 = _odds(p[j])
            chance = nothing * odds * odds2
            if certain != alone + alone2 or chance == 0.0:
                continue
            rest2 = (1.0 if j == own else 0.0) - a[j]
            _square(b, a[i], a[j], rest, rest2, i == own, j == own, part)
            grad_a[i] -= 2.0 * chance * part[_FIRST]
            grad_a[j] -= 2.0 * chance * part[_SECOND]
            both = _kink(size, max(abs(a[i]), abs(a[j])), 2.0) if i == own or j == own else 0.0
            _add(part, chance, size + abs(rest) + abs(rest2), both, total)
    operations = _EPS * (_OPERATIONS + n)
    rounding = 2.0 * _OPERATIONS * _EPS * total[_ERROR] + operations * total[_LOSS]
    return total[_LOSS], -2.0 * total[_PULL], rounding, 2.0 * operations * total[_OPEN]


@kernel
def _add(part: FloatArray, chance: float, size: float, kink: float, total: FloatArray) -> None:
    """Count what a set of features contributes, and forget it."""
    total[_LOSS] += chance * part[_LOSS]
    total[_PULL] += chance * part[_PULL]
    total[_ERROR] += chance * (part[_ERROR] * size)
    total[_OPEN] += chance * (part[_OPEN] * size + kink)
    for i in range(len(part)):
        part[i] = 0.0


@kernel
def _all_absent(p: FloatArray) -> tuple[float, int]:
    """The chance that no feature is active but the certain ones, and how many those are."""
    nothing, certain = 1.0, 0
    for chance in p:
        if chance < 1.0:
            nothing *= 1.0 - chance
        else:
            certain += 1
    return nothing, certain


@kernel
def _odds(p: float) -> tuple[float, int]:
    """The factor of a present feature beside that of all absent ones, and whether it is certain."""
    if p < 1.0:
        return p / (1.0 - p), 0
    return 1.0, 1


@kernel
def _kink(size: float, steepest: float, k: float) -> float:
    """By how many epsilons rounding moves the kink; beyond it the gradient lacks x_own ≤ 1."""
    if steepest == 0.0:
        return 0.0
    return min((size + k * steepest) / steepest, 1.0 / _EPS)


@kernel
def _crossing(s0: float, slope: float) -> float:
    """Where in [0, 1] the line s0 + slope·u is zero, clipped to the ends."""
    if slope == 0.0:
        return 1.0
    return min(max(-s0 / slope, 0.0), 1.0)


@kernel
def _square(
    b: float,
    first: float,
    second: float,
    rest: float,
    rest2: float,
    own: bool,
    own2: bool,
    part: FloatArray,
) -> None:
    """Both features uniform: an outer rule along the second one, split where a corner is passed."""
    low = b + min(first, 0.0) + min(second, 0.0)
    if b + max(first, 0.0) + max(second, 0.0) <= 0.0 and low < 0.0:
        _closed(own or own2, part)
        return
    if low >= 0.0:
        cut, cut2 = 1.0, 1.0
    else:
        cut, cut2 = _crossing(b, second), _crossing(b + first, second)
    edge = 0.0
    for end in (min(cut, cut2), max(cut, cut2), 1.0):
        if end > edge:
            for node in _NODES:
                v = edge + node * (end - edge)
                s0, d0 = b + second * v, rest2 * v - b
                weight = 0.5 * (end - edge)
                _edge(s0, first, rest, v, d0, own, v if own2 else 0.0, weight, part)
        edge = end


@kernel
def _closed(own: bool, part: FloatArray) -> None:
    """The output stays at zero: what is lost is the feature itself."""
    if own:
        part[_LOSS] += 1.0 / 3.0
        part[_ERROR] += 0.5


@kernel
def _edge(
    s0: float,
    slope: float,
    rest: float,
    v: float,
    d0: float,
    own: bool,
    own_x: float,
    weight: float,
    part: FloatArray,
) -> None:
    """One feature u uniform, the other at v: s = s0 + slope·u, d = d0 + rest·u, in two pieces."""
    edge = 0.0
    for end in (_crossing(s0, slope), 1.0):
        if end > edge:
            for node in _NODES:
                u = edge + node * (end - edge)
                share = 0.5 * weight * (end - edge)
                if s0 + slope * u >= 0.0:
                    d = d0 + rest * u
                    part[_LOSS] += share * d * d
                    part[_PULL] += share * d
                    part[_FIRST] += share * d * u
                    part[_SECOND] += share * d * v
                    part[_ERROR] += share * abs(d)
                    part[_OPEN] += share
                elif own or own_x > 0.0:
                    left = own_x + (u if own else 0.0)
                    part[_LOSS] += share * left * left
                    part[_ERROR] += share * left
        edge = end
