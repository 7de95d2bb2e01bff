"""Recovery and splitting on planted dictionaries, of which nothing needs training."""

from __future__ import annotations

import itertools
import json
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.stats import ortho_group
from sklearn.cluster import AgglomerativeClustering
from strategies import seeds

from geomsup.dictionary import (
    Autoencoder,
    SplittingTree,
    agreement,
    loss_recovered,
    planted_clusters,
    recover_features,
    splitting_tree,
)
from geomsup.dictionary.recovery import chance_share
from geomsup.dictionary.splitting import _families, chance_cosine
from geomsup.errors import GeomsupError
from geomsup.plotting import plot_matched_cosines, plot_splitting_tree

Array = NDArray[np.float64]


def _dictionary(decoder: Array, **settings: Any) -> Autoencoder:
    """An autoencoder with these directions that reads what it writes."""
    n = decoder.shape[1]
    D = decoder / np.linalg.norm(decoder, axis=0)
    return Autoencoder(
        **{
            "decoder": D,
            "encoder": D,
            "bias": np.zeros(n),
            "centre": np.zeros(len(D)),
            "activation": "relu",
            "sparsity": 0.1,
            "restart": 0,
            "loss": 0.0,
            "error": 0.0,
            "unexplained": 0.0,
            "gain": 1.0,
            "l0": 1.0,
            "firing": np.full(n, 0.1),
            "power": np.full(n, 0.1),
            **settings,
        }
    )


def _two_sides(seed: int) -> tuple[np.random.Generator, Array, Array]:
    rng = np.random.default_rng(seed)
    m, n, k = rng.integers(2, 5), rng.integers(1, 6), rng.integers(1, 7)
    return rng, rng.standard_normal((m, n)), rng.standard_normal((m, k))


@given(seeds)
def test_matching_is_the_best_of_all_assignments(seed: int) -> None:
    _, W, D = _two_sides(seed)
    recovery = recover_features(D, W)
    features = recovery.features
    cosines = np.maximum(
        (W / np.linalg.norm(W, axis=0)).T[features] @ (D / np.linalg.norm(D, axis=0)), 0.0
    )
    if cosines.shape[0] > cosines.shape[1]:
        cosines = cosines.T
    rows = range(cosines.shape[0])
    best = max(
        sum(cosines[i, j] for i, j in zip(rows, columns, strict=True))
        for columns in itertools.permutations(range(cosines.shape[1]), cosines.shape[0])
    )
    assert recovery.cosines.sum() == pytest.approx(best)
    matched = recovery.latents[recovery.latents >= 0]
    assert len(set(matched.tolist())) == len(matched)


@given(seeds)
def test_matching_follows_permuted_and_scaled_latents(seed: int) -> None:
    rng, W, D = _two_sides(seed)
    order = rng.permutation(D.shape[1])
    scales = np.exp(rng.standard_normal(D.shape[1]))
    before, after = recover_features(D, W), recover_features((D * scales)[:, order], W)
    assert after.cosines == pytest.approx(before.cosines)
    there = after.latents >= 0
    assert np.array_equal(order[after.latents[there]], before.latents[there])


@given(seeds)
def test_matching_is_the_same_in_a_rotated_space(seed: int) -> None:
    rng, W, D = _two_sides(seed)
    Q = ortho_group.rvs(len(W), random_state=rng)
    before, after = recover_features(D, W), recover_features(Q @ D, Q @ W)
    assert after.cosines == pytest.approx(before.cosines, abs=1e-12)
    assert np.array_equal(after.latents, before.latents)


@given(seeds)
def test_a_latent_in_the_opposite_direction_is_no_match(seed: int) -> None:
    _, W, _ = _two_sides(seed)
    alone = W[:, :1]
    opposite = recover_features(-alone, alone)
    assert opposite.latents.tolist() == [-1]
    assert opposite.cosines.tolist() == [0.0]
    assert recover_features(alone, alone).cosines == pytest.approx([1.0])


def test_dead_latents_are_matched_with_nothing() -> None:
    one = _dictionary(np.eye(3), firing=np.array([0.1, 0.0, 0.1]))
    recovery = recover_features(one, np.eye(3))
    assert recovery.latents.tolist() == [0, -1, 2]
    assert recovery.n_dead == 1
    assert recovery.share == pytest.approx(2 / 3)


