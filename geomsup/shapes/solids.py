"""Three-dimensional shapes without a free parameter.

Coordinates are the classical ones wherever there are any.  Some shapes have a symmetry too low to
fix their vertices, so a principle picks them: the capped octahedron is the best packing of seven
points (it has a closed form); the triangular dodecahedron, the spherical square pyramid and the
capped cube are the configurations of least Coulomb energy among those of their symmetry.  Among
all configurations these are saddles (the least energy of eight points is the square antiprism's);
their angles come from Newton's method, not from a table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.shapes.constructors import FloatArray, orthoplex, polygon, signed_points, unit_rows
from geomsup.shapes.families import coulomb_energy

__all__ = [
    "anticuboctahedron",
    "capped_cube",
    "capped_octahedron",
    "cuboctahedron",
    "dodecahedron",
    "icosahedron",
    "snub_cube",
    "spherical_square_pyramid",
    "triangular_dodecahedron",
    "truncated_tetrahedron",
]

GOLDEN = (1.0 + math.sqrt(5.0)) / 2.0

_COMPLEX_STEP = 1e-30
_HESSIAN_STEP = 1e-4


def _cyclic(points: FloatArray) -> FloatArray:
    return np.vstack([np.roll(points, shift, axis=1) for shift in range(3)])


def icosahedron() -> FloatArray:
    """Cyclic permutations of (0, ±1, ±φ), ndarray of shape (12, 3).

    Examples
    --------
    >>> sorted({float(c) for c in (icosahedron() @ icosahedron()[0]).round(4)})
    [-1.0, -0.4472, 0.4472, 1.0]
    """
    return unit_rows(_cyclic(signed_points([0.0, 1.0, GOLDEN])))


def dodecahedron() -> FloatArray:
    """(±1, ±1, ±1) and cyclic permutations of (0, ±1/φ, ±φ), ndarray of shape (20, 3).

    Examples
    --------
    >>> dodecahedron().shape
    (20, 3)
    """
    cube = signed_points([1.0, 1.0, 1.0])
    return unit_rows(np.vstack([cube, _cyclic(signed_points([0.0, 1.0 / GOLDEN, GOLDEN]))]))


def cuboctahedron() -> FloatArray:
    """Cyclic permutations of (0, ±1, ±1), ndarray of shape (12, 3).

    Examples
    --------
    >>> cuboctahedron().shape
    (12, 3)
    """
    return unit_rows(_cyclic(signed_points([0.0, 1.0, 1.0])))


def anticuboctahedron() -> FloatArray:
    """A hexagon between two triangles, one the mirror image of the other, shape (12, 3).

    Notes
    -----
    Turning one of the triangles by 60° gives the cuboctahedron; here they lie over one another,
    as in hexagonal close packing.

    Examples
    --------
    >>> anticuboctahedron().shape
    (12, 3)
    """
    belt = np.column_stack([polygon(6), np.zeros(6)])
    turned = polygon(12)[1::4] / math.sqrt(3.0)
    height = math.sqrt(2.0 / 3.0)
    caps = [np.column_stack([turned, np.full(3, sign * height)]) for sign in (1.0, -1.0)]
    return np.vstack([belt, *caps])


def truncated_tetrahedron() -> FloatArray:
    """Cyclic permutations of (±3, ±1, ±1) with positive product of signs, shape (12, 3).

    Examples
    --------
    >>> truncated_tetrahedron().shape
    (12, 3)
    """
    points = signed_points([3.0, 1.0, 1.0])
    return unit_rows(_cyclic(points[points.prod(axis=1) > 0]))


def snub_cube() -> FloatArray:
    """One of the two mirror-image snub cubes, ndarray of shape (24, 3).

    Notes
    -----
    Even permutations of (±1, ±1/t, ±t) with positive product and odd permutations with negative
    product, where t is the tribonacci constant, the real root of t³ = t² + t + 1.

    Examples
    --------
    >>> snub_cube().shape
    (24, 3)
    """
    root = 3.0 * math.sqrt(33.0)
    t = (1.0 + math.cbrt(19.0 - root) + math.cbrt(19.0 + root)) / 3.0
    points = signed_points([1.0, 1.0 / t, t])
    even = _cyclic(points[points.prod(axis=1) > 0])
    odd = _cyclic(points[points.prod(axis=1) < 0][:, ::-1])
    return unit_rows(np.vstack([even, odd]))


def capped_octahedron() -> FloatArray:
    """The best packing of seven points on the sphere, ndarray of shape (7, 3).

    Notes
    -----
    A pole, a triangle at the smallest angle δ from it, and a triangle below, turned by 60°, whose
    sides are δ too; cos δ = cot 40° cot 80° (Schütte and van der Waerden 1951).

    Examples
    --------
    >>> points = capped_octahedron()
    >>> (points @ points[0]).round(3).tolist()
    [1.0, 0.21, 0.21, 0.21, -0.688, -0.688, -0.688]
    """
    upper = 1.0 / (math.tan(math.radians(40.0)) * math.tan(math.radians(80.0)))
    lower = -math.sqrt((1.0 + 2.0 * upper) / 3.0)  # (3 z² − 1)/2 = cos δ along its sides
    hexagon = polygon(6)
    rings = [
        np.column_stack([math.sqrt(1.0 - z * z) * hexagon[start::2], np.full(3, z)])
        for start, z in ((0, upper), (1, lower))
    ]
    return np.vstack([[[0.0, 0.0, 1.0]], *rings])


def _least_energy(
    build: Callable[[NDArray[Any]], NDArray[Any]], degrees: tuple[float, ...]
) -> FloatArray:
    """The points of least Coulomb energy among those of some angles, by Newton's method."""
    n_angles = len(degrees)

    def gradient(angles: NDArray[np.float64]) -> NDArray[np.float64]:
        steps = _COMPLEX_STEP * 1j * np.eye(n_angles)
        values = [coulomb_energy(build(angles + step)).imag for step in steps]
        return np.array(values) / _COMPLEX_STEP

    angles = np.radians(degrees)
    # An approximate Hessian only slows Newton down; six steps reach rounding from whole degrees.
    for _ in range(6):
        columns = [
            (gradient(angles + step) - gradient(angles - step)) / (2.0 * _HESSIAN_STEP)
            for step in _HESSIAN_STEP * np.eye(n_angles)
        ]
        angles = angles - np.linalg.solve(np.array(columns), gradient(angles))
    return np.asarray(build(angles), dtype=np.float64)


