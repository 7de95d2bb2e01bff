"""Two sets of ten correlated features in ten dimensions: each set nearly an orthogonal basis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame.experiment import Experiment, Trainer
from geomsup.experiments.frame.measures import cosines, counted, names_of
from geomsup.experiments.frame.outcome import Claim, Outcome
from geomsup.training import ToyModelConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "Config", "Result", "check", "run"]

FloatArray = NDArray[np.float64]

# Nearly orthogonal: the mean square cosine within a set is at most this share of that of random
# directions, which is 1/m.
_NEARLY = 0.1
_GROUP = 4


@dataclass(frozen=True, kw_only=True)
class Config:
    """The source gives no sparsity."""

    n_sets: int = 2
    set_size: int = 10
    n_hidden: int = 10
    feature_probability: float = 0.05
    n_models: int = 16
    n_steps: int = 20_000
    batch_size: int = 1024


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Models of correlated sets, and of independent features as often present."""

    weights: FloatArray  # (n_models, n_hidden, n_features)
    losses: FloatArray  # (n_models,), on the trainer's fresh sample
    names: tuple[str, ...]
    independent_weights: FloatArray
    independent_losses: FloatArray
    set_size: int


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train both kinds of models."""
    trained = []
    for name, data in (
        ("sets", {"correlation": "correlated", "set_size": config.set_size}),
        ("independent", {}),
    ):
        trained.append(
            trainer.train(
                name,
                ToyModelConfig(
                    n_features=config.n_sets * config.set_size,
                    n_hidden=config.n_hidden,
                    feature_probability=config.feature_probability,
                    n_instances=config.n_models,
                    n_steps=config.n_steps,
                    batch_size=config.batch_size,
                    learning_rate=1e-2,
                    lr_schedule="cosine",
                    **data,  # type: ignore[arg-type]  # each of its own type
                ),
                seed,
            )
        )
    sets, free = trained
    return Result(
        weights=sets.weights,
        losses=sets.losses,
        names=names_of(sets.weights),
        independent_weights=free.weights,
        independent_losses=free.losses,
        set_size=config.set_size,
    )


def mean_square_cosines(weights: FloatArray, set_size: int) -> tuple[FloatArray, FloatArray]:
    """Mean square cosine within the sets and between them, for each model."""
    squares = cosines(weights) ** 2
    n = weights.shape[-1]
    number = np.arange(n) // set_size
    same = (number[:, None] == number) & ~np.eye(n, dtype=bool)
    other = number[:, None] != number
    return squares[:, same].mean(axis=1), squares[:, other].mean(axis=1)


def check(results: Sequence[Result]) -> Outcome:
    """Compare cosines within sets, between sets, and with models of independent features."""
    within, between, free = [], [], []
    for one in results:
        group = min(_GROUP, len(one.losses))
        best = one.losses.reshape(-1, group).argmin(axis=1) + group * np.arange(
            len(one.losses) // group
        )
        inside, across = mean_square_cosines(one.weights[best], one.set_size)
        within.append(inside)
        between.append(across)
        free.append(mean_square_cosines(one.independent_weights[best], one.set_size)[0])
    inside, across, without = (np.concatenate(part) for part in (within, between, free))
    chance = 1.0 / results[0].weights.shape[1]
    names = [name for one in results for name in one.names]
    return Outcome(
        claims=(
            Claim(
                says="the features of a set are nearly orthogonal",
                found=f"root mean square cosine {np.sqrt(inside.min()):.3f}–"
                f"{np.sqrt(inside.max()):.3f} within sets; {np.sqrt(chance):.3f} for random "
                f"directions, {np.sqrt(without.mean()):.3f} between as many independent features",
                by_seed=tuple(inside <= _NEARLY * chance),
            ),
            Claim(
                says="and the two sets share the dimensions",
                found=f"root mean square cosine {np.sqrt(across.min()):.3f}–"
                f"{np.sqrt(across.max()):.3f} between sets",
                by_seed=tuple(across > inside),
            ),
        ),
        numbers={
            "shapes": counted(names),
            "within": inside,
            "between": across,
            "independent": without,
        },
    )


def draw(results: Sequence[Result]) -> Figure:
    """Draw the figure of the experiment."""
    from geomsup.experiments.sets.local_bases_figure import draw as drawn

    return drawn(results)


EXPERIMENT = Experiment(
    id="local-bases",
    title="two sets of correlated features, each a basis",
    says="features of a set are nearly orthogonal",
    source="Elhage et al. 2022, The Geometry of Superposition, local almost-orthogonal bases",
    paper=Config(),
    smoke=Config(n_models=4, n_steps=4000, batch_size=512),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
