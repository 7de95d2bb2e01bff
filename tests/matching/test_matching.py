"""Laying shapes over directions, and the hard cases that break weaker methods."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import noise_ratio, noisy, planted, random_directions, random_orthogonal
from scipy.linalg import orthogonal_procrustes
from strategies import Array

from geomsup import GeomsupError, classify_geometry, get_shape, list_shapes, match_shape
from geomsup.matching.alignment import Cloud, Template, align
from geomsup.matching.candidates import candidate_set
from geomsup.matching.evidence import NOISE_GRID, loosest_noise, marginalise
from geomsup.matching.fitting import Setting, fit_shape
from geomsup.matching.match import _noise, match_directions
from geomsup.shapes import Shape


def exhaustive_residual(points: Array, vertices: Array) -> float:
    """Best residual over all permutations, each with SciPy's Procrustes rotation."""
    padded = np.zeros_like(points)
    padded[:, : vertices.shape[1]] = vertices
    best = np.inf
    for order in permutations(range(len(points))):
        turn, _ = orthogonal_procrustes(padded[list(order)], points)
        best = min(best, float(((points - padded[list(order)] @ turn) ** 2).sum()))
    return best


@pytest.mark.parametrize("name", ["square", "triangular bipyramid", "4-simplex", "octahedron"])
@pytest.mark.parametrize("sigma", [0.05, 0.3, 3.0])
def test_alignment_finds_the_best_permutation(name: str, sigma: float) -> None:
    # σ = 3 is no structure at all: the search must find the optimum even there, nearly always.
    shape = get_shape(name)
    template = Template(shape.vertices, symmetry_order=shape.symmetry_order)
    rng = np.random.default_rng(5)
    missed = 0
    for _ in range(8):
        points = planted(name, 4, sigma, rng).T
        fit = align(Cloud(points), template)[0]
        ideal = shape.vertices[fit.permutation] @ fit.rotation.T
        assert ((points - ideal) ** 2).sum() == pytest.approx(fit.residual, abs=1e-9)
        np.testing.assert_allclose(fit.rotation.T @ fit.rotation, np.eye(shape.dim), atol=1e-12)
        exact = exhaustive_residual(points, shape.vertices)
        assert fit.residual >= exact - 1e-9
        missed += fit.residual > exact + 1e-9
    assert missed <= (0 if sigma < 1 else 2)


@pytest.mark.parametrize("shape", [s.name for s in list_shapes() if s.n_vertices > 1])
def test_every_shape_is_recognised_in_its_own_and_in_more_dimensions(shape: str) -> None:
    rng = np.random.default_rng(len(shape))
    dim, rare = get_shape(shape).dim, get_shape(shape).rare
    # Three cosines are little evidence for a rare figure: beyond a third of a degree a vacant
    # tetrahedron is a triangle.
    sigma = 0.005 if rare and get_shape(shape).n_vertices == 3 else 0.02
    for m in (dim, dim + 3):
        result = match_directions(planted(shape, m, sigma, rng).T)
        assert result.candidates[0].shape == shape
        assert result.candidates[0].probability > (0.5 if rare else 0.9)
        if get_shape(shape).n_vertices >= 4:
            assert result.candidates[0].noise == pytest.approx(0.02, rel=0.7)


@pytest.mark.parametrize("shape", [s.name for s in list_shapes() if s.vacant_of is not None])
def test_an_exact_vacant_figure_is_laid_over_itself(shape: str) -> None:
    # Tuples of vertices differ by where the hole is, far more than a beam can hold.
    rng = np.random.default_rng(4)
    vertices = get_shape(shape).vertices
    turn = np.linalg.qr(rng.normal(size=(vertices.shape[1] + 1,) * 2))[0][:, : vertices.shape[1]]
    order = rng.permutation(len(vertices))
    match = match_shape(vertices[order] @ turn.T, shape)
    assert match.rms_angle < 1e-6
    np.testing.assert_allclose(match.ideal_directions().T, vertices[order] @ turn.T, atol=1e-6)


