"""Where a search starts besides at random: compositions of the catalogue, and moves from minima.

Random starts rarely find a heptagon, and with unequal importances they seldom put the right
features on it.  So compositions of shapes that fit are starts, the important features on them
first; and from the best minimum some features are dropped, revived, or trade places.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from geomsup.shapes import Shape, list_shapes

__all__ = ["composed_starts", "moved_starts"]

FloatArray = NDArray[np.float64]

# Compositions that use the most features come first, and only so many are tried.
_MOST_COMPOSITIONS = 16
# Shapes that share a dimension count beyond this are left to random starts.
_MOST_DIM = 4
# Norm and bias of a feature that leans on others, and norm of a dropped one.
_NORM, _BIAS, _DROPPED = 1.15, -0.2, 0.05


def composed_starts(
    n_features: int, n_hidden: int, importance: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Return starts from orthogonal sums of catalogue shapes, packed as (W, b) in rows.

    Parameters
    ----------
    n_features, n_hidden : int
    importance : ndarray of shape (n_features,)
        More important features are put on a shape first, larger shapes last.
    rng : Generator
        For the small weights of dropped features.

    Returns
    -------
    ndarray of shape (n_starts, n_features · (n_hidden + 1))
    """
    by_importance = np.argsort(-importance, kind="stable")
    shapes = [
        shape
        for shape in list_shapes()
        if shape.dim <= min(n_hidden, _MOST_DIM)
        and shape.n_vertices <= n_features
        and not shape.factors
        and shape.vacant_of is None
    ]
    sums = sorted(
        _sums(shapes, n_features, n_hidden),
        key=lambda parts: (-sum(p.n_vertices for p in parts), len(parts)),
    )
    rows = []
    for parts in sums[:_MOST_COMPOSITIONS]:
        W = _DROPPED * rng.standard_normal((n_hidden, n_features))
        b = np.zeros(n_features)
        row = column = 0
        for shape in sorted(parts, key=lambda part: part.n_vertices / part.dim):
            columns = by_importance[column : column + shape.n_vertices]
            leans = (shape.gram - np.eye(shape.n_vertices)).max() > 1e-9
            W[:, columns] = 0.0
            W[row : row + shape.dim, columns] = (_NORM if leans else 1.0) * shape.vertices.T
            b[columns] = _BIAS if leans else 0.0
            row, column = row + shape.dim, column + shape.n_vertices
        rows.append(np.concatenate([W.ravel(), b]))
    return np.array(rows).reshape(len(rows), n_features * (n_hidden + 1))


def moved_starts(
    W: FloatArray, b: FloatArray, importance: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Return starts near a minimum: one feature dropped or revived, or two that trade places.

    Parameters
    ----------
    W : ndarray of shape (n_hidden, n_features)
    b, importance : ndarray of shape (n_features,)
    rng : Generator

    Returns
    -------
    ndarray of shape (n_starts, n_features · (n_hidden + 1))
    """
    m, n = W.shape
    norms = np.linalg.norm(W, axis=0)
    rows = []
    for i in range(n):
        moved, bias = W.copy(), b.copy()
        if norms[i] > 0.5 * norms.max():
            moved[:, i] = _DROPPED * rng.standard_normal(m)
            bias[i] = 0.0
        else:
            direction = rng.standard_normal(m)
            moved[:, i] = direction / np.linalg.norm(direction)
            bias[i] = _BIAS
        rows.append(np.concatenate([moved.ravel(), bias]))
    for i in range(n):
        for j in range(i + 1, n):
            if importance[i] != importance[j]:
                order = np.arange(n)
                order[[i, j]] = j, i
                rows.append(np.concatenate([W[:, order].ravel(), b[order]]))
    return np.array(rows)


def _sums(
    shapes: list[Shape], n_features: int, n_hidden: int, first: int = 0
) -> Iterator[tuple[Shape, ...]]:
    """Yield the multisets of shapes that fit into so many features and dimensions."""
    for k in range(first, len(shapes)):
        shape = shapes[k]
        if shape.n_vertices <= n_features and shape.dim <= n_hidden:
            yield (shape,)
            rest = (n_features - shape.n_vertices, n_hidden - shape.dim)
            for others in _sums(shapes, *rest, first=k):
                yield (shape, *others)
