"""One row by the recursion over corners; the twin of :mod:`geomsup.theory.few_features`.

The tree of corners is walked depth first.  A branch from which the kink cannot be reached is a
polynomial, or zero, and is not entered; a node needs no higher power than the features above it
can still raise.  At the node behind the first f features a table holds S_q for q up to f + 2 with
each of these factors in front: 1, x_j of every feature j ≥ f, and those times x_own once the own
feature is among them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.compiled.jit import kernel, part, size_of
from geomsup.theory.compiled.moments import linear_moments, moments_of_many, residual_of
from geomsup.theory.compiled.sparse import sparse_row

__all__ = ["few_features_row"]

FloatArray = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)
# A weight so much smaller than its row's largest is lost in rounding; its inverse would overflow.
_NEGLIGIBLE = 1e-30
# Rounded operations behind one step of the recursion, and behind one moment; generous.
_STEP_OPERATIONS = 8.0
_MOMENT_OPERATIONS = 40.0
# Below so many active features on average, inputs with at most two of them are the bulk.
_RARE = 0.05
# With a residual E d² below this share of E x², it is −s that little is left of.
_NEARLY_RIGHT = 0.25


@kernel
def few_features_row(
    a: FloatArray, b: float, own: int, p: FloatArray, bounds: bool, grad_a: FloatArray
) -> tuple[float, float, float, float]:
    """Loss, gradient in b, and the bounds on the rounding of both; `a` falls in magnitude.

    Adds to `grad_a`.
    """
    n = len(a)
    x, xz, own_x = np.empty(n), np.empty(n), np.empty(n)
    residual = residual_of(a, own)
    if size_of(p) < _RARE:
        loss, grad_b, rounding, slope = sparse_row(a, b, own, p, grad_a)
        chance, z, z2, size = moments_of_many(residual, -b, own, p, x, xz, own_x)
        n_counts = 4
    else:
        loss = grad_b = rounding = slope = 0.0
        chance, z, z2, size = linear_moments(residual, -b, own, p, x, xz, own_x)
        n_counts = 1
    own_x2 = own_x[own]
    mirrored = z2 < _NEARLY_RIGHT * own_x2
    sign = -1.0 if mirrored else 1.0
    # Powers of up to n + 2 stay in range when the largest number of a row is one.
    scale = max(abs(b), abs(a[0]))
    scale = scale if scale > 0.0 else 1.0
    scaled = np.zeros(n)
    for j in range(n):
        if abs(a[j]) >= _NEGLIGIBLE * scale:
            scaled[j] = sign * a[j] / scale
    top, errors = _integrated(scaled, sign * b / scale, own, p, n_counts, bounds)
    last = n_counts - 1
    relu, relu2 = scale * top[0, 0, last, 1], 2.0 * scale * scale * top[0, 0, last, 2]
    own_open, own_relu = top[1 + own, 0, last, 0], scale * top[1 + own, 0, last, 1]
    loss += (z2 if mirrored else own_x2) - 2.0 * own_relu + sign * relu2
    grad_b += 2.0 * relu + 2.0 * (own_open - z if mirrored else -own_open)
    steepest = 0.0
    for j in range(n):
        x_relu, own_x_open = scale * top[1 + j, 0, last, 1], top[1 + j, 1, last, 0]
        grad_a[j] += 2.0 * x_relu + 2.0 * (own_x_open - xz[j] if mirrored else -own_x_open)
        error = scale * errors[1 + j, 0, last, 1] + errors[1 + j, 1, last, 0]
        steepest = max(steepest, error + 4.0 * (x_relu + own_x_open))
    if not bounds:
        return loss, grad_b, 0.0, 0.0
    added = relu2 + 2.0 * own_relu + (z2 if mirrored else own_x2)
    rounding += _EPS * (
        ((n + 8.0) * size if mirrored else 4.0 * own_x2)
        + 4.0 * added
        + 2.0 * scale * scale * errors[0, 0, last, 2]
        + 2.0 * scale * errors[1 + own, 0, last, 1]
    )
    error = scale * errors[0, 0, last, 1] + errors[1 + own, 0, last, 0]
    steepest = max(steepest, error + 4.0 * (relu + own_open))
    if mirrored:
        steepest += (n + 8.0) * chance * (abs(b) + size_of(a) + 1.0)
    return loss, grad_b, rounding, slope + 2.0 * _EPS * steepest


@part
def _integrated(
    a: FloatArray, b: float, own: int, p: FloatArray, n_counts: int, bounds: bool
) -> tuple[FloatArray, FloatArray]:
    """S_q of all features, (1 + n, 2, n_counts, n + 3), and their rounding in epsilons.

    The first axis is the factor 1 or x_j, the second the factor 1 or x_own, the third how many of
    the features seen are active: 0, 1, 2 or more, or one entry for any number of them.
    """
    n = len(a)
    drift = (n + 2.0) * (abs(b) + size_of(a))  # rounding of a corner, in epsilons
    low, high = _reaches(a)
    moments = _all_moments(a, own, p, n_counts)
    # For every depth, the nodes without and with the weight of the feature above.
    values = np.zeros((n + 1, 2, 1 + n, 2, n_counts, n + 3))
    errors = np.zeros(values.shape if bounds else (1, 1, 1 + n, 2, n_counts, 3))
    corner, side = np.zeros(n + 1), np.zeros(n + 1, dtype=np.intp)
    corner[0] = b
    entered = np.zeros(n + 1, dtype=np.intp)  # how many of a node's children
    f = 0
    while f >= 0:
        below, above = corner[f] + low[f], corner[f] + high[f]
        is_open = below >= 0.0 and (f < n or below > 0.0)
        if is_open or above <= 0.0:
            if is_open:
                _open(below, moments[f], own, f, values[f, side[f]])
            else:
                _close(f, values[f, side[f]])
            if bounds:
                _rounded(values[f, side[f]], own, f, _MOMENT_OPERATIONS, drift, errors[f, side[f]])
            f -= 1
        elif entered[f] < (2 if a[f] != 0.0 else 1):
            corner[f + 1] = corner[f] + a[f] * entered[f]
            side[f + 1] = entered[f]
            entered[f] += 1
            f += 1
            entered[f] = 0
        else:
            inverse = _inverse(a[f])
            for table in range(2 if bounds else 1):
                # The same linear map with every sign made positive carries the bounds.
                levels, sign = (values, -1.0) if table == 0 else (errors, 1.0)
                _node(levels[f + 1], levels[f, side[f]], f, inverse, sign, p[f], own)
                inverse = abs(inverse)
            if bounds:
                _rounded(values[f, side[f]], own, f, 0.0, 0.0, errors[f, side[f]])
            f -= 1
    return values[0, 0], errors[0, 0]


@kernel
def _inverse(weight: float) -> float:
    """Zero where there is no weight."""
    return 1.0 / weight if weight != 0.0 else 0.0


@kernel
def _reaches(a: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The least and the most that the features from each one on can add."""
    n = len(a)
    low, high = np.zeros(n + 1), np.zeros(n + 1)
    for f in range(n - 1, -1, -1):
        low[f] = low[f + 1] + min(a[f], 0.0)
        high[f] = high[f + 1] + max(a[f], 0.0)
    return low, high


