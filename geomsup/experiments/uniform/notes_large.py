"""A hundred rare features in forty dimensions: who stands with whom?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame import Claim, Experiment, Outcome, Trainer, model_config
from geomsup.experiments.frame.measures import cosines, reports_of, span
from geomsup.experiments.uniform.census import (
    Census,
    census_of,
    component_counts,
    feature_shares,
)

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
    census: Census
    isolated: NDArray[np.int64]  # (n_models,), represented features without an edge
    represented: NDArray[np.int64]  # (n_models,)


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train, classify, and count the nodes without an edge."""
    models = model_config(config, n_instances=config.n_models, lr_schedule="cosine")
    trained = trainer.train("models", models, seed)
    graphs = [report.graph for report in reports_of(trained.weights)]
    return Result(
        weights=trained.weights,
        losses=trained.losses,
        census=census_of(trained.weights),
        isolated=np.array([sum(degree == 0 for _, degree in graph.degree) for graph in graphs]),
        represented=np.array([graph.number_of_nodes() for graph in graphs]),
    )


def shares_of(results: Sequence[Result]) -> list[dict[str, float]]:
    """Share of the features that each name holds, for every model."""
    return [feature_shares(names) for one in results for names in one.census.names]


def check(results: Sequence[Result]) -> Outcome:
    """Look for lone features, and at who holds which share of them."""
    isolated = np.concatenate([one.isolated for one in results])
    represented = np.concatenate([one.represented for one in results])
    n_features = results[0].weights.shape[2]
    counts: Counter[str] = Counter()
    for one in results:
        counts += component_counts(one.census.names, one.census.components)
    shares = shares_of(results)
    held = {name: mean_share(shares, name) for name, _ in counts.most_common()}
    return Outcome(
        claims=(
            Claim(
                says="all features are stored",
                found=f"{span(represented, 'd')} of {n_features} in {len(represented)} models",
                by_seed=tuple(represented == n_features),
            ),
            Claim(
                says="no feature stands alone in the interference graph",
                found=f"{span(isolated, 'd')} without an edge",
                by_seed=tuple(isolated == 0),
            ),
            _structures(results, counts, held),
        ),
        numbers={"components": dict(counts), "share_of_features": held},
    )


def mean_share(shares: Sequence[dict[str, float]], name: str) -> float:
    """Share of the features that a name holds, on average over the models."""
    return float(np.mean([row.get(name, 0.0) for row in shares]))


def _structures(results: Sequence[Result], counts: Counter[str], held: dict[str, float]) -> Claim:
    named = [
        sum(share for name, share in row.items() if name not in ("irregular", "monosemantic"))
        for row in shares_of(results)
    ]
    said = ", ".join(
        f"{counts[name]} × {name} ({share:.0%} of the features)" for name, share in held.items()
    )
    return Claim(
        says="the graph falls into structures that can be named",
        found=f"named ones hold {span(named, '.0%')} of the features: {said}",
        by_seed=tuple(share > _NAMED for share in named),
        why=f"a feature leans on {_leans_on(results):.0f} others on average, with a cosine "
        f"above {_LEANS:g} either way, so that nearly all hang together",
    )


def _leans_on(results: Sequence[Result]) -> float:
    """Mean number of other features at a cosine that is not small."""
    weights = np.concatenate([one.weights for one in results])
    return float(np.mean((np.abs(cosines(weights)) > _LEANS).sum(axis=-1) - 1))


def draw(results: Sequence[Result]) -> Figure:
    """The best model of the first seed; the shares are those of all models."""
    import matplotlib.pyplot as plt

    from geomsup.plotting.graph import plot_interference_graph
    from geomsup.plotting.matrices import plot_cosines
    from geomsup.plotting.style import name_color

    one = results[0]
    W = one.weights[int(np.argmin(one.losses))]
    report = reports_of(W[None])[0]
    figure = plt.figure(figsize=(13.0, 4.6), layout="constrained")
    grid = figure.add_gridspec(1, 3, width_ratios=[1.1, 1.2, 0.9])
    left, middle, right = (figure.add_subplot(grid[0, k]) for k in range(3))
    order = [feature for component in report.components for feature in component.features]
    plot_cosines(W, ax=left, order=order)
    left.set_title("cosines, features sorted by component", fontsize=10)
    plot_interference_graph(report, ax=middle)
    shares = shares_of(results)
    means = {name: mean_share(shares, name) for row in shares for name in row}
    names = sorted(sorted(means), key=lambda name: -means[name])
    colors = [name_color(name) for name in names]
    right.barh(range(len(names)), [means[name] for name in names], 0.5, color=colors)
    right.set_yticks(range(len(names)), names)
    right.invert_yaxis()
    right.set(xlabel="share of the features, all models", xlim=(0, 1))
    right.spines[["top", "right"]].set_visible(False)
    return figure


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
