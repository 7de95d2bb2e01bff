"""Symmetry of a configuration: how many permutations keep every distance, and which point group.

A permutation of the points that keeps the Gram matrix is an orthogonal map of their span, fixed by
where it takes a few points that span.  Those few are placed one after another, each only where it
fits the images before it; the group's order is the product of how many places each one has while
the earlier ones stay put (orbit and stabiliser), so that a group of 696,729,600 elements is counted
without being listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, shorten
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
    search = _Search(_distinct_rows(points, tolerance), _SLACK * tolerance)
    order = 1
    for depth in range(len(search.base)):
        fixed = search.base[:depth]
        places = search.places(fixed)
        order *= sum(next(search.images([*fixed, int(p)]), None) is not None for p in places)
    return order


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
    search = _Search(points, slack)
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


class _Search:
    """Placements of a spanning set of points onto others that keep all distances."""

    def __init__(self, points: FloatArray, slack: float) -> None:
        self.gram = points @ points.T
        self.slack = slack
        # Points that see different distances cannot be exchanged.
        self.views = np.sort(self.gram, axis=1)
        self.base = self._spanning(points)

    def _alike(self, point: int) -> Bools:
        return np.asarray(np.abs(self.views - self.views[point]).max(axis=1) <= self.slack)

    def _spanning(self, points: FloatArray) -> list[int]:
        """Independent points, of the rarest kind first, later ones close to the earlier."""
        kind = np.array([int(np.argmax(self._alike(k))) for k in range(len(points))])
        counts = np.bincount(kind, minlength=len(points))[kind]
        base: list[int] = []
        rest = points.copy()
        while True:
            left = np.einsum("ij,ij->i", rest, rest)
            open_ = left > 0.05 if base else np.ones(len(points), dtype=bool)
            if not open_.any():
                open_ = left > self.slack
                if not open_.any():
                    return base
            near = -self.gram[base].max(axis=0) if base else np.zeros(len(points))
            order = np.lexsort((near, counts, ~open_))
            base.append(int(order[0]))
            direction = rest[order[0]] / np.linalg.norm(rest[order[0]])
            rest = rest - np.outer(rest @ direction, direction)

    def places(self, images: list[int]) -> Indices:
        """Where the next base point may go, given where those before it went."""
        source = self.base[len(images)]
        fits = self._alike(source)
        for before, image in zip(self.base, images, strict=False):
            fits &= np.abs(self.gram[image] - self.gram[before, source]) <= self.slack
        return np.flatnonzero(fits)

    def images(self, start: list[int]) -> Iterator[Indices]:
        """Permutations that place the base in ways that begin as given, and are symmetries."""
        if len(start) == len(self.base):
            permutation = self._permutation(start)
            if permutation is not None:
                yield permutation
            return
        for place in self.places(start):
            yield from self.images([*start, int(place)])

    def _permutation(self, images: list[int]) -> Indices | None:
        # A point is known by its cosines with the base; its image must have those with the images.
        here, there = self.gram[self.base], self.gram[images]
        apart = np.abs(here[:, :, None] - there[:, None, :]).max(axis=0)
        target = apart.argmin(axis=1)
        if apart[np.arange(len(target)), target].max() > self.slack:
            return None
        if len(np.unique(target)) < len(target):
            return None
        return target if self._deviation(target) <= self.slack else None

    def _deviation(self, permutation: Indices) -> float:
        return float(np.abs(self.gram[np.ix_(permutation, permutation)] - self.gram).max())

    def group(self) -> Indices:
        """All symmetries as permutations, ndarray of shape (order, n_points).

        Near symmetries can pass while their products fail; the worst are dropped until the rest
        is a group.
        """
        permutations = np.array(list(self.images([])))
        deviations = np.array([self._deviation(permutation) for permutation in permutations])
        while not self._closed(permutations):
            kept = deviations < deviations.max()
            permutations, deviations = permutations[kept], deviations[kept]
        return permutations

    def _closed(self, permutations: Indices) -> bool:
        # A symmetry is known by where it takes the base.
        digits = permutations.shape[1] ** np.arange(len(self.base))
        products = permutations[:, permutations[:, self.base]] @ digits
        return bool(np.isin(products, permutations[:, self.base] @ digits).all())


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
