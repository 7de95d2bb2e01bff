"""Sums over inputs by the number of their active features, without cancellation.

Feature j is absent with the factor c_j and present with the factor y_j.  Σ Π over all inputs is
Π (c_j + y_j); over those with *many* features present it is a difference of nearly equal numbers
where features are rare.  So the sums over inputs with 0, 1, … features present and over the rest
are carried along from feature to feature: with positive c, y every term is positive.  Where many
present features are common, the difference costs half as much and loses little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Present",
    "many_present",
    "many_present_with_and_without_each",
    "only_these_present",
]

FloatArray = NDArray[np.float64]
# Sums over inputs with exactly 0, 1, … features present, and over those with more.
_Sums: TypeAlias = tuple[list[Any], Any]


@dataclass(frozen=True, eq=False)
class Present:
    """Σ Π over inputs with more than `least` features present, and with exactly so many."""

    more: Any
    exactly: Any


def many_present(absent: Any, present: Any, least: int, *, by_difference: bool = False) -> Present:
    """Over all features, which stand on the second axis; the arrays broadcast.

    By difference no feature may be certain, and `least` is 1 or 2.
    """
    if by_difference:
        return _difference(np.prod(absent + present, axis=1), absent, present / absent, least)
    sums = _none(least + 1)
    for j in range(present.shape[1]):
        sums = _with_one_more(sums, absent[:, j], present[:, j])
    return Present(sums[1], sums[0][-1])


def many_present_with_and_without_each(
    absent: Any, present: Any, least: int, *, by_difference: bool = False
) -> tuple[Present, Present]:
    """As :func:`many_present`; and, for each feature, over the others with `least` − 1.

    The second has the shape of `present`.
    """
    n = present.shape[1]
    if by_difference:
        everything, besides = _products(absent + present)
        odds = present / absent
        whole = _difference(everything, absent, odds, least)
        exactly = np.prod(absent, axis=1, keepdims=True) / absent
        besides -= exactly
        if least == 2:
            exactly = exactly * (odds.sum(1, keepdims=True) - odds)
            besides -= exactly
        return whole, Present(besides, exactly)
    after = [_none(least)]
    for j in range(n - 1, 0, -1):
        after.append(_with_one_more(after[-1], absent[:, j], present[:, j]))
    before = _none(least + 1)
    more, exactly = np.empty_like(present), np.empty_like(present)
    for j in range(n):
        more[:, j], exactly[:, j] = _both(before, after.pop())
        before = _with_one_more(before, absent[:, j], present[:, j])
    return Present(before[1], before[0][-1]), Present(more, exactly)


def _difference(everything: Any, absent: Any, odds: Any, least: int) -> Present:
    nothing = np.prod(absent, axis=1)
    one = nothing * odds.sum(1)
    if least == 1:
        return Present(everything - nothing - one, one)
    two = 0.5 * (nothing * odds.sum(1) ** 2 - nothing * (odds * odds).sum(1))
    return Present(everything - nothing - one - two, two)


def _products(factor: Any) -> tuple[Any, Any]:
    """The product over features, and for each of them that over the others.

    From both ends rather than a quotient: a factor may be zero.
    """
    n = factor.shape[1]
    besides = np.empty_like(factor)
    running = np.ones_like(factor[:, 0])
    for j in range(n):
        besides[:, j] = running
        running = running * factor[:, j]
    everything = running
    running = np.ones_like(factor[:, 0])
    for j in range(n - 1, -1, -1):
        besides[:, j] *= running
        running = running * factor[:, j]
    return everything, besides


def only_these_present(p: FloatArray, which: NDArray[np.intp]) -> FloatArray:
    """Probability that exactly the features of each row of `which` are active.

    `p` has shape (n_rows, n_features), `which` (n_sets, k); the result (n_rows, n_sets).
    """
    absent = 1.0 - p
    certain = absent == 0.0
    finite = np.where(certain, 1.0, absent)
    # Where a certain feature is not in the set, the set is never alone.
    alone = certain.sum(1)[:, None] == certain[:, which].sum(2)
    chance = np.prod(finite, axis=1)[:, None] * np.prod(p[:, which] / finite[:, which], axis=2)
    return np.where(alone, chance, 0.0)


def _none(length: int) -> _Sums:
    """The sums before any feature: nothing is present."""
    return [1.0, *[0.0] * (length - 1)], 0.0


def _with_one_more(sums: _Sums, c: Any, y: Any) -> _Sums:
    exact, more = sums
    more = c * more + y * (more + exact[-1])
    lower = [0.0, *exact[:-1]]
    return [c * same + y * fewer for same, fewer in zip(exact, lower, strict=True)], more


def _both(before: _Sums, after: _Sums) -> tuple[Any, Any]:
    """Two groups of features as one, with one more exact sum in the first than is needed."""
    (exact, more), (exact2, more2) = before, after
    more, exact = more + exact[-1], exact[:-1]
    at_least = [more2]  # of the second group: as many present, one fewer, …, none
    for value in reversed(exact2):
        at_least.append(at_least[-1] + value)
    many = more * at_least[-1]
    for value, enough in zip(exact, at_least, strict=False):
        many = many + value * enough
    return many, sum(x * y for x, y in zip(exact, reversed(exact2), strict=True))
