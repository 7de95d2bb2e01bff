"""Shapes of the catalogue against "irregular": the probability of each for some directions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.matching.alignment import Cloud
from geomsup.matching.background import Background
from geomsup.matching.candidates import candidate_set
from geomsup.matching.deviation import systematic_deviation
from geomsup.matching.evidence import log_sphere, log_sum, marginalise, paired_log_evidence
from geomsup.matching.fitting import Fit, Setting
from geomsup.matching.spaces import (
    LIKELY,
    evenness,
    orthogonality,
    spaces_of,
    views_of,
    with_prior,
)

__all__ = ["Posterior", "posterior", "structure_log_evidence"]

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


def posterior(
    cloud: Cloud,
    background: Background,
    sigma: Array,
    *,
    at_least: int = 0,
    composites: bool = True,
    least: float = -np.inf,
) -> Posterior:
    """Weigh shapes and "irregular", as ratios to the background.

    ``composites=False`` asks for a part of a matrix: composites are left out, and so are directions
    that are more nearly orthogonal than the background, which form no part by themselves.
    ``at_least`` and ``least`` are the number of shapes to lay over whatever they promise, and the
    evidence that others must promise.
    """
    n = cloud.n_vertices
    largest = background.largest if composites else background.dim
    spaces, by_noise = spaces_of(cloud, background, sigma, largest)
    spaces = with_prior(spaces, background)
    ratios = np.array([space.log_ratio for space in spaces])
    best = int(np.argmax(ratios))
    rivals = _irregular(cloud, background, spaces, sigma, paired=composites)
    terms: dict[str, Array] = {}
    fits: dict[str, Fit] = {}
    leader = max(float(rivals.max()), least)
    for seen, settings in views_of(cloud, spaces):
        contenders = candidate_set(n, min(settings[0].dim, seen.dim))
        for k, fit in contenders.lay(
            seen, sigma, settings, at_least=at_least, floor=leader, composites=composites
        ):
            leader = max(leader, float(marginalise(fit.log_evidence)))
            name = fit.shape.name
            term = fit.log_evidence + systematic_deviation(fit, seen) + contenders.log_prior[k]
            terms[name] = np.logaddexp(terms.get(name, -np.inf), term)
            fits.setdefault(name, fit)
    prior = _generic_prior(n, part=n < background.n_directions)
    irregular = np.full(len(sigma), np.log(prior) + log_sum(rivals))
    if best < len(by_noise):
        irregular = irregular + by_noise[best] - marginalise(by_noise[best])
    # Noise is measured where the directions are whole.
    whole = [space for space in spaces if space.dim >= min(n, background.dim)]
    return Posterior(
        fits=list(fits.values()),
        log_terms=np.array([irregular, *(np.log1p(-prior) + terms[name] for name in fits)]),
        generic_rank=min(spaces[best].dim, n, background.dim),
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
    directions: Array, background: Background, sigma: Array, *, floor: float = -np.inf
) -> tuple[int, Array, bool]:
    """Return the most probable rank of some directions and their evidence over the background.

    Parameters
    ----------
    directions : ndarray of shape (n_vertices, dim)
        Unit vectors as rows.
    background : Background
        The independent directions that they are held against.
    sigma : ndarray of shape (n_sigma,)
        Noise scales in radians.
    floor : float
        Log evidence of interest: shapes that cannot reach it are not laid over.

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
    cloud = Cloud(directions)
    weighed = posterior(cloud, background, sigma, composites=False, least=floor)
    rank = weighed.generic_rank
    log_weights = marginalise(weighed.log_terms)
    best = int(np.argmax(log_weights))
    if best > 0:
        rank = weighed.fits[best - 1].shape.dim
    # What the noise is, the likeliest explanation tells: its rank goes with it.
    total = log_sum(log_weights) - orthogonality(cloud, background)
    return rank, weighed.log_terms[best] - log_weights[best] + total, best > 0


def _generic_prior(n_vertices: int, *, part: bool) -> float:
    """Return the prior probability of "irregular".

    Random directions must not be given a name (the false discovery rate is measured in the tests),
    and two or three of them are easily like a digon or a triangle by chance.  As a part of a matrix
    that was chosen for its interference, they hardly form anything else.
    """
    few = {2: 0.2, 3: 0.1} if part else {2: 0.7, 3: 0.3}
    return few.get(n_vertices, 0.3 if n_vertices < 9 else 0.8)
