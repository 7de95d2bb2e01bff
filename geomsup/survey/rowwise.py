"""How near each feature is to all others: its largest, its mean and some quantiles of |cosine|.

A census looks at each pair once and keeps none, so it knows the farthest of each row and the
histogram of all.  Quantiles of each row need the whole row; what they cost beside its product is
small as long as all rows of a strip are partitioned in one call, and only their far ends sorted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.restoring import Plain
from geomsup.survey.pairs import in_threads
from geomsup.survey.source import Directions, Rows
from geomsup.validation import number_within

__all__ = ["RowCosines", "of_directions", "row_cosines"]

FloatArray = NDArray[np.float64]

# Rows of a strip, and numbers of it: 8 MB in float32.
_STRIP, _NUMBERS = 512, 2**21


@dataclass(frozen=True, kw_only=True, eq=False)
class RowCosines(Plain):
    """What |cosine| of each feature with all others is like.

    Attributes
    ----------
    features : ndarray of shape (n,)
        Their numbers in the matrix; those without a direction are left out.
    largest, mean : ndarray of shape (n,)
    shares : tuple of float
        Which quantiles these are.
    quantiles : ndarray of shape (n_shares, n)
        Interpolated linearly between two cosines, as NumPy's and torch's are.
    """

    features: NDArray[np.intp]
    largest: FloatArray
    mean: FloatArray
    shares: tuple[float, ...]
    quantiles: FloatArray


def row_cosines(
    W: object, *, feature_axis: int | None = None, shares: Sequence[float] = (0.95, 0.99)
) -> RowCosines:
    """Return the largest, the mean and quantiles of |cosine| of each feature with all others.

    Parameters
    ----------
    W : array_like, torch.Tensor, path, OpenedWeights or object with a decoder
        As for :func:`geomsup.census`.
    feature_axis : int, optional
        0 when rows are features, -1 when columns are.
    shares : sequence of float, default (.95, .99)
        Quantiles to take of each feature, from 0 to 1.

    Returns
    -------
    RowCosines

    Raises
    ------
    GeomsupError
        If the matrix cannot be read, its orientation is open, or a share is none.

    Notes
    -----
    O(n² m) time in float32, twice that of the tiles of a census, and 8 MB for each thread beside
    the unit rows.  None of it is evidence: what chance gives, a census says.

    Examples
    --------
    >>> import numpy as np
    >>> found = row_cosines([[1.0, 0.0], [0.0, 1.0], [-0.6, 0.8]], feature_axis=0, shares=[0.5])
    >>> found.largest.round(6), found.mean.round(6)
    (array([0.6, 0.8, 0.8]), array([0.3, 0.4, 0.7]))
    """
    levels = tuple(number_within("shares", share, 0.0, 1.0) for share in shares)
    rows = Rows(W, feature_axis=feature_axis)
    largest, mean, quantiles = of_directions(rows, levels)
    return RowCosines(
        features=rows.features, largest=largest, mean=mean, shares=levels, quantiles=quantiles
    )


def of_directions(
    rows: Directions, shares: tuple[float, ...]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Largest, mean and quantiles of all rows, strip by strip."""
    step = max(1, min(_STRIP, _NUMBERS // rows.n))
    strips = [(rows, k, min(k + step, rows.n), shares) for k in range(0, rows.n, step)]
    largest, mean, quantiles = zip(*in_threads(_strip, strips), strict=True)
    return np.concatenate(largest), np.concatenate(mean), np.concatenate(quantiles, axis=1)


def _strip(
    rows: Directions, start: int, stop: int, shares: tuple[float, ...]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Largest, mean and quantiles of the rows from start to stop."""
    own, others = np.arange(stop - start), rows.n - 1
    strip, units = np.empty((stop - start, rows.n), np.float32), rows.units(start, stop)
    step = max(1, _NUMBERS // rows.dim)
    for first in range(0, rows.n, step):
        last = min(first + step, rows.n)
        np.matmul(units, rows.units(first, last).T, out=strip[:, first:last])
    np.abs(strip, out=strip)
    strip[own, start + own] = 0.0
    mean = strip.sum(axis=1) / np.float64(others)
    # A cosine with itself comes before all others, and these from place 1 on.
    strip[own, start + own] = -1.0
    places = [share * (others - 1) for share in shares]
    below = [int(place) for place in places]
    # One partition and a sort of what is above it take a quarter of the time of a partition at
    # several places.
    least = min([*below, others - 1])
    strip.partition(least + 1, axis=1)
    tail = strip[:, least + 1 :]
    tail.sort(axis=1)
    ordered = np.minimum(tail, 1.0).astype(np.float64)
    quantiles = [
        ordered[:, low] + (place - low) * (ordered[:, high] - ordered[:, low])
        for place, low, high in (
            (place - least, low - least, min(low + 1, others - 1) - least)
            for place, low in zip(places, below, strict=True)
        )
    ]
    return ordered[:, -1], mean, np.reshape(quantiles, (len(shares), stop - start))
