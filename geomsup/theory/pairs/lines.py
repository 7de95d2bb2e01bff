"""The best strategy of pairs along a line through the map, and where it changes.

At some places the line is searched from random starts; from there every strategy is followed to
both ends, so that each place knows the lowest minimum of each.  Pairs that are nearly collapsed are
tied together and descended as one, which tells the collapsed strategy from one that is about to
become it.  Between two places with different strategies both branches are followed, to where
their losses cross, or to where the tied branch loses its stability.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from geomsup.errors import GeomsupError, counted
from geomsup.progress import bar
from geomsup.restoring import read_only
from geomsup.theory.descent import descend
from geomsup.theory.feature_model import FeatureModel
from geomsup.theory.linear import linear_optimum
from geomsup.theory.loss import Problem
from geomsup.theory.packing import packed_loss, unpacked
from geomsup.theory.pairs.record import PairBoundary, PairPhases
from geomsup.theory.pairs.strategy import strategy_of
from geomsup.theory.phases import ascending
from geomsup.theory.starts import random_starts
from geomsup.validation import number_within, positive_integer, random_generator

__all__ = ["pair_phases"]

FloatArray = NDArray[np.float64]
Function = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
Tied = tuple[int, ...]

_MOST_PAIRS = 4
# Places of a line that are searched from random starts.
_ANCHORS = 4
_P = (0.003, 0.01, 0.03, 0.06, 0.1, 0.15, 0.22, 0.32, 0.45, 0.6, 0.8)

# All of losses in units of that of the zero output.
_ROUGH_TOL, _TOL = 1e-4, 1e-9
_ROUGH_STEPS, _STEPS = 120, 600
_SAME_LOSS = 1e-8
_SAME_MINIMUM = 1e-4
# Strategies that are followed: the lowest, and within this share of the lowest.
_FOLLOWED, _WITHIN = 5, 0.15
# Pairs nearer than this, relative to their length, are tried as one.
_NEAR = 0.35
_CROSSING_TOL = 1e-8
# Members of a pair that are nearer than this, relative to their length, become one there.
_CLOSED = 0.02
# How far from a place its neighbourhood is looked at, in units of the line's step.
_BESIDE = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
_HALVINGS = 22
_PUSH = 1e-4
_NUDGE, _SEED = 1e-3, 0
# Half of what a split pair is apart, in its length: about ten degrees to each side.
_SPLIT = 0.17
_MOST_DEPTH = 4
# Rounds in which boundaries are searched, and the share by which a loss there must be lower.
_MOST_ROUNDS, _LOWER = 6, 1e-7
# Losses of two minima that cross at a boundary are this near to each other.
_MEETING = 1e-5


@dataclass(frozen=True, kw_only=True, eq=False)
class _Minimum:
    """A minimum in which some pairs are tied together."""

    x: FloatArray  # packed
    loss: float
    tied: Tied
    strategy: str


@dataclass(frozen=True, kw_only=True, eq=False)
class _Line:
    """A line through the map, and the problem at each of its places."""

    n_pairs: int
    n_hidden: int
    varied: str
    fixed: dict[str, float]
    known: dict[float, Function] = field(default_factory=dict)

    def features(self, at: float) -> FeatureModel:
        given = {**self.fixed, self.varied: at}
        return FeatureModel.pairs(self.n_pairs, given.pop("feature_probability"), **given)

    def function(self, at: float) -> Function:
        """The loss of packed models, in units of that of the zero output."""
        if at not in self.known:
            problem, _ = Problem.of(2 * self.n_pairs, self.features(at), 1.0).normalised()
            self.known[at] = packed_loss(self.n_hidden, problem)
        return self.known[at]

    def descended(
        self, starts: FloatArray, at: float, tied: Tied, tol: float = _TOL, steps: int = _STEPS
    ) -> tuple[FloatArray, FloatArray]:
        """Where descents end in which some pairs stay one, and their losses."""
        function = self.function(at)

        def together(x: FloatArray) -> tuple[FloatArray, FloatArray]:
            value, gradient = function(self.joined(x, tied))
            return value, self.joined(gradient, tied)

        ends = descend(together, self.joined(starts, tied), gradient_tol=tol, max_steps=steps)
        return self.joined(ends.x, tied), ends.value

    def joined(self, x: FloatArray, tied: Tied) -> FloatArray:
        """Models in which both members of some pairs are their mean."""
        rows = x.reshape(-1, self.n_hidden + 1, 2 * self.n_pairs).copy()  # the last row is b
        for pair in tied:
            members = slice(2 * pair, 2 * pair + 2)
            rows[:, :, members] = rows[:, :, members].mean(axis=2, keepdims=True)
        return rows.reshape(x.shape)

    def minimum(self, start: FloatArray, at: float, tied: Tied = ()) -> _Minimum:
        """The minimum below a start, in which pairs that want to be one are one."""
        # What begins as one would stay one, stable or not.
        rng = np.random.default_rng(_SEED)
        nudged = start + _NUDGE * np.abs(start).max() * rng.normal(size=start.shape)
        x, loss = self.descended(nudged[None], at, tied)
        best = self._made(x[0], float(loss[0]), tied)
        for pair in self._near(best):
            more = tuple(sorted({*best.tied, pair}))
            x, loss = self.descended(best.x[None], at, more)
            if loss[0] <= best.loss * (1.0 + _SAME_LOSS):
                best = self._made(x[0], float(loss[0]), more)
        return best

    def follow(self, one: _Minimum, at: float) -> _Minimum:
        """The minimum at another place, with the same pairs tied, stable or not."""
        x, loss = self.descended(one.x[None], at, one.tied)
        return self._made(x[0], float(loss[0]), one.tied)

    def split(self, one: _Minimum, pair: int) -> FloatArray:
        """A start in which the members of a pair stand beside their mean, one to each side."""
        rows = one.x.reshape(self.n_hidden + 1, -1).copy()
        column = rows[:-1, 2 * pair]
        side = np.random.default_rng(_SEED).normal(size=self.n_hidden)
        side -= column * (side @ column) / max(float(column @ column), 1e-300)
        side *= _SPLIT * np.linalg.norm(column) / max(float(np.linalg.norm(side)), 1e-300)
        rows[:-1, 2 * pair] += side
        rows[:-1, 2 * pair + 1] -= side
        return np.asarray(rows.ravel())

    def stability(self, one: _Minimum, at: float, pairs: Tied) -> float:
        """The least curvature against splitting some of the tied pairs."""
        there = self.follow(one, at)
        n, rows = 2 * self.n_pairs, self.n_hidden + 1
        directions = []
        for pair in pairs:
            for row in range(rows):
                direction = np.zeros((rows, n))
                direction[row, 2 * pair : 2 * pair + 2] = np.sqrt(0.5), -np.sqrt(0.5)
                directions.append(direction.ravel())
        basis = np.array(directions)
        pushed = np.concatenate([there.x + _PUSH * basis, there.x - _PUSH * basis])
        _, gradient = self.function(at)(pushed)
        half = len(basis)
        hessian = (gradient[:half] - gradient[half:]) @ basis.T / (2.0 * _PUSH)
        return float(np.linalg.eigvalsh(0.5 * (hessian + hessian.T))[0])

    def apart(self, one: _Minimum, pairs: Tied) -> float:
        """How far the members of some pairs are apart at most, relative to their mean's length."""
        return float(self._apart(one)[list(pairs)].max())

    def _made(self, x: FloatArray, loss: float, tied: Tied) -> _Minimum:
        W, _ = unpacked(x, self.n_hidden)
        return _Minimum(x=x, loss=loss, tied=tied, strategy=strategy_of(W))

    def _near(self, one: _Minimum) -> list[int]:
        apart = self._apart(one)
        near = [int(pair) for pair in np.argsort(apart) if apart[pair] < _NEAR]
        return [pair for pair in near if pair not in one.tied]

    def _apart(self, one: _Minimum) -> FloatArray:
        W, _ = unpacked(one.x, self.n_hidden)
        apart = np.linalg.norm(W[:, ::2] - W[:, 1::2], axis=0)
        length = np.linalg.norm(W[:, ::2] + W[:, 1::2], axis=0) / 2.0
        return np.asarray(apart / np.maximum(length, 1e-300))


