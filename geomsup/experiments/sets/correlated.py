"""Pairs of features that are always present together: orthogonal, or else side by side.

Four features in two dimensions leave room for the members of a pair to be orthogonal, each opposite
to a member of the other pair, with which it is rarely present.  Six do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame import Claim, Experiment, Outcome, Trainer
from geomsup.experiments.frame.measures import counted
from geomsup.experiments.sets.set_models import (
    SetModels,
    SetsConfig,
    pair_cosines,
    partner_ranks,
    train_sets,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "Config", "Result", "check", "run"]

FloatArray = NDArray[np.float64]

# Orthogonal: within about 11° of a right angle, half of the least angle that a pentagon's
# directions are away from one (18°), rounded up.
_ORTHOGONAL = 0.2
_GROUP = 8


@dataclass(frozen=True, kw_only=True)
class Config(SetsConfig):
    """Two pairs, and three."""

    n_sets: tuple[int, int] = (2, 3)


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Models of two pairs, and of three."""

    two: SetModels
    three: SetModels


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train two pairs and three pairs."""
    two, three = (
        train_sets(trainer, f"{n}-pairs", config.sets(n, "together"), config, seed)
        for n in config.n_sets
    )
    return Result(two=two, three=three)


def weights_of(models: Sequence[SetModels]) -> FloatArray:
    """The best of each group of restarts."""
    return np.concatenate([one.weights[one.best_of_groups(_GROUP)] for one in models])


def check(results: Sequence[Result]) -> Outcome:
    """Measure angles and neighbours in the best of each group of restarts."""
    two, three = [one.two for one in results], [one.three for one in results]
    return Outcome(
        claims=(_orthogonal(two), _beside(three), _hexagon(three)),
        numbers={
            "two_pairs_cosines": pair_cosines(weights_of(two)),
            "three_pairs_cosines": pair_cosines(weights_of(three)),
            "two_pairs_names": counted(name for one in two for name in one.names),
            "three_pairs_names": counted(name for one in three for name in one.names),
            "best_known": [two[0].best_known, three[0].best_known],
        },
    )


def _orthogonal(two: Sequence[SetModels]) -> Claim:
    best = pair_cosines(weights_of(two))
    every = pair_cosines(np.concatenate([one.weights for one in two]))
    return Claim(
        says="two pairs in two dimensions: the members of a pair are orthogonal",
        found=f"cosines within pairs of {best.min():.3f} to {best.max():.3f} in the best of "
        f"each {_GROUP} restarts; orthogonal in "
        f"{(np.abs(every) <= _ORTHOGONAL).all(axis=1).mean():.0%} of all restarts",
        by_seed=tuple(np.all(np.abs(best) <= _ORTHOGONAL, axis=1)),
    )


def _beside(three: Sequence[SetModels]) -> Claim:
    best = weights_of(three)
    beside, every = (
        _side_by_side(some) for some in (best, np.concatenate([one.weights for one in three]))
    )
    angles = np.degrees(np.arccos(np.clip(pair_cosines(best), -1.0, 1.0)))
    return Claim(
        says="three pairs: the members of a pair stand side by side",
        found=f"{angles.min():.0f}°–{angles.max():.0f}° apart with no other direction "
        f"between them, in {beside.mean():.0%} of the best, {every.mean():.0%} of all "
        "restarts",
        by_seed=tuple(beside),
    )


def _hexagon(three: Sequence[SetModels]) -> Claim:
    names = [one.names[k] for one in three for k in one.best_of_groups(_GROUP)]
    ratios = np.concatenate(
        [one.losses[one.best_of_groups(_GROUP)] / one.best_known for one in three]
    )
    return Claim(
        says="and make a hexagon",
        found=f"{counted(names)} among the best; losses "
        f"{ratios.min():.3f}–{ratios.max():.3f} times the best known",
        by_seed=tuple(name == "hexagon" for name in names),
    )


def _side_by_side(weights: FloatArray) -> NDArray[np.bool_]:
    """Whether no other direction lies between the members of any pair."""
    return np.asarray(np.all(partner_ranks(weights) <= 1, axis=-1))


def draw(results: Sequence[Result]) -> Figure:
    """The best restarts of the first seed, and the angles within pairs of all."""
    import matplotlib.pyplot as plt

    from geomsup.experiments.sets.set_figures import draw_sets
    from geomsup.plotting.style import PALETTE

    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(9.6, 3.4), width_ratios=[1, 1, 1.5], layout="constrained"
    )
    two, three = [one.two for one in results], [one.three for one in results]
    for ax, (first, *_), title in (
        (left, two, "two pairs: members orthogonal"),
        (middle, three, "three pairs: members side by side"),
    ):
        draw_sets(first.weights[int(np.argmin(first.losses))], ax, 2, title)
    bins = np.arange(0, 181, 5).tolist()
    for label, models, color in (
        ("two pairs", two, PALETTE[0]),
        ("three pairs", three, PALETTE[1]),
    ):
        cosine = np.clip(pair_cosines(weights_of(models)).ravel(), -1.0, 1.0)
        right.hist(np.degrees(np.arccos(cosine)), bins=bins, label=label, color=color, alpha=0.7)
    right.set(xlabel="angle within a pair, degrees", ylabel="pairs", xlim=(0, 180))
    right.set_xticks([0, 45, 60, 90, 135, 180])
    right.set_title("best of each group of restarts", fontsize=9)
    right.legend(fontsize=8, frameon=False)
    return figure


EXPERIMENT = Experiment(
    id="correlated",
    title="pairs of features that are present together",
    says="the members of a pair are orthogonal; where there is no room, side by side",
    source="Elhage et al. 2022, The Geometry of Superposition, correlated features",
    paper=Config(),
    smoke=Config(n_models=16, n_steps=2500),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
