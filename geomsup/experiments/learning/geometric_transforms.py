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
from geomsup.experiments.frame.experiment import Experiment, Trainer
from geomsup.experiments.frame.measures import cosines, counted
from geomsup.experiments.frame.outcome import Claim, Outcome
from geomsup.theory.set_losses import FeatureSets, set_losses
from geomsup.training import ToyModelConfig

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
    n = 2 * config.set_size
    trained = trainer.train(
        "models",
        ToyModelConfig(
            n_features=n,
            n_hidden=config.n_hidden,
            feature_probability=config.feature_probability,
            correlation="correlated",
            set_size=config.set_size,
            n_instances=config.n_models,
            n_steps=config.n_steps,
            batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            n_records=config.n_records,
            record_schedule="log",
        ),
        seed,
    )
    sets = FeatureSets(
        n_sets=2,
        set_size=config.set_size,
        set_probability=config.feature_probability,
        correlation="correlated",
    )
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
        final_losses=set_losses(trained.weights, trained.biases, sets)[0],
        stages=tuple(stages),
        drops=tuple(drops),
    )


def antipodes_across(weights: FloatArray) -> NDArray[np.bool_]:
    """Whether every feature has an antipode in the other set, for weights (…, 3, 6)."""
    size = weights.shape[-1] // 2
    between = cosines(weights)[..., :size, size:]
    matched = (between <= _ANTIPODAL).sum(axis=-1) == 1
    across: NDArray[np.bool_] = matched.all(axis=-1)
    return across


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
    found: NDArray[np.bool_] = near & equal & (bonds.max(axis=-1) > _ANTIPODAL)
    return found


def check(results: Sequence[Result]) -> Outcome:
    """Look at the ends, at the antipodes, and at what came before."""
    ends = [stages[-1] for one in results for stages in one.stages]
    octahedra = [name == "octahedron" for name in ends]
    across = np.concatenate([antipodes_across(one.weights[-1]) for one in results])
    on_the_way = np.concatenate([twisted_triangles(one.weights).any(axis=0) for one in results])
    named = [name for one in results for stages in one.stages for name in set(stages[:-1])]
    drops = [number for one in results for number in one.drops]
    of_octahedra = across[np.array(octahedra)].tolist()
    return Outcome(
        claims=(
            Claim(
                says="it ends as an octahedron",
                found=f"{counted(ends)} of {len(ends)} models",
                by_seed=tuple(octahedra),
            ),
            Claim(
                says="with antipodes in different sets",
                found=f"in {sum(of_octahedra)} of {len(of_octahedra)} octahedra",
                by_seed=tuple(of_octahedra) or (False,),
            ),
            Claim(
                says="after an antiprism: two parallel triangles that turn against each other",
                found=f"in {on_the_way.sum()} of {len(on_the_way)} models; named on the way: "
                f"{'; '.join(f'{name} ({k})' for name, k in Counter(named).most_common(5))}",
                by_seed=tuple(bool(seen) for seen in on_the_way),
            ),
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


def draw(results: Sequence[Result]) -> Figure:
    """Draw the figure of the experiment."""
    from geomsup.experiments.learning.geometric_transforms_figure import draw as drawn

    return drawn(results)


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
