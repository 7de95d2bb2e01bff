"""The share of a loss and its gradient that comes from inputs with at most two active features.

These inputs are what a Fourier series represents worst, all that there is where features are rare,
and what can be integrated exactly at once: with two uniform coordinates every integrand here is a
cubic between the lines on which s = 0 crosses the edges, so two Gauss-Legendre nodes a piece give
its integral to rounding.  The loss is a sum of squares and keeps its relative accuracy however
small it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.counts import only_these_present
from geomsup.theory.moments import RowTerms, residual_of

__all__ = ["sparse_terms"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

_EPS = float(np.finfo(np.float64).eps)
# Gauss-Legendre nodes on [0, 1]; both weights are 1/2.
_NODES = (0.5 - np.sqrt(1.0 / 12.0), 0.5 + np.sqrt(1.0 / 12.0))
# Rounded operations behind one value of the integrand.
_OPERATIONS = 16.0
# Numbers in one block of pairs.
_BLOCK = 1 << 20


def sparse_terms(
    a: FloatArray, b: FloatArray, own: IndexArray, p: FloatArray, most_active: int
) -> RowTerms:
    """The share of the inputs with at most `most_active` (1 or 2) active features.

    Shapes as in :func:`geomsup.theory.rows.row_terms`.
    """
    n_rows, n = a.shape
    total = _share(a, b, own, p, np.empty((1, 0), dtype=np.intp))
    total += _share(a, b, own, p, np.arange(n)[:, None])
    if most_active == 2 and n > 1:
        pairs = np.stack(np.triu_indices(n, 1), axis=1)
        height = max(1, _BLOCK // len(pairs))
        of_pairs = RowTerms.blank(a.shape)
        for start in range(0, n_rows, height):
            r = slice(start, start + height)
            of_pairs.put(r, _share(a[r], b[r], own[r], p[r], pairs))
        total += of_pairs
    return total


def _share(
    a: FloatArray, b: FloatArray, own: IndexArray, p: FloatArray, which: NDArray[np.intp]
) -> RowTerms:
    """The share of the inputs in which exactly the features of a row of `which` are active."""
    n_rows, n = a.shape
    k = which.shape[1]
    chance = only_these_present(p, which)
    residual, _ = residual_of(a, b, own)
    slopes = [a[:, which[:, i]] for i in range(k)]
    residuals = [residual[:, which[:, i]] for i in range(k)]
    is_own = [own[:, None] == which[:, i] for i in range(k)]
    size = sum((np.abs(r) for r in residuals), np.abs(b)[:, None])
    loss, grad_b = np.zeros_like(chance), np.zeros_like(chance)
    error, slope = np.zeros_like(chance), np.zeros_like(chance)
    grad_a = [np.zeros_like(chance) for _ in range(k)]
    for x, s, weight in _pieces(b[:, None], slopes):
        weight = weight * chance
        own_x = sum((np.where(mine, u, 0.0) for mine, u in zip(is_own, x, strict=True)), 0.0)
        d = sum((r * u for r, u in zip(residuals, x, strict=True)), -b[:, None])
        is_open = s >= 0.0
        left = np.where(is_open, d, own_x)
        loss += weight * left**2
        error += weight * np.abs(left) * size
        pull = weight * np.where(is_open, d, 0.0)
        grad_b += pull
        slope += weight * is_open
        for total, u in zip(grad_a, x, strict=True):
            total += u * pull
    slope *= size
    if k:
        # Where the kink lies is known to rounding; beyond it the gradient lacks x_own ≤ 1.
        steepest = np.max([np.abs(value) for value in slopes], axis=0)
        reach = np.abs(b)[:, None] + k * steepest
        ratio = np.divide(reach, steepest, out=np.zeros_like(reach), where=steepest > 0.0)
        slope += chance * np.any(is_own, axis=0) * np.minimum(ratio, 1.0 / _EPS)
    per_feature = np.zeros((n, n_rows))
    for i in range(k):
        np.add.at(per_feature, which[:, i], grad_a[i].T)
    return RowTerms(
        loss=_row_sums(loss),
        grad_a=-2.0 * per_feature.T,
        grad_b=-2.0 * _row_sums(grad_b),
        truncation=np.zeros(n_rows),
        rounding=_EPS * (2.0 * _OPERATIONS * error + (_OPERATIONS + n) * loss).sum(1),
        slope=2.0 * _EPS * (_OPERATIONS + n) * slope.sum(1),
    )


def _row_sums(values: FloatArray) -> FloatArray:
    """Sums over sets in one order, whatever the number of rows and their place in memory."""
    return np.asarray(np.ascontiguousarray(values).sum(1))


def _pieces(
    s0: FloatArray, slopes: list[FloatArray]
) -> Iterator[tuple[list[FloatArray], FloatArray, FloatArray]]:
    """Nodes x, values s and weights of a rule on the unit cube that is split at the kink."""
    if not slopes:
        yield [], s0, np.ones_like(s0)
    elif len(slopes) == 1:
        for u, s, w in _split(s0, slopes[0], (_crossing(s0, slopes[0]),)):
            yield [u], s, w
    else:
        first, second = slopes
        cuts = (_crossing(s0, second), _crossing(s0 + first, second))
        for v, s, outer in _split(s0, second, (np.minimum(*cuts), np.maximum(*cuts))):
            for u, value, inner in _split(s, first, (_crossing(s, first),)):
                yield [u, v], value, outer * inner


def _split(
    s0: FloatArray, slope: FloatArray, cuts: tuple[FloatArray, ...]
) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
    """Nodes, values s0 + slope·u and weights on [0, 1], cut into pieces."""
    edges = (np.zeros_like(cuts[0]), *cuts, np.ones_like(cuts[0]))
    for low, high in pairwise(edges):
        for node in _NODES:
            u = low + node * (high - low)
            yield u, s0 + slope * u, 0.5 * (high - low)


def _crossing(s0: FloatArray, slope: FloatArray) -> FloatArray:
    """Where in [0, 1] the line s0 + slope·u is zero, clipped to the ends."""
    u = np.divide(
        -s0, slope, out=np.ones(np.broadcast_shapes(s0.shape, slope.shape)), where=slope != 0.0
    )
    return np.clip(u, 0.0, 1.0)
