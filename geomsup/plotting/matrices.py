"""WᵀW and the cosines as heat maps.

Zero is white, so that orthogonality is what one does not see; with a report the features of a
component stand together, and structure becomes a row of blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.geometry.report import GeometryReport
from geomsup.plotting.canvas import axes_for, checked_matrix, checked_pair, note
from geomsup.plotting.labels import margin_labels
from geomsup.plotting.style import DIVERGING, INK, grouped_by_name, unstructured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_cosines", "plot_gram"]

Array = NDArray[np.float64]
Order = GeometryReport | Sequence[int] | NDArray[np.integer] | None

# Beyond this no screen has a pixel for each entry, and the matrix takes more than 128 MB.
_MOST_FEATURES = 4000
# Up to this many features each gets its number.
_NUMBERED = 32


def plot_gram(
    W: object, *, ax: Axes | None = None, order: Order = None, feature_axis: int = -1
) -> Axes:
    """Draw the Gram matrix WᵀW, the inner products of all pairs of features.

    Parameters
    ----------
    W : array_like of shape (n_hidden, n_features), torch.Tensor, or path
        Weights, in every form that :func:`geomsup.classify_geometry` reads.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    order : GeometryReport or sequence of int, optional
        Which features to show and in which order.  With the report on ``W``, the represented
        features, component by component, each component framed and named; of more than 4000
        those of the largest components.
    feature_axis : int, default -1
        -1 when columns of W are features, 0 when rows are.

    Returns
    -------
    matplotlib.axes.Axes
        With a colour bar beside it, symmetric about 0.

    Raises
    ------
    GeomsupError
        If ``W`` is not a finite matrix, the report is on another one, a feature number is out
        of range, or more than 4000 features are to be shown.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = plot_gram([[1.0, -1.0, 0.0], [0.0, 0.0, 2.0]], ax=Figure().add_subplot())
    >>> ax.images[0].get_clim()
    (-4.0, 4.0)
    """
    weights, features, report = _selected(W, order, feature_axis)
    shown = weights[:, features]
    gram = shown.T @ shown
    limit = float(np.abs(gram).max(initial=0.0)) or 1.0
    return _heat_map(gram, limit, "inner product", ax, features, report, weights.shape[1])


def plot_cosines(
    W: object, *, ax: Axes | None = None, order: Order = None, feature_axis: int = -1
) -> Axes:
    """Draw the cosines between all pairs of features, on a scale from -1 to 1.

    Parameters
    ----------
    W : array_like of shape (n_hidden, n_features), torch.Tensor, or path
        As for :func:`plot_gram`.  Zero columns have cosine 0 with all.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    order : GeometryReport or sequence of int, optional
        As for :func:`plot_gram`.
    feature_axis : int, default -1
        -1 when columns of W are features, 0 when rows are.

    Returns
    -------
    matplotlib.axes.Axes
        With a colour bar beside it.

    Raises
    ------
    GeomsupError
        As for :func:`plot_gram`.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = plot_cosines([[1.0, -3.0, 0.0], [0.0, 0.0, 2.0]], ax=Figure().add_subplot())
    >>> float(ax.images[0].get_array()[0, 1])
    -1.0
    """
    weights, features, report = _selected(W, order, feature_axis)
    # Scaled by the largest entry first, so that no square over- or underflows.
    shown = weights[:, features]
    largest = np.abs(shown).max(axis=0, initial=0.0)
    shown = shown / np.where(largest > 0, largest, 1.0)
    units = shown / np.maximum(np.linalg.norm(shown, axis=0), 1.0)
    cosines = np.clip(units.T @ units, -1.0, 1.0)
    return _heat_map(cosines, 1.0, "cosine", ax, features, report, weights.shape[1])


def _selected(
    W: object, order: Order, feature_axis: int
) -> tuple[Array, NDArray[np.intp], GeometryReport | None]:
    """Return the weights and the features to show, in order."""
    report = None
    if isinstance(order, GeometryReport):
        weights, report = checked_pair(W, order, feature_axis)
        features = np.array([i for _, run in _drawable(report) for i in run], dtype=np.intp)
    else:
        weights = checked_matrix(W, feature_axis)
        features = _checked_features(order, weights.shape[1])
    if len(features) > _MOST_FEATURES:
        raise GeomsupError(
            f"a heat map shows at most {_MOST_FEATURES} features, got {len(features)}; "
            "pass the features of interest as order=[…]"
        )
    return weights, features, report


def _drawable(report: GeometryReport) -> list[tuple[str, tuple[int, ...]]]:
    """Name and features of what a map has room for: the largest components, then the rest."""
    chosen, room = [], _MOST_FEATURES
    groups = [
        (text, component.features) for text, run in grouped_by_name(report) for component in run
    ]
    for text, features in [*groups, ("unstructured", tuple(unstructured(report)))]:
        if features and len(features) <= room:
            chosen.append((text, features))
            room -= len(features)
    return chosen


def _checked_features(
    order: Sequence[int] | NDArray[np.integer] | None, n_features: int
) -> NDArray[np.intp]:
    if order is None:
        return np.arange(n_features)
    try:
        features = np.asarray(order)
    except ValueError as error:
        raise GeomsupError(f"order must be a list of feature numbers: {error}") from error
    if features.ndim != 1 or features.dtype.kind not in "iu" or not len(features):
        raise GeomsupError(
            f"order must be a GeometryReport or a list of feature numbers, got {order!r:.60}"
        )
    if features.min() < 0 or features.max() >= n_features:
        raise GeomsupError(
            f"order must hold feature numbers in 0 … {n_features - 1}, got "
            f"{features.min()} … {features.max()}"
        )
    return features.astype(np.intp)


def _heat_map(
    values: Array,
    limit: float,
    quantity: str,
    ax: Axes | None,
    features: NDArray[np.intp],
    report: GeometryReport | None,
    n_features: int,
) -> Axes:
    axes: Axes = axes_for(ax)
    if not len(features):
        note(axes, "no represented features")
        return axes
    image = axes.imshow(values, cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
    axes.figure.colorbar(image, ax=axes, label=quantity, shrink=0.85)
    axes.tick_params(labelsize=8)
    n = len(features)
    if n <= _NUMBERED:
        axes.set_xticks(range(n), [str(i) for i in features], rotation=90 if n > 12 else 0)
        axes.set_yticks(range(n), [str(i) for i in features])
    elif report is not None or not np.array_equal(features, np.arange(n)):
        # The place in the order is no feature number, so a scale would mislead.
        axes.set_xticks([])
        axes.set_yticks([])
    axes.set_xlabel("feature")
    if report is None:
        axes.set_ylabel("feature")
        return axes
    axes.set_xlabel(_share(n, n_features, report))
    axes.set_yticks([])
    # Flush left: a layout engine cannot tell how far the labels of a centred square reach.
    axes.set_anchor("W")
    _frame_components(axes, report)
    return axes


def _share(n: int, n_features: int, report: GeometryReport) -> str:
    if n == n_features:
        return "features, by component"
    if n == report.represented.sum():
        return f"the {n} represented of {n_features} features, by component"
    return f"{n:,} of {n_features:,} features: the largest components that have room"


def _frame_components(axes: Axes, report: GeometryReport) -> None:
    """Frame each component and write the names of runs of like components beside the map."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    frames, centres, texts = [], [], []
    start = 0
    for text, run in groupby(_drawable(report), key=lambda group: group[0]):
        first = start
        for _, features in run:
            if text != "unstructured":
                corner = start - 0.5, start - 0.5
                frames.append(Rectangle(corner, len(features), len(features)))
            start += len(features)
        centres.append((first + start - 1) / 2)
        texts.append(text)
    width = 0.9 if len(frames) <= 60 else 0.4
    axes.add_collection(
        PatchCollection(frames, facecolor="none", edgecolor=INK, linewidth=width, gid="blocks")
    )
    margin_labels(axes, "left", centres, texts, [INK] * len(texts))
