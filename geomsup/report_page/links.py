"""Pairs of features, and the forest in which they merge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import minimum_spanning_tree

from geomsup.geometry.interference import merge_tree
from geomsup.report_page.payload import Payload

__all__ = ["add_links", "forest_of_directions", "forest_of_pairs"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Pairs that a page holds: 2.4 MB.
_MOST_PAIRS = 200_000


def add_links(
    payload: Payload,
    pairs: IntArray,
    cosines: FloatArray,
    forest: tuple[IntArray, FloatArray],
) -> list[str]:
    """Write the pairs that are farthest from orthogonal, and the merges; returns what was cut.

    Parameters
    ----------
    payload : Payload
    pairs : ndarray of shape (n_pairs, 2)
        Positions of features among those of the page.
    cosines : ndarray of shape (n_pairs,)
    forest : tuple of ndarrays of shapes (n_merges, 2) and (n_merges,)
        Pairs of features that bring two sets together, at descending |cosine|.
    """
    order = np.argsort(-np.abs(cosines), kind="stable")[:_MOST_PAIRS]
    payload.add("edge", pairs[order].ravel())
    payload.add("edge_cosine", cosines[order])
    merges, heights = forest
    payload.add("merge", merges.ravel())
    payload.add("merge_height", heights)
    if len(order) == len(cosines):
        return []
    return [f"edges: the {len(order):,} of largest |cosine|, of {len(cosines):,}"]


def forest_of_pairs(
    n_features: int, pairs: IntArray, cosines: FloatArray
) -> tuple[IntArray, FloatArray]:
    """Single linkage among the features that some pairs join.

    Examples
    --------
    >>> import numpy as np
    >>> pairs = np.array([[0, 1], [1, 2], [0, 2]])
    >>> forest_of_pairs(4, pairs, np.array([-0.9, 0.5, 0.4]))[1]
    array([0.9, 0.5])
    """
    # Shifted by one, because csgraph takes an explicit zero for a missing edge.
    shape = (n_features, n_features)
    graph = sparse.csr_array((2.0 - np.abs(cosines), (pairs[:, 0], pairs[:, 1])), shape=shape)
    tree = minimum_spanning_tree(graph).tocoo()
    return _sorted(np.column_stack([tree.row, tree.col]).astype(np.intp), 2.0 - tree.data)


def forest_of_directions(units: FloatArray, numbers: IntArray) -> tuple[IntArray, FloatArray]:
    """Single linkage among unit columns of shape (n_hidden, n), called by their numbers."""
    tree = merge_tree(units)
    return _sorted(numbers[tree.edges], tree.heights)


def _sorted(merges: IntArray, heights: FloatArray) -> tuple[IntArray, FloatArray]:
    order = np.argsort(-heights, kind="stable")
    return merges[order], np.clip(heights[order], 0.0, 1.0)
