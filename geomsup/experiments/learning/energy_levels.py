"""Features are learned one at a time: D_i jumps between levels, and the loss drops when it does.

Two models of the `uniform` sweep are watched: one that ends as digons in every dimension, and one
sparser, that ends as a mixture of shapes.  Records are spaced by equal ratios of the step, because
most of the learning is over in the first tenth of a training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.dynamics import GeometryTimeline, geometry_timeline
from geomsup.experiments.frame import Claim, Experiment, Outcome, Trainer, model_config
from geomsup.experiments.frame.measures import counted, reports_of, span

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "Config", "Result", "check", "run", "timelines"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# "Coincide": so many times the share of jumps that would lie in a drop by chance.
_OFTEN = 2.0
# "Most" stored features arrive in a jump; and "one at a time": most jumps move at most a pair.
_MOST = 0.5
_PAIR = 2
_STORED = 0.25  # level of a feature that is stored at the end, half of a digon's


@dataclass(frozen=True, kw_only=True)
class Config:
    """The source gives no size; these are the notebook's, at its learning rate."""

    n_features: int = 200
    n_hidden: int = 20
    # 1/(1 - S) = 3.42, where `uniform` finds digons only, and 5, where it finds a mixture.
    feature_probabilities: tuple[float, ...] = (0.292, 0.2)
    n_steps: int = 5000
    batch_size: int = 1024
    learning_rate: float = 1e-3
    n_records: int = 240


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Trajectories of one model for each probability."""

    steps: IntArray  # (n_records,)
    weights: NDArray[np.float32]  # (n_records, n_models, n_hidden, n_features), as trained
    losses: FloatArray  # (n_records, n_models), on one sample for all records
    feature_probabilities: FloatArray  # (n_models,)
    shapes: tuple[str, ...]  # (n_models,), at the end


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train both models and keep their weights on the way."""
    models = model_config(
        config,
        feature_probability=[[p] for p in config.feature_probabilities],
        n_instances=len(config.feature_probabilities),
        record_schedule="log",
    )
    trained = trainer.train("models", models, seed)
    return Result(
        steps=trained.trajectory.steps,
        weights=trained.trajectory.weights.astype(np.float32),
        losses=trained.trajectory.losses,
        feature_probabilities=np.array(config.feature_probabilities),
        shapes=tuple(
            counted(component.name for component in report.components)
            for report in reports_of(trained.weights)
        ),
    )


def timelines(result: Result, *, name_every: int = 0) -> list[GeometryTimeline]:
    """The timeline of each model of a result."""
    return [
        geometry_timeline(
            result.steps, result.weights[:, k], result.losses[:, k], name_every=name_every
        )
        for k in range(len(result.feature_probabilities))
    ]


def check(results: Sequence[Result]) -> Outcome:
    """Compare the jumps with the drops, and count who jumps with whom."""
    lines = [line for result in results for line in timelines(result)]
    both = [line.coincidence for line in lines]
    return Outcome(
        claims=(_jumps(lines), _in_drops(lines), _one_at_a_time(lines)),
        numbers={
            "feature_probability": [float(p) for r in results for p in r.feature_probabilities],
            "shapes": [shape for result in results for shape in result.shapes],
            "jumps": [len(_groups(line)) for line in lines],
            "jumps_in_drops": [one.share for one in both],
            "by_chance": [one.expected for one in both],
            "p_value": [one.p_value for one in both],
        },
    )


def _stored(line: GeometryTimeline) -> set[int]:
    """Features that are stored at the end."""
    return set(np.flatnonzero(line.levels[-1] > _STORED).tolist())


def _groups(line: GeometryTimeline) -> IntArray:
    """How many features move in each jump; a single zero if there is none."""
    return np.array([len(jump.features) for jump in line.jumps] or [0])


def _jumps(lines: Sequence[GeometryTimeline]) -> Claim:
    jumped = []
    for line in lines:
        stored = _stored(line)
        moved = {feature for jump in line.jumps for feature in jump.features}
        jumped.append(len(stored & moved) / max(len(stored), 1))
    return Claim(
        says="D_i jumps from level to level",
        found=f"{span(jumped, '.0%')} of the features that are stored at the end came in "
        f"a jump; {span([len(_groups(line)) for line in lines], 'd')} jumps a model",
        by_seed=tuple(share > _MOST for share in jumped),
    )


def _in_drops(lines: Sequence[GeometryTimeline]) -> Claim:
    both = [line.coincidence for line in lines]
    return Claim(
        says="the jumps coincide with drops of the loss",
        found=f"{span([one.share for one in both], '.0%')} of the jumps lie in a drop, "
        f"{span([one.expected for one in both], '.0%')} would by chance (p = "
        f"{span([one.p_value for one in both], '.2g')}, jumps shifted together)",
        by_seed=tuple(bool(one.share > _OFTEN * one.expected) for one in both),
        why=f"{span([len(_stored(line)) for line in lines], 'd')} features share one loss, so that "
        "a jump of one of them is a small part of it; the loss shows few broad drops, one of them "
        "early, when the biases are learned",
    )


def _one_at_a_time(lines: Sequence[GeometryTimeline]) -> Claim:
    groups = [_groups(line) for line in lines]
    alone = [float(np.mean((sizes > 0) & (sizes <= _PAIR))) for sizes in groups]
    return Claim(
        says="features are learned one at a time",
        found=f"in {span(alone, '.0%')} of the jumps one feature moves, or two",
        why=f"up to {span([sizes.max() for sizes in groups], 'd')} features reach their levels "
        "within a hundredth of the records",
        by_seed=tuple(share > _MOST for share in alone),
    )


def draw(results: Sequence[Result]) -> Figure:
    """Loss, shapes and dimensionalities along the trainings of the first seed, side by side."""
    import matplotlib.pyplot as plt

    from geomsup.plotting.timeline import plot_timeline

    result = results[0]
    # Naming takes a fraction of a second for a record with many features.
    lines = timelines(result, name_every=16)
    figure = plt.figure(figsize=(7.6 * len(lines), 6.2), layout="constrained")
    parts = figure.subfigures(1, len(lines), squeeze=False)[0]
    for part, line, p in zip(parts, lines, result.feature_probabilities, strict=True):
        plot_timeline(line, log_steps=True, fig=part)
        part.suptitle(f"p = {p:g}, 1/(1−S) = {1 / p:.3g}", fontsize=11)
    return figure


EXPERIMENT = Experiment(
    id="energy-levels",
    title="how features are learned",
    says="D_i jumps between levels, the loss drops when it does, and features are learned one at a "
    "time",
    source="Elhage et al. 2022, Superposition and Learning Dynamics, energy level jumps",
    paper=Config(),
    smoke=Config(n_features=60, n_hidden=6, n_steps=2500, batch_size=512, n_records=160),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
