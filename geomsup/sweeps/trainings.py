"""Trainings of toy models as tasks: the configuration of one setting, for one model or more.

The fields are those of `ToyModelConfig`; `sparsity` may stand in place of `feature_probability`,
and `feature_model` is a mapping, as `FeatureModel.to_dict` makes it. Unless they say otherwise, a
task is one model. Compatible tasks are trained in one batch, each with the streams of its own seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from geomsup.errors import GeomsupError
from geomsup.geometry.gram import feature_dimensionality
from geomsup.sweeps.task import Config, Work
from geomsup.training.config import ToyModelConfig
from geomsup.training.loop import OF_EACH, train_together
from geomsup.training.run import TrainingRun
from geomsup.validation import numbers

__all__ = ["TRAIN", "values_of"]

# Models of a full batch, and feature values in a step of it: 64 models of five features with the
# default batch size. One thread takes 28 ms for each of these over 500 steps, as in a batch twice
# as large. Of smaller ones no more, because a third of that time is the evaluation.
_MODELS = 64
_VALUES = _MODELS * 5 * 1024


def _check(config: Config) -> Config:
    """The whole configuration, of one setting."""
    settings = {"n_instances": 1, **config}
    if "sparsity" in settings:
        if "feature_probability" in settings:
            raise GeomsupError("sparsity is 1 - feature_probability; give one of the two")
        sparsity = numbers("sparsity", settings.pop("sparsity"))
        settings["feature_probability"] = (1.0 - sparsity).tolist()
    made = ToyModelConfig.from_dict(settings)
    several: dict[str, set[Any]] = {
        "feature models": set(made.feature_models),
        "importances": set(map(tuple, made.importances)),
    }
    for name, values in several.items():
        if len(values) > 1:
            raise GeomsupError(
                f"the models of a task have one setting, got several {name}; every setting is a "
                "task of its own, so put them into the grid"
            )
    return {name: value for name, value in made.to_dict().items() if name != "n_restarts"}


def _alike(config: Config) -> Any:
    """All that a batch has in common.

    Equal importances take another way through the arithmetic than unequal ones, and round
    differently beside them.
    """
    common = {name: value for name, value in config.items() if name not in OF_EACH}
    return {**common, "uniform": len(set(np.ravel(config["importance"]))) == 1}


def _share(config: Config) -> float:
    n_models = config["n_instances"]
    values = n_models * config["n_features"] * max(config["batch_size"], config["n_hidden"])
    return float(max(n_models / _MODELS, values / _VALUES))


def _together(configs: Sequence[Config], seeds: Sequence[int]) -> list[dict[str, Any]]:
    made = [ToyModelConfig.from_dict(config) for config in configs]
    return [values_of(run) for run in train_together(made, seeds)]


def values_of(run: TrainingRun) -> dict[str, Any]:
    """What is kept of a training: the models, and numbers of the one of lowest loss.

    Returns
    -------
    dict
        Arrays: weights, decoders (of untied models), biases, losses, loss_errors, history_steps,
        history_losses, dimensionalities (n_instances, n_features), and trajectory_… if there are
        records. Numbers: loss, loss_error, sparsity (if all features have the same),
        dimensions_per_feature, which is m / |W|² (Elhage et al. 2022, "Demonstrating
        superposition"), and dimensionality, the mean of D_i weighted with |W_i|², in which what
        was dropped has no part.
    """
    arrays = {name: getattr(run, name) for name in ("weights", "biases", "losses", "loss_errors")}
    if not run.config.tied:
        arrays["decoders"] = run.decoders
    kept = {"history": vars(run.history), "trajectory": vars(run.trajectory)}
    if not len(run.trajectory):
        del kept["trajectory"]
    for start, parts in kept.items():
        arrays |= {f"{start}_{name}": part for name, part in parts.items()}
    best = run.best()
    dimensionalities = np.array([feature_dimensionality(W) for W in run.weights])
    squares = (best.W**2).sum(axis=0)
    length = float(squares.sum())
    weighted = float((squares * dimensionalities[best.instance]).sum())
    p = set(best.feature_probability.tolist())
    return {
        **arrays,
        "dimensionalities": dimensionalities,
        "loss": best.loss,
        "loss_error": best.loss_error,
        "dimensionality": weighted / length if length else None,
        "dimensions_per_feature": run.config.n_hidden / length if length else None,
        **({"sparsity": 1.0 - p.pop()} if len(p) == 1 else {}),
    }


TRAIN = Work(together=_together, check=_check, alike=_alike, share=_share)
