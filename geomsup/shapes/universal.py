"""Universally optimal codes beyond eight dimensions (Cohn and Kumar 2007, Table 1).

No other code of as many points on the same sphere has less energy, whatever the (completely
monotonic) energy.  Two constructions make all of them that the catalogue has room for:

* *isotropic codes*: the points of an elliptic quadric over the field of q elements, two of them
  at cosine −1/q if they are orthogonal and 1/q² if not; 27, 112, 325 and 756 points.
* *sections of the Leech lattice*: its shortest vectors that have given inner products with one or
  two others, projected at right angles to those; 552, 891, 275 points, and from the 275 the 162
  that are no neighbours of one.  The 100 points of Higman and Sims are made from the same 24
  coordinates by way of the Golay code.

Of the same table the 4600 and the 196560 points beside them are more than a shape may have.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from geomsup.shapes.constructors import FloatArray, signed_points, unit_rows

__all__ = [
    "higman_sims_100",
    "isotropic_code",
    "leech_552",
    "leech_891",
    "mclaughlin_162",
    "mclaughlin_275",
]

IntArray = NDArray[np.int_]

# x² + x + 1 over GF(2) makes GF(4): products of 0, 1, a, a + 1, coded as 0 … 3.
_GF4 = np.array([[0, 0, 0, 0], [0, 1, 2, 3], [0, 2, 3, 1], [0, 3, 1, 2]])


def isotropic_code(q: int) -> FloatArray:
    """The points of the elliptic quadric Q⁻(5, q) as a spherical code.

    Parameters
    ----------
    q : int
        2, 3, 4 or 5: order of the field.

    Returns
    -------
    ndarray of shape ((q + 1) * (q**3 + 1), q * (q**2 - q + 1))

    Notes
    -----
    Orthogonal points are the edges of a strongly regular graph; its least eigenvalue −q² − 1 has
    the eigenspace onto which the vertices are projected (Cameron, Goethals, Seidel 1978).

    Examples
    --------
    >>> points = isotropic_code(2)
    >>> points.shape, sorted({float(c) for c in (points @ points[0]).round(4)})
    ((27, 6), [-0.5, 0.25, 1.0])
    """
    rows = np.array(list(itertools.product(range(q), repeat=6)))[1:]
    # One vector for each point of the projective space: the first entry that is not zero is one.
    leading = rows[np.arange(len(rows)), (rows != 0).argmax(axis=1)]
    rows = rows[leading == 1]

    def times(a: IntArray, b: IntArray | int) -> IntArray:
        return np.asarray(_GF4[a, b] if q == 4 else a * b % q)

    def plus(*terms: IntArray) -> IntArray:
        total = terms[0]
        for term in terms[1:]:
            total = total ^ term if q == 4 else (total + term) % q
        return np.asarray(total)

    # x₀x₁ + x₂x₃ + (x₄² + x₄x₅ + c x₅²), whose last part is zero for x₄ = x₅ = 0 alone.
    field = np.arange(q)
    x, y = field[:, None], np.ones((1, q - 1), dtype=int) * field[1:]
    square, mixed = plus(times(x, x), times(x, y)), times(y, y)
    c = next(c for c in range(q) if (plus(square, times(mixed, c)) != 0).all())

    def form(a: IntArray, b: IntArray) -> IntArray:
        """A bilinear form whose values for a = b are those of the quadratic one."""
        return plus(
            times(a[..., 0], b[..., 1]),
            times(a[..., 2], b[..., 3]),
            times(a[..., 4], b[..., 4]),
            times(a[..., 4], b[..., 5]),
            times(times(a[..., 5], b[..., 5]), c),
        )

    points = rows[form(rows, rows) == 0]
    a, b = points[:, None], points[None]
    return _eigenspace((plus(form(a, b), form(b, a)) == 0) & ~np.eye(len(points), dtype=bool))


def _eigenspace(adjacent: NDArray[np.bool_]) -> FloatArray:
    """The vertices of a strongly regular graph projected onto its least eigenvalue's space."""
    values, vectors = np.linalg.eigh(adjacent.astype(float))
    return unit_rows(vectors[:, values < values[0] + 0.5])


