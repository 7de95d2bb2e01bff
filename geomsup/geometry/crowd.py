"""Which directions of a crowd may form a structure: candidates from the cosines alone.

Among hundreds of unrelated directions, single linkage joins strangers to a tetrahedron long before
its own vertices have met, so the merge tree need not hold it at any height.  What tells its
vertices from strangers is that they are linearly dependent: a vertex lies in the span of some
others, a stranger does not.  So the search starts from each pair of neighbours, adds the
direction that leans most on their span, and collects at each rank whatever lies in the span.  Among
so many directions in so few dimensions that strangers lean more on the plane of two vertices than
the others do, it adds what opposes their sum, until nothing of that is left.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from geomsup.geometry.interference import MergeTree

__all__ = [
    "balancing_sets",
    "candidate_sets",
    "grown_sets",
    "neighbour_pairs",
    "shares_beyond_chance",
]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# A direction lies in a span if this share of its squared norm does.
_IN_SPAN = 0.7
# Spans are grown up to this rank, and no further than a third of the dimensions: beyond, strangers
# lie in them by chance.
_MAX_RANK, _RANK_SHARE = 5, 1 / 3
# Pairs are worth a start if a direction has fewer than so many such neighbours by chance …
_CHANCE_NEIGHBOURS = 3.0
# … among the strongest few of each direction, and no more than this in all.
_NEAREST, _MAX_STARTS = 4, 8192
# Larger sets are left to the merge tree.
_MAX_SIZE = 64
# Directions cancel each other if the squared length of their sum is at most this: that of four with
# an rms noise of .25 each.
_CANCELLED = 0.25
# Two digons cancel each other as well, and are two: no vertices of a simplex are so opposed.
_OPPOSITE = -0.75
# Of six the third and the fourth have too many strangers before them.
_MOST_CANCELLED = 5
# Starts grown side by side.
_BATCH = 256
# Components of the merge tree that stand alone over less than this range of |cosine| are chance.
_LEAST_GAP = 0.02
_MAX_NODES, _MAX_LARGE = 400, 16


def candidate_sets(cosines: Array, tree: MergeTree, dim: int) -> list[IntArray]:
    """Return sets of directions that may form a structure, smallest first.

    Parameters
    ----------
    cosines : ndarray of shape (n_vertices, n_vertices)
    tree : MergeTree
    dim : int
        Dimension of the background.

    Returns
    -------
    list of ndarray
        Ascending indices; no set twice.
    """
    sets = {members.tobytes(): members for members in _nodes(tree)}
    starts = neighbour_pairs(cosines, dim)
    for first in range(0, len(starts), _BATCH):
        for members in grown_sets(cosines, starts[first : first + _BATCH], dim):
            sets.setdefault(members.tobytes(), members)
    return sorted(sets.values(), key=lambda members: (len(members), members.tolist()))


def shares_beyond_chance(n: int, dim: int, expected: float) -> Array:
    """Return, for each rank from 0, the share of its squared norm that puts a direction in a span.

    At least .7, and so much that of n independent directions ``expected`` have it.
    """
    shares = np.ones(_MAX_RANK + 1)
    ranks = np.arange(1, min(_MAX_RANK, dim - 1) + 1)
    # The share in a subspace of rank r is Beta(r/2, (m - r)/2).
    chance = 1 - betaincinv((dim - ranks) / 2, ranks / 2, min(1.0, expected / n))
    shares[ranks] = np.maximum(_IN_SPAN, chance)
    return shares


def neighbour_pairs(cosines: Array, dim: int) -> IntArray:
    """Return the pairs (i, j), i < j, that lean on each other more than chance has it.

    Strongest first; at most four for each direction that is the less leant upon.
    """
    n = len(cosines)
    # |cos| exceeds t with probability I_(1-t²)((m - 1)/2, 1/2) for independent directions.
    share = min(1.0, _CHANCE_NEIGHBOURS / max(n - 1, 1))
    least = 0.0 if dim < 2 else float(np.sqrt(1 - betaincinv((dim - 1) / 2, 0.5, share)))
    strength = np.abs(cosines)
    np.fill_diagonal(strength, -1.0)
    n_nearest = min(_NEAREST, n - 1)
    nearest = np.argpartition(-strength, n_nearest - 1, axis=1)[:, :n_nearest]
    rows = np.repeat(np.arange(n), n_nearest)
    pairs = np.sort(np.column_stack([rows, nearest.ravel()]), axis=1)
    pairs = np.unique(pairs, axis=0)
    height = strength[pairs[:, 0], pairs[:, 1]]
    order = np.argsort(-height, kind="stable")
    return pairs[order[: min(_MAX_STARTS, int((height >= least).sum()))]].astype(np.intp)


def _nodes(tree: MergeTree) -> Iterator[IntArray]:
    """Yield the components of the merge tree that stand alone over a range of |cosine|."""
    members: dict[int, IntArray] = {v: np.array([v]) for v in range(tree.n_vertices)}
    home = np.arange(tree.n_vertices)
    born = np.ones(tree.n_vertices)
    alive: list[tuple[float, IntArray]] = []
    for height, (i, j) in zip(tree.heights, tree.edges, strict=True):
        a, b = int(home[i]), int(home[j])
        for k in (a, b):
            if len(members[k]) > 1 and born[k] - height > _LEAST_GAP:
                alive.append((float(born[k] - height), members[k]))
        if len(members[a]) < len(members[b]):
            a, b = b, a
        grown = np.concatenate([members[a], members.pop(b)])
        home[grown] = a
        members[a] = grown
        born[a] = height
    alive += [(float(born[k]), node) for k, node in members.items() if len(node) > 1]
    alive.sort(key=lambda item: -item[0])
    small = [node for _, node in alive if len(node) <= _MAX_SIZE][:_MAX_NODES]
    large = [node for _, node in alive if len(node) > _MAX_SIZE][:_MAX_LARGE]
    for node in small + large:
        yield np.sort(node).astype(np.intp)


def grown_sets(
    cosines: Array, starts: IntArray, dim: int, in_span: Array | None = None
) -> Iterator[IntArray]:
    """Yield, for each start and each rank, all directions in the span grown from it.

    ``in_span[rank]`` is the share of its squared norm that makes a direction lie in a span, .7 by
    default.  Where it is given, only those ranks come at which more directions follow from the
    others than at any before: what a stranger's axis adds to a span is no more than the stranger.
    """
    shares_in = np.full(_MAX_RANK + 1, _IN_SPAN) if in_span is None else in_span
    on_line = cosines[starts[:, 0], starts[:, 1]] ** 2 >= shares_in[1]
    yield from starts[on_line]
    # Two directions on one line span no plane.
    first, second = starts[~on_line].T
    batch = np.arange(len(first))
    # Coordinates of all directions along the orthonormal axes of each span (pivoted Cholesky).
    axes = [cosines[first]]
    shares = axes[0] ** 2
    pivot = second
    following = np.zeros(len(first), dtype=np.intp)
    for rank in range(2, min(_MAX_RANK, int(dim * _RANK_SHARE)) + 1):
        length = np.sqrt(np.maximum(1 - shares[batch, pivot], 1e-12))
        reduced = cosines[pivot] - sum(axis[batch, pivot][:, None] * axis for axis in axes)
        axes.append(reduced / length[:, None])
        shares = shares + axes[-1] ** 2
        inside = shares >= shares_in[rank]
        sizes = inside.sum(axis=1)
        for k in np.flatnonzero((sizes > rank + following) & (sizes <= _MAX_SIZE)):
            yield np.flatnonzero(inside[k])
        if in_span is not None:
            following = np.maximum(following, sizes - rank)
        pivot = np.where(inside, -1.0, shares).argmax(axis=1)


def balancing_sets(cosines: Array, starts: IntArray, n_thirds: int) -> Iterator[IntArray]:
    """Yield sets that grow from a pair by what most opposes their sum, once they cancel each other.

    The plane of two vertices of a tetrahedron has a third of the squared norm of the other two.
    In 16 dimensions thirty of 500 strangers have more, so a span that takes in the
    direction that leans most on it never meets a third vertex.  What cancels the sum does.

    Parameters
    ----------
    cosines : ndarray of shape (n, n)
    starts : ndarray of shape (n_pairs, 2)
    n_thirds : int
        How many directions to try as the third; the others are the most opposed.

    Yields
    ------
    ndarray
        Four or five indices in the order in which they came.
    """
    first, second = starts.T
    towards = cosines[first] + cosines[second]
    n_thirds = min(n_thirds, len(cosines))
    thirds = np.argpartition(towards, n_thirds - 1, axis=1)[:, :n_thirds]
    pair = np.repeat(np.arange(len(starts)), n_thirds)
    sets = np.column_stack([starts[pair], thirds.ravel()])
    # Three that lean towards each other cancel no better with a fourth.
    opposed = towards[pair, sets[:, 2]] < 0
    sets, towards = sets[opposed], towards[pair[opposed]] + cosines[sets[opposed, 2]]
    for _ in range(_MOST_CANCELLED - 3):
        sets = np.column_stack([sets, towards.argmin(axis=1)])
        towards = towards + cosines[sets[:, -1]]
        # What a member has in common with the sum of all, summed over members, is its length.
        length2 = np.take_along_axis(towards, sets, axis=1).sum(axis=1)
        within = cosines[sets[:, :, None], sets[:, None]].min(axis=(1, 2))
        yield from sets[(length2 <= _CANCELLED) & (within > _OPPOSITE)]
        on = length2 > _CANCELLED
        sets, towards = sets[on], towards[on]
