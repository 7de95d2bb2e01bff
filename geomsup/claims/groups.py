"""The features a claim is about, in the space that the caller means.

Everything that can be wrong with indices, labels and orders is said here, once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, shorten
from geomsup.survey.source import Rows, about, matrix_of
from geomsup.validation import brief, numbers, whole_number

__all__ = ["members_of", "order_of", "positions_in", "with_metric"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Numbers of a block: 32 MB in float64.
_BLOCK = 2**22
# An axis with less than this of the largest variance is constant.
_NO_VARIANCE = 1e-9


def members_of(features: object, n_features: int, labels: Sequence[str] | None) -> tuple[int, ...]:
    """Numbers of features from numbers or labels, each once.

    Raises
    ------
    GeomsupError
        If one is none of the matrix, or named twice.
    """
    if isinstance(features, (str, bytes)) or not hasattr(features, "__iter__"):
        raise GeomsupError(f"features must be a list of indices or labels, got {brief(features)}")
    found = [_member(one, n_features, labels) for one in features]
    if len(set(found)) < len(found):
        twice = next(one for one in found if found.count(one) > 1)
        raise GeomsupError(f"features must be distinct, got {twice} {found.count(twice)} times")
    return tuple(found)


def _member(one: object, n_features: int, labels: Sequence[str] | None) -> int:
    if not isinstance(one, str):
        return whole_number("each of features", one, 0, n_features - 1)
    if labels is None:
        raise GeomsupError(f"features by label need labels=, got {shorten(one)}")
    count = labels.count(one)
    if count != 1:
        raise GeomsupError(
            f"label {shorten(one)} is that of {count or 'no'} features"
            + (f"; the first is {labels.index(one)}, pass indices" if count else "")
        )
    return labels.index(one)


def order_of(
    order: object, members: tuple[int, ...], labels: Sequence[str] | None, n_features: int
) -> IntArray | None:
    """Places of the members in an order that is claimed.

    Raises
    ------
    GeomsupError
        If it is not an order of just these features.
    """
    if order is None:
        return None
    try:
        claimed = members_of(order, n_features, labels)
    except GeomsupError as error:
        raise GeomsupError(f"order: {error}") from error
    if sorted(claimed) != sorted(members):
        raise GeomsupError(
            f"order must have each of the {len(members)} features once, got {brief(list(claimed))}"
        )
    return np.array([members.index(one) for one in claimed])


def positions_in(rows: Rows, members: tuple[int, ...]) -> IntArray:
    """Where the members stand among the features that have a direction."""
    places = np.searchsorted(rows.features, members)
    found = rows.features[np.minimum(places, rows.n - 1)] == members
    if not found.all():
        raise GeomsupError(
            f"feature {members[int(np.argmin(found))]} is masked, or a zero vector once the matrix "
            "is prepared; leave it out"
        )
    return np.asarray(places)


def with_metric(W: object, feature_axis: int | None, metric: object) -> NDArray[np.float32]:
    """The features in coordinates in which an inner product is the usual one, as rows.

    Parameters
    ----------
    W, feature_axis
        As the census takes them.
    metric : "causal" or array of shape (n_hidden, n_hidden)
        A symmetric matrix M, of the inner product x'My; "causal" is the inverse covariance of the
        features (Park, Choe & Veitch 2024).
    """
    Rows(W, feature_axis=feature_axis)  # numbers that are none are said there
    matrix = matrix_of(W, feature_axis)
    root = _root(metric, matrix)
    step = max(1, _BLOCK // matrix.shape[1])
    out = np.empty((len(matrix), root.shape[1]), dtype=np.float32)
    for start in range(0, len(matrix), step):
        out[start : start + step] = matrix[start : start + step].astype(np.float64) @ root
    return out


def _root(metric: object, matrix: NDArray[np.generic]) -> Array:
    """R with RR' = M, on the axes where M is not zero."""
    dim = matrix.shape[1]
    if isinstance(metric, str):
        if metric != "causal":
            raise GeomsupError(f"metric must be 'causal' or a matrix, got {metric!r}")
        values, basis = np.linalg.eigh(_covariance(matrix))
        kept = values > _NO_VARIANCE * values[-1]
        return np.asarray(basis[:, kept] / np.sqrt(values[kept]))
    with about("metric"):
        inner = numbers("metric", metric)
    if inner.shape != (dim, dim):
        raise GeomsupError(
            f"metric must be 'causal' or a matrix of shape ({dim}, {dim}), got {inner.shape}"
        )
    if not np.isfinite(inner).all():
        raise GeomsupError("metric must be finite, got NaN or infinity")
    values, basis = np.linalg.eigh((inner + inner.T) / 2)
    scale = max(float(np.abs(values).max()), np.finfo(float).tiny)
    if np.abs(inner - inner.T).max() > 1e-6 * scale or values[0] < -_NO_VARIANCE * scale:
        raise GeomsupError("metric must be symmetric without negative eigenvalues")
    kept = values > _NO_VARIANCE * scale
    if not kept.any():
        raise GeomsupError("metric must not be zero")
    return np.asarray(basis[:, kept] * np.sqrt(values[kept]))


def _covariance(matrix: NDArray[np.generic]) -> Array:
    step = max(1, _BLOCK // matrix.shape[1])
    total, square = np.zeros(matrix.shape[1]), np.zeros((matrix.shape[1],) * 2)
    for start in range(0, len(matrix), step):
        block = matrix[start : start + step].astype(np.float64)
        total += block.sum(axis=0)
        square += block.T @ block
    mean = total / len(matrix)
    return np.asarray(square / len(matrix) - np.outer(mean, mean))
