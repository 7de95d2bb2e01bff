"""Whether the spans of components are orthogonal to each other, up to noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, fdtri

from geomsup.matching.evidence import log_sum, marginalise, orthogonality_log_evidence

__all__ = ["largest_overlap", "orthogonal_within", "pairs_log_evidence"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Prior shares of orthogonal pairs of components, over which the evidence is averaged: in trained
# models nearly all pairs are orthogonal, in a crowd of leaning structures none.
_ORTHOGONAL_SHARES: Array = np.array([0.0, 0.5, 0.9, 0.99, 0.999, 0.9999])
# Bins of |cosine| between single directions, each a twentieth of the least noise.
_COSINE_BINS = 4000


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


def largest_overlap(cosines: Array, owner: IntArray, limit: float) -> float:
    """Return the largest cosine between the spans of two components, from all principal axes.

    It is not worked out below ``limit``, and 0 is returned there.
    """
    across = np.where(owner[:, None] == owner[None, :], 0.0, cosines)
    if np.linalg.norm(across, 2) <= limit:
        return 0.0
    blocks = [np.flatnonzero(owner == k) for k in range(owner[-1] + 1)]
    return max(
        float(np.linalg.norm(across[np.ix_(a, b)], 2))
        for k, a in enumerate(blocks)
        for b in blocks[k + 1 :]
    )


def pairs_log_evidence(
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
