"""Bounds that are reached: a tenth of each would be wrong, ten times as much would say little."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from exact_loss import exact_losses
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from geomsup.theory import expected_loss
from geomsup.theory.series_plan import plan_series

FloatArray = NDArray[np.float64]

# More features than any recursion takes, all but one or three of them next to nothing.
_N = 13


def only_the_first() -> FloatArray:
    return np.asarray(np.eye(1, _N)[0])


@pytest.mark.parametrize("tol", [1e-3, 1e-6])
def test_the_truncation_of_the_loss_comes_near_its_bound(tol: float) -> None:
    # s = 2(x₁ − x₂) with x₁ and x₂ always there: half a period is as long as each of the two, so
    # that every factor of the characteristic function is 2/|z|, and no term of the series takes
    # from another.  The own weight, 1e-6, changes the loss in second order alone, at 2.
    W = np.full((1, _N), 1e-12)
    W[0, :3] = 1e-3, 2e3, -2e3
    result = expected_loss(W, 0.0, 1.0, only_the_first(), tol=tol)
    # E x² − 2 E x E relu(s) + E relu(s)² with E relu(x₁ − x₂) = 1/6 and E (x₁ − x₂)² = 1/6.
    off = abs(result.loss - (1 / 3 - 2 / 6 + 4 / 12))
    assert 0.2 * result.error_bound < off <= result.error_bound


def test_the_truncation_of_the_gradient_comes_near_its_bound() -> None:
    # s = 3x: the step at its own kink is the slowest of all series.
    W = np.full((1, _N), 1e-9)
    W[0, 1::2] = -1e-9
    W[0, 0] = np.sqrt(3.0)
    b = np.zeros(_N)
    b[0] = -1e-9  # some input has s < 0
    result = expected_loss(W, b, 1.0, only_the_first(), tol=1e-3)
    # −2 E d = 2 and 2w · (−2 E x d) = 2w · 4/3 with d = x − 3x.
    off = max(abs(result.grad_b[0] - 2.0), abs(result.grad_W[0, 0] - np.sqrt(3.0) * 8 / 3))
    assert 0.2 * result.gradient_bound < off <= result.gradient_bound


@pytest.mark.parametrize(("p", "coarse"), [(0.01, 20.0), (0.1, 5.0)])
@pytest.mark.parametrize("bias", [0.0, -0.3])
def test_what_lies_beyond_half_a_period_is_chernoffs_bound(
    p: float, coarse: float, bias: float
) -> None:
    # A few values of θ are tried, so it is not quite the least.
    rng = np.random.default_rng(5)
    a = rng.normal(size=(1, 20))
    plan = plan_series(a, np.array([bias]), np.array([0]), np.full((1, 20), p), 1e-6)
    half = float(plan.half_period[0])
    assert half < np.abs(a).sum()

    def log_chance(log_theta: float) -> float:
        # log E e^{θ(|s| − H)} of both signs, feature by feature.
        theta = np.exp(log_theta)
        both = [
            np.log(1.0 - p + p * np.expm1(z) / z).sum() + sign * theta * bias
            for sign in (1.0, -1.0)
            for z in [sign * theta * a[0]]
        ]
        return float(np.logaddexp(*both) - theta * half)

    # s² ≤ H² e^{θ(|s| − H)} for θ ≥ 2/H.
    least = minimize_scalar(log_chance, bounds=(np.log(2.0 / half), 6.0), method="bounded").fun
    chance = np.exp(least)
    assert 1.0 - 1e-6 <= plan.beyond[0] / ((half**2 / 2.0 + half) * chance) < coarse
    assert 1.0 - 1e-6 <= plan.beyond_slope[0] / ((half + 2.0) * chance) < coarse


def test_the_rounding_of_the_gram_matrix_comes_near_its_bound() -> None:
    # A nearly right answer: what WᵀW has lost spoils the loss more than all that follows.
    rng, largest = np.random.default_rng(0), 0.0
    for _ in range(300):
        size = 10.0 ** rng.uniform(-7, -4)
        W, b, p = 1.0 + size * rng.normal(), size * rng.normal(), rng.uniform(0.2, 1.0)
        result = expected_loss([[W]], b, p, tol=1e-2)
        (exact,) = exact_losses([[W]], [b], [p], [1.0])
        off = abs(float(Fraction(result.loss) - exact))
        assert off <= result.error_bound
        largest = max(largest, off / result.error_bound)
    assert largest > 0.1


def test_a_kink_that_the_gram_matrix_does_not_fix_is_in_the_bound() -> None:
    # A short column beside a long one at right angles: what WᵀW loses moves the place at which the
    # first output opens, and with it the gradient, much more than the output itself.
    step, ratios = Fraction(1, 2**120), []
    for seed in range(4):
        short = 0.01 * (1.0 + np.random.default_rng(seed).uniform(size=2))
        W = np.column_stack([short, 1e10 * np.array([short[1], -short[0]])])
        b, p, importance = [-0.5 * float(short @ short), 0.0], [0.7, 0.7], [1.0, 0.0]
        result = expected_loss(W, b, p, importance, tol=1e-3)
        for k in range(4):
            ends = []
            for sign in (1, -1):
                moved = [[Fraction(value) for value in row] for row in W.tolist()]
                moved[k // 2][k % 2] += sign * step
                ends.append(exact_losses(moved, b, p, importance)[0])
            true = float((ends[0] - ends[1]) / (2 * step))
            ratios.append(abs(true - float(result.grad_W.ravel()[k])) / result.gradient_bound)
    assert 1e-3 < max(ratios) <= 1.0