def test_features_that_are_not_represented_take_no_part() -> None:
    W = np.array([[1.0, -1.0, 1e-4], [0.0, 0.0, 1e-4]])
    recovery = recover_features(np.array([[1.0, -1.0], [0.0, 0.0]]), W)
    assert recovery.features.tolist() == [0, 1]
    assert recovery.share == 1.0


def test_the_geometry_seen_is_compared_with_that_which_is_there() -> None:
    angles = 2 * np.pi * np.arange(5) / 5
    W = np.array([np.cos(angles), np.sin(angles)])
    same = recover_features(3.0 * W[:, [4, 2, 0, 1, 3]], W)
    assert same.same_geometry
    assert same.seen.counts() == {"pentagon": 1}
    axes = np.array([[1.0, -1.0, 0.0, 0.0, 0.8], [0.0, 0.0, 1.0, -1.0, 0.6]])
    other = recover_features(axes, W)
    assert not other.same_geometry
    assert json.loads(json.dumps(other.to_dict()))["same_geometry"] is False
    assert "there: 1 × pentagon" in str(other)


def test_recovery_refuses_what_does_not_fit() -> None:
    with pytest.raises(GeomsupError, match="has 3 dimensions and W has 2"):
        recover_features(np.eye(3), np.eye(2))
    with pytest.raises(GeomsupError, match="threshold must lie above 0"):
        recover_features(np.eye(2), np.eye(2), threshold=1.5)
    with pytest.raises(GeomsupError, match="no feature of W is represented"):
        recover_features(np.eye(2), np.zeros((2, 3)))


def test_agreement_is_one_for_the_same_directions_and_less_for_others(
    rng: np.random.Generator,
) -> None:
    D = rng.standard_normal((8, 5))
    same = _dictionary(D), _dictionary(D[:, ::-1])
    assert agreement(same) == pytest.approx(1.0)
    assert agreement([*same, _dictionary(rng.standard_normal((8, 5)))]) < 0.8
    # Latents without power have no say.
    weak = np.concatenate([D, rng.standard_normal((8, 3))], axis=1)
    power = np.array([1.0] * 5 + [0.0] * 3)
    assert agreement([same[0], _dictionary(weak, power=power)]) == pytest.approx(1.0)
    with pytest.raises(GeomsupError, match="at least two dictionaries"):
        agreement(same[:1])


def test_loss_recovered_is_one_for_a_perfect_and_zero_for_a_dead_autoencoder() -> None:
    W, b = np.array([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]]), np.zeros(4)
    both_ways = np.concatenate([np.eye(2), -np.eye(2)], axis=1)
    assert loss_recovered(_dictionary(both_ways), W, b, 0.1) == pytest.approx(1.0)
    silent = _dictionary(both_ways, bias=np.full(4, -99.0))
    assert loss_recovered(silent, W, b, 0.1) == pytest.approx(0.0)
    half = _dictionary(np.eye(2))
    assert loss_recovered(half, W, b, 0.1) == pytest.approx(0.5, abs=0.05)
    with pytest.raises(GeomsupError, match="b must be 4 numbers"):
        loss_recovered(half, W, np.zeros(3), 0.1)


def _planted_tree(seed: int, shares: tuple[float, ...] | None) -> tuple[Any, Any]:
    """A tree whose dictionaries are the means of the planted clusters of each level."""
    truth = planted_clusters((6, 2, 2), 40, shares=shares, seed=seed)
    means = [
        np.stack([truth.W[:, labels == k].sum(axis=1) for k in range(labels.max() + 1)], axis=1)
        for labels in truth.labels
    ]
    return truth, splitting_tree([_dictionary(D) for D in means])


@given(seeds)
def test_planted_hierarchies_are_found_and_split(seed: int) -> None:
    truth, tree = _planted_tree(seed, (0.5, 0.25, 0.25))
    assert tree.sizes == (6, 12, 24)
    assert np.array_equal(tree.ancestors(2), truth.labels[0])
    assert np.array_equal(tree.ancestors(2, 1), truth.labels[1])
    assert np.array_equal(tree.families(truth.W, 2), truth.labels[0])
    assert tree.split(1).mean() > 0.9
    graph = tree.graph
    assert nx.is_forest(graph)
    assert sorted(d for _, d in graph.out_degree() if d) == [2] * 18