class _Branch:
    """A minimum that is followed from place to place, in small steps where it would be lost."""

    def __init__(self, line: _Line, at: float, one: _Minimum) -> None:
        self.line, self.strategy, self.alive = line, one.strategy, {at: one}

    def at(self, place: float, halvings: int = 5) -> _Minimum:
        """Its minimum at a place, or what it has become there."""
        near = min(self.alive, key=lambda known: abs(known - place))
        found = self.line.follow(self.alive[near], place)
        if found.strategy == self.strategy:
            self.alive[place] = found
        elif halvings:
            self.at(0.5 * (near + place), halvings - 1)
            if min(self.alive, key=lambda known: abs(known - place)) != near:
                return self.at(place, halvings - 1)
        return found

    def lives(self, place: float) -> bool:
        """Whether it is still itself at a place."""
        return self.at(place).strategy == self.strategy


Pool = dict[str, _Minimum]


def pair_phases(
    n_pairs: int,
    n_hidden: int,
    *,
    feature_probability: Any = None,
    together: Any = 1.0,
    equal_values: Any = 0.0,
    n_starts: int = 16,
    seed: int | np.random.Generator | None = 0,
    progress: bool | None = None,
) -> PairPhases:
    """The best strategy of pairs of features as one parameter grows, with its boundaries.

    Parameters
    ----------
    n_pairs, n_hidden : int
        At most four pairs, fewer dimensions than features.
    feature_probability, together, equal_values : float or array_like
        p, c and ρ.  One of them is a list of ascending values, between which nothing is missed but
        what both comes and goes; None stands for eleven values of p.  Three numbers are one place.
    n_starts : int, default 16
        Random starts at the first value, the last and two between; four times as many at one place.
    seed : int, numpy Generator or None, default 0
    progress : bool, optional
        Whether to show a progress bar.  None shows it in a terminal or a notebook.

    Returns
    -------
    PairPhases
        Best known, not proved: the lowest that the search has met.

    Raises
    ------
    GeomsupError
        If a size or a value is out of range, or more than one parameter varies.

    Notes
    -----
    A boundary of first order is a root of the difference of two exact losses, each followed as a
    local minimum.  A continuous one is where a collapsed pair ceases to be stable against
    splitting and its members part from there, or where one minimum only changes its name.

    Examples
    --------
    >>> from geomsup.theory import pair_phases
    >>> print(pair_phases(1, 1, feature_probability=0.01, together=[0.5, 0.7], n_starts=4))
    1 pair in 1 dimension, p = 0.01, ρ = 0, as c grows from 0.5 to 0.7:
      1 opposed
      c = 0.578073  1 collapsed (first order)
    loss over that of PCA: 0.7920 to 1.0000
    >>> pair_phases(1, 1, feature_probability=0.01, together=0.7, n_starts=4).strategies
    ('1 collapsed',)
    """
    k, m = positive_integer("n_pairs", n_pairs), positive_integer("n_hidden", n_hidden)
    count = positive_integer("n_starts", n_starts)
    if not (k <= _MOST_PAIRS and m < 2 * k):
        raise GeomsupError(
            f"expected at most {_MOST_PAIRS} pairs and fewer dimensions than features, got "
            f"{counted(k, 'pair')} in {m}"
        )
    given = {
        "feature_probability": _P if feature_probability is None else feature_probability,
        "together": together,
        "equal_values": equal_values,
    }
    varied = [name for name, value in given.items() if np.ndim(value)]
    if not varied:  # a line of one place
        varied = ["feature_probability"]
        given["feature_probability"] = [given["feature_probability"]]
    if len(varied) > 1:
        raise GeomsupError(
            "expected a list for one of feature_probability, together and equal_values and numbers "
            f"for the others, got lists for {' and '.join(varied)}"
        )
    values = ascending(given.pop(varied[0]), varied[0], high=1.0)
    fixed = {name: number_within(name, value, 0.0, 1.0) for name, value in given.items()}
    if min(fixed.get("feature_probability", values[0]), 1.0) <= 0.0:
        raise GeomsupError("expected a feature_probability above zero, got 0: nothing is there")
    line = _Line(n_pairs=k, n_hidden=m, varied=varied[0], fixed=fixed)
    rng = random_generator(seed)
    anchors = np.unique(np.rint(np.linspace(0, len(values) - 1, _ANCHORS)).astype(int))
    if len(values) == 1:  # there are no neighbours to learn from
        count *= _ANCHORS
    pools: list[Pool] = [{} for _ in values]
    n_before = len(anchors) + 2 * len(values)
    with bar(n_before + _MOST_ROUNDS, "following", "step", progress) as done:
        for step, place in enumerate(anchors):
            pools[place] = _searched(line, float(values[place]), count, rng)
            done(step + 1)
        _spread(line, values, pools, lambda step: done(len(anchors) + step))
        of_places = dict(zip(values.tolist(), pools, strict=True))
        boundaries = _settled(line, of_places, count, rng, lambda turn: done(n_before + turn))
        done(n_before + _MOST_ROUNDS)
    return _phases(line, values, pools, boundaries)


