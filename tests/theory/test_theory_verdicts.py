"""Verdicts on rare and unimportant features, on flat directions, and under symmetries."""

from __future__ import annotations

import numpy as np
import pytest
from verdicts import judged

from geomsup.errors import ToleranceError
from geomsup.theory import expected_loss, symmetric_optimum, verify_optimum
from geomsup.theory.curvature import Metric, Neighbourhood
from geomsup.theory.loss import Problem

DIGON = symmetric_optimum("digon", 2, 0.1)


def turn(m: int, seed: int = 0) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(m, m)))[0]


@pytest.mark.parametrize("p", [1e-1, 1e-3, 1e-6, 1e-8])
def test_the_best_digon_is_a_minimum_however_rare(p: float) -> None:
    best = symmetric_optimum("digon", 2, p)
    verdict = judged(best.W, best.b, p)
    assert verdict.verdict == "local minimum"
    assert (verdict.zero_modes, verdict.expected_zero_modes) == (0, 0)
    assert judged(0.9 * best.W, best.b, p).verdict == "not critical"


def test_a_soft_mode_of_rare_features_is_not_flat() -> None:
    # That of a triangle has p/8 of the curvature that its features could have.
    best = symmetric_optimum("triangle", 3, 1e-9)
    verdict = judged(best.W, best.b, 1e-9)
    assert verdict.verdict == "local minimum"
    assert verdict.zero_modes == verdict.expected_zero_modes == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digon", "triangle", "pentagon"])
@pytest.mark.parametrize("p", [10.0**-k for k in range(1, 9)])
def test_best_shapes_are_minima_however_rare(name: str, p: float) -> None:
    n = {"digon": 2, "triangle": 3, "pentagon": 5}[name]
    best = symmetric_optimum(name, n, p)
    verdict = judged(best.W, best.b, p)
    assert verdict.verdict == "local minimum"
    assert verdict.zero_modes == verdict.expected_zero_modes == (name != "digon")
    assert judged(0.99 * best.W, best.b, p).verdict == "not critical"


@pytest.mark.parametrize("least", [1.0, 1e-3, 1e-6, 1e-9, 1e-12])
def test_a_slope_counts_in_an_unimportant_feature_too(least: float) -> None:
    # Orthonormal columns without bias lose nothing, so they are minima whatever matters.
    verdict = judged(turn(2), 0.0, 0.1, [1.0, least])
    assert verdict.verdict == "local minimum"
    assert (verdict.zero_modes, verdict.expected_zero_modes) == (1, 1)
    short = turn(2) @ np.diag([1.0, 0.7])
    beside = judged(short, 0.0, 0.1, [1.0, least])
    assert beside.verdict == "not critical"
    assert beside.escape is not None
    assert beside.escape.loss < beside.loss


@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e12])
def test_verdicts_do_not_depend_on_the_unit_of_importance(factor: float) -> None:
    importance = factor * np.array([1.0, 1e-4])
    assert judged(np.eye(2), 0.0, 0.1, importance).verdict == "local minimum"
    assert judged(np.diag([1.0, 0.999]), 0.0, 0.1, importance).verdict == "not critical"
    saddle = judged([[1, 0, 0], [0, 1, 0]], [0, 0, 0.25], 0.5, factor)
    assert saddle.verdict == "saddle"


@pytest.mark.parametrize("seed", range(3))
def test_verdicts_do_not_depend_on_axes_and_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    order = rng.permutation(3)
    W = turn(2, seed) @ np.array([[1.0, 0, 0], [0, 1.0, 0]])[:, order]
    b, importance = np.array([0, 0, 0.25])[order], np.array([1.0, 1.0, 0.1])
    # A third feature that matters as much makes it a saddle; one that matters little does not.
    assert judged(W, b, 0.5).verdict == "saddle"
    there = judged(W, b, 0.5, importance[order])
    plain = judged([[1, 0, 0], [0, 1, 0]], [0, 0, 0.25], 0.5, importance)
    assert there.verdict == plain.verdict == "local minimum"
    assert there.eigenvalues == pytest.approx(plain.eigenvalues, abs=1e-6)


