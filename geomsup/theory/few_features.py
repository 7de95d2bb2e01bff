"""Exact row losses where few features matter: a recursion over the corners of the data's box.

One output of the model sees s = b + Σ_j a_j x_j with x_j = B_j U_j.  Write S_q(c) for
E relu(c + Σ …)^q / q! over the features still to come.  Integrating one uniform coordinate is
taking a divided difference,

    S_q(c; a, rest) = (1 − p) S_q(c; rest) + p [S_{q+1}(c + a; rest) − S_{q+1}(c; rest)] / a,

so the expectation is a sum over the 2ⁿ corners.  Taken as it stands the sum cancels badly when
weights are small.  Two things repair it, and make the result good to rounding for any weights:

* the largest weight is integrated last, so a difference is divided by a weight that is at least
  1/n of the range in which the kink can lie;
* where the kink lies outside the range of the remaining features, S_q is a polynomial (or zero)
  and is written down from moments, all of whose terms are positive.

The cost grows as 2ⁿ; :mod:`geomsup.theory.series` takes over for many features.  Every array here
ends in the axes (corner, row), so that a batch of rows costs few operations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.moments import RowTerms

__all__ = ["MOST_FEATURES", "few_feature_terms"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# 2⁸ corners of ten powers cost about as much as the series does at its usual length.
MOST_FEATURES = 8

# A weight so much smaller than its row's largest is lost in rounding; its inverse would overflow.
_NEGLIGIBLE = 1e-30
_EPS = float(np.finfo(np.float64).eps)
# Rounded operations behind one step of the recursion, and behind one moment; generous.
_STEP_OPERATIONS = 8.0
_MOMENT_OPERATIONS = 40.0


@dataclass
class _Level:
    """S_q of the remaining features, with 1, x_j and x_own in front, for every corner.

    ``values`` has shape (1 + n_seen, 2, n_powers, n_corners, n_rows): the first axis is the
    factor 1 or x_j of a feature seen so far, the second the factor 1 or x_own.  ``errors`` bounds
    the rounding error of ``values[0]`` in units of the machine epsilon.
    """

    values: FloatArray
    errors: FloatArray
    moments: FloatArray  # of the remaining features alone, without the corner axis


def few_feature_terms(
    a: FloatArray, b: FloatArray, own: NDArray[np.intp], p: FloatArray
) -> RowTerms:
    """The expectations behind each row's loss and gradient, exact up to rounding.

    Parameters
    ----------
    a : ndarray of shape (n_rows, n)
        Weights, each row sorted by falling magnitude.
    b : ndarray of shape (n_rows,)
    own : ndarray of int of shape (n_rows,)
        Which feature the row reconstructs.
    p : ndarray of shape (n_rows, n)
        Feature probabilities in the order of `a`.
    """
    n_rows, n = a.shape
    # Powers of up to n + 2 stay in range when the largest number of a row is one.
    scale = np.maximum(np.abs(a).max(axis=1), np.abs(b))
    scale[scale == 0.0] = 1.0
    a, b, p = a.T / scale, b / scale, p.T
    a = np.where(np.abs(a) < _NEGLIGIBLE, 0.0, a)
    corners = [b[None, :]]
    for weight in a:
        corners.append(np.concatenate([corners[-1], corners[-1] + weight]))
    drift = (n + 2.0) * (np.abs(b) + np.abs(a).sum(0))  # rounding of a corner, in epsilons

    level = _leaf(corners[n], n + 3, drift)
    low, high = np.zeros(n_rows), np.zeros(n_rows)
    for f in reversed(range(n)):
        weight = a[f]
        low, high = low + np.minimum(weight, 0.0), high + np.maximum(weight, 0.0)
        moments = _extended_moments(level.moments, weight, p[f], own == f)
        level = _step(level, weight, p[f], own == f)
        level.moments = moments
        _without_kink(level, corners[f] + low, corners[f] + high, drift)

    top, errors = level.values[..., 0, :], level.errors[..., 0, :]
    return RowTerms(
        relu2=2.0 * scale**2 * top[0, 0, 2],
        relu=scale * top[0, 0, 1],
        own_relu=scale * top[0, 1, 1],
        own_open=top[0, 1, 0],
        # Slots were filled from the last feature to the first.
        x_relu=(scale * top[:0:-1, 0, 1]).T,
        own_x_open=top[:0:-1, 1, 0].T,
        truncation=np.zeros(n_rows),
        rounding=2.0 * _EPS * (scale**2 * errors[0, 2] + scale * errors[1, 1]),
    )


def _leaf(c: FloatArray, n_powers: int, drift: FloatArray) -> _Level:
    """No features left: S_q(c) = relu(c)^q / q!."""
    values = np.zeros((1, 2, n_powers, *c.shape))
    positive = np.maximum(c, 0.0)
    values[0, 0, 0] = c > 0.0
    for q in range(1, n_powers):
        values[0, 0, q] = values[0, 0, q - 1] * positive / q
    errors = np.zeros(values.shape[1:])
    errors[:, 1:] = n_powers * values[0, :, 1:] + values[0, :, :-1] * drift
    moments = np.zeros((1, 2, n_powers, c.shape[1]))
    moments[0, 0, 0] = 1.0
    return _Level(values, errors, moments)


def _shifted(values: FloatArray, by: int) -> FloatArray:
    """values[q + by] along the axis of powers, zero beyond its end (those are never used)."""
    shifted = np.zeros_like(values)
    shifted[..., :-by, :, :] = values[..., by:, :, :]
    return shifted


def _step(level: _Level, weight: FloatArray, p: FloatArray, is_own: BoolArray) -> _Level:
    """Integrate one more feature, where the kink is in range."""
    half = level.values.shape[-2] // 2
    inverse = np.divide(1.0, weight, out=np.zeros_like(weight), where=weight != 0.0)
    near, far = level.values[..., :half, :], level.values[..., half:, :]

    far1 = _shifted(far, 1)
    # ∫ S_q(c + a u) du, and ∫ u S_q, ∫ u² S_q below; their limits where the weight is zero.
    absent = weight == 0.0
    slope = np.where(absent, near, (far1 - _shifted(near, 1)) * inverse)
    plain = (1.0 - p) * near + p * slope
    once_inner = far1 - _shifted(slope, 1)
    once = p * np.where(absent, near / 2.0, inverse * once_inner)  # by parts
    twice = p * np.where(
        absent,
        near[0, 0] / 3.0,
        inverse * (far1[0, 0] - 2.0 * inverse * _shifted(once_inner[0, 0], 1)),
    )

    values = np.empty((near.shape[0] + 1, *near.shape[1:]))
    values[:-1, 0] = plain[:, 0]
    values[:-1, 1] = np.where(is_own, once[:, 0], plain[:, 1])
    values[-1, 0] = once[0, 0]
    values[-1, 1] = np.where(is_own, twice, once[0, 1])

    # The same linear maps with every sign made positive carry the bound on the rounding.
    bound = level.errors + _STEP_OPERATIONS * level.values[0]
    near, far = bound[..., :half, :], bound[..., half:, :]
    size = np.abs(inverse)
    far1 = _shifted(far, 1)
    slope = np.where(absent, near, (far1 + _shifted(near, 1)) * size)
    plain = (1.0 - p) * near + p * slope
    own = p * np.where(absent, near[0], size * (far1[0] + _shifted(slope[0], 1)))
    errors = np.stack([plain[0], np.where(is_own, own, plain[1])])
    return _Level(values, errors, level.moments)


def _extended_moments(
    moments: FloatArray, weight: FloatArray, p: FloatArray, is_own: BoolArray
) -> FloatArray:
    """E[factors · Z^r / r!] with one more feature in Z = Σ |a_j| z_j.

    z is x where the weight is positive and 1 − x where it is negative, so Z ≥ 0 and every term of
    every sum is positive.
    """
    n_powers = moments.shape[2]
    r = np.arange(n_powers, dtype=np.float64)[:, None]
    flip = weight < 0.0
    scale = np.cumprod(np.vstack([np.ones_like(weight), np.abs(weight) / r[1:]]), axis=0)
    plain = scale * (p / (r + 1.0) + np.where(flip | (r == 0.0), 1.0 - p, 0.0))
    once = scale * p * np.where(flip, 1.0 / ((r + 1.0) * (r + 2.0)), 1.0 / (r + 2.0))
    twice = scale * p * np.where(flip, 2.0 / ((r + 1.0) * (r + 2.0) * (r + 3.0)), 1.0 / (r + 3.0))

    def convolved(old: FloatArray, new: FloatArray) -> FloatArray:
        out = np.zeros_like(old)
        for s in range(n_powers):
            out[..., s:, :] += new[s] * old[..., : n_powers - s, :]
        return out

    plained, onced = convolved(moments, plain), convolved(moments, once)
    extended = np.empty((moments.shape[0] + 1, *moments.shape[1:]))
    extended[:-1, 0] = plained[:, 0]
    extended[:-1, 1] = np.where(is_own, onced[:, 0], plained[:, 1])
    extended[-1, 0] = onced[0, 0]
    extended[-1, 1] = np.where(is_own, convolved(moments[0, 0], twice), onced[0, 1])
    return extended


def _without_kink(level: _Level, low: FloatArray, high: FloatArray, drift: FloatArray) -> None:
    """Overwrite the corners from which the kink cannot be reached; `low` and `high` bound s."""
    dead = high <= 0.0
    level.values[..., dead] = 0.0
    level.errors[..., dead] = 0.0
    corner, row = np.nonzero(low >= 0.0)
    if not row.size:
        return
    n_powers = level.moments.shape[2]
    powers = np.empty((n_powers, row.size))
    powers[0] = 1.0
    for q in range(1, n_powers):
        powers[q] = powers[q - 1] * low[corner, row] / q
    # (c + Z)^q / q! = Σ_r c^{q−r} / (q−r)! · Z^r / r!, entry by entry: the terms of a row then are
    # added in one order whatever the number of rows, and a row does not depend on its neighbours.
    moments = level.moments[..., row]
    open_values = np.zeros_like(moments)
    for r in range(n_powers):
        open_values[:, :, r:] += powers[: n_powers - r] * moments[:, :, r, None]
    level.values[..., corner, row] = open_values
    errors = _MOMENT_OPERATIONS * open_values[0]
    errors[:, 1:] += open_values[0, :, :-1] * drift[row]
    level.errors[..., corner, row] = errors
