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

from geomsup.experiments.frame.experiment import Experiment, Trainer
from geomsup.experiments.frame.measures import exact_losses, span
from geomsup.experiments.frame.outcome import Claim, Outcome
from geomsup.experiments.uniform.census import census_of, feature_shares, padded
from geomsup.theory import digon_loss
from geomsup.theory.closed_forms import digon_optimum, dropped_loss
from geomsup.training import ToyModelConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "EXPERIMENT",
    "Config",
    "Result",
    "Series",
    "all_series",
    "check",
    "dwell",
    "on_plateau",
    "run",
    "straight_dwell",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

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
class Result:
    """One row for each model; tables of smaller models are filled up with zeros.

    The number of models is that of sizes times that of sparsities.
    """

    n_features: IntArray  # (n_models,)
    n_hidden: IntArray  # (n_models,)
    feature_probability: FloatArray  # (n_models,)
    weights: FloatArray  # (n_models, largest n_hidden, largest n_features)
    biases: FloatArray  # (n_models, largest n_features)
    losses: FloatArray  # (n_models,), on the trainer's fresh sample
    # Exact for the models around D* = 1/2, which have an exact rival; NaN for others.
    exact_losses: FloatArray  # (n_models,)
    digon_losses: FloatArray  # (n_models,), of n_hidden ideal digons; NaN likewise
    names: NDArray[np.str_]  # (n_models, largest n_features), see Census
    components: IntArray
    ranks: IntArray
    dimensionalities: FloatArray


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train a model at each sparsity, and name what its features form."""
    probabilities = 1.0 / np.array(config.inverse_densities)
    sizes = config.sizes if seed < config.n_seeds_of_first else config.sizes[1:] or config.sizes
    largest = (max(n for n, _ in sizes), max(m for _, m in sizes))
    rows: dict[str, list[NDArray[np.generic]]] = {}
    for n, m in sizes:
        trained = trainer.train(
            f"{n}-{m}",
            ToyModelConfig(
                n_features=n,
                n_hidden=m,
                feature_probability=probabilities[:, None],
                n_instances=len(probabilities),
                n_steps=config.n_steps,
                learning_rate=config.learning_rate,
                lr_schedule="cosine",
                batch_size=config.batch_size,
            ),
            seed,
        )
        exact = np.full(len(probabilities), np.nan)
        rivals = exact.copy()
        at = np.flatnonzero(on_plateau(dimensions_per_feature(trained.weights), 0.5))
        for k in at:
            p = float(probabilities[k])
            exact[k] = exact_losses(trained.weights[[k]], trained.biases[[k]], p)[0]
            rivals[k] = _loss_of_digons(n, m, p)
        models = len(probabilities)
        tables = {
            "n_features": np.full(models, n),
            "n_hidden": np.full(models, m),
            "feature_probability": probabilities,
            "weights": padded(trained.weights, models, largest[1], largest[0]),
            "biases": padded(trained.biases, models, largest[0]),
            "losses": trained.losses,
            "exact_losses": exact,
            "digon_losses": rivals,
        }
        for name, table in vars(census_of(trained.weights)).items():
            tables[name] = padded(table, models, largest[0])
        # Zeros would stand for a first component.
        tables["components"][:, n:] = -1
        for name, table in tables.items():
            rows.setdefault(name, []).append(table)
    return Result(**{name: np.concatenate(parts) for name, parts in rows.items()})


def _loss_of_digons(n_features: int, n_hidden: int, p: float) -> float:
    """Exact loss of ideal digons in every dimension, all other features dropped."""
    best = digon_optimum(p)
    if best is None:
        return float("nan")
    dropped = (n_features - 2 * n_hidden) * float(dropped_loss(p))
    return n_hidden * digon_loss(*best, p) + dropped


def dimensions_per_feature(weights: FloatArray) -> FloatArray:
    """D* = m/‖W‖_F² of each model: the paper's measure of dimensions per represented feature."""
    dimensions: FloatArray = weights.shape[1] / (weights**2).sum(axis=(1, 2))
    return dimensions


def on_plateau(dimensions: FloatArray, level: float) -> NDArray[np.bool_]:
    """Which models are at a level of D*."""
    near: NDArray[np.bool_] = np.abs(dimensions - level) <= LEVEL_WIDTH
    return near


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """The models of one size and one seed, densest first."""

    n_features: int
    n_hidden: int
    inverse_densities: FloatArray  # (n_models,)
    dimensions: FloatArray  # (n_models,), D*
    models: IntArray  # (n_models,), rows of the result
    result: Result

    def __str__(self) -> str:
        return f"{self.n_features}→{self.n_hidden}"


