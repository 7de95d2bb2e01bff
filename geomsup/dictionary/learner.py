"""The autoencoders of one size in training: where they start, what they see, who starts again."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from geomsup.dictionary.activations import Activations
from geomsup.dictionary.config import AutoencoderConfig
from geomsup.dictionary.model import AutoencoderBatch
from geomsup.errors import GeomsupError
from geomsup.training.fit import Learner
from geomsup.training.streams import Stream, stream_seed

__all__ = ["AutoencoderLearner"]

FloatArray = NDArray[np.float64]
# Relative to the mean encoder norm of living latents (Bricken et al. 2023, appendix).
_RESAMPLED_NORM = 0.2


class AutoencoderLearner(Learner):
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
        self.schedule, self.size, self._config, self._seed = config, size, config, seed
        self._scale = np.float32(scale)
        self.settings = [setting for setting in config.settings if setting[0] == size]
        sparsities = np.array([sparsity for _, sparsity, _ in self.settings])
        topk = config.activation == "topk"
        self.batch = batch = AutoencoderBatch(
            source.n_hidden,
            size,
            config.batch_size,
            np.zeros(len(sparsities)) if topk else sparsities,
            tuple(int(k) for k in sparsities) if topk else None,
        )
        for k, (_, _, restart) in enumerate(self.settings):
            stream = stream_seed(seed, Stream.DICTIONARY_INITIAL_VALUES, size, restart)
            directions = torch.from_numpy(_directions(stream, source.n_hidden, size))
            batch.decoder[k] = directions
            batch.encoder[k] = directions
        batch.centre[:] = torch.from_numpy(centre)
        self.blocks = {
            "theta": (batch.theta, batch.gradient),
            "centre": (batch.centre, batch.centre_gradient),
        }
        stream = stream_seed(seed, Stream.DICTIONARY_BATCHES)
        self.random = self._samples = source.batches(config.batch_size, stream)

    def draw(self, step: int) -> None:
        """Take a fresh batch; dead latents start again on it where a round of that is due."""
        batch = self.batch
        self._h = torch.from_numpy(next(self._samples) / self._scale)
        if self._config.resamples_at(step):
            errors = batch.squared_errors(self._h).double().numpy()
            for k, (_, _, restart) in enumerate(self.settings):
                key = (self.size, restart, step)
                stream = stream_seed(self._seed, Stream.DICTIONARY_RESAMPLING, *key)
                _resample(batch, k, ~batch.fired[k].numpy(), self._h.numpy(), errors[k], stream)
            batch.fired.zero_()

    def backward(self) -> None:
        """Compute the gradient of the loss on the batch."""
        self.batch.backward(self._h)

    def settle(self) -> None:
        """Put the columns of D back on the unit sphere."""
        self.batch.normalise()

    def extras(self) -> dict[str, torch.Tensor]:
        """Which latents have fired since the last round."""
        return {"fired": self.batch.fired}

    def diverged(self, step: int, number: int) -> GeomsupError:
        """An error that names the size."""
        return GeomsupError(
            f"autoencoders with {self.size} latents are no longer finite after {step} steps; try "
            "a smaller learning_rate"
        )


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


def _directions(stream: np.random.SeedSequence, n_hidden: int, size: int) -> FloatArray:
    vectors: FloatArray = np.random.default_rng(stream).standard_normal((n_hidden, size))
    vectors /= np.linalg.norm(vectors, axis=0)
    return vectors
