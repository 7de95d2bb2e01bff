"""Correlated pairs where there is room for them, and where there is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.experiments.sets.correlated import Result
from geomsup.experiments.sets.set_figures import draw_sets
from geomsup.experiments.sets.set_models import pair_cosines
from geomsup.plotting.style import PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(results: Sequence[Result]) -> Figure:
    """The best restarts of the first seed, and the angles within pairs of all."""
    import matplotlib.pyplot as plt

    one = results[0]
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(9.6, 3.4), width_ratios=[1, 1, 1.5], layout="constrained"
    )
    two, three = int(np.argmin(one.two_losses)), int(np.argmin(one.three_losses))
    draw_sets(one.two_weights[two], left, 2, "two pairs: members orthogonal")
    draw_sets(one.three_weights[three], middle, 2, "three pairs: members side by side")
    bins = np.arange(0, 181, 5).tolist()
    for label, parts, color in (
        ("two pairs", [r.two_weights[r.two_best] for r in results], PALETTE[0]),
        ("three pairs", [r.three_weights[r.three_best] for r in results], PALETTE[1]),
    ):
        cosine = np.clip(pair_cosines(np.concatenate(parts)).ravel(), -1.0, 1.0)
        right.hist(np.degrees(np.arccos(cosine)), bins=bins, label=label, color=color, alpha=0.7)
    right.set(xlabel="angle within a pair, degrees", ylabel="pairs", xlim=(0, 180))
    right.set_xticks([0, 45, 60, 90, 135, 180])
    right.set_title("best of each group of restarts", fontsize=9)
    right.legend(fontsize=8, frameon=False)
    return figure
