from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.cluster.hierarchy import linkage
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform

from geomsup.survey.tree import MergeForest, merge_forest

Edges = tuple[np.ndarray, np.ndarray, np.ndarray]


def random_edges(n: int, n_edges: int, rng: np.random.Generator) -> Edges:
    i, j = np.triu_indices(n, 1)
    kept = rng.choice(len(i), n_edges, replace=False)
    return i[kept], j[kept], rng.uniform(-1, 1, n_edges)


def members(forest: MergeForest, node: int) -> frozenset[int]:
    first = forest.first[node]
    return frozenset(forest.features[first : first + forest.size[node]].tolist())


def test_a_complete_graph_merges_as_single_linkage_does() -> None:
    rng = np.random.default_rng(0)
    n = 30
    i, j = np.triu_indices(n, 1)
    cosines = rng.uniform(-1, 1, len(i))
    forest = merge_forest(i, j, cosines)
    oracle = linkage(1 - np.abs(cosines), "single")
    assert np.allclose(1 - forest.heights, oracle[:, 2])
    sets = [frozenset([k]) for k in range(n)]
    for a, b, *_ in oracle:
        sets.append(sets[int(a)] | sets[int(b)])
    assert {members(forest, k) for k in range(n - 1)} == set(sets[n:])
    assert squareform(cosines).shape == (n, n)


@pytest.mark.parametrize("seed", range(5))
def test_subtrees_are_the_components_above_their_height(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 60
    i, j, cosines = random_edges(n, 50, rng)
    forest = merge_forest(i, j, cosines)
    assert sorted(forest.features) == sorted({*i, *j})
    for node, height in enumerate(forest.heights):
        kept = np.abs(cosines) >= height
        graph = sparse.coo_array((np.ones(kept.sum()), (i[kept], j[kept])), shape=(n, n))
        labels = connected_components(graph, directed=False)[1]
        inside = members(forest, node)
        label = labels[next(iter(inside))]
        assert inside == set(np.flatnonzero(labels == label).tolist())
        assert forest.ends[node] <= height


@pytest.mark.parametrize("seed", range(5))
def test_signs_make_the_edges_of_the_forest_positive(seed: int) -> None:
    # Of a graph without cycles all edges are in the forest.
    rng = np.random.default_rng(seed)
    n = 40
    parents = np.array([rng.integers(k) for k in range(1, n)])
    cosines = rng.uniform(-1, 1, n - 1)
    forest = merge_forest(np.arange(1, n), parents, cosines)
    sign = np.empty(n)
    sign[forest.features] = forest.signs
    assert np.all(sign[1:] * sign[parents] == np.sign(cosines))


def test_children_are_halves_and_ends_are_the_heights_of_parents() -> None:
    forest = merge_forest(*random_edges(50, 80, np.random.default_rng(1)))
    for node, (a, b) in enumerate(forest.children):
        parts = [members(forest, k) for k in (a, b) if k >= 0]
        assert sum(map(len, parts)) + (a < 0) + (b < 0) == forest.size[node]
        assert all(part < members(forest, node) for part in parts)
        assert all(forest.ends[k] == forest.heights[node] for k in (a, b) if k >= 0)


@pytest.mark.parametrize("most", [2, 3, 7, 1000])
def test_the_largest_subtrees_within_a_size_are_disjoint_and_cannot_grow(most: int) -> None:
    forest = merge_forest(*random_edges(80, 90, np.random.default_rng(2)))
    chosen = forest.largest_within(most)
    sets = [members(forest, k) for k in chosen]
    assert sum(map(len, sets)) == len(frozenset().union(*sets))
    assert max(map(len, sets)) <= most
    fitting = {members(forest, k) for k in range(len(forest.size)) if forest.size[k] <= most}
    assert all(any(each <= large for large in sets) for each in fitting)
