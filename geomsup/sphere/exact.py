"""What is known of an optimum beyond its coordinates: its name, who proved it, its exact energy.

Most small optima are orthogonal sums of simplices, polygons and a few famous codes.  A
configuration is therefore taken apart into its orthogonal factors; when every cosine in them is a
number with a formula, so is the energy: a sum of powers over the few distances that occur.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse.csgraph import connected_components

from geomsup.best_known import BestKnown, Key
from geomsup.restoring import read_only
from geomsup.shapes import get_shape, list_shapes
from geomsup.shapes.thomson import universal_optimum
from geomsup.sphere.symmetry import point_group, symmetry_order

__all__ = [
    "annotated",
    "exact_form",
    "known_name",
    "known_points",
    "nearby_name",
    "placed",
    "precise_energy",
    "proof",
]

FloatArray = NDArray[np.float64]

# Descents end within 1e-8 of a minimum.
_SAME_COSINE = 1e-7
_SAME_ENERGY = 1e-12
_MOST_SYMMETRIC = 500  # points; the search for symmetries compares all views of all points

_COHN_KUMAR = "Cohn and Kumar 2007, Universally optimal distribution of points on spheres"
_SEARCH = "lowest of a search: random starts, and hops where they disagree"
_THOMSON = {
    4: "Yudin 1992, The minimum of potential energy of a system of point charges",
    6: "Yudin 1992, The minimum of potential energy of a system of point charges",
    12: "Andreev 1996, An extremal property of the icosahedron",
}
# Squared distances 2 − 2t that are not rational: of the pentagon, the icosahedron, the 600-cell.
_GOLDEN = {
    "(3 - sqrt(5))/2": (3.0 - math.sqrt(5.0)) / 2.0,
    "(5 - sqrt(5))/2": (5.0 - math.sqrt(5.0)) / 2.0,
    "(3 + sqrt(5))/2": (3.0 + math.sqrt(5.0)) / 2.0,
    "(5 + sqrt(5))/2": (5.0 + math.sqrt(5.0)) / 2.0,
    "2 - 2/sqrt(5)": 2.0 - 2.0 / math.sqrt(5.0),
    "2 + 2/sqrt(5)": 2.0 + 2.0 / math.sqrt(5.0),
}


def known_name(n_points: int, dim: int) -> str | None:
    """Catalogue name of the configuration that is optimal for every energy here, if one is."""
    name = universal_optimum(n_points, dim)
    return None if name is None else get_shape(name).name


def known_points(key: Key) -> FloatArray | None:
    """Coordinates of the configuration of :func:`known_name`, (n_points, dim)."""
    dim, n_points, _ = key
    name = known_name(n_points, dim)
    return None if name is None else placed(name, dim)


def placed(name: str, dim: int) -> FloatArray:
    """Vertices of a shape in a space of at least its dimension, (n_points, dim)."""
    vertices = get_shape(name).vertices
    points = np.zeros((len(vertices), dim))
    points[:, : vertices.shape[1]] = vertices
    return points


def proof(name: str, key: Key) -> str | None:
    """Who proved that a configuration of this name is optimal, or None."""
    dim, n_points, power = key
    if n_points == 1:
        return "a single point has no pair"
    if name and name == known_name(n_points, dim):
        if dim == 3 and power == 1.0 and n_points in _THOMSON:
            return f"{_THOMSON[n_points]}; {_COHN_KUMAR}"
        return _COHN_KUMAR
    if dim == 3 and name == "triangular bipyramid":
        if power == 1.0:
            return "Schwartz 2013, The five-electron case of Thomson's problem"
        if power == 0.0:
            return "Dragnev, Legg and Townsend 2002, Discrete logarithmic energy on the sphere"
    return None


def precise_energy(points: FloatArray, power: float) -> float:
    """The energy with exact summation, from differences of the points."""
    total: list[float] = []
    for i in range(len(points) - 1):
        apart = points[i + 1 :] - points[i]
        squared = np.einsum("ij,ij->i", apart, apart)
        pairs = -0.5 * np.log(squared) if power == 0.0 else squared ** (-0.5 * power)
        total.append(math.fsum(pairs.tolist()))
    return math.fsum(total)


def annotated(
    key: Key,
    points: FloatArray,
    *,
    gradient_norm: float,
    hits: int,
    n_starts: int,
    n_hops: int,
    ties: Iterable[str] = (),
    name: str | None = None,
    otherwise: str = "best known",
) -> BestKnown:
    """A row with everything that follows from its coordinates.

    Parameters
    ----------
    key : tuple
        (dim, n_points, s), s = 0 for the logarithm.
    points : ndarray of shape (n_points, dim)
        Unit rows.
    gradient_norm, hits, n_starts, n_hops
        As in :class:`~geomsup.best_known.BestKnown`.
    ties : iterable of str
        Names of other configurations of the same energy.
    name : str, optional
        What the configuration is called in the catalogue, where that is known beforehand.
    otherwise : str
        The status of what nobody has proved.
    """
    dim, n_points, power = key
    points = read_only(np.array(points, dtype=np.float64))
    energy = precise_energy(points, power)
    small = n_points <= _MOST_SYMMETRIC
    order = 0
    if name is not None:
        order = get_shape(name).symmetry_order
    elif small:
        name, order = nearby_name(points), symmetry_order(points)
    name = name or ""
    source = proof(name, key)
    return BestKnown(
        n_points=n_points,
        dim=dim,
        s="log" if power == 0.0 else power,
        energy=energy,
        points=points,
        status=otherwise if source is None else "proven",
        source=_SEARCH if source is None else source,
        name=name,
        ties="; ".join(sorted({tie or "unnamed" for tie in ties} - {name})),
        exact_form=exact_form(points, power, energy) if small else "",
        point_group=point_group(points) if small and dim == 3 else "",
        symmetry_order=order,
        gradient_norm=gradient_norm,
        hits=hits,
        n_starts=n_starts,
        n_hops=n_hops,
    )


def exact_form(points: FloatArray, power: float, energy: float) -> str:
    """The energy as a formula in Python's notation, or "" where no formula was recognised.

    Examples
    --------
    >>> from geomsup.shapes import get_shape
    >>> exact_form(get_shape("octahedron").vertices, 1.0, 9.985281374238571)
    '12/sqrt(2) + 3/2'
    """
    terms: list[tuple[str, float]] = []
    counts: Counter[str] = Counter()
    factors = list(_factors(points))
    across = len(points) ** 2 - sum(len(factor) ** 2 for factor in factors)
    if across:
        counts["2"] = across // 2
    for factor in factors:
        if len(factor) >= 5 and _is_polygon(factor):
            terms.append(_polygon_term(len(factor), power))
            continue
        distances = _recognised(factor)
        if distances is None:
            return ""
        counts.update(distances)
    terms += [_pairs_term(counts[text], text, power) for text in sorted(counts, key=_value)]
    if abs(math.fsum(value for _, value in terms) - energy) > _SAME_ENERGY * max(1e-3, abs(energy)):
        return ""  # a cosine was close to a number that it is not
    return " + ".join(text for text, _ in terms).replace("+ -", "- ") if terms else "0"


def _polygon_term(n: int, power: float) -> tuple[str, float]:
    """The energy of a regular polygon, as text and as a number."""
    if power == 0.0:
        return f"-{n}/2*log({n})", -n / 2.0 * math.log(n)
    top = "1" if power == 1.0 else f"{2.0 ** (1.0 - power):.17g}"
    bottom = f"sin(pi*k/{n})" + ("" if power == 1.0 else f"**{power:g}")
    chords = 2.0 * np.sin(np.pi * np.arange(1, n) / n)
    return f"{n}/4*sum({top}/{bottom} for k in range(1, {n}))", n / 2.0 * math.fsum(chords**-power)


def _pairs_term(count: int, squared: str, power: float) -> tuple[str, float]:
    """The energy of `count` pairs at a squared distance, as text and as a number."""
    if power == 0.0:
        text = "0" if squared == "1" else f"-{count}/2*log({squared})"
        return text, -0.5 * count * math.log(_value(squared))
    base = f"({squared})" if "/" in squared else squared
    text = f"{count}/{base}" + ("" if power == 2.0 else f"**{power / 2.0:g}")
    if squared == "1":
        text = f"{count}"
    elif power == 1.0:
        text = f"{count}/2" if squared == "4" else f"{count}/sqrt({squared})"
    return text, count * _value(squared) ** (-0.5 * power)


def _value(squared: str) -> float:
    return _GOLDEN[squared] if squared in _GOLDEN else float(Fraction(squared))


def _factors(points: FloatArray, tolerance: float = _SAME_COSINE) -> Iterator[FloatArray]:
    """Mutually orthogonal parts of a configuration."""
    linked = np.abs(points @ points.T) > tolerance
    n_parts, label = connected_components(linked, directed=False)
    for part in range(n_parts):
        yield points[label == part]


def _rank(points: FloatArray) -> int:
    return int(np.linalg.matrix_rank(points, tol=1e-3))


def _is_polygon(factor: FloatArray) -> bool:
    n = len(factor)
    cosines = np.sort((factor @ factor.T).ravel())
    turns = np.cos(2.0 * np.pi * np.arange(n) / n)
    return _rank(factor) == 2 and bool(
        np.abs(cosines - np.sort(np.tile(turns, n))).max() <= _SAME_COSINE
    )


def _recognised(factor: FloatArray) -> Counter[str] | None:
    """How many pairs have which squared distance, or None if one has no formula."""
    counts: Counter[str] = Counter()
    cosines = (factor @ factor.T)[np.triu_indices(len(factor), 1)]
    for cosine, count in zip(*np.unique(cosines.round(6), return_counts=True), strict=True):
        exact = float(np.median(cosines[np.abs(cosines - cosine) < 1e-5]))
        squared = 2 - 2 * Fraction(exact).limit_denominator(12)
        text = str(squared)
        if abs(float(squared) - 2.0 + 2.0 * exact) > _SAME_COSINE:
            near = [t for t, v in _GOLDEN.items() if abs(v - 2.0 + 2.0 * exact) <= _SAME_COSINE]
            if not near:
                return None
            text = near[0]
        counts[text] += int(count)
    return counts


def nearby_name(points: FloatArray, tolerance: float = _SAME_COSINE) -> str:
    """Catalogue name of a configuration, or "" where the catalogue has none.

    Parameters
    ----------
    points : ndarray of shape (n_points, dim)
        Unit rows.
    tolerance : float
        Cosines below it are zero, and those of a shape are met within ten times as much.
    """
    names = []
    for factor in _factors(points, tolerance):
        name = _factor_name(factor, 10.0 * tolerance)
        if not name:
            return ""
        names.append(name)
    return get_shape(" ⊕ ".join(names)).name if len(names) > 1 else names[0]


def _factor_name(factor: FloatArray, tolerance: float) -> str:
    n, rank = len(factor), _rank(factor)
    cosines = np.sort((factor @ factor.T).ravel())

    def distance(vertices: FloatArray) -> float:
        return float(np.abs(np.sort((vertices @ vertices.T).ravel()) - cosines).max())

    for shape in list_shapes(n_vertices=n, dim=rank):
        if shape.name.startswith("Thomson "):
            continue  # the optimum itself, under the name that it has for want of another
        if distance(np.asarray(shape.vertices)) <= tolerance:
            return shape.name
        family = shape.family
        if family is None:
            continue
        # The distance has one deep narrow valley: look for it, then go down.
        grid = np.linspace(*family.bounds, 401)
        best = int(np.argmin([distance(family.build(float(value))) for value in grid]))
        nearest = minimize_scalar(
            lambda value, build=family.build: distance(build(float(value))),
            bounds=(grid[max(best - 1, 0)], grid[min(best + 1, 400)]),
            method="bounded",
            options={"xatol": 1e-10},
        )
        if nearest.fun <= tolerance:
            return shape.name
    return ""
