"""What a training that went out of bounds leaves behind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError

__all__ = ["TrainingDivergedError"]


class TrainingDivergedError(GeomsupError):
    """A loss, a weight or a moment of its gradient became NaN or infinite.

    Attributes
    ----------
    step : int
        Step at which it was noticed (weights are looked at every hundred steps).
    instance : int
        First instance it happened to.
    learning_rate : float
        Learning rate of that step.
    last_good_step : int
        Number of steps behind the weights below.
    weights : ndarray of shape (n_instances, n_hidden, n_features)
        The last weights that were all finite.
    decoders : ndarray of shape (n_instances, n_hidden, n_features)
        The decoders that belong to them.
    biases : ndarray of shape (n_instances, n_features)
        The biases that belong to them.
    """

    def __init__(
        self,
        *,
        step: int,
        instance: int,
        learning_rate: float,
        last_good_step: int,
        weights: NDArray[np.float64],
        decoders: NDArray[np.float64],
        biases: NDArray[np.float64],
    ) -> None:
        super().__init__(
            f"the loss of instance {instance} or its gradient was no longer finite at step {step} "
            f"(learning rate {learning_rate:g}, last finite at step {last_good_step}); try a "
            "smaller learning_rate or smaller importances. The error's weights and biases hold "
            "the last good ones"
        )
        self.step, self.instance, self.learning_rate = step, instance, learning_rate
        self.last_good_step = last_good_step
        self.weights, self.decoders, self.biases = weights, decoders, biases
