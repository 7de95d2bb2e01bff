"""Neurons that compute absolute values, as the paper stacks them, and what it says of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.experiments.neurons.computing_models import Layers, Result
from geomsup.neurons import asymmetric_motifs
from geomsup.plotting.neurons import neuron_legend, plot_motif, plot_neurons
from geomsup.plotting.style import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(results: Sequence[Result]) -> Figure:
    """Few features, shares of all seeds, a motif; below, many features at every sparsity."""
    import matplotlib.pyplot as plt

    first = results[0]
    many = first.many
    rows = len(many.feature_probabilities)
    figure = plt.figure(figsize=(12.0, 3.4 + 1.75 * rows), layout="constrained")
    top, below = figure.subfigures(2, 1, height_ratios=(3.4, 1.75 * rows), squeeze=False)[:, 0]
    few_ax, share_ax, motif_ax = top.subplots(1, 3, width_ratios=(1.0, 1.25, 1.15))
    few = first.few
    best = int(few.losses.argmin())
    plot_neurons(few.W[best], few.reports()[best], rescale=True, ax=few_ax)
    few_ax.set_title(
        f"|x| of {few.W.shape[2]} features by {few.W.shape[1]} neurons",
        fontsize=9,
        loc="left",
    )
    _shares(share_ax, results)
    _motif(motif_ax, many)
    stacks = below.subplots(rows, 1, squeeze=False)[:, 0]
    for row, (ax, p, report) in enumerate(
        zip(stacks, many.feature_probabilities, many.reports(), strict=True)
    ):
        plot_neurons(many.W[row], report, rescale=True, signed_bars=False, ax=ax)
        counts = report.counts()
        ax.set_title(
            f"|x| of {many.W.shape[2]} features by {many.W.shape[1]} neurons, 1 − S = {p:g}: "
            f"{counts['monosemantic']} monosemantic, {counts['polysemantic']} polysemantic; "
            f"{many.answered()[row]:.0f} features answered",
            fontsize=9,
            loc="left",
        )
        if row < rows - 1:
            ax.set_xlabel("")
    neuron_legend(stacks[-1], ncols=4, loc="upper left", bbox_to_anchor=(0.0, -0.12))
    return figure


def _shares(ax: Axes, results: Sequence[Result]) -> None:
    """Share of polysemantic neurons over sparsity, a line for each seed."""
    tasks = {"|x|": [one.many for one in results], "AND": [one.gates for one in results]}
    for place, (task, seeds) in enumerate(tasks.items()):
        for number, layers in enumerate(seeds):
            shares = [
                report.counts()["polysemantic"] / len(report.kinds) for report in layers.reports()
            ]
            ax.plot(
                1.0 / layers.feature_probabilities,
                np.array(shares),
                "os"[place] + "-",
                color=PALETTE[place],
                alpha=0.8,
                markersize=5,
                label=task if number == 0 else None,
            )
    ax.set_xscale("log")
    ax.set_ylim(-0.03, 1.03)
    ax.set_xlabel("1 / (1 − S)")
    ax.set_ylabel("share of polysemantic neurons")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8)


def _motif(ax: Axes, many: Layers) -> None:
    """The strongest motif of the densest model that has one."""
    for W, V, p in zip(many.W, many.V, many.feature_probabilities, strict=True):
        found = asymmetric_motifs(W, V, n_draws=0).motifs
        if found:
            clearest = min(found, key=lambda motif: len(motif.inhibitors))
            plot_motif(W, V, clearest, ax=ax)
            ax.set_title(f"asymmetric superposition, 1 − S = {p:g}", fontsize=9, loc="left")
            return
    ax.axis("off")
    ax.text(0.5, 0.5, "no asymmetric superposition", ha="center", transform=ax.transAxes)
