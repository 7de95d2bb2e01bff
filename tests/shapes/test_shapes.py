"""The shapes' vertices, held against facts that were not computed from them.

Orders of symmetry groups come from the literature (Coxeter 1973; Conway and Sloane 1999) and are
counted again here from the Gram matrix alone, by a stabiliser chain.
"""

from __future__ import annotations

import itertools
import json
import math
import pickle
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from shape_list import FIGURES, JOHNSON

from geomsup import match_shape
from geomsup.errors import GeomsupError
from geomsup.shapes import Shape, ShapeFamily, get_shape, list_shapes
from geomsup.shapes.families import CappedRings, bisect_minimum, coulomb_energy
from geomsup.shapes.universal import isotropic_code

FloatArray = NDArray[np.float64]

CATALOGUE = list_shapes()
FAMILIES = [shape for shape in CATALOGUE if shape.family is not None]
# A vacant figure keeps the landmarks of the whole one, which are no minima of what is left.
WHOLE_FAMILIES = [shape for shape in FAMILIES if shape.vacant_of is None]
NAMES = [shape.name for shape in CATALOGUE]
VACANT = [shape for shape in CATALOGUE if shape.vacant_of is not None]


def family_of(name: str) -> ShapeFamily:
    family = get_shape(name).family
    assert family is not None
    return family


class Symmetries:
    """Automorphisms of a Gram matrix: an oracle that knows nothing of the catalogue."""

    def __init__(self, vertices: FloatArray) -> None:
        self.vertices = vertices
        gram = vertices @ vertices.T
        # Cosines that differ by rounding only get the same label.
        levels = np.unique(gram.round(7))
        levels = levels[np.concatenate([[True], np.diff(levels) > 1e-6])]
        self.labels = np.abs(gram[..., None] - levels).argmin(axis=-1).astype(np.int16)
        self.base = self._independent(vertices)

    @staticmethod
    def _independent(vertices: FloatArray) -> list[int]:
        base: list[int] = []
        rest = vertices.copy()
        for _ in range(vertices.shape[1]):
            base.append(int(np.argmax(np.linalg.norm(rest, axis=1) > 0.2)))
            direction = rest[base[-1]] / np.linalg.norm(rest[base[-1]])
            rest = rest - np.outer(rest @ direction, direction)
        return base

    def _profile(self, chosen: list[int]) -> bytes:
        columns = self.labels[:, chosen]
        ordered: bytes = columns[np.lexsort(columns.T)].tobytes()
        return ordered

    def _extensions(self, images: list[int]) -> list[int]:
        k = len(images)
        wanted = self.labels[self.base[k], self.base[: k + 1]]
        fits = np.ones(len(self.labels), dtype=bool)
        for image, label in zip(images, wanted, strict=False):
            fits &= self.labels[:, image] == label
        target = self._profile(self.base[: k + 1])
        return [int(v) for v in np.flatnonzero(fits) if self._profile([*images, int(v)]) == target]

    def _completes(self, images: list[int]) -> bool:
        # Once the base is placed, equal profiles mean that the linear map permutes the vertices.
        if len(images) == len(self.base):
            return True
        return any(self._completes([*images, v]) for v in self._extensions(images))

    def orbits(self) -> list[int]:
        """Sizes of the orbits down the stabiliser chain."""
        return [
            sum(self._completes([*self.base[:k], v]) for v in self._extensions(self.base[:k]))
            for k in range(len(self.base))
        ]

    def order(self) -> int:
        return math.prod(self.orbits())

    def _tuples(self, images: list[int]) -> list[list[int]]:
        if len(images) == len(self.base):
            return [images]
        return [t for v in self._extensions(images) for t in self._tuples([*images, v])]

    def has_reflection(self) -> bool:
        frame = np.linalg.inv(self.vertices[self.base])
        maps = (frame @ self.vertices[images] for images in self._tuples([]))
        return any(np.linalg.det(m) < 0 for m in maps)


def sorted_cosines(vertices: FloatArray) -> FloatArray:
    i, j = np.triu_indices(len(vertices), k=1)
    return np.sort(np.asarray((vertices @ vertices.T)[i, j]))


# ---- every shape --------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_vertices_are_unit_rows_that_span_their_space(name: str) -> None:
    shape = get_shape(name)
    assert np.linalg.norm(shape.vertices, axis=1) == pytest.approx(1.0, abs=1e-15)
    assert np.linalg.matrix_rank(shape.vertices) == shape.dim
    assert shape.vertices.dtype == np.float64
    assert not shape.vertices.flags.writeable
    assert not shape.gram.flags.writeable
    assert not shape.dimensionalities.flags.writeable
    # No two vertices come close to one another, so a shape never hides a smaller one.
    assert shape.min_angle > 0.5


