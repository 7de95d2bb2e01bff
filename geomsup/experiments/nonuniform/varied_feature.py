"""Models trained while one feature is varied, beside the exact minima that they can end in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame.experiment import Trainer
from geomsup.experiments.frame.measures import exact_losses, names_of
from geomsup.experiments.frame.outcome import Claim
from geomsup.theory.following import (
    Branch,
    Varied,
    angle_gap,
    crossing,
    follow,
    problem_of,
    shape_branch,
    transition,
)
from geomsup.training import ToyModelConfig

__all__ = [
    "VariedConfig",
    "VariedResult",
    "bent_claim",
    "first_order_claim",
    "run_varied",
    "switch",
    "switch_claim",
]

FloatArray = NDArray[np.float64]

# Directions that differ by less from a regular shape's, in degrees, are not called bent.
_BENT = 1.0
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
class VariedResult:
    """Trained models, the followed shape, and what it gives way to below and above factor one.

    Arrays with a first axis of two hold what is found towards the lowest factor, then towards the
    highest; NaN and "" where nothing is.
    """

    factors: FloatArray  # (n_factors,), ascending through one
    weights: FloatArray  # (n_factors, n_hidden, n_features), of the best model
    losses: FloatArray  # (n_factors, n_models), exact
    names: tuple[tuple[str, ...], ...]
    branch_weights: FloatArray  # (n_factors, n_hidden, n_features)
    branch_losses: FloatArray  # (n_factors,)
    branch_names: tuple[str, ...]
    rival_losses: FloatArray  # (2, n_factors)
    rival_names: tuple[tuple[str, ...], ...]
    crossings: FloatArray  # (2,), factors
    verdicts: tuple[tuple[str, str], ...]  # of shape and rival at the crossing
    slopes: FloatArray  # (2, 2): of shape and rival
    norms: FloatArray  # (2, 2): of the varied feature
    angle_gaps: FloatArray  # (n_factors,), degrees, of the followed shape


def run_varied(config: VariedConfig, seed: int, trainer: Trainer) -> dict[str, object]:
    """Train at every factor; follow the shape out and its rivals back.  Fields of a result."""
    n, m, k = config.n_features, config.n_hidden, config.n_models
    down = np.geomspace(1.0, config.lowest, config.n_down)
    up = np.geomspace(1.0, config.highest, config.n_up)
    factors = np.concatenate([down[::-1], up[1:]])
    problem_at = problem_of(n, config.feature_probability, config.varied)
    problems = [problem_at(float(factor)) for factor in factors]
    p = np.repeat([problem.p for problem in problems], k, axis=0)
    importance = np.repeat([problem.importance for problem in problems], k, axis=0)
    trained = trainer.train(
        "models",
        ToyModelConfig(
            n_features=n,
            n_hidden=m,
            feature_probability=p,
            importance=importance,
            n_instances=len(p),
            batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            lr_schedule="cosine",
            n_steps=config.n_steps,
        ),
        seed,
    )
    losses = exact_losses(trained.weights, trained.biases, p, importance).reshape(-1, k)
    flat = names_of(trained.weights)
    names = tuple(flat[start : start + k] for start in range(0, len(flat), k))

    ways = [
        shape_branch(config.shape, n, config.feature_probability, away, config.varied)
        for away in (down, up)
    ]
    rivals: list[Branch | None] = []
    for end, way in zip((0, len(factors) - 1), ways, strict=True):
        others = [i for i in range(k) if names[end][i] != config.shape]
        if not others:
            rivals.append(None)
            continue
        at = end * k + min(others, key=lambda i: losses[end, i])
        back = way.factors[::-1]
        # Training may leave the output of a dropped feature below zero, where it learns nothing.
        dropped = np.linalg.norm(trained.weights[at], axis=0) < _DROPPED
        b = np.where(dropped, problems[end].p / 2.0, trained.biases[at])
        W = np.where(dropped, 0.0, trained.weights[at])
        rivals.append(follow(W, b, back, problem_at))
    crossings = np.full(2, np.nan)
    verdicts, slopes, norms = [("", ""), ("", "")], np.full((2, 2), np.nan), np.full((2, 2), np.nan)
    rival_losses = np.full((2, len(factors)), np.nan)
    rival_names = [[""] * len(factors), [""] * len(factors)]
    for which, (way, rival) in enumerate(zip(ways, rivals, strict=True)):
        if rival is None:
            continue
        start = 0 if which == 0 else len(down) - 1
        order = np.argsort(rival.factors)
        rival_losses[which, start : start + len(order)] = rival.losses[order]
        rival_names[which][start : start + len(order)] = names_of(rival.weights[order])
        crossings[which] = crossing(way, rival, problem_at)
        if np.isfinite(crossings[which]):
            found = transition(way, rival, problem_at, float(crossings[which]))
            verdicts[which], slopes[which], norms[which] = (
                found.verdicts,
                found.slopes,
                found.norms,
            )
    branch_weights = np.concatenate([ways[0].weights[::-1], ways[1].weights[1:]])
    best = losses.argmin(1) + k * np.arange(len(factors))
    return {
        "factors": factors,
        "weights": trained.weights[best],
        "losses": losses,
        "names": names,
        "branch_weights": branch_weights,
        "branch_losses": np.concatenate([ways[0].losses[::-1], ways[1].losses[1:]]),
        "branch_names": names_of(branch_weights),
        "rival_losses": rival_losses,
        "rival_names": tuple(tuple(row) for row in rival_names),
        "crossings": crossings,
        "verdicts": tuple(verdicts),
        "slopes": slopes,
        "norms": norms,
        "angle_gaps": np.array([angle_gap(W) for W in branch_weights]),
    }


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
    at = float(first.crossings[0])
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
    verdicts, slopes, norms = result.verdicts[0], result.slopes[0], result.norms[0]
    both = all(verdict.endswith("minimum") for verdict in verdicts)
    return Claim(
        says="the loss curves cross: a transition of first order",
        found=f"at the crossing the {shape} is a {verdicts[0]} and the other a {verdicts[1]}; the "
        f"loss rises by {slopes[0]:.5f} and {slopes[1]:.5f} for each unit of the factor's "
        f"logarithm; the norm of the varied feature jumps from {norms[0]:.2f} to {norms[1]:.2f}",
        by_seed=(both and bool(norms[1] < (1.0 - _JUMP) * norms[0]),),
        why="the branches do not cross as two minima",
    )


def bent_claim(result: VariedResult, shape: str) -> Claim:
    """The shape bends before it breaks."""
    before = _last_before(result)
    norms = np.linalg.norm(result.branch_weights[before], axis=0)
    return Claim(
        says=f"the {shape} bends before it breaks",
        found=f"just before, at factor {result.factors[before]:.2f}, angles between neighbours "
        f"differ by {result.angle_gaps[before]:.1f}°, norms are {norms[0]:.3f} for the varied "
        f"feature and {norms[1:].min():.3f} to {norms[1:].max():.3f} for the others; equal "
        "features have angles and norms that are all the same",
        by_seed=(bool(result.angle_gaps[before] > _BENT),),
        why=f"by less than {_BENT:g}°",
    )


def _last_before(result: VariedResult) -> int:
    """The factor next to the crossing on the side of equal features."""
    return int(np.argmax(result.factors > result.crossings[0]))
