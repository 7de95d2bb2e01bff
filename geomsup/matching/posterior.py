"""Shapes of the catalogue against "irregular": the probability of each for some directions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geomsup.matching.alignment import Cloud
from geomsup.matching.background import Background
from geomsup.matching.candidates import MAX_VERTICES, CandidateSet, candidate_set
from geomsup.matching.deviation import systematic_deviation
from geomsup.matching.evidence import log_sphere, log_sum, marginalise, paired_log_evidence
from geomsup.matching.fitting import Fit, Setting, Settings
from geomsup.matching.spaces import (
    LIKELY,
    evenness,
    orthogonality,
    spaces_of,
    views_of,
    with_prior,
)
from geomsup.shapes import Shape

__all__ = ["Posterior", "Question", "generic_prior", "posterior", "structure_log_evidence"]

Array = NDArray[np.float64]

# Prior share of antipodal pairs on unrelated axes among irregular arrangements: too small to
# compete with a noisy octahedron, large enough against a cross-polytope that does not fit at all.
_PAIRED_SHARE = 0.005


@dataclass(frozen=True, kw_only=True, eq=False)
class Posterior:
    """The fits that are worth a look, and the log evidence of "irregular" and of each of them.

    ``log_terms`` has a row for each, "irregular" first, priors included; ``generic_rank`` is the
    likeliest rank of independent directions, and ``dim`` the dimension that noise is measured in.
    """

    fits: list[Fit]
    log_terms: Array
    generic_rank: int
    dim: int


class Question:
    """Which shape, if any, some directions form, and what is known before one is fitted.

    ``composites=False`` asks for a part of a matrix: composites are left out, and so are directions
    that are more nearly orthogonal than the background, which form no part by themselves.
    ``own`` are shapes that compete beside those of the catalogue.
    """

    def __init__(
        self,
        cloud: Cloud,
        background: Background,
        sigma: Array,
        *,
        composites: bool = True,
        own: tuple[Shape, ...] = (),
    ) -> None:
        self.cloud, self.background, self.sigma = cloud, background, sigma
        self.own = own
        self.composites = composites
        n = cloud.n_vertices
        largest = background.largest if composites else background.dim
        spaces, self.by_noise = spaces_of(cloud, background, sigma, largest)
        self.spaces = with_prior(spaces, background)
        # Nothing competes for the name of more directions than any shape has.
        paired = composites and n <= MAX_VERTICES
        self.rivals = _irregular(cloud, background, self.spaces, sigma, paired=paired)
        self.prior = generic_prior(n, part=n < background.n_directions)

    @cached_property
    def views(self) -> list[tuple[CandidateSet, Cloud, Settings]]:
        """The shapes that compete, with the directions and spaces that they compete in."""
        n = self.cloud.n_vertices
        return [
            (candidate_set(n, min(settings[0].dim, seen.dim), self.own), seen, settings)
            for seen, settings in views_of(self.cloud, self.spaces)
        ]

    @cached_property
    def orthogonality(self) -> float:
        """What speaks for directions that stand each alone, in nats over the background."""
        return orthogonality(self.cloud, self.background)

    def can_reach(self, least: float) -> bool:
        """Tell whether a part of a matrix may have so much log evidence over the background."""
        wanted = least + self.orthogonality
        most = float(np.log(self.prior) + log_sum(self.rivals))
        if most >= wanted:
            return True
        for contenders, seen, settings in self.views:
            if contenders.shapes:
                ceilings = contenders.ceilings(seen, self.sigma, settings) + contenders.log_prior
                most = float(np.logaddexp(most, log_sum(ceilings)))
        return most >= wanted


def posterior(question: Question, *, at_least: int = 0, least: float = -np.inf) -> Posterior:
    """Weigh shapes and "irregular", as ratios to the background.

    ``at_least`` and ``least`` are the number of shapes to fit whatever they promise, and the
    evidence that others must promise.
    """
    spaces, by_noise, sigma = question.spaces, question.by_noise, question.sigma
    n, dim = question.cloud.n_vertices, question.background.dim
    ratios = np.array([space.log_ratio for space in spaces])
    best = int(np.argmax(ratios))
    terms: dict[str, Array] = {}
    fits: dict[str, Fit] = {}
    leader = max(float(question.rivals.max()), least)
    for contenders, seen, settings in question.views:
        for k, fit in contenders.fits(
            seen, sigma, settings, at_least=at_least, floor=leader, composites=question.composites
        ):
            leader = max(leader, float(marginalise(fit.log_evidence)))
            name = fit.shape.name
            term = fit.log_evidence + systematic_deviation(fit, seen) + contenders.log_prior[k]
            terms[name] = np.logaddexp(terms.get(name, -np.inf), term)
            fits.setdefault(name, fit)
    irregular = np.full(len(sigma), np.log(question.prior) + log_sum(question.rivals))
    if best < len(by_noise):
        irregular = irregular + by_noise[best] - marginalise(by_noise[best])
    # Noise is measured where the directions are whole.
    whole = [space for space in spaces if space.dim >= min(n, dim)]
    return Posterior(
        fits=list(fits.values()),
        log_terms=np.array(
            [irregular, *(np.log1p(-question.prior) + terms[name] for name in fits)]
        ),
        generic_rank=min(spaces[best].dim, n, dim),
        dim=max(whole, key=lambda space: space.log_ratio).dim,
    )


def _irregular(
    cloud: Cloud, background: Background, spaces: list[Setting], sigma: Array, *, paired: bool
) -> Array:
    """Return the log evidence of all arrangements that have no shape."""
    ratios = np.array([space.log_ratio for space in spaces])
    pairs = paired_log_evidence(cloud.points, dim=background.dim, sigma=sigma) if paired else None
    if pairs is not None:
        # Directions that pair up are held against pairs: their even spread is no surprise.
        density = float(marginalise(pairs)) + cloud.n_vertices * log_sphere(background.dim)
        return np.append(ratios, density + np.log(_PAIRED_SHARE))
    likely = ratios > ratios.max() - 2 * LIKELY
    even = [
        evenness(cloud, space, sigma) if near else 0.0
        for space, near in zip(spaces, likely, strict=True)
    ]
    return np.asarray(ratios + np.array(even))


def structure_log_evidence(
    question: Question, *, floor: float = -np.inf
) -> tuple[int, Array, bool]:
    """Return the most probable rank of some directions and their evidence over the background.

    Parameters
    ----------
    question : Question
        What is asked of a part of a matrix.
    floor : float
        Log evidence of interest: shapes that cannot reach it are not fitted.

    Returns
    -------
    rank : int
    log_evidence : ndarray of shape (n_sigma,)
        log of p(directions) over the density of the background, the catalogue and "irregular"
        weighed by their priors, spread over σ as the likeliest of them has it.  Composites of
        orthogonal factors are left out: their factors
        speak for themselves.  Where directions are more nearly orthogonal than the background has
        it, its place is taken by independent directions in as many dimensions as that takes:
        otherwise any set of them would look like a simplex.
    shaped : bool
        Whether a shape of the catalogue is likelier than "irregular" and all other shapes.
    """
    weighed = posterior(question, least=floor)
    rank = weighed.generic_rank
    log_weights = marginalise(weighed.log_terms)
    best = int(np.argmax(log_weights))
    if best > 0:
        rank = weighed.fits[best - 1].shape.dim
    # What the noise is, the likeliest explanation tells: its rank goes with it.
    total = log_sum(log_weights) - question.orthogonality
    return rank, weighed.log_terms[best] - log_weights[best] + total, best > 0


def generic_prior(n_vertices: int, *, part: bool) -> float:
    """Return the prior probability of "irregular".

    Random directions must not be given a name (the false discovery rate is measured in the tests),
    and two or three of them are easily like a digon or a triangle by chance.  As a part of a matrix
    that was chosen for its interference, they hardly form anything else.
    """
    few = {2: 0.2, 3: 0.1} if part else {2: 0.7, 3: 0.3}
    return few.get(n_vertices, 0.3 if n_vertices < 9 else 0.8)
