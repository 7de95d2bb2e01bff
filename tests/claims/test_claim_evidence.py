from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from geomsup.claims.evidence import SIGNALS, Group, marginal
from geomsup.claims.statistics import centred, complement

Array = NDArray[np.float64]


def group_of(points: Array, *, order: NDArray[np.intp] | None = None) -> Group:
    gram = centred((points @ points.T)[None])[0]
    n, dim = points.shape
    return Group(
        gram=gram / np.trace(gram),
        rank=n - 1,
        dim=dim,
        order=order,
    )


def points_on(angles: Array, dim: int, noise: float, rng: np.random.Generator) -> Array:
    points = noise / np.sqrt(dim) * rng.standard_normal((len(angles), dim))
    points[:, 0] += np.cos(angles)
    points[:, 1] += np.sin(angles)
    return np.asarray(points)


def ring(n: int, dim: int, noise: float, rng: np.random.Generator) -> Array:
    return points_on(2 * np.pi * np.arange(n) / n, dim, noise, rng)


def test_a_fixed_template_is_a_regression_with_its_noise_integrated_out() -> None:
    # The same integral over the noise by quadrature, of densities that SciPy computes.
    rng = np.random.default_rng(0)
    points = ring(4, 3, 0.5, rng)
    group = group_of(points)
    within = complement(4)
    template = rng.standard_normal((4, 1))
    column = within.T @ template
    column /= np.linalg.norm(column)
    coordinates = within.T @ points / np.sqrt(np.trace(centred((points @ points.T)[None])[0]))

    def log_likelihood(log_variance: float, signal: float) -> float:
        covariance = np.exp(log_variance) * (np.eye(3) + signal * column @ column.T)
        return float(multivariate_normal(np.zeros(3), covariance).logpdf(coordinates.T).sum())

    k = 12
    with_it, without = (
        quad(lambda s, g=g: np.exp(log_likelihood(s, g)), -15, 10, epsabs=1e-12, limit=200)[0]
        for g in (float(SIGNALS[k]), 0.0)
    )
    assert group.fixed(template)[k] == pytest.approx(np.log(with_it / without), abs=1e-5)


def averaged(group: Group, templates: Array) -> float:
    """Evidence averaged over templates that are drawn from what is open."""
    shares = np.einsum("bik,ij,bjk->b", templates, group.gram, templates)
    loss = np.log1p(-SIGNALS[:, None] / (1 + SIGNALS[:, None]) * shares)
    terms = -0.5 * group.dim * (2 * np.log1p(SIGNALS[:, None]) + group.rank * loss)
    return marginal(logsumexp(terms, axis=1) - np.log(len(templates)))


@pytest.mark.parametrize(("n", "dim", "noise"), [(6, 4, 0.3), (7, 6, 0.3), (6, 8, 0.4)])
def test_what_is_open_costs_its_volume(n: int, dim: int, noise: float) -> None:
    rng = np.random.default_rng(1)
    group = group_of(points_on(np.sort(rng.uniform(0, 2 * np.pi, n)), dim, noise, rng))
    planes = complement(n) @ np.linalg.qr(rng.standard_normal((40_000, n - 1, 2)))[0]
    # Laplace's integral, good to a factor of twenty, which is what a verdict asks for.
    assert marginal(group.cloud(2)) == pytest.approx(averaged(group, planes), abs=3.0)


@pytest.mark.parametrize(("n", "dim", "noise"), [(6, 4, 0.3), (7, 6, 0.3), (6, 8, 0.4)])
def test_free_places_on_a_ring_cost_their_volume(n: int, dim: int, noise: float) -> None:
    rng = np.random.default_rng(2)
    angles = 2 * np.pi * np.arange(n) / n + 0.2 * rng.standard_normal(n)
    group = group_of(points_on(angles, dim, noise, rng))
    places = rng.uniform(0, 2 * np.pi, (120_000, n))
    curves = np.stack([np.cos(places), np.sin(places)], axis=-1)
    templates = np.linalg.qr(curves - curves.mean(axis=1, keepdims=True))[0]
    # Half of the evidence is for even steps, which these are not.
    both = np.logaddexp(averaged(group, templates), marginal(group.ring(even=True))) - np.log(2)
    assert marginal(group.ring()) == pytest.approx(both, abs=1.5)


def best(group: Group) -> str:
    found = {
        "ring": marginal(group.ring()),
        "arc": marginal(group.arc()),
        "line": marginal(group.line()),
        "blob": marginal(group.cloud(2)),
        "higher rank": marginal(group.clouds(range(3, group.rank))),
        "clusters": marginal(group.clusters()),
        "none": 0.0,
    }
    return max(found, key=lambda name: found[name])


@pytest.mark.parametrize("dim", [16, 384])
def test_each_arrangement_is_its_own_best_explanation(dim: int) -> None:
    rng = np.random.default_rng(3)
    n = 10
    long = np.zeros((n, dim))
    long[:, 0] = np.linspace(-1.7, 1.7, n)
    noise = 0.2 / np.sqrt(dim)
    flat = np.zeros((n, dim))
    flat[:, :2] = rng.standard_normal((n, 2))
    deep = np.zeros((n, dim))
    deep[:, :4] = rng.standard_normal((n, 4))
    three = rng.standard_normal((3, dim))[np.arange(n) % 3]
    cases = {
        "ring": ring(n, dim, 0.2, rng),
        "arc": points_on(np.linspace(0, np.pi, n), dim, 0.1, rng),
        "line": long + noise * rng.standard_normal((n, dim)),
        "blob": flat + noise / 2 * rng.standard_normal((n, dim)),
        "higher rank": deep + noise / 2 * rng.standard_normal((n, dim)),
        "clusters": three + 0.1 * rng.standard_normal((n, dim)),
        "none": rng.standard_normal((n, dim)),
    }
    assert {name: best(group_of(points)) for name, points in cases.items()} == {
        name: name for name in cases
    }


def test_an_order_speaks_for_a_ring_only_if_it_goes_round() -> None:
    rng = np.random.default_rng(4)
    points = ring(8, 32, 0.2, rng)
    unknown = marginal(group_of(points).ring())
    right = marginal(group_of(points, order=np.arange(8)).ring())
    wrong = marginal(group_of(points, order=np.array([0, 2, 4, 6, 1, 3, 5, 7])).ring())
    # (n - 1)!/2 orders were open
    assert right - unknown == pytest.approx(np.log(2520), abs=0.1)
    assert wrong < 0 < unknown


def test_equal_distances_are_told_from_those_of_independent_rows() -> None:
    rng = np.random.default_rng(5)
    regular = np.eye(8, 64) + 0.05 * rng.standard_normal((8, 64)) / 8
    assert marginal(group_of(regular).simplex()) > 10
    assert marginal(group_of(rng.standard_normal((8, 64))).simplex()) < 0.5
