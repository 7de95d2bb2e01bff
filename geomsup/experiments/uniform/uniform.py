"""Features of equal importance, ever sparser: how many share the dimensions?

The paper trains 400 features in 30 dimensions, the notebook that it published 200 in 20.  Both
are trained here, the large one for fewer seeds, and each model is taken apart into its components
at once, because the experiment on dimensionality reads the same models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame import Claim, Experiment, Outcome, Trainer, model_config
from geomsup.experiments.frame.measures import exact_losses, span
from geomsup.experiments.uniform.census import Census, census_of, feature_shares
from geomsup.theory import digon_loss
from geomsup.theory.closed_forms import digon_optimum, dropped_loss

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "Config", "Result", "Sweep", "check", "dwell", "run", "sweeps_of"]

FloatArray = NDArray[np.float64]

# A model is "at" a level when D* is within this of it: a fifth of the way from 1/2 to 1, on
# either side, is what a reader of the figure would call on the line.
LEVEL_WIDTH = 0.05
# Range of 1/(1 - S) in which stickiness is measured, as far as the levels 1 and 1/2 reach.
_RANGE = 10.0
_FINE = 20_001


@dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes and sparsities; the source gives the sizes and the sparsest model of its figure."""

    # The paper's size, and that of its published notebook.
    sizes: tuple[tuple[int, int], ...] = ((400, 30), (200, 20))
    # Seeds (0, 1, …) for which the first size is trained too; it takes three quarters of the time.
    n_seeds_of_first: int = 1
    # 1/(1 - S): a logarithmic grid from 1 to 10, and five sparser models.
    inverse_densities: tuple[float, ...] = (
        *(float(f"{10 ** (k / 15):.4g}") for k in range(16)),
        *(15.85, 25.12, 39.81, 63.1, 100.0),
    )
    # The paper states neither; the notebook takes 10,000 steps at a constant rate of 1e-3, after
    # which the losses still fall.  A larger rate that ends at zero reaches lower ones.
    n_steps: int = 15_000
    learning_rate: float = 1e-2
    batch_size: int = 1024  # of the notebook


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """The models of one size, densest first."""

    feature_probabilities: FloatArray  # (n_models,)
    weights: FloatArray  # (n_models, n_hidden, n_features)
    biases: FloatArray  # (n_models, n_features)
    losses: FloatArray  # (n_models,), on the trainer's fresh sample
    # Exact for the models around D* = 1/2, which have an exact rival; NaN for others.
    exact_losses: FloatArray  # (n_models,)
    digon_losses: FloatArray  # (n_models,), of n_hidden ideal digons; NaN likewise
    census: Census

    @property
    def n_hidden(self) -> int:
        """Dimensions of every model."""
        return int(self.weights.shape[1])

    @property
    def inverse_densities(self) -> FloatArray:
        """1/(1 - S) of each model."""
        return np.asarray(1.0 / self.feature_probabilities)

    @property
    def dimensions(self) -> FloatArray:
        """D* of each model."""
        return dimensions_per_feature(self.weights)

    def __str__(self) -> str:
        return f"{self.weights.shape[2]}→{self.n_hidden}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """A sweep of every size."""

    sweeps: tuple[Sweep, ...]


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train a model at each sparsity, and name what its features form."""
    sizes = config.sizes if seed < config.n_seeds_of_first else config.sizes[1:] or config.sizes
    return Result(sweeps=tuple(_sweep(config, n, m, seed, trainer) for n, m in sizes))


def _sweep(config: Config, n: int, m: int, seed: int, trainer: Trainer) -> Sweep:
    p = 1.0 / np.sort(np.array(config.inverse_densities))
    models = model_config(
        config,
        n_features=n,
        n_hidden=m,
        feature_probability=p[:, None],
        n_instances=len(p),
        lr_schedule="cosine",
    )
    trained = trainer.train(f"{n}-{m}", models, seed)
    exact = np.full(len(p), np.nan)
    rivals = exact.copy()
    for k in np.flatnonzero(on_plateau(dimensions_per_feature(trained.weights), 0.5)):
        exact[k] = exact_losses(trained.weights[[k]], trained.biases[[k]], p[k])[0]
        rivals[k] = _loss_of_digons(n, m, float(p[k]))
    return Sweep(
        feature_probabilities=p,
        weights=trained.weights,
        biases=trained.biases,
        losses=trained.losses,
        exact_losses=exact,
        digon_losses=rivals,
        census=census_of(trained.weights),
    )


