"""ToyModelConfig: shapes of the per-feature settings, refusals, JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from geomsup.errors import GeomsupError
from geomsup.theory import FeatureModel, FeatureSet
from geomsup.training import ToyModelConfig

_PAIR = FeatureModel.pairs(1, 0.2, together=0.5)


def test_scalar_is_the_same_for_all() -> None:
    table = ToyModelConfig(n_features=3, n_instances=2, feature_probability=0.25).probabilities
    np.testing.assert_array_equal(table, np.full((2, 3), 0.25))


def test_flat_sequence_is_per_feature_even_when_the_numbers_of_both_agree() -> None:
    config = ToyModelConfig(n_features=3, n_instances=3, importance=[1.0, 0.5, 0.25])
    np.testing.assert_array_equal(config.importances, [[1.0, 0.5, 0.25]] * 3)


def test_column_is_per_instance() -> None:
    config = ToyModelConfig(n_features=3, n_instances=3, feature_probability=[[0.1], [0.2], [0.3]])
    np.testing.assert_array_equal(config.probabilities, np.repeat([[0.1], [0.2], [0.3]], 3, axis=1))


def test_row_and_full_table() -> None:
    full = np.arange(6).reshape(2, 3) / 10
    config = ToyModelConfig(
        n_features=3, n_instances=2, feature_probability=full, importance=full[1:]
    )
    np.testing.assert_array_equal(config.probabilities, full)
    np.testing.assert_array_equal(config.importances, full[[1, 1]])


def test_arrays_and_tensors_make_the_same_configuration_as_lists() -> None:
    values = [0.5, 0.25, 0.125]
    alike: list[Any] = [values, tuple(values), np.array(values), torch.tensor(values)]
    configs = [ToyModelConfig(n_features=3, importance=given) for given in alike]
    assert len(set(configs)) == 1


def test_json_round_trip() -> None:
    seven: Any = np.int32(7)
    config = ToyModelConfig(
        n_features=4,
        n_instances=2,
        feature_probability=np.array([[0.1], [1 / 3]]),
        importance=[0.9**i for i in range(4)],
        lr_schedule="cosine",
        batch_size=seven,
    )
    assert ToyModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert ToyModelConfig.from_dict({}) == ToyModelConfig()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"feature_probability": 1.5}, "feature_probability must lie in .* got 1.5"),
        ({"feature_probability": -0.1}, "got -0.1"),
        ({"feature_probability": float("nan")}, "finite"),
        ({"feature_probability": True}, "number"),
        ({"feature_probability": [0.1, True, 0.1, 0.1, 0.1]}, "number"),
        ({"feature_probability": "0.1"}, "number"),
        ({"feature_probability": None}, "number"),
        ({"feature_probability": 0.1 + 0j}, "number"),
        ({"feature_probability": [[0.1, 0.2], [0.1]]}, "number"),
        ({"feature_probability": torch.ones(5, requires_grad=True)}, "number"),
        ({"feature_probability": [0.1, 0.2]}, r"one value per feature \(5\), got 2"),
        ({"feature_probability": [0.1] * 16}, r"write \[\[v\] for v in values\]"),
        ({"feature_probability": np.full((3, 5), 0.1)}, r"\(16, 1\) or \(16, 5\)"),
        ({"feature_probability": np.full((16, 4), 0.1)}, r"got \(16, 4\)"),
        ({"feature_probability": np.full((16, 5, 1), 0.1)}, "3 dimensions"),
        ({"feature_probability": []}, "got 0"),
        ({"importance": -1.0}, "importance must lie in .* got -1"),
        ({"importance": float("inf")}, "finite"),
        ({"importance": 1e300}, "importance must lie in"),
        ({"importance": [1.0, 0.5, 0.25, 0.125, -1e-9]}, "got -1e-09"),
        ({"n_hidden": 0}, "n_hidden must be an integer of at least 1, got 0"),
        ({"n_features": -3}, "n_features"),
        ({"n_features": 5.0}, "n_features must be an integer"),
        ({"n_instances": True}, "n_instances"),
        ({"n_instances": "4"}, "n_instances"),
        ({"n_steps": 0}, "n_steps"),
        ({"batch_size": None}, "batch_size"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"learning_rate": 1e300}, "learning_rate"),
        ({"learning_rate": [1e-3]}, "learning_rate"),
        ({"learning_rate": True}, "learning_rate"),
        ({"init_scale": -1.0}, "init_scale"),
        ({"lr_schedule": "cosin"}, "constant, cosine, linear"),
        ({"lr_schedule": ["cosine"]}, "constant, cosine, linear"),
        ({"hidden_activation": "gelu"}, "hidden_activation must be one of linear, relu"),
        ({"output_activation": None}, "output_activation must be one of"),
        ({"n_steps": 10**5000}, "n_steps must be at most"),
        ({"n_steps": 10**400}, r"n_steps must be at most 1e\+15, got 1000000"),
        ({"n_hidden": -(10**400)}, "n_hidden must be an integer of at least 1, got -1000"),
        ({"target": "square"}, "target must be one of identity, absolute, minimum"),
        (
            {"target": "minimum"},
            "takes 2 features for an answer, got n_features = 5; take a mul",
        ),
        ({"optimizer": "sgd"}, "optimizer must be one of adam, adamw"),
        ({"record_schedule": "cubic"}, "record_schedule must be one of linear, log"),
        ({"tied": 1}, "tied must be True or False, got 1"),
        ({"signed": "yes"}, "signed must be True or False"),
        ({"feature_model": 3}, "feature_model must be a FeatureModel, or several, got 3"),
        ({"feature_model": []}, "or one for each of 16 settings or 16 instances, got 0"),
        ({"feature_model": [_PAIR] * 3}, "or 16 instances, got 3"),
        ({"feature_model": _PAIR, "n_features": 6}, "has 2 features, got n_features = 6"),
        (
            {"feature_model": [_PAIR, FeatureModel.independent(3, 0.1)] * 8},
            "has 2 and 3 features, got n_features = 5",
        ),
        (
            {"feature_model": _PAIR, "feature_probability": 0.3},
            "so feature_probability is left out",
        ),
        ({"feature_model": _PAIR, "set_size": 2}, "so set_size is left out, got 2"),
        ({"feature_model": _PAIR, "correlation": "correlated"}, "so correlation is left out"),
        ({"feature_model": {"sets": []}}, "sets must be one FeatureSet or more, got none"),
        ({"dataset_size": 0}, "dataset_size must be an integer of at least 1, got 0"),
        ({"dataset_size": 10**12}, "dataset_size\\) must stay below"),
        ({"unit_norm": "yes"}, "unit_norm must be True or False"),
        ({"n_warmup": -1}, "n_warmup must be an integer"),
        ({"n_warmup": 20_000}, "n_warmup must be"),
        ({"weight_decay": -0.1, "optimizer": "adamw"}, "weight_decay must be a number"),
        ({"weight_decay": True, "optimizer": "adamw"}, "weight_decay must be a number"),
        ({"weight_decay": 10**400, "optimizer": "adamw"}, "weight_decay must be a number"),
        ({"weight_decay": -(10**5000), "optimizer": "adamw"}, "weight_decay must be a number"),
        ({"weight_decay": -(10**15), "optimizer": "adamw"}, "weight_decay must be a number from 0"),
        ({"weight_decay": 1e31, "optimizer": "adamw"}, "from 0 to 1e\\+30, got 1e\\+31"),
        ({"weight_decay": np.complex128(1), "optimizer": "adamw"}, "weight_decay must be a number"),
        ({"weight_decay": [0.1], "optimizer": "adamw"}, "weight_decay must be a number from 0"),
        ({"set_size": 10**5000}, "independent features have none, got <int>"),
        ({"set_size": "x" * 500}, "independent features have none, got 'x"),
        ({"n_restarts": 3}, "n_restarts must divide n_instances"),
        ({"n_restarts": 0}, "n_restarts must be an integer of at least 1"),
        ({"n_restarts": 4, "importance": np.ones((5, 5))}, r"\(16, 5\) or \(4, 1\) or \(4, 5\)"),
        ({"n_records": -1}, "n_records must be an integer of at least 0"),
        ({"n_records": 10**7}, "keep fewer records"),
        ({"set_size": 5}, "independent features have none"),
        ({"correlation": "correlated"}, "give their set_size, a divisor of n_features = 5"),
        ({"correlation": "correlated", "set_size": 2}, "set_size must divide n_features = 5"),
        ({"correlation": "correlated", "set_size": 5.0}, "set_size must be an integer"),
        (
            {"correlation": "correlated", "set_size": 5, "feature_probability": [1, 0, 0, 0, 0]},
            "must be the same, got 0",
        ),
        (
            {"correlation": "anticorrelated", "set_size": 5, "feature_probability": 0.3},
            r"add up to at most 1, got 1.5; .* feature_probability q / 5",
        ),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(GeomsupError, match=words) as caught:
        ToyModelConfig(**settings)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 260


def test_few_words_and_a_feature_model_say_the_same() -> None:
    few = ToyModelConfig(
        n_features=4, n_instances=3, correlation="correlated", set_size=2, feature_probability=0.2
    )
    assert few.feature_models == (FeatureModel.pairs(2, 0.2),) * 3
    full = ToyModelConfig(n_instances=3, feature_model=FeatureModel.pairs(2, 0.2))
    assert full.n_features == 4
    np.testing.assert_array_equal(full.probabilities, few.probabilities)
    exclusive = ToyModelConfig(
        n_features=3,
        n_instances=1,
        correlation="anticorrelated",
        set_size=3,
        feature_probability=[0.1, 0.2, 0.3],
    )
    one = FeatureSet(size=3, probability=(0.1, 0.2, 0.3), presence="exclusive")
    assert exclusive.feature_models == (FeatureModel((one,)),)


def test_a_feature_model_for_each_setting() -> None:
    models = tuple(FeatureModel.pairs(1, p, together=0.3) for p in (0.1, 0.2))
    config = ToyModelConfig(feature_model=models, n_instances=6, n_restarts=3)
    assert config.feature_models == (models[0],) * 3 + (models[1],) * 3
    again = ToyModelConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config
    assert hash(again) == hash(config)
    assert replace(config, n_steps=7).feature_models == config.feature_models


def test_later_settings_change_no_earlier_configuration() -> None:
    """Sweeps name a task by the hash of this text, and draw its seed from it."""
    said = ToyModelConfig(n_features=4).to_dict()
    later = {"feature_model", "dataset_size", "unit_norm", "n_warmup"}
    assert not later & said.keys()
    full = ToyModelConfig(feature_model=_PAIR, dataset_size=3, unit_norm=True, n_warmup=2).to_dict()
    assert later <= full.keys()
    assert full["feature_probability"] is None


def test_from_dict_refuses_what_it_does_not_know() -> None:
    with pytest.raises(GeomsupError, match=r"unknown setting 'sparsity'.*feature_probability"):
        ToyModelConfig.from_dict({"sparsity": 0.9})
    for name in ("x" * 500, 10**5000):
        with pytest.raises(GeomsupError, match=r"unknown setting ('x+…|<int>);") as caught:
            ToyModelConfig.from_dict({name: 0})  # type: ignore[dict-item]
        assert len(str(caught.value)) < 500
    no_mapping: Any = [1, 2]
    with pytest.raises(GeomsupError, match="mapping"):
        ToyModelConfig.from_dict(no_mapping)


@pytest.mark.parametrize(
    ("schedule", "start", "middle"),
    [("constant", 1.0, 1.0), ("linear", 1.0, 0.5), ("cosine", 1.0, 0.5)],
)
def test_learning_rate_schedules(schedule: str, start: float, middle: float) -> None:
    config = ToyModelConfig(n_steps=100, learning_rate=2.0, lr_schedule=schedule)
    rates = [config.learning_rate_at(step) for step in range(100)]
    assert rates[0] == 2.0 * start
    assert rates[50] == pytest.approx(2.0 * middle)
    assert all(a >= b > 0 for a, b in pairwise(rates))


def test_the_schedule_begins_behind_the_warm_up() -> None:
    config = ToyModelConfig(n_steps=110, learning_rate=2.0, lr_schedule="cosine", n_warmup=10)
    rates = [config.learning_rate_at(step) for step in range(110)]
    np.testing.assert_allclose(rates[:10], 0.2 * np.arange(1, 11))
    plain = ToyModelConfig(n_steps=100, learning_rate=2.0, lr_schedule="cosine")
    assert rates[10:] == [plain.learning_rate_at(step) for step in range(100)]
