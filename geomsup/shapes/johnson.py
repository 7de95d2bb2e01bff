"""Johnson's solids of few vertices that are other figures than their namesakes on one sphere.

Johnson (1966) listed the convex solids all of whose faces are regular.  Many are a prism or an
antiprism with pyramids on some faces; most of these do not have their vertices on one sphere, and
what a weight matrix can show of them is directions from their mean.  Others, as the snub
disphenoid and the sphenocorona, follow from the lengths of their edges alone.

SHAPE (Llunell et al. 2013) sees the solids with pyramids from the centre of the prism or antiprism
that carries them.  Most figures of the catalogue with caps have that form among their members.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.shapes.constructors import FloatArray, unit_rows
from geomsup.shapes.families import COMPLEX_STEP, CappedRings

__all__ = [
    "augmented_prism",
    "augmented_sphenocorona",
    "capped",
    "snub_disphenoid",
    "sphenocorona",
]

Rows = NDArray[Any]


def _from_mean(points: FloatArray) -> FloatArray:
    return unit_rows(points - points.mean(axis=0))


def _with_pyramids(points: FloatArray, *faces: list[int]) -> FloatArray:
    """The vertices with a regular pyramid on each of some faces, given by neighbours in order."""
    apices = []
    for face in faces:
        corners = points[face]
        middle = corners.mean(axis=0)
        out = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        out *= np.sign(out @ (middle - points.mean(axis=0))) / np.linalg.norm(out)
        edge = np.linalg.norm(corners[1] - corners[0])
        height = math.sqrt(edge**2 - np.linalg.norm(corners[0] - middle) ** 2)
        apices.append(middle + height * out)
    return np.vstack([points, *apices])


def _equal_edges(rings: CappedRings) -> FloatArray:
    return rings.real_points(rings.equal_edge())


def capped(sides: int, *, twisted: bool, centred: bool = False) -> FloatArray:
    """A prism or antiprism with a pyramid on one k-gon, all edges equal.

    Parameters
    ----------
    sides : int
        k, 3 to 5.
    twisted : bool
        Whether it is an antiprism.
    centred : bool
        Whether it is seen from the centre of the prism or antiprism, not from its mean.

    Returns
    -------
    ndarray of shape (2 * sides + 1, 3)

    Examples
    --------
    >>> capped(4, twisted=False).shape                      # J8
    (9, 3)
    """
    body = _equal_edges(CappedRings(sides=sides, twisted=twisted))
    points = _with_pyramids(body, list(range(sides)))
    return unit_rows(points) if centred else _from_mean(points)


def augmented_prism(count: int) -> FloatArray:
    """A triangular prism with pyramids on some squares, all edges equal, seen from the mean.

    Parameters
    ----------
    count : int
        Number of pyramids, 1 or 2.

    Returns
    -------
    ndarray of shape (6 + count, 3)

    Examples
    --------
    >>> augmented_prism(2).shape                            # J50
    (8, 3)
    """
    body = _equal_edges(CappedRings(sides=3, twisted=False))
    squares = ([0, 1, 4, 3], [1, 2, 5, 4])
    return _from_mean(_with_pyramids(body, *squares[:count]))


def _with_unit_edges(
    build: Callable[[Rows], Rows], edges: tuple[tuple[int, int], ...], start: tuple[float, ...]
) -> FloatArray:
    """The vertices for which one edge of each kind has length 1, by Newton's method."""
    first, second = np.array(edges).T

    def squares(parameters: Rows) -> Rows:
        points = build(parameters)
        return np.asarray(((points[first] - points[second]) ** 2).sum(axis=1))

    parameters = np.array(start)
    # Starts are right to two digits, so that the fifth step is exact to rounding.
    for _ in range(8):
        steps = COMPLEX_STEP * 1j * np.eye(len(start))
        slopes = [squares(parameters + step).imag / COMPLEX_STEP for step in steps]
        parameters = parameters - np.linalg.solve(np.array(slopes).T, squares(parameters) - 1.0)
    return np.asarray(build(parameters), dtype=np.float64)


def _snub_disphenoid_points(parameters: Rows) -> Rows:
    # Two pairs near the middle, at right angles, and the two edges that end the main axis.
    x, y, z = parameters
    return np.array(
        [[sign * x, 0, y] for sign in (1, -1)]
        + [[0, sign * x, -y] for sign in (1, -1)]
        + [[0, sign * 0.5, z] for sign in (1, -1)]
        + [[sign * 0.5, 0, -z] for sign in (1, -1)]
    )


def snub_disphenoid() -> FloatArray:
    """Twelve equilateral triangles (J84), ndarray of shape (8, 3).

    Examples
    --------
    >>> snub_disphenoid().shape
    (8, 3)
    """
    edges = ((0, 2), (0, 4), (0, 6))
    return _from_mean(_with_unit_edges(_snub_disphenoid_points, edges, (0.64, -0.2, 0.78)))


def _sphenocorona_points(parameters: Rows) -> Rows:
    a, b, c, d, e = parameters
    return np.array(
        [[0, sign * 0.5, a] for sign in (1, -1)]
        + [[sign * b, 0.5, 0] for sign in (1, -1)]
        + [[sign * b, -0.5, 0] for sign in (-1, 1)]
        + [[0, sign * c, d] for sign in (1, -1)]
        + [[sign * 0.5, 0, e] for sign in (1, -1)]
    )


def _sphenocorona_body() -> FloatArray:
    # Two squares with an edge in common, and twelve triangles.
    edges = ((0, 2), (0, 6), (2, 6), (2, 8), (6, 8))
    start = (0.52, 0.85, 1.37, 0.04, -0.79)
    return _with_unit_edges(_sphenocorona_points, edges, start)


def sphenocorona() -> FloatArray:
    """Two squares and twelve equilateral triangles (J86), ndarray of shape (10, 3).

    Examples
    --------
    >>> sphenocorona().shape
    (10, 3)
    """
    return _from_mean(_sphenocorona_body())


def augmented_sphenocorona() -> FloatArray:
    """The sphenocorona with a pyramid on one of its squares (J87), ndarray of shape (11, 3).

    Examples
    --------
    >>> augmented_sphenocorona().shape
    (11, 3)
    """
    return _from_mean(_with_pyramids(_sphenocorona_body(), [0, 1, 5, 2]))
