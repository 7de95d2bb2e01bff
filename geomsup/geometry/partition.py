"""Which directions form one structure together.

The world is a *partition*: structures, and single directions that stand for themselves.  Two kinds
compete.

* A *cut* of the merge tree, one threshold on |cosine| for all.  It is admissible when no component
  loses more than a fixed share of its interference to the others and no two components share a
  direction.
* *Structures in a crowd*: candidate sets (:mod:`geomsup.geometry.crowd`), each with its own scale,
  chosen bottom up so that a set takes the place of those inside it when its evidence is greater
  than theirs together; everything else is background.

The evidence of a partition counts, for each structure, how well a shape of the catalogue or a low
rank explains its directions over independent ones, and for each pair of parts, whether they are
as orthogonal as the noise of the two allows.  The partition with the greatest is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from geomsup.geometry.crowd import candidate_sets
from geomsup.geometry.interference import MergeTree, merge_tree, spanning_tree
from geomsup.geometry.weighing import CROWD_COST, FEW, Option, Weigher, log_prior, weighed_partition
from geomsup.matching import Background, Cloud
from geomsup.matching.evidence import noise_grid
from geomsup.shapes import Shape

__all__ = [
    "MAX_LEAKAGE",
    "Part",
    "Partition",
    "best_partition",
    "partition_by",
]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# A component that shares more of its interference than this with others is no structure by
# itself: the digons of an icosahedron share .50, those of a trained model with one dimension too
# few .23.  Below it the evidence decides, for the digons of a cube too, which share .25.
MAX_LEAKAGE = 0.38
# Cuts that are weighed: those inside the widest gaps of the merge tree.
_MAX_CUTS = 32
# Any threshold inside the gap gives the same components; a low one shows more of their edges.
_HEIGHT_IN_GAP = 0.25
# A cut that leaves less than this share of any component's interference to the others, and whose
# components all have a shape or fill their span evenly, leaves no crowd in which to look for more.
_CLEAN = 0.1
# A single direction that shares more of its interference than this is not alone: it has less than
# .8 of a dimension to itself.
_ALONE = 0.2
# Less log evidence than this is rounding.
_NOTHING = 1e-9
# Directions that form no structure are one irregular component if they are few, and if they are
# more, where their Σcos² lies below that of independent ones by so many standard deviations.
_EVEN = 5.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Directions that belong together.

    ``cloud`` has the directions themselves, ``cohesion`` is the least |cosine| at which they hang
    together, and ``log_evidence`` what speaks for them over independent directions, in nats.  A
    part that is ``left_over`` has only been put together for a reader to look at.
    """

    members: IntArray
    cloud: Cloud
    cohesion: float
    log_evidence: float
    left_over: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Partition:
    """Directions in parts, each of which stands alone or hangs together, and the rest.

    ``threshold`` is the |cosine| of the cut, or the least cohesion of any structure in a crowd, and
    ``crowded`` tells the two kinds apart.
    """

    parts: tuple[Part, ...]
    rest: IntArray
    background: Background
    threshold: float
    crowded: bool
    reason: str


@dataclass(slots=True)
class _Node:
    """A component somewhere in the merge tree.

    ``within`` and ``total`` are Σcos² over pairs inside it, and over all pairs that start in it.
    """

    members: IntArray
    within: float
    total: float

    @property
    def leakage(self) -> float:
        return max(0.0, 1.0 - self.within / self.total)


def best_partition(
    units: Array, *, noise: float | None = None, own: tuple[Shape, ...] = ()
) -> Partition:
    """Choose the structures that the directions of a matrix form.

    Parameters
    ----------
    units : ndarray of shape (n_hidden, n_vertices)
        Unit columns, parallel ones merged.
    noise : float or None
        Noise per tangent axis in radians; None marginalises over it.
    own : tuple of Shape
        Shapes that compete beside those of the catalogue.

    Returns
    -------
    Partition

    Notes
    -----
    At most 32 cuts are weighed, those inside the widest gaps between merge heights.
    """
    weigher = Weigher(units, noise_grid(noise), own)
    tree = merge_tree(units, weigher.cosines)
    options = _cuts(weigher, tree)
    best = max(options, key=lambda option: option.log_evidence)
    crowd = None
    if best.leakage > _CLEAN or not all(_is_whole(weigher, part) for part in best.members):
        crowd = _structures(weigher, candidate_sets(weigher.cosines, tree, weigher.background.dim))
    if crowd is not None:
        options.append(crowd)
        best = max(options, key=lambda option: option.log_evidence)
    parts, rest = _told_apart(weigher, best.members)
    return Partition(
        parts=parts,
        rest=rest,
        background=weigher.background,
        threshold=best.threshold,
        crowded=best is crowd,
        reason=_reason(options, best),
    )


def partition_by(
    units: Array,
    labels: IntArray,
    *,
    threshold: float,
    reason: str,
    own: tuple[Shape, ...] = (),
) -> Partition:
    """Return the partition that somebody else has chosen, by labels that count from 0."""
    weigher = Weigher(units, noise_grid(None), own)
    order = np.argsort(labels, kind="stable")
    borders = np.flatnonzero(np.diff(labels[order])) + 1
    return Partition(
        parts=tuple(_part(weigher, part) for part in np.split(order, borders) if len(part)),
        rest=np.empty(0, dtype=np.intp),
        background=weigher.background,
        threshold=threshold,
        crowded=False,
        reason=reason,
    )


