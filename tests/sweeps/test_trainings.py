"""Trainings, searches and experiments as tasks: each has the bits that it has alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geomsup import feature_dimensionality
from geomsup.errors import GeomsupError
from geomsup.experiments import get_experiment
from geomsup.experiments.frame import Trainer
from geomsup.sweeps import Result, Task, grid, sweep
from geomsup.sweeps.packing import packed
from geomsup.sweeps.run import computed
from geomsup.sweeps.trainings import values_of
from geomsup.theory import FeatureModel, best_configuration
from geomsup.training import ToyModelConfig, train
from geomsup.training.loop import train_together

_SHORT = {"n_steps": 40, "batch_size": 37}


def _results(tasks: Sequence[Task]) -> list[Result]:
    return [result for results in computed(tasks) for result in results]


@pytest.mark.usefixtures("short_evaluations")
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"n_features": 7, "n_hidden": 3, "lr_schedule": "cosine", "n_records": 3},
        {"importance": [1.0, 0.8, 0.6, 0.4, 0.2], "n_instances": 3},
        {"n_features": 90, "n_hidden": 20, "batch_size": 200, "n_steps": 10},
        {"tied": False, "hidden_activation": "relu", "signed": True},
        {"n_features": 6, "correlation": "anticorrelated", "set_size": 2},
        {"optimizer": "adamw", "weight_decay": 0.1, "output_activation": "linear"},
        {"dataset_size": 30, "n_instances": 2, "unit_norm": True},
    ],
)
def test_a_training_has_the_bits_that_it_has_alone(settings: dict[str, Any]) -> None:
    tasks = grid("train", {**_SHORT, **settings}, seeds=3, feature_probability=[0.02, 0.3, 0.1])
    together = _results(tasks)
    apart = [_results([task])[0] for task in tasks]
    for task, one, alone in zip(tasks, together, apart, strict=True):
        assert one.values.keys() == alone.values.keys()
        for name, value in one.values.items():
            np.testing.assert_array_equal(value, alone.values[name])
        run = train(ToyModelConfig.from_dict(task.config), seed=task.seed, progress=False)
        np.testing.assert_array_equal(one.values["weights"], run.weights)
        np.testing.assert_array_equal(one.values["biases"], run.biases)
        np.testing.assert_array_equal(one.values["history_losses"], run.history.losses)
        # The same loss, on another sample.
        error = np.hypot(one.values["loss_errors"], run.loss_errors)
        assert (np.abs(one.values["losses"] - run.losses) < 6 * error).all()


@pytest.mark.usefixtures("short_evaluations")
def test_feature_models_are_fields_of_a_grid() -> None:
    models = [FeatureModel.pairs(2, 0.2, together=c) for c in (0.0, 0.5, 1.0)]
    tasks = grid("train", _SHORT, feature_model=[model.to_dict() for model in models])
    assert len({task.id for task in tasks}) == 3
    for task, result, model in zip(tasks, _results(tasks), models, strict=True):
        config = ToyModelConfig.from_dict(task.config)
        assert config.feature_models == (model,)
        run = train(config, seed=task.seed, progress=False)
        np.testing.assert_array_equal(result.values["weights"], run.weights)
    with pytest.raises(GeomsupError, match="got several feature models"):
        Task("train", {"n_instances": 2, "feature_model": [one.to_dict() for one in models[:2]]})


def test_a_task_keeps_the_name_it_had_before_there_were_feature_models() -> None:
    # As sha256sum has it for the canonical JSON of the settings that there were then.
    assert Task("train", {"n_steps": 50}).id == "1c76f40fd4b93ed8004059a2460817b9"


@pytest.mark.usefixtures("short_evaluations")
def test_equal_importances_beside_unequal_ones_are_rounded_as_alone() -> None:
    """The batch size is no power of two, so 2 I / B rounds wherever it is applied."""
    importances = [1.0, 2.0, [1.0, 0.9, 0.8, 0.7, 0.6], [3.0] * 5]
    tasks = grid("train", _SHORT, importance=importances)
    assert [len(batch) for batch in packed(tasks, None)] == [len(tasks)]
    for task, one in zip(tasks, _results(tasks), strict=True):
        (alone,) = _results([task])
        for name in ("weights", "biases", "history_losses"):
            np.testing.assert_array_equal(one.values[name], alone.values[name])


@pytest.mark.parametrize(
    "other", [{"n_steps": 41}, {"batch_size": 64}, {"n_features": 6}, {"learning_rate": 0.01}]
)
def test_what_differs_in_more_is_not_trained_together(other: dict[str, Any]) -> None:
    tasks = [Task("train", _SHORT), Task("train", {**_SHORT, **other})]
    assert len(packed(tasks, None)) == 2
    configs = [ToyModelConfig.from_dict(task.config) for task in tasks]
    with pytest.raises(
        GeomsupError, match="may differ in feature_probability, feature_model, importance"
    ):
        train_together(configs, [0, 0])


@pytest.mark.usefixtures("short_evaluations")
def test_a_divergence_is_the_failure_of_one_model() -> None:
    tasks = grid("train", {**_SHORT, "learning_rate": 1e3}, seeds=2, importance=[1.0, 1e30])
    results = _results(tasks)
    assert [result.failed for result in results] == [False, False, True, True]
    assert (results[2].error or {})["type"] == "TrainingDivergedError"
    np.testing.assert_array_equal(
        results[0].values["weights"], _results(tasks[:1])[0].values["weights"]
    )


@pytest.mark.usefixtures("short_evaluations")
def test_the_numbers_of_a_training_are_those_of_its_best_model() -> None:
    (one,) = _results([Task("train", {**_SHORT, "n_instances": 4, "sparsity": 0.75})])
    best = int(np.argmin(one.values["losses"]))
    W = one.values["weights"][best]
    assert one.values["loss"] == one.values["losses"][best]
    each, squares = feature_dimensionality(W), (W**2).sum(axis=0)
    assert one.values["dimensionality"] == pytest.approx((each * squares).sum() / squares.sum())
    assert one.values["dimensions_per_feature"] == pytest.approx(2 / squares.sum())
    assert one.task.config["feature_probability"] == 0.25
    assert one.row()["sparsity"] == 0.75


def _pentagon(scale: float) -> Result:
    run = train(ToyModelConfig(n_instances=1, n_steps=1, batch_size=8), progress=False)
    angles = 2 * np.pi * np.arange(5) / 5
    planted = replace(run, weights=scale * np.array([[np.cos(angles), np.sin(angles)]]))
    return Result.of(Task("train", _SHORT), values_of(planted))


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_the_dimensionality_of_a_pentagon_is_two_fifths(scale: float) -> None:
    assert _pentagon(scale).values["dimensionality"] == pytest.approx(0.4)
    assert _pentagon(scale).values["dimensions_per_feature"] == pytest.approx(0.4 / scale**2)


def test_two_processes_train_the_same_models(tmp_path: Path) -> None:
    config = {"n_steps": 20, "batch_size": 64}
    tasks = grid("sweep_trainings:BRIEFLY_EVALUATED", config, seeds=20, sparsity=[0.5, 0.9])
    one = sweep(tasks, store=tmp_path / "one").store.compact()
    two = sweep(tasks[::-1], store=tmp_path / "two", n_jobs=2)
    assert len(list(tmp_path.glob("two/results/*/*"))) > 2
    packed_two = two.store.compact()
    assert one is not None
    assert packed_two is not None
    assert one.read_bytes() == packed_two.read_bytes()


def test_a_search_is_that_of_the_theory() -> None:
    task = Task(
        "optimum", {"n_features": 2, "n_hidden": 1, "feature_probability": 0.1, "n_starts": 6}
    )
    (one,) = _results([task])
    best = best_configuration(2, 1, 0.1, n_starts=6, seed=task.seed)
    np.testing.assert_array_equal(one.values["W"], best.W)
    assert (one.values["loss"], one.values["name"]) == (best.loss, "digon")
    assert task.config["importance"] == 1.0


@pytest.mark.slow
def test_a_row_of_the_scorecard_is_a_task() -> None:
    task = Task("experiment", {"id": "notes-triangle", "n_steps": 20})
    assert task.config["scale"] == "smoke"
    (one,) = _results([task])
    assert not one.failed, one.error
    experiment = get_experiment("notes-triangle")
    result = experiment.run(replace(experiment.smoke, n_steps=20), task.seed, Trainer())
    np.testing.assert_array_equal(one.values["weights"], result.weights)
    assert one.row()["verdict"] == experiment.check((result,)).verdict
    assert one.row()["n_steps"] == 20
