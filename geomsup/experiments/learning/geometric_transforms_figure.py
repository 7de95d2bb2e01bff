"""Two sets of three as they learn: the timeline, and the solid of all six at three moments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.dynamics import geometry_timeline
from geomsup.experiments.learning.geometric_transforms import Result, twisted_triangles
from geomsup.experiments.sets.set_figures import draw_sets_in_space
from geomsup.plotting.timeline import plot_timeline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(results: Sequence[Result]) -> Figure:
    """Draw the model of the first seed that turns its triangles for the longest time."""
    import matplotlib.pyplot as plt

    one = results[0]
    turning = np.array([twisted_triangles(one.weights[:, k]) for k in range(one.weights.shape[1])])
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
