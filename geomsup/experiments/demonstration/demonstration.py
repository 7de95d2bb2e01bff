"""Twenty features in five dimensions, linear and ReLU: the paper's first demonstration."""

from __future__ import annotations

from geomsup.experiments.demonstration.stack import Config, Result, check, draw, run
from geomsup.experiments.frame import Experiment

__all__ = ["EXPERIMENT"]

EXPERIMENT = Experiment(
    id="demonstration",
    title="twenty features of falling importance in five dimensions",
    says="the linear model keeps the most important features at every sparsity; the ReLU model "
    "stores more as they get sparser",
    source="Elhage et al. 2022, Demonstrating Superposition, basic results",
    paper=Config(),
    smoke=Config(n_steps=2500, batch_size=512),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
