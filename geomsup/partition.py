"""Which directions form one structure together.

The world is a *partition*: structures, and single directions that stand for themselves.  Two kinds
compete.

* A *cut* of the merge tree, one threshold on |cosine| for all.  It is admissible when no component
  loses more than a fixed share of its interference to the others and no two components share a
  direction.
* *Structures in a crowd*: candidate sets (:mod:`geomsup.crowd`), each with its own scale, chosen
  bottom up so that a set takes the place of those inside it when its evidence is greater than
  theirs together; everything else is background.

The evidence of a partition counts, for each structure, how well a shape of the catalogue or a low
rank explains its directions over independent ones, and for each pair of parts, whether they are
as orthogonal as the noise of the two allows.  The partition with the greatest is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.special import chdtri, fdtri, gammaln

from geomsup.crowd import candidate_sets
from geomsup.interference import MergeTree, merge_tree
from geomsup.matching import Background, background_of, structure_log_evidence
from geomsup.matching.evidence import (
    log_sum,
    marginalise,
    noise_grid,
    orthogonality_log_evidence,
)

__all__ = [
    "MAX_LEAKAGE",
    "Part",
    "Partition",
    "best_partition",
    "orthogonal_within",
    "partition_by",
]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# A component that shares more of its interference than this with others is no structure by
# itself: the digons of an icosahedron share .50, those of a trained model with one dimension too
# few .23.  Below it the evidence decides, for the digons of a cube too, which share .25.
MAX_LEAKAGE = 0.38
# Cosine of the smallest angle between the spans of two components.  Components of trained models
# that lack a dimension between them lean by .22; those that share a direction have 1.
_MAX_OVERLAP = 0.7
# Principal axes with less than this share of the largest energy are rounding, not span.
_LEAST_ENERGY = 1e-3
# Cuts that are weighed: those inside the widest gaps of the merge tree.
_MAX_CUTS = 32
# Any threshold inside the gap gives the same components; a low one shows more of their edges.
_HEIGHT_IN_GAP = 0.25
# Log prior odds of one connected structure against several.
_SPLIT_COST = 1.1
# Prior shares of orthogonal pairs of components, over which the evidence is averaged: in trained
# models nearly all pairs are orthogonal, in a crowd of leaning structures none.
_ORTHOGONAL_SHARES: Array = np.array([0.0, 0.5, 0.9, 0.99, 0.999, 0.9999])


# Log prior odds against a structure in a crowd: strangers form one by chance more easily than a
# catalogue of a hundred shapes and all their sizes knows.
_CROWD_COST = 4.0
# Bins of |cosine| between single directions, each a twentieth of the least noise.
_COSINE_BINS = 4000
# A cut that leaves less than this share of any component's interference to the others, and whose
# components all have a shape or fill their span evenly, leaves no crowd in which to look for more.
_CLEAN = 0.1
# An axis of a set stands out of noise if its directions have so much energy along it.
_LEAST_AXIS = 0.3
# Less log evidence than this is rounding.
_NOTHING = 1e-9
# So many directions that form no structure are still one irregular component, and more if their
# Σcos² lies below that of independent ones by this many standard deviations.
_FEW, _EVEN = 24, 5.0
# Pairs of parts are weighed for orthogonality up to this many parts.  Beyond, a crowd is no
# orthogonal sum.
_MOST_ORTHOGONAL = 600


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Directions that belong together.

    ``cohesion`` is the least |cosine| at which they hang together, and ``log_evidence`` what speaks
    for them over independent directions, in nats.
    """

    members: IntArray
    cohesion: float
    log_evidence: float


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


@dataclass(frozen=True, slots=True)
class _Weighed:
    """What the evidence of a cut needs to know of one component."""

    log_evidence: Array
    energies: Array
    axes: Array
    shaped: bool


def best_partition(units: Array, *, noise: float | None = None) -> Partition:
    """Choose the structures that the directions of a matrix form.

    Parameters
    ----------
    units : ndarray of shape (n_hidden, n_vertices)
        Unit columns, parallel ones merged.
    noise : float or None
        Noise per tangent axis in radians; None marginalises over it.

    Returns
    -------
    Partition

    Notes
    -----
    At most 32 cuts are weighed, those inside the widest gaps between merge heights.
    """
    weigher = _Weigher(units, noise_grid(noise))
    tree = merge_tree(units)
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


