from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kstest

import geomsup
from geomsup import Claim, GeomsupError, get_shape, weigh_claim
from geomsup.errors import UnknownShapeError, WeightsError

Array = NDArray[np.float64]

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def planted(
    points: Array, noise: float, rng: np.random.Generator, *, common: float = 1.0, dim: int = 48
) -> Array:
    """A round matrix whose first features are points of radius 1 about a common part."""
    rows = rng.standard_normal((800, dim))
    n, r = points.shape
    axes = np.linalg.qr(rng.standard_normal((dim, r + 1)))[0]
    rows[:n] = common * axes[:, 0] + points @ axes[:, 1:].T
    rows[:n] += noise / np.sqrt(dim) * rng.standard_normal((n, dim))
    rows[:n] *= np.sqrt(dim / (1 + common**2))
    return rows


def on_ring(n: int) -> Array:
    angles = 2 * np.pi * np.arange(n) / n
    return np.column_stack([np.cos(angles), np.sin(angles)])


def weighed(W: Array, features: Any, shape: str, **options: Any) -> Claim:
    return weigh_claim(W, features, shape, **{"feature_axis": 0, "n_controls": 400, **options})


@pytest.mark.parametrize("n", [7, 12])
def test_a_ring_is_supported_and_its_members_are_put_in_order(n: int) -> None:
    supported = 0
    for seed in range(10):
        rng = np.random.default_rng([seed, n])
        W = planted(on_ring(n), 0.2, rng)
        place = rng.permutation(800)
        moved = W[np.argsort(place)]  # feature k is now at place[k]
        group = place[:n]
        claim = weighed(moved, rng.permutation(group).tolist(), "ring", seed=seed)
        supported += claim.verdict == "supported"
        turn = [group.tolist().index(feature) for feature in claim.order]
        assert set(np.diff(turn) % n) in ({1}, {n - 1})
        assert claim.angles is not None
        steps = np.diff(claim.angles, append=2 * np.pi)
        assert steps == pytest.approx(np.full(n, 2 * np.pi / n), abs=0.3)
        assert claim.closure < 1.5
    assert supported >= 9


def test_a_ring_in_its_order_in_a_wrong_one_and_as_something_else() -> None:
    rng = np.random.default_rng(0)
    W = planted(on_ring(9), 0.2, rng)
    right = weighed(W, range(9), "ring", order=range(9))
    assert right.verdict == "supported"
    assert right.p_order is not None
    assert right.p_order <= 0.01
    wrong = weighed(W, range(9), "ring", order=rng.permutation(9))
    assert wrong.verdict == "contradicted"
    assert weighed(W, range(9), "9-gon").verdict == "supported"
    for shape in ("arc", "line", "simplex", "8-simplex"):
        assert weighed(W, range(9), shape).verdict == "contradicted", shape


def test_steps_may_be_uneven_and_the_angles_say_how() -> None:
    rng = np.random.default_rng(1)
    # twelve months of which two coincide
    angles = np.array([0.0, 0.5, 1.0, 1.55, 2.1, 2.65, 3.2, 3.25, 4.1, 4.7, 5.2, 5.7])
    W = planted(np.column_stack([np.cos(angles), np.sin(angles)]), 0.1, rng)
    claim = weighed(W, range(12), "ring", order=range(12))
    assert claim.verdict == "supported"
    assert claim.angles == pytest.approx(angles, abs=0.15)


def test_half_a_circle_is_an_arc_and_no_ring() -> None:
    rng = np.random.default_rng(2)
    angles = np.linspace(0, np.pi, 10)
    W = planted(np.column_stack([np.cos(angles), np.sin(angles)]), 0.1, rng)
    assert weighed(W, range(10), "arc").verdict == "supported"
    ring = weighed(W, range(10), "ring", order=range(10))
    assert ring.verdict == "contradicted"
    assert ring.evidence["arc"] < -3


def test_a_line_bent_into_a_plane_does_not_close() -> None:
    rng = np.random.default_rng(3)
    places = np.linspace(-1, 1, 10)
    W = planted(np.column_stack([places, 0.4 * places**2]), 0.1, rng)
    claim = weighed(W, range(10), "ring", order=range(10))
    assert claim.verdict == "contradicted"
    assert weighed(W, range(10), "ring").verdict == "contradicted"


