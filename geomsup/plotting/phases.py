"""Losses of symmetric families against the feature probability, and phase diagrams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from geomsup.errors import GeomsupError
from geomsup.plotting.canvas import axes_for, check_made_by
from geomsup.plotting.style import INK, name_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from geomsup.theory import FamilyLosses, PhaseDiagram

__all__ = ["plot_family_losses", "plot_phase_diagram"]

_MOST_INSIDE = 7  # names of phases, in a legend on the picture itself


def plot_family_losses(losses: FamilyLosses, *, ax: Axes | None = None) -> Axes:
    """Draw the loss of each optimised family against p, with the boundaries between the lowest.

    Where the data were a function of something else, it stands in the place of p.

    Parameters
    ----------
    losses : FamilyLosses
        What :func:`geomsup.theory.family_losses` returned.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Losses are divided by that of a model that always answers zero, n·p/3 for independent
        features.

    Raises
    ------
    GeomsupError
        If `losses` is something else.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from geomsup.plotting import plot_family_losses
    >>> from geomsup.theory import family_losses
    >>> losses = family_losses(["pentagon", "digon + digon"], 5, [0.1, 0.3])
    >>> ax = plot_family_losses(losses, ax=Figure().add_subplot())
    >>> ax.get_xlabel()
    'feature probability $p = 1 - S$'
    """
    check_made_by("theory.family_losses", losses, "shapes", "losses", "boundaries")
    axes: Axes = axes_for(ax, figsize=(7.0, 4.4))
    p = losses.feature_probability
    zero = np.maximum(losses.zero_output_loss, 1e-300)
    # Where a family is the lowest its line is thick, from boundary to boundary.
    ends = np.unique(np.concatenate([p, [boundary for boundary, _, _ in losses.boundaries]]))
    between = 0.5 * (ends[1:] + ends[:-1])
    ratios = np.array([np.interp(between, p, row / zero) for row in losses.losses])
    for k, (shape, values) in enumerate(zip(losses.shapes, losses.losses, strict=True)):
        color = name_color(shape)
        axes.plot(p, values / zero, color=color, linewidth=1.4, label=shape)
        is_lowest = np.append(ratios.argmin(0) == k, False)
        thick = np.where(
            is_lowest | np.roll(is_lowest, 1), np.interp(ends, p, values / zero), np.nan
        )
        axes.plot(ends, thick, color=color, linewidth=3.5, solid_capstyle="round")
    for boundary, _, _ in losses.boundaries:
        axes.axvline(boundary, color=INK, linewidth=0.8, linestyle=":", zorder=0, gid="boundary")
        axes.annotate(
            f"{boundary:.4f}",
            (boundary, 0.98),
            xycoords=("data", "axes fraction"),
            xytext=(-3, 0),
            textcoords="offset points",
            rotation=90,
            ha="right",
            va="top",
            fontsize=8,
            color=INK,
        )
    axes.set(
        xlabel=_axis_label(losses.along),
        ylabel="expected loss / loss of the zero output",
        xlim=(p[0], p[-1]) if len(p) > 1 else None,
        ylim=(0.0, None),
    )
    axes.spines[["top", "right"]].set_visible(False)
    # On white, because lines of boundaries may run behind it.
    legend = axes.legend(framealpha=1.0, edgecolor="none", fontsize=9, title_fontsize=9)
    legend.set_title("thick: the least loss")
    legend.set_alignment("left")
    return axes


def plot_phase_diagram(
    diagram: PhaseDiagram, *, ax: Axes | None = None, colors: Sequence[str] | None = None
) -> Axes:
    """Draw which arrangement is best at each sparsity and relative importance.

    Parameters
    ----------
    diagram : PhaseDiagram
        What :func:`geomsup.theory.phase_diagram` returned.
    ax : matplotlib.axes.Axes, optional
    colors : sequence of str, optional
        A colour for each of ``diagram.phases``; by default each name's own, as everywhere.

    Returns
    -------
    matplotlib.axes.Axes
        Both axes are logarithmic, dense features on top, as in the paper; where the rows are
        anything but p, theirs is linear.

    Raises
    ------
    GeomsupError
        If `diagram` is something else, or there are another number of colours than phases.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from geomsup.plotting import plot_phase_diagram
    >>> from geomsup.theory import phase_diagram
    >>> ax = plot_phase_diagram(phase_diagram(2, 1, unit_norm=True), ax=Figure().add_subplot())
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['1 (2 dropped)', '2 (1 dropped)', 'digon(1, 2)']
    """
    check_made_by("theory.phase_diagram", diagram, "phase", "phases", "relative_importance")
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    axes: Axes = axes_for(ax, figsize=(6.4, 5.2))
    if colors is None:
        colors = [name_color(name) for name in diagram.phases]
    elif len(colors) != len(diagram.phases):
        raise GeomsupError(
            f"expected one colour for each of {len(diagram.phases)} phases, got {len(colors)}"
        )
    upwards = "log" if diagram.along == "p" else "linear"
    axes.pcolormesh(
        _edges(diagram.relative_importance),
        _edges(diagram.feature_probability, upwards),
        diagram.phase,
        cmap=ListedColormap(colors),
        vmin=-0.5,
        vmax=len(colors) - 0.5,
        alpha=0.85,
    )
    axes.set(
        xscale="log",
        yscale=upwards,
        xlabel="relative importance of the last feature",
        ylabel=_axis_label(diagram.along),
        title=f"{diagram.n_features} features in {diagram.n_hidden} dimension"
        f"{'s' if diagram.n_hidden > 1 else ''}, "
        f"{'unit vectors without bias' if diagram.unit_norm else 'exact optimum'}",
    )
    handles = [
        Patch(color=color, label=name) for color, name in zip(colors, diagram.phases, strict=True)
    ]
    legend = axes.legend(handles=handles, fontsize=8, loc="lower left", framealpha=0.9)
    if len(handles) > _MOST_INSIDE:  # many names would cover what they name
        legend.set_loc("upper left")
        legend.set_bbox_to_anchor((1.01, 1.0))
    return axes


def _axis_label(along: str) -> str:
    return "feature probability $p = 1 - S$" if along == "p" else along


def _edges(centres: Any, scale: str = "log") -> Any:
    """Borders of cells around points of an axis; on a logarithmic one p = 0 has none."""
    at = np.log(np.maximum(centres, 1e-12)) if scale == "log" else np.asarray(centres)
    back = np.exp if scale == "log" else np.asarray
    if len(at) == 1:
        return back([at[0] - 0.1, at[0] + 0.1])
    middles = 0.5 * (at[1:] + at[:-1])
    return back([2 * at[0] - middles[0], *middles, 2 * at[-1] - middles[-1]])
