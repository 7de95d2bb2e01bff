"""Toy models behind a router: does routing remove the need for superposition?

Chaudhari, Nuer and Thorstenson 2025 say that it lowers it: mixtures of experts have less of it than
dense models of comparable loss, and the less, the more experts there are.  In the code that they
published the weight of a single active expert is one, whatever the router says, so that nothing but
a balancing loss moves the router.  Here it learns: router, gate and balancing loss are those of the
Switch Transformer (Fedus et al. 2021).

An expert that is asked for all features must superpose them like a dense model of its size; sent
only the inputs that it is made for, it need not.  So a mixture is held against dense models of the
size at work for one input (one expert), of the size of all experts together, and of equal loss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.experiments.frame import Claim, Experiment, Outcome
from geomsup.experiments.mixtures.routed_models import (
    DATA,
    IDLE,
    Comparison,
    Config,
    Result,
    comparisons,
    dense_curve,
    run,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "check"]

# No source gives these numbers.  Balanced: every expert gets between half of its equal share and
# twice as much.
_BALANCED = 2.0
# Superposition is gone at so many features per dimension; dense models with as many dimensions as
# features have 1.00.
_GONE = 1.1
# A set goes to one expert when so many of its inputs do.
_TOGETHER = 0.9


def check(results: Sequence[Result]) -> Outcome:
    """Compare every mixture with its dense rivals."""
    by_seed = [comparisons(result) for result in results]
    found = [one for own in by_seed for one in own]
    return Outcome(
        claims=(
            _balanced(found),
            _against_active(found),
            _against_total(found),
            _at_equal_loss(found),
            _with_more_experts(by_seed),
            _gone(found),
            _together_claim(found),
        ),
        numbers={
            "mixtures": [
                {
                    "data": one.mixture.data,
                    "gate": one.mixture.gate,
                    "experts": one.n_experts,
                    "loss": one.mixture.loss,
                    "best_routed": one.mixture.best_routed,
                    "worth": one.worth,
                    "held_per_dimension": one.held,
                    "held_by_dense_of_equal_loss": one.rival,
                    "features_per_dimension": one.mixture.features_per_dimension,
                    "total_dimensionality": one.mixture.total_dimensionality,
                    "load": one.load / one.n_experts,
                    "refused": one.mixture.refused,
                    "geometry": one.mixture.geometry,
                }
                for one in found
            ],
            "dense": {data: dense_curve(results[0], data) for data in DATA},
        },
    )


def _each(found: list[Comparison], value: Callable[[Comparison], float], spec: str = ".2f") -> str:
    """Means over seeds, by data and gate, in the order of the number of experts."""
    groups: dict[tuple[str, str], dict[int, list[float]]] = {}
    for one in found:
        own = groups.setdefault((one.mixture.data, one.mixture.gate), {})
        own.setdefault(one.n_experts, []).append(value(one))
    return "; ".join(
        f"{data}, {gate} "
        + ", ".join(f"{np.mean(values):{spec}}" for _, values in sorted(by_count.items()))
        for (data, gate), by_count in groups.items()
    )


def _counts_of(found: list[Comparison]) -> str:
    numbers = [str(count) for count in sorted({one.n_experts for one in found})]
    return f"({', '.join(numbers)} experts)"


def _balanced(found: list[Comparison]) -> Claim:
    even = [bool(one.load.min() >= 1 / _BALANCED and one.load.max() <= _BALANCED) for one in found]
    busiest = max(float(one.load.max()) for one in found)
    idle = sum(int((one.load < IDLE * one.n_experts).sum()) for one in found)
    return Claim(
        says=f"in most mixtures all experts get between {1 / _BALANCED:g} and {_BALANCED:g} times "
        "their equal share",
        found=f"the least busy of a mixture gets, {_counts_of(found)}: "
        + _each(found, lambda one: float(one.load.min()))
        + f" times that, the busiest of all {busiest:.2f} times",
        by_seed=tuple(even),
        why=f"{idle} of {sum(one.n_experts for one in found)} experts get less than {IDLE:.0%} of "
        "the inputs, and from them learn nothing that would bring them more",
    )


def _against_active(found: list[Comparison]) -> Claim:
    return Claim(
        says="a mixture loses less than a dense model of the size at work for one input",
        found=f"relative to that model, {_counts_of(found)}: "
        + _each(found, lambda one: one.mixture.loss / one.active),
        by_seed=tuple(one.mixture.loss < one.active for one in found),
        why="the router learns from the answer of the chosen expert alone; with each input at the "
        "expert that answers it best the same experts would lose "
        + _each(found, lambda one: one.mixture.best_routed / one.active),
    )


def _against_total(found: list[Comparison]) -> Claim:
    return Claim(
        says="and more than a dense model of the size of all experts",
        found=f"it is worth a dense model of so many dimensions, {_counts_of(found)}: "
        + _each(found, lambda one: one.worth, ".1f")
        + f"; one expert has {found[0].mixture.n_hidden}",
        by_seed=tuple(one.mixture.loss > one.total for one in found),
    )


def _at_equal_loss(found: list[Comparison]) -> Claim:
    return Claim(
        says="at equal loss an expert holds fewer features per dimension than a dense model",
        found=f"{_counts_of(found)}: "
        + _each(found, lambda one: one.held, ".1f")
        + "; dense models of equal loss "
        + _each(found, lambda one: one.rival, ".1f"),
        by_seed=tuple(one.held < one.rival for one in found),
    )


def _with_more_experts(by_seed: list[list[Comparison]]) -> Claim:
    """The largest mixtures against the smallest, of the same data, gate and seed."""
    series: dict[tuple[int, str, str], list[Comparison]] = {}
    for seed, found in enumerate(by_seed):
        for one in found:
            series.setdefault((seed, one.mixture.data, one.mixture.gate), []).append(one)
    ends = [
        (min(own, key=lambda one: one.n_experts), max(own, key=lambda one: one.n_experts))
        for own in series.values()
    ]
    ratios = [most.held / fewest.held for fewest, most in ends]
    counts = sorted({one.n_experts for found in by_seed for one in found})
    return Claim(
        says="the more experts, the fewer features per dimension",
        found=f"{counts[-1]} experts hold {min(ratios):.2f}–{max(ratios):.2f} times as many as "
        f"{counts[0]} do",
        by_seed=tuple(ratio < 1.0 for ratio in ratios),
    )


def _gone(found: list[Comparison]) -> Claim:
    """Of the mixtures with at least as many dimensions in all as features."""
    large = [
        one for one in found if one.n_experts * one.mixture.n_hidden >= one.mixture.holds.shape[1]
    ]
    copies = [one.copies for one in large]
    return Claim(
        says="with as many dimensions in all as features, superposition is gone",
        found="an expert still holds "
        + _each(large, lambda one: one.held, ".1f")
        + " features per dimension; dense models of that size hold 1",
        by_seed=tuple(one.held <= _GONE for one in large),
        why="an input has several features and only one expert to answer it, so a feature is held "
        f"by {min(copies):.1f} to {max(copies):.1f} experts, in different company",
    )


def _together_claim(found: list[Comparison]) -> Claim:
    of_sets = [one for one in found if one.mixture.data == "sets"]
    return Claim(
        says="features that occur together go to one expert",
        found="of the inputs with one set alone, the set's main expert gets "
        + _each(of_sets, lambda one: one.mixture.together),
        by_seed=tuple(one.mixture.together >= _TOGETHER for one in of_sets),
    )


def draw(results: Sequence[Result]) -> Figure:
    """Draw the figure of the experiment."""
    from geomsup.experiments.mixtures.mixture_of_experts_figure import draw as drawn

    return drawn(results)


EXPERIMENT = Experiment(
    id="mixture-of-experts",
    title="toy models behind a top-1 router",
    says="mixtures have less superposition than dense models of comparable loss, and the less the "
    "more experts there are; asked here: does routing remove the need for it?",
    source="Chaudhari, Nuer and Thorstenson 2025, Sparsity and Superposition in Mixture of "
    "Experts; router and balancing loss of Fedus et al. 2021, section 2",
    paper=Config(),
    smoke=Config(n_experts=(2, 8), dense_sizes=(3, 5, 10, 20, 40), n_restarts=2, n_steps=1200),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
