"""The searches that the atlas is made of: one for each size of model and feature probability.

Each is a function of a mapping that JSON can hold, and returns arrays: it can run anywhere, in any
order, and its random numbers depend on the mapping alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.descent import descend
from geomsup.theory.loss import Problem
from geomsup.theory.packing import packed, packed_loss, unpacked
from geomsup.theory.starts import composed_starts, moved_starts, random_starts

__all__ = ["SHORT", "distinct", "finished", "most_promising", "revived", "search"]

FloatArray = NDArray[np.float64]

# Steps after which starts are compared, and the share of them that goes on.
_ROUND_STEPS, _SHARE = (50, 100), 0.4
# Minima that a search keeps, and how close losses of one minimum are, relative.
MOST_KEPT, SAME_LOSS = 12, 1e-9
# Rough ends so close to a minimum are counted as starts that met it.
_MET = 1e-5
_ROUNDS_OF_MOVES, _MOVED_FROM = 3, 2
_GRADIENT_TOL, _MOST_STEPS = 1e-9, 600
# A shorter W_i is zero.
SHORT = 1e-4


def search(config: Mapping[str, Any]) -> dict[str, FloatArray]:
    """The lowest minima of one model that many starts find.

    Parameters
    ----------
    config : mapping
        ``n_features``, ``n_hidden``, ``p``, ``n_starts`` (random ones; compositions of catalogue
        shapes and moves from the best minima come on top) and ``seed``.

    Returns
    -------
    dict of ndarray
        ``x``, (n_minima, n_features · (n_hidden + 1)), lowest first; their ``loss``, that of the
        zero output being one; how many of the starts ``met`` each, at least; and ``n_starts``.
    """
    n, m, p = config["n_features"], config["n_hidden"], config["p"]
    rng = np.random.default_rng([n, m, round(1e9 * p), config["seed"]])
    problem, _ = Problem.of(n, p, 1.0).normalised()
    starts = np.concatenate(
        [composed_starts(m, problem, rng), random_starts(config["n_starts"], m, n, rng)]
    )
    x, value = _roughly(starts, m, problem)
    kept = distinct(value, 1e-6)[:MOST_KEPT]
    ends, loss = finished(x[kept], m, problem)
    for _ in range(_ROUNDS_OF_MOVES):
        lowest = loss[0]
        moved = [
            moved_starts(*unpacked(end, m), problem.importance, rng) for end in ends[:_MOVED_FROM]
        ]
        near, heights = _roughly(np.concatenate(moved), m, problem)
        more = near[distinct(heights, 1e-6)[:MOST_KEPT]]
        ends, loss = finished(np.concatenate([ends, more]), m, problem)
        if loss[0] > (1.0 - SAME_LOSS) * lowest:
            break
    met = (np.abs(value[:, None] / loss - 1.0) < _MET).sum(0)
    return {
        "x": ends,
        "loss": loss,
        "met": met.astype(float),
        "n_starts": np.array(len(starts), dtype=float),
    }


def finished(starts: FloatArray, n_hidden: int, problem: Problem) -> tuple[FloatArray, FloatArray]:
    """The distinct minima that starts descend to, lowest first, and their losses."""
    loss = packed_loss(n_hidden, problem)
    ends = descend(loss, starts, gradient_tol=_GRADIENT_TOL, max_steps=_MOST_STEPS)
    x, value = ends.x, ends.value
    better = revived(x, n_hidden, float(problem.p[0]))
    dead = np.flatnonzero((unpacked(x, n_hidden)[1] <= 0.0) & (unpacked(better, n_hidden)[1] > 0.0))
    dead = np.unique(dead // problem.n_features)
    if dead.size:
        ends = descend(loss, better[dead], gradient_tol=_GRADIENT_TOL, max_steps=_MOST_STEPS)
        x[dead], value[dead] = ends.x, ends.value
    kept = distinct(value, SAME_LOSS)[:MOST_KEPT]
    return x[kept], value[kept]


def most_promising(
    starts: FloatArray, n_hidden: int, problem: Problem, count: int = 4
) -> FloatArray:
    """Where some steps lead the starts that are lowest after them, each once."""
    if len(starts) <= count:
        return starts
    loss = packed_loss(n_hidden, problem)
    ends = descend(loss, starts, gradient_tol=_GRADIENT_TOL, max_steps=_ROUND_STEPS[0])
    return ends.x[distinct(ends.value, SAME_LOSS)[:count]]


def revived(x: FloatArray, n_hidden: int, p: float) -> FloatArray:
    """Models in which the output of a feature without W_i is its mean, which is best.

    Below zero its bias gains nothing and has no gradient either, so that no descent leaves.
    """
    W, b = unpacked(x, n_hidden)
    short = np.linalg.norm(W, axis=-2) < SHORT
    return packed(np.where(short[..., None, :], 0.0, W), np.where(short, 0.5 * p, b))


def distinct(value: FloatArray, tolerance: float) -> list[int]:
    """One of each loss, the lowest first."""
    kept: list[int] = []
    for index in np.argsort(value, kind="stable").tolist():
        if not kept or value[index] > value[kept[-1]] * (1.0 + tolerance):
            kept.append(index)
    return kept


def _roughly(starts: FloatArray, n_hidden: int, problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Where some steps lead, more of them for those that are lower."""
    loss = packed_loss(n_hidden, problem)
    x, value = starts.copy(), np.full(len(starts), np.inf)
    going = np.arange(len(starts))
    for steps in _ROUND_STEPS:
        ends = descend(loss, x[going], gradient_tol=1e-7, max_steps=steps)
        x[going], value[going] = ends.x, ends.value
        going = np.argsort(value, kind="stable")[: max(MOST_KEPT, round(_SHARE * len(starts)))]
    return x, value
