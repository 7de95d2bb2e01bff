"""The reference figures of continuous shape measures, as directions from a centre.

The list is that of the SHAPE 2.1 manual (Llunell, Casanova, Cirera, Alemany, Alvarez 2013), two to
twelve vertices; the solids J1 … J92 are numbered as by Johnson (1966, "Convex polyhedra with
regular faces").  Every figure is built from its definition: regular faces for Johnson's solids,
whose vertices are then seen from their mean, from the centre of their sphere where they lie on
one, and from where the list sees those with pyramids (the centre of what carries the pyramids; the
middle of an edge of J87); vertices on one sphere for the others, with the angles of the list, which
CoSyMlib (Alemany et al.) prints to six digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, least_squares

__all__ = ["FIGURES", "JOHNSON"]

FloatArray = NDArray[np.float64]

_PHI = (1.0 + math.sqrt(5.0)) / 2.0


def ring(n: int, radius: float, height: float, turn: float = 0.0) -> FloatArray:
    """A horizontal regular n-gon; `turn` in steps of it."""
    angle = 2 * np.pi * (np.arange(n) + turn) / n
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.full(n, height)])


def pole(height: float) -> FloatArray:
    return np.array([[0.0, 0.0, height]])


def _radius(n: int) -> float:
    """Circumradius of an n-gon with unit sides."""
    return 0.5 / math.sin(math.pi / n)


def _apex(n: int) -> float:
    """Height of a pyramid over an n-gon with unit edges."""
    return math.sqrt(1.0 - _radius(n) ** 2)


def _gap(n: int) -> float:
    """Height of an antiprism of n-gons with unit edges."""
    return math.sqrt(1.0 - (2 * _radius(n) * math.sin(math.pi / (2 * n))) ** 2)


def prism(n: int) -> FloatArray:
    return np.vstack([ring(n, _radius(n), 0.5), ring(n, _radius(n), -0.5)])


def antiprism(n: int) -> FloatArray:
    half = _gap(n) / 2
    return np.vstack([ring(n, _radius(n), half), ring(n, _radius(n), -half, 0.5)])


def pyramid(n: int) -> FloatArray:
    return np.vstack([ring(n, _radius(n), 0.0), pole(_apex(n))])


def bipyramid(n: int) -> FloatArray:
    return np.vstack([pyramid(n), pole(-_apex(n))])


def cupola(n: int) -> FloatArray:
    height = math.sqrt(1.0 - (_radius(2 * n) * math.cos(math.pi / (2 * n)) - _radius(n)
                              * math.cos(math.pi / n)) ** 2)  # fmt: skip
    return np.vstack([ring(2 * n, _radius(2 * n), 0.0, 0.5), ring(n, _radius(n), height)])


def with_poles(body: FloatArray, n: int, count: int) -> FloatArray:
    """Pyramids of unit edges on the upper n-gon, and on the lower one."""
    top = body[:, 2].max() + _apex(n)
    return np.vstack([body, pole(top), pole(-top)][: count + 1])


def augmented(n: int, sides: tuple[int, ...]) -> FloatArray:
    """A prism of unit edges with square pyramids on some of its sides."""
    reach = _radius(n) * math.cos(math.pi / n) + math.sqrt(0.5)
    angles = [2 * math.pi * (side + 0.5) / n for side in sides]
    return np.vstack(
        [prism(n), *([[reach * math.cos(a), reach * math.sin(a), 0.0]] for a in angles)]
    )


def icosahedron() -> FloatArray:
    signs = np.array([[0.0, a, b * _PHI] for a in (1.0, -1.0) for b in (1.0, -1.0)])
    return np.vstack([np.roll(signs, k, axis=1) for k in range(3)]) / 2.0


def diminished(count: int) -> FloatArray:
    """The icosahedron without vertices that are no neighbours of one another, nor opposite."""
    points = icosahedron()
    chosen = [0]
    for k in range(1, 12):
        apart = np.linalg.norm(points[chosen] - points[k], axis=1)
        if len(chosen) < count and ((apart > 1.1) & (apart < 1.8)).all():
            chosen.append(k)
    assert len(chosen) == count
    return np.delete(points, chosen, axis=0)


def augmented_tridiminished() -> FloatArray:
    """A tetrahedron on the triangle that touches all three pentagons."""
    body = diminished(3)
    gone = [p for p in icosahedron() if np.linalg.norm(body - p, axis=1).min() > 0.5]
    axis = np.sum(gone, axis=0) / np.linalg.norm(np.sum(gone, axis=0))
    triangle = body[np.argsort(-(body @ axis))[:3]]
    return np.vstack([body, triangle.mean(axis=0) + math.sqrt(2.0 / 3.0) * axis])


def gyrobifastigium() -> FloatArray:
    h = math.sqrt(3.0) / 2.0
    square = [[x, y, 0.0] for x in (0.5, -0.5) for y in (0.5, -0.5)]
    return np.array([*square, [0.5, 0, h], [-0.5, 0, h], [0, 0.5, -h], [0, -0.5, -h]])


def snub_disphenoid() -> FloatArray:
    q = max(np.roots([2.0, 11.0, 4.0, -1.0]).real)
    r, s = math.sqrt(q), math.sqrt((1.0 - q) / (2.0 * q))
    t = 2.0 * r * s
    rows = [[x, r, 0.0] for x in (t, -t)] + [[0.0, -r, x] for x in (t, -t)]
    rows += [[x, -s, 0.0] for x in (1.0, -1.0)] + [[0.0, s, x] for x in (1.0, -1.0)]
    return np.array(rows) / 2.0


def sphenocorona() -> FloatArray:
    roots = np.roots([60.0, -48.0, -100.0, 56.0, 23.0])
    k = min(x.real for x in roots if abs(x.imag) < 1e-12 and x.real > 0)
    w = 1.0 + math.sqrt((3.0 - 4.0 * k * k) / (1.0 - k * k))
    rows = [[0.0, y, 2.0 * math.sqrt(1.0 - k * k)] for y in (1.0, -1.0)]
    rows += [[x, y, 0.0] for x in (2 * k, -2 * k) for y in (1.0, -1.0)]
    rows += [[0.0, y, (1.0 - 2.0 * k * k) / math.sqrt(1.0 - k * k)] for y in (w, -w)]
    rows += [[x, 0.0, -math.sqrt(2.0 + 4.0 * k - 4.0 * k * k)] for x in (1.0, -1.0)]
    return np.array(rows) / 2.0


def augmented_sphenocorona() -> FloatArray:
    """A square pyramid on one of the two squares."""
    body = sphenocorona()
    square = body[[0, 1, 2, 3]]
    out = np.cross(square[1] - square[0], square[2] - square[0])
    out *= np.sign(out @ (square.mean(axis=0) - body.mean(axis=0))) / np.linalg.norm(out)
    return np.vstack([body, square.mean(axis=0) + math.sqrt(0.5) * out])


def sphenomegacorona() -> FloatArray:
    """The coordinates with C2v symmetry whose edges are of length one."""

    def build(x: FloatArray) -> FloatArray:
        a, b, c, *y = x
        rows = [[s, y[0], t * a] for s in (0.5, -0.5) for t in (1.0, -1.0)]
        rows += [[s * b, y[1], 0.0] for s in (1.0, -1.0)] + [[0.0, y[2], s] for s in (0.5, -0.5)]
        rows += [[s * c, y[3], 0.0] for s in (1.0, -1.0)] + [[s, 0.0, 0.0] for s in (0.5, -0.5)]
        return np.array(rows)

    # From CoSyMlib's coordinates in edges, to two digits.
    start = np.array([0.59, 0.85, 1.28, 0.80, 1.53, 1.66, 0.62])
    first, second = np.triu_indices(12, 1)
    edges = np.linalg.norm(build(start)[first] - build(start)[second], axis=1) < 1.1

    def off(x: FloatArray) -> FloatArray:
        points = build(x)
        return np.asarray(((points[first] - points[second]) ** 2).sum(axis=1)[edges] - 1.0)

    return build(least_squares(off, start, xtol=1e-15, ftol=1e-15, gtol=1e-15).x)


#: Johnson's solids of at most twelve vertices on the list: coordinates with unit edges, and how
#: many edges there are.
JOHNSON: dict[str, tuple[Callable[[], FloatArray], int]] = {
    "J2 pentagonal pyramid": (lambda: pyramid(5), 10),
    "J12 triangular bipyramid": (lambda: bipyramid(3), 9),
    "J13 pentagonal bipyramid": (lambda: bipyramid(5), 15),
    "J7 elongated triangular pyramid": (lambda: with_poles(prism(3), 3, 1), 12),
    "J14 elongated triangular bipyramid": (lambda: with_poles(prism(3), 3, 2), 15),
    "J26 gyrobifastigium": (gyrobifastigium, 14),
    "J49 augmented triangular prism": (lambda: augmented(3, (0,)), 13),
    "J50 biaugmented triangular prism": (lambda: augmented(3, (0, 1)), 17),
    "J51 triaugmented triangular prism": (lambda: augmented(3, (0, 1, 2)), 21),
    "J84 snub disphenoid": (snub_disphenoid, 18),
    "J3 triangular cupola": (lambda: cupola(3), 15),
    "J8 capped cube": (lambda: with_poles(prism(4), 4, 1), 16),
    "J10 capped square antiprism": (lambda: with_poles(antiprism(4), 4, 1), 20),
    "J63 tridiminished icosahedron": (lambda: diminished(3), 15),
    "J15 bicapped cube": (lambda: with_poles(prism(4), 4, 2), 20),
    "J17 bicapped square antiprism": (lambda: with_poles(antiprism(4), 4, 2), 24),
    "J62 metabidiminished icosahedron": (lambda: diminished(2), 20),
    "J64 augmented tridiminished icosahedron": (augmented_tridiminished, 18),
    "J86 sphenocorona": (sphenocorona, 22),
    "J9 capped pentagonal prism": (lambda: with_poles(prism(5), 5, 1), 20),
    "J11 capped pentagonal antiprism": (lambda: with_poles(antiprism(5), 5, 1), 25),
    "J52 augmented pentagonal prism": (lambda: augmented(5, (0,)), 19),
    "J87 augmented sphenocorona": (augmented_sphenocorona, 26),
    "J4 square cupola": (lambda: cupola(4), 20),
    "J16 elongated pentagonal bipyramid": (lambda: with_poles(prism(5), 5, 2), 25),
    "J53 biaugmented pentagonal prism": (lambda: augmented(5, (0, 2)), 23),
    "J88 sphenomegacorona": (sphenomegacorona, 28),
    "J27 anticuboctahedron": (lambda: np.vstack([cupola(3), cupola(3)[6:] * [1, 1, -1]]), 24),
}


def centre_of_sphere(points: FloatArray) -> FloatArray | None:
    """The centre of the sphere through all points, None where they lie on none."""
    rows = np.column_stack([2.0 * points, np.ones(len(points))])
    centre = np.linalg.lstsq(rows, (points**2).sum(axis=1), rcond=None)[0][:3]
    lengths = np.linalg.norm(points - centre, axis=1)
    return centre if np.ptp(lengths) < 1e-9 else None


def directions(points: FloatArray, centre: FloatArray) -> FloatArray:
    rows = points - centre
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def spherical(*parts: FloatArray) -> FloatArray:
    rows = np.vstack(parts)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def latitude(n: int, degrees: float, turn: float = 0.0) -> FloatArray:
    angle = math.radians(degrees)
    return ring(n, math.cos(angle), math.sin(angle), turn)


def capped_cube() -> FloatArray:
    """A pole over two squares, each at the same least angle from the one before."""

    def gap(upper: float) -> float:
        # Sides of the lower square as long as the way to the pole fix its latitude.
        lower = -math.asin(math.sqrt(math.sin(upper)))
        return math.cos(upper - lower) - math.sin(upper)

    upper = brentq(gap, 0.2, 0.8, xtol=1e-15)
    lower = -math.asin(math.sqrt(math.sin(upper)))
    return spherical(latitude(4, math.degrees(upper)), latitude(4, math.degrees(lower)), pole(1.0))


def muffin() -> FloatArray:
    """Five on a belt, one above and three below, whose least distances are all equal."""

    def build(x: FloatArray) -> FloatArray:
        return spherical(latitude(5, x[0]), pole(1.0), latitude(3, x[1]))

    def off(x: FloatArray) -> FloatArray:
        points = build(x)
        sides = [points[0] @ points[1], points[6] @ points[7], points[1] @ points[7]]
        return np.asarray(np.diff(sides))

    # The latitudes that CoSyMlib has, to one digit.
    return build(least_squares(off, [9.1, -47.9], xtol=1e-15, ftol=1e-15, gtol=1e-15).x)


def two_six_two(turn: float) -> FloatArray:
    return spherical(latitude(6, 0.0), latitude(2, 60.0), latitude(2, -60.0, turn / 180.0))


_OCTAHEDRON = np.vstack([np.eye(3), -np.eye(3)])
_TETRAHEDRON = spherical(np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1.0]]))

#: Name in the list → unit rows, and what the catalogue calls them: a name, a sum, or None.
FIGURES: dict[str, tuple[FloatArray, str | None]] = {
    "linear": (_OCTAHEDRON[[0, 3]], "digon"),
    "divacant tetrahedron": (_TETRAHEDRON[:2], None),
    "tetravacant octahedron": (_OCTAHEDRON[:2], "monosemantic ⊕ monosemantic"),
    "trigonal plane": (latitude(3, 0), "triangle"),
    "vacant tetrahedron": (_TETRAHEDRON[:3], "vacant tetrahedron"),
    "fac-trivacant octahedron": (_OCTAHEDRON[:3], " ⊕ ".join(["monosemantic"] * 3)),
    "mer-trivacant octahedron": (_OCTAHEDRON[[0, 1, 3]], "digon ⊕ monosemantic"),
    "square": (latitude(4, 0), "square"),
    "tetrahedron": (_TETRAHEDRON, "tetrahedron"),
    "see-saw": (_OCTAHEDRON[[0, 1, 2, 3]], "digon ⊕ monosemantic ⊕ monosemantic"),
    "axially vacant trigonal bipyramid": (
        spherical(latitude(3, 0), pole(1.0)),
        "triangle ⊕ monosemantic",
    ),
    "pentagon": (latitude(5, 0), "pentagon"),
    "vacant octahedron": (_OCTAHEDRON[:5], "square pyramid"),
    "trigonal bipyramid": (
        spherical(latitude(3, 0), pole(1.0), pole(-1.0)),
        "triangular bipyramid",
    ),
    # Directions that sum to zero.
    "spherical square pyramid": (
        spherical(latitude(4, -math.degrees(math.asin(0.25))), pole(1.0)),
        "spherical square pyramid",
    ),
    "hexagon": (latitude(6, 0), "hexagon"),
    "pentagonal pyramid": (spherical(latitude(5, 0), pole(1.0)), "pentagon ⊕ monosemantic"),
    "octahedron": (_OCTAHEDRON, "octahedron"),
    "trigonal prism": (spherical(prism(3)), "triangular prism"),
    "heptagon": (latitude(7, 0), "heptagon"),
    "hexagonal pyramid": (spherical(latitude(6, 0), pole(1.0)), "hexagon ⊕ monosemantic"),
    "pentagonal bipyramid": (
        spherical(latitude(5, 0), pole(1.0), pole(-1.0)),
        "pentagonal bipyramid",
    ),
    "octagon": (latitude(8, 0), "octagon"),
    "heptagonal pyramid": (spherical(latitude(7, 0), pole(1.0)), "heptagon ⊕ monosemantic"),
    "hexagonal bipyramid": (
        spherical(latitude(6, 0), pole(1.0), pole(-1.0)),
        "hexagonal bipyramid",
    ),
    "cube": (spherical(prism(4)), "cube"),
    "square antiprism": (spherical(antiprism(4)), "square antiprism"),
    # The vertices of a tetrahedron and of its dual, at other distances.
    "triakis tetrahedron": (spherical(_TETRAHEDRON, -0.6 * _TETRAHEDRON), "cube"),
    "spherical elongated trigonal bipyramid": (spherical(prism(3), pole(1.0), pole(-1.0)), None),
    "octagonal pyramid": (spherical(latitude(8, 0), pole(1.0)), "octagon ⊕ monosemantic"),
    "heptagonal bipyramid": (spherical(latitude(7, 0), pole(1.0), pole(-1.0)), "heptagon ⊕ digon"),
    "spherical capped cube": (capped_cube(), "capped cube"),
    # Six on a belt, one above, two below; and five on a belt, one above, three below.
    "hula-hoop": (spherical(latitude(6, 0), pole(1.0), latitude(2, -60)), None),
    "muffin": (muffin(), "muffin"),
    "enneagonal pyramid": (spherical(latitude(9, 0), pole(1.0)), "9-gon ⊕ monosemantic"),
    "octagonal bipyramid": (spherical(latitude(8, 0), pole(1.0), pole(-1.0)), "octagon ⊕ digon"),
    "pentagonal prism": (spherical(prism(5)), "pentagonal prism"),
    "pentagonal antiprism": (spherical(antiprism(5)), "pentagonal antiprism"),
    # Two above a belt of six and two below, turned by 60°, by 90°, and not at all.
    "staggered dodecahedron": (two_six_two(60.0), None),
    "tetradecahedron": (two_six_two(90.0), None),
    "hexadecahedron": (two_six_two(0.0), None),
    "hexagonal prism": (spherical(prism(6)), "hexagonal prism"),
    "hexagonal antiprism": (spherical(antiprism(6)), "hexagonal antiprism"),
    "icosahedron": (spherical(icosahedron()), "icosahedron"),
}

_CALLED = {
    "J12": "triangular bipyramid",
    "J13": "pentagonal bipyramid",
    "J17": "bicapped square antiprism",
    "J27": "anticuboctahedron",
    "J51": "tricapped triangular prism",
}
#: What the catalogue calls solids that it knows as seen from their mean only, or only elsewhere.
_FROM_MEAN = {
    "J8": "capped cube",
    "J10": "capped square antiprism",
    "J11": "vacant icosahedron",
    "J49": "capped triangular prism",
    "J50": "bicapped triangular prism",
    "J84": "triangular dodecahedron",
    "J86": "sphenocorona",
    "J87": "augmented sphenocorona",
}
#: Vertices of what carries the pyramids, which come last, and the name from its centre.
_BODIES = {
    "J7": (6, None),
    "J8": (8, "capped cube"),
    "J9": (10, None),
    "J10": (8, "capped square antiprism"),
    "J49": (6, "capped triangular prism"),
    "J50": (6, "bicapped triangular prism"),
    "J52": (10, None),
    "J53": (10, None),
    "J64": (9, None),
}
for _name, (_build, _) in JOHNSON.items():
    _points = _build()
    _number = _name.split()[0]
    _called = _CALLED.get(_number, _FROM_MEAN.get(_number))
    _mean, _centre = _points.mean(axis=0), centre_of_sphere(_points)
    FIGURES[f"{_name}, from its mean"] = (directions(_points, _mean), _called)
    if _centre is not None and np.linalg.norm(_centre - _mean) > 1e-9:
        _seen = directions(_points, _centre)
        _called = "vacant icosahedron" if _number == "J11" else None
        FIGURES[f"{_name}, from the centre of its sphere"] = (_seen, _called)
    if _number in _BODIES:
        _size, _called = _BODIES[_number]
        _inside = centre_of_sphere(_points[:_size])
        assert _inside is not None
        FIGURES[f"{_name}, from its body"] = (directions(_points, _inside), _called)

_points = augmented_sphenocorona()
# Where the two squares of the sphenocorona meet, rows 2 and 4.
FIGURES["J87 augmented sphenocorona, from an edge"] = (
    directions(_points, _points[[2, 4]].mean(axis=0)),
    None,
)
