"""The table of named shapes: one recipe for each, nothing computed.

Members of the endless series are listed as far as the field gives them names of their own (plus
the first nameless one of each); the rest are made when asked for.  Shapes with a free parameter
carry the landmark that fixes their default: prisms the uniform solid, antiprisms the tight frame,
capped ones the least Coulomb energy, which for the tricapped triangular prism and the bicapped
square antiprism is the Thomson optimum of nine and ten points.  Where Johnson's solid of the same
name is another arrangement, it is one of the shape's forms.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np

from geomsup.shapes import codes, johnson, solids, universal
from geomsup.shapes.constructors import FloatArray
from geomsup.shapes.families import CappedRings, capped_family
from geomsup.shapes.recipes import Recipe, series_recipe, sum_recipe
from geomsup.shapes.vacant import vacant_recipes

__all__ = ["CODES", "FIGURES"]

_COXETER = "Coxeter 1973, Regular Polytopes"
_UNIFORM = "Coxeter, Longuet-Higgins and Miller 1954, Uniform polyhedra"
_JOHNSON = "Johnson 1966, Convex polyhedra with regular faces"
_SHAPE = "Llunell et al. 2013, SHAPE 2.1"
_ELHAGE = "Elhage et al. 2022, Toy Models of Superposition"
_COHN_KUMAR = "Cohn and Kumar 2007, Universally optimal distribution of points on spheres"
_CONWAY_SLOANE = "Conway and Sloane 1999, Sphere Packings, Lattices and Groups"

# Elevations below 0.25 rad come close to a flat polygon, above 1 rad the k-gons shrink to points.
_PLAIN = (0.25, 1.0)
_CAPPED_PRISM = (0.35, 1.05)
_CAPPED_ANTIPRISM = (0.2, 0.9)


def _single() -> FloatArray:
    return np.ones((1, 1))


def _rings(
    name: str,
    rings: CappedRings,
    order: int,
    default: str,
    bounds: tuple[float, float],
    source: str,
    *synonyms: str,
) -> Recipe:
    return Recipe(
        name=name,
        n_vertices=2 * rings.sides + rings.caps,
        dim=3,
        symmetry_order=order,
        family=partial(capped_family, rings, default, bounds),
        synonyms=synonyms,
        source=source,
    )


def _fixed(
    name: str,
    n_vertices: int,
    dim: int,
    order: int,
    coordinates: Callable[[], FloatArray],
    source: str,
    *synonyms: str,
    chiral: bool = False,
    rare: bool = False,
) -> Recipe:
    return Recipe(
        name=name,
        n_vertices=n_vertices,
        dim=dim,
        symmetry_order=order,
        coordinates=coordinates,
        synonyms=synonyms,
        source=source,
        chiral=chiral,
        rare=rare,
    )


_MONOSEMANTIC = _fixed("monosemantic", 1, 1, 1, _single, _ELHAGE, "single feature", "vacant digon")
_DIGON = series_recipe("orthoplex", 1)
_TRIANGLE = series_recipe("gon", 3)
_SQUARE = series_recipe("gon", 4)
_PENTAGON = series_recipe("gon", 5)
_HEXAGON = series_recipe("gon", 6)


def _bipyramid(name: str, base: Recipe, *synonyms: str) -> Recipe:
    parts = [base, _DIGON]
    return sum_recipe(name, parts, parts, synonyms=synonyms, source=_JOHNSON)


def _twice(base: Recipe, *synonyms: str) -> Recipe:
    parts = [base, base]
    return sum_recipe(
        f"{base.name} ⊕ {base.name}", parts, parts, synonyms=synonyms, source=_COXETER
    )


def _prism(sides: int, caps: int = 0) -> CappedRings:
    return CappedRings(sides=sides, twisted=False, caps=caps)


def _antiprism(sides: int, caps: int = 0) -> CappedRings:
    return CappedRings(sides=sides, twisted=True, caps=caps)


_WHOLE: tuple[Recipe, ...] = (
    _MONOSEMANTIC,
    _DIGON,
    *(series_recipe("gon", k) for k in range(3, 10)),
    *(series_recipe("simplex", d) for d in (3, 4)),
    *(series_recipe("orthoplex", d) for d in (3, 4, 5)),
    *(series_recipe("cube", d) for d in (3, 4, 5)),
    sum_recipe(
        "square pyramid",
        [_SQUARE, _MONOSEMANTIC],
        [_DIGON, _DIGON, _MONOSEMANTIC],
        synonyms=("vacant octahedron",),
        source=_JOHNSON,
    ),
    _bipyramid("triangular bipyramid", _TRIANGLE, "trigonal bipyramid", "triangular dipyramid"),
    _bipyramid("pentagonal bipyramid", _PENTAGON, "pentagonal dipyramid"),
    _bipyramid("hexagonal bipyramid", _HEXAGON, "hexagonal dipyramid"),
    _rings(
        "triangular prism",
        _prism(3),
        12,
        "equal edge",
        _PLAIN,
        _UNIFORM,
        "trigonal prism",
        "vacant capped triangular prism (cap)",
    ),
    _rings("pentagonal prism", _prism(5), 20, "equal edge", _PLAIN, _UNIFORM),
    _rings("hexagonal prism", _prism(6), 24, "equal edge", _PLAIN, _UNIFORM),
    _rings(
        "square antiprism",
        _antiprism(4),
        16,
        "tight frame",
        _PLAIN,
        _ELHAGE,
        "anticube",
        "vacant capped square antiprism (cap)",
    ),
    _rings("pentagonal antiprism", _antiprism(5), 20, "tight frame", _PLAIN, _UNIFORM),
    _rings("hexagonal antiprism", _antiprism(6), 24, "tight frame", _PLAIN, _UNIFORM),
    _fixed(
        "capped octahedron",
        7,
        3,
        6,
        solids.capped_octahedron,
        "Schütte and van der Waerden 1951, best packing of seven points",
        "monocapped octahedron",
    ),
    _rings(
        "capped triangular prism",
        _prism(3, 1),
        4,
        "Thomson",
        _CAPPED_PRISM,
        f"{_JOHNSON} (J49)",
        "augmented triangular prism",
        "capped trigonal prism",
        "monocapped triangular prism",
        "vacant bicapped triangular prism (cap)",
    ),
    _fixed(
        "triangular dodecahedron",
        8,
        3,
        8,
        solids.triangular_dodecahedron,
        f"{_JOHNSON} (J84); least Coulomb energy of symmetry D2d",
        "snub disphenoid",
        "trigonal dodecahedron",
    ),
    _rings(
        "bicapped triangular prism",
        _prism(3, 2),
        4,
        "Thomson",
        _CAPPED_PRISM,
        f"{_JOHNSON} (J50)",
        "biaugmented triangular prism",
        "bicapped trigonal prism",
        "vacant tricapped triangular prism (cap)",
    ),
    _rings(
        "tricapped triangular prism",
        _prism(3, 3),
        12,
        "Thomson",
        _CAPPED_PRISM,
        f"{_JOHNSON} (J51); Thomson optimum of nine points",
        "triaugmented triangular prism",
        "tricapped trigonal prism",
    ),
    _rings(
        "capped square antiprism",
        _antiprism(4, 1),
        8,
        "Thomson",
        _CAPPED_ANTIPRISM,
        f"{_JOHNSON} (J10)",
        "gyroelongated square pyramid",
        "monocapped square antiprism",
        "vacant bicapped square antiprism (cap)",
    ),
    _rings(
        "bicapped square antiprism",
        _antiprism(4, 2),
        16,
        "Thomson",
        _CAPPED_ANTIPRISM,
        f"{_JOHNSON} (J17); Thomson optimum of ten points",
        "gyroelongated square bipyramid",
    ),
    _fixed("icosahedron", 12, 3, 120, solids.icosahedron, _COXETER),
    _fixed("dodecahedron", 20, 3, 120, solids.dodecahedron, _COXETER),
    _fixed("cuboctahedron", 12, 3, 48, solids.cuboctahedron, _UNIFORM, "A3 roots"),
    _fixed(
        "anticuboctahedron",
        12,
        3,
        12,
        solids.anticuboctahedron,
        f"{_JOHNSON} (J27)",
        "triangular orthobicupola",
    ),
    _fixed("truncated tetrahedron", 12, 3, 24, solids.truncated_tetrahedron, _UNIFORM),
    _fixed("snub cube", 24, 3, 24, solids.snub_cube, _UNIFORM, "snub cuboctahedron", chiral=True),
    _fixed(
        "24-cell", 24, 4, 1152, codes.icositetrachoron, _COXETER, "icositetrachoron", "D4 roots"
    ),
    _fixed("600-cell", 120, 4, 14400, codes.hexacosichoron, _COXETER, "hexacosichoron", "H4 roots"),
    _fixed(
        "rectified 5-cell",
        10,
        4,
        120,
        partial(codes.rectified_simplex, 4),
        "Bachoc and Vallentin 2009, Optimality and uniqueness of the (4, 10, 1/6) spherical code",
        "Petersen code",
        "rectified 4-simplex",
    ),
    _fixed("3-3 duoprism", 9, 4, 72, codes.three_three_duoprism, _COXETER, "3x3 rook graph code"),
    _fixed(
        "5-demicube",
        16,
        5,
        1920,
        partial(codes.demicube, 5),
        _COHN_KUMAR,
        "Clebsch code",
        "demipenteract",
    ),
    _fixed("6-demicube", 32, 6, 23040, partial(codes.demicube, 6), _COXETER, "demihexeract"),
    _fixed(
        "rook graph code",
        16,
        6,
        1152,
        codes.rook_code,
        "Shrikhande 1959, The uniqueness of the L2 association scheme",
        "4x4 rook graph code",
        "rook code",
    ),
    _fixed(
        "Shrikhande code",
        16,
        6,
        192,
        codes.shrikhande_code,
        "Shrikhande 1959, The uniqueness of the L2 association scheme",
        "Shrikhande graph code",
    ),
    _fixed("Schläfli 27", 27, 6, 51840, codes.schlaefli_27, _COHN_KUMAR, "2_21", "Schlaefli 27"),
    _fixed("Gosset 56", 56, 7, 2903040, codes.gosset_56, _COHN_KUMAR, "3_21"),
    _fixed("E6 roots", 72, 6, 103680, codes.e6_roots, _CONWAY_SLOANE, "1_22"),
    _fixed("E7 roots", 126, 7, 2903040, codes.e7_roots, _CONWAY_SLOANE, "2_31"),
    _fixed("E8 roots", 240, 8, 696729600, codes.e8_roots, _COHN_KUMAR, "4_21", "Gosset 240"),
    _twice(_TRIANGLE, "3-3 duopyramid"),
    _twice(_PENTAGON, "5-5 duopyramid"),
    _fixed(
        "spherical square pyramid",
        5,
        3,
        8,
        solids.spherical_square_pyramid,
        f"{_SHAPE} (SPY-5)",
        rare=True,
    ),
    _fixed("capped cube", 9, 3, 8, solids.capped_cube, f"{_SHAPE} (CCU-9)", rare=True),
    _fixed("muffin", 9, 3, 2, solids.muffin, f"{_SHAPE} (MFF-9)", rare=True),
    _fixed("sphenocorona", 10, 3, 4, johnson.sphenocorona, f"{_JOHNSON} (J86)", rare=True),
    _fixed(
        "augmented sphenocorona",
        11,
        3,
        2,
        johnson.augmented_sphenocorona,
        f"{_JOHNSON} (J87)",
        rare=True,
    ),
)

# Johnson's solids whose names the table has for another arrangement, as they are seen from their
# mean, and the capped cube from the centre of the cube.
_FORMS: dict[str, dict[str, Callable[[], FloatArray]]] = {
    "capped triangular prism": {"J49": partial(johnson.augmented_prism, 1)},
    "triangular dodecahedron": {"J84": johnson.snub_disphenoid},
    "bicapped triangular prism": {"J50": partial(johnson.augmented_prism, 2)},
    "capped square antiprism": {"J10": partial(johnson.capped, 4, twisted=True)},
    "capped cube": {
        "J8": partial(johnson.capped, 4, twisted=False),
        "J8 from the cube": partial(johnson.capped, 4, twisted=False, centred=True),
    },
    "vacant icosahedron": {"J11": partial(johnson.capped, 5, twisted=True)},
}


def _in_all_forms(recipe: Recipe) -> Recipe:
    forms = tuple(_FORMS.get(recipe.name, {}).items())
    return dataclasses.replace(recipe, forms=forms) if forms else recipe


#: Every named shape, in the order in which the documentation lists them, vacant ones last.
FIGURES: tuple[Recipe, ...] = tuple(
    _in_all_forms(recipe)
    for recipe in (*_WHOLE, *(vacant for whole in _WHOLE for vacant in vacant_recipes(whole)))
)


def _isotropic(q: int, exponent: int = 1) -> Recipe:
    """The points of a quadric over the field of q = p**exponent elements."""
    n, dim = (q + 1) * (q**3 + 1), q * (q * q - q + 1)
    # All semilinear isometries of the Hermitian form in four dimensions over GF(q²).
    order = q**6 * (q**2 - 1) * (q**3 + 1) * (q**4 - 1) * 2 * exponent
    coordinates = partial(universal.isotropic_code, q)
    return _fixed(f"isotropic {n}", n, dim, order, coordinates, _COHN_KUMAR, f"GQ({q}, {q * q})")


#: Universally optimal codes beyond eight dimensions.  They can be asked for, and do not compete
#: for the names of components: nobody has seen one learned, and laying one over data takes long.
CODES: tuple[Recipe, ...] = (
    _fixed("Higman-Sims 100", 100, 22, 88704000, universal.higman_sims_100, _COHN_KUMAR, "HS 100"),
    _isotropic(3),
    _fixed("McLaughlin 162", 162, 21, 13063680, universal.mclaughlin_162, _COHN_KUMAR, "U4(3) 162"),
    _fixed("McLaughlin 275", 275, 22, 1796256000, universal.mclaughlin_275, _COHN_KUMAR, "McL 275"),
    _isotropic(4, exponent=2),
    _fixed(
        "Leech 552",
        552,
        23,
        991533312000,
        universal.leech_552,
        _COHN_KUMAR,
        "276 equiangular lines",
    ),
    _isotropic(5),
    _fixed("Leech 891", 891, 22, 55180984320, universal.leech_891, _COHN_KUMAR),
)
