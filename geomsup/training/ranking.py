"""Which of the models of a run to look at: those of one task side by side, lowest loss first."""

from __future__ import annotations

from collections.abc import Iterable

from geomsup.theory.feature_model import FeatureModel
from geomsup.training.run import TrainedModel, TrainingRun

__all__ = ["n_tasks", "ranked"]


def ranked(models: TrainingRun | Iterable[TrainedModel]) -> list[TrainedModel]:
    """Models, lowest loss first among those of the same task.

    Losses of different tasks do not compare, so tasks keep the order in which they come.

    Parameters
    ----------
    models : TrainingRun or iterable of TrainedModel

    Examples
    --------
    >>> from geomsup.training import ToyModelConfig, train
    >>> from geomsup.training.ranking import ranked
    >>> config = ToyModelConfig(feature_probability=[[0.1], [0.05]], n_instances=2, n_steps=10)
    >>> [model.instance for model in ranked(train(config, seed=0))]
    [0, 1]
    """
    if isinstance(models, TrainingRun):
        models = [models.model(k) for k in range(len(models.losses))]
    tasks: dict[tuple[FeatureModel, bytes], list[TrainedModel]] = {}
    for model in models:
        tasks.setdefault(_task(model), []).append(model)
    return [m for alike in tasks.values() for m in sorted(alike, key=lambda m: m.loss)]


def n_tasks(run: TrainingRun) -> int:
    """How many different tasks the instances of a run were trained on.

    Examples
    --------
    >>> from geomsup.training import ToyModelConfig, train
    >>> from geomsup.training.ranking import n_tasks
    >>> config = ToyModelConfig(feature_probability=[[0.1], [0.05]], n_instances=2, n_steps=10)
    >>> n_tasks(train(config, seed=0))
    2
    """
    return len({_task(run.model(k)) for k in range(len(run.losses))})


def _task(model: TrainedModel) -> tuple[FeatureModel, bytes]:
    return model.feature_model, model.importance.tobytes()
