"""Moments of one row: over all inputs, and over those with more than two active features.

The twin of :mod:`geomsup.theory.moments`, whose docstrings say what they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.compiled.counting import STATE, many_without_each
from geomsup.theory.compiled.jit import LANES, kernel

__all__ = ["Moments", "linear_moments", "moments_of_many", "open_row", "residual_of"]

FloatArray = NDArray[np.float64]
# E 1, E z, E z² over the inputs, and the size of what was added up in E z².
Moments = tuple[float, float, float, float]

_EPS = float(np.finfo(np.float64).eps)
# Step of the complex-step derivative: no difference is taken, so it cannot be too small.
_TINY = 1e-150
_TWO, _MORE = 2 * LANES, 4 * LANES


@kernel
def residual_of(a: FloatArray, own: int) -> FloatArray:
    """Weights of d = x_own − s, whose constant is −b."""
    weights = np.empty(len(a))
    for j in range(len(a)):
        weights[j] = (1.0 if j == own else 0.0) - a[j]
    return weights


@kernel
def linear_moments(
    w: FloatArray,
    b: float,
    own: int,
    p: FloatArray,
    x: FloatArray,
    xz: FloatArray,
    own_x: FloatArray,
) -> Moments:
    """Over all inputs; fills E x_j, E x_j z and E x_own x_j."""
    n = len(w)
    z, largest, variance = b, abs(b), 0.0
    for j in range(n):
        x[j] = 0.5 * p[j]
        z += w[j] * x[j]
        largest += abs(w[j]) * x[j]
        variance += w[j] * w[j] * (p[j] / 3.0 - x[j] * x[j])
    for j in range(n):
        xz[j] = x[j] * z + w[j] * (p[j] / 3.0 - x[j] * x[j])
        own_x[j] = x[j] * x[own] if j != own else p[own] / 3.0
    size = variance + abs(z) * largest + n * _EPS * largest * largest
    return 1.0, z, z * z + variance, size


@kernel
def moments_of_many(
    w: FloatArray,
    b: float,
    own: int,
    p: FloatArray,
    x: FloatArray,
    xz: FloatArray,
    own_x: FloatArray,
) -> Moments:
    """Over the inputs with more than two active features; fills as :func:`linear_moments`."""
    n = len(w)
    unit = 0.0
    for j in range(n):
        unit = max(unit, abs(w[j]))
    unit = unit if unit > 0.0 else 1.0
    # The first lane is for z, the second for the sizes of its terms.
    present = np.zeros((n, 2 * LANES))
    for j in range(n):
        present[j, 0] = present[j, 1] = 1.0
        present[j, LANES] = 0.5 * _TINY * w[j] / unit
        present[j, LANES + 1] = abs(present[j, LANES])
    whole = np.empty(STATE)
    others = np.empty((n, 4 * LANES))
    many_without_each(p, present, n, -1, 2, whole, others)
    step = unit / _TINY
    chance = whole[_MORE]
    z = b * chance + step * whole[_MORE + LANES]
    largest = abs(b) * chance + step * whole[_MORE + LANES + 1]
    z2, size = b * z, abs(b) * largest
    for j in range(n):
        besides, rest = others[j], p[j] / 3.0
        x[j] = 0.5 * p[j] * besides[0]
        mean = b * besides[0] + step * besides[LANES]
        xz[j] = 0.5 * p[j] * mean + w[j] * (rest * besides[0])
        z2 += w[j] * xz[j]
        mean = abs(b) * besides[0] + step * besides[LANES + 1]
        size += abs(w[j]) * (0.5 * p[j] * mean + abs(w[j]) * (rest * besides[0]))
    own_x[own] = p[own] / 3.0 * others[own, 0]
    # Besides feature j and the own one, one more is enough.
    many_without_each(p, present, n, own, 1, whole, others)
    for j in range(n):
        if j != own:
            own_x[j] = 0.25 * p[j] * p[own] * (others[j, 0] + others[j, _TWO])
    return chance, z, z2, size


@kernel
def open_row(
    a: FloatArray, b: float, own: int, p: FloatArray, grad_a: FloatArray
) -> tuple[float, float, float, float]:
    """A row with s ≥ 0 throughout: loss, gradient in b, bounds on the rounding of both."""
    n = len(a)
    x, own_x = np.empty(n), np.empty(n)
    _, z, z2, size = linear_moments(residual_of(a, own), -b, own, p, x, grad_a, own_x)
    rough = abs(b) + 1.0
    for j in range(n):
        grad_a[j] *= -2.0
        rough += abs(a[j])
    error = (n + 8.0) * _EPS
    return z2, -2.0 * z, 2.0 * error * size, 2.0 * error * rough
