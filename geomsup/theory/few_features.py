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

Two cancellations are left, of the expectations with one another.  Where features are rare the loss
is much smaller than p: there inputs with at most two active features are integrated apart
(:mod:`geomsup.theory.sparse_inputs`), and the recursion keeps count of the active features and
ends with the others alone.  And where the output is nearly right, x − relu(s) = d − relu(−s) with
the residual d = x − s is a small number less a small one, and −s takes the place of s.

The cost grows as 2ⁿ; :mod:`geomsup.theory.series` takes over for many features.  Every array here
ends in the axes (corner, row), so that a batch of rows costs few operations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.moments import (
    LinearMoments,
    RowTerms,
    linear_moments,
    moments_of_many,
    residual_of,
)
from geomsup.theory.sparse_inputs import sparse_terms

__all__ = ["MOST_FEATURES", "few_feature_terms"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.intp]

# 2⁸ corners of ten powers cost about as much as the series does at its usual length.
MOST_FEATURES = 8

# A weight so much smaller than its row's largest is lost in rounding; its inverse would overflow.
_NEGLIGIBLE = 1e-30
_EPS = float(np.finfo(np.float64).eps)
# Rounded operations behind one step of the recursion, and behind one moment; generous.
_STEP_OPERATIONS = 8.0
_MOMENT_OPERATIONS = 40.0
# Below so many active features on average, inputs with at most two of them are the bulk.
_RARE = 0.05
_MOST_ACTIVE = 2
# With a residual E d² below this share of E x², it is −s that little is left of.
_NEARLY_RIGHT = 0.25


@dataclass
class _Level:
    """S_q of the remaining features, with 1, x_j and x_own in front, for every corner.

    ``values`` has shape (1 + n_seen, 2, n_counts, n_powers, n_corners, n_rows): the first axis is
    the factor 1 or x_j of a feature seen so far, the second the factor 1 or x_own, the third how
    many of the features seen are active: 0, 1, 2 or more, or one entry for any number of them.
    ``errors``, of the same shape, bounds their rounding in units of the machine epsilon.
    """

    values: FloatArray
    errors: FloatArray | None
    moments: FloatArray  # of the remaining features alone, without the corner axis


def few_feature_terms(
    a: FloatArray, b: FloatArray, own: IndexArray, p: FloatArray, *, bounds: bool = True
) -> RowTerms:
    """Each row's loss and gradient, exact up to rounding.

    Parameters
    ----------
    a : ndarray of shape (n_rows, n)
        Weights, each row sorted by falling magnitude.
    b : ndarray of shape (n_rows,)
    own : ndarray of int of shape (n_rows,)
        Which feature the row reconstructs.
    p : ndarray of shape (n_rows, n)
        Feature probabilities in the order of `a`.
    bounds : bool
        Whether rounding is bounded too; without, its bounds are zero.
    """
    terms = RowTerms.blank(a.shape)
    rare = p.sum(1) < _RARE
    if rare.any():
        part = (a[rare], b[rare], own[rare], p[rare])
        residual = moments_of_many(*residual_of(*part[:3]), *part[2:], _MOST_ACTIVE)
        sparse = sparse_terms(*part, _MOST_ACTIVE)
        terms.put(rare, sparse + _recursion(*part, residual, 2 + _MOST_ACTIVE, bounds))
    if not rare.all():
        part = (a[~rare], b[~rare], own[~rare], p[~rare])
        residual = linear_moments(*residual_of(*part[:3]), *part[2:])
        terms.put(~rare, _recursion(*part, residual, 1, bounds))
    return terms


def _recursion(
    a: FloatArray,
    b: FloatArray,
    own: IndexArray,
    p: FloatArray,
    residual: LinearMoments,
    n_counts: int,
    bounds: bool,
) -> RowTerms:
    """The share of all inputs, or of those with many active features, as `residual` has it."""
    n_rows, n = a.shape
    rows = np.arange(n_rows)
    own_x2 = residual.own_x[rows, own]
    mirrored = residual.z2 < _NEARLY_RIGHT * own_x2
    sign = np.where(mirrored, -1.0, 1.0)
    # Powers of up to n + 2 stay in range when the largest number of a row is one.
    scale = np.maximum(np.abs(a).max(axis=1), np.abs(b))
    scale[scale == 0.0] = 1.0
    top, errors = _integrated(sign * (a.T / scale), sign * b / scale, own, p.T, n_counts, bounds)
    relu2, relu, x_relu, own_open, own_x_open = _scaled(top, scale)
    own_relu = x_relu[rows, own]
    terms = RowTerms(
        loss=np.where(mirrored, residual.z2, own_x2) - 2.0 * own_relu + sign * relu2,
        grad_a=2.0 * np.where(mirrored[:, None], own_x_open - residual.xz, -own_x_open)
        + 2.0 * x_relu,
        grad_b=2.0 * np.where(mirrored, own_open - residual.z, -own_open) + 2.0 * relu,
        truncation=np.zeros(n_rows),
        rounding=np.zeros(n_rows),
        slope=np.zeros(n_rows),
    )
    if errors is not None:
        e_relu2, e_relu, ex_relu, e_open, ex_open = _scaled(errors, scale)
        base = np.where(mirrored, (n + 8.0) * residual.size, 4.0 * own_x2)
        added = relu2 + 2.0 * own_relu + np.where(mirrored, residual.z2, own_x2)
        terms.rounding[:] = _EPS * (base + 4.0 * added + e_relu2 + 2.0 * ex_relu[rows, own])
        base = residual.chance * (np.abs(b) + np.abs(a).sum(1) + 1.0)
        of_b = e_relu + e_open + 4.0 * (relu + own_open)
        of_a = (ex_relu + ex_open + 4.0 * (x_relu + own_x_open)).max(axis=1)
        terms.slope[:] = 2.0 * _EPS * (np.maximum(of_b, of_a) + (n + 8.0) * mirrored * base)
    return terms


