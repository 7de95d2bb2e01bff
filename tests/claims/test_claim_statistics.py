from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import kstest

from geomsup import get_shape
from geomsup.claims.statistics import (
    along_line,
    centred,
    circles_through,
    from_shape,
    haar_groups,
    mean_cosines,
    mean_opposites,
    off_circle,
    orders_in_plane,
    orders_on_line,
    plane_of,
    sides_of,
    together,
    tours,
    unevenness,
)


def gram(points: np.ndarray) -> np.ndarray:
    return np.asarray(centred((points @ points.T)[None]))


def polygon(angles: np.ndarray) -> np.ndarray:
    return np.column_stack([np.cos(angles), np.sin(angles)])


def test_centred_is_about_the_centroid(rng: np.random.Generator) -> None:
    points = rng.standard_normal((5, 7))
    own = points - points.mean(axis=0)
    np.testing.assert_allclose(gram(points)[0], own @ own.T, atol=1e-12)


@pytest.mark.parametrize("n", [5, 7, 12])
def test_the_shortest_tour_is_that_of_a_regular_polygon(n: int, rng: np.random.Generator) -> None:
    order = rng.permutation(n)
    grams = gram(polygon(2 * np.pi * order / n))
    found = orders_in_plane(plane_of(grams)[1])
    assert tours(grams, found, closed=True)[0] == pytest.approx(2 - 2 * np.cos(2 * np.pi / n))
    visited = order[found[0]]
    assert set(np.diff(visited) % n) in ({1}, {n - 1})
    # the spread of its points is least for no other configuration in that order
    other = gram(rng.standard_normal((n, n)))
    natural = np.arange(n)[None]
    assert tours(other, natural, closed=True)[0] > 2 - 2 * np.cos(2 * np.pi / n)


def test_a_tour_is_its_steps(rng: np.random.Generator) -> None:
    points = rng.standard_normal((6, 4))
    order = rng.permutation(6)
    steps = np.linalg.norm(np.diff(points[order], axis=0, append=points[order[:1]]), axis=1) ** 2
    size = ((points - points.mean(axis=0)) ** 2).sum()
    grams = gram(points)
    assert tours(grams, order[None], closed=True)[0] == pytest.approx(steps.sum() / size)
    assert tours(grams, order[None], closed=False)[0] == pytest.approx(steps[:-1].sum() / size)


def test_a_bunch_goes_round_nothing() -> None:
    bunch = 10 + polygon(2 * np.pi * np.arange(6) / 6)
    grams = (bunch @ bunch.T)[None]
    around = gram(bunch)
    natural = np.arange(6)[None]
    assert tours(around, natural, closed=True)[0] == pytest.approx(1.0)
    assert tours(grams, natural, closed=True)[0] > 3.9


@pytest.mark.parametrize("bend", [0.01, 1.0, 3.0])
def test_an_open_curve_is_found_from_end_to_end(bend: float, rng: np.random.Generator) -> None:
    order = rng.permutation(9)
    points = polygon(bend * (order / 8 - 0.5))
    grams = gram(points)
    found = order[orders_on_line(grams, plane_of(grams)[1])[0]]
    assert found.tolist() in ([*range(9)], [*range(8, -1, -1)])


def test_circles_and_deviations_from_them(rng: np.random.Generator) -> None:
    points = np.array([3.0, -1.0]) + 2.0 * polygon(rng.uniform(0, 2 * np.pi, 8))
    centre, radius = circles_through(points)
    np.testing.assert_allclose(centre, [3.0, -1.0], atol=1e-9)
    assert radius == pytest.approx(2.0)
    assert off_circle(gram(points))[0] == pytest.approx(0.0, abs=1e-12)
    assert off_circle(gram(rng.standard_normal((8, 2))))[0] > 1e-3


