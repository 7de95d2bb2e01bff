"""Two sets of ten correlated features in ten dimensions: each set nearly an orthogonal basis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame import Claim, Experiment, Outcome, Trainer, model_config
from geomsup.experiments.frame.measures import cosines, counted, names_of
from geomsup.experiments.sets.set_models import Restarts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "Config", "Result", "check", "run"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

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

    sets: Restarts
    independent: Restarts
    names: tuple[str, ...]  # of the models of sets
    set_size: int


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train both kinds of models."""

    def restarts(name: str, **data: Any) -> Restarts:
        models = model_config(
            config,
            n_features=config.n_sets * config.set_size,
            n_instances=config.n_models,
            learning_rate=1e-2,
            lr_schedule="cosine",
            **data,
        )
        trained = trainer.train(name, models, seed)
        return Restarts(weights=trained.weights, losses=trained.losses)

    sets = restarts("sets", correlation="correlated")
    return Result(
        sets=sets,
        independent=restarts("independent", set_size=None),
        names=names_of(sets.weights),
        set_size=config.set_size,
    )


def within_and_between(n_features: int, set_size: int) -> tuple[BoolArray, BoolArray]:
    """Which pairs of features are of one set, and which of different ones."""
    number = np.arange(n_features) // set_size
    same: BoolArray = number[:, None] == number
    return same & ~np.eye(n_features, dtype=bool), ~same


def mean_square_cosines(weights: FloatArray, set_size: int) -> tuple[FloatArray, FloatArray]:
    """Mean square cosine within the sets and between them, for each model."""
    squares = cosines(weights) ** 2
    same, other = within_and_between(weights.shape[-1], set_size)
    return squares[:, same].mean(axis=1), squares[:, other].mean(axis=1)


def check(results: Sequence[Result]) -> Outcome:
    """Compare cosines within sets, between sets, and with models of independent features."""
    size = results[0].set_size
    best = [one.sets.best_of_groups(_GROUP) for one in results]
    sets, free = (
        np.concatenate([some.weights[k] for some, k in zip(models, best, strict=True)])
        for models in ([one.sets for one in results], [one.independent for one in results])
    )
    inside, across = mean_square_cosines(sets, size)
    without, _ = mean_square_cosines(free, size)
    chance = 1.0 / sets.shape[1]
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
    """The best model of the first seed, and the cosines of all models."""
    import matplotlib.pyplot as plt

    from geomsup.plotting.matrices import plot_cosines
    from geomsup.plotting.style import DROPPED, PALETTE

    one = results[0]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9.6, 4.2), width_ratios=[1, 1.1], layout="constrained"
    )
    best = one.sets.weights[int(np.argmin(one.sets.losses))]
    plot_cosines(best, ax=left)
    for edge in range(one.set_size, best.shape[-1], one.set_size):
        left.axhline(edge - 0.5, color="black", lw=0.8)
        left.axvline(edge - 0.5, color="black", lw=0.8)
    left.set_title("cosines of the best model; lines between the sets", fontsize=9)
    same, other = within_and_between(best.shape[-1], one.set_size)
    sets = cosines(np.concatenate([r.sets.weights for r in results]))
    free = cosines(np.concatenate([r.independent.weights for r in results]))
    for values, label, color in (
        (sets[:, same], "within a set", PALETTE[0]),
        (sets[:, other], "between sets", PALETTE[1]),
        (free[:, same | other], "independent features", DROPPED),
    ):
        right.hist(
            values.ravel(),
            bins=np.linspace(-1.0, 1.0, 61).tolist(),
            density=True,
            histtype="step",
            lw=1.8,
            label=label,
            color=color,
        )
    right.set(xlabel="cosine", ylabel="density, all models", xlim=(-1, 1))
    right.legend(fontsize=8, frameon=False)
    return figure


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
