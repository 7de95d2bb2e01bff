"""Two dictionaries: the cosines of their matching over those of matchings by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from geomsup.plotting.canvas import axes_for, check_made_by
from geomsup.plotting.style import GHOST, INK, POSITIVE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from geomsup.comparison.record import DictionaryComparison

__all__ = ["plot_dictionary_comparison"]

# Bins of the record (.01 wide) in one bar.
_MERGED = 2
# Share of the height that the legend leaves.
_BELOW_LEGEND = 0.75


def plot_dictionary_comparison(found: DictionaryComparison, *, ax: Axes | None = None) -> Axes:
    """Draw how many matched pairs have each cosine, over the band of the null's draws.

    Parameters
    ----------
    found : DictionaryComparison
        What :func:`geomsup.compare_dictionaries` returned.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        The grey band reaches from the fewest to the most pairs of a draw.  Vertical lines are at
        the means, solid for the dictionaries and dashed for the null; the dotted one is where a
        pair counts as shared.

    Raises
    ------
    GeomsupError
        If `found` is something else.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from geomsup import compare_dictionaries
    >>> from geomsup.plotting import plot_dictionary_comparison
    >>> A = np.random.default_rng(0).normal(size=(100, 16))
    >>> found = compare_dictionaries(A, A, feature_axis=0, n_draws=2, progress=False)
    >>> ax = plot_dictionary_comparison(found, ax=Figure().add_subplot())
    >>> ax.get_xlabel()
    'cosine of matched pairs'
    """
    check_made_by("compare_dictionaries", found, "matched_a", "null_counts")
    axes: Axes = axes_for(ax)
    edges = np.linspace(-1, 1, found.null_counts.shape[1] // _MERGED + 1)
    counts = np.histogram(found.cosines, edges)[0]
    if found.n_draws:
        drawn = found.null_counts.reshape(found.n_draws, -1, _MERGED).sum(axis=2)
        axes.stairs(
            drawn.max(axis=0),
            edges,
            baseline=drawn.min(axis=0),
            fill=True,
            color=GHOST,
            alpha=0.3,
            label=f"{found.null} null, {found.n_draws} draws",
        )
        axes.stairs(drawn.mean(axis=0), edges, color=GHOST, linewidth=1.2)
    axes.stairs(counts, edges, color=POSITIVE, linewidth=1.6, label="matched pairs")
    mean = next(one for one in found.scores if one.name.endswith("of the matching"))
    axes.axvline(mean.found, ymax=_BELOW_LEGEND, color=POSITIVE, linewidth=1.0, label="their mean")
    if mean.null_mean is not None:
        _dashed(axes, mean.null_mean, "--", "mean of the null")
    _dashed(axes, found.threshold, ":", "shared from here")
    axes.set_xlim(-1.0 if found.signed and found.cosines.min() < -0.1 else -0.1, 1.02)
    axes.set_ylim(0, axes.get_ylim()[1] / _BELOW_LEGEND)
    axes.set_xlabel("cosine of matched pairs" if found.signed else "|cosine| of matched pairs")
    axes.set_ylabel("pairs")
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _dashed(axes: Axes, cosine: float, style: str, label: str) -> None:
    axes.axvline(cosine, ymax=_BELOW_LEGEND, color=INK, linestyle=style, linewidth=1.0, label=label)
