"""What a model does with its pairs: keeps members apart, or collapses them onto their mean."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.theory.diagram import arrangement
from geomsup.weights import matrix_of

__all__ = ["STATES", "pair_states", "pair_strategy", "strategy_of"]

FloatArray = NDArray[np.float64]

# Collapsed is meant exactly, W_1 = W_2; what a descent leaves of the difference, relative.
_SAME = 1e-3
# Nearly one direction, and the members differ more in length than across it: one is favoured.
_ONE_WAY = np.cos(np.radians(20.0))
_DROPPED = 0.1  # |W_i| below which a member has no direction worth speaking of
_OPPOSED = -0.9
# In the order in which they are listed.
STATES: tuple[str, ...] = ("apart", "opposed", "uneven", "collapsed")


def pair_states(W: FloatArray) -> tuple[str, ...]:
    """The state of each pair of columns; weights of shape (n_hidden, 2 · n_pairs), unchecked."""
    states = []
    for one, two in zip(W.T[::2], W.T[1::2], strict=True):
        shorter, longer = sorted((float(np.linalg.norm(one)), float(np.linalg.norm(two))))
        cosine = float(one @ two) / max(shorter * longer, 1e-300)
        across = 2.0 * shorter * np.sqrt(max(0.5 * (1.0 - cosine), 0.0))
        if np.linalg.norm(one - two) < _SAME * longer:
            states.append("collapsed")
        elif shorter < _DROPPED or (cosine > _ONE_WAY and longer - shorter > across):
            states.append("uneven")
        else:
            states.append("opposed" if cosine < _OPPOSED else "apart")
    return tuple(states)


def strategy_of(W: FloatArray) -> str:
    """As :func:`pair_strategy`, of weights that need no check."""
    states = pair_states(W)
    name = ", ".join(f"{states.count(s)} {s}" for s in STATES if s in states)
    m, n = W.shape
    if states.count("collapsed") < n // 2 or n // 2 <= m:
        return name
    shape = re.sub(r"\([\d, ]*\)", "", arrangement(W[:, ::2]))
    return f"{name}: {re.sub(r'⊕ [1-9]', '⊕ 1', shape)}"


def pair_strategy(W: object) -> str:
    """What a model does with each pair of features, in words.

    Parameters
    ----------
    W : array_like of shape (n_hidden, 2 · n_pairs), torch.Tensor or path
        Columns 1 and 2 are the first pair, 3 and 4 the second, and so on.

    Returns
    -------
    str
        How many pairs are "apart" (two directions), "opposed" (a digon of its own), "uneven" (one
        direction that mostly belongs to one member) and "collapsed" (W_1 = W_2, the direction of
        the mean).  Where all are collapsed and must share dimensions, the arrangement of the
        means follows.

    Raises
    ------
    GeomsupError
        If the number of columns is odd.

    Examples
    --------
    >>> pair_strategy([[1, 0, -1, 0], [0, 1, 0, -1]])  # a square of strangers
    '2 apart'
    >>> pair_strategy([[0.7, 0.7, 0, 0, -0.7, -0.7], [0, 0, 0.7, 0.7, 0, 0]])
    '3 collapsed: digon ⊕ 1'
    """
    weights = matrix_of(W)
    if weights.shape[1] % 2:
        raise GeomsupError(
            f"expected an even number of columns, the members of each pair next to each other, got "
            f"{weights.shape[1]}"
        )
    return strategy_of(weights)
