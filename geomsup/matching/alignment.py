"""Align a shape with directions: the best rotation and the best permutation together.

Either one is easy when the other is known (orthogonal Procrustes, linear assignment); together
they are not, and alternating from random starts gets stuck.  So the search starts from *anchors*:
a few well-conditioned directions of the data are aligned with every tuple of vertices that the
symmetry of the shape tells apart, the most promising are kept, and each is refined by Procrustes
and assignment in turn until nothing changes.  The tuples of a shape are found once and cached.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr
from scipy.optimize import linear_sum_assignment

__all__ = ["Alignment", "Cloud", "Template", "align", "aligned", "fit_rotation", "pairs_of"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Of so many directions the axes are found by their second moments.
_MANY = 64
# Anchor tuples kept after the Gram mismatch, and fits refined after the first assignment.
_BEAM = 48
_REFINED = 8
# Above about this many inequivalent tuples a table is not worth its memory; a beam search takes
# over.
_TABLE_LIMIT = 6000
# Shapes with more vertices have symmetry enough for the plain fingerprint of partial tuples.
_REFINED_FINGERPRINT = 32
# How much a direction's inner products with the others weigh when anchors are chosen.
_TIE_BREAK = 1e-3
# Tuples flatter than this share of the widest one make poor anchors.
_FLATTEST = 0.35
# Cosines of exact vertices that differ by less are equal.
_SAME = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Alignment:
    """A shape aligned with directions: x_k ≈ rotation @ vertices[permutation[k]]."""

    residual: float
    permutation: IntArray
    rotation: Array
    singular_values: Array

    @property
    def handedness(self) -> int:
        """+1 or -1: whether the fit is a rotation or a reflection; 0 outside full rank."""
        rows, cols = self.rotation.shape
        return int(np.sign(np.linalg.det(self.rotation))) if rows == cols else 0


class Cloud:
    """Unit vectors to be matched, with what every template asks of them computed once."""

    def __init__(self, directions: Array) -> None:
        """Take directions as rows, shape (n_vertices, dim)."""
        self.directions = directions
        self.n_vertices, self.dim = directions.shape
        self._anchors: dict[int, tuple[IntArray, Array, Array]] = {}
        self._within: dict[int, Cloud | None] = {}

    @cached_property
    def _factors(self) -> tuple[Array, Array, Array]:
        if not self.dim <= self.n_vertices > _MANY:
            left, singular_values, basis = np.linalg.svd(self.directions, full_matrices=False)
            return left * singular_values, singular_values, basis
        # The axes of many directions cost least from their second moments.  What the squares lose
        # of the small ones, the turned directions have.
        basis = np.linalg.eigh(self.directions.T @ self.directions)[1][:, ::-1].T
        points = self.directions @ basis.T
        return points, np.linalg.norm(points, axis=0), basis

    @property
    def points(self) -> Array:
        """Coordinates in the span; nothing is lost, and the rest is small whatever ``dim`` is."""
        return self._factors[0]

    @property
    def singular_values(self) -> Array:
        """The singular values, greatest first."""
        return self._factors[1]

    @property
    def basis(self) -> Array:
        """Orthonormal rows that span the directions, strongest axis first."""
        return self._factors[2]

    @cached_property
    def gram(self) -> Array:
        """The inner products of the directions."""
        gram: Array = self.directions @ self.directions.T
        return gram

    @cached_property
    def sorted_gram(self) -> Array:
        """The inner products of distinct directions in ascending order."""
        return np.sort(self.gram[pairs_of(self.n_vertices)])

    def within(self, rank: int) -> Cloud | None:
        """Return the directions as their strongest axes show them; None if one vanishes there."""
        if rank not in self._within:
            inside = self.points[:, :rank]
            lengths = np.linalg.norm(inside, axis=1, keepdims=True)
            self._within[rank] = Cloud(inside / lengths) if lengths.min() > 0 else None
        return self._within[rank]

    def anchors(self, rank: int) -> tuple[IntArray, Array, Array]:
        """Return anchor indices, their Gram matrix, and all points in the anchors' frame."""
        if rank not in self._anchors:
            leading = self.points[:, :rank]
            # Unit vectors tie for the first pivot, and rounding, that is the frame of reference,
            # would decide; a function of the inner products breaks the tie.
            longer = 1 + _TIE_BREAK * self.gram**4
            pivoting = leading.T * longer.mean(axis=1)
            chosen = qr(pivoting, mode="r", pivoting=True, check_finite=False)[1][:rank]
            tuple_points = leading[chosen]
            lengths = np.linalg.norm(tuple_points, axis=1, keepdims=True)
            tuple_points = tuple_points / np.where(lengths > 0, lengths, 1.0)
            self._anchors[rank] = (
                chosen.astype(np.intp),
                tuple_points @ tuple_points.T,
                leading @ _polar(tuple_points[None])[0].T,
            )
        return self._anchors[rank]


