"""A fixed, finite set of samples to train on, in the place of fresh ones.

Samples are drawn once, as fresh ones would be, from a stream of their own: restarts of a setting
see the same ones, and so would anybody who knows the configuration and the seed.  Where a step
takes all of them there is nothing random left; otherwise they come in an order that is shuffled
anew each time all had their turn, and how many were drawn says where to go on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geomsup.errors import GeomsupError
from geomsup.storage import stated_integer
from geomsup.training.config import ToyModelConfig
from geomsup.training.data import make_sampler
from geomsup.training.streams import Stream, stream_seed
from geomsup.validation import seed_number, whole_number

__all__ = ["DatasetBatches", "datasets_of", "fingerprint", "training_set"]


def training_set(config: ToyModelConfig, seed: int, *, instance: int = 0) -> NDArray[np.float64]:
    """The samples on which one instance of a configuration with a ``dataset_size`` is trained.

    Parameters
    ----------
    config : ToyModelConfig
    seed : int
        Of the training, as in ``run.seed``.
    instance : int, default 0

    Returns
    -------
    ndarray of shape (dataset_size, n_features)

    Raises
    ------
    GeomsupError
        If the configuration trains on fresh samples, or there is no such instance.

    Examples
    --------
    >>> from geomsup.training import ToyModelConfig, train, training_set
    >>> config = ToyModelConfig(dataset_size=20, n_instances=1, n_steps=50)
    >>> run = train(config, seed=7)
    >>> X = training_set(run.config, run.seed)
    >>> X.shape
    (20, 5)
    >>> hidden = X @ run.weights[0].T        # what the model makes of them
    """
    if not isinstance(config, ToyModelConfig) or config.dataset_size is None:
        raise GeomsupError(
            "config must be a ToyModelConfig with a dataset_size; otherwise each step has fresh "
            "samples, such as sample_inputs draws"
        )
    k = whole_number("instance", instance, 0, config.n_instances - 1)
    number = k // config.n_restarts
    (samples,) = datasets_of(config, [k], [seed_number(seed)], [number])
    drawn: NDArray[np.float64] = samples.T.double().contiguous().numpy()
    return drawn


def datasets_of(
    config: ToyModelConfig,
    instances: Sequence[int],
    seeds: Sequence[int],
    numbers: Sequence[int],
) -> Tensor:
    """The data sets of instances in the places given, each by its number under its seed.

    Returns
    -------
    Tensor of shape (len(instances), n_features, dataset_size)
        On the CPU, wherever they will be used.
    """
    models = config.feature_models
    size = int(config.dataset_size or 0)
    sampler = make_sampler(
        [models[k] for k in instances],
        [stream_seed(s, Stream.DATASET, k) for s, k in zip(seeds, numbers, strict=True)],
        size,
        **config.data_options(),
    )
    drawn = torch.empty((len(instances), config.n_features, size), device="cpu")
    sampler.draw(drawn)
    return drawn


def fingerprint(data: Tensor) -> str:
    """A text that differs between data sets that differ."""
    return hashlib.sha256(data.contiguous().numpy().tobytes()).hexdigest()[:32]


class DatasetBatches:
    """Batches of fixed samples.

    Parameters
    ----------
    data : Tensor of shape (n_instances, n_features, dataset_size)
    batch_size : int
        At most ``dataset_size``.
    seeds, numbers : sequence of int
        Of the instances, for the order in which samples come.
    """

    def __init__(
        self, data: Tensor, batch_size: int, seeds: Sequence[int], numbers: Sequence[int]
    ) -> None:
        self._data, self._batch_size = data, batch_size
        self._instances = list(zip(seeds, numbers, strict=True))
        self._drawn = 0
        self._filled: Tensor | None = None
        self._shuffled: dict[int, list[NDArray[np.int64]]] = {}

    def draw(self, out: Tensor) -> None:
        """Write the next samples to ``out``, of shape (n_instances, n_features, batch_size)."""
        self._drawn += 1
        size = self._data.shape[2]
        if self._batch_size < size:
            for k, order in enumerate(self._orders()):
                out[k] = self._data[k][:, torch.from_numpy(order).to(out.device)]
        elif self._filled is not out:
            # They stay where they are: nobody else writes there.
            out.copy_(self._data)
            self._filled = out

    def state(self) -> dict[str, Any]:
        """How many batches were drawn."""
        return {"drawn": self._drawn}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on behind so many batches."""
        self._drawn = stated_integer(state, "drawn")
        self._filled = None

    def _orders(self) -> list[NDArray[np.int64]]:
        """Which samples the present batch of each instance takes."""
        size = self._data.shape[2]
        first = (self._drawn - 1) * self._batch_size
        turns = range(first // size, (first + self._batch_size - 1) // size + 1)
        self._shuffled = {turn: self._shuffled.get(turn) or self._orders_of(turn) for turn in turns}
        start = first - turns[0] * size
        return [
            np.concatenate(parts)[start : start + self._batch_size]
            for parts in zip(*self._shuffled.values(), strict=True)
        ]

    def _orders_of(self, turn: int) -> list[NDArray[np.int64]]:
        """The order of all samples in one of their turns, for each instance."""
        streams = [stream_seed(s, Stream.DATASET_ORDER, k, turn) for s, k in self._instances]
        size = self._data.shape[2]
        return [np.random.default_rng(stream).permutation(size) for stream in streams]
