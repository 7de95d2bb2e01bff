"""The structures of a matrix and of the draws of its background, by one pipeline.

What a draw shows of triangles or bundles is what the same search finds by chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geomsup.survey.component import Component
from geomsup.survey.density import AngularGaussian
from geomsup.survey.forest import components_of
from geomsup.survey.pairs import Pairs
from geomsup.survey.source import Directions

__all__ = ["counts_by_name", "renumbered", "structures_of"]


def structures_of(
    rows: Directions, pairs: Pairs, law: AngularGaussian | None, *, seed: int
) -> tuple[Component, ...]:
    """What the pairs that are believed form, with features by their number among `rows`."""
    edges = (pairs.i, pairs.j, pairs.cosines.astype(np.float64))
    return components_of(rows.exact, edges, n_features=rows.n, background=law, seed=seed)


def renumbered(
    components: Iterable[Component], features: NDArray[np.intp]
) -> tuple[Component, ...]:
    """The same with features by their number in the matrix."""
    return tuple(
        replace(one, features=tuple(features[list(one.features)].tolist())) for one in components
    )


def counts_by_name(components: Iterable[Component]) -> dict[str, int]:
    """How many structures have each name, "… about its centroid" where that is its centre."""
    return dict(
        Counter(
            f"{one.name} about its centroid"
            if one.about == "centroid" and one.kind == "shape"
            else one.name
            for one in components
        )
    )