@pytest.mark.parametrize("n_vertices", [4, 6, 8])
def test_lower_bound_is_a_lower_bound(n_vertices: int) -> None:
    rng = np.random.default_rng(n_vertices)
    contenders = candidate_set(n_vertices, 4)
    for _ in range(10):
        cloud = Cloud(random_directions(n_vertices, 4, rng).T)
        bounds = contenders.least_residuals(cloud)
        for prepared, bound in zip(contenders.shapes, bounds, strict=True):
            shape = prepared.shape
            if shape.family is None:
                fit = align(cloud, Template(shape.vertices, symmetry_order=shape.symmetry_order))
                assert fit[0].residual >= bound - 1e-9


@pytest.mark.parametrize(("name", "dim"), [("cube", 3), ("square antiprism", 5), ("16-cell", 4)])
@pytest.mark.parametrize("sigma", [0.02, 0.15])
def test_no_evidence_is_above_its_ceiling(name: str, dim: int, sigma: float) -> None:
    cloud = Cloud(planted(name, dim, sigma, np.random.default_rng(0)).T)
    contenders = candidate_set(8, dim)
    settings = (Setting(dim, 0.0, loosest_noise(dim)),)
    ceilings = contenders.ceilings(cloud, NOISE_GRID, settings)
    for prepared, ceiling in zip(contenders.shapes, ceilings, strict=True):
        fit = fit_shape(prepared, cloud, NOISE_GRID, settings)
        assert marginalise(fit.log_evidence) <= ceiling


def test_runner_up_is_always_kept() -> None:
    result = match_directions(get_shape("cube").vertices, max_candidates=1)
    assert len(result.candidates) == 2
    assert sum(m.probability for m in result.candidates) <= 1 + 1e-12


def test_shape_measure_follows_the_noise() -> None:
    # E[S] ≈ 100 σ² (d - 1)(1 - d/2N) for m = d (matching of N directions, d(d-1)/2 rotations).
    rng = np.random.default_rng(2)
    values = [
        match_shape(planted("cube", 3, 0.05, rng).T, "cube").shape_measure for _ in range(200)
    ]
    assert np.mean(values) == pytest.approx(100 * 0.05**2 * 2 * (1 - 3 / 16), rel=0.06)


WHOLE = [s.name for s in list_shapes() if 3 <= s.n_vertices <= 15 and not s.rare]


@pytest.mark.parametrize(
    ("low", "high", "off"),
    [
        (0.02, 0.05, 0.03),
        (0.05, 0.1, 0.03),
        (0.1, 0.15, 0.03),
        (0.15, 0.2, 0.05),
        (0.2, 0.26, 0.05),
    ],
)
def test_the_noise_is_what_was_planted(low: float, high: float, off: float) -> None:
    assert noise_ratio(WHOLE, low, high, trials=6) == pytest.approx(1.0, abs=off)


@pytest.mark.parametrize("dim", [24, 96])
@pytest.mark.parametrize("angle", [0.2, 0.5, 0.7])
def test_the_noise_in_many_dimensions_is_what_was_planted(dim: int, angle: float) -> None:
    # The directions lie so far from their vertices, and the rotation makes up for much of it.
    sigma = angle / np.sqrt(dim - 1)
    rng = np.random.default_rng(dim)
    squares = []
    for name in ("pentagon", "octahedron", "cube", "icosahedron"):
        ideal = get_shape(name).vertices
        n, rank = ideal.shape
        padded = np.pad(ideal, ((0, 0), (0, dim - rank)))
        for _ in range(20):
            points = noisy(padded.T, sigma, rng).T
            overlap = orthogonal_procrustes(padded, points)[1] / n
            squares.append(_noise(1 - overlap**2, n, rank, dim, n_free=0) ** 2)
    assert np.mean(squares) == pytest.approx(sigma**2, rel=0.03)


