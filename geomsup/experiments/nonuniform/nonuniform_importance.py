"""A pentagon, and a larger shape, one feature of which matters less or more than the others.

The pentagon is trained; the square antiprism of eight features in three dimensions is followed on
the exact loss alone, where its rival is known: seven features as a pentagon and a digon.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame.experiment import Experiment, Trainer
from geomsup.experiments.frame.measures import names_of
from geomsup.experiments.frame.outcome import Claim, Outcome
from geomsup.experiments.nonuniform.varied_feature import (
    VariedConfig,
    VariedResult,
    bent_claim,
    first_order_claim,
    run_varied,
    switch_claim,
)
from geomsup.theory import symmetric_optimum
from geomsup.theory.following import angle_gap, crossing, follow, problem_of, shape_branch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "Config", "Result", "check", "run"]

FloatArray = NDArray[np.float64]

_BENT = 1.0  # degrees, as for the pentagon


@dataclass(frozen=True, kw_only=True)
class Config(VariedConfig):
    """The paper shows shapes without numbers; sizes are those of its other pictures."""

    varied: str = "importance"  # type: ignore[assignment]  # a literal of the base class
    lowest: float = 0.1
    highest: float = 30.0
    n_up: int = 13
    larger_features: int = 8
    larger_hidden: int = 3
    larger_shape: str = "square antiprism"
    larger_rival: str = "pentagon + digon"  # of all features but the varied one
    larger_probability: float = 0.1
    larger_points: int = 17


@dataclass(frozen=True, kw_only=True, eq=False)
class Result(VariedResult):
    """As for any varied feature, with the branches of the larger shape."""

    larger_factors: FloatArray  # (n_points,), falling from one
    larger_weights: FloatArray  # (n_points, n_hidden, n_features)
    larger_losses: FloatArray  # (2, n_points): shape, rival
    larger_names: tuple[str, ...]
    larger_angle_gaps: FloatArray  # (n_points,), degrees
    larger_crossing: float


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train the pentagon, follow both shapes."""
    n, m, p = config.larger_features, config.larger_hidden, config.larger_probability
    factors = np.geomspace(1.0, config.lowest, config.larger_points)
    problem_at = problem_of(n, p, "importance")
    shape = shape_branch(config.larger_shape, n, p, factors, "importance")
    others = symmetric_optimum(config.larger_rival, n - 1, p)
    W = np.hstack([np.zeros((m, 1)), others.W])
    rival = follow(W, np.append(p / 2.0, others.b), factors[::-1], problem_at)
    return Result(
        **run_varied(config, seed, trainer),  # type: ignore[arg-type]  # its keys are the fields
        larger_factors=factors,
        larger_weights=shape.weights,
        larger_losses=np.array([shape.losses, rival.losses[::-1]]),
        larger_names=names_of(shape.weights),
        larger_angle_gaps=np.array([angle_gap(W) for W in shape.weights]),
        larger_crossing=crossing(shape, rival, problem_at),
    )


def check(results: Sequence[Result]) -> Outcome:
    """Locate where the shapes shatter, in both directions, and what they are before."""
    first = results[0]
    shape, larger = Config().shape, Config().larger_shape
    ends = (0, len(first.factors) - 1)
    becomes = [first.rival_names[which][end] for which, end in enumerate(ends)]
    last = int(np.argmin(first.larger_factors > first.larger_crossing)) - 1
    norms = np.linalg.norm(first.larger_weights[max(last, 0)], axis=0)
    return Outcome(
        claims=(
            Claim(
                says="the pentagon shatters when one feature matters less",
                found=f"into {becomes[0]} at {first.crossings[0]:.3f} of the others' importance"
                if np.isfinite(first.crossings[0])
                else "it does not",
                by_seed=tuple(bool(np.isfinite(one.crossings[0])) for one in results),
            ),
            Claim(
                says="… and when it matters more",
                found=f"into {becomes[1]} at {first.crossings[1]:.1f} times the others' importance"
                if np.isfinite(first.crossings[1])
                else f"it does not up to {first.factors[-1]:g} times",
                by_seed=tuple(bool(np.isfinite(one.crossings[1])) for one in results),
            ),
            switch_claim(results, shape),
            first_order_claim(first, shape),
            bent_claim(first, shape),
            Claim(
                says=f"a larger shape, the {larger}, bends and shatters too",
                found=f"at {first.larger_crossing:.3f} of the others' importance it costs as much "
                f"as {Config().larger_rival} without the varied feature; just before, angles "
                f"between neighbours differ by {first.larger_angle_gaps[max(last, 0)]:.1f}°, norms "
                f"are {norms[0]:.3f} for the varied feature and {norms[1:].min():.3f} to "
                f"{norms[1:].max():.3f} for the others"
                if last >= 0
                else "no crossing is found",
                by_seed=(last >= 0 and bool(first.larger_angle_gaps[last] > _BENT),),
            ),
        ),
        numbers={
            "crossings": first.crossings,
            "larger_crossing": first.larger_crossing,
            "becomes": becomes,
            "factors": first.factors,
            "branch_losses": first.branch_losses,
            "rival_losses": first.rival_losses,
            "larger_losses": first.larger_losses,
        },
    )


def draw(results: Sequence[Result]) -> Figure:
    """Draw the figure of the experiment."""
    from geomsup.experiments.nonuniform.nonuniform_importance_figure import draw as drawn

    return drawn(results)


EXPERIMENT = Experiment(
    id="nonuniform-importance",
    title="a pentagon, one feature of which matters less or more",
    says="shapes bend, then shatter, as the importance of one feature changes",
    source="Elhage et al. 2022, non-uniform superposition",
    paper=Config(),
    smoke=Config(n_down=7, n_up=5, n_models=6, n_steps=2000, larger_points=7),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