def _scaled(top: FloatArray, scale: FloatArray) -> tuple[FloatArray, ...]:
    """E relu(s)², E relu(s), E x_j relu(s), E x_own 1(s>0), E x_own x_j 1(s>0) of scaled rows."""
    # Slots were filled from the last feature to the first.
    each = top[:0:-1]
    return (
        2.0 * scale**2 * top[0, 0, 2],
        scale * top[0, 0, 1],
        (scale * each[:, 0, 1]).T,
        top[0, 1, 0],
        each[:, 1, 0].T,
    )


def _integrated(
    a: FloatArray,
    b: FloatArray,
    own: IndexArray,
    p: FloatArray,
    n_counts: int,
    bounds: bool,
) -> tuple[FloatArray, FloatArray | None]:
    """S_0, S_1, S_2 of all features (axis 2), and bounds on their rounding; a is (n, n_rows)."""
    n = len(a)
    a = np.where(np.abs(a) < _NEGLIGIBLE, 0.0, a)
    corners = [b[None, :]]
    for weight in a:
        corners.append(np.concatenate([corners[-1], corners[-1] + weight]))
    drift = (n + 2.0) * (np.abs(b) + np.abs(a).sum(0))  # rounding of a corner, in epsilons

    level = _leaf(corners[n], n + 3, n_counts, drift, bounds)
    low, high = np.zeros_like(b), np.zeros_like(b)
    for f in reversed(range(n)):
        weight = a[f]
        low, high = low + np.minimum(weight, 0.0), high + np.maximum(weight, 0.0)
        moments = _extended_moments(level.moments, weight, p[f], own == f)
        level = _step(level, weight, p[f], own == f)
        level.moments = moments
        _without_kink(level, corners[f] + low, corners[f] + high, drift)
    errors = None if level.errors is None else level.errors[:, :, -1, :3, 0]
    return level.values[:, :, -1, :3, 0], errors


def _leaf(c: FloatArray, n_powers: int, n_counts: int, drift: FloatArray, bounds: bool) -> _Level:
    """No features left: S_q(c) = relu(c)^q / q!."""
    values = np.zeros((1, 2, n_counts, n_powers, *c.shape))
    positive = np.maximum(c, 0.0)
    values[0, 0, 0, 0] = c > 0.0
    for q in range(1, n_powers):
        values[0, 0, 0, q] = values[0, 0, 0, q - 1] * positive / q
    errors = None
    if bounds:
        errors = np.zeros_like(values)
        errors[..., 1:, :, :] = n_powers * values[..., 1:, :, :] + values[..., :-1, :, :] * drift
    moments = np.zeros((1, 2, n_counts, n_powers, c.shape[1]))
    moments[0, 0, 0, 0] = 1.0
    return _Level(values, errors, moments)


def _shifted(values: FloatArray) -> FloatArray:
    """values[q + 1] along the axis of powers, zero beyond its end (those are never used)."""
    shifted = np.zeros_like(values)
    shifted[..., :-1, :, :] = values[..., 1:, :, :]
    return shifted


def _one_more(values: FloatArray, axis: int = -4) -> FloatArray:
    """One more active feature than before, along the axis of counts."""
    values = np.moveaxis(values, axis, 0)
    lifted = np.zeros_like(values)
    lifted[1:] = values[:-1]
    lifted[-1] += values[-1]
    return np.moveaxis(lifted, 0, axis)


def _step(level: _Level, weight: FloatArray, p: FloatArray, is_own: BoolArray) -> _Level:
    """Integrate one more feature, where the kink is in range."""
    inverse = np.divide(1.0, weight, out=np.zeros_like(weight), where=weight != 0.0)
    values = _integral(level.values, inverse, -1.0, p, is_own)
    errors = None
    if level.errors is not None:
        # The same linear map with every sign made positive carries the bound on the rounding.
        bound = level.errors + _STEP_OPERATIONS * np.abs(level.values)
        errors = _integral(bound, np.abs(inverse), 1.0, p, is_own)
    return _Level(values, errors, level.moments)