def test_the_noise_of_what_is_no_fit_at_all_is_finite() -> None:
    # At worst nothing is left along the vertices: θ = 90°, and the next order of the expansion.
    rng = np.random.default_rng(0)
    for _ in range(20):
        noise = match_shape(random_directions(9, 8, rng).T, "8-simplex").noise
        assert 0.2 < noise <= np.pi / 2 / np.sqrt(7) * 1.05
    assert match_shape(random_directions(2, 1, rng).T, "digon").noise == 0.0


def test_match_shape_refuses_what_cannot_fit() -> None:
    with pytest.raises(GeomsupError, match=r"the pentagon has 5 vertices, .* 4 directions in 3"):
        match_shape(np.eye(4, 3) + 1, "pentagon")
    with pytest.raises(GeomsupError, match="feature_axis=-1"):
        match_shape(get_shape("pentagon").vertices.T, "pentagon")
    with pytest.raises(GeomsupError, match="spans 3 dimensions and cannot lie in 2"):
        match_shape(get_shape("square").vertices, "tetrahedron")
    with pytest.raises(GeomsupError, match="non-zero length"):
        match_shape(np.zeros((2, 2)), "digon")
    for bad, message in [
        (np.array([[1.0, np.nan], [0.0, 1.0]]), "finite"),
        (np.ones(2), "2-D matrix"),
        (np.eye(2) * 1j, "real numbers"),
        ("no such file.npy", "no such file"),
    ]:
        with pytest.raises(GeomsupError, match=message):
            match_shape(bad, "digon")
    with pytest.raises(GeomsupError, match="as str"):
        match_shape(np.eye(2), 5)  # type: ignore[arg-type]


def own(name: str, vertices: Array, **facts: Any) -> Shape:
    return Shape(name=name, vertices=vertices, symmetry_order=1, source="made here", **facts)


FAN = np.array([[np.cos(a), np.sin(a)] for a in (0.0, 0.4, 0.9)])


@pytest.mark.parametrize("name", ["triangle", "pentagon", "vacant icosahedron", "fan", "a ⊕ b", ""])
def test_a_shape_of_ones_own_is_matched_by_its_vertices(name: str) -> None:
    # Whatever the catalogue has under that name.
    match = match_shape(FAN[[2, 0, 1]], own(name, FAN))
    assert match.rms_angle < 1e-7
    assert match.shape == name
    assert match.permutation == (2, 0, 1)
    np.testing.assert_allclose(match.ideal_directions().T, FAN[[2, 0, 1]], atol=1e-12)


def test_a_catalogue_shape_under_a_foreign_name_and_a_changed_one_under_its_own() -> None:
    cube = get_shape("cube")
    assert match_shape(cube.vertices, own("digon", cube.vertices)).rms_angle < 1e-7
    bent = cube.vertices + 0.2 * np.random.default_rng(0).normal(size=(8, 3))
    bent /= np.linalg.norm(bent, axis=1, keepdims=True)
    assert match_shape(bent, own("cube", bent)).rms_angle < 1e-7
    assert match_shape(bent, "cube").rms_angle > 0.1
    # The hole of a vacant figure of one's own need not be the catalogue's.
    claimed = own("mine", bent, vacant_of="tricapped triangular prism")
    assert match_shape(bent, claimed).rms_angle < 1e-7
    turned = get_shape("vacant cube").vertices[:, [1, 2, 0]] * [1.0, -1.0, 1.0]
    assert match_shape(turned, own("mine", turned, vacant_of="cube")).rms_angle < 1e-7


def test_a_family_of_ones_own_is_matched_over_its_parameter() -> None:
    family = get_shape("square antiprism").family
    assert family is not None
    shape = own("cube", family.build(family.default), family=family)
    match = match_shape(family.build(0.7), shape)
    assert match.parameter == pytest.approx(0.7, abs=1e-4)


