"""The components of a census: structures among the significant pairs, each at its own scale.

The pairs join features to a forest of merges on |cosine|.  What may be a structure is every subtree
of it, and every set that grows from an obtuse pair, by what lies in its span or by what cancels its
sum (:mod:`geomsup.geometry.crowd`), because a stray that leans on one vertex joins the tree before
the others do.  Each is weighed against the background: as a bundle in closed form, as a shape of
the catalogue or a set of low rank by the machinery of :mod:`geomsup.matching`, which bounds rule
out for nearly all of them.  From these the disjoint sets of greatest total evidence are taken, the
choice of just these features charged to each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from geomsup.geometry.crowd import balancing_sets, grown_sets, shares_beyond_chance
from geomsup.matching.bounds import MOST_BOUNDED
from geomsup.survey.bundles import node_bundles
from geomsup.survey.component import Component
from geomsup.survey.density import AngularGaussian
from geomsup.survey.naming import Namer
from geomsup.survey.tree import MergeForest, merge_forest
from geomsup.survey.weighing import Candidate, Ground
from geomsup.validation import positive_integer, random_generator

__all__ = ["BLOCK", "DENSE", "Rows", "components_of"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]
Rows = Callable[[IntArray], Array]
Edges = tuple[IntArray, IntArray, Array]
# Members, log evidence as a bundle, and whether it is to be weighed as a shape too.
_Node = tuple[IntArray, float, bool]

# Numbers in memory at a time, 8 bytes each: a batch of rows; its cumulated sums take as many.
_MOST_NUMBERS = 2**24
# Up to so many features all cosines are looked at: shapes whose pairs are not significant by
# themselves (a triangle in 16 dimensions) are found from what spans them.
DENSE = 8192
# Otherwise spans are grown within subtrees of the forest up to this size.
BLOCK = 512
# Larger sets are bundles or nothing: the catalogue has few shapes with more vertices.
_MAX_SIZE = 64
# Subtrees that stand alone over less than this range of |cosine| are weighed as bundles only.
_LEAST_GAP = 0.02
# Pairs so near that each feature has so many by chance need not be believed to join what may be a
# structure of so many features or more.
_NEAR_BY_CHANCE, _LEAST_NEAR = 1.0, 5
# Of each feature of such a subtree, so many obtuse pairs, the most obtuse of all.
_STARTS_EACH = 2
# Spans grown side by side; in all, so many, and so many numbers for each rank.
_BATCH, _MAX_STARTS, _MAX_GROWN = 64, 2**15, 2**27
# Directions that are tried as the third of a set that cancels itself; in a crowd, as many as those
# numbers allow.
_MOST_THIRDS = 4
# So many of all directions may lie in the span of strangers by chance.
_IN_SPAN_BY_CHANCE = 0.02
# A shape about the origin has a sum of squared length 0, or 1 where a vertex is missing or put on
# top, and no two vertices so close; a noisy one keeps below 1 + N/2, half of what strangers have.
_SUM_SHARE, _CLOSE = 0.5, 0.95
# Members are left out one by one of sets up to this size.
_MOST_PRUNED = 16
# Axes of a set with less energy are noise.
_LEAST_AXIS = 0.3
# Sets that are bounded together, and by how many nats rounding may put a bound too low.
_BOUNDED, _ROUNDING = 4096, 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Features that are looked at together.

    ``nodes`` are subtrees of the forest inside, each with its members among the rows, its evidence
    as a bundle and whether it stands alone long enough to be weighed as a shape; ``starts`` are
    the obtuse pairs that spans are grown from, in the coordinates of ``rounded``, in which the
    background leans on no axis.
    """

    units: Array
    rounded: Array
    excess: Array
    nodes: list[_Node]
    starts: IntArray


