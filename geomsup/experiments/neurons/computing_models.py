"""Models that compute, trained: absolute values of few and of many features, and ANDs of pairs.

Their losses have deep traps.  An output whose bias falls below what its neurons give is dead, and
for rare features one unlucky step is enough.  Small initial weights (the outputs then live until
the neurons have found their features) and steps that are small beside the feature probability keep
most outputs alive; of several starts the lowest loss is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame.experiment import Trainer
from geomsup.neurons import NeuronReport, and_report, neuron_report
from geomsup.training import ToyModelConfig, TrainingRun
from geomsup.training.streams import Stream, stream_seed

__all__ = ["Config", "Layers", "Result", "dropped_variance", "run"]

FloatArray = NDArray[np.float64]

# Samples on which the loss of each feature by itself is measured.
_SAMPLES = 1 << 15


@dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes, importance and task of the source; its sparsities and its training it does not state.

    The ANDs are not in the source.
    """

    n_few: int = 3
    n_few_hidden: int = 6
    few_restarts: int = 16
    n_features: int = 100
    n_hidden: int = 40
    decay: float = 0.8
    feature_probabilities: tuple[float, ...] = (1.0, 0.3, 0.1, 0.03, 0.01)
    n_restarts: int = 4
    n_steps: int = 16_000
    # The learning rate is this times the feature probability, and at most the second number.
    rate_per_probability: float = 1 / 3
    largest_rate: float = 3e-2
    n_gates: int = 20
    n_gate_hidden: int = 16
    # A pair is present with the square of it; rarer ones are hardly learned by this training.
    gate_probabilities: tuple[float, ...] = (1.0, 0.5, 0.3, 0.15)
    gate_restarts: int = 8
    gate_steps: int = 8000
    gate_rate: float = 1e-2
    init_scale: float = 0.1
    batch_size: int = 1024


