"""Searches for the best configuration of a toy model, by exact loss, as tasks."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from geomsup.errors import GeomsupError
from geomsup.sweeps.task import Config, Work
from geomsup.theory import best_configuration

__all__ = ["OPTIMUM"]

_FIELDS = ("n_features", "n_hidden", "feature_probability", "importance", "n_starts")
_NEEDED = _FIELDS[:3]


def _check(config: Config) -> Config:
    """The whole configuration; whether its values can be meant, the search says itself."""
    for name in config:
        if name not in _FIELDS:
            raise GeomsupError(f"unknown field {name!r}; the fields are {', '.join(_FIELDS)}")
    for name in _NEEDED:
        if name not in config:
            raise GeomsupError(f"a search needs {', '.join(_NEEDED)}; {name} is missing")
    options = inspect.signature(best_configuration).parameters
    return {name: options[name].default for name in _FIELDS[3:]} | config


def _together(configs: Sequence[Config], seeds: Sequence[int]) -> list[dict[str, Any]]:
    return [_found(config, seed) for config, seed in zip(configs, seeds, strict=True)]


def _found(config: Config, seed: int) -> dict[str, Any]:
    best = best_configuration(**config, seed=seed, progress=False)
    return {
        "W": best.W,
        "b": best.b,
        "loss": best.loss,
        "name": best.name,
        "n_converged": best.n_converged,
        "losses": np.array([minimum.loss for minimum in best.minima]),
        "shares": np.array([minimum.share for minimum in best.minima]),
        "names": [minimum.name for minimum in best.minima],
    }


OPTIMUM = Work(together=_together, check=_check)
