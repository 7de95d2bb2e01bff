"""Random configurations with the symmetry of a rotation group, as starts in three dimensions.

Most of the lowest configurations have some symmetry, and a configuration of two hundred points
that repeats a sixth of them is as easy to search as one of thirty.  A descent keeps the symmetry
of its start, also on to a saddle, so the points are shaken a little: along an unstable direction
the shaking grows, along a stable one it dies.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

__all__ = ["rotation_group", "symmetric_start"]

FloatArray = NDArray[np.float64]

_SHAKE = 1e-3
_PHI = (1.0 + math.sqrt(5.0)) / 2.0
# Axes of order k and generators about them; C2 … C6 and D2 … D6 are made in `rotation_group`.
_POLYHEDRAL: dict[str, list[tuple[tuple[float, float, float], int]]] = {
    "T": [((1.0, 1.0, 1.0), 3), ((0.0, 0.0, 1.0), 2)],
    "O": [((1.0, 1.0, 1.0), 3), ((0.0, 0.0, 1.0), 4)],
    "I": [((1.0, 1.0, 1.0), 3), ((0.0, 1.0, _PHI), 5)],
}
GROUPS = (
    *(f"C{n}" for n in range(2, 7)),
    *(f"D{n}" for n in range(2, 7)),
    *_POLYHEDRAL,
)


def symmetric_start(n_points: int, rng: np.random.Generator) -> FloatArray:
    """Unit rows (n_points, 3): orbits of random points under a random rotation group.

    Points on the axes fill up what is no multiple of the order; a group for which no choice of
    axes does is drawn again.
    """
    while True:
        maps, special = rotation_group(GROUPS[int(rng.integers(len(GROUPS)))])
        fits = [
            chosen
            for count in range(len(special) + 1)
            for chosen in combinations(range(len(special)), count)
            if (left := n_points - sum(len(special[k]) for k in chosen)) >= 0
            and left % len(maps) == 0
        ]
        if fits:
            break
    chosen = fits[int(rng.integers(len(fits)))]
    free = n_points - sum(len(special[k]) for k in chosen)
    seeds = rng.normal(size=(free // len(maps), 3))
    seeds /= np.linalg.norm(seeds, axis=1)[:, None]
    orbits = np.einsum("gab,nb->gna", maps, seeds).reshape(-1, 3)
    points = np.concatenate([orbits, *(special[k] for k in chosen)])
    points = points + _SHAKE * rng.normal(size=points.shape)
    return np.asarray(points / np.linalg.norm(points, axis=1)[:, None])


@cache
def rotation_group(name: str) -> tuple[FloatArray, tuple[FloatArray, ...]]:
    """The rotations (order, 3, 3) of a group, and its orbits of points on axes."""
    if name in _POLYHEDRAL:
        generators = [_turn(np.array(axis), k) for axis, k in _POLYHEDRAL[name]]
    else:
        generators = [_turn(np.array([0.0, 0.0, 1.0]), int(name[1:]))]
        if name[0] == "D":
            generators.append(np.diag([1.0, -1.0, -1.0]))
    maps = [np.eye(3)]
    for m in maps:  # grows while it is walked through, until it is closed
        for g in generators:
            if all(np.abs(m @ g - other).max() > 1e-6 for other in maps):
                maps.append(m @ g)
    special: list[FloatArray] = []
    for m in maps[1:]:
        axis = np.linalg.svd(m - np.eye(3))[2][-1]
        for point in (axis, -axis):
            if all(np.abs(orbit - point).max(axis=1).min() > 1e-6 for orbit in special):
                images = np.stack(maps) @ point
                kept: list[FloatArray] = []
                for image in images:
                    if all(np.abs(image - other).max() > 1e-6 for other in kept):
                        kept.append(image)
                special.append(np.array(kept))
    return np.stack(maps), tuple(special)


def _turn(axis: FloatArray, order: int) -> FloatArray:
    """The rotation by 2π / order about an axis (Rodrigues)."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    angle = 2.0 * math.pi / order
    return np.asarray(np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross)