@dataclass(frozen=True, kw_only=True, eq=False)
class Layers:
    """The best models of one task, one for each probability, densest first."""

    signed: bool
    feature_probabilities: FloatArray  # (n_p,)
    importance: FloatArray  # (n_features,)
    W: FloatArray  # (n_p, n_hidden, n_features)
    V: FloatArray
    b: FloatArray  # (n_p, n_features)
    losses: FloatArray  # (n_p, n_restarts), of all models
    feature_losses: FloatArray  # (n_p, n_features), E (y_i − x̂_i)²

    def reports(self) -> list[NeuronReport]:
        """Who computes what in each of these models."""
        if self.signed:
            return [neuron_report(W, V, signed=True) for W, V in zip(self.W, self.V, strict=True)]
        return [and_report(W, V, b) for W, V, b in zip(self.W, self.V, self.b, strict=True)]

    def answered(self) -> FloatArray:
        """How many features, or pairs, are answered: they lose less than half of the variance."""
        variance = dropped_variance(self.feature_probabilities, signed=self.signed)
        count = (self.feature_losses < 0.5 * variance[:, None]).sum(axis=1)
        return np.asarray(count if self.signed else count / 2.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Layers of the three tasks, field by field: `few`, `many` and `gates`."""

    few_losses: FloatArray
    few_W: FloatArray
    few_V: FloatArray
    many_feature_probabilities: FloatArray
    many_importance: FloatArray
    many_W: FloatArray
    many_V: FloatArray
    many_b: FloatArray
    many_losses: FloatArray
    many_feature_losses: FloatArray
    gates_feature_probabilities: FloatArray
    gates_importance: FloatArray
    gates_W: FloatArray
    gates_V: FloatArray
    gates_b: FloatArray
    gates_losses: FloatArray
    gates_feature_losses: FloatArray

    def few(self) -> list[NeuronReport]:
        """Who computes what, in every small model."""
        return [
            neuron_report(W, V, signed=True) for W, V in zip(self.few_W, self.few_V, strict=True)
        ]

    def many(self) -> Layers:
        """The absolute value of many features."""
        return self._layers("many", signed=True)

    def gates(self) -> Layers:
        """The ANDs; their "features" are 2n columns for n pairs."""
        return self._layers("gates", signed=False)

    def _layers(self, task: str, *, signed: bool) -> Layers:
        names = ("feature_probabilities", "importance", "W", "V", "b", "losses", "feature_losses")
        return Layers(signed=signed, **{name: getattr(self, f"{task}_{name}") for name in names})


def dropped_variance(p: FloatArray | float, *, signed: bool) -> FloatArray:
    """Loss of an output that knows nothing of its input: the variance of the right answer.

    |x| of a feature has the mean p/2 and the mean square p/3; the smaller of two, both present with
    probability p², p²/3 and p²/6.
    """
    p = np.asarray(p, dtype=np.float64)
    return np.asarray(p / 3.0 - p**2 / 4.0 if signed else p**2 / 6.0 - p**4 / 9.0)


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train the models of all three tasks, and keep the best of each setting."""
    common: dict[str, Any] = {
        "hidden_activation": "relu",
        "tied": False,
        "batch_size": config.batch_size,
        "lr_schedule": "cosine",
        "init_scale": config.init_scale,
    }
    absolute = {**common, "target": "absolute", "signed": True}
    few = trainer.train(
        "few",
        ToyModelConfig(
            n_features=config.n_few,
            n_hidden=config.n_few_hidden,
            feature_probability=1.0,
            n_instances=config.few_restarts,
            n_steps=config.gate_steps,
            learning_rate=config.gate_rate,
            **absolute,
        ),
        seed,
    )
    importance = np.power(config.decay, np.arange(config.n_features, dtype=np.float64))
    # One training for each probability, because the learning rate goes with it.
    many = [
        trainer.train(
            f"absolute-{p:g}",
            ToyModelConfig(
                n_features=config.n_features,
                n_hidden=config.n_hidden,
                feature_probability=p,
                importance=importance,
                n_instances=config.n_restarts,
                n_steps=config.n_steps,
                learning_rate=min(config.largest_rate, config.rate_per_probability * p),
                **absolute,
            ),
            seed,
        )
        for p in sorted(config.feature_probabilities, reverse=True)
    ]
    of_pairs = np.power(config.decay, np.arange(config.n_gates, dtype=np.float64))
    gates = [
        trainer.train(
            f"and-{p:g}",
            ToyModelConfig(
                n_features=2 * config.n_gates,
                n_hidden=config.n_gate_hidden,
                feature_probability=p,
                importance=np.repeat(of_pairs, 2),
                target="minimum",
                n_instances=config.gate_restarts,
                n_steps=config.gate_steps,
                learning_rate=config.gate_rate,
                **common,
            ),
            seed,
        )
        for p in sorted(config.gate_probabilities, reverse=True)
    ]
    return Result(
        few_losses=few.losses,
        few_W=few.weights,
        few_V=few.decoders,
        **_kept("many", many, seed),
        **_kept("gates", gates, seed),
    )


def _kept(task: str, runs: list[TrainingRun], seed: int) -> dict[str, FloatArray]:
    best = [one.best() for one in runs]
    fields = {
        "feature_probabilities": [one.feature_probability[0] for one in best],
        "importance": best[0].importance,
        "W": [one.W for one in best],
        "V": [one.V for one in best],
        "b": [one.b for one in best],
        "losses": [one.losses for one in runs],
        "feature_losses": [
            _feature_losses(one.W, one.V, one.b, one.feature_probability[0], task, seed)
            for one in best
        ],
    }
    return {f"{task}_{name}": np.array(value) for name, value in fields.items()}


def _feature_losses(
    W: FloatArray, V: FloatArray, b: FloatArray, p: float, task: str, seed: int
) -> FloatArray:
    """E (y_i − x̂_i)² of every output, on a sample."""
    generator = np.random.default_rng(stream_seed(seed, Stream.FEATURE_LOSSES))
    shape = (_SAMPLES, W.shape[1])
    x = generator.random(shape) * (generator.random(shape) < p)
    if task == "many":
        x *= generator.choice((-1.0, 1.0), shape)
        answer = np.abs(x)
    else:
        answer = np.repeat(np.minimum(x[:, ::2], x[:, 1::2]), 2, axis=1)
    given = np.maximum(np.maximum(x @ W.T, 0.0) @ V + b, 0.0)
    return np.asarray(((given - answer) ** 2).mean(axis=0))
