"""Weights on the way, kept from a training loop of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, shorten
from geomsup.validation import whole_number
from geomsup.weights import matrix_of

__all__ = ["WeightRecorder"]

FloatArray = NDArray[np.float64]


class WeightRecorder:
    """A callback that copies the weights of a model every few steps.

    Parameters
    ----------
    weights : tensor, nn.Module or callable
        What to copy: a tensor that the optimiser changes in place, such as ``model.W``; a module,
        whose matrix ``key`` names; or a function of nothing that returns a matrix.
    every : int, default 100
        Steps that are multiples of it are recorded; for others a call costs nothing.
    feature_axis, key
        As in `geomsup.weights.as_weights`.

    Raises
    ------
    GeomsupError
        If ``every`` is no whole number of at least 1; and from a call whose weights are no finite
        matrix, whose step does not follow the last one, or that gives a loss where others did not.

    Notes
    -----
    A record is a float64 copy of the matrix, so a thousand records of 30 × 400 take 96 MB.

    Examples
    --------
    >>> import torch
    >>> from geomsup.dynamics.timeline import WeightRecorder, geometry_timeline
    >>> W = torch.nn.Parameter(torch.tensor([[1.0, 0.0]]))
    >>> record = WeightRecorder(W, every=10)
    >>> for step in range(401):
    ...     W.data[0, 1] = -1.0 if step >= 200 else 0.0   # stands for loss.backward() and a step
    ...     record(step)
    >>> print(geometry_timeline(record.steps, record.weights).jumps[0])
    steps 190–200: feature 0: 1.00 → 0.50, 1: 0.00 → 0.50
    """

    def __init__(
        self, weights: Any, every: int = 100, *, feature_axis: int = -1, key: str | None = None
    ) -> None:
        self._every = whole_number("every", every, 1)
        self._weights, self._feature_axis, self._key = weights, feature_axis, key
        self._steps: list[int] = []
        self._records: list[FloatArray] = []
        self._losses: list[float] = []

    def __call__(self, step: int, loss: object = None) -> None:
        """Record the weights if the step is due.

        Parameters
        ----------
        step : int
            Number of the step.
        loss : float or tensor of one number, optional
            For drops of the loss; given always or never.
        """
        number = whole_number("step", step, 0)
        if number % self._every:
            return
        if self._steps and number <= self._steps[-1]:
            raise GeomsupError(
                f"steps must ascend, got {number} after {self._steps[-1]}; make a recorder for "
                "each training"
            )
        if self._steps and (loss is None) != (not self._losses):
            raise GeomsupError("give the loss with each record or with none")
        # Both may be refused, and then there is no record.
        measured = None if loss is None else _number(loss)
        matrix = self._matrix()
        if self._records and matrix.shape != self._records[0].shape:
            raise GeomsupError(
                f"weights must keep their shape, {self._records[0].shape}, got {matrix.shape}"
            )
        self._steps.append(number)
        self._records.append(matrix)
        if measured is not None:
            self._losses.append(measured)

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def steps(self) -> NDArray[np.int64]:
        """Recorded steps, of shape (n_records,)."""
        return np.array(self._steps, dtype=np.int64)

    @property
    def weights(self) -> FloatArray:
        """Recorded weights, of shape (n_records, n_hidden, n_features)."""
        return np.stack(self._records) if self._records else np.empty((0, 0, 0))

    @property
    def losses(self) -> FloatArray | None:
        """Recorded losses, of shape (n_records,); None where none were given."""
        return np.array(self._losses) if self._losses else None

    def _matrix(self) -> FloatArray:
        weights = self._weights
        # A module can be called as well, but not for its weights.
        if callable(weights) and not hasattr(weights, "state_dict"):
            weights = weights()
        return matrix_of(weights, feature_axis=self._feature_axis, key=self._key)


def _number(loss: Any) -> float:
    try:
        value = float(loss.detach() if hasattr(loss, "detach") else loss)
    except (TypeError, ValueError, RuntimeError):
        value = float("nan")
    if not np.isfinite(value):
        raise GeomsupError(f"loss must be a finite number, got {shorten(loss)}")
    return value
