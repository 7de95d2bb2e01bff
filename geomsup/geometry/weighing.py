"""The evidence of a partition: of its structures, of what is between them, and its prior."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from geomsup.geometry.orthogonality import largest_overlap, pairs_log_evidence
from geomsup.matching import Cloud, Question, background_of, structure_log_evidence
from geomsup.matching.evidence import marginalise
from geomsup.shapes import Shape

__all__ = ["CROWD_COST", "FEW", "Option", "Weighed", "Weigher", "log_prior", "weighed_partition"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Cosine of the smallest angle between the spans of two components.  Components of trained models
# that lack a dimension between them lean by .22; those that share a direction have 1.
_MAX_OVERLAP = 0.7
# Principal axes with less than this share of the largest energy are rounding, not span.
_LEAST_ENERGY = 1e-3
# Log prior odds of one connected structure against several.
_SPLIT_COST = 1.1
# Log prior odds against a structure in a crowd: strangers form one by chance more easily than a
# catalogue of a hundred shapes and all their sizes knows.
CROWD_COST = 4.0
# An axis of a set stands out of noise if its directions have so much energy along it.
_LEAST_AXIS = 0.3
# So many directions are few enough to be looked at together.
FEW = 24
# Directions of larger sets are gathered anew when they are asked for: all of them fill the memory.
_MOST_KEPT = 100
# Pairs of parts are weighed for orthogonality up to this many parts.  Beyond, a crowd is no
# orthogonal sum.
_MOST_ORTHOGONAL = 600


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the evidence of a cut needs to know of one component."""

    log_evidence: Array
    energies: Array
    axes: Array
    shaped: bool


class Weigher:
    """The evidence of sets of directions, each computed once."""

    def __init__(self, units: Array, sigma: Array, own: tuple[Shape, ...] = ()) -> None:
        self.units = units
        self.sigma = sigma
        self.own = own
        self.background = background_of(units)
        self.cosines: Array = units.T @ units
        self._known: dict[bytes, Weighed] = {}
        self._asked: dict[bytes, Question] = {}

    def cloud(self, members: IntArray) -> Cloud:
        """Return the directions of a set, given by ascending indices."""
        return self._question(members).cloud

    def _question(self, members: IntArray) -> Question:
        key = members.tobytes()
        if key in self._asked:
            return self._asked[key]
        cloud = Cloud(self.units[:, members].T)
        question = Question(cloud, self.background, self.sigma, composites=False, own=self.own)
        if len(members) <= _MOST_KEPT:
            self._asked[key] = question
        return question

    def weigh(self, members: IntArray, *, floor: float = -np.inf) -> Weighed:
        """Weigh a set, given by ascending indices; below ``floor`` roughly will do."""
        key = members.tobytes()
        if key not in self._known:
            weighed = _weighed(self._question(members), floor=floor)
            if len(members) > max(FEW, len(self.cosines) / 2) and not weighed.shaped:
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

    def can_reach(self, members: IntArray, least: float) -> bool:
        """Tell whether a set may have so much log evidence; bounds tell if it is not weighed."""
        return members.tobytes() in self._known or self._question(members).can_reach(least)

    def within(self, members: IntArray) -> Array:
        """Return the cosines between the directions of a set; of all of them, without a copy."""
        everything = len(members) == len(self.cosines)
        return self.cosines if everything else self.cosines[np.ix_(members, members)]

    def rank(self, members: IntArray) -> int:
        """Return how many axes of a set stand out of noise."""
        return int(np.count_nonzero(np.linalg.eigvalsh(self.within(members)) > _LEAST_AXIS))


@dataclass(frozen=True, slots=True, eq=False)
class Option:
    """A partition that was weighed."""

    members: tuple[IntArray, ...]
    threshold: float
    total_rank: int
    leakage: float
    log_evidence: float


def weighed_partition(
    weigher: Weigher,
    members: tuple[IntArray, ...],
    *,
    threshold: float,
    leakage: float,
    log_prior: float,
    overlapping: bool,
) -> Option | None:
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
        if not overlapping and largest_overlap(cosines, owner, _MAX_OVERLAP) > _MAX_OVERLAP:
            return None
        orthogonality = pairs_log_evidence(
            cosines, energies, owner, each, weigher.background.dim, weigher.sigma
        )
        # Axes that depend on others are orthogonal to a third whenever these are: no new evidence.
        excess = max(0, len(energies) - weigher.background.rank)
        total += orthogonality - max(0.0, orthogonality) * min(1.0, 2 * excess / len(energies))
    return Option(
        members=members,
        threshold=threshold,
        total_rank=sum(len(part.energies) for part in parts),
        leakage=leakage,
        log_evidence=total,
    )


def log_prior(sizes: list[int]) -> float:
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
    crowded = len(sizes) > alone >= max(2, len(sizes) - alone)
    cost = _SPLIT_COST + (CROWD_COST if crowded else 0.0)
    return float(gammaln(repeated + 1).sum() - ways) - cost


def _weighed(question: Question, *, floor: float = -np.inf) -> Weighed:
    cloud = question.cloud
    if cloud.n_vertices == 1:
        # A single direction is the background itself.
        return Weighed(
            log_evidence=np.zeros(len(question.sigma)),
            energies=np.ones(1),
            axes=cloud.directions.T,
            shaped=True,
        )
    rank, log_evidence, shaped = structure_log_evidence(question, floor=floor)
    energies = cloud.singular_values**2
    rank = min(rank, int(np.count_nonzero(energies > _LEAST_ENERGY * energies[0])))
    return Weighed(
        log_evidence=log_evidence,
        energies=energies[:rank],
        axes=cloud.basis[:rank].T,
        shaped=shaped,
    )
