"""One feature made rarer, or less important, than the others: a shape bends, then gives way.

Local minima are followed: each descent on the exact loss starts where the one before it ended, with
the varied feature a little changed.  The shape is followed away from equal features, and whatever
training prefers at the far end is followed back, so that two branches exist side by side and their
losses can cross.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from geomsup.theory import symmetric_optimum, verify_optimum
from geomsup.theory.descent import descend
from geomsup.theory.loss import Problem
from geomsup.theory.packing import packed, packed_loss, unpacked

__all__ = [
    "Branch",
    "ProblemAt",
    "Transition",
    "Varied",
    "angle_gap",
    "crossing",
    "follow",
    "problem_of",
    "shape_branch",
    "transition",
]

FloatArray = NDArray[np.float64]
Varied: TypeAlias = Literal["feature_probability", "importance"]
ProblemAt: TypeAlias = Callable[[float], Problem]

_GRADIENT_TOL = 1e-10
# Enough to leave a saddle, too little to change a minimum: descents end far closer to it.
_NUDGE = 1e-5
_SEED = 0
# Losses that agree so closely, relative, are those of one minimum.
_SAME = 1e-9
_CROSSING_TOL = 1e-5  # of the logarithm of a factor
_MOST_HALVINGS = 10
_STEP = 1e-3  # of the logarithm of a factor, for slopes


@dataclass(frozen=True, kw_only=True, eq=False)
class Branch:
    """A minimum followed along the factors of the varied feature."""

    factors: FloatArray  # (n_points,), in the order in which they were followed
    weights: FloatArray  # (n_points, n_hidden, n_features)
    biases: FloatArray  # (n_points, n_features)
    losses: FloatArray  # (n_points,)

    def at(self, factor: float, problem_at: ProblemAt) -> tuple[FloatArray, FloatArray, float]:
        """The minimum at any factor, by a descent from the nearest one on the branch."""
        k = int(np.argmin(np.abs(np.log(self.factors / factor))))
        return _descended(self.weights[k], self.biases[k], problem_at(factor))


@dataclass(frozen=True, kw_only=True)
class Transition:
    """What two branches are like where their losses are equal; the followed shape comes first."""

    verdicts: tuple[str, str]  # of verify_optimum
    slopes: tuple[float, float]  # of the loss against the logarithm of the factor
    norms: tuple[float, float]  # of the varied feature


def problem_of(n_features: int, feature_probability: float, varied: Varied) -> ProblemAt:
    """The problem at each factor of the first feature; all others stay as they are."""

    def at(factor: float) -> Problem:
        scaled = np.ones(n_features)
        scaled[0] = factor
        if varied == "importance":
            return Problem(p=np.full(n_features, feature_probability), importance=scaled)
        return Problem(p=feature_probability * scaled, importance=np.ones(n_features))

    return at


def shape_branch(
    shape: str, n_features: int, feature_probability: float, factors: FloatArray, varied: Varied
) -> Branch:
    """Follow a shape of equal features from factor one, which `factors` must begin with."""
    best = symmetric_optimum(shape, n_features, feature_probability)
    return follow(best.W, best.b, factors, problem_of(n_features, feature_probability, varied))


def follow(W: FloatArray, b: FloatArray, factors: FloatArray, problem_at: ProblemAt) -> Branch:
    """Follow the minimum nearest to a configuration along the factors."""
    rng = np.random.default_rng(_SEED)
    weights, biases, losses = [], [], []
    for factor in factors:
        nudged = W + _NUDGE * rng.normal(size=W.shape), b + _NUDGE * rng.normal(size=b.shape)
        W, b, loss = _descended(*nudged, problem_at(float(factor)))
        weights.append(W)
        biases.append(b)
        losses.append(loss)
    return Branch(
        factors=np.asarray(factors, dtype=float),
        weights=np.array(weights),
        biases=np.array(biases),
        losses=np.array(losses),
    )


def crossing(first: Branch, second: Branch, problem_at: ProblemAt) -> float:
    """The factor at which the first branch becomes the dearer of the two.

    The first was followed away from factor one; both have the same factors, in any order.  NaN if
    it stays the cheaper one, or becomes the second before that.
    """
    theirs = second.losses[[int(np.argmin(np.abs(second.factors - x))) for x in first.factors]]
    over = np.flatnonzero(first.losses > (1.0 - _SAME) * theirs)
    if not over.size or over[0] == 0:
        return float("nan")
    here, there = first.factors[over[0] - 1 : over[0] + 1]

    def difference(log_factor: float) -> float:
        # The shape from the side where it is still the cheaper: it may end before the next point.
        mine = _descended(
            first.weights[over[0] - 1], first.biases[over[0] - 1], problem_at(np.exp(log_factor))
        )[2]
        return mine / second.at(float(np.exp(log_factor)), problem_at)[2] - 1.0

    low, high = float(np.log(here)), float(np.log(there))
    for _ in range(_MOST_HALVINGS):
        if difference(high) > _SAME:
            return float(np.exp(brentq(difference, low, high, xtol=_CROSSING_TOL)))
        # The branches are one there; look between.
        middle = 0.5 * (low + high)
        if difference(middle) < -_SAME:
            low = middle
        else:
            high = middle
    return float("nan")


def transition(first: Branch, second: Branch, problem_at: ProblemAt, factor: float) -> Transition:
    """Whether both branches are minima at their crossing, and how differently they behave."""
    problem, models = problem_at(factor), []
    slopes = []
    for branch in (first, second):
        models.append(branch.at(factor, problem_at))
        near = [branch.at(factor * np.exp(step), problem_at)[2] for step in (_STEP, -_STEP)]
        slopes.append((near[0] - near[1]) / (2.0 * _STEP))
    verdicts = [
        verify_optimum(W, b, problem.p, problem.importance, n_starts=1).verdict
        for W, b, _ in models
    ]
    return Transition(
        verdicts=(verdicts[0], verdicts[1]),
        slopes=(slopes[0], slopes[1]),
        norms=(
            float(np.linalg.norm(models[0][0][:, 0])),
            float(np.linalg.norm(models[1][0][:, 0])),
        ),
    )


def angle_gap(W: FloatArray) -> float:
    """Largest angle between a feature and its nearest neighbour, less the smallest; degrees.

    Zero for a shape whose features are all alike.
    """
    norms = np.linalg.norm(W, axis=0)
    units = W[:, norms > 0.1] / norms[norms > 0.1]
    cosines = units.T @ units - 2.0 * np.eye(units.shape[1])
    nearest = np.degrees(np.arccos(np.clip(cosines.max(1), -1.0, 1.0)))
    return float(nearest.max() - nearest.min())


def _descended(
    W: FloatArray, b: FloatArray, problem: Problem
) -> tuple[FloatArray, FloatArray, float]:
    normal, size = problem.normalised()
    end = descend(packed_loss(len(W), normal), packed(W, b)[None], gradient_tol=_GRADIENT_TOL)
    return *unpacked(end.x[0], len(W)), float(size * end.value[0])
