"""Pair energies as functions of the cosine between two unit vectors.

On the sphere |x − y|² = 2 − 2t with t = x·y, so the Gram matrix holds every distance, and one
matrix product gives all of them.  A kernel works in place: at a hundred points memory traffic,
not arithmetic, decides how long a descent takes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, shorten

__all__ = ["Kernel", "PairPower", "checked_power", "power_text"]

FloatArray = NDArray[np.float64]
PairPower = float | Literal["log"]


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


@dataclass(frozen=True)
class Kernel:
    """The pair energy (2 − 2t)^(−s/2), or −½ log(2 − 2t) when `power` is 0."""

    power: float

    def value_and_slope(self, cosines: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Energies f(t) and derivatives f'(t), zero on the diagonal.

        Parameters
        ----------
        cosines : ndarray of shape (…, n, n)
            Gram matrices of unit vectors; overwritten.
        """
        inverse = cosines
        inverse *= -2.0
        inverse += 2.0
        n = inverse.shape[-1]
        inverse.reshape(*inverse.shape[:-2], n * n)[..., :: n + 1] = np.inf
        if self.power == 0.0:
            value = np.log(inverse)
            value.reshape(*value.shape[:-2], n * n)[..., :: n + 1] = 0.0
            value *= -0.5
            return value, np.divide(1.0, inverse, out=inverse)
        np.divide(1.0, inverse, out=inverse)
        value = np.sqrt(inverse) if self.power == 1.0 else inverse ** (0.5 * self.power)
        inverse *= value
        if self.power != 1.0:
            inverse *= self.power
        return value, inverse

    def curvature(self, cosines: FloatArray) -> FloatArray:
        """Second derivatives f''(t), zero on the diagonal; `cosines` (…, n, n) is overwritten."""
        inverse = cosines
        inverse *= -2.0
        inverse += 2.0
        n = inverse.shape[-1]
        inverse.reshape(*inverse.shape[:-2], n * n)[..., :: n + 1] = np.inf
        np.divide(1.0, inverse, out=inverse)
        factor = 2.0 if self.power == 0.0 else self.power * (self.power + 2.0)
        power = self.power
        inverse **= 0.5 * power + 2.0
        inverse *= factor
        return inverse

    def energy_and_gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Energies (…,) and gradients (…, n, dim) along the sphere, of unit rows (…, n, dim)."""
        value, slope = self.value_and_slope(x @ x.swapaxes(-1, -2))
        n = x.shape[-2]
        energy = 0.5 * value.reshape(*value.shape[:-2], n * n).sum(-1)
        gradient = slope @ x
        gradient -= np.einsum("...d,...d->...", gradient, x)[..., None] * x
        return energy, gradient
