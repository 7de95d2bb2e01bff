"""Symmetry of a configuration: how many permutations keep every distance, and which point group.

The permutations that keep the Gram matrix are found in :mod:`geomsup.shapes.symmetry`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, shorten
from geomsup.shapes.symmetry import SymmetrySearch
from geomsup.sphere.energies import smallest_angle

__all__ = ["point_group", "symmetry_order"]

FloatArray = NDArray[np.float64]
Indices = NDArray[np.int_]
Bools = NDArray[np.bool_]

# Descents end within 1e-8 of a minimum; features of different optima differ by far more.
_TOLERANCE = 1e-6
_COINCIDENT = 1e-7
# Coarser points could be anything.
_LARGEST_TOLERANCE = 0.1
# Coordinates off by ε move a point by √3 ε, a cosine by 2√3 ε, the difference of two by twice that;
# rounding to a digit is off by half of it.
_SLACK = 4.0


def symmetry_order(points: FloatArray, tolerance: float = _TOLERANCE) -> int:
    """Number of permutations of the points that leave every distance as it is.

    Parameters
    ----------
    points : ndarray of shape (n_points, dim)
        Distinct unit rows, to the tolerance.
    tolerance : float
        Last digit of the coordinates that counts, .001 for points rounded to three digits.
        Cosines are equal if they differ by less than four times as much.

    Returns
    -------
    int
        Equal to the number of orthogonal maps of their span, reflections included, that permute
        the points.

    Examples
    --------
    >>> from geomsup.shapes import get_shape
    >>> symmetry_order(get_shape("24-cell").vertices)
    1152
    """
    search = SymmetrySearch(_distinct_rows(points, tolerance), _SLACK * tolerance)
    return search.symmetries().order


def point_group(points: FloatArray, tolerance: float = _TOLERANCE) -> str:
    """Schoenflies symbol of a configuration in three dimensions.

    Parameters
    ----------
    points : ndarray of shape (n_points, 3)
        Distinct unit rows, to the tolerance.
    tolerance : float
        Last digit of the coordinates that counts, .001 for points rounded to three digits.
        Cosines are equal if they differ by less than four times as much.

    Returns
    -------
    str
        "Cs", "D5h", "Ih", …; "Dinfh" for a digon, "Cinfv" for one point.

    Notes
    -----
    The group is read from how it permutes the points, which is exact where the points are not: the
    order of a rotation is that of its permutation.  Its matrix serves only for what it tells from
    afar: rotation or not, along an axis or across it.

    Examples
    --------
    >>> from geomsup.shapes import get_shape
    >>> antiprism = get_shape("square antiprism").vertices
    >>> point_group(antiprism), point_group(antiprism.round(3), tolerance=1e-3)
    ('D4d', 'D4d')
    """
    points = _distinct_rows(points, tolerance)
    if points.shape[1] != 3:
        raise GeomsupError(
            f"a point group is one of three dimensions, got points in {points.shape[1]}; "
            "symmetry_order counts the symmetries in any"
        )
    slack = _SLACK * tolerance
    _, spread, axes = np.linalg.svd(points, full_matrices=False)
    rank = int(np.sum(spread > slack * np.sqrt(len(points))))
    if rank == 1:
        return "Dinfh" if len(points) == 2 else "Cinfv"
    search = SymmetrySearch(points, slack)
    permutations = search.group()
    # Orthogonal Procrustes over all points, in the span.
    within = points @ axes[:rank].T
    left, _, right = np.linalg.svd(within.T @ within[permutations])
    maps = left @ right
    proper = np.linalg.det(maps) > 0
    if rank == 2:
        turns, mirrored = int(proper.sum()), not proper.all()
        if turns == 1:
            return "C2v" if mirrored else "Cs"
        return f"D{turns}h" if mirrored else f"C{turns}h"
    return _schoenflies(maps, proper, _orders(permutations, search.base))


def _distinct_rows(points: Any, tolerance: float) -> FloatArray:
    """Unit rows, no two of them equal, as float64; or one clear error."""
    if isinstance(tolerance, bool) or not 0.0 < tolerance < _LARGEST_TOLERANCE:
        raise GeomsupError(
            f"expected tolerance between 0 and {_LARGEST_TOLERANCE:g}, got {shorten(tolerance)}; "
            "pass the last digit that counts, such as 1e-3"
        )
    if len(np.shape(points)) != 2:
        raise GeomsupError(
            f"expected points of shape (n_points, dim), got shape {np.shape(points)}"
        )
    rows = points.detach().cpu() if hasattr(points, "detach") else points
    rows = np.asarray(rows, dtype=np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if np.all(np.abs(lengths - 1.0) <= _SLACK * tolerance):
        rows = rows / lengths  # unit rows to the tolerance
    if float(smallest_angle(rows)) < max(_COINCIDENT, tolerance):
        raise GeomsupError(
            "two points coincide, to the tolerance, so their symmetry is not defined; drop one"
        )
    return np.asarray(rows)


def _orders(permutations: Indices, base: list[int]) -> Indices:
    """How often each symmetry is repeated until all points are back, (n_symmetries,)."""
    each = np.arange(len(permutations))[:, None]
    images = permutations[:, base]
    orders = np.zeros(len(permutations), dtype=np.int_)
    repeats = 1
    while not orders.all():
        back = (images == base).all(axis=1)
        orders[back & (orders == 0)] = repeats
        images = permutations[each, images]
        repeats += 1
    return orders


def _schoenflies(maps: FloatArray, proper: Bools, orders: Indices) -> str:
    """The symbol of a finite group of orthogonal matrices (n, 3, 3) of known orders."""
    order, main = int(proper.sum()), int(orders[proper].max())
    # An improper map that is its own inverse is a mirror, trace 1, or the inversion, trace −3.
    involutions = maps[~proper & (orders == 2)]
    traces = np.trace(involutions, axis1=1, axis2=2)
    mirrors, inversion = involutions[traces > -1.0], bool((traces < -1.0).any())
    mirrored, both = len(mirrors) > 0, not proper.all()
    if order == 1:
        return "Cs" if mirrored else "Ci" if inversion else "C1"
    if order in (12, 24, 60) and main < order // 2:
        improper = "h" if inversion else "d"
        return {12: "T", 24: "O", 60: "I"}[order] + (improper if both else "")
    letter = "C" if main == order else "D"
    if not both:
        return f"{letter}{main}"
    across = _mirrored_across(_axis(maps[proper & (orders == main)][0]), mirrors)
    if letter == "C":
        return f"C{main}h" if across else f"C{main}v" if mirrored else f"S{2 * main}"
    if main == 2:  # any of the three axes may be the main one
        across = inversion
    return f"D{main}h" if across else f"D{main}d"


def _mirrored_across(axis: FloatArray, mirrors: FloatArray) -> bool:
    """Whether the normal of a mirror lies along an axis, and not at right angles to it."""
    return any(abs(_axis(-mirror) @ axis) > 0.7 for mirror in mirrors)


def _axis(rotation: FloatArray) -> FloatArray:
    """Unit vector that a rotation other than the identity leaves where it is."""
    return np.asarray(np.linalg.svd(rotation - np.eye(3))[2][-1])