def test_a_line_in_its_order() -> None:
    rng = np.random.default_rng(4)
    W = planted(np.linspace(-1.5, 1.5, 8)[:, None], 0.2, rng)
    assert weighed(W, range(8), "line", order=range(8)).verdict == "supported"
    assert weighed(W, range(8), "line").verdict == "supported"
    assert weighed(W, range(8), "line", order=rng.permutation(8)).verdict == "contradicted"


def test_a_simplex_is_more_than_any_few_vectors() -> None:
    rng = np.random.default_rng(5)
    W = planted(get_shape("7-simplex").vertices, 0.1, rng, dim=24)
    claim = weighed(W, range(8), "simplex")
    assert claim.verdict == "supported"
    assert claim.p_together is not None
    assert claim.p_together <= 0.01
    # random vectors, which a matcher calls one: 40 of 40 times at 4, 6 and 8
    for n in (4, 6, 8):
        for k in range(5):
            group = range(100 + 10 * k, 100 + 10 * k + n)
            assert weighed(W, group, "simplex").verdict != "supported"


def test_antipodes_and_bundles_are_about_the_origin() -> None:
    rng = np.random.default_rng(6)
    W = rng.standard_normal((500, 32))
    W[1] = -W[0] + 0.2 * rng.standard_normal(32)
    W[2:6] = W[10] + 0.3 * rng.standard_normal((4, 32))
    pair = weighed(W, [0, 1], "antipodes")
    assert (pair.verdict, pair.about) == ("supported", "origin")
    assert pair.statistic == pytest.approx(
        float(W[0] @ W[1] / np.linalg.norm(W[0]) / np.linalg.norm(W[1]))
    )
    assert weighed(W, [0, 1], "digon").verdict == "supported"
    assert weighed(W, [0, 20], "antipodes").verdict != "supported"
    assert weighed(W, [2, 3, 4, 5], "bundle").verdict == "supported"
    assert weighed(W, [0, 1, 20, 30], "bundle").verdict == "contradicted"


@pytest.mark.parametrize("name", ["octahedron", "cube", "triangular prism"])
def test_a_shape_of_the_catalogue_about_either_centre(name: str) -> None:
    rng = np.random.default_rng(7)
    vertices = get_shape(name).vertices
    W = planted(vertices, 0.1, rng)
    assert weighed(W, range(len(vertices)), name).verdict == "supported"
    W = planted(vertices, 0.1, rng, common=0.0)
    assert weighed(W, range(len(vertices)), name, about="origin").verdict == "supported"
    other = "octahedron" if name == "triangular prism" else "triangular prism"
    if len(get_shape(other).vertices) == len(vertices):
        assert weighed(W, range(len(vertices)), other).verdict == "contradicted"


@pytest.mark.parametrize("name", ["triangle", "tetrahedron", "7-simplex"])
def test_a_simplex_by_name_is_weighed_about_both_centres(name: str) -> None:
    vertices = get_shape(name).vertices
    n = len(vertices)
    found = []
    for common, centre, other in ((0.0, "origin", "centroid"), (2.0, "centroid", "origin")):
        rng = np.random.default_rng(13)
        W = planted(vertices, 0.05, rng, common=common, dim=24)
        claim = weighed(W, range(n), name)
        assert set(claim.elsewhere) == {other}
        assert (claim.verdict, claim.about) == ("supported", centre) or n == 3
        assert claim.verdict != "contradicted"
        assert f"about the {other}: {claim.elsewhere[other].split(':')[0]}" in str(claim)
        found.append(claim)
        # Asked about one centre, only that one is looked at.
        assert weighed(W, range(n), name, about=centre).elsewhere == {}
        assert weighed(W, range(n), name, about=other).verdict != "supported"
    assert found[0].verdict == "supported"
    W = np.random.default_rng(14).standard_normal((400, 24))
    for k in range(10):  # any few vectors are one about their own centroid
        group = range(n * k, n * (k + 1))
        assert weighed(W, group, name).verdict != "supported"


