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

import numpy as np
from numpy.typing import NDArray

from geomsup.attacks.target import Attack, Target, finite_numbers
from geomsup.errors import GeomsupError, shorten
from geomsup.validation import random_generator, whole_number

__all__ = [
    "attack_bound",
    "changed",
    "gradient_attack",
    "linear_attack",
    "universal_attack",
]

FloatArray = NDArray[np.float64]

# Step of the ascent relative to (budget / n_steps), as in Madry et al. 2018: 2.5 radii in all, so
# that an ascent can cross the ball and still has time to slide along its surface.
_REACH = 2.5
_MOST_STEPS = 10**9


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
    one is worst is partly chance, and the mean loss of the winner too high: where features are
    rare, its rise can be twice what it is on others.  :func:`geomsup.attacks.vulnerability` chooses
    on one half of the inputs and measures on the other.

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
    target = Target(W, b, x, budget, importance)
    directions, means, _, _ = target.compared()
    perturbation = np.zeros(target.n_features)
    if len(means) and means.max() > target.clean.mean():
        perturbation = target.budget * directions[int(means.argmax())]
    return target.along(perturbation)


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
    target = Target(W, b, x, budget, importance)
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
    n_steps = whole_number("n_steps", n_steps, 1, _MOST_STEPS)
    target = Target(W, b, x, budget, importance)
    at = _started(start, target, seed)
    losses, best = target.clean.copy(), np.zeros_like(target.x)
    length = _REACH * target.budget / n_steps
    for step in range(n_steps + 1):
        reached, gradient = target.ascent(at)
        worse = reached > losses
        losses[worse] = reached[worse]
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
    target = Target(W, b, x, 0.0, importance)
    step = finite_numbers("change", change, (target.n_features,))
    target.budget = float(np.linalg.norm(step))
    return target.along(step)


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
    target = Target(W, b, x, budget, importance)
    weighted = target.W.T * np.sqrt(target.importance)[:, None]
    largest = float(np.linalg.norm(weighted @ target.W, 2))
    bound: FloatArray = (np.sqrt(target.clean) + largest * target.budget) ** 2
    return bound


def _started(
    start: Attack | str, target: Target, seed: int | np.random.Generator | None
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
        noise = random_generator(seed).standard_normal(target.x.shape)
        return target.budget * _unit_rows(noise)
    raise GeomsupError(f"start must be an Attack, 'random' or 'input', got {shorten(start)}")


def _unit_rows(vectors: FloatArray) -> FloatArray:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: FloatArray = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0.0)
    return units


def _projected(points: FloatArray, radius: float) -> FloatArray:
    """Nearest points of the ball."""
    norms = np.linalg.norm(points, axis=1, keepdims=True)
    projected: FloatArray = points * np.minimum(1.0, radius / np.maximum(norms, 1e-300))
    return projected
