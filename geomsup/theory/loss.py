"""The expected loss of a ReLU-output toy model: its exact value, gradient and error bound.

The model is x̂ = ReLU(WᵀWx + b) on data x_i = B_i·U_i.  The loss is a sum over rows of the Gram
matrix, and each row an expectation of one piecewise polynomial of a weighted sum of independent
variables (:mod:`geomsup.theory.rows`).  No sample is drawn anywhere, so losses can be compared to
ten digits and more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, ToleranceError, shorten
from geomsup.restoring import Plain, read_only
from geomsup.theory.compiled import compiled_models, serves
from geomsup.theory.moments import RowTerms
from geomsup.theory.rows import row_terms
from geomsup.validation import number_within
from geomsup.weights import matrix_of, per_feature

__all__ = ["ExpectedLoss", "Problem", "batch_losses", "expected_loss"]

FloatArray = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)
# Importances and biases far inside the range of float64, so that squares and sums stay there.
_LARGEST = 1e100
_MOST_FEATURES = 4000
# Errors below this share of the zero output's loss are no errors: where an answer is nearly perfect
# the Gram matrix is not known well enough for more.
_NOTHING = 1e-18


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """Who is active how often, and how much each feature matters; checked once.

    A batch of models may have different problems: then both arrays are (n_models, n_features).
    """

    p: FloatArray  # (n_features,)
    importance: FloatArray  # (n_features,)

    @classmethod
    def of(cls, n_features: int, feature_probability: object, importance: object) -> Problem:
        """Check what a caller handed in."""
        return cls(
            p=per_feature(feature_probability, "feature_probability", n_features, low=0, high=1),
            importance=per_feature(importance, "importance", n_features, low=0, high=_LARGEST),
        )

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.p)

    @property
    def zero_output_loss(self) -> Any:
        """Loss of the model that always answers zero, Σ I_i p_i / 3; one for each problem."""
        return np.sum(self.importance * self.p, axis=-1) / 3.0

    def normalised(self) -> tuple[Problem, Any]:
        """The problem with importances such that the zero output has loss one, and its old loss.

        Tolerances then mean the same for rare and for unimportant features.  Where nothing is to
        be lost at all the importances stay as they are.
        """
        size = self.zero_output_loss
        size = np.where(size > 0.0, size, 1.0)
        return Problem(p=self.p, importance=self.importance / size[..., None]), size


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ExpectedLoss(Plain):
    """An exact expected loss and its gradient.

    Attributes
    ----------
    loss : float
        E Σ_i I_i (x_i − x̂_i)², the *sum* over features (many notebooks print the mean).
    per_feature : ndarray of shape (n_features,)
        I_i E (x_i − x̂_i)².
    grad_W : ndarray of shape (n_hidden, n_features)
    grad_b : ndarray of shape (n_features,)
        Derivatives of the loss.  The loss is continuously differentiable except where W_i = 0 and
        b_i = 0; there it is the derivative towards larger b_i.
    error_bound : float
        The true loss lies within this distance of `loss`: truncation and rounding, bounded.
    gradient_bound : float
        Every component of `grad_W` and `grad_b` lies within this distance of the true derivative.
        It is rounding for up to eight features with weight in a row; beyond, `tol` sets how many
        terms of the series are summed.
    tol : float
        Relative error that was asked for.
    """

    loss: float
    per_feature: FloatArray
    grad_W: FloatArray
    grad_b: FloatArray
    error_bound: float
    gradient_bound: float
    tol: float

    def __str__(self) -> str:
        norm = math.hypot(*self.grad_W.ravel(), *self.grad_b)
        return (
            f"expected loss {self.loss:.12g} ± {self.error_bound:.1g} "
            f"(sum over {len(self.per_feature)} features), |gradient| {norm:.3g}"
        )

    __repr__ = __str__


def expected_loss(
    W: object,
    b: object,
    feature_probability: object,
    importance: object = 1.0,
    *,
    tol: float = 1e-10,
) -> ExpectedLoss:
    """The exact expected loss of x̂ = ReLU(WᵀWx + b), with its gradient and an error bound.

    The data are x_i = B_i·U_i with B_i ~ Bernoulli(p_i) and U_i ~ U(0, 1), all independent; the
    loss is L = E Σ_i I_i (x_i − x̂_i)².

    Parameters
    ----------
    W : array_like of shape (n_hidden, n_features), torch.Tensor or path
        Columns are the feature directions.
    b : array_like of shape (n_features,), or float
        Output biases; a scalar stands for all.
    feature_probability : float or array_like of shape (n_features,)
        p_i in [0, 1], one minus the sparsity.
    importance : float or array_like of shape (n_features,), default 1.0
        I_i ≥ 0.
    tol : float, default 1e-10
        Error allowed, relative to the loss.

    Returns
    -------
    ExpectedLoss

    Raises
    ------
    ToleranceError
        If ``error_bound`` stays above ``tol`` times the loss, and above 1e-18 of the loss of the
        zero output, which counts as nothing.  Hard cases are many features whose weights differ by
        several orders of magnitude, and, for rounding, more than a hundred features at the default
        ``tol``.
    GeomsupError
        If the input is not finite, of the wrong length, or out of range.

    Notes
    -----
    Up to eight features with weight in a row: a recursion over the corners of the data's box that
    is exact to rounding.  More features: a Fourier series of the ReLU with the characteristic
    function of the data, whose truncation error is bounded; O(n² K) for K terms.  Inputs with at
    most two active features are integrated apart where features are rare, and always beside the
    series, so that a loss of the order of p² keeps its relative accuracy.

    The model and its data are those of Elhage et al. 2022, "Toy Models of Superposition".

    Examples
    --------
    A digon of norm one without bias has the loss p²/3 for its two features:

    >>> from geomsup.theory import expected_loss
    >>> result = expected_loss([[1, -1]], 0.0, 0.1)
    >>> round(result.loss, 12), result.error_bound < 1e-12
    (0.003333333333, True)
    """
    tolerance = number_within("tol", tol, 1e-14, 1.0)  # between rounding and one
    weights = matrix_of(W)
    n = weights.shape[1]
    if n > _MOST_FEATURES:
        raise GeomsupError(
            f"expected at most {_MOST_FEATURES} features, got {n}: the cost grows with the square "
            "of their number; pass one component of the geometry at a time"
        )
    bias = checked_bias(b, n)
    problem = Problem.of(n, feature_probability, importance)
    with np.errstate(over="ignore", invalid="ignore"):
        result = _evaluate(weights, bias, problem, tolerance)
    if not np.isfinite(result.loss + result.error_bound):
        raise GeomsupError(
            "expected weights and biases whose squared outputs float64 can hold, got "
            f"|W| up to {np.abs(weights).max():.1e} and |b| up to {np.abs(bias).max():.1e}; "
            "rescale them"
        )
    return result


def checked_bias(b: object, n_features: int) -> FloatArray:
    """Output biases, one for each feature."""
    return per_feature(b, "b", n_features, low=-_LARGEST, high=_LARGEST)


def _evaluate(W: FloatArray, b: FloatArray, problem: Problem, tol: float) -> ExpectedLoss:
    rows = _rows_of(W[None], b[None], problem, tol, bounds=True)
    loss, bound = float(rows.losses.sum()), rows.error_bound
    nothing = _NOTHING * float(problem.zero_output_loss)
    if bound > tol * loss + nothing:
        reached = f"{bound / loss:.1e}" if loss > 0 else "none"
        cure = "many weights of very different size make the series converge slowly"
        if rows.truncation < 0.5 * bound:
            cure = "float64 rounds that much where a loss is so small"
        raise ToleranceError(
            f"the loss is {loss:.6g} within {bound:.1e}, a relative error of {reached}, and "
            f"tol={shorten(tol)} was asked for; pass a larger tol: {cure}"
        )
    return ExpectedLoss(
        loss=loss,
        per_feature=read_only(rows.losses[0]),
        grad_W=read_only(rows.grad_W[0]),
        grad_b=read_only(rows.grad_b[0]),
        error_bound=bound,
        gradient_bound=rows.gradient_bound,
        tol=tol,
    )


def batch_losses(
    W: FloatArray, b: FloatArray, problem: Problem, tol: float = 1e-10
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Losses and gradients of a batch of models, for optimisers: no checks, no error bound.

    Parameters
    ----------
    W : ndarray of shape (n_models, n_hidden, n_features)
    b : ndarray of shape (n_models, n_features)
    problem : Problem
    tol : float

    Returns
    -------
    tuple of ndarray
        Losses (n_models,), gradients in W and in b.
    """
    rows = _rows_of(W, b, problem, tol, bounds=False)
    return rows.losses.sum(1), rows.grad_W, rows.grad_b


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rows:
    """All rows of a batch; the bounds are meant for a batch of one."""

    losses: FloatArray  # (n_models, n_features)
    grad_W: FloatArray
    grad_b: FloatArray
    truncation: float
    error_bound: float
    gradient_bound: float


