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

from geomsup.experiments.frame.experiment import Experiment, Trainer
from geomsup.experiments.frame.measures import counted
from geomsup.experiments.frame.outcome import Claim, Outcome
from geomsup.experiments.sets.set_models import SetModels, pair_cosines, partner_ranks, train_sets
from geomsup.theory.set_losses import FeatureSets

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "Config", "Result", "check", "run"]

FloatArray = NDArray[np.float64]

# Orthogonal: within about 11° of a right angle, half of the least angle that a pentagon's
# directions are away from one (18°), rounded up.
_ORTHOGONAL = 0.2
_GROUP = 8


@dataclass(frozen=True, kw_only=True)
class Config:
    """The source gives numbers of features and dimensions, and no sparsity."""

    set_size: int = 2
    n_hidden: int = 2
    n_sets: tuple[int, int] = (2, 3)
    set_probability: float = 0.05
    n_models: int = 64
    n_steps: int = 8000


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Models of two pairs, and of three."""

    two_weights: FloatArray  # (n_models, n_hidden, 4)
    two_losses: FloatArray  # (n_models,), exact
    two_best: NDArray[np.intp]  # best of each group of restarts
    two_best_known: float
    two_names: tuple[str, ...]
    three_weights: FloatArray  # (n_models, n_hidden, 6)
    three_losses: FloatArray
    three_best: NDArray[np.intp]
    three_best_known: float
    three_names: tuple[str, ...]


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train two pairs and three pairs."""
    found: list[SetModels] = []
    for n_sets in config.n_sets:
        sets = FeatureSets(
            n_sets=n_sets,
            set_size=config.set_size,
            set_probability=config.set_probability,
            correlation="correlated",
        )
        found.append(
            train_sets(
                trainer,
                f"{n_sets}-pairs",
                sets,
                config.n_hidden,
                seed,
                n_models=config.n_models,
                n_steps=config.n_steps,
            )
        )
    two, three = found
    group = min(_GROUP, config.n_models)
    return Result(
        two_weights=two.weights,
        two_losses=two.losses,
        two_best=two.best_of_groups(group),
        two_best_known=two.best_known,
        two_names=two.names,
        three_weights=three.weights,
        three_losses=three.losses,
        three_best=three.best_of_groups(group),
        three_best_known=three.best_known,
        three_names=three.names,
    )


def check(results: Sequence[Result]) -> Outcome:
    """Measure angles and neighbours in the best of each group of restarts."""
    two = np.concatenate([pair_cosines(one.two_weights[one.two_best]) for one in results])
    beside = np.concatenate([_side_by_side(one.three_weights[one.three_best]) for one in results])
    three = np.concatenate([pair_cosines(one.three_weights[one.three_best]) for one in results])
    all_two = np.concatenate([pair_cosines(one.two_weights) for one in results])
    all_beside = np.concatenate([_side_by_side(one.three_weights) for one in results])
    best_names = [one.three_names[k] for one in results for k in one.three_best]
    ratios = np.concatenate(
        [one.three_losses[one.three_best] / one.three_best_known for one in results]
    )
    angles = np.degrees(np.arccos(np.clip(three, -1.0, 1.0)))
    orthogonal = (np.abs(two) <= _ORTHOGONAL).all(axis=1)
    return Outcome(
        claims=(
            Claim(
                says="two pairs in two dimensions: the members of a pair are orthogonal",
                found=f"cosines within pairs of {two.min():.3f} to {two.max():.3f} in the best of "
                f"each {_GROUP} restarts; orthogonal in "
                f"{(np.abs(all_two) <= _ORTHOGONAL).all(axis=1).mean():.0%} of all restarts",
                by_seed=tuple(orthogonal),
            ),
            Claim(
                says="three pairs: the members of a pair stand side by side",
                found=f"{angles.min():.0f}°–{angles.max():.0f}° apart with no other direction "
                f"between them, in {beside.mean():.0%} of the best, {all_beside.mean():.0%} of all "
                "restarts",
                by_seed=tuple(beside),
            ),
            Claim(
                says="and make a hexagon",
                found=f"{counted(best_names)} among the best; losses "
                f"{ratios.min():.3f}–{ratios.max():.3f} times the best known",
                by_seed=tuple(name == "hexagon" for name in best_names),
            ),
        ),
        numbers={
            "two_pairs_cosines": two,
            "three_pairs_cosines": three,
            "two_pairs_names": counted(name for one in results for name in one.two_names),
            "three_pairs_names": counted(name for one in results for name in one.three_names),
            "best_known": [results[0].two_best_known, results[0].three_best_known],
        },
    )


def _side_by_side(weights: FloatArray) -> NDArray[np.bool_]:
    """Whether no other direction lies between the members of any pair."""
    return np.asarray(np.all(partner_ranks(weights) <= 1, axis=-1))


def draw(results: Sequence[Result]) -> Figure:
    """Draw the figure of the experiment."""
    from geomsup.experiments.sets.correlated_figure import draw as drawn

    return drawn(results)


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