def test_of_two_looks_each_has_half_the_level() -> None:
    W = planted(get_shape("tetrahedron").vertices, 0.05, np.random.default_rng(15), common=0.0)
    few = weighed(W, range(4), "tetrahedron", n_controls=198)
    assert (few.verdict, few.p_value) == ("undecided", 1 / 199)
    assert "198 controls are too few: take 199 or more" in few.why
    assert weighed(W, range(4), "tetrahedron", n_controls=199).verdict == "supported"
    one = weighed(W, range(4), "tetrahedron", n_controls=99, about="origin")
    assert one.verdict == "supported"
    none = weighed(W, range(4), "tetrahedron", n_controls=98, about="origin")
    assert "98 controls are too few: take 99 or more" in none.why


def test_a_figure_with_its_vertices_on_one_side_is_about_the_origin() -> None:
    vertices = get_shape("square pyramid").vertices
    W = planted(vertices, 0.1, np.random.default_rng(16), common=0.0)
    claim = weighed(W, range(5), "square pyramid")
    assert (claim.verdict, claim.about) == ("supported", "origin")
    with pytest.raises(GeomsupError, match="about of shape 'square pyramid' must be one of origin"):
        weighed(W, range(5), "square pyramid", about="centroid")


def test_few_members_with_uneven_steps_are_a_ring_in_no_order() -> None:
    supported = 0
    for seed in range(20):
        rng = np.random.default_rng([17, seed])
        gaps = 2.0
        while gaps >= 2:
            places = np.sort(rng.uniform(size=7))
            gaps = 7 * np.diff(places, append=places[0] + 1).max()
        points = np.column_stack([np.cos(2 * np.pi * places), np.sin(2 * np.pi * places)])
        W = planted(points, 0.2, rng, dim=8)
        supported += weighed(W, range(7), "ring", seed=seed).verdict == "supported"
    assert supported >= 17


def test_what_is_removed_folded_or_measured_otherwise() -> None:
    rng = np.random.default_rng(8)
    W = planted(on_ring(8), 0.1, rng)
    loud = 30 * rng.standard_normal((800, 1)) * np.eye(1, 48)  # one axis drowns all others
    assert weighed(W + loud, range(8), "ring").verdict != "supported"
    assert weighed(W + loud, range(8), "ring", remove_components=1).verdict == "supported"
    mixed = W * rng.lognormal(0, 0.5, (800, 1))
    assert weighed(mixed, range(8), "ring", fold_norms=True).verdict == "supported"
    # stretched by a matrix, and measured by the inner product that undoes it
    stretch = np.eye(48) + 0.8 * rng.standard_normal((48, 48)) / np.sqrt(48)
    undone = np.linalg.inv(stretch @ stretch.T)
    claim = weighed(W @ stretch.T, range(8), "ring", metric=undone)
    plain = weighed(W, range(8), "ring")
    assert claim.statistic == pytest.approx(plain.statistic, rel=1e-3)
    causal = weighed(W @ stretch.T, range(8), "ring", metric="causal")
    assert causal.statistic == pytest.approx(
        weighed(W, range(8), "ring", metric="causal").statistic, rel=1e-3
    )


def test_controls_from_elsewhere() -> None:
    pentagon = on_ring(5)
    W = np.vstack([pentagon, 1.1 * pentagon[:1]])
    with pytest.raises(GeomsupError, match="too few for control groups of 5"):
        weighed(W, range(5), "pentagon", about="origin")
    claim = weighed(W, range(5), "pentagon", about="origin", background="isotropic")
    assert claim.p_value < 0.05
    other = np.random.default_rng(0).standard_normal((200, 2))
    assert weighed(W, range(5), "pentagon", about="origin", background=other).p_value < 0.05
    with pytest.raises(GeomsupError, match="background has 3 dimensions"):
        weighed(W, range(5), "pentagon", background=np.eye(40, 3))


def draws_without(k: int) -> tuple[Array, str, dict[str, Any]]:
    rng = np.random.default_rng([9, k])
    n, dim = int(rng.integers(4, 16)), int(rng.choice([2, 3, 8, 32, 128]))
    W = rng.standard_normal((250, dim))
    kind = k % 4
    if kind == 1:  # flat
        W[:n] = rng.standard_normal((n, dim)) * np.arange(1, dim + 1) ** -1.5
    elif kind == 2:  # clusters
        W[:n] = rng.standard_normal((3, dim))[np.arange(n) % 3]
        W[:n] += 0.2 * rng.standard_normal((n, dim))
    elif kind == 3:  # a ring in a wrong order
        n = max(n, 7)
        W = planted(on_ring(n), 0.2, rng, dim=max(dim, 3))
    order = rng.permutation(n) if kind == 3 else None
    shape = "ring" if kind == 3 else str(rng.choice(["ring", "arc", "line", "simplex"]))
    return W[: max(n, 250)], shape, {"order": order, "features": range(n), "seed": k}


