from __future__ import annotations

import numpy as np
import pytest
from planted import random_directions
from scipy import linalg, stats
from scipy.integrate import quad

from geomsup import GeomsupError, census
from geomsup.nulls.directions import fit_directions
from geomsup.survey.density import AngularGaussian, AngularStudent, law_of


def draws(mean: np.ndarray, covariance: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    rows = rng.multivariate_normal(mean, covariance, n)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


@pytest.mark.parametrize("mean", [(0.0, 0.0, 0.0), (1.0, 0.5, 0.0), (0.0, 0.0, 3.0)])
def test_the_density_is_the_integral_along_the_ray(mean: tuple[float, ...]) -> None:
    rng = np.random.default_rng(0)
    covariance = np.array([[2.0, 0.3, 0.0], [0.3, 1.0, 0.1], [0.0, 0.1, 0.4]])
    law = AngularGaussian(mean, covariance)
    precision = np.linalg.inv(covariance)
    scale = np.sqrt((2 * np.pi) ** 3 * np.linalg.det(covariance))
    for unit in random_directions(10, 3, rng).T:

        def along(r: float, unit: np.ndarray = unit) -> float:
            off = r * unit - np.array(mean)
            return float(r**2 * np.exp(-0.5 * off @ precision @ off))

        expected = np.log(quad(along, 0, 60, points=[1, 5])[0] / scale * 4 * np.pi)
        assert law.log_ratio(unit[None])[0] == pytest.approx(expected, abs=0.08)


@pytest.mark.parametrize("dim", [4, 30])
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_the_fitted_law_is_near_the_true_one(dim: int, shift: float) -> None:
    # The mean log ratio of true to fitted densities is (parameters)/2n, and no less than 0.
    rng = np.random.default_rng(1)
    covariance = np.diag(1 / np.arange(1, dim + 1))
    mean = shift * np.ones(dim)
    n = 20_000
    units = draws(mean, covariance, n, rng)
    fitted = AngularGaussian(*fit_directions(lambda: [units], dim), n=n)
    true = AngularGaussian(mean, covariance)
    fresh = draws(mean, covariance, 20_000, rng)
    gaps = true.log_ratio(fresh) - fitted.log_ratio(fresh)
    assert gaps.mean() == pytest.approx(dim * (dim + 3) / 4 / n, abs=0.02)
    assert true.log_ratio(fresh).mean() > 10 * gaps.mean()


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_what_is_estimated_from_few_directions_is_drawn_to_round(shift: float) -> None:
    # Where the least likely loss is (parameters)/2n, plain moments lose half as much again or more.
    rng = np.random.default_rng(1)
    dim, n = 30, 200
    mean, covariance = shift * np.ones(dim), np.diag(1 / np.arange(1, dim + 1))
    units = draws(mean, covariance, n, rng)
    moments = fit_directions(lambda: [units], dim)
    fresh = draws(mean, covariance, 20_000, rng)
    true = AngularGaussian(mean, covariance).log_ratio(fresh).mean()
    plain, drawn = (true - AngularGaussian(*moments, k).log_ratio(fresh).mean() for k in (None, n))
    least = dim * (dim + 3) / 4 / n
    assert drawn < 1.15 * least < 1.25 * least < plain


def test_only_dimensions_in_which_features_vary_count() -> None:
    covariance = np.diag([1.0, 2.0, 0.0])
    law = AngularGaussian(np.zeros(3), covariance)
    flat = AngularGaussian(np.zeros(2), covariance[:2, :2])
    assert law.dim == 2
    units = random_directions(5, 2, np.random.default_rng(0)).T
    embedded = np.column_stack([units, np.zeros(5)])
    assert law.log_ratio(embedded) == pytest.approx(flat.log_ratio(units))


def test_rounded_directions_lean_on_no_axis_and_stay_dependent() -> None:
    rng = np.random.default_rng(2)
    mean, covariance = np.array([1.0, 0, 0, 0]), np.diag([3.0, 1.0, 0.5, 0.1])
    law = AngularGaussian(mean, covariance)
    rows = rng.multivariate_normal(mean, covariance, 50_000)
    rounded = law.rounded(rows)
    assert rounded.T @ rounded / len(rows) == pytest.approx(np.eye(4) / 4, abs=0.02)
    plane = rng.standard_normal((6, 2)) @ rng.standard_normal((2, 4))
    assert np.linalg.svd(law.rounded(plane), compute_uv=False)[2:] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("mean", "covariance"), [([0.0], np.eye(2)), ([0.0, 0.0], np.zeros((2, 2))), (0.0, 1.0)]
)
def test_moments_that_fit_no_law_are_refused(mean: object, covariance: object) -> None:
    with pytest.raises(GeomsupError):
        AngularGaussian(mean, covariance)


