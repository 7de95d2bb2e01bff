from __future__ import annotations

import mpmath  # type: ignore[import-untyped]  # comes with torch, without stubs
import numpy as np
import pytest
from planted import random_directions

from geomsup.matching.evidence import NOISE_GRID, bundle_log_ratio, loosest_noise, marginalise
from geomsup.survey.bundles import bundle_evidence, node_bundles
from geomsup.survey.tree import merge_forest


def log_constant(dim: int, kappa: float) -> float:
    """Log of the von Mises–Fisher normaliser, from the Bessel function itself."""
    nu = mpmath.mpf(dim) / 2 - 1
    half = mpmath.mpf(dim) / 2
    bessel = mpmath.besseli(nu, kappa)
    return float(nu * mpmath.log(kappa) - half * mpmath.log(2 * mpmath.pi) - mpmath.log(bessel))


@pytest.mark.parametrize("dim", [3, 16, 384])
@pytest.mark.parametrize(("n", "resultant"), [(2, 1.99), (5, 4.2), (12, 3.0)])
def test_the_common_direction_is_integrated_out(dim: int, n: int, resultant: float) -> None:
    sigma = np.array([0.02, 0.1])
    log_sphere = np.log(2) + 0.5 * dim * np.log(np.pi) - float(mpmath.loggamma(dim / 2))
    expected = [
        n * (log_constant(dim, 1 / s**2) + log_sphere)
        - log_constant(dim, resultant / s**2)
        - log_sphere
        for s in sigma
    ]
    found = bundle_log_ratio(np.array([n]), np.array([resultant]), dim, sigma)[0]
    assert found == pytest.approx(expected, abs=0.02 * n)


def test_independent_directions_are_no_bundle_on_average() -> None:
    # The evidence ratio has expectation 1 under the background.
    rng = np.random.default_rng(0)
    dim, n = 4, 3
    directions = random_directions(60_000, dim, rng).T.reshape(-1, n, dim)
    lengths = np.linalg.norm(directions.sum(axis=1), axis=1)
    sizes = np.full(len(lengths), n)
    ratios = np.exp(bundle_log_ratio(sizes, lengths, dim, np.array([0.25])))
    error = ratios.std() / np.sqrt(len(ratios))
    assert ratios.mean() == pytest.approx(1.0, abs=4 * error)


def test_noise_that_leaves_little_in_common_is_not_allowed() -> None:
    dim = 384
    grid = NOISE_GRID[loosest_noise(dim) >= NOISE_GRID]
    assert 0 < len(grid) < len(NOISE_GRID)
    n, length, mixed = np.array([9]), np.array([6.0]), np.array([False])
    allowed = bundle_log_ratio(n, length, dim, grid)
    expected = marginalise(allowed) + np.log(len(grid) / len(NOISE_GRID))
    assert bundle_evidence(n, length, mixed, dim) == pytest.approx(expected)


def test_both_ends_of_a_line_cost_a_bit_for_each_member_beyond_two() -> None:
    n, length = np.array([2, 5]), np.array([1.98, 4.9])
    apart = bundle_evidence(n, length, np.array([True, True]), 20)
    together = bundle_evidence(n, length, np.array([False, False]), 20)
    assert together - apart == pytest.approx([0.0, 3 * np.log(2)])


def test_sums_of_all_subtrees_are_those_of_their_members() -> None:
    rng = np.random.default_rng(3)
    units = random_directions(40, 9, rng).T
    i, j = np.triu_indices(40, 1)
    cosines = (units @ units.T)[i, j]
    strong = np.abs(cosines) > 0.6
    forest = merge_forest(i[strong], j[strong], cosines[strong])
    nodes = np.arange(len(forest.size))
    lengths, mixed = node_bundles(forest, nodes, 0, units[forest.features])
    for node in nodes:
        run = slice(forest.first[node], forest.first[node] + forest.size[node])
        signs = forest.signs[run]
        total = (units[forest.features[run]] * signs[:, None]).sum(axis=0)
        assert lengths[node] == pytest.approx(np.linalg.norm(total))
        assert mixed[node] == (len(set(signs)) == 2)