def _settled(
    line: _Line,
    pools: dict[float, Pool],
    n_starts: int,
    rng: np.random.Generator,
    done: Callable[[int], None],
) -> list[PairBoundary]:
    """Boundaries at which random starts find nothing lower; the pools learn what they find.

    Where they find something, that place joins the others, and what was found is followed too.
    """
    known, searched = dict(pools), set[float]()
    boundaries = _boundaries(line, known)
    for turn in range(_MOST_ROUNDS - 1):
        done(turn + 1)
        lower: dict[float, Pool] = {}
        for at in sorted({one.at for one in boundaries} - known.keys() - searched):
            here, is_lower = _searched_boundary(line, known, boundaries, at, n_starts, rng)
            if is_lower:
                lower[at] = here
            searched.add(at)
        if not lower:
            break
        known = dict(sorted({**known, **lower}.items()))
        _spread(line, np.array([*known]), [*known.values()], lambda _: None)
        boundaries = _boundaries(line, known)
    return boundaries


def _boundaries(line: _Line, known: dict[float, Pool]) -> list[PairBoundary]:
    """All changes of strategy, from place to place."""
    return [
        one
        for ends in pairwise(known)
        for one in _between(line, np.array(ends), [known[at] for at in ends])
    ]


def _searched_boundary(
    line: _Line,
    known: dict[float, Pool],
    boundaries: list[PairBoundary],
    at: float,
    n_starts: int,
    rng: np.random.Generator,
) -> tuple[Pool, bool]:
    """All that is found at a boundary, and whether it is lower than what was said to meet there.

    A branch that turns into another one of its name on its way has no root at the true boundary:
    then what meets there is not equally good.
    """
    here: Pool = {}
    for place in (max(k for k in known if k < at), min(k for k in known if k > at)):
        for one in _followed(known[place]):
            _take(here, line.minimum(one.x, at, one.tied))
            _take(here, line.minimum(one.x, at))
    expected = _lowest(here).loss
    for one in _searched(line, at, n_starts, rng).values():
        _take(here, one)
    least = _lowest(here).loss
    met = {name for one in boundaries if one.at == at for name in (one.below, one.above)}
    losses = [here[name].loss for name in met & here.keys()]
    does_not_meet = max(losses, default=np.inf) > least * (1.0 + _MEETING)
    return here, least < expected * (1.0 - _LOWER) or does_not_meet


