"""Bundles: features near one direction, or near one line with both its ends.

All vectors of a set are a direction plus von Mises–Fisher noise.  The direction can be integrated
out in closed form and only the length of their sum is left, so that the bundles of a whole
merge forest cost one pass over its features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomsup.matching.evidence import (
    NOISE_GRID,
    bundle_log_ratio,
    loosest_noise,
    marginalise,
)
from geomsup.survey.tree import MergeForest

__all__ = ["bundle_evidence", "node_bundles"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]


def bundle_evidence(n: IntArray, resultants: Array, mixed: NDArray[np.bool_], dim: int) -> Array:
    """Return the log evidence of bundles over independent uniform directions.

    Parameters
    ----------
    n : ndarray of shape (n_sets,)
        Number of directions of each set.
    resultants : ndarray of shape (n_sets,)
        Length of their sum, after a change of sign of those on the far end of the line.
    mixed : ndarray of shape (n_sets,)
        Whether there are such.  Which end a direction is at costs log 2 for each, but for the
        first two, whose order does not matter.
    dim : int

    Returns
    -------
    ndarray of shape (n_sets,)
        Marginalised over noise at which the common direction has at least .4 of the squared norm,
        as shapes of the catalogue are.
    """
    allowed = loosest_noise(dim) >= NOISE_GRID
    by_noise = np.where(
        allowed, bundle_log_ratio(n.astype(float), resultants, dim, NOISE_GRID), -np.inf
    )
    ends = np.where(mixed, (n - 2) * np.log(2), 0.0)
    return np.asarray(marginalise(by_noise) - ends)


def node_bundles(
    forest: MergeForest, nodes: IntArray, start: int, units: Array
) -> tuple[Array, NDArray[np.bool_]]:
    """Return the length of the sum of each node, with signs, and whether these differ.

    ``units`` are the unit rows of the leaves from ``start`` on, in the order of the forest.
    """
    signs = forest.signs[start : start + len(units)]
    sums = np.concatenate(
        [np.zeros((1, units.shape[1])), np.cumsum(units * signs[:, None], axis=0)]
    )
    ends = np.concatenate([[0], np.cumsum(signs > 0)])
    low = forest.first[nodes] - start
    high = low + forest.size[nodes]
    n_positive = ends[high] - ends[low]
    mixed = (n_positive > 0) & (n_positive < high - low)
    # In blocks: the differences of all nodes together would be as large as the rows themselves.
    lengths = [
        np.linalg.norm(sums[high[k : k + 4096]] - sums[low[k : k + 4096]], axis=1)
        for k in range(0, len(nodes), 4096)
    ]
    return np.concatenate([np.empty(0), *lengths]), mixed
