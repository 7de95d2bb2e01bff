"""Exact expected losses and optima for features that come in sets.

The features of a correlated set are present together or absent together; of an anticorrelated
set one at most is present.  Given who is present, the values are independent and uniform on (0, 1):
the exact loss of independent features, with probabilities one and zero, applies.  The loss is
therefore a sum over the cases of who is present, as exact as its terms.  There are 2 ** n_sets
cases of correlated sets and (set_size + 1) ** n_sets of anticorrelated ones, few for every model
of the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.restoring import read_only
from geomsup.theory.descent import descend
from geomsup.theory.loss import Problem, batch_losses
from geomsup.theory.packing import packed, unpacked
from geomsup.theory.starts import random_starts
from geomsup.validation import brief, numbers, one_of, positive_integer

__all__ = ["FeatureSets", "SetOptimum", "best_of_sets", "descend_sets", "set_losses"]

FloatArray = NDArray[np.float64]
Correlation: TypeAlias = Literal["correlated", "anticorrelated"]

_MOST_CASES = 4096
# Both for losses divided by that of the zero output, which is one then.
_GRADIENT_TOL = 1e-8
_SAME_LOSS = 1e-7


@dataclass(frozen=True, kw_only=True)
class FeatureSets:
    """Features in sets of equal size, in order: the first set holds the first features.

    Parameters
    ----------
    n_sets, set_size : int
    set_probability : float
        Probability 1 − S that a set is present.
    correlation : {"correlated", "anticorrelated"}
        Whether all features of a present set are non-zero, or one of them at random.

    Examples
    --------
    >>> pairs = FeatureSets(n_sets=2, set_size=2, set_probability=0.1, correlation="anticorrelated")
    >>> pairs.feature_probability
    0.05
    >>> weights, present = pairs.cases()
    >>> present.shape, round(float(weights.sum()), 12)
    ((9, 4), 1.0)
    """

    n_sets: int
    set_size: int
    set_probability: float
    correlation: Correlation

    def __post_init__(self) -> None:
        # Plain numbers, so that equal tasks are one key of the cache.
        for name in ("n_sets", "set_size"):
            object.__setattr__(self, name, positive_integer(name, getattr(self, name)))
        one_of("correlation", self.correlation, get_args(Correlation))
        probability = numbers("set_probability", self.set_probability)
        if probability.ndim or not 0.0 <= probability <= 1.0:
            raise GeomsupError(
                f"set_probability must lie in [0, 1], got {brief(self.set_probability)}: it is a "
                "probability, 1 minus the sparsity"
            )
        object.__setattr__(self, "set_probability", float(probability))
        options = 2 if self.correlation == "correlated" else self.set_size + 1
        # 13 sets are too many whatever they are, and the power of many more is beyond computing.
        if options ** min(self.n_sets, 13) > _MOST_CASES:
            raise GeomsupError(
                f"expected at most {_MOST_CASES} cases of who is present, got "
                f"{options} ** {self.n_sets}; take fewer sets"
            )

    @property
    def n_features(self) -> int:
        """Number of features."""
        return self.n_sets * self.set_size

    @property
    def feature_probability(self) -> float:
        """Probability that a feature is not zero; the trainer asks for this one."""
        if self.correlation == "correlated":
            return self.set_probability
        return self.set_probability / self.set_size

    def cases(self) -> tuple[FloatArray, FloatArray]:
        """Probability (n_cases,) of each case, and which features it makes present.

        The second array, (n_cases, n_features), is one where a feature is present, else zero.
        """
        size, q = self.set_size, self.set_probability
        absent = (1.0 - q, np.zeros(size))
        if self.correlation == "correlated":
            options = [absent, (q, np.ones(size))]
        else:
            options = [absent, *((q / size, row) for row in np.eye(size))]
        chosen = list(product(options, repeat=self.n_sets))
        weights = np.array([np.prod([weight for weight, _ in case]) for case in chosen])
        return weights, np.array([np.concatenate([row for _, row in case]) for case in chosen])


@dataclass(frozen=True, kw_only=True, eq=False)
class SetOptimum:
    """The lowest loss that a search found.

    Attributes
    ----------
    loss : float
        Summed over features.
    W : ndarray of shape (n_hidden, n_features)
    b : ndarray of shape (n_features,)
        Both read-only.
    share : float
        Share of the starts that ended at this loss.
    """

    loss: float
    W: FloatArray
    b: FloatArray
    share: float


def set_losses(
    weights: FloatArray, biases: FloatArray, sets: FeatureSets
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Exact expected loss of every model, summed over features, and its gradients.

    Parameters
    ----------
    weights : ndarray of shape (n_models, n_hidden, n_features)
    biases : ndarray of shape (n_models, n_features)
    sets : FeatureSets

    Returns
    -------
    tuple of ndarray
        Losses (n_models,), gradients in the weights and in the biases.

    Examples
    --------
    An antipodal pair whose members are never there together costs nothing:

    >>> pair = FeatureSets(n_sets=1, set_size=2, set_probability=0.1, correlation="anticorrelated")
    >>> loss, _, _ = set_losses(np.array([[[1.0, -1.0]]]), np.zeros((1, 2)), pair)
    >>> bool(abs(loss[0]) < 1e-15)
    True
    """
    share, present = sets.cases()
    count = present.sum(1)
    loss, grad_W, grad_b = np.zeros(len(weights)), np.zeros(weights.shape), np.zeros(biases.shape)
    # What a row costs grows as two to the power of the features present, so cases with equally
    # many go together.
    for number in np.unique(count):
        group = count == number
        # The probability of a case goes into the importances: tolerances are then relative to
        # the whole loss.
        problem = Problem(
            p=np.tile(present[group], (len(weights), 1)),
            importance=np.tile(share[group, None], (len(weights), sets.n_features)),
        )
        n_cases = int(group.sum())
        terms = batch_losses(
            np.repeat(weights, n_cases, axis=0), np.repeat(biases, n_cases, axis=0), problem
        )
        loss += terms[0].reshape(-1, n_cases).sum(1)
        grad_W += terms[1].reshape(-1, n_cases, *weights.shape[1:]).sum(1)
        grad_b += terms[2].reshape(-1, n_cases, sets.n_features).sum(1)
    return loss, grad_W, grad_b


