"""The rows of models whose features depend on each other: a sum over the patterns of the data.

Given its pattern (:meth:`FeatureModel.patterns`) a feature is there, is not, or is there by itself,
and the rows of independent features apply, with p one, zero, or as it is.  Features that have one
value in common act as ONE input: its weight in a row is the sum of theirs, and it is what the
outputs of all of them shall return.  The probability of a pattern goes into the importances of its
rows, so a tolerance is relative to the loss of the whole model.

Fixed values leave nothing to integrate: a pattern is one input, and the loss a sum over inputs.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.feature_model import FeatureModel, Patterns
from geomsup.theory.moments import RowTerms
from geomsup.theory.rows import row_terms

__all__ = ["collapse_error", "kink_slope", "pattern_terms"]

FloatArray = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)
# Numbers in one array of a block of models.
_BLOCK = 1 << 22


def pattern_terms(
    gram: FloatArray,
    b: FloatArray,
    features: FeatureModel,
    importance: FloatArray,
    tol: float,
    *,
    slack: FloatArray | None = None,
) -> RowTerms:
    """The loss and gradient of every row of a batch of models, over all patterns.

    Parameters
    ----------
    gram : ndarray of shape (n_models, n_features, n_features)
    b : ndarray of shape (n_models, n_features)
    features : FeatureModel
    importance : ndarray of shape (n_models, n_features)
        What the rows weigh in the tolerance; the terms themselves are at importance one.
    tol : float
        As in :func:`geomsup.theory.rows.row_terms`.
    slack : ndarray of shape (n_features, n_features), optional
        How far the Gram matrix may be off.  Rounding is bounded where it is given, and what it may
        do where a kink lies is part of the bounds then; for a batch of one model.

    Returns
    -------
    RowTerms
        Of n_models · n_features rows.
    """
    patterns = features.patterns()
    n_models, n = b.shape
    shape = (n_models * n, n)
    height = max(
        1, _BLOCK // (len(patterns.weights) * n * (n if features.values == "uniform" else 1))
    )
    terms = RowTerms.blank(shape)
    for start in range(0, n_models, height):
        m = slice(start, start + height)
        if features.values == "fixed":
            part = _of_inputs(gram[m], b[m], patterns, features.magnitude, slack)
        else:
            part = _of_patterns(gram[m], b[m], patterns, importance[m], tol, slack)
        terms.put(slice(start * n, (start + height) * n), part)
    return terms


def collapse_error(features: FeatureModel | None) -> float:
    """Roundings of an entry of the Gram matrix by adding weights that have one value."""
    if features is None or features.values == "fixed":
        return 0.0
    return float(max((one.size for one in features.sets if one.equal_values > 0.0), default=0))


def _of_patterns(
    gram: FloatArray,
    b: FloatArray,
    patterns: Patterns,
    importance: FloatArray,
    tol: float,
    slack: FloatArray | None,
) -> RowTerms:
    """Uniform values: the rows of independent features, in every pattern."""
    n_models, n = b.shape
    n_patterns = len(patterns.weights)
    whole = (n_models, n_patterns, n, n)
    a = gram[:, None] * (patterns.p > 0.0)[:, None, :]
    shared = np.any(patterns.same_as != np.arange(n), axis=1)
    if shared.any():
        onto = np.zeros((int(shared.sum()), n, n))
        np.put_along_axis(onto, patterns.same_as[shared][:, :, None], 1.0, axis=2)
        a[:, shared] = a[:, shared] @ onto
    # Of features with one value the first stands for all.
    p = np.where(patterns.same_as == np.arange(n), patterns.p, 0.0)
    shift = np.broadcast_to(b[:, None], whole[:3])
    own = np.broadcast_to(patterns.same_as, whole[:3])
    terms = row_terms(
        a.reshape(-1, n),
        shift.reshape(-1),
        own.reshape(-1),
        np.broadcast_to(p[:, None, :], whole).reshape(-1, n),
        (importance[:, None] * patterns.weights[:, None]).reshape(-1),
        tol,
        bounds=slack is not None,
        n_models=n_models,
    )
    if slack is not None:
        own_p = np.take_along_axis(p, patterns.same_as, 1)
        _add_kinks(terms, a[0], b[0], patterns.same_as, own_p, slack)
    # A weight that was added to another has its derivative; that of an absent feature has none.
    places = np.broadcast_to(patterns.same_as[:, None, :], whole)
    grad_a = np.take_along_axis(terms.grad_a.reshape(whole), places, 3)
    grad_a *= (patterns.p > 0.0)[:, None, :]
    totals = {
        f.name: np.einsum("k,mki->mi", patterns.weights, getattr(terms, f.name).reshape(whole[:3]))
        for f in fields(terms)
        if f.name != "grad_a"
    }
    return RowTerms(
        grad_a=np.einsum("k,mkij->mij", patterns.weights, grad_a).reshape(-1, n),
        **{name: total.reshape(-1) for name, total in totals.items()},
    )


def _add_kinks(
    terms: RowTerms,
    a: FloatArray,
    b: FloatArray,
    own: NDArray[np.intp],
    own_p: FloatArray,
    slack: FloatArray,
) -> None:
    """What the slack of the Gram matrix may do where the kink of a row lies; in place.

    All arrays are (n_patterns, n_features, …) for one model.  Weights of features with one value
    may cancel; then the loss itself, not its slope alone, hangs on the side of the kink.
    """
    shift = slack.sum(1)
    weight = np.take_along_axis(a, own[:, :, None], 2)[:, :, 0]
    kink = kink_slope(a, b, weight, own_p, shift).reshape(-1)
    terms.slope[:] += kink
    terms.rounding[:] += kink * np.tile(shift, len(a))


def kink_slope(
    a: FloatArray, b: FloatArray, weight: FloatArray, own_p: FloatArray, shift: FloatArray
) -> FloatArray:
    """What rows a that may be off by `shift` in all may do to a slope where their kink lies.

    Where the own feature, of this weight, is active, the kink moves by no more than the shift over
    the weight; a row that the shift does not bring to its kink, or that has none, has none that
    moves.
    """
    size = np.abs(weight)
    kink = np.divide(shift, size, out=np.ones_like(size), where=size > 0.0)
    low, high = b + np.minimum(a, 0.0).sum(-1), b + np.maximum(a, 0.0).sum(-1)
    still = (low > 2.0 * shift) | (high < -2.0 * shift) | (shift == 0.0)
    moved: FloatArray = np.where(still, 0.0, 2.0 * own_p * np.minimum(kink, 1.0))
    return moved


def _of_inputs(
    gram: FloatArray,
    b: FloatArray,
    patterns: Patterns,
    magnitude: float,
    slack: FloatArray | None,
) -> RowTerms:
    """Fixed values: every pattern is one input."""
    n = b.shape[1]
    x, chance = magnitude * patterns.p, patterns.weights
    s = x @ gram.transpose(0, 2, 1) + b[:, None]
    left = x - np.maximum(s, 0.0)
    d = np.where(s > 0.0, left, 0.0) * chance[:, None]
    terms = RowTerms.blank((b.size, n))
    terms.loss[:] = np.einsum("k,mki->mi", chance, left**2).reshape(-1)
    terms.grad_a[:] = -2.0 * (d.transpose(0, 2, 1) @ x).reshape(-1, n)
    terms.grad_b[:] = -2.0 * d.sum(1).reshape(-1)
    if slack is not None:
        size = np.abs(b[0]) + x @ np.abs(gram[0]).T
        off = (n + 4.0) * _EPS * size
        near = off + x @ slack.T
        # Within its error of zero an output may be open or closed.
        torn = np.where(np.abs(s[0]) <= 2.0 * near, 2.0 * (x + near), 0.0) * (near > 0.0)
        error = 2.0 * np.abs(left[0]) * off + off**2 + torn * near
        error += (len(chance) + 4.0) * _EPS * left[0] ** 2
        largest = max(magnitude, 1.0)
        steep = 2.0 * (off + (len(chance) + 4.0) * _EPS * np.abs(left[0])) + torn
        terms.rounding[:] = chance @ error
        terms.slope[:] = largest * (chance @ steep)
    return terms
