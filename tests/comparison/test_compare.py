"""Two dictionaries whose common part is planted, or absent."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from geomsup import DictionaryComparison, compare_dictionaries
from geomsup.errors import GeomsupError
from geomsup.nulls import IsotropicNull, MatchedNull

Array = np.ndarray[Any, np.dtype[np.float64]]
Options = dict[str, Any]
ROWS: Options = {"feature_axis": 0, "progress": False}


def _background(kind: str, n: int, dim: int, rng: np.random.Generator) -> Array:
    scales = np.exp(0.7 * np.random.default_rng(1).normal(size=dim))
    rows = rng.normal(size=(n, dim)) * (1.0 if kind == "uniform" else scales)
    return np.asarray(rows + (0.6 if kind == "off-centre" else 0.0))


@pytest.fixture
def pair(rng: np.random.Generator) -> tuple[Array, Array]:
    """Of 120 features 50 come again, in another order; ten of those are two or three."""
    A = rng.normal(size=(120, 48))
    again = A[:50][::-1]
    B = np.concatenate([again + 0.1 * rng.normal(size=(50, 48)), rng.normal(size=(90, 48))])
    B[50:60] = A[:10] + 0.6 * rng.normal(size=(10, 48))
    B[60] = A[0] + 0.6 * rng.normal(size=48)
    return A, B


# ---------------------------------------------------------------------- values from elsewhere


def test_the_published_value_of_two_random_dictionaries() -> None:
    """.2895 was published for |cos| of matched directions, 1,024 of them in 128 dimensions."""
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(2, 1024, 128))
    found = compare_dictionaries(A, B, signed=False, n_draws=0, **ROWS)
    assert found["mean |cos| of the matching"].found == pytest.approx(0.2895, abs=0.0025)
    for name in ("mean max |cos|, A in B", "mean max |cos|, B in A"):
        assert found[name].found == pytest.approx(0.29879, abs=0.0025)
        assert found[name].found == pytest.approx(IsotropicNull(128).expected_max(1024), abs=0.0025)


@pytest.mark.parametrize("signed", [True, False])
def test_scores_are_those_of_all_cosines(pair: tuple[Array, Array], signed: bool) -> None:
    A, B = pair
    found = compare_dictionaries(A, B, signed=signed, n_draws=0, threshold=0.6, **ROWS)
    cosines = (A / np.linalg.norm(A, axis=1, keepdims=True)) @ (
        B / np.linalg.norm(B, axis=1, keepdims=True)
    ).T
    cosines = cosines if signed else np.abs(cosines)
    near_a, near_b = cosines.argmax(axis=1), cosines.argmax(axis=0)
    np.testing.assert_array_equal(found.nearest_a, near_a)
    np.testing.assert_array_equal(found.nearest_b, near_b)
    np.testing.assert_allclose(found.nearest_cosines_a, cosines.max(axis=1), atol=1e-12)
    expected = [
        cosines.max(axis=1).mean(),
        cosines.max(axis=0).mean(),
        found.cosines.mean(),
        np.mean(found.cosines >= 0.6),
        np.mean(cosines.max(axis=1) >= 0.6),
        np.mean(cosines.max(axis=0) >= 0.6),
        len(set(near_a)) / 120,
        len(set(near_b)) / 120,
        sum(near_b[near_a[k]] == k for k in range(120)) / 120,
    ]
    scores = [one.found for one in found.scores if not one.is_count]
    np.testing.assert_allclose(scores, expected, atol=1e-12)
    assert all(one.null_mean is None and one.corrected is None for one in found.scores)


# ---------------------------------------------------------------------- chance, and none


@pytest.mark.parametrize("kind", ["uniform", "unequal axes", "off-centre"])
def test_random_dictionaries_score_zero(kind: str) -> None:
    """Each score lies among its draws; the means over many matrices would show a bias."""
    corrected, spread = [], []
    for seed in range(6):
        rng = np.random.default_rng([seed, 5])
        A, B = _background(kind, 260, 24, rng), _background(kind, 200, 24, rng)
        found = compare_dictionaries(A, B, n_draws=6, seed=seed, **ROWS)
        measures = [one for one in found.scores if not one.is_count]
        corrected.append([one.corrected for one in measures])
        spread.append([(one.null_sd or 0.0) / (1.0 - (one.null_mean or 0.0)) for one in measures])
    bias = np.mean(np.asarray(corrected, dtype=float), axis=0)
    error = np.sqrt(np.mean(np.square(spread), axis=0) * (1 + 1 / 6) / 6)
    assert np.all(np.abs(bias) <= 4 * error + 1e-3)
    # Cosines and shares of features; who is the nearest of whom varies more.
    assert np.abs(bias[:6]).max() < 0.01


def test_another_null_says_something_else(rng: np.random.Generator) -> None:
    A, B = (_background("off-centre", 200, 24, rng) for _ in range(2))
    name = "mean cos of the matching"
    isotropic = compare_dictionaries(A, B, null="isotropic", n_draws=2, **ROWS)[name].corrected
    shuffled = compare_dictionaries(A, B, null="shuffled", n_draws=2, **ROWS)[name].corrected
    scales = np.exp(0.7 * np.random.default_rng(1).normal(size=24))
    law = MatchedNull(np.full(24, 0.6), np.diag(scales**2))
    given = compare_dictionaries(A, B, null=law, n_draws=2, **ROWS)
    assert isotropic is not None
    assert shuffled is not None
    assert isotropic > 0.1 > 0.03 > abs(shuffled)
    assert given.null == "matched"
    assert abs(given[name].corrected or 0.0) < 0.03


def test_a_permuted_copy_scores_one(rng: np.random.Generator) -> None:
    A = rng.normal(size=(150, 12))
    order = rng.permutation(150)
    found = compare_dictionaries(A, 3.0 * A[order], n_draws=2, **ROWS)
    np.testing.assert_array_equal(order[found.matched_b], found.matched_a)
    assert all(one.corrected == pytest.approx(1.0) for one in found.scores if not one.is_count)
    assert found.gap < 1e-12
    negative = compare_dictionaries(A, -A[order], n_draws=0, **ROWS)
    assert negative["mean cos of the matching"].found < 0.8
    lines = compare_dictionaries(A, -A[order], n_draws=0, signed=False, **ROWS)
    np.testing.assert_array_equal(order[lines.matched_b], lines.matched_a)


def test_what_comes_again_is_shared_and_what_splits_is_named(pair: tuple[Array, Array]) -> None:
    A, B = pair
    found = compare_dictionaries(A, B, n_draws=3, **ROWS)
    shared = found["shared (matched, cos ≥ 0.7)"]
    assert (shared.found, shared.null_mean) == (50 / 120, 0.0)
    assert found["covered, B by A (cos ≥ 0.7)"].found >= 60 / 140
    assert {one.feature for one in found.splits if one.of == "A"} == set(range(10))
    first = found.splits[0]
    assert (first.feature, set(first.parts)) == (0, {49, 50, 60})
    assert first.cosines == tuple(sorted(first.cosines, reverse=True))
    count = found["features of A that split in B"]
    assert (count.found, count.is_count) == (10, True)
    assert (count.null_mean or 0.0) <= 2
    turned = compare_dictionaries(B, A, n_draws=0, **ROWS)
    assert turned["features of B that split in A"].found == 10
    assert turned.bound == pytest.approx(found.bound, abs=1e-12)
    assert np.all(np.diff(turned.matched_a) > 0)


# ---------------------------------------------------------------------- input


def test_rows_without_a_direction_keep_the_numbers_of_the_others(pair: tuple[Array, Array]) -> None:
    A, B = pair
    A[3] = 0.0
    B[:2] = 0.0
    found = compare_dictionaries(A, B, n_draws=1, **ROWS)
    assert found.n_given == (120, 140)
    assert 3 not in found.matched_a
    assert found.matched_b.min() >= 2
    assert found.matched_b[found.matched_a == 10].tolist() == [39]
    assert "119 features (1 without a direction), B: 138 features (2 without" in str(found)


def test_what_the_census_reads_is_read(pair: tuple[Array, Array], tmp_path: Path) -> None:
    A, B = pair
    np.save(tmp_path / "B.npy", B.T)
    given = SimpleNamespace(W_dec=A, b_dec=np.zeros(48))
    found = compare_dictionaries(
        given, tmp_path / "B.npy", other_axis=-1, n_draws=0, progress=False
    )
    plain = compare_dictionaries(A, B, n_draws=0, **ROWS)
    assert found.to_dict() == plain.to_dict()


def test_copies_within_a_dictionary_are_matched_in_some_order(rng: np.random.Generator) -> None:
    A = np.repeat(rng.normal(size=(10, 16)), 6, axis=0)
    found = compare_dictionaries(A, A[rng.permutation(60)], n_draws=0, **ROWS)
    np.testing.assert_allclose(found.cosines, 1.0)
    alike = compare_dictionaries(np.ones((5, 3)), np.ones((4, 3)), n_draws=0, **ROWS)
    assert alike.cosines.tolist() == pytest.approx([1.0] * 4)
    with pytest.raises(GeomsupError, match="A: directions along one line"):
        compare_dictionaries(np.ones((5, 3)), np.ones((4, 3)), **ROWS)


def test_in_one_dimension_directions_are_signs() -> None:
    found = compare_dictionaries([[1.0], [2.0], [-1.0]], [[-3.0], [-1.0]], n_draws=0, **ROWS)
    assert found.cosines.tolist() == [-1.0, 1.0]
    assert found.gap == 0.0
    with pytest.raises(GeomsupError, match="A: "):
        compare_dictionaries([[1.0], [2.0], [-1.0]], [[-3.0], [1.0]], null="isotropic", **ROWS)
    with pytest.raises(GeomsupError, match="needs two dimensions"):
        compare_dictionaries(np.ones((3, 1)), np.ones((3, 1)), feature_axis=0, null="isotropic")


_GOOD = np.random.default_rng(0).normal(size=(6, 4))


@pytest.mark.parametrize(
    ("A", "B", "options", "message"),
    [
        (_GOOD, _GOOD.T, {}, "6 features in 4 dimensions and B with 4 in 6; is feature_axis"),
        (_GOOD, _GOOD, {"other_axis": -1}, "other_axis"),
        (_GOOD, _GOOD, {"feature_axis": None}, "A: feature_axis must be"),
        (_GOOD, _GOOD, {"feature_axis": 2}, "A: feature_axis must be"),
        (_GOOD[:1], _GOOD, {}, "A: expected two or more features with a direction, got 1"),
        (_GOOD, np.zeros((6, 4)), {}, "B: expected two or more features with a direction, got 0"),
        (_GOOD, np.full((6, 4), np.nan), {}, "B: .*finite"),
        (_GOOD, [["x"]], {}, "B: "),
        (_GOOD, _GOOD, {"null": "gaussian"}, "null must be one of matched, isotropic, shuffled"),
        (_GOOD, _GOOD, {"null": _GOOD}, "null must be one of"),
        (_GOOD, _GOOD, {"null": MatchedNull(np.zeros(3), np.eye(3))}, "4 dimensions.*got 3"),
        (_GOOD, _GOOD, {"n_draws": -1}, "n_draws"),
        (_GOOD, _GOOD, {"threshold": 1.5}, "threshold"),
        (_GOOD, _GOOD, {"split_threshold": "x"}, "split_threshold"),
        (_GOOD, _GOOD, {"signed": 1}, "signed"),
        (_GOOD, _GOOD, {"labels": ["a"]}, "A: expected 6 labels"),
        (_GOOD, _GOOD, {"other_labels": 3}, "B: labels must be"),
        (_GOOD, _GOOD, {"seed": -1}, "seed"),
        (_GOOD, _GOOD, {"progress": 3}, "progress"),
    ],
)
def test_bad_arguments(A: Any, B: Any, options: Options, message: str) -> None:
    with pytest.raises(GeomsupError, match=message):
        compare_dictionaries(A, B, **{**ROWS, **options})


# ---------------------------------------------------------------------- the record


def test_it_prints_on_one_screen_with_names(pair: tuple[Array, Array]) -> None:
    A, B = pair
    names = [f"a{k}" for k in range(120)], [f"b{k}" for k in range(140)]
    found = compare_dictionaries(A, B, n_draws=2, labels=names[0], other_labels=names[1], **ROWS)
    text = str(found)
    assert len(text.splitlines()) <= 24
    assert max(map(len, text.splitlines())) <= 120
    assert "\nA a0 → B b49 +1.00, b" in text
    table = found.table("matches")
    assert table.columns == ["a", "b", "cosine", "label_a", "label_b"]
    assert table.rows[10][:2] == (10, 39)
    assert table.rows[10][3:] == ("a10", "b39")
    splits = found.table("splits")
    assert splits.rows[0][:4] == ("A", 0, 3, found.splits[0].parts)
    with pytest.raises(GeomsupError, match="matches, splits"):
        found.table("pairs")
    with pytest.raises(GeomsupError, match="shared"):
        found["nothing"]
    pytest.importorskip("pandas")
    assert found.to_dataframe("matches").shape == (120, 5)


@pytest.mark.parametrize("n_draws", [0, 2])
def test_a_saved_comparison_comes_back(
    pair: tuple[Array, Array], n_draws: int, tmp_path: Path
) -> None:
    A, B = pair
    labels = [f"a{k}" for k in range(120)]
    found = compare_dictionaries(A, B, n_draws=n_draws, labels=labels, **ROWS)
    path = found.save(tmp_path / "found.safetensors")
    again = DictionaryComparison.load(path)
    assert str(again) == str(found)
    assert again.to_dict() == found.to_dict()
    json.dumps(found.to_dict(), allow_nan=False)
    for name, value in vars(found).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(again, name), value, err_msg=name)
            assert not value.flags.writeable
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(GeomsupError, match=r"comparison of dictionaries.*checksum"):
        DictionaryComparison.load(path)


def test_the_same_seed_gives_the_same_comparison(pair: tuple[Array, Array]) -> None:
    A, B = pair
    first, second, other = (
        compare_dictionaries(A, B, n_draws=2, seed=seed, **ROWS).to_dict() for seed in (5, 5, 6)
    )
    assert first == second
    assert first["scores"] != other["scores"]
