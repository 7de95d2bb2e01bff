"""Three features in two dimensions: a triangle, or two features back to back and one alone?

The notes drew a triangle for rare features.  The exact losses of the two arrangements cross at
p = .52, and the triangle is the lower one above that, so both statements are put side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame.experiment import Experiment, Trainer
from geomsup.experiments.frame.measures import best_known, counted, exact_losses, names_of
from geomsup.experiments.frame.outcome import Claim, Outcome
from geomsup.theory import phase_boundary, symmetric_optimum
from geomsup.training import ToyModelConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "FAMILIES", "Config", "Result", "check", "run"]

FloatArray = NDArray[np.float64]

FAMILIES = ("triangle", "digon + monosemantic")
# A model whose loss is so close to the best known one, relative, is that configuration up to the
# noise of training; the two families differ by more at every probability of the configuration.
_REACHED = 0.02


@dataclass(frozen=True, kw_only=True)
class Config:
    """The notes trained as for the pentagon; the probabilities lie on both sides of the crossing.

    The notes say "small p" without a number.
    """

    n_features: int = 3
    n_hidden: int = 2
    feature_probabilities: tuple[float, ...] = (0.05, 0.1, 0.3, 0.45, 0.6, 0.7, 0.8)
    batch_size: int = 64
    learning_rate: float = 1e-3
    n_steps: int = 6250  # 40 epochs of 10,000 samples
    n_models: int = 32  # at each probability


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Models of each probability, and the exact losses of the two families beside the best."""

    feature_probabilities: FloatArray  # (n_p,)
    weights: FloatArray  # (n_p, n_models, n_hidden, n_features)
    biases: FloatArray  # (n_p, n_models, n_features)
    losses: FloatArray  # (n_p, n_models)
    names: tuple[tuple[str, ...], ...]
    family_losses: FloatArray  # (n_p, 2), in the order of FAMILIES
    crossing: float
    best_losses: FloatArray  # (n_p,)
    best_names: tuple[str, ...]


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train at every probability; optimise both families and search for anything better."""
    p, k = np.array(config.feature_probabilities), config.n_models
    n, m = config.n_features, config.n_hidden
    trained = trainer.train(
        "models",
        ToyModelConfig(
            n_features=n,
            n_hidden=m,
            feature_probability=np.repeat(p, k)[:, None],
            batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            n_steps=config.n_steps,
            n_instances=len(p) * k,
        ),
        seed,
    )
    losses = exact_losses(trained.weights, trained.biases, np.repeat(p, k)[:, None])
    names = names_of(trained.weights)
    best = [best_known(n, m, float(x), n_starts=40) for x in p]
    return Result(
        feature_probabilities=p,
        weights=trained.weights.reshape(len(p), k, m, n),
        biases=trained.biases.reshape(len(p), k, n),
        losses=losses.reshape(len(p), k),
        names=tuple(names[start : start + k] for start in range(0, len(names), k)),
        family_losses=np.array(
            [[symmetric_optimum(family, n, float(x)).loss for family in FAMILIES] for x in p]
        ),
        crossing=phase_boundary(*FAMILIES, n_features=n),
        best_losses=np.array([one.loss for one in best]),
        best_names=tuple(one.name for one in best),
    )


def check(results: Sequence[Result]) -> Outcome:
    """Count triangles below the crossing, and the lowest losses on both sides of it."""
    first = results[0]
    p, exact = first.feature_probabilities, first.family_losses
    rare = [k for k in range(len(p)) if p[k] < first.crossing]
    names = {k: [name for one in results for name in one.names[k]] for k in range(len(p))}
    triangles = [name == "triangle" for k in rare for name in names[k]]
    lower = [FAMILIES[int(np.argmin(losses))] for losses in exact]
    reached = np.array(
        [one.losses < (1.0 + _REACHED) * one.best_losses[:, None] for one in results]
    )
    dearer = exact[rare[0], 0] / exact[rare[0], 1] - 1.0
    return Outcome(
        claims=(
            Claim(
                says="a triangle when features are rare",
                found=f"{sum(triangles)} of {len(triangles)} models at p = "
                f"{', '.join(f'{p[k]:g}' for k in rare)}; "
                f"{counted(name for k in rare for name in names[k])}",
                by_seed=tuple(triangles),
                why=f"below p = {first.crossing:.3f} the digon with one feature alone costs less: "
                f"{exact[rare[0], 1]:.6f} against {exact[rare[0], 0]:.6f} of the triangle at "
                f"p = {p[rare[0]]:g}, {dearer:.1%} more",
            ),
            Claim(
                says="the best known is digon + monosemantic below p = .52 and the triangle above",
                found=f"the exact losses cross at p = {first.crossing:.6f}; best known: "
                + ", ".join(
                    f"{name} at {x:g}" for x, name in zip(p, first.best_names, strict=True)
                ),
                by_seed=tuple(
                    name == mine for name, mine in zip(first.best_names, lower, strict=True)
                ),
                needed=0.99,
                why="a search finds something lower than both families",
            ),
            Claim(
                says="training finds the best known",
                found=", ".join(
                    f"{np.mean(reached[:, k]):.0%} at p = {x:g}" for k, x in enumerate(p)
                )
                + f" of the models within {_REACHED:.0%} of its loss",
                by_seed=tuple(reached.ravel()),
                why="the others stay in "
                + counted(
                    name
                    for one, ok in zip(results, reached, strict=True)
                    for row, fine in zip(one.names, ok, strict=True)
                    for name, good in zip(row, fine, strict=True)
                    if not good
                ),
            ),
        ),
        numbers={
            "crossing": first.crossing,
            "feature_probability": p,
            "exact_triangle": exact[:, 0],
            "exact_digon_and_one": exact[:, 1],
            "best_known": first.best_losses,
            "best_known_names": list(first.best_names),
            "triangles": [names[k].count("triangle") for k in range(len(p))],
            "models": len(names[0]),
        },
    )


def draw(results: Sequence[Result]) -> Figure:
    """Draw the figure of the experiment."""
    from geomsup.experiments.uniform.notes_triangle_figure import draw as drawn

    return drawn(results)


EXPERIMENT = Experiment(
    id="notes-triangle",
    title="three features in two dimensions",
    says="a triangle when features are rare; by exact loss a digon and one alone below p = .52",
    source="notes; exact losses of geomsup.theory",
    paper=Config(),
    smoke=Config(n_models=12, feature_probabilities=(0.05, 0.3, 0.45, 0.6, 0.8)),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
