"""Three correlated pairs in two dimensions: from a hexagon to principal components.

While features are rare, every one gets a direction of its own.  As they become frequent, pair after
pair collapses into one direction, that of the sum of its members, and in the end the model does
what principal component analysis would do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame import Claim, Experiment, Outcome, Trainer, model_config
from geomsup.experiments.frame.measures import at_each
from geomsup.experiments.sets.set_models import pair_cosines
from geomsup.theory import FeatureModel, linear_optimum
from geomsup.theory.loss import Problem
from geomsup.theory.models import descend_models

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "STATED", "Config", "Result", "check", "collapsed", "pca_loss", "run"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# A pair is collapsed when its two columns are within about 8° of each other.
_COLLAPSED = 0.99
# "PCA-like": all pairs collapsed and the loss within this share of that of PCA.
_LIKE_PCA = 0.05
# Of the exact descents, for losses in units of the zero output's.
_GRADIENT_TOL, _MOST_STEPS = 1e-8, 2000
# Range of 1 - S, and how many pairs are collapsed in it.
STATED: tuple[tuple[float, float, int], ...] = (
    (0.0, 0.05, 0),
    (0.05, 0.15, 1),
    (0.15, 0.2, 2),
    (0.25, 0.5, 3),
)
_PCA_FROM = 0.5


@dataclass(frozen=True, kw_only=True)
class Config:
    """The source gives ranges; the grid lies within them and between.

    At 1 − S = 1 nothing is correlated any more.
    """

    set_probabilities: tuple[float, ...] = (
        *(0.01, 0.02, 0.035, 0.05, 0.07, 0.1, 0.13, 0.16, 0.19, 0.22),
        *(0.26, 0.32, 0.4, 0.48, 0.55, 0.65, 0.75, 0.9),
    )
    n_restarts: int = 16
    n_steps: int = 8000
    batch_size: int = 1024
    # Descents of the exact loss from the best restarts.
    n_exact: int = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """The best restart at every probability, before and after a descent of the exact loss."""

    set_probabilities: FloatArray  # (n_p,)
    weights: FloatArray  # (n_p, 2, 6), of the best restart
    losses: FloatArray  # (n_p,), exact
    optimal_weights: FloatArray  # (n_p, 2, 6)
    optimal_losses: FloatArray  # (n_p,)
    pca_losses: FloatArray  # (n_p,)


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train every probability, and descend the exact loss from what training reached."""
    q = np.array(config.set_probabilities)
    pairs = tuple(FeatureModel.pairs(3, probability) for probability in config.set_probabilities)
    models = model_config(
        config,
        n_features=6,
        n_hidden=2,
        feature_model=pairs,
        n_instances=len(q) * config.n_restarts,
        learning_rate=1e-2,
        lr_schedule="cosine",
    )
    trained = trainer.train("sweep", models, seed)
    found = []
    for k, features in enumerate(pairs):
        problem, unit = Problem.of(6, features, 1.0).normalised()
        here = slice(k * config.n_restarts, (k + 1) * config.n_restarts)
        order = np.argsort(trained.losses[here])[: config.n_exact] + here.start
        start = trained.weights[order], trained.biases[order], problem
        # Without a step they are the exact losses of what was trained.
        exact, ends = (
            descend_models(*start, gradient_tol=_GRADIENT_TOL, max_steps=steps)
            for steps in (0, _MOST_STEPS)
        )
        found.append(
            (
                trained.weights[order[exact.loss.argmin()]],
                unit * exact.loss.min(),
                ends.W[ends.loss.argmin()],
                unit * ends.loss.min(),
            )
        )
    weights, losses, optimal_weights, optimal_losses = map(np.array, zip(*found, strict=True))
    return Result(
        set_probabilities=q,
        weights=weights,
        losses=losses,
        optimal_weights=optimal_weights,
        optimal_losses=optimal_losses,
        pca_losses=np.array([pca_loss(float(probability)) for probability in q]),
    )


def pca_loss(set_probability: float) -> float:
    """Loss of the best linear model: two of the three sums of a pair are kept.

    Examples
    --------
    >>> round(pca_loss(1.0), 12) == round(4 / 12, 12)
    True
    """
    return linear_optimum(FeatureModel.pairs(3, set_probability), 2).loss


def collapsed(weights: FloatArray) -> IntArray:
    """How many pairs are collapsed, for weights of shape (…, 2, 6)."""
    count: IntArray = (pair_cosines(weights) >= _COLLAPSED).sum(axis=-1)
    return count


def check(results: Sequence[Result]) -> Outcome:
    """Compare the number of collapsed pairs with the stated one, range by range."""
    q = results[0].set_probabilities
    edges = _edges(q, collapsed(results[0].optimal_weights))
    claims = []
    for low, high, number in STATED:
        inside = (q > low) & (q <= high)
        words = {0: "no pair is", 1: "one pair is", 2: "two pairs are", 3: "all pairs are"}
        says = f"1−S from {low:g} to {high:g}: {words[number]} collapsed"
        claims.append(_range_claim(results, inside, number, says, f"in the exact optimum {edges}"))
    claims.append(_pca_claim(results, q >= _PCA_FROM))
    return Outcome(
        claims=tuple(claims),
        numbers={
            "set_probability": q,
            "collapsed_trained": [collapsed(one.weights) for one in results],
            "collapsed_exact": collapsed(results[0].optimal_weights),
            "loss": [one.losses for one in results],
            "exact_loss": results[0].optimal_losses,
            "pca_loss": results[0].pca_losses,
            "collapse": edges,
        },
    )