def descend_sets(
    weights: FloatArray, biases: FloatArray, sets: FeatureSets, max_steps: int = 2000
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Descend from every model to a local minimum of the exact loss.

    Returns
    -------
    tuple of ndarray
        Losses, weights and biases at the end, in the order of the starts.
    """
    n_hidden = weights.shape[1]
    unit = sets.n_features * sets.feature_probability / 3.0 or 1.0  # loss of the zero output

    def function(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        loss, grad_W, grad_b = set_losses(*unpacked(x, n_hidden), sets)
        return loss / unit, packed(grad_W, grad_b) / unit

    starts = packed(weights, biases)
    ends = descend(function, starts, gradient_tol=_GRADIENT_TOL, max_steps=max_steps)
    return ends.value * unit, *unpacked(ends.x, n_hidden)


@lru_cache(maxsize=256)
def best_of_sets(sets: FeatureSets, n_hidden: int, n_starts: int = 60, seed: int = 0) -> SetOptimum:
    """The lowest exact loss that descents from random starts find; looked for once.

    Best found, not proved optimal: `share` says how hard it was to find.
    """
    starts = random_starts(n_starts, n_hidden, sets.n_features, np.random.default_rng(seed))
    losses, weights, biases = descend_sets(*unpacked(starts, n_hidden), sets)
    lowest = int(np.argmin(losses))
    unit = sets.n_features * sets.feature_probability / 3.0
    # Everyone who asks gets these arrays, so nobody may write to them.
    return SetOptimum(
        loss=float(losses[lowest]),
        W=read_only(weights[lowest].copy()),
        b=read_only(biases[lowest].copy()),
        share=float(np.mean(losses - losses[lowest] <= _SAME_LOSS * unit)),
    )
