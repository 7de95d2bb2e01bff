"""Few data: the model stores data points in superposition, and features only when there are many.

The toy model in two dimensions, trained on T samples, again and again on all of them.  With few it
stores the samples themselves, as a regular T-gon of hidden vectors; with many it learns features,
as with fresh samples; in between it does neither well, and is worse on new samples than a model
that answers with zero.

The source has 10,000 features with 1 − S = .001 and takes 50,000 steps.  Here are, as in the
replication by Hobbhahn that the source prints, ten times fewer features that are ten times as
frequent, so that a sample has as many as there; and ten to twenty times fewer steps, so many times
as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame import Claim, Experiment, Outcome, Trainer, model_config
from geomsup.experiments.frame.measures import at_each, names_of, span
from geomsup.geometry.gram import feature_dimensionality
from geomsup.training import TrainingRun, training_set

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "EXPERIMENT",
    "LOSS_OF_ZERO",
    "Config",
    "Result",
    "Trained",
    "check",
    "dimensionalities",
    "polygon_name",
    "run",
]

FloatArray = NDArray[np.float64]

# Samples that are kept of each data set, for their picture and their dimensionalities.
_KEPT = 300
# "Follow m/T": the median of a data set is within this share of it.
_FOLLOWS = 0.1
# "Large": a feature that has so much of what a vertex of a pentagon has.
_LARGE = 0.5 * 2 / 5
# "Revealing a clear bump": so many times the loss at both ends.
_BUMP = 1.02
# Loss of a model that answers with zero, because every sample has length one.
LOSS_OF_ZERO = 1.0


@dataclass(frozen=True, kw_only=True)
class Config:
    """Learning rate and number of steps are chosen so that their product is near the source's.

    At 1e-3 and 50,000 steps it is 50.
    """

    n_features: int = 1000
    n_hidden: int = 2
    feature_probability: float = 0.01
    dataset_sizes: tuple[int, ...] = (3, 5, 6, 8, 10, 15, 30, 50, 100, 200, 500, 1000, 3000)
    n_datasets: int = 2
    # The lowest training loss of so many is kept; the source does so "in some experiments".
    n_restarts: int = 4
    # Where data points are looked at one by one; one restart beyond.
    few: int = 30
    n_steps: int = 3000
    n_warmup: int = 150
    learning_rate: float = 1e-2
    lr_schedule: str = "cosine"
    optimizer: str = "adamw"
    weight_decay: float = 1e-2


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """The models of one size of the data set; of each data set, that of lowest training loss."""

    dataset_size: int
    weights: FloatArray  # (n_datasets, 2, n_features)
    biases: FloatArray  # (n_datasets, n_features)
    training_losses: FloatArray  # (n_datasets,), on the data set
    losses: FloatArray  # (n_datasets,), on fresh samples
    hidden: FloatArray  # (n_datasets, n_kept, 2): the hidden vectors of the first samples
    sample_dimensionalities: FloatArray  # (n_datasets, n_kept), among all samples of the data set
    names: tuple[str, ...]  # (n_datasets,): what few hidden vectors form; empty beyond


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """All sizes of the data set."""

    sizes: tuple[Trained, ...]
    few: int


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train on data sets of every size."""
    trained = []
    for size in config.dataset_sizes:
        restarts = config.n_restarts if size <= config.few else 1
        models = model_config(
            config,
            dataset_size=size,
            batch_size=size,
            unit_norm=True,
            n_instances=config.n_datasets * restarts,
            n_restarts=restarts,
        )
        trained.append(_best(trainer.train(f"T={size}", models, seed), size <= config.few))
    return Result(sizes=tuple(trained), few=config.few)


def _best(trained: TrainingRun, are_named: bool) -> Trained:
    """The restart of lowest training loss for each data set."""
    config, chosen = trained.config, []
    for first in range(0, config.n_instances, config.n_restarts):
        samples = training_set(config, trained.seed, instance=first)
        found = [_seen(trained, k, samples) for k in range(first, first + config.n_restarts)]
        chosen.append(min(found, key=lambda one: float(one["training_losses"])))
    names = tuple(names_of(np.array([one["hidden"].T for one in chosen])) if are_named else ())
    return Trained(
        dataset_size=int(config.dataset_size or 0),
        names=names or ("",) * len(chosen),
        **{name: np.array([one[name] for one in chosen]) for name in chosen[0]},
    )