@given(st.integers(0, 50))
def test_children_without_likeness_are_no_split(seed: int) -> None:
    rng = np.random.default_rng(seed)
    leaves = np.linalg.qr(rng.standard_normal((30, 12)))[0]
    pairs = leaves[:, ::2] + leaves[:, 1::2]
    tree = splitting_tree([_dictionary(pairs), _dictionary(leaves)])
    assert np.bincount(tree.parents[0]).tolist() == [2] * 6
    assert not tree.split(0).any()


def test_duplicates_and_weak_children_are_no_split() -> None:
    near = np.array([[1.0, 1.0], [0.05, -0.05], [0.0, 0.0]])
    D = np.concatenate([near, np.zeros((20, 2))])
    parent = _dictionary(D.sum(axis=1, keepdims=True))
    assert not splitting_tree([parent, _dictionary(D)]).split(0).any()
    D[1] *= 10.0
    assert splitting_tree([parent, _dictionary(D)]).split(0).all()
    weak = _dictionary(D, power=np.array([1.0, 0.05]))
    assert not splitting_tree([parent, weak]).split(0).any()


@pytest.mark.parametrize(
    ("cosine", "power", "splits"),
    [
        (0.88, 0.12, True),
        (0.92, 0.12, False),  # the same direction twice
        (0.88, 0.08, False),  # too weak to count
        (0.5, 0.12, True),
        (0.3, 0.12, False),  # nearer than .46 are one in a hundred in 24 dimensions
    ],
)
def test_siblings_are_alike_and_not_the_same(cosine: float, power: float, splits: bool) -> None:
    D = np.zeros((24, 2))
    D[:2] = [[1.0, cosine], [0.0, np.sqrt(1 - cosine**2)]]
    parent = _dictionary(D.sum(axis=1, keepdims=True))
    tree = splitting_tree([parent, _dictionary(D, power=np.array([1.0, power]))])
    assert tree.split(0).tolist() == [splits]


def test_two_alike_of_three_are_no_family() -> None:
    # Mean cosine .8 / 3, below chance; with the third one between the two it is above.
    D = np.zeros((24, 3))
    D[:2, :2] = [[1.0, 0.8], [0.0, 0.6]]
    D[2, 2] = 1.0
    for lean, splits in ((0.0, False), (1.0, True)):
        children = D.copy()
        children[:2, 2] = lean * np.array([1.0, 0.5])
        parent = _dictionary(children.sum(axis=1, keepdims=True))
        assert splitting_tree([parent, _dictionary(children)]).split(0).tolist() == [splits]


def test_planted_clusters_split_more_than_by_chance() -> None:
    _, tree = _planted_tree(0, (0.5, 0.25, 0.25))
    by_chance = tree.by_chance(1, n_draws=200)
    assert by_chance.shape == (200,)
    assert by_chance.max() < tree.split(1).sum()
    assert tree.p_value(1, n_draws=200) == 1 / 201
    assert (tree.by_chance(1, n_draws=20, seed=3) == tree.by_chance(1, n_draws=20, seed=3)).all()


def _merged(seed: int) -> SplittingTree:
    """Random directions, and sums of those most alike: all that splits here does so by chance."""
    leaves = np.random.default_rng(seed).standard_normal((12, 24))
    leaves /= np.linalg.norm(leaves, axis=0)
    family = AgglomerativeClustering(12, metric="cosine", linkage="average").fit_predict(leaves.T)
    sums = np.stack([leaves[:, family == k].sum(axis=1) for k in range(12)], axis=1)
    return splitting_tree([_dictionary(sums), _dictionary(leaves)])


@pytest.mark.parametrize("n_families", [1, 2, 7, 19, 20])
def test_merged_families_are_those_of_fcluster(rng: np.random.Generator, n_families: int) -> None:
    merges = linkage(rng.normal(size=(20, 5)), "average")
    ours, theirs = (
        np.equal.outer(each, each)
        for each in (_families(merges[:, :2], n_families), fcluster(merges, n_families, "maxclust"))
    )
    np.testing.assert_array_equal(ours, theirs)


def test_p_values_keep_their_level_on_random_directions() -> None:
    # Under the null P(p ≤ α) ≤ α for every α (Phipson & Smyth 2010).  Of 60 trees at most 12 may
    # lie below .1: more do with probability 7e-3 at most, and these seeds are fixed.
    p = np.array([_merged(seed).p_value(0, n_draws=99, seed=seed) for seed in range(60)])
    assert (p <= 0.1).sum() <= 12
    assert p.min() < 0.5  # it is no constant


