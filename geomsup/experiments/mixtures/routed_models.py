"""Mixtures of experts and their dense rivals: trained, measured, and put side by side.

Two kinds of data have the same features with the same probability: independent ones, where an input
has two features on average and an expert is asked for pairs that nobody could foresee; and sets
whose features occur together, where a router could give each set to one expert.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame import Trainer, model_config
from geomsup.experts import Mixture, MixtureConfig, evaluated, train_mixtures
from geomsup.training import ToyModelConfig

__all__ = [
    "DATA",
    "DENSE",
    "GATES",
    "IDLE",
    "Comparison",
    "Config",
    "Model",
    "Result",
    "comparisons",
    "dense_curve",
    "run",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

DENSE = "dense"
DATA = {"independent": "independent features", "sets": "features in sets"}
GATES = {"weighted": "weighted gate", "straight-through": "straight-through gate"}
# An expert that gets fewer of the inputs is idle: what it holds is what it started with.
IDLE = 0.01
_SAMPLES = 1 << 13


@dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes chosen such that the largest mixture has as many dimensions in all as features."""

    n_features: int = 40
    n_hidden: int = 5  # of an expert, and of the dense model of the same active size
    n_experts: tuple[int, ...] = (2, 4, 8)
    # The smallest because a mixture may lose more than its one expert would alone.
    dense_sizes: tuple[int, ...] = (3, 5, 7, 10, 14, 20, 28, 40)
    set_size: int = 5
    feature_probability: float = 0.05
    gates: tuple[str, ...] = tuple(GATES)
    balance: float = 0.01  # Fedus et al. 2021, section 2.2, chosen by a sweep there
    capacity_factor: float = 1.25  # one of theirs; the others are 1 and 2
    n_restarts: int = 3  # the one with the lowest loss is taken
    n_steps: int = 10_000
    batch_size: int = 512
    learning_rate: float = 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A mixture, or a dense model as one of a single expert; arrays begin with the experts."""

    data: str
    gate: str  # "dense" for dense models
    n_hidden: int  # of an expert
    loss: float
    loss_error: float
    # Were each input sent to the expert that answers it best, by somebody who knows the answers:
    best_routed: float
    holds: BoolArray  # (n_experts, n_features), which expert holds which feature
    features_per_dimension: FloatArray  # (n_experts,), ‖W‖²/m
    total_dimensionality: FloatArray  # (n_experts,), ΣD_i of the features held
    load: FloatArray  # (n_experts,)
    refused: float
    together: float  # share of a set's inputs that its main expert gets; NaN without sets
    norms: FloatArray  # (n_experts, n_features)
    geometry: str  # of all experts

    @property
    def n_experts(self) -> int:
        """One for dense models."""
        return len(self.load)


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Dense models, and mixtures by gate and number of experts, on both kinds of data."""

    models: tuple[Model, ...]
    set_size: int


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train dense models and mixtures on both kinds of data."""
    models = [
        _measured(mixture, config, data, gate)
        for data in DATA
        for gate, mixture in _trained(config, data, seed, trainer)
    ]
    return Result(models=tuple(models), set_size=config.set_size)


def _trained(
    config: Config, data: str, seed: int, trainer: Trainer
) -> Iterator[tuple[str, Mixture]]:
    """The best dense model of every size, and the best mixture of every kind."""
    for size in config.dense_sizes:
        toy = _toy(config, data, size)
        best = trainer.train(f"{data}-{size}", toy, seed).best()
        dense = Mixture(
            weights=best.W[None],
            biases=best.b[None],
            router=np.zeros((1, config.n_features)),
            gate=config.gates[0],
            load=np.ones(1),
        )
        yield DENSE, evaluated(dense, toy, seed)
    for gate in config.gates:
        for count in config.n_experts:
            routed = MixtureConfig(
                toy=_toy(config, data, config.n_hidden),
                n_experts=count,
                gate=gate,
                balance=config.balance,
                capacity_factor=config.capacity_factor,
            )
            mixtures = train_mixtures(routed, seed, trainer.progress)
            yield gate, min(mixtures, key=lambda one: one.loss)


def _toy(config: Config, data: str, n_hidden: int) -> ToyModelConfig:
    sets = data == "sets"
    return model_config(
        config,
        n_hidden=n_hidden,
        correlation="correlated" if sets else "independent",
        set_size=config.set_size if sets else None,
        n_instances=config.n_restarts,
        lr_schedule="cosine",
    )


def _measured(mixture: Mixture, config: Config, data: str, gate: str) -> Model:
    generator = np.random.default_rng(0)
    n, p, size = config.n_features, config.feature_probability, config.set_size
    shape = (_SAMPLES, n // size if data == "sets" else n)
    present = generator.random(shape) < p
    if data == "sets":
        present = present.repeat(size, axis=1)
    x = present * generator.random((_SAMPLES, n))
    errors = ((mixture.answers(x) - x) ** 2).sum(axis=2)
    return Model(
        data=data,
        gate=gate,
        n_hidden=mixture.weights.shape[1],
        loss=mixture.loss,
        loss_error=mixture.loss_error,
        best_routed=float(errors.min(axis=0).mean()),
        holds=mixture.holds,
        features_per_dimension=mixture.features_per_dimension,
        total_dimensionality=np.array(
            [one.dimensionalities[one.represented].sum() for one in mixture.reports]
        ),
        load=mixture.load,
        refused=mixture.refused,
        together=_together(mixture, size, generator) if data == "sets" else np.nan,
        norms=np.linalg.norm(mixture.weights, axis=1),
        geometry=" | ".join(report.summary() for report in mixture.reports),
    )


def _together(mixture: Mixture, size: int, generator: np.random.Generator) -> float:
    """Mean over the sets: of inputs with this set alone, the share that its main expert gets."""
    n = mixture.weights.shape[2]
    shares = []
    for start in range(0, n, size):
        x = np.zeros((512, n))
        x[:, start : start + size] = generator.random((512, size))
        shares.append(np.bincount(mixture.route(x)).max() / len(x))
    return float(np.mean(shares))


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A mixture beside dense models of the same data and seed."""

    mixture: Model
    active: float  # loss of the dense model of one expert's size
    total: float  # of the dense model of all experts' size
    worth: float  # dimensions of the dense model of equal loss
    held: float  # features per dimension that an expert holds, on average over those not idle
    copies: float  # experts that hold a feature, on average over the features that any holds
    rival: float  # features per dimension that the dense model of equal loss holds

    @property
    def n_experts(self) -> int:
        """Of the mixture."""
        return self.mixture.n_experts

    @property
    def load(self) -> FloatArray:
        """Share of each expert, relative to an equal share."""
        share: FloatArray = self.mixture.load * self.n_experts
        return share


