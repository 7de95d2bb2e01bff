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

from geomsup.errors import GeomsupError
from geomsup.sphere.energies import smallest_angle

__all__ = ["point_group", "symmetry_order"]

FloatArray = NDArray[np.float64]
Indices = NDArray[np.int_]

# Descents end within 1e-8 of a minimum; features of different optima differ by far more.
_TOLERANCE = 1e-6
_COINCIDENT = 1e-7


def symmetry_order(points: FloatArray, tolerance: float = _TOLERANCE) -> int:
    """Number of permutations of the points that leave every distance as it is.

    Parameters
    ----------
    points : ndarray of shape (n_points, dim)
        Distinct unit rows.
    tolerance : float
        Largest difference of two cosines that count as equal.

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
    search = _Search(_distinct_rows(points), tolerance)
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
        Distinct unit rows.
    tolerance : float
        Largest difference of two cosines that count as equal.

    Returns
    -------
    str
        "Cs", "D5h", "Ih", …; "Dinfh" for a digon, "Cinfv" for one point.

    Examples
    --------
    >>> from geomsup.shapes import get_shape
    >>> point_group(get_shape("square antiprism").vertices)
    'D4d'
    """
    points = _distinct_rows(points)
    if points.shape[1] != 3:
        raise GeomsupError(
            f"a point group is one of three dimensions, got points in {points.shape[1]}; "
            "symmetry_order counts the symmetries in any"
        )
    rank = int(np.linalg.matrix_rank(points, tol=1e-3))
    if rank == 1:
        return "Dinfh" if len(points) == 2 else "Cinfv"
    search = _Search(points, tolerance)
    targets = [points[list(image)] for image in search.images([])]
    return _schoenflies(_maps(points[search.base], targets, rank))


def _distinct_rows(points: Any) -> FloatArray:
    """Unit rows, no two of them equal, as float64; or one clear error."""
    if len(np.shape(points)) != 2:
        raise GeomsupError(
            f"expected points of shape (n_points, dim), got shape {np.shape(points)}"
        )
    if float(smallest_angle(points)) < _COINCIDENT:
        raise GeomsupError("two points coincide, so their symmetry is not defined; drop one")
    rows = points.detach().cpu() if hasattr(points, "detach") else points
    return np.asarray(rows, dtype=np.float64)


class _Search:
    """Placements of a spanning set of points onto others that keep all distances."""

    def __init__(self, points: FloatArray, tolerance: float) -> None:
        self.gram = points @ points.T
        self.tolerance = tolerance
        # Points that see different distances cannot be exchanged: the class of each point.
        views = np.sort(self.gram, axis=1)
        self.kind = np.array([self._first_equal(views, view) for view in views])
        self.base = self._spanning(points)

    def _first_equal(self, views: FloatArray, view: FloatArray) -> int:
        return int(np.argmax(np.abs(views - view).max(axis=1) <= self.tolerance))

    def _spanning(self, points: FloatArray) -> list[int]:
        """Independent points, of the rarest kind first, later ones close to the earlier."""
        counts = np.bincount(self.kind, minlength=len(points))[self.kind]
        base: list[int] = []
        rest = points.copy()
        while True:
            left = np.einsum("ij,ij->i", rest, rest)
            open_ = left > 0.05 if base else np.ones(len(points), dtype=bool)
            if not open_.any():
                open_ = left > 1e-3
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
        fits = self.kind == self.kind[source]
        for before, image in zip(self.base, images, strict=False):
            fits &= np.abs(self.gram[image] - self.gram[before, source]) <= self.tolerance
        return np.flatnonzero(fits)

    def images(self, start: list[int]) -> Iterator[tuple[int, ...]]:
        """Images of the base that begin in a given way and belong to a symmetry."""
        if len(start) == len(self.base):
            if self._permutes(start):
                yield tuple(start)
            return
        for place in self.places(start):
            yield from self.images([*start, int(place)])

    def _permutes(self, images: list[int]) -> bool:
        # A point is known by its cosines with the base; its image must have those with the images.
        here, there = self.gram[self.base], self.gram[images]
        apart = np.abs(here[:, :, None] - there[:, None, :]).max(axis=0)
        # Cosines with a base fix a point only as well as the base is conditioned.
        target = apart.argmin(axis=1)
        if apart[np.arange(len(target)), target].max() > self.tolerance:
            return False
        if len(np.unique(target)) < len(target):
            return False
        moved = self.gram[np.ix_(target, target)]
        return bool(np.abs(moved - self.gram).max() <= 10 * self.tolerance)


def _maps(base: FloatArray, targets: list[FloatArray], rank: int) -> FloatArray:
    """Orthogonal maps of R^3 that take the base to each of the targets, (n_maps, 3, 3)."""
    if rank == 3:
        inverse = np.linalg.inv(base)
        return np.array([(inverse @ target).T for target in targets])
    # Points in a plane: each map of the plane comes with and without reflection in it.
    normal = np.cross(base[0], base[1])
    normal /= np.linalg.norm(normal)
    inverse = np.linalg.inv(np.vstack([base, normal]))
    return np.array(
        [(inverse @ np.vstack([t, side * normal])).T for t in targets for side in (1.0, -1.0)]
    )


def _schoenflies(maps: FloatArray) -> str:
    """The symbol of a finite group of orthogonal matrices (n, 3, 3)."""
    determinant = np.sign(np.linalg.det(maps))
    proper, improper = maps[determinant > 0], maps[determinant < 0]
    order = len(proper)
    turns = [_turn(m) for m in proper]
    main = max(turns)
    # A mirror is minus a half turn, the inversion minus the identity.
    mirrors = [m for m in improper if _turn(-m) == 2]
    inversion = any(_turn(-m) == 1 for m in improper)
    if order == 1:
        return "Cs" if mirrors else "Ci" if inversion else "C1"
    if order in (12, 24, 60) and main < order // 2:
        letter = {12: "T", 24: "O", 60: "I"}[order]
        if not len(improper):
            return letter
        return letter + ("h" if inversion else "d")
    axis = _axis(proper[turns.index(main)])
    across = any(abs(abs(_axis(-m) @ axis) - 1.0) < 1e-3 for m in mirrors)
    if main == order:
        if not len(improper):
            return f"C{main}"
        return f"C{main}h" if across else f"C{main}v" if mirrors else f"S{2 * main}"
    if not len(improper):
        return f"D{main}"
    if main == 2:  # any of the three axes may be the main one
        return "D2h" if inversion else "D2d"
    return f"D{main}h" if across else f"D{main}d"


def _turn(rotation: FloatArray) -> int:
    """Order of a rotation of R^3 in a finite group."""
    angle = np.arccos(np.clip((np.trace(rotation) - 1.0) / 2.0, -1.0, 1.0))
    if angle < 1e-3:
        return 1
    for order in range(2, 1000):
        turned = angle * order / (2.0 * np.pi)
        if abs(turned - round(turned)) * 2.0 * np.pi < 1e-3 * order:
            return order
    raise AssertionError("a rotation of a finite point group has an order")


def _axis(rotation: FloatArray) -> FloatArray:
    """Unit vector that a rotation other than the identity leaves where it is."""
    return np.asarray(np.linalg.svd(rotation - np.eye(3))[2][-1])
