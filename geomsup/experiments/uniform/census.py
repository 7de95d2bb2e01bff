"""Which structure each feature of many models belongs to, kept as flat tables.

A report holds more than a figure with thousands of features needs, and cannot be saved in a table.
What is counted in the end is simple: for each feature the name of its component, the component's
number, and D_i.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame.measures import reports_of
from geomsup.geometry.gram import dimensionality_of

__all__ = ["Census", "census_of", "component_counts", "feature_shares"]

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
    dimensionalities : ndarray of float
        D_i among the features that are not dropped, of which the names are; 0 for a dropped one.
    """

    names: NameArray
    components: IntArray
    dimensionalities: FloatArray


def census_of(weights: FloatArray) -> Census:
    """Classify every model of weights of shape (n_models, n_hidden, n_features)."""
    n_models, _, n_features = weights.shape
    names = np.full((n_models, n_features), "", dtype=object)
    components = np.full((n_models, n_features), -1, dtype=np.int64)
    dimensionalities = np.zeros((n_models, n_features))
    for k, report in enumerate(reports_of(weights)):
        kept = report.represented
        if kept.any():
            stored = np.ascontiguousarray(weights[k][:, kept], dtype=np.float64)
            dimensionalities[k, kept] = dimensionality_of(stored)
        groups: list[tuple[str, Any]] = [(one.name, one) for one in report.components]
        if report.unstructured is not None:
            groups.append(("unstructured", report.unstructured))
        for number, (name, group) in enumerate(groups):
            names[k, list(group.features)] = name
            components[k, list(group.features)] = number
    names = names.astype(np.str_)
    return Census(names=names, components=components, dimensionalities=dimensionalities)


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
