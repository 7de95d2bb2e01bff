"""Looking shapes up by name and by size."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_shapes import Symmetries

from geomsup.best_known import best_known_of
from geomsup.errors import GeomsupError, UnknownShapeError
from geomsup.shapes import composite_name, get_shape, list_shapes
from geomsup.shapes.catalogue import _normalised
from geomsup.shapes.figures import FIGURES

# Every name that the documentation promises, with number of vertices and dimension.
PROMISED = {
    "monosemantic": (1, 1),
    "digon": (2, 1),
    "triangle": (3, 2),
    "square": (4, 2),
    "pentagon": (5, 2),
    "hexagon": (6, 2),
    "heptagon": (7, 2),
    "octagon": (8, 2),
    "9-gon": (9, 2),
    "tetrahedron": (4, 3),
    "4-simplex": (5, 4),
    "octahedron": (6, 3),
    "16-cell": (8, 4),
    "5-orthoplex": (10, 5),
    "cube": (8, 3),
    "tesseract": (16, 4),
    "5-cube": (32, 5),
    "square pyramid": (5, 3),
    "triangular bipyramid": (5, 3),
    "pentagonal bipyramid": (7, 3),
    "hexagonal bipyramid": (8, 3),
    "triangular prism": (6, 3),
    "pentagonal prism": (10, 3),
    "hexagonal prism": (12, 3),
    "square antiprism": (8, 3),
    "pentagonal antiprism": (10, 3),
    "hexagonal antiprism": (12, 3),
    "capped octahedron": (7, 3),
    "capped triangular prism": (7, 3),
    "triangular dodecahedron": (8, 3),
    "bicapped triangular prism": (8, 3),
    "tricapped triangular prism": (9, 3),
    "capped square antiprism": (9, 3),
    "bicapped square antiprism": (10, 3),
    "icosahedron": (12, 3),
    "dodecahedron": (20, 3),
    "cuboctahedron": (12, 3),
    "anticuboctahedron": (12, 3),
    "truncated tetrahedron": (12, 3),
    "snub cube": (24, 3),
    "24-cell": (24, 4),
    "600-cell": (120, 4),
    "rectified 5-cell": (10, 4),
    "3-3 duoprism": (9, 4),
    "5-demicube": (16, 5),
    "6-demicube": (32, 6),
    "rook graph code": (16, 6),
    "Shrikhande code": (16, 6),
    "Schläfli 27": (27, 6),
    "Gosset 56": (56, 7),
    "E6 roots": (72, 6),
    "E7 roots": (126, 7),
    "E8 roots": (240, 8),
    "triangle ⊕ triangle": (6, 4),
    "pentagon ⊕ pentagon": (10, 4),
}

# Figures that only lists of polyhedra know.
PROMISED_RARE = {
    "spherical square pyramid": (5, 3),
    "capped cube": (9, 3),
    "muffin": (9, 3),
    "sphenocorona": (10, 3),
    "augmented sphenocorona": (11, 3),
}

# And without a vertex: number of vertices, dimension.
PROMISED_VACANT = {
    "vacant tetrahedron": (3, 3),
    "vacant pentagon": (4, 2),
    "vacant hexagon": (5, 2),
    "vacant heptagon": (6, 2),
    "vacant octagon": (7, 2),
    "vacant 9-gon": (8, 2),
    "vacant cube": (7, 3),
    "vacant tesseract": (15, 4),
    "vacant 5-cube": (31, 5),
    "vacant triangular prism": (5, 3),
    "vacant pentagonal prism": (9, 3),
    "vacant hexagonal prism": (11, 3),
    "vacant square antiprism": (7, 3),
    "vacant pentagonal antiprism": (9, 3),
    "vacant hexagonal antiprism": (11, 3),
    "vacant capped octahedron (cap)": (6, 3),
    "vacant capped octahedron (capped face)": (6, 3),
    "vacant capped octahedron (far face)": (6, 3),
    "vacant capped triangular prism (capped face)": (6, 3),
    "vacant capped triangular prism (far edge)": (6, 3),
    "vacant triangular dodecahedron (A site)": (7, 3),
    "vacant triangular dodecahedron (B site)": (7, 3),
    "vacant bicapped triangular prism (shared edge)": (7, 3),
    "vacant bicapped triangular prism (outer edge)": (7, 3),
    "vacant tricapped triangular prism (prism)": (8, 3),
    "vacant capped square antiprism (capped face)": (8, 3),
    "vacant capped square antiprism (far face)": (8, 3),
    "vacant bicapped square antiprism (antiprism)": (9, 3),
    "vacant icosahedron": (11, 3),
    "vacant dodecahedron": (19, 3),
    "vacant cuboctahedron": (11, 3),
    "vacant anticuboctahedron (belt)": (11, 3),
    "vacant anticuboctahedron (triangle)": (11, 3),
    "vacant truncated tetrahedron": (11, 3),
    "vacant snub cube": (23, 3),
    "vacant 24-cell": (23, 4),
    "vacant 600-cell": (119, 4),
    "vacant rectified 5-cell": (9, 4),
    "vacant 3-3 duoprism": (8, 4),
    "vacant 5-demicube": (15, 5),
    "vacant 6-demicube": (31, 6),
    "vacant rook graph code": (15, 6),
    "vacant Shrikhande code": (15, 6),
    "vacant Schläfli 27": (26, 6),
    "vacant Gosset 56": (55, 7),
    "vacant E6 roots": (71, 6),
    "vacant E7 roots": (125, 7),
    "vacant E8 roots": (239, 8),
}

PRIMITIVES = [
    "monosemantic",
    "digon",
    "triangle",
    "pentagon",
    "hexagon",
    "17-gon",
    "tetrahedron",
    "4-simplex",
    "cube",
    "square antiprism",
    "icosahedron",
    "rook graph code",
]


# ---- the table ----------------------------------------------------------------------------


def test_catalogue_holds_exactly_the_promised_names() -> None:
    sizes = {s.name: (s.n_vertices, s.dim) for s in list_shapes()}
    assert sizes == PROMISED | PROMISED_RARE | PROMISED_VACANT
    rare = {s.name for s in list_shapes() if s.rare}
    assert rare == set(PROMISED_RARE) | set(PROMISED_VACANT)
    assert {s.name for s in list_shapes() if s.vacant_of is not None} == set(PROMISED_VACANT)


@pytest.mark.parametrize("recipe", FIGURES, ids=lambda recipe: recipe.name)
def test_recipe_and_shape_agree(recipe: Any) -> None:
    shape = get_shape(recipe.name)
    assert (shape.n_vertices, shape.dim) == (recipe.n_vertices, recipe.dim)
    assert shape.source
    assert shape.name == recipe.name


def test_no_two_shapes_share_a_name() -> None:
    texts = [text for recipe in FIGURES for text in (recipe.name, *recipe.synonyms)]
    assert len({_normalised(text) for text in texts}) == len(texts)


@pytest.mark.parametrize("recipe", FIGURES, ids=lambda recipe: recipe.name)
def test_synonyms_find_the_shape(recipe: Any) -> None:
    for text in (recipe.name, *recipe.synonyms):
        assert get_shape(text) is get_shape(recipe.name)


@pytest.mark.parametrize(
    ("name", "factors"),
    [
        ("square", ("digon",) * 2),
        ("octahedron", ("digon",) * 3),
        ("16-cell", ("digon",) * 4),
        ("triangular bipyramid", ("triangle", "digon")),
        ("pentagonal bipyramid", ("pentagon", "digon")),
        ("hexagonal bipyramid", ("hexagon", "digon")),
        ("square pyramid", ("square", "monosemantic")),
        ("triangle ⊕ triangle", ("triangle",) * 2),
        ("pentagon ⊕ pentagon", ("pentagon",) * 2),
    ],
)
def test_factors_of_the_composites(name: str, factors: tuple[str, ...]) -> None:
    shape = get_shape(name)
    assert shape.factors == factors
    assert composite_name(factors) == name
    assert get_shape(" ⊕ ".join(factors)) is shape


@pytest.mark.parametrize("name", PROMISED | PROMISED_RARE)
def test_a_shape_has_factors_exactly_when_its_gram_matrix_falls_apart(name: str) -> None:
    shape = get_shape(name)
    linked = np.abs(shape.gram) > 1e-9
    reached = {0}
    while grown := set(np.flatnonzero(linked[sorted(reached)].any(axis=0)).tolist()) - reached:
        reached |= grown
    assert (len(reached) == shape.n_vertices) == (shape.factors == ())


# ---- look-up by name ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Square_Antiprism", "square antiprism"),
        ("  SQUARE   antiprism ", "square antiprism"),
        ("squareAntiprism", "square antiprism"),
        ("square-antiprism", "square antiprism"),
        ("e8 ROOTS", "E8 roots"),
        ("E8_roots", "E8 roots"),
        ("schlafli 27", "Schläfli 27"),
        ("Schla\u0308fli 27", "Schläfli 27"),
        ("schlaefli27", "Schläfli 27"),
        ("5-cell", "4-simplex"),
        ("Petersen code", "rectified 5-cell"),
        ("Clebsch code", "5-demicube"),
        ("vacant octahedron", "square pyramid"),
        ("vacant digon", "monosemantic"),
        ("vacant square", "digon ⊕ monosemantic"),
        ("Vacant 16-cell", "digon ⊕ digon ⊕ digon ⊕ monosemantic"),
        ("vacant 9-orthoplex", " ⊕ ".join(["digon"] * 8 + ["monosemantic"])),
        ("vacant_ICOSAHEDRON", "vacant icosahedron"),
        ("vacant hexahedron", "vacant cube"),
        ("vacant 3-simplex", "vacant tetrahedron"),
        ("vacant Petersen code", "vacant rectified 5-cell"),
        ("vacant snub disphenoid (a-site)", "vacant triangular dodecahedron (A site)"),
        ("vacant tricapped triangular prism (cap)", "bicapped triangular prism"),
        ("vacant bicapped square antiprism (cap)", "capped square antiprism"),
        ("vacant 17-gon", "vacant 17-gon"),
        ("digon + vacant pentagon", "vacant pentagon ⊕ digon"),
        ("vacant octahedron + digon", "digon ⊕ digon ⊕ digon ⊕ monosemantic"),
        ("600 cell", "600-cell"),
        ("17-GON", "17-gon"),
        ("17 gon", "17-gon"),
        ("007-gon", "heptagon"),
        ("3-gon", "triangle"),
        ("2-simplex", "triangle"),
        ("1-simplex", "digon"),
        ("2-gon", "digon"),
        ("3-simplex", "tetrahedron"),
        ("2-orthoplex", "square"),
        ("2-cube", "square"),
        ("3-cube", "cube"),
        ("4-hypercube", "tesseract"),
        ("4-cross-polytope", "16-cell"),
        ("4-demicube", "16-cell"),
        ("triangle+digon", "triangular bipyramid"),
        ("digon ⊕ triangle", "triangular bipyramid"),
        ("octahedron ⊕ square", "5-orthoplex"),
        ("octahedron + monosemantic", "digon ⊕ digon ⊕ digon ⊕ monosemantic"),
        ("digon + pentagon + square", "pentagon ⊕ digon ⊕ digon ⊕ digon"),
        ("triangle⊕triangle", "triangle ⊕ triangle"),
        ("triangle + triangle + digon", "triangle ⊕ triangle ⊕ digon"),
        ("triangular bipyramid + triangle", "triangle ⊕ triangle ⊕ digon"),
        ("tetrahedron + square antiprism", "square antiprism ⊕ tetrahedron"),
        ("monosemantic + monosemantic", "monosemantic ⊕ monosemantic"),
    ],
)
def test_ways_to_write_a_name(text: str, name: str) -> None:
    assert get_shape(text).name == name


@pytest.mark.parametrize(
    ("text", "n_vertices", "dim", "order"),
    [
        ("17-gon", 17, 2, 34),
        ("12-simplex", 13, 12, math.factorial(13)),
        ("9-orthoplex", 18, 9, 2**9 * math.factorial(9)),
        ("7-cube", 128, 7, 2**7 * math.factorial(7)),
        ("4096-gon", 4096, 2, 8192),
        ("12-cube", 4096, 12, 2**12 * math.factorial(12)),
    ],
)
def test_members_of_the_endless_series(text: str, n_vertices: int, dim: int, order: int) -> None:
    shape = get_shape(text)
    assert (shape.name, shape.n_vertices, shape.dim) == (text, n_vertices, dim)
    assert shape.symmetry_order == order
    assert shape.is_tight


@pytest.mark.parametrize(("text", "order"), [("vacant 17-gon", 2), ("vacant 7-cube", 5040)])
def test_vacant_members_of_the_endless_series(text: str, order: int) -> None:
    shape = get_shape(text)
    assert shape.symmetry_order == order
    assert shape.vacant_of == text.removeprefix("vacant ")
    assert shape.n_vertices == get_shape(shape.vacant_of).n_vertices - 1


@given(k=st.integers(3, 200))
def test_polygon_cosines(k: int) -> None:
    gram = get_shape(f"{k}-gon").gram
    angles = 2 * np.pi * np.arange(k) / k
    assert gram[0] == pytest.approx(np.cos(angles), abs=1e-13)
    assert get_shape(f"{k}-gon").dimensionality == pytest.approx(2 / k, abs=1e-13)


@given(dim=st.integers(1, 60))
def test_simplex_and_orthoplex_cosines(dim: int) -> None:
    simplex = get_shape(f"{dim}-simplex").gram
    off = ~np.eye(dim + 1, dtype=bool)
    assert simplex[off] == pytest.approx(-1 / dim, abs=1e-14)
    orthoplex = get_shape(f"{dim}-orthoplex").gram
    expected = [-1.0] + [0.0] * (2 * dim - 2) + [1.0]
    assert np.sort(orthoplex[0]) == pytest.approx(expected, abs=1e-15)


@given(dim=st.integers(1, 9))
def test_cube_cosines_are_binomial(dim: int) -> None:
    values, counts = np.unique(get_shape(f"{dim}-cube").gram[0].round(9), return_counts=True)
    assert counts.tolist() == [math.comb(dim, k) for k in range(dim + 1)]
    assert values == pytest.approx(np.linspace(-1, 1, dim + 1), abs=1e-9)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("pentagn", "pentagon"),
        ("octohedron", "octahedron"),
        ("sqare antiprisim", "square antiprism"),
        ("trigonal bipiramid", "triangular bipyramid"),
        ("Shrikande code", "Shrikhande code"),
        ("E9 roots", "E8 roots"),
        ("triangle ⊕ digno", "digon"),
        ("vacant icosahedrn", "vacant icosahedron"),
        ("vacant capped octahedron", "vacant capped octahedron (far face)"),
        ("vacant anticuboctahedron", "vacant anticuboctahedron (belt)"),
    ],
)
def test_unknown_names_get_suggestions(text: str, suggestion: str) -> None:
    with pytest.raises(UnknownShapeError) as caught:
        get_shape(text)
    assert repr(suggestion) in str(caught.value)
    assert "\n" not in str(caught.value)
    # Both habits of catching it work.
    assert isinstance(caught.value, GeomsupError)
    assert isinstance(caught.value, KeyError)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "+",
        "⊕",
        "pentagon +",
        "+ pentagon",
        "pentagon ++ digon",
        "qwertyuiop",
        "-3-gon",
        "−3-gon",
        "- 4 cube",
        "3.5-gon",
        "1e1-gon",
        "gon",
        "-gon",
        "irregular",
        "pentagon, digon",
        "pentagon;",
        "x" * 100_000,
        "Thomson\n8",
        "vacant",
        "vacant 4-simplex",
        "vacant triangle",
        "vacant sphenocorona",
        "vacant vacant tetrahedron",
        "vacant triangular bipyramid",
        "vacant Thomson 11 in R^3",
        "vacant vacant cube",
        "vacant qwertyuiop",
    ],
)
def test_bad_names_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(UnknownShapeError) as caught:
        get_shape(text)
    assert len(str(caught.value)) < 250
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0-gon", "2 or more"),
        ("1-gon", "2 or more"),
        ("0-simplex", "1 or more"),
        ("0-orthoplex", "1 or more"),
        ("0-cube", "1 or more"),
        ("4097-gon", "at most 4096"),
        ("13-cube", "at most 4096"),
        ("1025-simplex", "at most 4096"),
        ("1025-orthoplex", "at most 4096"),
        ("999999999-cube", "at most 4096"),
        ("9" * 5000 + "-gon", "at most 4096"),
        ("4096-gon + digon", "at most 4096"),
        ("1024-simplex + digon", "at most 4096"),
        ("+".join(["digon"] * 5000), "at most 4096"),
        ("+".join(["digon"] * 1025), "at most 4096"),
    ],
)
def test_sizes_beyond_the_limits_are_refused(text: str, message: str) -> None:
    with pytest.raises(GeomsupError, match=message) as caught:
        get_shape(text)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("value", [None, 5, 2.5, b"pentagon", ["pentagon"], np.array(["cube"])])
def test_names_that_are_no_text(value: Any) -> None:
    with pytest.raises(GeomsupError, match="as str"):
        get_shape(value)


@given(text=st.text(max_size=40))
def test_any_text_gives_a_shape_or_one_clear_error(text: str) -> None:
    try:
        name = get_shape(text).name
    except GeomsupError as error:
        message = str(error)
        name = "digon"
    else:
        message = ""
    assert "\n" not in message
    assert get_shape(name).name == name


# ---- look-up by size ----------------------------------------------------------------------


def test_shapes_of_eight_vertices() -> None:
    assert [(s.name, s.dim) for s in list_shapes(8)] == [
        ("octagon", 2),
        ("vacant 9-gon", 2),
        ("bicapped triangular prism", 3),
        ("cube", 3),
        ("hexagonal bipyramid", 3),
        ("square antiprism", 3),
        ("triangular dodecahedron", 3),
        ("vacant capped square antiprism (capped face)", 3),
        ("vacant capped square antiprism (far face)", 3),
        ("vacant tricapped triangular prism (prism)", 3),
        ("16-cell", 4),
        ("vacant 3-3 duoprism", 4),
        ("7-simplex", 7),
    ]


@pytest.mark.parametrize(
    ("n_vertices", "names"),
    [
        (1, {"monosemantic"}),
        (2, {"digon"}),
        (3, {"triangle"}),
        (4, {"square", "tetrahedron"}),
        (6, {"hexagon", "octahedron", "triangular prism", "triangle ⊕ triangle", "5-simplex"}),
        (11, {"11-gon", "10-simplex", "Thomson 11 in R^3", "Thomson 11 in R^4"}),
        (64, {"64-gon", "6-cube", "32-orthoplex", "63-simplex", "Thomson 64 in R^3"}),
        (4095, {"4095-gon"}),
        (4096, {"4096-gon", "12-cube"}),
        (4097, set()),
        (10**30, set()),
    ],
)
def test_endless_series_join_by_size(n_vertices: int, names: set[str]) -> None:
    whole = {shape.name for shape in list_shapes(n_vertices) if not shape.rare}
    assert whole == names


@given(n_vertices=st.integers(1, 130))
def test_listing_by_size_is_complete_ordered_and_without_duplicates(n_vertices: int) -> None:
    shapes = list_shapes(n_vertices=n_vertices)
    names = [shape.name for shape in shapes]
    assert len(set(names)) == len(names)
    assert all(shape.n_vertices == n_vertices for shape in shapes)
    assert names == [s.name for s in sorted(shapes, key=lambda s: (s.dim, s.name))]
    assert all(get_shape(shape.name) is shape for shape in shapes)
    expected = {s.name for s in list_shapes() if s.n_vertices == n_vertices}
    if n_vertices >= 2:
        expected |= {
            get_shape(f"{n_vertices}-gon").name,
            get_shape(f"{n_vertices - 1}-simplex").name,
        }
        if n_vertices % 2 == 0:
            expected.add(get_shape(f"{n_vertices // 2}-orthoplex").name)
        if math.log2(n_vertices).is_integer():
            expected.add(get_shape(f"{round(math.log2(n_vertices))}-cube").name)
    # The uniform snub cube stands for the optimum of 24 points, which is hardly another.
    expected |= {
        f"Thomson {n_vertices} in R^{row.dim}"
        for row in best_known_of(n_vertices)
        if not row.name and (n_vertices, row.dim) != (24, 3)
    }
    assert set(names) == expected


def test_listing_by_dimension() -> None:
    assert [s.name for s in list_shapes(dim=7)] == [
        "vacant Gosset 56",
        "Gosset 56",
        "vacant E7 roots",
        "E7 roots",
    ]
    assert [s.name for s in list_shapes(12, dim=2)] == ["12-gon"]
    assert [s.name for s in list_shapes(12, 6)] == ["6-orthoplex"]
    assert list_shapes(5, 7) == ()
    for dim in range(1, 9):
        assert list_shapes(dim=dim) == tuple(s for s in list_shapes() if s.dim == dim)


def test_whole_catalogue_is_ordered_by_size() -> None:
    keys = [(s.n_vertices, s.dim, s.name) for s in list_shapes()]
    assert keys == sorted(keys)


@pytest.mark.parametrize("value", [0, -1, 2.0, "8", True, [8], math.nan])
@pytest.mark.parametrize("argument", ["n_vertices", "dim"])
def test_bad_sizes_are_refused(argument: str, value: Any) -> None:
    with pytest.raises(GeomsupError, match=f"{argument} must be an integer of at least 1"):
        list_shapes(**{argument: value})


def test_numpy_integers_are_sizes() -> None:
    # A generic integer type is what len-like computations with arrays give.
    count: Any = np.int64(6)
    assert list_shapes(count) == list_shapes(6)


# ---- composites ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factors", "name"),
    [
        (["digon", "digon"], "square"),
        (["digon"] * 3, "octahedron"),
        (["digon"] * 4, "16-cell"),
        (["digon"] * 19, "19-orthoplex"),
        (["square", "digon"], "octahedron"),
        (["octahedron"], "octahedron"),
        (["digon", "digon", "monosemantic"], "square pyramid"),
        (["monosemantic", "square"], "square pyramid"),
        (["digon", "triangle"], "triangular bipyramid"),
        (["digon", "5-gon"], "pentagonal bipyramid"),
        (["hexagon", "digon"], "hexagonal bipyramid"),
        (["triangle", "triangle"], "triangle ⊕ triangle"),
        (["pentagon", "pentagon"], "pentagon ⊕ pentagon"),
        ([], None),
        (["digon"], None),
        (["pentagon"], None),
        (["pentagon", "triangle"], None),
        (["triangle", "digon", "digon"], None),
        (["monosemantic", "monosemantic"], None),
        (["digon", "monosemantic"], None),
        (["triangle"] * 3, None),
        (["digon", "irregular"], None),
        (["digon"] * 1025, None),
        (["pentagon ⊕ digon"], "pentagonal bipyramid"),
    ],
)
def test_composite_names(factors: list[str], name: str | None) -> None:
    assert composite_name(factors) == name
    assert composite_name(iter(factors)) == name


def test_one_text_is_not_several_factors() -> None:
    with pytest.raises(GeomsupError, match="several names"):
        composite_name("pentagon")


@given(factors=st.lists(st.sampled_from(PRIMITIVES), min_size=2, max_size=5), seed=st.integers(0))
def test_a_sum_has_one_name_whatever_the_order_or_grouping(factors: list[str], seed: int) -> None:
    shuffled = factors.copy()
    random.Random(seed).shuffle(shuffled)
    total = get_shape(" ⊕ ".join(factors))
    assert get_shape(" + ".join(shuffled)) is total
    assert get_shape(total.name) is total
    regrouped = f"{get_shape(' + '.join(shuffled[:2])).name} + {' + '.join(shuffled[2:])}"
    assert get_shape(regrouped.rstrip(" +")) is total
    classical = composite_name(shuffled)
    assert total.name == classical or (classical is None and "⊕" in total.name)


@given(factors=st.lists(st.sampled_from(PRIMITIVES), min_size=2, max_size=5))
def test_a_sum_adds_sizes_and_keeps_the_factors_dimensionalities(factors: list[str]) -> None:
    total = get_shape(" ⊕ ".join(factors))
    parts = [get_shape(factor) for factor in factors]
    assert total.n_vertices == sum(part.n_vertices for part in parts)
    assert total.dim == sum(part.dim for part in parts)
    expected = np.sort(np.concatenate([part.dimensionalities for part in parts]))
    assert np.sort(total.dimensionalities) == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize(
    "name",
    [
        "triangle ⊕ triangle ⊕ digon",
        "pentagon ⊕ triangle",
        "monosemantic ⊕ monosemantic",
        "triangle ⊕ monosemantic ⊕ monosemantic",
        "pentagon ⊕ digon ⊕ digon",
        "tetrahedron ⊕ tetrahedron",
        "square antiprism ⊕ square",
        "snub cube ⊕ monosemantic",
        "snub cube ⊕ snub cube",
    ],
)
def test_symmetry_and_chirality_of_sums(name: str) -> None:
    shape = get_shape(name)
    symmetries = Symmetries(shape.vertices)
    assert symmetries.order() == shape.symmetry_order
    assert symmetries.has_reflection() != shape.chiral


def test_factors_of_a_sum_are_orthogonal_blocks() -> None:
    shape = get_shape("pentagon ⊕ triangle ⊕ digon")
    assert shape.factors == ("pentagon", "triangle", "digon")
    blocks = np.split(shape.vertices, [5, 8])
    for a, b in itertools.combinations(blocks, 2):
        assert np.abs(a @ b.T).max() == 0.0
    for block, name in zip(blocks, shape.factors, strict=True):
        assert block @ block.T == pytest.approx(get_shape(name).gram, abs=1e-15)