def _seen(trained: TrainingRun, k: int, samples: FloatArray) -> dict[str, FloatArray]:
    """What a model makes of its data set."""
    W, b = trained.weights[k], trained.biases[k]
    hidden = samples @ W.T
    answers = np.maximum(hidden @ W + b, 0.0)
    return {
        "weights": W,
        "biases": b,
        "training_losses": np.asarray(((answers - samples) ** 2).sum(axis=1).mean()),
        "losses": trained.losses[k],
        "hidden": hidden[:_KEPT],
        "sample_dimensionalities": feature_dimensionality(hidden.T)[:_KEPT],
    }


def polygon_name(size: int) -> str:
    """What a regular polygon of so many vertices is called.

    >>> polygon_name(5), polygon_name(10)
    ('pentagon', '10-gon')
    """
    known = {3: "triangle", 4: "square", 5: "pentagon", 6: "hexagon", 7: "heptagon", 8: "octagon"}
    return known.get(size, f"{size}-gon")


def check(results: Sequence[Result]) -> Outcome:
    """Compare both ends with the source, and the middle with both."""
    sizes = [one.dataset_size for one in results[0].sizes]
    by_size = [[result.sizes[k] for result in results] for k in range(len(sizes))]
    losses = np.array([[np.mean(one.losses) for one in alike] for alike in by_size])
    training = np.array([[np.mean(one.training_losses) for one in alike] for alike in by_size])
    few = [alike for size, alike in zip(sizes, by_size, strict=True) if size <= results[0].few]
    return Outcome(
        claims=(
            _polygons(few),
            _sample_dimensionalities(few),
            _few_features_small(by_size[0], by_size[-1]),
            _five_features(by_size[-1]),
            _bump(sizes, losses),
            _norms(sizes, by_size),
        ),
        numbers={
            "dataset_size": sizes,
            "loss": losses,
            "training_loss": training,
            "norm": [[float(_norm(one).mean()) for one in alike] for alike in by_size],
            "largest_feature_dimensionality": [
                [float(dimensionalities(one).max(axis=1).mean()) for one in alike]
                for alike in by_size
            ],
            "median_sample_dimensionality": [
                [float(np.median(one.sample_dimensionalities)) for one in alike]
                for alike in by_size
            ],
            "shapes": [[name for one in alike for name in one.names] for alike in few],
        },
    )


def dimensionalities(trained: Trained) -> FloatArray:
    """D of every feature, (n_datasets, n_features)."""
    return np.array([feature_dimensionality(W) for W in trained.weights])


def _norm(trained: Trained) -> FloatArray:
    """Frobenius norm of the weights, (n_datasets,)."""
    return np.asarray(np.linalg.norm(trained.weights, axis=(1, 2)))


def _polygons(few: Sequence[Sequence[Trained]]) -> Claim:
    named = [
        [name == polygon_name(one.dataset_size) for one in alike for name in one.names]
        for alike in few
    ]
    said = ", ".join(
        f"{sum(right)} of {len(right)} at T = {alike[0].dataset_size}"
        for right, alike in zip(named, few, strict=True)
    )
    return Claim(
        says="few data points form a regular T-gon in the hidden space",
        found=said,
        why="points on two circles, where one restart or all are stuck, have no one name",
        by_seed=tuple(right for of_size in named for right in of_size),
    )


def _sample_dimensionalities(few: Sequence[Sequence[Trained]]) -> Claim:
    ratios = [
        [
            float(np.median(row)) * one.dataset_size / 2
            for one in alike
            for row in one.sample_dimensionalities
        ]
        for alike in few
    ]
    sizes = [alike[0].dataset_size for alike in few]
    means = [float(np.mean(row)) for row in ratios]
    return Claim(
        says="dimensionalities of few data points follow m/T",
        found=f"their median is so many times it: {at_each(means, sizes, '.2f', 'at T = ')}",
        by_seed=tuple(abs(ratio - 1.0) <= _FOLLOWS for row in ratios for ratio in row),
    )