def all_series(results: Sequence[Result]) -> list[Series]:
    """The series of all results, in the order of the results."""
    found = []
    for result in results:
        squares = (result.weights**2).sum(axis=(1, 2))
        sizes = dict.fromkeys(
            zip(result.n_features.tolist(), result.n_hidden.tolist(), strict=True)
        )
        for n, m in sizes:
            models = np.flatnonzero((result.n_features == n) & (result.n_hidden == m))
            models = models[np.argsort(-result.feature_probability[models], kind="stable")]
            found.append(
                Series(
                    n_features=n,
                    n_hidden=m,
                    inverse_densities=1.0 / result.feature_probability[models],
                    dimensions=m / squares[models],
                    models=models,
                    result=result,
                )
            )
    return found


def dwell(series: Series, level: float) -> float:
    """Length of ln 1/(1 - S) in which D*, interpolated between the models, is at the level."""
    fine, dimensions = _interpolated(series)
    return float(on_plateau(dimensions, level).mean() * fine[-1])


def straight_dwell(series: Series, level: float) -> float:
    """The same length if D* fell along a straight line over the range."""
    fine, dimensions = _interpolated(series)
    line = np.linspace(dimensions[0], dimensions[-1], len(fine))
    return float(on_plateau(line, level).mean() * fine[-1])


def _interpolated(series: Series) -> tuple[FloatArray, FloatArray]:
    logs = np.log(series.inverse_densities)
    fine = np.linspace(0.0, np.log(_RANGE), _FINE)
    return fine, np.interp(fine, logs, series.dimensions)


def check(results: Sequence[Result]) -> Outcome:
    """Measure how D* lingers at 1 and at 1/2, and what the features do there."""
    series = all_series(results)
    return Outcome(
        claims=(
            _sticky(series, 1.0, "1"),
            _sticky(series, 0.5, "1/2"),
            _digons(series),
            _growth(series),
        ),
        numbers={
            str(k): {
                "size": str(one),
                "inverse_density": one.inverse_densities,
                "dimensions_per_feature": one.dimensions,
                "loss": one.result.losses[one.models],
            }
            for k, one in enumerate(series)
        },
    )


def _sticky(series: list[Series], level: float, text: str) -> Claim:
    """Longer in the band around the level than in its neighbours, and than on a straight line."""
    here = [dwell(one, level) for one in series]
    below = [dwell(one, level - 2 * LEVEL_WIDTH) for one in series]
    above = [dwell(one, level + 2 * LEVEL_WIDTH) for one in series]
    straight = [straight_dwell(one, level) for one in series]
    beside = np.maximum(below, above)
    return Claim(
        says=f"D* = m/‖W‖² sticks at {text}",
        found=f"D* stays within {LEVEL_WIDTH:g} of {text} for {span(here, '.2f')} of ln 1/(1−S), "
        f"in the equally wide bands beside it for at most {span(beside, '.2f')}, on a straight "
        f"line for {span(straight, '.2f')}",
        by_seed=tuple(
            bool(own > max(other, line))
            for own, other, line in zip(here, beside, straight, strict=True)
        ),
    )


def _digons(series: list[Series]) -> Claim:
    """What the features of the models at D* = 1/2 form, and what that costs."""
    shares, held, ratios = [], [], []
    for one in series:
        for k in one.models[on_plateau(one.dimensions, 0.5)]:
            shares.append(feature_shares(one.result.names[k]).get("digon", 0.0))
            in_digons = one.result.dimensionalities[k][one.result.names[k] == "digon"]
            held.append(in_digons.sum() / one.n_hidden)
            ratios.append(one.result.exact_losses[k] / one.result.digon_losses[k])
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


def _growth(series: list[Series]) -> Claim:
    """Whether each sparser model beyond the plateau packs more features into a dimension."""
    falls, last = [], []
    for one in series:
        beyond = one.dimensions[one.dimensions < 0.5 - LEVEL_WIDTH]
        falls.append(len(beyond) > 1 and bool(np.all(np.diff(beyond) < 0)))
        last.append(1.0 / one.dimensions[-1])
    sparsest = series[0].inverse_densities[-1]
    return Claim(
        says="beyond 1/2 ever more features share a dimension as they get sparser",
        found=f"‖W‖²/m grows from model to model in {sum(falls)} of {len(falls)} series, to "
        f"{span(last, '.2f')} at 1/(1−S) = {sparsest:g}",
        by_seed=tuple(falls),
    )


def draw(results: Sequence[Result]) -> Figure:
    """Draw the figure of the experiment."""
    from geomsup.experiments.uniform.uniform_figure import draw as drawn

    return drawn(results)


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