def test_what_is_not_there_is_not_supported() -> None:
    verdicts = []
    for k in range(120):
        W, shape, options = draws_without(k)
        verdicts.append(weighed(W, shape=shape, n_controls=150, **options).verdict)
    assert verdicts.count("supported") <= 1
    assert verdicts.count("contradicted") > 60


@pytest.mark.parametrize("shape", ["ring", "line", "simplex", "bundle"])
@pytest.mark.slow
def test_p_values_are_uniform_on_groups_like_the_controls(shape: str) -> None:
    values = []
    for k in range(150):
        rng = np.random.default_rng([10, k])
        W = rng.standard_normal((300, 16)) * np.arange(1, 17) ** -0.5 + 0.3
        values.append(weighed(W, range(6), shape, n_controls=99, seed=k).p_value)
    assert kstest(values, "uniform").pvalue > 0.01


def test_a_claim_says_the_same_whatever_is_irrelevant() -> None:
    rng = np.random.default_rng(11)
    W = planted(on_ring(7), 0.2, rng)
    first = weighed(W, range(7), "ring")
    assert weighed(W, range(7), "ring").to_dict() == first.to_dict()
    assert weighed(W.T, range(7), "ring", feature_axis=-1).p_value == first.p_value
    turned = W @ np.linalg.qr(rng.standard_normal((48, 48)))[0]
    assert weighed(turned, range(7), "ring").evidence == pytest.approx(first.evidence, abs=1e-2)
    assert weighed(5 * W, range(7), "ring").statistic == pytest.approx(first.statistic)


def test_a_claim_prints_on_one_screen_and_as_json() -> None:
    rng = np.random.default_rng(12)
    W = planted(on_ring(7), 0.2, rng)
    names = [*WEEK, *(f"word{k}" for k in range(793))]
    claim = weighed(W, WEEK, "ring", labels=names, order=WEEK)
    text = str(claim)
    assert text.startswith("ring of 7 about the centroid: supported\n")
    assert "mon, tue, wed, thu, fri, sat, sun" in text
    assert len(text.splitlines()) <= 30
    assert max(map(len, text.splitlines())) <= 100
    assert repr(claim) == text
    data = json.loads(json.dumps(claim.to_dict()))
    assert data["verdict"] == "supported"
    assert data["labels"] == list(WEEK)
    assert data["n_controls"] == 400
    assert "control_statistics" not in data
    assert claim.control_statistics.shape == (400,)
    with pytest.raises(ValueError, match="read-only"):
        claim.control_statistics[0] = 0.0