@pytest.mark.parametrize("name", NAMES)
def test_symmetry_order_is_that_of_the_gram_matrix(name: str) -> None:
    shape = get_shape(name)
    assert Symmetries(shape.vertices).order() == shape.symmetry_order


@pytest.mark.parametrize(
    ("name", "order"),
    [
        # Coxeter 1973, table I and chapter 11; |W(E6)|, |W(E7)|, |W(E8)|; srg tables of Brouwer.
        ("tetrahedron", 24),
        ("cube", 48),
        ("icosahedron", 120),
        ("dodecahedron", 120),
        ("cuboctahedron", 48),
        ("anticuboctahedron", 12),
        ("truncated tetrahedron", 24),
        ("snub cube", 24),
        ("4-simplex", 120),
        ("tesseract", 384),
        ("16-cell", 384),
        ("24-cell", 1152),
        ("600-cell", 14400),
        ("5-demicube", 1920),
        ("6-demicube", 23040),
        ("rectified 5-cell", 120),
        ("3-3 duoprism", 72),
        ("rook graph code", 1152),
        ("Shrikhande code", 192),
        ("Schläfli 27", 51840),
        ("Gosset 56", 2903040),
        ("E6 roots", 2 * 51840),
        ("E7 roots", 2903040),
        ("E8 roots", 696729600),
        ("square antiprism", 16),
        ("triangular dodecahedron", 8),
        ("capped octahedron", 6),
        ("capped triangular prism", 4),
        ("bicapped triangular prism", 4),
        ("tricapped triangular prism", 12),
        ("capped square antiprism", 8),
        ("bicapped square antiprism", 16),
        ("square pyramid", 8),
        ("octahedron", 48),
        ("triangle ⊕ triangle", 72),
        ("pentagon ⊕ pentagon", 200),
    ],
)
def test_published_symmetry_orders(name: str, order: int) -> None:
    assert get_shape(name).symmetry_order == order


@pytest.mark.parametrize(
    "name",
    ["600-cell", "Schläfli 27", "Gosset 56", "E6 roots", "E7 roots", "E8 roots", "Shrikhande code"],
)
def test_large_symmetry_groups_are_transitive(name: str) -> None:
    shape = get_shape(name)
    assert Symmetries(shape.vertices).orbits()[0] == shape.n_vertices


@pytest.mark.parametrize(
    "name", [s.name for s in CATALOGUE if 1 < s.symmetry_order <= 400 and s.dim <= 5]
)
def test_chirality_is_the_absence_of_reflections(name: str) -> None:
    shape = get_shape(name)
    assert shape.chiral != Symmetries(shape.vertices).has_reflection()


def test_chiral_shapes() -> None:
    assert [shape.name for shape in CATALOGUE if shape.chiral] == [
        "vacant capped triangular prism (capped face)",
        "vacant bicapped triangular prism (outer edge)",
        "vacant snub cube",
        "snub cube",
    ]


def test_snub_cube_and_its_mirror_image_are_not_congruent_by_rotation() -> None:
    snub = get_shape("snub cube").vertices
    mirror = snub * [1.0, 1.0, -1.0]
    both = Symmetries(snub)
    # All maps that carry the snub cube's base into the mirror image and keep the cosines:
    gram = mirror @ mirror.T
    base = both.base
    wanted = snub[base] @ snub[base].T
    found = [
        np.linalg.inv(snub[base]) @ mirror[list(images)]
        for images in itertools.permutations(range(24), 3)
        if np.abs(gram[np.ix_(images, images)] - wanted).max() < 1e-9
    ]
    carried = [
        m for m in found if (np.linalg.norm(snub @ m - mirror[:, None], axis=2).min(0) < 1e-9).all()
    ]
    assert len(carried) == 24
    assert all(np.linalg.det(m) < 0 for m in carried)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        # Elhage et al. 2022 (levels of the dimensionality plot); others n_vertices/dim of a tight
        # frame known from the literature (spherical 2-designs).
        ("monosemantic", Fraction(1)),
        ("digon", Fraction(1, 2)),
        ("triangle", Fraction(2, 3)),
        ("square", Fraction(1, 2)),
        ("pentagon", Fraction(2, 5)),
        ("octagon", Fraction(1, 4)),
        ("tetrahedron", Fraction(3, 4)),
        ("octahedron", Fraction(1, 2)),
        ("cube", Fraction(3, 8)),
        ("square antiprism", Fraction(3, 8)),
        ("rook graph code", Fraction(3, 8)),
        ("Shrikhande code", Fraction(3, 8)),
        ("rectified 5-cell", Fraction(2, 5)),
        ("icosahedron", Fraction(1, 4)),
        ("cuboctahedron", Fraction(1, 4)),
        ("tesseract", Fraction(1, 4)),
        ("snub cube", Fraction(1, 8)),
        ("24-cell", Fraction(1, 6)),
        ("600-cell", Fraction(1, 30)),
        ("Schläfli 27", Fraction(2, 9)),
        ("Gosset 56", Fraction(1, 8)),
        ("E6 roots", Fraction(1, 12)),
        ("E7 roots", Fraction(1, 18)),
        ("E8 roots", Fraction(1, 30)),
        ("3-3 duoprism", Fraction(4, 9)),
        ("5-demicube", Fraction(5, 16)),
    ],
)
def test_published_dimensionalities(name: str, value: Fraction) -> None:
    shape = get_shape(name)
    assert shape.dimensionalities == pytest.approx(float(value), abs=1e-14)
    assert shape.dimensionality == pytest.approx(float(value), abs=1e-14)


