"""The edges and faces that make a set of ideal vertices look like its figure.

Edges are those of the convex hull.  A hull comes in triangles; where two of them lie in one plane
the side between them is a diagonal of a face, not an edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

__all__ = ["Wireframe", "wireframe"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Unit normals that differ by less belong to one face; those of real faces differ by far more.
_COPLANAR = 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class Wireframe:
    """Edges of shape (n_edges, 2) and triangles of shape (n_triangles, 3), as vertex numbers."""

    edges: IntArray
    triangles: IntArray


def wireframe(points: Array) -> Wireframe:
    """Return the edges of the figure that some points around the origin are the vertices of.

    Parameters
    ----------
    points : ndarray of shape (n_points, dim)
        In one, two or three dimensions; in three, they should span them.

    Returns
    -------
    Wireframe
        One dimension: the segment between the ends, or from the origin (edges are then empty).
        Two: the polygon through the points by angle.  Three: the edges and the triangulated faces
        of the convex hull; if the points have no volume, edges between nearest neighbours.

    Examples
    --------
    >>> from geomsup.shapes import get_shape
    >>> cube = wireframe(get_shape("cube").vertices)
    >>> len(cube.edges), len(cube.triangles)
    (12, 12)
    """
    n, dim = points.shape
    none = np.empty((0, 3), dtype=np.intp)
    if n < 2:
        return Wireframe(edges=np.empty((0, 2), dtype=np.intp), triangles=none)
    if dim == 1:
        ends = np.array([[np.argmin(points[:, 0]), np.argmax(points[:, 0])]])
        return Wireframe(edges=ends, triangles=none)
    if dim == 2:
        ring = np.argsort(np.arctan2(points[:, 1], points[:, 0]), kind="stable")
        edges = np.column_stack([ring, np.roll(ring, -1)])[: n if n > 2 else 1]
        return Wireframe(edges=edges, triangles=none)
    try:
        hull = ConvexHull(points)
    except QhullError:
        return Wireframe(edges=_nearest(points), triangles=none)
    edges3 = {
        tuple(sorted(np.delete(simplex, corner).tolist()))
        for face, simplex in enumerate(hull.simplices)
        for corner, neighbour in enumerate(hull.neighbors[face])
        if np.abs(hull.equations[face, :3] - hull.equations[neighbour, :3]).max() > _COPLANAR
    }
    return Wireframe(
        edges=np.array(sorted(edges3), dtype=np.intp),
        triangles=hull.simplices.astype(np.intp),
    )


def _nearest(points: Array) -> IntArray:
    """Return the pairs that are as close as any, within a percent."""
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    first, second = np.nonzero(np.triu(gaps <= 1.01 * gaps.min()))
    return np.column_stack([first, second])
