"""The periodic table of superposition: which configuration is best, for every size and sparsity."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from geomsup.errors import GeomsupError
from geomsup.plotting.canvas import axes_for, check_made_by
from geomsup.plotting.style import INK, name_color
from geomsup.shapes import get_shape

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from geomsup.theory import AtlasCell, AtlasEntry

__all__ = ["plot_atlas"]

# Of a cell's place, what its strip takes.
_WIDTH, _HEIGHT = 0.92, 0.72
# Shapes with a letter and a line in the legend; the others are white.
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# A phase narrower than this share of a strip has no room for its letter; of the one strip of a
# picture by itself, which then says it beside the strip, so far from the next.
_ROOM, _ROOM_ALONE, _APART = 0.09, 0.03, 0.034
# How far above its strip the line of Thomson optima stands, and a label with room of its own.
_LINE, _LABEL = 0.035, 0.2
# Lines of the legend are as the boundaries are, and as the lines above the strips.
_BOUNDARIES: dict[str, Any] = {"first order": "-", "continuous": ":"}
_CHARGES: dict[str, tuple[Any, str]] = {
    "optimum": ("-", "Thomson optimum"),
    "shape": ((0, (1, 1)), "… its shape alone"),
}
_HATCHES = ("/", "\\", "-", "|")
# Feature probabilities that have a tick, where they are on the strip.
_TICKS = (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.2, 0.5, 1.0)


def plot_atlas(
    cells: Sequence[AtlasCell],
    *,
    ax: Axes | None = None,
    least_p: float = 1e-3,
    n_named: int = 52,
) -> Axes:
    """Draw which configuration is the best known, dimensions downwards and features to the right.

    Parameters
    ----------
    cells : sequence of AtlasCell
        What :func:`geomsup.theory.atlas_cells` returned, or some of it; one by itself has its
        feature probabilities below it, and letters for its narrowest phases too.
    ax : matplotlib.axes.Axes, optional
    least_p : float, default 1e-3
        Feature probability at the left end of each strip; the right end is 1.
    n_named : int, default 52
        The most shapes in the legend, those that cover most first; at most 52.

    Returns
    -------
    matplotlib.axes.Axes
        In each cell a strip along the logarithm of p, with a colour and a letter for each shape
        (hatched where features stand by themselves); beside the letter how many features share a
        direction (×2) or are dropped (−1), as the name has it; neighbours of one name, which differ
        in symmetry, have one label.  Full lines are boundaries of first order, dotted ones
        continuous.  A line above the strip says where the directions are those of the Thomson
        optimum of as many charges as there are features that are represented.

    Raises
    ------
    GeomsupError
        If there is nothing to draw.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from geomsup.plotting import plot_atlas
    >>> from geomsup.theory import atlas_cell
    >>> ax = plot_atlas([atlas_cell(5, 2)], ax=Figure().add_subplot())
    >>> ax.get_legend().get_texts()[0].get_text()
    'A  pentagon'
    """
    if not isinstance(cells, (list, tuple)) or not cells:
        raise GeomsupError("expected a list of cells; pass what theory.atlas_cells() returned")
    for cell in cells:
        check_made_by("theory.atlas_cells", cell, "entries", "n_features", "n_hidden")
    axes: Axes = axes_for(ax, figsize=(14.0, 7.5) if len(cells) > 1 else (8.0, 4.0))
    covered: defaultdict[str, float] = defaultdict(float)
    for entry in (entry for cell in cells for entry in cell.entries):
        left, right = _ends(entry, least_p)
        covered[entry.shape] += right - left
    seen = [shape for shape, width in covered.items() if width > 0.0]
    named = sorted(seen, key=lambda shape: -covered[shape])[: min(n_named, len(_LETTERS))]
    letters = dict(zip(named, _LETTERS, strict=False))
    for cell in cells:
        _draw(axes, cell, letters, least_p, alone=len(cells) == 1)
    _finish(axes, cells, least_p)
    _explain(axes, letters, len(seen) - len(named), cells)
    return axes


def _draw(
    axes: Axes, cell: AtlasCell, letters: dict[str, str], least_p: float, *, alone: bool
) -> None:
    """The strip of a cell; neighbours of one name, which differ in symmetry, have one label."""
    from matplotlib.patches import Rectangle

    beside = []
    drawn = [entry for entry in cell.entries if np.diff(_ends(entry, least_p))[0] > 0.0]
    for _, run in groupby(drawn, key=lambda entry: entry.name):
        alike = list(run)
        entry, letter = alike[0], letters.get(alike[0].shape, "")
        for one in alike:
            _draw_phase(axes, one, letter, _ends(one, least_p))
        left, right = _ends(entry, least_p)[0], _ends(alike[-1], least_p)[1]
        middle = cell.n_features + _WIDTH * 0.5 * (left + right)
        if letter and right - left > (_ROOM_ALONE if alone else _ROOM):
            _write(axes, entry, letter, middle)
        elif letter and alone:
            beside.append((middle, letter + _besides(entry)))
    if beside:
        _write_beside(axes, cell, beside)
    place = cell.n_features, cell.n_hidden
    axes.add_patch(Rectangle(place, _WIDTH, _HEIGHT, fill=False, edgecolor=INK, linewidth=0.6))


def _draw_phase(axes: Axes, entry: AtlasEntry, letter: str, ends: tuple[float, float]) -> None:
    """Its colour, the boundary where it ends, and whether it is a Thomson optimum."""
    from matplotlib.patches import Rectangle

    left, right = (entry.n_features + _WIDTH * end for end in ends)
    top = float(entry.n_hidden)
    axes.add_patch(
        Rectangle((left, top), right - left, _HEIGHT, linewidth=0.0, **_look(entry.shape, letter))
    )
    if entry.ends:
        style = _BOUNDARIES[entry.ends]
        axes.plot([right, right], [top, top + _HEIGHT], style, color=INK, linewidth=1.0)
    if entry.thomson:
        dashes, _ = _CHARGES[entry.thomson]
        axes.hlines(top - _LINE, left, right, colors=INK, linestyles=dashes, linewidth=3.0)


def _look(shape: str, letter: str) -> dict[str, Any]:
    """Colour and hatching of a shape; one without a letter is white."""
    return {
        "facecolor": name_color(_whole(shape)) if letter else "#FFFFFF",
        "edgecolor": "#FFFFFF",
        "hatch": _hatching(shape),
        "alpha": 0.85,
    }


def _hatching(shape: str) -> str:
    """Denser with every feature by itself, and turned with every other part: blue upon blue."""
    parts = shape.split(" + ")
    alone = parts.count("monosemantic")
    if not alone or len(parts) == 1:
        return ""
    others = len(parts) - alone
    return _HATCHES[min(others, len(_HATCHES)) - 1] * (1 + alone)


def _write(axes: Axes, entry: AtlasEntry, letter: str, middle: float) -> None:
    """The letter of a phase in the midst of it."""
    color = name_color(_whole(entry.shape))
    axes.text(
        middle,
        entry.n_hidden + 0.5 * _HEIGHT,
        letter + _besides(entry),
        ha="center",
        va="center",
        fontsize=8,
        color=_ink_on(color),
        bbox={"facecolor": color, "edgecolor": "none", "pad": 1.0}
        if _hatching(entry.shape)
        else None,
    )


def _write_beside(axes: Axes, cell: AtlasCell, labels: Iterable[tuple[float, str]]) -> None:
    """Labels of phases that have no room for them: above the strip, side by side."""
    middles, texts = zip(*labels, strict=True)
    places, end = np.array(middles), cell.n_features + _WIDTH
    gap = min(_APART, 1.0 / len(places)) * _WIDTH
    for k in range(1, len(places)):
        places[k] = max(places[k], places[k - 1] + gap)
    places[-1] = min(places[-1], end)
    for k in range(len(places) - 2, -1, -1):
        places[k] = min(places[k], places[k + 1] - gap)
    for middle, place, text in zip(middles, places, texts, strict=True):
        top = cell.n_hidden - 1.5 * _LINE
        axes.plot([middle, place], [top, cell.n_hidden - 0.8 * _LABEL], color=INK, linewidth=0.5)
        axes.text(place, cell.n_hidden - _LABEL, text, ha="center", va="bottom", fontsize=8)


def _finish(axes: Axes, cells: Sequence[AtlasCell], least_p: float) -> None:
    """Numbers of features and dimensions, and the feature probabilities."""
    features = sorted({cell.n_features for cell in cells})
    hidden = sorted({cell.n_hidden for cell in cells})
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(ylim=(hidden[-1] + _HEIGHT + 0.03, hidden[0] - 0.1), ylabel="dimensions")
    axes.set_yticks([m + 0.5 * _HEIGHT for m in hidden], [str(m) for m in hidden])
    probabilities = [p for p in _TICKS if p >= least_p * (1.0 - 1e-9)]
    shares = 1.0 - np.log(probabilities) / np.log(least_p)
    if len(cells) == 1:
        n, m = cells[0].key
        axes.set(xlim=(n - 0.02, n + _WIDTH + 0.02), ylim=(m + _HEIGHT, m - 2.0 * _LABEL))
        axes.set_xticks(n + _WIDTH * shares, [f"{p:g}" for p in probabilities])
        axes.tick_params(axis="x", length=3)
        axes.set(xlabel="feature probability $p$", ylabel="", yticks=[])
        axes.set_title(f"{n} features in {m} dimension{'s' * (m > 1)}", loc="left", fontsize=10)
        return
    axes.set(xlim=(features[0] - 0.1, features[-1] + 1.0), xlabel="features")
    axes.set_xticks([n + 0.5 * _WIDTH for n in features], [str(n) for n in features])
    # What a strip spans is said below the first one.
    first = cells[0]
    bottom = first.n_hidden + _HEIGHT
    for p, share in zip(probabilities, shares, strict=True):
        if abs(np.log10(p) - round(np.log10(p))) < 1e-9:
            x = first.n_features + _WIDTH * float(share)
            axes.plot([x, x], [bottom, bottom + 0.03], color=INK, linewidth=0.6)
            axes.text(x, bottom + 0.04, f"{p:g}", ha="center", va="top", fontsize=6)
    axes.text(
        first.n_features + 0.5 * _WIDTH, bottom + 0.13, "$p$", ha="center", va="top", fontsize=7
    )


def _explain(
    axes: Axes, letters: dict[str, str], n_others: int, cells: Sequence[AtlasCell]
) -> None:
    """The legend, below."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.transforms import ScaledTranslation

    handles: list[Artist] = [
        Patch(label=f"{letter}  {_called(shape)}", linewidth=0.0, **_look(shape, letter))
        for shape, letter in letters.items()
    ]
    if n_others:
        label = f"{n_others} other{'s' * (n_others > 1)}"
        handles.append(Patch(facecolor="white", edgecolor=INK, label=label))
    entries = [entry for cell in cells for entry in cell.entries]
    for kind, style in _BOUNDARIES.items():
        if any(entry.ends == kind for entry in entries):
            handles.append(Line2D([], [], color=INK, linestyle=style, label=f"{kind} boundary"))
    for kind, (dashes, label) in _CHARGES.items():
        if any(entry.thomson == kind for entry in entries):
            handles.append(Line2D([], [], color=INK, linewidth=3.0, linestyle=dashes, label=label))
    alone = len(cells) == 1
    figure = axes.get_figure()
    assert figure is not None
    below = ScaledTranslation(0.0, -0.5, figure.dpi_scale_trans)
    axes.legend(
        handles=handles,
        ncols=2 if alone else 4,
        fontsize=8,
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(0.0, 0.0),
        bbox_transform=axes.transAxes + below,
        title="×2: so many share a direction; −1: so many are dropped",
        title_fontsize=8,
        alignment="left",
    )


