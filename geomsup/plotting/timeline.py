"""A training as a picture: the loss above, what the features do below, on one time axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from geomsup.plotting.canvas import check_kind, figure_for
from geomsup.plotting.dimensionality import CLASSICAL
from geomsup.plotting.labels import level_names
from geomsup.plotting.style import DROPPED, GHOST, INK, PALETTE, name_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from geomsup.dynamics import GeometryTimeline

__all__ = ["plot_timeline"]

# So many features get a colour of their own each.
_FEW = len(PALETTE)
_LABEL_SIZE = 8.0
_WIDE = 3.0
# So many names have room beside the band of names.
_BESIDE = 3


def plot_timeline(
    timeline: GeometryTimeline, *, log_steps: bool = False, fig: Figure | None = None
) -> Figure:
    """Draw loss, levels of dimensionality, and names along a training.

    Parameters
    ----------
    timeline : GeometryTimeline
        From :func:`geomsup.dynamics.geometry_timeline`.
    log_steps : bool, default False
        Whether the time axis is logarithmic (from step 1 on).
    fig : matplotlib Figure, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
        Shaded stretches are drops of the loss; ticks under the curves are jumps.

    Raises
    ------
    GeomsupError
        If ``timeline`` is no GeometryTimeline, or ``fig`` no figure.

    Examples
    --------
    >>> import numpy as np
    >>> from geomsup.dynamics import geometry_timeline
    >>> from geomsup.plotting import plot_timeline
    >>> weights = np.zeros((40, 1, 2))
    >>> weights[:, 0, 0] = 1.0
    >>> weights[20:, 0, 1] = -1.0
    >>> timeline = geometry_timeline(np.arange(40), weights, np.where(np.arange(40) < 20, 0.3, 0.1))
    >>> len(plot_timeline(timeline).axes)
    3
    """
    # Whoever has a timeline has loaded it, and what looks for change points takes its time.
    from geomsup.dynamics import GeometryTimeline

    check_kind(timeline, GeometryTimeline, "geometry_timeline(steps, weights, losses)")
    figure: Figure = figure_for(fig, (8.4, 6.4))
    has_loss = not np.isnan(timeline.losses).any()
    ratios = [1.0, 0.22, 2.0] if has_loss else [0.22, 2.0]
    rows: Any = figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios)
    below, names = rows[-1], rows[-2]
    if has_loss:
        _draw_loss(rows[0], timeline)
    _draw_names(names, timeline, log_steps)
    _draw_levels(below, timeline)
    for drop in timeline.loss_drops:
        for axes in rows:
            if axes is not names:
                axes.axvspan(drop.start, drop.stop, color=PALETTE[4], alpha=0.18, lw=0)
    below.set_xlabel("step")
    if log_steps:
        below.set_xscale("log")
        # Step 0 has no place on this axis; any other first record has.
        below.set_xlim(timeline.steps[timeline.steps > 0][0], timeline.steps[-1])
    else:
        below.set_xlim(timeline.steps[0], timeline.steps[-1])
    return figure


def _draw_loss(axes: Axes, timeline: GeometryTimeline) -> None:
    axes.plot(timeline.steps, timeline.losses, color=INK, lw=1.5)
    # Over a narrow range a logarithmic axis has no readable ticks.
    if timeline.losses.max() > _WIDE * timeline.losses.min() > 0.0:
        axes.set_yscale("log")
    axes.set_ylabel("loss")
    both = timeline.coincidence
    if np.isfinite(both.share):
        axes.set_title(
            f"{both.share:.0%} of the jumps (orange bars) lie in a drop of the loss (shaded); "
            f"by chance {both.expected:.0%}",
            fontsize=10,
        )


def _draw_names(axes: Axes, timeline: GeometryTimeline, log_steps: bool) -> None:
    """A band of colour for each run of one name, labelled where there is room, or else beside."""
    beside: dict[str, None] = {}
    spans = timeline.spans()
    first, last = float(timeline.steps[0]), float(timeline.steps[-1])
    scale = (lambda x: np.log(max(x, 1.0))) if log_steps else float
    whole = max(scale(last) - scale(first), 1e-12)
    for (name, start, _), stop in zip(
        spans, [*(float(span[1]) for span in spans[1:]), last], strict=False
    ):
        axes.axvspan(start, stop, color=name_color(name), alpha=0.35, lw=0)
        share = (scale(stop) - scale(start)) / whole
        # About 110 letters of this size go across the picture.
        if len(name) < 105 * share:
            middle = (start + stop) / 2
            if log_steps:
                middle = float(np.exp((scale(start) + scale(stop)) / 2))
            axes.text(middle, 0.5, name, ha="center", va="center", fontsize=_LABEL_SIZE)
        else:
            beside[name] = None
    _write_beside(axes, list(beside))
    axes.set_yticks([])
    axes.set_ylabel("shape", rotation=0, ha="right", va="center")
    axes.set_ylim(0, 1)


def _write_beside(axes: Axes, names: list[str]) -> None:
    """The names of narrow bands, each in its colour, as many as there is room for."""
    lines = names if len(names) <= _BESIDE else [*names[: _BESIDE - 1], "…"]
    for place, text in enumerate(lines):
        axes.annotate(
            text,
            (1.01, 1.0 - (place + 0.5) / len(lines)),
            xycoords="axes fraction",
            va="center",
            fontsize=_LABEL_SIZE,
            color=INK if text == "…" else name_color(text),
            annotation_clip=False,
        )


def _draw_levels(axes: Axes, timeline: GeometryTimeline) -> None:
    n_features = timeline.levels.shape[1]
    few = n_features <= _FEW
    for level in CLASSICAL:
        axes.axhline(float(level), color=GHOST, lw=0.6, ls=":")
    jumpers = {feature for jump in timeline.jumps for feature in jump.features}
    crowded = {"alpha": max(0.12, min(0.8, 20 / n_features))}
    for k, curve in enumerate(timeline.levels.T):
        style: dict[str, Any] = {"color": DROPPED, "lw": 0.7, "zorder": 2, **crowded}
        if few:
            style = {"color": PALETTE[k], "lw": 1.6, "label": f"feature {k}"}
        elif k in jumpers:
            style = {"color": PALETTE[0], "lw": 1.1, "zorder": 3, **crowded}
        axes.plot(timeline.steps, curve, **style)
    top = max(1.0, float(timeline.levels.max())) * 1.05
    axes.set_ylim(-0.07, top)
    axes.set_ylabel("dimensionality $D_i$ of what is stored")
    for jump in timeline.jumps:
        axes.plot([jump.start, jump.stop], [-0.035, -0.035], color=PALETTE[1], lw=4)
        if few:
            axes.axvline((jump.start + jump.stop) / 2, color=PALETTE[1], lw=0.7, ls="--", zorder=1)
    level_names(
        axes,
        [(float(level), f"{float(level):.3g}  {name}") for level, name in CLASSICAL.items()],
        room=0.048 * top,
        fontsize=_LABEL_SIZE,
    )
    if few:
        axes.legend(loc="best", fontsize=_LABEL_SIZE, ncols=2, framealpha=0.9)