@pytest.mark.parametrize("level", [-1, 2, 7, None, 0.0, "x", True, 10**400])
def test_there_is_no_chance_at_a_level_that_is_not_there(level: Any) -> None:
    _, tree = _planted_tree(0, (0.5, 0.25, 0.25))
    for ask in (tree.split, tree.by_chance, tree.p_value):
        with pytest.raises(GeomsupError, match="level must"):
            ask(level)


def test_nothing_splits_by_chance_where_there_are_no_siblings() -> None:
    one = _dictionary(np.eye(3)[:, :1])
    gone = _dictionary(np.eye(3)[:, :2], firing=np.array([0.1, 0.0]))
    tree = splitting_tree([one, gone])
    assert tree.sizes == (1, 1)
    assert not tree.by_chance(0, n_draws=5).any()
    with pytest.raises(GeomsupError, match="n_draws"):
        tree.by_chance(0, n_draws=-1)


def test_coactivation_is_counted() -> None:
    parent = _dictionary(np.array([[1.0], [1.0]]))
    children = _dictionary(np.array([[1.0, 0.0], [0.0, 1.0]]))
    sample = np.array([[1.0, -2.0], [1.0, 1.0], [0.0, 1.0]])
    tree = splitting_tree([parent, children], sample)
    assert tree.coactivations[0].tolist() == [0.5, 1.0]
    assert tree.graph.edges[(0, 0), (1, 1)]["coactivation"] == 1.0


def test_chance_is_the_quantile_of_random_directions(rng: np.random.Generator) -> None:
    u = rng.standard_normal((2, 20_000, 12))
    u /= np.linalg.norm(u, axis=2, keepdims=True)
    cosines = np.einsum("ij,ij->i", *u)
    assert np.mean(cosines > chance_cosine(12)) == pytest.approx(0.01, abs=0.003)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((0, 5), "n_hidden must be an integer of at least 1"),
        ((2.5, 5), "n_hidden must be an integer"),
        (("2", 5), "n_hidden must be an integer"),
        ((2, 0), "n_latents must be an integer of at least 1"),
        ((2, 5, 1.5), r"threshold must lie in \[-1, 1\]"),
        ((2, 5, float("nan")), "threshold must lie in"),
        ((2, 5, None), "threshold must be a number"),
    ],
)
def test_chance_share_refuses(words: tuple[Any, ...], complaint: str) -> None:
    with pytest.raises(GeomsupError, match=complaint):
        chance_share(*words)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((0,), "n_hidden must be an integer of at least 1"),
        ((-3,), "n_hidden must be"),
        ((True,), "n_hidden must be"),
        ((3, -0.1), r"probability must lie in \[0, 1\]"),
        ((3, 2), "probability must lie in"),
        ((3, "x"), "probability must be a number"),
    ],
)
def test_chance_cosine_refuses(words: tuple[Any, ...], complaint: str) -> None:
    with pytest.raises(GeomsupError, match=complaint):
        chance_cosine(*words)


def test_chance_at_the_ends() -> None:
    # In three dimensions the cosine is uniform in [-1, 1].
    for cosine in (-1.0, -0.5, 0.0, 0.9, 1.0):
        assert chance_share(3, 1, cosine) == pytest.approx((1.0 - cosine) / 2.0)
        assert chance_cosine(3, (1.0 - cosine) / 2.0) == pytest.approx(cosine)
    # On a line a direction is the feature's own or its opposite.
    assert chance_share(1, 1) == 0.5
    assert chance_share(1, 3) == 0.875
    assert chance_share(1, 3, -1) == 1.0
    assert chance_cosine(1) == 1.0


def test_chance_share_is_that_of_random_dictionaries(rng: np.random.Generator) -> None:
    found = [
        recover_features(rng.standard_normal((3, 15)), [[1.0], [0.0], [0.0]], threshold=0.9).share
        for _ in range(2000)
    ]
    assert np.mean(found) == pytest.approx(chance_share(3, 15, 0.9), abs=0.03)


