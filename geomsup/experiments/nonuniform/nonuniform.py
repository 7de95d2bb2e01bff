"""A pentagon of equally sparse features, one of which is made sparser.

The paper saw the pentagon give way to two digons when one feature was about two and a half times
sparser than the others, and found that the loss curves of the two cross.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame import Claim, Experiment, Outcome, Trainer
from geomsup.experiments.nonuniform.varied_feature import (
    VariedConfig,
    VariedResult,
    bent_claim,
    first_order_claim,
    followed_without,
    run_varied,
    switch,
    switch_claim,
)
from geomsup.theory.following import crossing, problem_of, shape_branch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "Config", "Result", "check", "run"]

FloatArray = NDArray[np.float64]

# "About two and a half times": between two and three.
_TIMES_SPARSER = (2.0, 3.0)
_PUBLISHED = 2.5


@dataclass(frozen=True, kw_only=True)
class Config(VariedConfig):
    """The paper's, and other feature probabilities at which the exact crossing is located."""

    other_probabilities: tuple[float, ...] = (0.03, 0.07, 0.1)
    n_exact: int = 13  # factors at which the branches of these are followed


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """The varied feature, and the crossings at other feature probabilities."""

    varied: VariedResult
    other_probabilities: FloatArray  # (n_other,)
    other_crossings: FloatArray  # (n_other,), NaN where there is none


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train, follow the branches, and locate the crossing elsewhere."""
    return Result(
        varied=run_varied(config, seed, trainer),
        other_probabilities=np.array(config.other_probabilities),
        other_crossings=np.array([_crossing(config, p) for p in config.other_probabilities]),
    )


def _crossing(config: Config, p: float) -> float:
    """Factor at which pentagon and two digons have the same exact loss."""
    factors = np.geomspace(1.0, config.lowest, config.n_exact)
    pentagon = shape_branch(config.shape, config.n_features, p, factors, config.varied)
    digons = followed_without("digon + digon", config.n_features, p, factors, config.varied)
    return crossing(pentagon, digons, problem_of(config.n_features, p, config.varied))


def check(results: Sequence[Result]) -> Outcome:
    """Locate the transition, and compare it with the published factor."""
    all_varied = [result.varied for result in results]
    first, shape = all_varied[0], Config().shape
    return Outcome(
        claims=(
            _gives_way(results),
            _to_digons(first),
            switch_claim(all_varied, shape),
            first_order_claim(first, shape),
            bent_claim(first, shape),
        ),
        numbers={
            "times_sparser": 1.0 / first.rivals[0].crossing,
            "times_sparser_trained": _times_sparser(all_varied),
            "other_probabilities": results[0].other_probabilities,
            "times_sparser_there": 1.0 / results[0].other_crossings,
            "factors": first.factors,
            "share_of_pentagons": _shares(all_varied),
            "branch_losses": first.shape.losses,
            "rival_losses": [rival.losses for rival in first.rivals],
        },
    )


def _times_sparser(results: Sequence[VariedResult]) -> list[float]:
    """Where the best trained model changes; one that never does changes beyond the sparsest."""
    switches = [switch(result, Config().shape) for result in results]
    return [1.0 / np.sqrt(low * high) if low > 0.0 else np.inf for low, high in switches]


def _shares(results: Sequence[VariedResult]) -> FloatArray:
    """Share of pentagons among the models at each factor."""
    names = np.concatenate([np.array(result.names) for result in results], axis=1)
    shares: FloatArray = (names == Config().shape).mean(axis=1)
    return shares


def _gives_way(results: Sequence[Result]) -> Claim:
    first = results[0].varied
    trained = _times_sparser([result.varied for result in results])
    elsewhere = ", ".join(
        f"{1 / x:.2f} at p = {p:g}"
        for p, x in zip(results[0].other_probabilities, results[0].other_crossings, strict=True)
        if np.isfinite(x)
    )
    kept, rival = (
        float(np.interp(-np.log(_PUBLISHED), np.log(first.factors), losses))
        for losses in (first.shape.losses, first.rivals[0].losses)
    )
    shares = _shares([result.varied for result in results])
    few = 1.0 / first.factors[(shares < 0.5) & (first.factors < 1.0)]
    return Claim(
        says="the pentagon gives way when one feature is about 2.5 times sparser (2 to 3)",
        found=f"the exact losses cross at {1.0 / first.rivals[0].crossing:.2f} times sparser; the "
        f"best of {first.losses.shape[1]} trained models changes near "
        + ", ".join(f"{x:.2f}" for x in trained)
        + "; fewer than half of single models are pentagons "
        + (f"first at {few.min():.2f}" if few.size else "nowhere"),
        by_seed=tuple(_TIMES_SPARSER[0] <= x <= _TIMES_SPARSER[1] for x in trained),
        why=f"at {_PUBLISHED:g} times the bent pentagon costs {kept:.5f} and two digons "
        f"{rival:.5f}, exactly; the crossing depends on p: {elsewhere}",
    )


def _to_digons(first: VariedResult) -> Claim:
    rival = first.rivals[0]
    becomes = rival.names[int(np.argmin(np.abs(first.factors - rival.crossing)))]
    return Claim(
        says="it gives way to two digons, and the sparse feature is dropped",
        found=f"to {becomes}, where the losses cross",
        by_seed=(becomes == "digon + digon, 1 dropped",),
    )


def draw(results: Sequence[Result]) -> Figure:
    """The pentagon and its sparser feature, of the first seed."""
    import matplotlib.pyplot as plt

    from geomsup.experiments.nonuniform.varied_feature_figure import draw_varied

    figure = plt.figure(figsize=(13.0, 7.0), layout="constrained")
    grid = figure.add_gridspec(1, 1)
    draw_varied(figure, grid[0], results[0].varied, "density", Config().shape)
    return figure


EXPERIMENT = Experiment(
    id="nonuniform",
    title="a pentagon, one feature of which is made sparser",
    says="two digons when it is about 2.5 times sparser; the loss curves cross",
    source="Elhage et al. 2022, non-uniform superposition",
    paper=Config(),
    smoke=Config(n_down=9, n_up=3, n_models=6, n_steps=2000, other_probabilities=(0.1,), n_exact=9),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
