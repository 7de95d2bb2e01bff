"""From what was measured to a verdict, with its reasons in words."""

from __future__ import annotations

import math
from collections.abc import Mapping

from geomsup.claims.case import Case, Tests
from geomsup.claims.evidence import LARGEST_STEP
from geomsup.claims.record import Verdict

__all__ = ["verdict_of"]

# A claim is beyond chance if so few groups do as well …
_LEVEL = 0.01
# … and above its rivals, or below one, if it is so many nats from it: twenty to one.  Of two looks
# each has half the level, and half the prior.
_CLEARLY = 3.0
_HOPELESS = 1e5
# It does worse than most controls if so many do as well.
_MOST = 0.9
# Without an order, a line is what one axis has nearly all of: a few members always have a longest.
_LEAST_LINE = 0.9
_ARTICLE = {"ring": "a ", "arc": "an ", "line": "a ", "blob": "a ", "simplex": "a ", "bundle": "a "}


def verdict_of(
    case: Case, tests: Tests, evidence: Mapping[str, float], closure: float, longest: float
) -> tuple[Verdict, str]:
    rival = min(evidence, key=lambda name: evidence[name])
    margin = evidence[rival]
    against = _against(tests, rival, margin)
    if against:
        return "contradicted", "; ".join(against)
    doubts = _doubts(case, tests, closure, longest)
    named = _ARTICLE.get(rival, "") + rival
    if margin < _CLEARLY + math.log(case.n_looks):
        doubts.append(f"as well explained by {named} ({margin:+.1f} nats for the claim)")
    if doubts:
        return "undecided", "; ".join(doubts)
    said = f"{tests.p_value:.2g} of the controls do as well"
    if tests.p_cloud is not None:
        said += f", {tests.p_cloud:.2g} of clouds with its spectrum"
    if tests.p_order is not None:
        said += f", {tests.p_order:.2g} of its orders"
    return "supported", f"{said}; the best rival, {rival}, is {margin:.0f} nats behind"


def _against(tests: Tests, rival: str, margin: float) -> list[str]:
    """What speaks clearly against the claim."""
    found = []
    if margin <= -_CLEARLY:
        by = f"by {-margin:.1f} nats" if margin > -_HOPELESS else "and the claim not at all"
        found.append(f"better explained by {_ARTICLE.get(rival, '')}{rival}, {by}")
    if tests.p_value >= _MOST:
        found.append(f"{100 * tests.p_value:.0f} % of the control groups do as well")
    return found


def _doubts(case: Case, tests: Tests, closure: float, longest: float) -> list[str]:
    """What keeps the claim from being supported, but for rivals."""
    found = []
    level = _LEVEL / case.n_looks
    n_controls = len(tests.controls)
    if level * (1 + n_controls) < 1:
        found.append(f"{n_controls} controls are too few: take {math.ceil(1 / level) - 1} or more")
    elif tests.p_value > level:
        found.append(f"control groups do as well (p {tests.p_value:.2g})")
    if tests.p_cloud is not None and tests.p_cloud > level:
        found.append(f"clouds with its spectrum do as well (p {tests.p_cloud:.2g})")
    if tests.p_order is not None and tests.p_order > max(level, 1.5 / _n_orders(case)):
        found.append(f"other orders do as well (p {tests.p_order:.2g})")
    if tests.p_together is not None and tests.p_together > level:
        found.append(
            f"random groups are as far from the mean for their spread (p {tests.p_together:.2g})"
        )
    if case.word.curve == "closed" and closure > LARGEST_STEP:
        found.append(f"it does not close (last to first: {closure:.1f} mean steps)")
    if case.word.curve == "straight" and longest < _LEAST_LINE:
        found.append(f"one axis has {100 * longest:.0f} % of the squared distances")
    return found


def _n_orders(case: Case) -> float:
    """Orders of so many members that are not the same to the claim."""
    n = len(case.members)
    if case.word.curve is None:  # pairs, in any order and either way round
        return math.factorial(n) / (2.0 ** (n // 2) * math.factorial(n // 2))
    return math.factorial(n) / (2 * n if case.word.curve == "closed" else 2)