class Template:
    """The vertices of a shape, prepared for aligning them with data."""

    def __init__(
        self,
        vertices: Array,
        *,
        symmetry_order: int = 1,
        chiral: bool = False,
        whole: Template | None = None,
    ) -> None:
        """Take vertices as unit rows, shape (n_vertices, rank), and the order of their group.

        ``whole`` is a figure whose vertices are all alike, of which the last is missing here.
        Without it most tuples differ by where the hole is, too many to try; so the whole figure
        is aligned with the data, one vertex of it left free.
        """
        self.vertices = vertices
        self.whole = whole
        self.symmetry_order = symmetry_order
        self.n_vertices, self.rank = vertices.shape
        self.chiral = chiral
        self.gram: Array = vertices @ vertices.T
        self._carrying: dict[int, IntArray] = {}
        self._upper = np.triu_indices(self.rank, 1)

    @property
    def searched(self) -> Template:
        """What is aligned with the data: the figure itself, or the whole one that it is part of."""
        return self if self.whole is None else self.whole

    def own(self, permutation: IntArray) -> IntArray:
        """Turn places in the figure that is searched into places in this one."""
        if self.whole is None:
            return permutation
        free = np.setdiff1d(np.arange(self.n_vertices + 1), permutation)[0]
        return self.whole.carrying_to_last(int(free))[permutation]

    def carrying_to_last(self, vertex: int) -> IntArray:
        """A symmetry, as a permutation of the vertices, that takes one of them to the last."""
        if vertex not in self._carrying:
            base = [vertex]
            while len(base) < self.rank:
                # The vertex furthest from the span of those before it.
                span = np.linalg.qr(self.vertices[base].T)[0]
                base.append(int(np.linalg.norm(self.vertices @ span, axis=1).argmin()))
            self._carrying[vertex] = next(self._symmetries(base, [self.n_vertices - 1]))
        return self._carrying[vertex]

    def _symmetries(self, base: list[int], images: list[int]) -> Iterator[IntArray]:
        """The symmetries that take the first of some independent vertices to given images."""
        depth = len(images)
        if depth == self.rank:
            turn = np.linalg.solve(self.vertices[base], self.vertices[images])
            cosines = self.vertices @ turn @ self.vertices.T
            if np.abs(cosines.max(axis=1) - 1.0).max() < _SAME:
                yield cosines.argmax(axis=1).astype(np.intp)
            return
        wanted = self.gram[base[depth], base[:depth]]
        fits = np.abs(self.gram[:, images] - wanted).max(axis=1) < _SAME
        for image in np.flatnonzero(fits):
            yield from self._symmetries(base, [*images, int(image)])

    @cached_property
    def table(self) -> tuple[IntArray, Array, Array] | None:
        """All anchor tuples that symmetry tells apart, or None when there are too many.

        Tuples (K, rank), the inner products within each (K, pairs), and the vertices seen from
        each one's frame (K, rank, n_vertices).
        """
        n_tuples = math.perm(self.n_vertices, self.rank)
        if n_tuples > _TABLE_LIMIT * self.symmetry_order:
            return None
        tuples = np.arange(self.n_vertices)[:, None]
        tuples = tuples[self._inequivalent(tuples)]
        for depth in range(1, self.rank):
            tuples = self._extended(tuples)
            volumes = self._volumes(tuples)
            # A flat start can still grow into a good tuple unless it is degenerate already.
            floor = _FLATTEST if depth == self.rank - 1 else 0.1
            tuples = tuples[volumes > floor * volumes.max()]
            tuples = tuples[self._inequivalent(tuples)]
        return tuples, self._inner_products(tuples), self._frames(tuples)

    def candidate_frames(self, anchor_gram: Array) -> Array:
        """Return the vertices seen from the frames of the most similar anchor tuples."""
        if self.table is not None:
            _, inner, frames = self.table
            if len(inner) <= _BEAM:
                return frames
            wanted = anchor_gram[self._upper]
            mismatch = ((inner - wanted) ** 2).sum(axis=1)
            return frames[np.argpartition(mismatch, _BEAM)[:_BEAM]]
        return self._frames(self._beam_search(anchor_gram))

    def _beam_search(self, anchor_gram: Array) -> IntArray:
        """Grow tuples one vertex at a time, keeping the inequivalent ones that fit best."""
        tuples = np.arange(self.n_vertices)[:, None]
        tuples = tuples[self._inequivalent(tuples)]
        mismatch = np.zeros(len(tuples))
        for depth in range(1, self.rank):
            wanted = anchor_gram[depth, :depth]
            # (beam, n_vertices): cost of appending each vertex to each tuple.
            offered = self.gram[tuples] - wanted[None, :, None]
            cost = mismatch[:, None] + np.einsum("bkv,bkv->bv", offered, offered)
            np.put_along_axis(cost, tuples, np.inf, axis=1)
            flat = cost.ravel()
            n_kept = min(8 * _BEAM, int(np.isfinite(flat).sum()))
            best = np.argpartition(flat, n_kept - 1)[:n_kept]
            best = best[np.argsort(flat[best], kind="stable")]
            grown = np.column_stack([tuples[best // self.n_vertices], best % self.n_vertices])
            keep = self._inequivalent(grown)[:_BEAM]
            tuples, mismatch = grown[keep], flat[best][keep]
        return tuples

    def _extended(self, tuples: IntArray) -> IntArray:
        grown = np.column_stack(
            [
                np.repeat(tuples, self.n_vertices, axis=0),
                np.tile(np.arange(self.n_vertices), len(tuples)),
            ]
        )
        fresh = (grown[:, :-1] != grown[:, -1:]).all(axis=1)
        return np.asarray(grown[fresh])

    def _volumes(self, tuples: IntArray) -> Array:
        grams = self.gram[tuples[:, :, None], tuples[:, None, :]]
        volumes: Array = np.sqrt(np.maximum(np.linalg.det(grams), 0.0))
        return volumes

    def _inner_products(self, tuples: IntArray) -> Array:
        return self.gram[tuples[:, self._upper[0]], tuples[:, self._upper[1]]]

    def _frames(self, tuples: IntArray) -> Array:
        return _polar(self.vertices[tuples]) @ self.vertices.T

    def _inequivalent(self, tuples: IntArray) -> IntArray:
        """Return one index for each class of tuples that look alike to the whole shape.

        The fingerprint adds up, over all vertices, a fixed nonlinear function of their inner
        products with the tuple.  For a tuple that spans the space it separates exactly
        the orbits of the symmetry group; for a partial one it is refined by a round of
        message passing, because two vertices can see a short tuple alike and still differ.
        """
        depth = tuples.shape[1]
        spans = depth >= self.rank or self.n_vertices > _REFINED_FINGERPRINT
        size = self.n_vertices * (1 if spans else self.n_vertices)
        chunk = max(1, 4_000_000 // (size * 8))
        weights = 1.7 + np.sqrt(np.arange(2.0, depth + 2.0))
        keys = np.empty((len(tuples), 2))
        for start in range(0, len(tuples), chunk):
            seen = self.gram[tuples[start : start + chunk]]
            colour = np.sin(np.einsum("bkv,k->bv", seen, weights) + 0.3)
            if not spans:
                relation = 2.3 * self.gram[None] + 1.9 * colour[:, None, :]
                colour = np.sin(colour + np.cos(relation).sum(axis=2))
            keys[start : start + chunk, 0] = colour.sum(axis=1)
            keys[start : start + chunk, 1] = (colour**3).sum(axis=1)
        order = np.lexsort(keys.T)
        gaps = np.abs(np.diff(keys[order], axis=0)).max(axis=1) > 1e-7
        label = np.empty(len(tuples), dtype=np.intp)
        label[order] = np.concatenate([[0], np.cumsum(gaps)])
        # The first of each class, in the order given, so that a beam stays sorted by cost.
        first = np.unique(label, return_index=True)[1]
        return np.sort(first).astype(np.intp)


@lru_cache(maxsize=64)
def pairs_of(n: int) -> tuple[IntArray, IntArray]:
    """Row and column of each pair among n, as `np.triu_indices` has them."""
    return np.triu_indices(n, 1)


def align(cloud: Cloud, template: Template) -> list[Alignment]:
    """Return the best fit of a template over a cloud with as many points, best first.

    Up to three local optima with different residuals; for a chiral template in its own dimension
    up to three rotations and three reflections.
    """
    _, anchor_gram, seen = cloud.anchors(template.rank)
    searched = template.searched
    frames = searched.candidate_frames(anchor_gram)
    scores = seen @ frames
    # The row maxima bound the value of any assignment from above.
    bound = scores.max(axis=2).sum(axis=1)
    if template.whole is None:
        bound = np.minimum(bound, scores.max(axis=1).sum(axis=1))
    two_handed = template.chiral and template.rank == cloud.dim
    if two_handed:
        # frames = P Vᵀ, so that P = frames V (VᵀV)⁻¹ and only its sign is needed.
        turns = np.sign(np.linalg.det(frames @ searched.vertices))
        groups = [np.flatnonzero(turns > 0), np.flatnonzero(turns < 0)]
    else:
        groups = [np.arange(len(bound))]
    fits = []
    for group in groups:
        if len(group):
            chosen = group[np.argsort(-bound[group], kind="stable")[:_REFINED]]
            fits += _refined(cloud, template, _assigned(scores[chosen]))
    return sorted(fits, key=lambda fit: fit.residual)


def fit_rotation(cloud: Cloud, vertices: Array) -> tuple[Array, Array, Array]:
    """Return residuals, rotations and singular values for vertices (…, N, r) in data order."""
    left, singular, right = np.linalg.svd(cloud.points.T @ vertices, full_matrices=False)
    residuals = np.maximum(2.0 * cloud.n_vertices - 2.0 * singular.sum(axis=-1), 0.0)
    return residuals, left @ right, singular


def aligned(cloud: Cloud, vertices: Array, permutation: IntArray) -> Alignment:
    """Return the best fit of vertices of shape (N, r) in a given order."""
    residual, rotation, singular = fit_rotation(cloud, vertices[permutation])
    return Alignment(
        residual=float(residual),
        permutation=permutation,
        rotation=cloud.basis.T @ rotation,
        singular_values=singular,
    )


def _refined(cloud: Cloud, template: Template, permutations: IntArray) -> list[Alignment]:
    """Alternate Procrustes and assignment until the permutations stand still."""
    vertices = template.searched.vertices
    for _ in range(20):
        residuals, rotations, singular = fit_rotation(cloud, vertices[permutations])
        if len(permutations) > 3:
            # After one round the order of the fits is nearly final.
            best = np.argsort(residuals, kind="stable")[:3]
            permutations, residuals = permutations[best], residuals[best]
            rotations, singular = rotations[best], singular[best]
        updated = _assigned(cloud.points @ (rotations @ vertices.T))
        if np.array_equal(updated, permutations):
            break
        permutations = updated
    else:
        residuals, rotations, singular = fit_rotation(cloud, vertices[permutations])
    fits: list[Alignment] = []
    for k in np.argsort(residuals, kind="stable"):
        # Equal residuals are the same fit seen through a symmetry of the shape.
        if not fits or residuals[k] > fits[-1].residual + 1e-9:
            permutation = template.own(permutations[k])
            rotation = rotations[k]
            if template.whole is not None:
                rotation = fit_rotation(cloud, template.vertices[permutation])[1]
            fits.append(
                Alignment(
                    residual=float(residuals[k]),
                    permutation=permutation,
                    rotation=cloud.basis.T @ rotation,
                    singular_values=singular[k],
                )
            )
    return fits


def _assigned(scores: Array) -> IntArray:
    """Return the best places for each score matrix of shape (n, n) or (n, n + 1)."""
    permutations: IntArray = scores.argmax(axis=2)
    settled = (np.diff(np.sort(permutations, axis=1), axis=1) > 0).all(axis=1)
    for k in np.flatnonzero(~settled):
        permutations[k] = linear_sum_assignment(scores[k], maximize=True)[1]
    return permutations


def _polar(tuples: Array) -> Array:
    """Return the orthogonal factor P of each A = H P, H symmetric."""
    left, _, right = np.linalg.svd(tuples)
    polar: Array = left @ right
    return polar
