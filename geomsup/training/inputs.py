"""Inputs such as a model was trained on, for whoever wants to see what it does with them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, shorten
from geomsup.training.config import ToyModelConfig
from geomsup.training.data import make_sampler
from geomsup.validation import positive_integer, whole_number

__all__ = ["sample_inputs"]


def sample_inputs(
    config: ToyModelConfig, n_samples: int, *, instance: int = 0, seed: int = 0
) -> NDArray[np.float64]:
    """Draw inputs of the kind that one instance of a configuration is trained on.

    Parameters
    ----------
    config : ToyModelConfig
        What the features are, signs, and whether samples are scaled.
    n_samples : int
        Number of inputs.
    instance : int, default 0
        Whose features.  With one seed the same uniform numbers serve all instances,
        so that models of different sparsity meet inputs that differ in nothing else.
    seed : int, default 0

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        Fresh ones: training draws from other streams.

    Raises
    ------
    GeomsupError
        If the configuration is none, there is no such instance, or a number is not a whole one.

    Examples
    --------
    >>> from geomsup.training import ToyModelConfig, sample_inputs
    >>> config = ToyModelConfig(n_features=5, feature_probability=0.2)
    >>> x = sample_inputs(config, 1000)
    >>> x.shape, round(float((x > 0).mean()), 1)
    ((1000, 5), 0.2)
    """
    if not isinstance(config, ToyModelConfig):
        raise GeomsupError(f"config must be a ToyModelConfig, got {shorten(config)}")
    count = positive_integer("n_samples", n_samples)
    chosen = whole_number("instance", instance, 0, config.n_instances - 1)
    sampler = make_sampler(
        [config.feature_models[chosen]],
        [np.random.SeedSequence(whole_number("seed", seed, 0))],
        count,
        dtype=torch.float64,
        **config.data_options(),
    )
    drawn = torch.empty((1, config.n_features, count), dtype=torch.float64, device="cpu")
    sampler.draw(drawn)
    return drawn[0].T.contiguous().numpy()
