"""Rings: whether features lie along a closed curve about their centroid, or by chance.

Any few vectors are a simplex about their own centroid, and any plane through them has its angles
in some order, so neither says anything.  What a ring has beyond chance is that its members keep one
distance from the centre *and* follow each other at even steps, the last to the first included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_RING", "RingTest", "ring_test"]

Array = NDArray[np.float64]

# Fewer features than this can be permuted in so few ways that every p-value is large.
LEAST_RING = 7
_N_PERMUTATIONS = 1999


@dataclass(frozen=True, kw_only=True)
class RingTest:
    """What speaks for a closed curve.

    Attributes
    ----------
    p_value : float
        Share of permutations of one coordinate in the plane against the other after which the
        closed tour through all members is as short as it is.
    tour : float
        Σ of the squared steps of the closed tour over Σ of the squared radii; 2 - 2 cos(2π/N) for a
        regular polygon, which is the least possible, and 2 on average for no order at all.
    share : float
        Share of the squared distance from the centroid that lies in the plane.
    largest_step : float
        Largest step of the tour over the mean step.
    order : tuple of int
        The members as the tour visits them, from the first.
    """

    p_value: float
    tour: float
    share: float
    largest_step: float
    order: tuple[int, ...]


def ring_test(units: Array, rng: np.random.Generator) -> RingTest:
    """Test whether rows lie on a ring in the plane of their largest differences.

    Parameters
    ----------
    units : ndarray of shape (n, m)
        Three rows or more.
    rng : Generator
        Draws the permutations.

    Notes
    -----
    The tour visits the members by their angle.  Among all configurations of mean 0 and order given,
    Σ|x_(k+1) - x_k|² / Σ|x_k|² is least, the first eigenvalue of the Laplacian of a cycle, for the
    regular polygon: uneven radii, uneven steps and an open end make it larger alike.  A round
    cloud's two principal coordinates are uncorrelated, so that permuting one of them against the
    other gives clouds as good as the first.
    """
    centred = units - units.mean(axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    plane = left[:, :2]  # both coordinates with the same spread
    first, second = plane.T
    draws = rng.permuted(np.tile(second, (_N_PERMUTATIONS, 1)), axis=1)
    coordinates = np.stack([np.broadcast_to(first, draws.shape), draws], axis=-1)
    own_order = np.argsort(np.arctan2(second, first), kind="stable")
    tour = float(_tours(plane[None])[0])
    # Rounding must not hide the permutations that turn a regular polygon into itself.
    as_short = int((_tours(coordinates) <= tour * (1 + 1e-9)).sum())
    steps = np.linalg.norm(
        np.diff(centred[own_order], axis=0, append=centred[own_order[:1]]), axis=1
    )
    turn = int(np.argmin(own_order))
    return RingTest(
        p_value=(1 + as_short) / (1 + _N_PERMUTATIONS),
        tour=tour,
        share=float((singular[:2] ** 2).sum() / (singular**2).sum()),
        largest_step=float(steps.max() / steps.mean()),
        order=tuple(int(k) for k in np.roll(own_order, -turn)),
    )


def _tours(points: Array) -> Array:
    """Return the squared steps of closed tours over the squared radii, shape (n_tours,)."""
    order = np.argsort(np.arctan2(points[..., 1], points[..., 0]), axis=1, kind="stable")
    visited = np.take_along_axis(points, order[..., None], axis=1)
    steps = visited - np.roll(visited, 1, axis=1)
    return np.asarray((steps**2).sum(axis=(1, 2)) / (points**2).sum(axis=(1, 2)))