def _loss_of_digons(n_features: int, n_hidden: int, p: float) -> float:
    """Exact loss of ideal digons in every dimension, all other features dropped."""
    best = digon_optimum(p)
    if best is None:
        return float("nan")
    dropped = (n_features - 2 * n_hidden) * float(dropped_loss(p))
    return n_hidden * digon_loss(*best, p) + dropped


def dimensions_per_feature(weights: FloatArray) -> FloatArray:
    """D* = m/‖W‖_F² of each model: the paper's measure of dimensions per represented feature."""
    return np.asarray(weights.shape[1] / (weights**2).sum(axis=(1, 2)))


def on_plateau(dimensions: FloatArray, level: float) -> NDArray[np.bool_]:
    """Which models are at a level of D*."""
    return np.asarray(np.abs(dimensions - level) <= LEVEL_WIDTH)


def sweeps_of(results: Sequence[Result]) -> list[Sweep]:
    """The sweeps of all results, in the order of the results."""
    return [sweep for result in results for sweep in result.sweeps]


def dwell(sweep: Sweep, level: float, *, straight: bool = False) -> float:
    """Length of ln 1/(1 - S) in which D*, interpolated between the models, is at the level.

    Or in which it would be if it fell along a straight line over the range.
    """
    logs = np.linspace(0.0, np.log(_RANGE), _FINE)
    dimensions = np.interp(logs, np.log(sweep.inverse_densities), sweep.dimensions)
    if straight:
        dimensions = np.linspace(dimensions[0], dimensions[-1], len(logs))
    return float(on_plateau(dimensions, level).mean() * logs[-1])


def check(results: Sequence[Result]) -> Outcome:
    """Measure how D* lingers at 1 and at 1/2, and what the features do there."""
    sweeps = sweeps_of(results)
    return Outcome(
        claims=(
            _sticky(sweeps, 1.0, "1"),
            _sticky(sweeps, 0.5, "1/2"),
            _digons(sweeps),
            _growth(sweeps),
        ),
        numbers={
            str(k): {
                "size": str(one),
                "inverse_density": one.inverse_densities,
                "dimensions_per_feature": one.dimensions,
                "loss": one.losses,
            }
            for k, one in enumerate(sweeps)
        },
    )


def _sticky(sweeps: list[Sweep], level: float, text: str) -> Claim:
    """Longer in the band around the level than in its neighbours, and than on a straight line."""
    here, below, above = (
        np.array([dwell(one, level + shift * LEVEL_WIDTH) for one in sweeps])
        for shift in (0, -2, 2)
    )
    straight = np.array([dwell(one, level, straight=True) for one in sweeps])
    beside = np.maximum(below, above)
    return Claim(
        says=f"D* = m/‖W‖² sticks at {text}",
        found=f"D* stays within {LEVEL_WIDTH:g} of {text} for {span(here, '.2f')} of ln 1/(1−S), "
        f"in the equally wide bands beside it for at most {span(beside, '.2f')}, on a straight "
        f"line for {span(straight, '.2f')}",
        by_seed=tuple(here > np.maximum(beside, straight)),
    )


