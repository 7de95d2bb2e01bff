"""Which models of a run compare, and in what order they are shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from geomsup.training import ToyModelConfig, TrainingRun, train
from geomsup.training.ranking import n_tasks, ranked


@pytest.fixture(scope="module")
def run() -> TrainingRun:
    """Two tasks, by turns, with losses that are not in order."""
    config = ToyModelConfig(
        feature_probability=[[0.1], [0.05], [0.1], [0.05]], n_instances=4, n_steps=2, batch_size=8
    )
    trained = train(config, seed=0, progress=False)
    return replace(trained, losses=np.array([0.4, 0.2, 0.3, 0.1]))


def test_models_of_a_task_stand_together_lowest_loss_first(run: TrainingRun) -> None:
    assert [model.instance for model in ranked(run)] == [2, 0, 3, 1]
    some = (run.model(k) for k in (1, 3))
    assert [model.instance for model in ranked(some)] == [3, 1]


def test_tasks_differ_in_probability_or_importance(run: TrainingRun) -> None:
    assert n_tasks(run) == 2
    alike = replace(run, config=replace(run.config, feature_probability=0.1))
    assert n_tasks(alike) == 1
    unlike = replace(alike, config=replace(alike.config, importance=[[1.0], [1.0], [1.0], [0.5]]))
    assert n_tasks(unlike) == 2
