"""Dictionaries without anything in common that are each like one of two: what chance gives.

Moments that are estimated from n directions carry noise, and a draw adds as much again: of two
random dictionaries of 260 directions in 24 dimensions, the mean cosine of the matching was .016 of
the way to 1 above that of such draws.  So a draw is mapped linearly to have the very moments of the
dictionary that it is like.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.nulls import IsotropicNull, MatchedNull
from geomsup.nulls.directions import fit_directions, moments_of, root_of
from geomsup.nulls.shuffled import ShuffledNull
from geomsup.survey.background import KINDS, needs_a_plane, spans_a_plane
from geomsup.survey.source import Directions, Rows, UnitArray, about
from geomsup.validation import one_of

__all__ = ["drawn_like", "null_name"]

FloatArray = NDArray[np.float64]

# Mapping and normalising in turn: what is left of the difference falls tenfold with each.
_ROUNDS = 3


def null_name(null: object, dim: int) -> str:
    """The word for a null that is allowed."""
    if not isinstance(null, MatchedNull):
        return one_of("null", null, KINDS)
    if null.dim != dim:
        raise GeomsupError(
            f"null must have the {dim} dimensions of the dictionaries, got {null.dim}"
        )
    return "matched"


def drawn_like(rows: Rows, null: object, name: str, *, seed: int) -> Callable[[int], Directions]:
    """Draws with as many directions as a dictionary has, the same for the same number.

    Parameters
    ----------
    rows : Rows
    null : str or MatchedNull
        As `null_name` allows it.
    name : str
        What messages call the dictionary; A and B have draws of their own.
    seed : int
    """

    def generator(number: int) -> np.random.Generator:
        return np.random.default_rng([seed, ord(name), number])

    with about(name):
        if null == "isotropic":
            needs_a_plane(rows.dim)
        if isinstance(null, MatchedNull) or null == "isotropic":
            law = null if isinstance(null, MatchedNull) else IsotropicNull(rows.dim)
            return lambda number: Directions(law.draw(rows.n, generator(number)))
        spans_a_plane(rows)
        moments = moments_of(rows.blocks, rows.dim)
        if null == "shuffled":
            shuffled = ShuffledNull(rows.prepared, rows.dim)
            return lambda number: _with_moments(shuffled.draw(generator(number)), *moments)
        fitted = MatchedNull(*fit_directions(rows.blocks, rows.dim))
    return lambda number: _with_moments(fitted.draw(rows.n, generator(number)), *moments)


def _with_moments(units: UnitArray, mean: FloatArray, covariance: FloatArray) -> Directions:
    """The directions after linear maps that give them this mean and covariance."""
    wanted = root_of(covariance, 0.5)
    for _ in range(_ROUNDS):
        own_mean, own = moments_of(Directions(units).blocks, mean.size)
        change = (root_of(own, -0.5) @ wanted).astype(np.float32)
        units = (units - own_mean.astype(np.float32)) @ change + mean.astype(np.float32)
        norms = np.linalg.norm(units, axis=1, keepdims=True)
        units /= np.where(norms > 0, norms, 1)
    return Directions(units)
