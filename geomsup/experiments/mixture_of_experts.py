"""Toy models behind a router: does routing remove the need for superposition?

Nobody has published an outcome.  Router, gate and balancing loss are those of the Switch
Transformer; what is measured is a question of this project.  An expert with room for m features
that is asked for all n must superpose them like a dense model of its size.  Sent only the inputs
that it is made for, it need not.  So a mixture is held against dense models of the size at work for
one input (one expert), of the size of all experts together, and, between the two, of equal loss.

Two kinds of data have the same features with the same probability: independent ones, where an input
has two features on average and an expert is asked for pairs that nobody could foresee; and sets
whose features occur together, where a router could give each set to one expert.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.experiment import Experiment, Trainer
from geomsup.experiments.outcome import Claim, Outcome
from geomsup.experts import Mixture, MixtureConfig, evaluated, train_mixtures
from geomsup.training import ToyModelConfig

__all__ = ["EXPERIMENT", "Config", "Result", "check", "run"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

DENSE = "dense"
DATA = {"independent": "independent features", "sets": "features in sets"}
GATES = {"weighted": "weighted gate", "straight-through": "straight-through gate"}
# No source gives the following numbers.  Balanced: every expert gets between half of its equal
# share and twice as much.
_BALANCED = 2.0
# Superposition is gone at so many features per dimension; dense models with as many dimensions as
# features have 1.00.
_GONE = 1.1
# A set goes to one expert when so many of its inputs do.
_TOGETHER = 0.9
# An expert that gets fewer of the inputs is idle: what it holds is what it started with.
_IDLE = 0.01
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
        "names": " | ".join(_counts(report.counts()) for report in mixture.reports),
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


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items()) or "nothing"


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
        holds = result.holds[row, :count][result.load[row, :count] >= _IDLE]
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


def check(results: Sequence[Result]) -> Outcome:
    """Compare every mixture with its dense rivals."""
    found = [one for result in results for one in comparisons(result)]
    return Outcome(
        claims=(
            _balanced(found),
            _against_active(found),
            _against_total(found),
            _at_equal_loss(found),
            _gone(found),
            _together_claim(found),
        ),
        numbers={
            "mixtures": [
                {
                    "data": one.data,
                    "gate": one.gate,
                    "experts": one.n_experts,
                    "loss": one.loss,
                    "best_routed": one.best_routed,
                    "worth": one.worth,
                    "held_per_dimension": one.held,
                    "held_by_dense_of_equal_loss": one.rival,
                    "features_per_dimension": one.result.features_per_dimension[
                        one.row, : one.n_experts
                    ],
                    "total_dimensionality": one.result.total_dimensionality[
                        one.row, : one.n_experts
                    ],
                    "load": one.load / one.n_experts,
                    "refused": one.result.refused[one.row],
                    "geometry": one.result.names[one.row],
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
        own = groups.setdefault((one.data, one.gate), {})
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
    idle = sum(int((one.load < _IDLE * one.n_experts).sum()) for one in found)
    return Claim(
        says=f"in most mixtures all experts get between {1 / _BALANCED:g} and {_BALANCED:g} times "
        "their equal share",
        found=f"the least busy of a mixture gets, {_counts_of(found)}: "
        + _each(found, lambda one: float(one.load.min()))
        + f" times that, the busiest of all {busiest:.2f} times",
        by_seed=tuple(even),
        why=f"{idle} of {sum(one.n_experts for one in found)} experts get less than {_IDLE:.0%} of "
        "the inputs, and from them learn nothing that would bring them more",
    )


def _against_active(found: list[Comparison]) -> Claim:
    return Claim(
        says="a mixture loses less than a dense model of the size at work for one input",
        found=f"relative to that model, {_counts_of(found)}: "
        + _each(found, lambda one: one.loss / one.active),
        by_seed=tuple(one.loss < one.active for one in found),
        why="the router learns from the answer of the chosen expert alone; with each input at the "
        "expert that answers it best the same experts would lose "
        + _each(found, lambda one: one.best_routed / one.active),
    )


def _against_total(found: list[Comparison]) -> Claim:
    one_expert = int(found[0].result.n_hidden[found[0].row])
    return Claim(
        says="and more than a dense model of the size of all experts",
        found=f"it is worth a dense model of so many dimensions, {_counts_of(found)}: "
        + _each(found, lambda one: one.worth, ".1f")
        + f"; one expert has {one_expert}",
        by_seed=tuple(one.loss > one.total for one in found),
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


def _gone(found: list[Comparison]) -> Claim:
    """Of the mixtures with at least as many dimensions in all as features."""
    large = [
        one
        for one in found
        if one.n_experts * one.result.n_hidden[one.row] >= one.result.holds.shape[2]
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
    of_sets = [one for one in found if one.data == "sets"]
    return Claim(
        says="features that occur together go to one expert",
        found="of the inputs with one set alone, the set's main expert gets "
        + _each(of_sets, lambda one: float(one.result.together[one.row])),
        by_seed=tuple(bool(one.result.together[one.row] >= _TOGETHER) for one in of_sets),
    )


EXPERIMENT = Experiment(
    id="mixture-of-experts",
    title="toy models behind a top-1 router",
    says="no published outcome; asked here: does routing remove the need for superposition?",
    source="a question of this project; router and balancing loss of Fedus et al. 2021, section 2",
    paper=Config(),
    smoke=Config(n_experts=(2, 8), dense_sizes=(3, 5, 10, 20, 40), n_restarts=2, n_steps=1200),
    run=run,
    check=check,
    result=Result,
)