def _rows_of(W: FloatArray, b: FloatArray, problem: Problem, tol: float, *, bounds: bool) -> _Rows:
    """Losses per feature, gradients, and the bounds on their errors, of a batch."""
    n_models, _, n = W.shape
    if serves(n):
        return _compiled_rows_of(W, b, problem, tol, bounds=bounds)
    gram = np.matmul(W.transpose(0, 2, 1), W)
    own = np.tile(np.arange(n), n_models)
    importance = np.broadcast_to(problem.importance, b.shape).reshape(-1)
    p = np.broadcast_to(np.atleast_2d(problem.p)[:, None, :], (n_models, n, n)).reshape(-1, n)
    terms = row_terms(gram.reshape(-1, n), b.reshape(-1), own, p, importance, tol, bounds=bounds)
    losses = np.maximum(importance * terms.loss, 0.0)  # below zero there is only rounding
    pull = (importance[:, None] * terms.grad_a).reshape(n_models, n, n)
    # L depends on W through G_ij = W_i·W_j, each row i of G being the weights of output i.
    grad_W = np.matmul(W, pull + pull.transpose(0, 2, 1))
    truncation = rounding = slope = 0.0
    if bounds:
        truncation = float(importance @ terms.truncation)
        rounding, slope = _bounds(W[0], b[0], pull[0], p, importance, gram[0], terms)
    return _Rows(
        losses=losses.reshape(n_models, n),
        grad_W=grad_W,
        grad_b=(importance * terms.grad_b).reshape(n_models, n),
        truncation=truncation,
        error_bound=truncation + rounding,
        gradient_bound=slope,
    )


