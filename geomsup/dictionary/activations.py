"""Where activations come from: a toy model's, drawn afresh for each batch; given ones; a stream.

All answer the same two questions: a batch, please; and a sample to measure on.  All
autoencoders of a training read one stream of batches, keyed by the seed alone, so what differs
between two of them is their settings and not the luck of their samples.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import InitVar, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, WeightsError, shorten
from geomsup.storage import stated_integer
from geomsup.theory.feature_model import FeatureModel
from geomsup.training.data import Random, Sampler, make_sampler
from geomsup.training.streams import Stream, stream_seed
from geomsup.weights import as_numbers, as_weights, matrix_of, per_feature

__all__ = [
    "Activations",
    "Batches",
    "GivenActivations",
    "StreamedActivations",
    "ToyActivations",
    "as_activations",
    "as_rows",
]

FloatArray: TypeAlias = NDArray[np.float64]
Batch: TypeAlias = NDArray[np.float32]

# Numbers that are looked at together: some megabytes.
_BLOCK = 1 << 19
_LARGEST = float(np.finfo(np.float32).max)


class Batches(Random, Protocol):
    """Batches of shape (n_hidden, size) without end, which can be put back to an earlier state."""

    def __next__(self) -> Batch:
        """The next batch."""


@runtime_checkable
class Activations(Protocol):
    """Anything to train a dictionary on."""

    @property
    def n_hidden(self) -> int:
        """Dimensions of an activation."""

    def batches(self, size: int, seed: np.random.SeedSequence) -> Batches:
        """Batches of shape (n_hidden, size) without end."""

    def fingerprint(self) -> str:
        """A text that differs between activations that differ."""


@dataclass(frozen=True, eq=False)
class ToyActivations:
    """Hidden activations h = Wx of a toy model, for x_i = B_i·U_i as it was trained on.

    Parameters
    ----------
    W : array_like, torch.Tensor, str or path, of shape (n_hidden, n_features)
        Weights; columns are features.
    feature_probability : float or array-like of shape (n_features,), default 0.1
        Probability that a feature is not zero.
    feature_axis : int, default -1
        0 if the rows of ``W`` are features; they become columns.

    Raises
    ------
    GeomsupError
        If ``W`` is no finite matrix or a probability lies outside [0, 1].

    Examples
    --------
    >>> from geomsup.dictionary import ToyActivations
    >>> ToyActivations([[1, -1, 0], [0, 0, 1]], 0.1).sample(4, seed=0).shape
    (4, 2)
    """

    W: FloatArray
    feature_probability: FloatArray | float = 0.1
    feature_axis: InitVar[int] = -1

    def __post_init__(self, feature_axis: int) -> None:
        W = as_weights(self.W, feature_axis=feature_axis)
        name = "feature_probability"
        p = per_feature(self.feature_probability, name, W.shape[1], low=0, high=1)
        if not p.any():
            raise GeomsupError(f"{name} must not be zero for all features")
        object.__setattr__(self, "W", W)
        object.__setattr__(self, name, p)

    @property
    def n_hidden(self) -> int:
        """Dimensions of an activation."""
        return int(self.W.shape[0])

    def sampler(self, size: int, seed: np.random.SeedSequence) -> Sampler:
        """Inputs x, of shape (1, n_features, size)."""
        return make_sampler(
            [FeatureModel.independent(self.W.shape[1], self.feature_probability)], [seed], size
        )

    def features(self, size: int, seed: np.random.SeedSequence) -> Iterator[Batch]:
        """Yield batches of inputs x, of shape (n_features, size), into the same memory."""
        sampler, out = self.sampler(size, seed), torch.empty((1, self.W.shape[1], size))
        while True:
            sampler.draw(out)
            yield out[0].numpy()

    def batches(self, size: int, seed: np.random.SeedSequence) -> Batches:
        """Batches of shape (n_hidden, size) without end."""
        return _ToyBatches(self, size, seed)

    def fingerprint(self) -> str:
        """A text that differs between activations that differ."""
        return _digest(self.W, np.asarray(self.feature_probability))

    def sample(self, n_samples: int, seed: int = 0) -> FloatArray:
        """Activations of shape (n_samples, n_hidden), as `GivenActivations` takes them."""
        batch = next(self.batches(n_samples, stream_seed(seed, Stream.DICTIONARY_EVALUATION)))
        return batch.T.astype(np.float64)


@dataclass(frozen=True, eq=False)
class GivenActivations:
    """Activations of any network, in an array; batches are drawn with replacement.

    Floats stay where they are, in memory or in a mapped file, whatever their number: no copy is
    made of them, so they must not change while they are learned from.

    Parameters
    ----------
    values : array_like, torch.Tensor, str or path, of shape (n_samples, n_hidden)
        One activation in each *row*: an array of floats, be it ``np.load(path, mmap_mode="r")``;
        the path of a ``.npy`` file, which is mapped; or whatever `geomsup.weights.as_weights`
        reads.
    feature_axis : int, default -1
        Axis of the dimensions: 0 if ``values`` has one activation in each column instead.

    Raises
    ------
    GeomsupError
        If this is no table of finite numbers that float32 holds.

    Examples
    --------
    >>> from geomsup.dictionary import GivenActivations
    >>> GivenActivations([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]).n_hidden
    3
    """

    values: NDArray[np.floating]
    feature_axis: InitVar[int] = -1

    def __post_init__(self, feature_axis: int) -> None:
        object.__setattr__(self, "values", _table(self.values, feature_axis))

    @property
    def n_hidden(self) -> int:
        """Dimensions of an activation."""
        return int(self.values.shape[1])

    def batches(self, size: int, seed: np.random.SeedSequence) -> Batches:
        """Batches of shape (n_hidden, size) without end."""
        return _GivenBatches(self, size, seed)

    def fingerprint(self) -> str:
        """A text that differs between activations that differ."""
        return _digest(self.values, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class StreamedActivations:
    """Activations that come in parts, as a network makes them on its way through a text.

    Parameters
    ----------
    parts : iterable of array_like, or callable that returns one
        Tables of shape (n_samples, n_hidden), any number of rows in each.  They are gone through
        anew for each size of dictionary and for the sample to measure on, which is the first
        32,768 rows, and again from the start where they end.  An iterator serves once only, so
        give the function that makes it.

    Raises
    ------
    GeomsupError
        If there is no part, or one is no table of finite numbers, of as many columns as the first.

    Notes
    -----
    Batches are consecutive rows: whoever makes the parts shuffles them.

    Examples
    --------
    >>> import numpy as np
    >>> from geomsup.dictionary import AutoencoderConfig, StreamedActivations, train_autoencoders
    >>> def activations_of_a_text():
    ...     rng = np.random.default_rng(0)
    ...     for _ in range(100):
    ...         yield np.eye(3)[rng.integers(3, size=50)]
    >>> config = AutoencoderConfig(n_latents=3, n_steps=500, batch_size=64, penalty=0.01)
    >>> source = StreamedActivations(activations_of_a_text)
    >>> (found,) = train_autoencoders(source, config, progress=False)
    >>> bool(found.unexplained < 0.05)
    True
    """

    parts: Iterable[object] | Callable[[], Iterable[object]]

    def __post_init__(self) -> None:
        many = callable(self.parts) or isinstance(self.parts, Iterable)
        if not many or isinstance(self.parts, Iterator):
            raise GeomsupError(
                "parts must be a function that returns an iterator, or something to iterate over "
                f"again and again, got {shorten(self.parts)}; an iterator serves once only"
            )

    @cached_property
    def _first(self) -> NDArray[np.floating]:
        return next(self.rows())

    @property
    def n_hidden(self) -> int:
        """Dimensions of an activation."""
        return int(self._first.shape[1])

    def rows(self) -> Iterator[NDArray[np.floating]]:
        """Yield all parts, without end."""
        n_hidden: int | None = None
        while True:
            is_empty = True
            for part in self.parts() if callable(self.parts) else self.parts:
                rows, is_empty = _table(part), False
                n_hidden = n_hidden or rows.shape[1]
                if rows.shape[1] != n_hidden:
                    raise GeomsupError(
                        f"parts must have {n_hidden} columns like the first, got {rows.shape[1]}"
                    )
                yield rows
            if is_empty:
                raise GeomsupError("parts must hold activations, got none")

    def batches(self, size: int, seed: np.random.SeedSequence) -> Batches:
        """Batches of shape (n_hidden, size) without end; nothing about them is random."""
        return _StreamedBatches(self, size)

    def fingerprint(self) -> str:
        """A text that differs between activations that begin differently."""
        return _digest(self._first, dtype=np.float32)


class _ToyBatches:
    def __init__(self, source: ToyActivations, size: int, seed: np.random.SeedSequence) -> None:
        self._W = source.W.astype(np.float32)
        self._sampler = source.sampler(size, seed)
        self._inputs = torch.empty((1, source.W.shape[1], size))

    def __next__(self) -> Batch:
        self._sampler.draw(self._inputs)
        batch: Batch = self._W @ self._inputs[0].numpy()
        return batch

    def state(self) -> dict[str, Any]:
        return self._sampler.source.state()

    def restore(self, state: dict[str, Any]) -> None:
        self._sampler.source.restore(state)


class _GivenBatches:
    def __init__(self, source: GivenActivations, size: int, seed: np.random.SeedSequence) -> None:
        self._values, self._size = source.values, size
        self._generator = np.random.default_rng(seed)

    def __next__(self) -> Batch:
        chosen = self._generator.integers(len(self._values), size=self._size)
        return np.ascontiguousarray(self._values[chosen].T, dtype=np.float32)

    def state(self) -> dict[str, Any]:
        return dict(self._generator.bit_generator.state)

    def restore(self, state: dict[str, Any]) -> None:
        self._generator.bit_generator.state = state


class _StreamedBatches:
    def __init__(self, source: StreamedActivations, size: int) -> None:
        self._rows, self._size, self._drawn = source.rows(), size, 0
        self._left: NDArray[np.floating] = np.empty((0, source.n_hidden))

    def __next__(self) -> Batch:
        pieces, missing = [], self._size
        while missing:
            if not len(self._left):
                self._left = next(self._rows)
            piece, self._left = self._left[:missing], self._left[missing:]
            pieces.append(piece)
            missing -= len(piece)
        self._drawn += 1
        return np.ascontiguousarray(np.concatenate(pieces).T, dtype=np.float32)

    def state(self) -> dict[str, Any]:
        return {"drawn": self._drawn}

    def restore(self, state: dict[str, Any]) -> None:
        for _ in range(stated_integer(state, "drawn")):
            next(self)


def _blocks(array: NDArray[np.floating]) -> Iterator[NDArray[np.floating]]:
    """Rows of an array, so many at a time as fit into a cache."""
    yield from np.array_split(array, max(1, array.size // _BLOCK))


def _digest(*arrays: NDArray[np.floating], dtype: type[np.floating] = np.float64) -> str:
    """Checksum of arrays as they are in this kind of number, whatever they are kept in."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.shape} {np.dtype(dtype).str}".encode())
        for block in _blocks(array):
            total.update(np.ascontiguousarray(block, dtype=dtype).data)
    return total.hexdigest()


