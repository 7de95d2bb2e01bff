"""Where activations come from: a toy model's, drawn afresh for each batch, or given ones.

Both kinds answer the same two questions: a batch, please; and a sample to measure on.  All
autoencoders of a training read one stream of batches, keyed by the seed alone, so what differs
between two of them is their settings and not the luck of their samples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import InitVar, dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, WeightsError
from geomsup.training.data import RawUniforms, Sampler
from geomsup.training.distributions import make_distribution
from geomsup.training.streams import Stream, stream_seed
from geomsup.weights import as_numbers, as_weights, matrix_of

__all__ = [
    "Activations",
    "Batches",
    "GivenActivations",
    "ToyActivations",
    "as_activations",
    "as_rows",
]

FloatArray: TypeAlias = NDArray[np.float64]
Batch: TypeAlias = NDArray[np.float32]


class Batches(Protocol):
    """Batches of shape (n_hidden, size) without end, which can be put back to an earlier state."""

    def __next__(self) -> Batch:
        """The next batch."""

    def state(self) -> dict[str, Any]:
        """What `restore` needs to go on from here, ready for JSON."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; raises KeyError, or Type-, Value- or RuntimeError, if it is none."""


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
        try:
            given = as_numbers(self.feature_probability, "feature_probability")
            p = np.broadcast_to(given.astype(np.float64), W.shape[1:])
        except ValueError:
            raise GeomsupError(
                f"feature_probability must be a number or one for each of the {W.shape[1]} features"
            ) from None
        if not ((p >= 0.0) & (p <= 1.0)).all() or not p.any():
            raise GeomsupError("feature_probability must lie in [0, 1], and not all of it at 0")
        object.__setattr__(self, "W", W)
        object.__setattr__(self, "feature_probability", p.copy())

    @property
    def n_hidden(self) -> int:
        """Dimensions of an activation."""
        return int(self.W.shape[0])

    def sampler(self, size: int, seed: np.random.SeedSequence) -> Sampler:
        """Inputs x, of shape (1, n_features, size)."""
        p = np.asarray(self.feature_probability)[None]
        distribution = make_distribution(p, upper=RawUniforms.upper)
        return Sampler(RawUniforms([seed], distribution.n_rows, size), distribution)

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

    Parameters
    ----------
    values : array_like, torch.Tensor, str or path, of shape (n_samples, n_hidden)
        One activation in each *row*; whatever `geomsup.weights.as_weights` reads.
    feature_axis : int, default -1
        Axis of the dimensions: 0 if ``values`` has one activation in each column instead.

    Raises
    ------
    GeomsupError
        If this is no finite table of numbers.

    Examples
    --------
    >>> from geomsup.dictionary import GivenActivations
    >>> GivenActivations([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]).n_hidden
    3
    """

    values: FloatArray
    feature_axis: InitVar[int] = -1

    def __post_init__(self, feature_axis: int) -> None:
        values = as_rows(self.values, feature_axis)
        object.__setattr__(self, "values", values.astype(np.float32))

    @property
    def n_hidden(self) -> int:
        """Dimensions of an activation."""
        return int(self.values.shape[1])

    def batches(self, size: int, seed: np.random.SeedSequence) -> Batches:
        """Batches of shape (n_hidden, size) without end."""
        return _GivenBatches(self, size, seed)

    def fingerprint(self) -> str:
        """A text that differs between activations that differ."""
        return _digest(self.values)


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


def _digest(*arrays: FloatArray | NDArray[np.float32]) -> str:
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.shape} {array.dtype.str}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


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
    """Toy activations as they are, anything else as a table of shape (n_samples, n_hidden)."""
    if not isinstance(activations, ToyActivations | GivenActivations):
        return GivenActivations(activations, feature_axis)  # type: ignore[arg-type]  # checked there
    if feature_axis != -1:
        raise GeomsupError(
            f"feature_axis is about arrays, got it with {type(activations).__name__}; give it "
            "when those are made"
        )
    return activations