def partition_by(units: Array, labels: IntArray, *, threshold: float, reason: str) -> Partition:
    """Return the partition that somebody else has chosen, by labels that count from 0."""
    weigher = _Weigher(units, noise_grid(None))
    order = np.argsort(labels, kind="stable")
    borders = np.flatnonzero(np.diff(labels[order])) + 1
    return Partition(
        parts=tuple(weigher.part(part) for part in np.split(order, borders) if len(part)),
        rest=np.empty(0, dtype=np.intp),
        background=weigher.background,
        threshold=threshold,
        crowded=False,
        reason=reason,
    )


def _told_apart(
    weigher: _Weigher, members: tuple[IntArray, ...]
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
            or (len(part) <= _FEW and leakages[part].max() > MAX_LEAKAGE)
        )
    ]
    # A part without evidence is so many single directions.
    inside = np.concatenate([*kept, np.empty(0, dtype=np.intp)])
    singles = np.setdiff1d(np.arange(len(leakages)), inside)
    alone = leakages[singles] <= MAX_LEAKAGE
    kept += [np.array([single]) for single in singles[alone]]
    left = singles[~alone]
    if 0 < len(left) <= _FEW or _evenness(weigher, left, weigher.background.dim) > _EVEN:
        kept, left = [*kept, left], left[:0]
    return tuple(weigher.part(part) for part in kept), left


def _is_whole(weigher: _Weigher, members: IntArray) -> bool:
    """Tell whether a component of an orthogonal sum has a shape, or fills its span evenly."""
    weighed = weigher.weigh(members)
    return weighed.shaped or _evenness(weigher, members, len(weighed.energies)) > _EVEN


def _evenness(weigher: _Weigher, members: IntArray, m: int) -> float:
    """Return by how many standard deviations Σcos² lies below what independent directions have.

    cos² of two independent directions in R^m has mean 1/m and variance 2 (m - 1) / (m² (m + 2)),
    and those of all pairs are uncorrelated.
    """
    n = len(members)
    if n < 2 or m < 2:
        return 0.0
    n_pairs = n * (n - 1) / 2
    total = float((weigher.cosines[np.ix_(members, members)] ** 2).sum() - n) / 2
    spread = np.sqrt(n_pairs * 2 * (m - 1) / (m**2 * (m + 2)))
    return float((n_pairs / m - total) / spread)


