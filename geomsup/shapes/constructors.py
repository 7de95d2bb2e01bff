"""Constructors of vertices: bare arrays of unit rows, made from formulas.

They return arrays and not shapes, so that sums and products of them stay one line each; names
and symmetry orders are attached in the table of figures.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FloatArray",
    "cartesian_product",
    "hypercube",
    "orthogonal_sum",
    "orthoplex",
    "polygon",
    "signed_points",
    "simplex",
    "unit_rows",
]

FloatArray = NDArray[np.float64]


def unit_rows(points: object) -> FloatArray:
    """Rows scaled to length one.

    Parameters
    ----------
    points : array_like of shape (…, n_vertices, dim)
        Non-zero rows.

    Returns
    -------
    ndarray of shape (…, n_vertices, dim)

    Examples
    --------
    >>> unit_rows([[3, 4]]).tolist()
    [[0.6, 0.8]]
    """
    rows = np.asarray(points, dtype=np.float64)
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True))


def polygon(k: int) -> FloatArray:
    """Vertices of the regular k-gon, counter-clockwise from (1, 0).

    Parameters
    ----------
    k : int
        Number of vertices, 3 or more.

    Returns
    -------
    ndarray of shape (k, 2)

    Examples
    --------
    >>> polygon(3).round(3).tolist()
    [[1.0, 0.0], [-0.5, 0.866], [-0.5, -0.866]]
    """
    azimuth = 2 * np.pi * np.arange(k) / k
    return np.column_stack([np.cos(azimuth), np.sin(azimuth)])


def simplex(dim: int) -> FloatArray:
    """Vertices of the regular simplex, all cosines −1/dim.

    Parameters
    ----------
    dim : int
        Dimension, 1 or more.

    Returns
    -------
    ndarray of shape (dim + 1, dim)

    Notes
    -----
    The rows are the dim + 1 coordinate vectors written in Helmert's orthonormal basis of the
    hyperplane Σx = 0 and scaled to length one.

    Examples
    --------
    >>> (simplex(3) @ simplex(3).T).round(3)[0].tolist()
    [1.0, -0.333, -0.333, -0.333]
    """
    j = np.arange(1, dim + 1)
    row = np.arange(dim + 1)[:, None]
    helmert = np.where(row < j, 1.0, np.where(row == j, -j, 0.0)) / np.sqrt(j * (j + 1.0))
    return np.asarray(helmert * math.sqrt((dim + 1) / dim))


def orthoplex(dim: int) -> FloatArray:
    """Vertices ±e_i of the cross-polytope, each followed by its antipode.

    Parameters
    ----------
    dim : int
        Dimension, 1 or more.

    Returns
    -------
    ndarray of shape (2 * dim, dim)

    Examples
    --------
    >>> orthoplex(2).tolist()
    [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    """
    points = np.zeros((2 * dim, dim))
    points[0::2] = np.eye(dim)
    points[1::2] -= np.eye(dim)
    return points


def signed_points(pattern: object) -> FloatArray:
    """All distinct points that differ from a pattern in signs only.

    Parameters
    ----------
    pattern : array_like of shape (dim,)
        Non-negative coordinates; zeros take no sign.

    Returns
    -------
    ndarray of shape (2 ** n_nonzero, dim)

    Examples
    --------
    >>> signed_points([0, 2]).tolist()
    [[0.0, 2.0], [0.0, -2.0]]
    """
    point = np.asarray(pattern, dtype=np.float64)
    support = np.flatnonzero(point)
    bits = np.arange(2**support.size)[:, None] >> np.arange(support.size)[::-1] & 1
    signs = np.ones((bits.shape[0], point.size))
    signs[:, support] = 1 - 2 * bits
    return np.asarray(signs * point + 0.0)


def hypercube(dim: int) -> FloatArray:
    """Vertices (±1, …, ±1)/√dim of the cube.

    Parameters
    ----------
    dim : int
        Dimension, 1 or more.

    Returns
    -------
    ndarray of shape (2 ** dim, dim)

    Examples
    --------
    >>> hypercube(3).shape
    (8, 3)
    """
    return signed_points(np.full(dim, 1.0 / math.sqrt(dim)))


def orthogonal_sum(*factors: FloatArray) -> FloatArray:
    """Vertices of several shapes, each in coordinates of its own.

    Parameters
    ----------
    *factors : ndarray of shape (n_i, dim_i)
        Unit rows.

    Returns
    -------
    ndarray of shape (Σ n_i, Σ dim_i)
        Block-diagonal, so vertices of different factors are orthogonal.

    Examples
    --------
    >>> orthogonal_sum(polygon(5), orthoplex(1)).shape
    (7, 3)
    """
    total = np.zeros((sum(len(f) for f in factors), sum(f.shape[1] for f in factors)))
    row = column = 0
    for factor in factors:
        height, width = factor.shape
        total[row : row + height, column : column + width] = factor
        row, column = row + height, column + width
    return total


def cartesian_product(a: FloatArray, b: FloatArray) -> FloatArray:
    """Unit vectors (a_i, b_j)/√2 for every pair of vertices: the duoprism of two shapes.

    Parameters
    ----------
    a, b : ndarray of shape (n_a, dim_a) and (n_b, dim_b)
        Unit rows.

    Returns
    -------
    ndarray of shape (n_a * n_b, dim_a + dim_b)

    Examples
    --------
    >>> cartesian_product(polygon(3), polygon(3)).shape
    (9, 4)
    """
    left = np.repeat(a, len(b), axis=0)
    right = np.tile(b, (len(a), 1))
    return np.asarray(np.hstack([left, right]) / math.sqrt(2.0))
