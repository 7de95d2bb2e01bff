"""Where the samples come from: one random stream for each instance.

A stream is keyed by (seed, purpose, instance), so what an instance sees depends neither on how
many others are trained beside it nor on the order in which they are served.

Sampling costs more than all the algebra of a small model, which shapes two choices. One uniform
number u makes a feature: x = ReLU(1 − u/p) is zero with probability 1 − p and otherwise uniform
on (0, 1). And on the CPU the numbers come as raw 64-bit words, two 31-bit uniforms in each, which
takes half the time of asking NumPy or torch for floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["FeatureScale", "RawSampler", "Sampler", "Stream", "TorchSampler", "stream_seed"]

_TWO_UNIFORMS = np.uint64(0x7FFFFFFF_7FFFFFFF)
_UNIFORM_RANGE = 2.0**31
# Keeps 1/p finite in float32; below this p a feature is never seen in any run of any length.
_LEAST_PROBABILITY = 1e-30
# Uniforms held for each instance between two launches of the generator on a GPU.
_CHUNK_ENTRIES = 1 << 19


class Stream(IntEnum):
    """Purpose of a random stream."""

    INITIAL_WEIGHTS = 0
    SAMPLES = 1
    EVALUATION = 2


def stream_seed(seed: int, purpose: Stream, *key: int) -> np.random.SeedSequence:
    """Seed of the independent stream that serves one purpose (of one instance)."""
    return np.random.SeedSequence(seed, spawn_key=(int(purpose), *key))


class FeatureScale:
    """The map from uniform numbers to features, x = ReLU(offset − u·slope).

    Parameters
    ----------
    probabilities : ndarray of shape (n_instances, n_features)
        Probability of each feature.
    uniform_range : float
        The uniforms lie in [0, uniform_range].
    dtype, device
        Of the features.

    Notes
    -----
    offset = 1 and slope = 1/p, except that p = 0 has offset 0, which makes x = 0 for every u.
    """

    def __init__(
        self,
        probabilities: NDArray[np.float64],
        uniform_range: float,
        *,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        slope = 1.0 / (np.maximum(probabilities, _LEAST_PROBABILITY) * uniform_range)
        offset = (probabilities > 0).astype(np.float64)
        self._negative_slope = torch.from_numpy(-slope)[:, :, None].to(device, dtype)
        self._offset = torch.from_numpy(offset)[:, :, None].to(device, dtype)

    def apply(self, uniforms: Tensor, out: Tensor) -> None:
        """Write the features to ``out``, both of shape (n_instances, n_features, batch)."""
        # Three passes of one rounding each: a fused multiply-add could round a vector register
        # and the remainder of a row differently.
        torch.mul(uniforms, self._negative_slope, out=out)
        out.add_(self._offset)
        out.relu_()


class Sampler(Protocol):
    """Anything that fills a batch with fresh samples."""

    def draw(self, out: Tensor) -> None:
        """Write fresh samples to ``out``, of shape (n_instances, n_features, batch_size)."""


class RawSampler:
    """Independent features on the CPU, from raw generator words.

    Parameters
    ----------
    probabilities : ndarray of shape (n_instances, n_features)
        Probability of each feature.
    seeds : sequence of SeedSequence
        One for each instance.
    batch_size : int
        Samples in a batch.
    dtype : torch.dtype
        Of the samples.
    """

    def __init__(
        self,
        probabilities: NDArray[np.float64],
        seeds: Sequence[np.random.SeedSequence],
        batch_size: int,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        n_instances, n_features = probabilities.shape
        entries = n_features * batch_size
        self._generators = [np.random.SFC64(seed) for seed in seeds]
        self._words = np.empty((n_instances, -(-entries // 2)), dtype=np.uint64)
        halves = torch.from_numpy(self._words.view(np.int32))[:, :entries]
        self._halves = halves.as_strided(
            (n_instances, n_features, batch_size), (halves.stride(0), batch_size, 1)
        )
        self._uniforms = torch.empty(
            (n_instances, n_features, batch_size), dtype=dtype, device="cpu"
        )
        self._scale = FeatureScale(
            probabilities, _UNIFORM_RANGE, dtype=dtype, device=torch.device("cpu")
        )

    def draw(self, out: Tensor) -> None:
        """Write fresh samples to ``out``, of shape (n_instances, n_features, batch_size)."""
        n_words = self._words.shape[1]
        for row, generator in zip(self._words, self._generators, strict=True):
            row[:] = generator.random_raw(n_words)
        np.bitwise_and(self._words, _TWO_UNIFORMS, out=self._words)
        self._uniforms.copy_(self._halves)
        self._scale.apply(self._uniforms, out)


class TorchSampler:
    """Independent features on any device, from one torch generator for each instance.

    Launching a generator costs the same for one number as for many, so a stretch of steps is
    drawn at once; its length depends on the shape of one instance alone.

    Parameters
    ----------
    probabilities : ndarray of shape (n_instances, n_features)
        Probability of each feature.
    seeds : sequence of SeedSequence
        One for each instance.
    batch_size : int
        Samples in a batch.
    device : torch.device
        Where to draw.
    dtype : torch.dtype
        Of the samples.
    """

    def __init__(
        self,
        probabilities: NDArray[np.float64],
        seeds: Sequence[np.random.SeedSequence],
        batch_size: int,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        n_instances, n_features = probabilities.shape
        self._generators = [
            torch.Generator(device).manual_seed(int(seed.generate_state(1, np.uint64)[0] >> 1))
            for seed in seeds
        ]
        self._chunk = max(1, _CHUNK_ENTRIES // (n_features * batch_size))
        self._uniforms = torch.empty(
            (n_instances, self._chunk, n_features, batch_size), dtype=dtype, device=device
        )
        self._next = self._chunk
        self._scale = FeatureScale(probabilities, 1.0, dtype=dtype, device=device)

    def draw(self, out: Tensor) -> None:
        """Write fresh samples to ``out``, of shape (n_instances, n_features, batch_size)."""
        if self._next == self._chunk:
            for block, generator in zip(self._uniforms, self._generators, strict=True):
                block.uniform_(generator=generator)
            self._next = 0
        self._scale.apply(self._uniforms[:, self._next], out)
        self._next += 1