@lru_cache(maxsize=1)
def _golay() -> IntArray:
    """The extended binary Golay code, (4096, 24): squares modulo 23, and a parity bit."""
    squares = {k * k % 23 for k in range(1, 23)}
    word = np.array([k in squares for k in range(23)])
    words = {bytes(24)}
    for shift in range(23):
        cyclic = np.roll(word, shift)
        new = np.append(cyclic, cyclic.sum() % 2).astype(np.uint8)
        if new.tobytes() not in words:
            words |= {(np.frombuffer(w, np.uint8) ^ new).tobytes() for w in words}
    return np.array([np.frombuffer(w, np.uint8) for w in sorted(words)], dtype=np.int_)


def _leech() -> IntArray:
    """The 196560 shortest vectors of the Leech lattice times √8, (196560, 24)."""
    code = _golay()
    pairs = []
    for i, j in itertools.combinations(range(24), 2):
        for signs in itertools.product((4, -4), repeat=2):
            row = np.zeros(24, dtype=np.int_)
            row[[i, j]] = signs
            pairs.append(row)
    even = signed_points(np.full(8, 2.0)).astype(np.int_)
    even = even[(even < 0).sum(axis=1) % 2 == 0]
    octads = code[code.sum(axis=1) == 8]
    twos = np.zeros((len(octads), len(even), 24), dtype=np.int_)
    for block, octad in zip(twos, octads, strict=True):
        block[:, octad == 1] = even
    ones = np.where(code == 1, -1, 1)
    threes = [ones - 4 * ones * (np.arange(24) == k) for k in range(24)]
    return np.vstack([np.array(pairs), twos.reshape(-1, 24), *threes])


def _section(fixed: list[IntArray], products: tuple[int, ...]) -> FloatArray:
    """Shortest vectors with given products with some fixed ones, projected off those."""
    vectors, off = _leech(), np.array(fixed).T
    chosen = vectors[(vectors @ off == products).all(axis=1)]
    axes = np.linalg.qr(np.hstack([off, np.eye(24)]))[0][:, len(fixed) : 24]
    return unit_rows(chosen @ axes)


def _vector(*start: int, rest: int = 0) -> IntArray:
    return np.array([*start, *[rest] * (24 - len(start))])


def leech_552() -> FloatArray:
    """276 equiangular lines: at half of a vector of squared length 6, ndarray of shape (552, 23).

    Examples
    --------
    >>> points = leech_552()
    >>> points.shape, sorted({float(c) for c in (points @ points[0]).round(4)})
    ((552, 23), [-1.0, -0.2, 0.2, 1.0])
    """
    return _section([_vector(5, rest=1)], (24,))


def leech_891() -> FloatArray:
    """At 60° from two shortest vectors that are so from one another, ndarray of shape (891, 22)."""
    return _section([_vector(4, 4), _vector(4, 0, 4)], (16, 16))


def mclaughlin_275() -> FloatArray:
    """At 60° from two shortest vectors at cosine 1/4, ndarray of shape (275, 22)."""
    return _section([_vector(4, 4), _vector(1, 1, -3, rest=1)], (16, 16))


def mclaughlin_162() -> FloatArray:
    """Those of the 275 at cosine 1/6 from one of them, projected off it, shape (162, 21)."""
    points = mclaughlin_275()
    others = points[points @ points[0] > 0.0][1:]
    axes = np.linalg.qr(np.column_stack([points[0], np.eye(22)]))[0][:, 1:22]
    return unit_rows(others @ axes)


def higman_sims_100() -> FloatArray:
    """The graph of Higman and Sims as a spherical code, ndarray of shape (100, 22).

    Notes
    -----
    One vertex, 22 points, and the 77 blocks of the Steiner system S(3, 6, 22), which are the
    octads of the Golay code through two places; the one is joined to all points, a point to its
    blocks, and blocks without a common point to each other.
    """
    code = _golay()
    octads = code[code.sum(axis=1) == 8]
    blocks = octads[octads[:, :2].all(axis=1), 2:]
    adjacent = np.zeros((100, 100), dtype=bool)
    adjacent[0, 1:23] = True
    adjacent[1:23, 23:] = blocks.T == 1
    adjacent[23:, 23:] = blocks @ blocks.T == 0
    return _eigenspace(adjacent | adjacent.T)
