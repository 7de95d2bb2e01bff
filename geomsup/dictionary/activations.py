"""Where activations come from: a toy model's, drawn afresh for each batch, or given ones.

Both kinds answer the same two questions: a batch, please; and a sample to measure on.  All
autoencoders of a training read one stream of batches, keyed by the seed alone, so what differs
between two of them is their settings and not the luck of their samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.training.data import RawUniforms, Sampler
from geomsup.training.distributions import make_distribution
from geomsup.weights import as_weights

__all__ = ["Activations", "GivenActivations", "Purpose", "ToyActivations", "as_activations"]

FloatArray: TypeAlias = NDArray[np.float64]
Batch: TypeAlias = NDArray[np.float32]


class Purpose(IntEnum):
    """Purpose of a random stream; the trainer of toy models has the small numbers."""

    INITIAL_VALUES = 16
    BATCHES = 17
    EVALUATION = 18
    RESAMPLING = 19

    def stream(self, seed: int, *key: int) -> np.random.SeedSequence:
        """Seed of an independent stream."""
        return np.random.SeedSequence(seed, spawn_key=(int(self), *key))


class Activations(Protocol):
    """Anything to train a dictionary on."""

    @property
    def n_hidden(self) -> int:
        """Dimensions of an activation."""

    def batches(self, size: int, seed: np.random.SeedSequence) -> Iterator[Batch]:
        """Yield batches of shape (n_hidden, size) without end."""


@dataclass(frozen=True, eq=False)
class ToyActivations:
    """Hidden activations h = Wx of a toy model, for x_i = B_i·U_i as it was trained on.

    Parameters
    ----------
    W : array_like of shape (n_hidden, n_features)
        Weights; columns are features.
    feature_probability : float or array-like of shape (n_features,), default 0.1
        Probability that a feature is not zero.

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

    def __post_init__(self) -> None:
        W = as_weights(self.W)
        try:
            p = np.broadcast_to(np.asarray(self.feature_probability, dtype=float), W.shape[1:])
        except (TypeError, ValueError):
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

    def features(self, size: int, seed: np.random.SeedSequence) -> Iterator[Batch]:
        """Yield batches of inputs x, of shape (n_features, size), into the same memory."""
        p = np.asarray(self.feature_probability)[None]
        distribution = make_distribution(p, upper=RawUniforms.upper)
        sampler = Sampler(RawUniforms([seed], distribution.n_rows, size), distribution)
        out = torch.empty((1, p.shape[1], size))
        while True:
            sampler.draw(out)
            yield out[0].numpy()

    def batches(self, size: int, seed: np.random.SeedSequence) -> Iterator[Batch]:
        """Yield batches of shape (n_hidden, size) without end."""
        W = self.W.astype(np.float32)
        for x in self.features(size, seed):
            yield W @ x

    def sample(self, n_samples: int, seed: int = 0) -> FloatArray:
        """Activations of shape (n_samples, n_hidden), as `GivenActivations` takes them."""
        batch = next(self.batches(n_samples, Purpose.EVALUATION.stream(seed)))
        return batch.T.astype(np.float64)


@dataclass(frozen=True, eq=False)
class GivenActivations:
    """Activations of any network, in an array; batches are drawn with replacement.

    Parameters
    ----------
    values : array_like of shape (n_samples, n_hidden)
        One activation in each *row*.

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

    def __post_init__(self) -> None:
        try:
            values = np.asarray(self.values)
        except (TypeError, ValueError, RuntimeError):
            values = np.empty(0)
        if values.ndim != 2 or values.dtype.kind not in "iuf" or not values.size:
            raise GeomsupError(
                "activations must be ToyActivations or an array of numbers of shape (n_samples, "
                f"n_hidden), got {type(self.values).__name__} of shape {values.shape}"
            )
        if not np.isfinite(values).all():
            raise GeomsupError("activations must be finite, got NaN or inf; drop those rows")
        object.__setattr__(self, "values", values.astype(np.float32))

    @property
    def n_hidden(self) -> int:
        """Dimensions of an activation."""
        return int(self.values.shape[1])

    def batches(self, size: int, seed: np.random.SeedSequence) -> Iterator[Batch]:
        """Yield batches of shape (n_hidden, size) without end."""
        generator = np.random.default_rng(seed)
        while True:
            chosen = generator.integers(len(self.values), size=size)
            yield np.ascontiguousarray(self.values[chosen].T, dtype=np.float32)


def as_activations(activations: object) -> Activations:
    """Toy activations as they are, anything else as an array of shape (n_samples, n_hidden)."""
    if isinstance(activations, ToyActivations | GivenActivations):
        return activations
    return GivenActivations(activations)  # type: ignore[arg-type]  # checked there