def _part(weigher: Weigher, members: IntArray) -> Part:
    """Describe a set."""
    if len(members) == 1:
        return Part(members=members, cloud=weigher.cloud(members), cohesion=1.0, log_evidence=0.0)
    heights = spanning_tree(weigher.within(members))[1]
    return Part(
        members=members,
        cloud=weigher.cloud(members),
        cohesion=float(heights.min()),
        log_evidence=weigher.gain(members),
    )


def _told_apart(
    weigher: Weigher, members: tuple[IntArray, ...]
) -> tuple[tuple[Part, ...], IntArray]:
    """Tell the parts that stand alone or hang together from the rest.

    A few directions that do neither are one part, so that a reader sees which shapes they come
    near to; so are many that share their space more evenly than chance has it.
    """
    leakages = 1 - 1 / (weigher.cosines**2).sum(axis=1)
    kept = [
        part
        for part in members
        if len(part) > 1
        and (
            weigher.gain(part) > _NOTHING
            or weigher.weigh(part).shaped
            # Few directions of which one leans on others are looked at together.
            or (len(part) <= FEW and leakages[part].max() > _ALONE)
        )
    ]
    # A part without evidence is so many single directions.
    inside = np.concatenate([*kept, np.empty(0, dtype=np.intp)])
    singles = np.setdiff1d(np.arange(len(leakages)), inside)
    alone = leakages[singles] <= _ALONE
    kept += [np.array([single]) for single in singles[alone]]
    left = singles[~alone]
    parts = [_part(weigher, part) for part in kept]
    if 0 < len(left) <= FEW or _evenness(weigher, left, weigher.background.dim) > _EVEN:
        several = 1 < len(left) < len(leakages)
        parts, left = [*parts, replace(_part(weigher, left), left_over=several)], left[:0]
    return tuple(parts), left


def _is_whole(weigher: Weigher, members: IntArray) -> bool:
    """Tell whether a component of an orthogonal sum has a shape, or fills its span evenly."""
    weighed = weigher.weigh(members)
    return weighed.shaped or _evenness(weigher, members, len(weighed.energies)) > _EVEN


def _evenness(weigher: Weigher, members: IntArray, m: int) -> float:
    """Return by how many standard deviations Σcos² lies below what independent directions have.

    cos² of two independent directions in R^m has mean 1/m and variance 2 (m - 1) / (m² (m + 2)),
    and those of all pairs are uncorrelated.
    """
    n = len(members)
    if n < 2 or m < 2:
        return 0.0
    n_pairs = n * (n - 1) / 2
    cosines = weigher.within(members)
    total = float(np.vdot(cosines, cosines) - n) / 2
    spread = np.sqrt(n_pairs * 2 * (m - 1) / (m**2 * (m + 2)))
    return float((n_pairs / m - total) / spread)


def _cuts(weigher: Weigher, tree: MergeTree) -> list[Option]:
    """Weigh the cuts of the merge tree."""
    heights = np.concatenate([[1.0], tree.heights, [0.0]])
    gaps = heights[:-1] - heights[1:]
    squares = weigher.cosines**2
    worst = _worst_leakages(squares, tree)
    admissible = np.flatnonzero(worst <= MAX_LEAKAGE)
    widest = admissible[np.argsort(-gaps[admissible], kind="stable")[:_MAX_CUTS]]
    # The last level is always weighed: one component, or what no edge of the tree joins.
    last = len(worst) - 1
    weighed = {*widest.tolist(), last}
    options: list[Option] = []
    inside = np.zeros(tree.n_vertices)
    for k, (nodes, _, _) in enumerate(_levels(squares, tree)):
        if k in weighed:
            members = tuple(np.sort(node.members) for node in nodes.values())
            for part in members:
                # Shapes that fall short of the parts that it swallowed are of no interest.
                gain = weigher.gain(part, floor=float(inside[part].sum()))
                inside[part] = max(gain, inside[part].sum()) / len(part)
            if options and _adds_nothing(weigher, members, options[-1].members):
                continue
            option = weighed_partition(
                weigher,
                members,
                threshold=float(heights[k + 1] + _HEIGHT_IN_GAP * gaps[k]),
                leakage=float(worst[k]),
                log_prior=log_prior([len(part) for part in members]),
                overlapping=k == last,
            )
            options += [option] if option is not None else []
    return options


def _adds_nothing(
    weigher: Weigher, members: tuple[IntArray, ...], finer: tuple[IntArray, ...]
) -> bool:
    """Tell whether a part without a shape is made of shapes whose ranks add up to its own.

    Shapes that lean on each other are still these shapes: they share no dimension.
    """
    home = np.empty(len(weigher.cosines), dtype=np.intp)
    for k, part in enumerate(finer):
        home[part] = k
    for part in members:
        inside = [finer[k] for k in np.unique(home[part])]
        if len(inside) < 2 or weigher.weigh(part).shaped:
            continue
        shapes = [weigher.weigh(each) for each in inside if len(each) > 1]
        ranks = sum(len(shape.energies) for shape in shapes)
        named = len(shapes) == len(inside) and all(shape.shaped for shape in shapes)
        if named and ranks == len(weigher.weigh(part).energies):
            return True
    return False


