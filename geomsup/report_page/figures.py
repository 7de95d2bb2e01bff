"""Groups of features as figures: points in their own span, and the ideal shape behind them.

Points of a named group are in the coordinates of its shape, so that a thousand pentagons share one
ideal.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from geomsup.matching import ShapeMatch
from geomsup.plotting.wireframe import Wireframe, wireframe
from geomsup.report_page.payload import Payload

__all__ = ["MOST_AXES", "Figure", "Figures", "axes_of", "on_axes"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Axes of a span that a page holds: a picture shows three at a time.
MOST_AXES = 8
# Numbers that all points together may take: 8 MB.
_MOST_NUMBERS = 2_000_000
# Vertices of an ideal whose neighbours are drawn.
_MOST_IDEAL = 300


@dataclass(frozen=True, kw_only=True, eq=False)
class Figure:
    """One group: its members, where they are, and its ideal.

    Parameters
    ----------
    members : ndarray of shape (n,)
        Positions of its features among those of the page.
    vertices : ndarray of shape (n,)
        Which vertex each is on; those of a named group are vertices of the ideal.
    points : ndarray of shape (n, dim) or None
        None where nobody knows.
    match : ShapeMatch or None
    length : float
        Of the arms of the ideal.
    """

    members: IntArray
    vertices: IntArray
    points: Array | None
    match: ShapeMatch | None
    length: float = 1.0


@dataclass(kw_only=True)
class Figures:
    """All groups of a page, as the arrays that it is told."""

    figures: list[Figure] = field(default_factory=list)

    def add_to(self, payload: Payload) -> list[str]:
        """Write the arrays; returns what was cut."""
        members = [figure.members for figure in self.figures]
        payload.add("group_size", np.array([len(one) for one in members], dtype=np.int64))
        payload.add("group_member", _joined(members))
        payload.add("group_vertex", _joined([figure.vertices for figure in self.figures]))
        payload.add("group_length", np.array([figure.length for figure in self.figures]))
        notes = self._add_points(payload)
        self._add_ideals(payload)
        return notes

    def _add_points(self, payload: Payload) -> list[str]:
        points, axes, left, cut, without = [], [], _MOST_NUMBERS, 0, 0
        for figure in self.figures:
            own = figure.points
            if own is None or own.size == 0:
                without += own is None
                axes.append(0)
                continue
            kept = min(own.shape[1], MOST_AXES)
            if len(own) * kept > left:
                without += 1
                axes.append(0)
                continue
            cut += kept < own.shape[1]
            left -= len(own) * kept
            axes.append(kept)
            points.append(own[:, :kept].ravel())
        payload.add("group_axes", np.array(axes, dtype=np.int64))
        payload.add("points", np.concatenate([np.empty(0), *points]))
        notes = []
        if cut:
            notes.append(
                f"{cut:,} of {len(self.figures):,} structures span more than {MOST_AXES} "
                f"dimensions; their pictures show the {MOST_AXES} strongest"
            )
        if without:
            notes.append(
                f"where the features of {without:,} of {len(self.figures):,} structures are is not "
                "in this page; weights= tells it"
            )
        return notes

    def _add_ideals(self, payload: Payload) -> None:
        """Each ideal once, and which one a group has."""
        known: dict[bytes, int] = {}
        ideals: list[Array] = []
        which = []
        for figure in self.figures:
            if figure.match is None:
                which.append(-1)
                continue
            # Rounded, so that a parameter that was fitted twice to the same value is one ideal.
            vertices = np.round(figure.match.vertices, 6)
            key = figure.match.shape.encode() + vertices.tobytes()
            if key not in known:
                known[key] = len(ideals)
                ideals.append(vertices)
            which.append(known[key])
        frames = [_frame(ideal) for ideal in ideals]
        payload.add("group_ideal", np.array(which, dtype=np.int64))
        payload.add("ideal_size", np.array([len(one) for one in ideals], dtype=np.int64))
        payload.add("ideal_axes", np.array([one.shape[1] for one in ideals], dtype=np.int64))
        payload.add("ideal_points", np.concatenate([np.empty(0), *(one.ravel() for one in ideals)]))
        payload.add("ideal_edges", np.array([len(one.edges) for one in frames], dtype=np.int64))
        payload.add("ideal_edge", _joined([one.edges.ravel() for one in frames]))
        payload.add("ideal_faces", np.array([len(one.triangles) for one in frames], dtype=np.int64))
        payload.add("ideal_face", _joined([one.triangles.ravel() for one in frames]))


def _joined(parts: list[IntArray]) -> IntArray:
    return np.concatenate([np.empty(0, dtype=np.intp), *parts])


def _frame(ideal: Array) -> Wireframe:
    """Edges and faces of an ideal; beyond three dimensions its nearest neighbours."""
    if ideal.shape[1] <= 3:
        return wireframe(ideal)
    none = np.empty((0, 3), dtype=np.intp)
    if len(ideal) > _MOST_IDEAL:
        return Wireframe(edges=none[:, :2], triangles=none)
    gaps = np.linalg.norm(ideal[:, None] - ideal[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    first, second = np.nonzero(np.triu(gaps <= 1.01 * gaps.min()))
    return Wireframe(edges=np.column_stack([first, second]), triangles=none)


def axes_of(columns: Array, rank: int, match: ShapeMatch | None) -> Array:
    """Orthonormal columns that span a group: those of its shape, or its strongest."""
    if match is not None and len(match.rotation) == len(columns):
        return match.rotation
    return np.linalg.svd(columns, full_matrices=False)[0][:, :rank]


def on_axes(directions: Array, match: ShapeMatch | None) -> Array:
    """Unit rows in a span of their own, turned into the coordinates of their shape.

    Orthogonal Procrustes: the turn that brings the vertices closest to the rows.
    """
    if match is None or match.vertices.shape[1] != directions.shape[1]:
        return directions
    ideal = match.vertices[list(match.permutation)]
    left, _, right = np.linalg.svd(directions.T @ ideal)
    turned: Array = directions @ left @ right
    return turned
