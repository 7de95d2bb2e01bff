"""One row of the model, by whichever route is exact for it.

A row whose s never changes sign is a polynomial or zero.  (These rows must not reach the series:
its truncation error would show as a spurious gain.)  A row with few non-zero weights goes through
the corner recursion, which is exact whatever the weights are; the others go through the series,
whose length is chosen from its own error bound.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.few_features import MOST_FEATURES, few_feature_terms
from geomsup.theory.moments import RowTerms, open_terms
from geomsup.theory.series import GRADIENT_SLACK, plan_series, series_terms

__all__ = ["row_terms"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

# The first, rough pass over the series only finds the size of the loss.
_ROUGH = 1e-3
# However large the tolerance of the loss, a gradient is asked to be this good, relative to p.
_WORST_GRADIENT = 1e-5


def row_terms(
    a: FloatArray,
    b: FloatArray,
    own: IndexArray,
    p: FloatArray,
    importance: FloatArray,
    tol: float,
) -> RowTerms:
    """The six expectations of every row.

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
    """
    # Where p = 0 the feature is never there: its weight must not widen the range of s, nor come to
    # stand among the weights that are zero.
    a = np.where(p > 0.0, a, 0.0)
    low = b + np.minimum(a, 0.0).sum(1)
    high = b + np.maximum(a, 0.0).sum(1)
    is_open = low >= 0.0
    is_dead = (high <= 0.0) & ~is_open
    counts = a != 0.0
    counts[np.arange(len(own)), own] = True
    is_few = ~is_open & ~is_dead & (counts.sum(1) <= MOST_FEATURES)
    is_many = ~(is_open | is_dead | is_few)

    terms = _blank(a)
    for which, route in ((is_open, open_terms), (is_few, _few)):
        if which.any():
            _put(terms, which, route(a[which], b[which], own[which], p[which]))
    if is_many.any():
        known = np.sum((importance * terms.loss(p[np.arange(len(own)), own]))[~is_many])
        many = _many(
            a[is_many], b[is_many], own[is_many], p[is_many], importance[is_many], known, tol
        )
        _put(terms, is_many, many)
    return terms


def _blank(a: FloatArray) -> RowTerms:
    """Zero everywhere, which is what a dead row has."""
    return RowTerms(
        **{
            field.name: np.zeros(a.shape if field.name in ("x_relu", "own_x_open") else len(a))
            for field in fields(RowTerms)
        }
    )


def _put(into: RowTerms, which: NDArray[np.bool_], terms: RowTerms) -> None:
    for field in fields(RowTerms):
        getattr(into, field.name)[which] = getattr(terms, field.name)


def _few(a: FloatArray, b: FloatArray, own: IndexArray, p: FloatArray) -> RowTerms:
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
        np.take_along_axis(a, order, 1), b, place, np.take_along_axis(p, order, 1)
    )
    # What has no weight is independent of s: E x_j f(s) = (p_j / 2) E f(s).
    x_relu = 0.5 * p * kept.relu[:, None]
    own_x_open = 0.5 * p * kept.own_open[:, None]
    np.put_along_axis(x_relu, order, kept.x_relu, 1)
    np.put_along_axis(own_x_open, order, kept.own_x_open, 1)
    scalars = {name: getattr(kept, name) for name in ("relu2", "relu", "own_relu", "own_open")}
    return RowTerms(
        **scalars,
        x_relu=x_relu,
        own_x_open=own_x_open,
        truncation=kept.truncation,
        rounding=kept.rounding,
    )


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
    weight = max(float(importance.sum()), 1e-300)
    size = known + float(np.sum(importance * own_p)) / 3.0
    terms, plan, n_gradient = None, None, 0
    for goal in (_ROUGH, tol):
        slope = GRADIENT_SLACK * goal
        if terms is not None and plan is not None:
            slope = min(slope, _WORST_GRADIENT)
            error = float(importance @ terms.truncation)
            size = max(known + float(importance @ terms.loss(own_p)) - error, 0.1 * error)
            if error <= tol * size and plan.n_gradient_terms(slope) <= n_gradient:
                break
        allowed = 0.9 * goal * size
        plan = plan_series(a, b, own, p, 0.1 * allowed / weight)
        n_gradient = plan.n_gradient_terms(slope)
        n_terms = max(plan.n_terms(0.9 * allowed, importance), n_gradient)
        terms = series_terms(a, b, own, p, plan, n_terms, n_gradient)
    assert terms is not None
    return terms