def _integral(
    values: FloatArray, inverse: FloatArray, sign: float, p: FloatArray, is_own: BoolArray
) -> FloatArray:
    """The divided differences behind a step; `sign` is that between their two terms."""
    half = values.shape[-2] // 2
    near, far1 = values[..., :half, :], _shifted(values[..., half:, :])
    absent = inverse == 0.0
    # ∫ S_q(c + a u) du, and ∫ u S_q, ∫ u² S_q below; their limits where the weight is zero.
    slope = np.where(absent, near, (far1 + sign * _shifted(near)) * inverse)
    inner = far1 + sign * _shifted(slope)  # by parts
    once = _one_more(p * np.where(absent, near / 2.0, inverse * inner))
    twice = np.where(
        absent,
        near[0, 0] / 3.0,
        inverse * (far1[0, 0] + 2.0 * sign * inverse * _shifted(inner[0, 0])),
    )
    plain = (1.0 - p) * near + _one_more(p * slope)

    out = np.empty((near.shape[0] + 1, *near.shape[1:]))
    out[:-1, 0] = plain[:, 0]
    out[:-1, 1] = np.where(is_own, once[:, 0], plain[:, 1])
    out[-1, 0] = once[0, 0]
    out[-1, 1] = np.where(is_own, _one_more(p * twice), once[0, 1])
    return out


def _extended_moments(
    moments: FloatArray, weight: FloatArray, p: FloatArray, is_own: BoolArray
) -> FloatArray:
    """E[factors · Z^r / r!] with one more feature in Z = Σ |a_j| z_j.

    z is x where the weight is positive and 1 − x where it is negative, so Z ≥ 0 and every term of
    every sum is positive.
    """
    n_powers = moments.shape[3]
    r = np.arange(n_powers, dtype=np.float64)[:, None]
    flip = weight < 0.0
    steps = np.vstack([np.ones_like(weight), np.abs(weight) / r[1:]])
    scale = np.asarray(np.cumprod(steps, axis=0), dtype=np.float64)
    away = scale * np.where(flip | (r == 0.0), 1.0 - p, 0.0)
    plain = scale * p / (r + 1.0)
    once = scale * p * np.where(flip, 1.0 / ((r + 1.0) * (r + 2.0)), 1.0 / (r + 2.0))
    twice = scale * p * np.where(flip, 2.0 / ((r + 1.0) * (r + 2.0) * (r + 3.0)), 1.0 / (r + 3.0))

    def convolved(old: FloatArray, new: FloatArray) -> FloatArray:
        out = np.zeros_like(old)
        for s in range(n_powers):
            out[..., s:, :] += new[s] * old[..., : n_powers - s, :]
        return out

    def present(old: FloatArray, new: FloatArray) -> FloatArray:
        return _one_more(convolved(old, new), -3)

    plained = convolved(moments, away) + present(moments, plain)
    onced = present(moments, once)
    extended = np.empty((moments.shape[0] + 1, *moments.shape[1:]))
    extended[:-1, 0] = plained[:, 0]
    extended[:-1, 1] = np.where(is_own, onced[:, 0], plained[:, 1])
    extended[-1, 0] = onced[0, 0]
    extended[-1, 1] = np.where(is_own, present(moments[0, 0], twice), onced[0, 1])
    return extended


def _without_kink(level: _Level, low: FloatArray, high: FloatArray, drift: FloatArray) -> None:
    """Overwrite the corners from which the kink cannot be reached; `low` and `high` bound s."""
    dead = high <= 0.0
    level.values[..., dead] = 0.0
    if level.errors is not None:
        level.errors[..., dead] = 0.0
    corner, row = np.nonzero(low >= 0.0)
    if not row.size:
        return
    n_powers = level.moments.shape[3]
    powers = np.empty((n_powers, row.size))
    powers[0] = 1.0
    for q in range(1, n_powers):
        powers[q] = powers[q - 1] * low[corner, row] / q
    # (c + Z)^q / q! = Σ_r c^{q−r} / (q−r)! · Z^r / r!, entry by entry: the terms of a row then are
    # added in one order whatever the number of rows, and a row does not depend on its neighbours.
    moments = level.moments[..., row]
    open_values = np.zeros_like(moments)
    for r in range(n_powers):
        open_values[..., r:, :] += powers[: n_powers - r] * moments[..., r, None, :]
    level.values[..., corner, row] = open_values
    if level.errors is not None:
        errors = _MOMENT_OPERATIONS * open_values
        errors[..., 1:, :] += open_values[..., :-1, :] * drift[row]
        level.errors[..., corner, row] = errors