def comparisons(result: Result) -> list[Comparison]:
    """All mixtures of a result, each with its dense rivals."""
    return [_compared(one, result) for one in result.models if one.gate != DENSE]


def _compared(mixture: Model, result: Result) -> Comparison:
    sizes, losses, held = dense_curve(result, mixture.data)
    m = mixture.n_hidden
    # Losses fall from size to size; logarithms make the curve nearly straight.
    worth = float(np.exp(np.interp(-np.log(mixture.loss), -np.log(losses), np.log(sizes))))
    of_all = np.interp(np.log(m * mixture.n_experts), np.log(sizes), np.log(losses))
    holds = mixture.holds[mixture.load >= IDLE]
    copies = holds.sum(axis=0)
    return Comparison(
        mixture=mixture,
        active=float(losses[sizes == m][0]),
        total=float(np.exp(of_all)),
        worth=worth,
        held=float(holds.sum(axis=1).mean()) / m,
        copies=float(copies[copies > 0].mean()),
        rival=float(np.interp(np.log(worth), np.log(sizes), held)),
    )


def dense_curve(result: Result, data: str) -> tuple[IntArray, FloatArray, FloatArray]:
    """Sizes, losses and features held per dimension of the dense models, by size."""
    dense = [one for one in result.models if one.data == data and one.gate == DENSE]
    dense.sort(key=lambda one: one.n_hidden)
    sizes = np.array([one.n_hidden for one in dense])
    held = np.array([one.holds.sum() for one in dense]) / sizes
    return sizes, np.array([one.loss for one in dense]), held
