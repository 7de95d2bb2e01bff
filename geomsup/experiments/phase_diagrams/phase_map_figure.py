"""Phase diagrams side by side: trained, exact, and the paper's unit vectors.

All panels share one set of colours, and cells that differ from the exact map are dotted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.experiments.phase_diagrams.phase_map import MapResult, exact_map, trained_map
from geomsup.plotting.phases import plot_phase_diagram
from geomsup.plotting.style import INK, name_color

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(results: Sequence[MapResult]) -> Figure:
    """Draw the maps of the first seed."""
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    result = results[0]
    exact = exact_map(result)
    maps = {
        f"trained, best of {result.losses.shape[-1]}": trained_map(result),
        "exact optimum": exact,
        "unit vectors without bias": exact_map(result, unit_norm=True),
    }
    names = np.concatenate([np.array(one.phases)[one.phase].ravel() for one in maps.values()])
    found, counts = np.unique(names, return_counts=True)
    ranked = [str(found[k]) for k in np.argsort(-counts, kind="stable")]
    colors = {name: name_color(name) for name in ranked}
    figure = plt.figure(figsize=(13.0, 5.0), layout="constrained")
    axes = figure.subplots(1, 3, sharex=True, sharey=True)
    for ax, (title, one) in zip(axes, maps.items(), strict=True):
        plot_phase_diagram(one, ax=ax, colors=[colors[name] for name in one.phases])
        ax.get_legend().remove()
        ax.set(title=title)
        ax.label_outer()
    theirs = np.array(exact.phases)[exact.phase]
    row, column = np.nonzero(np.array(result.names) != theirs)
    axes[0].plot(
        result.relative_importance[column],
        result.feature_probability[row],
        linestyle="none",
        marker="o",
        markersize=3,
        color="white",
        markeredgecolor=INK,
        gid="different",
    )
    handles = [Patch(color=colors[name], alpha=0.85, label=name) for name in ranked]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    n, m = result.weights.shape[-1], result.weights.shape[-2]
    figure.suptitle(f"{n} features in {m} dimension{'s' if m > 1 else ''}")
    return figure
