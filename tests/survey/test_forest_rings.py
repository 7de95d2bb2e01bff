from __future__ import annotations

import numpy as np
import pytest
from planted import random_directions
from scipy.stats import kstest

from geomsup.survey.rings import ring_test


def ring(angles: np.ndarray, radius: float, noise: float, rng: np.random.Generator) -> np.ndarray:
    axes = np.linalg.qr(rng.standard_normal((64, 3)))[0]
    points = np.column_stack(
        [np.ones(len(angles)), radius * np.cos(angles), radius * np.sin(angles)]
    )
    rows = points @ axes.T + noise * radius / 8 * rng.standard_normal((len(angles), 64))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


@pytest.mark.parametrize("n", [7, 12, 20])
def test_the_shortest_tour_is_that_of_a_regular_polygon(n: int) -> None:
    rng = np.random.default_rng(0)
    order = rng.permutation(n)
    result = ring_test(ring(2 * np.pi * order / n, 0.7, 0.0, rng), rng)
    assert result.tour == pytest.approx(2 - 2 * np.cos(2 * np.pi / n))
    assert result.largest_step == pytest.approx(1.0)
    assert result.share == pytest.approx(1.0)
    visited = order[list(result.order)]
    assert set(np.diff(visited) % n) in ({1}, {n - 1})


@pytest.mark.parametrize(("n", "level"), [(7, 0.01), (12, 0.002)])
def test_noisy_rings_are_found(n: int, level: float) -> None:
    rng = np.random.default_rng(1)
    values = [
        ring_test(ring(2 * np.pi * np.arange(n) / n, 0.5, 0.3, rng), rng).p_value for _ in range(20)
    ]
    assert np.mean(np.array(values) <= level) >= 0.9


@pytest.mark.parametrize("n", [8, 15])
def test_bundles_have_uniform_p_values(n: int) -> None:
    rng = np.random.default_rng(2)
    values = []
    for _ in range(150):
        rows = np.eye(1, 40) + 0.1 * rng.standard_normal((n, 40))
        values.append(ring_test(rows / np.linalg.norm(rows, axis=1, keepdims=True), rng).p_value)
    assert kstest(values, "uniform").pvalue > 0.01


def test_a_bent_line_does_not_close() -> None:
    # Half a circle: in order along it, but the ends are far apart.
    rng = np.random.default_rng(3)
    result = ring_test(ring(np.linspace(0, np.pi, 10), 0.7, 0.05, rng), rng)
    assert result.largest_step > 2.5


def test_a_random_group_is_no_ring() -> None:
    rng = np.random.default_rng(4)
    values = [ring_test(random_directions(7, 100, rng).T, rng).p_value for _ in range(60)]
    assert np.mean(np.array(values) <= 0.01) <= 0.05
