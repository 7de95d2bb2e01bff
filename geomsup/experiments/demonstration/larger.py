"""Eighty features in twenty dimensions: the same picture as the demonstration, rescaled."""

from __future__ import annotations

from dataclasses import dataclass, replace

from geomsup.experiments.demonstration import stack
from geomsup.experiments.demonstration.stack import Result, check, draw, run
from geomsup.experiments.frame import Experiment

__all__ = ["EXPERIMENT", "Config"]


@dataclass(frozen=True, kw_only=True)
class Config(stack.Config):
    """Published values but for the training."""

    n_features: int = 80
    n_hidden: int = 20
    decay: float = 0.9
    n_restarts: int = 2
    n_steps: int = 8000
    batch_size: int = 1024
    descends: bool = False


EXPERIMENT = Experiment(
    id="larger",
    title="eighty features of falling importance in twenty dimensions",
    says="the same as in the small demonstration",
    source="Elhage et al. 2022, Demonstrating Superposition, larger models",
    paper=Config(),
    smoke=replace(Config(), n_steps=1500, batch_size=512),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
