"""All pairs of directions in tiles that fit a cache: histogram, neighbours, and what stands out.

n(n−1)/2 cosines are computed once and never kept.  Of each tile (:mod:`geomsup.survey.tiles`) four
things are taken: the largest and the least cosine of every row, the histogram, the number of pairs
at each level of improbability, and the pairs at the most improbable levels, as many as there is
memory for.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from geomsup.progress import bar
from geomsup.survey.source import Directions, IntArray
from geomsup.survey.tails import Tails
from geomsup.survey.tiles import (
    N_BINS,
    Best,
    Bounds,
    InMemory,
    Product,
    Seen,
    Task,
    cosine_counts,
)

__all__ = ["Pairs", "Scan", "checked_device", "in_threads", "level_edge", "scan"]

_T = TypeVar("_T")

FloatArray = NDArray[np.float64]
Counts = NDArray[np.int64]

# The middle of the histogram is counted among the pairs of so many rows.
_SAMPLED_ROWS = 2048
# Pairs farther out than all but this share on each side, and at least so many, are counted one by
# one and looked at.
_OUTER_SHARE, _LEAST_OUTER = 0.01, 10**6
# Levels of −log p are this wide; the last one holds whatever is beyond.
_LEVEL, _N_LEVELS = 0.25, 4096


_ARRAYS = ("largest", "nearest", "least", "opposite", "histogram", "levels")


class Pairs(NamedTuple):
    """Pairs of rows, i < j."""

    i: IntArray
    j: IntArray
    cosines: FloatArray
    log_p: FloatArray

    def select(self, chosen: NDArray[np.bool_] | IntArray) -> Pairs:
        i, j, cosines, log_p = self
        return Pairs(i[chosen], j[chosen], cosines[chosen], log_p[chosen])


@dataclass(frozen=True, kw_only=True, eq=False)
class Scan:
    """What the pairs of a matrix are like.

    Attributes
    ----------
    largest, least : ndarray of shape (n,)
        The largest and the least cosine of each row with another.
    nearest, opposite : ndarray of shape (n,)
        With which.
    histogram : ndarray of shape (N_BINS,)
        Pairs by cosine; exact beyond the cuts, estimated from a sample of the rows between them.
    cuts : tuple of float
        Where the histogram is exact, and where pairs are looked at: below the first, above the
        second.
    levels : ndarray of shape (2, n_levels)
        Number of pairs above and below at each level of −log p, among those looked at.
    pairs : Pairs
        Those of the most improbable levels, sorted by i and j.
    kept_levels : int
        The pairs are those of all levels from this one on.
    """

    n: int
    largest: FloatArray
    nearest: IntArray
    least: FloatArray
    opposite: IntArray
    histogram: FloatArray
    cuts: tuple[float, float]
    levels: Counts
    pairs: Pairs
    kept_levels: int

    # The names of what `to_tensors` returns.
    TENSORS: ClassVar[tuple[str, ...]] = ("n", "kept_levels", "cuts", *_ARRAYS, *Pairs._fields)

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """Its arrays by name, for a file."""
        numbers = {"n": self.n, "kept_levels": self.kept_levels, "cuts": self.cuts}
        arrays = {name: getattr(self, name) for name in _ARRAYS} | self.pairs._asdict()
        return {
            name: value.astype(np.int64) if value.dtype == np.intp else value
            for name, value in {
                **arrays,
                **{name: np.asarray(value) for name, value in numbers.items()},
            }.items()
        }

    @classmethod
    def of_tensors(cls, tensors: dict[str, NDArray[Any]]) -> Scan:
        """What `to_tensors` returned, as a scan again."""
        low, high = tensors["cuts"].tolist()
        return cls(
            n=int(tensors["n"]),
            kept_levels=int(tensors["kept_levels"]),
            cuts=(low, high),
            pairs=Pairs(*(tensors[name] for name in Pairs._fields)),
            **{name: tensors[name] for name in _ARRAYS},
        )

    def n_beyond(self, cosine: float) -> int:
        """Number of pairs with a cosine ≥ c > 0, or ≤ c < 0, to the width of a bin."""
        at = round((cosine + 1) * N_BINS / 2)
        part = self.histogram[at:] if cosine > 0 else self.histogram[:at]
        return round(float(part.sum()))


def level_edge(level: IntArray) -> FloatArray:
    """The largest log p of levels."""
    return np.asarray(-_LEVEL * level, dtype=np.float64)


def scan(
    rows: Directions,
    tails: Tails,
    *,
    log_p: float,
    max_pairs: int,
    seed: int = 0,
    device: str = "cpu",
    progress: bool | None = False,
    doing: str = "pairs",
) -> Scan:
    """Look at all pairs.

    Parameters
    ----------
    rows : Directions
    tails : Tails
    log_p : float
        Pairs that are more probable are not counted.
    max_pairs : int
        How many to keep at most.
    seed : int
        Of the rows that the middle of the histogram is counted among.
    device : str
        Where the tiles are computed: "cpu", "cuda" or "cuda:1".
    progress, doing
        As for :func:`geomsup.progress.bar`.

    Notes
    -----
    O(n² m) time; memory for the unit rows, `max_pairs` and one task of each thread.  The result
    does not depend on the number of threads.
    """
    middle = _sampled_histogram(rows, seed)
    cuts = _cuts(middle)
    above, below = tails.thresholds(log_p)
    bounds = Bounds(
        cuts,
        np.broadcast_to(np.maximum(above, cuts[1]).astype(np.float32), rows.n),
        np.broadcast_to(np.minimum(below, cuts[0]).astype(np.float32), rows.n),
    )
    state = _State(rows.n, tails, max_pairs)
    product = _product_of(rows, device)
    tasks = product.tasks()
    with bar(len(tasks), doing, "tile", progress) as advance:

        def look(task: Task) -> tuple[Seen, Pairs]:
            # What `best` holds by now comes from earlier tasks, so a cosine that does not beat it
            # would not be taken later either, whichever thread is the first.
            seen = product.look(task, bounds, state.best)
            cosines = seen.cosines.astype(np.float64)
            return seen, Pairs(seen.i, seen.j, cosines, tails.log_p(seen.i, seen.j, cosines))

        for done, found in enumerate(
            in_threads(look, [(task,) for task in tasks], product.n_threads), 1
        ):
            state.add(*found)
            advance(done)
    state.prune(final=True)
    edges = np.linspace(-1, 1, N_BINS + 1)
    is_inside = (edges[:-1] > cuts[0] - 1e-9) & (edges[1:] < cuts[1] + 1e-9)
    largest, least = state.best
    pairs = state.pairs
    return Scan(
        n=rows.n,
        largest=np.clip(largest.cosines.astype(np.float64), -1, 1),
        nearest=largest.partners,
        least=np.clip(least.cosines.astype(np.float64), -1, 1),
        opposite=least.partners,
        histogram=np.where(is_inside, middle, state.histogram),
        cuts=cuts,
        levels=state.levels,
        pairs=pairs.select(np.lexsort((pairs.j, pairs.i))),
        kept_levels=state.first_level,
    )


def checked_device(device: object) -> None:
    """Refuse what is no device, or not present, before any work goes into it."""
    if device != "cpu":
        from geomsup.survey.on_device import present_device

        present_device(device)


def _product_of(rows: Directions, device: object) -> Product:
    """What computes the tiles of some rows on a device."""
    if device == "cpu":
        return InMemory(rows, os.cpu_count() or 1)
    from geomsup.survey.on_device import OnDevice, present_device

    return OnDevice(rows, present_device(device))


class _State:
    """What is known of all pairs so far."""

    def __init__(self, n: int, tails: Tails, max_pairs: int) -> None:
        self.tails, self._max_pairs = tails, max_pairs
        self.best = Best.of(n, 1), Best.of(n, -1)
        self.histogram = np.zeros(N_BINS, np.int64)
        self.levels = np.zeros((2, _N_LEVELS), np.int64)
        self.first_level = 0
        self._parts: list[Pairs] = []
        self._n_kept = 0

    def add(self, seen: Seen, part: Pairs) -> None:
        for sign, rows, cosines, partners in seen.improved:
            self.best[sign < 0].update(rows, cosines, partners)
        self.histogram += seen.histogram
        level = _level_of(part.log_p)
        for side, one in enumerate((part.cosines >= 0, part.cosines < 0)):
            self.levels[side] += np.bincount(level[one], minlength=_N_LEVELS)
        self._parts.append(part.select(level >= self.first_level))
        self._n_kept += self._parts[-1].i.size
        if self._n_kept > 2 * self._max_pairs:
            self.prune()

    def prune(self, final: bool = False) -> None:
        """Drop the levels that leave too many pairs.

        The level depends on the counts of all pairs alone, so that what is kept in the end does
        not depend on the order in which they came.
        """
        beyond = np.cumsum(self.levels.sum(axis=0)[::-1])[::-1]
        fitting = np.flatnonzero(beyond <= self._max_pairs)
        self.first_level = int(fitting[0]) if fitting.size else _N_LEVELS
        if final or self._n_kept > self._max_pairs:
            pairs = self.pairs
            kept = pairs.select(_level_of(pairs.log_p) >= self.first_level)
            self._parts, self._n_kept = [kept], kept.i.size

    @property
    def pairs(self) -> Pairs:
        if not self._parts:
            none = np.zeros(0, np.intp)
            return Pairs(none, none, np.zeros(0), np.zeros(0))
        return Pairs(*(np.concatenate(part) for part in zip(*self._parts, strict=True)))


def _level_of(log_p: FloatArray) -> IntArray:
    with np.errstate(invalid="ignore"):
        level: IntArray = np.minimum(-log_p / _LEVEL, _N_LEVELS - 1).astype(np.intp)
    return level


def in_threads(
    work: Callable[..., _T], tasks: Sequence[tuple[Any, ...]], n_threads: int | None = None
) -> Iterator[_T]:
    """What becomes of each task, in their order, few of them waiting at a time."""
    n_threads = min(n_threads or os.cpu_count() or 1, len(tasks))
    # The threads are these; a library with threads of its own would wait for them.
    with threadpool_limits(1), ThreadPoolExecutor(n_threads) as pool:
        waiting: deque[Future[_T]] = deque()
        for task in tasks:
            waiting.append(pool.submit(work, *task))
            if len(waiting) > 2 * n_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _sampled_histogram(rows: Directions, seed: int) -> FloatArray:
    """The histogram of all pairs, estimated from those among some rows."""
    n = rows.n
    if n <= _SAMPLED_ROWS:
        return cosine_counts(rows.units(0, n)).astype(np.float64)
    chosen = np.sort(np.random.default_rng(seed).choice(n, _SAMPLED_ROWS, replace=False))
    sample = np.concatenate([rows.units(k, k + 1) for k in chosen.tolist()])
    share = _SAMPLED_ROWS * (_SAMPLED_ROWS - 1) / (n * (n - 1))
    return np.asarray(cosine_counts(sample) / share)


def _cuts(histogram: FloatArray) -> tuple[float, float]:
    """Edges of bins with the outer shares below and above, and the bins at both ends in any case.

    Otherwise many copies of one row would leave only those whose cosine is rounded to 1.
    """
    edges = np.linspace(-1, 1, N_BINS + 1)
    n_pairs = histogram.sum()
    outer = max(_OUTER_SHARE * n_pairs, min(_LEAST_OUTER, n_pairs / 2))
    below = np.searchsorted(np.cumsum(histogram), outer)
    above = N_BINS - np.searchsorted(np.cumsum(histogram[::-1]), outer)
    above = min(max(above, 2), N_BINS - 1)
    return float(edges[min(max(below, 1), above - 1)]), float(edges[above])
