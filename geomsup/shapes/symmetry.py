"""Which permutations of unit vectors keep their Gram matrix, exactly or up to a slack.

Such a permutation is an orthogonal map of the span, fixed by where it takes a few points that
span.  Those few are placed one after another, each only where it fits the images before it; the
group's order is the product of how many places each one has while the earlier ones stay put (orbit
and stabiliser), so that a group of 696,729,600 elements is counted without being listed.  One
permutation for each place generates the group, and its orbits are what those join.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from geomsup.shapes.constructors import FloatArray

__all__ = ["Symmetries", "SymmetrySearch", "congruent", "joined"]

Indices = NDArray[np.int_]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Symmetries:
    """The group of permutations that keep a Gram matrix.

    Parameters
    ----------
    order : int
        How many there are.
    generators : ndarray of shape (n_generators, n_points)
        Permutations that generate all of them.
    orbits : ndarray of shape (n_points,)
        A number for each point, the same for those that can change places; from 0.
    chiral : bool
        Whether none of them is a reflection of the span.
    """

    order: int
    generators: Indices
    orbits: Indices
    chiral: bool


class SymmetrySearch:
    """Placements of a spanning set of points onto others that keep all distances.

    The others are the points themselves, or ``onto``, as many of another configuration.
    """

    def __init__(self, points: FloatArray, slack: float, onto: FloatArray | None = None) -> None:
        self.points = points
        self.gram = points @ points.T
        self.onto = self.gram if onto is None else onto @ onto.T
        self.slack = slack
        # Points that see different distances cannot be exchanged.
        self.views = np.sort(self.gram, axis=1)
        self.onto_views = np.sort(self.onto, axis=1)
        self.base = self._spanning(points)

    def _alike(self, point: int, views: FloatArray) -> Bools:
        return np.asarray(np.abs(views - self.views[point]).max(axis=1) <= self.slack)

    def _spanning(self, points: FloatArray) -> list[int]:
        """Independent points, of the rarest kind first, later ones close to the earlier."""
        kind = np.array([int(np.argmax(self._alike(k, self.views))) for k in range(len(points))])
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
        fits = self._alike(source, self.onto_views)
        for before, image in zip(self.base, images, strict=False):
            fits &= np.abs(self.onto[image] - self.gram[before, source]) <= self.slack
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
        here, there = self.gram[self.base], self.onto[images]
        apart = np.abs(here[:, :, None] - there[:, None, :]).max(axis=0)
        target = apart.argmin(axis=1)
        if apart[np.arange(len(target)), target].max() > self.slack:
            return None
        if len(np.unique(target)) < len(target):
            return None
        return target if self._deviation(target) <= self.slack else None

    def _deviation(self, permutation: Indices) -> float:
        return float(np.abs(self.onto[np.ix_(permutation, permutation)] - self.gram).max())

    def symmetries(self) -> Symmetries:
        """Count and generate the symmetries, without listing them."""
        order, generators = 1, []
        for depth in range(len(self.base)):
            fixed = self.base[:depth]
            found = [next(self.images([*fixed, int(p)]), None) for p in self.places(fixed)]
            generators += [one for one in found if one is not None]
            order *= sum(one is not None for one in found)
        permutations = np.array(generators)
        turned = self.points[self.base]
        axes = np.linalg.svd(turned, full_matrices=False)[2]
        before = turned @ axes.T
        maps = np.linalg.solve(before, self.points[permutations[:, self.base]] @ axes.T)
        return Symmetries(
            order=order,
            generators=permutations,
            orbits=joined(permutations),
            chiral=bool((np.linalg.det(maps) > 0).all()),
        )

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


def congruent(a: FloatArray, b: FloatArray, slack: float) -> bool:
    """Whether a rotation or reflection and a permutation bring two configurations together.

    Parameters
    ----------
    a, b : ndarray of shape (n_points, dim)
        Unit rows.
    slack : float
        How much two cosines may differ.

    Examples
    --------
    >>> from geomsup.shapes import get_shape
    >>> cube = get_shape("cube").vertices
    >>> congruent(cube, -cube[::-1], 1e-9), congruent(cube, get_shape("octagon").vertices, 1e-9)
    (True, False)
    """
    if a.shape != b.shape:
        return False
    search = SymmetrySearch(a, slack, onto=b)
    return next(search.images([]), None) is not None


def joined(permutations: Indices) -> Indices:
    """The orbits of what some permutations generate, as a number for each point, from 0.

    Examples
    --------
    >>> joined(np.array([[1, 0, 2, 3], [0, 1, 3, 2]]))
    array([0, 0, 1, 1])
    """
    n = permutations.shape[1]
    ends = (np.tile(np.arange(n), len(permutations)), permutations.ravel())
    links = coo_matrix((np.ones(permutations.size), ends), shape=(n, n))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int_)
