"""Pair energies as functions of the cosine between two unit vectors.

On the sphere |x − y|² = 2 − 2t with t = x·y, so the Gram matrix holds every distance, and one
matrix product gives all of them.  A kernel keeps its matrices between calls and works in place:
at a hundred points memory traffic, not arithmetic, decides how long a descent takes.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, shorten

__all__ = ["Kernel", "PairPower", "checked_power", "power_text", "spacing"]

FloatArray = NDArray[np.float64]
PairPower = float | Literal["log"]

# Up to this exponent products of square roots are faster than the power function.
_PRODUCTS_UP_TO = 8


def checked_power(s: object) -> float:
    """The Riesz exponent as a float, 0.0 for the logarithmic energy; or one clear error."""
    if isinstance(s, str):
        if s.strip().lower() == "log":
            return 0.0
        raise GeomsupError(f"expected s to be a positive number or 'log', got {shorten(s)}")
    if isinstance(s, bool) or not isinstance(s, (int, float, np.integer, np.floating)):
        raise GeomsupError(f"expected s to be a positive number or 'log', got {shorten(s)}")
    try:
        power = float(s)
    except OverflowError:
        power = math.inf
    if not 0.0 < power < math.inf:
        raise GeomsupError(
            f"expected s to be a positive finite number or 'log', got {shorten(s)}; "
            "the Riesz energy Σ |x − y|^(−s) needs s > 0, and s → 0 is 'log'"
        )
    return power


def power_text(power: float) -> str:
    """The exponent as a user writes it: 'log', '1', '2.5'."""
    return "log" if power == 0.0 else f"{power:g}"


def spacing(n_points: int, dim: int) -> float:
    """Rough distance of neighbours among points that are spread evenly."""
    return float((4.0 / n_points) ** (1.0 / max(dim - 1, 1)))


class Kernel:
    """The pair energy f(t) = (2 − 2t)^(−s/2), or −½ log(2 − 2t), for n points at a time.

    Parameters
    ----------
    power : float
        The exponent s; 0 stands for the logarithm.
    n_points : int
    """

    def __init__(self, power: float, n_points: int) -> None:
        self.power = power
        self.n_points = n_points
        self._inverse = np.empty((n_points, n_points))
        self._value = np.empty((n_points, n_points))

    def energy_and_gradient(self, x: FloatArray) -> tuple[float, FloatArray]:
        """Energy and gradient along the sphere (n_points, dim) of unit rows x (n_points, dim)."""
        energy = self._terms(x)
        gradient: FloatArray = self._inverse @ x
        gradient -= np.einsum("nd,nd->n", gradient, x)[:, None] * x
        return energy, gradient

    def shares(self, x: FloatArray) -> FloatArray:
        """Energy of each point with all the others, (n_points,)."""
        self._terms(x)
        return np.asarray(self._value.sum(axis=1))

    def slopes_and_curvatures(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Derivatives f'(t_ij) and f''(t_ij), zero on the diagonal, until the next call."""
        self._invert_squares(x)
        inverse, slope = self._inverse, self._value
        # f' = s (2 − 2t)^(−s/2 − 1) and f'' = (s + 2) f' / (2 − 2t); for the
        # logarithm f' = (2 − 2t)^(−1)
        if self.power == 0.0:
            np.copyto(slope, inverse)
        else:
            self._raise(inverse, out=slope)
            slope *= inverse
            slope *= self.power
        inverse *= slope
        inverse *= self.power + 2.0
        return slope, inverse

    def force(self, energy: float) -> float:
        """What all other points together exert on one, the yardstick of a gradient.

        Twice the virial Σ_j f'(t_ij) (1 − t_ij), averaged over the points i.
        """
        if self.power == 0.0:
            return self.n_points - 1.0
        return 2.0 * self.power / self.n_points * energy

    def gradient_goal(self, energy: float, dim: int) -> float:
        """Largest gradient component of a converged descent: 1e-10 where rounding allows it.

        Below it for energies below one, so that small energies are as exact as large ones.  Above
        it where the squared distance 2 − 2t of neighbours, with its rounding of 1e-16, does not
        give the force as well; on the ordinary sphere that begins at some thousand points.
        """
        force = self.force(energy)
        rounding = max(1e-13, 1e-15 / spacing(self.n_points, dim) ** 2)
        return max(1e-10 * min(1.0, force), rounding * force)

    def _terms(self, x: FloatArray) -> float:
        """Leave f(t) in `_value` and f'(t) in `_inverse`, and return the energy."""
        self._invert_squares(x)
        inverse, value = self._inverse, self._value
        if self.power == 0.0:
            # log 1/r² is −inf on the diagonal, where 1/∞ stands
            inverse.reshape(-1)[:: self.n_points + 1] = 1.0
            np.log(inverse, out=value)
            value *= 0.5
            inverse.reshape(-1)[:: self.n_points + 1] = 0.0
            return 0.5 * float(value.sum())
        self._raise(inverse, out=value)
        inverse *= value
        if self.power != 1.0:
            inverse *= self.power
        return 0.5 * float(value.sum())

    def _invert_squares(self, x: FloatArray) -> None:
        """Leave 1 / |x_i − x_j|² in `_inverse`, zero on the diagonal."""
        inverse = self._inverse
        np.matmul(-2.0 * x, x.T, out=inverse)
        inverse += 2.0
        inverse.reshape(-1)[:: self.n_points + 1] = np.inf
        np.divide(1.0, inverse, out=inverse)

    def _raise(self, inverse: FloatArray, out: FloatArray) -> None:
        """inverse^(s/2) into `out`, which may be `inverse` itself."""
        power = self.power
        if power == 1.0:
            np.sqrt(inverse, out=out)
        elif power == 2.0:
            np.copyto(out, inverse)
        elif power <= _PRODUCTS_UP_TO and power.is_integer():
            base = inverse.copy()
            np.sqrt(inverse, out=out) if power % 2 else np.copyto(out, inverse)
            for _ in range(math.ceil(power / 2) - 1):
                out *= base
        else:
            np.power(inverse, 0.5 * power, out=out)