@pytest.mark.parametrize("least", [1.0, 1e-4])
def test_a_saddle_of_an_unimportant_feature_is_a_saddle(least: float) -> None:
    # The third column has a dimension of its own to grow into.
    W = np.zeros((3, 3))
    W[:1, :2] = DIGON.W
    verdict = judged(W, [*DIGON.b, 0.05], 0.1, [1.0, 1.0, least])
    assert verdict.verdict == "saddle"
    assert verdict.escape is not None
    assert verdict.escape.loss < verdict.loss


def test_symmetries_are_counted_with_the_span() -> None:
    # Two orthonormal columns in four dimensions: 6 rotations, one of which leaves both alone.
    verdict = judged(np.eye(4)[:, :2], 0.0, 0.1)
    assert (verdict.zero_modes, verdict.expected_zero_modes) == (5, 5)
    assert verdict.verdict == "local minimum"


def test_the_biases_of_dead_outputs_are_expected_to_be_flat() -> None:
    W = np.concatenate([DIGON.W, np.zeros((1, 1))], axis=1)
    verdict = judged(W, [*DIGON.b, -1.0], 0.1)
    assert verdict.verdict == "local minimum"
    assert (verdict.zero_modes, verdict.expected_zero_modes) == (1, 1)


def test_a_dead_output_with_a_free_dimension_is_degenerate() -> None:
    # Its weights may grow into the third dimension: it stays dead, and disturbs nobody.
    W, b = np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 0]]), [0, 0, -1.0]
    verdict = judged(W, b, 0.1)
    assert verdict.verdict == "degenerate minimum"
    assert (verdict.zero_modes, verdict.expected_zero_modes) == (5, 4)
    W[2, 2] = 0.3
    assert expected_loss(W, b, 0.1).loss == pytest.approx(verdict.loss, abs=1e-15)


@pytest.mark.parametrize(("p", "importance"), [([0.1, 0.1, 0.0], 1.0), (0.1, [1.0, 1.0, 0.0])])
def test_a_feature_that_is_absent_or_worthless_makes_nothing_degenerate(
    p: object, importance: object
) -> None:
    W = np.concatenate([DIGON.W, np.zeros((1, 1))], axis=1)
    assert judged(W, [*DIGON.b, 0.0], p, importance).verdict == "local minimum"
    shorter = np.concatenate([0.9 * DIGON.W, np.zeros((1, 1))], axis=1)
    assert judged(shorter, [*DIGON.b, 0.0], p, importance).verdict == "not critical"


def test_an_absent_or_worthless_feature_counts_where_it_disturbs() -> None:
    W = np.concatenate([DIGON.W, [[0.5]]], axis=1)
    assert judged(W, [*DIGON.b, 0.0], 0.1, [1.0, 1.0, 0.0]).verdict == "not critical"
    W[0, 2] = 0.0
    assert judged(W, [*DIGON.b, 0.2], [0.1, 0.1, 0.0]).verdict == "not critical"


def test_kinks_are_where_one_sided_curvatures_differ() -> None:
    assert judged(np.eye(2), 0.0, 0.3).kinked
    assert not judged(DIGON.W, DIGON.b, 0.1).kinked
    # The kink may be in the least important row.
    W = np.zeros((2, 3))
    W[:1, :2], W[1, 2] = DIGON.W, 1.0
    assert judged(W, [*DIGON.b, 0.0], 0.1, [1.0, 1.0, 1e-6]).kinked