class _Weigher:
    """The evidence of sets of directions, each computed once."""

    def __init__(self, units: Array, sigma: Array) -> None:
        self.units = units
        self.sigma = sigma
        self.background = background_of(units)
        self.cosines: Array = units.T @ units
        self._known: dict[bytes, _Weighed] = {}

    def weigh(self, members: IntArray, *, floor: float = -np.inf) -> _Weighed:
        """Weigh a set, given by ascending indices; below ``floor`` roughly will do."""
        key = members.tobytes()
        if key not in self._known:
            weighed = _weighed(self.units[:, members], self.background, self.sigma, floor=floor)
            if len(members) > max(_FEW, len(self.cosines) / 2) and not weighed.shaped:
                # Most of all directions without a shape are no structure but the background itself,
                # whatever its spectrum.
                weighed = replace(weighed, log_evidence=np.zeros(len(self.sigma)))
            self._known[key] = weighed
        return self._known[key]

    def gain(self, members: IntArray, *, floor: float = -np.inf) -> float:
        """Return the log evidence of a set over the background."""
        if len(members) < 2:
            return 0.0
        return float(marginalise(self.weigh(members, floor=floor).log_evidence))

    def rank(self, members: IntArray) -> int:
        """Return how many axes of a set stand out of noise."""
        inside = self.cosines[np.ix_(members, members)]
        return int(np.count_nonzero(np.linalg.eigvalsh(inside) > _LEAST_AXIS))

    def part(self, members: IntArray) -> Part:
        """Describe a set."""
        if len(members) == 1:
            return Part(members=members, cohesion=1.0, log_evidence=0.0)
        inside = np.abs(self.cosines[np.ix_(members, members)])
        tree = minimum_spanning_tree(2.0 - np.minimum(inside, 1.0) - np.eye(len(members)))
        weakest = float(tree.data.max(initial=1.0))
        return Part(
            members=members,
            cohesion=min(1.0, max(0.0, 2.0 - weakest)),
            log_evidence=self.gain(members),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Option:
    """A partition that was weighed."""

    members: tuple[IntArray, ...]
    threshold: float
    total_rank: int
    leakage: float
    log_evidence: float


def _cuts(weigher: _Weigher, tree: MergeTree) -> list[_Option]:
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
    options: list[_Option] = []
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
            option = _option(
                weigher,
                members,
                threshold=float(heights[k + 1] + _HEIGHT_IN_GAP * gaps[k]),
                leakage=float(worst[k]),
                log_prior=_log_prior([len(part) for part in members]),
                overlapping=k == last,
            )
            options += [option] if option is not None else []
    return options


def _adds_nothing(
    weigher: _Weigher, members: tuple[IntArray, ...], finer: tuple[IntArray, ...]
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


def _structures(weigher: _Weigher, candidates: list[IntArray]) -> _Option | None:
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
        ways = gammaln(n + 1) - gammaln(len(members) + 1) - gammaln(n - len(members) + 1)
        cost = float(ways) + _CROWD_COST
        rivals = {int(other) for other in owner[members] if other >= 0}
        # What spans as much as the structures inside it and the strangers beside them is no more
        # than these together.
        apart = sum(weigher.rank(chosen[other][0]) for other in rivals)
        if rivals and weigher.rank(members) >= apart + int((owner[members] < 0).sum()):
            continue
        # A set without a shape is no reason to break up a larger one.
        needed = sum(chosen[other][1] for other in rivals if weigher.weigh(chosen[other][0]).shaped)
        gain = weigher.gain(members, floor=cost + needed) - cost
        if gain > needed:
            for other in rivals:
                owner[chosen.pop(other)[0]] = -1
            owner[members] = k
            chosen[k] = (members, gain)
    if not chosen:
        return None
    structures = [members for members, _ in chosen.values()]
    parts = (*structures, *(np.array([v]) for v in np.flatnonzero(owner < 0)))
    return _option(
        weigher,
        parts,
        threshold=min(weigher.part(members).cohesion for members in structures),
        leakage=np.nan,
        log_prior=_log_prior([len(part) for part in parts]) - _CROWD_COST * len(structures),
        overlapping=True,
    )


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


def _option(
    weigher: _Weigher,
    members: tuple[IntArray, ...],
    *,
    threshold: float,
    leakage: float,
    log_prior: float,
    overlapping: bool,
) -> _Option | None:
    """Weigh a partition, or return None when two components share a direction: they are one.

    ``overlapping`` allows that.
    """
    parts = [weigher.weigh(part) for part in members]
    each = np.array([part.log_evidence for part in parts])
    total = float(marginalise(each).sum()) + log_prior
    if 1 < len(parts) <= _MOST_ORTHOGONAL:
        axes = np.concatenate([part.axes for part in parts], axis=1)
        energies = np.concatenate([part.energies for part in parts])
        owner = np.repeat(np.arange(len(parts)), [len(part.energies) for part in parts])
        cosines = axes.T @ axes
        if not overlapping and _overlap(cosines, owner) > _MAX_OVERLAP:
            return None
        orthogonality = _orthogonality(
            cosines, energies, owner, each, weigher.background.dim, weigher.sigma
        )
        # Axes that depend on others are orthogonal to a third whenever these are: no new evidence.
        excess = max(0, len(energies) - weigher.background.rank)
        total += orthogonality - max(0.0, orthogonality) * min(1.0, 2 * excess / len(energies))
    return _Option(
        members=members,
        threshold=threshold,
        total_rank=sum(len(part.energies) for part in parts),
        leakage=leakage,
        log_evidence=total,
    )


def _weighed(
    directions: Array, background: Background, sigma: Array, *, floor: float = -np.inf
) -> _Weighed:
    if directions.shape[1] == 1:
        # A single direction is the background itself.
        return _Weighed(
            log_evidence=np.zeros(len(sigma)), energies=np.ones(1), axes=directions, shaped=True
        )
    rank, log_evidence, shaped = structure_log_evidence(
        directions.T, background, sigma, floor=floor
    )
    axes, singular, _ = np.linalg.svd(directions, full_matrices=False)
    energies = singular**2
    rank = min(rank, int(np.count_nonzero(energies > _LEAST_ENERGY * energies[0])))
    return _Weighed(
        log_evidence=log_evidence, energies=energies[:rank], axes=axes[:, :rank], shaped=shaped
    )


def orthogonal_within(
    parts: list[Array], ranks: list[int], *, noise: float, freedom: float = np.inf
) -> bool:
    """Tell whether components are orthogonal to each other up to noise.

    Parameters
    ----------
    parts : list of ndarray of shape (n_hidden, n_vertices)
        Unit columns of each component.
    ranks : list of int
        The dimension each of them spans, noise apart.
    noise : float
        Noise per tangent axis in radians.
    freedom : float
        Degrees of freedom from which the noise was estimated; infinite if it is known.

    Returns
    -------
    bool
        Whether the inner products of principal axes of different components pass a χ² test (an
        F test, if the noise is an estimate) at the level of .01.
    """
    axes, energies = [], []
    for part, rank in zip(parts, ranks, strict=True):
        left, singular, _ = np.linalg.svd(part, full_matrices=False)
        axes.append(left[:, :rank])
        energies.append(singular[:rank] ** 2)
    owner = np.repeat(np.arange(len(parts)), ranks)
    energy = np.concatenate(energies)
    i, j = np.nonzero(owner[:, None] < owner[None, :])
    cosines = np.einsum("ki,ki->i", np.hstack(axes)[:, i], np.hstack(axes)[:, j])
    variances = noise**2 * (1 / energy[i] + 1 / energy[j])
    statistic = float((cosines**2 / variances).sum())
    if np.isinf(freedom):
        return statistic <= float(chdtri(len(i), 0.01))
    return statistic / len(i) <= float(fdtri(len(i), freedom, 0.99))


def _overlap(cosines: Array, owner: IntArray) -> float:
    """Return the largest cosine between the spans of two components, from all principal axes."""
    across = np.where(owner[:, None] == owner[None, :], 0.0, cosines)
    if np.linalg.norm(across, 2) <= _MAX_OVERLAP:
        return 0.0
    blocks = [np.flatnonzero(owner == k) for k in range(owner[-1] + 1)]
    return max(
        float(np.linalg.norm(across[np.ix_(a, b)], 2))
        for k, a in enumerate(blocks)
        for b in blocks[k + 1 :]
    )


def _orthogonality(
    cosines: Array, energies: Array, owner: IntArray, each: Array, dim: int, sigma: Array
) -> float:
    """Add up, over pairs of components, the evidence that they are orthogonal or not.

    ``each`` holds the log evidence of the components on the noise grid; a pair is judged at the
    noise that its two components show.  Single directions show none, and share what their
    cosines with each other have: noise of its own for each pair would favour any way to put two
    of them together.
    """
    single = (np.bincount(owner) == 1)[owner]
    i, j = np.nonzero((owner[:, None] < owner[None, :]) & ~(single[:, None] & single[None, :]))
    factors = orthogonality_log_evidence(
        cosines[i, j],
        energies[i] * energies[j] / (energies[i] + energies[j]),
        dim=dim,
        sigma=sigma,
    )
    pair = owner[i] * len(each) + owner[j]
    order = np.argsort(pair, kind="stable")
    starts = np.flatnonzero(np.diff(pair[order], prepend=-1))
    sums = np.add.reduceat(factors[order], starts, axis=0) if len(order) else factors
    first, second = np.divmod(pair[order][starts], len(each))
    noise = each[first] + each[second]
    noise = noise - log_sum(noise, axis=1)[:, None]
    judged = log_sum(_mixed(sums) + noise, axis=2).sum(axis=1)
    alone = cosines[np.ix_(single, single)][np.triu_indices(int(single.sum()), 1)]
    if len(alone):
        # Their number grows with the square of the features, and their evidence knows |cos| alone.
        counts, edges = np.histogram(np.abs(alone), bins=_COSINE_BINS, range=(0.0, 1.0))
        filled = np.flatnonzero(counts)
        centres = 0.5 * (edges[filled] + edges[filled + 1])
        factors = orthogonality_log_evidence(
            centres, np.full(len(centres), 0.5), dim=dim, sigma=sigma
        )
        judged += marginalise((counts[filled][:, None] * _mixed(factors)).sum(axis=1))
    return float(log_sum(judged) - np.log(len(_ORTHOGONAL_SHARES)))


def _mixed(factors: Array) -> Array:
    """Return the log evidence of pairs that are orthogonal or independent, for each share."""
    # How often a pair is orthogonal, the data themselves say.
    share = _ORTHOGONAL_SHARES[:, None, None]
    with np.errstate(divide="ignore"):
        return np.asarray(np.logaddexp(np.log(share) + factors, np.log1p(-share)))


def _log_prior(sizes: list[int]) -> float:
    """Return the log prior probability of a partition into parts of these sizes.

    The ways to split the vertices so share what a partition of its kind deserves.  Otherwise it
    would be chosen after the fact: among the many ways to tell two vertices of a noisy cube from
    the other six, one will look like a digon and a hexagon.
    """
    if len(sizes) == 1:
        return 0.0
    repeated = np.unique(sizes, return_counts=True)[1]
    ways = gammaln(sum(sizes) + 1) - gammaln(np.array(sizes) + 1).sum()
    alone = sizes.count(1)
    # Structures beside as many strangers may have come together by chance, like those of a crowd.
    crowded = len(sizes) > alone >= len(sizes) - alone
    cost = _SPLIT_COST + (_CROWD_COST if crowded else 0.0)
    return float(gammaln(repeated + 1).sum() - ways) - cost


def _reason(options: list[_Option], best: _Option) -> str:
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