def test_directions_of_every_form_are_matched(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    vertices = get_shape("pentagon").vertices
    path = tmp_path / "pentagon.npy"
    np.save(path, vertices)
    tensor = torch.tensor(vertices)
    for given, off in [
        (vertices.tolist(), 1e-7),
        (path, 1e-7),
        (str(path), 1e-7),
        (tensor.requires_grad_(), 1e-7),
        (tensor.float(), 1e-6),
        (tensor.bfloat16(), 5e-3),
        (1e-30 * vertices, 1e-7),
    ]:
        assert match_shape(given, "pentagon").rms_angle < off
    assert match_shape(vertices.T, "pentagon", feature_axis=-1).rms_angle < 1e-7


# The cases of the method's list that break weaker ones, each by itself.


@pytest.mark.parametrize("name", ["rook graph code", "Shrikhande code"])
def test_two_codes_with_the_same_gram_rows_are_told_apart(name: str) -> None:
    rook, other = get_shape("rook graph code"), get_shape("Shrikhande code")
    np.testing.assert_allclose(np.sort(rook.gram, axis=1), np.sort(other.gram, axis=1), atol=1e-12)
    report = classify_geometry(planted(name, 6, 0.05, np.random.default_rng(1)))
    assert report.counts() == {name: 1}


def test_subsets_of_an_octagon_with_the_same_sorted_gram_entries_are_told_apart() -> None:
    angles = np.arange(8) * np.pi / 4
    octagon = np.column_stack([np.cos(angles), np.sin(angles)])
    first, second = octagon[[0, 1, 3, 4]], octagon[[0, 1, 2, 5]]
    np.testing.assert_allclose(
        np.sort((first @ first.T).ravel()), np.sort((second @ second.T).ravel()), atol=1e-12
    )
    assert align(Cloud(first), Template(first[[2, 0, 3, 1]]))[0].residual < 1e-12
    assert align(Cloud(first), Template(second))[0].residual == pytest.approx(
        exhaustive_residual(first, second)
    )
    assert align(Cloud(first), Template(second))[0].residual > 0.5


@pytest.mark.parametrize("sigma", [0.0, 0.05])
def test_left_and_right_snub_cube(sigma: float) -> None:
    rng = np.random.default_rng(0)
    vertices = get_shape("snub cube").vertices
    for _ in range(5):
        turn = random_orthogonal(3, rng)
        turn *= np.sign(np.linalg.det(turn))
        for hand, expected in ((turn, "right"), (-turn, "left")):
            W = noisy(hand @ vertices[rng.permutation(24)].T, sigma, rng)
            component = classify_geometry(W).components[0]
            assert component.name == "snub cube"
            assert component.match is not None
            assert component.match.chirality == expected


def test_achiral_shapes_have_no_hand() -> None:
    match = classify_geometry(get_shape("cube").vertices.T).components[0].match
    assert match is not None
    assert match.chirality is None


def cube_to_antiprism(t: float) -> Array:
    """Turn one face of a cube by t · 45° and adjust its height on the way."""
    height = (1 - t) * np.arctan(1 / np.sqrt(2)) + t * np.arctan(1 / np.sqrt(2))
    quarter = np.arange(4) * np.pi / 2
    faces = [
        np.array([np.cos(a) * np.cos(height), np.sin(a) * np.cos(height), 0 * a + z])
        for a, z in ((quarter, np.sin(height)), (quarter + t * np.pi / 4, -np.sin(height)))
    ]
    return np.hstack(faces)


def bipyramid_to_pyramid(t: float) -> Array:
    """Open an equatorial angle of a triangular bipyramid from 120° to 180°."""
    angle = np.radians(120 - 30 * t)
    return np.array(
        [
            [1, np.cos(angle), np.cos(angle), 0, 0],
            [0, np.sin(angle), -np.sin(angle), 0, 0],
            [0, 0, 0, 1, -1],
        ]
    )


@pytest.mark.parametrize(
    ("path", "start", "end"),
    [
        (cube_to_antiprism, "cube", "square antiprism"),
        (bipyramid_to_pyramid, "triangular bipyramid", "square pyramid"),
    ],
)
def test_the_crossover_lies_where_the_distances_are_equal(
    path: object, start: str, end: str
) -> None:
    def whole(t: float) -> str | None:
        report = classify_geometry(path(t))  # type: ignore[operator]  # parametrised function
        return report.composite or report.components[0].name

    def distance(t: float, name: str) -> float:
        return match_shape(path(t).T, name).rms_angle  # type: ignore[operator]  # as above

    times = np.linspace(0, 1, 41)
    gaps = [distance(t, end) - distance(t, start) for t in times]
    crossing = float(np.interp(0.0, gaps[::-1], times[::-1]))
    assert 0.3 < crossing < 0.7
    for t in np.arange(0, crossing - 0.05, 0.1):
        assert whole(t) == start
    for t in np.arange(1.0, crossing + 0.05, -0.1):
        assert whole(t) == end


def test_a_near_tie_is_reported_as_one() -> None:
    component = classify_geometry(cube_to_antiprism(0.5)).components[0]
    assert set(component.near_tie) == {"cube", "square antiprism"}
    assert "near tie" in str(component)
    assert classify_geometry(cube_to_antiprism(0.0)).components[0].near_tie == ()


@pytest.mark.parametrize("degrees", [0, 10])
def test_triangle_and_digon_orthogonal_or_tilted(degrees: float) -> None:
    tilt = np.radians(degrees)
    triangle = np.vstack([get_shape("triangle").vertices.T, np.zeros(3)])
    axis = np.array([np.sin(tilt), 0, np.cos(tilt)])
    report = classify_geometry(np.column_stack([triangle, axis, -axis]))
    assert [c.name for c in report.components] == ["triangle", "digon"]
    assert report.composite == ("triangular bipyramid" if degrees == 0 else None)
    assert all((c.leakage > 1e-3) == (degrees > 0) for c in report.components)


@pytest.mark.parametrize("name", ["pentagon", "cube", "tetrahedron", "triangular prism"])
def test_norms_one_to_ten_change_nothing(name: str) -> None:
    rng = np.random.default_rng(3)
    units = planted(name, get_shape(name).dim, 0.02, rng)
    n = units.shape[1]
    for norms in (
        np.geomspace(0.1, 1, n),
        rng.uniform(0.1, 1, n),
        np.where(np.arange(n) % 2, 1.0, 0.1),
    ):
        report = classify_geometry(units * norms)
        assert report.counts() == {name: 1}
        np.testing.assert_allclose(report.components[0].norms, norms)


def test_zero_duplicate_and_nearly_parallel_columns() -> None:
    rng = np.random.default_rng(4)
    pentagon = planted("pentagon", 2, 0.0, rng)
    W = np.column_stack(
        [pentagon, np.zeros((2, 3)), 0.7 * pentagon[:, :2], noisy(pentagon[:, 3:4], 0.03, rng)]
    )
    report = classify_geometry(W)
    (component,) = report.components
    assert component.name == "pentagon"
    assert report.represented.tolist() == [True] * 5 + [False] * 3 + [True] * 3
    assert component.multiplicities == (2, 2, 1, 2, 1)
    assert component.vertices == ((0, 8), (1, 9), (2,), (3, 10), (4,))
    assert "pentagon (×2)" in str(report)


@pytest.mark.parametrize("seed", range(3))
def test_random_points_get_no_confident_name(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for n, dim in ((7, 3), (10, 4), (14, 5)):
        report = classify_geometry(random_directions(n, dim, rng))
        for component in report.components:
            if len(component.features) >= 4:
                assert component.match is None or component.match.probability < 0.9
