"""What is known about a configuration, and how it reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.restoring import Plain
from geomsup.theory.search import BestConfiguration

__all__ = ["Escape", "OptimumVerdict"]

FloatArray = NDArray[np.float64]

_MOST_LISTED = 12
_LOWER = 1e-8  # relative to the loss; descents agree far more closely


@dataclass(frozen=True, kw_only=True, eq=False)
class Escape(Plain):
    """A way down from a point that is no minimum.

    Attributes
    ----------
    direction_W, direction_b : ndarray
        A unit vector in the space of (W, b), cut into its two parts.
    step : float
        Length of the step along it.
    loss : float
        Exact loss after that step.
    descended_loss : float
        Loss of the minimum that a descent from there reaches …
    descended_name : str
        … its name …
    descended_W, descended_b : ndarray
        … and its weights and biases.
    """

    direction_W: FloatArray
    direction_b: FloatArray
    step: float
    loss: float
    descended_loss: float
    descended_name: str
    descended_W: FloatArray
    descended_b: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class OptimumVerdict(Plain):
    """What is known about a configuration.

    Attributes
    ----------
    verdict : str
        "not critical", "saddle", "local minimum" or "degenerate minimum".
    name : str
        The configuration, named by ``classify_geometry``.
    W, b : ndarray
        The configuration itself.
    loss, error_bound : float
    gradient_norm, gradient_tol : float
        How far the gradient is from vanishing, in units of features (see
        :func:`verify_optimum`), and the size below which the point counts as critical.
    eigenvalues : ndarray
        Of the Hessian in (W, b), ascending and in units of features, without those features that
        are never there or have no importance; where the loss has a kink, of the average of the two
        one-sided Hessians.
    zero_modes : int
        Eigenvalues that vanish, on the side that has more of them.
    expected_zero_modes : int
        Rotations of W that change it, and biases of dead outputs (nothing depends on them).
    kinked : bool
        Whether one-sided Hessians differ.
    escape : Escape or None
        A way down, unless the point is a minimum.
    best : BestConfiguration
        The multi-start search that `best_known` comes from.
    """

    _left_out = ("W", "b", "best")
    _derived = ("best_known", "best_name", "best_norms", "best_b", "gap")

    verdict: str
    name: str
    W: FloatArray
    b: FloatArray
    loss: float
    error_bound: float
    gradient_norm: float
    gradient_tol: float
    eigenvalues: FloatArray
    zero_modes: int
    expected_zero_modes: int
    kinked: bool
    escape: Escape | None
    best: BestConfiguration

    def _best(self) -> tuple[float, str, FloatArray, FloatArray]:
        best, way = self.best, self.escape
        known = [
            (self.loss, self.name, self.W, self.b),
            (best.loss, best.name, best.W, best.b),
        ]
        if way is not None:
            known.append((way.descended_loss, way.descended_name, way.descended_W, way.descended_b))
        return min(known, key=lambda each: each[0])

    @property
    def best_known(self) -> float:
        """Lowest loss known: of the search, of the way down, or the configuration's own."""
        return self._best()[0]

    @property
    def best_name(self) -> str:
        """Name of the configuration that has the lowest loss known."""
        return self._best()[1]

    @property
    def best_W(self) -> FloatArray:
        """Weights of the configuration that has the lowest loss known."""
        return self._best()[2]

    @property
    def best_norms(self) -> FloatArray:
        """Norms |W_i| of the configuration that has the lowest loss known."""
        norms: FloatArray = np.linalg.norm(self.best_W, axis=0)
        return norms

    @property
    def best_b(self) -> FloatArray:
        """Biases of the configuration that has the lowest loss known."""
        return self._best()[3]

    @property
    def gap(self) -> float:
        """How far the configuration lies above the best known loss."""
        return self.loss - self.best_known

    def __str__(self) -> str:
        lines = [
            f"{self.verdict}: {self.name}",
            f"loss       {self.loss:.12g} ± {self.error_bound:.1g}",
            f"gradient   {self.gradient_norm:.2e} in units of features (critical below "
            f"{self.gradient_tol:.0e})",
            f"curvature  {_ends(self.eigenvalues)}, "
            f"{self.zero_modes} zero modes ({self.expected_zero_modes} from rotations and dead "
            f"outputs){', kinked' if self.kinked else ''}",
        ]
        if self.escape is not None:
            lines.append(
                f"escape     a step of {self.escape.step:.2g} gives {self.escape.loss:.12g}, "
                f"descent {self.escape.descended_loss:.12g}"
            )
        if self.gap > _LOWER * max(self.loss, 1e-300):
            lines.append(
                f"best known {self.best_known:.12g} ({self.best_name}), {self.gap:.3g} lower"
            )
        else:
            lines.append(f"best known {self.best_known:.12g}: nothing lower was found")
        lines.append(f"           |W_i| {_listed(self.best_norms)}")
        lines.append(f"           b_i   {_listed(self.best_b)}")
        return "\n".join(lines)

    __repr__ = __str__


def _ends(eigenvalues: FloatArray) -> str:
    """Least and largest; none where no feature is ever there."""
    return f"{eigenvalues[0]:.4g} … {eigenvalues[-1]:.4g}" if eigenvalues.size else "none"


def _listed(values: FloatArray) -> str:
    """One number where all are the same; otherwise each, or their range where they are many."""
    words = [f"{value:.6g}" for value in values]
    if len(set(words)) == 1:
        return words[0]
    if len(words) > _MOST_LISTED:
        return f"{values.min():.6g} … {values.max():.6g}"
    return ", ".join(words)
