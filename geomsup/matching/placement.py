"""Place one known configuration on directions with more effort than a catalogue of them deserves.

When a hundred shapes compete for a name, a good fit of each must do (:mod:`~geomsup.matching.
alignment`).  When the question is whether these directions *are* one configuration, a missed
permutation is a wrong answer.  With many points and little symmetry hundreds of anchors look
alike under noise, so the search is repeated from other anchors, and in three dimensions from the
pairs of points whose angles are most alike.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from geomsup.matching.alignment import Alignment, Cloud, Template, align, aligned, fit_rotation

__all__ = ["place"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Pairs of vertices aligned with one pair of directions, and fits that are refined.
_PAIRS, _REFINED = 3000, 24
_ON_A_LINE = 0.999
# Rows scored at once: what a processor's cache holds.
_BLOCK = 1 << 21
# Residuals this small, for each point, are exact.
_EXACT = 1e-12


def place(
    directions: Array, vertices: Array, *, good: float = 0.0, n_orders: int = 24
) -> Alignment:
    """The best rotation or reflection and permutation of a configuration onto directions.

    Parameters
    ----------
    directions : ndarray of shape (n_points, dim)
        Unit rows.
    vertices : ndarray of shape (n_points, rank)
        Unit rows that span their space, rank ≤ dim.
    good : float
        Root mean square distance at which the search may stop.
    n_orders : int
        Orders of the directions to try, each of which gives other anchors.

    Returns
    -------
    Alignment
    """
    n = len(directions)
    template = Template(vertices)
    enough = n * max(_EXACT, good**2)
    best = align(Cloud(directions), template)[0]
    rng = np.random.default_rng(0)
    if best.residual > enough and template.rank == directions.shape[1] == 3 and n > 3:
        fits = [best, *_from_pairs(directions, vertices)]
        best = min(fits, key=lambda fit: fit.residual)
    for _ in range(n_orders if n > 3 else 0):
        if best.residual <= enough:
            break
        order = rng.permutation(n)
        other = align(Cloud(directions[order]), template)[0]
        if other.residual < best.residual:
            permutation = np.empty_like(other.permutation)
            permutation[order] = other.permutation
            best = replace(other, permutation=permutation)
    return best


def _from_pairs(directions: Array, vertices: Array) -> list[Alignment]:
    """In three dimensions: align pairs of vertices with one pair of directions, both ways round."""
    n = len(directions)
    cosines = directions @ directions.T
    # A right angle fixes a frame best.
    first, second = np.unravel_index(int(np.argmin(np.abs(cosines))), cosines.shape)
    wanted = cosines[first, second]
    grams = vertices @ vertices.T
    # Two vertices on one line fix no frame.
    mismatch = np.where(np.abs(grams) > _ON_A_LINE, np.inf, np.abs(grams - wanted))
    usable = int(np.isfinite(mismatch).sum())
    if abs(wanted) > _ON_A_LINE or not usable:
        return []
    flat = np.argsort(mismatch.ravel(), kind="stable")[: min(_PAIRS, usable)]
    there = _frames(vertices[flat // n], vertices[flat % n])  # (n_pairs, 3, 3), axes as rows
    here = _frames(directions[[first]], directions[[second]])[0]
    flipped = here * np.array([1.0, 1.0, -1.0])[:, None]
    seen = np.stack([directions @ here.T, directions @ flipped.T])  # (2, n, 3)
    turned = vertices @ there.transpose(0, 2, 1)  # (n_pairs, n, 3)
    scored = np.empty((2, len(turned)))
    height = max(1, _BLOCK // n**2)
    for start in range(0, len(turned), height):
        block = slice(start, start + height)
        for side in range(2):
            scores = seen[side] @ turned[block].transpose(0, 2, 1)
            scored[side, block] = scores.max(axis=2).sum(1) + scores.max(axis=1).sum(1)
    chosen = np.argsort(-scored.ravel(), kind="stable")[:_REFINED]
    cloud = Cloud(directions)
    sides, pairs = np.divmod(chosen, len(turned))
    return [
        _refined(cloud, vertices, seen[side] @ turned[pair].T)
        for side, pair in zip(sides, pairs, strict=True)
    ]


def _frames(first: Array, second: Array) -> Array:
    """Right-handed frames whose first axis halves a pair and whose second lies in its plane."""
    x = first + second
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    y = first - second
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def _refined(cloud: Cloud, vertices: Array, scores: Array) -> Alignment:
    """Assignment and Procrustes in turn until the permutation stands still."""
    permutation: IntArray = linear_sum_assignment(scores, maximize=True)[1]
    for _ in range(20):
        rotation = fit_rotation(cloud, vertices[permutation])[1]
        updated = linear_sum_assignment(cloud.points @ (rotation @ vertices.T), maximize=True)[1]
        if np.array_equal(updated, permutation):
            break
        permutation = updated
    return aligned(cloud, vertices, permutation)