def _phases(
    line: _Line, values: FloatArray, pools: Sequence[Pool], boundaries: list[PairBoundary]
) -> PairPhases:
    best = [_lowest(pool) for pool in pools]
    features = [line.features(float(at)) for at in values]
    unit = np.array([each.feature_probability.sum() / 3.0 for each in features])
    W, b = unpacked(np.array([one.x for one in best]), line.n_hidden)
    return PairPhases(
        n_pairs=line.n_pairs,
        n_hidden=line.n_hidden,
        varied=line.varied,
        **{
            name: line.fixed.get(name, float("nan"))
            for name in ("feature_probability", "together", "equal_values")
        },
        values=read_only(values),
        loss=read_only(unit * np.array([one.loss for one in best])),
        linear_loss=read_only(
            np.array([linear_optimum(each, line.n_hidden).loss for each in features])
        ),
        boundaries=tuple(boundaries),
        W=read_only(W.copy()),
        b=read_only(b.copy()),
    )


def _searched(line: _Line, at: float, n_starts: int, rng: np.random.Generator) -> Pool:
    """The strategies that random starts lead to."""
    starts = random_starts(n_starts, line.n_hidden, 2 * line.n_pairs, rng)
    # Some with both members of every pair in one direction, and some with opposite ones.
    rows = starts.reshape(n_starts, line.n_hidden + 1, -1)
    for sign, which in ((1.0, slice(1, None, 4)), (-1.0, slice(2, None, 4))):
        rows[which, :-1, 1::2] = sign * rows[which, :-1, ::2]
        rows[which, -1] = 0.0
    rough, losses = line.descended(starts, at, (), _ROUGH_TOL, _ROUGH_STEPS)
    pool: Pool = {}
    kept: list[float] = []
    for k in np.argsort(losses, kind="stable"):
        if kept and losses[k] < kept[-1] * (1.0 + _SAME_MINIMUM):
            continue
        if kept and losses[k] > kept[0] * (1.0 + 2.0 * _WITHIN):
            break
        kept.append(float(losses[k]))
        _take(pool, line.minimum(rough[k], at))
        if len(kept) > _FOLLOWED:
            break
    return pool


