"""Two pairs of features that are never present together, in two dimensions: antipodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame.experiment import Experiment, Trainer
from geomsup.experiments.frame.measures import counted
from geomsup.experiments.frame.outcome import Claim, Outcome
from geomsup.experiments.sets.set_models import SetModels, pair_cosines, train_sets
from geomsup.theory.set_losses import FeatureSets
from geomsup.training import ToyModelConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "Config", "Result", "check", "run"]

FloatArray = NDArray[np.float64]

# Antipodal: within about 18° of opposite, as far as a pentagon's vertices are from it.
_ANTIPODAL = -0.95
# "Nothing": less than this share of what independent features lose.
_REACHED = 0.02
_GROUP = 8


@dataclass(frozen=True, kw_only=True)
class Config:
    """The source gives numbers of features and dimensions, and no sparsity."""

    n_sets: int = 2
    set_size: int = 2
    n_hidden: int = 2
    set_probability: float = 0.1
    n_models: int = 64
    n_steps: int = 8000


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Models of anticorrelated pairs, and of independent features as often present."""

    weights: FloatArray  # (n_models, n_hidden, n_features)
    losses: FloatArray  # (n_models,), exact
    best: NDArray[np.intp]  # best of each group of restarts
    names: tuple[str, ...]
    best_known: float
    independent_weights: FloatArray
    independent_losses: FloatArray


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train pairs, and for comparison independent features of the same probability."""
    sets = FeatureSets(
        n_sets=config.n_sets,
        set_size=config.set_size,
        set_probability=config.set_probability,
        correlation="anticorrelated",
    )
    models: SetModels = train_sets(
        trainer,
        "pairs",
        sets,
        config.n_hidden,
        seed,
        n_models=config.n_models,
        n_steps=config.n_steps,
    )
    free = trainer.train(
        "independent",
        ToyModelConfig(
            n_features=sets.n_features,
            n_hidden=config.n_hidden,
            feature_probability=sets.feature_probability,
            n_instances=config.n_models,
            n_steps=config.n_steps,
            learning_rate=1e-2,
            lr_schedule="cosine",
        ),
        seed,
    )
    return Result(
        weights=models.weights,
        losses=models.losses,
        best=models.best_of_groups(min(_GROUP, config.n_models)),
        names=models.names,
        best_known=models.best_known,
        independent_weights=free.weights,
        independent_losses=free.losses,
    )


def check(results: Sequence[Result]) -> Outcome:
    """Measure the angles within the pairs, in the best of each group and in all models."""
    best = np.concatenate([pair_cosines(result.weights[result.best]) for result in results])
    every = np.concatenate([pair_cosines(result.weights) for result in results])
    free = np.concatenate([pair_cosines(result.independent_weights) for result in results])
    antipodal = np.all(best <= _ANTIPODAL, axis=1).tolist()
    share = float(np.all(every <= _ANTIPODAL, axis=1).mean())
    gaps = np.concatenate(
        [
            (result.losses[result.best] - result.best_known) / np.mean(result.independent_losses)
            for result in results
        ]
    )
    names = [name for result in results for name in result.names]
    chance = float(np.all(free <= _ANTIPODAL, axis=1).mean())
    return Outcome(
        claims=(
            Claim(
                says="the members of a pair are antipodal",
                found=f"cosines of {best.min():.3f} to {best.max():.3f} in the best of each "
                f"{_GROUP} restarts; antipodal in {share:.0%} of all restarts ({counted(names)}), "
                f"and in {chance:.0%} of models of independent features",
                by_seed=tuple(antipodal),
            ),
            Claim(
                says="which loses nothing, as members never meet",
                found=f"the best restarts are within {gaps.max():.2%} of the loss of independent "
                f"features above the best known, {results[0].best_known:.2e}",
                by_seed=tuple(gaps < _REACHED),
            ),
        ),
        numbers={"cosines_within_pairs": best, "antipodal_by_chance": chance},
    )


def draw(results: Sequence[Result]) -> Figure:
    """Draw the figure of the experiment."""
    from geomsup.experiments.sets.anticorrelated_figure import draw as drawn

    return drawn(results)


EXPERIMENT = Experiment(
    id="anticorrelated",
    title="pairs of features that are never present together",
    says="the members of a pair are antipodal",
    source="Elhage et al. 2022, The Geometry of Superposition, correlated features",
    paper=Config(),
    smoke=Config(n_models=16, n_steps=2500),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
