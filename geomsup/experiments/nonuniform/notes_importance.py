"""Importance that falls exponentially: who keeps a dimension, who shares one, who is dropped.

Early features matter so much that they are not worth disturbing, late ones so little that they are
not worth keeping; in between features are stored in antipodal pairs.  Pairs and single features do
not see each other, so the best such arrangement is a matching whose exact cost can be minimised:
a bar for training, though not a proof that nothing else is lower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from geomsup.errors import GeomsupError
from geomsup.experiments.frame.experiment import Experiment, Trainer
from geomsup.experiments.frame.measures import counted, exact_losses, reports_of
from geomsup.experiments.frame.outcome import Claim, Outcome
from geomsup.theory import symmetric_optimum
from geomsup.theory.closed_forms import dropped_loss
from geomsup.training import ToyModelConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "Config", "Result", "best_matching", "check", "run"]

FloatArray = NDArray[np.float64]

# "Near one": nothing but noise is shared.
_NEAR_ONE = 0.9
# The early features are as many as this.
_N_EARLY = 3
# A trained model within this of the best matching, relative, has found as good an arrangement.
_REACHED = 0.05
_STRICTLY = 1e-6


@dataclass(frozen=True, kw_only=True)
class Config:
    """The notes state no numbers: importance falls as in the paper's demonstration, .7^i."""

    n_features: int = 20
    n_hidden: int = 10
    decay: float = 0.7
    feature_probabilities: tuple[float, ...] = (1.0, 0.3, 0.1, 0.03)
    n_models: int = 10
    batch_size: int = 1024
    learning_rate: float = 3e-3
    n_steps: int = 20_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """The best model of each probability, and the best matching beside it."""

    feature_probabilities: FloatArray  # (n_p,)
    importance: FloatArray  # (n_features,)
    weights: FloatArray  # (n_p, n_hidden, n_features), of the model of least loss
    biases: FloatArray  # (n_p, n_features)
    losses: FloatArray  # (n_p, n_models), exact
    dimensionalities: FloatArray  # (n_p, n_features), zero where dropped
    components: tuple[tuple[str, ...], ...]
    pairs: tuple[tuple[tuple[int, int], ...], ...]  # the digons of the best model
    matching_losses: FloatArray  # (n_p,)
    matching_pairs: tuple[tuple[tuple[int, int], ...], ...]


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train at every probability; match features into pairs as well as can be."""
    n, m, k = config.n_features, config.n_hidden, config.n_models
    p = np.array(config.feature_probabilities)
    importance = np.power(config.decay, np.arange(n, dtype=float))
    trained = trainer.train(
        "models",
        ToyModelConfig(
            n_features=n,
            n_hidden=m,
            feature_probability=np.repeat(p, k)[:, None],
            importance=importance,
            n_instances=len(p) * k,
            batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            lr_schedule="cosine",
            n_steps=config.n_steps,
        ),
        seed,
    )
    losses = exact_losses(trained.weights, trained.biases, np.repeat(p, k)[:, None], importance)
    losses = losses.reshape(len(p), k)
    best = losses.argmin(1) + k * np.arange(len(p))
    reports = reports_of(trained.weights[best])
    matched = [best_matching(importance, m, float(x)) for x in p]
    return Result(
        feature_probabilities=p,
        importance=importance,
        weights=trained.weights[best],
        biases=trained.biases[best],
        losses=losses,
        dimensionalities=np.array(
            [np.where(r.represented, r.dimensionalities, 0) for r in reports]
        ),
        components=tuple(tuple(c.label for c in report.components) for report in reports),
        pairs=tuple(
            tuple(
                (int(c.features[0]), int(c.features[1]))
                for c in report.components
                if c.label == "digon"
            )
            for report in reports
        ),
        matching_losses=np.array([loss for loss, _ in matched]),
        matching_pairs=tuple(pairs for _, pairs in matched),
    )


def best_matching(
    importance: FloatArray, n_hidden: int, feature_probability: float
) -> tuple[float, tuple[tuple[int, int], ...]]:
    """The cheapest way to give each dimension to one feature or to an antipodal pair.

    Parameters
    ----------
    importance : ndarray of shape (n_features,)
    n_hidden : int
    feature_probability : float

    Returns
    -------
    loss : float
        Exact expected loss, summed over features.
    pairs : tuple of (int, int)
        Features that share a dimension.

    Notes
    -----
    Among digons with their best norms and biases, single features and dropped ones; an integer
    program with one variable for each pair.
    """
    n, p = len(importance), feature_probability
    paid: dict[float, float] = {}
    pairs, of_pairs = [], []
    for i, j in combinations(range(n), 2):
        less, more = sorted(importance[[i, j]].tolist())
        # A digon's loss in units of its larger importance depends on the ratio alone.
        ratio = round(less / more, 12)
        if ratio not in paid:
            paid[ratio] = symmetric_optimum("digon", 2, p, [1.0, ratio]).loss
        # Where the lesser feature is better dropped, the digon is only another name for that.
        if paid[ratio] < (1.0 - _STRICTLY) * ratio * dropped_loss(p):
            pairs.append((i, j))
            of_pairs.append(more * paid[ratio])
    # Variables: each pair, each feature alone (exact, at no cost), each feature dropped.
    cost = np.concatenate([of_pairs, np.zeros(n), importance * dropped_loss(p)])
    member = np.zeros((n, len(pairs)))
    for column, pair in enumerate(pairs):
        member[list(pair), column] = 1.0
    once = LinearConstraint(np.hstack([member, np.eye(n), np.eye(n)]), 1.0, 1.0)
    room = LinearConstraint(np.r_[np.ones(len(pairs) + n), np.zeros(n)], 0.0, n_hidden)
    # The solver's tolerances are absolute.
    size = float(importance.max() * dropped_loss(p))
    found = milp(
        cost / size,
        constraints=[once, room],
        integrality=np.ones(len(cost), dtype=int),
        bounds=Bounds(0, 1),
    )
    if found.x is None or found.fun is None:
        raise GeomsupError(f"the matching of {n} features was not found: {found.message}")
    chosen = found.x[: len(pairs)] > 0.5
    return float(size * found.fun), tuple(
        pair for pair, taken in zip(pairs, chosen, strict=True) if taken
    )


def check(results: Sequence[Result]) -> Outcome:
    """Look at the early features, the pairs, the late ones, and the price."""
    first = results[0]
    p = first.feature_probabilities
    early = np.array([one.dimensionalities[:, :_N_EARLY].min(1) for one in results])
    paired = [
        [set(one.components[k]) <= {"digon", "monosemantic"} for k in range(len(p))]
        for one in results
    ]
    kept = np.array([one.dimensionalities > 0.0 for one in results])
    tail = [bool(np.all(np.diff(row.astype(int)) <= 0)) for one in kept for row in one]
    gaps = np.array([one.losses.min(1) / one.matching_losses - 1.0 for one in results])
    return Outcome(
        claims=(
            Claim(
                says="early features keep a dimensionality near one",
                found="the least of the first three: "
                + ", ".join(
                    f"{low:.2f} at p = {x:g}" for low, x in zip(early.min(0), p, strict=True)
                ),
                by_seed=tuple(bool(value > _NEAR_ONE) for value in early.ravel()),
                why="at small p even an important feature is better paired than alone",
            ),
            Claim(
                says="the others are antipodal pairs or dropped",
                found="; ".join(
                    f"p = {x:g}: {counted(first.components[k])}"
                    + (f" ({_written(first.pairs[k])})" if first.pairs[k] else "")
                    for k, x in enumerate(p)
                ),
                by_seed=tuple(ok for row in paired for ok in row),
                why="some component is neither a digon nor a feature alone",
            ),
            Claim(
                says="the least important are dropped, fewer of them as features become rarer",
                found="kept: "
                + ", ".join(
                    f"{count:.0f} at p = {x:g}"
                    for count, x in zip(kept.sum(2).mean(0), p, strict=True)
                ),
                by_seed=tuple(
                    bool(np.all(np.diff(one.sum(1)) >= 0)) for one in kept[:, np.argsort(-p)]
                ),
            ),
            Claim(
                says="nobody is dropped for a feature that matters less",
                found=f"so in {sum(tail)} of {len(tail)} models",
                by_seed=tuple(tail),
            ),
            Claim(
                says="the best model costs no more than the best matching into pairs",
                found=", ".join(
                    f"{gap:+.1%} at p = {x:g}" for gap, x in zip(gaps.mean(0), p, strict=True)
                ),
                by_seed=tuple(bool(gap < _REACHED) for gap in gaps.ravel()),
                why="the best matching pairs "
                + "; ".join(
                    f"{_written(pairs) or 'nothing'} at p = {x:g}"
                    for x, pairs in zip(p, first.matching_pairs, strict=True)
                ),
            ),
        ),
        numbers={
            "feature_probability": p,
            "dimensionalities": first.dimensionalities,
            "pairs": [list(map(list, pairs)) for pairs in first.pairs],
            "matching_pairs": [list(map(list, pairs)) for pairs in first.matching_pairs],
            "matching_losses": first.matching_losses,
            "losses": first.losses.min(1),
        },
    )


def _written(pairs: Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"{i}–{j}" for i, j in sorted(pairs))


def draw(results: Sequence[Result]) -> Figure:
    """Draw the figure of the experiment."""
    from geomsup.experiments.nonuniform.notes_importance_figure import draw as drawn

    return drawn(results)


EXPERIMENT = Experiment(
    id="notes-importance",
    title="importance that falls exponentially",
    says="early features keep dimensionality near one; others form antipodal pairs",
    source="notes",
    paper=Config(),
    smoke=Config(n_models=4, n_steps=4000, batch_size=512),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
