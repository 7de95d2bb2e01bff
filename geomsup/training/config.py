"""What to train: one frozen dataclass, checked when it is built.

Every mistake a configuration can hold is found here, before any time is spent on training, so
the training loop trusts what it is given. Values are normalised to plain Python numbers and
tuples: a configuration compares, hashes and goes to JSON and back without loss.
"""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError

__all__ = ["LR_SCHEDULES", "PerFeature", "ToyModelConfig"]

FloatArray: TypeAlias = NDArray[np.float64]
PerFeature: TypeAlias = float | Sequence[float] | Sequence[Sequence[float]] | FloatArray
"""A scalar, one value for each feature, or a 2-D table (instance, feature)."""

# Well inside the range of float32, in which training runs.
_LARGEST = 1e30
# Entries of the largest buffer: some 16 GB in float32.  Beyond, torch fails in words of its own.
_MOST_ENTRIES = 4e9

LR_SCHEDULES = ("constant", "cosine", "linear")


@dataclass(frozen=True)
class ToyModelConfig:
    """A batch of ReLU-output toy models and how to train them.

    The model is x̂ = ReLU(WᵀWx + b) with data x_i = B_i·U_i, B_i ~ Bernoulli(p_i) and
    U_i ~ U(0, 1), all independent. The loss is E Σ_i I_i (x_i − x̂_i)², the *sum* over the
    features (many notebooks print the mean, which is n_features times smaller).

    Parameters
    ----------
    n_features : int, default 5
        Number of input features n.
    n_hidden : int, default 2
        Number of hidden dimensions m.
    feature_probability : float or array-like, default 0.1
        Probability p = 1 − sparsity that a feature is not zero, in [0, 1]. See Notes for shapes.
    importance : float or array-like, default 1.0
        Weight I_i ≥ 0 of each feature in the loss. See Notes for shapes.
    n_instances : int, default 16
        Number of models trained side by side. They share nothing but the settings.
    n_steps : int, default 10_000
        Number of optimiser steps, each on a fresh batch.
    batch_size : int, default 1024
        Samples in a batch, for each instance.
    learning_rate : float, default 1e-3
        Step size of Adam (β = 0.9, 0.999; ε = 1e-8) before the schedule.
    lr_schedule : {"constant", "cosine", "linear"}, default "constant"
        "cosine" and "linear" take the learning rate down to zero at the last step.
    init_scale : float, default 1.0
        W starts normal with standard deviation ``init_scale * sqrt(2 / (n_hidden + n_features))``
        (Glorot & Bengio 2010, for the matrix of *one* instance, so that more instances change
        nothing); b starts at zero.

    Raises
    ------
    GeomsupError
        If a value cannot be meant: p outside [0, 1], a negative importance, a wrong length, …

    Notes
    -----
    ``feature_probability`` and ``importance`` take

    * a scalar: the same for all;
    * shape (n_features,): one value for each feature. A 1-D sequence is *always* per feature,
      also when n_instances happens to equal n_features;
    * shape (n_instances, 1): one value for each instance, as in ``[[0.1], [0.03]]``;
    * shape (n_instances, n_features), or (1, n_features): the whole table.

    References
    ----------
    Elhage et al. 2022, "Toy Models of Superposition".

    Examples
    --------
    >>> config = ToyModelConfig(n_instances=2, feature_probability=[[0.1], [0.05]])
    >>> config.probabilities.shape
    (2, 5)
    >>> ToyModelConfig(feature_probability=1.5)
    Traceback (most recent call last):
        ...
    geomsup.errors.GeomsupError: feature_probability must lie in [0, 1], got 1.5: it is a \
probability, 1 minus the sparsity
    """

    n_features: int = field(default=5, metadata={"help": "number of features"})
    n_hidden: int = field(default=2, metadata={"help": "number of hidden dimensions"})
    feature_probability: PerFeature = field(
        default=0.1, metadata={"help": "probability that a feature is not zero (1 - sparsity)"}
    )
    importance: PerFeature = field(
        default=1.0, metadata={"help": "weight of each feature in the loss"}
    )
    n_instances: int = field(default=16, metadata={"help": "models trained side by side"})
    n_steps: int = field(default=10_000, metadata={"help": "optimiser steps"})
    batch_size: int = field(default=1024, metadata={"help": "samples in a batch"})
    learning_rate: float = field(default=1e-3, metadata={"help": "step size of Adam"})
    lr_schedule: str = field(
        default="constant", metadata={"help": "learning-rate schedule", "choices": LR_SCHEDULES}
    )
    init_scale: float = field(default=1.0, metadata={"help": "factor on the Xavier-normal scale"})

    def __post_init__(self) -> None:
        for name in ("n_features", "n_hidden", "n_instances", "n_steps", "batch_size"):
            self._normalise(name, _positive_integer(name, getattr(self, name)))
        n_entries = self.n_instances * self.n_features * max(self.n_hidden, self.batch_size)
        if n_entries > _MOST_ENTRIES:
            raise GeomsupError(
                f"n_instances × n_features × max(n_hidden, batch_size) must stay below "
                f"{_MOST_ENTRIES:.0e} to fit into memory, got {n_entries:.1e}; train fewer "
                "instances, smaller models or smaller batches at a time"
            )
        for name in ("learning_rate", "init_scale"):
            self._normalise(name, _positive_number(name, getattr(self, name)))
        if not isinstance(self.lr_schedule, str) or self.lr_schedule not in LR_SCHEDULES:
            raise GeomsupError(
                f"lr_schedule must be one of {', '.join(LR_SCHEDULES)}, "
                f"got {_brief(self.lr_schedule)}"
            )
        table = self._table("feature_probability")
        _refuse(
            table,
            (table < 0) | (table > 1),
            "feature_probability must lie in [0, 1], got {}: it is a probability, 1 minus the "
            "sparsity",
        )
        table = self._table("importance")
        _refuse(
            table,
            (table < 0) | (table > _LARGEST),
            f"importance must lie in [0, {_LARGEST:g}], got {{}}: 0 ignores a feature",
        )

    @property
    def probabilities(self) -> FloatArray:
        """Feature probability of every instance, ndarray of shape (n_instances, n_features)."""
        return self._expand(self.feature_probability)

    @property
    def importances(self) -> FloatArray:
        """Importance in every instance, ndarray of shape (n_instances, n_features)."""
        return self._expand(self.importance)

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of a step (0-based) under the schedule."""
        if self.lr_schedule == "constant":
            return self.learning_rate
        done = step / self.n_steps
        if self.lr_schedule == "linear":
            return self.learning_rate * (1.0 - done)
        return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * done))

    def to_dict(self) -> dict[str, Any]:
        """All settings as numbers, strings and nested lists, ready for JSON."""
        return {f.name: _to_lists(getattr(self, f.name)) for f in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> ToyModelConfig:
        """Build a configuration from what `to_dict` returned; what is left out takes its default.

        Raises
        ------
        GeomsupError
            If ``settings`` is no mapping, names an unknown setting or holds a bad value.
        """
        if not isinstance(settings, Mapping):
            raise GeomsupError(
                f"settings must be a mapping of names to values, got {type(settings).__name__}"
            )
        known = [f.name for f in dataclasses.fields(cls)]
        unknown = [repr(name) for name in settings if name not in known]
        if unknown:
            raise GeomsupError(
                f"unknown setting {', '.join(unknown)}; the settings are {', '.join(known)}"
            )
        return cls(**settings)

    def _normalise(self, name: str, value: object) -> None:
        # The one way to store a converted value in a frozen dataclass.
        object.__setattr__(self, name, value)

    def _table(self, name: str) -> FloatArray:
        """Check the shape of a per-feature setting and store it as a float or nested tuples."""
        table = _numbers(name, getattr(self, name))
        n, k = self.n_features, self.n_instances
        if table.ndim == 1 and table.shape != (n,):
            cure = "; for one value per instance write [[v] for v in values]"
            raise GeomsupError(
                f"{name} as a flat sequence needs one value per feature ({n}), got "
                f"{table.size}{cure if table.size == k else ''}"
            )
        if table.ndim == 2 and (table.shape[0] not in (1, k) or table.shape[1] not in (1, n)):
            raise GeomsupError(
                f"{name} as a table needs shape ({k}, 1) or ({k}, {n}) (n_instances, n_features), "
                f"got {table.shape}"
            )
        if table.ndim > 2:
            raise GeomsupError(
                f"{name} must be a scalar, ({n},) per feature, ({k}, 1) per instance or "
                f"({k}, {n}), got {table.ndim} dimensions"
            )
        _refuse(table, ~np.isfinite(table), f"{name} must be finite, got {{}}")
        self._normalise(name, _to_tuples(table.tolist()))
        return table

    def _expand(self, value: PerFeature) -> FloatArray:
        # Copy, because a broadcast view would share one memory cell among many entries.
        shape = (self.n_instances, self.n_features)
        return np.broadcast_to(np.asarray(value, dtype=np.float64), shape).copy()


def _positive_integer(name: str, value: object) -> int:
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]  # a non-integer raises TypeError
    except TypeError:
        raise GeomsupError(
            f"{name} must be an integer of at least 1, got {_brief(value)}"
        ) from None
    if number < 1:
        raise GeomsupError(f"{name} must be an integer of at least 1, got {number}")
    return number


def _positive_number(name: str, value: object) -> float:
    number = _numbers(name, value)
    if number.ndim or not 0 < number <= _LARGEST:
        raise GeomsupError(
            f"{name} must be a number above 0 and at most {_LARGEST:g}, got {_brief(value)}"
        )
    return float(number)


def _numbers(name: str, value: object) -> FloatArray:
    """Convert to a float64 array; refuse what is not real numbers (booleans included)."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):  # ragged lists; tensors that refuse conversion
        array = np.asarray(None)
    if array.dtype.kind not in "iuf" or _holds_bool(value):
        raise GeomsupError(f"{name} must be a number or a table of numbers, got {_brief(value)}")
    return array.astype(np.float64)


def _holds_bool(value: object) -> bool:
    # numpy would quietly turn a True among numbers into 1.0.
    if isinstance(value, list | tuple):
        return any(_holds_bool(item) for item in value)
    return isinstance(value, bool | np.bool_)


def _refuse(table: FloatArray, wrong: NDArray[np.bool_], message: str) -> None:
    if wrong.any():
        raise GeomsupError(message.format(float(table[wrong][0])))


def _brief(value: object) -> str:
    """One line of at most 60 characters, however large the array that came."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _to_tuples(value: Any) -> Any:
    return tuple(_to_tuples(item) for item in value) if isinstance(value, list) else value


def _to_lists(value: Any) -> Any:
    return [_to_lists(item) for item in value] if isinstance(value, tuple) else value
