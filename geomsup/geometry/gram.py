"""What the Gram matrix of the features says, computed without ever forming it.

Every quantity here is a function of G = WᵀW, an (n_features, n_features) matrix.  Written through
M = WWᵀ, of shape (n_hidden, n_hidden), each one costs O(n_features · n_hidden²) instead of
O(n_features² · n_hidden), which is the difference between seconds and hours for the wide
matrices of real models.  The triangular factor R of a QR decomposition (M = RᵀR) is used
in place of M itself, because ‖R w‖² keeps the relative precision of tiny columns that wᵀMw
cancels away.

Notation: W_i is column i, Ŵ_i its direction, G_ij = W_i·W_j.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.restoring import Plain
from geomsup.validation import whole_number
from geomsup.weights import as_weights

__all__ = [
    "GramSummary",
    "cosine_matrix",
    "dimensionality_of",
    "feature_dimensionality",
    "feature_norms",
    "gram_matrix",
    "gram_summary",
    "interference_matrix",
    "leverage_scores",
    "summary_of",
    "unit_columns",
    "welch_bound",
]

Array = NDArray[np.float64]

# Columns handled at a time: large enough for BLAS to run at full speed, small enough
# that a block of a 4096-dimensional model stays below 70 MB.
_BLOCK = 2048

# A singular value below this share of the largest one counts as zero in a rank.  Weights trained
# in float32 carry about seven digits.
_RANK_TOLERANCE = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class GramSummary(Plain):
    """Scalars that describe a weight matrix as a whole.

    Attributes
    ----------
    n_hidden, n_features : int
        Shape of the matrix.
    rank : int
        Number of singular values above ``rank_tolerance`` times the largest.
    total_dimensionality : float
        ΣD_i, at most ``rank`` [1]_.
    participation_ratio : float
        (tr G)² / ‖G‖_F², a lower bound on ΣD_i.
    tightness : float
        ΣD_i / rank, in [0, 1].  One exactly when W is an orthogonal sum of tight frames,
        whose frame constants may differ.
    coherence : float
        Largest |cosine| between two non-zero columns; 0 when there are fewer than two.
    welch_bound : float
        The least coherence that as many unit vectors can have in ``rank`` dimensions.
    rank_tolerance : float
        The relative tolerance behind ``rank``.

    References
    ----------
    .. [1] Scherlis et al. 2022, "Polysemanticity and Capacity in Neural Networks".
    """

    n_hidden: int
    n_features: int
    rank: int
    total_dimensionality: float
    participation_ratio: float
    tightness: float
    coherence: float
    welch_bound: float
    rank_tolerance: float

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.n_features} features in {self.n_hidden} dimensions, rank {self.rank}",
                f"total dimensionality  {self.total_dimensionality:.4f}",
                f"participation ratio   {self.participation_ratio:.4f}",
                f"tightness             {self.tightness:.4f}",
                f"coherence             {self.coherence:.4f}  (Welch bound {self.welch_bound:.4f})",
            ]
        )


def feature_norms(W: object, *, feature_axis: int = -1) -> Array:
    """Return the Euclidean norm of each feature vector.

    Parameters
    ----------
    W : array_like of shape (n_hidden, n_features)
        Weight matrix; columns are features unless ``feature_axis=0``.
    feature_axis : int, default -1
        The axis that counts features.

    Returns
    -------
    ndarray of shape (n_features,)

    Examples
    --------
    >>> feature_norms([[3.0, 0.0, 1.0], [4.0, 0.0, 0.0]])
    array([5., 0., 1.])
    """
    return _norms(as_weights(W, feature_axis=feature_axis))


def gram_matrix(W: object, *, feature_axis: int = -1) -> Array:
    """Return G = WᵀW, the inner products of all pairs of features.

    This is the one place that forms an (n_features, n_features) array; nothing else in geomsup
    needs it.

    Parameters
    ----------
    W : array_like of shape (n_hidden, n_features)
        Weight matrix; columns are features unless ``feature_axis=0``.
    feature_axis : int, default -1
        The axis that counts features.

    Returns
    -------
    ndarray of shape (n_features, n_features)

    Examples
    --------
    >>> gram_matrix([[1.0, -1.0, 0.0], [0.0, 0.0, 2.0]])
    array([[ 1., -1.,  0.],
           [-1.,  1.,  0.],
           [ 0.,  0.,  4.]])
    """
    weights = as_weights(W, feature_axis=feature_axis)
    return weights.T @ weights


def cosine_matrix(W: object, *, feature_axis: int = -1) -> Array:
    """Return the cosine between each pair of features; rows of zero columns are zero.

    Parameters
    ----------
    W : array_like of shape (n_hidden, n_features)
        Weight matrix; columns are features unless ``feature_axis=0``.
    feature_axis : int, default -1
        The axis that counts features.

    Returns
    -------
    ndarray of shape (n_features, n_features)
        Symmetric, entries in [-1, 1], ones on the diagonal of the non-zero features.

    Examples
    --------
    >>> cosine_matrix([[1.0, -3.0, 0.0], [0.0, 0.0, 2.0]])
    array([[ 1., -1.,  0.],
           [-1.,  1.,  0.],
           [ 0.,  0.,  1.]])
    """
    weights = as_weights(W, feature_axis=feature_axis)
    units, norms = unit_columns(weights)
    cosines: Array = np.clip(units.T @ units, -1.0, 1.0)
    np.fill_diagonal(cosines, (norms > 0).astype(np.float64))
    # Adding zero turns the -0.0 of an inner product with a zero column into 0.0.
    return cosines + 0.0


def interference_matrix(W: object, *, feature_axis: int = -1) -> Array:
    """Return how strongly feature j is read when feature i is asked for: (Ŵ_i·W_j)², i ≠ j.

    Row i holds the terms of the denominator of D_i other than the feature's own, so
    D_i = |W_i|² / (|W_i|² + Σ_j I_ij) (Elhage et al. 2022, "Toy Models of Superposition",
    section "The Geometry of Superposition").

    Parameters
    ----------
    W : array_like of shape (n_hidden, n_features)
        Weight matrix; columns are features unless ``feature_axis=0``.
    feature_axis : int, default -1
        The axis that counts features.

    Returns
    -------
    ndarray of shape (n_features, n_features)
        Zero on the diagonal.  Not symmetric where norms differ.

    Examples
    --------
    >>> interference_matrix([[1.0, -2.0, 0.0], [0.0, 0.0, 1.0]])
    array([[0., 4., 0.],
           [1., 0., 0.],
           [0., 0., 0.]])
    """
    weights = as_weights(W, feature_axis=feature_axis)
    units, _ = unit_columns(weights)
    interference: Array = (units.T @ weights) ** 2
    np.fill_diagonal(interference, 0.0)
    return interference


def feature_dimensionality(W: object, *, feature_axis: int = -1) -> Array:
    """Return the dimensionality of each feature, D_i = |W_i|² / Σ_j (Ŵ_i·W_j)².

    D_i is the share of a dimension that feature i has to itself: 1 for a feature orthogonal
    to all others, 1/2 for each of an antipodal pair, 2/5 in a regular pentagon.

    Parameters
    ----------
    W : array_like of shape (n_hidden, n_features)
        Weight matrix; columns are features unless ``feature_axis=0``.
    feature_axis : int, default -1
        The axis that counts features.

    Returns
    -------
    ndarray of shape (n_features,)
        Values in [0, 1].  A zero column has D = 0; but a small D does not mean that a
        feature is dropped, nor a large one that it is kept: look at the norms too.

    Raises
    ------
    GeomsupError
        If ``W`` is not a finite, real, non-empty matrix.

    Notes
    -----
    With M = WWᵀ, D_i = |W_i|² / (Ŵ_iᵀ M Ŵ_i).  Time O(n_features · n_hidden²), working memory
    O(n_hidden²) plus a block.  Invariant under rotation, global scaling and column signs;
    ΣD_i ≤ rank W (Scherlis et al. 2022).  Source: Elhage et al. 2022.

    Examples
    --------
    >>> feature_dimensionality([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    array([0.5, 0.5, 1. , 0. ])
    """
    return dimensionality_of(as_weights(W, feature_axis=feature_axis))


def leverage_scores(W: object, *, feature_axis: int = -1) -> Array:
    """Return ℓ_i = W_iᵀ (WWᵀ)⁺ W_i, the part of the row space that feature i alone accounts for.

    Parameters
    ----------
    W : array_like of shape (n_hidden, n_features)
        Weight matrix; columns are features unless ``feature_axis=0``.
    feature_axis : int, default -1
        The axis that counts features.

    Returns
    -------
    ndarray of shape (n_features,)
        D_i ≤ ℓ_i ≤ 1 and Σℓ_i = rank W.

    Examples
    --------
    >>> leverage_scores([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    array([0.5, 0.5, 1. , 0. ])
    """
    original = as_weights(W, feature_axis=feature_axis)
    weights = _scaled(original)
    if weights is None:
        return np.zeros(original.shape[1])
    _, singular, basis = np.linalg.svd(_triangular_factor(weights))
    keep = singular > _RANK_TOLERANCE * singular[0]
    whitener = basis[: len(singular)][keep] / singular[keep, None]
    scores = np.empty(weights.shape[1])
    for block in _blocks(weights.shape[1]):
        projected = whitener @ weights[:, block]
        scores[block] = np.einsum("ij,ij->j", projected, projected)
    return np.minimum(scores, 1.0)


def welch_bound(n_vectors: int, dim: int) -> float:
    """Return the least possible coherence of ``n_vectors`` unit vectors in ``dim`` dimensions.

    Parameters
    ----------
    n_vectors, dim : int
        Number of unit vectors and dimension of their span.

    Returns
    -------
    float
        √((n - d) / (d (n - 1))), or 0 when the vectors can be orthogonal.  Reached only by
        equiangular tight frames (Welch 1974, "Lower bounds on the maximum cross correlation
        of signals").

    Raises
    ------
    GeomsupError
        If a size is no whole number from 0 on.

    Examples
    --------
    >>> round(welch_bound(4, 3), 6)
    0.333333
    """
    n_vectors, dim = whole_number("n_vectors", n_vectors, 0), whole_number("dim", dim, 0)
    if dim == 0 or n_vectors <= dim:
        return 0.0
    return float(np.sqrt((n_vectors - dim) / (dim * (n_vectors - 1))))


def gram_summary(W: object, *, feature_axis: int = -1) -> GramSummary:
    """Return the scalars that describe W as a whole: rank, ΣD_i, tightness, coherence.

    Parameters
    ----------
    W : array_like of shape (n_hidden, n_features)
        Weight matrix; columns are features unless ``feature_axis=0``.
    feature_axis : int, default -1
        The axis that counts features.

    Returns
    -------
    GramSummary

    Notes
    -----
    The coherence alone needs all pairs; it is taken in tiles, in O(block²) memory.

    Examples
    --------
    >>> print(gram_summary([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]]))
    4 features in 2 dimensions, rank 2
    total dimensionality  2.0000
    participation ratio   2.0000
    tightness             1.0000
    coherence             1.0000  (Welch bound 0.5774)
    """
    return summary_of(as_weights(W, feature_axis=feature_axis))


def summary_of(weights: Array) -> GramSummary:
    """Return :func:`gram_summary` of a matrix that has been validated already."""
    rank, participation = _rank_and_participation(weights)
    total = float(dimensionality_of(weights).sum())
    units, norms = unit_columns(weights)
    n_nonzero = int(np.count_nonzero(norms))
    return GramSummary(
        n_hidden=weights.shape[0],
        n_features=weights.shape[1],
        rank=rank,
        total_dimensionality=total,
        participation_ratio=participation,
        tightness=total / rank if rank else 0.0,
        coherence=coherence_of_units(units),
        welch_bound=welch_bound(n_nonzero, rank),
        rank_tolerance=_RANK_TOLERANCE,
    )


def unit_columns(weights: Array) -> tuple[Array, Array]:
    """Return the directions of the columns (zero stays zero) and their norms."""
    norms = _norms(weights)
    safe = np.where(norms > 0, norms, 1.0)
    units = weights / safe
    # Columns so small that their squares underflow are normalised a second time.
    again = np.linalg.norm(units, axis=0)
    units /= np.where(again > 0, again, 1.0)
    return units, norms


def coherence_of_units(units: Array) -> float:
    """Return the largest |inner product| of two distinct columns, computed in tiles."""
    largest = 0.0
    blocks = list(_blocks(units.shape[1]))
    for k, rows in enumerate(blocks):
        for cols in blocks[k:]:
            tile = np.abs(units[:, rows].T @ units[:, cols])
            if rows == cols:
                np.fill_diagonal(tile, 0.0)
            largest = max(largest, float(tile.max()))
    return min(largest, 1.0)


def _rank_and_participation(weights: Array) -> tuple[int, float]:
    scaled = _scaled(weights)
    if scaled is None:
        return 0, 0.0
    singular = np.linalg.svd(_triangular_factor(scaled), compute_uv=False)
    energy = singular**2
    rank = int(np.count_nonzero(singular > _RANK_TOLERANCE * singular[0]))
    return rank, float(energy.sum() ** 2 / (energy**2).sum())


def dimensionality_of(weights: Array) -> Array:
    """Return :func:`feature_dimensionality` of a matrix that has been validated already."""
    scaled = _scaled(weights)
    dimensionality = np.zeros(weights.shape[1])
    if scaled is None:
        return dimensionality
    factor = _triangular_factor(scaled)
    for block in _blocks(weights.shape[1]):
        units, norms = unit_columns(scaled[:, block])
        read = factor @ units
        # Row i of the definition: the sum of (Ŵ_i·W_j)² over j is ‖R Ŵ_i‖².
        total = np.sqrt(np.einsum("ij,ij->j", read, read))
        nonzero = norms > 0
        ratio = np.divide(norms, total, out=np.ones_like(norms), where=total > 0)
        # A column too small to leave a trace in R is orthogonal to everything that did.
        dimensionality[block] = np.where(nonzero, np.minimum(ratio, 1.0) ** 2, 0.0)
    return dimensionality


def _triangular_factor(weights: Array) -> Array:
    """Return R with RᵀR = WWᵀ, taking the columns a block at a time."""
    n_hidden = weights.shape[0]
    factor = np.zeros((0, n_hidden))
    for block in _blocks(weights.shape[1], max(_BLOCK, 4 * n_hidden)):
        factor = np.asarray(np.linalg.qr(np.vstack([factor, weights[:, block].T]), mode="r"))
    return factor


def _scaled(weights: Array) -> Array | None:
    """Divide by the largest entry, so that no square over- or underflows; None if all is zero."""
    largest = float(np.abs(weights).max(initial=0.0))
    return weights / largest if largest > 0 else None


def _norms(weights: Array) -> Array:
    largest = np.abs(weights).max(axis=0)
    safe = np.where(largest > 0, largest, 1.0)
    norms: Array = largest * np.linalg.norm(weights / safe, axis=0)
    return norms


def _blocks(n: int, size: int = _BLOCK) -> Iterator[slice]:
    return (slice(start, min(start + size, n)) for start in range(0, n, size))
