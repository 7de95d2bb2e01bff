"""The expected loss of a ReLU-output toy model: its exact value, gradient and error bound.

The model is x̂ = ReLU(WᵀWx + b) on data x_i = B_i·U_i.  The loss is a sum over rows of the Gram
matrix, and each row an expectation of one piecewise polynomial of a weighted sum of independent
variables (:mod:`geomsup.theory.rows`); features that depend on each other add a sum over patterns
(:mod:`geomsup.theory.pattern_rows`).  No sample is drawn anywhere, so losses can be compared to ten
digits and more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, ToleranceError, shorten
from geomsup.restoring import Plain, read_only
from geomsup.theory.compiled import compiled_models, serves
from geomsup.theory.feature_model import FeatureModel
from geomsup.theory.moments import RowTerms
from geomsup.theory.pattern_rows import collapse_error, kink_slope, pattern_terms
from geomsup.theory.rows import row_terms
from geomsup.validation import number_from_zero, number_within
from geomsup.weights import matrix_of, per_feature

__all__ = ["ExpectedLoss", "Problem", "batch_losses", "expected_loss", "gram_terms"]

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
    """Who is active how often, how much each feature matters, and what weights cost; checked once.

    A batch of models may have different problems: then both arrays are (n_models, n_features), and
    the weight decay (n_models,).  How features depend on each other is the same for all of them.
    """

    p: FloatArray  # (n_features,)
    importance: FloatArray  # (n_features,)
    features: FeatureModel | None = None  # None: independent ones, on (0, 1)
    weight_decay: Any = 0.0  # λ of λ‖W‖²

    @classmethod
    def of(
        cls,
        n_features: int,
        feature_probability: object,
        importance: object,
        weight_decay: object = 0.0,
    ) -> Problem:
        """Check what a caller handed in; `feature_probability` may be a feature model."""
        features = None
        if isinstance(feature_probability, FeatureModel):
            features = feature_probability
            if features.n_features != n_features:
                raise GeomsupError(
                    f"expected a feature model of {n_features} features, as many as the weights "
                    f"have, got one of {features.n_features}: {shorten(str(features))}"
                )
            feature_probability = features.feature_probability
        return cls(
            p=per_feature(feature_probability, "feature_probability", n_features, low=0, high=1),
            importance=per_feature(importance, "importance", n_features, low=0, high=_LARGEST),
            features=None if features is None or features.is_independent else features,
            weight_decay=number_from_zero("weight_decay", weight_decay),
        )

    @property
    def data(self) -> FloatArray | FeatureModel:
        """What a public function takes for `feature_probability`."""
        return self.p if self.features is None else self.features

    @property
    def is_plain(self) -> bool:
        """Whether features are independent and weights cost nothing."""
        return self.features is None and not np.any(self.weight_decay)

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.p)

    @property
    def zero_output_loss(self) -> Any:
        """Loss of the model that always answers zero, Σ I_i E x_i²; one for each problem."""
        if self.features is not None and self.features.values == "fixed":
            return np.sum(self.importance * self.squares, axis=-1)
        return np.sum(self.importance * self.p, axis=-1) / 3.0

    @property
    def squares(self) -> FloatArray:
        """E x_i², which is p_i / 3 for uniform values."""
        if self.features is not None and self.features.values == "fixed":
            return self.p * self.features.magnitude**2
        return self.p / 3.0

    @property
    def relations(self) -> NDArray[np.intp]:
        """Who is alike and who depends on whom, as :meth:`FeatureModel.relations` says it."""
        if self.features is not None:
            return self.features.relations()
        return np.diag(np.unique(self.p, return_inverse=True)[1])

    @property
    def means(self) -> FloatArray:
        """E x_i, the best bias of an output without weights: p_i / 2 for uniform values."""
        if self.features is not None and self.features.values == "fixed":
            return self.p * self.features.magnitude
        return self.p / 2.0

    @property
    def dropped_losses(self) -> FloatArray:
        """Loss of every output without weights, its variance, at importance one."""
        return self.squares - self.means**2

    def normalised(self) -> tuple[Problem, Any]:
        """The problem with importances such that the zero output has loss one, and its old loss.

        Tolerances then mean the same for rare and for unimportant features.  Where nothing is to
        be lost at all the importances stay as they are.
        """
        size = self.zero_output_loss
        size = np.where(size > 0.0, size, 1.0)
        importance, decay = self.importance / size[..., None], self.weight_decay / size
        return replace(self, importance=importance, weight_decay=decay), size


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ExpectedLoss(Plain):
    """An exact expected loss and its gradient.

    Attributes
    ----------
    loss : float
        E Σ_i I_i (x_i − x̂_i)², the *sum* over features (many notebooks print the mean), and the
        `penalty`.
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
    penalty : float
        λ‖W‖² of the weight decay.
    """

    loss: float
    per_feature: FloatArray
    grad_W: FloatArray
    grad_b: FloatArray
    error_bound: float
    gradient_bound: float
    tol: float
    penalty: float = 0.0

    def __str__(self) -> str:
        norm = math.hypot(*self.grad_W.ravel(), *self.grad_b)
        decay = f", {self.penalty:.6g} of it weight decay" if self.penalty else ""
        return (
            f"expected loss {self.loss:.12g} ± {self.error_bound:.1g} "
            f"(sum over {len(self.per_feature)} features{decay}), |gradient| {norm:.3g}"
        )

    __repr__ = __str__


def expected_loss(
    W: object,
    b: object,
    feature_probability: object,
    importance: object = 1.0,
    *,
    weight_decay: float = 0.0,
    tol: float = 1e-10,
) -> ExpectedLoss:
    """The exact expected loss of x̂ = ReLU(WᵀWx + b), with its gradient and an error bound.

    The data are x_i = B_i·U_i with B_i ~ Bernoulli(p_i) and U_i ~ U(0, 1), all independent, or what
    a feature model says; the loss is L = E Σ_i I_i (x_i − x̂_i)² + λ‖W‖².

    Parameters
    ----------
    W : array_like of shape (n_hidden, n_features), torch.Tensor or path
        Columns are the feature directions.
    b : array_like of shape (n_features,), or float
        Output biases; a scalar stands for all.
    feature_probability : float, array_like of shape (n_features,) or FeatureModel
        p_i in [0, 1], one minus the sparsity; or a model of who is present together and with what
        values.
    importance : float or array_like of shape (n_features,), default 1.0
        I_i ≥ 0.
    weight_decay : float, default 0.0
        λ ≥ 0.  λ Σ_ij W_ij² is added to the loss, once for the whole model and whatever the
        importances are; biases cost nothing.  Under gradient descent with step η that is the
        decoupled decay W ← (1 − 2ηλ) W, a ``weight_decay`` of 2λ.  Beside Adam (AdamW, as in the
        trainer, where biases decay too) no λ stands for it: Adam divides the gradient by its
        running size and leaves the decay as it is, so that weights of small gradient decay more.
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
        If the input is not finite, of the wrong length, or out of range; or if a feature model has
        too many patterns.

    Notes
    -----
    Up to eight features with weight in a row: a recursion over the corners of the data's box that
    is exact to rounding.  More features: a Fourier series of the ReLU with the characteristic
    function of the data, whose truncation error is bounded; O(n² K) for K terms.  Inputs with at
    most two active features are integrated apart where features are rare, and always beside the
    series, so that a loss of the order of p² keeps its relative accuracy.

    Features that depend on each other: the sum over the patterns of :meth:`FeatureModel.patterns`,
    in each of which this holds.  Features with one value in common are one input, whose weight is
    the sum of theirs.  Fixed values: a sum over all inputs.

    The model and its data are those of Elhage et al. 2022, "Toy Models of Superposition".

    Examples
    --------
    A digon of norm one without bias has the loss p²/3 for its two features:

    >>> from geomsup.theory import expected_loss
    >>> result = expected_loss([[1, -1]], 0.0, 0.1)
    >>> round(result.loss, 12), result.error_bound < 1e-12
    (0.003333333333, True)

    If its features always come together it costs p/3, and nothing if they never do:

    >>> from geomsup.theory import FeatureModel
    >>> round(expected_loss([[1, -1]], 0.0, FeatureModel.pairs(1, 0.1)).loss, 12)
    0.033333333333
    >>> expected_loss([[1, -1]], 0.0, FeatureModel.pairs(1, 0.1, presence="exclusive")).loss
    0.0
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
    problem = Problem.of(n, feature_probability, importance, weight_decay)
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
    penalty = float(problem.weight_decay) * float(np.sum(W**2))
    loss, bound = float(rows.losses.sum()) + penalty, rows.error_bound
    # Where to answer zero costs nothing there is no other scale than that of the importances.
    nothing = _NOTHING * (float(problem.zero_output_loss) or float(problem.importance.sum()))
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
        penalty=penalty,
    )


