"""Six features, two sets of three that come together, in three dimensions: shapes on the way.

Each set would like three orthogonal directions.  Two triads of orthogonal directions make two
parallel triangles; turned against each other by 60° these are an antiprism with the proportions
of an octahedron, whose antipodes lie in different sets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.dynamics import geometry_timeline
from geomsup.experiments.frame import Claim, Experiment, Outcome, Trainer, model_config
from geomsup.experiments.frame.measures import cosines, counted, exact_losses
from geomsup.theory import FeatureModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "Config", "Result", "check", "run", "twisted_triangles"]

FloatArray = NDArray[np.float64]

_ANTIPODAL = -0.95
# Two parallel triangles on their way: within the sets nearly orthogonal (within about 14°), and the
# three antipodal bonds equal but not yet antipodes.
_WITHIN, _EQUAL = 0.25, 0.15
_NAME_EVERY = 6


@dataclass(frozen=True, kw_only=True)
class Config:
    """The source gives the sizes of the sets; sparsity and rate are ours."""

    set_size: int = 3
    n_hidden: int = 3
    feature_probability: float = 0.05
    n_models: int = 24
    n_steps: int = 15_000
    batch_size: int = 1024
    learning_rate: float = 1e-3
    n_records: int = 160


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Trajectories of all models, and the names along them."""

    steps: NDArray[np.int64]  # (n_records,)
    weights: FloatArray  # (n_records, n_models, n_hidden, n_features)
    losses: FloatArray  # (n_records, n_models), on one sample for all records
    final_losses: FloatArray  # (n_models,), exact
    stages: tuple[tuple[str, ...], ...]  # names in order, for each model
    drops: tuple[int, ...]  # drops of the loss, for each model


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train slowly and name the geometry along the way."""
    models = model_config(
        config,
        n_features=2 * config.set_size,
        correlation="correlated",
        n_instances=config.n_models,
        record_schedule="log",
    )
    trained = trainer.train("models", models, seed)
    sets = FeatureModel.equal_sets(2, config.set_size, config.feature_probability)
    way = trained.trajectory
    stages, drops = [], []
    for k in range(config.n_models):
        line = geometry_timeline(
            way.steps, way.weights[:, k], way.losses[:, k], name_every=_NAME_EVERY
        )
        names = [name.rpartition(" = ")[2] for name, _, _ in line.spans()]
        stages.append(tuple(name.removeprefix("1 × ") for name in names))
        drops.append(len(line.loss_drops))
    return Result(
        steps=way.steps,
        weights=way.weights,
        losses=way.losses,
        final_losses=exact_losses(trained.weights, trained.biases, sets),
        stages=tuple(stages),
        drops=tuple(drops),
    )


def antipodes_across(weights: FloatArray) -> NDArray[np.bool_]:
    """Whether every feature has an antipode in the other set, for weights (…, 3, 6)."""
    size = weights.shape[-1] // 2
    between = cosines(weights)[..., :size, size:]
    matched = (between <= _ANTIPODAL).sum(axis=-1) == 1
    return np.asarray(matched.all(axis=-1))


def twisted_triangles(weights: FloatArray) -> NDArray[np.bool_]:
    """Whether the sets are two parallel triangles, short of an octahedron.

    Parameters
    ----------
    weights : ndarray of shape (…, 3, 6)
    """
    size = weights.shape[-1] // 2
    between = cosines(weights)
    off = ~np.eye(size, dtype=bool)
    within = np.concatenate(
        [between[..., :size, :size][..., off], between[..., size:, size:][..., off]], axis=-1
    )
    bonds = between[..., :size, size:].min(axis=-1)
    near = (np.abs(within) <= _WITHIN).all(axis=-1)
    equal = np.ptp(bonds, axis=-1) <= _EQUAL
    return np.asarray(near & equal & (bonds.max(axis=-1) > _ANTIPODAL))


def check(results: Sequence[Result]) -> Outcome:
    """Look at the ends, at the antipodes, and at what came before."""
    ends = [stages[-1] for one in results for stages in one.stages]
    octahedra = np.array([name == "octahedron" for name in ends])
    across = np.concatenate([antipodes_across(one.weights[-1]) for one in results])[octahedra]
    drops = [number for one in results for number in one.drops]
    return Outcome(
        claims=(
            Claim(
                says="it ends as an octahedron",
                found=f"{counted(ends)} of {len(ends)} models",
                by_seed=tuple(octahedra),
            ),
            Claim(
                says="with antipodes in different sets",
                found=f"in {across.sum()} of {len(across)} octahedra",
                by_seed=tuple(across) or (False,),
            ),
            _turning(results),
            Claim(
                says="the loss falls in steps",
                found=f"{min(drops)}–{max(drops)} drops of the loss, mean {np.mean(drops):.1f}",
                by_seed=tuple(number >= 2 for number in drops),
            ),
        ),
        numbers={
            "final_losses": [one.final_losses for one in results],
            "stages": [list(stages) for one in results for stages in one.stages],
        },
    )


def _turning(results: Sequence[Result]) -> Claim:
    seen = np.concatenate([twisted_triangles(one.weights).any(axis=0) for one in results])
    named = [
        name for one in results for stages in one.stages for name in dict.fromkeys(stages[:-1])
    ]
    return Claim(
        says="after an antiprism: two parallel triangles that turn against each other",
        found=f"in {seen.sum()} of {len(seen)} models; named on the way: "
        f"{'; '.join(f'{name} ({k})' for name, k in Counter(named).most_common(5))}",
        by_seed=tuple(seen),
    )


def draw(results: Sequence[Result]) -> Figure:
    """The model of the first seed that turns its triangles for the longest time.

    The timeline, and the solid of all six features at three moments.
    """
    import matplotlib.pyplot as plt

    from geomsup.experiments.sets.set_figures import draw_sets_in_space
    from geomsup.plotting.timeline import plot_timeline

    one = results[0]
    turning = twisted_triangles(one.weights).T
    model = int(turning.sum(axis=1).argmax())
    weights = one.weights[:, model]
    figure = plt.figure(figsize=(9.6, 9.6), layout="constrained")
    parts = figure.subfigures(2, 1, height_ratios=[1.7, 1.0], squeeze=False)
    above, below = parts[:, 0]
    line = geometry_timeline(one.steps, weights, one.losses[:, model], name_every=3)
    plot_timeline(line, log_steps=True, fig=above)
    when = np.flatnonzero(turning[model])
    middle = int(when[0]) if when.size else len(weights) // 2
    moments = (max(middle - len(weights) // 6, 0), middle, len(weights) - 1)
    for place, k in enumerate(moments):
        ax = below.add_subplot(1, 3, place + 1, projection="3d")
        title = f"step {one.steps[k]:,}\n{line.names[k]}"
        draw_sets_in_space(weights[k], ax, weights.shape[-1] // 2, title)
    return figure


EXPERIMENT = Experiment(
    id="geometric-transforms",
    title="two sets of three in three dimensions, as they learn",
    says="the model passes through an antiprism and ends as an octahedron with antipodes across "
    "the sets",
    source="Elhage et al. 2022, Superposition and Learning Dynamics, geometric transformations",
    paper=Config(),
    smoke=Config(n_models=6, n_steps=6000, batch_size=512, n_records=100),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