@pytest.mark.parametrize("seed", range(3))
def test_the_hessian_agrees_with_differences_of_the_gradient(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m, n, p = 2, 4, 0.3
    W, b = rng.normal(size=(m, n)), rng.normal(size=n)
    near = Neighbourhood(W, b, Problem.of(n, p, rng.uniform(0.5, 1.0, n)))
    importance = near.problem.importance

    def gradient(x: np.ndarray) -> np.ndarray:
        found = expected_loss(x[: m * n].reshape(m, n), x[m * n :], p, importance)
        return np.concatenate([found.grad_W.ravel(), found.grad_b])

    x, h = np.concatenate([W.ravel(), b]), 1e-5
    steps = h * np.eye(len(x))
    direct = np.array([gradient(x + step) - gradient(x - step) for step in steps]) / (2 * h)
    # Both in the metric: its eigenvalues are those of M^(−1/2) H M^(−1/2).
    unit = np.maximum(importance * p, np.diag(direct)[m * n :])
    metric = Metric(W, near.problem, unit)
    values = np.linalg.eigvalsh(metric.divided(metric.divided(direct).T))
    assert near.mean.values == pytest.approx(values, abs=1e-6)
    assert near.gradient == pytest.approx(gradient(x), abs=1e-12)


def test_a_verdict_carries_norms_and_biases_of_the_best_known() -> None:
    verdict = verify_optimum([[1, -1]], [-0.1, -0.1], 0.1, n_starts=1)
    norm, bias = np.sqrt(DIGON.norm2), DIGON.bias
    assert verdict.best_norms == pytest.approx([norm, norm], abs=1e-6)
    assert verdict.best_b == pytest.approx([bias, bias], abs=1e-6)
    assert expected_loss(verdict.best_W, verdict.best_b, 0.1).loss == verdict.best_known
    assert verdict.to_dict()["best_norms"] == verdict.best_norms.tolist()
    assert verdict.to_dict()["best_b"] == verdict.best_b.tolist()
    assert f"|W_i| {norm:.6g}" in str(verdict)
    assert f"b_i   {bias:.6g}"[:12] in str(verdict)


def test_what_is_flat_on_one_side_only_is_degenerate() -> None:
    # Turned away from a feature that is practically never there, the other loses p_1 p_2: beyond
    # double precision.  Turned towards it, it disturbs it.
    verdict = judged(np.eye(2), 0.0, [1e-15, 0.1])
    assert verdict.verdict == "degenerate minimum"
    assert verdict.zero_modes > verdict.expected_zero_modes
    assert judged(np.eye(2), 0.0, [1e-9, 0.1]).verdict == "local minimum"


@pytest.mark.parametrize("small", [1e-4, 1e-5])
def test_a_gradient_that_is_not_known_gets_no_verdict(small: float) -> None:
    # More features than the recursion takes; the loss is known here, and hardly its slope.
    W = np.array([[1.0, *(small * np.random.default_rng(0).normal(size=12))]])
    assert expected_loss(W, 0.0, 0.5).error_bound < 1e-9
    with pytest.raises(ToleranceError, match="gradient known"):
        judged(W, 0.0, 0.5)


@pytest.mark.parametrize("size", [0.0, 1e-17, 1e-9])
@pytest.mark.parametrize(
    ("name", "n", "verdict"),
    [
        ("digon", 3, "local minimum"),
        ("triangle", 4, "local minimum"),
        ("monosemantic", 2, "saddle"),
    ],
)
def test_a_dropped_feature_does_not_prevent_a_verdict(
    name: str, n: int, verdict: str, size: float
) -> None:
    # Its output is p/2, far from any kink, so the gradient is known.  Beside a digon or a triangle
    # a small W_i only costs, in exact fractions; beside a single feature it makes a digon.
    best = symmetric_optimum(name, n, 0.1)
    W = best.W.copy()
    W[0, -1] = size
    assert expected_loss(W, best.b, 0.1).gradient_bound < 1e-12
    assert judged(W, best.b, 0.1).verdict == verdict


def test_a_zero_column_without_bias_has_a_known_gradient() -> None:
    # W_i = 0 is exact: the output follows its bias alone, with slope −2·E x = −p upwards.
    result = expected_loss([[1.0, 0.0]], 0.0, 0.1)
    assert result.gradient_bound < 1e-12
    assert result.grad_b[1] == pytest.approx(-0.1, abs=1e-15)
    assert judged([[1.0, 0.0]], 0.0, 0.1).verdict == "not critical"


@pytest.mark.parametrize("p", [1e-2, 1e-4, 1e-6])
def test_a_narrow_basin_is_a_minimum_though_a_lower_one_is_near(p: float) -> None:
    # Two digons on orthogonal axes: the loss rises in every direction, but the bias of the rarer
    # one is smaller than a push that leads to a lower minimum.
    often, rare = symmetric_optimum("digon", 2, 0.1), symmetric_optimum("digon", 2, p)
    W, b = np.zeros((2, 4)), np.concatenate([often.b, rare.b])
    W[:1, :2], W[1:, 2:] = often.W, rare.W
    assert judged(W, b, [0.1, 0.1, p, p]).verdict == "local minimum"