def test_trees_refuse_what_does_not_grow() -> None:
    small, large = _dictionary(np.eye(3)[:, :1]), _dictionary(np.eye(3))
    for wrong in ([small], [large, small], [small, small]):
        with pytest.raises(GeomsupError, match="at least two dictionaries, smallest first"):
            splitting_tree(wrong)
    with pytest.raises(GeomsupError, match="no living latent"):
        splitting_tree([_dictionary(np.eye(3)[:, :1], firing=np.zeros(1)), large])
    tree = splitting_tree([small, large])
    with pytest.raises(GeomsupError, match="level must be an integer in 0 … 0"):
        tree.split(1)
    with pytest.raises(GeomsupError, match="levels must satisfy"):
        tree.ancestors(0, 1)
    assert json.loads(json.dumps(tree.to_dict()))["sizes"] == [1, 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"branching": ()}, "branching and n_hidden must be integers"),
        ({"branching": (3, 0)}, "branching and n_hidden must be integers"),
        ({"branching": (3, 2), "shares": (1.0,)}, "shares must be 2 positive numbers"),
        ({"branching": (3, 2), "shares": (1.0, 0.0)}, "shares must be 2 positive numbers"),
    ],
)
def test_planted_clusters_refuse(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(GeomsupError, match=message):
        planted_clusters(n_hidden=10, **arguments)


def test_planted_cosines_are_the_shares_in_common() -> None:
    truth = planted_clusters((4, 2, 2), 20_000, shares=(0.5, 0.25, 0.25), seed=1)
    cosines = truth.W.T @ truth.W
    assert cosines[0, :4] == pytest.approx([1.0, 0.75, 0.5, 0.5], abs=0.03)
    assert cosines[0, 4:] == pytest.approx(0.0, abs=0.03)


def test_pictures_show_what_was_found() -> None:
    recovery = recover_features(np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]]), np.eye(2))
    ax = plot_matched_cosines(recovery, ax=Figure().add_subplot())
    shown = np.asarray(ax.images[0].get_array())
    assert np.diag(shown[:, :2]) == pytest.approx(recovery.cosines)
    assert [line.get_gid() for line in ax.lines] == ["unmatched"]
    with pytest.raises(GeomsupError, match=r"expected what .*recover_features"):
        plot_matched_cosines(None)  # type: ignore[arg-type]

    _, tree = _planted_tree(1, (0.5, 0.25, 0.25))
    ax = plot_splitting_tree(tree, ax=Figure().add_subplot())
    points = [np.asarray(c.get_offsets()) for c in ax.collections if c.get_gid()]
    assert [len(p) for p in points] == [6, 12, 24]
    legend = ax.get_legend()
    assert legend is not None
    assert legend.get_texts()[0].get_text() == "splits"
    # No two lines cross: children stand in the order of their parents.
    for level, parents in enumerate(tree.parents):
        order = np.argsort(points[level + 1][:, 0])
        places = points[level][parents[order], 0]
        assert (np.diff(places) >= 0).all()
    with pytest.raises(GeomsupError, match=r"expected what .*splitting_tree"):
        plot_splitting_tree(None)  # type: ignore[arg-type]


def test_loss_recovered_leaves_the_activations_alone() -> None:
    W, b = [[1.0, -1.0]], [0.0, 0.0]

    def halved(h: Array) -> Array:
        h *= 0.5
        return h

    assert loss_recovered(halved, W, b, 0.1) == loss_recovered(lambda h: 0.5 * h, W, b, 0.1) < 1.0


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"dictionary": lambda h: h[:1]}, "must give activations of shape"),
        ({"b": [np.nan, 0.0]}, "b must lie in .*, got nan for feature 0"),
        ({"b": ["a", "b"]}, "b must be"),
        ({"importance": [-1.0, 1.0]}, "importance must lie in .*, got -1 for feature 0"),
        ({"importance": [1.0, 1.0, 1.0]}, "importance must be"),
        ({"importance": 0.0}, "loses the same"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_losses_that_cannot_be_recovered(changed: dict[str, Any], says: str) -> None:
    given = {"dictionary": lambda h: h, "W": [[1.0, -1.0]], "b": [0.0, 0.0], **changed}
    with pytest.raises(GeomsupError, match=says):
        loss_recovered(**given, feature_probability=0.1)


@pytest.mark.parametrize("threshold", [None, "x", [], 1j, [0.5], 0.0, 1.1, np.nan])
def test_thresholds_that_cannot_be_meant(threshold: Any) -> None:
    with pytest.raises(GeomsupError, match="threshold must"):
        recover_features(np.eye(2), np.eye(2), threshold=threshold)