def components_of(
    rows: Rows,
    edges: Edges,
    *,
    n_features: int,
    background: AngularGaussian | None = None,
    seed: int | np.random.Generator | None = 0,
) -> tuple[Component, ...]:
    """Return the structures that the significant pairs of a matrix form.

    Parameters
    ----------
    rows : callable
        rows(indices) returns unit rows of shape (len(indices), m), float64.
    edges : tuple of (i, j, cosine)
        Arrays of shape (n_edges,): the pairs that are significant, i ≠ j, none of them twice.
    n_features : int
        Number of rows that the pairs were chosen from.
    background : AngularGaussian or None
        The law of directions without structure; None for uniform ones.
    seed : int, Generator or None
        For the permutations that rings are held against.

    Returns
    -------
    tuple of Component
        Greatest evidence first.

    Notes
    -----
    Rows are fetched in batches of at most 2²⁴ numbers.  A connected component that has more rows
    than that is taken apart at the |cosine| where its pieces are small enough.  Beyond 8192
    features, shapes are looked for among obtuse pairs that are significant by themselves, two for
    each feature, in subtrees of up to 512 leaves; so the time is linear in the features and in the
    pairs.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> units = rng.standard_normal((100, 64))
    >>> units[:3] = units[3] + 0.05 * units[:3]
    >>> units /= np.linalg.norm(units, axis=1, keepdims=True)
    >>> i, j = np.triu_indices(4, 1)
    >>> pairs = (i, j, (units[i] * units[j]).sum(axis=1))
    >>> [(c.name, c.features) for c in components_of(lambda k: units[k], pairs, n_features=100)]
    [('bundle', (0, 1, 2, 3))]
    """
    n_features = positive_integer("n_features", n_features)
    i, j, cosines = edges
    if not len(i) and n_features > DENSE:
        return ()
    forest = merge_forest(i, j, cosines)
    ground = Ground.of(rows(np.zeros(1, dtype=np.intp)).shape[1], n_features, background)
    namer = Namer(ground, (i, j, cosines), random_generator(seed))
    components: list[Component] = []
    if n_features <= DENSE:
        units = rows(np.arange(n_features))
        block = _everything(units, forest, ground)
        for chosen in _Choice(block, ground).candidates():
            components.append(
                namer.component(chosen, chosen.members, units[chosen.members], np.nan)
            )
    else:
        starts = _obtuse_within(forest, (i, j, cosines))
        for low, high in _batches(forest, max(_MAX_SIZE, _MOST_NUMBERS // ground.background.dim)):
            units = rows(forest.features[low:high])
            for chosen, height in _in_run(units, low, forest, starts, ground):
                inside = units[chosen.members]
                features = forest.features[low + chosen.members]
                components.append(namer.component(chosen, features, inside, height))
    components.sort(key=lambda c: (-c.log_evidence, c.features))
    return tuple(components)


def _everything(units: Array, forest: MergeForest, ground: Ground) -> _Block:
    """Return all features as one block, with the strongest obtuse pairs of all as starts."""
    excess, rounded = ground.excess(units), ground.rounded(units)
    near, obtuse = _near_and_obtuse(
        rounded, _near_by_chance(ground), min(_MAX_STARTS, _MAX_GROWN // len(units))
    )
    return _Block(
        units=units,
        rounded=rounded,
        excess=excess,
        nodes=[
            *_subtrees(forest, units, excess, ground),
            *_neighbourhoods(near, units, excess, ground),
        ],
        starts=obtuse,
    )


def _subtrees(forest: MergeForest, units: Array, excess: Array, ground: Ground) -> list[_Node]:
    """Return the subtrees of a forest over all rows."""
    nodes = np.arange(len(forest.size))
    evidence = _as_bundles(
        forest, nodes, 0, units[forest.features], excess[forest.features], ground
    )
    members = [
        forest.features[first : first + size]
        for first, size in zip(forest.first, forest.size, strict=True)
    ]
    alone = forest.heights - forest.ends > _LEAST_GAP
    return list(zip(members, evidence.tolist(), alone.tolist(), strict=True))


def _neighbourhoods(near: Edges, units: Array, excess: Array, ground: Ground) -> list[_Node]:
    """Return what near pairs join that need not be believed one by one.

    Neighbours in a ring of seven about a centroid have a cosine around .85.  In 16 dimensions that
    is nothing for a pair of 500 features, but seven that hang together by it are a structure.
    """
    found = _subtrees(merge_forest(*near), units, excess, ground)
    # As bundles such sets are what the background has, a little nearer to each other.
    return [
        (members, -np.inf, True)
        for members, _, alone in found
        if alone and _LEAST_NEAR <= len(members) <= _MAX_SIZE
    ]


def _near_by_chance(ground: Ground) -> float:
    """Return the cosine that each feature has with so many others by chance."""
    dim, n = ground.background.dim, ground.background.n_directions
    # Half of all directions beyond are on the other side.
    share = min(1.0, 2 * _NEAR_BY_CHANCE / max(n - 1, 1))
    return float(np.sqrt(1 - betaincinv((dim - 1) / 2, 0.5, share))) if dim > 1 else 1.0


def _near_and_obtuse(units: Array, near: float, most: int) -> tuple[Edges, IntArray]:
    """Return the pairs with a cosine above ``near``, and the most obtuse, at most so many."""
    above = []
    pairs, cosines = np.empty((0, 2), dtype=np.intp), np.empty(0)
    for start in range(0, len(units), BLOCK):
        own = np.triu(units[start : start + BLOCK] @ units[start:].T, 1)
        i, j = np.nonzero(own > near)
        above.append((i + start, j + start, own[i, j]))
        i, j = np.nonzero(own < 0)
        pairs = np.concatenate([pairs, np.column_stack([i, j]) + start])
        cosines = np.concatenate([cosines, own[i, j]])
        kept = np.argsort(cosines, kind="stable")[:most]
        pairs, cosines = pairs[kept], cosines[kept]
    first, second, height = map(np.concatenate, zip(*above, strict=True))
    return (first, second, height), pairs


def _as_bundles(
    forest: MergeForest, nodes: IntArray, start: int, units: Array, excess: Array, ground: Ground
) -> Array:
    """Return the log evidence of subtrees as bundles."""
    lengths, mixed = node_bundles(forest, nodes, start, units)
    sums = np.concatenate([[0.0], np.cumsum(excess)])
    size = forest.size[nodes]
    low = forest.first[nodes] - start
    runs = np.column_stack([low, low + size]).ravel()
    least = np.minimum.reduceat(np.append(excess, np.inf), runs)[::2] if len(nodes) else 0.0
    return ground.bundles(size, lengths, mixed, sums[low + size] - sums[low] - least)


class _Choice:
    """Disjoint sets of a block with great total gain."""

    def __init__(self, block: _Block, ground: Ground) -> None:
        self._block, self._ground = block, ground
        self._owner = np.full(len(block.units), -1)
        # When the owner of a member last changed, that of any, and when a set was last looked at.
        self._last = 0
        self._changed = np.zeros(len(block.units), dtype=np.intp)
        self._looked: dict[int, int] = {}
        self._ranks: dict[int, int] = {}
        self._balanced: dict[int, bool] = {}
        self._time = 0
        self._taken: dict[int, Candidate] = {}
        self._known: dict[int, tuple[Candidate, float]] = {}
        # What sets can gain at most as structures, by two bounds, and those that cannot gain.
        self._most: dict[int, tuple[float, float]] = {}
        self._hopeless: set[int] = set()
        dim = ground.background.dim
        n_directions = ground.background.n_directions
        self._in_span = shares_beyond_chance(n_directions, dim, _IN_SPAN_BY_CHANCE)
        self._sets = _candidates(block, _grown(block, dim, self._in_span), ground)

    def candidates(self) -> list[Candidate]:
        """Choose among all sets, then with what else lies in their spans, then without strays."""
        self._pass()
        for changed in (self._extended, self._pruned):
            others = [changed(candidate) for candidate in self._taken.values()]
            self._sets += [(members, -np.inf, True) for members in others if members is not None]
            self._pass()
            self._split()
        return list(self._taken.values())

    def _pass(self) -> None:
        """Take sets, smallest first, until none can take the place of those that it overlaps with.

        On subtrees alone one round finds the antichain of greatest gain.  Sets that cross each
        other may leave behind what an earlier round would have taken.
        """
        by_size: dict[int, list[int]] = {}
        for k, (members, _, _) in enumerate(self._sets):
            by_size.setdefault(len(members), []).append(k)
        changed = True
        while changed:
            changed = False
            for size in sorted(by_size):
                self._bound(size, by_size[size])
                for k in by_size[size]:
                    if self._is_news(k):
                        self._time += 1
                        self._looked[k] = self._time
                        changed = self._takes(k) or changed

    def _bound(self, size: int, sets: list[int]) -> None:
        """Bound what sets of one size can gain, if they are going to be weighed as they stand."""
        if not 3 <= size <= MOST_BOUNDED:
            return
        asked = [k for k in sets if self._sets[k][2] and k not in self._most and self._is_news(k)]
        self._describe(asked)
        asked = [k for k in asked if self._is_worth_weighing(k)]
        for start in range(0, len(asked), _BOUNDED):
            some = asked[start : start + _BOUNDED]
            members = np.array([self._sets[k][0] for k in some])
            bounds = self._ground.most_gains(
                self._block.units[members], self._block.excess[members]
            )
            self._most.update(zip(some, np.column_stack(bounds).tolist(), strict=True))
            self._hopeless.update(
                k for k in some if max(self._most[k][1], self._as_bundle(k).gain) < -_ROUNDING
            )

    def _describe(self, sets: list[int]) -> None:
        """Find the ranks of sets of one size, and whether they have their centre at the origin."""
        unknown = [k for k in sets if k not in self._balanced]
        for start in range(0, len(unknown), _BOUNDED):
            some = unknown[start : start + _BOUNDED]
            units = self._block.units[np.array([self._sets[k][0] for k in some])]
            energies = np.linalg.eigvalsh(units @ units.swapaxes(1, 2))
            ranks = np.count_nonzero(energies > _LEAST_AXIS, axis=1)
            self._ranks.update(zip(some, ranks.tolist(), strict=True))
            self._balanced.update(zip(some, _is_balanced(units).tolist(), strict=True))

    def _is_news(self, k: int) -> bool:
        """Tell whether owners inside a set have changed since it was last looked at."""
        looked = self._looked.get(k, 0)
        if k in self._taken or k in self._hopeless or looked > self._last:
            return False
        return int(self._changed[self._sets[k][0]].max()) >= looked

    def _give(self, members: IntArray, owner: int) -> None:
        self._owner[members] = owner
        self._changed[members] = self._last = self._time

    def _drop(self, k: int) -> None:
        self._give(self._taken.pop(k).members, -1)

    def _split(self) -> None:
        """Replace each set by disjoint sets inside it where these have more gain together.

        One at a time they could not take its place.
        """
        inside: dict[int, list[Candidate]] = {}
        for k, (best, _) in self._known.items():
            owners = self._owner[best.members]
            within = owners[0] >= 0 and (owners == owners[0]).all()
            if within and k not in self._taken and best.gain > 0:
                inside.setdefault(int(owners[0]), []).append(best)
        for whole, parts in inside.items():
            disjoint: list[Candidate] = []
            for part in sorted(parts, key=lambda part: -part.gain):
                if not any(np.isin(part.members, other.members).any() for other in disjoint):
                    disjoint.append(part)
            if sum(part.gain for part in disjoint) > self._taken[whole].gain:
                self._drop(whole)
        self._pass()

    def _takes(self, k: int) -> bool:
        """Take a set if its gain is greater than that of its rivals together."""
        rivals = self._rivals(k)
        needed = sum(self._taken[other].gain for other in rivals)
        best = self._weighed(k, needed) if self._is_worth_weighing(k) else self._as_bundle(k)
        if best.gain <= needed:
            return False
        for other in rivals:
            self._drop(other)
        self._give(best.members, k)
        self._taken[k] = best
        return True

    def _rivals(self, k: int) -> list[int]:
        """Return the sets that were taken and share members with this one."""
        return sorted({other for other in self._owner[self._sets[k][0]].tolist() if other >= 0})

    def _is_worth_weighing(self, k: int) -> bool:
        """Tell whether a set may be more than a bundle, and more than the sets inside it.

        It is no more than these together unless it spans less than they and the strangers beside
        them do.  The rule is for sets about the origin: a bundle counts as one axis, and a ring of
        bundles has more.
        """
        members, _, alone = self._sets[k]
        if not alone:
            return False
        rivals = self._rivals(k)
        if not rivals:
            return True
        if k not in self._balanced:
            self._balanced[k] = bool(_is_balanced(self._block.units[members]))
        if not self._balanced[k]:
            return True
        n_strangers = int((self._owner[members] < 0).sum())
        return self._rank(k) < sum(self._rank(other) for other in rivals) + n_strangers

    def _rank(self, k: int) -> int:
        """Return how many axes of a set stand out of noise."""
        if k not in self._ranks:
            units = self._block.units[self._sets[k][0]]
            products = units @ units.T if len(units) < units.shape[1] else units.T @ units
            energies = np.linalg.eigvalsh(products)
            self._ranks[k] = int(np.count_nonzero(energies > _LEAST_AXIS))
        return self._ranks[k]

    def _as_bundle(self, k: int) -> Candidate:
        members, evidence, _ = self._sets[k]
        gain = evidence - float(self._ground.cost(np.array(len(members))))
        return Candidate(members, evidence, gain, bundle=True, shaped=False)

    def _weighed(self, k: int, needed: float) -> Candidate:
        """Return a set as a bundle or as a structure; below ``needed`` a bound will do."""
        if k in self._known and self._known[k][1] <= needed:
            return self._known[k][0]
        best = self._as_bundle(k)
        if self._may_gain(k, best.gain, needed):
            structure = self._structure(best.members, max(needed, best.gain, 0.0))
            best = structure if structure.gain > best.gain else best
        self._known[k] = best, needed if best.gain <= needed else -np.inf
        return best

    def _may_gain(self, k: int, as_bundle: float, needed: float) -> bool:
        """Tell whether the bounds allow a set to be taken, or a part, as a structure."""
        by_evidence, by_explanation = self._most.get(k, (np.inf, np.inf))
        least = max(as_bundle, 0.0) - _ROUNDING
        return by_explanation >= least and by_evidence >= max(least, needed - _ROUNDING)

    def _structure(self, members: IntArray, floor: float) -> Candidate:
        block = self._block
        return self._ground.structure(members, block.units[members], block.excess[members], floor)

    def _extended(self, candidate: Candidate) -> IntArray | None:
        """Return a set with all else that lies in its span, or None if nothing does."""
        units, size = self._block.rounded, len(candidate.members)
        _, singular, axes = np.linalg.svd(units[candidate.members], full_matrices=False)
        rank = int(np.count_nonzero(singular**2 > _LEAST_AXIS))
        if not 2 <= rank < min(size, len(self._in_span)):
            return None
        inside = ((units @ axes[:rank].T) ** 2).sum(axis=1) >= self._in_span[rank]
        members = np.union1d(candidate.members, np.flatnonzero(inside))
        return members if size < len(members) <= _MAX_SIZE else None

    def _pruned(self, candidate: Candidate) -> IntArray | None:
        """Leave out members, one by one, while the gain rises; None if it never does."""
        best = candidate
        while not (best.bundle or best.shaped) and 3 < len(best.members) <= _MOST_PRUNED:
            fewer = [
                self._structure(np.delete(best.members, k), best.gain)
                for k in range(len(best.members))
            ]
            leader = max(fewer, key=lambda each: each.gain)
            if leader.gain <= best.gain:
                break
            best = leader
        return None if best is candidate else best.members


def _candidates(
    block: _Block, grown: Iterable[IntArray], ground: Ground
) -> list[tuple[IntArray, float, bool]]:
    """Return the sets of a block, smallest first: members, bundle evidence, whether to weigh it."""
    sets: dict[bytes, tuple[IntArray, float, bool]] = {}
    for members, bundle, alone in block.nodes:
        ordered = np.sort(members)
        before = sets.get(ordered.tobytes(), (ordered, bundle, False))
        weighed = alone and 2 < len(members) <= _MAX_SIZE
        sets[ordered.tobytes()] = (before[0], before[1], before[2] or weighed)
    lines: list[IntArray] = []
    for members in grown:
        key = members.tobytes()
        if len(members) == 2:
            lines += [] if key in sets else [members]
            continue
        known = sets.get(key)
        sets[key] = (members, known[1] if known else -np.inf, True)
    pairs = np.reshape(lines, (-1, 2)).astype(np.intp)
    for members, evidence in zip(pairs, _as_digons(block, pairs, ground).tolist(), strict=True):
        sets[members.tobytes()] = (members, evidence, False)
    return sorted(sets.values(), key=lambda item: (len(item[0]), item[0].tolist()))


def _as_digons(block: _Block, pairs: IntArray, ground: Ground) -> Array:
    """Return the log evidence of pairs as the two ends of a line."""
    first, second = pairs.T
    lengths = np.linalg.norm(block.units[first] - block.units[second], axis=1)
    n, mixed = np.full(len(pairs), 2), np.ones(len(pairs), dtype=np.bool_)
    return ground.bundles(n, lengths, mixed, block.excess[pairs].max(axis=1, initial=-np.inf))


def _grown(block: _Block, dim: int, in_span: Array) -> Iterator[IntArray]:
    """Yield what grows from obtuse pairs and may have its centre at the origin.

    That is what lies in spans, and what cancels each other.
    """
    n_starts = len(block.starts)
    if not n_starts:
        return
    batches = [block.starts[k : k + _BATCH] for k in range(0, n_starts, _BATCH)]
    cosines = block.rounded @ block.rounded.T
    for batch in batches:
        yield from _centred(grown_sets(cosines, batch, dim, in_span), block.units)
    if block.units is not block.rounded:
        del cosines  # two of them do not fit
        cosines = block.units @ block.units.T
    n_thirds = min(_MOST_THIRDS, max(1, _MAX_GROWN // (n_starts * len(cosines))))
    for batch in batches:
        yield from _centred(balancing_sets(cosines, batch, n_thirds), block.units)


def _centred(found: Iterable[IntArray], units: Array) -> Iterator[IntArray]:
    """Yield the sets that may have their centre at the origin, in ascending order."""
    by_size: dict[int, list[IntArray]] = {}
    for members in found:
        if len(members) <= _MAX_SIZE:
            by_size.setdefault(len(members), []).append(members)
    for size, sets in by_size.items():
        own = units[np.array(sets)]
        nearest = np.max(own @ own.swapaxes(1, 2) - np.eye(size), axis=(1, 2))
        for which in np.flatnonzero((nearest < _CLOSE) & _is_balanced(own)):
            yield np.sort(sets[which]).astype(np.intp)


def _is_balanced(units: Array) -> NDArray[np.bool_]:
    """Tell whether sets, shape (..., size, m), may be shapes about the origin, by their sums."""
    squares = (units.sum(axis=-2) ** 2).sum(axis=-1)
    return np.asarray(squares <= 1 + _SUM_SHARE * units.shape[-2])


def _batches(forest: MergeForest, most: int) -> Iterator[tuple[int, int]]:
    """Yield runs of at most so many leaves that hold whole subtrees."""
    pieces = forest.largest_within(most)
    low = high = 0
    for first, size in sorted(zip(forest.first[pieces], forest.size[pieces], strict=True)):
        if first + size - low > most:
            if high > low:
                yield low, high
            low = int(first)
        high = int(first + size)
    yield low, high


def _obtuse_within(forest: MergeForest, edges: Edges) -> IntArray:
    """Return the obtuse pairs as places of leaves, shape (n_pairs, 2), most obtuse first."""
    i, j, cosines = edges
    place = np.empty(int(forest.features.max()) + 1, dtype=np.intp)
    place[forest.features] = np.arange(len(forest.features))
    order = np.argsort(cosines, kind="stable")[: int((cosines < 0).sum())]
    return np.column_stack([place[i[order]], place[j[order]]])


def _in_run(
    units: Array, low: int, forest: MergeForest, starts: IntArray, ground: Ground
) -> Iterator[tuple[Candidate, float]]:
    """Yield the sets chosen among a run of leaves, and the heights of the subtrees among them.

    Within subtrees of up to 512 leaves all candidates compete; larger subtrees are bundles, which
    take the place of what was chosen inside when their gain is greater.
    """
    excess = ground.excess(units)
    high = low + len(units)
    nodes = np.flatnonzero((forest.first >= low) & (forest.first + forest.size <= high))
    evidence = _as_bundles(forest, nodes, low, units, excess, ground)
    gains = evidence - ground.cost(forest.size[nodes])
    inner = {
        root: _Choice(block, ground).candidates()
        for root, block in _blocks(units, excess, low, forest, nodes, evidence, starts, ground)
    }
    whole, tops = _better_whole(forest, nodes, gains, inner)
    place = {int(node): k for k, node in enumerate(nodes)}
    stack = tops
    while stack:
        node = stack.pop()
        start = forest.first[node] - low
        height = float(forest.heights[node])
        if node in whole:
            members, k = np.arange(start, start + forest.size[node]), place[node]
            yield Candidate(members, float(evidence[k]), float(gains[k]), True, False), height
        elif node in inner:
            for chosen in inner[node]:
                yield replace(chosen, members=chosen.members + start), height
        else:
            stack += [int(child) for child in forest.children[node] if child >= 0]


def _better_whole(
    forest: MergeForest, nodes: IntArray, gains: Array, inner: dict[int, list[Candidate]]
) -> tuple[set[int], list[int]]:
    """Return the subtrees above the blocks that gain more than what is inside, and the topmost."""
    total = {root: sum(each.gain for each in chosen) for root, chosen in inner.items()}
    whole, below = set(), set()
    for k in np.flatnonzero(forest.size[nodes] > BLOCK).tolist():
        node = int(nodes[k])
        children = [int(child) for child in forest.children[node] if child >= 0]
        below.update(children)
        parts = sum(total[child] for child in children)
        total[node] = max(float(gains[k]), parts)
        if gains[k] > parts:
            whole.add(node)
    return whole, [node for node in total if node not in below]


def _blocks(
    units: Array,
    excess: Array,
    low: int,
    forest: MergeForest,
    nodes: IntArray,
    evidence: Array,
    starts: IntArray,
    ground: Ground,
) -> Iterator[tuple[int, _Block]]:
    """Yield the largest subtrees of at most 512 leaves in a run, by their number, as blocks."""
    roots = np.intersect1d(forest.largest_within(BLOCK), nodes)
    roots = roots[np.argsort(forest.first[roots])]
    begin = forest.first[roots]
    end = begin + forest.size[roots]

    def block_of(places: IntArray) -> IntArray:
        block = np.maximum(np.searchsorted(begin, places, side="right") - 1, 0)
        return np.where((places >= begin[block]) & (places < end[block]), block, -1)

    inside = np.flatnonzero(forest.size[nodes] <= BLOCK)
    of_nodes = _grouped(block_of(forest.first[nodes[inside]]), len(roots))
    home = block_of(starts[:, 0])
    of_pairs = _grouped(np.where(home == block_of(starts[:, 1]), home, -1), len(roots))
    alone = forest.heights - forest.ends > _LEAST_GAP
    rounded = ground.rounded(units)
    for k, root in enumerate(roots.tolist()):
        first = int(begin[k])
        run = slice(first - low, int(end[k]) - low)
        own = inside[of_nodes[k]]
        members = [
            np.arange(forest.first[n] - first, forest.first[n] - first + forest.size[n])
            for n in nodes[own]
        ]
        yield (
            root,
            _Block(
                units=units[run],
                rounded=rounded[run],
                excess=excess[run],
                nodes=list(
                    zip(members, evidence[own].tolist(), alone[nodes[own]].tolist(), strict=True)
                ),
                starts=starts[of_pairs[k][: _STARTS_EACH * int(end[k] - first)]] - first,
            ),
        )


def _grouped(labels: IntArray, n_groups: int) -> list[IntArray]:
    """Return the indices with each label, in order; label -1 belongs nowhere."""
    order = np.argsort(labels, kind="stable")
    borders = np.searchsorted(labels[order], np.arange(n_groups + 1))
    return [order[a:b] for a, b in pairwise(borders)]
