"""Which structure each feature of many models belongs to, kept as flat tables.

A report holds more than a figure with thousands of features needs, and cannot be saved in a table.
What is counted in the end is simple: for each feature the name of its component, the component's
number and rank, and D_i.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame.measures import reports_of
from geomsup.geometry.gram import dimensionality_of

__all__ = ["Census", "census_of", "component_counts", "feature_shares", "padded"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
NameArray = NDArray[np.str_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Census:
    """Tables of shape (n_models, n_features).

    Attributes
    ----------
    names : ndarray of str
        Name of the component that the feature belongs to, "unstructured" if it belongs to none;
        empty for a dropped feature.
    components : ndarray of int
        Number of that component within its model; -1 for a dropped feature.
    ranks : ndarray of int
        Rank of that component; 0 for a dropped feature.
    dimensionalities : ndarray of float
        D_i among the features that are not dropped, of which the names are; 0 for a dropped one.
    """

    names: NameArray
    components: IntArray
    ranks: IntArray
    dimensionalities: FloatArray


def census_of(weights: FloatArray) -> Census:
    """Classify every model of weights of shape (n_models, n_hidden, n_features)."""
    n_models, _, n_features = weights.shape
    names = np.full((n_models, n_features), "", dtype=object)
    components = np.full((n_models, n_features), -1, dtype=np.int64)
    ranks = np.zeros((n_models, n_features), dtype=np.int64)
    dimensionalities = np.zeros((n_models, n_features))
    for k, report in enumerate(reports_of(weights)):
        kept = report.represented
        if kept.any():
            stored = np.ascontiguousarray(weights[k][:, kept], dtype=np.float64)
            dimensionalities[k, kept] = dimensionality_of(stored)
        for number, component in enumerate(report.components):
            inside = list(component.features)
            names[k, inside] = component.name
            components[k, inside] = number
            ranks[k, inside] = component.rank
        if report.unstructured is not None:
            inside = list(report.unstructured.features)
            names[k, inside] = "unstructured"
            components[k, inside] = len(report.components)
            ranks[k, inside] = report.unstructured.rank
    return Census(
        names=names.astype(np.str_),
        components=components,
        ranks=ranks,
        dimensionalities=dimensionalities,
    )


def component_counts(names: NameArray, components: IntArray) -> Counter[str]:
    """How many components bear each name, from tables of one model or of several."""
    counts: Counter[str] = Counter()
    for own, numbers in zip(np.atleast_2d(names), np.atleast_2d(components), strict=True):
        first = np.unique(numbers, return_index=True)[1]
        counts.update(str(own[i]) for i in first if numbers[i] >= 0)
    return counts


def feature_shares(names: NameArray) -> dict[str, float]:
    """Share of the represented features of one model that each name holds, largest first."""
    held = Counter(str(name) for name in names if name)
    return {name: number / held.total() for name, number in held.most_common()}


def padded(table: NDArray[np.generic], *shape: int) -> NDArray[np.generic]:
    """The table with zeros (or empty names) behind it up to a shape, so that sizes can be stacked.

    >>> padded(np.ones((1, 2)), 1, 3)
    array([[1., 1., 0.]])
    """
    filled = np.zeros(shape, dtype=table.dtype)
    filled[tuple(slice(length) for length in table.shape)] = table
    return filled