def _spread(
    line: _Line, values: FloatArray, pools: list[Pool], done: Callable[[int], None]
) -> None:
    """Follow every strategy to both ends of the line."""
    forth = list(pairwise(range(len(values))))
    back = [(later, earlier) for earlier, later in reversed(forth)]
    for step, (origin, to) in enumerate([*forth, *back]):
        for one in _followed(pools[origin]):
            _take(pools[to], line.minimum(one.x, float(values[to]), ()))
            if one.tied:
                _take(pools[to], line.minimum(one.x, float(values[to]), one.tied))
        best = _lowest(pools[to])
        for pair in best.tied:
            _take(pools[to], line.minimum(line.split(best, pair), float(values[to])))
        done(step + 1)


def _followed(pool: Pool) -> list[_Minimum]:
    ordered = sorted(pool.values(), key=lambda one: one.loss)
    return [one for one in ordered[:_FOLLOWED] if one.loss < ordered[0].loss * (1.0 + _WITHIN)]


def _take(pool: Pool, one: _Minimum) -> None:
    if one.strategy not in pool or one.loss < pool[one.strategy].loss * (1.0 - _SAME_LOSS):
        pool[one.strategy] = one


def _lowest(pool: Pool) -> _Minimum:
    """The best; where a tied and an untied one are equal, the tied one."""
    least = min(one.loss for one in pool.values())
    same = [one for one in pool.values() if one.loss <= least * (1.0 + _SAME_LOSS)]
    return max(same, key=lambda one: len(one.tied))


