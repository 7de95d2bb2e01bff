"""Loss, shapes and dimensionalities along the training of two models, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from geomsup.experiments.learning.energy_levels import Result, timelines
from geomsup.plotting.timeline import plot_timeline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]

# Naming takes a fraction of a second for a record with many features.
_NAME_EVERY = 16


def draw(results: Sequence[Result]) -> Figure:
    """Draw the models of the first seed."""
    import matplotlib.pyplot as plt

    result = results[0]
    lines = timelines(result, name_every=_NAME_EVERY)
    figure = plt.figure(figsize=(7.6 * len(lines), 6.2), layout="constrained")
    parts = figure.subfigures(1, len(lines), squeeze=False)[0]
    for part, line, p in zip(parts, lines, result.feature_probabilities, strict=True):
        plot_timeline(line, log_steps=True, fig=part)
        part.suptitle(f"p = {p:g}, 1/(1−S) = {1 / p:.3g}", fontsize=11)
    return figure
