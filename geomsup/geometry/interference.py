"""Which features interfere, and which of them hang together.

The interference graph has a vertex for each direction and an edge where |cosine| reaches a
threshold.  It is computed in symmetric tiles and kept as a SciPy CSR matrix, so that memory
follows the number of edges; networkx sees it only when a caller asks for a graph to look at.
Single linkage on |cosine| (the *merge tree*) holds the components of every threshold at once; which
of its cuts to take is decided in ``partition``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from geomsup.geometry.gram import dimensionality_of, unit_columns
from geomsup.validation import is_auto, number_within
from geomsup.weights import as_weights

__all__ = [
    "MergeTree",
    "RepresentedFeatures",
    "build_graph",
    "component_labels",
    "cosine_edges",
    "interference_graph",
    "merge_tree",
    "parallel_groups",
    "represented_features",
    "spanning_tree",
]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

_TILE = 1024
# Up to this many vertices the merge tree sees every cosine; above, only those worth an edge.
_DENSE_LIMIT = 4096
_SPARSE_FLOOR = 0.1
# Features are told apart by norm where the sorted norms jump by this factor …
_NORM_JUMP = 3.0
# … from a lower group that reaches down to this share of the upper group's median.  Dropped
# features of trained models do; features that are merely weaker than others do not.
_NORM_REACH = 0.08
# A few strong features do not make all others dropped: the upper group must be at least half of the
# features, or fill the space, or stand above the rest by this factor.
_NORM_ABYSS = 300.0
# Directions closer than this (rad) are one vertex; so are those below a threefold jump in
# the angles between neighbours, up to a limit that no catalogued shape comes near.  No direction
# may be farther than that from the mean of its group: a fan is not one direction.
_SURELY_PARALLEL = 0.02
_MAYBE_PARALLEL = 0.15
_PARALLEL_JUMP = 3.0


@dataclass(frozen=True, kw_only=True, eq=False)
class RepresentedFeatures:
    """Which features have a direction of their own, the norm that decides, and why."""

    mask: NDArray[np.bool_]
    threshold: float
    reason: str

    def __post_init__(self) -> None:
        self.mask.setflags(write=False)


@dataclass(frozen=True, kw_only=True, eq=False)
class MergeTree:
    """Single linkage on |cosine|: the edges at which components merge, strongest first.

    Attributes
    ----------
    n_vertices : int
    heights : ndarray of shape (n_merges,)
        |cosine| of each merge, descending.
    edges : ndarray of shape (n_merges, 2)
        The two vertices whose |cosine| that is.
    """

    n_vertices: int
    heights: Array
    edges: IntArray


def represented_features(
    norms: Array,
    norm_threshold: float | Literal["auto"] = "auto",
    *,
    n_hidden: int | None = None,
) -> RepresentedFeatures:
    """Tell the features that the model represents from those it has dropped, by their norms.

    Parameters
    ----------
    norms : ndarray of shape (n_features,)
        Norm of each feature vector.
    norm_threshold : float or "auto"
        Features with a norm above it are represented.  "auto" looks for the widest jump (a
        factor of at least 3) in the sorted norms above a group that reaches down to less
        than .08 of the represented features' median, and leaves at least half of the features
        or n_hidden of them (or is a factor of 300); where there is none, every non-zero feature
        is represented.
    n_hidden : int, optional
        Dimension of the space, if known.

    Returns
    -------
    RepresentedFeatures

    Raises
    ------
    GeomsupError
        If the threshold is neither "auto" nor a finite number ≥ 0.

    Examples
    --------
    >>> import numpy as np
    >>> represented_features(np.array([1.0, 0.9, 0.01, 0.0])).mask
    array([ True,  True, False, False])
    """
    if not is_auto(norm_threshold):
        threshold = number_within("norm_threshold", norm_threshold, 0.0, np.inf)
        return RepresentedFeatures(
            mask=norms > threshold, threshold=threshold, reason="given by the caller"
        )
    # Subnormal norms would make the ratios below overflow; they are as good as zero.
    tiny = float(np.finfo(np.float64).tiny)
    ordered = np.sort(norms[norms > tiny])
    k = _widest_jump(ordered, min(0.5 * len(norms), n_hidden or np.inf))
    if k is None:
        return RepresentedFeatures(
            mask=norms > tiny,
            threshold=0.0,
            reason="no jump in the norms; non-zero columns are kept",
        )
    low, high = float(ordered[k]), float(ordered[k + 1])
    threshold = float(np.sqrt(low * high))
    return RepresentedFeatures(
        mask=norms > threshold,
        threshold=threshold,
        reason=f"the widest jump in the norms, from {low:.3g} to {high:.3g}",
    )


def _widest_jump(ordered: Array, enough: float) -> int | None:
    """Return after which of the ascending norms the dropped features end, if there are any."""
    if len(ordered) < 2:
        return None
    jumps = np.exp(np.diff(np.log(ordered)).clip(max=700))
    medians = np.array([np.median(ordered[k:]) for k in range(1, len(ordered))])
    n_above = np.arange(len(ordered) - 1, 0, -1)
    likely = (jumps >= _NORM_JUMP) & (ordered[0] <= _NORM_REACH * medians)
    jumps[~likely | ((n_above < enough) & (jumps < _NORM_ABYSS))] = 0.0
    k = int(np.argmax(jumps))
    return k if jumps[k] > 0.0 else None


def cosine_edges(units: Array, threshold: float) -> sparse.csr_array:
    """Return the cosines of all pairs with |cosine| ≥ threshold, as a symmetric CSR matrix.

    Parameters
    ----------
    units : ndarray of shape (n_hidden, n_vertices)
        Unit columns.
    threshold : float
        Least |cosine| of an edge; exact zeros are never edges.

    Returns
    -------
    scipy.sparse.csr_array of shape (n_vertices, n_vertices)
        Zero diagonal.

    Notes
    -----
    Time O(n² m), memory O(tile² + edges): the full matrix is never formed.
    """
    n = units.shape[1]
    if n == 0:
        return sparse.csr_array((0, 0))
    rows, cols, values = [], [], []
    for first, second, tile in _tiles(units):
        i, j = np.nonzero(np.abs(tile) >= max(threshold, np.finfo(float).tiny))
        if first == second:
            upper = i < j
            i, j = i[upper], j[upper]
        rows.append(i + first)
        cols.append(j + second)
        values.append(tile[i, j])
    row, col, value = (np.concatenate(part) for part in (rows, cols, values))
    half = sparse.coo_array((np.clip(value, -1.0, 1.0), (row, col)), shape=(n, n))
    return sparse.csr_array(half + half.T)


def component_labels(edges: sparse.csr_array) -> IntArray:
    """Return the label of the connected component of each vertex."""
    labels: IntArray = connected_components(edges, directed=False)[1].astype(np.intp)
    return labels


def merge_tree(units: Array, cosines: Array | None = None) -> MergeTree:
    """Return the merge tree of |cosine| for unit columns of shape (n_hidden, n_vertices).

    ``cosines`` are their inner products, where they are at hand.

    Notes
    -----
    Up to 4096 vertices every pair counts.  Above that, pairs with |cosine| < 0.1 are left
    out, and components that hang together only by such pairs stay apart.

    Examples
    --------
    >>> import numpy as np
    >>> merge_tree(np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]])).heights
    array([1., 0.])
    """
    n = units.shape[1]
    if n <= _DENSE_LIMIT:
        pairs, heights = spanning_tree(units.T @ units if cosines is None else cosines)
    else:
        edges = cosine_edges(units, _SPARSE_FLOOR)
        # Shifted by one, because csgraph takes an explicit zero for a missing edge.
        edges.data = 2.0 - np.abs(edges.data)
        tree = minimum_spanning_tree(edges).tocoo()
        pairs, heights = np.column_stack([tree.row, tree.col]), 2.0 - tree.data
    order = np.argsort(-heights, kind="stable")
    edges_in_order = pairs[order].reshape(-1, 2).astype(np.intp)
    return MergeTree(n_vertices=n, heights=heights[order], edges=edges_in_order)


def spanning_tree(cosines: Array) -> tuple[IntArray, Array]:
    """Return the edges of a spanning tree of greatest |cosine|, and these, for all cosines.

    Prim's algorithm, O(n²) for a complete graph: csgraph sorts all edges of one.
    """
    n = len(cosines)
    best, origin = np.minimum(np.abs(cosines[0]), 1.0), np.zeros(n, dtype=np.intp)
    best[0] = -1.0
    outside = np.ones(n, dtype=bool)
    outside[0] = False
    pairs, heights = np.empty((n - 1, 2), dtype=np.intp), np.empty(n - 1)
    for k in range(n - 1):
        nearest = int(best.argmax())
        pairs[k], heights[k] = (origin[nearest], nearest), best[nearest]
        outside[nearest], best[nearest] = False, -1.0
        strength = np.minimum(np.abs(cosines[nearest]), 1.0)
        closer = outside & (strength > best)
        best[closer], origin[closer] = strength[closer], nearest
    return pairs, heights


def parallel_groups(units: Array) -> IntArray:
    """Return, for each unit column, the label of the group of parallel columns it belongs to.

    Directions within .02 rad are one vertex; so are directions below a threefold jump in the
    merge angles, as long as they are within .15 rad of their neighbour and of their mean.  The jump
    is looked for among directions that hang together within .45 rad: a fan elsewhere says nothing
    of them.  Labels count from 0 in the order of first appearance.

    Examples
    --------
    >>> import numpy as np
    >>> parallel_groups(np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]))
    array([0, 1, 0])
    """
    n = units.shape[1]
    horizon = _MAYBE_PARALLEL * _PARALLEL_JUMP
    near = cosine_edges(units, float(np.cos(horizon))).tocoo()
    positive = near.data > 0
    row, col = near.row[positive], near.col[positive]
    # arccos loses half the digits near 1; the chord keeps them.
    chords = np.linalg.norm(units[:, row] - units[:, col], axis=0)
    angles = 2 * np.arcsin(np.clip(chords / 2, 0, 1))
    # Shifted by one, because csgraph takes an explicit zero for a missing edge.
    graph = sparse.csr_array((1.0 + angles, (row, col)), shape=(n, n))
    forest = minimum_spanning_tree(graph).tocoo()
    heights = forest.data - 1.0
    home = connected_components(forest, directed=False)[1][forest.row]
    merged = np.zeros(len(heights), dtype=bool)
    order = np.argsort(home, kind="stable")
    for own in np.split(order, np.flatnonzero(np.diff(home[order])) + 1):
        ties = np.column_stack([forest.row[own], forest.col[own]]).astype(np.intp)
        merged[own] = heights[own] <= _merging_angle(units, ties, heights[own], horizon)
    kept = (np.ones(int(merged.sum())), (forest.row[merged], forest.col[merged]))
    labels = connected_components(sparse.coo_array(kept, (n, n)), directed=False)[1]
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def _merging_angle(units: Array, ties: IntArray, heights: Array, horizon: float) -> float:
    """Return the angle up to which directions that hang together are one; -1 if none are.

    ``ties`` are the edges of their tree, shape (n - 1, 2), and ``heights`` the angles of these.
    """
    if not heights.size:
        return -1.0
    numbers, places = np.unique(ties, return_inverse=True)
    places = places.reshape(-1, 2)
    ordered = np.sort(heights)
    following = np.append(ordered[1:], horizon)
    splits = (ordered <= _MAYBE_PARALLEL) & (following >= _PARALLEL_JUMP * ordered)
    splits |= ordered <= _SURELY_PARALLEL
    for tolerance in np.unique(ordered[splits])[::-1]:
        row, col = places[heights <= tolerance].T
        graph = sparse.coo_array((np.ones(len(row)), (row, col)), (len(numbers),) * 2)
        labels: IntArray = connected_components(graph, directed=False)[1].astype(np.intp)
        if _widest_group(units[:, numbers], labels) <= _MAYBE_PARALLEL:
            return float(tolerance)
    return -1.0


def _widest_group(units: Array, labels: IntArray) -> float:
    """Return the largest angle between a direction and the mean of its group, in radians."""
    sums = np.zeros((int(labels.max()) + 1, units.shape[0]))
    np.add.at(sums, labels, units.T)
    means = unit_columns(sums.T)[0]
    chords = np.linalg.norm(units - means[:, labels], axis=0)
    return float(2 * np.arcsin(np.clip(chords.max() / 2, 0, 1)))


def interference_graph(
    W: object, *, threshold: float = 0.05, feature_axis: int = -1
) -> nx.Graph[int]:
    """Return the interference graph of a weight matrix.

    Two features interfere when |cosine| of their directions reaches the threshold.

    Parameters
    ----------
    W : array_like of shape (n_hidden, n_features)
        Weight matrix; columns are features unless ``feature_axis=0``.
    threshold : float, default 0.05
        Least |cosine| of an edge, in [0, 1].  ``classify_geometry(W).graph`` holds the
        graph at the cut that the classification chose.
    feature_axis : int, default -1
        The axis that counts features.

    Returns
    -------
    networkx.Graph
        A node for each non-zero feature with ``norm`` and ``dimensionality``; an edge (i, j),
        i < j, with ``cosine`` and ``weight`` = (Ŵ_i·W_j)².

    Raises
    ------
    GeomsupError
        If ``W`` cannot be used or the threshold is outside [0, 1].

    Examples
    --------
    >>> graph = interference_graph([[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> list(graph.edges(data="cosine"))
    [(0, 1, -1.0)]
    """
    limit = number_within("threshold", threshold, 0.0, 1.0)
    weights = as_weights(W, feature_axis=feature_axis)
    units, norms = unit_columns(weights)
    upper = sparse.triu(cosine_edges(units, limit), format="coo")
    return build_graph(
        np.flatnonzero(norms > 0),
        norms,
        dimensionality_of(weights),
        np.column_stack([upper.row, upper.col]),
        upper.data,
    )


def build_graph(
    features: IntArray, norms: Array, dimensionalities: Array, edges: IntArray, cosines: Array
) -> nx.Graph[int]:
    """Assemble the networkx view of interference.

    Parameters
    ----------
    features : ndarray of shape (n_nodes,)
        Columns of W that are nodes.
    norms, dimensionalities : ndarray of shape (n_features,)
        Node attributes, for every column of W.
    edges, cosines : ndarray of shape (n_edges, 2) and (n_edges,)
        Pairs of columns i < j and the cosines between them.
    """
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(
        (int(i), {"norm": float(norms[i]), "dimensionality": float(dimensionalities[i])})
        for i in features
    )
    graph.add_edges_from(
        (int(i), int(j), {"cosine": float(c), "weight": float((c * norms[j]) ** 2)})
        for (i, j), c in zip(edges, cosines, strict=True)
    )
    return graph


def _tiles(units: Array) -> Iterator[tuple[int, int, Array]]:
    """Yield the upper triangle of the cosine matrix, tile by tile."""
    n = units.shape[1]
    for first in range(0, n, _TILE):
        for second in range(first, n, _TILE):
            yield (
                first,
                second,
                units[:, first : first + _TILE].T @ units[:, second : second + _TILE],
            )
