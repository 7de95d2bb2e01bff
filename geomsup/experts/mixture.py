"""A trained mixture: who answers what, and how well."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.experts.config import GATES
from geomsup.experts.model import choose
from geomsup.geometry.classify import geometry_of
from geomsup.geometry.report import GeometryReport
from geomsup.validation import numbers, one_of

__all__ = ["Mixture", "stored_from"]

FloatArray = NDArray[np.float64]

# An expert holds a feature when its norm is above this, and above this share of its largest: norms
# are near one in a toy model, and larger where a gate makes answers shorter.
_STORED = 0.5
_ARRAYS = ("weights", "biases", "router", "load")


@dataclass(frozen=True, kw_only=True, eq=False)
class Mixture:
    """A router and its experts.

    Parameters
    ----------
    weights : ndarray of shape (n_experts, n_hidden, n_features)
        W of each expert.
    biases : ndarray of shape (n_experts, n_features)
        b of each expert.
    router : ndarray of shape (n_experts, n_features)
        R.
    gate : {"weighted", "straight-through"}
        Whether answers are multiplied with the probability of their expert.
    instance : int
        Its number in the training.
    loss, loss_error : float
        E Σ_i I_i (x_i − x̂_i)² on a fresh sample, without a limit of capacity, and its standard
        error.
    load : ndarray of shape (n_experts,)
        Share of the inputs, of those that are not empty, that each expert gets.
    refused : float
        Share of the inputs of the last tenth of the training that found no room.
    """

    weights: FloatArray
    biases: FloatArray
    router: FloatArray
    gate: str
    instance: int = 0
    loss: float = float("nan")
    loss_error: float = float("nan")
    load: FloatArray
    refused: float = 0.0

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            array = numbers(name, getattr(self, name)).copy()
            if name != "load" and not np.isfinite(array).all():
                raise GeomsupError(f"{name} must be finite")
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        if self.weights.ndim != 3 or 0 in self.weights.shape:
            raise GeomsupError(
                "weights must have shape (n_experts, n_hidden, n_features), got "
                f"{self.weights.shape}"
            )
        k, _, n = self.weights.shape
        if self.biases.shape != (k, n) or self.router.shape != (k, n):
            raise GeomsupError(
                f"biases and router must have shape {(k, n)} by the weights, got "
                f"{self.biases.shape} and {self.router.shape}"
            )
        one_of("gate", self.gate, GATES)

    @property
    def n_experts(self) -> int:
        """Number of experts."""
        return int(self.weights.shape[0])

    def probabilities(self, x: object) -> FloatArray:
        """The router's probabilities π for inputs.

        Parameters
        ----------
        x : array_like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_experts)
            Rows add up to one.
        """
        logits = self._inputs(x) @ self.router.T
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        return logits

    def route(self, x: object) -> NDArray[np.intp]:
        """The expert of each input, of shape (n_samples,); empty inputs are dealt out in turn."""
        inputs = self._inputs(x)
        return choose(self.router @ inputs.T, inputs.T)

    def answers(self, x: object) -> FloatArray:
        """What each expert would answer, of shape (n_experts, n_samples, n_features)."""
        inputs = self._inputs(x)
        found = np.empty((self.n_experts, *inputs.shape))
        for answer, W, b in zip(found, self.weights, self.biases, strict=True):
            np.maximum(inputs @ W.T @ W + b, 0.0, out=answer)
        if self.gate == "weighted":
            found *= self.probabilities(inputs).T[:, :, None]
        return found

    def reconstruct(self, x: object) -> FloatArray:
        """Answers x̂ of the chosen experts, of shape (n_samples, n_features)."""
        chosen = self.route(x)[None, :, None]
        reconstructed: FloatArray = np.take_along_axis(self.answers(x), chosen, axis=0)[0]
        return reconstructed

    @cached_property
    def reports(self) -> tuple[GeometryReport, ...]:
        """Geometry of the features that each expert holds."""
        return tuple(geometry_of(W, norm_threshold=stored_from(W)) for W in self.weights)

    @property
    def holds(self) -> NDArray[np.bool_]:
        """Which expert holds which feature, of shape (n_experts, n_features).

        One that does has a norm above one half, and above half the largest of its expert.
        """
        return np.array([np.linalg.norm(W, axis=0) > stored_from(W) for W in self.weights])

    @property
    def features_per_dimension(self) -> FloatArray:
        """‖W_e‖_F² / n_hidden of each expert: 1/D* of Elhage et al. 2022."""
        features: FloatArray = (self.weights**2).sum(axis=(1, 2)) / self.weights.shape[1]
        return features

    def to_dict(self) -> dict[str, Any]:
        """All fields as numbers, strings and nested lists, ready for JSON."""
        return {
            **{name: getattr(self, name).tolist() for name in _ARRAYS},
            "gate": self.gate,
            "instance": self.instance,
            "loss": self.loss,
            "loss_error": self.loss_error,
            "refused": self.refused,
        }

    def __str__(self) -> str:
        k, m, n = self.weights.shape
        held = ", ".join(str(int(own.sum())) for own in self.holds)
        return (
            f"Mixture of {k} × ({n} → {m}): loss {self.loss:.4g}, features held {held}, "
            f"load {', '.join(f'{share:.0%}' for share in self.load)}"
        )

    __repr__ = __str__

    def _inputs(self, x: object) -> FloatArray:
        inputs = numbers("inputs", x)
        if not np.isfinite(inputs).all():
            raise GeomsupError("inputs must be finite")
        if inputs.ndim != 2 or inputs.shape[1] != self.weights.shape[2]:
            raise GeomsupError(
                f"inputs must have shape (n_samples, {self.weights.shape[2]}), got {inputs.shape}"
            )
        return inputs


def stored_from(W: FloatArray) -> float:
    """Norm from which an expert holds a feature, for weights of shape (n_hidden, n_features)."""
    return _STORED * max(1.0, float(np.linalg.norm(W, axis=0).max()))