@kernel
def _holds(slot: int, f: int) -> bool:
    """Whether a table of depth f has an entry for the factor 1 or x_j in this slot."""
    return slot == 0 or slot > f


@kernel
def _n_own(slot: int, own: int, f: int) -> int:
    """In how many ways: once, or also times x_own; x_own alone stands in its own slot."""
    return 2 if slot > 0 and own >= f else 1


@kernel
def _once(slot: int, own: int, f: int) -> tuple[int, int]:
    """Where x_f times a slot of depth f + 1 goes, slot and way; a slot below zero is nowhere."""
    if slot == 0:
        return 1 + f, 0
    if own == f:
        return slot, 1
    if slot == 1 + own:
        return 1 + f, 1
    return -1, 0


@kernel
def _close(f: int, out: FloatArray) -> None:
    """A node with s ≤ 0."""
    out[0] = 0.0
    out[1 + f :] = 0.0


@kernel
def _node(
    children: FloatArray,
    out: FloatArray,
    f: int,
    inverse: float,
    sign: float,
    p: float,
    own: int,
) -> None:
    """Integrate feature f between a node's two children."""
    near, far = children[0], children[1]
    n_slots, last = near.shape[0], near.shape[2] - 1
    most = min(n_slots - 2 - f, last)  # more features were not seen yet
    for slot in range(n_slots):
        if _holds(slot, f + 1):
            least = min(1 if slot > 0 else 0, last)
            n_powers = f + 3 if slot == 0 else f + 2
            for o in range(_n_own(slot, own, f + 1)):
                _mean(
                    near[slot, o],
                    far[slot, o],
                    inverse,
                    sign,
                    p,
                    n_powers - o,
                    least,
                    most,
                    out[slot, o],
                )
            into, o = _once(slot, own, f)
            if into >= 0:
                _first(
                    near[slot, 0],
                    far[slot, 0],
                    inverse,
                    sign,
                    p,
                    n_powers - 1,
                    least,
                    most,
                    out[into, o],
                )
    if own == f:
        _second(near[0, 0], far[0, 0], inverse, sign, p, f + 1, most, out[1 + f, 1])


