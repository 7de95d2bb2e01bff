"""The structures of a matrix and of the draws of its background, by one pipeline.

What a draw shows of triangles or bundles is what the same search finds by chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geomsup.nulls.directions import fit_directions
from geomsup.survey.background import Background
from geomsup.survey.component import Component
from geomsup.survey.density import AngularGaussian
from geomsup.survey.forest import components_of
from geomsup.survey.pairs import Pairs
from geomsup.survey.source import Directions

__all__ = ["counts_by_name", "law_of", "renumbered", "structures_of"]


def law_of(rows: Directions, background: Background) -> AngularGaussian | None:
    """The law of directions without structure; None for uniform ones.

    Shuffled and given matrices have no density.  That of a Gaussian with the moments of the
    features stands for it, so that what a few long axes bring about is no structure.
    """
    if background.name == "isotropic":
        return None
    return AngularGaussian(*(background.law() or fit_directions(rows.blocks, rows.dim)))


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
