"""Exactly rational expected losses: a sum over the corners of the box of active features.

An independent oracle for geomsup.theory.  With A the set of active features,

    V_q(A, c) = E relu(c + Σ_A a_j u_j)^q / q!
              = Σ_{v ∈ {0,1}^A} (−1)^{|A| − |v|} relu(c + a·v)^{q+|A|} / ((q+|A|)! Π_A a_j),

and E u_i relu(c + …) follows by parts.  Everything is a fraction: floats are taken at their exact
value, so nothing is rounded and nothing cancels.  The cost is 3ⁿ; n ≤ 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from math import factorial, prod
from typing import TypeAlias

Row = Sequence[Fraction]
Number: TypeAlias = float | Fraction


def _corner_sum(a: Row, active: tuple[int, ...], c: Fraction, q: int) -> Fraction:
    corners = [(c, 1)]
    for j in active:
        corners = [
            *((value, -sign) for value, sign in corners),
            *((value + a[j], sign) for value, sign in corners),
        ]
    power = q + len(active)
    total = sum((sign * value**power for value, sign in corners if value > 0), Fraction(0))
    return total / (factorial(power) * prod((a[j] for j in active), start=Fraction(1)))


def exact_row_loss(a: Row, b: Fraction, own: int, p: Row) -> Fraction:
    """E (x_own − relu(b + a·x))²."""
    relevant = [j for j in range(len(a)) if a[j] != 0 or j == own]
    loss = p[own] / 3
    for size in range(len(relevant) + 1):
        for active in combinations(relevant, size):
            weight = prod((p[j] if j in active else 1 - p[j] for j in relevant), start=Fraction(1))
            if weight == 0:
                continue
            moving = tuple(j for j in active if a[j] != 0)
            loss += weight * 2 * _corner_sum(a, moving, b, 2)
            if own not in active:
                continue
            if a[own] == 0:
                own_relu = _corner_sum(a, moving, b, 1) / 2
            else:
                others = tuple(j for j in moving if j != own)
                own_relu = (
                    _corner_sum(a, others, b + a[own], 2) - _corner_sum(a, moving, b, 2)
                ) / a[own]
            loss -= weight * 2 * own_relu
    return loss


def exact_losses(
    W: Sequence[Sequence[Number]],
    b: Sequence[Number],
    p: Sequence[Number],
    importance: Sequence[Number],
) -> list[Fraction]:
    """Every feature's exact loss, importance included; W has n_hidden rows."""
    rows = [[Fraction(w) for w in row] for row in W]
    n = len(b)
    gram = [
        [sum((row[i] * row[j] for row in rows), Fraction(0)) for j in range(n)] for i in range(n)
    ]
    chances = [Fraction(value) for value in p]
    return [
        Fraction(importance[i]) * exact_row_loss(gram[i], Fraction(b[i]), i, chances)
        for i in range(n)
    ]
