"""P-values of cosines against exact formulas, direct integration, high precision and draws."""

from __future__ import annotations

import math
from typing import Any

import mpmath  # type: ignore[import-untyped]  # comes with torch, without stubs
import numpy as np
import pytest
from planted import random_orthogonal
from scipy import stats

from geomsup.errors import GeomsupError
from geomsup.nulls import IsotropicNull, MatchedNull, benjamini_hochberg
from geomsup.nulls.directions import fit_directions
from geomsup.nulls.quadratic_forms import Spectrum

Array = np.ndarray[Any, np.dtype[np.float64]]

# --- the isotropic null ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dim", "n", "expected"),
    [(128, 1024, 0.29879), (768, 16384, 0.14848), (2304, 65536, 0.09239)],
)
def test_expected_maximum_of_published_sizes(dim: int, n: int, expected: float) -> None:
    assert IsotropicNull(dim).expected_max(n) == pytest.approx(expected, abs=6e-6)


@pytest.mark.parametrize(("dim", "expected"), [(128, 0.070662), (4096, 0.012468)])
def test_expected_size_of_published_dimensions(dim: int, expected: float) -> None:
    assert IsotropicNull(dim).expected_abs == pytest.approx(expected, abs=6e-7)


@pytest.mark.parametrize("dim", [2, 3, 128, 5000])
def test_the_largest_of_one_is_the_one(dim: int) -> None:
    null = IsotropicNull(dim)
    assert null.expected_max(1) == pytest.approx(null.expected_abs, rel=1e-7)


