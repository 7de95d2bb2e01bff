"""Where to cut the merge tree: which features form one structure together.

A cut of the merge tree is a threshold on |cosine|.  Too high, and a cube falls apart into four
digons that interfere with each other; too low, and orthogonal structures hang together by noise.
No fixed number is right for both.  A cut is *admissible* when no component loses more than a fixed
share of its interference to the others and no two components share a direction; among those, the
one with the greatest evidence is taken.  The evidence of a cut counts, for each component, how well
a shape of the catalogue or a low rank explains its directions, and for each pair of components,
whether they are as orthogonal as the noise of the two allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, fdtri, gammaln

from geomsup.interference import MergeTree, merge_tree
from geomsup.matching import Background, background_of, structure_log_evidence
from geomsup.matching.evidence import (
    log_sum,
    marginalise,
    noise_grid,
    orthogonality_log_evidence,
)

__all__ = ["MAX_LEAKAGE", "Cut", "best_cut", "orthogonal_within"]

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


@dataclass(frozen=True, kw_only=True, eq=False)
class Cut:
    """A threshold on |cosine| and the reason for it."""

    threshold: float
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


def best_cut(units: Array, *, noise: float | None = None) -> Cut:
    """Choose the threshold at which the interference graph falls into structures.

    Parameters
    ----------
    units : ndarray of shape (n_hidden, n_vertices)
        Unit columns, parallel ones merged.
    noise : float or None
        Noise per tangent axis in radians; None marginalises over it.

    Returns
    -------
    Cut

    Notes
    -----
    At most 32 cuts are weighed, those inside the widest gaps between merge heights.
    """
    tree = merge_tree(units)
    heights = np.concatenate([[1.0], tree.heights, [0.0]])
    gaps = heights[:-1] - heights[1:]
    worst = _worst_leakages(units, tree)
    admissible = np.flatnonzero(worst <= MAX_LEAKAGE)
    widest = admissible[np.argsort(-gaps[admissible], kind="stable")[:_MAX_CUTS]]
    # The last level is always weighed: one component, or what no edge of the tree joins.
    weighed = {*widest.tolist(), len(worst) - 1}
    sigma = noise_grid(noise)
    background = background_of(units)
    known: dict[bytes, _Weighed] = {}
    options: dict[int, _Option] = {}
    for k, (nodes, _, _) in enumerate(_levels(units, tree)):
        if k in weighed:
            option = _option(units, background, list(nodes.values()), sigma, known)
            if option is not None or k == len(worst) - 1:
                options[k] = option or _Option(len(nodes), 0, -np.inf)
    chosen = max(options, key=lambda k: options[k].log_evidence)
    thresholds = heights[1:] + _HEIGHT_IN_GAP * gaps
    return Cut(
        threshold=float(thresholds[chosen]),
        reason=_reason(options, chosen, float(worst[chosen]), thresholds),
    )


@dataclass(frozen=True, slots=True)
class _Option:
    """A cut that was weighed."""

    n_components: int
    total_rank: int
    log_evidence: float


def _levels(units: Array, tree: MergeTree) -> Iterator[tuple[dict[int, _Node], int, int]]:
    """Yield the components after 0, 1, 2, … merges; the same dictionary, updated in place.

    Beside it stand the keys of the component that has just grown and of the one it swallowed.
    """
    totals = np.einsum("ij,ij->j", units, (units @ units.T) @ units)
    nodes = {v: _Node(np.array([v]), 1.0, float(totals[v])) for v in range(tree.n_vertices)}
    home = np.arange(tree.n_vertices)
    yield nodes, 0, 0
    for i, j in tree.edges:
        grown, gone = int(home[i]), int(home[j])
        a, b = nodes[grown], nodes.pop(gone)
        across = units[:, a.members].T @ units[:, b.members]
        nodes[grown] = _Node(
            members=np.concatenate([a.members, b.members]),
            within=a.within + b.within + 2 * float(np.vdot(across, across)),
            total=a.total + b.total,
        )
        home[b.members] = grown
        yield nodes, grown, gone


def _worst_leakages(units: Array, tree: MergeTree) -> Array:
    """Return the largest leakage of any component after 0, 1, 2, … merges."""
    levels = _levels(units, tree)
    singles, _, _ = next(levels)
    leakages = np.array([node.leakage for node in singles.values()])
    worst = [leakages.max()]
    for nodes, grown, gone in levels:
        leakages[gone] = 0.0
        leakages[grown] = nodes[grown].leakage
        worst.append(leakages.max())
    return np.array(worst)


def _option(
    units: Array, background: Background, nodes: list[_Node], sigma: Array, known: dict[bytes, _Weighed]
) -> _Option | None:
    """Weigh a partition, or return None when two components share a direction: they are one."""
    parts = []
    for node in nodes:
        key = np.sort(node.members).tobytes()
        if key not in known:
            known[key] = _weighed(units[:, node.members], background, sigma)
        parts.append(known[key])
    each = np.array([part.log_evidence for part in parts])
    total = float(marginalise(each).sum()) + _log_prior([len(node.members) for node in nodes])
    if len(parts) > 1:
        axes = np.concatenate([part.axes for part in parts], axis=1)
        energies = np.concatenate([part.energies for part in parts])
        owner = np.repeat(np.arange(len(parts)), [len(part.energies) for part in parts])
        cosines = axes.T @ axes
        if _overlap(cosines, owner) > _MAX_OVERLAP:
            return None
        total += _orthogonality(cosines, energies, owner, each, background.dim, sigma)
    return _Option(
        n_components=len(parts),
        total_rank=sum(len(part.energies) for part in parts),
        log_evidence=total,
    )


def _weighed(directions: Array, background: Background, sigma: Array) -> _Weighed:
    rank, log_evidence = structure_log_evidence(directions.T, background, sigma)
    axes, singular, _ = np.linalg.svd(directions, full_matrices=False)
    energies = singular**2
    rank = min(rank, int(np.count_nonzero(energies > _LEAST_ENERGY * energies[0])))
    return _Weighed(log_evidence=log_evidence, energies=energies[:rank], axes=axes[:, :rank])


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
    noise that its two components show.
    """
    i, j = np.nonzero(owner[:, None] < owner[None, :])
    factors = orthogonality_log_evidence(
        cosines[i, j],
        energies[i] * energies[j] / (energies[i] + energies[j]),
        dim=dim,
        sigma=sigma,
    )
    pair = owner[i] * len(each) + owner[j]
    order = np.argsort(pair, kind="stable")
    starts = np.flatnonzero(np.diff(pair[order], prepend=-1))
    sums = np.add.reduceat(factors[order], starts, axis=0)
    first, second = np.divmod(pair[order][starts], len(each))
    noise = each[first] + each[second]
    noise = noise - log_sum(noise, axis=1)[:, None]
    # Each pair is either orthogonal or independent; how often, the data themselves say.
    share = _ORTHOGONAL_SHARES[:, None, None]
    with np.errstate(divide="ignore"):
        log_share = np.log(share)
    mixed = log_sum(np.logaddexp(log_share + sums, np.log1p(-share)) + noise, axis=2)
    return float(log_sum(mixed.sum(axis=1)) - np.log(len(_ORTHOGONAL_SHARES)))


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
    return float(gammaln(repeated + 1).sum() - ways) - _SPLIT_COST


def _reason(options: dict[int, _Option], chosen: int, leakage: float, thresholds: Array) -> str:
    best = options[chosen]
    noun = "component" if best.n_components == 1 else "components"
    text = f"{best.n_components} {noun} of total rank {best.total_rank}"
    if best.n_components > 1:
        text += f", none sharing more than {100 * leakage:.1f} % of its cos²"
    rivals = [k for k in options if k != chosen]
    if not rivals:
        return f"{text}; no other cut keeps its components apart"
    rival = max(rivals, key=lambda k: options[k].log_evidence)
    odds = best.log_evidence - options[rival].log_evidence
    return f"{text}; log evidence {odds:.1f} above the next best cut, {thresholds[rival]:.3f}"
