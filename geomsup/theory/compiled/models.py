"""The rows of a batch of models, each by the route that is exact for it; the twin of `theory.rows`.

Every model is computed alone: what its tolerance is relative to, and so the length of each series,
comes from its own rows.  A model's numbers do not depend on its neighbours in the batch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.compiled.corners import few_features_row
from geomsup.theory.compiled.jit import (
    GRAD_B,
    LOSS,
    ROUNDING,
    SLOPE,
    TRUNCATION,
    kernel,
    part,
)
from geomsup.theory.compiled.moments import open_row
from geomsup.theory.compiled.plan import LENGTHS, half_period, shortest, tail_bounds
from geomsup.theory.compiled.sparse import sparse_row
from geomsup.theory.compiled.waves import series_row
from geomsup.theory.compiled.weights import error_bounds, fill_gradient, fill_gram
from geomsup.theory.few_features import MOST_FEATURES
from geomsup.theory.series_plan import GRADIENT_SLACK

__all__ = ["all_models"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

# The first, rough pass over the series only finds the size of the loss.
_ROUGH = 1e-3
# However large the tolerance of the loss, a gradient is asked to be this good, relative to p …
_WORST_GRADIENT = 1e-5
# … and for its sake at most so many terms are summed; its bound says what is then left out.
_MOST_GRADIENT = int(np.searchsorted(LENGTHS, 1 << 13))
# Up to so many weights the recursion may take over; a corner costs as much as so many factors of
# the series (measured, at 9 to 12 weights).
_MOST_FOR_RECURSION, _CORNER = 12, 8


@part
def all_models(
    W: FloatArray,
    a: FloatArray,
    b: FloatArray,
    own: IndexArray,
    p: FloatArray,
    importance: FloatArray,
    tol: float,
    bounds: bool,
    grad_a: FloatArray,
    results: FloatArray,
    grad_W: FloatArray,
    errors: FloatArray,
) -> None:
    """Fill `grad_a` and `results` for every row, and `grad_W` and `errors` for every model.

    The rows of a model follow each other, equally many of each.  Models may have no entries: then
    the rows `a` are given and nothing is asked of the models; else `a` is filled too.  `p` has one
    row for each row of `a`, for each model or for all of them.
    """
    n_rows, n_models, n_p = len(b), len(W), len(p)
    has_weights = W.shape[1] > 0
    for i in range(n_models):
        start, stop = i * n_rows // n_models, (i + 1) * n_rows // n_models
        r = slice(start, stop)
        if has_weights:
            fill_gram(W[i], a[r])
        _model(
            a[r],
            b[r],
            own[r],
            p[start * n_p // n_rows : -(-stop * n_p // n_rows)],
            importance[r],
            tol,
            bounds,
            grad_a[r],
            results[r],
        )
        if has_weights:
            for k in range(start, stop):
                for j in range(a.shape[1]):
                    grad_a[k, j] *= importance[k]
            fill_gradient(W[i], grad_a[r], grad_W[i])
            if bounds:
                own_p = p[start * n_p // n_rows]
                errors[i, 0], errors[i, 1] = error_bounds(
                    W[i], b[r], own_p, a[r], grad_a[r], importance[r], results[r]
                )


@part
def _model(
    a: FloatArray,
    b: FloatArray,
    own: IndexArray,
    p: FloatArray,
    importance: FloatArray,
    tol: float,
    bounds: bool,
    grad_a: FloatArray,
    results: FloatArray,
) -> None:
    """One model: the rows that cost little, and then the series of the others together."""
    n_rows, n = a.shape
    weights, chances = np.empty((n_rows, n)), np.empty((n_rows, n))
    order, slopes = np.empty((n_rows, n), dtype=np.intp), np.zeros((n_rows, n))
    n_kept, place = np.empty(n_rows, dtype=np.intp), np.empty(n_rows, dtype=np.intp)
    is_many, some_many = np.zeros(n_rows, dtype=np.bool_), False
    for r in range(n_rows):
        own_p = p[r * len(p) // n_rows]
        k = n_kept[r] = _sort(a[r], own_p, own[r], order[r], weights[r])
        for i in range(k):
            chances[r, i] = own_p[order[r, i]]
            if order[r, i] == own[r]:
                place[r] = i
        is_many[r] = not _quick(
            weights[r, :k], b[r], place[r], chances[r, :k], bounds, slopes[r, :k], results[r]
        )
        some_many = some_many or is_many[r]
    if some_many:
        _series(
            weights, b, place, chances, n_kept, importance, tol, bounds, is_many, slopes, results
        )
    for r in range(n_rows):
        # What has no weight is independent of s and d: E x_j f = (p_j / 2) E f.
        for j in range(n):
            grad_a[r, j] = 0.5 * p[r * len(p) // n_rows, j] * results[r, GRAD_B]
        for i in range(n_kept[r]):
            grad_a[r, order[r, i]] = slopes[r, i]


@kernel
def _sort(a: FloatArray, p: FloatArray, own: int, order: IndexArray, weights: FloatArray) -> int:
    """The features with weight by falling magnitude, the own one among them; how many.

    A feature that is never there has no weight.
    """
    n_kept = 0
    for j in range(len(a)):
        weight = a[j] if p[j] > 0.0 else 0.0
        if j == own or weight != 0.0:
            i = n_kept
            while i > 0 and abs(weights[i - 1]) < abs(weight):
                weights[i], order[i] = weights[i - 1], order[i - 1]
                i -= 1
            weights[i], order[i] = weight, j
            n_kept += 1
    return n_kept


@part
def _quick(
    a: FloatArray,
    b: float,
    own: int,
    p: FloatArray,
    bounds: bool,
    grad_a: FloatArray,
    results: FloatArray,
) -> bool:
    """Compute a row that is a polynomial, zero, or has few weights; or tell that it is neither."""
    low = high = b
    for weight in a:
        low += min(weight, 0.0)
        high += max(weight, 0.0)
    if not np.isfinite(high - low):
        results[LOSS] = results[GRAD_B] = np.nan
    elif low >= 0.0:
        _store(open_row(a, b, own, p, grad_a), results)
    elif high <= 0.0:
        results[LOSS] = p[own] / 3.0
    elif len(a) <= MOST_FEATURES:
        _store(few_features_row(a, b, own, p, bounds, grad_a), results)
    else:
        return False
    return True


@kernel
def _store(terms: tuple[float, float, float, float], results: FloatArray) -> None:
    """Add a share of a row's loss to what the row has."""
    results[LOSS] += terms[0]
    results[GRAD_B] += terms[1]
    results[ROUNDING] += terms[2]
    results[SLOPE] += terms[3]


