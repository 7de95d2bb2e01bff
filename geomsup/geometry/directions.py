"""Directions as unit rows, from whatever holds a matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.geometry.gram import unit_columns
from geomsup.weights import as_weights

__all__ = ["direction_rows"]

Array = NDArray[np.float64]


def direction_rows(directions: object, *, feature_axis: int = 0) -> Array:
    """Return directions given in any form as unit rows, shape (n_directions, dim).

    Parameters
    ----------
    directions : array_like, torch.Tensor, str or path
        Whatever :func:`geomsup.weights.as_weights` accepts, of any lengths but zero.
    feature_axis : int, default 0
        The axis that counts directions; points on a sphere are rows by custom.

    Raises
    ------
    WeightsError, GeomsupError
        If it is no finite matrix, or a direction has no length.

    Examples
    --------
    >>> direction_rows([[3.0, 4.0], [0.0, 2.0], [-1.0, 0.0]])
    array([[ 0.6,  0.8],
           [ 0. ,  1. ],
           [-1. ,  0. ]])
    """
    units, norms = unit_columns(as_weights(directions, feature_axis=feature_axis))
    if not norms.all():
        raise GeomsupError(
            f"expected directions of non-zero length, got zero at {int(np.argmin(norms))}; drop it"
        )
    return np.ascontiguousarray(units.T)
