"""The periodic table of superposition: which configuration is best, for every size and sparsity."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.errors import GeomsupError
from geomsup.plotting.canvas import axes_for, check_made_by
from geomsup.plotting.style import INK, name_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from geomsup.theory import AtlasCell, AtlasEntry

__all__ = ["plot_atlas", "shape_of_phase"]

# Of a cell's place, what its strip takes.
_WIDTH, _HEIGHT = 0.92, 0.72
# Shapes with a letter and a line in the legend; the others are white.
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# A phase narrower than this share of a strip has no room for its letter.
_ROOM = 0.09


def plot_atlas(
    cells: Sequence[AtlasCell],
    *,
    ax: Axes | None = None,
    least_p: float = 1e-3,
    n_named: int = 24,
) -> Axes:
    """Draw which configuration is the best known, dimensions downwards and features to the right.

    Parameters
    ----------
    cells : sequence of AtlasCell
        What :func:`geomsup.theory.atlas_cells` returned, or some of it.
    ax : matplotlib.axes.Axes, optional
    least_p : float, default 1e-3
        Feature probability at the left end of each strip; the right end is 1.
    n_named : int, default 24
        The most shapes in the legend, those that cover most first; at most 26.

    Returns
    -------
    matplotlib.axes.Axes
        In each cell a strip along the logarithm of p, with a colour and a letter for each shape;
        below the letter how many features share a direction (×2) or are dropped (−1).  Full lines
        are boundaries of first order, dotted ones continuous.

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
    from matplotlib.patches import Patch, Rectangle

    if not isinstance(cells, (list, tuple)) or not cells:
        raise GeomsupError("expected a list of cells; pass what theory.atlas_cells() returned")
    for cell in cells:
        check_made_by("theory.atlas_cells", cell, "entries", "n_features", "n_hidden")
    axes: Axes = axes_for(ax, figsize=(14.0, 6.5))
    covered: defaultdict[str, float] = defaultdict(float)
    for entry in (entry for cell in cells for entry in cell.entries):
        left, right = _ends(entry, least_p)
        covered[shape_of_phase(entry.name)] += right - left
    named = sorted(covered, key=lambda shape: -covered[shape])[: min(n_named, len(_LETTERS))]
    letters = dict(zip(named, _LETTERS, strict=False))
    for cell in cells:
        for entry in cell.entries:
            _draw(axes, entry, letters.get(shape_of_phase(entry.name), ""), least_p)
        place = cell.n_features, cell.n_hidden
        axes.add_patch(Rectangle(place, _WIDTH, _HEIGHT, fill=False, edgecolor=INK, linewidth=0.6))
    handles = [
        Patch(facecolor=name_color(shape), alpha=0.8, label=f"{letter}  {shape}")
        for shape, letter in letters.items()
    ]
    if len(covered) > len(named):
        handles.append(
            Patch(facecolor="white", edgecolor=INK, label=f"{len(covered) - len(named)} others")
        )
    _finish(axes, cells, least_p)
    axes.legend(
        handles=handles,
        ncols=4,
        fontsize=8,
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(0.0, -0.1),
    )
    return axes


def _draw(axes: Axes, entry: AtlasEntry, letter: str, least_p: float) -> None:
    """A phase: its colour, its letter where there is room, and the boundary where it ends."""
    from matplotlib.patches import Rectangle

    left, right = _ends(entry, least_p)
    if right <= left:
        return
    place = entry.n_features + _WIDTH * left, entry.n_hidden
    color = name_color(shape_of_phase(entry.name)) if letter else "#FFFFFF"
    size = _WIDTH * (right - left), _HEIGHT
    axes.add_patch(Rectangle(place, *size, facecolor=color, alpha=0.8, linewidth=0.0))
    if letter and right - left > _ROOM:
        axes.text(
            place[0] + 0.5 * size[0],
            place[1] + 0.5 * size[1],
            letter + _besides(entry),
            ha="center",
            va="center",
            fontsize=8,
            color=_ink_on(color),
        )
    if entry.ends:
        at, style = place[0] + size[0], "-" if entry.ends == "first order" else ":"
        axes.plot([at, at], [place[1], place[1] + size[1]], style, color=INK, linewidth=1.0)


def _finish(axes: Axes, cells: Sequence[AtlasCell], least_p: float) -> None:
    """Numbers of features and dimensions, and what a strip spans."""
    features = sorted({cell.n_features for cell in cells})
    hidden = sorted({cell.n_hidden for cell in cells})
    axes.set(
        xlim=(features[0] - 0.1, features[-1] + 1.0),
        ylim=(hidden[-1] + _HEIGHT + 0.15, hidden[0] - 0.1),
        xticks=[n + 0.5 * _WIDTH for n in features],
        xticklabels=[str(n) for n in features],
        yticks=[m + 0.5 * _HEIGHT for m in hidden],
        yticklabels=[str(m) for m in hidden],
        xlabel=f"features; each strip from $p$ = {least_p:g} (left) to 1, logarithmic; "
        "boundaries of first order full, continuous dotted; ×2 share a direction, −1 dropped",
        ylabel="dimensions",
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _ends(entry: AtlasEntry, least_p: float) -> tuple[float, float]:
    """Where a phase begins and ends on a strip from 0 to 1."""
    ends = np.log(np.maximum([entry.low, entry.high], least_p) / least_p) / -np.log(least_p)
    return float(ends[0]), float(ends[1])


def shape_of_phase(name: str) -> str:
    """What a phase is, whatever it drops and whichever features share a direction."""
    return re.sub(r", \d+ dropped$| \(×\d+\)| \([^)]*\)", "", name)


def _besides(entry: AtlasEntry) -> str:
    """What the letter leaves out: how many features share directions, and how many are dropped."""
    shared = re.findall(r"×(\d+)", entry.name)
    lines = [f"\n×{max(map(int, shared))}"] if shared else []
    return "".join(lines + ([f"\n−{entry.n_dropped}"] if entry.n_dropped else []))


def _ink_on(color: str) -> str:
    """Black or white, whichever is read better on a colour."""
    red, green, blue = (int(color[k : k + 2], 16) for k in (1, 3, 5))
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 130 else "white"
