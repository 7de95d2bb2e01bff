"""Computation in superposition: absolute values, and ANDs, by fewer neurons than it takes.

|x| = ReLU(x) + ReLU(−x) takes two neurons.  With so many for each feature models use exactly them;
with fewer, and sparse features, neurons compute several at once.  The source reads this off stacked
bars of weights, "as judged by eye"; here `neuron_report` judges, and `asymmetric_motifs` looks for
the source's motif, beside what there would be by chance.  The source says nothing of other tasks;
the AND of pairs is asked for here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame import Claim, Experiment, Outcome
from geomsup.experiments.frame.measures import at_each, span
from geomsup.experiments.neurons.computing_models import (
    Config,
    Layers,
    Result,
    SmallLayers,
    dropped_variance,
    run,
)
from geomsup.neurons import MotifReport, NeuronReport, asymmetric_motifs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "check", "secondary_weights", "without_superposition"]

FloatArray = NDArray[np.float64]

# The small model computes exactly when its loss is below this share of doing nothing.
_EXACT = 1e-4
# Densities that count as dense for the absolute value: every neuron for one feature.
_DENSE = 0.3
# A motif is no chance find below this probability.
_CHANCE = 0.01
# Secondary features: the next weights into a neuron are at most so large beside the first.
_SECONDARY = 0.5
# Neurons of both kinds: at least this share of the neurons is of each.
_FEW = 0.1


def without_superposition(layers: Layers) -> FloatArray:
    """Loss of two neurons for each of the most important features, which drop all others."""
    dropped = layers.importance[layers.W.shape[1] // 2 :].sum()
    return np.asarray(dropped * dropped_variance(layers.feature_probabilities, signed=True))


def secondary_weights(layers: Layers, row: int) -> FloatArray:
    """Second largest weight into each polysemantic neuron, beside the largest."""
    report = layers.reports()[row]
    return np.array(
        [
            np.sort(np.abs(layers.W[row, k, list(own)]))[-2] / np.abs(layers.W[row, k]).max()
            for k, own in enumerate(report.features)
            if len(own) > 1
        ]
    )


def check(results: Sequence[Result]) -> Outcome:
    """Read every neuron of every best model."""
    many = [result.many for result in results]
    gates = [result.gates for result in results]
    motifs = [
        [asymmetric_motifs(W, V) for W, V in zip(layers.W, layers.V, strict=True)]
        for layers in many
    ]
    return Outcome(
        claims=(
            _pairs([result.few for result in results]),
            _dense(many),
            _more(many),
            _shift(many),
            _important(many),
            _primary(many),
            _motif_claim(many, motifs),
            _more_gates(gates),
        ),
        numbers={
            "feature_probability": many[0].feature_probabilities,
            **_read(many),
            "loss_without_superposition": without_superposition(many[0]),
            "least_kept": _of_reports(many, lambda one: one.least_kept),
            "most_omitted": _of_reports(many, lambda one: one.most_omitted),
            "motifs": [
                [
                    {**one.to_dict(), "motifs": [str(motif) for motif in one.motifs[:5]]}
                    for one in rows
                ]
                for rows in motifs
            ],
            "motifs_found": [[len(one.motifs) for one in rows] for rows in motifs],
            "and_probability": gates[0].feature_probabilities,
            **{f"and_{name}": value for name, value in _read(gates).items()},
        },
    )


def _of_reports(seeds: list[Layers], value: Callable[[NeuronReport], Any]) -> list[list[Any]]:
    """Something of every report, by seed and probability."""
    return [[value(one) for one in layers.reports()] for layers in seeds]


def _read(seeds: list[Layers]) -> dict[str, Any]:
    """Numbers of both tasks."""
    return {
        "neurons": _of_reports(seeds, lambda one: one.counts()),
        "answered": [layers.answered() for layers in seeds],
        "losses": [layers.losses for layers in seeds],
    }


def _by_density(layers: list[Layers], values: NDArray[Any], form: str) -> str:
    """Spans over the seeds, densest first."""
    spans = [span(column, form) for column in values.astype(float).T]
    return at_each(spans, layers[0].feature_probabilities, at="at ")


def _polysemantic(layers: list[Layers]) -> NDArray[np.int64]:
    """Number of polysemantic neurons, shape (n_seeds, n_p)."""
    return np.array(_of_reports(layers, lambda one: one.counts()["polysemantic"]))


def _pairs(few: list[SmallLayers]) -> Claim:
    n_neurons, n_features = few[0].W.shape[1:]
    # Dense features of importance one: doing nothing costs 1/12 for each.
    exact = np.array([one.losses < _EXACT * n_features / 12.0 for one in few])
    paired = np.array([[len(r.pairs) == n_features for r in one.reports()] for one in few])
    best = [own[one.losses.argmin()] for one, own in zip(few, paired, strict=True)]
    return Claim(
        says=f"{n_features} features on {n_neurons} neurons: one for the positive and one for the "
        "negative side of each",
        found=f"so in the best model of {sum(best)} of {len(best)} seeds; in "
        f"{paired.sum()} of {paired.size} models, {exact.sum()} of which compute exactly",
        by_seed=tuple(best),
    )


def _dense(many: list[Layers]) -> Claim:
    polysemantic = _polysemantic(many)
    dense = many[0].feature_probabilities >= _DENSE
    found = [layers.answered()[dense] for layers in many]
    return Claim(
        says=f"in the dense regime, 1−S ≥ {_DENSE:g}, each neuron represents a single feature",
        found=f"polysemantic neurons: {span(polysemantic[:, dense].ravel(), 'd')} of "
        f"{many[0].W.shape[1]}; features answered: {span(np.ravel(found), '.0f')}",
        by_seed=tuple(polysemantic[:, dense].ravel() == 0),
    )


def _more(many: list[Layers]) -> Claim:
    """Sparse models against the best without superposition, which is known exactly."""
    sparse = many[0].feature_probabilities < _DENSE
    ratios = np.array([seed.losses.min(axis=1) / without_superposition(seed) for seed in many])
    answered = np.array([seed.answered() for seed in many])
    limit = many[0].W.shape[1] // 2
    return Claim(
        says=f"sparse ones compute more features than the {limit} that have room for two neurons "
        "each, and lose less than these would",
        found=f"features answered: {_by_density(many, answered, '.0f')}; loss relative to "
        f"{limit} features alone: {_by_density(many, ratios, '.2f')}",
        by_seed=tuple(((answered > limit) & (ratios < 1.0))[:, sparse].ravel()),
        why="these models are hard to train; losses differ between restarts up to "
        f"{max(float((s.losses.max(axis=1) / s.losses.min(axis=1)).max()) for s in many):.0f} "
        "times, and the lowest is taken",
    )


def _shift(many: list[Layers]) -> Claim:
    numbers = _polysemantic(many)
    return Claim(
        says="neurons become polysemantic as features become sparse",
        found=f"polysemantic neurons of {many[0].W.shape[1]} at 1−S: "
        + _by_density(many, numbers, ".0f"),
        by_seed=tuple((np.diff(numbers) >= 0).all(axis=1) & (numbers[:, -1] > numbers[:, 0])),
    )


def _important(many: list[Layers]) -> Claim:
    """Models in which neurons of both kinds are more than a few: who has neurons of its own?"""
    found = []
    for layers in many:
        for p, report in zip(layers.feature_probabilities, layers.reports(), strict=True):
            counts = report.counts()
            if min(counts["monosemantic"], counts["polysemantic"]) < _FEW * len(report.kinds):
                continue
            shared = {i for own in report.features if len(own) > 1 for i in own}
            alone = {i for own in report.features for i in own} - shared
            if alone:
                found.append((float(p), float(np.mean(list(alone))), float(np.mean(list(shared)))))
    text = ", ".join(f"{own:.1f} and {shared:.1f} at {p:g}" for p, own, shared in found)
    return Claim(
        says="where there are neurons of both kinds, the most important features have their own",
        found="mean number, in the order of importance, of features with neurons of their own and "
        f"of features that share: {text or 'no model has neurons of both kinds'}",
        by_seed=tuple(own < shared for _, own, shared in found) or (False,),
    )


def _primary(many: list[Layers]) -> Claim:
    medians, by_seed = [], []
    for layers in many:
        for row, p in enumerate(layers.feature_probabilities):
            weights = secondary_weights(layers, row)
            if len(weights):
                medians.append(f"{np.median(weights):.2f} at {p:g}")
                by_seed.append(bool(np.median(weights) <= _SECONDARY))
    return Claim(
        says="many polysemantic neurons have one primary feature, of large weight, and secondary "
        "ones of smaller weights",
        found="median of the second largest weight into them beside the largest: "
        + (", ".join(medians) or "there are none"),
        by_seed=tuple(by_seed) or (False,),
        why="in half of the neurons or more the second weight is more than half of the first",
    )


def _motif_claim(many: list[Layers], motifs: list[list[MotifReport]]) -> Claim:
    p = many[0].feature_probabilities
    found = [
        (float(q), one) for rows in motifs for q, one in zip(p, rows, strict=True) if q < _DENSE
    ]
    return Claim(
        says="features share neurons in asymmetric superposition with inhibition",
        found="asymmetric pairs that are inhibited, of all, and what chance would inhibit: "
        + ", ".join(
            f"{len(one.motifs)} of {one.n_asymmetric} and {one.expected:.1f} at {q:g}"
            for q, one in found
        ),
        by_seed=tuple(bool(one.motifs) and one.p_value < _CHANCE for _, one in found),
        why="where hardly any neurons are shared there is nothing to inhibit",
    )


def _more_gates(gates: list[Layers]) -> Claim:
    n_neurons = gates[0].W.shape[1]
    answered = np.array([seed.answered() for seed in gates])
    return Claim(
        says=f"asked here, the AND of pairs: {n_neurons} neurons answer more than the "
        f"{n_neurons // 2} pairs that have room for two each",
        found=f"pairs answered at 1−S: {_by_density(gates, answered, '.0f')}; "
        f"polysemantic neurons: {_by_density(gates, _polysemantic(gates), '.0f')}",
        by_seed=tuple(answered[:, -1] > n_neurons / 2),
    )


def draw(results: Sequence[Result]) -> Figure:
    """Draw the figure of the experiment."""
    from geomsup.experiments.neurons.computation_figure import draw as drawn

    return drawn(results)


EXPERIMENT = Experiment(
    id="computation",
    title="computation in superposition",
    says="absolute values are computed by pairs of neurons, one for each sign; as features become "
    "sparse neurons become polysemantic, with asymmetric superposition and inhibition",
    source="Elhage et al. 2022, Computation in Superposition",
    paper=Config(),
    smoke=Config(
        few_restarts=8,
        n_features=30,
        n_hidden=16,
        feature_probabilities=(1.0, 0.1, 0.03),
        n_restarts=2,
        n_steps=3000,
        n_gates=12,
        n_gate_hidden=10,
        gate_probabilities=(1.0, 0.15),
        gate_restarts=3,
        gate_steps=2500,
        batch_size=512,
    ),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
