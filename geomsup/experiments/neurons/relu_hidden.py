"""ReLU on the hidden layer: neurons of their own at first, then codes.

The model is x̂ = ReLU(Wᵀ ReLU(Wx) + b), ten features of falling importance in five neurons.  The
source trains a thousand models at every sparsity, shows the best one of each, and names what the
neurons do by eye.  Here `neuron_report` names it from the signs of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame import Claim, Experiment, Outcome, Trainer, model_config
from geomsup.experiments.frame.measures import at_each, counted, span
from geomsup.neurons import NeuronReport, neuron_report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "Config", "Result", "check", "code_names", "run"]

FloatArray = NDArray[np.float64]

# Where the source sees what: 1 − S from which on neurons are monosemantic, between which there are
# codes beside them, and up to which features sit on pairs of neurons.
_MONOSEMANTIC = 0.5
_CODES = (0.2, 0.5)
_PAIRS = 0.04
# Losses that differ by less are one.
_EQUAL = 0.01


@dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes and importance are the source's; fewer models, and its training is not known."""

    n_features: int = 10
    n_hidden: int = 5
    decay: float = 0.75
    feature_probabilities: tuple[float, ...] = (
        *(1.0, 0.7, 0.5, 0.35, 0.25, 0.2, 0.15, 0.12, 0.07, 0.04, 0.02),
    )
    n_restarts: int = 128  # the source: 1000
    n_steps: int = 6000
    batch_size: int = 512
    learning_rate: float = 5e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """The model of lowest loss at every probability, densest first, and the losses of all."""

    feature_probabilities: FloatArray  # (n_p,)
    importance: FloatArray  # (n_features,)
    weights: FloatArray  # (n_p, n_hidden, n_features)
    biases: FloatArray  # (n_p, n_features)
    losses: FloatArray  # (n_p, n_restarts), on the trainer's fresh sample

    def reports(self) -> list[NeuronReport]:
        """Who represents what in each of these models."""
        return [neuron_report(W) for W in self.weights]


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train many models at each probability and keep the best."""
    p = np.sort(np.array(config.feature_probabilities))[::-1]
    importance: FloatArray = np.power(config.decay, np.arange(config.n_features, dtype=np.float64))
    models = model_config(
        config,
        feature_probability=p[:, None],
        importance=importance,
        hidden_activation="relu",
        n_instances=len(p) * config.n_restarts,
        lr_schedule="cosine",
    )
    trained = trainer.train("models", models, seed)
    best = trained.best_of_each()
    return Result(
        feature_probabilities=p,
        importance=importance,
        weights=np.array([model.W for model in best]),
        biases=np.array([model.b for model in best]),
        losses=trained.losses.reshape(len(p), config.n_restarts),
    )


def code_names(report: NeuronReport) -> str:
    """The codes of a model in one line, such as "3-in-2 (all non-empty sets), 3 × monosemantic"."""
    names = [code.name + (f" ({code.family})" if code.family else "") for code in report.codes]
    return counted(names).replace("1 × ", "")


def check(results: Sequence[Result]) -> Outcome:
    """Name the neurons of every best model."""
    reports = [result.reports() for result in results]
    probabilities = results[0].feature_probabilities
    models = [
        (float(p), report) for own in reports for p, report in zip(probabilities, own, strict=True)
    ]
    lowest = np.array([one.losses.min(axis=1) for one in results])
    reached = [
        one.losses <= (1.0 + _EQUAL) * one.losses.min(axis=1, keepdims=True) for one in results
    ]
    return Outcome(
        claims=(
            _monosemantic(models),
            _codes(models),
            _pairs(models),
            _ever_more(probabilities, reports),
        ),
        numbers={
            "feature_probability": probabilities,
            "codes": [[code_names(one) for one in own] for own in reports],
            "words": [[[str(code) for code in one.codes] for one in own] for own in reports],
            "least_kept": [[one.least_kept for one in own] for own in reports],
            "most_omitted": [[one.most_omitted for one in own] for own in reports],
            "lowest_loss": lowest,
            "share_of_models_within_1_percent": np.mean(reached, axis=(0, 2)),
        },
    )


def _ever_more(p: FloatArray, reports: Sequence[Sequence[NeuronReport]]) -> Claim:
    numbers = np.array([[one.counts()["polysemantic"] for one in own] for own in reports])
    return Claim(
        says="neurons become polysemantic as sparsity increases, more and more of them",
        found="polysemantic neurons at 1−S: "
        + at_each([span(column, "d") for column in numbers.T], p, at="at "),
        by_seed=tuple((np.diff(numbers) >= 0).all(axis=1) & (numbers[:, -1] > numbers[:, 0])),
    )


def _found(models: list[tuple[float, NeuronReport]]) -> str:
    """Codes by probability, with the number of seeds where they differ."""
    by_p: dict[float, list[str]] = {}
    for p, report in models:
        by_p.setdefault(p, []).append(code_names(report))
    return "; ".join(
        f"at {p:g} " + (names[0] if len(set(names)) == 1 else counted(names))
        for p, names in by_p.items()
    )


def _monosemantic(models: list[tuple[float, NeuronReport]]) -> Claim:
    own = [(p, one) for p, one in models if p >= _MONOSEMANTIC]
    return Claim(
        says=f"all neurons are monosemantic at 1−S ≥ {_MONOSEMANTIC:g}",
        found=_found(own),
        by_seed=tuple(one.counts()["monosemantic"] == len(one.kinds) for _, one in own),
    )


def _codes(models: list[tuple[float, NeuronReport]]) -> Claim:
    low, high = _CODES
    own = [(p, one) for p, one in models if low <= p < high]
    return Claim(
        says=f"codes such as 3-in-2 beside monosemantic neurons from {low:g} to {high:g}",
        found=_found(own),
        by_seed=tuple(
            one.counts()["monosemantic"] > 0
            and any(len(code.features) > len(code.neurons) > 1 for code in one.codes)
            for _, one in own
        ),
    )


def _pairs(models: list[tuple[float, NeuronReport]]) -> Claim:
    own = [(p, one) for p, one in models if p <= _PAIRS]
    fired = [[w.count("+") for code in one.codes for w in code.words] for _, one in own]
    sizes = [size for model in fired for size in model]
    return Claim(
        says=f"features on pairs of neurons at 1−S ≤ {_PAIRS:g}",
        found=f"{_found(own)}; in all, {sizes.count(2)} of {len(sizes)} features are on two "
        "neurons",
        by_seed=tuple(set(model) == {2} for model in fired),
        why="where fewer than ten are stored, the more important ones fire three neurons, and only "
        "the others two",
    )


def draw(results: Sequence[Result]) -> Figure:
    """The first seed: W as a map, and the neurons as stacks below it."""
    import matplotlib.pyplot as plt

    from geomsup.plotting.neurons import neuron_legend, neuron_order, plot_neurons
    from geomsup.plotting.style import DIVERGING

    in_a_row, room_for_legend = 4, 0.4  # inches
    result = results[0]
    count = len(result.feature_probabilities)
    rows = -(-count // in_a_row)
    figure = plt.figure(figsize=(12.0, 4.1 * rows + room_for_legend), layout="constrained")
    heights = (4.1 * rows, room_for_legend)
    above, foot = figure.subfigures(2, 1, height_ratios=heights, squeeze=False)[:, 0]
    grid = above.subfigures(rows, min(count, in_a_row), squeeze=False).ravel()
    bound = float(np.abs(result.weights).max())
    for cell, p, W, report in zip(
        grid, result.feature_probabilities, result.weights, result.reports(), strict=False
    ):
        map_ax, stack_ax = cell.subplots(2, 1, height_ratios=(1.0, 1.5))
        image = map_ax.imshow(
            W[neuron_order(report)], cmap=DIVERGING, vmin=-bound, vmax=bound, aspect="auto"
        )
        map_ax.set_xticks(range(W.shape[1]))
        map_ax.tick_params(labelsize=7, length=0)
        map_ax.set_yticks([])
        map_ax.set_xlabel("features", fontsize=8)
        map_ax.set_ylabel("neurons", fontsize=8)
        figure.colorbar(image, ax=map_ax, fraction=0.05, pad=0.02).ax.tick_params(labelsize=7)
        plot_neurons(W, report, ax=stack_ax)
        stack_ax.tick_params(labelsize=7)
        # The largest code has a line of its own, and the others one that is always there.
        largest, _, others = code_names(report).partition(", ")
        cell.suptitle(f"1 − S = {p:g}\n{largest}\n{others}", fontsize=9)
    last = foot.subplots()
    last.axis("off")
    neuron_legend(last, loc="center", ncols=4)
    return figure


EXPERIMENT = Experiment(
    id="relu-hidden",
    title="ReLU on the hidden layer: neurons and codes",
    says="with a ReLU hidden layer features align with neurons; these are monosemantic at "
    "1−S ≥ .5, share features in codes between .2 and .5, and carry features in pairs at ≤ .04",
    source="Elhage et al. 2022, Superposition in a Privileged Basis; the regions are read from its "
    "figure",
    paper=Config(),
    smoke=Config(feature_probabilities=(1.0, 0.5, 0.25, 0.04), n_restarts=32, n_steps=4000),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
