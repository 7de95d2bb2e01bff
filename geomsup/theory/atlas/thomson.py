"""Which phases of the atlas are configurations of least Coulomb energy."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from geomsup.geometry.gram import unit_columns
from geomsup.sphere import compare_to_optima
from geomsup.theory.atlas.table import AtlasCell, AtlasEntry
from geomsup.theory.atlas.tasks import SHORT

__all__ = ["thomson_name", "thomson_names"]

FloatArray = NDArray[np.float64]

# Features whose directions differ by less stand on one vertex; a node is known to about 1e-8.
_SAME_DIRECTION = 1e-5


def thomson_name(entry: AtlasEntry) -> str:
    """Name of the Thomson optimum that the directions of a phase are; "" if they are none.

    Dropped features do not count, and features that share a direction count once.  All directions
    together are held against the best known optimum of as many points on the sphere of all
    dimensions of the model, exactly: a square antiprism of another height is none.

    Parameters
    ----------
    entry : AtlasEntry
        Its node in the middle is looked at.

    Returns
    -------
    str

    Notes
    -----
    In one dimension there is no Thomson problem, and no more directions than dimensions need not be
    near each other at all.

    Examples
    --------
    >>> from geomsup.theory import atlas_cell
    >>> from geomsup.theory.atlas.thomson import thomson_name
    >>> thomson_name(atlas_cell(5, 2).at(0.1)), thomson_name(atlas_cell(8, 3).at(0.1))
    ('pentagon', '')
    """
    inside = np.flatnonzero((entry.p > entry.low) & (entry.p < entry.high))
    W = entry.W[inside[len(inside) // 2]]
    directions = _distinct(unit_columns(W[:, np.linalg.norm(W, axis=0) > SHORT])[0])
    if len(W) == 1 or directions.shape[1] <= len(W):
        return ""
    compared = compare_to_optima(directions.T)
    return compared.optimum if compared.verdict == "optimum" else ""


def _distinct(units: FloatArray) -> FloatArray:
    """Each direction once, as columns."""
    same = units.T @ units > 1.0 - 0.5 * _SAME_DIRECTION**2
    return units[:, np.argmax(same, axis=0) == np.arange(len(same))]


@functools.lru_cache(maxsize=64)
def thomson_names(cell: AtlasCell) -> tuple[str, ...]:
    """The optimum that each phase of a cell is, as :func:`thomson_name` has it."""
    return tuple(thomson_name(entry) for entry in cell.entries)
