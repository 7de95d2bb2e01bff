"""The reference trainer: small models whose geometry is worth naming.

>>> from geomsup.training import ToyModelConfig, train
>>> config = ToyModelConfig(n_features=5, n_hidden=2, n_instances=2, n_steps=100, batch_size=64)
>>> run = train(config, seed=0)
>>> run.weights.shape, run.best().instance in (0, 1)
((2, 2, 5), True)

Sampling (`data`, `distributions`), the model and its gradient (`model`) and the optimiser (`optim`)
know nothing of each other; the loop puts them together and leaves a `TrainingRun`.
"""

from __future__ import annotations

from geomsup.training.config import ToyModelConfig
from geomsup.training.dataset import training_set
from geomsup.training.diverged import TrainingDivergedError
from geomsup.training.functions import ACTIVATIONS, TARGETS, Activation, Target
from geomsup.training.inputs import sample_inputs
from geomsup.training.loop import train
from geomsup.training.records import History, Trajectory
from geomsup.training.run import TrainedModel, TrainingRun

__all__ = [
    "ACTIVATIONS",
    "TARGETS",
    "Activation",
    "History",
    "Target",
    "ToyModelConfig",
    "TrainedModel",
    "TrainingDivergedError",
    "TrainingRun",
    "Trajectory",
    "sample_inputs",
    "train",
    "training_set",
]
