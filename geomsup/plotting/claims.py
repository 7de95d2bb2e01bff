"""A claim: the group in the plane of the claim, and what control groups look like there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.claims.record import Claim
from geomsup.plotting.canvas import axes_for, check_kind, figure_for
from geomsup.plotting.labels import point_labels
from geomsup.plotting.style import GHOST, INK, POSITIVE, UNSTRUCTURED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_claim", "plot_claim_controls", "plot_claim_plane"]

Array = NDArray[np.float64]

_SIZE = (11.0, 5.2)
# More labels than this hide the points.
_MOST_LABELS = 40
_COLORS = {"supported": "#009E73", "contradicted": POSITIVE, "undecided": UNSTRUCTURED}


def plot_claim(claim: Claim, *, fig: Figure | None = None) -> Figure:
    """Draw the plane of a claim, and its statistic among those of the controls.

    Parameters
    ----------
    claim : Claim
    fig : matplotlib.figure.Figure, optional
        An empty figure; a new one of 11 × 5.2 inches by default.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GeomsupError
        If `claim` is none.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from geomsup import weigh_claim
    >>> W = np.random.default_rng(0).normal(size=(200, 16))
    >>> claim = weigh_claim(W, range(7), "ring", feature_axis=0, n_controls=200)
    >>> figure = plot_claim(claim, fig=Figure(figsize=(11, 5.2), layout="constrained"))
    >>> [ax.get_title(loc="left") for ax in figure.axes]
    ['ring of 7: contradicted', 'closed tour']
    """
    check_kind(claim, Claim, "geomsup.weigh_claim")
    figure: Figure = figure_for(fig, _SIZE)
    grid = figure.add_gridspec(1, 5)
    title = f"{claim.shape} of {len(claim.features)}: {claim.verdict}"
    plot_claim_plane(claim, ax=figure.add_subplot(grid[0, :3])).set_title(title, loc="left")
    side = figure.add_subplot(grid[0, 3:])
    plot_claim_controls(claim, ax=side).set_title(claim.statistic_name, loc="left")
    return figure


def plot_claim_plane(claim: Claim, *, ax: Axes | None = None) -> Axes:
    """Draw the group in the plane of its claim, over control groups in theirs.

    Parameters
    ----------
    claim : Claim
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Every group is scaled to the same rms distance from its centre, so that what is left in the
        plane can be compared; a group whose distances are mostly elsewhere lies near the middle.
    """
    check_kind(claim, Claim, "geomsup.weigh_claim")
    axes: Axes = axes_for(ax)
    controls = claim.control_coordinates.reshape(-1, 2)
    axes.plot(
        *controls.T,
        "o",
        color=GHOST,
        alpha=0.25,
        markersize=2.5,
        markeredgewidth=0,
        label=f"{len(claim.control_coordinates)} control groups, each in its own plane",
    )
    place = dict(zip(claim.features, claim.coordinates, strict=True))
    points = np.array([place[feature] for feature in claim.order])
    color = _COLORS[claim.verdict]
    path = _path(claim, points)
    if path is not None:
        axes.plot(*path.T, "-", color=color, linewidth=1.2, alpha=0.7)
    axes.plot(*points.T, "o", color=color, markersize=6, label="the group")
    axes.plot(0, 0, "+", color=INK, markersize=8)
    reach = 1.25 * float(np.abs(np.concatenate([points, controls])).max() or 1.0)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel(f"{100 * claim.share:.0f} % of the squared distances from the {claim.about}")
    axes.legend(frameon=False, fontsize=8, loc="upper left", ncol=2)
    if len(points) <= _MOST_LABELS:
        texts = [claim.label(feature) for feature in claim.order]
        point_labels(axes, [(x, y) for x, y in points.tolist()], texts, [INK] * len(texts))
    return axes


def plot_claim_controls(claim: Claim, *, ax: Axes | None = None) -> Axes:
    """Draw the statistic of a claim over those of its control groups.

    Parameters
    ----------
    claim : Claim
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Smaller is better; ``p`` is the share of controls on the left of the line.
    """
    check_kind(claim, Claim, "geomsup.weigh_claim")
    axes: Axes = axes_for(ax)
    name = f"{claim.n_controls:,} control groups"
    axes.hist(claim.control_statistics, 40, color=GHOST, alpha=0.6, label=name)
    axes.axvline(
        claim.statistic, color=_COLORS[claim.verdict], label=f"the group, p {claim.p_value:.2g}"
    )
    best = min(claim.evidence, key=lambda rival: claim.evidence[rival], default="")
    if best:
        said = f"best rival: {best}, {claim.evidence[best]:+.1f} nats for the claim"
        axes.plot([], [], " ", label=said)
    axes.set_xlabel(f"{claim.statistic_name} (small where the claim holds)")
    axes.set_ylabel("groups")
    axes.set_ylim(0, 1.35 * axes.get_ylim()[1])
    axes.legend(framealpha=0.9, edgecolor="none", fontsize=8, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _path(claim: Claim, points: Array) -> Array | None:
    """The points that a line joins."""
    if claim.curve is None:
        return None
    return np.concatenate([points, points[:1]]) if claim.curve == "closed" else points