def test_unequal_dimensionalities_of_the_triangular_bipyramid() -> None:
    # Elhage et al. 2022: three features at 2/3 and two at 1/2.
    levels = Counter(get_shape("triangular bipyramid").dimensionalities.round(12).tolist())
    assert levels == {round(2 / 3, 12): 3, 0.5: 2}


@pytest.mark.parametrize("name", NAMES)
def test_dimensionality_is_the_definition_and_sums_to_at_most_the_dimension(name: str) -> None:
    shape = get_shape(name)
    defined = 1.0 / (shape.gram**2).sum(axis=1)
    assert shape.dimensionalities == pytest.approx(defined, rel=1e-13)
    total = shape.dimensionalities.sum()
    assert total <= shape.dim + 1e-12
    # Equality holds exactly for orthogonal sums of tight frames (theory: Cauchy-Schwarz).
    parts = [get_shape(f).is_tight for f in shape.factors] or [shape.is_tight]
    assert (abs(total - shape.dim) < 1e-9) == all(parts)


@pytest.mark.parametrize(
    "name", ["triangle", "tetrahedron", "4-simplex", "9-simplex", "rook graph code"]
)
def test_equiangular_tight_frames_meet_the_welch_bound(name: str) -> None:
    shape = get_shape(name)
    n, d = shape.n_vertices, shape.dim
    assert shape.coherence == pytest.approx(math.sqrt((n - d) / (d * (n - 1))), abs=1e-14)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "monosemantic"])
def test_no_shape_beats_the_welch_bound(name: str) -> None:
    shape = get_shape(name)
    n, d = shape.n_vertices, shape.dim
    assert shape.coherence >= math.sqrt((n - d) / (d * (n - 1))) - 1e-14


@pytest.mark.parametrize(
    ("name", "n_edges", "n_cosines"),
    [
        # Edges of the convex hull that are shortest distances, and distinct cosines between
        # different vertices (Coxeter 1973; Conway and Sloane 1999, table 1.5 for kissing figures).
        ("icosahedron", 30, 3),
        ("dodecahedron", 30, 5),
        ("cuboctahedron", 24, 4),
        ("anticuboctahedron", 24, 6),
        ("truncated tetrahedron", 18, 4),
        ("snub cube", 60, 11),
        ("24-cell", 96, 4),
        ("600-cell", 720, 8),
        ("rectified 5-cell", 30, 2),
        ("3-3 duoprism", 18, 2),
        ("5-demicube", 80, 2),
        ("6-demicube", 240, 3),
        ("Schläfli 27", 216, 2),
        ("Gosset 56", 756, 3),
        ("E6 roots", 720, 4),
        ("E7 roots", 2016, 4),
        ("E8 roots", 6720, 4),
    ],
)
def test_edge_counts_and_distinct_cosines(name: str, n_edges: int, n_cosines: int) -> None:
    cosines = sorted_cosines(get_shape(name).vertices)
    assert (cosines > cosines[-1] - 1e-9).sum() == n_edges
    assert 1 + (np.diff(cosines) > 1e-9).sum() == n_cosines


# ---- figures without a vertex -------------------------------------------------------------


@pytest.mark.parametrize("name", [shape.name for shape in VACANT])
def test_a_vacant_figure_is_the_whole_one_without_a_vertex(name: str) -> None:
    vacant = get_shape(name)
    assert vacant.vacant_of is not None
    whole = get_shape(vacant.vacant_of)
    assert (vacant.n_vertices, vacant.dim) == (whole.n_vertices - 1, whole.dim)
    rows = [
        k
        for k in range(whole.n_vertices)
        if np.array_equal(np.delete(whole.vertices, k, axis=0), vacant.vertices)
    ]
    assert len(rows) == 1
    assert vacant.vacant_of in vacant.source
    if whole.family is not None:
        assert vacant.family is not None
        for parameter in np.linspace(*whole.family.bounds, 5):
            rest = np.delete(whole.family.build(float(parameter)), rows[0], axis=0)
            assert np.array_equal(rest, vacant.family.build(float(parameter)))


