"""A census of matrices whose structure is planted, or absent."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from geomsup import Census, census, get_shape, open_weights
from geomsup.errors import GeomsupError, GeomsupWarning
from geomsup.nulls import IsotropicNull, MatchedNull
from geomsup.storage import read_tensors, write_tensors
from geomsup.survey.pairs import scan as module_scan
from geomsup.survey.record import Comparison, compared

Array = np.ndarray[Any, np.dtype[np.float64]]
# Most of what is tested here needs no structures, which take longer than all the rest.
pairs_of = partial(census, components=False)


def background(kind: str, n: int, dim: int, rng: np.random.Generator) -> Array:
    turn = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    scales = np.ones(dim) if kind == "isotropic" else np.exp(0.7 * rng.normal(size=dim))
    mean = 0.7 * rng.normal(size=dim) if kind in ("off-centre", "mixed norms") else 0.0
    rows = mean + (rng.normal(size=(n, dim)) * scales) @ turn.T
    if kind == "mixed norms":
        rows *= np.exp(0.5 * rng.normal(size=(n, 1)))
    return np.asarray(rows)


KINDS = ["isotropic", "anisotropic", "off-centre", "mixed norms"]


def test_believed_pairs_are_those_of_benjamini_and_hochberg(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(300, 10))
    rows[150:200] = -rows[:50] + 0.35 * rng.normal(size=(50, 10))
    rows[200:240] = rows[:40] + 0.35 * rng.normal(size=(40, 10))
    found = pairs_of(rows, feature_axis=0, null="isotropic", n_draws=0)
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    i, j = np.triu_indices(300, 1)
    cosines = (units @ units.T)[i, j]
    p = np.exp(IsotropicNull(10).log_tail(np.abs(cosines), sign=1))
    q = stats.false_discovery_control(np.concatenate([p, 1 - p]))[: p.size]
    believed = q <= 0.05
    assert believed.sum() > 30
    expected = {*zip(i[believed].tolist(), j[believed].tolist(), strict=True)}
    assert {*zip(found.i.tolist(), found.j.tolist(), strict=True)} == expected
    np.testing.assert_allclose(np.sort(found.q_values), np.sort(q[believed]), rtol=1e-6)
    assert found.n_above == (believed & (cosines > 0)).sum()
    assert found.n_below == (believed & (cosines < 0)).sum()
    assert found.is_exact


def test_pairs_that_are_not_kept_are_counted(rng: np.random.Generator) -> None:
    rows = np.repeat(rng.normal(size=(20, 16)), 12, axis=0) + 0.2 * rng.normal(size=(240, 16))
    whole = pairs_of(rows, feature_axis=0, null="isotropic", n_draws=0)
    few = pairs_of(rows, feature_axis=0, null="isotropic", n_draws=0, max_pairs=100)
    assert few.i.size <= 100 < whole.i.size
    assert few.n_above == pytest.approx(whole.n_above, rel=0.02)
    shared = min(few.i.size, 50)
    np.testing.assert_allclose(few.q_values[:shared], whole.q_values[:shared], rtol=0.05)


@pytest.mark.parametrize("n_seeds", [4, pytest.param(16, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", KINDS)
def test_chance_alone_is_not_believed(kind: str, n_seeds: int) -> None:
    # Under the complete null a single believed pair is a false discovery: at most 5 % of matrices.
    wrong = 0
    for seed in range(n_seeds):
        rows = background(kind, 200, 24, np.random.default_rng([seed, KINDS.index(kind)]))
        found = pairs_of(rows, feature_axis=0, n_draws=0)
        wrong += found.n_above + found.n_below > 0
    assert wrong <= stats.binom.ppf(1 - 1e-3, n_seeds, 0.05)


@pytest.mark.parametrize("kind", ["anisotropic", "mixed norms"])
def test_draws_are_like_a_matrix_without_structure(kind: str, rng: np.random.Generator) -> None:
    rows = background(kind, 300, 20, rng)
    found = pairs_of(rows, feature_axis=0, n_draws=5)
    for name in ("mean of max cos", "mean of max |cos|"):
        one = found[name]
        assert one.null_mean is not None
        assert one.null_sd is not None
        assert abs(one.found - one.null_mean) < 5 * one.null_sd


@pytest.mark.parametrize("null", ["matched", "isotropic", "shuffled"])
def test_planted_antipodes_are_found(null: str, rng: np.random.Generator) -> None:
    rows = background("anisotropic", 400, 32, rng)
    rows[200:230] = -rows[:30] + 0.05 * rng.normal(size=(30, 32))
    found = pairs_of(rows, feature_axis=0, null=null, n_draws=20 if null == "shuffled" else 2)
    planted = {(k, 200 + k) for k in range(30)}
    seen = {*zip(found.i.tolist(), found.j.tolist(), strict=True)}
    assert planted <= seen
    opposite = found["antipodes (cos ≤ −.95)"]
    assert opposite.found >= 25
    assert opposite.null_mean == 0
    assert (found.opposite[:30] == np.arange(200, 230)).all()


def test_a_matrix_as_the_null(rng: np.random.Generator) -> None:
    rows, other = rng.normal(size=(2, 300, 16))
    rows[100:160] = rows[:60]
    found = pairs_of(rows, feature_axis=0, null=other)
    assert found.null == "given matrix"
    assert found.n_draws == 1
    assert 60 <= found.n_above < 75
    assert found["mean of max cos"].null_sd is None
    with pytest.raises(GeomsupError, match="dimensions"):
        pairs_of(rows, feature_axis=0, null=other[:, :8])


def test_the_shuffled_null_keeps_the_axes_and_nothing_else(rng: np.random.Generator) -> None:
    # Heavy tails on each axis give large cosines, which a Gaussian of this covariance lacks.
    rows = rng.standard_t(2.5, size=(500, 30))
    matched = pairs_of(rows, feature_axis=0, null="matched", n_draws=0)
    shuffled = pairs_of(rows, feature_axis=0, null="shuffled", n_draws=3)
    assert matched.n_above + matched.n_below > 20
    assert shuffled.n_above + shuffled.n_below < 0.2 * (matched.n_above + matched.n_below)


def test_neurons_that_are_antipodal_in_both_matrices(rng: np.random.Generator) -> None:
    into, out_of = rng.normal(size=(2, 400, 128))
    for rows in (into, out_of):
        rows[200:240] = -rows[:40] + 0.6 * rng.normal(size=(40, 128))
        rows[300:310] = rows[50:60] + 0.6 * rng.normal(size=(10, 128))
    # In one matrix alone, of no interest here.
    into[350:390] = -into[100:140]
    found = pairs_of(into, feature_axis=0, partner=out_of.T, partner_axis=-1, n_draws=0)
    both = found["antipodal in both (cos ≤ −.3)"]
    assert both.null_mean is not None
    assert 40 <= both.found <= 41
    assert both.null_mean < 1
    assert 10 <= found["parallel in both (cos ≥ .3)"].found <= 11
    listed = found.partner_pairs
    planted = {(k, 200 + k) for k in range(40)} | {(k, 250 + k) for k in range(50, 60)}
    assert {(int(i), int(j)) for i, j, *_ in listed[:50]} == planted
    units = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (into, out_of)]
    for i, j, *cosines in listed:
        expected = [one[int(i)] @ one[int(j)] for one in units]
        np.testing.assert_allclose(cosines, expected, atol=1e-5)


def test_a_partner_has_the_same_features(rng: np.random.Generator) -> None:
    with pytest.raises(GeomsupError, match="partner_axis"):
        pairs_of(
            rng.normal(size=(50, 8)), feature_axis=0, partner=rng.normal(size=(8, 50)), n_draws=0
        )


def test_tables_labels_and_words(rng: np.random.Generator, tmp_path: Path) -> None:
    rows = rng.normal(size=(200, 32))
    rows[100] = -rows[7]
    rows[150] = 0.0
    names = [f"f{k}" for k in range(200)]
    (tmp_path / "names.txt").write_text("\n".join(names))
    found = census(
        rows, feature_axis=0, n_draws=2, labels=tmp_path / "names.txt", mask=r"^f1[67]\d"
    )
    assert found.labels == tuple(names)
    text = str(found)
    assert "179 of 200 features in 32 dimensions (20 masked, 1 without a direction)" in text
    assert "f7 / f100 -1.000" in text
    assert len(text.splitlines()) <= 28
    pairs = found.to_dataframe()
    assert pairs.loc[0, "label"] == "f7"
    assert pairs.loc[0, "other_label"] == "f100"
    assert pairs.loc[0, "q"] < 1e-6
    features = found.to_dataframe("features")
    assert features.shape == (179, 8)
    assert features.set_index("label").loc["f100", "opposite"] == 7
    assert found.to_dataframe("components")["features"].tolist() == [(7, 100)]
    assert "digon of 2: f7, f100" in text
    json.dumps(found.to_dict(), allow_nan=False)
    with pytest.raises(GeomsupError, match="pairs"):
        found.table("rows")
    with pytest.raises(GeomsupError, match="antipodes"):
        found["digons"]


def test_structures_stand_beside_those_of_draws(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(200, 32))
    rows[3:8] *= 0.3
    rows[3:8, :2] += 8.0 * get_shape("pentagon").vertices
    rows[20:32] = 3.0 * rows[20] + rng.normal(size=(12, 32))
    # A feature without a direction in front: components have the numbers of the matrix.
    rows[0] = 0.0
    found = census(rows, feature_axis=0, n_draws=2)
    kinds = {one.name: one.features for one in found.components}
    assert kinds == {"pentagon": tuple(range(3, 8)), "bundle": tuple(range(20, 32))}
    assert {one.name: one.found for one in found.structures} == {"bundle": 1, "pentagon": 1}
    assert found["pentagon"].null_mean == found["bundle"].null_mean == 0.0


def test_what_is_not_searched_is_said(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rng.normal(size=(100, 16))
    rows[1] = -rows[0]
    rows[10:20] = rows[20:30]
    whole = census(rows, feature_axis=0, n_draws=0)
    assert whole.unsearched == ()
    monkeypatch.setattr("geomsup.survey.census.DENSE", 99)
    found = census(rows, feature_axis=0, n_draws=0, max_pairs=11)
    assert (0, 1) in {one.features for one in found.components}
    assert "(shapes: among believed pairs only" in str(found)
    with pytest.warns(GeomsupWarning, match="is kept"):
        none = census(rows, feature_axis=0, n_draws=0, max_pairs=5)
    assert "structures: among the 0 most improbable of 11 pairs" in str(none)
    assert none.to_dict()["unsearched"] == list(none.unsearched)
    assert census(rows, feature_axis=0, n_draws=0, components=False).components == ()


def test_structures_that_the_background_has_too_are_not_believed(rng: np.random.Generator) -> None:
    rows, other = rng.normal(size=(2, 200, 32))
    rows[1] = 0.2 * rows[1] - rows[0]
    rows[3:8] *= 0.01
    rows[3:8, :2] += 8.0 * get_shape("pentagon").vertices
    other[1] = -other[0]  # more than those two, less than a pentagon
    alone = census(rows, feature_axis=0, null=other, n_draws=0)
    assert sorted(one.name for one in alone.components) == ["digon", "pentagon"]
    found = census(rows, feature_axis=0, null=other)
    assert [one.name for one in found.components] == ["pentagon"]
    assert [(one.name, one.found, one.null_mean) for one in found.structures] == [
        ("pentagon", 1.0, 0.0)
    ]


def test_a_draw_is_made_once(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def draw(self: MatchedNull, n: int, seed: np.random.Generator) -> Any:
        made.append(1)
        return plain(self, n, seed)

    plain = MatchedNull.draw
    monkeypatch.setattr(MatchedNull, "draw", draw)
    census(rng.normal(size=(40, 8)), feature_axis=0, n_draws=3)
    assert len(made) == 3


def test_a_saved_census_comes_back(rng: np.random.Generator, tmp_path: Path) -> None:
    rows = rng.normal(size=(120, 8))
    rows[60] = -rows[0]
    rows[7:12] *= 0.1
    rows[7:12, :2] += 8.0 * get_shape("pentagon").vertices
    found = census(rows, feature_axis=0, n_draws=2, labels=[f"f{k}" for k in range(120)])
    assert found.components[0].match is not None
    again = Census.load(found.save(tmp_path / "census.safetensors"))
    assert str(again) == str(found)
    assert again.to_dict() == found.to_dict()
    for name, value in vars(found).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(again, name), value, err_msg=name)
    content = bytearray((tmp_path / "census.safetensors").read_bytes())
    content[-3] ^= 1
    (tmp_path / "census.safetensors").write_bytes(content)
    with pytest.raises(GeomsupError, match="checksum"):
        Census.load(tmp_path / "census.safetensors")


def test_the_same_seed_gives_the_same_census(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(60, 8))
    first, second = (pairs_of(rows, feature_axis=0, n_draws=1, seed=5) for _ in range(2))
    assert first.to_dict() == second.to_dict()
    assert pairs_of(rows, feature_axis=0, n_draws=1, seed=6).to_dict() != first.to_dict()


def test_comparisons() -> None:
    count, mean = compared(
        {"pairs": 40, "mean": 0.5}, [{"pairs": 1, "mean": 0.25}, {"pairs": 3, "mean": 0.25}]
    )
    assert (count.null_mean, count.null_sd, count.share_by_chance) == (2.0, np.sqrt(2), 0.05)
    assert mean.share_by_chance is None
    assert compared({"pairs": 4}, []) == (
        Comparison(name="pairs", found=4.0, null_mean=None, null_sd=None, is_count=True),
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"q": 2}, "q"),
        ({"n_draws": -1}, "n_draws"),
        ({"max_pairs": 0}, "max_pairs"),
        ({"labels": ["a"]}, "labels"),
        ({"labels": 3}, "labels"),
        ({"labels": "no/such/file"}, "labels"),
        ({"seed": -1}, "seed"),
        ({"null": "gaussian"}, "matched, isotropic, shuffled.*gaussian"),
        ({"null": np.ones((1, 4))}, "null.*two or more features"),
        ({"partner": np.full((4, 2), np.nan), "n_draws": 0}, "partner.*finite"),
        ({"feature_axis": None}, "feature_axis"),
    ],
)
def test_bad_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises(GeomsupError, match=message):
        pairs_of(np.eye(4), **{"feature_axis": 0, **options})


def test_copies_of_one_row_are_pairs_whatever_their_number(rng: np.random.Generator) -> None:
    found = pairs_of(np.tile(rng.normal(size=8), (40, 1)), feature_axis=0, null="isotropic")
    assert (found.n_above, found.n_below) == (780, 0)
    # A row of ones has a cosine of .99999994 with itself in float32, which is in the last bin too.
    found = pairs_of(np.ones((40, 8)), feature_axis=0, null="isotropic")
    assert (found.n_above, found.n_below) == (780, 0)
    signs = np.where(np.arange(40) < 20, 1.0, -1.0)
    found = pairs_of(signs[:, None] * np.ones(8), feature_axis=0, null="isotropic")
    assert (found.n_above, found.n_below) == (380, 400)


def test_pairs_that_are_dropped_together_are_told_of(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(40, 8))
    rows[20:24] = rows[:4]
    with pytest.warns(GeomsupWarning, match="is kept.*max_pairs=1 "):
        found = pairs_of(rows, feature_axis=0, null="isotropic", max_pairs=1)
    assert found.n_above >= 4
    assert found.i.size == 0


@pytest.mark.parametrize("n_left", [0, 1])
def test_what_lies_on_a_line_has_no_background(n_left: int, rng: np.random.Generator) -> None:
    rows = rng.normal(size=(40, 4))
    rows[:, n_left + 1 :] *= n_left
    with pytest.raises(GeomsupError, match="one line"):
        pairs_of(rows, feature_axis=0, remove_components=3 * n_left)


@pytest.mark.parametrize("kind", ["copies in few dimensions", "fewer rows than dimensions"])
def test_draws_where_tails_end_or_reach_one(kind: str, rng: np.random.Generator) -> None:
    if kind == "copies in few dimensions":
        rows = rng.integers(-3, 4, size=(100, 2)) + np.array([5.0, 0.0])
    else:
        rows = rng.normal(size=(74, 256))
    found = census(rows, feature_axis=0, n_draws=3, components=False, progress=False)
    for measure in found.comparisons[:2]:
        assert measure.null_mean is not None
        assert measure.null_mean <= 0.1 * measure.found


def test_without_a_rate_of_false_ones_only_the_impossible_is_believed(
    rng: np.random.Generator,
) -> None:
    rows = rng.normal(size=(40, 8))
    rows[20:24] = -rows[:4]
    assert pairs_of(rows, feature_axis=0, null="isotropic", q=0).n_below == 4


def test_a_damaged_part_is_named_and_not_written_over(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    (tmp_path / "matrix.safetensors").write_bytes(b"mine")
    with pytest.raises(GeomsupError, match=r"matrix\.safetensors.*remove it"):
        pairs_of(rng.normal(size=(20, 4)), feature_axis=0, folder=tmp_path)
    assert (tmp_path / "matrix.safetensors").read_bytes() == b"mine"


def test_draws_of_a_null_have_its_moments() -> None:
    null = MatchedNull([0.5, 0.0, 0.0], np.diag([1.0, 4.0, 0.25]))
    drawn = null.draw(200_000, 0).astype(np.float64)
    rng = np.random.default_rng(1)
    rows = [0.5, 0, 0] + rng.normal(size=(200_000, 3)) * [1, 2, 0.5]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(drawn.mean(axis=0), rows.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(rows.T), atol=0.01)


def test_an_interrupted_census_goes_on(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rng.normal(size=(60, 8))
    options: dict[str, Any] = {"feature_axis": 0, "folder": tmp_path / "parts"}
    whole = census(rows, n_draws=3, **options)
    (tmp_path / "parts" / "draw-2.safetensors").unlink()
    done = []

    def counted(*args: Any, **options: Any) -> Any:
        done.append(1)
        return module_scan(*args, **options)

    monkeypatch.setattr("geomsup.survey.census.scan", counted)
    again = census(rows, n_draws=3, **options)
    assert len(done) == 1
    assert again.to_dict() == whole.to_dict()
    # Of other rows, or with other settings, nothing is taken over.
    assert census(rows, n_draws=3, q=0.2, **options).q == 0.2
    census(rows + 0.1, n_draws=3, **options)
    assert len(done) == 1 + 4 + 4


def test_a_part_that_lacks_something_is_made_anew(rng: np.random.Generator, tmp_path: Path) -> None:
    rows = rng.normal(size=(60, 4))
    options: dict[str, Any] = {"feature_axis": 0, "folder": tmp_path, "n_draws": 1}
    whole = census(rows, **options)
    for name, lost in (("structures-0", "found"), ("draw-0", "levels"), ("matrix", "cuts")):
        path = tmp_path / f"{name}.safetensors"
        _, tensors, said = read_tensors(path, None, kind="CensusPart")
        del tensors[lost]
        write_tensors(path, tensors | {"other": np.zeros(1)}, said, kind="CensusPart")
    assert census(rows, **options).to_dict() == whole.to_dict()


def test_what_was_opened_knows_its_axis_as_partner_and_as_null(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    rows = rng.normal(size=(60, 4))
    np.save(tmp_path / "columns.npy", rows.T)
    other = open_weights(tmp_path / "columns.npy", feature_axis=-1)
    found = pairs_of(rows, feature_axis=0, partner=other, null=other, n_draws=1)
    counts = {one.name: one.found for one in found.partner}
    assert counts["parallel in both (cos ≥ .3)"] > 100
    assert counts["parallel in one, antipodal in the other"] == 0


def test_directions_on_a_line_have_no_census() -> None:
    for null in ("matched", "isotropic", "shuffled"):
        with pytest.raises(GeomsupError, match="needs two dimensions"):
            census(np.ones((5, 1)), feature_axis=0, null=null)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_share_of_false_pairs(kind: str) -> None:
    """Digons planted at several noises: of all pairs believed, at most 5 % are others."""
    false = believed = near = 0
    for seed in range(10):
        rng = np.random.default_rng([seed, 7, KINDS.index(kind)])
        rows = background(kind, 500, 32, rng)
        norms = np.linalg.norm(rows[:60], axis=1, keepdims=True)
        noise = np.repeat([0.1, 0.2, 0.3], 20)[:, None] * norms
        rows[300:360] = -rows[:60] + noise * rng.normal(size=(60, 32)) / np.sqrt(32)
        found = pairs_of(rows, feature_axis=0, n_draws=0)
        planted = found.j - found.i == 300
        believed += planted.size
        false += int((~planted).sum())
        near += int((planted & (found.i < 20)).sum())
    assert false <= 0.05 * believed
    assert near >= 0.9 * 200


@pytest.mark.parametrize("null", ["matched", "shuffled", "matrix"])
@pytest.mark.parametrize("signs", [[1, 1, 1, 1], [1, -1, 1, 1], [-1, 1, -1, 1]])
def test_directions_along_one_line_have_no_background(null: str, signs: list[int]) -> None:
    W = np.outer(np.multiply(signs, [1, 2, 3, 0.5]), [0.3, -0.4, 1.2, 0.1])
    given = np.random.default_rng(0).normal(size=(4, 4)) if null == "matrix" else null
    with pytest.raises(GeomsupError, match="along one line are equal or opposite"):
        census(W, feature_axis=0, null=given, n_draws=1, progress=False)
    # Uniform directions are a background for anything.
    found = census(W, feature_axis=0, null="isotropic", n_draws=0, progress=False)
    assert found.filling.rank <= 1
    assert [len(one.features) for one in found.components] == [4]


def test_two_copies_fill_nothing() -> None:
    found = census(np.ones((2, 3)), feature_axis=0, null="isotropic", n_draws=0, progress=False)
    filling = found.filling.to_dict()
    assert filling.pop("mean_share") == pytest.approx(1)
    assert set(filling.values()) == {0}
    assert [one.name for one in found.components] == ["bundle"]
