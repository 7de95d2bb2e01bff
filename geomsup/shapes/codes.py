"""Exceptional shapes of four dimensions and more: polytopes, graph codes, root systems.

Each has coordinates so short that its construction is its proof: the eigenspace of a graph
written in characters, the Hessian polyhedron in C³ for the 27 lines, the Fano plane for E7.
Complex coordinates become real ones by listing real and imaginary parts.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from geomsup.shapes.constructors import (
    FloatArray,
    cartesian_product,
    orthoplex,
    polygon,
    signed_points,
    simplex,
    unit_rows,
)
from geomsup.shapes.solids import GOLDEN

__all__ = [
    "demicube",
    "e6_roots",
    "e7_roots",
    "e8_roots",
    "gosset_56",
    "hexacosichoron",
    "icositetrachoron",
    "rectified_simplex",
    "rook_code",
    "schlaefli_27",
    "shrikhande_code",
    "three_three_duoprism",
]

# Lines {i, i+1, i+3} mod 7 of the Fano plane.
_FANO_LINES = np.array([sorted((i, (i + 1) % 7, (i + 3) % 7)) for i in range(7)])


def _real(points: NDArray[np.complex128]) -> FloatArray:
    return unit_rows(np.hstack([points.real, points.imag]))


def _on_supports(supports: NDArray[np.int_], dim: int) -> FloatArray:
    patterns = np.zeros((len(supports), dim))
    np.put_along_axis(patterns, supports, 1.0, axis=1)
    return np.vstack([signed_points(pattern) for pattern in patterns])


def _pairs(dim: int) -> NDArray[np.int_]:
    return np.array(list(itertools.combinations(range(dim), 2)))


def demicube(dim: int) -> FloatArray:
    """The vertices of the cube with an even number of minus signs.

    Parameters
    ----------
    dim : int
        Dimension, 3 or more.

    Returns
    -------
    ndarray of shape (2 ** (dim - 1), dim)

    Examples
    --------
    >>> demicube(5).shape
    (16, 5)
    """
    points = signed_points(np.ones(dim))
    return unit_rows(points[points.prod(axis=1) > 0])


def icositetrachoron() -> FloatArray:
    """The 24-cell: all ±e_i ± e_j, the roots of D4, ndarray of shape (24, 4).

    Examples
    --------
    >>> icositetrachoron().shape
    (24, 4)
    """
    return unit_rows(_on_supports(_pairs(4), 4))


def hexacosichoron() -> FloatArray:
    """The 600-cell: ±e_i, (±½)⁴, even permutations of ½(±φ, ±1, ±1/φ, 0), shape (120, 4).

    Examples
    --------
    >>> hexacosichoron().shape
    (120, 4)
    """
    snub = signed_points([GOLDEN, 1.0, 1.0 / GOLDEN, 0.0]) / 2.0
    even = [
        order
        for order in itertools.permutations(range(4))
        if np.linalg.det(np.eye(4)[list(order)]) > 0
    ]
    return unit_rows(
        np.vstack([orthoplex(4), signed_points(np.full(4, 0.5)), *(snub[:, o] for o in even)])
    )


def rectified_simplex(dim: int) -> FloatArray:
    """Midpoints of a simplex's edges, pushed to the sphere.

    Parameters
    ----------
    dim : int
        Dimension, 2 or more; 4 gives the Petersen code.

    Returns
    -------
    ndarray of shape (dim * (dim + 1) / 2, dim)

    Examples
    --------
    >>> points = rectified_simplex(4)
    >>> sorted({float(c) for c in (points @ points[0]).round(4)})
    [-0.6667, 0.1667, 1.0]
    """
    corners = simplex(dim)
    pairs = _pairs(dim + 1)
    return unit_rows(corners[pairs[:, 0]] + corners[pairs[:, 1]])


def three_three_duoprism() -> FloatArray:
    """Pairs of triangle vertices, the code of the 3×3 rook graph, ndarray of shape (9, 4).

    Examples
    --------
    >>> three_three_duoprism().shape
    (9, 4)
    """
    return cartesian_product(polygon(3), polygon(3))


def rook_code() -> FloatArray:
    """The 4×4 rook graph in its eigenspace of eigenvalue 2, ndarray of shape (16, 6).

    Notes
    -----
    The eigenspace consists of the functions f(row) + g(column) with Σf = Σg = 0, so each square
    of the board is a pair of tetrahedron vertices.  Cosines are 1/3 (a rook's move) and −1/3: an
    equiangular tight frame.

    Examples
    --------
    >>> points = rook_code()
    >>> sorted({float(c) for c in (points @ points[0]).round(4)})
    [-0.3333, 0.3333, 1.0]
    """
    return cartesian_product(simplex(3), simplex(3))


def shrikhande_code() -> FloatArray:
    """The Shrikhande graph in its eigenspace of eigenvalue 2, ndarray of shape (16, 6).

    Notes
    -----
    The graph joins points of Z4 × Z4 that differ by ±(1, 0), ±(0, 1) or ±(1, 1).  The characters
    with eigenvalue 2 are iˣ, iʸ, iˣ⁻ʸ and their conjugates.  Every row of its Gram matrix has the
    same entries as the rook graph's, and so has the spectrum, yet the two are not congruent.

    Examples
    --------
    >>> points = shrikhande_code()
    >>> sorted({float(c) for c in (points @ points[0]).round(4)})
    [-0.3333, 0.3333, 1.0]
    """
    x, y = np.divmod(np.arange(16), 4)
    # A table, because powers of the complex unit carry rounding errors.
    powers = np.array([1, 1j, -1, -1j])
    return _real(np.column_stack([powers[x], powers[y], powers[(x - y) % 4]]))


def _cube_roots() -> NDArray[np.complex128]:
    plane = polygon(3)
    return plane[:, 0] + 1j * plane[:, 1]


def schlaefli_27() -> FloatArray:
    """The Hessian polyhedron in C³, one vertex for each line on a cubic surface, shape (27, 6).

    Notes
    -----
    Cyclic permutations of (0, ω^λ, −ω^μ), ω a primitive third root of unity (Coxeter 1991).

    Examples
    --------
    >>> points = schlaefli_27()
    >>> sorted({float(c) for c in (points @ points[0]).round(4)})
    [-0.5, 0.25, 1.0]
    """
    omega = _cube_roots()
    first = np.array([[0.0, a, -b] for a in omega for b in omega])
    return _real(np.vstack([np.roll(first, shift, axis=1) for shift in range(3)]))


def gosset_56() -> FloatArray:
    """±1 on each line of the Fano plane, ndarray of shape (56, 7).

    Notes
    -----
    The shortest vectors of the dual of the E7 lattice; two lines share one point, so the cosines
    are ±1/3 and ±1.

    Examples
    --------
    >>> points = gosset_56()
    >>> sorted({float(c) for c in (points @ points[0]).round(4)})
    [-1.0, -0.3333, 0.3333, 1.0]
    """
    return unit_rows(_on_supports(_FANO_LINES, 7))


def e6_roots() -> FloatArray:
    """Shortest vectors of the E6 lattice over the Eisenstein integers, ndarray of shape (72, 6).

    Notes
    -----
    ±√−3 ω^j on one coordinate (18) and ±(ω^a, ω^b, ω^c) (54) in C³ (Conway and Sloane 1999).

    Examples
    --------
    >>> e6_roots().shape
    (72, 6)
    """
    omega = _cube_roots()
    root = omega[1] - omega[2]
    axes = np.vstack([root * w * np.eye(3) for w in omega])
    dense = np.array(list(itertools.product(omega, repeat=3)))
    return _real(np.vstack([axes, -axes, dense, -dense]))


def e7_roots() -> FloatArray:
    """±2e_i and ±1 on the complement of each Fano line, ndarray of shape (126, 7).

    Examples
    --------
    >>> e7_roots().shape
    (126, 7)
    """
    complements = np.array([np.setdiff1d(np.arange(7), line) for line in _FANO_LINES])
    return unit_rows(np.vstack([orthoplex(7), _on_supports(complements, 7)]))


def e8_roots() -> FloatArray:
    """±e_i ± e_j and ½(±1)⁸ with an even number of minus signs, ndarray of shape (240, 8).

    Examples
    --------
    >>> e8_roots().shape
    (240, 8)
    """
    return unit_rows(np.vstack([_on_supports(_pairs(8), 8), demicube(8)]))
