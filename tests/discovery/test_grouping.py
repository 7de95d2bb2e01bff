"""Copies are found up to rotation, reflection, order and noise, and strangers are not merged."""

from __future__ import annotations

import mpmath  # type: ignore[import-untyped]  # it has no types
import numpy as np
import pytest
from unnamed_copies import copy_of, planted, units  # a helper beside the tests

from geomsup.discovery.algebra import algebraic, greatest_height
from geomsup.discovery.chance import Chance, chance_of, random_frames
from geomsup.discovery.grouping import Group, grouped
from geomsup.discovery.representative import representative
from geomsup.shapes import get_shape


@pytest.mark.parametrize(("n_points", "dim"), [(6, 3), (9, 4), (13, 5)])
def test_planted_shapes_are_found_and_nothing_else(
    n_points: int, dim: int, rng: np.random.Generator
) -> None:
    points, labels = planted(n_points, dim, n_shapes=2, n_copies=6, n_others=28, rng=rng)
    groups = grouped(points, 0.05, rng)
    found = sorted(tuple(group.members) for group in groups)
    assert found == sorted(tuple(np.flatnonzero(labels == k)) for k in range(2))
    for group in groups:
        assert 0.02 < group.noise < 0.05
        # The order of each member brings its cosines to those of the mean.
        for member, order in zip(group.members, group.orders, strict=True):
            mean = group.mean[order]
            assert np.abs(points[member] @ points[member].T - mean @ mean.T).max() < 0.35


def test_noise_beyond_the_tolerance_is_another_shape(rng: np.random.Generator) -> None:
    points, _ = planted(9, 4, n_shapes=1, n_copies=5, n_others=0, rng=rng)
    assert len(grouped(points, 0.05, rng)[0].members) == 5
    assert grouped(points, 0.005, rng) == []


def test_equal_distances_from_each_vertex_are_not_enough(rng: np.random.Generator) -> None:
    # Two codes with the same cosines from every vertex and the same spectra.
    rook, shrikhande = (get_shape(n).vertices for n in ("rook graph code", "Shrikhande code"))
    points = np.array([copy_of(one, 0.01, rng) for one in (rook, shrikhande) * 3])
    members = [group.members.tolist() for group in grouped(points, 0.02, rng)]
    assert sorted(members) == [[0, 2, 4], [1, 3, 5]]


def test_one_configuration_is_no_group(rng: np.random.Generator) -> None:
    assert grouped(units(rng.normal(size=(1, 5, 3))), 0.05, rng) == []


def test_frames_are_tight(rng: np.random.Generator) -> None:
    frames = random_frames(9, 4, 20, rng)
    np.testing.assert_allclose(np.linalg.norm(frames, axis=2), 1, atol=1e-12)
    squares = np.swapaxes(frames, 1, 2) @ frames
    assert np.median(np.abs(squares - 9 / 4 * np.eye(4)).max(axis=(1, 2))) < 1e-4


def test_small_frames_agree_by_chance_and_large_ones_do_not(rng: np.random.Generator) -> None:
    # Two numbers fix a tight frame of five in three dimensions, 28 one of 13 in 5.
    small, large = (chance_of(n, dim, 0.05, 30, rng) for n, dim in ((5, 3), (13, 5)))
    assert small.n_agreeing > 10
    assert large.n_agreeing == 0
    assert small.p_value(2, 10) > 0.5
    assert large.p_value(3, 12) < 0.1


def test_the_bound_is_that_of_a_poisson_rate() -> None:
    chance = Chance(n_frames=101, n_agreeing=0)
    assert chance.expected(10) == 0
    # No event seen leaves a rate of up to 3.0 (-log .05) at 95 %.
    assert chance.most(10) == pytest.approx(-np.log(0.05) / 5050 * 45)
    assert chance.p_value(2, 10) == pytest.approx(1 - np.exp(-chance.most(10)))
    assert chance.p_value(3, 10) < chance.p_value(2, 10) ** 2


def _group(shape: np.ndarray, n_copies: int, noise: float, rng: np.random.Generator) -> Group:
    points = np.array([copy_of(shape, noise, rng) for _ in range(n_copies)])
    (group,) = grouped(points, max(2 * noise, 1e-4), rng)
    return group


def test_symmetries_are_found_up_to_the_noise_and_imposed(rng: np.random.Generator) -> None:
    # A box that is no cube: three mirrors, one orbit, a cosine for each product of them but one.
    box = units(np.array([[x, y, z] for x in (1, -1) for y in (1.5, -1.5) for z in (2.2, -2.2)]))
    mean = representative(_group(box, 40, 0.02, rng))
    assert (mean.symmetries.order, mean.symmetries.chiral) == (8, False)
    assert mean.symmetries.orbits.tolist() == [0] * 8
    assert mean.slack is not None
    truth = np.unique((box @ box.T)[np.triu_indices(8, 1)].round(6))
    values = sorted(cosine.value for cosine in mean.cosines)
    assert len(values) == 7 == len(truth)
    np.testing.assert_allclose(values, truth, atol=0.02)


def test_orbits_stand_together_and_cosines_have_closed_forms(rng: np.random.Generator) -> None:
    rows = get_shape("triangular prism").vertices
    rows = np.vstack([rows, [[0, 0, 1.0]]])[rng.permutation(7)]
    exact = representative(_group(rows, 3, 0.0, rng))
    assert np.bincount(exact.symmetries.orbits).tolist() == [1, 3, 3]
    assert (np.diff(exact.symmetries.orbits) >= 0).all()
    # A mean without noise has digits enough; at .02 rad three copies have two.
    rough = representative(_group(units(rng.normal(size=(9, 4))), 3, 0.02, rng))
    assert not any(cosine.closed_form for cosine in rough.cosines if cosine.polynomial)
    assert rough.symmetries.order == 1


def test_a_mean_that_is_too_coarse_says_nothing_of_symmetry(rng: np.random.Generator) -> None:
    mean = representative(_group(units(rng.normal(size=(9, 4))), 2, 0.05, rng))
    assert mean.slack is None


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (-1 / 3, 1e-6, "-1/3"),
        (0.0, 1e-3, "0"),
        (1.0, 1e-3, "1"),
        (5 / 13, 1e-6, "5/13"),
        ((5**0.5 - 1) / 4, 1e-7, "(-1 + √5)/4"),
        ((1 - 5**0.5) / 4, 1e-7, "(1 - √5)/4"),
        (2**-0.5, 1e-7, "(√2)/2"),
        (-(3**0.5) / 5, 1e-8, "(-√3)/5"),
    ],
)
def test_algebraic_numbers_are_read(value: float, error: float, text: str) -> None:
    found = algebraic(value + 0.5 * error, error)
    assert str(found) == text
    # An oracle that knows nothing of this search.
    assert found is not None
    degree = len(found.coefficients) - 1
    polynomial = mpmath.findpoly(value, degree, maxcoeff=300, tol=1e-12)
    scale = polynomial[0] / found.coefficients[0]
    assert [scale * c for c in found.coefficients] == polynomial


def test_few_digits_read_hardly_anything(rng: np.random.Generator) -> None:
    values = rng.uniform(-1, 1, size=1000)
    for error in (1e-2, 1e-3, 1e-4, 1e-6):
        named = sum(algebraic(float(value), error) is not None for value in values)
        assert named <= 60, (error, named)
    assert greatest_height(1e-3, 2) == 0
    assert greatest_height(1e-2, 1) == 0
