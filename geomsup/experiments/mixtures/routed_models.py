"""Mixtures of experts and their dense rivals: trained, measured, and put side by side.

Two kinds of data have the same features with the same probability: independent ones, where an input
has two features on average and an expert is asked for pairs that nobody could foresee; and sets
whose features occur together, where a router could give each set to one expert.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame.experiment import Trainer
from geomsup.experts import Mixture, MixtureConfig, evaluated, train_mixtures
from geomsup.training import ToyModelConfig

__all__ = [
    "DATA",
    "DENSE",
    "GATES",
    "IDLE",
    "Comparison",
    "Config",
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
class Result:
    """One row for each model: dense ones, and mixtures by gate and number of experts.

    Tables of experts are filled up with zeros.
    """

    data: tuple[str, ...]
    gate: tuple[str, ...]  # "dense" for dense models
    n_experts: IntArray  # (n_models,); 1 for dense models
    n_hidden: IntArray  # (n_models,), of an expert
    losses: FloatArray  # (n_models,)
    loss_errors: FloatArray  # (n_models,)
    # Were each input sent to the expert that answers it best, by somebody who knows the answers:
    best_routed: FloatArray  # (n_models,)
    holds: BoolArray  # (n_models, most experts, n_features), which expert holds which feature
    features_per_dimension: FloatArray  # (n_models, most experts), ‖W‖²/m
    total_dimensionality: FloatArray  # (n_models, most experts), ΣD_i of the features held
    load: FloatArray  # (n_models, most experts)
    refused: FloatArray  # (n_models,)
    together: FloatArray  # (n_models,), share of a set's inputs that its main expert gets; NaN
    norms: FloatArray  # (n_models, most experts, n_features)
    names: tuple[str, ...]  # geometry of all experts
    set_size: int


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train dense models and mixtures on both kinds of data."""
    rows: list[dict[str, Any]] = []
    most = max(config.n_experts)
    for data in DATA:
        for size in config.dense_sizes:
            toy = _toy(config, data, size)
            run = trainer.train(f"{data}-{size}", toy, seed)
            best = run.best()
            dense = Mixture(
                weights=best.W[None],
                biases=best.b[None],
                router=np.zeros((1, config.n_features)),
                gate=config.gates[0],
                load=np.ones(1),
            )
            rows.append(_measured(evaluated(dense, toy, seed), config, data, DENSE, most))
        for gate in config.gates:
            for count in config.n_experts:
                mixtures = train_mixtures(
                    MixtureConfig(
                        toy=_toy(config, data, config.n_hidden),
                        n_experts=count,
                        gate=gate,
                        balance=config.balance,
                        capacity_factor=config.capacity_factor,
                    ),
                    seed,
                    trainer.progress,
                )
                chosen = min(mixtures, key=lambda one: one.loss)
                rows.append(_measured(chosen, config, data, gate, most))
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
    for name, values in columns.items():
        columns[name] = tuple(values) if isinstance(values[0], str) else np.array(values)
    return Result(**columns, set_size=config.set_size)


def _toy(config: Config, data: str, n_hidden: int) -> ToyModelConfig:
    sets = data == "sets"
    return ToyModelConfig(
        n_features=config.n_features,
        n_hidden=n_hidden,
        feature_probability=config.feature_probability,
        correlation="correlated" if sets else "independent",
        set_size=config.set_size if sets else None,
        n_instances=config.n_restarts,
        n_restarts=config.n_restarts,
        n_steps=config.n_steps,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        lr_schedule="cosine",
    )


def _measured(mixture: Mixture, config: Config, data: str, gate: str, most: int) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    n, p, size = config.n_features, config.feature_probability, config.set_size
    shape = (_SAMPLES, n // size if data == "sets" else n)
    present = generator.random(shape) < p
    if data == "sets":
        present = present.repeat(size, axis=1)
    x = present * generator.random((_SAMPLES, n))
    errors = ((mixture.answers(x) - x) ** 2).sum(axis=2)
    dimensionalities = [
        report.dimensionalities[report.represented].sum() for report in mixture.reports
    ]

    def padded(values: object) -> FloatArray:
        array = np.asarray(values)
        return np.concatenate([array, np.zeros((most - len(array), *array.shape[1:]), array.dtype)])

    return {
        "data": data,
        "gate": gate,
        "names": " | ".join(report.summary() for report in mixture.reports),
        "n_experts": mixture.n_experts,
        "n_hidden": mixture.weights.shape[1],
        "losses": mixture.loss,
        "loss_errors": mixture.loss_error,
        "best_routed": float(errors.min(axis=0).mean()),
        "holds": padded(mixture.holds),
        "features_per_dimension": padded(mixture.features_per_dimension),
        "total_dimensionality": padded(dimensionalities),
        "load": padded(mixture.load),
        "refused": mixture.refused,
        "together": _together(mixture, size, generator) if data == "sets" else np.nan,
        "norms": padded(np.linalg.norm(mixture.weights, axis=1)),
    }


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

    data: str
    gate: str
    n_experts: int
    loss: float
    best_routed: float
    active: float  # loss of the dense model of one expert's size
    total: float  # of the dense model of all experts' size
    worth: float  # dimensions of the dense model of equal loss
    held: float  # features per dimension that an expert holds, on average over those not idle
    copies: float  # experts that hold a feature, on average over the features that any holds
    rival: float  # that the dense model of equal loss holds
    row: int
    result: Result

    @property
    def load(self) -> FloatArray:
        """Share of each expert, relative to an equal share."""
        share: FloatArray = self.result.load[self.row, : self.n_experts] * self.n_experts
        return share


def comparisons(result: Result) -> Iterator[Comparison]:
    """All mixtures of a result, each with its dense rivals."""
    for row, gate in enumerate(result.gate):
        if gate == DENSE:
            continue
        sizes, losses, held = dense_curve(result, result.data[row])
        count, m = int(result.n_experts[row]), int(result.n_hidden[row])
        loss = float(result.losses[row])
        # Losses fall from size to size; logarithms make the curve nearly straight.
        worth = float(np.exp(np.interp(-np.log(loss), -np.log(losses), np.log(sizes))))
        holds = result.holds[row, :count][result.load[row, :count] >= IDLE]
        copies = holds.sum(axis=0)
        yield Comparison(
            data=result.data[row],
            gate=gate,
            n_experts=count,
            loss=loss,
            best_routed=float(result.best_routed[row]),
            active=float(losses[sizes == m][0]),
            total=float(np.exp(np.interp(np.log(m * count), np.log(sizes), np.log(losses)))),
            worth=worth,
            held=float(holds.sum(axis=1).mean()) / m,
            copies=float(copies[copies > 0].mean()),
            rival=float(np.interp(np.log(worth), np.log(sizes), held)),
            row=row,
            result=result,
        )


def dense_curve(result: Result, data: str) -> tuple[IntArray, FloatArray, FloatArray]:
    """Sizes, losses and features held per dimension of the dense models, by size."""
    rows = [
        k
        for k, (kind, gate) in enumerate(zip(result.data, result.gate, strict=True))
        if kind == data and gate == DENSE
    ]
    rows.sort(key=lambda k: int(result.n_hidden[k]))
    sizes = result.n_hidden[rows]
    return sizes, result.losses[rows], result.holds[rows, 0].sum(axis=1) / sizes