def _compiled_rows_of(
    W: FloatArray, b: FloatArray, problem: Problem, tol: float, *, bounds: bool
) -> _Rows:
    importance = problem.importance
    terms, grad_W, errors = compiled_models(W, b, problem.p, importance, tol, bounds=bounds)
    truncation = float((importance * terms.truncation).sum()) if bounds else 0.0
    rounding, slope = errors[0].tolist() if bounds else (0.0, 0.0)
    return _Rows(
        losses=np.maximum(importance * terms.loss.reshape(b.shape), 0.0),
        grad_W=grad_W,
        grad_b=importance * terms.grad_b.reshape(b.shape),
        truncation=truncation,
        error_bound=truncation + rounding,
        gradient_bound=slope,
    )


def _bounds(
    W: FloatArray,
    b: FloatArray,
    pull: FloatArray,
    p: FloatArray,
    importance: FloatArray,
    gram: FloatArray,
    terms: RowTerms,
) -> tuple[float, float]:
    """Bounds on the rounding of one model's loss, and on all errors of its gradient."""
    m, n = W.shape
    # G is known up to the rounding of its scalar products; to first and second order in that.
    size = np.abs(W)
    slack = _EPS * (m + 2.0) * (size.T @ size)
    spread = (slack * np.sqrt(p / 3.0)).sum(1)
    moved = 2.0 * (importance * spread**2).sum() + (np.abs(pull) * slack).sum()
    summed = n * _EPS * (importance * terms.loss).sum()
    rounding = float(moved + summed + importance @ terms.rounding)

    # Where the own feature is active the kink moves by no more than the slack over its weight; a
    # row that the slack does not bring to its kink, or that has no slack, has none that moves.
    own_p, weight, shift = np.diag(p), np.diag(gram), slack.sum(1)
    kink = np.divide(shift, weight, out=np.ones_like(weight), where=weight > 0.0)
    low, high = b + np.minimum(gram, 0.0).sum(1), b + np.maximum(gram, 0.0).sum(1)
    still = (low > 2.0 * shift) | (high < -2.0 * shift) | (shift == 0.0)
    kink = np.where(still, 0.0, np.minimum(kink, 1.0))
    of_rows = terms.slope + 2.0 * spread + 2.0 * own_p * kink
    of_rows *= importance
    both = np.abs(pull) + np.abs(pull).T
    of_W = size @ (of_rows[:, None] + of_rows) + (m + n + 4.0) * _EPS * (size @ both)
    return rounding, float(max(of_W.max(), of_rows.max()))