@kernel
def _mean(
    near: FloatArray,
    far: FloatArray,
    inverse: float,
    sign: float,
    p: float,
    n_powers: int,
    least: int,
    most: int,
    out: FloatArray,
) -> None:
    """(1 − p) S_q(c) + p ∫ S_q(c + a u) du: the divided difference, or S_q where there is no a."""
    last = near.shape[0] - 1
    for k in range(least, min(most + 1, last) + 1):
        for q in range(n_powers):
            out[k, q] = (1.0 - p) * near[k, q] if k <= most else 0.0
    for k in range(least, most + 1):
        into = min(k + 1, last)
        for q in range(n_powers):
            if inverse == 0.0:
                out[into, q] += p * near[k, q]
            else:
                out[into, q] += p * ((far[k, q + 1] + sign * near[k, q + 1]) * inverse)


@kernel
def _first(
    near: FloatArray,
    far: FloatArray,
    inverse: float,
    sign: float,
    p: float,
    n_powers: int,
    least: int,
    most: int,
    out: FloatArray,
) -> None:
    """p ∫ u S_q(c + a u) du, by parts."""
    last = near.shape[0] - 1
    for k in range(last + 1):
        for q in range(n_powers):
            out[k, q] = 0.0
    for k in range(least, most + 1):
        into = min(k + 1, last)
        for q in range(n_powers):
            if inverse == 0.0:
                out[into, q] += p * (0.5 * near[k, q])
            else:
                mean = (far[k, q + 2] + sign * near[k, q + 2]) * inverse
                out[into, q] += p * (inverse * (far[k, q + 1] + sign * mean))


@kernel
def _second(
    near: FloatArray,
    far: FloatArray,
    inverse: float,
    sign: float,
    p: float,
    n_powers: int,
    most: int,
    out: FloatArray,
) -> None:
    """p ∫ u² S_q(c + a u) du, by parts twice."""
    last = near.shape[0] - 1
    for k in range(last + 1):
        for q in range(n_powers):
            out[k, q] = 0.0
    for k in range(most + 1):
        into = min(k + 1, last)
        for q in range(n_powers):
            if inverse == 0.0:
                out[into, q] += p * (near[k, q] / 3.0)
            else:
                mean = (far[k, q + 3] + sign * near[k, q + 3]) * inverse
                first = inverse * (far[k, q + 2] + sign * mean)
                out[into, q] += p * (inverse * (far[k, q + 1] + 2.0 * sign * first))


