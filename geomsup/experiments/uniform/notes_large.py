"""A hundred rare features in forty dimensions: who stands with whom?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame.experiment import Experiment, Trainer
from geomsup.experiments.frame.measures import cosines, reports_of, span
from geomsup.experiments.frame.outcome import Claim, Outcome
from geomsup.experiments.uniform.census import census_of, component_counts, feature_shares
from geomsup.training import ToyModelConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "Config", "Result", "check", "run"]

FloatArray = NDArray[np.float64]

# Structures are "found" when named ones hold more than this share of the features.
_NAMED = 0.5
_LEANS = 0.1


@dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes and p of the notes; the training is ours."""

    n_features: int = 100
    n_hidden: int = 40
    feature_probability: float = 0.01
    n_models: int = 4
    n_steps: int = 12_000
    batch_size: int = 1024
    learning_rate: float = 1e-2


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Models, and the structure that each feature belongs to."""

    weights: FloatArray  # (n_models, n_hidden, n_features)
    losses: FloatArray  # (n_models,), on the trainer's fresh sample
    names: NDArray[np.str_]  # (n_models, n_features), see Census
    components: NDArray[np.int64]
    dimensionalities: FloatArray
    isolated: NDArray[np.int64]  # (n_models,), represented features without an edge
    represented: NDArray[np.int64]  # (n_models,)


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train, classify, and count the nodes without an edge."""
    trained = trainer.train(
        "models",
        ToyModelConfig(
            n_features=config.n_features,
            n_hidden=config.n_hidden,
            feature_probability=config.feature_probability,
            n_instances=config.n_models,
            n_steps=config.n_steps,
            batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            lr_schedule="cosine",
        ),
        seed,
    )
    census = census_of(trained.weights)
    graphs = [report.graph for report in reports_of(trained.weights)]
    return Result(
        weights=trained.weights,
        losses=trained.losses,
        names=census.names,
        components=census.components,
        dimensionalities=census.dimensionalities,
        isolated=np.array([sum(degree == 0 for _, degree in graph.degree) for graph in graphs]),
        represented=np.array([graph.number_of_nodes() for graph in graphs]),
    )


def check(results: Sequence[Result]) -> Outcome:
    """Look for lone features, and at who holds which share of them."""
    isolated = np.concatenate([one.isolated for one in results])
    represented = np.concatenate([one.represented for one in results])
    names = np.concatenate([one.names for one in results])
    components = np.concatenate([one.components for one in results])
    n_features = names.shape[1]
    shares = [feature_shares(row) for row in names]
    named = [
        sum(share for name, share in row.items() if name not in ("irregular", "monosemantic"))
        for row in shares
    ]
    counts = component_counts(names, components)
    held = {
        name: float(np.mean([row.get(name, 0.0) for row in shares]))
        for name, _ in counts.most_common()
    }
    said = ", ".join(
        f"{counts[name]} × {name} ({share:.0%} of the features)" for name, share in held.items()
    )
    return Outcome(
        claims=(
            Claim(
                says="all features are stored",
                found=f"{span(represented, 'd')} of {n_features} in {len(named)} models",
                by_seed=tuple(bool(number == n_features) for number in represented),
            ),
            Claim(
                says="no feature stands alone in the interference graph",
                found=f"{span(isolated, 'd')} without an edge",
                by_seed=tuple(bool(number == 0) for number in isolated),
            ),
            Claim(
                says="the graph falls into structures that can be named",
                found=f"named ones hold {span(named, '.0%')} of the features: {said}",
                by_seed=tuple(share > _NAMED for share in named),
                why=f"a feature leans on {_leans_on(results):.0f} others on average, with a cosine "
                f"above {_LEANS:g} either way, so that nearly all hang together",
            ),
        ),
        numbers={"components": dict(counts), "share_of_features": held},
    )


def _leans_on(results: Sequence[Result]) -> float:
    """Mean number of other features at a cosine that is not small."""
    weights = np.concatenate([one.weights for one in results])
    return float(np.mean((np.abs(cosines(weights)) > _LEANS).sum(axis=-1) - 1))


def draw(results: Sequence[Result]) -> Figure:
    """Draw the figure of the experiment."""
    from geomsup.experiments.uniform.notes_large_figure import draw as drawn

    return drawn(results)


EXPERIMENT = Experiment(
    id="notes-large",
    title="a hundred rare features in forty dimensions",
    says="no feature stands alone in the interference graph, and structures can be named",
    source="notes",
    paper=Config(),
    smoke=Config(n_models=1, n_steps=2500, batch_size=512),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
