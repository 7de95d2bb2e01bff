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

from geomsup.experiments.frame.experiment import Experiment, Trainer
from geomsup.experiments.frame.outcome import Claim, Outcome
from geomsup.experiments.nonuniform.varied_feature import (
    VariedConfig,
    VariedResult,
    bent_claim,
    first_order_claim,
    run_varied,
    switch,
    switch_claim,
)
from geomsup.theory import symmetric_optimum
from geomsup.theory.following import crossing, follow, problem_of, shape_branch

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
class Result(VariedResult):
    """As for any varied feature, with the crossings at other feature probabilities."""

    other_probabilities: FloatArray  # (n_other,)
    other_crossings: FloatArray  # (n_other,), NaN where there is none


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train, follow the branches, and locate the crossing elsewhere."""
    others = [_crossing(config, p) for p in config.other_probabilities]
    return Result(
        **run_varied(config, seed, trainer),  # type: ignore[arg-type]  # its keys are the fields
        other_probabilities=np.array(config.other_probabilities),
        other_crossings=np.array(others),
    )


def _crossing(config: Config, p: float) -> float:
    """Factor at which pentagon and two digons have the same exact loss."""
    factors = np.geomspace(1.0, config.lowest, config.n_exact)
    n, m = config.n_features, config.n_hidden
    problem_at = problem_of(n, p, config.varied)
    pentagon = shape_branch(config.shape, n, p, factors, config.varied)
    digons = symmetric_optimum("digon + digon", n - 1, p)
    W = np.hstack([np.zeros((m, 1)), digons.W])
    b = np.append(0.5 * p * factors[-1], digons.b)
    return crossing(pentagon, follow(W, b, factors[::-1], problem_at), problem_at)


def check(results: Sequence[Result]) -> Outcome:
    """Locate the transition, and compare it with the published factor."""
    first = results[0]
    shape = Config().shape
    times = 1.0 / float(first.crossings[0])
    switches = [switch(result, shape) for result in results]
    # A model that never changes does so beyond the sparsest.
    trained = [1.0 / np.sqrt(low * high) if low > 0.0 else np.inf for low, high in switches]
    elsewhere = ", ".join(
        f"{1 / x:.2f} at p = {p:g}"
        for p, x in zip(first.other_probabilities, first.other_crossings, strict=True)
        if np.isfinite(x)
    )
    kept, rival = (
        float(np.interp(-np.log(_PUBLISHED), np.log(first.factors), losses))
        for losses in (first.branch_losses, first.rival_losses[0])
    )
    at = int(np.argmin(np.abs(first.factors - first.crossings[0])))
    becomes = first.rival_names[0][at]
    share = [np.mean([name == shape for one in results for name in one.names[k]])
             for k in range(len(first.factors))]  # fmt: skip
    few = [1.0 / x for x, part in zip(first.factors, share, strict=True) if part < 0.5 and x < 1.0]
    half = f"first at {min(few):.2f}" if few else "nowhere"
    return Outcome(
        claims=(
            Claim(
                says="the pentagon gives way when one feature is about 2.5 times sparser (2 to 3)",
                found=f"the exact losses cross at {times:.2f} times sparser; the best of "
                f"{first.losses.shape[1]} trained models changes near "
                + ", ".join(f"{x:.2f}" for x in trained)
                + f"; fewer than half of single models are pentagons {half}",
                by_seed=tuple(_TIMES_SPARSER[0] <= x <= _TIMES_SPARSER[1] for x in trained),
                why=f"at {_PUBLISHED:g} times the bent pentagon costs {kept:.5f} and two digons "
                f"{rival:.5f}, exactly; the crossing depends on p: {elsewhere}",
            ),
            Claim(
                says="it gives way to two digons, and the sparse feature is dropped",
                found=f"to {becomes}, where the losses cross",
                by_seed=(becomes == "digon + digon, 1 dropped",),
            ),
            switch_claim(results, shape),
            first_order_claim(first, shape),
            bent_claim(first, shape),
        ),
        numbers={
            "times_sparser": times,
            "times_sparser_trained": trained,
            "other_probabilities": first.other_probabilities,
            "times_sparser_there": 1.0 / first.other_crossings,
            "factors": first.factors,
            "share_of_pentagons": share,
            "branch_losses": first.branch_losses,
            "rival_losses": first.rival_losses,
        },
    )


def draw(results: Sequence[Result]) -> Figure:
    """Draw the figure of the experiment."""
    from geomsup.experiments.nonuniform.nonuniform_figure import draw as drawn

    return drawn(results)


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
