"""What a feature model says of its data: patterns, moments, words, and what it refuses."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from geomsup.errors import GeomsupError
from geomsup.theory import FeatureModel, FeatureSet
from geomsup.theory.feature_model import _n_cases

SETS = {
    "one": FeatureSet(size=1, probability=0.3),
    "independent": FeatureSet(size=3, probability=(0.1, 0.0, 1.0), presence="independent"),
    "gated": FeatureSet(size=3, probability=0.2),
    "partly gated": FeatureSet(size=3, probability=0.2, together=0.4),
    "never gated": FeatureSet(size=2, probability=0.2, together=0.0),
    "exclusive": FeatureSet(size=3, probability=(0.2, 0.0, 0.5), presence="exclusive"),
    "always one": FeatureSet(size=4, probability=0.25, presence="exclusive"),
    "equal": FeatureSet(size=2, probability=0.2, equal_values=1.0),
    "partly equal": FeatureSet(size=3, probability=0.2, together=0.3, equal_values=0.6),
    "equal by themselves": FeatureSet(
        size=3, probability=(0.2, 0.5, 0.7), presence="independent", equal_values=0.6
    ),
    "pair": FeatureSet(size=2, probability=0.2, together=0.4),
    "rare pair": FeatureSet(size=2, probability=1e-9, together=0.4, equal_values=0.3),
    "rare equal pair": FeatureSet(size=2, probability=1e-9, together=0.4, equal_values=1.0),
    "half equal pair": FeatureSet(size=2, probability=0.2, equal_values=0.5),
    "unlike pair": FeatureSet(
        size=2, probability=(0.2, 0.6), presence="independent", equal_values=0.5
    ),
    "always": FeatureSet(size=2, probability=1.0, together=0.5),
    "never": FeatureSet(size=2, probability=0.0, together=0.5, equal_values=0.5),
}
MODELS = {
    **{name: FeatureModel((one,)) for name, one in SETS.items()},
    "mixed": FeatureModel((SETS["partly equal"], SETS["one"], SETS["exclusive"])),
    "fixed": FeatureModel((SETS["partly gated"], SETS["exclusive"]), values="fixed", magnitude=2.0),
}


@pytest.mark.parametrize("name", MODELS)
def test_moments_are_those_of_the_patterns(name: str) -> None:
    model = MODELS[name]
    patterns = model.patterns()
    mean_value = 0.5 if model.values == "uniform" else model.magnitude
    square = 1.0 / 3.0 if model.values == "uniform" else model.magnitude**2
    mean = np.zeros(model.n_features)
    moments = np.zeros((model.n_features, model.n_features))
    for weight, p, same_as in zip(patterns.weights, patterns.p, patterns.same_as, strict=True):
        mean += weight * mean_value * p
        shared = same_as[:, None] == same_as
        given = np.where(shared, square, mean_value**2) * np.outer(p, p)
        np.fill_diagonal(given, square * p)
        moments += weight * given
        assert np.all(p[shared.sum(1) > 1] == 1.0), "a value in common is certainly there"
    assert patterns.weights.sum() == pytest.approx(1.0, abs=1e-15)
    assert patterns.weights.min() > 0.0
    np.testing.assert_allclose(model.mean, mean, rtol=1e-14)
    np.testing.assert_allclose(model.second_moments, moments, rtol=1e-13)
    covariance = moments - np.outer(mean, mean)
    np.testing.assert_allclose(model.covariance, covariance, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", MODELS)
def test_every_pattern_comes_once(name: str) -> None:
    patterns = MODELS[name].patterns()
    keys = {(*p, *same) for p, same in zip(patterns.p, patterns.same_as.tolist(), strict=True)}
    assert len(keys) == len(patterns.weights)


def test_the_number_of_cases_is_known_before_they_are_written_out() -> None:
    for values, name in product(("uniform", "fixed"), SETS):
        one = replace(SETS[name], equal_values=0.0) if values == "fixed" else SETS[name]
        written = len(FeatureModel((one,), values=values).patterns().weights)  # type: ignore[arg-type]
        assert written <= _n_cases(one, values) <= written + 2, name


def test_an_interior_gate_needs_three_cases_whatever_the_size() -> None:
    model = FeatureModel.equal_sets(2, 40, 0.1, together=0.5)
    assert len(model.patterns().weights) == 9
    # … and two where the set is a pair, as long as few values are equal.
    for c, equal_values, count in ((0.1, 0.0, 4), (0.1, 0.3, 9), (0.1, 0.9, 25), (0.1, 1.0, 16)):
        pairs = FeatureModel.pairs(2, 0.1, together=c, equal_values=equal_values)
        assert len(pairs.patterns().weights) == count
    twelve = FeatureModel.pairs(12, 0.1, equal_values=1.0)
    assert len(twelve.patterns().weights) == 4096
    assert len(FeatureModel.independent(400, 0.1).patterns().weights) == 1


@pytest.mark.parametrize(
    "model",
    [
        FeatureModel.pairs(13, 0.1),
        FeatureModel.equal_sets(1, 20, 0.1, together=0.5, equal_values=0.5),
        FeatureModel.independent(17, 0.1, values="fixed"),
        FeatureModel.independent(4000, 0.1, values="fixed"),
        FeatureModel.equal_sets(400, 10, 0.1, presence="exclusive"),
    ],
    ids=str,
)
def test_too_many_patterns_are_refused_at_once(model: FeatureModel) -> None:
    with pytest.raises(GeomsupError, match=r"at most \d+ patterns .* take fewer or smaller sets"):
        model.patterns()
    assert model.second_moments.shape == (model.n_features,) * 2, "moments need no patterns"


def test_what_is_independent_says_so() -> None:
    plain = {"one", "independent", "never gated", "always", "never"}
    assert {name for name in SETS if SETS[name].is_independent} == plain
    assert not FeatureModel.independent(2, 0.1, values="fixed").is_independent
    # Of members that exclude each other one may be alone.
    alone = FeatureSet(size=2, probability=(0.0, 0.3), presence="exclusive")
    assert alone.is_independent


def test_presence_of_two_members_has_the_correlation_together() -> None:
    p, c = 0.2, 0.7
    both = FeatureSet(size=2, probability=p, together=c).both_present()[0, 1]
    assert both == pytest.approx(p * (c + (1.0 - c) * p), rel=1e-15)
    assert (both - p**2) / (p * (1.0 - p)) == pytest.approx(c, rel=1e-14)


def test_the_mean_pair_of_a_gate_and_equal_values() -> None:
    model = FeatureModel.pairs(1, 0.2, equal_values=0.25)
    # E x₁x₂ = p (1/4 + ρ/12)
    assert model.second_moments[0, 1] == pytest.approx(0.2 * (0.25 + 0.25 / 12.0), rel=1e-15)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_from_json_and_pickle(name: str) -> None:
    model = MODELS[name]
    model.patterns()
    again = FeatureModel.from_dict(json.loads(json.dumps(model.to_dict())))
    assert again == model
    assert hash(again) == hash(model)
    assert repr(again) == repr(model)
    unpickled = pickle.loads(pickle.dumps(model))
    assert unpickled == model
    assert unpickled.patterns() is model.patterns(), "equal models share what was worked out"


def test_equal_models_are_equal_however_they_were_written() -> None:
    by_list = FeatureModel([FeatureSet(size=2, probability=np.array([0.1, 0.1]))] * 3)  # type: ignore[arg-type]
    assert by_list == FeatureModel.pairs(3, 0.1)
    assert FeatureModel.pairs(3, 0.1) != FeatureModel.pairs(3, 0.1, together=0.9)


def test_words() -> None:
    assert str(MODELS["mixed"]) == (
        "1 set of 3 features, p = 0.2, together with probability 0.3, equal values with "
        "probability 0.6; 1 set of 1 feature, p = 0.3; 1 set of 3 features, p = 0.2, 0, 0.5, one "
        "at a time"
    )
    assert str(MODELS["fixed"]).endswith("; values 2")
    many = FeatureModel.independent(50, np.linspace(0.01, 0.5, 50))
    assert str(many) == "1 set of 50 features, p = 0.01 … 0.5, independent"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size must be an integer in 1"),
        ({"probability": 1.1}, r"probability must lie in \[0, 1\], got 1.1"),
        ({"probability": float("nan")}, r"probability must lie in \[0, 1\]"),
        ({"probability": True}, "must be a number"),
        ({"probability": (0.1, 0.2, 0.3)}, "one for each of 2 members"),
        ({"probability": (0.1, 0.2)}, "members that come together have one probability"),
        ({"presence": "sometimes"}, "presence must be"),
        ({"together": 1.5}, "together must lie in"),
        ({"equal_values": -0.1}, "equal_values must lie in"),
        ({"presence": "independent", "together": 0.5}, "leave it out"),
        ({"presence": "exclusive", "probability": 0.6}, "add up to at most 1, got 1.2"),
        ({"presence": "exclusive", "equal_values": 0.5}, "never both present"),
    ],
)
def test_a_set_refuses(options: dict[str, object], message: str) -> None:
    with pytest.raises(GeomsupError, match=message):
        FeatureSet(**{"size": 2, "probability": 0.1, **options})  # type: ignore[arg-type]


def test_a_model_refuses() -> None:
    pair = FeatureSet(size=2, probability=0.1)
    for sets, options, message in (
        ((), {}, "one FeatureSet or more, got none"),
        ((pair, 0.1), {}, "one FeatureSet or more, got 0.1"),
        ((pair,), {"values": "normal"}, "values must be"),
        ((pair,), {"magnitude": 2.0}, "magnitude is that of values='fixed'"),
        ((pair,), {"values": "fixed", "magnitude": 0.0}, "magnitude must be a number above 0"),
        ((replace(pair, equal_values=0.5),), {"values": "fixed"}, "fixed values are equal anyway"),
    ):
        with pytest.raises(GeomsupError, match=message):
            FeatureModel(sets, **options)  # type: ignore[arg-type]
    with pytest.raises(GeomsupError, match="lacks 'sets'"):
        FeatureModel.from_dict({})
    with pytest.raises(GeomsupError, match="n_sets must be an integer"):
        FeatureModel.pairs(0, 0.1)


def test_thirds_may_add_up_to_one() -> None:
    patterns = FeatureModel.equal_sets(1, 10, 0.1, presence="exclusive").patterns()
    assert patterns.weights.sum() == pytest.approx(1.0, abs=1e-14)


@pytest.mark.parametrize("given", [5, None, 0.1])
def test_what_is_no_sequence_of_sets_is_one_error(given: object) -> None:
    with pytest.raises(GeomsupError, match="sets must be one FeatureSet or more, got"):
        FeatureModel(given)  # type: ignore[arg-type]


def test_more_features_than_anybody_has() -> None:
    with pytest.raises(GeomsupError, match="size must be an integer in 1 … 1000000"):
        FeatureSet(size=10**9, probability=0.1)
    with pytest.raises(GeomsupError, match="n_sets must be an integer in 1 … 1000000"):
        FeatureModel.pairs(10**9, 0.1)
    half = FeatureSet(size=600_000, probability=0.1)
    with pytest.raises(GeomsupError, match="expected at most 1000000 features, got 1200000"):
        FeatureModel((half, half))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"sets": [{"size": 2, "probability": 0.1, "presense": "exclusive"}]}, "'presense'"),
        ({"sets": [{"size": 2, "probability": 0.1}], "magnitud": 2.0}, "'magnitud'"),
    ],
)
def test_a_misspelt_entry_is_not_passed_over(data: object, says: str) -> None:
    with pytest.raises(GeomsupError, match=f"has an unknown entry {says}; its entries are"):
        FeatureModel.from_dict(data)


@pytest.mark.parametrize("p", [1.0 - 1e-9, 1.0 - 2.0**-53, 1.0])
@pytest.mark.parametrize("together", [1e-300, 1e-12, 1e-9, 0.5])
def test_chances_of_a_pair_that_is_nearly_always_there(p: float, together: float) -> None:
    chance, c = Fraction(p), Fraction(together)
    both = c * chance + (1 - c) * chance**2
    patterns = FeatureModel.pairs(1, p, together=together, equal_values=0.5).patterns()
    there = patterns.weights @ patterns.p.prod(1)
    nobody = patterns.weights @ (1.0 - patterns.p).prod(1)
    assert patterns.weights.sum() == pytest.approx(1.0, rel=1e-15)
    assert there == pytest.approx(float(both), rel=1e-15)
    assert nobody == pytest.approx(float(1 - 2 * chance + both), rel=1e-6, abs=1e-30)