def test_the_tetrahedron_alone_of_all_simplices_has_a_vacant_figure() -> None:
    vacant = get_shape("vacant tetrahedron")
    assert vacant.gram[np.triu_indices(3, 1)] == pytest.approx(-1 / 3, abs=1e-15)
    assert vacant.vacant_of == "tetrahedron"
    assert not [s.name for s in CATALOGUE if s.vacant_of and "simplex" in s.vacant_of]


def arrangement(vertices: FloatArray) -> bytes:
    """The same for congruent sets of vertices: the sorted rows of their cosines, sorted."""
    rows = np.sort((vertices @ vertices.T).round(6) + 0.0, axis=1)
    return rows[np.lexsort(rows.T)].tobytes()


@pytest.mark.parametrize(
    "name",
    [
        s.name
        for s in CATALOGUE
        if not (s.rare or s.factors) and 5 <= s.n_vertices != s.dim + 1 and s.n_vertices < 100
    ],
)
def test_every_orbit_of_vertices_has_its_vacant_figure(name: str) -> None:
    whole = get_shape(name)
    holes = {arrangement(np.delete(whole.vertices, k, axis=0)) for k in range(whole.n_vertices)}
    named = {arrangement(s.vertices) for s in CATALOGUE if s.vacant_of == name}
    # A cap leaves a figure that has a name already.
    caps = [s for s in CATALOGUE if f"vacant {name} (cap)" in s.synonyms]
    assert named <= holes
    assert len(named) + len(caps) == len(holes)
    assert len(named) == sum(s.vacant_of == name for s in CATALOGUE)


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("capped triangular prism", "triangular prism"),
        ("bicapped triangular prism", "capped triangular prism"),
        ("tricapped triangular prism", "bicapped triangular prism"),
        ("capped square antiprism", "square antiprism"),
        ("bicapped square antiprism", "capped square antiprism"),
    ],
)
def test_a_figure_without_its_cap_is_the_one_with_fewer_caps(name: str, left: str) -> None:
    shape = get_shape(f"vacant {name} (cap)")
    assert shape.name == left
    assert np.array_equal(family_of(name).build(0.7)[:-1], family_of(left).build(0.7))


# ---- universally optimal codes beyond eight dimensions ------------------------------------

# Cohn and Kumar 2007, Table 1: points, dimension, cosines; and how often each is met from a point
# (a design of strength s fixes the first s moments, which the test below checks by themselves).
UNIVERSAL_CODES = [
    ("Higman-Sims 100", 100, 22, (Fraction(-4, 11), Fraction(1, 11)), 3),
    ("isotropic 112", 112, 21, (Fraction(-1, 3), Fraction(1, 9)), 3),
    ("McLaughlin 162", 162, 21, (Fraction(-2, 7), Fraction(1, 7)), 3),
    ("McLaughlin 275", 275, 22, (Fraction(-1, 4), Fraction(1, 6)), 4),
    ("isotropic 325", 325, 52, (Fraction(-1, 4), Fraction(1, 16)), 3),
    ("Leech 552", 552, 23, (Fraction(-1), Fraction(-1, 5), Fraction(1, 5)), 5),
    ("isotropic 756", 756, 105, (Fraction(-1, 5), Fraction(1, 25)), 3),
    ("Leech 891", 891, 22, (Fraction(-1, 2), Fraction(-1, 8), Fraction(1, 4)), 5),
]