@pytest.mark.parametrize("mean", [(0.0, 0.0), (1.0, 0.4)])
def test_the_density_of_heavy_tails_is_the_integral_along_the_ray(mean: tuple[float, ...]) -> None:
    degrees, covariance = 4.0, np.array([[2.0, 0.5], [0.5, 1.0]])
    law = AngularStudent(mean, covariance, degrees=degrees)
    whitening = np.linalg.inv(np.real(linalg.sqrtm(covariance)))
    width = np.sqrt((degrees - 2) / degrees)
    for angle in np.linspace(0.0, 6.0, 7):
        unit = np.array([np.cos(angle), np.sin(angle)])

        def along(r: float, unit: np.ndarray = unit) -> float:
            entries = whitening @ (r * unit - np.array(mean)) / width
            return float(r * np.prod(stats.t.pdf(entries, degrees)) / width**2)

        total = quad(along, 0, np.inf)[0] / np.sqrt(np.linalg.det(covariance))
        assert law.log_ratio(unit[None])[0] == pytest.approx(np.log(total * 2 * np.pi), abs=0.06)


def test_the_density_of_heavy_tails_is_one_in_many_dimensions() -> None:
    rows = np.random.default_rng(0).standard_t(3, (4000, 32))
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    law = AngularStudent(np.zeros(32), np.eye(32), degrees=3)
    # The uniform density over its own, in the mean over its own directions.
    assert np.exp(-law.log_ratio(units)).mean() == pytest.approx(1.0, abs=0.1)
    with pytest.raises(GeomsupError, match="singular"):
        AngularStudent(np.zeros(32), np.diag(np.arange(32.0)), degrees=3)


def test_heavy_tails_are_seen_where_they_are_and_not_in_a_few_features() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((200, 16))
    rows[:5] = 0.01 * rows[:5] + np.eye(16)[0]  # a bundle on an axis

    def degrees(rows: np.ndarray) -> float | None:
        units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        law = law_of(units, *fit_directions(lambda: [units], 16), n=len(units))
        return getattr(law, "degrees", None)

    assert degrees(rows) is None
    assert degrees(rng.uniform(-1, 1, (200, 16))) is None
    assert degrees(rng.standard_t(3, (200, 16)) * np.arange(1, 17)) in (2.5, 3.0, 4.0)


@pytest.mark.parametrize(
    ("n", "seed", "degrees"),
    # Under the Gaussian's density the first have a digon of three, a bundle of three and four more
    # features; the second had a digon of three, one of four and two more.
    [(200, 0, 2.5), pytest.param(500, 1, 3.0, marks=pytest.mark.slow)],
)
def test_heavy_tails_are_no_structure(n: int, seed: int, degrees: float) -> None:
    rows = np.random.default_rng([17, n, seed]).standard_t(degrees, (n, 16))
    assert census(rows, feature_axis=0, n_draws=0, progress=False).components == ()


def turned(dim: int, seed: int) -> np.ndarray:
    return np.asarray(stats.ortho_group.rvs(dim, random_state=seed))


@pytest.mark.parametrize("seed", range(3))
def test_heavy_tails_are_seen_along_axes_that_nobody_names(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = stats.t(3).rvs((500, 16), random_state=rng)
    turn = turned(16, seed)
    units = rows @ turn / np.linalg.norm(rows, axis=1, keepdims=True)
    law = law_of(units, np.zeros(16), np.eye(16))
    assert isinstance(law, AngularStudent)
    assert law.degrees == 3.0
    # Its axes are those of the tails: rows of the turn, up to their order and sign.
    start = AngularStudent(np.zeros(16), np.eye(16), degrees=3)
    near = np.abs(turn @ start.heavy_axes(units))
    assert near.max(axis=1).min() > 0.9
    # Turned along with its axes, the density is the same.
    own = AngularStudent(np.zeros(16), np.eye(16), degrees=3, turn=turn.T)
    plain = start.log_ratio(units @ turn.T)
    np.testing.assert_allclose(own.log_ratio(units), plain, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_axes_can_be_found_in_anything_and_are_no_law(seed: int) -> None:
    rng = np.random.default_rng([9, seed])
    units = random_directions(500, 16, rng).T
    centres = random_directions(20, 16, rng).T
    units[:100] = np.repeat(centres, 5, axis=0) + 0.1 * rng.standard_normal((100, 16))
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    law = law_of(units, *fit_directions(lambda: [units], 16), n=500)
    assert type(law) is AngularGaussian
