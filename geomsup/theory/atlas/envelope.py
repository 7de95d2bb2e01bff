"""From searches at some feature probabilities to the best configuration known at all of them.

Every minimum that any search of a cell found is taken along p from node to node, up and down.  At
each node the lowest is then brought to full precision and followed to the next: where that does
not lead to the lowest there, one phase gives way to another in between.  Two that are both minima
where their losses cross make a boundary of first order; where one ends in the other, the softest
mode of the more symmetric one vanishes, and the boundary is continuous.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from geomsup.theory.atlas.newton import Critical, followed, minimum_near, polished
from geomsup.theory.atlas.tasks import MOST_KEPT, SAME_LOSS, distinct, finished, most_promising
from geomsup.theory.loss import Problem
from geomsup.theory.packing import packed, unpacked

__all__ = [
    "MERGED",
    "NODES",
    "Boundary",
    "Pool",
    "boundaries_between",
    "lowest_of",
    "spread",
]

FloatArray = NDArray[np.float64]
Starts = Callable[[float], FloatArray]

# Feature probabilities at which an entry holds its configuration.
NODES = (
    *(1e-6, 1e-4, 1e-3, 0.003, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4),
    *(0.45, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.97, 0.99, 0.998, 1.0),
)
# Minima that are taken along, and the push that makes them leave a saddle.
_TAKEN, _PUSH = 3, 1e-4
# The push along its softest mode that makes a saddle roll down.
_ROLL = 1e-2
# Relative loss below which two followed points have become one.
MERGED = 1e-11
# … and by which a third phase must be lower than both.
_LOWER = 1e-10
# A bracket so narrow, relative, in which two branches are one says that they part continuously …
_NARROW, _MOST_HALVINGS = 1e-2, 40
# … where the softest mode is looked for so far around it.
_AROUND = 0.03
# Of the logarithm of p; a mode is known to about 1e-10.
_CROSSING_TOL, _CRITICAL_TOL = 1e-12, 1e-10
_THINNEST = 1e-7  # relative width below which no third phase is looked for


@dataclass(kw_only=True, eq=False)
class Pool:
    """Minima at one feature probability, lowest first; losses with that of the zero output one."""

    x: FloatArray  # (n_minima, n_features · (n_hidden + 1))
    loss: FloatArray
    met: FloatArray  # starts that met each
    n_starts: int

    def merged(self, x: FloatArray, loss: FloatArray, met: FloatArray, n_starts: int) -> Pool:
        """With more minima, each counted once."""
        every_x, every = np.concatenate([self.x, x]), np.concatenate([self.loss, loss])
        counts = np.concatenate([self.met, met])
        kept = distinct(every, SAME_LOSS)[:MOST_KEPT]
        close = np.abs(every[:, None] - every[kept]) <= SAME_LOSS * every[kept]
        return Pool(
            x=every_x[kept],
            loss=every[kept],
            met=(counts[:, None] * close).sum(0),
            n_starts=self.n_starts + n_starts,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Boundary:
    """Where one phase gives way to another as p grows."""

    p: float
    kind: str  # "first order" or "continuous"
    below: Critical
    above: Critical

    @property
    def parts_nothing(self) -> bool:
        """Whether it is one branch on both sides, which was only hard to follow."""
        return self.kind == "continuous" and (
            (self.below.order, self.below.n_kept) == (self.above.order, self.above.n_kept)
        )

    @property
    def is_seamless(self) -> bool:
        """Whether both cost the same here."""
        return abs(self.below.loss - self.above.loss) <= SAME_LOSS * self.below.loss


def spread(
    pools: dict[float, Pool], n_hidden: int, compositions: Mapping[float, FloatArray]
) -> None:
    """Take the lowest minima of every node to the next one, upwards and then downwards.

    Parameters
    ----------
    pools : dict
        Of every node; changed in place.
    n_hidden : int
    compositions : mapping
        More starts at each node, those that smaller cells are good for.
    """
    nodes = sorted(pools)
    for p in nodes:
        if len(compositions.get(p, ())):
            _improve(pools, p, compositions[p], n_hidden)
    for way, taken in ((nodes, _TAKEN), (nodes[::-1], _TAKEN), (nodes, 1)):
        for here, there in pairwise(way):
            if len(pools[here].x):
                _improve(pools, there, pools[here].x[:taken], n_hidden)


def _improve(pools: dict[float, Pool], p: float, starts: FloatArray, n_hidden: int) -> None:
    rng = np.random.default_rng(0)
    problem, _ = Problem.of(starts.shape[1] // (n_hidden + 1), p, 1.0).normalised()
    pushed = starts + _PUSH * rng.standard_normal(starts.shape)
    x, loss = finished(most_promising(pushed, n_hidden, problem), n_hidden, problem)
    pools[p] = pools[p].merged(x, loss, np.zeros(len(x)), 0)


def lowest_of(pool: Pool, n_hidden: int, p: float, count: int) -> list[Critical]:
    """The lowest points of a pool that are minima, to full precision, as many as are asked for."""
    found: list[Critical] = []
    for x in pool.x:
        point = polished(*unpacked(x, n_hidden), p)
        if point is None or not point.is_stable:
            continue
        if not found or point.loss > found[-1].loss * (1.0 + SAME_LOSS):
            found.append(point)
            if len(found) == count:
                break
    return found


def boundaries_between(low: Critical, high: Critical, others: Starts) -> list[Boundary]:
    """Where the best configuration changes between two nodes, from the best of each.

    Parameters
    ----------
    low, high : Critical
    others : callable
        Starts at a feature probability in between, from which a third phase is looked for.
    """
    ahead = followed(low, high.p)
    if ahead is not None and _is_same(ahead, high):
        return []
    boundary = _boundary(low, high)
    if boundary is None:
        return []
    third = _lower(boundary, others)
    if third is None or not low.p * (1 + _THINNEST) < third.p < high.p * (1 - _THINNEST):
        return [boundary]
    return [*boundaries_between(low, third, others), *boundaries_between(third, high, others)]


def _is_same(one: Critical, other: Critical) -> bool:
    return (
        abs(one.loss - other.loss) <= SAME_LOSS * other.loss
        and one.order == other.order
        and one.n_kept == other.n_kept
    )


def _lower(boundary: Boundary, others: Starts) -> Critical | None:
    """A point below both phases at their boundary: from others, and from one that is a saddle."""
    m, n = boundary.below.W.shape
    problem, _ = Problem.of(n, boundary.p, 1.0).normalised()
    ways_down = [
        packed(point.W, point.b) + sign * _ROLL * point.near.mean.directions[0]
        for point in (boundary.below, boundary.above)
        for sign in (1.0, -1.0)
        if not point.is_stable
    ]
    starts = np.array([*others(boundary.p), *ways_down])
    x, _ = finished(most_promising(starts, m, problem), m, problem)
    third = polished(*unpacked(x[0], m), boundary.p)
    is_lower = third is not None and third.loss < boundary.below.loss * (1.0 - _LOWER)
    return third if is_lower else None


def _boundary(low: Critical, high: Critical) -> Boundary | None:
    """Where the lower of two points, each followed from where it is the lowest, changes."""
    looked = False
    for _ in range(_MOST_HALVINGS):
        if _above(followed(high, low.p), low) and _above(followed(low, high.p), high):
            return _crossing(low, high)
        if high.p < low.p * (1.0 + _NARROW) and not looked:
            looked = True
            if low.order == high.order and low.n_kept == high.n_kept:
                return None  # one branch, which was only hard to follow
            parting = _parting(low, high)
            if parting is not None:
                if parting.is_seamless:
                    return parting
                high = parting.above  # the lower one there, so they cross before
        halved = _halved(low, high)
        if halved is None:
            return None
        low, high = halved
        if high.p < low.p * (1.0 + _THINNEST):
            break
    below = followed(low, high.p) or minimum_near([low], high.p)
    return Boundary(p=high.p, kind="continuous", below=below, above=high)


def _halved(low: Critical, high: Critical) -> tuple[Critical, Critical] | None:
    """The half in which the best changes; None if neither can be followed to the middle."""
    middle = float(np.sqrt(low.p * high.p))
    mine, theirs = followed(low, middle), followed(high, middle)
    if mine is None:
        return None if theirs is None else (low, theirs)
    if theirs is not None and _goes_up(mine, theirs, low):
        return low, theirs
    return mine, high


def _above(point: Critical | None, best: Critical) -> bool:
    return point is not None and point.loss > best.loss * (1.0 + MERGED)


def _goes_up(mine: Critical, theirs: Critical, low: Critical) -> bool:
    """Whether the upper phase is already there at a point to which both were followed."""
    difference = mine.loss / theirs.loss - 1.0
    if abs(difference) <= MERGED:
        # One has become the other; which it is, the symmetry tells.
        return mine.order != low.order
    return difference > 0.0


def _crossing(low: Critical, high: Critical) -> Boundary:
    """Where the losses of two minima that both exist are equal."""
    known: tuple[list[Critical], list[Critical]] = ([low], [high])

    def difference(log_p: float) -> float:
        p = float(np.exp(log_p))
        mine, theirs = (_nearest_followed(points, p) for points in known)
        return mine.loss / theirs.loss - 1.0

    root = float(brentq(difference, np.log(low.p), np.log(high.p), xtol=_CROSSING_TOL))
    difference(root)
    below, above = (points[-1] for points in known)
    return Boundary(p=below.p, kind="first order", below=below, above=above)


def _nearest_followed(points: list[Critical], p: float) -> Critical:
    """A branch at a feature probability, from the nearest point of it that leads there."""
    for point in sorted(points, key=lambda point: abs(np.log(point.p / p))):
        there = followed(point, p)
        if there is not None:
            points.append(there)
            return there
    raise ArithmeticError(f"a branch cannot be followed to p = {p:.6g}")


def _parting(low: Critical, high: Critical) -> Boundary | None:
    """Where the more symmetric of two branches that are one becomes unstable, if it does so."""
    known = [low if low.order >= high.order else high]

    def softest(log_p: float) -> float:
        return _nearest_followed(known, float(np.exp(log_p))).softest

    below, above = low.p * (1.0 - _AROUND), min(high.p * (1.0 + _AROUND), 1.0)
    ends = float(np.log(below)), float(np.log(above))
    try:
        if softest(ends[0]) * softest(ends[1]) >= 0.0:
            return None
        p = float(np.exp(brentq(softest, *ends, xtol=_CRITICAL_TOL)))
        if not low.p <= p <= high.p:
            return None
        points = [_nearest_followed([point], p) for point in (low, high)]
    except ArithmeticError:
        return None
    return Boundary(p=p, kind="continuous", below=points[0], above=points[1])
