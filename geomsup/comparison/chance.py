"""Dictionaries without anything in common that are each like one of two: what chance gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from geomsup.errors import GeomsupError
from geomsup.nulls import IsotropicNull, MatchedNull
from geomsup.nulls.directions import fit_directions
from geomsup.nulls.shuffled import ShuffledNull
from geomsup.survey.background import KINDS
from geomsup.survey.source import Directions, Rows, about
from geomsup.validation import one_of

__all__ = ["drawn_like", "null_name"]


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

    if null == "shuffled":
        shuffled = ShuffledNull(rows.prepared, rows.dim)
        return lambda number: Directions(shuffled.draw(generator(number)))
    law: IsotropicNull | MatchedNull
    if isinstance(null, MatchedNull):
        law = null
    elif null == "isotropic":
        law = IsotropicNull(rows.dim)
    else:
        with about(name):
            law = MatchedNull(*fit_directions(rows.blocks, rows.dim))
    return lambda number: Directions(law.draw(rows.n, generator(number)))
