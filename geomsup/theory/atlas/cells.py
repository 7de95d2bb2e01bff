"""The cell of the atlas that searches at some feature probabilities give."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.geometry.classify import geometry_of
from geomsup.geometry.report import GeometryReport
from geomsup.restoring import read_only
from geomsup.theory.atlas.envelope import (
    MERGED,
    NODES,
    Pool,
    boundaries_between,
    lowest_of,
    spread,
)
from geomsup.theory.atlas.newton import Critical, followed, minimum_near
from geomsup.theory.atlas.table import AtlasCell, AtlasEntry
from geomsup.theory.atlas.tasks import SAME_LOSS, SHORT, distinct
from geomsup.theory.loss import Problem
from geomsup.theory.packing import packed, packed_loss
from geomsup.theory.search import configuration_name

__all__ = ["assembled"]

FloatArray = NDArray[np.float64]
Key = tuple[int, int]
Model = tuple[FloatArray, FloatArray]  # W and b

# Starts that are descended at one feature probability.
_MOST_STARTS = 12
# Cosines that differ by less are equal, and zero between the parts of an orthogonal sum; at
# p = 1e-6 rounding leaves 1e-5.
_SAME = 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class _Node:
    """The best at one feature probability, and what is known about it."""

    point: Critical
    name: str
    met: int
    n_starts: int
    runner_up: str
    runner_up_loss: float


def assembled(
    key: Key,
    pools: dict[float, Pool],
    others: Mapping[Key, AtlasCell],
    known: AtlasCell | None = None,
) -> AtlasCell:
    """Follow what was found, and put the phases together.

    Parameters
    ----------
    key : (int, int)
        Features and dimensions.
    pools : dict
        Minima that were found, at each feature probability that was searched.
    others : mapping
        Cells, of which this one may be an orthogonal sum.
    known : AtlasCell, optional
        What was known of this cell; nothing of it is lost.
    """
    n, m = key
    nothing = Pool(x=np.empty((0, n * (m + 1))), loss=np.empty(0), met=np.empty(0), n_starts=0)
    at = {p: pools.get(p, nothing) for p in sorted({*NODES, *pools})}
    spread(at, m, {p: _starts(key, others, known, nothing.x, p) for p in at})
    nodes = [node for p, pool in at.items() if (node := _node(pool, m, p)) is not None]
    phases: list[list[_Node]] = [[nodes[0]]]
    ends: list[str] = []
    for high in nodes[1:]:
        low = phases[-1][-1]
        same = _continued(low.point, high)
        if same is None:
            near = np.concatenate([at[low.point.p].x, at[high.point.p].x])
            starts = partial(_starts, key, others, known, near)
            found = boundaries_between(low.point, high.point, starts)
            for boundary in (one for one in found if not one.parts_nothing):
                phases[-1].append(_at_boundary(boundary.below, boundary.above, low))
                phases.append([_at_boundary(boundary.above, boundary.below, high)])
                ends.append(boundary.kind)
        phases[-1].append(same or high)
    edges = [0.0, *(phase[0].point.p for phase in phases[1:]), 1.0]
    entries = [
        _entry(key, _with_inner(phase, edges[k : k + 2]), edges[k : k + 2], kind)
        for k, (phase, kind) in enumerate(zip(phases, [*ends, ""], strict=True))
    ]
    return AtlasCell(n_features=n, n_hidden=m, entries=tuple(entries))


def _starts(
    key: Key,
    others: Mapping[Key, AtlasCell],
    known: AtlasCell | None,
    near: FloatArray,
    p: float,
) -> FloatArray:
    """Starts at a feature probability: those near by, what was known, what other cells offer.

    The lowest of them, each loss once.
    """
    n, m = key
    best = {
        **{(k, 0): (np.zeros((0, k)), np.full(k, 0.5 * p)) for k in range(n)},
        **{(k, k): (np.eye(k), np.zeros(k)) for k in range(1, m)},
        **{key: _held(cell, p) for key, cell in others.items()},
    }
    offered = [*_sums(key, best), *_remains(key, best, p)]
    if known is not None:
        offered.append(_held(known, p))
    rows = np.array([*near, *(packed(W, b) for W, b in offered)]).reshape(-1, n * (m + 1))
    loss, _ = packed_loss(m, Problem.of(n, p, 1.0).normalised()[0])(rows)
    lowest: FloatArray = rows[distinct(loss, SAME_LOSS)[:_MOST_STARTS]]
    return lowest


def _held(cell: AtlasCell, p: float) -> Model:
    """The configuration of the node that is nearest."""
    entry = cell.at(p)
    node = entry.nearest(p)
    return entry.W[node], entry.b[node]


def _sums(key: Key, best: Mapping[Key, Model]) -> Iterator[Model]:
    """Orthogonal sums of two smaller cells, one of which may be dropped features."""
    n, m = key
    for (n_first, m_first), (W_first, b_first) in best.items():
        rest = n - n_first, m - m_first
        if m_first <= rest[1] and rest in best:
            W = np.zeros((m, n))
            W[:m_first, :n_first], W[m_first:, n_first:] = W_first, best[rest][0]
            yield W, np.concatenate([b_first, best[rest][1]])


def _remains(key: Key, best: Mapping[Key, Model], p: float) -> Iterator[Model]:
    """Larger cells without the features that they drop, and without one more if it must be.

    Whatever any feature of a model is, the others alone cost no more (their outputs, averaged over
    it, are those of models that differ in the biases), so a cell cannot be above these.
    """
    n, m = key
    for W, b in [best[key] for key in best if key[0] > n and key[1] == m]:
        kept = np.flatnonzero(np.linalg.norm(W, axis=0) > SHORT)
        more = n - len(kept)
        if more >= 0:
            yield (
                np.hstack([W[:, kept], np.zeros((m, more))]),
                np.append(b[kept], np.full(more, 0.5 * p)),
            )
        elif more == -1:
            for without in kept:
                others = kept[kept != without]
                yield W[:, others], b[others]


def _column(items: Sequence[object], name: str) -> NDArray[Any]:
    return read_only(np.array([getattr(item, name) for item in items]))


def _name(point: Critical) -> str:
    """What the configuration is called.

    The catalogue allows for noise, which an optimum does not have: what fits loosely only is no
    shape, neither is what lacks a symmetry of the configuration, and parts that lean on each other
    are no sum.
    """
    report = geometry_of(np.where(np.linalg.norm(point.W, axis=0) > SHORT, point.W, 0.0))
    wrong = any(part.loose or part.leakage > _SAME**2 for part in report.components)
    if wrong or not _is_symmetric(report, point):
        return f"irregular, {report.n_dropped} dropped" if report.n_dropped else "irregular"
    return configuration_name(report)


def _is_symmetric(report: GeometryReport, point: Critical) -> bool:
    """Whether the shapes that were named have all symmetries that the configuration has."""
    ideal = np.zeros_like(point.near.gram)
    for part in report.components:
        if part.match is None:
            continue
        places = np.array(
            [part.match.permutation[k] for k, v in enumerate(part.vertices) for _ in v]
        )
        features = [feature for vertex in part.vertices for feature in vertex]
        vertices = part.match.vertices[places]
        ideal[np.ix_(features, features)] = vertices @ vertices.T
    return all(
        np.abs(ideal[np.ix_(image, image)] - ideal).max() < _SAME for image in point.symmetries
    )


def _node(pool: Pool, n_hidden: int, p: float) -> _Node | None:
    found = lowest_of(pool, n_hidden, p, 2)
    if not found:
        return None
    best, second = found[0], found[1] if len(found) > 1 else None
    size = best.loss / pool.loss[0]
    met = pool.met[np.abs(pool.loss * size - best.loss) <= SAME_LOSS * best.loss]
    return _Node(
        point=best,
        name=_name(best),
        met=int(met.sum()),
        n_starts=pool.n_starts,
        runner_up="" if second is None else _name(second),
        runner_up_loss=np.nan if second is None else second.loss,
    )


def _continued(point: Critical, node: _Node) -> _Node | None:
    """A node as part of the phase of the point before it; None if it is not.

    At p = 1 signs are free, so a phase ties with others: it is no other phase for that.
    """
    ahead = followed(point, node.point.p)
    if ahead is None or not ahead.is_stable or ahead.loss > node.point.loss * (1.0 + MERGED):
        return None
    return (
        node if ahead.order == node.point.order else replace(node, point=ahead, name=_name(ahead))
    )


def _at_boundary(point: Critical, other: Critical, node: _Node) -> _Node:
    """A phase where it ends, with the phase that takes over as the runner-up."""
    return replace(
        node,
        point=point,
        met=0,
        n_starts=0,
        name=_name(point),
        runner_up=_name(other),
        runner_up_loss=other.loss,
    )


def _with_inner(phase: list[_Node], edges: list[float]) -> list[_Node]:
    """A phase with a node between its ends, where it may have more symmetry than inside."""
    if any(edges[0] < node.point.p < edges[1] for node in phase):
        return phase
    point = minimum_near([node.point for node in phase], float(np.sqrt(edges[0] * edges[1])))
    inner = _Node(
        point=point, name=_name(point), met=0, n_starts=0, runner_up="", runner_up_loss=np.nan
    )
    return [phase[0], inner, *phase[1:]]


def _entry(key: Key, phase: list[_Node], edges: list[float], ends: str) -> AtlasEntry:
    points = [node.point for node in phase]
    inner = [node for node in phase if edges[0] < node.point.p < edges[1]]
    middle = inner[len(inner) // 2].point
    dropped = key[0] - middle.n_kept
    return AtlasEntry(
        n_features=key[0],
        n_hidden=key[1],
        low=edges[0],
        high=edges[1],
        name=Counter(node.name for node in inner).most_common(1)[0][0],
        symmetry=middle.order // math.factorial(dropped),
        n_dropped=dropped,
        ends=ends,
        status="best known",
        W=read_only(np.array([point.W for point in points])),
        b=read_only(np.array([point.b for point in points])),
        p=_column(points, "p"),
        loss=_column(points, "loss"),
        smallest_eigenvalue=_column(points, "softest"),
        zero_modes=_column(points, "n_flat"),
        met=_column(phase, "met"),
        n_starts=_column(phase, "n_starts"),
        runner_up_loss=_column(phase, "runner_up_loss"),
        runner_up=tuple(node.runner_up for node in phase),
    )
