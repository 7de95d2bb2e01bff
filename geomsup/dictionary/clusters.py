"""Directions with a planted hierarchy, to see whether a dictionary finds it.

A direction is the sum of independent random vectors, one for each ancestor in the hierarchy and
one of its own, so that two directions are the more similar the more ancestors they share.  With a
single level there are no clusters: that is the null truth of the same size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, shorten

__all__ = ["PlantedClusters", "planted_clusters"]


@dataclass(frozen=True, kw_only=True, eq=False)
class PlantedClusters:
    """Directions and the clusters they were made from.

    Parameters
    ----------
    W : ndarray of shape (n_hidden, n_features)
        Unit columns.
    labels : ndarray of shape (n_levels, n_features)
        Cluster of every feature, coarsest level first; on the last level each is its own.
    """

    W: NDArray[np.float64]
    labels: NDArray[np.intp]


def planted_clusters(
    branching: Sequence[int],
    n_hidden: int,
    *,
    shares: Sequence[float] | None = None,
    seed: int | np.random.Generator | None = 0,
) -> PlantedClusters:
    """Draw unit directions with a planted hierarchy.

    Parameters
    ----------
    branching : sequence of int
        Children at each level: (8, 2, 2) is 8 clusters of 2 pairs of 2 features.  (32,) is 32
        features without clusters.
    n_hidden : int
        Dimensions of the space.
    shares : sequence of float, optional
        Share of the squared length that comes from each level; equal by default.  The cosine of
        two features is close to the sum of the shares of the levels that they have in common.
    seed : int, Generator or None, default 0

    Returns
    -------
    PlantedClusters

    Raises
    ------
    GeomsupError
        If a number is below 1, or the shares are not positive or not as many as the levels.

    Examples
    --------
    >>> from geomsup.dictionary import planted_clusters
    >>> truth = planted_clusters((3, 2), n_hidden=1000, shares=(0.8, 0.2))
    >>> truth.labels.tolist()
    [[0, 0, 1, 1, 2, 2], [0, 1, 2, 3, 4, 5]]
    >>> bool(abs(truth.W[:, 0] @ truth.W[:, 1] - 0.8) < 0.1)
    True
    """
    counts = tuple(branching)
    whole = all(isinstance(c, int | np.integer) and c >= 1 for c in (*counts, n_hidden))
    if not counts or not whole:
        raise GeomsupError(
            f"branching and n_hidden must be integers of at least 1, got {shorten(branching)} and "
            f"{shorten(n_hidden)}"
        )
    parts = np.full(len(counts), 1.0 / len(counts)) if shares is None else np.asarray(shares)
    if parts.shape != (len(counts),) or not (parts > 0.0).all():
        raise GeomsupError(
            f"shares must be {len(counts)} positive numbers, one for each level, got "
            f"{shorten(shares)}"
        )
    rng = np.random.default_rng(seed)
    W, labels = np.zeros((n_hidden, 1)), []
    for children, share in zip(counts, parts / parts.sum(), strict=True):
        W = np.repeat(W, children, axis=1)
        own = rng.standard_normal(W.shape)
        W = W + np.sqrt(share) * own / np.linalg.norm(own, axis=0)
    n_features = W.shape[1]
    for n_clusters in np.cumprod(counts):
        labels.append(np.arange(n_features) // (n_features // n_clusters))
    return PlantedClusters(W=W / np.linalg.norm(W, axis=0), labels=np.array(labels, dtype=np.intp))
