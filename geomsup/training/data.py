"""Where the samples come from: one random stream for each instance.

Sampling costs more than all the algebra of a small model, so uniform numbers are not wasted (see
`distributions`), and on the CPU they come as raw 64-bit words, two 31-bit uniforms in each, which
takes half the time of asking NumPy or torch for floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from geomsup.errors import shorten
from geomsup.training.distributions import FeatureDistribution

__all__ = ["RawUniforms", "Sampler", "TorchUniforms", "UniformSource"]

_TWO_UNIFORMS = np.uint64(0x7FFFFFFF_7FFFFFFF)
_UNIFORM_RANGE = 2.0**31
# Uniforms held for each instance between two launches of the generator on a GPU.
_CHUNK_ENTRIES = 1 << 19


class UniformSource(Protocol):
    """Anything that makes fresh uniform numbers, and can be put back to an earlier state."""

    upper: float
    """The numbers lie in [0, upper]."""

    def draw(self) -> Tensor:
        """Fresh numbers of shape (n_instances, n_rows, batch_size); overwritten by the next."""

    def state(self) -> dict[str, Any]:
        """What `restore` needs to go on from here, ready for JSON."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; raises KeyError, or Type-, Value- or RuntimeError, if it is none."""


class Sampler:
    """Fresh samples: uniform numbers, turned into features.

    Parameters
    ----------
    source : UniformSource
        With as many rows as the distribution asks for.
    distribution : FeatureDistribution
    """

    def __init__(self, source: UniformSource, distribution: FeatureDistribution) -> None:
        self.source = source
        self._distribution = distribution

    def draw(self, out: Tensor) -> None:
        """Write fresh samples to ``out``, of shape (n_instances, n_features, batch_size)."""
        self._distribution.apply(self.source.draw(), out)


class RawUniforms:
    """Uniform numbers on the CPU, from raw generator words.

    Parameters
    ----------
    seeds : sequence of SeedSequence
        One for each instance.
    n_rows, batch_size : int
        Shape of a draw.
    dtype : torch.dtype
        Of the numbers.
    """

    upper = _UNIFORM_RANGE

    def __init__(
        self,
        seeds: Sequence[np.random.SeedSequence],
        n_rows: int,
        batch_size: int,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        n_instances, entries = len(seeds), n_rows * batch_size
        self._generators = [np.random.SFC64(seed) for seed in seeds]
        self._words = np.empty((n_instances, -(-entries // 2)), dtype=np.uint64)
        halves = torch.from_numpy(self._words.view(np.int32))[:, :entries]
        self._halves = halves.as_strided(
            (n_instances, n_rows, batch_size), (halves.stride(0), batch_size, 1)
        )
        self._uniforms = torch.empty((n_instances, n_rows, batch_size), dtype=dtype, device="cpu")

    def draw(self) -> Tensor:
        """Fresh numbers of shape (n_instances, n_rows, batch_size)."""
        n_words = self._words.shape[1]
        for row, generator in zip(self._words, self._generators, strict=True):
            row[:] = generator.random_raw(n_words)
        np.bitwise_and(self._words, _TWO_UNIFORMS, out=self._words)
        self._uniforms.copy_(self._halves)
        return self._uniforms

    def state(self) -> dict[str, Any]:
        """State of every generator."""
        return {
            "words": [
                [int(word) for word in generator.state["state"]["state"]]
                for generator in self._generators
            ]
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        for generator, words in zip(self._generators, state["words"], strict=True):
            full: Any = dict(generator.state)
            full["state"] = {"state": np.array(_integers(words, 2**64), dtype=np.uint64)}
            generator.state = full


class TorchUniforms:
    """Uniform numbers on any device, from one torch generator for each instance.

    Launching a generator costs the same for one number as for many, so a stretch of steps is
    drawn at once; its length depends on the shape of one instance alone.

    Parameters
    ----------
    seeds : sequence of SeedSequence
        One for each instance.
    n_rows, batch_size : int
        Shape of a draw.
    device : torch.device
        Where to draw.
    dtype : torch.dtype
        Of the numbers.
    """

    upper = 1.0

    def __init__(
        self,
        seeds: Sequence[np.random.SeedSequence],
        n_rows: int,
        batch_size: int,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._generators = [
            torch.Generator(device).manual_seed(int(seed.generate_state(1, np.uint64)[0] >> 1))
            for seed in seeds
        ]
        self._chunk = max(1, _CHUNK_ENTRIES // (n_rows * batch_size))
        self._uniforms = torch.empty(
            (len(seeds), self._chunk, n_rows, batch_size), dtype=dtype, device=device
        )
        self._next = self._chunk
        self._before = self._states()

    def draw(self) -> Tensor:
        """Fresh numbers of shape (n_instances, n_rows, batch_size)."""
        if self._next == self._chunk:
            self._before = self._states()
            self._fill()
            self._next = 0
        self._next += 1
        return self._uniforms[:, self._next - 1]

    def state(self) -> dict[str, Any]:
        """State of every generator before the present stretch, and how much of it is used."""
        used_up = self._next == self._chunk
        states = self._states() if used_up else self._before
        return {"next": self._next, "bytes": [state.tolist() for state in states]}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._before = [
            torch.tensor(_integers(state_, 2**8), dtype=torch.uint8) for state_ in state["bytes"]
        ]
        for generator, before in zip(self._generators, self._before, strict=True):
            generator.set_state(before)
        (self._next,) = _integers([state["next"]], self._chunk + 1)
        if self._next < self._chunk:
            self._fill()

    def _fill(self) -> None:
        for block, generator in zip(self._uniforms, self._generators, strict=True):
            block.uniform_(generator=generator)

    def _states(self) -> list[Tensor]:
        return [generator.get_state() for generator in self._generators]


def _integers(values: list[Any], bound: int) -> list[int]:
    """Integers from 0 and below a bound; numpy and torch would take booleans and cut fractions."""
    for value in values:
        if type(value) is not int or not 0 <= value < bound:
            raise ValueError(f"a random state holds {shorten(value)}")
    return values
