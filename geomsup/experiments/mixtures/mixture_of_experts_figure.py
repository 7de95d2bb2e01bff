"""Mixtures beside dense models: loss over superposition, and which expert holds which feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.experiments.mixtures.routed_models import (
    DATA,
    GATES,
    Result,
    comparisons,
    dense_curve,
)
from geomsup.plotting.labels import point_labels
from geomsup.plotting.style import DROPPED, INK, PALETTE, SEQUENTIAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(results: Sequence[Result]) -> Figure:
    """A row for each kind of data: all seeds on the left, the largest mixtures of the first."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(11.5, 7.4), layout="constrained")
    rows = figure.subfigures(len(DATA), 1, squeeze=False)[:, 0]
    gates = [gate for gate in GATES if gate in {one.gate for one in results[0].models}]
    for row, (data, title) in zip(rows, DATA.items(), strict=True):
        row.suptitle(title, x=0.01, ha="left", fontsize=11)
        grid = row.add_gridspec(len(gates), 2, width_ratios=(1.0, 1.35))
        _losses(row.add_subplot(grid[:, 0]), results, data, gates)
        for place, gate in enumerate(gates):
            ax = row.add_subplot(grid[place, 1])
            _experts(ax, results[0], data, gate)
            if place < len(gates) - 1:
                ax.set_xlabel("")
    return figure


def _losses(ax: Axes, results: Sequence[Result], data: str, gates: list[str]) -> None:
    """Loss over the features that a dimension holds."""
    labels = [
        _points(ax, result, data, gates, first=number == 0) for number, result in enumerate(results)
    ]
    ax.set_xlabel("features held per dimension")
    ax.set_ylabel("loss")
    ax.set_ylim(bottom=0.0)
    ax.margins(x=0.12)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(
        frameon=False,
        fontsize=8,
        loc="upper left",
        title="numbers: dimensions",
        title_fontsize=8,
        alignment="left",
    )
    places, texts, colors = zip(*labels[0], strict=True)
    point_labels(ax, places, texts, colors)


def _points(
    ax: Axes, result: Result, data: str, gates: list[str], *, first: bool
) -> list[tuple[tuple[float, float], str, str]]:
    """The models of one seed; return where they are, their sizes and their colours."""
    mixtures = [one for one in comparisons(result) if one.mixture.data == data]
    most = max(one.mixture.loss for one in mixtures)
    # Dense models that lose much more than all mixtures would only take up room.
    curve = dense_curve(result, data)
    start = max(0, int((curve[1] >= most).sum()) - 1)
    sizes, losses, held = (values[start:] for values in curve)
    ax.plot(held, losses, "-", color=DROPPED, lw=1.5, zorder=1)
    ax.plot(held, losses, "D", color=INK, markersize=4.5, label="dense" if first else None)
    labels = [((x, y), str(n), INK) for x, y, n in zip(held, losses, sizes, strict=True)]
    for gate, marker, color in zip(gates, "os", PALETTE, strict=False):
        own = [one for one in mixtures if one.mixture.gate == gate]
        places = [(one.held, one.mixture.loss) for one in own]
        texts = [f"{one.n_experts}×{one.mixture.n_hidden}" for one in own]
        labels += [(at, text, color) for at, text in zip(places, texts, strict=True)]
        ax.plot(
            *np.transpose(places),
            marker,
            color=color,
            markersize=7,
            markeredgecolor="white",
            label=GATES[gate] if first else None,
        )
    return labels


def _experts(ax: Axes, result: Result, data: str, gate: str) -> None:
    """Norms of all features in all experts of the largest mixture."""
    of_kind = [one for one in result.models if (one.data, one.gate) == (data, gate)]
    largest = max(of_kind, key=lambda one: one.n_experts)
    norms = largest.norms
    order = np.arange(norms.shape[1])
    if data == "independent":
        order = np.lexsort((-norms.max(axis=0), norms.argmax(axis=0)))
    # Lengths of different experts do not compare where a gate makes answers shorter.
    shown = norms[:, order] / norms.max(axis=1, keepdims=True)
    image = ax.imshow(shown, cmap=SEQUENTIAL, vmin=0.0, vmax=1.0, aspect="auto")
    bar = ax.inset_axes((1.01, 0.0, 0.02, 1.0))
    ax.figure.colorbar(image, cax=bar, label="norm / largest")
    ax.set_yticks(range(largest.n_experts), [f"{share:.0%}" for share in largest.load])
    ax.set_xticks([])
    if data == "sets":
        for edge in range(result.set_size, norms.shape[1], result.set_size):
            ax.axvline(edge - 0.5, color="white", lw=1.2)
    ax.tick_params(labelsize=7.5, length=0)
    ax.set_ylabel("expert, share of inputs", fontsize=8)
    ax.set_xlabel("feature" + (", by set" if data == "sets" else ", by the expert that holds it"))
    ax.set_title(f"{GATES[gate]}, {largest.n_experts} experts", fontsize=9, loc="left")
