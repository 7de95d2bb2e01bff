"""Models trained while one feature is varied, beside the exact minima that they can end in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame import Claim, Trainer, model_config
from geomsup.experiments.frame.measures import exact_losses, in_rows, names_of
from geomsup.theory import symmetric_optimum
from geomsup.theory.following import (
    Branch,
    ProblemAt,
    Transition,
    Varied,
    angle_gap,
    crossing,
    follow,
    problem_of,
    shape_branch,
    transition,
)

__all__ = [
    "BENT",
    "FollowedShape",
    "Rival",
    "VariedConfig",
    "VariedResult",
    "bent_claim",
    "first_order_claim",
    "followed",
    "followed_without",
    "run_varied",
    "switch",
    "switch_claim",
]

FloatArray = NDArray[np.float64]

# Directions that differ by less from a regular shape's, in degrees, are not called bent.
BENT = 1.0
# At a transition of first order the varied feature loses at least this share of its norm at once.
_JUMP = 0.5
# Shorter features are dropped.
_DROPPED = 0.1


@dataclass(frozen=True, kw_only=True)
class VariedConfig:
    """Published sizes; factors, number of models and training are not stated."""

    n_features: int = 5
    n_hidden: int = 2
    shape: str = "pentagon"
    feature_probability: float = 0.05
    varied: Varied = "feature_probability"
    lowest: float = 0.2  # factor of the varied feature; it is the first
    highest: float = 2.0
    n_down: int = 17  # factors from one to the lowest, and …
    n_up: int = 5  # … to the highest
    n_models: int = 10  # at each factor
    batch_size: int = 1024
    learning_rate: float = 0.01
    n_steps: int = 5000


@dataclass(frozen=True, kw_only=True, eq=False)
class FollowedShape(Branch):
    """A shape of equal features along the factors of one of them, and how it bends."""

    names: tuple[str, ...]
    angle_gaps: FloatArray  # (n_points,), degrees


@dataclass(frozen=True, kw_only=True, eq=False)
class Rival:
    """What the shape gives way to in one direction; NaN and "" where there is nothing."""

    losses: FloatArray  # (n_factors,)
    names: tuple[str, ...]
    crossing: float  # factor at which both cost the same
    there: Transition


@dataclass(frozen=True, kw_only=True, eq=False)
class VariedResult:
    """Trained models, the followed shape, and what it gives way to below and above factor one."""

    factors: FloatArray  # (n_factors,), ascending through one
    weights: FloatArray  # (n_factors, n_hidden, n_features), of the best model
    losses: FloatArray  # (n_factors, n_models), exact
    names: tuple[tuple[str, ...], ...]
    shape: FollowedShape
    rivals: tuple[Rival, Rival]  # towards the lowest factor, and towards the highest


def run_varied(config: VariedConfig, seed: int, trainer: Trainer) -> VariedResult:
    """Train at every factor; follow the shape out and its rivals back."""
    n, m, k = config.n_features, config.n_hidden, config.n_models
    down = np.geomspace(1.0, config.lowest, config.n_down)
    up = np.geomspace(1.0, config.highest, config.n_up)
    factors = np.concatenate([down[::-1], up[1:]])
    problem_at = problem_of(n, config.feature_probability, config.varied)
    problems = [problem_at(float(factor)) for factor in factors]
    p = np.repeat([problem.p for problem in problems], k, axis=0)
    importance = np.repeat([problem.importance for problem in problems], k, axis=0)
    models = model_config(
        config,
        feature_probability=p,
        importance=importance,
        n_instances=len(p),
        lr_schedule="cosine",
    )
    trained = trainer.train("models", models, seed)
    losses = exact_losses(trained.weights, trained.biases, p, importance).reshape(-1, k)
    names = np.array(names_of(trained.weights)).reshape(-1, k)
    weights, biases = trained.weights.reshape(-1, k, m, n), trained.biases.reshape(-1, k, n)
    below, above = (
        shape_branch(config.shape, n, config.feature_probability, away, config.varied)
        for away in (down, up)
    )
    rivals = []
    for end, way in ((0, below), (-1, above)):
        others = np.flatnonzero(names[end] != config.shape)
        back = None
        if others.size:
            at = others[losses[end, others].argmin()]
            # Training may leave the output of a dropped feature below zero, where it learns
            # nothing.
            dropped = np.linalg.norm(weights[end, at], axis=0) < _DROPPED
            b = np.where(dropped, problems[end].p / 2.0, biases[end, at])
            W = np.where(dropped, 0.0, weights[end, at])
            back = follow(W, b, way.factors[::-1], problem_at)
        rivals.append(_rival(way, back, problem_at, factors))
    best = losses.argmin(1)
    whole = Branch(
        factors=factors,
        **{
            name: np.concatenate([getattr(below, name)[::-1], getattr(above, name)[1:]])
            for name in ("weights", "biases", "losses")
        },
    )
    return VariedResult(
        factors=factors,
        weights=weights[np.arange(len(factors)), best],
        losses=losses,
        names=in_rows(names, *names.shape),
        shape=followed(whole),
        rivals=(rivals[0], rivals[1]),
    )


def followed(branch: Branch) -> FollowedShape:
    """A branch with names and angles."""
    gaps = np.array([angle_gap(W) for W in branch.weights])
    return FollowedShape(**vars(branch), names=names_of(branch.weights), angle_gaps=gaps)


def followed_without(
    rival: str, n_features: int, feature_probability: float, factors: FloatArray, varied: Varied
) -> Branch:
    """Follow a shape of all features but the varied one, which is dropped, back to equal ones."""
    problem_at = problem_of(n_features, feature_probability, varied)
    others = symmetric_optimum(rival, n_features - 1, feature_probability)
    W = np.hstack([np.zeros((len(others.W), 1)), others.W])
    b = np.append(problem_at(float(factors[-1])).p[0] / 2.0, others.b)
    return follow(W, b, factors[::-1], problem_at)


def _rival(way: Branch, back: Branch | None, problem_at: ProblemAt, factors: FloatArray) -> Rival:
    """What is followed back to meet the shape, on the grid of all factors."""
    losses, names = np.full(len(factors), np.nan), [""] * len(factors)
    at = np.nan
    there = Transition(verdicts=("", ""), slopes=(np.nan, np.nan), norms=(np.nan, np.nan))
    if back is not None:
        order = np.argsort(back.factors)
        start = int(np.flatnonzero(factors == back.factors.min())[0])
        losses[start : start + len(order)] = back.losses[order]
        names[start : start + len(order)] = names_of(back.weights[order])
        at = crossing(way, back, problem_at)
        if np.isfinite(at):
            there = transition(way, back, problem_at, at)
    return Rival(losses=losses, names=tuple(names), crossing=at, there=there)


def switch(result: VariedResult, shape: str) -> tuple[float, float]:
    """Between which factors, going down from one, the best trained model ceases to be the shape."""
    one = int(np.argmin(np.abs(np.log(result.factors))))
    best = [names[int(at)] for names, at in zip(result.names, result.losses.argmin(1), strict=True)]
    for k in range(one, -1, -1):
        if best[k] != shape:
            return float(result.factors[k]), float(result.factors[min(k + 1, one)])
    return 0.0, float(result.factors[0])


def switch_claim(results: Sequence[VariedResult], shape: str) -> Claim:
    """Training switches where the exact losses cross."""
    first = results[0]
    at = first.rivals[0].crossing
    step = float(first.factors[1] / first.factors[0])
    switches = [switch(result, shape) for result in results]
    return Claim(
        says="the best trained model switches where the exact losses cross",
        found="between factors "
        + "; ".join(f"{low:.3f} and {high:.3f}" for low, high in switches)
        + f"; the curves cross at {at:.3f}",
        # One step more on either side, because the losses there differ by little.
        by_seed=tuple(bool(low / step <= at <= high * step) for low, high in switches),
        why=f"near the crossing {_share_near(results, at, shape):.0%} of the models are a {shape}, "
        "so the best of a few is not always the best there is",
    )


def _share_near(results: Sequence[VariedResult], factor: float, shape: str) -> float:
    """Share of models with the name of the shape at the factor nearest to the given one."""
    factors = results[0].factors
    near = int(np.argmin(np.abs(np.log(factors / factor)))) if np.isfinite(factor) else 0
    return float(np.mean([name == shape for one in results for name in one.names[near]]))


def first_order_claim(result: VariedResult, shape: str) -> Claim:
    """Two branches cross, rather than one turning into the other."""
    there = result.rivals[0].there
    both = all(verdict.endswith("minimum") for verdict in there.verdicts)
    before, after = there.norms
    return Claim(
        says="the loss curves cross: a transition of first order",
        found=f"at the crossing the {shape} is a {there.verdicts[0]} and the other a "
        f"{there.verdicts[1]}; the loss rises by {there.slopes[0]:.5f} and {there.slopes[1]:.5f} "
        "for each unit of the factor's logarithm; the norm of the varied feature jumps from "
        f"{before:.2f} to {after:.2f}",
        by_seed=(both and after < (1.0 - _JUMP) * before,),
        why="the branches do not cross as two minima",
    )


def bent_claim(result: VariedResult, shape: str) -> Claim:
    """The shape bends before it breaks."""
    # The factor next to the crossing on the side of equal features.
    before = int(np.argmax(result.factors > result.rivals[0].crossing))
    gap = result.shape.angle_gaps[before]
    norms = np.linalg.norm(result.shape.weights[before], axis=0)
    return Claim(
        says=f"the {shape} bends before it breaks",
        found=f"just before, at factor {result.factors[before]:.2f}, angles between neighbours "
        f"differ by {gap:.1f}°, norms are {norms[0]:.3f} for the varied "
        f"feature and {norms[1:].min():.3f} to {norms[1:].max():.3f} for the others; equal "
        "features have angles and norms that are all the same",
        by_seed=(bool(gap > BENT),),
        why=f"by less than {BENT:g}°",
    )
