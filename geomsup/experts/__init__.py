"""Mixtures of experts: toy models behind a router that sends each input to one of them.

>>> from geomsup.experts import MixtureConfig, train_mixtures
>>> from geomsup.training import ToyModelConfig
>>> toy = ToyModelConfig(n_features=8, n_hidden=2, n_instances=1, n_steps=200, batch_size=128)
>>> (mixture,) = train_mixtures(MixtureConfig(toy=toy, n_experts=2), progress=False)
>>> mixture.probabilities([[1.0] + [0.0] * 7]).shape
(1, 2)

`config` says what to train, `model` holds loss and gradient, `train` puts them together, and a
`Mixture` is what comes out.
"""

from __future__ import annotations

from geomsup.experts.config import MixtureConfig
from geomsup.experts.mixture import Mixture
from geomsup.experts.train import evaluated, train_mixtures

__all__ = ["Mixture", "MixtureConfig", "evaluated", "train_mixtures"]
