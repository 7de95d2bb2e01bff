"""Interference graphs, merge trees, parallel and represented features."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import noisy, random_directions
from scipy.cluster.hierarchy import single
from scipy.spatial.distance import squareform
from strategies import seeds

import geomsup.geometry.interference as interference
from geomsup import GeomsupError, feature_dimensionality, get_shape, interference_graph
from geomsup.geometry.interference import (
    component_labels,
    cosine_edges,
    merge_tree,
    parallel_groups,
    represented_features,
)


def test_graph_has_the_promised_attributes() -> None:
    W = np.array([[1.0, -2.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0]])
    graph = interference_graph(W)
    assert sorted(graph.nodes) == [0, 1, 2]  # the zero column is no node
    assert graph.nodes[1]["norm"] == 2.0
    assert graph.nodes[1]["dimensionality"] == feature_dimensionality(W)[1]
    assert list(graph.edges) == [(0, 1)]
    assert graph.edges[0, 1]["cosine"] == -1.0
    assert graph.edges[0, 1]["weight"] == 4.0  # (Ŵ_0·W_1)²
    assert all(type(node) is int for node in graph.nodes)


@given(seeds, st.floats(0.0, 1.0))
def test_components_agree_with_networkx(seed: int, threshold: float) -> None:
    units = random_directions(12, 4, np.random.default_rng(seed))
    labels = component_labels(cosine_edges(units, threshold))
    ours = {frozenset(np.flatnonzero(labels == k).tolist()) for k in range(labels.max() + 1)}
    graph = interference_graph(units, threshold=threshold)
    assert ours == {frozenset(part) for part in nx.connected_components(graph)}


@given(seeds)
def test_merge_heights_are_single_linkage(seed: int) -> None:
    units = random_directions(15, 3, np.random.default_rng(seed))
    distances = 1 - np.abs(np.clip(units.T @ units, -1, 1))
    np.fill_diagonal(distances, 0)
    expected = 1 - single(squareform(distances, checks=False))[:, 2]
    np.testing.assert_allclose(merge_tree(units).heights, expected, atol=1e-12)


def test_tiles_do_not_change_the_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    units = random_directions(50, 5, np.random.default_rng(0))
    whole = cosine_edges(units, 0.3).toarray()
    monkeypatch.setattr(interference, "_TILE", 7)
    np.testing.assert_allclose(cosine_edges(units, 0.3).toarray(), whole, atol=1e-15)
    full = units.T @ units
    np.fill_diagonal(full, 0)
    np.testing.assert_allclose(whole, np.where(np.abs(full) >= 0.3, full, 0), atol=1e-15)


@pytest.mark.parametrize("dim", [4, 300])
def test_sparse_merge_tree_agrees_above_its_floor(
    dim: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = random_directions(60, dim, np.random.default_rng(0))
    dense = merge_tree(units).heights
    assert dim == 4 or (dense < 0.15).any()
    monkeypatch.setattr(interference, "_DENSE_LIMIT", 10)
    np.testing.assert_allclose(merge_tree(units).heights, dense[dense >= 0.1], atol=1e-12)


def test_exactly_orthogonal_and_antipodal_directions_are_in_the_tree() -> None:
    tree = merge_tree(np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]]))
    np.testing.assert_allclose(tree.heights, [1.0, 0.0])
    assert tree.edges.shape == (2, 2)


@pytest.mark.parametrize("dim", [2, 10])
def test_doubled_pentagon_has_five_directions(dim: int) -> None:
    rng = np.random.default_rng(dim)
    units = np.zeros((dim, 5))
    units[:2] = get_shape("pentagon").vertices.T
    doubled = np.hstack([noisy(units, 0.02, rng), noisy(units, 0.02, rng)])
    np.testing.assert_array_equal(parallel_groups(doubled), [0, 1, 2, 3, 4, 0, 1, 2, 3, 4])


@pytest.mark.parametrize("name", ["600-cell", "icosahedron", "hexagon", "E8 roots", "12-gon"])
def test_no_vertices_of_a_shape_are_merged(name: str) -> None:
    rng = np.random.default_rng(0)
    shape = get_shape(name)
    groups = parallel_groups(noisy(shape.vertices.T, 0.02, rng))
    assert groups.max() == shape.n_vertices - 1


def test_antiparallel_is_not_parallel() -> None:
    np.testing.assert_array_equal(parallel_groups(np.array([[1.0, -1.0]])), [0, 1])


def test_represented_features_of_trained_weights(trained: dict[str, np.ndarray]) -> None:
    counts = [
        int(represented_features(np.linalg.norm(W, axis=0), n_hidden=20).mask.sum())
        for W in trained["W"]
    ]
    assert counts == [37, 38, 57, 93]


def test_norms_one_to_ten_are_all_represented() -> None:
    for norms in ([1.0, 0.1, 1.0, 0.1], np.geomspace(0.1, 1, 5), [0.1, 1.0]):
        assert represented_features(np.array(norms)).mask.all()


def test_norm_threshold_given_and_bad() -> None:
    found = represented_features(np.array([0.0, 0.5, 1.0]), 0.5)
    assert found.mask.tolist() == [False, False, True]
    assert found.reason == "given by the caller"
    for bad in ("often", -1.0, np.nan, np.inf, None, True, [0.1, 0.2]):
        with pytest.raises(GeomsupError, match=r"norm_threshold must (be a number|lie) in"):
            represented_features(np.ones(3), bad)  # type: ignore[arg-type]  # bad on purpose


def test_subnormal_norms_are_zero() -> None:
    assert represented_features(np.array([1e-310, 0.1, 0.2])).mask.tolist() == [False, True, True]


@pytest.mark.parametrize("bad", ["x", 1.5, -0.1, np.nan, None, True])
def test_graph_threshold_is_checked(bad: object) -> None:
    with pytest.raises(GeomsupError, match=r"threshold must (be a number|lie) in \[0, 1\]"):
        interference_graph(np.eye(2, 4), threshold=bad)  # type: ignore[arg-type]  # on purpose


def test_one_strong_feature_does_not_drop_the_others() -> None:
    assert represented_features(np.array([1, 1, 1, 1, 13.0]), n_hidden=2).mask.all()
    rng = np.random.default_rng(0)
    norms = np.append(rng.uniform(0.5, 1.5, 399), 20.0)
    assert represented_features(norms, n_hidden=30).mask.all()


@pytest.mark.parametrize("k", [20, 32, 40, 100])
def test_a_ring_is_not_chained_into_one_direction(k: int) -> None:
    assert parallel_groups(get_shape(f"{k}-gon").vertices.T).max() == k - 1


def test_a_fan_is_not_chained_into_one_direction() -> None:
    angles = np.linspace(0, 1.5, 12)
    assert parallel_groups(np.vstack([np.cos(angles), np.sin(angles)])).max() == 11
    dense = random_directions(3000, 2, np.random.default_rng(0))
    assert parallel_groups(dense).max() > 10


@pytest.mark.parametrize(
    ("gap", "groups"),
    [(0.012, [0, 0, 1, 2, 3]), (0.019, [0, 0, 1, 2, 3]), (0.021, [0, 1, 2, 3, 4])],
)
def test_directions_within_a_fiftieth_are_one_without_a_jump(gap: float, groups: list[int]) -> None:
    # Each gap is less than three times the one before, to beyond what any rule merges.
    angles = np.cumsum([0.0, gap, 0.035, 0.1, 0.25])
    np.testing.assert_array_equal(
        parallel_groups(np.vstack([np.cos(angles), np.sin(angles)])), groups
    )


@pytest.mark.parametrize("factor", [2.9, 3.1])
def test_a_threefold_jump_makes_one_direction_of_neighbours(factor: float) -> None:
    # Three at .04 from each other, a fourth farther off by that factor, and one far away.
    angles = np.cumsum([0.0, 0.04, 0.04, 0.04 * factor, 0.33])
    groups = parallel_groups(np.vstack([np.cos(angles), np.sin(angles)]))
    assert groups[1] == (0 if factor > 3 else 1)


@pytest.mark.parametrize("noise", [0.005, 0.01, 0.02, 0.03])
@pytest.mark.parametrize("seed", range(4))
def test_a_fan_elsewhere_says_nothing_of_copies_here(noise: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    fan = np.cumsum([0.0, 0.06, 0.1, 0.17, 0.3])  # no jump, whatever the copies are apart
    weights = np.zeros((8, 12))
    pentagon = get_shape("pentagon").vertices.T
    weights[:2, :7] = np.hstack([pentagon, pentagon[:, :2]])
    weights[4:6, 7:] = np.vstack([np.cos(fan), np.sin(fan)])
    weights[:4, :7] += noise * rng.normal(size=(4, 7))
    groups = parallel_groups(weights / np.linalg.norm(weights, axis=0))
    np.testing.assert_array_equal(groups, [0, 1, 2, 3, 4, 0, 1, 5, 6, 7, 8, 9])


@pytest.mark.parametrize(("gap", "n_groups"), [(0.06, 2), (0.14, 2), (0.16, 3), (0.3, 3)])
def test_no_jump_makes_one_direction_of_what_is_far_apart(gap: float, n_groups: int) -> None:
    # The third direction is far beyond three times the gap.
    angles = np.cumsum([0.0, gap, 1.0])
    assert parallel_groups(np.vstack([np.cos(angles), np.sin(angles)])).max() + 1 == n_groups


@pytest.mark.parametrize(("factor", "n_kept"), [(30, 10), (200, 10), (290, 10), (310, 1), (1e6, 1)])
def test_a_single_feature_drops_the_others_beyond_an_abyss(factor: float, n_kept: int) -> None:
    norms = np.append(np.linspace(0.9, 1.0, 9), factor)
    assert represented_features(norms, n_hidden=4).mask.sum() == n_kept


@pytest.mark.parametrize("n_above", [4, 5, 6])
def test_half_of_the_features_may_drop_the_other_half(n_above: int) -> None:
    norms = np.array([0.01] * (10 - n_above) + [1.0] * n_above)
    kept = represented_features(norms).mask.sum()
    assert kept == (n_above if n_above >= 5 else 10)
    # Fewer will do where they fill the space.
    assert represented_features(norms, n_hidden=4).mask.sum() == n_above
    assert represented_features(norms, n_hidden=n_above).mask.sum() == n_above
    assert represented_features(norms, n_hidden=n_above + 1).mask.sum() == kept


@pytest.mark.parametrize(("reach", "n_kept"), [(0.076, 4), (0.084, 6)])
def test_dropped_features_reach_down_to_a_twelfth_of_the_others(reach: float, n_kept: int) -> None:
    norms = np.array([reach, 2 * reach, 0.9, 1.0, 1.0, 1.1])
    assert represented_features(norms, n_hidden=4).mask.sum() == n_kept
