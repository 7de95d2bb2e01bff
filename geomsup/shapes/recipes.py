"""What is known of a shape before its vertices are built.

A look-up by size must not build hundreds of vertices only to throw them away, and importing the
catalogue must not build any.  So the catalogue is a list of recipes: names, counts and symmetry
orders as plain values, coordinates as a function to call when somebody asks.  The endless series
(polygons, simplices, orthoplexes, cubes) and orthogonal sums produce recipes on demand.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from geomsup.errors import GeomsupError
from geomsup.shapes.constructors import (
    FloatArray,
    hypercube,
    orthogonal_sum,
    orthoplex,
    polygon,
    simplex,
)
from geomsup.shapes.polytopes import Shape, ShapeFamily

__all__ = [
    "MAX_DIM",
    "MAX_VERTICES",
    "SERIES",
    "Recipe",
    "series_recipe",
    "sum_recipe",
    "too_large_error",
]

MAX_VERTICES = 4096
# Bounds the memory (32 MB of coordinates) and keeps symmetry orders printable as decimal numbers.
MAX_DIM = 1024

_COXETER = "Coxeter 1973, Regular Polytopes"
_ELHAGE = "Elhage et al. 2022, Toy Models of Superposition"

# (series, size) of figures that belong to several series → where their recipe is kept.
_SAME = {
    ("gon", 2): ("orthoplex", 1),
    ("simplex", 1): ("orthoplex", 1),
    ("cube", 1): ("orthoplex", 1),
    ("simplex", 2): ("gon", 3),
    ("orthoplex", 2): ("gon", 4),
    ("cube", 2): ("gon", 4),
}

_NAMES = {
    ("orthoplex", 1): "digon",
    ("gon", 3): "triangle",
    ("gon", 4): "square",
    ("gon", 5): "pentagon",
    ("gon", 6): "hexagon",
    ("gon", 7): "heptagon",
    ("gon", 8): "octagon",
    ("simplex", 3): "tetrahedron",
    ("orthoplex", 3): "octahedron",
    ("orthoplex", 4): "16-cell",
    ("cube", 3): "cube",
    ("cube", 4): "tesseract",
}

_EXTRA_SYNONYMS = {
    "digon": ("antipodal pair", "2-gon", "1-simplex", "1-cube"),
    "triangle": ("2-simplex", "trigon"),
    "square": ("2-orthoplex", "2-cube", "tetragon"),
    "9-gon": ("nonagon", "enneagon"),
    "10-gon": ("decagon",),
    "12-gon": ("dodecagon",),
    "tetrahedron": ("3-demicube",),
    "4-simplex": ("5-cell", "pentachoron"),
    "octahedron": ("square bipyramid",),
    "16-cell": ("hexadecachoron", "4-demicube"),
    "5-orthoplex": ("pentacross",),
    "cube": ("hexahedron",),
    "tesseract": ("8-cell",),
    "5-cube": ("penteract",),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Recipe:
    """A shape's facts, with its coordinates still to be computed.

    Parameters
    ----------
    name, symmetry_order, synonyms, source, factors, chiral, vacant_of, rare
        As in :class:`~geomsup.shapes.polytopes.Shape`.
    n_vertices, dim : int
        Size of the vertices.
    coordinates : callable or None
        Returns the vertices, ndarray of shape (n_vertices, dim).
    family : callable or None
        Returns the one-parameter family, which then supplies the vertices.
    forms : tuple of (str, callable)
        Names of other forms, and functions that return their vertices.

    Examples
    --------
    >>> recipe = series_recipe("gon", 17)
    >>> recipe.name, recipe.n_vertices, recipe.dim, recipe.symmetry_order
    ('17-gon', 17, 2, 34)
    >>> recipe.shape()
    Shape('17-gon', n_vertices=17, dim=2)
    """

    name: str
    n_vertices: int
    dim: int
    symmetry_order: int
    coordinates: Callable[[], FloatArray] | None = None
    family: Callable[[], ShapeFamily] | None = None
    synonyms: tuple[str, ...] = ()
    source: str
    factors: tuple[str, ...] = ()
    chiral: bool = False
    vacant_of: str | None = None
    rare: bool = False
    forms: tuple[tuple[str, Callable[[], FloatArray]], ...] = ()

    def vertices(self) -> FloatArray:
        """Compute the vertices, ndarray of shape (n_vertices, dim)."""
        if self.coordinates is not None:
            return self.coordinates()
        assert self.family is not None, "a recipe has coordinates or a family"
        family = self.family()
        return family.build(family.default)

    def shape(self) -> Shape:
        """Build the shape."""
        family = None if self.family is None else self.family()
        return Shape(
            name=self.name,
            vertices=self.vertices() if family is None else family.build(family.default),
            symmetry_order=self.symmetry_order,
            synonyms=self.synonyms,
            source=self.source,
            factors=self.factors,
            chiral=self.chiral,
            family=family,
            vacant_of=self.vacant_of,
            rare=self.rare,
            forms={name: coordinates() for name, coordinates in self.forms},
        )


@dataclass(frozen=True)
class _Series:
    n_vertices: Callable[[int], int]
    dim: Callable[[int], int]
    symmetry_order: Callable[[int], int]
    coordinates: Callable[[int], FloatArray]
    smallest: int
    source: str


def _hyperoctahedral_order(dim: int) -> int:
    return (1 << dim) * math.factorial(dim)


#: The endless series, by the last word of their names; a size is the number before it.
SERIES = {
    "gon": _Series(lambda k: k, lambda k: 2, lambda k: 2 * k, polygon, 2, _ELHAGE),
    "simplex": _Series(
        lambda d: d + 1, lambda d: d, lambda d: math.factorial(d + 1), simplex, 1, _COXETER
    ),
    "orthoplex": _Series(
        lambda d: 2 * d, lambda d: d, _hyperoctahedral_order, orthoplex, 1, _COXETER
    ),
    "cube": _Series(lambda d: 2**d, lambda d: d, _hyperoctahedral_order, hypercube, 1, _COXETER),
}


def series_recipe(kind: str, size: int) -> Recipe:
    """The recipe of a member of an endless series.

    Parameters
    ----------
    kind : {"gon", "simplex", "orthoplex", "cube"}
        The series.
    size : int
        Number of vertices of a polygon, dimension of the others.

    Returns
    -------
    Recipe
        Figures in several series (the square is a 2-orthoplex and a 2-cube) have one recipe.

    Raises
    ------
    GeomsupError
        If the size is below the smallest member of the series, or above the limits
        MAX_VERTICES and MAX_DIM.

    Examples
    --------
    >>> series_recipe("orthoplex", 2).name
    'square'
    """
    if size < SERIES[kind].smallest:
        raise GeomsupError(
            f"expected {SERIES[kind].smallest} or more for k in 'k-{kind}', got {size}; "
            "a single vertex is called monosemantic"
        )
    # 2**size of a long number would not finish, so the exponent is tested first.
    if size > MAX_VERTICES or (kind == "cube" and size > MAX_DIM):
        raise too_large_error(f"{size}-{kind}")
    kind, size = _SAME.get((kind, size), (kind, size))
    series = SERIES[kind]
    n_vertices, dim = series.n_vertices(size), series.dim(size)
    generic = f"{size}-{kind}"
    name = _NAMES.get((kind, size), generic)
    if n_vertices > MAX_VERTICES or dim > MAX_DIM:
        raise too_large_error(name)
    return Recipe(
        name=name,
        n_vertices=n_vertices,
        dim=dim,
        symmetry_order=series.symmetry_order(size),
        coordinates=partial(series.coordinates, size),
        synonyms=(() if name == generic else (generic,)) + _EXTRA_SYNONYMS.get(name, ()),
        source=series.source,
        factors=("digon",) * dim if name == "square" or (kind == "orthoplex" and dim > 1) else (),
    )


def sum_recipe(
    name: str,
    parts: Sequence[Recipe],
    primitives: Sequence[Recipe],
    *,
    synonyms: tuple[str, ...] = (),
    source: str = "orthogonal sum of its factors",
) -> Recipe:
    """The recipe of an orthogonal sum.

    Parameters
    ----------
    name : str
        Canonical name of the sum.
    parts : sequence of Recipe
        The factors in the order of the vertices, possibly sums themselves.
    primitives : sequence of Recipe
        The same factors taken apart until none is an orthogonal sum.
    synonyms, source
        As in :class:`Recipe`.

    Returns
    -------
    Recipe

    Raises
    ------
    GeomsupError
        If the sum has more than MAX_VERTICES vertices or MAX_DIM dimensions.

    Notes
    -----
    An orthogonal map that permutes the vertices permutes the irreducible factors (the connected
    parts of the Gram matrix), and only congruent ones can change places, so the order is the
    product of the factors' orders and of m! for each factor that occurs m times.

    Examples
    --------
    >>> digon = series_recipe("orthoplex", 1)
    >>> pentagon = series_recipe("gon", 5)
    >>> sum_recipe("pentagonal bipyramid", [pentagon, digon], [pentagon, digon]).symmetry_order
    20
    """
    n_vertices = sum(part.n_vertices for part in parts)
    dim = sum(part.dim for part in parts)
    if n_vertices > MAX_VERTICES or dim > MAX_DIM:
        raise too_large_error(name)
    by_name = {recipe.name: recipe for recipe in primitives}
    counts = Counter(recipe.name for recipe in primitives)
    order = math.prod(
        by_name[factor].symmetry_order ** count * math.factorial(count)
        for factor, count in counts.items()
    )
    return Recipe(
        name=name,
        n_vertices=n_vertices,
        dim=dim,
        symmetry_order=order,
        coordinates=lambda: orthogonal_sum(*(part.vertices() for part in parts)),
        synonyms=synonyms,
        source=source,
        factors=tuple(part.name for part in parts),
        chiral=any(recipe.chiral for recipe in primitives)
        and not any(_has_mirror(recipe, counts[recipe.name]) for recipe in primitives),
    )


def _has_mirror(recipe: Recipe, count: int) -> bool:
    """Whether a map of determinant −1 leaves so many copies of an irreducible figure as they are.

    A single direction has none; exchanging two copies of an odd-dimensional figure is one.
    """
    return not (recipe.chiral or recipe.symmetry_order == 1) or (count > 1 and recipe.dim % 2 == 1)


def too_large_error(name: str) -> GeomsupError:
    """The error for a shape beyond the limits.

    Parameters
    ----------
    name : str
        What was asked for; long names are cut in the message.

    Returns
    -------
    GeomsupError

    Examples
    --------
    >>> str(too_large_error("5000-gon"))[:56]
    'expected a shape of at most 4096 vertices and 1024 dimen'
    """
    shown = name if len(name) <= 60 else f"{name[:59]}…"
    return GeomsupError(
        f"expected a shape of at most {MAX_VERTICES} vertices and {MAX_DIM} dimensions, got "
        f"{shown!r}; build larger arrays with geomsup.shapes.constructors"
    )