def _digons(sweeps: list[Sweep]) -> Claim:
    """What the features of the models at D* = 1/2 form, and what that costs."""
    shares, held, ratios = [], [], []
    for one in sweeps:
        for k in np.flatnonzero(on_plateau(one.dimensions, 0.5)):
            names = one.census.names[k]
            shares.append(feature_shares(names).get("digon", 0.0))
            held.append(one.census.dimensionalities[k][names == "digon"].sum() / one.n_hidden)
            ratios.append(one.exact_losses[k] / one.digon_losses[k])
    says = "at D* = 1/2 the features are antipodal pairs"
    if not shares:
        return Claim(says=says, found="no model is at 1/2", by_seed=(False,))
    return Claim(
        says=says,
        found=f"digons hold {span(shares, '.0%')} of the features of the "
        f"{len(shares)} models there, and {span(held, '.0%')} of their dimensions (the "
        f"others are many and small); their exact losses are {np.nanmin(ratios):.4f}–"
        f"{np.nanmax(ratios):.4f} times that of ideal digons in every dimension",
        by_seed=tuple(share > 0.5 for share in shares),
    )


def _growth(sweeps: list[Sweep]) -> Claim:
    """Whether each sparser model beyond the plateau packs more features into a dimension."""
    falls = []
    for one in sweeps:
        beyond = one.dimensions[one.dimensions < 0.5 - LEVEL_WIDTH]
        falls.append(len(beyond) > 1 and bool(np.all(np.diff(beyond) < 0)))
    last = [1.0 / one.dimensions[-1] for one in sweeps]
    return Claim(
        says="beyond 1/2 ever more features share a dimension as they get sparser",
        found=f"‖W‖²/m grows from model to model in {sum(falls)} of {len(falls)} series, to "
        f"{span(last, '.2f')} at 1/(1−S) = {sweeps[0].inverse_densities[-1]:g}",
        by_seed=tuple(falls),
    )


def draw(results: Sequence[Result]) -> Figure:
    """Draw D* of every sweep over 1/(1 − S); a colour for each size, a line for each seed."""
    import matplotlib.pyplot as plt

    from geomsup.plotting.style import DROPPED, INK, PALETTE

    figure, ax = plt.subplots(figsize=(7.6, 4.6), layout="constrained")
    sweeps = sweeps_of(results)
    sizes = list(dict.fromkeys(map(str, sweeps)))
    for k, one in enumerate(sweeps):
        place = sizes.index(str(one))
        ax.plot(
            one.inverse_densities,
            one.dimensions,
            color=PALETTE[place % len(PALETTE)],
            marker="os^D"[place % 4],
            markersize=4.5,
            markeredgecolor="white",
            markeredgewidth=0.5,
            linewidth=1.3,
            label=str(one) if str(one) not in map(str, sweeps[:k]) else None,
        )
    sparsest = max(float(one.inverse_densities[-1]) for one in sweeps)
    for level, text in (
        (1.0, "$D^* = 1$: a dimension for each feature"),
        (0.5, "$D^* = 1/2$: antipodal pairs"),
    ):
        ax.axhspan(level - LEVEL_WIDTH, level + LEVEL_WIDTH, color=DROPPED, alpha=0.3, linewidth=0)
        ax.axhline(level, color=INK, linewidth=0.6, zorder=0)
        ax.text(sparsest, level + LEVEL_WIDTH + 0.015, text, ha="right", fontsize=9, color=INK)
    ticks = [tick for tick in (1, 2, 3, 5, 10, 20, 30, 50, 100) if tick <= sparsest]
    ax.set(xscale="log", ylim=(0.0, 1.18))
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.set_xlabel("1 / (1 − S), from dense to sparse")
    ax.set_ylabel(r"dimensions per feature $D^* = m\,/\,\|W\|_F^2$")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, title="features→dimensions", loc="lower left", alignment="left")
    return figure


EXPERIMENT = Experiment(
    id="uniform",
    title="features of equal importance, ever sparser",
    says="dimensions per feature D* = m/‖W‖² stick at 1 and at 1/2",
    source="Elhage et al. 2022, The Geometry of Superposition, uniform superposition",
    paper=Config(),
    smoke=Config(
        sizes=((100, 10),),
        inverse_densities=(1.0, 1.29, 1.67, 2.15, 2.78, 3.59, 4.64, 5.99, 7.74, 10.0, 25.0),
        n_steps=1500,
    ),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
