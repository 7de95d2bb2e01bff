"""Prisms and antiprisms with caps: the shapes that keep one free parameter.

All of them are one construction, so one small class holds them all: two horizontal k-gons at
latitudes ±elevation, the lower one turned by half a step for an antiprism, plus caps over faces.
Caps never move: over the side faces of a prism they stand on the equator, over the k-gons of an
antiprism at the poles.  A capped or bicapped shape is therefore its fully capped relative with
caps missing, which keeps it well apart from its neighbours (relaxing every coordinate would pull
the bicapped triangular prism all the way into the square antiprism).

The vertices are analytic in the elevation, so energies are differentiated by a complex step,
dE/dφ = Im E(φ + iε)/ε, exact to rounding; the minima are then zeros found by bisection.  That
needs no optimisation package and a few milliseconds, paid when a landmark is first asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.shapes.constructors import FloatArray
from geomsup.shapes.polytopes import ShapeFamily

__all__ = [
    "COMPLEX_STEP",
    "CappedRings",
    "bisect_minimum",
    "capped_family",
    "coulomb_energy",
    "positive_overlap",
    "rising_root",
]

# Holomorphic functions of the vertices take real or complex rows alike.
Rows = NDArray[Any]
Energy = Callable[[Rows], Any]

# Of derivatives without any difference, so that it cannot be too small.
COMPLEX_STEP = 1e-30


@lru_cache(maxsize=64)
def _pairs(n_vertices: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    # Making the indices takes longer than summing an energy over them.
    i, j = np.triu_indices(n_vertices, k=1)
    return i, j


def coulomb_energy(rows: Rows) -> Any:
    """Σ_{i<j} 1/|x_i − x_j| of unit rows, the energy of the Thomson problem.

    Parameters
    ----------
    rows : ndarray of shape (n_vertices, dim)
        Unit rows; complex rows are taken holomorphically (no conjugation).

    Returns
    -------
    float or complex

    Examples
    --------
    >>> import numpy as np
    >>> float(coulomb_energy(np.array([[1.0], [-1.0]])))
    0.5
    """
    return (1.0 / np.sqrt(2.0 - 2.0 * (rows @ rows.T)[_pairs(len(rows))])).sum()


def positive_overlap(rows: Rows) -> Any:
    """Σ_{i<j} relu(cos_ij)², the overlaps that a sparse ReLU model pays for.

    Parameters
    ----------
    rows : ndarray of shape (n_vertices, dim)
        Unit rows; complex rows are taken holomorphically (no conjugation).

    Returns
    -------
    float or complex

    Examples
    --------
    >>> from geomsup.shapes.constructors import orthoplex
    >>> float(positive_overlap(orthoplex(3)))
    0.0
    """
    cosines = (rows @ rows.T)[_pairs(len(rows))]
    return (cosines[cosines.real > 0] ** 2).sum()


def bisect_minimum(
    energy: Energy, build: Callable[[Any], Rows], bounds: tuple[float, float]
) -> float:
    """Parameter in an interval at which an energy that falls, then rises, is least.

    Parameters
    ----------
    energy : callable
        Vertices to energy; holomorphic near real vertices.
    build : callable
        Parameter, real or complex, to vertices.
    bounds : tuple of float
        Interval at whose left end the energy falls and at whose right end it rises.

    Returns
    -------
    float
        The zero of dE/dφ, to the last bit that bisection can tell apart.

    Raises
    ------
    ArithmeticError
        If the derivative does not change sign from − to + over the interval.

    Examples
    --------
    >>> ring = CappedRings(sides=3, twisted=True)
    >>> regular = bisect_minimum(coulomb_energy, ring.points, (0.3, 0.9))
    >>> abs(regular - math.atan(math.sqrt(0.5))) < 1e-14
    True
    """

    def slope(parameter: float) -> float:
        return float(energy(build(parameter + COMPLEX_STEP * 1j)).imag)

    if not slope(bounds[0]) < 0 < slope(bounds[1]):
        raise ArithmeticError(f"no minimum is bracketed by {bounds}")
    return rising_root(slope, *bounds)


def rising_root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that rises from below zero to above it is zero, to the last bit.

    Examples
    --------
    >>> abs(rising_root(lambda x: x * x - 2.0, 0.0, 2.0) - math.sqrt(2.0)) < 1e-15
    True
    """
    while low < (middle := 0.5 * (low + high)) < high:
        if function(middle) < 0:
            low = middle
        else:
            high = middle
    return middle


