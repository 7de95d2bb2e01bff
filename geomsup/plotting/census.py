"""A census: how its cosines lie over those of the background, and what survives it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geomsup.plotting.canvas import axes_for, note
from geomsup.plotting.structures import checked_census, plot_component, plot_forest
from geomsup.plotting.style import GHOST, INK, NEGATIVE, POSITIVE
from geomsup.survey.record import Census, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_census", "plot_cosine_histogram", "plot_counts", "plot_neighbours"]

FloatArray = NDArray[np.float64]

# Bins of the census (.001 wide) in one bar.
_MERGED = 20
_SIZE = (11.0, 8.0)
# A row of structures makes a figure so much higher.
_STRUCTURES = 4.5
# Share of the height that a legend leaves.
_BELOW_LEGEND = 0.76


def plot_census(
    found: Census,
    W: object = None,
    *,
    feature_axis: int | None = None,
    fig: Figure | None = None,
) -> Figure:
    """Draw the pictures of a census on one sheet.

    Parameters
    ----------
    found : Census
    W : object, optional
        The matrix that it was taken of; with it its structures are drawn too.
    feature_axis : int, optional
        As for :func:`geomsup.census`.
    fig : matplotlib.figure.Figure, optional
        An empty figure; a new one of 11 × 8 inches by default, of 11 × 12.5 with
        structures.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GeomsupError
        If `found` is no census.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from geomsup import census
    >>> W = np.random.default_rng(0).normal(size=(200, 16))
    >>> found = census(W, feature_axis=0, n_draws=3, progress=False)
    >>> figure = plot_census(found, fig=Figure(figsize=(11, 8), layout="constrained"))
    >>> [ax.get_title(loc="left") for ax in figure.axes]
    ['All pairs', 'Nearest and most opposite', 'Counts against the matched null']
    """
    checked_census(found)
    if fig is None:
        import matplotlib.pyplot as plt

        fig = plt.figure(figsize=figure_size(found, W), layout="constrained")
    _, height = figure_size(found, W)
    n_rows = 2 if height == _SIZE[1] else 3
    heights = [1.0, 1.0, 2 * _STRUCTURES / _SIZE[1]][:n_rows]
    grid = fig.add_gridspec(n_rows, 5, height_ratios=heights)
    panels: list[tuple[Callable[..., Axes], Any, str]] = [
        (plot_cosine_histogram, grid[0, :3], "All pairs"),
        (plot_neighbours, grid[0, 3:], "Nearest and most opposite"),
        (plot_counts, grid[1, :], f"Counts against the {found.null} null"),
    ]
    if n_rows == 3:
        of_matrix: dict[str, Any] = {"W": W, "feature_axis": feature_axis}
        forest, one = partial(plot_forest, **of_matrix), partial(plot_component, **of_matrix)
        panels.append((forest, grid[2, :3], "How the largest structures hang together"))
        name = found.components[0].name
        panels.append((one, grid[2, 3:], f"That of the greatest evidence: {name}"))
    for draw, place, title in panels:
        # A figure of its own, so that the long labels of one panel do not narrow the others.
        axes = draw(found, ax=fig.add_subfigure(place).add_subplot())
        axes.set_title("")
        axes.set_title(title, loc="left")
    return fig


def figure_size(found: Census, W: object) -> tuple[float, float]:
    """Width and height of a sheet, in inches."""
    has_structures = bool(found.components) and W is not None
    return _SIZE[0], _SIZE[1] + (_STRUCTURES if has_structures else 0.0)


def plot_cosine_histogram(found: Census, *, ax: Axes | None = None) -> Axes:
    """Draw the number of pairs at each cosine, over that of a mean draw.

    Parameters
    ----------
    found : Census
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        The grey area is the background; what rises above it is beyond chance.  The scale is
        logarithmic, as the pairs of interest are few.
    """
    checked_census(found)
    axes: Axes = axes_for(ax)
    edges = np.linspace(-1, 1, found.histogram.size // _MERGED + 1)
    counts = _merged(found.histogram)
    if found.null_histogram.any():
        axes.stairs(
            _merged(found.null_histogram),
            edges,
            fill=True,
            color=GHOST,
            alpha=0.5,
            label=f"{found.null} null",
        )
    axes.stairs(counts, edges, color=INK, linewidth=1.2, label="pairs")
    for color, sign in ((NEGATIVE, -1), (POSITIVE, 1)):
        one_side = found.cosines[np.sign(found.cosines) == sign]
        if one_side.size:
            axes.stairs(
                np.histogram(one_side, edges)[0],
                edges,
                color=color,
                linewidth=1.2,
                label="believed, cos " + ("> 0" if sign > 0 else "< 0"),
            )
    axes.set_yscale("log")
    axes.set_ylim(0.5, 3 * counts.max())
    axes.set_xlim(-1, 1)
    axes.set_xlabel("cosine")
    axes.set_ylabel("pairs")
    axes.legend(frameon=False, fontsize=8)
    return axes


def plot_neighbours(found: Census, *, ax: Axes | None = None) -> Axes:
    """Draw the largest and the least cosine of each feature.

    Parameters
    ----------
    found : Census
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Vertical lines are at the means, dashed ones where the background has the mean of the
        largest.
    """
    checked_census(found)
    axes: Axes = axes_for(ax)
    bins = np.linspace(-1, 1, 101).tolist()
    sides = ((found.least, NEGATIVE, "least"), (found.largest, POSITIVE, "largest"))
    for values, color, name in sides:
        axes.hist(values, bins, color=color, alpha=0.6, label=f"{name} cosine of each feature")
        axes.axvline(float(values.mean()), ymax=_BELOW_LEGEND, color=color, linewidth=1.0)
    null = found["mean of max cos"].null_mean
    if null is not None:
        label = f"mean largest, {found.null} null"
        axes.axvline(
            null, ymax=_BELOW_LEGEND, color=INK, linestyle="--", linewidth=1.0, label=label
        )
    axes.set_xlim(-1, 1)
    axes.set_xlabel("cosine")
    axes.set_ylabel("features")
    axes.set_ylim(0, axes.get_ylim()[1] / _BELOW_LEGEND)
    axes.legend(frameon=False, fontsize=8, loc="upper center")
    return axes


def plot_counts(found: Census, *, ax: Axes | None = None) -> Axes:
    """Draw each count of a census beside what the background gives.

    Parameters
    ----------
    found : Census
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Dots are the matrix; grey bars the background's mean with two standard deviations.  The
        scale is linear from 0 to 1 and logarithmic beyond.
    """
    checked_census(found)
    axes: Axes = axes_for(ax)
    everything = (*found.comparisons, *found.structures, *found.partner)
    compared = [one for one in everything if one.is_count]
    counts = [one for one in compared if one.found or one.null_mean]
    if not counts:
        note(axes, "nothing to count")
        return axes
    axes.set_xscale("symlog", linthresh=1.0)
    for place, one in enumerate(counts[::-1]):
        _draw_count(axes, place, one, "found" if place == 0 else None)
    axes.set_yticks(range(len(counts)), [one.name for one in counts[::-1]])
    axes.set_ylim(-0.6, len(counts) - 0.4)
    largest = max(one.found for one in counts)
    axes.set_xlim(-0.2, 8 * max(largest, axes.get_xlim()[1]) + 1)
    axes.set_xlabel("number of pairs, or of structures")
    axes.spines[["top", "right"]].set_visible(False)
    # Beside the title, where no number can be.
    axes.legend(frameon=False, fontsize=8, ncol=2, loc="lower right", bbox_to_anchor=(1, 1))
    return axes


def _draw_count(axes: Axes, place: int, one: Comparison, label: str | None) -> None:
    if one.null_mean is not None:
        spread = 2 * (one.null_sd or 0.0)
        low, high = max(one.null_mean - spread, 0.0), one.null_mean + spread
        axes.plot(
            [low, high],
            [place, place],
            color=GHOST,
            linewidth=8,
            solid_capstyle="butt",
            label=label and "background, mean ± 2 sd",
        )
        axes.plot([one.null_mean], [place], "|", color=INK, markersize=11)
    axes.plot([one.found], [place], "o", color=POSITIVE, markersize=6, label=label)
    # Above the point: beside it lies what the background has.
    axes.annotate(
        f"{one.found:,.0f}",
        (one.found, place),
        xytext=(0, 6),
        textcoords="offset points",
        ha="center",
        fontsize=8,
    )


def _merged(counts: FloatArray) -> FloatArray:
    merged: FloatArray = counts.reshape(-1, _MERGED).sum(axis=1)
    return merged
