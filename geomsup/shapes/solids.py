"""Three-dimensional shapes without a free parameter.

Coordinates are the classical ones wherever there are any.  Some shapes have a symmetry too low to
fix their vertices, so a principle picks them.  The capped octahedron is the best packing of seven
points, the capped cube that of nine among those of its symmetry; the muffin's pentagon and triangle
have sides as long as the ways between them; the directions of the spherical square pyramid sum to
zero.  The triangular dodecahedron is the configuration of least Coulomb energy among those of its
symmetry D2d (it is a saddle among all configurations, whose minimum is the square antiprism; its
two angles come from Newton's method, not from a table).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.shapes.constructors import FloatArray, orthoplex, polygon, signed_points, unit_rows
from geomsup.shapes.families import COMPLEX_STEP, coulomb_energy, rising_root

__all__ = [
    "anticuboctahedron",
    "capped_cube",
    "capped_octahedron",
    "cuboctahedron",
    "dodecahedron",
    "icosahedron",
    "muffin",
    "snub_cube",
    "spherical_square_pyramid",
    "triangular_dodecahedron",
    "truncated_tetrahedron",
]

GOLDEN = (1.0 + math.sqrt(5.0)) / 2.0

# The cosine between neighbours in a pentagon.
_FIFTH = math.cos(math.radians(72.0))
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


def _square(height: float) -> FloatArray:
    return np.column_stack(
        [math.sqrt(1.0 - height * height) * orthoplex(2), np.full(4, height)],
    )


def spherical_square_pyramid() -> FloatArray:
    """A pole and a square so far below the equator that all sum to zero, ndarray of shape (5, 3).

    Examples
    --------
    >>> np.degrees(np.arccos(spherical_square_pyramid()[:, 2])).round(2).tolist()
    [0.0, 104.48, 104.48, 104.48, 104.48]
    """
    return np.vstack([[[0.0, 0.0, 1.0]], _square(-0.25)])


def capped_cube() -> FloatArray:
    """A pole over two squares that lie over one another, as far apart as can be, shape (9, 3).

    Notes
    -----
    The upper square lies at the smallest angle δ from the pole, the lower one at δ below the
    upper, and its sides are δ too: cos δ = t² with 2t³ − 2t² + 2t = 1, at the heights t² and −t.

    Examples
    --------
    >>> capped_cube()[[0, 1, 5], 2].round(4).tolist()
    [1.0, 0.4196, -0.6478]
    """
    t = rising_root(lambda t: 2.0 * t * (t * t - t + 1.0) - 1.0, 0.0, 1.0)
    return np.vstack([[[0.0, 0.0, 1.0]], _square(t * t), _square(-t)])


def muffin() -> FloatArray:
    """A pole, a pentagon a little above the equator and a triangle below, ndarray of shape (9, 3).

    Notes
    -----
    A vertex of the triangle lies below one of the pentagon.  The sides of both are as long as the
    ways from the other two of the triangle to the nearest of the pentagon.

    Examples
    --------
    >>> np.degrees(np.arcsin(muffin()[[0, 1, 6], 2])).round(2).tolist()
    [90.0, 9.05, -47.91]
    """

    def triangle_height(height: float) -> float:
        side = _FIFTH + (1.0 - _FIFTH) * height * height
        return -math.sqrt((side + 0.5) / 1.5)

    def gap(height: float) -> float:
        side = _FIFTH + (1.0 - _FIFTH) * height * height
        low = triangle_height(height)
        radii = math.sqrt((1.0 - height * height) * (1.0 - low * low))
        return side - height * low - math.cos(math.radians(48.0)) * radii

    height = rising_root(gap, 0.0, 0.5)
    rings = [
        np.column_stack([math.sqrt(1.0 - z * z) * polygon(k), np.full(k, z)])
        for k, z in ((5, height), (3, triangle_height(height)))
    ]
    return np.vstack([[[0.0, 0.0, 1.0]], *rings])


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
    Two angles are free: four vertices at angle a from the main axis, four at angle b.  Newton's
    method on the energy starts from the hard-sphere model of Hoard and Silverton (1963).

    Examples
    --------
    >>> round(float(coulomb_energy(triangular_dodecahedron())), 6)
    19.681634
    """

    def gradient(angles: NDArray[np.float64]) -> NDArray[np.float64]:
        steps = COMPLEX_STEP * 1j * np.eye(2)
        values = [coulomb_energy(_dodecahedron_points(angles + step)).imag for step in steps]
        return np.array(values) / COMPLEX_STEP

    angles = np.radians([36.9, 69.5])
    # An approximate Hessian only slows Newton down; six steps reach rounding from here.
    for _ in range(6):
        columns = [
            (gradient(angles + step) - gradient(angles - step)) / (2.0 * _HESSIAN_STEP)
            for step in _HESSIAN_STEP * np.eye(2)
        ]
        angles = angles - np.linalg.solve(np.array(columns), gradient(angles))
    return np.asarray(_dodecahedron_points(angles), dtype=np.float64)
