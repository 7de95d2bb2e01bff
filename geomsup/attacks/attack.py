"""Adversarial attacks on toy models: the most harmful small change of an input.

The model is x̂ = ReLU(WᵀWx + b), and the attacker adds δ with |δ| ≤ budget to an input.  The answer
is still held against the input as it was, Σ_i I_i (x_i − x̂_i(x + δ))²: the change is meant not to
matter.  (Held against x + δ instead, a model without superposition could not be attacked at all.)

There are three attacks, each with more freedom than the one before: the same direction for all
inputs, the worst of a fixed set of directions for each input, and any direction, sought by
gradient ascent.  The fixed directions are those of Elhage et al. 2022: (WᵀW)_i is how the inputs
drive output i, so along it the output moves most.  `attack_bound` says what no attack can exceed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, shorten
from geomsup.weights import as_weights

__all__ = [
    "Attack",
    "attack_bound",
    "changed",
    "gradient_attack",
    "linear_attack",
    "universal_attack",
]

FloatArray = NDArray[np.float64]

# Numbers held at a time while directions are compared: they should stay in the cache.
_BLOCK = 1 << 16
# Step of the ascent relative to (budget / n_steps), as in Madry et al. 2018: 2.5 radii in all, so
# that an ascent can cross the ball and still has time to slide along its surface.
_REACH = 2.5
_MOST_STEPS = 10**9
# Losses take the fourth power of weights and the square of inputs.
_LARGEST = 1e30


@dataclass(frozen=True, kw_only=True, eq=False)
class Attack:
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
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def rise(self) -> float:
        """Mean of L′ − L over the samples."""
        return float((self.losses - self.clean_losses).mean())

    def to_dict(self) -> dict[str, Any]:
        """All fields as numbers and nested lists, ready for JSON."""
        return {
            "budget": self.budget,
            "perturbations": self.perturbations.tolist(),
            "clean_losses": self.clean_losses.tolist(),
            "losses": self.losses.tolist(),
        }

    def __str__(self) -> str:
        return (
            f"Attack on {len(self.losses)} samples, budget {self.budget:.4g}: mean loss "
            f"{self.clean_losses.mean():.4g} → {self.losses.mean():.4g}"
        )

    __repr__ = __str__


def universal_attack(
    W: object, b: object, x: object, budget: float, importance: object = 1.0
) -> Attack:
    """Change all inputs alike, along the one direction ±(WᵀW)_i that harms them most.

    This is the attack that Elhage et al. 2022 plot, "the optimal L2 attacks for each feature
    (λ(WᵀW)_i/‖(WᵀW)_i‖) and taking the one of these attacks which most harms model performance".

    Parameters
    ----------
    W : array_like of shape (n_hidden, n_features)
        Weights; columns are features.
    b : array_like of shape (n_features,)
        Output bias.
    x : array_like of shape (n_samples, n_features)
        Inputs, one in each row.
    budget : float
        Norm of δ, at least 0.
    importance : float or array_like of shape (n_features,), default 1.0

    Returns
    -------
    Attack
        If every direction lowers the mean loss, δ is zero.  Single samples may come out better
        than before.

    Raises
    ------
    GeomsupError
        If a shape does not fit, or a number is not finite or negative where it must not be.

    Notes
    -----
    The direction is chosen on the samples that it is then measured on.  With few samples, which
    one is worst is partly chance, and the mean loss of the winner a little too high.

    Examples
    --------
    Without superposition the only thing to attack is a feature itself, which costs budget²:

    >>> from geomsup.attacks import universal_attack
    >>> round(universal_attack([[1, 0], [0, 1]], [0, 0], [[0.5, 0.0]], 0.1).rise, 12)
    0.01

    The pair of a digon can be attacked on both sides at once, which costs twice as much:

    >>> round(universal_attack([[1, -1]], [0, 0], [[0.5, 0.0]], 0.1).rise, 12)
    0.02
    """
    target = _Target(W, b, x, budget, importance)
    directions, means, _, _ = target.compared()
    perturbation = np.zeros(target.n_features)
    if len(means) and means.max() > target.clean.mean():
        perturbation = target.budget * directions[int(means.argmax())]
    perturbations = np.broadcast_to(perturbation, target.x.shape)
    return target.attack(perturbations, target.ascent(perturbations)[0])


def linear_attack(
    W: object, b: object, x: object, budget: float, importance: object = 1.0
) -> Attack:
    """Change each input along the direction ±(WᵀW)_i that harms it most.

    Parameters
    ----------
    W, b, x, budget, importance
        As for :func:`universal_attack`.

    Returns
    -------
    Attack
        No sample comes out better than before: δ of one that every direction helps is zero.

    Raises
    ------
    GeomsupError
        As for :func:`universal_attack`.

    Examples
    --------
    >>> from geomsup.attacks import linear_attack
    >>> attack = linear_attack([[1, -1]], [0, 0], [[0.5, 0.0], [0.0, 0.5]], 0.1)
    >>> (attack.perturbations / 0.1).round(2).tolist()  # away from the feature that is there
    [[-0.71, 0.71], [0.71, -0.71]]
    """
    target = _Target(W, b, x, budget, importance)
    directions, _, chosen, losses = target.compared()
    perturbations = np.zeros_like(target.x)
    hit = chosen >= 0
    perturbations[hit] = target.budget * directions[chosen[hit]]
    return target.attack(perturbations, losses)


def gradient_attack(
    W: object,
    b: object,
    x: object,
    budget: float,
    importance: object = 1.0,
    *,
    start: Attack | str = "random",
    n_steps: int = 50,
    seed: int | np.random.Generator | None = 0,
) -> Attack:
    """Climb the loss of each input by projected gradient ascent.

    Parameters
    ----------
    W, b, x, budget, importance
        As for :func:`universal_attack`.
    start : Attack, "random" or "input", default "random"
        An attack on the same inputs, to be made worse; a random direction at the full budget; or
        the input itself.  In a sparse model most outputs have no gradient at most inputs, and
        from there the ascent finds little ("gradient masking", Elhage et al. 2022).
    n_steps : int, default 50
        Steps of the ascent, each of length 2.5 budget / n_steps (Madry et al. 2018).
    seed : int, numpy.random.Generator or None, default 0
        Of the random start.

    Returns
    -------
    Attack
        The worst point of each ascent; the input itself counts as one, and so does the start.

    Raises
    ------
    GeomsupError
        As for :func:`universal_attack`, or if ``start`` or ``n_steps`` cannot be used.

    Examples
    --------
    >>> from geomsup.attacks import gradient_attack, linear_attack
    >>> pentagon = [[1.0, 0.31, -0.81, -0.81, 0.31], [0.0, 0.95, 0.59, -0.59, -0.95]]
    >>> model = pentagon, [-0.2] * 5, [[0.0, 0.5, 0.0, 0.4, 0.0]], 0.1
    >>> linear = linear_attack(*model)
    >>> gradient_attack(*model, start=linear).rise > linear.rise
    True
    """
    whole = isinstance(n_steps, int | np.integer) and not isinstance(n_steps, bool)
    if not whole or not 1 <= n_steps <= _MOST_STEPS:
        raise GeomsupError(
            f"n_steps must be an integer in 1 … {_MOST_STEPS}, got {shorten(n_steps)}"
        )
    target = _Target(W, b, x, budget, importance)
    at = _started(start, target, seed)
    losses, best = target.clean.copy(), np.zeros_like(target.x)
    length = _REACH * target.budget / n_steps
    for step in range(n_steps + 1):
        found, gradient = target.ascent(at)
        worse = found > losses
        losses[worse] = found[worse]
        best[worse] = at[worse]
        if step < n_steps:
            at = _projected(at + length * _unit_rows(gradient), target.budget)
    return target.attack(best, losses)


def changed(W: object, b: object, x: object, change: object, importance: object = 1.0) -> Attack:
    """What one change of all inputs does, whoever chose it.

    Parameters
    ----------
    W, b, x, importance
        As for :func:`universal_attack`.
    change : array_like of shape (n_features,)
        δ.

    Returns
    -------
    Attack
        Its budget is the norm of δ.

    Raises
    ------
    GeomsupError
        As for :func:`universal_attack`.

    Examples
    --------
    >>> from geomsup.attacks import changed
    >>> round(changed([[1, -1]], [0, 0], [[0.5, 0.0]], [-0.1, 0.0]).rise, 12)
    0.01
    """
    target = _Target(W, b, x, 0.0, importance)
    step = _numbers("change", change, (target.n_features,))
    target.budget = float(np.linalg.norm(step))
    perturbations = np.broadcast_to(step, target.x.shape)
    return target.attack(perturbations, target.ascent(perturbations)[0])


def attack_bound(
    W: object, b: object, x: object, budget: float, importance: object = 1.0
) -> FloatArray:
    """A loss that no attack can exceed, for each sample.

    ReLU does not lengthen, so the answer moves by at most λ · budget, where λ is the largest
    singular value of √I·WᵀW, and the loss is at most (√L + λ · budget)².

    Parameters
    ----------
    W, b, x, budget, importance
        As for :func:`universal_attack`.

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    GeomsupError
        As for :func:`universal_attack`.

    Examples
    --------
    >>> from geomsup.attacks import attack_bound
    >>> attack_bound([[1, -1]], [0, 0], [[0.5, 0.0]], 0.1).round(6)
    array([0.04])
    """
    target = _Target(W, b, x, budget, importance)
    weighted = target.W.T * np.sqrt(target.importance)[:, None]
    largest = float(np.linalg.norm(weighted @ target.W, 2))
    bound: FloatArray = (np.sqrt(target.clean) + largest * target.budget) ** 2
    return bound


class _Target:
    """A model and its inputs, checked, with what every attack needs of them."""

    def __init__(self, W: object, b: object, x: object, budget: float, importance: object) -> None:
        self.W = as_weights(W)
        if np.abs(self.W).max() > _LARGEST:
            raise GeomsupError(f"W must hold numbers of at most {_LARGEST:g}")
        self.n_features = self.W.shape[1]
        n = self.n_features
        self.b = _numbers("b", b, (n,))
        self.x = _numbers("x", x, (-1, n))
        self.importance = np.broadcast_to(_numbers("importance", importance, (n,)), (n,))
        if (self.importance < 0.0).any():
            raise GeomsupError(f"importance must not be negative, got {self.importance.min():g}")
        size = _numbers("budget", budget, ())
        if size < 0.0:
            raise GeomsupError(f"budget must be at least 0, the norm of a change, got {size:g}")
        self.budget = float(size)
        self.answers_before = self.x @ self.W.T @ self.W + self.b
        self.clean = self._losses(np.maximum(self.answers_before, 0.0) - self.x)

    def attack(self, perturbations: FloatArray, losses: FloatArray) -> Attack:
        return Attack(
            budget=self.budget, perturbations=perturbations, clean_losses=self.clean, losses=losses
        )

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
                found = self._losses(errors)
                sums[k] += found.sum()
                worse = found > own
                own[worse], number[worse] = found[worse], k
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


def _started(
    start: Attack | str, target: _Target, seed: int | np.random.Generator | None
) -> FloatArray:
    """Where the ascent starts, within the budget."""
    if isinstance(start, Attack):
        if start.perturbations.shape != target.x.shape:
            raise GeomsupError(
                f"start must be an attack on these inputs, of shape {target.x.shape}, got one of "
                f"shape {start.perturbations.shape}"
            )
        if not np.isfinite(start.perturbations).all():
            raise GeomsupError("start must hold finite perturbations")
        return _projected(start.perturbations, target.budget)
    if isinstance(start, str) and start == "input":
        return np.zeros_like(target.x)
    if isinstance(start, str) and start == "random":
        try:
            generator = np.random.default_rng(seed)
        except (TypeError, ValueError):
            raise GeomsupError(
                f"seed must be an integer from 0, a Generator or None, got {shorten(seed)}"
            ) from None
        return target.budget * _unit_rows(generator.standard_normal(target.x.shape))
    raise GeomsupError(f"start must be an Attack, 'random' or 'input', got {shorten(start)}")


def _numbers(name: str, value: object, shape: tuple[int, ...]) -> FloatArray:
    """A finite array of this shape, -1 for any length; importance may be a scalar."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):
        array = np.asarray(None)
    if array.dtype.kind not in "iuf" or isinstance(value, np.ma.MaskedArray):
        raise GeomsupError(f"{name} must be numbers, got {shorten(value)}")
    wanted = tuple(k if k >= 0 else "n_samples" for k in shape)
    fits = array.ndim == len(shape) and all(
        own in (k, own) if k < 0 else own == k for own, k in zip(array.shape, shape, strict=True)
    )
    if not fits and not (name == "importance" and array.ndim == 0):
        raise GeomsupError(f"{name} must have shape {wanted}, got {array.shape}")
    if not array.size or not (np.abs(array) <= _LARGEST).all():
        raise GeomsupError(
            f"{name} must hold finite numbers of at most {_LARGEST:g}, got {shorten(value)}"
        )
    return array.astype(np.float64)


def _unit_rows(vectors: FloatArray) -> FloatArray:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: FloatArray = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0.0)
    return units


def _projected(points: FloatArray, radius: float) -> FloatArray:
    """Nearest points of the ball."""
    norms = np.linalg.norm(points, axis=1, keepdims=True)
    projected: FloatArray = points * np.minimum(1.0, radius / np.maximum(norms, 1e-300))
    return projected