def _between(
    line: _Line, ends: FloatArray, pools: Sequence[Pool], depth: int = 0
) -> list[PairBoundary]:
    """The changes of strategy between two places."""
    first, last = _lowest(pools[0]), _lowest(pools[1])
    if first.strategy == last.strategy:
        return []
    low, high = float(ends[0]), float(ends[1])
    at, kind = _change(line, low, high, first, last)
    here: Pool = {}
    for one in [*_followed(pools[0]), *_followed(pools[1])]:
        _take(here, line.follow(one, at))
    best = _lowest(here)
    pair = [here[s].loss for s in (first.strategy, last.strategy) if s in here]
    became = line.follow(first, at).strategy
    if first.strategy not in here and became != last.strategy and depth < _MOST_DEPTH:
        # The first branch has turned into a third one, which reaches the boundary.
        before = _between(line, np.array([low, at]), [pools[0], {became: here[became]}], depth + 1)
        return [*before, PairBoundary(at=at, below=became, above=last.strategy, kind=kind)]
    other = best.strategy not in (first.strategy, last.strategy)
    if other and best.loss < min(pair, default=np.inf) * (1.0 - 1e-6) and depth < _MOST_DEPTH:
        return [
            *_between(line, np.array([low, at]), [pools[0], here], depth + 1),
            *_between(line, np.array([at, high]), [here, pools[1]], depth + 1),
        ]
    return [PairBoundary(at=at, below=first.strategy, above=last.strategy, kind=kind)]


def _change(
    line: _Line, low: float, high: float, first: _Minimum, last: _Minimum
) -> tuple[float, str]:
    """Where, and how, the first minimum gives way to the last."""
    size = high - low
    more, less = (first, last) if len(first.tied) > len(last.tied) else (last, first)
    split = tuple(pair for pair in more.tied if pair not in less.tied)
    if split and set(less.tied) < set(more.tied):

        def softness(at: float) -> float:
            return line.stability(more, at, split)

        if softness(low) * softness(high) < 0.0:
            at = float(brentq(softness, low, high, xtol=_CROSSING_TOL * size))
            place = low if less is first else high
            if line.apart(_Branch(line, place, less).at(at), split) < _CLOSED:
                return at, "continuous"
    one, two = _Branch(line, low, first), _Branch(line, high, last)
    difference = _difference(one, two)
    ends = [difference(low), difference(high)]
    for _ in range(_HALVINGS):
        crosses = ends[0] < -_SAME_LOSS and ends[1] > _SAME_LOSS
        # Where one of them has become another minimum its loss has jumped, which is no root.
        if crosses and one.lives(high) and two.lives(low):
            at = float(brentq(difference, low, high, xtol=_CROSSING_TOL * size))
            return at, "first order"
        # One of the branches has become the other there: look between.
        middle = 0.5 * (low + high)
        gap = difference(middle)
        if gap < -_SAME_LOSS or (gap <= _SAME_LOSS and one.lives(middle)):
            low, ends[0] = middle, gap
        else:
            high, ends[1] = middle, gap
    at = 0.5 * (low + high)
    crossing = _crossing_near(line, one, two, at, size)
    return (at, "continuous") if crossing is None else (crossing, "first order")


def _difference(one: _Branch, two: _Branch) -> Callable[[float], float]:
    """How much higher the loss of the first is, relative, as a function of the place."""
    return lambda at: one.at(at).loss / two.at(at).loss - 1.0


def _crossing_near(
    line: _Line, first: _Branch, last: _Branch, near: float, size: float
) -> float | None:
    """Where losses cross beside a place at which they are nearly equal, if two minima meet there.

    On its way to that place the first branch may have changed its name, and then is followed from
    there by that which it has now.
    """
    before, after = near - _BESIDE[0] * size, near + _BESIDE[0] * size
    one, two = _Branch(line, before, first.at(before)), _Branch(line, after, last.at(after))
    difference = _difference(one, two)
    for share in _BESIDE[1:]:
        low, high = near - share * size, near + share * size
        if difference(low) < -_SAME_LOSS and difference(high) > _SAME_LOSS:
            if one.lives(high) and two.lives(low):
                return float(brentq(difference, low, high, xtol=_CROSSING_TOL * size))
            return None
    return None
