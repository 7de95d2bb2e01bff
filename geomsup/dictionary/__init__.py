"""Sparse autoencoders on the activations of toy models: do they find the features that are there?

>>> from geomsup.dictionary import AutoencoderConfig, ToyActivations
>>> from geomsup.dictionary import recover_features, train_autoencoders
>>> W = [[1, -1, 0, 0], [0, 0, 1, -1]]
>>> config = AutoencoderConfig(n_latents=8, penalty=0.3, n_steps=1000, batch_size=128)
>>> (autoencoder,) = train_autoencoders(ToyActivations(W, 0.1), config, progress=False)
>>> recover_features(autoencoder, W).share
1.0

`config`, `activations`, `model` and `train` make dictionaries; `recovery` compares one with the
truth, and `splitting` traces latents through dictionaries of growing size.  `clusters` plants a
truth in which there is something to split.
"""

from __future__ import annotations

from geomsup.dictionary.activations import (
    GivenActivations,
    StreamedActivations,
    ToyActivations,
)
from geomsup.dictionary.autoencoder import Autoencoder, best_of_each
from geomsup.dictionary.clusters import PlantedClusters, planted_clusters
from geomsup.dictionary.config import AutoencoderConfig
from geomsup.dictionary.files import load_autoencoders, save_autoencoders
from geomsup.dictionary.recovery import Recovery, agreement, loss_recovered, recover_features
from geomsup.dictionary.splitting import SplittingTree, splitting_tree
from geomsup.dictionary.train import train_autoencoders

__all__ = [
    "Autoencoder",
    "AutoencoderConfig",
    "GivenActivations",
    "PlantedClusters",
    "Recovery",
    "SplittingTree",
    "StreamedActivations",
    "ToyActivations",
    "agreement",
    "best_of_each",
    "load_autoencoders",
    "loss_recovered",
    "planted_clusters",
    "recover_features",
    "save_autoencoders",
    "splitting_tree",
    "train_autoencoders",
]
