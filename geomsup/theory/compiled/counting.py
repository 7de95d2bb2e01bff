"""Sums over inputs by the number of their active features; the twin of :mod:`..counts`.

A feature is absent with the factor c = 1 − p, the same in every lane, and present with p times a
complex factor y, one for each lane.  A state holds Σ Π over the inputs with exactly one, with
exactly two and with more features present; with none it is the product of the c, kept apart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.compiled.jit import LANES, inlined, kernel

__all__ = ["STATE", "many_present", "many_without_each"]

FloatArray = NDArray[np.float64]

# One, two and more features present, each with real and imaginary parts.
STATE = 6 * LANES
_TWO, _MORE = 2 * LANES, 4 * LANES


@kernel
def many_present(
    p: FloatArray, present: FloatArray, n: int, skip: int, width: int, state: FloatArray
) -> None:
    """The state of the first `n` features but `skip`."""
    for k in range(STATE):
        state[k] = 0.0
    none = 1.0
    for j in range(n):
        if j != skip:
            none = _with_one_more(none, p[j], present, j, width, state)


@inlined
def _with_one_more(
    none: float, p: float, y: FloatArray, j: int, width: int, state: FloatArray
) -> float:
    c = 1.0 - p
    for k in range(width):
        re, im = p * y[j, k], p * y[j, LANES + k]
        one_re, one_im = state[k], state[LANES + k]
        two_re, two_im = state[_TWO + k], state[_TWO + LANES + k]
        more_re, more_im = state[_MORE + k], state[_MORE + LANES + k]
        many_re, many_im = more_re + two_re, more_im + two_im
        state[_MORE + k] = c * more_re + (re * many_re - im * many_im)
        state[_MORE + LANES + k] = c * more_im + (re * many_im + im * many_re)
        state[_TWO + k] = c * two_re + (re * one_re - im * one_im)
        state[_TWO + LANES + k] = c * two_im + (re * one_im + im * one_re)
        state[k] = c * one_re + re * none
        state[LANES + k] = c * one_im + im * none
    return c * none


@kernel
def many_without_each(
    p: FloatArray,
    present: FloatArray,
    n: int,
    skip: int,
    width: int,
    state: FloatArray,
    others: FloatArray,
) -> None:
    """As :func:`many_present`; and into `others[j]`, over the features but `skip` and `j`.

    A row of `others` holds the sums with more than one feature present, and with exactly one.  The
    features before j and those after it are joined, so nothing is divided.
    """
    none_after = np.empty(n)
    none = 1.0
    for k in range(4 * LANES):
        others[n - 1, k] = 0.0
    for j in range(n - 1, -1, -1):
        none_after[j] = none
        if j > 0:
            if j != skip:
                _one_more_after(none, p[j], present, j, width, others)
                none *= 1.0 - p[j]
            else:
                for k in range(4 * LANES):
                    others[j - 1, k] = others[j, k]
    for k in range(STATE):
        state[k] = 0.0
    none = 1.0
    for j in range(n):
        if j != skip:
            _join(none, state, none_after[j], width, others, j)
            none = _with_one_more(none, p[j], present, j, width, state)


@inlined
def _one_more_after(
    none: float, p: float, y: FloatArray, j: int, width: int, others: FloatArray
) -> None:
    """From the sums over the features after j to those over j and what is after it."""
    c = 1.0 - p
    for k in range(width):
        re, im = p * y[j, k], p * y[j, LANES + k]
        more_re, more_im = others[j, k], others[j, LANES + k]
        one_re, one_im = others[j, _TWO + k], others[j, _TWO + LANES + k]
        some_re, some_im = more_re + one_re, more_im + one_im
        others[j - 1, k] = c * more_re + (re * some_re - im * some_im)
        others[j - 1, LANES + k] = c * more_im + (re * some_im + im * some_re)
        others[j - 1, _TWO + k] = c * one_re + re * none
        others[j - 1, _TWO + LANES + k] = c * one_im + im * none


@inlined
def _join(
    none: float, state: FloatArray, none_after: float, width: int, others: FloatArray, j: int
) -> None:
    """Two groups of features as one; the result takes the place of the second."""
    for k in range(width):
        one_re, one_im = state[k], state[LANES + k]
        many_re = state[_TWO + k] + state[_MORE + k]
        many_im = state[_TWO + LANES + k] + state[_MORE + LANES + k]
        more_re, more_im = others[j, k], others[j, LANES + k]
        other_re, other_im = others[j, _TWO + k], others[j, _TWO + LANES + k]
        some_re, some_im = more_re + other_re, more_im + other_im
        all_re = some_re + none_after
        others[j, k] = (
            (many_re * all_re - many_im * some_im)
            + (one_re * some_re - one_im * some_im)
            + none * more_re
        )
        others[j, LANES + k] = (
            (many_re * some_im + many_im * all_re)
            + (one_re * some_im + one_im * some_re)
            + none * more_im
        )
        others[j, _TWO + k] = none * other_re + none_after * one_re
        others[j, _TWO + LANES + k] = none * other_im + none_after * one_im
