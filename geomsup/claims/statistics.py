"""What a claim measures, from the inner products of a group alone, for many groups at once.

A group of n features comes in as its n × n Gram matrix about the centre of the claim; a batch of
them has shape (n_groups, n, n).  Each statistic is *small* where the word of its claim holds, and
is chosen such that just this word is tested.  A ring is not "near a plane": it is visited
by a short closed tour.  A simplex is not "matched by a simplex", which any few vectors are about
their own centroid: its distances are more even than those of other groups.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "along_line",
    "centred",
    "circles_through",
    "complement",
    "cosines_of",
    "from_shape",
    "haar_groups",
    "mean_cosines",
    "mean_opposites",
    "off_circle",
    "orders_in_plane",
    "orders_on_line",
    "plane_of",
    "sides_of",
    "steps_of",
    "together",
    "tours",
    "unevenness",
]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

_TINY = np.finfo(float).tiny


def centred(grams: Array) -> Array:
    """Gram matrices about the centroid of each group."""
    means = grams.mean(axis=-1, keepdims=True)
    return np.asarray(
        grams - means - np.swapaxes(means, -1, -2) + means.mean(axis=-2, keepdims=True)
    )


def plane_of(grams: Array, n_axes: int = 2) -> tuple[Array, Array]:
    """Shares of the principal axes, falling, and coordinates on the first of them.

    Returns
    -------
    shares : ndarray of shape (n_groups, n)
    coordinates : ndarray of shape (n_groups, n, min(n, n_axes))
    """
    values, vectors = np.linalg.eigh(grams)
    values = np.maximum(values[..., ::-1], 0.0)
    total = np.maximum(values.sum(axis=-1, keepdims=True), _TINY)
    coordinates = vectors[..., :, : -n_axes - 1 : -1] * np.sqrt(values[..., None, :n_axes])
    return values / total, coordinates


def orders_in_plane(coordinates: Array) -> IntArray:
    """The members by their angle, the largest step of their closed tour between last and first."""
    angles = np.arctan2(coordinates[..., 1], coordinates[..., 0])
    order = np.argsort(angles, axis=-1, kind="stable")
    visited = np.take_along_axis(coordinates, order[..., None], axis=-2)
    steps = np.linalg.norm(np.roll(visited, -1, axis=-2) - visited, axis=-1)
    n = order.shape[-1]
    start = (steps.argmax(axis=-1)[..., None] + 1 + np.arange(n)) % n
    return np.take_along_axis(order, start, axis=-1)


def orders_on_line(grams: Array, coordinates: Array) -> IntArray:
    """The members along an open curve: by angle or along the first axis, whichever is shorter."""
    around = orders_in_plane(coordinates)
    along = np.argsort(coordinates[..., 0], axis=-1, kind="stable")
    shorter = tours(grams, along, closed=False) < tours(grams, around, closed=False)
    return np.where(shorter[..., None], along, around)


def steps_of(grams: Array, orders: IntArray) -> Array:
    """Squared steps from each member to the next, the last to the first at the end."""
    following = np.roll(orders, -1, axis=-1)
    squares = np.diagonal(grams, axis1=-2, axis2=-1)
    groups = np.arange(len(grams))[:, None]
    pairs = grams[groups, orders, following]
    ends = np.take_along_axis(squares, orders, -1) + np.take_along_axis(squares, following, -1)
    return np.asarray(np.maximum(ends - 2 * pairs, 0.0))


def tours(grams: Array, orders: IntArray, *, closed: bool) -> Array:
    """Squared steps of a tour over the squared distances from the centre, shape (n_groups,).

    Among all groups in a given order a regular polygon has the least closed one, 2 - 2 cos(2π/n):
    the first eigenvalue of the Laplacian of a cycle.  A wrong order, an open end, uneven steps or
    radii and whatever leaves the plane make it larger alike.  To a closed one the squared distance
    of the centroid from the centre is added, with the largest eigenvalue, 4: members that are
    all on one side take short steps, and go round nothing.
    """
    steps = steps_of(grams, orders)
    if closed:
        total = steps.sum(axis=-1) + 4 * grams.sum(axis=(-2, -1)) / grams.shape[-1]
    else:
        total = steps[..., :-1].sum(axis=-1)
    return np.asarray(total / np.maximum(np.trace(grams, axis1=-2, axis2=-1), _TINY))


def circles_through(points: Array) -> tuple[Array, Array]:
    """Centres and radii of the circles nearest to points of a plane, shape (..., 2) and (...).

    |z|² = 2 c·z + (ρ² - |c|²), by least squares (Kåsa 1976, IEEE Trans. Instrum. Meas. 25, 8–14).
    """
    squares = (points**2).sum(axis=-1)
    columns = np.concatenate([2 * points, np.ones((*squares.shape, 1))], axis=-1)
    solved = (np.linalg.pinv(columns) @ squares[..., None])[..., 0]
    centres = solved[..., :2]
    return centres, np.sqrt(np.maximum(solved[..., 2] + (centres**2).sum(axis=-1), 0.0))


def off_circle(grams: Array) -> Array:
    """How far members are from going round a circle in their principal plane, 0 if they are on it.

    The mean squared deviation from the nearest circle over the mean squared distance from the
    centre, times the square of the largest step in angle, in mean ones.  Over its own squared
    radius any piece that is nearly straight is close to a circle, for that circle is large.
    """
    points = plane_of(grams)[1]
    centres, radii = circles_through(points)
    offsets = points - centres[..., None, :]
    deviations = ((np.linalg.norm(offsets, axis=-1) - radii[..., None]) ** 2).mean(axis=-1)
    spreads = (points**2).sum(axis=-1).mean(axis=-1)
    widest = _widest_steps(np.arctan2(offsets[..., 1], offsets[..., 0]))
    return np.asarray(deviations * widest**2 / np.maximum(spreads, _TINY))


def _widest_steps(angles: Array) -> Array:
    """The largest step from one angle to the next around the circle, in mean ones."""
    ascending = np.sort(angles, axis=-1)
    steps = np.diff(ascending, axis=-1, append=ascending[..., :1] + 2 * np.pi)
    return np.asarray(steps.max(axis=-1) * angles.shape[-1] / (2 * np.pi))


def along_line(grams: Array, order: IntArray | None) -> Array:
    """Share of the squared distances that a straight line leaves.

    With an order, the line is that on which the members follow each other at even steps.
    """
    if order is None:
        return np.asarray(1 - plane_of(grams)[0][..., 0])
    n = len(order)
    ranks = np.empty(n)
    ranks[order] = np.arange(n) - (n - 1) / 2
    ranks /= np.linalg.norm(ranks)
    total = np.maximum(np.trace(grams, axis1=-2, axis2=-1), _TINY)
    return np.asarray(1 - np.einsum("i,bij,j->b", ranks, grams, ranks) / total)


def unevenness(grams: Array) -> Array:
    """How far groups are from equidistant, 0 for a regular simplex.

    (n - 1) Σλ²/(Σλ)² - 1 over the eigenvalues of the Gram matrix about the centroid.
    """
    n = grams.shape[-1]
    square = (grams**2).sum(axis=(-2, -1))
    total = np.maximum(np.trace(grams, axis1=-2, axis2=-1), _TINY)
    return np.asarray((n - 1) * square / total**2 - 1)


def together(grams: Array) -> Array:
    """Squared length of the centroid over the mean squared distance from it, negative.

    With ``grams`` about the mean of the matrix this is between over within: random groups have
    about 1/(n - 1).
    """
    n = grams.shape[-1]
    between = grams.sum(axis=(-2, -1)) / n**2
    within = np.trace(grams, axis1=-2, axis2=-1) / n - between
    return np.asarray(-between / np.maximum(within, _TINY))


def cosines_of(grams: Array) -> Array:
    """Cosines from Gram matrices."""
    lengths = np.sqrt(np.maximum(np.diagonal(grams, axis1=-2, axis2=-1), _TINY))
    return np.asarray(grams / (lengths[..., :, None] * lengths[..., None, :]))


def mean_cosines(grams: Array) -> Array:
    """Mean cosine of all pairs, negative."""
    n = grams.shape[-1]
    cosines = cosines_of(grams)
    return np.asarray(-(cosines.sum(axis=(-2, -1)) - n) / (n * (n - 1)))


def mean_opposites(grams: Array, order: IntArray | None) -> Array:
    """Mean cosine of each member with its opposite: the next in the order, or the most opposed."""
    cosines = cosines_of(grams)
    if order is None:
        return np.asarray(cosines.min(axis=-1).mean(axis=-1))
    return np.asarray(cosines[..., order[::2], order[1::2]].mean(axis=-1))


def sides_of(cosines: Array) -> Array:
    """The cosines of all pairs in ascending order, whatever the order of the members."""
    i, j = np.triu_indices(cosines.shape[-1], 1)
    return np.sort(cosines[..., i, j], axis=-1)


def from_shape(grams: Array, sides: Array) -> Array:
    """Root mean square difference of sorted cosines from those of a shape."""
    return np.asarray(np.sqrt(((sides_of(cosines_of(grams)) - sides) ** 2).mean(axis=-1)))


def haar_groups(grams: Array, n_groups: int, rank: int, rng: np.random.Generator) -> Array:
    """Gram matrices of Gaussian clouds with the spectrum of one group, shape (n_groups, n, n).

    Of independent rows from *any* Gaussian the left singular vectors are uniformly distributed,
    whatever the singular values: so these are clouds of the same spectrum, exactly.  ``rank`` is
    n - 1 for a group about its centroid, and n about the origin.
    """
    n = len(grams)
    values = np.maximum(np.linalg.eigvalsh(grams)[::-1][:rank], 0.0)
    frames = np.linalg.qr(rng.standard_normal((n_groups, rank, rank)))[0]
    if rank < n:  # in the space across the common direction
        frames = complement(n) @ frames
    return np.asarray((frames * values) @ np.swapaxes(frames, -1, -2))


def complement(n: int) -> Array:
    """Orthonormal columns across the vector of ones, shape (n, n - 1)."""
    steps = np.triu(np.ones((n, n - 1)))
    lower = np.arange(1, n)
    steps[lower, lower - 1] = -lower
    return np.asarray(steps / np.linalg.norm(steps, axis=0))