def _squares_under_a_pole(angles: NDArray[Any]) -> NDArray[Any]:
    """A pole, and squares that lie over one another at some angles from it."""
    square = orthoplex(2)
    rings = [
        np.column_stack([np.sin(angle) * square, np.repeat(np.cos(angle), 4)]) for angle in angles
    ]
    return np.vstack([[[0.0, 0.0, 1.0]], *rings])


def spherical_square_pyramid() -> FloatArray:
    """A pole and four points below the equator, of least Coulomb energy, shape (5, 3).

    Examples
    --------
    >>> np.degrees(np.arccos(spherical_square_pyramid()[:, 2])).round(2).tolist()
    [0.0, 104.08, 104.08, 104.08, 104.08]
    """
    return _least_energy(_squares_under_a_pole, (104.0,))


def capped_cube() -> FloatArray:
    """A square prism with a cap over one square, of least Coulomb energy, shape (9, 3).

    Examples
    --------
    >>> np.degrees(np.arccos(capped_cube()[[0, 1, 5], 2])).round(2).tolist()
    [0.0, 67.03, 129.72]
    """
    return _least_energy(_squares_under_a_pole, (67.0, 130.0))


def _dodecahedron_points(angles: NDArray[Any]) -> NDArray[Any]:
    # Two discs of four around the S4 axis, angle a or b from it; real or complex angles.
    (sin_a, sin_b), (cos_a, cos_b) = np.sin(angles), np.cos(angles)
    return np.array(
        [
            [point * sign for point in xy] + [height]
            for xy, height in (
                ((sin_a, 0.0), cos_a),
                ((0.0, sin_a), -cos_a),
                ((0.0, sin_b), cos_b),
                ((sin_b, 0.0), -cos_b),
            )
            for sign in (1.0, -1.0)
        ]
    )


def triangular_dodecahedron() -> FloatArray:
    """Eight points of symmetry D2d with the least Coulomb energy, ndarray of shape (8, 3).

    Notes
    -----
    Two angles are free: four vertices at angle a from the main axis, four at angle b.

    Examples
    --------
    >>> round(float(coulomb_energy(triangular_dodecahedron())), 6)
    19.681634
    """

    # The start is the hard-sphere model of Hoard and Silverton (1963).
    return _least_energy(_dodecahedron_points, (36.9, 69.5))
