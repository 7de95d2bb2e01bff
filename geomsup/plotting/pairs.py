"""Maps of pairs: where they are kept apart, and where they collapse onto their means."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from geomsup.errors import GeomsupError
from geomsup.plotting.canvas import axes_for, check_made_by, plain_numbers
from geomsup.plotting.style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from geomsup.theory import CollapseLimit, PairMap, PairPhases

__all__ = ["plot_pair_losses", "plot_pair_map", "plot_pair_phases", "strategy_color"]

_AXIS_WORDS = {
    "together": "how often a pair comes together, $c$",
    "equal_values": "how often its values are equal, $ρ$",
}
# From all pairs apart to all but a few collapsed, and what marks the others (Okabe and Ito).
_APART, _HALF, _MOST = "#0072B2", "#7A5195", "#CC79A7"
_COLLAPSED = {"": "#E69F00", "digon ⊕ 1": "#E69F00", "triangle": "#D55E00"}
_OTHERWISE, _UNEVEN, _OPPOSED = "#8C6D31", "#009E73", "#56B4E9"
_NAME = re.compile(r"(\d+) (\w+)")


def strategy_color(strategy: str) -> str:
    """The colour of a strategy of pairs, the same in every picture.

    Parameters
    ----------
    strategy : str
        As :func:`geomsup.theory.pair_strategy` gives it.

    Returns
    -------
    str
        "#rrggbb": blue where all pairs are apart, orange where all are collapsed, and between in
        order; greener where a direction is shared unevenly.

    Examples
    --------
    >>> strategy_color("3 apart"), strategy_color("3 collapsed: triangle")
    ('#0072B2', '#D55E00')
    """
    from matplotlib.colors import to_hex, to_rgb

    states, _, shape = strategy.partition(": ")
    counts = {state: int(number) for number, state in _NAME.findall(states)}
    total = max(sum(counts.values()), 1)
    share = counts.get("collapsed", 0) / total
    if share == 1.0:
        return _COLLAPSED.get(shape, _OTHERWISE)
    place = 2.0 * share
    ends = (_APART, _HALF) if place <= 1.0 else (_HALF, _MOST)
    color = _mixed(to_rgb(ends[0]), to_rgb(ends[1]), place if place <= 1.0 else place - 1.0)
    for state, tint in (("uneven", _UNEVEN), ("opposed", _OPPOSED)):
        if state in counts:
            color = _mixed(color, to_rgb(tint), 0.4 + 0.6 * counts[state] / total)
    return str(to_hex(color)).upper()


def _mixed(
    one: tuple[float, float, float], two: tuple[float, float, float], share: float
) -> tuple[float, float, float]:
    first, second, third = (a + share * (b - a) for a, b in zip(one, two, strict=True))
    return first, second, third


def plot_pair_map(
    pairs: PairMap, *, ax: Axes | None = None, law: CollapseLimit | None = None, legend: bool = True
) -> Axes:
    """Draw which strategy is best, correlation to the right and feature probability upwards.

    Parameters
    ----------
    pairs : PairMap
        From :func:`geomsup.theory.pair_map`.
    ax : matplotlib.axes.Axes, optional
    law : CollapseLimit, optional
        The law 1 − ρ = λ* p, drawn as a dashed line; for maps over ρ.
    legend : bool, default True

    Returns
    -------
    matplotlib.axes.Axes
        Fields of one colour for each strategy.  The lines that were computed stand as thin ticks
        below, and boundaries are straight between them: full where two minima cross (first
        order), dotted where one becomes the other (continuous).  A strategy that only one of two
        neighbouring lines has ends in a point.

    Raises
    ------
    GeomsupError
        If there are fewer than two lines.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from geomsup.plotting import plot_pair_map
    >>> from geomsup.theory import pair_map
    >>> ax = plot_pair_map(pair_map(2, 2, "equal_values"), ax=Figure().add_subplot())
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['2 apart', '2 collapsed']
    """
    from matplotlib.patches import Patch, Polygon

    check_made_by("theory.pair_map", pairs, "lines", "axis")
    if len(pairs.lines) < 2:
        raise GeomsupError("expected a map of two lines or more, got one; print it instead")
    axes: Axes = axes_for(ax, figsize=(6.0, 5.0))
    drawn: dict[str, None] = {}
    values = pairs.values
    for left in range(len(values) - 1):
        x = values[left], values[left + 1]
        for strategy, one, two, kind in _aligned(pairs.lines[left], pairs.lines[left + 1]):
            corners = [(x[0], one[0]), (x[1], two[0]), (x[1], two[1]), (x[0], one[1])]
            color = strategy_color(strategy)
            axes.add_patch(Polygon(corners, facecolor=color, edgecolor=color, lw=0.3, alpha=0.9))
            drawn[strategy] = None
            if kind:
                style = "-" if kind == "first order" else ":"
                axes.plot(x, [one[1], two[1]], style, color="white", lw=1.3)
    low, high = pairs.lines[0].values[0], pairs.lines[0].values[-1]
    if law is not None:
        p = np.geomspace(low, high, 200)
        axes.plot(1.0 - law.slope * p, p, "--", color=INK, lw=1.4, label="law for rare features")
    axes.set(
        yscale="log",
        xlim=(values[0], values[-1]),
        ylim=(low, high),
        xlabel=_AXIS_WORDS[pairs.axis],
        ylabel="feature probability $p$",
        title=pairs.where,
    )
    axes.plot(
        values,
        np.zeros(len(values)),
        "|",
        color=INK,
        ms=7,
        clip_on=False,
        transform=axes.get_xaxis_transform(),
    )
    plain_numbers(axes.yaxis)
    if legend:
        handles = [Patch(color=strategy_color(name), label=name) for name in sorted(drawn)]
        axes.legend(handles=handles, fontsize=8, loc="lower left", framealpha=0.9)
    return axes


def plot_pair_losses(pairs: PairMap, *, ax: Axes | None = None) -> Axes:
    """Draw how many times the loss of principal component analysis the best loss is.

    Parameters
    ----------
    pairs : PairMap
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        A curve for each line of the map, darker where features are more correlated; one where the
        linear answer is as good as any.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from geomsup.plotting import plot_pair_losses
    >>> from geomsup.theory import pair_map
    >>> ax = plot_pair_losses(pair_map(2, 2), ax=Figure().add_subplot())
    >>> ax.get_xlabel()
    'feature probability $p$'
    """
    from matplotlib import colormaps

    check_made_by("theory.pair_map", pairs, "lines", "axis")
    axes: Axes = axes_for(ax, figsize=(6.0, 5.0))
    word = {"together": "c", "equal_values": "ρ"}[pairs.axis]
    shades = colormaps["cividis_r"](np.linspace(0.08, 1.0, len(pairs.lines)))
    for value, line, shade in zip(pairs.values, pairs.lines, shades, strict=True):
        label = f"${word}$ = {value:g}"
        axes.plot(line.values, line.ratio, "o-", ms=3, color=shade, label=label)
    axes.axhline(1.0, color=INK, lw=0.8, ls="--")
    axes.set(
        xscale="log",
        ylim=(0.0, 1.05),
        xlabel="feature probability $p$",
        ylabel="best loss, in units of PCA's",
        title=pairs.where,
    )
    plain_numbers(axes.xaxis)
    axes.legend(fontsize=8, frameon=False)
    return axes


def plot_pair_phases(pairs: PairPhases, *, ax: Axes | None = None) -> Axes:
    """Draw the loss along a line through the map, over bands in the colours of the strategies.

    Parameters
    ----------
    pairs : PairPhases
        From :func:`geomsup.theory.pair_phases`.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        The best loss in units of that of principal component analysis.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from geomsup.plotting import plot_pair_phases
    >>> from geomsup.theory import pair_map
    >>> ax = plot_pair_phases(pair_map(2, 2).lines[-1], ax=Figure().add_subplot())
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['2 apart', '2 collapsed']
    """
    check_made_by("theory.pair_phases", pairs, "boundaries", "varied")
    if len(pairs.values) < 2:
        raise GeomsupError(f"expected a line to draw, got one place: {pairs.where}")
    axes: Axes = axes_for(ax, figsize=(6.0, 4.0))
    drawn: set[str] = set()
    for name, span in zip(*_spans(pairs)[:2], strict=True):
        label = None if name in drawn else name
        axes.axvspan(*span, color=strategy_color(name), alpha=0.8, lw=0, label=label)
        drawn.add(name)
    axes.plot(pairs.values, pairs.ratio, "o-", ms=4, color=INK)
    is_p = pairs.varied == "feature_probability"
    axes.set(
        xscale="log" if is_p else "linear",
        xlim=(pairs.values[0], pairs.values[-1]),
        ylim=(0.0, 1.05),
        xlabel="feature probability $p$" if is_p else _AXIS_WORDS[pairs.varied],
        ylabel="best loss, in units of PCA's",
        title=pairs.where,
    )
    if is_p:
        plain_numbers(axes.xaxis)
    axes.legend(fontsize=8, framealpha=0.9)
    return axes


_Span = tuple[float, float]


def _spans(line: PairPhases) -> tuple[list[str], list[_Span], list[str]]:
    """Phases of a line, from where to where each goes, and how each ends."""
    ends = [float(line.values[0]), *(one.at for one in line.boundaries), float(line.values[-1])]
    names = [line.strategies[0], *(one.above for one in line.boundaries)]
    kinds = [*(one.kind for one in line.boundaries), ""]
    return names, list(pairwise(ends)), kinds


def _aligned(left: PairPhases, right: PairPhases) -> list[tuple[str, _Span, _Span, str]]:
    """Phases of two neighbouring lines side by side; what one of them lacks has no width there."""
    (names, spans, kinds), (others, their_spans, their_kinds) = _spans(left), _spans(right)
    pairs = []
    for _, i, i_end, j, j_end in SequenceMatcher(a=names, b=others, autojunk=False).get_opcodes():
        same = names[i:i_end] == others[j:j_end]
        here = spans[i][0] if i < len(spans) else spans[-1][1]
        there = their_spans[j][0] if j < len(their_spans) else their_spans[-1][1]
        if same:
            for a, b in zip(range(i, i_end), range(j, j_end), strict=True):
                pairs.append((names[a], spans[a], their_spans[b], kinds[a]))
            continue
        pairs += [(names[a], spans[a], (there, there), kinds[a]) for a in range(i, i_end)]
        here = spans[i_end - 1][1] if i_end > i else here
        pairs += [
            (others[b], (here, here), their_spans[b], their_kinds[b]) for b in range(j, j_end)
        ]
    return pairs
