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
from geomsup.experiments.frame import Claim, Experiment, Outcome, Trainer, model_config
from geomsup.experiments.frame.measures import at_each, counted, exact_losses, reports_of
from geomsup.theory import symmetric_optimum
from geomsup.theory.closed_forms import dropped_loss

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "Config", "Result", "best_matching", "check", "run"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

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
    k = config.n_models
    p = np.array(config.feature_probabilities)
    importance = np.power(config.decay, np.arange(config.n_features, dtype=float))
    models = model_config(
        config,
        feature_probability=np.repeat(p, k)[:, None],
        importance=importance,
        n_instances=len(p) * k,
        lr_schedule="cosine",
    )
    trained = trainer.train("models", models, seed)
    losses = exact_losses(trained.weights, trained.biases, np.repeat(p, k)[:, None], importance)
    losses = losses.reshape(len(p), k)
    best = losses.argmin(1) + k * np.arange(len(p))
    reports = reports_of(trained.weights[best])
    matched = [best_matching(importance, config.n_hidden, float(x)) for x in p]
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
    return Outcome(
        claims=(
            _early(results),
            _pairs(results),
            _dropped(results),
            _none_for_less(results),
            _as_cheap(results),
        ),
        numbers={
            "feature_probability": first.feature_probabilities,
            "dimensionalities": first.dimensionalities,
            "pairs": [list(map(list, pairs)) for pairs in first.pairs],
            "matching_pairs": [list(map(list, pairs)) for pairs in first.matching_pairs],
            "matching_losses": first.matching_losses,
            "losses": first.losses.min(1),
        },
    )


def _early(results: Sequence[Result]) -> Claim:
    early = np.array([one.dimensionalities[:, :_N_EARLY].min(1) for one in results])
    return Claim(
        says="early features keep a dimensionality near one",
        found="the least of the first three: "
        + at_each(early.min(0), results[0].feature_probabilities, ".2f"),
        by_seed=tuple((early > _NEAR_ONE).ravel()),
        why="at small p even an important feature is better paired than alone",
    )


def _pairs(results: Sequence[Result]) -> Claim:
    first = results[0]
    found = zip(first.feature_probabilities, first.components, first.pairs, strict=True)
    return Claim(
        says="the others are antipodal pairs or dropped",
        found="; ".join(
            f"p = {x:g}: {counted(components)}" + (f" ({_written(pairs)})" if pairs else "")
            for x, components, pairs in found
        ),
        by_seed=tuple(
            set(components) <= {"digon", "monosemantic"}
            for one in results
            for components in one.components
        ),
        why="some component is neither a digon nor a feature alone",
    )


def _kept(results: Sequence[Result]) -> BoolArray:
    """Which features are stored, of shape (n_seeds, n_p, n_features)."""
    return np.array([one.dimensionalities > 0.0 for one in results])


def _dropped(results: Sequence[Result]) -> Claim:
    p = results[0].feature_probabilities
    number = _kept(results).sum(axis=2)
    return Claim(
        says="the least important are dropped, fewer of them as features become rarer",
        found=f"kept: {at_each(number.mean(0), p, '.0f')}",
        by_seed=tuple(np.all(np.diff(number[:, np.argsort(-p)], axis=1) >= 0, axis=1)),
    )


def _none_for_less(results: Sequence[Result]) -> Claim:
    tail = np.all(np.diff(_kept(results).astype(int), axis=2) <= 0, axis=2).ravel()
    return Claim(
        says="nobody is dropped for a feature that matters less",
        found=f"so in {tail.sum()} of {tail.size} models",
        by_seed=tuple(tail),
    )


def _as_cheap(results: Sequence[Result]) -> Claim:
    p = results[0].feature_probabilities
    gaps = np.array([one.losses.min(1) / one.matching_losses - 1.0 for one in results])
    return Claim(
        says="the best model costs no more than the best matching into pairs",
        found=at_each(gaps.mean(0), p, "+.1%"),
        by_seed=tuple((gaps < _REACHED).ravel()),
        why="the best matching pairs "
        + "; ".join(
            f"{_written(pairs) or 'nothing'} at p = {x:g}"
            for x, pairs in zip(p, results[0].matching_pairs, strict=True)
        ),
    )


def _written(pairs: Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"{i}–{j}" for i, j in sorted(pairs))


def draw(results: Sequence[Result]) -> Figure:
    """WᵀW and dimensionalities of the first seed, a column for each feature probability."""
    import matplotlib.pyplot as plt

    from geomsup.plotting.matrices import plot_gram
    from geomsup.plotting.style import DROPPED, INK, PALETTE

    result = results[0]
    p, n = result.feature_probabilities, len(result.importance)
    figure = plt.figure(figsize=(3.5 * len(p), 6.2), layout="constrained")
    limit = float(np.max(np.sum(result.weights**2, axis=1)))
    axes = figure.subplots(2, len(p), height_ratios=(1.5, 1.0), squeeze=False)
    for k, (above, below) in enumerate(axes.T):
        plot_gram(result.weights[k], ax=above)
        above.images[0].set_clim(-limit, limit)
        if k < len(p) - 1:  # one colour bar serves all
            above.images[0].colorbar.remove()
            above.set_ylabel("feature" if k == 0 else "")
        above.set_title(f"WᵀW at p = {p[k]:g}, loss {result.losses[k].min():.3g}", fontsize=10)
        above.set_anchor("C")
        above.set_xticks(range(0, n, 5), range(0, n, 5), rotation=0)
        above.set_yticks(range(0, n, 5), range(0, n, 5))
        paired = np.isin(np.arange(n), np.array(result.pairs[k]))
        colors = np.where(paired, PALETTE[1], PALETTE[0])
        below.bar(range(n), result.dimensionalities[k], color=colors)
        dropped = np.flatnonzero(result.dimensionalities[k] == 0.0)
        below.plot(dropped, np.zeros(len(dropped)), "o", color=DROPPED, markersize=3, clip_on=False)
        for i, j in result.pairs[k]:
            # An arc from one member of a pair to the other.
            x = np.linspace(i, j, 40)
            height = 1.08 + 0.025 * (j - i)
            arc = 1.03 + (height - 1.03) * np.sin(np.pi * np.linspace(0, 1, 40))
            below.plot(x, arc, color=INK, linewidth=0.8, clip_on=False)
        below.set(ylim=(0, 1.5), xlabel="feature, by falling importance", yticks=(0, 0.5, 1))
        below.spines[["top", "right"]].set_visible(False)
    axes[1, 0].set_ylabel("dimensionality $D_i$")
    return figure


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