@dataclass(frozen=True)
class CappedRings:
    """Two horizontal k-gons and some caps, with the elevation of the k-gons left free.

    Parameters
    ----------
    sides : int
        k.
    twisted : bool
        Whether the lower k-gon is turned by π/k: an antiprism instead of a prism.
    caps : int
        Number of caps: over side faces (prism, at most k), or at the poles (antiprism, at most 2).

    Examples
    --------
    >>> CappedRings(sides=3, twisted=False, caps=3).points(0.7).shape
    (9, 3)
    """

    sides: int
    twisted: bool
    caps: int = 0

    def points(self, elevation: complex) -> Rows:
        """Unit rows (upper k-gon, lower k-gon, caps) at an elevation, real or complex."""
        upper = 2 * np.pi * np.arange(self.sides) / self.sides
        lower = upper + np.pi / self.sides if self.twisted else upper
        azimuth = np.concatenate([upper, lower])
        height = np.repeat([1.0, -1.0], self.sides) * np.sin(elevation)
        radius = np.cos(elevation)
        rings = np.column_stack([radius * np.cos(azimuth), radius * np.sin(azimuth), height])
        return np.vstack([rings, self._caps()])

    def _caps(self) -> FloatArray:
        if self.twisted:
            return np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])[: self.caps]
        azimuth = np.pi * (2 * np.arange(self.caps) + 1) / self.sides
        return np.column_stack([np.cos(azimuth), np.sin(azimuth), np.zeros(self.caps)])

    def tight_frame(self) -> float | None:
        """Elevation at which VᵀV = (n_vertices / 3)·1, or None where the caps forbid it."""
        rings = 2 * self.sides
        if self.twisted:
            # Σz² = rings·sin² + caps = (rings + caps)/3; the horizontal part is isotropic.
            return math.asin(math.sqrt((rings - 2 * self.caps) / (3 * rings)))
        if self.caps in (0, self.sides):
            return math.asin(math.sqrt((rings + self.caps) / (3 * rings)))
        return None

    def equal_edge(self) -> float:
        """Elevation at which all edges of the prism or antiprism, caps aside, are equal."""
        side = math.sin(math.pi / self.sides)
        if not self.twisted:
            return math.atan(side)  # 2 cos φ sin(π/k) = 2 sin φ
        half = math.sin(math.pi / (2 * self.sides))
        return math.atan(math.sqrt(side**2 - half**2))  # sin² φ + cos² φ half² = cos² φ side²

    def packing(self) -> float:
        """Elevation at which the smallest angle between vertices is largest."""
        # The least angle is where a cosine that falls with φ meets one that rises.
        if self.caps == 0:
            return self.equal_edge()  # between the k-gons against along their sides
        if self.twisted:
            # Square antiprism: (1 − s²)/√2 − s² between the squares, s to the cap, s = sin φ.
            return math.asin(math.sqrt(2.0) - 1.0)
        # Triangular prism: c/2 to the cap, 1 − 3c²/2 along the triangle, c = cos φ.
        return math.acos(2.0 / 3.0)

    def real_points(self, elevation: float) -> FloatArray:
        """Unit rows at a real elevation, ndarray of shape (n_vertices, 3)."""
        return np.asarray(self.points(float(elevation)), dtype=np.float64)


class _Landmarks(Mapping[str, float]):
    """A mapping whose values are computed on first access and then kept."""

    def __init__(self, recipes: Mapping[str, float | Callable[[], float]]) -> None:
        self._values: dict[str, float | Callable[[], float]] = dict(recipes)

    def __getitem__(self, name: str) -> float:
        value = self._values[name]
        if callable(value):
            value = self._values[name] = value()
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(dict(self))


def capped_family(rings: CappedRings, default: str, bounds: tuple[float, float]) -> ShapeFamily:
    """The family of a capped or plain prism or antiprism.

    Parameters
    ----------
    rings : CappedRings
        The construction; caps are supported on the triangular prism and the square antiprism.
    default : str
        Landmark whose elevation is the family's default.
    bounds : tuple of float
        Range of the elevation, in rad.

    Returns
    -------
    ShapeFamily

    Examples
    --------
    >>> family = capped_family(CappedRings(sides=4, twisted=True), "tight frame", (0.25, 1.0))
    >>> round(family.default, 6), round(family.landmarks["equal edge"], 6)
    (0.61548, 0.536442)
    """
    recipes: dict[str, float | Callable[[], float]] = {}
    tight = rings.tight_frame()
    if tight is not None:
        recipes["tight frame"] = tight
    recipes["Thomson"] = partial(bisect_minimum, coulomb_energy, rings.points, bounds)
    recipes["equal edge"] = rings.equal_edge()
    recipes["packing"] = rings.packing()
    recipes["least Σrelu(cos)²"] = partial(bisect_minimum, positive_overlap, rings.points, bounds)
    landmarks = _Landmarks(recipes)
    return ShapeFamily(
        parameter="elevation",
        unit="rad",
        bounds=bounds,
        default=landmarks[default],
        landmarks=landmarks,
        build=rings.real_points,
    )