@pytest.mark.parametrize(("name", "n", "dim", "cosines", "strength"), UNIVERSAL_CODES)
def test_universally_optimal_codes(
    name: str, n: int, dim: int, cosines: tuple[Fraction, ...], strength: int
) -> None:
    shape = get_shape(name)
    assert (shape.n_vertices, shape.dim) == (n, dim)
    wanted = np.array([*map(float, cosines), 1.0])
    gram = shape.vertices @ shape.vertices.T
    nearest = np.abs(gram[..., None] - wanted).argmin(axis=-1)
    assert np.abs(gram - wanted[nearest]).max() < 1e-12
    # Every point sees the others alike, and itself once.
    counts = np.array([(nearest == k).sum(axis=1) for k in range(len(wanted))])
    assert (counts == counts[:, :1]).all()
    assert counts[-1, 0] == 1
    # A spherical design: the moments of the cosines are those of the whole sphere, exactly.
    exact = [*cosines, Fraction(1)]
    for power in range(1, strength + 1):
        mean = sum(int(c) * t**power for c, t in zip(counts[:, 0], exact, strict=True)) / Fraction(
            n
        )
        sphere = Fraction(0)
        if power % 2 == 0:
            sphere = Fraction(1)
            for k in range(power // 2):
                sphere *= Fraction(2 * k + 1, dim + 2 * k)
        assert mean == sphere, power


def test_codes_do_not_compete_for_names_and_are_found() -> None:
    for name, n, dim, *_ in UNIVERSAL_CODES:
        assert name not in [shape.name for shape in list_shapes(n, dim)]
    assert get_shape("higman–sims 100") is get_shape("HS 100")
    assert get_shape("GQ(3, 9)").name == "isotropic 112"
    # The same construction over the field of two elements is a figure of the catalogue.
    assert sorted_cosines(isotropic_code(2)) == pytest.approx(
        sorted_cosines(get_shape("Schläfli 27").vertices), abs=1e-12
    )


def test_orders_of_the_groups_of_codes() -> None:
    # Orders of sporadic and unitary groups (Conway et al. 1985, ATLAS of Finite Groups).
    orders = {name: get_shape(name).symmetry_order for name, *_ in UNIVERSAL_CODES}
    assert orders["Higman-Sims 100"] == 2 * 44_352_000
    assert orders["McLaughlin 275"] == 2 * 898_128_000
    assert orders["McLaughlin 162"] == 4 * 3_265_920
    assert orders["isotropic 112"] == 8 * 3_265_920
    assert orders["isotropic 325"] == 4 * 1_018_368_000
    assert orders["isotropic 756"] == 4 * 14_742_000_000
    assert orders["Leech 552"] == 2 * 495_766_656_000
    assert orders["Leech 891"] == 6 * 9_196_830_720
    for name, n, *_ in UNIVERSAL_CODES:
        assert orders[name] % n == 0


# ---- the reference figures of continuous shape measures -----------------------------------


@pytest.mark.parametrize("name", JOHNSON)
def test_johnsons_solids_have_their_edges(name: str) -> None:
    build, n_edges = JOHNSON[name]
    lengths = np.linalg.norm(build()[:, None] - build()[None], axis=2)
    assert (np.abs(lengths - 1.0) < 1e-9).sum() == 2 * n_edges
    assert lengths[~np.eye(len(lengths), dtype=bool)].min() > 1.0 - 1e-9


@pytest.mark.parametrize("name", FIGURES)
def test_reference_figures_that_the_catalogue_has_are_its_own(name: str) -> None:
    points, called = FIGURES[name]
    assert np.linalg.norm(points, axis=1) == pytest.approx(1.0, abs=1e-12)
    alike = [s for s in list_shapes(len(points)) if s.dim == np.linalg.matrix_rank(points, 1e-9)]
    fits = {s.name for s in alike if match_shape(points, s).rms_angle < 1e-6}
    if called is None:
        assert fits == set()
    else:
        assert match_shape(points, called).rms_angle < 1e-6


@pytest.mark.parametrize("name", [s.name for s in CATALOGUE if s.forms])
def test_forms_are_johnsons_solids_with_the_symmetry_of_the_shape(name: str) -> None:
    shape = get_shape(name)
    forms = shape.in_each_form()
    assert forms[0] is shape
    assert len(forms) == 1 + len(shape.forms)
    for label, form in zip(shape.forms, forms[1:], strict=True):
        assert (form.name, form.vertices.shape) == (name, shape.vertices.shape)
        assert form.rare
        assert form.family is None
        symmetries = Symmetries(form.vertices)
        assert symmetries.order() == shape.symmetry_order
        assert symmetries.has_reflection() != shape.chiral
        # As the list of Johnson's solids has it, seen from the mean or from what carries the caps.
        views = [v for k, (v, _) in FIGURES.items() if k.startswith(f"{label.split()[0]} ")]
        gaps = [np.abs(sorted_cosines(v) - sorted_cosines(form.vertices)).max() for v in views]
        assert min(gaps) < 1e-9
        assert match_shape(form.vertices, name).rms_angle < 1e-6
        assert not form.vertices.flags.writeable


def test_a_form_is_another_arrangement() -> None:
    for shape in CATALOGUE:
        every = [sorted_cosines(form.vertices) for form in shape.in_each_form()]
        for a, b in itertools.combinations(every, 2):
            assert np.sqrt(np.mean((a - b) ** 2)) > 0.02, shape.name


# ---- shapes of the same size --------------------------------------------------------------


def test_shapes_of_the_same_size_differ_clearly() -> None:
    closest = 1.0
    for a, b in itertools.combinations(CATALOGUE, 2):
        if (a.n_vertices, a.dim) != (b.n_vertices, b.dim):
            continue
        if {a.vacant_of or a.name, b.vacant_of or b.name} == {"rook graph code", "Shrikhande code"}:
            continue
        gap = np.sqrt(np.mean((sorted_cosines(a.vertices) - sorted_cosines(b.vertices)) ** 2))
        closest = min(closest, float(gap))
    assert closest > 0.03


@pytest.mark.parametrize("name", [shape.name for shape in FAMILIES])
def test_no_member_of_a_family_is_another_shape(name: str) -> None:
    shape, family = get_shape(name), family_of(name)
    others = [s for s in list_shapes(shape.n_vertices, shape.dim) if s.name != name]
    for parameter in np.linspace(*family.bounds, 31):
        cosines = sorted_cosines(family.build(float(parameter)))
        for other in others:
            gap = np.sqrt(np.mean((cosines - sorted_cosines(other.vertices)) ** 2))
            assert gap > 0.02, (parameter, other.name)


def test_rook_and_shrikhande_codes_agree_in_rows_and_spectrum_but_are_not_congruent() -> None:
    rook, shrikhande = get_shape("rook graph code").gram, get_shape("Shrikhande code").gram
    assert np.sort(rook, axis=1) == pytest.approx(np.sort(shrikhande, axis=1), abs=1e-14)
    assert np.linalg.eigvalsh(rook) == pytest.approx(np.linalg.eigvalsh(shrikhande), abs=1e-13)
    # Neighbours of a vertex: two triangles on the board, a hexagon in Shrikhande's graph.
    neighbourhoods = []
    for gram in (rook, shrikhande):
        adjacent = (gram > 0.3) & (gram < 0.4)
        around = np.flatnonzero(adjacent[0])
        local = adjacent[np.ix_(around, around)].astype(int)
        neighbourhoods.append(int(np.trace(local @ local @ local)) // 6)
    assert neighbourhoods == [2, 0]


# ---- Thomson optima and families ----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "energy"),
    [
        # Best-known energies of the Thomson problem, Σ_{i<j} 1/|x_i − x_j| on the unit sphere:
        # published tables, recomputed by multi-start minimisation to 12 decimals.
        ("tetrahedron", 3.674234614175),
        ("triangular bipyramid", 6.474691494688),
        ("octahedron", 9.985281374239),
        ("pentagonal bipyramid", 14.452977414221),
        ("square antiprism", 19.675287861233),
        ("tricapped triangular prism", 25.759986531270),
        ("bicapped square antiprism", 32.716949460148),
        ("icosahedron", 49.165253057629),
    ],
)
def test_thomson_energies(name: str, energy: float) -> None:
    shape = get_shape(name)
    family = shape.family
    vertices = shape.vertices if family is None else family.build(family.landmarks["Thomson"])
    assert float(coulomb_energy(vertices)) == pytest.approx(energy, abs=2e-12)


@pytest.mark.parametrize(
    ("landmark", "value", "digits"),
    [
        # Published heights of the square antiprism, as D.
        ("tight frame", 0.375, 14),
        ("Thomson", 0.37438, 5),
        ("least Σrelu(cos)²", 0.37395, 5),
        ("packing", 0.36642, 5),
    ],
)
def test_square_antiprism_landmarks(landmark: str, value: float, digits: int) -> None:
    family = family_of("square antiprism")
    vertices = family.build(family.landmarks[landmark])
    dimensionality = float((1.0 / ((vertices @ vertices.T) ** 2).sum(axis=1)).mean())
    assert round(dimensionality, digits) == value


@pytest.mark.parametrize(
    ("name", "angle"),
    [
        # Best packings on the sphere (Schütte and van der Waerden 1951; Tammes problem), degrees.
        ("capped octahedron", 77.86954),
        ("square antiprism", 74.85849),
        ("tricapped triangular prism", 70.52878),
        ("icosahedron", 63.43495),
        ("snub cube", 43.69077),
    ],
)
def test_best_packings(name: str, angle: float) -> None:
    shape = get_shape(name)
    vertices = (
        shape.vertices
        if shape.family is None
        else shape.family.build(shape.family.landmarks["packing"])
    )
    assert math.degrees(math.acos(sorted_cosines(vertices)[-1])) == pytest.approx(angle, abs=5e-6)


def test_pentagonal_antiprism_with_equal_edges_is_the_icosahedron_without_poles() -> None:
    family = family_of("pentagonal antiprism")
    belt = family.build(family.landmarks["equal edge"])
    full = np.vstack([belt, [[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]])
    assert sorted_cosines(full) == pytest.approx(
        sorted_cosines(get_shape("icosahedron").vertices), abs=1e-14
    )


def test_triangular_dodecahedron_is_stationary_for_the_coulomb_energy() -> None:
    vertices = get_shape("triangular dodecahedron").vertices
    difference = vertices[:, None] - vertices[None]
    distance = np.linalg.norm(difference, axis=2) + np.eye(8)
    force = (difference / distance[..., None] ** 3).sum(axis=1)
    tangential = force - np.einsum("ij,ij->i", force, vertices)[:, None] * vertices
    assert np.abs(tangential).max() < 1e-13
    # Above the square antiprism, which is the minimum among all configurations of eight points.
    assert float(coulomb_energy(vertices)) > 19.675287861233 + 1e-3


def test_bicapped_triangular_prism_is_the_tricapped_one_without_a_cap() -> None:
    two, three = family_of("bicapped triangular prism"), family_of("tricapped triangular prism")
    assert two.build(0.8) == pytest.approx(three.build(0.8)[:8], abs=0)


@pytest.mark.parametrize("name", [shape.name for shape in FAMILIES])
def test_default_and_landmarks_lie_inside_the_bounds(name: str) -> None:
    shape, family = get_shape(name), family_of(name)
    low, high = family.bounds
    assert family.build(family.default) == pytest.approx(shape.vertices, abs=0)
    assert {"Thomson", "equal edge", "packing", "least Σrelu(cos)²"} <= set(family.landmarks)
    for value in [family.default, *family.landmarks.values()]:
        # Room on both sides, so that a noisy match does not end at a bound.
        assert low + 0.1 < value < high - 0.1


@pytest.mark.parametrize("name", [shape.name for shape in WHOLE_FAMILIES])
def test_landmarks_are_what_they_say(name: str) -> None:
    shape, family = get_shape(name), family_of(name)
    landmarks, grid = family.landmarks, np.linspace(*family.bounds, 801)

    def energy(parameter: float) -> float:
        return float(coulomb_energy(family.build(parameter)))

    def overlap(parameter: float) -> float:
        return float((np.maximum(sorted_cosines(family.build(parameter)), 0.0) ** 2).sum())

    def largest_cosine(parameter: float) -> float:
        return float(sorted_cosines(family.build(parameter))[-1])

    for landmark, cost in [
        ("Thomson", energy),
        ("least Σrelu(cos)²", overlap),
        ("packing", largest_cosine),
    ]:
        assert cost(landmarks[landmark]) <= min(cost(float(x)) for x in grid) + 1e-12, landmark

    # Rows are upper k-gon, lower k-gon, caps: one edge along the k-gon, one between the two.
    sides = int(np.isclose(shape.vertices[:, 2], math.sin(family.default)).sum())
    uniform = family.build(landmarks["equal edge"])
    along, between = (np.linalg.norm(uniform[0] - uniform[k]) for k in (1, sides))
    assert along == pytest.approx(between, abs=1e-14)

    if "tight frame" in landmarks:
        frame = family.build(landmarks["tight frame"])
        assert frame.T @ frame == pytest.approx(shape.n_vertices / 3 * np.eye(3), abs=1e-13)
    else:
        # One or two caps on a prism single out a horizontal direction.
        assert all(
            np.ptp(np.linalg.svd(family.build(float(x)), compute_uv=False)) > 0.05 for x in grid
        )


@pytest.mark.parametrize("name", [shape.name for shape in WHOLE_FAMILIES])
def test_minimal_landmarks_are_exact_to_twelve_digits(name: str) -> None:
    family = family_of(name)
    i, j = np.triu_indices(get_shape(name).n_vertices, k=1)

    def slopes(parameter: float) -> tuple[float, float]:
        """Exact derivatives of both energies from the derivative of the vertices."""
        x = family.build(parameter)
        height, radius = x[:, 2], np.hypot(x[:, 0], x[:, 1])
        # Caps, at a pole or on the equator, stand still.
        moving = (np.abs(height) > 1e-9) & (radius > 1e-9)
        # d/dφ of (cos φ u, ± sin φ) is (∓ z/r · xy, ± r).
        v = np.zeros_like(x)
        sign = np.sign(height)
        v[moving, :2] = -(np.abs(height) / np.maximum(radius, 1e-9))[moving, None] * x[moving, :2]
        v[moving, 2] = (sign * radius)[moving]
        c = (x @ x.T)[i, j]
        dc = (v @ x.T + x @ v.T)[i, j]
        return float((dc * (2 - 2 * c) ** -1.5).sum()), float((2 * np.maximum(c, 0) * dc).sum())

    step = 1e-12
    for index, landmark in enumerate(["Thomson", "least Σrelu(cos)²"]):
        value = family.landmarks[landmark]
        assert slopes(value - step)[index] < 0 < slopes(value + step)[index]


@pytest.mark.parametrize("name", [shape.name for shape in FAMILIES])
@given(share=st.floats(0.0, 1.0), step=st.floats(1e-6, 0.05))
def test_family_vertices_stay_unit_and_keep_their_order(
    name: str, share: float, step: float
) -> None:
    family = family_of(name)
    low, high = family.bounds
    parameter = low + share * (high - low)
    before, after = family.build(parameter), family.build(parameter + step)
    assert np.linalg.norm(before, axis=1) == pytest.approx(1.0, abs=1e-15)
    # An elevation moves a vertex along a meridian: by the step, or not at all for a cap.
    moved = np.arccos(np.clip((before * after).sum(axis=1), -1, 1))
    assert (moved <= step + 1e-7).all()


@pytest.mark.parametrize("name", [shape.name for shape in FAMILIES])
def test_symmetry_order_holds_along_the_family(name: str) -> None:
    shape, family = get_shape(name), family_of(name)
    low, high = family.bounds
    for parameter in (low, 0.37 * low + 0.63 * high, high, *family.landmarks.values()):
        assert Symmetries(family.build(parameter)).order() == shape.symmetry_order


def test_landmarks_without_a_minimum_are_refused() -> None:
    with pytest.raises(ArithmeticError, match="bracketed"):
        bisect_minimum(coulomb_energy, CappedRings(sides=4, twisted=True).points, (0.7, 0.9))


# ---- the type -----------------------------------------------------------------------------


def test_single_vertex_conventions() -> None:
    single = get_shape("monosemantic")
    assert (single.coherence, single.min_angle, single.dimensionality) == (0.0, math.pi, 1.0)


@pytest.mark.parametrize("name", NAMES)
def test_to_dict_is_json(name: str) -> None:
    shape = get_shape(name)
    content = json.loads(json.dumps(shape.to_dict()))
    assert content["name"] == name
    assert content["n_vertices"] == shape.n_vertices
    assert np.array(content["vertices"]) == pytest.approx(shape.vertices, abs=0)
    assert (content["family"] is None) == (shape.family is None)


def test_largest_shapes_still_print_and_convert() -> None:
    # Python refuses to write integers of more than 4300 digits.
    for name in ("1024-simplex", "512-orthoplex", "1024-orthoplex"):
        order = get_shape(name).symmetry_order
        assert json.loads(json.dumps(order)) == order
    assert "about 10^2642.7" in str(get_shape("1024-simplex"))


@pytest.mark.parametrize("name", ["square antiprism", "triangular bipyramid", "E8 roots"])
def test_shapes_survive_pickling(name: str) -> None:
    shape = get_shape(name)
    copy = pickle.loads(pickle.dumps(shape))
    assert copy.vertices == pytest.approx(shape.vertices, abs=0)
    assert str(copy) == str(shape)


def test_card_shows_what_a_person_looks_for() -> None:
    card = str(get_shape("square antiprism"))
    for text in ("8 in R^3", "3/8", "70.53°", "0.6155 rad", "Thomson", "anticube", "Elhage"):
        assert text in card
    card = str(get_shape("triangular bipyramid"))
    assert "2/3 (×3), 1/2 (×2)" in card
    assert "triangle ⊕ digon" in card
    assert "left and right" in str(get_shape("snub cube"))


def test_html_is_escaped() -> None:
    shape = Shape(name="<b>", vertices=np.eye(2), symmetry_order=2, source="a & b")
    page = shape._repr_html_()
    assert "&lt;b&gt;" in page
    assert "a &amp; b" in page
    assert "<b>" not in page


def test_repr_is_short() -> None:
    assert repr(get_shape("E8 roots")) == "Shape('E8 roots', n_vertices=240, dim=8)"


def test_shape_keeps_its_own_copy() -> None:
    vertices = np.eye(2)
    shape = Shape(name="x", vertices=vertices, symmetry_order=2, source="here")
    vertices[0, 0] = 7.0
    assert shape.vertices[0, 0] == 1.0


@pytest.mark.parametrize(
    ("vertices", "message"),
    [
        (np.ones(3), "n_vertices, dim"),
        (np.empty((0, 2)), "n_vertices, dim"),
        (np.array([[1.0, 1.0], [0.0, 1.0]]), "unit rows"),
        (np.array([[np.nan, 1.0], [0.0, 1.0]]), "unit rows"),
        (np.array([[1.0, 0.0], [-1.0, 0.0]]), "span"),
    ],
)
def test_bad_vertices_are_refused(vertices: FloatArray, message: str) -> None:
    with pytest.raises(GeomsupError, match=message):
        Shape(name="x", vertices=vertices, symmetry_order=1, source="here")


@pytest.mark.parametrize("bounds", [(0.5, 0.2), (0.6, 0.9), (math.nan, 1.0)])
def test_bad_bounds_are_refused(bounds: tuple[float, float]) -> None:
    with pytest.raises(GeomsupError, match="bounds"):
        ShapeFamily(
            parameter="elevation",
            unit="rad",
            bounds=bounds,
            default=0.5,
            landmarks={},
            build=lambda _: np.eye(2),
        )
