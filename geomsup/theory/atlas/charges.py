"""Whether the features of an optimum point as charges on a sphere do.

The Thomson problem puts N charges where their energy is least.  Features of a toy model have
lengths beside directions, and pay for overlaps, not for nearness; where both lead to the same
directions is something to be looked up, not to be expected.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from geomsup.best_known import BestKnown, best_known
from geomsup.shapes.thomson import optimum_name
from geomsup.theory.atlas.tasks import SHORT

__all__ = ["of_charges"]

FloatArray = NDArray[np.float64]

# Cosines of one arrangement agree to what Newton steps leave: 1e-9 or so; square antiprisms of
# another height differ by 1e-2.
_SAME = 1e-6


def of_charges(models: Iterable[FloatArray], shape: str) -> str:
    """Whether all models of a phase, or its shape, are the Thomson optimum of their size.

    Parameters
    ----------
    models : iterable of ndarray of shape (n_hidden, n_features)
    shape : str
        What they are called, without dropped features.

    Returns
    -------
    str
        "optimum" where the directions of the represented features are those of as many charges, of
        the least energy known; "shape" where these have the same name and other angles; and ""
        otherwise, in one dimension, and where there are no more features than dimensions.

    Examples
    --------
    >>> from geomsup.shapes import get_shape
    >>> of_charges([get_shape("pentagon").vertices.T], "pentagon")
    'optimum'
    >>> of_charges([get_shape("cube").vertices.T], "cube")
    ''
    >>> stretched = get_shape("Thomson 11 in R^4").vertices.T * [[1.0], [1.0], [1.0], [1.2]]
    >>> of_charges([stretched], "Thomson 11 in R^4")
    'shape'
    """
    points = [_directions(W) for W in models]
    n, m = points[0].shape
    row = best_known(n, m) if n > m > 1 else None
    if row is None:
        return ""
    if all(len(one) == n and _is_optimum(one, row) for one in points):
        return "optimum"
    return "shape" if shape == optimum_name(row) else ""


def _directions(W: FloatArray) -> FloatArray:
    """Unit rows, of the features that are represented."""
    length = np.linalg.norm(W, axis=0)
    rows: FloatArray = (W / np.where(length > SHORT, length, 1.0)).T[length > SHORT]
    return rows


def _is_optimum(points: FloatArray, row: BestKnown) -> bool:
    """Whether the cosines are the same, feature by feature and then all of them."""
    mine, theirs = (_fingerprint(rows @ rows.T) for rows in (points, row.points))
    return bool(np.abs(mine - theirs).max() < _SAME)


def _fingerprint(cosines: FloatArray) -> FloatArray:
    """The cosines of each row in order, and the rows in order; the same for copies.

    Rounding must not decide the order of rows that are alike.
    """
    rows = np.sort(cosines, axis=1)
    ordered: FloatArray = rows[np.lexsort(np.round(rows, 5).T[::-1])]
    return ordered
