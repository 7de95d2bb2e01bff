"""Rows of trained models as arrows, for the figures of several experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geomsup.experiments.frame.measures import reports_of
from geomsup.plotting.directions import plot_directions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_model"]


def draw_model(W: Any, ax: Axes, title: str, *, limit: float | None = None) -> None:
    """Draw one model with its ideal figure, and without what repeats from panel to panel.

    Parameters
    ----------
    W : ndarray of shape (n_hidden, n_features)
    ax : matplotlib.axes.Axes
    title : str
    limit : float, optional
        Largest coordinate, so that panels share their scale.
    """
    plot_directions(W, reports_of(W[None])[0], ax=ax)
    legend = ax.get_legend()
    if legend is not None:
        legend.remove()
    # Numbers of features stand beyond the tips, and reach above small axes.
    ax.set_title(title, fontsize=9, pad=10)
    ax.set(xlabel="", ylabel="", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    if limit is not None:
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit))