def test_a_piece_of_a_large_circle_is_gone_round_by_none() -> None:
    bent = np.linspace(-0.1, 0.1, 8)
    uneven = polygon(2 * np.pi * np.arange(8) / 8) * (1 + 0.1 * np.cos(3 * np.arange(8)))[:, None]
    noisy = polygon(bent) + 1e-3 * np.cos(5 * np.arange(8))[:, None]
    assert off_circle(gram(noisy))[0] > off_circle(gram(uneven))[0]
    # the largest step counts: a quarter of the circle left out is twice as wide as a step of eight
    angles = np.linspace(0, 1.5 * np.pi, 7)
    moved = polygon(angles) * (1 + 0.1 * np.cos(3 * np.arange(7)))[:, None]
    assert off_circle(gram(moved))[0] > 3 * off_circle(gram(uneven))[0]


def test_a_line_leaves_nothing_and_its_order_counts() -> None:
    places = np.arange(6.0)
    grams = gram(places[:, None] * np.ones(3))
    order = np.arange(6)
    assert along_line(grams, None)[0] == pytest.approx(0.0, abs=1e-12)
    assert along_line(grams, order)[0] == pytest.approx(0.0, abs=1e-12)
    wrong = np.array([3, 0, 5, 1, 4, 2])
    expected = 1 - np.corrcoef(places[wrong], np.arange(6.0))[0, 1] ** 2
    assert along_line(grams, wrong)[0] == pytest.approx(expected)


def test_any_random_vectors_are_nearly_a_simplex_and_one_is_exactly(
    rng: np.random.Generator,
) -> None:
    assert unevenness(gram(get_shape("5-simplex").vertices))[0] == pytest.approx(0.0, abs=1e-12)
    # (d² + d - 2)/md for independent rows of rank d = 5 in m = 40 dimensions, to first order
    rows = rng.standard_normal((4000, 6, 40))
    grams = centred(rows @ np.swapaxes(rows, 1, 2))
    assert unevenness(grams).mean() == pytest.approx(28 / 200, rel=0.05)


def test_random_groups_are_between_over_within_one_in_n(rng: np.random.Generator) -> None:
    rows = rng.standard_normal((3000, 9, 50))
    assert -together(rows @ np.swapaxes(rows, 1, 2)).mean() == pytest.approx(1 / 8, rel=0.02)


def test_cosines_of_pairs_of_opposites_and_of_shapes() -> None:
    square = polygon(np.pi / 2 * np.arange(4)) * [[1.0], [2.0], [3.0], [4.0]]
    grams = (square @ square.T)[None]
    assert mean_cosines(grams)[0] == pytest.approx(1 / 3)  # two pairs of six at -1
    assert mean_opposites(grams, None)[0] == pytest.approx(-1.0)
    assert mean_opposites(grams, np.array([0, 1, 2, 3]))[0] == pytest.approx(0.0, abs=1e-12)
    assert mean_opposites(grams, np.array([0, 2, 1, 3]))[0] == pytest.approx(-1.0)
    sides = sides_of(get_shape("square").gram)
    for order in permutations(range(4)):
        moved = grams[:, order][:, :, order]
        assert from_shape(moved, sides)[0] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("spectrum", [[1.0, 1.0, 1.0, 1.0], [10.0, 3.0, 1.0, 0.1]])
def test_clouds_of_a_spectrum_are_gaussian_clouds(
    spectrum: list[float], rng: np.random.Generator
) -> None:
    # p-values of Gaussian groups of any anisotropy against clouds with their own spectrum
    values = []
    for _ in range(200):
        points = rng.standard_normal((7, 4)) * np.sqrt(spectrum)
        grams = gram(points)
        clouds = haar_groups(grams[0], 99, 6, rng)
        np.testing.assert_allclose(clouds.sum(axis=1), 0.0, atol=1e-9)
        np.testing.assert_allclose(plane_of(clouds)[0][5], plane_of(grams)[0][0], atol=1e-9)
        own, others = (
            tours(g, orders_in_plane(plane_of(g)[1]), closed=True) for g in (grams, clouds)
        )
        values.append((1 + (others <= own).sum()) / 100)
    assert kstest(values, "uniform").pvalue > 0.01
