"""A larger model: cosines, interference graph, and who holds which share of the features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.experiments.frame.measures import reports_of
from geomsup.experiments.uniform.census import feature_shares
from geomsup.experiments.uniform.notes_large import Result
from geomsup.plotting.graph import plot_interference_graph
from geomsup.plotting.matrices import plot_cosines
from geomsup.plotting.style import name_color

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(results: Sequence[Result]) -> Figure:
    """The best model of the first seed; the shares are those of all models."""
    import matplotlib.pyplot as plt

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
    shares = [feature_shares(row) for result in results for row in result.names]
    names = sorted({name for row in shares for name in row}, key=lambda name: -_mean(shares, name))
    means = [_mean(shares, name) for name in names]
    right.barh(range(len(names)), means, 0.5, color=[name_color(name) for name in names])
    right.set_yticks(range(len(names)), names)
    right.invert_yaxis()
    right.set(xlabel="share of the features, all models", xlim=(0, 1))
    right.spines[["top", "right"]].set_visible(False)
    return figure


def _mean(shares: list[dict[str, float]], name: str) -> float:
    return float(np.mean([row.get(name, 0.0) for row in shares]))