@pytest.mark.parametrize(
    ("features", "shape", "options", "message"),
    [
        ([0, 1, 2, 800], "ring", {}, r"each of features must be an integer in 0 … 799, got 800"),
        ([0, 1, 2, -1], "ring", {}, "each of features must be an integer"),
        ([0, 1, 2, 2.5], "ring", {}, "each of features must be an integer"),
        ([0, 1, 2, 2], "ring", {}, "features must be distinct, got 2 2 times"),
        (3, "ring", {}, "features must be a list"),
        ("monday", "ring", {}, "features must be a list"),
        (["mon", 1, 2, 3], "ring", {}, "features by label need labels="),
        ([0, 1, 2], "ring", {}, "'ring' needs 4 features or more, got 3"),
        ([0], "bundle", {}, "needs 2 features or more"),
        ([0, 1, 2], "antipodes", {}, "antipodes come in pairs, got 3"),
        (range(7), "octahedron", {}, "the octahedron has 6 vertices, got 7 features"),
        (range(7), "heptagon", {"order": range(6)}, "order must have each of the 7 features once"),
        (range(7), "ring", {"order": [0, 1, 2, 3, 4, 5, 5]}, "order: features must be distinct"),
        (range(7), "ring", {"order": [0, 1, 2, 3, 4, 5, 9]}, "order must have each"),
        (range(4), "simplex", {"order": range(4)}, "shape 'simplex' has no order"),
        (range(7), "ring", {"about": "middle"}, "about of shape 'ring' must be one of centroid"),
        ([0, 1], "antipodes", {"about": "centroid"}, "about of shape 'antipodes' must be one of"),
        (range(7), "ring", {"n_controls": 0}, "n_controls must be"),
        (range(7), "ring", {"metric": "cosine"}, "metric must be 'causal' or a matrix"),
        (
            range(7),
            "ring",
            {"metric": np.eye(3)},
            r"metric must be 'causal' or a matrix of shape \(48",
        ),
        (range(7), "ring", {"metric": np.full((48, 48), np.nan)}, "metric must be finite, got NaN"),
        ([3], "monosemantic", {}, "'monosemantic' is said of one alone"),
        ([1.0, 2.0, 3.0, 4.0], "ring", {}, "each of features must be an integer in 0 … 799, got 1"),
        ([True, 2, 3, 4], "ring", {}, "each of features must be an integer in 0 … 799, got True"),
        (range(4), "ring", {"order": [True, 0, 2, 3]}, "order: each of features must be an int"),
        ([10, 20, 30, 40], "ring", {"order": range(4)}, "order must have each of the 4 features"),
        (range(800), "bundle", {}, "expected at most 512 features"),
        (range(300), "bundle", {"n_controls": 2000}, "at most 745 controls for 300 features"),
        (range(300), "ring", {"mask": np.arange(800) < 303}, "3 features beside the group are too"),
        (range(7), "ring", {"metric": -np.eye(48)}, "without negative eigenvalues"),
        (range(7), "ring", {"background": "other"}, "background: "),
        (range(600), "ring", {}, "expected at most 512 features"),
        (range(7), "ring", {"labels": ["a"]}, "expected 800 labels"),
        (range(7), "ring", {"feature_axis": None}, "feature_axis must be 0"),
    ],
)
def test_what_is_wrong_is_said_once(
    features: Any, shape: str, options: dict[str, Any], message: str
) -> None:
    W = np.random.default_rng(0).standard_normal((800, 48))
    with pytest.raises(GeomsupError, match=message):
        weighed(W, features, shape, **options)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("rign", "unknown shape 'rign'; did you mean 'ring'"),
        ("pentagn", "did you mean 'pentagon'"),
        ("xyzzy", "unknown shape 'xyzzy'.*or one of ring, arc, line, simplex"),
    ],
)
def test_an_unknown_shape_has_near_names(shape: str, message: str) -> None:
    W = np.random.default_rng(0).standard_normal((50, 8))
    with pytest.raises(UnknownShapeError, match=message):
        weighed(W, range(5), shape)


def test_numbers_that_are_none_and_vectors_without_length() -> None:
    W = np.random.default_rng(0).standard_normal((50, 8))
    W[2] = 0.0
    with pytest.raises(GeomsupError, match="feature 2 is masked, or a zero vector"):
        weighed(W, range(5), "ring", about="origin")
    W[2] = W[3] = W[4] = W[5] = W[6]
    for few in (range(2, 6), range(2, 7)):  # rounding does not spread copies
        with pytest.raises(GeomsupError, match="all at one point"):
            weighed(W, few, "ring")
    W[7, 0] = np.nan
    with pytest.raises(WeightsError, match="feature 7"):
        weighed(W, range(5), "ring")
    mask = np.arange(50) != 7
    with pytest.raises(GeomsupError, match="feature 7 is masked"):
        weighed(W, [7, 8, 9, 10], "ring", mask=mask)


def test_labels_that_are_not_one_feature() -> None:
    W = np.random.default_rng(0).standard_normal((50, 8))
    names = ["same", "same", *(f"word{k}" for k in range(48))]
    with pytest.raises(GeomsupError, match="label 'same' is that of 2 features; the first is 0"):
        weighed(W, ["same", "word1", "word2", "word3"], "ring", labels=names)
    with pytest.raises(GeomsupError, match="label 'none' is that of no features"):
        weighed(W, ["none", "word1", "word2", "word3"], "ring", labels=names)


def test_the_public_names_are_loaded_when_asked_for() -> None:
    assert {"Claim", "weigh_claim"} <= set(geomsup.__all__)
