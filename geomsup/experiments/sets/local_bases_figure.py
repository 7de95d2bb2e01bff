"""Two local bases: all cosines, and their distribution within and between the sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.experiments.frame.measures import cosines
from geomsup.experiments.sets.local_bases import Result
from geomsup.plotting.matrices import plot_cosines
from geomsup.plotting.style import DROPPED, PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(results: Sequence[Result]) -> Figure:
    """The best model of the first seed, and the cosines of all models."""
    import matplotlib.pyplot as plt

    one = results[0]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9.6, 4.2), width_ratios=[1, 1.1], layout="constrained"
    )
    best = int(np.argmin(one.losses))
    plot_cosines(one.weights[best], ax=left)
    for edge in range(one.set_size, one.weights.shape[-1], one.set_size):
        left.axhline(edge - 0.5, color="black", lw=0.8)
        left.axvline(edge - 0.5, color="black", lw=0.8)
    left.set_title("cosines of the best model; lines between the sets", fontsize=9)
    n = one.weights.shape[-1]
    number = np.arange(n) // one.set_size
    same = (number[:, None] == number) & ~np.eye(n, dtype=bool)
    other = number[:, None] != number
    sets = cosines(np.concatenate([r.weights for r in results]))
    free = cosines(np.concatenate([r.independent_weights for r in results]))
    bins = np.linspace(-1.0, 1.0, 61).tolist()
    for values, label, color in (
        (sets[:, same], "within a set", PALETTE[0]),
        (sets[:, other], "between sets", PALETTE[1]),
        (free[:, same | other], "independent features", DROPPED),
    ):
        right.hist(
            values.ravel(),
            bins=bins,
            density=True,
            histtype="step",
            lw=1.8,
            label=label,
            color=color,
        )
    right.set(xlabel="cosine", ylabel="density, all models", xlim=(-1, 1))
    right.legend(fontsize=8, frameon=False)
    return figure
