"""Structure against independent directions: chance, crowds, scales, and what changes no name."""

from __future__ import annotations

import numpy as np
import pytest
from planted import (
    SOLIDS,
    crowd_accuracy,
    names_by_chance,
    noisy,
    orthogonal_singles_accuracy,
    planted,
    random_directions,
    random_orthogonal,
    two_scales_accuracy,
)
from shape_list import FIGURES

from geomsup import classify_geometry, get_shape
from geomsup.matching import Background, background_of, match_directions


def test_independent_directions_are_hardly_ever_named() -> None:
    share, named = names_by_chance(60)
    assert share <= 0.03, named


@pytest.mark.slow
def test_independent_directions_are_named_once_in_a_hundred_at_most() -> None:
    share, named = names_by_chance(2000)
    assert share <= 0.01, named


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("dim", [64, 512])
def test_few_directions_in_many_dimensions_stand_alone(n: int, dim: int) -> None:
    for seed in range(10):
        report = classify_geometry(random_directions(n, dim, np.random.default_rng([n, seed])))
        assert set(report.counts()) <= {"monosemantic", "irregular"}


@pytest.mark.parametrize("trials", [8, pytest.param(32, marks=pytest.mark.slow)])
def test_orthogonal_features_stand_alone_beside_shapes_too(trials: int) -> None:
    share, failures = orthogonal_singles_accuracy(trials)
    assert share == 1.0, failures


def test_structures_at_two_scales_are_both_found() -> None:
    share, failures = two_scales_accuracy(25)
    assert share >= 0.96, failures


@pytest.mark.parametrize(
    ("name", "others"), [("digon", 192), ("pentagon", 80), ("tetrahedron", 80), ("triangle", 32)]
)
def test_structures_are_found_in_a_crowd(name: str, others: int) -> None:
    found, false = crowd_accuracy(name, others, trials=1)
    assert found >= 0.9
    assert false == 0


def test_what_is_in_no_structure_is_one_line() -> None:
    rng = np.random.default_rng(0)
    digon = np.zeros((64, 2))
    digon[0] = 1.0, -1.0
    others = random_directions(200, 64, rng)
    report = classify_geometry(np.hstack([digon, others]))
    assert report.counts() == {"digon": 1}
    (component,) = report.components
    assert component.cohesion == pytest.approx(1.0)
    assert component.log_evidence > 20
    assert report.unstructured is not None
    assert report.unstructured.features == tuple(range(2, 202))
    assert report.unstructured.mean_square_cosine == pytest.approx(1 / 64, rel=0.1)
    assert "unstructured: 200 features" in str(report)
    assert "unstructured: 200 features" in report._repr_html_()


@pytest.mark.parametrize("name", SOLIDS)
@pytest.mark.parametrize("sigma", [0.05, 0.24])
def test_a_name_is_a_function_of_the_gram_matrix(name: str, sigma: float) -> None:
    rng = np.random.default_rng([SOLIDS.index(name), 7])
    W = planted(name, 3, sigma, rng)
    padded = np.vstack([W, np.zeros((6, W.shape[1]))])
    turned = random_orthogonal(9, rng) @ padded
    expected = [(c.name, c.features) for c in classify_geometry(W).components]
    for same in (padded, turned):
        assert [(c.name, c.features) for c in classify_geometry(same).components] == expected


def test_the_background_of_independent_directions_is_their_space() -> None:
    rng = np.random.default_rng(0)
    assert background_of(random_directions(80, 20, rng)).dim == 20
    few = background_of(random_directions(20, 200, rng))
    assert 130 < few.dim < 300
    assert few.largest > few.dim
    # Leaning on few axes: as unlike each other as in a handful of dimensions.
    uneven = rng.standard_normal((50, 400)) / np.arange(1, 51)[:, None]
    assert background_of(uneven / np.linalg.norm(uneven, axis=0)).dim < 10


@pytest.mark.parametrize(("sigma", "named"), [(0.05, True), (0.24, False)])
def test_in_a_subspace_of_their_own_directions_are_a_clean_shape_or_another(
    sigma: float, named: bool
) -> None:
    # All noise is within three of twelve dimensions: noise that knows of these is none.
    background = Background(dim=12, largest=12, n_directions=40, rank=12)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        units = noisy(get_shape("icosahedron").vertices.T, sigma, rng)
        inside = random_orthogonal(12, rng)[:, :3] @ units
        result = match_directions(inside.T, background=background)
        assert (result.irregular_probability < 0.5) == named


def test_a_loose_name_says_so() -> None:
    from geomsup.matching import match_shape

    angle = np.radians(107)
    match = match_shape(np.array([[1.0, 0.0], [np.cos(angle), np.sin(angle)]]), "digon")
    assert match.loose
    assert match.share == pytest.approx(np.cos(np.radians(36.5)) ** 2)
    assert "loose" in str(match)
    assert match.to_dict()["loose"] is True
    tight = match_shape(np.array([[1.0, 0.0], [-1.0, 0.0]]), "digon")
    assert not tight.loose


def test_vacant_figures_are_named_as_such() -> None:
    for name in ("icosahedron", "cuboctahedron", "dodecahedron"):
        (component,) = classify_geometry(get_shape(name).vertices[1:].T).components
        assert component.name == f"vacant {name}"


def test_figures_that_the_catalogue_lacks_are_irregular() -> None:
    deviating = []
    for name, (directions, _) in FIGURES.items():
        report = classify_geometry(directions.T)
        matches = [c.match for c in report.components if c.match and len(c.features) > 1]
        deviating += [name] * any(match.rms_angle > 0.005 for match in matches)
    # docs/how_it_works.md says why.
    assert deviating == ["J2 pentagonal pyramid, from its mean"]


@pytest.mark.parametrize(
    "name", [key for key, (_, called) in FIGURES.items() if called and "⊕" not in called]
)
def test_figures_that_the_catalogue_has_get_their_name(name: str) -> None:
    directions, called = FIGURES[name]
    assert called is not None
    report = classify_geometry(directions.T)
    assert called in (report.composite, report.components[0].name)


@pytest.mark.parametrize("degrees", [2, 5, 8, 10])
def test_a_triangle_that_loosens_evenly_is_a_triangle(degrees: int) -> None:
    tilt, turns = np.radians(degrees), 2 * np.pi * np.arange(3) / 3
    rows = [np.cos(tilt) * np.cos(turns), np.cos(tilt) * np.sin(turns), np.full(3, np.sin(tilt))]
    assert classify_geometry(np.array(rows)).counts() == {"triangle": 1}
    rng = np.random.default_rng(degrees)
    for _ in range(5):
        noisy_rows = noisy(np.array(rows), 0.05, rng)
        assert classify_geometry(noisy_rows).counts() == {"triangle": 1}
