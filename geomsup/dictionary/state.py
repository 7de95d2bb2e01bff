"""The autoencoders of one size in training: all that changes, one step, and how it is kept.

What goes on from a checkpoint is, bit for bit, what would have gone on without.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from geomsup.dictionary.activations import Activations, Purpose
from geomsup.dictionary.config import AutoencoderConfig
from geomsup.dictionary.model import AutoencoderBatch
from geomsup.storage import stated_integer
from geomsup.training.optim import Adam

__all__ = ["SizeState"]

FloatArray = NDArray[np.float64]
# Relative to the mean encoder norm of living latents (Bricken et al. 2023, appendix).
_RESAMPLED_NORM = 0.2


class SizeState:
    """Autoencoders of one size, side by side.

    Parameters
    ----------
    source : Activations
    config : AutoencoderConfig
    size : int
        One of ``config.sizes``.
    seed : int
    scale : float
        Unit of length of the activations.
    centre : ndarray of shape (n_hidden,)
        Where the centre starts, in that unit.
    """

    def __init__(
        self,
        source: Activations,
        config: AutoencoderConfig,
        size: int,
        seed: int,
        scale: float,
        centre: FloatArray,
    ) -> None:
        self.config, self.size, self.seed, self.completed = config, size, seed, 0
        self._scale = np.float32(scale)
        settings = [setting for setting in config.settings if setting[0] == size]
        self._restarts = [restart for _, _, restart in settings]
        sparsities = np.array([sparsity for _, sparsity, _ in settings])
        topk = config.activation == "topk"
        self.batch = batch = AutoencoderBatch(
            source.n_hidden,
            size,
            config.batch_size,
            np.zeros(len(settings)) if topk else sparsities,
            tuple(int(k) for k in sparsities) if topk else None,
        )
        for k, restart in enumerate(self._restarts):
            generator = np.random.default_rng(Purpose.INITIAL_VALUES.stream(seed, size, restart))
            directions = torch.from_numpy(_directions(generator, source.n_hidden, size))
            batch.decoder[k] = directions
            batch.encoder[k] = directions
        batch.centre[:] = torch.from_numpy(centre)
        self._samples = source.batches(config.batch_size, Purpose.BATCHES.stream(seed))
        self._optimisers = (
            Adam(batch.theta, batch.gradient),
            Adam(batch.centre, batch.centre_gradient),
        )

    def step(self) -> None:
        """Take one step on a fresh batch, after a round of resampling where one is due."""
        batch, step = self.batch, self.completed
        h = torch.from_numpy(next(self._samples) / self._scale)
        if self.config.resamples_at(step):
            errors = batch.squared_errors(h).double().numpy()
            for k, restart in enumerate(self._restarts):
                stream = Purpose.RESAMPLING.stream(self.seed, self.size, restart, step)
                _resample(batch, k, ~batch.fired[k].numpy(), h.numpy(), errors[k], stream)
            batch.fired.zero_()
        batch.backward(h)
        for optimiser in self._optimisers:
            optimiser.step(self.config.learning_rate_at(step))
        batch.normalise()
        self.completed += 1

    def is_finite(self) -> bool:
        """Whether all parameters are."""
        return bool(self._optimisers[0].is_finite().all())

    def parts(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays and notes that `take` needs to go on from here."""
        tensors = {
            "theta": self.batch.theta.contiguous().numpy(),
            "centre": self.batch.centre.contiguous().numpy(),
            "fired": self.batch.fired.numpy(),
        }
        for number, optimiser in enumerate(self._optimisers):
            _, mean, square = optimiser.state()
            tensors |= {f"mean_{number}": mean.numpy(), f"square_{number}": square.numpy()}
        return tensors, {"completed": self.completed, "random_state": self._samples.state()}

    def take(self, tensors: Mapping[str, NDArray[Any]], said: Mapping[str, Any]) -> None:
        """Go on from what `parts` returned.

        Raises
        ------
        KeyError, TypeError, ValueError, RuntimeError
            If it is not of these autoencoders.
        """
        completed = stated_integer(said, "completed")
        if completed > self.config.n_steps:
            raise ValueError(f"it claims {completed} of {self.config.n_steps} steps")
        mine = self.parts()[0]
        for name, array in mine.items():
            given = tensors[name]
            if given.shape != array.shape or given.dtype != array.dtype:
                raise ValueError(f"its {name} is not what this training holds")
            if not np.isfinite(given).all():
                raise ValueError(f"its {name} holds NaN or infinite values")
        self._samples.restore(said["random_state"])
        for name in ("theta", "centre", "fired"):
            getattr(self.batch, name).copy_(torch.from_numpy(tensors[name]))
        for number, optimiser in enumerate(self._optimisers):
            mean, square = tensors[f"mean_{number}"], tensors[f"square_{number}"]
            optimiser.restore(completed, torch.from_numpy(mean), torch.from_numpy(square))
        self.completed = completed


def _resample(
    batch: AutoencoderBatch,
    k: int,
    dead: NDArray[np.bool_],
    samples: NDArray[np.float32],
    errors: FloatArray,
    stream: np.random.SeedSequence,
) -> None:
    """Start dead latents of instance k again, towards samples that are reconstructed badly.

    A sample is chosen with probability proportional to its squared loss (Bricken et al. 2023).
    The optimiser keeps its moments: those of a latent without gradient have faded by then.
    """
    weights = errors**2
    if not dead.any() or not weights.any():
        return
    generator = np.random.default_rng(stream)
    chosen = generator.choice(len(errors), size=int(dead.sum()), p=weights / weights.sum())
    towards = samples[:, chosen] - batch.centre[k, 0].numpy()[:, None]
    norms = np.linalg.norm(towards, axis=0)
    usable = norms > 0.0
    latents = np.flatnonzero(dead)[usable]
    directions = torch.from_numpy(towards[:, usable] / norms[usable])
    living = batch.encoder[k].norm(dim=0)[torch.from_numpy(~dead)]
    length = float(living.mean()) if len(living) else 1.0
    batch.decoder[k][:, latents] = directions
    batch.encoder[k][:, latents] = _RESAMPLED_NORM * length * directions
    batch.bias[k][latents] = 0.0


def _directions(generator: np.random.Generator, n_hidden: int, size: int) -> FloatArray:
    vectors: FloatArray = generator.standard_normal((n_hidden, size))
    vectors /= np.linalg.norm(vectors, axis=0)
    return vectors