@kernel
def _clear(values: FloatArray) -> None:
    """Forget what was computed so far."""
    for i in range(len(values)):
        values[i] = 0.0


@part
def _series(
    a: FloatArray,
    b: FloatArray,
    own: IndexArray,
    p: FloatArray,
    n_kept: IndexArray,
    importance: FloatArray,
    tol: float,
    bounds: bool,
    is_many: NDArray[np.bool_],
    grad_a: FloatArray,
    results: FloatArray,
) -> None:
    """The rows `is_many`: their series roughly, for the size of the loss, and then in earnest."""
    n_rows = len(b)
    known = upper = least = weight = 0.0
    for r in range(n_rows):
        if is_many[r]:
            k = n_kept[r]
            _store(sparse_row(a[r, :k], b[r], own[r], p[r, :k], grad_a[r, :k]), results[r])
            weight += importance[r]
            upper += importance[r] * p[r, own[r]] / 3.0
        # What inputs with at most two active features lose is a lower bound: a sum of squares.
        least += importance[r] * results[r, LOSS]
    share = 1.0 / max(weight, 1e-300)
    usual = max(least, _ROUGH * upper)
    plans = np.empty((n_rows, 2, len(LENGTHS)))
    beyond, H = np.zeros((n_rows, 2)), np.empty(n_rows)
    for r in range(n_rows):
        k = n_kept[r]
        row = a[r, :k], b[r], own[r], p[r, :k]
        if is_many[r]:
            H[r] = _planned(*row, 0.8 * tol * least * share, plans[r], beyond[r])
            enough = 0.8 * tol * usual * share, _slack(tol) * _unit_of_slope(p[r, :k], own[r])
            if k <= _MOST_FOR_RECURSION and _is_long(plans[r], k, *enough):
                is_many[r] = False
                _clear(grad_a[r])
                _clear(results[r])
                _store(few_features_row(*row, bounds, grad_a[r, :k]), results[r])
        if not is_many[r]:
            known += importance[r] * results[r, LOSS]
    allowed = 0.72 * _ROUGH * (known + upper) * share
    rough, error, rounded = _roughly(
        a, b, own, p, n_kept, importance, allowed, is_many, H, plans, beyond, results
    )
    size = max(least, known + rough - error)
    if size <= 0.0:
        size = 0.1 * error
    # A term whose share is lost in rounding is not worth summing.
    goal = max(tol, rounded / size if size > 0.0 else 0.0)
    for r in range(n_rows):
        if is_many[r]:
            k = n_kept[r]
            enough_slope = _slack(goal) * _unit_of_slope(p[r, :k], own[r])
            i = min(shortest(plans[r, 1], enough_slope), _MOST_GRADIENT)
            j = max(shortest(plans[r, 0], 0.72 * goal * size * share), i)
            row = a[r, :k], b[r], own[r], p[r, :k]
            _store(series_row(*row, H[r], LENGTHS[j], LENGTHS[i], grad_a[r, :k]), results[r])
            results[r, TRUNCATION] = beyond[r, 0] + plans[r, 0, j]
            results[r, SLOPE] += beyond[r, 1] + plans[r, 1, i]


