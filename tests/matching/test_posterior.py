"""What "irregular" and systematic deviations weigh, against exact integrals and planted noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from planted import noisy, planted, random_directions, random_orthogonal
from strategies import Array

from geomsup import get_shape
from geomsup.matching.alignment import Cloud
from geomsup.matching.background import Background
from geomsup.matching.deviation import systematic_deviation
from geomsup.matching.evidence import evenness_log_ratio, log_sphere, loosest_noise, noise_grid
from geomsup.matching.fitting import PreparedShape, Setting, fit_shape, prepared_forms
from geomsup.matching.posterior import _irregular
from geomsup.shapes import Shape


@pytest.mark.parametrize("n_pairs", [2, 3, 5])
def test_pairs_on_random_axes_are_one_in_two_hundred(n_pairs: int) -> None:
    # Each pair has the density of a digon, C(κ)² sinh(κ|x - y|) / (κ|x - y|), against 1/(4π)², and
    # is one of (2n - 1)!! pairings.
    sigma = 0.05
    kappa = 1 / sigma**2
    rng = np.random.default_rng(n_pairs)
    axes = random_orthogonal(3, rng) @ random_directions(n_pairs, 3, rng)
    points = noisy(np.hstack([axes, -axes]), sigma, rng).T
    background = Background(dim=3, largest=3, n_directions=2 * n_pairs, rank=3)
    spaces = [Setting(3, 0.0, loosest_noise(3))]
    found = _irregular(Cloud(points), background, spaces, np.array([sigma]), paired=True)
    length = kappa * np.linalg.norm(points[:n_pairs] - points[n_pairs:], axis=1)
    log_norm = math.log(kappa / (2 * math.pi)) - kappa
    pairs = float((2 * log_norm + length - math.log(2) - np.log(length)).sum())
    pairs += 2 * n_pairs * math.log(4 * math.pi) - math.log(math.prod(range(1, 2 * n_pairs, 2)))
    assert found.tolist() == pytest.approx([0.0, math.log(0.005) + pairs], abs=0.06 * n_pairs)
    assert log_sphere(3) == pytest.approx(math.log(4 * math.pi))
    alone = _irregular(Cloud(points), background, spaces, np.array([sigma]), paired=False)
    assert len(alone) == 1


def deviation_of(name: str, points: Array) -> float:
    cloud = Cloud(points)
    dim = points.shape[1]
    settings = (Setting(dim, 0.0, loosest_noise(dim)),)
    return systematic_deviation(
        fit_shape(prepared_forms(name)[0], cloud, noise_grid(None), settings), cloud
    )


@pytest.mark.parametrize("sigma", [0.05, 0.2])
def test_noise_is_hardly_ever_taken_for_a_deformation(sigma: float) -> None:
    rng = np.random.default_rng(0)
    names = ("cube", "octahedron", "icosahedron", "tetrahedron", "square antiprism")
    found = [deviation_of(name, planted(name, 3, sigma, rng).T) for name in names * 40]
    # Chance has so many coincidences once in a thousand times, at each of two finenesses.
    assert np.mean(np.array(found) < 0) <= 0.01


@pytest.mark.parametrize(
    ("stretch", "charged"), [(0.01, False), (0.02, False), (0.05, True), (0.2, True), (0.4, True)]
)
def test_an_evenly_stretched_cube_is_no_noisy_cube(stretch: float, charged: bool) -> None:
    # Three classes of twelve, twelve and four equal cosines, of which each splits in two at most.
    points = get_shape("cube").vertices * [1.0, 1.0, 1.0 + stretch]
    points = points / np.linalg.norm(points, axis=1, keepdims=True)
    cosines = points @ points.T - get_shape("cube").vertices @ get_shape("cube").vertices.T
    spread = np.sqrt((cosines[np.triu_indices(8, 1)] ** 2).mean())
    assert (spread > 0.02) == charged
    # At most eight nats are charged.
    assert deviation_of("cube", points) == (-8.0 if charged else 0.0)


@pytest.mark.parametrize("name", ["icosahedron", "cube", "24-cell"])
@pytest.mark.parametrize("sigma", [0.02, 0.08])
def test_evenness_is_held_against_what_chance_and_noise_leave(name: str, sigma: float) -> None:
    # At Σ x xᵀ = (N/q) I the ratio of two normal densities in q(q + 1)/2 - 1 dimensions is that of
    # their variances to half that power; both are counted here.
    vertices = get_shape(name).vertices
    n, dim = vertices.shape
    rng = np.random.default_rng(0)

    def uneven(units: Array) -> float:
        frame = units @ units.T - np.eye(dim) * n / dim
        return float((frame**2).sum())

    free = np.mean([uneven(random_directions(n, dim, rng)) for _ in range(2000)])
    tight = np.mean([uneven(noisy(vertices.T, sigma, rng)) for _ in range(2000)])
    n_components = dim * (dim + 1) / 2 - 1
    (found,) = evenness_log_ratio(vertices, np.array([sigma]))
    assert found == pytest.approx(0.5 * n_components * np.log(free / tight), rel=0.03)


@pytest.mark.parametrize("name", ["square antiprism", "pentagonal prism"])
def test_a_family_is_the_mean_of_its_members(name: str) -> None:
    # Half of the prior is uniform over the bounds, here summed up member by member; half is on the
    # default and the landmarks.
    sigma = np.array([0.05])
    shape = get_shape(name)
    family = shape.family
    assert family is not None
    low, high = family.bounds
    truth = 0.4 * low + 0.6 * high
    points = noisy(family.build(truth).T, sigma[0], np.random.default_rng(1)).T
    settings = (Setting(3, 0.0, loosest_noise(3)),)

    def member(value: float) -> float:
        own = Shape(
            name="member",
            vertices=family.build(value),
            symmetry_order=shape.symmetry_order,
            source="made here",
        )
        return float(fit_shape(PreparedShape(own), Cloud(points), sigma, settings).log_evidence[0])

    values = np.linspace(max(low, truth - 0.12), min(high, truth + 0.12), 25)
    each = np.array([member(value) for value in values])
    anywhere = np.exp(each).sum() * (values[1] - values[0]) / (high - low)
    known = sorted({family.default, *family.landmarks.values()})
    singled_out = np.mean(np.exp([member(value) for value in known]))
    found = fit_shape(prepared_forms(name)[0], Cloud(points), sigma, settings).log_evidence[0]
    assert found == pytest.approx(np.log(0.5 * anywhere + 0.5 * singled_out), abs=0.1)
