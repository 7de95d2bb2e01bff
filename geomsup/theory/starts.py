"""Where a search starts besides at random: compositions of the catalogue, and moves from minima.

Random starts rarely find a heptagon, and with unequal importances they seldom put the right
features on it.  So compositions of shapes that fit are starts, each shape at its symmetric optimum
and the important features on them first; and from the best minima features are dropped, revived,
merged, or trade places.  Where features come in sets, so do the moves: a set collapses onto one
direction, as principal components do, or comes apart.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from geomsup.shapes import Shape, list_shapes
from geomsup.theory.families import best_factor
from geomsup.theory.feature_model import FeatureModel
from geomsup.theory.loss import Problem
from geomsup.theory.packing import packed, unpacked

__all__ = ["collapsed_starts", "composed_starts", "moved_sets", "moved_starts", "random_starts"]

FloatArray = NDArray[np.float64]

# Compositions that use the most features come first, and only so many are tried.
_MOST_COMPOSITIONS = 32
# Shapes that share a dimension count beyond this are left to random starts.
_MOST_DIM = 4
# What a dropped feature keeps of its weights, so that it can come back.
_DROPPED = 0.05
# What tells members of a set apart that start on one direction, lest they stay on a saddle.
_APART = 0.02


def random_starts(
    n_starts: int, n_hidden: int, n_features: int, rng: np.random.Generator
) -> FloatArray:
    """Return random models of various norms, with biases that are mostly negative."""
    scale = rng.uniform(0.3, 1.3, size=(n_starts, 1, 1))
    W = rng.normal(size=(n_starts, n_hidden, n_features)) * scale / np.sqrt(n_hidden)
    return packed(W, rng.normal(scale=0.2, size=(n_starts, n_features)) - 0.1)


def composed_starts(n_hidden: int, problem: Problem, rng: np.random.Generator) -> FloatArray:
    """Return starts from orthogonal sums of catalogue shapes, packed as (W, b) in rows.

    Parameters
    ----------
    n_hidden : int
    problem : Problem
        More important features are put on a shape first, larger shapes last.
    rng : Generator
        For the small weights of dropped features.

    Returns
    -------
    ndarray of shape (n_starts, n_features · (n_hidden + 1))

    Notes
    -----
    Norms and biases are those of the shape's symmetric optimum among equals: it depends on the
    shape and p only, so a search finds each shape once, and what importances change is little
    beside what a descent does anyway.
    """
    n = problem.n_features
    by_importance = np.argsort(-problem.importance, kind="stable")
    p = float(np.median(problem.p))
    shapes = [
        shape
        for shape in list_shapes()
        if shape.dim <= min(n_hidden, _MOST_DIM)
        and shape.n_vertices <= n
        and not shape.factors
        and not shape.rare
    ]
    sums = sorted(
        _sums(shapes, n, n_hidden),
        key=lambda parts: (-sum(part.n_vertices for part in parts), len(parts)),
    )
    rows = []
    for parts in sums[:_MOST_COMPOSITIONS]:
        W = _DROPPED * rng.standard_normal((n_hidden, n))
        b = 0.5 * problem.p
        row = column = 0
        for shape in sorted(parts, key=lambda part: part.n_vertices / part.dim):
            columns = by_importance[column : column + shape.n_vertices]
            best = best_factor(shape.name, p, (1.0,) * shape.n_vertices)
            W[:, columns] = 0.0
            W[row : row + shape.dim, columns] = best.W
            b[columns] = best.b
            row, column = row + shape.dim, column + shape.n_vertices
        rows.append(packed(W, b))
    return np.array(rows).reshape(len(rows), n * (n_hidden + 1))


def collapsed_starts(n_hidden: int, problem: Problem, rng: np.random.Generator) -> FloatArray:
    """Return compositions of catalogue shapes with one vertex for each set of features.

    The members of a set share its direction and its norm², as they do in the principal components
    of what comes together.  None where there are no sets.
    """
    features = problem.features
    if features is None:
        return np.empty((0, problem.n_features * (n_hidden + 1)))
    first = [at.start for at in features.slices]
    sizes = np.array([one.size for one in features.sets])
    of_sets = Problem(
        p=np.add.reduceat(problem.p, first) / sizes,
        importance=np.add.reduceat(problem.importance, first),
    )
    W, b = unpacked(composed_starts(n_hidden, of_sets, rng), n_hidden)
    W = np.repeat(W / np.sqrt(sizes), sizes, axis=2)
    W += _APART * rng.standard_normal(W.shape)
    return packed(W, np.repeat(b, sizes, axis=1))


def moved_sets(
    W: FloatArray, b: FloatArray, features: FeatureModel | None, rng: np.random.Generator
) -> FloatArray:
    """Return starts near a minimum in which one set is collapsed onto a direction, or comes apart.

    Shapes as in :func:`moved_starts`.
    """
    rows = []
    for at in features.slices if features is not None else ():
        size = at.stop - at.start
        if size == 1:
            continue
        columns = W[:, at]
        middle = columns.mean(axis=1, keepdims=True)
        if np.linalg.norm(middle) < 0.1 * np.linalg.norm(columns):
            middle = columns[:, :1] / np.sqrt(size)
        spread = rng.standard_normal(columns.shape) / np.sqrt(len(W))
        for moved in (
            middle + _APART * spread,
            np.sqrt(size) * middle + np.linalg.norm(middle) * spread,
        ):
            other = W.copy()
            other[:, at] = moved
            rows.append(packed(other, b))
    return np.array(rows).reshape(len(rows), W.size + b.size)


def moved_starts(
    W: FloatArray, b: FloatArray, importance: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Return starts near a minimum.

    One feature dropped; one revived, in a random direction or against a kept one; two that matter
    differently in each other's place; or two merged, the less important in the direction of the
    other.

    Parameters
    ----------
    W : ndarray of shape (n_hidden, n_features)
    b, importance : ndarray of shape (n_features,)
    rng : Generator

    Returns
    -------
    ndarray of shape (n_starts, n_features · (n_hidden + 1))
    """
    n = W.shape[1]
    norms = np.linalg.norm(W, axis=0)
    kept = norms > 0.5 * norms.max()
    rows = []

    def put(feature: int, column: FloatArray, bias: float) -> None:
        moved, biases = W.copy(), b.copy()
        moved[:, feature], biases[feature] = column, bias
        rows.append(packed(moved, biases))

    for i in range(n):
        if kept[i]:
            put(i, _DROPPED * W[:, i], 0.0)
        else:
            direction = rng.standard_normal(len(W))
            put(i, direction / np.linalg.norm(direction), float(b.min()))
    for i in range(n):
        for j in range(n):
            if i != j and kept[j] and not kept[i]:
                put(i, -W[:, j], float(b[j]))
            elif i != j and kept[j] and (importance[i], -i) < (importance[j], -j):
                put(i, W[:, j], float(b[j]))
            if i < j and importance[i] != importance[j]:
                order = np.arange(n)
                order[[i, j]] = j, i
                rows.append(packed(W[:, order], b[order]))
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
