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
from itertools import combinations, product
from math import factorial, prod
from typing import TypeAlias

from geomsup.theory import FeatureModel, FeatureSet

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


# (who is present, whether those have one value): with what probability.
Outcomes: TypeAlias = dict[tuple[tuple[bool, ...], bool], Fraction]


def _outcomes(one: FeatureSet) -> Outcomes:
    """Everything that can happen to a set, written down from what its options mean."""
    p = [Fraction(chance) for chance in one.probabilities]
    everyone = range(one.size)
    present: dict[tuple[bool, ...], Fraction] = {}

    def add(who: tuple[bool, ...], chance: Fraction) -> None:
        present[who] = present.get(who, Fraction(0)) + chance

    if one.presence == "exclusive":
        add((False,) * one.size, 1 - sum(p, Fraction(0)))
        for k in everyone:
            add(tuple(j == k for j in everyone), p[k])
    else:
        gated = Fraction(one.together) if one.presence == "together" else Fraction(0)
        add((True,) * one.size, gated * p[0])
        add((False,) * one.size, gated * (1 - p[0]))
        for who in product((False, True), repeat=one.size):
            alone = prod((p[k] if who[k] else 1 - p[k] for k in everyone), start=Fraction(1))
            add(who, (1 - gated) * alone)
    equal = Fraction(one.equal_values)
    found: Outcomes = {}
    for who, chance in present.items():
        for shared, share in ((True, equal), (False, 1 - equal)):
            key = who, shared and sum(who) > 1
            found[key] = found.get(key, Fraction(0)) + chance * share
    return {key: chance for key, chance in found.items() if chance}


def exact_model_losses(
    W: Sequence[Sequence[Number]], b: Sequence[Number], model: FeatureModel, importance: Row
) -> list[Fraction]:
    """Every feature's exact loss on the data of a feature model, by going through all outcomes."""
    rows = [[Fraction(w) for w in row] for row in W]
    n = len(b)
    gram = [
        [sum((row[i] * row[j] for row in rows), Fraction(0)) for j in range(n)] for i in range(n)
    ]
    losses = [Fraction(0)] * n
    for outcome in product(*(_outcomes(one).items() for one in model.sets)):
        chance = prod((weight for _, weight in outcome), start=Fraction(1))
        groups: list[list[int]] = []  # features with one value, which are there
        start = 0
        for (who, shared), _ in outcome:
            here = [start + k for k, is_there in enumerate(who) if is_there]
            groups += [here] if shared else [[j] for j in here]
            start += len(who)
        for i in range(n):
            a = [sum((gram[i][j] for j in group), Fraction(0)) for group in groups]
            own = next((k for k, group in enumerate(groups) if i in group), len(a))
            if model.values == "fixed":
                size = Fraction(model.magnitude)
                answer = max(Fraction(b[i]) + size * sum(a, Fraction(0)), Fraction(0))
                losses[i] += chance * ((size if own < len(a) else 0) - answer) ** 2
                continue
            there = [Fraction(1)] * len(a)
            # An absent feature is a target of zero, and no input.
            losses[i] += chance * exact_row_loss(
                [*a, Fraction(0)], Fraction(b[i]), own, [*there, Fraction(0)]
            )
    return [weight * loss for weight, loss in zip(importance, losses, strict=True)]
