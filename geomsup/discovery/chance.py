"""How often configurations agree by chance: random tight frames, through the same procedure.

Components of trained models are nearly tight frames, and these have fewer free parameters than
directions have: five vectors in three dimensions have two.  So tight frames are what recurrences
are held against.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, poisson

from geomsup.discovery.grouping import grouped
from geomsup.shapes.constructors import unit_rows

__all__ = ["Chance", "chance_of", "random_frames"]

Array = NDArray[np.float64]

# Rounds of making the frame tight and its vectors unit in turn, which converges linearly, and how
# far from tight they may end.
_ROUNDS = 300
_CLOSE = 1e-6
# Of the rate of coincidences, the bound that it stays below with this probability.
_CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True, eq=False)
class Chance:
    """Coincidences among random tight frames of one size.

    Parameters
    ----------
    n_frames, n_agreeing : int
        Frames drawn, and the pairs of them that were one shape by the same procedure.
    """

    n_frames: int
    n_agreeing: int

    @property
    def n_pairs(self) -> int:
        """Pairs of frames."""
        return self.n_frames * (self.n_frames - 1) // 2

    def expected(self, n: int) -> float:
        """Pairs that agree among n random frames, on average."""
        return self.n_agreeing / max(1, self.n_pairs) * n * (n - 1) / 2

    def most(self, n: int) -> float:
        """The same with the upper 95 % bound of the rate, which is above 0 where none agreed."""
        bound = float(chi2.ppf(_CONFIDENCE, 2 * (self.n_agreeing + 1))) / 2
        return min(1.0, bound / max(1, self.n_pairs)) * n * (n - 1) / 2

    def p_value(self, n_copies: int, n: int) -> float:
        """About the chance of so many copies among n random frames, at that bound.

        k copies need k − 1 coincidences of a Poisson number; that they are of one frame makes it
        rarer still.
        """
        return float(poisson.sf(n_copies - 2, self.most(n)))


def chance_of(
    n_points: int, dim: int, noise: float, n_frames: int, rng: np.random.Generator
) -> Chance:
    """Draw random tight frames, and count the pairs that agree; without frames, know nothing."""
    if n_frames < 2:
        return Chance(n_frames=n_frames, n_agreeing=0)
    frames = random_frames(n_points, dim, n_frames, rng)
    sizes = [len(group.members) for group in grouped(frames, noise, rng)]
    return Chance(n_frames=n_frames, n_agreeing=sum(k * (k - 1) // 2 for k in sizes))


def random_frames(n_points: int, dim: int, count: int, rng: np.random.Generator) -> Array:
    """Unit vectors with VᵀV = (N/r) · 1, ndarray of shape (count, n_points, dim).

    Gaussian directions are brought to the nearest tight frame and back to unit length in turn
    (Tropp, Dhillon, Heath and Strohmer 2005, "Designing structured tight frames via an alternating
    projection method").

    Examples
    --------
    >>> frame = random_frames(5, 3, 1, np.random.default_rng(0))[0]
    >>> np.allclose(frame.T @ frame, 5 / 3 * np.eye(3), atol=1e-4)
    True
    """
    rows = unit_rows(rng.normal(size=(count, n_points, dim)))
    scale = np.sqrt(n_points / dim)
    for _ in range(_ROUNDS):
        left, singular, right = np.linalg.svd(rows, full_matrices=False)
        if np.abs(singular - scale).max() < _CLOSE:
            break
        rows = unit_rows(left @ right)
    return rows