@pytest.mark.parametrize(("dim", "n"), [(2, 3), (5, 40), (40, 200)])
def test_expected_maximum_against_draws(dim: int, n: int) -> None:
    v = np.random.default_rng(3).normal(size=(40_000 // dim, n, dim))
    largest = np.abs(v[..., 0] / np.linalg.norm(v, axis=-1)).max(axis=1)
    error = largest.std() / np.sqrt(largest.size)
    assert abs(IsotropicNull(dim).expected_max(n) - largest.mean()) < 4 * error


@pytest.mark.parametrize("dim", [2, 3, 16, 384, 4096])
@pytest.mark.parametrize("t", [0.0, 1e-8, 0.01, 0.3, 0.9, 0.999999, 1 - 1e-12])
def test_isotropic_tail_to_high_precision(dim: int, t: float) -> None:
    with mpmath.workdps(40):
        x = 1 - mpmath.mpf(t) ** 2
        exact = mpmath.log(
            mpmath.betainc(mpmath.mpf(dim - 1) / 2, mpmath.mpf(1) / 2, 0, x, regularized=True)
        )
        got = float(IsotropicNull(dim).log_tail(t))
        assert got == pytest.approx(float(exact), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("exponent", [660, 700, 712, 725, 740, 760])
def test_isotropic_tail_where_numbers_end(exponent: float) -> None:
    # Between e^-708 and e^-745 float64 has ever fewer digits, and none beyond.
    t = math.sqrt(-math.expm1(-exponent / 512))
    with mpmath.workdps(40):
        exact = mpmath.log(
            mpmath.betainc(mpmath.mpf(512), mpmath.mpf(1) / 2, 0, 1 - mpmath.mpf(t) ** 2)
            / mpmath.beta(mpmath.mpf(512), mpmath.mpf(1) / 2)
        )
    assert float(IsotropicNull(1025).log_tail(t)) == pytest.approx(float(exact), abs=1e-9)


def test_isotropic_sides() -> None:
    null, t = IsotropicNull(9), np.array([-1.0, -0.4, 0.0, 0.4, 1.0])
    one = np.exp(null.log_tail(t, sign=1))
    np.testing.assert_allclose(one + one[::-1], 1, rtol=1e-12)
    np.testing.assert_allclose(one[2:] * 2, np.exp(null.log_tail(t[2:])), rtol=1e-12)
    np.testing.assert_array_equal(one, np.exp(null.log_tail(t, sign=-1)))
    assert null.log_tail(-0.4) == 0


# --- the matched null against exact results -------------------------------------------------------


@pytest.mark.parametrize("dim", [2, 3, 16, 64, 384, 768])
@pytest.mark.parametrize("sign", [1, -1])
def test_round_gaussian_is_isotropic(dim: int, sign: int) -> None:
    exact = IsotropicNull(dim)
    t = np.array([0, 0.001, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.99, 1 - 1e-9])
    u = np.random.default_rng(dim).normal(size=dim)
    got = MatchedNull(np.zeros(dim), 3 * np.eye(dim)).log_tail(u, t, sign)
    np.testing.assert_allclose(got, exact.log_tail(t, sign=sign), rtol=0, atol=5e-4)


def along_an_axis(
    mean: float, variance: float, others: float, noncentral: float, dim: int, t: float
) -> float:
    """P(cos(u, v) > t), t > 0, for x = u·v and |v − xu|² independent, by integration over x."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    edges = np.linspace(0, max(mean, 0) + 40 * np.sqrt(variance) + 3, 101)
    half = edges[1] / 2
    x = (edges[:-1, None] + half * (1 + nodes)).ravel()
    bound = x * x * (1 - t * t) / t**2 / others
    inside = (
        stats.ncx2.cdf(bound, dim - 1, noncentral / others)
        if noncentral
        else stats.chi2.cdf(bound, dim - 1)
    )
    density = stats.norm.pdf(x, mean, np.sqrt(variance)) * inside
    return float(half * np.tile(weights, 100) @ density)


@pytest.mark.parametrize("dim", [2, 3, 8, 32, 128])
@pytest.mark.parametrize(
    ("mean", "variance", "shift"),
    [
        (0.0, 1.0, 0.0),
        (0.0, 5.0, 0.0),
        (0.0, 0.2, 3.0),
        (1.0, 1.0, 0.0),
        (0.3, 4.0, 2.0),
        (3.0, 0.5, 2.0),
    ],
)
def test_against_direct_integration(dim: int, mean: float, variance: float, shift: float) -> None:
    # In a basis that is turned at random, so that nothing is on an axis.
    turn = random_orthogonal(dim, np.random.default_rng(dim))
    center = np.zeros(dim)
    center[0], center[1] = mean, np.sqrt(shift)
    null = MatchedNull(turn @ center, turn @ np.diag([variance, *[1.0] * (dim - 1)]) @ turn.T)
    for t in (0.05, 0.3, 0.6, 0.9):
        for sign in (1, -1):
            exact = along_an_axis(sign * mean, variance, 1.0, shift, dim, t)
            got = float(np.exp(null.log_tail(turn[:, 0], t, sign)))
            if exact > 1e-40:
                assert got == pytest.approx(exact, rel=1e-3), (t, sign)
            back = float(np.exp(null.log_tail(turn[:, 0], -t, -sign)))
            assert back == pytest.approx(1 - got, abs=1e-9)


def gaussian(kind: str, dim: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Mean (m,) and a factor (m, r) of the covariance."""
    turn = random_orthogonal(dim, rng)
    scales = {
        "anisotropic": np.exp(rng.normal(size=dim)),
        "off centre": np.exp(0.5 * rng.normal(size=dim)),
        "dominant axis": np.array([10.0, *[0.5] * (dim - 1)]),
        "half the rank": np.exp(rng.normal(size=dim)) * (np.arange(dim) % 2),
        "far off centre": np.full(dim, 0.3),
    }[kind]
    share = {"off centre": 0.7, "dominant axis": 0.3, "half the rank": 0.1, "far off centre": 1.0}
    return share.get(kind, 0.0) * rng.normal(size=dim), turn * scales


KINDS = ["anisotropic", "off centre", "dominant axis", "half the rank", "far off centre"]


@pytest.mark.parametrize(
    "dim", [8, pytest.param(32, marks=pytest.mark.slow), pytest.param(128, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("kind", KINDS)
def test_against_a_million_draws(kind: str, dim: int) -> None:
    rng = np.random.default_rng([dim, KINDS.index(kind)])
    mean, factor = gaussian(kind, dim, rng)
    null = MatchedNull(mean, factor @ factor.T)
    # A direction at random, one that occurs, and one against the mean.
    u = np.stack([rng.normal(size=dim), mean + factor @ rng.normal(size=dim)])
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    blocks = [mean + rng.normal(size=(50_000, dim)) @ factor.T for _ in range(20)]
    cosines = np.concatenate([b @ u.T / np.linalg.norm(b, axis=1)[:, None] for b in blocks])
    n = len(cosines)
    for row, column in zip(u, cosines.T, strict=True):
        for sign in (1, -1):
            # At quantiles, so that every size of p-value is met on both sides.
            t = np.quantile(sign * column, 1 - np.array([0.9, 0.5, 0.3, 0.05, 1e-2, 1e-3, 1e-4]))
            counted = np.array([(sign * column > bound).mean() for bound in t])
            got = np.exp(null.log_tail(row, t, sign))
            # 100 of a million are known to 10 % themselves.
            allowed = 0.01 * counted + 4 * np.sqrt(counted * (1 - counted) / n)
            assert np.all(np.abs(got - counted) < allowed), (sign, got, counted)


# --- p-values of independent draws are uniform ----------------------------------------------------


def p_values_of_pairs(null: MatchedNull, pairs: Array, sign: int) -> Array:
    u, v = pairs / np.linalg.norm(pairs, axis=-1, keepdims=True)
    return np.exp(null.log_tail(u, np.clip(sign * np.sum(u * v, axis=1), -1, 1), sign))


def check_uniform(kind: str, dim: int, seed: int, n: int = 1000) -> float:
    rng = np.random.default_rng([seed, dim, KINDS.index(kind)])
    mean, factor = gaussian(kind, dim, rng)
    draws = mean + rng.normal(size=(2, n, dim)) @ factor.T
    p = p_values_of_pairs(MatchedNull(mean, factor @ factor.T), draws, (-1) ** seed)
    return float(stats.kstest(p, "uniform").pvalue)


@pytest.mark.parametrize("dim", [5, 64])
@pytest.mark.parametrize("kind", KINDS)
def test_p_values_are_uniform(kind: str, dim: int) -> None:
    assert min(check_uniform(kind, dim, seed) for seed in (0, 1)) > 0.01 / 20


@pytest.mark.slow
@pytest.mark.parametrize("dim", [16, 100])
@pytest.mark.parametrize("kind", KINDS)
def test_p_values_of_many_matrices_are_uniform(kind: str, dim: int) -> None:
    """The p-values of 100 Kolmogorov-Smirnov tests are uniform themselves."""
    many = [check_uniform(kind, dim, seed, 500) for seed in range(2, 102)]
    assert stats.kstest(many, "uniform").pvalue > 1e-3


def matrix_without_structure(kind: str, n: int, dim: int, rng: np.random.Generator) -> Array:
    mean, factor = np.zeros(dim), np.eye(dim)
    if kind != "isotropic":
        mean, factor = gaussian("off centre" if kind == "mixed norms" else kind, dim, rng)
    rows = mean + rng.normal(size=(n, factor.shape[1])) @ factor.T
    return rows * np.exp(0.5 * rng.normal(size=(n, 1))) if kind == "mixed norms" else rows


MATRICES = ["isotropic", "anisotropic", "off centre", "mixed norms"]


def fitted_uniformity(kind: str, n: int, dim: int, seed: int, n_pairs: int = 1000) -> float:
    """Kolmogorov and Smirnov's p of the p-values of pairs under the null of their own matrix."""
    rng = np.random.default_rng([seed, n, dim, MATRICES.index(kind)])
    rows = matrix_without_structure(kind, n, dim, rng)
    null = MatchedNull.of(rows, feature_axis=0)
    # No feature in two pairs, so that the p-values are independent.
    n_pairs = min(n_pairs, n // 2)
    p = p_values_of_pairs(null, rows[: 2 * n_pairs].reshape(2, n_pairs, dim), (-1) ** seed)
    return float(stats.kstest(p, "uniform").pvalue)


@pytest.mark.parametrize("kind", MATRICES)
def test_p_values_under_the_null_of_their_matrix(kind: str) -> None:
    assert min(fitted_uniformity(kind, 1000, 16, seed) for seed in (0, 1)) > 0.01 / 8


@pytest.mark.slow
@pytest.mark.parametrize("n_and_dim", [(500, 16), (2000, 64), (6000, 384), (20_000, 768)])
@pytest.mark.parametrize("kind", MATRICES)
def test_p_values_under_the_null_of_many_matrices(kind: str, n_and_dim: tuple[int, int]) -> None:
    n, dim = n_and_dim
    n_matrices = 100 if dim < 100 else 5
    many = [fitted_uniformity(kind, n, dim, seed) for seed in range(n_matrices)]
    assert stats.kstest(many, "uniform").pvalue > 0.01 / 16


@pytest.mark.parametrize("feature_axis", [0, -1])
def test_scale_dead_features_and_norms_do_not_matter(feature_axis: int) -> None:
    rng = np.random.default_rng(11)
    rows = matrix_without_structure("off centre", 400, 16, rng)
    dead = np.insert(rows * rng.uniform(0.1, 10, size=(400, 1)), 7, 0.0, axis=0)
    u, t = rng.normal(size=(20, 16)), rng.uniform(0, 0.8, 20)
    plain = MatchedNull.of(rows, feature_axis=0).log_tail(u, t, 1)
    W = 1e-90 * (dead if feature_axis == 0 else dead.T)
    np.testing.assert_allclose(
        MatchedNull.of(W, feature_axis=feature_axis).log_tail(u, t, 1), plain, rtol=1e-6
    )


def test_the_directions_of_a_gaussian_have_its_shape_whatever_the_norms() -> None:
    rng = np.random.default_rng(3)
    mean, factor = gaussian("off centre", 6, rng)
    covariance = factor @ factor.T
    rows = mean + rng.normal(size=(60_000, 6)) @ factor.T
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    size = mean @ mean + np.trace(covariance)
    got = fit_directions(lambda: np.array_split(units, 7), 6)
    np.testing.assert_allclose(got[0], mean / np.sqrt(size), atol=0.02)
    np.testing.assert_allclose(got[1], covariance / size, atol=0.02)


@pytest.mark.parametrize("dim", [2, 9])
def test_draws_have_the_moments_of_directions_that_are_no_gaussians(dim: int) -> None:
    rng = np.random.default_rng(dim)
    # Three clusters and a heavy-tailed cloud.
    centres = 3 * rng.normal(size=(3, dim))
    rows = centres[rng.integers(3, size=6000)] + rng.standard_t(2, size=(6000, dim))
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    drawn = MatchedNull(*fit_directions(lambda: [units], dim)).draw(400_000, 1).astype(float)
    np.testing.assert_allclose(drawn.mean(axis=0), units.mean(axis=0), atol=0.005)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(units.T), atol=0.005)


@pytest.mark.parametrize("seed", range(6))
def test_the_fit_arrives_where_one_axis_is_short(seed: int) -> None:
    # Few rows near a line: their mean along the short axis is not 0.
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(40, 2)) * [1.0, 0.05]
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    drawn = MatchedNull(*fit_directions(lambda: [units], 2)).draw(400_000, 1).astype(float)
    np.testing.assert_allclose(drawn.mean(axis=0), units.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(
        np.cov(drawn.T), np.cov(units.T, bias=True), atol=0.01 * np.cov(units.T).trace()
    )


def test_directions_in_a_plane_have_a_null_in_that_plane() -> None:
    rng = np.random.default_rng(4)
    rows = np.zeros((500, 5))
    rows[:, :2] = rng.normal(size=(500, 2))
    rows[:, 0] += 1
    null = MatchedNull.of(rows, feature_axis=0)
    assert np.abs(null.draw(100, 0)[:, 2:]).max() < 1e-6
    few = MatchedNull.of(rng.normal(size=(5, 40)), feature_axis=0)
    assert np.isfinite(few.draw(100, 0)).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("width", [1e-4, 1e-6, 1e-7, 1e-8])
@pytest.mark.parametrize("dim", [2, 3, 16])
def test_a_background_that_hardly_leaves_a_line_has_tails_without_overflow(
    dim: int, width: float
) -> None:
    # There log p is rounded by far more than a step of the sum.
    rng = np.random.default_rng(dim)
    mean = np.array([1.0, 0.007, *[0.0] * (dim - 2)])
    null = MatchedNull(mean, width**2 * np.diag([0.0, *rng.uniform(0.01, 1, dim - 1)]))
    u = mean + width * rng.normal(size=(500, dim))
    for t in (0.003, 0.005, 0.0067, 0.01, 0.08, 0.5, 0.99):
        towards, away = null.log_tails(u, t)
        assert np.all(towards > -1e-6)
        assert np.all(away < -1 / width)
    beyond, _ = null.log_tails(np.eye(dim)[-1:], 0.5)
    assert beyond < -1 / width


def test_both_sides_at_once_are_the_sides_one_by_one() -> None:
    rng = np.random.default_rng(9)
    mean, factor = gaussian("off centre", 24, rng)
    null, u = MatchedNull(mean, factor @ factor.T), rng.normal(size=(40, 24))
    t = rng.uniform(0, 1, 40)
    above, below = null.log_tails(u, t)
    np.testing.assert_allclose(above, null.log_tail(u, t, 1), rtol=1e-6)
    np.testing.assert_allclose(below, null.log_tail(u, t, -1), rtol=1e-6)


def test_a_wrong_null_is_seen() -> None:
    # What the tests above would say if mean or anisotropy were ignored.
    rng = np.random.default_rng(2)
    mean, factor = gaussian("off centre", 64, rng)
    draws = mean + rng.normal(size=(2, 4000, 64)) @ factor.T
    for wrong in (
        MatchedNull(np.zeros(64), factor @ factor.T),
        MatchedNull(mean, np.eye(64) * np.trace(factor @ factor.T) / 64),
    ):
        assert stats.kstest(p_values_of_pairs(wrong, draws, 1), "uniform").pvalue < 1e-4


# --- edges and properties -------------------------------------------------------------------------


def test_the_signs_differ_off_centre_and_change_places_with_u() -> None:
    rng = np.random.default_rng(4)
    mean, factor = gaussian("off centre", 20, rng)
    null, u = MatchedNull(mean, factor @ factor.T), rng.normal(size=(50, 20))
    t = rng.uniform(0.1, 0.9, 50)
    there, back = null.log_tail(u, t, 1), null.log_tail(-u, t, -1)
    np.testing.assert_allclose(there, back, rtol=1e-6)
    assert np.abs(there - null.log_tail(u, t, -1)).max() > 1


def test_scale_and_rotation_do_not_matter() -> None:
    rng = np.random.default_rng(5)
    mean, factor = gaussian("off centre", 12, rng)
    u, t = rng.normal(size=(30, 12)), rng.uniform(0, 0.9, 30)
    turn = random_orthogonal(12, rng)
    plain = MatchedNull(mean, factor @ factor.T).log_tail(u, t, 1)
    turned = MatchedNull(1e60 * turn @ mean, 1e120 * turn @ factor @ factor.T @ turn.T)
    np.testing.assert_allclose(turned.log_tail(1e-50 * u @ turn.T, t, 1), plain, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_tails_fall_from_one_to_nothing(kind: str) -> None:
    rng = np.random.default_rng(6)
    mean, factor = gaussian(kind, 10, rng)
    null = MatchedNull(mean, factor @ factor.T)
    t = np.sort(np.concatenate([np.linspace(-1, 1, 101), [-1e-13, 1e-13, 1 - 1e-9]]))
    for u in rng.normal(size=(5, 10)):
        for sign in (1, -1):
            log_p = null.log_tail(u, t, sign)
            assert not np.isnan(log_p).any()
            assert log_p[0] == 0
            assert log_p[-1] == -np.inf
            # Up to the accuracy of the sums.
            assert np.all(log_p[1:] <= log_p[:-1] + 2e-4)


@pytest.mark.parametrize("dim", [3, 40])
def test_at_zero_only_the_side_of_the_mean_counts(dim: int) -> None:
    rng = np.random.default_rng(dim)
    mean, factor = gaussian("off centre", dim, rng)
    u = rng.normal(size=(20, dim))
    exact = stats.norm.logcdf(u @ mean / np.linalg.norm(u @ factor, axis=1))
    got = MatchedNull(mean, factor @ factor.T).log_tail(u, 0.0, 1)
    np.testing.assert_allclose(got, exact, atol=5e-4)


def test_outside_the_span_no_cosine_is_near_one() -> None:
    # v in a plane that u leaves by 60°, so |cos| is at most ½.
    null = MatchedNull(np.zeros(3), np.diag([2.0, 1.0, 0.0]))
    u = np.array([0.5, 0.0, np.sqrt(0.75)])
    log_p = null.log_tail(u, np.array([0.3, 0.49, 0.51, 0.9]), 1)
    assert np.isfinite(log_p[:2]).all()
    assert (log_p[2:] == -np.inf).all()


def test_many_eigenvalues_are_summed_on_few_nodes_to_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(8)
    mean, variances = 0.2 * rng.normal(size=300), np.exp(rng.normal(size=300))
    variances[::7] = 0.0
    u = 0.1 * mean + np.sqrt(variances) * rng.normal(size=(60, 300))
    t, sign = rng.uniform(0, 0.9, 60), rng.choice([-1, 1], 60)
    few = MatchedNull(mean, np.diag(variances))
    monkeypatch.setattr(Spectrum, "of", every_eigenvalue)
    each = MatchedNull(mean, np.diag(variances))
    assert few._spectrum.values.size < 100
    assert each._spectrum.values.size == 300
    np.testing.assert_allclose(few.log_tail(u, t, sign), each.log_tail(u, t, sign), atol=1e-4)


def every_eigenvalue(variances: Array, mean: Array) -> Spectrum:
    return Spectrum(variances, None, np.ones_like(variances), mean**2)


def test_shapes_of_results() -> None:
    null = MatchedNull(np.ones(4), np.eye(4))
    u = np.eye(4)
    assert null.log_tail(u[0], 0.5, 1).shape == ()
    assert null.log_tail(u, 0.5, -1).shape == (4,)
    assert null.log_tail(u[0], [0.1, 0.2], 1).shape == (2,)
    assert null.log_tail(u[:0], 0.5, 1).shape == (0,)
    both = null.log_tail(u, [0.5] * 4, [1, -1, 1, -1])
    np.testing.assert_allclose(both[:2], [null.log_tail(u[0], 0.5, s) for s in (1, -1)], rtol=1e-5)


@pytest.mark.parametrize(
    ("u", "t", "sign", "message"),
    [
        (np.ones(3), 0.5, 1, "shape"),
        (np.ones((2, 2, 4)), 0.5, 1, "shape"),
        (np.zeros(4), 0.5, 1, "norm"),
        (np.array([1, np.nan, 0, 0]), 0.5, 1, "finite"),
        (np.ones(4), 1.1, 1, "cosines"),
        (np.ones(4), np.nan, 1, "cosines"),
        (np.ones(4), "0.5", 1, "number"),
        (np.ones(4), 0.5, 0, "sign"),
        (np.ones(4), 0.5, True, "sign"),
        (np.ones((3, 4)), [0.5, 0.5], 1, "agree"),
        (np.ones(4), [[0.5]], 1, "agree"),
    ],
)
def test_bad_arguments(u: Any, t: Any, sign: Any, message: str) -> None:
    with pytest.raises(GeomsupError, match=message):
        MatchedNull(np.ones(4), np.eye(4)).log_tail(u, t, sign)


@pytest.mark.parametrize(
    ("mean", "covariance"),
    [
        (np.ones(3), np.eye(4)),
        (np.ones((2, 2)), np.eye(2)),
        (np.ones(0), np.ones((0, 0))),
        (np.array([np.inf, 0]), np.eye(2)),
        (np.ones(2), np.array([[1.0, 1.0], [0.0, 1.0]])),
        (np.ones(2), np.diag([1.0, -1.0])),
        (np.ones(2), np.zeros((2, 2))),
    ],
)
def test_bad_moments(mean: Array, covariance: Array) -> None:
    with pytest.raises(GeomsupError):
        MatchedNull(mean, covariance)


@pytest.mark.parametrize("W", [np.ones((3, 5)), np.eye(3)[:, :1], np.zeros((2, 2))])
def test_matrices_without_a_background(W: Array) -> None:
    with pytest.raises(GeomsupError):
        MatchedNull.of(W, feature_axis=-1)


@pytest.mark.parametrize("dim", [1, 0, 2.5, True, "3"])
def test_bad_dimensions(dim: Any) -> None:
    with pytest.raises(GeomsupError, match="dim"):
        IsotropicNull(dim)


# --- false discoveries ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("q", [0.01, 0.05, 0.5])
def test_believed_as_scipy_believes(seed: int, q: float) -> None:
    rng = np.random.default_rng(seed)
    p = np.concatenate([rng.uniform(size=400), rng.beta(0.1, 30, size=50)])
    expected = stats.false_discovery_control(p) <= q
    threshold, mask = benjamini_hochberg(np.log(p), p.size, q)
    np.testing.assert_array_equal(mask, expected)
    assert threshold == np.log(p[expected].max())
    # Only the smallest need be known.
    known = p[p <= q]
    np.testing.assert_array_equal(benjamini_hochberg(np.log(known), p.size, q)[1], expected[p <= q])


def test_nothing_to_believe() -> None:
    for log_p in (np.log([0.2, 0.9]), np.zeros(0)):
        threshold, mask = benjamini_hochberg(log_p, 100)
        assert threshold == -np.inf
        assert mask.shape == log_p.shape
        assert not mask.any()


def test_p_values_far_below_the_range_of_numbers() -> None:
    threshold, mask = benjamini_hochberg([[-5000.0, -1.0], [-np.inf, -40.0]], 10**11)
    assert threshold == -40
    np.testing.assert_array_equal(mask, [[True, False], [True, True]])


@pytest.mark.parametrize(
    ("log_p", "n_tests", "q"),
    [([0.1], 5, 0.05), ([np.nan], 5, 0.05), ([-1.0, -2.0], 1, 0.05), ([-1.0], 5, 1.5)],
)
def test_bad_discoveries(log_p: Any, n_tests: int, q: float) -> None:
    with pytest.raises(GeomsupError):
        benjamini_hochberg(log_p, n_tests, q)
