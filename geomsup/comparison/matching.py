r"""The best one-to-one matching of two dictionaries, and a proof that none is better.

For prices :math:`u_i` of rows and :math:`v_j \ge 0` of columns, and any matching :math:`m` of all
rows, :math:`\sum_i c_{i m(i)} \le \sum_i u_i + \sum_j v_j` where :math:`u_i + v_j \ge c_{ij}`
for all pairs.  The best matching along candidates has prices with equality.  Pairs that are no
candidates may be worth more than they cost; how much more, one pass over all of them says.  That
bounds what any matching could gain, and those pairs become candidates (column generation), until
nothing is left to gain.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geomsup.comparison.assignment import assign
from geomsup.comparison.neighbours import cosines_of, neighbours, overpaid
from geomsup.survey.source import Directions, IntArray

__all__ = ["Matched", "match_directions"]

FloatArray = NDArray[np.float64]

# Of the mean cosine; what is left is rounding.
_EXACT = 1e-10


class Matched(NamedTuple):
    """The nearest of each direction in the other dictionary, and the best matching.

    Attributes
    ----------
    nearest, nearest_cosines : pair of ndarray
        Of A in B and of B in A.
    pairs : ndarray of shape (n_pairs, 2)
        Directions of A and of B, in the order of A.
    cosines : ndarray of shape (n_pairs,)
    prices : pair of ndarray
        Of A and of B: no pair has a cosine above the sum of its two, but for `bound`.
    bound : float
        No matching has a greater mean cosine.
    """

    nearest: tuple[IntArray, IntArray]
    nearest_cosines: tuple[FloatArray, FloatArray]
    pairs: IntArray
    cosines: FloatArray
    prices: tuple[FloatArray, FloatArray]
    bound: float


def match_directions(
    a: Directions, b: Directions, *, signed: bool, tolerance: float = _EXACT
) -> Matched:
    """Match all of the smaller dictionary with different ones of the larger.

    Parameters
    ----------
    a, b : Directions
    signed : bool
        Whether opposite directions are far from each other, or near.
    tolerance : float
        How far the mean cosine may be from its bound.

    Notes
    -----
    A pass over all pairs costs O(n_a n_b m) in float32; the first finds neighbours, and one more
    follows each assignment.  Two random dictionaries take two or three.  Memory for the candidates
    (48 of each direction, 40 bytes each) and for tiles.
    """
    if a.n > b.n:
        return _turned(match_directions(b, a, signed=signed, tolerance=tolerance))
    near = neighbours(a, b, signed=signed)
    # The diagonal makes sure that all rows can be assigned.
    own = np.arange(a.n)
    edges = np.unique(np.concatenate([near.rows * b.n + near.columns, own * b.n + own]))
    values = cosines_of(a, b, *np.divmod(edges, b.n), signed=signed)
    while True:
        found = assign(*np.divmod(edges, b.n), values, b.n)
        over = overpaid(a, b, *found[1:], signed=signed, least=tolerance)
        if over.excess.mean() <= tolerance:
            break
        more = np.setdiff1d(over.rows * b.n + over.columns, edges)
        fresh = cosines_of(a, b, *np.divmod(more, b.n), signed=signed)
        order = np.argsort(edges := np.concatenate([edges, more]))
        edges, values = edges[order], np.concatenate([values, fresh])[order]
    # Raised by their excess the prices of rows pay for all pairs.
    prices = found.row_prices + over.excess
    pairs = np.column_stack([own, found.columns])
    return Matched(
        nearest=(near.row_nearest, near.column_nearest),
        nearest_cosines=(near.row_cosines, near.column_cosines),
        pairs=pairs,
        cosines=values[np.searchsorted(edges, pairs @ [b.n, 1])],
        prices=(prices, found.column_prices),
        bound=float(prices.sum() + found.column_prices.sum()) / a.n,
    )


def _turned(found: Matched) -> Matched:
    """The same with A and B exchanged."""
    order = np.argsort(found.pairs[:, 1])
    return Matched(
        nearest=found.nearest[::-1],
        nearest_cosines=found.nearest_cosines[::-1],
        pairs=found.pairs[order, ::-1],
        cosines=found.cosines[order],
        prices=found.prices[::-1],
        bound=found.bound,
    )