def batch_losses(
    W: FloatArray, b: FloatArray, problem: Problem, tol: float = 1e-10
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Losses and gradients of a batch of models, for optimisers: no checks, no error bound.

    Weight decay is part of them.

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
    losses = rows.losses.sum(1)
    if np.any(problem.weight_decay):
        losses = losses + problem.weight_decay * np.sum(W**2, axis=(1, 2))
    return losses, rows.grad_W, rows.grad_b


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
    n_models, n_hidden, n = W.shape
    if problem.features is None and serves(n):
        return _with_decay(_compiled_rows_of(W, b, problem, tol, bounds=bounds), W, problem, bounds)
    gram = np.matmul(W.transpose(0, 2, 1), W)
    importance = np.broadcast_to(problem.importance, b.shape).reshape(-1)
    # G is known up to the rounding of its scalar products, and of the sums of its entries.
    roundings = n_hidden + 2.0 + collapse_error(problem.features)
    slack = _EPS * roundings * (np.abs(W[0]).T @ np.abs(W[0])) if bounds else None
    terms = gram_terms(gram, b, problem, tol, slack=slack)
    losses = np.maximum(importance * terms.loss, 0.0)  # below zero there is only rounding
    pull = (importance[:, None] * terms.grad_a).reshape(n_models, n, n)
    # L depends on W through G_ij = W_i·W_j, each row i of G being the weights of output i.
    grad_W = np.matmul(W, pull + pull.transpose(0, 2, 1))
    truncation = rounding = slope = 0.0
    if slack is not None:
        truncation = float(importance @ terms.truncation)
        rounding, slope = _bounds(W[0], b[0], pull[0], problem, gram[0], terms, slack)
    rows = _Rows(
        losses=losses.reshape(n_models, n),
        grad_W=grad_W,
        grad_b=(importance * terms.grad_b).reshape(n_models, n),
        truncation=truncation,
        error_bound=truncation + rounding,
        gradient_bound=slope,
    )
    return _with_decay(rows, W, problem, bounds)


def gram_terms(
    gram: FloatArray,
    b: FloatArray,
    problem: Problem,
    tol: float,
    *,
    slack: FloatArray | None = None,
) -> RowTerms:
    """Every row of models that are given by their Gram matrices, at importance one.

    Parameters
    ----------
    gram : ndarray of shape (n_models, n_features, n_features)
        Need be no Gram matrices: their rows are the weights of the outputs.
    b : ndarray of shape (n_models, n_features)
    problem : Problem
    tol : float
    slack : ndarray of shape (n_features, n_features), optional
        How far the Gram matrix of the only model may be off, where rounding is to be bounded.

    Returns
    -------
    RowTerms
        Of n_models · n_features rows.
    """
    n_models, n = b.shape
    importance = np.broadcast_to(problem.importance, b.shape)
    if problem.features is not None:
        return pattern_terms(gram, b, problem.features, importance, tol, slack=slack)
    p = np.broadcast_to(np.atleast_2d(problem.p)[:, None, :], gram.shape)
    return row_terms(
        gram.reshape(-1, n),
        b.reshape(-1),
        np.tile(np.arange(n), n_models),
        p.reshape(-1, n),
        importance.reshape(-1),
        tol,
        bounds=slack is not None,
        n_models=n_models,
    )


def _with_decay(rows: _Rows, W: FloatArray, problem: Problem, bounds: bool) -> _Rows:
    """The gradient, and the bounds, with the share of λ‖W‖²."""
    if not np.any(problem.weight_decay):
        return rows
    pull = np.asarray(2.0 * problem.weight_decay).reshape(-1, 1, 1) * W
    error = slope = 0.0
    if bounds:
        penalty = float(problem.weight_decay * np.sum(W**2))
        # The last term is that of adding it to the loss.
        error = _EPS * ((W.size + 5.0) * penalty + float(rows.losses.sum()))
        slope = 4.0 * _EPS * float(np.abs(pull).max())
    return replace(
        rows,
        grad_W=rows.grad_W + pull,
        error_bound=rows.error_bound + error,
        gradient_bound=rows.gradient_bound + slope,
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
    problem: Problem,
    gram: FloatArray,
    terms: RowTerms,
    slack: FloatArray,
) -> tuple[float, float]:
    """Bounds on the rounding of one model's loss, and on all errors of its gradient."""
    m, n = W.shape
    size, p, importance = np.abs(W), problem.p, problem.importance
    # To first and second order in the slack of G.
    spread = (slack * np.sqrt(problem.squares)).sum(1)
    moved = 2.0 * (importance * spread**2).sum() + (np.abs(pull) * slack).sum()
    summed = n * _EPS * (importance * terms.loss).sum()
    rounding = float(moved + summed + importance @ terms.rounding)

    # Where features depend on each other the kink is part of the terms, pattern by pattern.
    of_rows = terms.slope + 2.0 * spread
    if problem.features is None:
        of_rows += kink_slope(gram, b, np.diag(gram), p, slack.sum(1))
    of_rows *= importance
    both = np.abs(pull) + np.abs(pull).T
    of_W = size @ (of_rows[:, None] + of_rows) + (m + n + 4.0) * _EPS * (size @ both)
    return rounding, float(max(of_W.max(), of_rows.max()))
