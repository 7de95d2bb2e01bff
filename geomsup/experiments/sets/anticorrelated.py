"""Two pairs of features that are never present together, in two dimensions: antipodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame import Claim, Experiment, Outcome, Trainer, model_config
from geomsup.experiments.frame.measures import counted
from geomsup.experiments.sets.set_models import (
    Restarts,
    SetModels,
    SetsConfig,
    pair_cosines,
    train_sets,
)

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
class Config(SetsConfig):
    """Two pairs."""

    n_sets: int = 2
    set_probability: float = 0.1


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Models of anticorrelated pairs, and of independent features as often present."""

    pairs: SetModels
    independent: Restarts


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train pairs, and for comparison independent features of the same probability."""
    sets = config.sets(config.n_sets, "exclusive")
    independent = model_config(
        config,
        n_features=sets.n_features,
        feature_probability=sets.feature_probability,
        set_size=None,
        n_instances=config.n_models,
        learning_rate=1e-2,
        lr_schedule="cosine",
    )
    free = trainer.train("independent", independent, seed)
    return Result(
        pairs=train_sets(trainer, "pairs", sets, config, seed),
        independent=Restarts(weights=free.weights, losses=free.losses),
    )


def cosines_within(results: Sequence[Result]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Cosines within pairs: best of each group of restarts, all restarts, independent features."""
    best = [one.pairs.weights[one.pairs.best_of_groups(_GROUP)] for one in results]
    every = [one.pairs.weights for one in results]
    free = [one.independent.weights for one in results]
    within = [pair_cosines(np.concatenate(some)) for some in (best, every, free)]
    return within[0], within[1], within[2]


def check(results: Sequence[Result]) -> Outcome:
    """Measure the angles within the pairs, in the best of each group and in all models."""
    best, every, free = cosines_within(results)
    antipodal, all_antipodal, by_chance = (
        np.all(some <= _ANTIPODAL, axis=1) for some in (best, every, free)
    )
    share, chance = float(all_antipodal.mean()), float(by_chance.mean())
    gaps = np.concatenate(
        [
            (one.pairs.losses[one.pairs.best_of_groups(_GROUP)] - one.pairs.best_known)
            / np.mean(one.independent.losses)
            for one in results
        ]
    )
    names = [name for one in results for name in one.pairs.names]
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
                f"features above the best known, {results[0].pairs.best_known:.2e}",
                by_seed=tuple(gaps < _REACHED),
            ),
        ),
        numbers={"cosines_within_pairs": best, "antipodal_by_chance": chance},
    )


def draw(results: Sequence[Result]) -> Figure:
    """The best and the worst restart of the first seed, and the cosines of all restarts."""
    import matplotlib.pyplot as plt

    from geomsup.experiments.sets.set_figures import draw_sets
    from geomsup.plotting.style import DROPPED, PALETTE

    one = results[0].pairs
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(9.6, 3.4), width_ratios=[1, 1, 1.5], layout="constrained"
    )
    order = np.argsort(one.losses)
    for ax, k, which in ((left, order[0], "lowest"), (middle, order[-1], "highest")):
        draw_sets(one.weights[k], ax, 2, f"{which} loss, {one.losses[k]:.2g}")
    kinds = {
        "best of each group of restarts": PALETTE[0],
        "all restarts": PALETTE[5],
        "independent features": DROPPED,
    }
    for values, (label, color) in zip(cosines_within(results), kinds.items(), strict=True):
        right.hist(
            values.ravel(),
            bins=np.linspace(-1.0, 1.0, 41).tolist(),
            weights=np.full(values.size, 1.0 / values.size).tolist(),
            histtype="stepfilled",
            alpha=0.55,
            label=label,
            color=color,
        )
    right.set(xlabel="cosine within a pair", ylabel="share of pairs", xlim=(-1.05, 1.05))
    right.set_xticks([-1.0, -0.5, 0.0, 0.5, 1.0])
    right.legend(fontsize=8, frameon=False)
    return figure


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