@kernel
def _planned(
    a: FloatArray,
    b: float,
    own: int,
    p: FloatArray,
    allowed: float,
    bounds: FloatArray,
    beyond: FloatArray,
) -> float:
    """Half period, and what it and every length of the series leave out of loss and gradient."""
    low = high = b
    for weight in a:
        low += min(weight, 0.0)
        high += max(weight, 0.0)
    H, beyond[0], beyond[1] = half_period(a, b, p, max(-low, high), 0.025 * allowed)
    tail_bounds(a, own, p, H, bounds[0], bounds[1])
    return H


@kernel
def _slack(goal: float) -> float:
    """What the gradient may be off by, relative to p, where the loss may by so much of itself."""
    return min(GRADIENT_SLACK * goal, _WORST_GRADIENT)


@kernel
def _unit_of_slope(p: FloatArray, own: int) -> float:
    """What the gradient of a row is good to a share of: p_own, or the largest p without it."""
    if p[own] > 0.0:
        return float(p[own])
    largest = 0.0
    for chance in p:
        largest = max(largest, chance)
    return largest


@kernel
def _is_long(bounds: FloatArray, n: int, allowed: float, slope: float) -> bool:
    """Whether the recursion is cheaper than the series, or the series does not get there."""
    i, j = shortest(bounds[1], slope), shortest(bounds[0], allowed)
    if i > _MOST_GRADIENT or bounds[0, j] > allowed:
        return True
    return bool(LENGTHS[max(i, j)] * n > _CORNER * 2**n)


@part
def _roughly(
    a: FloatArray,
    b: FloatArray,
    own: IndexArray,
    p: FloatArray,
    n_kept: IndexArray,
    importance: FloatArray,
    allowed: float,
    is_many: NDArray[np.bool_],
    H: FloatArray,
    plans: FloatArray,
    beyond: FloatArray,
    results: FloatArray,
) -> tuple[float, float, float]:
    """Of the rows `is_many` together: their loss, and the truncation and rounding in it."""
    rough = error = rounded = 0.0
    for r in range(len(b)):
        if is_many[r] and importance[r] > 0.0:
            k = n_kept[r]
            i = shortest(plans[r, 0], allowed)
            row = a[r, :k], b[r], own[r], p[r, :k]
            terms = series_row(*row, H[r], LENGTHS[i], 0, np.empty(k))
            rough += importance[r] * (results[r, LOSS] + terms[0])
            error += importance[r] * (beyond[r, 0] + plans[r, 0, i])
            rounded += importance[r] * (results[r, ROUNDING] + terms[2])
    return rough, error, rounded
