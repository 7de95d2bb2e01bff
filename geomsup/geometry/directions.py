"""Directions as unit rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.geometry.gram import unit_columns

__all__ = ["direction_rows"]

Array = NDArray[np.float64]


def direction_rows(weights: Array) -> Array:
    """Return the columns of a validated matrix as unit rows, shape (n_features, n_hidden).

    Raises
    ------
    GeomsupError
        If a column has no length.

    Examples
    --------
    >>> import numpy as np
    >>> direction_rows(np.array([[3.0, 0.0, -1.0], [4.0, 2.0, 0.0]]))
    array([[ 0.6,  0.8],
           [ 0. ,  1. ],
           [-1. ,  0. ]])
    """
    units, norms = unit_columns(weights)
    if not norms.all():
        raise GeomsupError(
            f"expected directions of non-zero length, got zero at {int(np.argmin(norms))}; drop it"
        )
    return np.ascontiguousarray(units.T)