def _few_features_small(first: Sequence[Trained], last: Sequence[Trained]) -> Claim:
    least = [float(d) for one in first for d in dimensionalities(one).max(axis=1)]
    most = [float(d) for one in last for d in dimensionalities(one).max(axis=1)]
    return Claim(
        says="features have small dimensionalities where data points are stored",
        found=f"the largest is {span(least)} at T = {first[0].dataset_size} and {span(most)} at "
        f"T = {last[0].dataset_size}",
        by_seed=tuple(low < _LARGE for low in least),
    )


def _five_features(last: Sequence[Trained]) -> Claim:
    found = [row for one in last for row in dimensionalities(one)]
    numbers = [int((row >= _LARGE).sum()) for row in found]
    tops = [float(np.sort(row)[-5:].mean()) for row in found]
    return Claim(
        says="with many data five features have large dimensionalities, the rest small ones",
        found=f"{span(numbers, 'd')} features have {_LARGE:g} or more at T = "
        f"{last[0].dataset_size}; the five largest are {span(tops, '.2f')} on average, 0.4 in a "
        "pentagon alone",
        by_seed=tuple(number == 5 for number in numbers),
    )


def _bump(sizes: Sequence[int], losses: FloatArray) -> Claim:
    tops = losses.max(axis=0)
    where = [sizes[k] for k in losses.argmax(axis=0)]
    return Claim(
        says="the loss on fresh samples rises and falls again as the data grow",
        found=f"{span(losses[0], '.4f')} at T = {sizes[0]}, at most {span(tops, '.4f')} at T = "
        f"{span(where, 'd')}, {span(losses[-1], '.4f')} at T = {sizes[-1]}; an answer of zero "
        f"costs {LOSS_OF_ZERO:g}",
        by_seed=tuple(tops > _BUMP * np.maximum(losses[0], losses[-1])),
    )


def _norms(sizes: Sequence[int], by_size: Sequence[Sequence[Trained]]) -> Claim:
    norms = np.array([[_norm(one).mean() for one in alike] for alike in by_size])
    inner = (norms.argmax(axis=0) > 0) & (norms.argmax(axis=0) < len(sizes) - 1)
    where = [sizes[k] for k in norms.argmax(axis=0)]
    return Claim(
        says="the norm of the weights rises with T, then falls to about √5",
        found=f"‖W‖ is {span(norms[0], '.2f')} at T = {sizes[0]}, at most "
        f"{span(norms.max(axis=0), '.1f')} at T = {span(where, 'd')}, {span(norms[-1], '.2f')} at "
        f"T = {sizes[-1]}",
        why="the source has 2.2 for an oversimplified solution without biases",
        by_seed=tuple(inner & (np.abs(norms[-1] - 5**0.5) < 1.0)),
    )


def draw(results: Sequence[Result]) -> Figure:
    """Losses and dimensionalities against T, and the vectors of some sizes, as in the source."""
    from geomsup.experiments.learning.memorisation_figure import draw_memorisation

    return draw_memorisation(results)


EXPERIMENT = Experiment(
    id="memorisation",
    title="data points in superposition, then features, as the data grow",
    says="models of few data points store these, as regular T-gons; models of many store five "
    "features as a pentagon; in between the loss on fresh samples is higher than at both ends",
    source="Henighan et al. 2023, Superposition, Memorization, and Double Descent",
    paper=Config(),
    smoke=Config(
        n_features=400,
        dataset_sizes=(5, 6, 100, 2000),
        n_datasets=1,
        n_restarts=2,
        few=10,
        n_steps=1200,
        n_warmup=60,
    ),
    run=run,
    check=check,
    draw=draw,
    result=Result,
    paper_seeds=1,
)