def _edges(q: FloatArray, number: IntArray) -> str:
    """Between which probabilities each further pair collapses."""
    said = []
    for count, word in ((1, "the first"), (2, "the second"), (3, "the third")):
        above = np.flatnonzero(number >= count)
        if above.size and above[0] > 0:
            said.append(f"{word} pair collapses between {q[above[0] - 1]:g} and {q[above[0]]:g}")
    return ", ".join(said) or "none collapses within the grid"


def _range_claim(
    results: Sequence[Result], inside: NDArray[np.bool_], number: int, says: str, why: str
) -> Claim:
    trained = np.array([collapsed(one.weights)[inside] for one in results])
    exact = collapsed(results[0].optimal_weights)[inside]
    usual = np.rint(np.median(trained, axis=0)).astype(int)
    said = ", ".join(
        f"{here} at {p:g}" + ("" if here == best else f" (exact optimum {best})")
        for p, here, best in zip(results[0].set_probabilities[inside], usual, exact, strict=True)
    )
    return Claim(
        says=says,
        found=said or "no model in this range",
        why=why,
        by_seed=tuple((trained == number).ravel()) or (False,),
    )


def _pca_claim(results: Sequence[Result], inside: NDArray[np.bool_]) -> Claim:
    ratios = np.array([(one.losses / one.pca_losses)[inside] for one in results])
    all_collapsed = np.array([collapsed(one.weights)[inside] == 3 for one in results])
    said = at_each(ratios.mean(axis=0), results[0].set_probabilities[inside], ".3f", "at ")
    return Claim(
        says=f"1−S from {_PCA_FROM:g}: PCA-like",
        found=f"the loss is so many times that of PCA: {said}",
        why="ReLU and three directions in a plane still cost less than two principal components",
        by_seed=tuple((all_collapsed & (ratios >= 1.0 - _LIKE_PCA)).ravel()) or (False,),
    )


def draw(results: Sequence[Result]) -> Figure:
    """Models of the first seed, the number of collapsed pairs, and the losses beside PCA's."""
    import matplotlib.pyplot as plt

    from geomsup.experiments.sets.set_figures import draw_sets
    from geomsup.plotting.canvas import plain_numbers
    from geomsup.plotting.style import DROPPED, PALETTE

    one, n_panels = results[0], 6
    q = one.set_probabilities
    figure = plt.figure(figsize=(10.5, 6.2), layout="constrained")
    grid = figure.add_gridspec(2, 2 * n_panels, height_ratios=[1.0, 1.5])
    shown = np.unique(np.rint(np.linspace(0, len(q) - 1, n_panels)).astype(int))
    for place, k in enumerate(shown):
        ax = figure.add_subplot(grid[0, 2 * place : 2 * place + 2])
        number = ("none", "one", "two", "all")[int(collapsed(one.weights[k]))]
        draw_sets(one.weights[k], ax, 2, f"1−S = {q[k]:g}\n{number} collapsed")
    left: Any = figure.add_subplot(grid[1, :n_panels])
    exact: dict[str, Any] = {"color": PALETTE[0], "label": "exact optimum"}
    points: dict[str, Any] = {"ls": "", "marker": "o", "ms": 4, "color": PALETTE[1]}
    right: Any = figure.add_subplot(grid[1, n_panels:], sharex=left)
    for low, high, count in STATED:
        band = (count - 0.35, count + 0.35)
        left.fill_between([max(low, q[0]), high], *band, color=DROPPED, alpha=0.5, lw=0)
    left.plot(q, collapsed(one.optimal_weights), drawstyle="steps-mid", **exact)
    right.plot(q, one.optimal_losses / one.pca_losses, **exact)
    for k, result in enumerate(results):
        shift = 0.06 * (k - (len(results) - 1) / 2)
        label = None if k else "trained, a point for each seed"
        left.plot(q, collapsed(result.weights) + shift, **points, label=label)
        label = None if k else "trained"
        right.plot(q, result.losses / result.pca_losses, **points, label=label)
    left.set(xscale="log", xlabel="1 − S", ylabel="collapsed pairs", yticks=[0, 1, 2, 3])
    plain_numbers(left.xaxis)
    left.plot([], [], color=DROPPED, lw=8, alpha=0.5, label="as the paper says")
    left.legend(fontsize=8, frameon=False, loc="upper left")
    right.axhline(1.0, color=PALETTE[2], lw=1.2, label="PCA")
    right.set(xlabel="1 − S", ylabel="loss, in units of PCA's", ylim=(0, 1.08))
    right.legend(fontsize=8, frameon=False, loc="lower right")
    return figure


EXPERIMENT = Experiment(
    id="pca-collapse",
    title="three correlated pairs, from rare to frequent",
    says="no pair is collapsed at 1−S ≤ .05, one at .05–.15, two at .15–.2, all at .25–.5, and "
    "from .5 on the model does what PCA does",
    source="Elhage et al. 2022, The Geometry of Superposition, correlated features and PCA",
    paper=Config(),
    smoke=Config(
        set_probabilities=(0.02, 0.05, 0.1, 0.13, 0.18, 0.32, 0.45, 0.65, 0.85),
        n_restarts=8,
        n_steps=2500,
        n_exact=2,
    ),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
