"""Where the samples come from: one random stream for each instance.

Sampling costs more than all the algebra of a small model, so uniform numbers are not wasted (see
`distributions`), and on the CPU they come as raw 64-bit words, two 31-bit uniforms in each, which
takes half the time of asking NumPy or torch for floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from geomsup.errors import shorten
from geomsup.theory.feature_model import FeatureModel
from geomsup.training.distributions import FeatureDistribution, Grid, plan_of

__all__ = [
    "Random",
    "RawUniforms",
    "Sampler",
    "TorchUniforms",
    "UniformSource",
    "make_sampler",
    "scale_to_unit_norm",
]

_TWO_UNIFORMS = np.uint64(0x7FFFFFFF_7FFFFFFF)
_UNIFORM_BITS = 31
_DIGITS = {torch.float32: 24, torch.float64: 53}
# Uniforms held for each instance between two launches of the generator on a GPU.
_CHUNK_ENTRIES = 1 << 19
_CPU = torch.device("cpu")


class Random(Protocol):
    """A source of random numbers that can be put back to an earlier state."""

    def state(self) -> dict[str, Any]:
        """What `restore` needs to go on from here, ready for JSON."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; raises KeyError, or Type-, Value- or RuntimeError, if it is none."""


class UniformSource(Random, Protocol):
    """Anything that makes fresh uniform numbers."""

    def draw(self) -> Tensor:
        """Fresh numbers of shape (n_instances, n_rows, batch_size); overwritten by the next."""


class Sampler:
    """Fresh samples: uniform numbers, turned into features.

    Parameters
    ----------
    parts : sequence of (UniformSource, FeatureDistribution, int)
        Consecutive instances whose features are made alike: a source with as many rows as their
        distribution asks for, and how many they are.
    unit_norm : bool, default False
        Whether every sample but the empty one is scaled to Euclidean length one.

    Attributes
    ----------
    source : Random
        Where all of it comes from.
    """

    def __init__(
        self,
        parts: Sequence[tuple[UniformSource, FeatureDistribution, int]],
        unit_norm: bool = False,
    ) -> None:
        sources = [source for source, _, _ in parts]
        self.source: Random = sources[0] if len(sources) == 1 else _Together(sources)
        ends = np.cumsum([0, *(count for _, _, count in parts)]).tolist()
        self._parts = [
            (source, distribution, slice(ends[k], ends[k + 1]))
            for k, (source, distribution, _) in enumerate(parts)
        ]
        self._unit_norm = unit_norm

    def draw(self, out: Tensor) -> None:
        """Write fresh samples to ``out``, of shape (n_instances, n_features, batch_size)."""
        for source, distribution, instances in self._parts:
            distribution.apply(source.draw(), out[instances])
        if self._unit_norm:
            # One instance at a time: how a sum is rounded must not depend on the others.
            for samples in out:
                scale_to_unit_norm(samples)


def scale_to_unit_norm(samples: Tensor) -> None:
    """Scale samples, of shape (n_features, batch_size), to length one; what is empty stays so."""
    norms = torch.linalg.vector_norm(samples, dim=0)
    samples.div_(torch.where(norms > 0.0, norms, 1.0))


class _Together:
    """Several sources as one."""

    def __init__(self, sources: Sequence[Random]) -> None:
        self._sources = sources

    def state(self) -> dict[str, Any]:
        """State of each."""
        return {"parts": [source.state() for source in self._sources]}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        for source, part in zip(self._sources, state["parts"], strict=True):
            source.restore(part)


def make_sampler(
    models: Sequence[FeatureModel],
    seeds: Sequence[np.random.SeedSequence],
    batch_size: int,
    *,
    signed: bool = False,
    unit_norm: bool = False,
    dtype: torch.dtype = torch.float32,
    device: torch.device = _CPU,
) -> Sampler:
    """Samples of the features of these models, from one stream for each instance.

    Parameters
    ----------
    models : sequence of FeatureModel
        One for each instance, all of as many features.
    seeds : sequence of SeedSequence
        One for each instance.
    batch_size : int
        Samples in a draw.
    signed : bool, default False
        Whether values are mirrored at zero, one time in two.
    unit_norm : bool, default False
        Whether samples are scaled to length one.
    dtype, device
        Of the samples.
    """
    kind = RawUniforms if device.type == "cpu" else TorchUniforms
    grid = kind.grid(dtype)
    parts: list[tuple[UniformSource, FeatureDistribution, int]] = []
    pairs = list(zip(models, seeds, strict=True))
    for _, run in groupby(pairs, key=lambda pair: plan_of(pair[0], grid, signed)):
        alike, of_alike = zip(*run, strict=True)
        made = FeatureDistribution(alike, grid, signed=signed, dtype=dtype, device=device)
        source = kind(of_alike, made.n_rows, batch_size, dtype=dtype, device=device)
        parts.append((source, made, len(alike)))
    return Sampler(parts, unit_norm)


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
    device : torch.device
        The CPU.
    """

    def __init__(
        self,
        seeds: Sequence[np.random.SeedSequence],
        n_rows: int,
        batch_size: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device = _CPU,
    ) -> None:
        n_instances, entries = len(seeds), n_rows * batch_size
        self._generators = [np.random.SFC64(seed) for seed in seeds]
        self._words = np.empty((n_instances, -(-entries // 2)), dtype=np.uint64)
        halves = torch.from_numpy(self._words.view(np.int32))[:, :entries]
        self._halves = halves.as_strided(
            (n_instances, n_rows, batch_size), (halves.stride(0), batch_size, 1)
        )
        self._uniforms = torch.empty((n_instances, n_rows, batch_size), dtype=dtype, device=device)

    @staticmethod
    def grid(dtype: torch.dtype) -> Grid:
        """What the numbers are: whole ones, which a float32 rounds where they are large."""
        return Grid(upper=2.0**_UNIFORM_BITS, bits=_UNIFORM_BITS, digits=_DIGITS[dtype])

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
    dtype : torch.dtype
        Of the numbers.
    device : torch.device
        Where to draw.
    """

    def __init__(
        self,
        seeds: Sequence[np.random.SeedSequence],
        n_rows: int,
        batch_size: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device = _CPU,
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

    @staticmethod
    def grid(dtype: torch.dtype) -> Grid:
        """What the numbers are: multiples of the spacing of floats below one."""
        return Grid(upper=1.0, bits=_DIGITS[dtype], digits=_DIGITS[dtype])

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
