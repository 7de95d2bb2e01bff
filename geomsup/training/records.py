"""What a training notes down on its way: losses, and weights.

Both are short on purpose: a trace of the losses costs nothing and is always there; weights are kept
where the configuration asks for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["History", "Trajectory", "read_only"]


def read_only(array: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """A contiguous copy that nobody can write to."""
    copy = np.array(array, dtype=dtype, order="C")
    copy.flags.writeable = False
    return copy


@dataclass(frozen=True, kw_only=True, eq=False)
class History:
    """Training losses at some steps, each measured on one batch before the step is taken.

    Parameters
    ----------
    steps : ndarray of shape (n_records,)
        Number of steps taken before.
    losses : ndarray of shape (n_records, n_instances)
        Loss of the batch, summed over features.
    """

    steps: NDArray[np.int64]
    losses: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", read_only(self.steps, np.int64))
        object.__setattr__(self, "losses", read_only(self.losses, np.float64))


@dataclass(frozen=True, kw_only=True, eq=False)
class Trajectory:
    """Weights on the way, as many as ``n_records`` of the configuration asked for.

    Parameters
    ----------
    steps : ndarray of shape (n_records,)
        Number of steps taken before; with two records or more the first is 0 and the last is
        ``n_steps``.
    weights, decoders : ndarray of shape (n_records, n_instances, n_hidden, n_features)
        W and V.
    biases : ndarray of shape (n_records, n_instances, n_features)
        b.
    losses : ndarray of shape (n_records, n_instances)
        Loss summed over features, on a sample that is the same for all records, so that what
        changes between two records is the model and not its luck.
    """

    steps: NDArray[np.int64]
    weights: NDArray[np.float64]
    decoders: NDArray[np.float64]
    biases: NDArray[np.float64]
    losses: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", read_only(self.steps, np.int64))
        for name in ("weights", "decoders", "biases", "losses"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))

    @classmethod
    def empty(cls, n_instances: int, n_hidden: int, n_features: int) -> Trajectory:
        """No records."""
        weights = np.empty((0, n_instances, n_hidden, n_features))
        return cls(
            steps=np.empty(0, dtype=np.int64),
            weights=weights,
            decoders=weights,
            biases=np.empty((0, n_instances, n_features)),
            losses=np.empty((0, n_instances)),
        )

    def __len__(self) -> int:
        return len(self.steps)