@kernel
def _all_moments(a: FloatArray, own: int, p: FloatArray, n_counts: int) -> FloatArray:
    """E[factors · Z^r / r!] of the features from f on, for every f, with Z = Σ |a_j| z_j.

    z is x where the weight is positive and 1 − x where it is negative, so Z ≥ 0 and every term of
    every sum is positive.
    """
    n = len(a)
    moments = np.zeros((n + 1, 1 + n, 2, n_counts, n + 3))
    moments[n, 0, 0, 0, 0] = 1.0
    series = np.zeros((5, n + 3))
    never, absent, plain, once, twice = series
    for f in range(n - 1, -1, -1):
        _fill_series(a[f], p[f], f + 3, series)
        old, new = moments[f + 1], moments[f]
        most = min(n - 1 - f, n_counts - 1)
        for slot in range(n + 1):
            if _holds(slot, f + 1):
                n_powers = f + 3 if slot == 0 else f + 2
                for o in range(_n_own(slot, own, f + 1)):
                    _extended(old[slot, o], absent, plain, n_powers - o, most, new[slot, o])
                into, o = _once(slot, own, f)
                if into >= 0:
                    _extended(old[slot, 0], never, once, n_powers - 1, most, new[into, o])
        if own == f:
            _extended(old[0, 0], never, twice, f + 1, most, new[1 + f, 1])
    return moments


@kernel
def _fill_series(weight: float, p: float, n_powers: int, series: FloatArray) -> None:
    """E (|a| z)^r / r! of one feature: of none, absent, and present times 1, x and x²."""
    scale, flip = 1.0, weight < 0.0
    for r in range(n_powers):
        series[1, r] = scale * (1.0 - p) if flip or r == 0 else 0.0
        series[2, r] = scale * p / (r + 1.0)
        series[3, r] = series[2, r] / (r + 2.0) * (1.0 if flip else r + 1.0)
        series[4, r] = 2.0 * series[3, r] / (r + 3.0) if flip else scale * p / (r + 3.0)
        scale *= abs(weight) / (r + 1.0)


@kernel
def _extended(
    old: FloatArray,
    absent: FloatArray,
    present: FloatArray,
    n_powers: int,
    most: int,
    out: FloatArray,
) -> None:
    """Products of power series, by the number of active features; `out` is zero before."""
    last = old.shape[0] - 1
    for k in range(most + 1):
        into = min(k + 1, last)
        for s in range(n_powers):
            for r in range(n_powers - s):
                out[into, s + r] += present[s] * old[k, r]
            if absent[s] != 0.0:
                for r in range(n_powers - s):
                    out[k, s + r] += absent[s] * old[k, r]


@kernel
def _open(low: float, moments: FloatArray, own: int, f: int, out: FloatArray) -> None:
    """A node with s ≥ low ≥ 0: (low + Z)^q / q! = Σ_r low^{q−r}/(q−r)! · Z^r/r!."""
    n_powers = f + 3
    powers = np.empty(n_powers)
    powers[0] = 1.0
    for q in range(1, n_powers):
        powers[q] = powers[q - 1] * low / q
    for slot in range(out.shape[0]):
        if _holds(slot, f):
            for o in range(_n_own(slot, own, f)):
                used = n_powers - o - (1 if slot > 0 else 0)
                for k in range(out.shape[2]):
                    total = out[slot, o, k]
                    total[:used] = 0.0
                    for r in range(used):
                        factor = moments[slot, o, k, r]
                        if factor != 0.0:
                            for q in range(used - r):
                                total[r + q] += powers[q] * factor


@kernel
def _rounded(
    values: FloatArray, own: int, f: int, operations: float, drift: float, errors: FloatArray
) -> None:
    """Bounds on the rounding of a node and of the step that reads it.

    A node that was integrated has its children's already; one that the kink cannot reach has
    `operations` of its own, and a corner that is known to `drift`.
    """
    for slot in range(values.shape[0]):
        if _holds(slot, f):
            for o in range(_n_own(slot, own, f)):
                for k in range(values.shape[2]):
                    below = 0.0
                    for q in range(f + 3 - o - (1 if slot > 0 else 0)):
                        value = values[slot, o, k, q]
                        before = errors[slot, o, k, q] if operations == 0.0 else 0.0
                        errors[slot, o, k, q] = (
                            before + (operations + _STEP_OPERATIONS) * abs(value) + drift * below
                        )
                        below = value
