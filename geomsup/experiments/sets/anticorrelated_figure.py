"""Anticorrelated pairs: the best restarts, and all angles within pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.experiments.sets.anticorrelated import Result
from geomsup.experiments.sets.set_figures import draw_sets
from geomsup.experiments.sets.set_models import pair_cosines
from geomsup.plotting.style import DROPPED, PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(results: Sequence[Result]) -> Figure:
    """The best and the worst restart of the first seed, and the cosines of all restarts."""
    import matplotlib.pyplot as plt

    one = results[0]
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(9.6, 3.4), width_ratios=[1, 1, 1.5], layout="constrained"
    )
    order = np.argsort(one.losses)
    for ax, k, which in ((left, order[0], "lowest"), (middle, order[-1], "highest")):
        draw_sets(one.weights[k], ax, 2, f"{which} loss, {one.losses[k]:.2g}")
    bins = np.linspace(-1.0, 1.0, 41)
    for weights, label, color in (
        ([r.weights[r.best] for r in results], "best of each group of restarts", PALETTE[0]),
        ([r.weights for r in results], "all restarts", PALETTE[5]),
        ([r.independent_weights for r in results], "independent features", DROPPED),
    ):
        values = pair_cosines(np.concatenate(weights)).ravel()
        right.hist(
            values,
            bins=bins.tolist(),
            weights=np.full(values.size, 1.0 / values.size).tolist(),
            histtype="stepfilled",
            alpha=0.55,
            label=label,
            color=color,
        )
    right.set(xlabel="cosine within a pair", ylabel="share of pairs", xlim=(-1.05, 1.05))
    right.set_xticks([-1.0, -0.5, 0.0, 0.5, 1.0])
    right.legend(fontsize=8, frameon=False)
    return figure
