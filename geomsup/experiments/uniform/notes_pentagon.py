"""Five features in two dimensions, trained as the notes did: how often is it a pentagon?

The notes drew 10,000 samples once and went through them 40 times in batches of 64; here every
batch is fresh, which at equal length differs only in that nothing can be learnt by heart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame import Claim, Experiment, Outcome, Trainer, model_config
from geomsup.experiments.frame.measures import best_known, counted, exact_losses, names_of, span

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "Config", "Result", "check", "run"]

FloatArray = NDArray[np.float64]
# A model whose loss is so close to the best known one, relative, is that configuration up to the
# noise of training at a constant learning rate.
_REACHED = 0.05


@dataclass(frozen=True, kw_only=True)
class Config:
    """Published values; `n_models` are the seeds, trained side by side."""

    n_features: int = 5
    n_hidden: int = 2
    feature_probability: float = 0.1
    batch_size: int = 64
    learning_rate: float = 1e-3
    n_steps: int = 6250  # 40 epochs of 10,000 samples
    n_models: int = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Models, their names and exact losses, and the minima that a search finds."""

    weights: FloatArray  # (n_models, n_hidden, n_features)
    biases: FloatArray  # (n_models, n_features)
    losses: FloatArray  # (n_models,)
    names: tuple[str, ...]
    minima: FloatArray  # (n_minima,), ascending
    minima_names: tuple[str, ...]


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train the models and find the minima that they can be compared with."""
    trained = trainer.train("models", model_config(config, n_instances=config.n_models), seed)
    best = best_known(config.n_features, config.n_hidden, config.feature_probability)
    return Result(
        weights=trained.weights,
        biases=trained.biases,
        losses=exact_losses(trained.weights, trained.biases, config.feature_probability),
        names=names_of(trained.weights),
        minima=np.array([minimum.loss for minimum in best.minima]),
        minima_names=tuple(minimum.name for minimum in best.minima),
    )


def check(results: Sequence[Result]) -> Outcome:
    """Count pentagons, and name and price the others."""
    names = [name for result in results for name in result.names]
    losses = np.concatenate([result.losses for result in results])
    best = results[0].minima[0]
    pentagons = np.array([name == "pentagon" for name in names])
    stuck = losses[~pentagons]
    price = "none is stuck"
    if stuck.size:
        dearer = counted(name for name in names if name != "pentagon")
        price = (
            f"{dearer}; they lose {span(stuck, '.4f', ' to ')}, "
            f"{span(stuck / best, '.2f', ' to ')} times the best known {best:.6f}"
        )
    reached = losses[pentagons] < (1.0 + _REACHED) * best
    return Outcome(
        claims=(
            Claim(
                says="a pentagon in most seeds",
                found=f"{pentagons.sum()} of {len(names)} models",
                by_seed=tuple(pentagons),
            ),
            Claim(
                says="pentagons have the best known loss",
                found=f"{reached.sum()} of {reached.size} pentagons within {_REACHED:.0%} of it",
                by_seed=tuple(reached) or (False,),
            ),
            Claim(
                says="the stuck runs are named and cost more",
                found=price,
                by_seed=tuple(stuck > (1.0 + _REACHED) * best) or (True,),
            ),
        ),
        numbers={
            "best_known": best,
            "best_known_name": results[0].minima_names[0],
            "minima": dict(zip(results[0].minima_names, results[0].minima.tolist(), strict=True)),
            "pentagons": int(pentagons.sum()),
            "models": len(names),
        },
    )


def draw(results: Sequence[Result]) -> Figure:
    """Draw the figure of the experiment."""
    from geomsup.experiments.uniform.notes_pentagon_figure import draw as drawn

    return drawn(results)


EXPERIMENT = Experiment(
    id="notes-pentagon",
    title="five features in two dimensions",
    says="a pentagon in most seeds; the stuck ones can be named and priced",
    source="notes; Elhage et al. 2022, introduction",
    paper=Config(),
    smoke=Config(n_models=16),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
