"""What speaks for a set of features as one structure, over the background of a large matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from geomsup.geometry.weighing import CROWD_COST
from geomsup.matching import Background, Cloud, Question, structure_log_evidence
from geomsup.matching.bounds import bounds_of
from geomsup.matching.evidence import NOISE_GRID, marginalise
from geomsup.survey.bundles import bundle_evidence
from geomsup.survey.density import AngularGaussian

__all__ = ["Candidate", "Ground"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A set of rows that may be a structure.

    ``log_evidence`` is over the background and ``gain`` what is left of it after the cost of the
    choice.  ``bundle`` tells whether a common direction explains the set best, ``shaped`` whether
    a shape of the catalogue does.
    """

    members: IntArray
    log_evidence: float
    gain: float
    bundle: bool
    shaped: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """Directions without structure: how many, in how many dimensions, and by which law."""

    background: Background
    law: AngularGaussian | None

    @classmethod
    def of(cls, dim: int, n_features: int, law: AngularGaussian | None) -> Ground:
        """Return the ground of so many features; they are taken to fill their dimensions."""
        dim = law.dim if law else dim
        return cls(
            background=Background(dim=dim, largest=dim, n_directions=n_features, rank=dim), law=law
        )

    def excess(self, units: Array) -> Array:
        """Return the log density of the background at unit rows, over the uniform one."""
        return np.zeros(len(units)) if self.law is None else self.law.log_ratio(units)

    def rounded(self, units: Array) -> Array:
        """Return unit rows in coordinates in which the background leans on no axis."""
        return units if self.law is None else self.law.rounded(units)

    def cost(self, size: IntArray) -> Array:
        """Return what it costs to choose sets of such sizes among all features, in nats."""
        n = self.background.n_directions
        ways = gammaln(n + 1) - gammaln(size + 1) - gammaln(n - size + 1)
        return np.asarray(ways + CROWD_COST)

    def bundles(
        self, size: IntArray, resultants: Array, mixed: NDArray[np.bool_], excess: Array
    ) -> Array:
        """Return the log evidence of sets as bundles.

        ``excess`` is summed over all of each set but the member that the background likes least.
        """
        return bundle_evidence(size, resultants, mixed, self.background.dim) - excess

    def most_gains(self, units: Array, excess: Array) -> tuple[Array, Array]:
        """Return how much many sets of one size can gain as structures, by two upper bounds.

        Parameters
        ----------
        units : ndarray of shape (n_sets, size, m)
        excess : ndarray of shape (n_sets, size)

        Returns
        -------
        by_evidence : ndarray of shape (n_sets,)
            At a floor above this :meth:`structure` has no answer.
        by_explanation : ndarray of shape (n_sets,)
            What is left after what the background explains.  It takes less from a shape than from
            directions without one, but only if the shape is the likelier of the two.
        """
        size = units.shape[1]
        cost = float(self.cost(np.array(size)))
        bounds = bounds_of(units, self.background)
        falling = np.cumsum(np.sort(excess, axis=1)[:, ::-1], axis=1)
        # A structure of rank r has the size - r members that the background likes best to pay for.
        charges = np.column_stack([falling[:, -2::-1], np.zeros(len(units))])
        least = np.minimum(falling.min(axis=1), 0.0)
        return bounds.anything - cost - least, bounds.after(charges) - cost

    def structure(self, members: IntArray, units: Array, excess: Array, floor: float) -> Candidate:
        """Weigh rows as a shape or a set of low rank.

        ``floor`` is a gain of interest: below it, a rough answer will do.

        Notes
        -----
        A structure of rank r has r directions free, which come from the background as much as
        anybody's, and N - r that follow from them.  The log density of the background over the
        uniform one counts against these; which they are nobody knows, so it is the N - r largest.
        Of directions without a shape all but one follow: that they lean on each other, or keep to
        few axes, the background explains first.
        """
        size = len(members)
        cost = float(self.cost(np.array(size)))
        question = Question(Cloud(units), self.background, NOISE_GRID, composites=False)
        falling = np.sort(excess)[::-1]
        least = floor + cost + min(0.0, float(np.cumsum(falling).min()))
        if not question.can_reach(least):
            return Candidate(members, -np.inf, -np.inf, bundle=False, shaped=False)
        rank, by_noise, shaped = structure_log_evidence(question, floor=least)
        free = rank if shaped else 1
        evidence = float(marginalise(by_noise)) - float(falling[: size - free].sum())
        return Candidate(members, evidence, evidence - cost, bundle=False, shaped=shaped)
