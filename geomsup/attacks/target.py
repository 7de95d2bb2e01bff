"""The target of an attack, a model and its inputs, and what an attack did to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, shorten
from geomsup.restoring import Plain, read_only
from geomsup.weights import as_numbers, as_weights

__all__ = ["Attack", "Target", "finite_numbers"]

FloatArray = NDArray[np.float64]

# Numbers held at a time while directions are compared: they should stay in the cache.
_BLOCK = 1 << 16
# Losses take the fourth power of weights and the square of inputs.
_LARGEST = 1e30


@dataclass(frozen=True, kw_only=True, eq=False)
class Attack(Plain):
    """What an attack changes, and what that does.

    Parameters
    ----------
    budget : float
        The most that the norm of a change may be.
    perturbations : ndarray of shape (n_samples, n_features)
        δ of each sample.
    clean_losses, losses : ndarray of shape (n_samples,)
        Loss of each sample before and after, summed over features.
    """

    budget: float
    perturbations: FloatArray
    clean_losses: FloatArray
    losses: FloatArray

    def __post_init__(self) -> None:
        for name in ("perturbations", "clean_losses", "losses"):
            array = np.array(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, read_only(array))

    @property
    def rise(self) -> float:
        """Mean of L′ − L over the samples."""
        return float((self.losses - self.clean_losses).mean())

    def __str__(self) -> str:
        return (
            f"Attack on {len(self.losses)} samples, budget {self.budget:.4g}: mean loss "
            f"{self.clean_losses.mean():.4g} → {self.losses.mean():.4g}"
        )

    __repr__ = __str__


class Target:
    """A model and its inputs, checked, with what every attack needs of them."""

    def __init__(self, W: object, b: object, x: object, budget: float, importance: object) -> None:
        self.W = as_weights(W)
        if np.abs(self.W).max() > _LARGEST:
            raise GeomsupError(f"W must hold numbers of at most {_LARGEST:g}")
        self.n_features = self.W.shape[1]
        n = self.n_features
        self.b = finite_numbers("b", b, (n,))
        self.x = finite_numbers("x", x, (-1, n))
        self.importance = np.broadcast_to(finite_numbers("importance", importance, (n,)), (n,))
        if (self.importance < 0.0).any():
            raise GeomsupError(f"importance must not be negative, got {self.importance.min():g}")
        size = finite_numbers("budget", budget, ())
        if size < 0.0:
            raise GeomsupError(f"budget must be at least 0, the norm of a change, got {size:g}")
        self.budget = float(size)
        self.answers_before = self.x @ self.W.T @ self.W + self.b
        self.clean = self._losses(np.maximum(self.answers_before, 0.0) - self.x)

    def attack(self, perturbations: FloatArray, losses: FloatArray) -> Attack:
        return Attack(
            budget=self.budget, perturbations=perturbations, clean_losses=self.clean, losses=losses
        )

    def along(self, change: FloatArray) -> Attack:
        """What one change of all inputs does."""
        perturbations = np.broadcast_to(change, self.x.shape)
        return self.attack(perturbations, self.ascent(perturbations)[0])

    def compared(self) -> tuple[FloatArray, FloatArray, NDArray[np.intp], FloatArray]:
        """Directions ±(WᵀW)_i of unit length and what they do at the full budget.

        Returns
        -------
        directions : ndarray of shape (n_directions, n_features)
            Those of zero columns are left out.
        means : ndarray of shape (n_directions,)
            Mean loss along each.
        chosen : ndarray of shape (n_samples,)
            The worst of each sample; -1 if none raises its loss.
        losses : ndarray of shape (n_samples,)
            The loss there.
        """
        rows = self.W.T @ self.W
        norms = np.linalg.norm(rows, axis=1)
        directions = rows[norms > 0.0] / norms[norms > 0.0, None]
        directions = np.concatenate([directions, -directions])
        moves = self.budget * (directions @ self.W.T) @ self.W
        sums = np.zeros(len(directions))
        chosen, losses = np.full(len(self.x), -1), self.clean.copy()
        size = max(1, _BLOCK // self.n_features)
        for start in range(0, len(self.x), size):
            part = slice(start, start + size)
            inputs, answers = self.x[part], self.answers_before[part]
            errors, own, number = np.empty_like(inputs), losses[part], chosen[part]
            for k, move in enumerate(moves):
                np.add(answers, move, out=errors)
                np.maximum(errors, 0.0, out=errors)
                errors -= inputs
                values = self._losses(errors)
                sums[k] += values.sum()
                worse = values > own
                own[worse], number[worse] = values[worse], k
        return directions, sums / len(self.x), chosen, losses

    def ascent(self, perturbations: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Losses at x + δ, and half their gradients."""
        answers = self.answers_before + perturbations @ self.W.T @ self.W
        errors = np.maximum(answers, 0.0) - self.x
        outward = errors * self.importance * (answers > 0.0)
        return self._losses(errors), outward @ self.W.T @ self.W

    def _losses(self, errors: FloatArray) -> FloatArray:
        if (self.importance == 1.0).all():
            losses: FloatArray = np.einsum("ij,ij->i", errors, errors)
        else:
            losses = (errors * errors) @ self.importance
        return losses


def finite_numbers(name: str, value: object, shape: tuple[int, ...]) -> FloatArray:
    """A finite array of this shape, -1 for any length; importance may be a scalar."""
    wrong = GeomsupError(f"{name} must be numbers, got {shorten(value)}")
    try:
        array = as_numbers(value, name)
    except GeomsupError:
        raise wrong from None
    if array.dtype.kind == "b" or isinstance(value, np.ma.MaskedArray):
        raise wrong
    wanted = tuple(k if k >= 0 else "n_samples" for k in shape)
    fits = array.ndim == len(shape) and all(
        k in (-1, own) for own, k in zip(array.shape, shape, strict=True)
    )
    if not fits and not (name == "importance" and array.ndim == 0):
        raise GeomsupError(f"{name} must have shape {wanted}, got {array.shape}")
    if not array.size or not (np.abs(array) <= _LARGEST).all():
        raise GeomsupError(
            f"{name} must hold finite numbers of at most {_LARGEST:g}, got {shorten(value)}"
        )
    return array.astype(np.float64)
