"""A row of the scorecard as a task of a sweep: one repetition, with any of its settings changed.

The fields are `id`, `scale` and those of the experiment's own configuration.  Arrays of the result
have the way to them as their name ("sweeps.0.weights"); the check of the one repetition says how
many claims hold.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from geomsup.errors import GeomsupError
from geomsup.experiments.frame.experiment import SCALES, Experiment, Trainer
from geomsup.experiments.frame.results import config_dict, packed
from geomsup.experiments.registry import get_experiment
from geomsup.sweeps import Work
from geomsup.training.settings import to_tuples
from geomsup.validation import one_of

__all__ = ["EXPERIMENT_ROW"]

Config = dict[str, Any]


def _check(config: Config) -> Config:
    """The whole configuration of a row."""
    experiment, scale, made = _made(config)
    return {"id": experiment.id, "scale": scale, **config_dict(made)}


def _made(config: Config) -> tuple[Experiment[Any, Any], str, Any]:
    """The experiment, the scale, and the configuration with what is to differ."""
    if "id" not in config:
        raise GeomsupError("a row of the scorecard needs its id, as in id = 'notes-pentagon'")
    experiment = get_experiment(config["id"])
    scale = one_of("scale", config.get("scale", "smoke"), SCALES)
    usual = experiment.config(scale)  # type: ignore[arg-type]  # one of the scales by now
    changed = {name: value for name, value in config.items() if name not in ("id", "scale")}
    known = [field.name for field in dataclasses.fields(usual)]
    for name in changed:
        if name not in known:
            raise GeomsupError(
                f"{experiment.id} has no setting {name!r}; it has {', '.join(known)}"
            )
    return (
        experiment,
        scale,
        dataclasses.replace(usual, **{name: to_tuples(value) for name, value in changed.items()}),
    )


def _together(configs: Sequence[Config], seeds: Sequence[int]) -> list[dict[str, Any]]:
    return [_repetition(config, seed) for config, seed in zip(configs, seeds, strict=True)]


def _repetition(config: Config, seed: int) -> dict[str, Any]:
    experiment, _, made = _made(config)
    result = experiment.run(made, seed, Trainer())
    arrays: dict[str, Any] = {}
    fields = packed(result, "", arrays)
    outcome = experiment.check((result,))
    texts = {name: array.tolist() for name, array in arrays.items() if array.dtype.kind == "U"}
    return {
        **{name: array for name, array in arrays.items() if name not in texts},
        "texts": texts,
        "fields": fields,
        "verdict": outcome.verdict,
        "claims": len(outcome.claims),
        "held": sum(claim.holds for claim in outcome.claims),
        "outcome": outcome.to_dict(),
    }


EXPERIMENT_ROW = Work(together=_together, check=_check)
