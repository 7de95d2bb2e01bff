"""What training finds at each probability, and the exact losses of the triangle and the digon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.experiments.frame.measures import models_by_name
from geomsup.experiments.frame.model_figures import draw_model
from geomsup.experiments.uniform.notes_triangle import FAMILIES, Result, names_of_all
from geomsup.plotting.style import INK, name_color

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(results: Sequence[Result]) -> Figure:
    """Draw shares of the names, losses above the digon, and the best model on either side."""
    import matplotlib.pyplot as plt

    first = results[0]
    p = first.feature_probabilities
    losses = np.concatenate([result.losses for result in results], axis=1)
    weights = np.concatenate([result.weights for result in results], axis=1)
    names = names_of_all(results)
    kinds = list(models_by_name(names.ravel().tolist()))
    # The two families first, whatever else turns up.
    kinds.sort(key=lambda name: FAMILIES.index(name) if name in FAMILIES else len(FAMILIES))
    figure = plt.figure(figsize=(12.5, 6.6), layout="constrained")
    grid = figure.add_gridspec(2, 3, width_ratios=(1.0, 1.25, 1.25))
    for panel, k in enumerate((0, len(p) - 1)):
        at = int(losses[k].argmin())
        draw_model(
            weights[k, at],
            figure.add_subplot(grid[panel, 0]),
            f"best at p = {p[k]:g}: {names[k, at]}\nloss {losses[k, at]:.4f}, "
            f"best known {first.best_losses[k]:.4f}",
        )
    places = np.arange(len(p))
    border = float(np.interp(first.crossing, p, places))
    shares, excess = figure.add_subplot(grid[:, 1]), figure.add_subplot(grid[:, 2])
    below = np.zeros(len(p))
    rng = np.random.default_rng(0)
    for kind in kinds:
        color = name_color(kind)
        share = (names == kind).mean(1)
        shares.bar(places, share, bottom=below, color=color, label=kind, width=0.75)
        below += share
        row, column = np.nonzero(names == kind)
        over = losses[row, column] / first.best_losses[row] - 1.0
        shift = rng.uniform(-0.25, 0.25, size=len(row))
        excess.scatter(row + shift, 100 * over, s=14, color=color, alpha=0.7, linewidths=0)
    for k, family in enumerate(FAMILIES):
        over = 100 * (first.family_losses[:, k] / first.best_losses - 1.0)
        excess.plot(places, over, color=name_color(family), label=f"{family}, exact", linewidth=1.5)
    for ax in (shares, excess):
        ax.set_xticks(places, [f"{x:g}" for x in p])
        ax.set_xlabel("feature probability $p = 1 - S$")
        ax.axvline(border, color=INK, linestyle=":", linewidth=1.0)
        ax.spines[["top", "right"]].set_visible(False)
    shares.set(ylabel="share of models", ylim=(0, 1), title=f"what {names.shape[1]} models become")
    excess.set_yscale("symlog", linthresh=1)
    excess.set_yticks([0, 1, 10, 100], ["0", "1", "10", "100"])
    excess.set(
        ylabel="loss above the best known (%)",
        ylim=(-0.2, None),
        title=f"exact losses cross at p = {first.crossing:.4f}",
    )
    shares.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.12), frameon=False, fontsize=8, ncols=2
    )
    excess.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), frameon=False, fontsize=8)
    return figure
