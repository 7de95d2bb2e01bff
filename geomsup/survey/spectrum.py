"""How evenly the directions fill the space, and how much of a dimension each has to itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.survey.source import Rows

__all__ = ["Filling", "filling_of"]

FloatArray = NDArray[np.float64]

# Of the largest eigenvalue of the covariance: below is rounding of numbers in float32.
_RANK_TOLERANCE = 1e-10
# A variance of unit rows that is rounding of ones that are all alike.
_NOTHING = 1e-28


@dataclass(frozen=True, kw_only=True)
class Filling:
    """Anisotropy of the unit rows.

    Attributes
    ----------
    mean_share : float
        Squared norm of the mean direction: the mean cosine of all pairs, nearly.
    rank : int
        Number of dimensions in which they vary.
    effective_rank : float
        exp of the entropy of the spectrum of their covariance [1]_.
    participation_ratio : float
        (Σλ)² / Σλ².
    largest_share : float
        λ₁ / Σλ.

    References
    ----------
    .. [1] O. Roy, M. Vetterli (2007), The effective rank: a measure of effective dimensionality.
       EUSIPCO 15, 606–610.
    """

    mean_share: float
    rank: int
    effective_rank: float
    participation_ratio: float
    largest_share: float

    def to_dict(self) -> dict[str, float]:
        """The fields, ready for JSON."""
        return asdict(self)


def filling_of(rows: Rows) -> tuple[Filling, FloatArray]:
    """Return the anisotropy, and the dimensionality D_i of each row, in one pass each.

    D_i = |w_i|² / Σ_j (ŵ_i·w_j)² is read from M = Σ w wᵀ, as |w_i|² / ŵ_iᵀ M ŵ_i.
    """
    mean, of_units = np.zeros(rows.dim), np.zeros((rows.dim, rows.dim))
    of_rows = np.zeros_like(of_units)
    scale = float(rows.norms.max())
    for block in rows.prepared():
        norms = np.linalg.norm(block, axis=1, keepdims=True)
        units = block / norms
        mean += units.sum(axis=0)
        of_units += units.T @ units
        of_rows += (block / scale).T @ (block / scale)
    mean /= rows.n
    values = np.linalg.eigvalsh(of_units / rows.n - np.outer(mean, mean))
    values = values[values > max(_RANK_TOLERANCE * values[-1], _NOTHING)]
    filling = Filling(mean_share=float(mean @ mean), rank=int(values.size), **_of_spectrum(values))
    read = [_read(block, of_rows, scale) for block in rows.prepared()]
    return filling, np.minimum(np.concatenate(read), 1.0)


def _of_spectrum(values: FloatArray) -> dict[str, float]:
    """The numbers of a spectrum; 0 where nothing varies."""
    if not values.size:
        return dict.fromkeys(("effective_rank", "participation_ratio", "largest_share"), 0.0)
    shares = values / values.sum()
    return {
        "effective_rank": float(np.exp(-(shares * np.log(shares)).sum())),
        "participation_ratio": float(1 / (shares**2).sum()),
        "largest_share": float(shares[-1]),
    }


def _read(block: FloatArray, second: FloatArray, scale: float) -> FloatArray:
    """|w|² / ŵᵀ M ŵ = |w|⁴ / wᵀ M w."""
    block = block / scale
    squares = np.einsum("ij,ij->i", block, block)
    dimensionality: FloatArray = squares**2 / np.einsum("ij,ij->i", block @ second, block)
    return dimensionality
