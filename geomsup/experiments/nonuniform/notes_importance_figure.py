"""Dimensionalities against importance, and WᵀW of the best models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.experiments.nonuniform.notes_importance import Result
from geomsup.plotting.matrices import plot_gram
from geomsup.plotting.style import DROPPED, INK, PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(results: Sequence[Result]) -> Figure:
    """Draw a column for each feature probability, of the first seed."""
    import matplotlib.pyplot as plt

    result = results[0]
    p, n = result.feature_probabilities, len(result.importance)
    figure = plt.figure(figsize=(3.5 * len(p), 6.2), layout="constrained")
    limit = float(np.max(np.sum(result.weights**2, axis=1)))
    axes = figure.subplots(2, len(p), height_ratios=(1.5, 1.0), squeeze=False)
    for k, (above, below) in enumerate(axes.T):
        plot_gram(result.weights[k], ax=above)
        above.images[0].set_clim(-limit, limit)
        if k < len(p) - 1:  # one colour bar serves all
            above.images[0].colorbar.remove()
            above.set_ylabel("feature" if k == 0 else "")
        above.set_title(f"WᵀW at p = {p[k]:g}, loss {result.losses[k].min():.3g}", fontsize=10)
        above.set_anchor("C")
        above.set_xticks(range(0, n, 5), range(0, n, 5), rotation=0)
        above.set_yticks(range(0, n, 5), range(0, n, 5))
        paired = np.isin(np.arange(n), np.array(result.pairs[k]))
        colors = np.where(paired, PALETTE[1], PALETTE[0])
        below.bar(range(n), result.dimensionalities[k], color=colors)
        dropped = np.flatnonzero(result.dimensionalities[k] == 0.0)
        below.plot(dropped, np.zeros(len(dropped)), "o", color=DROPPED, markersize=3, clip_on=False)
        for i, j in result.pairs[k]:
            # An arc from one member of a pair to the other.
            x = np.linspace(i, j, 40)
            height = 1.08 + 0.025 * (j - i)
            arc = 1.03 + (height - 1.03) * np.sin(np.pi * np.linspace(0, 1, 40))
            below.plot(x, arc, color=INK, linewidth=0.8, clip_on=False)
        below.set(ylim=(0, 1.5), xlabel="feature, by falling importance", yticks=(0, 0.5, 1))
        below.spines[["top", "right"]].set_visible(False)
    axes[1, 0].set_ylabel("dimensionality $D_i$")
    return figure