def _ends(entry: AtlasEntry, least_p: float) -> tuple[float, float]:
    """Where a phase begins and ends on a strip from 0 to 1."""
    ends = np.log(np.maximum([entry.low, entry.high], least_p) / least_p) / -np.log(least_p)
    return float(ends[0]), float(ends[1])


def _whole(shape: str) -> str:
    """The classical name of an orthogonal sum, where the catalogue has one."""
    try:
        return get_shape(shape.replace(" + ", " ⊕ ")).name
    except GeomsupError:
        return shape


def _called(shape: str) -> str:
    """The parts, and the whole where it has another name."""
    whole = _whole(shape)
    return shape if whole.replace("⊕", "+") == shape else f"{shape} = {whole}"


def _besides(entry: AtlasEntry) -> str:
    """What the letter leaves out: how many features share directions, and how many are dropped."""
    shared = re.findall(r"×(\d+)", entry.name)
    lines = [f"\n×{max(map(int, shared))}"] if shared else []
    # As the name has it, which counts what is much shorter than the others.
    dropped = re.search(r"(\d+) dropped", entry.name)
    return "".join([*lines, *([f"\n−{dropped[1]}"] if dropped else [])])


def _ink_on(color: str) -> str:
    """Black or white, whichever is read better on a colour."""
    red, green, blue = (int(color[k : k + 2], 16) for k in (1, 3, 5))
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 130 else "white"
