"""Toy models in training: where they start, what they see, and what is noted of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from geomsup.training.config import ToyModelConfig
from geomsup.training.data import Sampler, make_sampler
from geomsup.training.dataset import DatasetBatches, datasets_of, fingerprint
from geomsup.training.diverged import TrainingDivergedError
from geomsup.training.fit import Learner
from geomsup.training.model import ToyModel
from geomsup.training.streams import Stream, stream_seed

__all__ = ["ToyLearner", "initial_parameters"]

FloatArray = NDArray[np.float64]
# Losses kept in the history of a run.
_HISTORY_LENGTH = 200


class ToyLearner(Learner):
    """Models of these numbers, which need not be all of the configuration's.

    Parameters
    ----------
    config : ToyModelConfig
    seed : int or sequence of int
        One for all, or one for each of them.
    device : torch.device
    instances : sequence of int
        Their places in the configuration.
    numbers : sequence of int, optional
        Their numbers in the streams of their seeds; by default their places.
    datasets : sequence of int, optional
        Numbers of their data sets, where there are any; restarts of a setting have one.

    Attributes
    ----------
    provenance : dict
        What a run is to know of its data set, if it has one.
    """

    def __init__(
        self,
        config: ToyModelConfig,
        seed: int | Sequence[int],
        device: torch.device,
        instances: Sequence[int],
        numbers: Sequence[int] | None = None,
        datasets: Sequence[int] | None = None,
    ) -> None:
        self.config, self.schedule, self.instances = config, config, list(instances)
        numbers = self.instances if numbers is None else numbers
        seeds = _one_each(seed, len(numbers))
        self.weight_decay, self.record_at = config.decoupled_decay, config.record_steps()
        self.note_every = max(1, config.n_steps // _HISTORY_LENGTH)
        self._model = model = ToyModel(
            config.importances[self.instances],
            config.n_hidden,
            config.batch,
            **config.model_options(),
            device=device,
        )
        model.set_parameters(*map(torch.from_numpy, initial_parameters(config, seeds, numbers)))
        self.blocks = {"theta": (model.theta, model.gradient)}
        self._pull = 0.0 if self.weight_decay else 2.0 * config.weight_decay
        self.provenance: dict[str, str] = {}
        if config.dataset_size is None:
            fresh = make_sampler(
                [config.feature_models[k] for k in self.instances],
                [stream_seed(s, Stream.SAMPLES, k) for s, k in zip(seeds, numbers, strict=True)],
                config.batch_size,
                device=device,
                **config.data_options(),
            )
            self._batches: Sampler | DatasetBatches = fresh
            self.random = fresh.source
        else:
            datasets = [k // config.n_restarts for k in numbers] if datasets is None else datasets
            data = datasets_of(config, self.instances, seeds, datasets)
            self.provenance = {"dataset": fingerprint(data)}
            self._batches = DatasetBatches(data.to(device), config.batch, seeds, numbers)
            self.random = self._batches
        self._good, self._good_step = model.theta.clone(), 0

    def draw(self, step: int) -> None:
        """Take the batch of a step."""
        self._batches.draw(self._model.samples)

    def backward(self) -> None:
        """Compute the gradient of the loss on the batch, and of the decay if it is part of it."""
        model = self._model
        model.backward()
        if self._pull:
            # The rows of the biases lie between V and W, and are not pulled.
            m = self.config.n_hidden
            for rows in (slice(0, m), slice(m + 1, None)):
                model.gradient[:, rows].add_(model.theta[:, rows] * self._pull)

    def losses(self) -> FloatArray:
        """Losses on the batch, of shape (n_instances,)."""
        return self._model.losses()

    def remember(self, step: int) -> None:
        """Keep the parameters for the error of a later divergence."""
        self._good.copy_(self._model.theta)
        self._good_step = step

    def diverged(self, step: int, number: int) -> TrainingDivergedError:
        """An error that holds the last good weights."""
        weights, decoders, biases = self.split(self._good)
        return TrainingDivergedError(
            step=step,
            instance=self.instances[number],
            learning_rate=self.config.learning_rate_at(min(step, self.config.n_steps - 1)),
            last_good_step=self._good_step,
            weights=weights,
            decoders=decoders,
            biases=biases,
        )

    def split(self, theta: torch.Tensor | None = None) -> tuple[FloatArray, FloatArray, FloatArray]:
        """W, V and b of parameters of shape (…, n_rows, n_features), or of the present ones."""
        theta = self._model.theta if theta is None else theta
        values = theta.detach().cpu().to(torch.float64).contiguous().numpy().copy()
        m = self.config.n_hidden
        decoders, biases = values[..., :m, :], values[..., m, :]
        weights = decoders if self.config.tied else values[..., m + 1 :, :]
        return weights, decoders, biases


def initial_parameters(
    config: ToyModelConfig, seed: int | Sequence[int], instances: Sequence[int]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Xavier-normal W (and V, unless it is tied) and zero b, the same on every device.

    The seed is one for all instances, or one for each.
    """
    k, m, n = len(instances), config.n_hidden, config.n_features
    scale = config.init_scale * np.sqrt(2.0 / (m + n))
    weights = np.empty((k, m, n))
    decoders = weights if config.tied else np.empty((k, m, n))
    for place, (one, number) in enumerate(zip(_one_each(seed, k), instances, strict=True)):
        generator = np.random.default_rng(stream_seed(one, Stream.INITIAL_WEIGHTS, number))
        weights[place] = scale * generator.standard_normal((m, n))
        if not config.tied:
            decoders[place] = scale * generator.standard_normal((m, n))
    return weights, decoders, np.zeros((k, n))


def _one_each(seed: int | Sequence[int], count: int) -> Sequence[int]:
    return [seed] * count if isinstance(seed, int) else seed
