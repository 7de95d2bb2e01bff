"""Rare features, nearly right answers, and the bounds on the gradient."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from exact_loss import exact_losses
from numpy.typing import NDArray

from geomsup import get_shape
from geomsup.errors import ToleranceError
from geomsup.theory import expected_loss, few_features, rows, series_plan, symmetric_optimum
from geomsup.theory.counts import (
    many_present,
    many_present_with_and_without_each,
    only_these_present,
)

FloatArray = NDArray[np.float64]


def exact(W: FloatArray, b: FloatArray, p: FloatArray) -> Fraction:
    """The loss at importance one, as a fraction."""
    return sum(exact_losses(W.tolist(), b.tolist(), p.tolist(), [1.0] * len(b)), Fraction(0))


# --------------------------------------------------------------------------- relative accuracy


@pytest.mark.parametrize("p", [0.1, 1e-2, 1e-3, 1e-6, 1e-9, 1e-12, 1e-15])
@pytest.mark.parametrize("shape", ["digon", "triangle", "pentagon", "tetrahedron"])
def test_rare_features_keep_the_relative_error(shape: str, p: float) -> None:
    vertices = get_shape(shape).vertices.T
    n = vertices.shape[1]
    for norm, bias in ((1.0, 0.0), (1.0 + p / 7, p / 9), (1.1, -0.2)):
        W, b = norm * vertices, np.full(n, bias)
        result = expected_loss(W, b, p)
        true = exact(W, b, np.full(n, p))
        assert result.error_bound <= 1e-11 * float(true)
        assert abs(float(Fraction(result.loss) - true)) <= result.error_bound


@pytest.mark.parametrize("seed", range(10))
def test_probabilities_of_any_size(seed: int) -> None:
    rng = np.random.default_rng([41, seed])
    for _ in range(10):
        n, m = int(rng.integers(1, 6)), int(rng.integers(1, 4))
        W = rng.normal(size=(m, n)) * 10.0 ** rng.uniform(-3, 0, size=n)
        b = rng.choice([0.0, 1.0]) * rng.normal(size=n) * 10.0 ** rng.uniform(-6, 0, size=n)
        p = 10.0 ** rng.uniform(-15, 0, size=n)
        p[rng.random(n) < 0.1] = 1.0
        result = expected_loss(W, b, p)
        error = abs(float(Fraction(result.loss) - exact(W, b, p)))
        assert error <= result.error_bound <= 1e-10 * result.loss


@pytest.mark.parametrize("orders", [1, 3, 5])
def test_a_nearly_right_answer_keeps_the_relative_error(orders: int) -> None:
    # The loss is of the order of the square of what is wrong.
    rng = np.random.default_rng([42, orders])
    for _ in range(15):
        n, size = int(rng.integers(2, 6)), 10.0**-orders
        turned = np.linalg.qr(rng.normal(size=(n, n)))[0]
        W = turned + size * rng.normal(size=(n, n))
        b, p = size * rng.normal(size=n), 10.0 ** rng.uniform(-5, 0, size=n)
        # What is left is the rounding of W to its Gram matrix.
        result = expected_loss(W, b, p, tol=1e-13 / size)
        error = abs(float(Fraction(result.loss) - exact(W, b, p)))
        assert error <= result.error_bound <= 1e-13 / size * result.loss


def test_the_optimal_digon_is_known_to_ten_digits_at_any_probability() -> None:
    for p in (1e-3, 1e-5, 1e-7, 1e-9):
        best = symmetric_optimum("digon", 2, p)
        result = expected_loss(best.W, best.b, p)
        assert best.loss == pytest.approx(float(exact(best.W, best.b, np.full(2, p))), rel=1e-10)
        # The gradient is as large as the rounding of the norm makes it.
        assert np.abs(result.grad_W).max() <= 1e-14 * p


def test_the_whole_bound_is_held_against_the_tolerance() -> None:
    # A tighter tolerance than rounding allows, with nothing truncated.
    W, b = get_shape("pentagon").vertices.T, np.full(5, -0.1)
    loose = expected_loss(W, b, 0.3)
    assert 1e-14 * loose.loss < loose.error_bound
    with pytest.raises(ToleranceError, match="float64 rounds that much"):
        expected_loss(W, b, 0.3, tol=1e-14)


def test_a_perfect_answer_is_no_matter_of_relative_errors() -> None:
    assert expected_loss(np.eye(3), 0.0, 0.2).loss == 0.0
    nearly = expected_loss(np.eye(3) * (1 + 1e-11), 0.0, 0.2)
    assert nearly.loss == pytest.approx(3 * 0.2 / 3 * 4e-22, rel=1e-3)


# ------------------------------------------------------------------------------ the series


@pytest.mark.parametrize("p", [1e-9, 1e-6, 1e-4, 1e-2, 0.1, 0.6, 1.0])
def test_the_series_of_rare_features_agrees_with_the_recursion(
    p: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng([43, int(-np.log10(p))])
    for n, m in ((9, 3), (11, 2)):
        W = rng.normal(size=(m, n)) / np.sqrt(m)
        b = 0.1 * rng.normal(size=n) - 0.05
        summed = expected_loss(W, b, p)
        with monkeypatch.context() as patch:
            patch.setenv("GEOMSUP_COMPILED", "0")
            patch.setattr(rows, "MOST_FEATURES", n)
            few = expected_loss(W, b, p)
        assert summed.error_bound <= 1e-10 * summed.loss
        assert abs(summed.loss - few.loss) <= summed.error_bound + few.error_bound
        allowed = summed.gradient_bound + few.gradient_bound
        for one, other in ((summed.grad_W, few.grad_W), (summed.grad_b, few.grad_b)):
            assert np.abs(one - other).max() <= allowed
        size = max(np.abs(few.grad_W).max(), np.abs(few.grad_b).max())
        assert few.gradient_bound < 1e-10 * size
        assert summed.gradient_bound < 1e-3 * size


@pytest.mark.parametrize("tol", [1e-10, 1e-3])
@pytest.mark.parametrize("small", [1e-2, 1e-4, 1e-5, 1e-7])
def test_one_large_weight_and_many_small_ones(
    small: float, tol: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The series converges too slowly here, and the recursion takes over.
    W = np.array([[1.0, *(small * np.array([9, -8, 7, -6, 5, -4, 3, -2]))]])
    result = expected_loss(W, 0.0, 0.5, tol=tol)
    with monkeypatch.context() as patch:
        patch.setenv("GEOMSUP_COMPILED", "0")
        patch.setattr(rows, "MOST_FEATURES", 9)
        few = expected_loss(W, 0.0, 0.5)
    assert few.gradient_bound < 1e-7
    largest = np.abs(few.grad_b).max()
    assert np.abs(result.grad_b - few.grad_b).max() <= 1e-7 * largest
    assert np.abs(result.grad_W - few.grad_W).max() <= 1e-7 * largest
    assert np.abs(result.grad_b - few.grad_b).max() <= result.gradient_bound + few.gradient_bound


def test_what_the_series_cannot_reach_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    # Thirteen features are too many for the recursion.  The compiled route gets nearer, so that its
    # bound is smaller than what the difference below is good to.
    monkeypatch.setenv("GEOMSUP_COMPILED", "0")
    rng = np.random.default_rng(44)
    W = np.array([[1.0, *(1e-4 * rng.normal(size=14))]])
    result = expected_loss(W, 0.0, 0.5, tol=1e-3)
    largest = np.abs(result.grad_b).max()
    assert result.gradient_bound > 1e-3 * largest
    # What the true gradient is: by a difference of losses that are good to more digits.
    step = 1e-3
    ahead, behind = (expected_loss(W, sign * step, 0.5, tol=1e-5).loss for sign in (1, -1))
    assert abs((ahead - behind) / (2 * step) - result.grad_b.sum()) <= 15 * result.gradient_bound


def test_where_the_series_is_periodic_its_error_has_these_sizes() -> None:
    # sup over |s| > H of |ρ₂ extended − ρ₂| / 2s², and of the step in the sign, at H = 1.
    s = np.concatenate([np.linspace(1.0, 30.0, 40_001), -np.linspace(1.0, 30.0, 40_001)])
    folded = (s + 1.0) % 2.0 - 1.0

    def rho2(x: FloatArray) -> FloatArray:
        return x * np.abs(x) - x

    off = np.abs(rho2(folded) - rho2(s)) / (2.0 * s**2)
    assert 0.95 * series_plan.BEYOND_SQUARE < off.max() <= series_plan.BEYOND_SQUARE
    off = np.abs(np.sign(folded) - np.sign(s))
    assert off.max() == series_plan.BEYOND_SIGN
    off = np.abs(np.abs(folded) - np.abs(s)) / np.abs(s)
    assert 0.95 < off.max() <= 1.0


# ------------------------------------------------------------------------------- the gradient


def fraction_gradient(W: FloatArray, b: FloatArray, p: FloatArray) -> tuple[list[float], float]:
    """Central differences of exact losses along every parameter, and their largest size."""
    h = Fraction(1, 2**90)
    m, n = W.shape
    ones, chances = [Fraction(1)] * n, [Fraction(x) for x in p]
    out = []
    for k in range(m * n + n):
        ends = []
        for sign in (1, -1):
            weights = [[Fraction(x) for x in row] for row in W.tolist()]
            biases = [Fraction(x) for x in b.tolist()]
            if k < m * n:
                weights[k // n][k % n] += sign * h
            else:
                biases[k - m * n] += sign * h
            ends.append(sum(exact_losses(weights, biases, chances, ones), Fraction(0)))
        out.append(float((ends[0] - ends[1]) / (2 * h)))
    return out, max(abs(x) for x in out)


@pytest.mark.parametrize("seed", range(12))
def test_the_gradient_is_within_its_bound(seed: int) -> None:
    rng = np.random.default_rng([45, seed])
    n, m = int(rng.integers(1, 5)), int(rng.integers(1, 3))
    W = rng.normal(size=(m, n)) * 10.0 ** rng.uniform(-2, 0, size=n)
    b = rng.normal(size=n) * 10.0 ** rng.uniform(-4, 0, size=n)
    p = 10.0 ** rng.uniform(-8 if seed % 2 else -1, 0, size=n)
    result = expected_loss(W, b, p)
    true, largest = fraction_gradient(W, b, p)
    found = [*result.grad_W.ravel(), *result.grad_b]
    off = max(abs(x - y) for x, y in zip(found, true, strict=True))
    assert off <= result.gradient_bound
    assert result.gradient_bound <= 1e-9 * largest


# ------------------------------------------------------------------ what the bounds are made of


def test_a_step_of_the_recursion_bounds_its_own_rounding() -> None:
    # One feature with exact values around it: all the error there is comes from the step.
    beyond = 0
    for a, b, p in ((0.3, -0.1, 0.7), (1.0, -0.9, 0.3), (0.7, -0.2, 0.9), (0.1, -0.03, 0.11)):
        level = few_features._leaf(np.array([[b], [b + a]]), 4, 1, np.zeros(1), True)
        level.errors = np.zeros_like(level.values)
        stepped = few_features._step(level, np.array([a]), np.array([p]), np.array([True]))
        far, chance, weight = Fraction(b + a), Fraction(p), Fraction(a)
        for q in range(3):
            true = chance * far ** (q + 1) / weight / [1, 2, 6][q]
            off = abs(float(Fraction(stepped.values[0, 0, 0, q, 0, 0]) - true))
            assert stepped.errors is not None
            bound = 2.0**-52 * stepped.errors[0, 0, 0, q, 0, 0]
            assert off <= bound <= 100 * 2.0**-52 * float(true)
            beyond += off > 0.0
    assert beyond > 3


def test_sums_by_the_number_of_present_features() -> None:
    # Against a sum over all subsets.
    rng = np.random.default_rng(46)
    n = 6
    absent, present = rng.uniform(size=(1, n)), rng.normal(size=(1, n))

    def over(without: int | None, least: int, exactly: bool) -> float:
        total = 0.0
        for mask in range(2**n):
            chosen = np.array([mask >> j & 1 for j in range(n)], dtype=bool)
            if without is not None and chosen[without]:
                continue
            count = int(chosen.sum())
            if (count == least) if exactly else (count > least):
                factors = np.where(chosen, present[0], absent[0])
                total += float(
                    np.prod(np.delete(factors, without) if without is not None else factors)
                )
        return total

    for least in (1, 2):
        for by_difference in (False, True):
            whole = many_present(absent, present, least, by_difference=by_difference)
            same, besides = many_present_with_and_without_each(
                absent, present, least, by_difference=by_difference
            )
            for each in (whole, same):
                assert each.more == pytest.approx(over(None, least, False), rel=1e-10)
                assert each.exactly == pytest.approx(over(None, least, True), rel=1e-10)
            for j in range(n):
                assert besides.more[0, j] == pytest.approx(over(j, least - 1, False), rel=1e-9)
                assert besides.exactly[0, j] == pytest.approx(over(j, least - 1, True), rel=1e-9)


def test_inputs_with_exactly_some_features() -> None:
    p = np.array([[0.2, 1.0, 0.5], [1e-18, 1e-3, 0.0]])
    pairs = np.array([[0, 1], [0, 2], [1, 2]])
    alone = only_these_present(p, np.array([[0], [1], [2]]))
    both = only_these_present(p, pairs)
    np.testing.assert_allclose(alone[0], [0.0, 0.8 * 0.5, 0.0])
    np.testing.assert_allclose(both[0], [0.2 * 0.5, 0.0, 0.8 * 0.5])
    np.testing.assert_allclose(alone[1], [1e-18 * (1 - 1e-3), 1e-3, 0.0])
    np.testing.assert_allclose(both[1], [1e-21, 0.0, 0.0])
