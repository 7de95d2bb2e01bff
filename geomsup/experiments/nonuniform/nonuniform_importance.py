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

from geomsup.experiments.frame import Claim, Experiment, Outcome, Trainer
from geomsup.experiments.nonuniform.varied_feature import (
    BENT,
    FollowedShape,
    VariedConfig,
    VariedResult,
    bent_claim,
    first_order_claim,
    followed,
    followed_without,
    run_varied,
    switch_claim,
)
from geomsup.theory.following import crossing, problem_of, shape_branch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "Config", "Result", "check", "run"]

FloatArray = NDArray[np.float64]


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
class LargerShape:
    """The larger shape as one of its features matters less, and its rival."""

    shape: FollowedShape
    rival_losses: FloatArray  # (n_factors,)
    crossing: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """The varied feature of the pentagon, and that of the larger shape."""

    varied: VariedResult
    larger: LargerShape


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train the pentagon, follow both shapes."""
    n, p = config.larger_features, config.larger_probability
    factors = np.geomspace(1.0, config.lowest, config.larger_points)
    shape = shape_branch(config.larger_shape, n, p, factors, "importance")
    rival = followed_without(config.larger_rival, n, p, factors, "importance")
    larger = LargerShape(
        shape=followed(shape),
        rival_losses=rival.losses[::-1],
        crossing=crossing(shape, rival, problem_of(n, p, "importance")),
    )
    return Result(varied=run_varied(config, seed, trainer), larger=larger)


def check(results: Sequence[Result]) -> Outcome:
    """Locate where the shapes shatter, in both directions, and what they are before."""
    all_varied = [result.varied for result in results]
    first, larger, shape = all_varied[0], results[0].larger, Config().shape
    becomes = [rival.names[end] for rival, end in zip(first.rivals, (0, -1), strict=True)]
    below, above = (rival.crossing for rival in first.rivals)
    return Outcome(
        claims=(
            Claim(
                says="the pentagon shatters when one feature matters less",
                found=f"into {becomes[0]} at {below:.3f} of the others' importance"
                if np.isfinite(below)
                else "it does not",
                by_seed=tuple(np.isfinite([one.rivals[0].crossing for one in all_varied])),
            ),
            Claim(
                says="… and when it matters more",
                found=f"into {becomes[1]} at {above:.1f} times the others' importance"
                if np.isfinite(above)
                else f"it does not up to {first.factors[-1]:g} times",
                by_seed=tuple(np.isfinite([one.rivals[1].crossing for one in all_varied])),
            ),
            switch_claim(all_varied, shape),
            first_order_claim(first, shape),
            bent_claim(first, shape),
            _larger_claim(larger),
        ),
        numbers={
            "crossings": [below, above],
            "larger_crossing": larger.crossing,
            "becomes": becomes,
            "factors": first.factors,
            "branch_losses": first.shape.losses,
            "rival_losses": [rival.losses for rival in first.rivals],
            "larger_losses": [larger.shape.losses, larger.rival_losses],
        },
    )


def _larger_claim(larger: LargerShape) -> Claim:
    """What it is like at the last factor before it shatters."""
    last = int(np.argmin(larger.shape.factors > larger.crossing)) - 1
    found, gap = "no crossing is found", 0.0
    if last >= 0:
        gap = float(larger.shape.angle_gaps[last])
        norms = np.linalg.norm(larger.shape.weights[last], axis=0)
        found = (
            f"at {larger.crossing:.3f} of the others' importance it costs as much "
            f"as {Config().larger_rival} without the varied feature; just before, angles "
            f"between neighbours differ by {gap:.1f}°, norms "
            f"are {norms[0]:.3f} for the varied feature and {norms[1:].min():.3f} to "
            f"{norms[1:].max():.3f} for the others"
        )
    return Claim(
        says=f"a larger shape, the {Config().larger_shape}, bends and shatters too",
        found=found,
        by_seed=(gap > BENT,),
    )


def draw(results: Sequence[Result]) -> Figure:
    """The pentagon of the first seed above, and the larger shape below it."""
    import matplotlib.pyplot as plt

    from geomsup.experiments.nonuniform.varied_feature_figure import draw_varied, scale_factors
    from geomsup.plotting.canvas import drawn_legend
    from geomsup.plotting.style import INK, PALETTE, name_color

    config, larger = Config(), results[0].larger
    shape = larger.shape
    figure = plt.figure(figsize=(13.0, 10.5), layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=(2.2, 1.0))
    draw_varied(figure, grid[0], results[0].varied, "importance", config.shape)
    row = grid[1].subgridspec(1, 2)
    losses, bent = figure.add_subplot(row[0, 0]), figure.add_subplot(row[0, 1])
    kept = np.array([name == config.larger_shape for name in shape.names])
    for values, label in (
        (np.where(kept, shape.losses, np.nan), config.larger_shape),
        (larger.rival_losses, f"{config.larger_rival}, 1 dropped"),
    ):
        losses.plot(
            shape.factors, values, "o-", color=name_color(label), markersize=3,
            label=f"{label}, exact",
        )  # fmt: skip
    losses.set_ylabel("expected loss, summed over features")
    losses.set_title(
        f"{config.larger_features} features in {config.larger_hidden} dimensions, "
        f"p = {config.larger_probability:g}",
        fontsize=10,
    )
    norms = np.where(kept[:, None], np.linalg.norm(shape.weights, axis=1), np.nan)
    for k in range(norms.shape[1]):
        bent.plot(
            shape.factors, norms[:, k], color=PALETTE[0 if k == 0 else 5],
            linewidth=1.5 if k == 0 else 0.9,
            label={0: "norm of the varied feature", 1: "norms of the others"}.get(k),
        )  # fmt: skip
    bent.set(ylabel="norm of the followed minimum", ylim=(0.0, None))
    for ax in (losses, bent):
        ax.set(xlabel="importance of the varied feature, relative to the others")
        scale_factors(ax, shape.factors)
        ax.axvline(larger.crossing, color=INK, linestyle=":", linewidth=0.9, zorder=0)
        ax.spines[["top", "right"]].set_visible(False)
        drawn_legend(ax, frameon=False, fontsize=8)
    return figure


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