def _table(values: Any, feature_axis: int = -1) -> NDArray[np.floating]:
    """A table of finite activations, one in each row; floats stay where they are."""
    if isinstance(values, str | os.PathLike) and Path(values).suffix == ".npy":
        # What cannot be mapped is read, or complained of, by `as_rows`.
        with suppress(Exception):
            values = np.load(values, mmap_mode="r")
    array = np.empty(0)
    if isinstance(values, np.ndarray | torch.Tensor):
        array = as_numbers(values, "activations")
    if array.dtype.kind != "f" or array.ndim != 2 or not array.size:
        return as_rows(values, feature_axis)
    if as_rows([[0.0, 1.0]], feature_axis).shape == (2, 1):
        array = array.T
    n_before = 0
    for block in _blocks(array):
        # A NaN is less than nothing and no more than anything.
        if not (float(block.min()) >= -_LARGEST and float(block.max()) <= _LARGEST):
            wrong = ~(np.abs(block.astype(np.float64)) <= _LARGEST).all(axis=1)
            raise GeomsupError(
                "activations must be finite numbers that float32 holds, got others in row "
                f"{n_before + int(np.argmax(wrong))}"
            )
        n_before += len(block)
    return array


def as_rows(values: object, feature_axis: int = -1) -> FloatArray:
    """A table of activations as float64, one in each row, however many there are."""
    try:
        return matrix_of(values, feature_axis=feature_axis)
    except WeightsError as error:
        raise GeomsupError(
            "activations must be ToyActivations or an array of numbers of shape (n_samples, "
            f"n_hidden); {error}"
        ) from error


def as_activations(activations: object, feature_axis: int = -1) -> Activations:
    """What gives batches as it is, anything else as a table of shape (n_samples, n_hidden)."""
    if not isinstance(activations, Activations):
        return GivenActivations(activations, feature_axis)  # type: ignore[arg-type]  # checked there
    if feature_axis != -1:
        raise GeomsupError(
            f"feature_axis is about arrays, got it with {type(activations).__name__}; give it "
            "when those are made"
        )
    return activations
