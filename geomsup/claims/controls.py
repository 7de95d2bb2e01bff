"""Groups to hold a group against: as many features of the same matrix, as near to each other.

A word's neighbours are near each other and have much in common, whatever it is.  So a claim about
seven days must stand against sevens that are as alike as the days are: an anchor drawn at random
and members drawn among its K nearest neighbours, where K is chosen such that the mean cosine is
that of the group.  Of the groups so drawn the third is kept that comes nearest to its mean cosine
and to the spread of its norms.  A group that is no nearer together than random ones are stands
against the third of these that comes nearest.

Controls keep norms of their own: where some axes are longer than others the long features lie along
these, and to hand out norms anew would make controls rounder than any group is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.claims.statistics import cosines_of
from geomsup.survey.source import Rows

__all__ = ["Controls", "Likeness", "noise_dim", "random_groups", "similar_groups"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Numbers of a block of cosines or of rows: 64 MB in float32.
_BLOCK = 2**24
# Cosines that are computed to find neighbours, at most; with more features anchors serve again.
_MOST_COSINES = 2**28
_FEWEST_ANCHORS = 250
# Neighbours that are sorted about each anchor.
_MOST_NEIGHBOURS = 2048
# So many times as many groups are drawn as are kept, those most like the group.
_TRIES = 3
# Anchors, and numbers of neighbours, that are tried out to choose K.
_N_PILOTS, _N_SIZES = 48, 24
# A group no nearer together than this share of random ones may be one of them.
_USUAL, _N_TRIED = 0.95, 200
# Rows of which all cosines are computed at once.
_FEW = 2048
# Rows whose cosines say how many dimensions the noise has.
_N_ROWS = 512


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """What controls have in common with a group.

    Attributes
    ----------
    mean_cosine : float
        Of all pairs.
    norm_spread : float
        Standard deviation of the logarithms of the norms; no claim depends on their scale.
    """

    mean_cosine: float
    norm_spread: float

    @classmethod
    def of(cls, gram: Array) -> Likeness:
        """That of a group with given inner products."""
        cosines, norms = cosines_of(gram[None]), np.sqrt(np.diag(gram))
        return cls(mean_cosine=float(_means(cosines)[0]), norm_spread=float(np.log(norms).std()))

    def nearest(self, cosines: Array, norms: Array, n_groups: int) -> IntArray:
        """Which of more groups are most like it, above all in the mean cosine."""
        off = np.abs(_means(cosines) - self.mean_cosine)
        near = np.argsort(off, kind="stable")[: n_groups + n_groups // 4]
        uneven = np.abs(np.log(norms[near]).std(axis=1) - self.norm_spread)
        return np.sort(near[np.argsort(uneven, kind="stable")[:n_groups]])


@dataclass(frozen=True, kw_only=True, eq=False)
class Controls:
    """Groups of the matrix.

    Attributes
    ----------
    members : ndarray of shape (n_controls, n)
        Rows of the matrix that was searched, in random order.
    cosines : ndarray of shape (n_controls, n, n)
    norms : ndarray of shape (n_controls, n)
    """

    members: IntArray
    cosines: Array
    norms: Array

    @property
    def grams(self) -> Array:
        """Inner products, shape (n_controls, n, n)."""
        return np.asarray(self.cosines * self.norms[:, :, None] * self.norms[:, None, :])


def similar_groups(
    rows: Rows,
    pool: IntArray,
    size: int,
    like: Likeness,
    n_groups: int,
    rng: np.random.Generator,
) -> Controls:
    """Draw groups about random anchors that are like a given one.

    Parameters
    ----------
    rows : Rows
    pool : ndarray of shape (n_pool,)
        Rows that may be drawn.
    size : int
        Members of each group.
    like : Likeness
    n_groups : int
    rng : Generator
    """
    some = _cosines_within(rows, _distinct(pool, size, _N_TRIED, rng))
    reach = _reach(rows, pool, size, like.mean_cosine, rng)
    # Neighbours of one anchor and groups at random are not alike even if as near to each other:
    # what may be a random group is held against random ones.
    usual = float(np.quantile(_means(some), _USUAL))
    if like.mean_cosine <= usual or reach >= len(pool):
        return random_groups(rows, pool, size, n_groups, rng, like=like)
    if reach > _MOST_NEIGHBOURS:
        # A part of the pool has the same neighbourhoods, thinned.
        kept = max(2 * size, len(pool) * _MOST_NEIGHBOURS // reach)
        pool, reach = rng.permutation(pool)[:kept], _MOST_NEIGHBOURS
    # Where the group is nearer together than most neighbours are, each anchor has but one such
    # group, and it takes many anchors to find neighbourhoods that are as near.
    n_anchors, n_tries = n_groups, _TRIES * n_groups
    if reach == size:
        n_anchors = n_tries = 2 * n_groups
    n_anchors = min(n_anchors, max(_FEWEST_ANCHORS, _MOST_COSINES // len(pool)))
    anchors = np.resize(pool[rng.integers(len(pool), size=n_anchors)], n_tries)
    anchors.sort()
    # K varies by e^±½ from anchor to anchor, as neighbourhoods do.
    sizes = reach * np.exp(rng.uniform(-1.0, 0.0, n_tries))
    sizes = np.clip(sizes.astype(int), size, reach)
    tries = np.empty((n_tries, size), dtype=np.intp)
    step = max(1, _BLOCK // len(pool))
    for start in range(0, n_tries, step):
        near = _neighbours(rows, pool, anchors[start : start + step], reach)
        for group, own in enumerate(near, start):
            tries[group] = own[rng.choice(sizes[group], size, replace=False)]
    return _nearest(rows, tries, like, n_groups)


def random_groups(
    rows: Rows,
    pool: IntArray,
    size: int,
    n_groups: int,
    rng: np.random.Generator,
    *,
    like: Likeness | None = None,
) -> Controls:
    """Draw groups at random; of three times as many those most like a group, if one is given."""
    n_tries = n_groups if like is None else _TRIES * n_groups
    tries = _distinct(pool, size, n_tries, rng)
    return _nearest(rows, tries, like, n_groups)


def noise_dim(rows: Rows, rng: np.random.Generator) -> float:
    """Dimensions in which independent directions have the cosines of these: 1/E cos²."""
    some = rng.permutation(rows.n)[:_N_ROWS]
    units = rows.exact(np.sort(some))
    n = len(units)
    square = float(((units @ units.T) ** 2).sum() - n) / (n * (n - 1))
    return float(np.clip(1 / max(square, 1e-300), 1.0, rows.dim))


def _distinct(pool: IntArray, size: int, n_groups: int, rng: np.random.Generator) -> IntArray:
    if len(pool) < 50 * size**2:
        return np.stack([rng.choice(pool, size, replace=False) for _ in range(n_groups)])
    # Among so many a group with a member twice is rare; it is drawn again.
    drawn = rng.integers(len(pool), size=(n_groups, size))
    while True:
        ascending = np.sort(drawn, axis=1)
        twice = np.flatnonzero((np.diff(ascending, axis=1) == 0).any(axis=1))
        if not twice.size:
            return pool[drawn]
        drawn[twice] = rng.integers(len(pool), size=(twice.size, size))


def _reach(
    rows: Rows, pool: IntArray, size: int, mean_cosine: float, rng: np.random.Generator
) -> int:
    """Number of neighbours among which groups have a given mean cosine, on average."""
    anchors = pool[rng.integers(len(pool), size=_N_PILOTS)]
    sizes = np.unique(np.geomspace(size, len(pool), _N_SIZES).astype(int))
    order = [
        np.argsort(-cosines, kind="stable") for cosines in _cosines(rows, pool, np.sort(anchors))
    ]
    means = []
    for k in sizes:
        groups = np.stack([pool[one[rng.choice(k, size, replace=False)]] for one in order])
        means.append(float(_means(_cosines_within(rows, groups)).mean()))
    # It falls as K grows, but for chance.
    falling = np.minimum.accumulate(np.array(means))
    return max(size, round(float(np.exp(np.interp(-mean_cosine, -falling, np.log(sizes))))))


def _cosines(rows: Rows, pool: IntArray, anchors: IntArray) -> NDArray[np.float32]:
    """Cosines of anchors with all rows of the pool, shape (n_anchors, n_pool)."""
    units = rows.exact(anchors).astype(np.float32)
    if 2 * len(pool) < rows.n:
        return np.asarray(units @ rows.exact(pool).astype(np.float32).T)
    found = np.empty((len(anchors), rows.n), dtype=np.float32)
    start = 0
    for block in rows.blocks():
        found[:, start : start + len(block)] = units @ block.T
        start += len(block)
    return found[:, pool]


def _neighbours(rows: Rows, pool: IntArray, anchors: IntArray, reach: int) -> IntArray:
    """The nearest rows of the pool to each anchor, nearest first, itself among them."""
    distinct, which = np.unique(anchors, return_inverse=True)
    cosines = _cosines(rows, pool, distinct)
    chosen = np.argpartition(-cosines, reach - 1, axis=1)[:, :reach]
    by_cosine = np.argsort(-np.take_along_axis(cosines, chosen, 1), axis=1, kind="stable")
    return pool[np.take_along_axis(chosen, by_cosine, 1)][which]


def _nearest(rows: Rows, tries: IntArray, like: Likeness | None, n_groups: int) -> Controls:
    """Those of the groups, shape (n_tries, n), that are most like a given one."""
    cosines, norms = _cosines_within(rows, tries), rows.norms[tries]
    best = np.arange(n_groups)
    if like is not None:
        best = like.nearest(cosines, norms, n_groups)
    return Controls(members=tries[best], cosines=cosines[best], norms=norms[best])


def _cosines_within(rows: Rows, groups: IntArray) -> Array:
    """Cosines of the members of each group, shape (n_groups, n, n)."""
    n_groups, size = groups.shape
    distinct, which = np.unique(groups, return_inverse=True)
    which = which.reshape(groups.shape)
    if len(distinct) <= _FEW:
        units = rows.exact(distinct)
        return np.asarray((units @ units.T)[which[:, :, None], which[:, None, :]])
    cosines = np.empty((n_groups, size, size))
    step = max(1, _BLOCK // (size * rows.dim))
    for start in range(0, n_groups, step):
        some = groups[start : start + step]
        units = rows.exact(some.ravel()).reshape(*some.shape, rows.dim)
        cosines[start : start + step] = units @ np.swapaxes(units, 1, 2)
    return cosines


def _means(cosines: Array) -> Array:
    n = cosines.shape[-1]
    return np.asarray((cosines.sum(axis=(-2, -1)) - n) / (n * (n - 1)))
