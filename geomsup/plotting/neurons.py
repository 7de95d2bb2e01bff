"""Neurons: stacked bars of the weights into them, and asymmetric superposition as a small graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.neurons import Motif, NeuronReport
from geomsup.plotting.canvas import axes_for, check_kind, checked_matrix
from geomsup.plotting.style import GHOST, INK, NEGATIVE, PALETTE, POSITIVE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["neuron_legend", "neuron_order", "plot_motif", "plot_neurons"]

FloatArray = NDArray[np.float64]

_OWN, _SHARED, _REST = PALETTE[0], PALETTE[1], "#D3D3D3"
_TINT = "#FBE3D2"  # behind a polysemantic neuron
# Weights that are numbered: at least this share of the height of the picture.
_NUMBERED = 0.06


def neuron_order(report: NeuronReport) -> list[int]:
    """Neurons in the order of the most important feature that they compute; unused ones last.

    Parameters
    ----------
    report : NeuronReport
    """
    return sorted(
        range(len(report.kinds)),
        key=lambda k: (min(report.features[k], default=len(report.kinds) + 10**6), k),
    )


def plot_neurons(
    W: object,
    report: NeuronReport,
    *,
    rescale: bool = False,
    signed_bars: bool = True,
    numbers: bool = True,
    ax: Axes | None = None,
    feature_axis: int = -1,
) -> Axes:
    """Draw the weights into every neuron as a stack, as in "Toy Models of Superposition".

    Parameters
    ----------
    W : array_like of shape (n_neurons, n_features), torch.Tensor, or path
        Weights into the neurons.
    report : NeuronReport
        Who computes what, from :func:`geomsup.neurons.neuron_report`.
    rescale : bool, default False
        Divide the weights into each neuron by the largest of them.  An untied model is the same
        whatever the scale of its neurons.
    signed_bars : bool, default True
        Draw negative weights below the axis; otherwise all by their size.
    numbers : bool, default True
        Write the number of the feature on tall rectangles.
    ax : matplotlib.axes.Axes, optional
    feature_axis : int, default -1
        -1 when columns of W are features, 0 when rows are.

    Returns
    -------
    matplotlib.axes.Axes
        Blue are features with neurons of their own, orange those that share one, grey weights of
        features that the neuron does not compute.  Polysemantic neurons stand on a tint.

    Raises
    ------
    GeomsupError
        If the report is none, or is about a layer of another size.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from geomsup.neurons import neuron_report
    >>> from geomsup.plotting import plot_neurons
    >>> W = [[1.0, 0.0, 0.0], [0.0, 0.9, 0.0], [0.0, 0.8, 0.9]]
    >>> ax = plot_neurons(W, neuron_report(W), ax=Figure().add_subplot())
    >>> [text.get_text() for text in ax.texts]
    ['0', '1', '1', '2']
    """
    weights = checked_matrix(W, feature_axis)
    check_kind(report, NeuronReport, "geomsup.neurons.neuron_report")
    _, n_neurons, n_units = report.gains.shape
    if weights.shape != (n_neurons, report.n_columns * n_units):
        raise GeomsupError(
            f"the report is about weights of shape {(n_neurons, report.n_columns * n_units)}, but "
            f"W has shape {weights.shape}"
        )
    if rescale:
        largest = np.abs(weights).max(axis=1, keepdims=True)
        weights = weights / np.where(largest > 0.0, largest, 1.0)
    axes: Axes = axes_for(ax)
    order = neuron_order(report)
    bars = _bars(weights, report, order, signed=signed_bars)
    _draw_bars(axes, bars)
    for place, k in enumerate(order):
        if report.kinds[k] == "polysemantic":
            axes.axvspan(place - 0.5, place + 0.5, color=_TINT, zorder=0, linewidth=0)
    if numbers:
        _number_bars(axes, bars)
    axes.axhline(0.0, color=INK, linewidth=0.8)
    axes.set_xlim(-0.6, len(order) - 0.4)
    axes.set_xticks([])
    axes.set_xlabel("neurons")
    axes.set_ylabel(("weights" if signed_bars else "|weights|") + " / largest" * rescale)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    return axes


@dataclass(frozen=True, kw_only=True, eq=False)
class _Bars:
    """Rectangles of one feature in all the stacks: where they begin, how high, and their colours.

    ``own`` says in which stacks the neuron takes part in computing the feature.
    """

    base: FloatArray
    height: FloatArray
    colors: list[str]
    own: NDArray[np.bool_]


def _bars(
    weights: FloatArray, report: NeuronReport, order: list[int], *, signed: bool
) -> list[_Bars]:
    """The stacks of the neurons in an order, feature by feature."""
    polysemantic = np.array([kind == "polysemantic" for kind in report.kinds])
    shared = np.asarray(report.members[:, polysemantic].any(axis=1))  # (n_sides, n_units)
    tops = np.zeros((2, len(order)))
    places = np.arange(len(order))
    bars = []
    for i, column in enumerate(weights[order].T):
        unit = i // report.n_columns
        # The side of a signed feature that makes a neuron fire is the sign of its weight.
        sides = np.where(column < 0.0, len(report.gains) - 1, 0)
        own = report.members[sides, order, unit]
        colors = np.where(own, np.where(shared[sides, unit], _SHARED, _OWN), _REST)
        height = column if signed else np.abs(column)
        below = (height < 0.0).astype(int)
        base = tops[below, places]
        bars.append(_Bars(base=base, height=height, colors=colors.tolist(), own=own))
        tops[below, places] += height
    return bars


def _draw_bars(axes: Axes, bars: list[_Bars]) -> None:
    for bar in bars:
        places = range(len(bar.height))
        drawn = axes.bar(
            places, bar.height, 0.74, bottom=bar.base, color=bar.colors, edgecolor="white"
        )
        for rectangle, value in zip(drawn, bar.height, strict=True):
            rectangle.set(linewidth=0.4, visible=bool(value))


def _number_bars(axes: Axes, bars: list[_Bars]) -> None:
    """Write the number of the feature where a neuron computes it, and there is room."""
    ends = np.array([bar.base + bar.height for bar in bars])
    whole = float(max(ends.max(), 0.0) - min(ends.min(), 0.0))
    for i, bar in enumerate(bars):
        for place in np.flatnonzero(bar.own & (np.abs(bar.height) >= _NUMBERED * whole)):
            middle = float(bar.base[place] + bar.height[place] / 2.0)
            text = axes.text(float(place), middle, str(i), ha="center", va="center")
            text.set(color="white", fontsize=7)


def neuron_legend(axes: Axes, **options: Any) -> None:
    """Say what the colours of :func:`plot_neurons` mean, those that occur in the figure.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where the legend goes: one is enough for all the axes of a figure.
    **options
        Passed on to ``Axes.legend``.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from geomsup.neurons import neuron_report
    >>> from geomsup.plotting import neuron_legend, plot_neurons
    >>> ax = plot_neurons([[1, 1]], neuron_report([[1, 1]]), ax=Figure().add_subplot())
    >>> neuron_legend(ax, loc="upper right")
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['shares a neuron', 'polysemantic neuron']
    """
    from matplotlib.colors import to_hex
    from matplotlib.patches import Patch

    # The canvas knows the whole figure, also where these axes lie in a part of it.
    everywhere = axes.figure.canvas.figure.axes
    patches = [patch for one in everywhere for patch in one.patches if patch.get_visible()]
    drawn = {to_hex(patch.get_facecolor()).upper() for patch in patches}
    colors = {"has neurons of its own": _OWN, "shares a neuron": _SHARED}
    colors |= {"is not computed there": _REST, "polysemantic neuron": _TINT}
    handles = [
        Patch(color=color, label=label) for label, color in colors.items() if color.upper() in drawn
    ]
    axes.legend(handles=handles, **{"frameon": False, "fontsize": 8, **options})


def plot_motif(
    W: object, V: object, motif: Motif, *, ax: Axes | None = None, feature_axis: int = -1
) -> Axes:
    """Draw asymmetric superposition with inhibition: the shared neuron, and who inhibits.

    Parameters
    ----------
    W, V : array_like of shape (n_neurons, n_features), torch.Tensor, or path
        Weights into and out of the neurons.
    motif : Motif
        One of those that :func:`geomsup.neurons.asymmetric_motifs` found in them.
    ax : matplotlib.axes.Axes, optional
    feature_axis : int, default -1
        -1 when columns of both are features, 0 when rows are.

    Returns
    -------
    matplotlib.axes.Axes
        Inputs below, outputs above, with the weights between them.  The shared neuron is scaled so
        that its two weights have the product one, the strongest inhibitor so that it takes the
        first feature with weight one.

    Raises
    ------
    GeomsupError
        If the motif is none, or was not found in these weights.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from geomsup.neurons import asymmetric_motifs
    >>> from geomsup.plotting import plot_motif
    >>> W, V = [[2, -0.5], [1, 0], [-1, 0], [0, 1]], [[0.5, 2], [0, -5], [1, 0], [0, 1]]
    >>> (motif,) = asymmetric_motifs(W, V, n_draws=0).motifs
    >>> ax = plot_motif(W, V, motif, ax=Figure().add_subplot())
    >>> sorted(text.get_text() for text in ax.texts if text.get_gid() == "weight")
    ['+0.5', '+1', '+2', '+2', '-0.5', '-5']
    """
    check_kind(motif, Motif, "geomsup.neurons.asymmetric_motifs")
    into, out_of = checked_matrix(W, feature_axis), checked_matrix(V, feature_axis)
    k, inhibitor = motif.neuron, motif.inhibitors[0]
    a, b = int(motif.strong[1:]), int(motif.weak[1:])
    m, n = into.shape
    fits = into.shape == out_of.shape and max(k, inhibitor) < m and max(a, b) < n
    if not fits or not into[k, a] * into[k, b] * into[inhibitor, a]:
        raise GeomsupError("the motif was not found in these weights; pass the W and V it is from")
    axes: Axes = axes_for(ax)
    scale = float(np.sqrt(np.abs(into[k, a] * into[k, b])))
    other = float(np.abs(into[inhibitor, a]))
    edges = [
        ((0.0, 0.0), (0.0, 1.0), into[k, a] / scale),
        ((1.0, 0.0), (0.0, 1.0), into[k, b] / scale),
        ((0.0, 0.0), (1.0, 1.0), into[inhibitor, a] / other),
        ((0.0, 1.0), (0.0, 2.0), out_of[k, a] * scale),
        ((0.0, 1.0), (1.0, 2.0), out_of[k, b] * scale),
        ((1.0, 1.0), (1.0, 2.0), out_of[inhibitor, b] * other),
    ]
    widest = max(abs(weight) for *_, weight in edges)
    for (x0, y0), (x1, y1), weight in edges:
        color = POSITIVE if weight > 0 else NEGATIVE
        axes.plot(
            [x0, x1], [y0, y1], color=color, linewidth=0.8 + 4.0 * abs(weight) / widest, zorder=1
        )
        # Crossing edges would hide each other's numbers in the middle.
        at = 0.5 if x0 == x1 else 0.3
        text = axes.text(
            x0 + at * (x1 - x0), y0 + at * (y1 - y0), f"{weight:+.2g}", fontsize=8, color=color
        )
        text.set(ha="center", va="center", gid="weight")
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.0})
    for x, numbers in enumerate(((a, k, a), (b, inhibitor, b))):
        for y, (kind, number) in enumerate(
            zip(("feature", "neuron", "output"), numbers, strict=True)
        ):
            axes.plot([x], [y], "o", color=INK if y == 1 else GHOST, markersize=9, zorder=2)
            side = "left" if x else "right"
            place = x + 0.08 if x else x - 0.08
            axes.text(place, y, f"{kind} {number}", ha=side, va="center", fontsize=8)
    axes.set_xlim(-0.75, 1.75)
    axes.set_ylim(-0.2, 2.2)
    axes.axis("off")
    return axes
