"""Dictionaries of sparse autoencoders: matched cosines, and the tree of what splits into what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.plotting.canvas import axes_for, check_made_by
from geomsup.plotting.style import DIVERGING, GHOST, INK, PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from geomsup.dictionary import Recovery, SplittingTree

__all__ = ["plot_matched_cosines", "plot_splitting_tree"]

FloatArray = NDArray[np.float64]

# Up to this many rows or columns each gets its number.
_NUMBERED = 32
# Area of a node in points², for the strongest latent of its dictionary and for a powerless one.
_NODE_AREAS = (6.0, 70.0)


def plot_matched_cosines(recovery: Recovery, *, ax: Axes | None = None) -> Axes:
    """Draw the cosines between true directions and latents, matched pairs on the diagonal.

    Parameters
    ----------
    recovery : Recovery
        What :func:`geomsup.dictionary.recover_features` returned.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Rows are the represented features.  Right of the line stand living latents that are matched
        with none, in the order of the feature that is nearest to them.

    Raises
    ------
    GeomsupError
        If `recovery` is something else.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from geomsup.dictionary import recover_features
    >>> from geomsup.plotting import plot_matched_cosines
    >>> recovery = recover_features([[0, 2, 1], [1, 0, 1]], [[1, 0], [0, 1]])
    >>> ax = plot_matched_cosines(recovery, ax=Figure().add_subplot())
    >>> ax.images[0].get_array().round(2).tolist()
    [[1.0, 0.0, 0.71], [0.0, 1.0, 0.71]]
    """
    check_made_by("dictionary.recover_features", recovery, "similarities")
    axes: Axes = axes_for(ax)
    matched = [
        int(np.flatnonzero(recovery.living == latent)[0])
        for latent in recovery.latents
        if latent >= 0
    ]
    others = np.setdiff1d(np.arange(len(recovery.living)), matched)
    nearest = recovery.similarities[:, others].argmax(axis=0)
    order = [*matched, *others[np.argsort(nearest, kind="stable")].tolist()]
    shown = recovery.similarities[:, order]
    image = axes.imshow(shown, cmap=DIVERGING, vmin=-1.0, vmax=1.0, interpolation="nearest")
    # Beside the map and as high: dictionaries are wide, and maps of equal cells are flat then.
    bar = axes.inset_axes((1.02, 0.0, 0.03, 1.0))
    axes.figure.colorbar(image, cax=bar, label="cosine")
    if len(others) and matched:
        axes.axvline(len(matched) - 0.5, color=INK, linewidth=1.0, gid="unmatched")
    rows, columns = shown.shape
    if rows <= _NUMBERED:
        axes.set_yticks(range(rows), [str(i) for i in recovery.features])
    if columns <= _NUMBERED:
        axes.set_xticks(range(columns), [str(recovery.living[k]) for k in order])
    else:
        # The place in the order is no number of a latent.
        axes.set_xticks([])
    axes.tick_params(labelsize=8)
    axes.set(xlabel="latent", ylabel="feature")
    return axes


def plot_splitting_tree(tree: SplittingTree, *, ax: Axes | None = None) -> Axes:
    """Draw which latents become which in larger dictionaries.

    Parameters
    ----------
    tree : SplittingTree
        What :func:`geomsup.dictionary.splitting_tree` returned.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        One row for each dictionary, smallest on top.  Colours tell the descendants of different
        latents of the smallest apart; areas grow with E z²; lines are the darker the greater the
        cosine; latents that split have a dark rim.

    Raises
    ------
    GeomsupError
        If `tree` is something else.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from geomsup.dictionary import AutoencoderConfig, ToyActivations
    >>> from geomsup.dictionary import splitting_tree, train_autoencoders
    >>> config = AutoencoderConfig(n_latents=(2, 4), n_steps=200)
    >>> source = ToyActivations([[1, -1, 0, 0], [0, 0, 1, -1]], 0.1)
    >>> tree = splitting_tree(train_autoencoders(source, config, progress=False))
    >>> ax = plot_splitting_tree(tree, ax=Figure().add_subplot())
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['2 latents', '4 latents']
    """
    check_made_by("dictionary.splitting_tree", tree, "parents")
    from matplotlib.collections import LineCollection

    axes: Axes = axes_for(ax, figsize=(8.0, 4.4))
    places = _places(tree)
    for level, cosines in enumerate(tree.cosines):
        above, below = places[level][tree.parents[level]], places[level + 1]
        lines = [((a, -level), (b, -level - 1)) for a, b in zip(above, below, strict=True)]
        colors = [(0.2, 0.2, 0.2, float(np.clip(cosine, 0.05, 1.0)) ** 2) for cosine in cosines]
        axes.add_collection(LineCollection(lines, colors=colors, linewidths=0.9, zorder=1))
    for level, powers in enumerate(tree.powers):
        roots = tree.ancestors(level)
        last = level == len(tree.parents)
        split = np.zeros(len(powers), dtype=bool) if last else tree.split(level)
        least, most = _NODE_AREAS
        axes.scatter(
            places[level],
            np.full(len(powers), -level),
            s=least + (most - least) * powers / powers.max(),
            c=[PALETTE[root % len(PALETTE)] for root in roots],
            edgecolors=[INK if one else "white" for one in split],
            linewidths=[1.6 if one else 0.4 for one in split],
            zorder=2,
            gid=f"dictionary {level}",
        )
    axes.set_yticks(
        range(0, -len(tree.sizes), -1), [f"{size} latents" for size in tree.sizes], fontsize=9
    )
    axes.set_xticks([])
    axes.set(xlim=(-0.02, 1.02), ylim=(-len(tree.sizes) + 0.75, 0.25))
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    for level in range(len(tree.sizes)):
        axes.axhline(-level, color=GHOST, linewidth=0.4, zorder=0)
    _tree_legend(axes)
    return axes


def _tree_legend(axes: Axes) -> None:
    from matplotlib.lines import Line2D

    rim = Line2D([], [], linestyle="none", marker="o", color="white", label="splits")
    rim.set(markeredgecolor=INK, markeredgewidth=1.6)
    line = Line2D([], [], color=INK, linewidth=0.9, label="the darker, the more alike")
    axes.legend(
        handles=[rim, line],
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=2,
        fontsize=8,
        frameon=False,
    )


def _places(tree: SplittingTree) -> list[FloatArray]:
    """Horizontal places in [0, 1]: descendants below their ancestors, without crossing lines."""
    depth = len(tree.sizes)
    children: list[dict[int, list[int]]] = [{} for _ in tree.parents]
    for families, parents in zip(children, tree.parents, strict=True):
        for child, parent in enumerate(parents.tolist()):
            families.setdefault(parent, []).append(child)
    places: list[FloatArray] = [np.zeros(size) for size in tree.sizes]

    def below(level: int, latent: int) -> list[int]:
        return children[level].get(latent, []) if level + 1 < depth else []

    def width(level: int, latent: int) -> float:
        """Room that a latent and all below it need, where the largest row sets the unit."""
        needed = sum(width(level + 1, child) for child in below(level, latent))
        return max(1.0 / tree.sizes[level], needed)

    def put(level: int, latents: Iterable[int], start: float, room: float) -> None:
        """Share out a stretch between some latents, and their parts between all below them."""
        needs = {latent: width(level, latent) for latent in latents}
        scale = room / sum(needs.values()) if needs else 1.0
        for latent, need in needs.items():
            places[level][latent] = start + 0.5 * need * scale
            put(level + 1, below(level, latent), start, need * scale)
            start += need * scale

    put(0, range(tree.sizes[0]), 0.0, 1.0)
    return places
