"""The structures of a matrix and of the draws of its background, by one pipeline.

What a draw shows of triangles or bundles is what the same search finds by chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geomsup.survey.component import Component
from geomsup.survey.density import AngularGaussian
from geomsup.survey.forest import components_of
from geomsup.survey.pairs import Pairs
from geomsup.survey.source import Directions

Array = NDArray[np.float64]
Named = tuple[str, float]

__all__ = [
    "Named",
    "counts_by_name",
    "least_gain",
    "names_and_gains",
    "renumbered",
    "structures_of",
]


def structures_of(
    rows: Directions, pairs: Pairs, law: AngularGaussian | None, *, seed: int
) -> tuple[Component, ...]:
    """What the pairs that are believed form, with features by their number among `rows`."""
    edges = (pairs.i, pairs.j, pairs.cosines.astype(np.float64))
    return components_of(rows.exact, edges, n_features=rows.n, background=law, seed=seed)


def least_gain(found: Array, draws: Sequence[Array], q: float) -> float:
    """Return the gain from which structures are beyond chance.

    Among so many found, draws of the background have at most a share `q` of as much gain.  Their
    law is a density of its own: where features are no Gaussian's it finds structure in nothing, in
    the matrix and in its permutations alike.

    Examples
    --------
    Three are found from 9 on, and half a one for each draw:

    >>> least_gain(np.array([50.0, 30.0, 9.0, 8.0]), [np.array([10.0, 8.5]), np.array([])], 0.2)
    9.0
    """
    if not draws:
        return -np.inf
    gains, chance = np.sort(found), np.sort(np.concatenate(draws))
    beyond = chance.size - np.searchsorted(chance, gains)
    fits = beyond <= q * len(draws) * np.arange(gains.size, 0, -1)
    return float(gains[np.argmax(fits)]) if fits.any() else np.inf


def renumbered(
    components: Iterable[Component], features: NDArray[np.intp]
) -> tuple[Component, ...]:
    """The same with features by their number in the matrix."""
    return tuple(
        replace(one, features=tuple(features[list(one.features)].tolist())) for one in components
    )


def counts_by_name(structures: Iterable[Named], least: float) -> dict[str, int]:
    """How many structures of so much gain have each name."""
    return dict(Counter(name for name, gain in structures if gain >= least))


def names_and_gains(components: Iterable[Component]) -> list[Named]:
    """Name, "… about its centroid" where that is its centre, and gain of each structure."""
    return [
        (
            f"{one.name} about its centroid"
            if one.about == "centroid" and one.kind == "shape"
            else one.name,
            one.gain,
        )
        for one in components
    ]