def _structures(weigher: Weigher, candidates: list[IntArray]) -> Option | None:
    """Choose disjoint structures, each at its own scale, against the background.

    Sets are taken smallest first.  One that overlaps with others takes their place if its
    evidence is greater than theirs together: on the nested sets of the merge tree this finds the
    antichain with the greatest evidence.
    """
    n = len(weigher.cosines)
    owner = np.full(n, -1)
    chosen: dict[int, tuple[IntArray, float]] = {}
    for k, members in enumerate(candidates):
        if len(members) == n:
            continue
        rivals = {int(other) for other in owner[members] if other >= 0}
        n_strangers = int((owner[members] < 0).sum())
        gain = _gain_over(weigher, members, [chosen[other] for other in rivals], n_strangers)
        if gain is not None:
            for other in rivals:
                owner[chosen.pop(other)[0]] = -1
            owner[members] = k
            chosen[k] = (members, gain)
    if not chosen:
        return None
    structures = [members for members, _ in chosen.values()]
    parts = (*structures, *(np.array([v]) for v in np.flatnonzero(owner < 0)))
    return weighed_partition(
        weigher,
        parts,
        threshold=min(_part(weigher, members).cohesion for members in structures),
        leakage=np.nan,
        log_prior=log_prior([len(part) for part in parts]) - CROWD_COST * len(structures),
        overlapping=True,
    )


def _gain_over(
    weigher: Weigher, members: IntArray, rivals: list[tuple[IntArray, float]], n_strangers: int
) -> float | None:
    """Return the evidence of a set, less its cost, where that is more than its rivals have.

    Rivals are the structures that it overlaps with, each with its own gain.
    """
    n, size = len(weigher.cosines), len(members)
    cost = float(gammaln(n + 1) - gammaln(size + 1) - gammaln(n - size + 1)) + CROWD_COST
    # What spans as much as the structures inside it and the strangers beside them is no more than
    # these together.
    apart = sum(weigher.rank(other) for other, _ in rivals)
    if rivals and weigher.rank(members) >= apart + n_strangers:
        return None
    # A set without a shape is no reason to break up a larger one.
    needed = sum(gain for other, gain in rivals if weigher.weigh(other).shaped)
    if not weigher.can_reach(members, cost + needed):
        return None
    gain = weigher.gain(members, floor=cost + needed) - cost
    return gain if gain > needed else None


def _levels(squares: Array, tree: MergeTree) -> Iterator[tuple[dict[int, _Node], int, int]]:
    """Yield the components after 0, 1, 2, … merges; the same dictionary, updated in place.

    Beside it stand the keys of the component that has just grown and of the one it swallowed.
    ``squares`` holds the squared cosines.
    """
    totals = squares.sum(axis=1)
    nodes = {v: _Node(np.array([v]), 1.0, float(totals[v])) for v in range(tree.n_vertices)}
    home = np.arange(tree.n_vertices)
    yield nodes, 0, 0
    for i, j in tree.edges:
        grown, gone = int(home[i]), int(home[j])
        a, b = nodes[grown], nodes.pop(gone)
        nodes[grown] = _Node(
            members=np.concatenate([a.members, b.members]),
            within=a.within + b.within + 2 * float(squares[np.ix_(a.members, b.members)].sum()),
            total=a.total + b.total,
        )
        home[b.members] = grown
        yield nodes, grown, gone


def _worst_leakages(squares: Array, tree: MergeTree) -> Array:
    """Return the largest leakage of any component after 0, 1, 2, … merges."""
    levels = _levels(squares, tree)
    singles, _, _ = next(levels)
    leakages = np.array([node.leakage for node in singles.values()])
    worst = [leakages.max()]
    for nodes, grown, gone in levels:
        leakages[gone] = 0.0
        leakages[grown] = nodes[grown].leakage
        worst.append(leakages.max())
    return np.array(worst)


def _reason(options: list[Option], best: Option) -> str:
    if np.isnan(best.leakage):
        n_structures = sum(len(part) > 1 for part in best.members)
        noun = "structure" if n_structures == 1 else "structures"
        text = f"{n_structures} {noun} in a crowd, each at its own scale"
    else:
        noun = "component" if len(best.members) == 1 else "components"
        text = f"{len(best.members)} {noun} of total rank {best.total_rank}"
        if len(best.members) > 1:
            text += f", none sharing more than {100 * best.leakage:.1f} % of its cos²"
    rivals = [option for option in options if option is not best]
    if not rivals:
        return f"{text}; no other cut keeps its components apart"
    rival = max(rivals, key=lambda option: option.log_evidence)
    odds = best.log_evidence - rival.log_evidence
    return f"{text}; log evidence {odds:.1f} above the next best cut, {rival.threshold:.3f}"
