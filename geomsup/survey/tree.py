"""The merge tree of significant pairs, laid out so that every subtree is a run of one array.

Single linkage on |cosine| over the edges of a sparse graph has a node for each merge.  With the
features in the order of the leaves, the members of a node are ``features[first : first + size]``,
and a sum over the members of every node is a difference of two cumulated sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import minimum_spanning_tree

__all__ = ["MergeForest", "merge_forest"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, eq=False)
class MergeForest:
    """All merges of single linkage on |cosine|, strongest first.

    Attributes
    ----------
    features : ndarray of shape (n_leaves,)
        The features with an edge, in the order of the leaves.
    signs : ndarray of shape (n_leaves,)
        1 or -1, so that the cosine of each edge of the forest is positive after the change.
    first, size : ndarray of shape (n_merges,)
        Each merge joins ``features[first : first + size]``.
    heights, ends : ndarray of shape (n_merges,)
        |cosine| at which it comes about, and at which it is joined to others (0 for a root).
    children : ndarray of shape (n_merges, 2)
        The two merges that it joins; a feature by itself is -1.
    """

    features: IntArray
    signs: Array
    first: IntArray
    size: IntArray
    heights: Array
    ends: Array
    children: IntArray

    def largest_within(self, most: int) -> IntArray:
        """Return the merges of at most so many features that no other such merge contains."""
        fits = self.size <= most
        inside = self.children[fits]
        fits[inside[inside >= 0]] = False
        return np.flatnonzero(fits)


def merge_forest(i: IntArray, j: IntArray, cosines: Array) -> MergeForest:
    """Return the merge forest of a sparse graph.

    Parameters
    ----------
    i, j : ndarray of shape (n_edges,)
        Two features each, no pair twice.
    cosines : ndarray of shape (n_edges,)
        Of either sign.

    Notes
    -----
    The maximum spanning forest costs O(n_edges log n_edges), its layout O(n_leaves).

    Examples
    --------
    >>> forest = merge_forest(np.array([7, 2]), np.array([2, 5]), np.array([-0.9, 0.5]))
    >>> forest.features, forest.signs, forest.size, forest.ends
    (array([7, 2, 5]), array([ 1., -1., -1.]), array([2, 3]), array([0.5, 0. ]))
    """
    names, ends = np.unique(np.concatenate([i, j]), return_inverse=True)
    n_leaves, shape = len(names), (len(names), len(names))
    # csgraph takes an explicit zero for a missing edge, so weights start from 1.
    if not n_leaves:
        none = np.empty(0, dtype=np.intp)
        return MergeForest(
            features=none,
            signs=np.empty(0),
            first=none,
            size=none,
            heights=np.empty(0),
            ends=np.empty(0),
            children=none.reshape(0, 2),
        )
    graph = sparse.coo_array((2 - np.abs(cosines), (ends[: len(i)], ends[len(i) :])), shape=shape)
    spanning = minimum_spanning_tree(graph.tocsr()).tocoo()
    order = np.argsort(spanning.data, kind="stable")
    pairs = np.column_stack([spanning.row, spanning.col])[order].astype(np.intp)
    positive = sparse.coo_array((np.sign(cosines), (ends[: len(i)], ends[len(i) :])), shape=shape)
    signs = np.asarray(positive.tocsr()[pairs[:, 0], pairs[:, 1]]).ravel()
    joined, flips = _joined(pairs, signs, n_leaves)
    size = _sizes(joined, n_leaves)
    first, place, sign = _layout(joined, flips, size, n_leaves)
    leaves = np.empty(n_leaves, dtype=np.intp)
    leaves[place] = np.arange(n_leaves)
    heights = 2 - spanning.data[order]
    parent_height = np.zeros(len(pairs))
    inner = joined - n_leaves
    for side in (0, 1):
        merges = inner[:, side] >= 0
        parent_height[inner[merges, side]] = heights[merges]
    return MergeForest(
        features=names[leaves].astype(np.intp),
        signs=sign[leaves],
        first=first,
        size=size[n_leaves:],
        heights=heights,
        ends=parent_height,
        children=np.maximum(inner, -1),
    )


def _joined(pairs: IntArray, signs: Array, n_leaves: int) -> tuple[IntArray, Array]:
    """Return the two nodes that each merge joins, and the sign between them.

    Leaves come first in the numbers of nodes, merges after them.  A node counts its signs from the
    leaf that it was found under.
    """
    parent, sign = list(range(n_leaves)), [1.0] * n_leaves
    node = list(range(n_leaves))
    joined, flips = np.empty((len(pairs), 2), dtype=np.intp), np.empty(len(pairs))

    def root_of(leaf: int) -> tuple[int, float]:
        path, product = [], 1.0
        while parent[leaf] != leaf:
            path.append(leaf)
            leaf = parent[leaf]
        for below in reversed(path):
            product *= sign[below]
            parent[below], sign[below] = leaf, product
        return leaf, product

    for k, ((a, b), between) in enumerate(zip(pairs.tolist(), signs.tolist(), strict=True)):
        (first, of_a), (second, of_b) = root_of(a), root_of(b)
        joined[k], flips[k] = (node[first], node[second]), between * of_a * of_b
        parent[second], sign[second] = first, flips[k]
        node[first] = n_leaves + k
    return joined, flips


def _sizes(joined: IntArray, n_leaves: int) -> IntArray:
    size = [1] * n_leaves
    for a, b in joined.tolist():
        size.append(size[a] + size[b])
    return np.array(size, dtype=np.intp)


def _layout(
    joined: IntArray, flips: Array, size: IntArray, n_leaves: int
) -> tuple[IntArray, IntArray, Array]:
    """Return where each merge starts, and the place and the sign of each leaf."""
    n_nodes = len(size)
    first, sign = [-1] * n_nodes, [1.0] * n_nodes
    sizes, end = size.tolist(), 0
    downwards = range(n_nodes - 1, n_leaves - 1, -1)
    turns = zip(downwards, joined[::-1].tolist(), flips[::-1].tolist(), strict=True)
    for node, (a, b), flip in turns:
        if first[node] < 0:  # a root
            first[node], end = end, end + sizes[node]
        first[a], first[b] = first[node], first[node] + sizes[a]
        sign[a], sign[b] = sign[node], sign[node] * flip
    starts = np.array(first, dtype=np.intp)
    return starts[n_leaves:], starts[:n_leaves], np.array(sign[:n_leaves])
