"""classify_geometry from end to end: planted truth, trained weights, invariances, bad input."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from fuzz_inputs import bad_inputs
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import (
    EIGHT,
    FIVE,
    SOLIDS,
    false_discovery_rate,
    is_right,
    mixed_rank_accuracy,
    moved,
    planted,
    planted_sum,
    random_directions,
    random_orthogonal,
    solids_accuracy,
    sums_accuracy,
)
from strategies import seeds

from geomsup import (
    GeometryReport,
    GeomsupError,
    GeomsupWarning,
    classify_geometry,
    feature_dimensionality,
    get_shape,
)
from geomsup.geometry.classify import geometry_of
from geomsup.geometry.partition import best_partition
from geomsup.theory import best_known


def names_of(report: GeometryReport) -> list[str]:
    return [component.name for component in report.components]


# Planted truth, the small run; tests/benchmarks/planted_truth.py is the full one.


@pytest.mark.parametrize(("sigma", "least"), [(0.05, 1.0), (0.1, 0.97), (0.15, 0.92)])
def test_planted_solids(sigma: float, least: float) -> None:
    shares = solids_accuracy(sigma, trials=5)
    assert sum(shares.values()) / len(SOLIDS) >= least


@pytest.mark.parametrize(("names", "least"), [(EIGHT, 0.95), (FIVE, 0.90)])
def test_planted_shapes_of_mixed_rank_in_64_dimensions(
    names: tuple[str, ...], least: float
) -> None:
    shares = mixed_rank_accuracy(names, trials=12)
    assert sum(first for first, _ in shares.values()) / len(names) >= least


@pytest.mark.parametrize("trials", [10, pytest.param(25, marks=pytest.mark.slow)])
def test_planted_orthogonal_sums(trials: int) -> None:
    share, failures = sums_accuracy(trials)
    assert share >= 0.99, f"failing seeds: {failures}"


@pytest.mark.parametrize("trials", [50, pytest.param(200, marks=pytest.mark.slow)])
def test_random_directions_are_not_named(trials: int) -> None:
    confident, _ = false_discovery_rate(trials)
    assert confident <= 0.01


# Trained weights.


def test_trained_models_are_classified_as_checked_by_hand(trained: dict[str, np.ndarray]) -> None:
    at_half, at_third, at_fifth, at_tenth = (classify_geometry(W) for W in trained["W"])
    assert at_half.counts() == {"digon": 18, "monosemantic": 1}
    assert at_third.counts() == {"digon": 19}
    assert at_third.composite == "19-orthoplex"
    assert at_fifth.counts() == {"irregular": 2, "pentagon": 2, "digon": 2}
    largest, second = at_fifth.components[:2]
    assert (len(largest.features), largest.rank) == (26, 9)
    assert (len(second.features), second.rank) == (17, 6)
    assert largest.tightness > 0.99
    assert second.tightness > 0.99
    (frame,) = at_tenth.components
    assert (frame.name, len(frame.features), frame.rank) == ("irregular", 93, 20)
    assert frame.tightness > 0.999
    assert at_tenth.tightness > 0.999


def test_classifying_by_hand_at_the_published_cut_agrees(trained: dict[str, np.ndarray]) -> None:
    for W in trained["W"]:
        by_hand = classify_geometry(W, interference_threshold=0.3)
        assert by_hand.counts() == classify_geometry(W).counts()
        assert by_hand.interference_reason == "given by the caller"


# Invariances.


@given(seed=seeds, index=st.integers(0, 10))
@settings(max_examples=15)
def test_rotation_permutation_and_scale_carry_over(seed: int, index: int) -> None:
    rng = np.random.default_rng(seed)
    W, _ = planted_sum(np.random.default_rng(index), max_dim=14)
    turn = random_orthogonal(W.shape[0], rng)
    order = rng.permutation(W.shape[1])
    before = classify_geometry(W)
    after = classify_geometry(3.7 * (turn @ W)[:, order])
    expected = {(c.name, frozenset(c.features)) for c in before.components}
    found = {(c.name, frozenset(order[list(c.features)].tolist())) for c in after.components}
    assert found == expected
    assert after.composite == before.composite
    np.testing.assert_allclose(after.dimensionalities, before.dimensionalities[order], rtol=1e-7)


def test_feature_axis_transposes() -> None:
    W = planted("cube", 3, 0.02, np.random.default_rng(0))
    assert str(classify_geometry(W.T, feature_axis=0)) == str(classify_geometry(W))


def test_the_number_of_threads_changes_no_name() -> None:
    # Two processes, so that nothing hangs on the hashes of one either.
    code = (
        "import numpy as np; from geomsup import classify_geometry;"
        "W = np.random.default_rng(0).normal(size=(6, 40));"
        "print(sorted(c.features for c in classify_geometry(W).components))"
    )
    output = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    ]
    assert output[0] == output[1]


# What a report holds.


def test_components_are_sorted_and_cover_the_represented_features() -> None:
    W, _ = planted_sum(np.random.default_rng(8))
    report = classify_geometry(W)
    keys = [(-len(c.features), c.features[0]) for c in report.components]
    assert keys == sorted(keys)
    covered = sorted(i for c in report.components for i in c.features)
    assert covered == np.flatnonzero(report.represented).tolist()


@pytest.mark.parametrize(
    ("factors", "whole"),
    [
        (["digon", "digon"], "square"),
        (["digon"] * 3, "octahedron"),
        (["triangle", "digon"], "triangular bipyramid"),
        (["pentagon", "digon"], "pentagonal bipyramid"),
        (["digon", "digon", "monosemantic"], "square pyramid"),
        (["digon"] * 4, "16-cell"),
        (["triangle", "triangle"], "triangle ⊕ triangle"),
        (["triangle", "monosemantic"], None),
    ],
)
def test_exactly_orthogonal_factors_make_a_composite(factors: list[str], whole: str | None) -> None:
    shapes = [get_shape(name) for name in factors]
    dim = sum(shape.dim for shape in shapes)
    W = np.zeros((dim, sum(shape.n_vertices for shape in shapes)))
    row = column = 0
    for shape in shapes:
        W[row : row + shape.dim, column : column + shape.n_vertices] = shape.vertices.T
        row, column = row + shape.dim, column + shape.n_vertices
    report = geometry_of(random_orthogonal(dim, np.random.default_rng(0)) @ W)
    assert sorted(names_of(report)) == sorted(factors)
    assert report.composite == whole


def test_loose_parts_make_no_figure_and_are_marked_where_they_are_listed() -> None:
    # The corners of a tetrahedron, and four short features near their opposites.
    report = geometry_of(best_known(8, 3, 0.9325).W)
    (loose,) = [part for part in report.components if part.match is not None and part.match.loose]
    assert (loose.name, len(report.components)) == ("hexagon", 2)
    assert report.composite is None
    assert report.summary() == "1 × hexagon (loose), 1 × digon"


def test_leakage_and_tightness_of_orthogonal_and_leaning_components() -> None:
    clean = classify_geometry(np.array([[1.0, -1, 0, 0], [0, 0, 2, -2]]))
    assert [c.leakage for c in clean.components] == [0.0, 0.0]
    assert [c.tightness for c in clean.components] == pytest.approx([1.0, 1.0])
    leaning = np.array([[1.0, -1, 0.2, -0.2], [0, 0, 1, -1]])
    report = classify_geometry(leaning, interference_threshold=0.5)
    cosine = 0.2 / np.hypot(1, 0.2)
    # Per feature: 2 inside, 2 cos² from the other pair, weighted by the norms squared.
    inside, outside = 2 * 1.0, 2 * cosine**2 * 1.04
    assert report.components[0].leakage == pytest.approx(outside / (inside + outside))


def test_a_single_feature_that_leans_on_others_is_no_monosemantic() -> None:
    angles = np.radians([0, 30])
    W = np.vstack([np.cos(angles), np.sin(angles)])
    report = classify_geometry(W, interference_threshold=0.99)
    assert names_of(report) == ["irregular", "irregular"]


@pytest.mark.parametrize(("leakage", "name"), [(0.36, "monosemantic"), (0.4, "irregular")])
def test_a_single_feature_may_lean_so_far(leakage: float, name: str) -> None:
    # Of two features each shares cos² / (1 + cos²) of its interference.
    cosine = np.sqrt(leakage / (1 - leakage))
    W = np.array([[1.0, cosine], [0.0, np.sqrt(1 - cosine**2)]])
    report = classify_geometry(W, interference_threshold=0.99)
    assert [c.leakage for c in report.components] == pytest.approx([leakage, leakage])
    assert names_of(report) == [name, name]


def test_a_name_is_carried_by_more_than_half_of_the_probability() -> None:
    # Two figures come near: the pentagon that it was, and what it has become by then.
    rng = np.random.default_rng(0)
    steps = rng.standard_normal((2, 5))
    named: list[float] = []
    not_named: list[float] = []
    for sigma in np.linspace(0.1, 0.7, 61):
        W = moved(get_shape("pentagon").vertices.T, sigma * steps)
        for component in classify_geometry(W, interference_threshold=0.0).components:
            probability = component.candidates[0].probability
            (not_named if component.match is None else named).append(probability)
    assert max(not_named) <= 0.5 < min(named)
    assert min(named) - max(not_named) < 0.2


def test_crowded_digons_are_not_a_cross_polytope() -> None:
    # 33 exact digons on random axes in 24 dimensions: antipodes, but nothing is orthogonal.
    axes = random_directions(33, 24, np.random.default_rng(0))
    report = classify_geometry(np.hstack([axes, -axes]))
    assert report.composite is None
    assert not any("orthoplex" in name or "cell" in name for name in names_of(report))


def test_component_tightness_never_exceeds_one() -> None:
    rng = np.random.default_rng(1)
    for _ in range(4):
        W, _ = planted_sum(rng, sigma=0.08, max_dim=14)
        assert all(c.tightness <= 1 + 1e-9 for c in classify_geometry(W).components)


def test_noise_can_be_given() -> None:
    W = planted("cube", 3, 0.1, np.random.default_rng(0))
    report = classify_geometry(W, noise=0.1)
    assert names_of(report) == ["cube"]
    assert report.noise == 0.1
    assert names_of(classify_geometry(W, noise=0.003)) != ["cube"]


def test_matched_ideal_lies_near_the_data() -> None:
    W = planted("square antiprism", 5, 0.05, np.random.default_rng(0))
    component = classify_geometry(W).components[0]
    assert component.match is not None
    ideal = component.match.ideal_directions()
    cosines = (W[:, list(component.features)] * ideal).sum(axis=0)
    assert np.sqrt((np.arccos(cosines) ** 2).mean()) == pytest.approx(
        component.match.rms_angle, rel=1e-6
    )
    assert component.match.parameter_name == "elevation"
    assert {"tight frame", "Thomson", "equal edge", "packing"} <= set(component.match.landmarks)


def test_graph_and_represented_mask() -> None:
    W = np.array([[1.0, -1.0, 0.001, 0.0], [0.0, 0.0, 0.0, 1.0]])
    report = classify_geometry(W)
    assert report.represented.tolist() == [True, True, False, True]
    assert sorted(report.graph.nodes) == [0, 1, 3]
    assert list(report.graph.edges) == [(0, 1)]
    np.testing.assert_allclose(report.dimensionalities, feature_dimensionality(W))
    with pytest.raises(ValueError, match="read-only"):
        report.norms[0] = 2.0
    with pytest.raises(ValueError, match="read-only"):
        report.edges[0] = 1


@pytest.mark.parametrize(
    "W", [np.zeros((2, 4)), np.ones((3, 5)), [[1.0]], np.eye(3), np.eye(1, 5), -np.eye(2, 3)]
)
def test_degenerate_matrices_give_a_report(W: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GeomsupWarning)
        report = classify_geometry(W)
    assert str(report)
    assert GeometryReport.from_json(report.to_json()).to_json() == report.to_json()


# Bad input.


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("interference_threshold", "high"),
        ("interference_threshold", 1.2),
        ("interference_threshold", None),
        ("norm_threshold", -1),
        ("norm_threshold", np.nan),
        ("noise", 0.0),
        ("noise", "some"),
        ("noise", 10**400),
        ("noise", np.array([0.1, 0.2])),
        ("max_candidates", 0),
        ("max_candidates", 2.5),
        ("max_candidates", True),
        ("feature_axis", 2),
    ],
)
def test_bad_options_are_named(option: str, value: object) -> None:
    with pytest.raises(GeomsupError, match=option):
        classify_geometry(np.eye(2, 4), **{option: value})  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize("seed", range(4))
def test_fuzzed_input_gives_a_report_or_a_geomsup_error(seed: int, tmp_path: Path) -> None:
    reports = refusals = 0
    for item in bad_inputs(100 + seed, 2500, tmp_path):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", GeomsupWarning)
            try:
                report = classify_geometry(item)
            except GeomsupError:
                refusals += 1
                continue
        assert str(report)
        assert np.isfinite(report.tightness)
        reports += 1
    assert min(reports, refusals) > 200


# The cut.


def test_a_cut_says_why() -> None:
    W, _ = planted_sum(np.random.default_rng(2))
    reason = classify_geometry(W).interference_reason
    assert "components of total rank" in reason
    assert "next best cut" in reason


def test_a_cube_is_not_cut_into_digons() -> None:
    for sigma in (0.0, 0.1):
        W = planted("cube", 3, sigma, np.random.default_rng(0))
        assert best_partition(W).reason.startswith("1 component of total rank 3")


@pytest.mark.slow
@pytest.mark.parametrize(("sigma", "least"), [(0.05, 1.0), (0.1, 0.99), (0.15, 0.93)])
def test_planted_solids_with_up_to_eight_vertices(sigma: float, least: float) -> None:
    shares = solids_accuracy(sigma, trials=100)
    small = [name for name in SOLIDS if get_shape(name).n_vertices <= 8]
    assert sum(shares[name] for name in small) / len(small) >= least


def test_is_right_accepts_the_name_or_exactly_the_factors() -> None:
    assert is_right(["octahedron"], "octahedron")
    assert is_right(["digon", "digon", "digon"], "octahedron")
    assert not is_right(["square", "digon"], "octahedron")
    assert is_right(["digon", "monosemantic", "digon"], "square pyramid")


def test_trained_pentagons_and_stuck_models_are_named_for_what_they_are() -> None:
    from geomsup.training import ToyModelConfig, train

    # A small initial scale leaves some of the sixteen seeds stuck with four directions.
    config = ToyModelConfig(feature_probability=0.05, n_steps=5000, init_scale=0.1)
    run = train(config, seed=0, progress=False)
    pentagons = 0
    for W, loss in zip(run.weights, run.losses, strict=True):
        report = classify_geometry(W)
        if np.all(np.linalg.norm(W, axis=0) > 0.5):
            assert report.counts() == {"pentagon": 1}
            # The exact optimum is .0089035937 (expected loss of the best pentagon at p = .05).
            assert loss == pytest.approx(0.0089036, rel=0.1)
            pentagons += 1
        else:
            assert report.counts() == {"digon": 2}
            assert max(report.components[0].multiplicities) == 2
            assert loss > 0.015
    assert 8 <= pentagons < 16


@pytest.mark.parametrize(
    ("k", "lean", "scatter"), [(35, 0.05, 0.01), (10, 0.05, 0.0), (6, 0.03, 0)]
)
def test_tight_digons_that_lean_on_each_other_are_digons(
    k: int, lean: float, scatter: float
) -> None:
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(k, k)))[0] + lean * rng.normal(size=(k, k))
    axes /= np.linalg.norm(axes, axis=0)
    W = np.hstack([axes, -axes]) + scatter * rng.normal(size=(k, 2 * k))
    assert classify_geometry(W).counts() == {"digon": k}


def test_several_features_on_one_ray_are_not_monosemantic() -> None:
    report = classify_geometry(np.array([[1, 0.4, 0.4, 0, 0], [0, 0, 0, 1, -1.0]]))
    assert report.counts() == {"irregular": 1, "digon": 1}
    assert report.components[0].multiplicities == (3,)
    assert "irregular (one ray)" in str(report)


def test_a_single_strong_feature_leaves_the_pentagon_a_pentagon() -> None:
    W = get_shape("pentagon").vertices.T * [1, 1, 1, 1, 13]
    assert classify_geometry(W).counts() == {"pentagon": 1}


@pytest.mark.parametrize(
    "name", ["tricapped triangular prism", "square antiprism", "pentagonal prism"]
)
def test_every_member_of_a_family_is_found(name: str) -> None:
    family = get_shape(name).family
    assert family is not None
    low, high = family.bounds
    for share in (0.02, 0.3, 0.7, 0.98):
        value = low + share * (high - low)
        component = classify_geometry(family.build(value).T).components[0]
        assert component.candidates[0].shape == name
        assert component.candidates[0].parameter == pytest.approx(value, abs=1e-4)
        assert component.candidates[0].rms_angle < 1e-4


@pytest.mark.parametrize("figure", ["square pyramid", "octahedron", "triangular bipyramid"])
def test_a_composite_survives_noise(figure: str) -> None:
    lost = seen = 0
    for seed in range(40):
        report = classify_geometry(planted(figure, 3, 0.05, np.random.default_rng(seed)))
        if len(report.components) > 1:
            seen += 1
            lost += report.composite != figure
    assert seen > 30
    assert lost <= 3


def test_scales_beyond_float64_are_refused() -> None:
    for scale in (1e-170, 1e-310, 1e160):
        with pytest.raises(GeomsupError, match="rescale"):
            classify_geometry(get_shape("pentagon").vertices.T * scale)
