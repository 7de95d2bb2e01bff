"""The linear answer: principal components of the features, and what they cost, in closed form.

Without the ReLU a loss is quadratic, and all that it needs of the data are means and covariances.
The best answer of rank m keeps the m leading principal components, whatever else the distribution
of the features is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.restoring import Plain, read_only
from geomsup.theory.feature_model import FeatureModel
from geomsup.theory.loss import Problem, checked_bias
from geomsup.validation import brief, positive_integer
from geomsup.weights import matrix_of

__all__ = ["LinearOptimum", "linear_loss", "linear_optimum"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LinearOptimum(Plain):
    """The best linear answer x̂ = Vᵀ U x + b through so many dimensions.

    Attributes
    ----------
    loss : float
        E Σ_i I_i (x_i − x̂_i)², the sum over features.
    encoder, decoder : ndarray of shape (n_hidden, n_features)
        U and V.  Where all importances are equal they are the same matrix of orthonormal rows, so
        that x̂ = WᵀWx + b is a toy model without its ReLU.
    b : ndarray of shape (n_features,)
        What puts the means right.
    variances : ndarray of shape (n_features,)
        Of the principal components, weighed by importance, largest first; the loss is the sum of
        those beyond the first n_hidden.
    """

    loss: float
    encoder: FloatArray
    decoder: FloatArray
    b: FloatArray
    variances: FloatArray

    def __str__(self) -> str:
        kept = len(self.encoder)
        share = 1.0 - self.loss / total if (total := float(self.variances.sum())) > 0.0 else 1.0
        return (
            f"linear optimum in {kept} dimension{'' if kept == 1 else 's'}: loss {self.loss:.12g}, "
            f"{share:.1%} of the variance kept"
        )

    __repr__ = __str__


def linear_optimum(
    features: FeatureModel, n_hidden: int, importance: object = 1.0
) -> LinearOptimum:
    """The least loss of a linear answer of rank n_hidden with a bias, and that answer.

    Parameters
    ----------
    features : FeatureModel
    n_hidden : int
    importance : float or array_like of shape (n_features,), default 1.0

    Returns
    -------
    LinearOptimum

    Raises
    ------
    GeomsupError
        If `features` is no feature model, or a number is out of range.

    Notes
    -----
    With D = diag(√I_i) the loss of x̂ = A x + b is E‖D(x − A x − b)‖², least for b = (1 − A) E x,
    and then ‖D(1 − A)Σ^½‖² with the covariance Σ.  By Eckart and Young (1936) the best A of rank m
    is D⁻¹ P D with the projector P on the m leading eigenvectors of D Σ D; its loss is the sum of
    the other eigenvalues.

    Examples
    --------
    Of three pairs that come together at p = .5 a plane keeps two sums of three:

    >>> from geomsup.theory import FeatureModel, linear_optimum
    >>> print(linear_optimum(FeatureModel.pairs(3, 0.5), 2))
    linear optimum in 2 dimensions: loss 0.291666666667, 53.3% of the variance kept
    """
    if not isinstance(features, FeatureModel):
        raise GeomsupError(
            f"features must be a FeatureModel, got {brief(features)}; FeatureModel.independent "
            "makes one of probabilities"
        )
    m = positive_integer("n_hidden", n_hidden)
    weights = Problem.of(features.n_features, features, importance).importance
    root = np.sqrt(weights)
    variances, axes = np.linalg.eigh(root[:, None] * features.covariance * root)
    variances, axes = np.maximum(variances[::-1], 0.0), axes[:, ::-1]
    kept = axes[:, :m].T
    # A feature without importance is not answered for: D⁻¹ is taken where D is not zero.
    inverse = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0.0)
    encoder, decoder = kept * root, kept * inverse
    if np.ptp(weights) == 0.0:
        encoder = decoder = kept
    mean = features.mean
    return LinearOptimum(
        loss=float(variances[m:].sum()),
        encoder=read_only(np.ascontiguousarray(encoder)),
        decoder=read_only(np.ascontiguousarray(decoder)),
        b=read_only(mean - decoder.T @ (encoder @ mean)),
        variances=read_only(np.ascontiguousarray(variances)),
    )


def linear_loss(
    W: object,
    b: object,
    feature_probability: object,
    importance: object = 1.0,
    *,
    weight_decay: float = 0.0,
) -> float:
    """The exact expected loss of the linear model x̂ = WᵀWx + b.

    Parameters
    ----------
    W, b, feature_probability, importance, weight_decay
        As in :func:`expected_loss`.

    Returns
    -------
    float
        E Σ_i I_i (x_i − x̂_i)² + λ‖W‖², the sum over features.

    Examples
    --------
    >>> from geomsup.theory import FeatureModel, linear_loss, linear_optimum
    >>> pairs = FeatureModel.pairs(3, 0.5)
    >>> best = linear_optimum(pairs, 2)
    >>> abs(linear_loss(best.encoder, best.b, pairs) - best.loss) < 1e-12
    True
    """
    weights = matrix_of(W)
    n = weights.shape[1]
    problem = Problem.of(n, feature_probability, importance, weight_decay)
    features = problem.features or FeatureModel.independent(n, problem.p)
    left = np.eye(n) - weights.T @ weights
    residual = left @ features.mean - checked_bias(b, n)
    squares = np.einsum("ij,jk,ik->i", left, features.covariance, left) + residual**2
    return float(problem.importance @ squares + problem.weight_decay * np.sum(weights**2))
