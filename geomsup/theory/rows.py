"""One row of the model, by whichever route is exact for it.

A row whose s never changes sign is a polynomial or zero.  (These rows must not reach the series:
its truncation error would show as a spurious gain.)  A row with few non-zero weights goes through
the corner recursion, which is exact whatever the weights are; the others go through the series,
whose length is chosen from its own error bound.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.compiled import compiled_rows, serves
from geomsup.theory.few_features import MOST_FEATURES, few_feature_terms
from geomsup.theory.moments import RowTerms, open_terms
from geomsup.theory.series import series_terms
from geomsup.theory.series_plan import GRADIENT_SLACK, plan_series

__all__ = ["row_terms"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

# The first, rough pass over the series only finds the size of the loss.
_ROUGH = 1e-3
# However large the tolerance of the loss, a gradient is asked to be this good, relative to p.
_WORST_GRADIENT = 1e-5
# Up to so many features the recursion takes over where the series converges too slowly: it costs
# up to 2¹² corners a row then, but is exact.
_MOST_FOR_RECURSION = 12
_SLOW_LOSS, _SLOW_GRADIENT = 1e-10, 1e-7


def row_terms(
    a: FloatArray,
    b: FloatArray,
    own: IndexArray,
    p: FloatArray,
    importance: FloatArray,
    tol: float,
    *,
    bounds: bool = True,
    n_models: int = 1,
) -> RowTerms:
    """The loss and gradient of every row.

    Parameters
    ----------
    a : ndarray of shape (n_rows, n_features)
        Rows of the Gram matrix G.
    b : ndarray of shape (n_rows,)
    own : ndarray of int of shape (n_rows,)
        The feature that each row reconstructs.
    p : ndarray of shape (n_rows, n_features)
    importance : ndarray of shape (n_rows,)
    tol : float
        Error that the importance-weighted sum of the rows' losses may have, relative to that sum.
        Where it cannot be reached the errors returned say so.
    bounds : bool
        Whether rounding is bounded wherever that costs time.
    n_models : int, default 1
        The rows are those of so many models, one after the other and equally many of each.  The
        compiled route holds the tolerance for each model by itself.
    """
    if serves(a.shape[1]):
        return compiled_rows(a, b, own, p, importance, tol, bounds=bounds, n_models=n_models)
    # Where p = 0 the feature is never there: its weight must not widen the range of s, nor come to
    # stand among the weights that are zero.
    a = np.where(p > 0.0, a, 0.0)
    own_p = p[np.arange(len(own)), own]
    low = b + np.minimum(a, 0.0).sum(1)
    high = b + np.maximum(a, 0.0).sum(1)
    is_open = low >= 0.0
    is_dead = (high <= 0.0) & ~is_open
    counts = a != 0.0
    counts[np.arange(len(own)), own] = True
    n_counts = counts.sum(1)
    is_few = ~is_open & ~is_dead & (n_counts <= MOST_FEATURES)
    is_many = ~(is_open | is_dead | is_few)
    unsure = is_many & (n_counts <= _MOST_FOR_RECURSION)
    if unsure.any():
        which = (a[unsure], b[unsure], own[unsure], p[unsure])
        unit = _unit_of_slope(p[unsure], own_p[unsure])
        plan = plan_series(*which, _SLOW_LOSS * float(unit.min()))
        slow = ~plan.converges(_SLOW_LOSS, _SLOW_GRADIENT, unit)
        is_few[np.flatnonzero(unsure)[slow]] = True
        is_many &= ~is_few

    terms = RowTerms.blank(a.shape)
    terms.loss[is_dead] = own_p[is_dead] / 3.0
    if is_open.any():
        terms.put(is_open, open_terms(a[is_open], b[is_open], own[is_open], p[is_open]))
    # Rows with as many corners go together: the most expensive ones are few, and a row is computed
    # the same whatever its neighbours.
    for count in np.unique(n_counts[is_few]):
        which = is_few & (n_counts == count)
        terms.put(which, _few(a[which], b[which], own[which], p[which], bounds))
    if is_many.any():
        known = float(np.sum((importance * terms.loss)[~is_many]))
        many = _many(
            a[is_many], b[is_many], own[is_many], p[is_many], importance[is_many], known, tol
        )
        terms.put(is_many, many)
    return terms


def _unit_of_slope(p: FloatArray, own_p: FloatArray) -> FloatArray:
    """What the gradient of a row is good to a share of: p_own, or the largest p without it."""
    return np.where(own_p > 0.0, own_p, p.max(axis=1))


def _few(a: FloatArray, b: FloatArray, own: IndexArray, p: FloatArray, bounds: bool) -> RowTerms:
    """Sort each row by weight, leave out the features that have none, and put them back."""
    rows = np.arange(len(own))
    size = np.abs(a)
    # A row's own feature stays even when its weight is zero: first among the zeros.
    last = np.ones(a.shape, dtype=bool)
    last[rows, own] = False
    order = np.lexsort((last, -size), axis=1)
    place = np.argmax(order == own[:, None], axis=1)
    n_kept = max(int((size > 0.0).sum(1).max()), int(place.max()) + 1)
    order = order[:, :n_kept]
    kept = few_feature_terms(
        np.take_along_axis(a, order, 1), b, place, np.take_along_axis(p, order, 1), bounds=bounds
    )
    # What has no weight is independent of s and d: E x_j f = (p_j / 2) E f.
    grad_a = 0.5 * p * kept.grad_b[:, None]
    np.put_along_axis(grad_a, order, kept.grad_a, 1)
    return replace(kept, grad_a=grad_a)


def _many(
    a: FloatArray,
    b: FloatArray,
    own: IndexArray,
    p: FloatArray,
    importance: FloatArray,
    known: float,
    tol: float,
) -> RowTerms:
    """The series: once roughly, to learn what the tolerance is relative to, then in earnest.

    `known` is the loss of the rows that are not here.
    """
    own_p = p[np.arange(len(own)), own]
    unit = _unit_of_slope(p, own_p)
    weight = max(float(importance.sum()), 1e-300)
    size = known + float(np.sum(importance * own_p)) / 3.0

    terms, n_gradient, slope = None, 0, GRADIENT_SLACK * _ROUGH
    for goal in (_ROUGH, tol):
        if terms is not None:
            error = float(importance @ terms.truncation)
            size = max(known + float(importance @ terms.loss) - error, 0.1 * error)
            # A term whose share is lost in rounding is not worth summing.
            goal = max(goal, float(importance @ terms.rounding) / size)
            slope = min(GRADIENT_SLACK * goal, _WORST_GRADIENT)
        allowed = 0.8 * goal * size
        plan = plan_series(a, b, own, p, 0.1 * allowed / weight)
        n_needed = plan.n_gradient_terms(slope, unit)
        if terms is not None and error <= goal * size and n_needed <= n_gradient:
            break
        n_gradient = n_needed
        n_terms = max(plan.n_terms(0.9 * allowed, importance), n_gradient)
        terms = series_terms(a, b, own, p, plan, n_terms, n_gradient)
    assert terms is not None
    return terms
