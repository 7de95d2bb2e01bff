"""Exact expected losses, and verdicts on optima, against exact fractions and published values.

"Elhage" is Elhage et al. 2022, "Toy Models of Superposition".
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exact_loss import exact_losses, exact_row_loss
from numpy.typing import NDArray
from verdicts import judged

from geomsup import GeomsupError, get_shape
from geomsup.cli import main
from geomsup.errors import ToleranceError
from geomsup.theory import (
    best_configuration,
    expected_loss,
    rows,
    symmetric_optimum,
    verify_optimum,
)
from geomsup.theory.few_features import few_feature_terms
from geomsup.theory.series import series_terms
from geomsup.theory.series_plan import plan_series

FloatArray = NDArray[np.float64]


def placed(name: str, norm2: float, n_features: int) -> FloatArray:
    """The shape's vertices as the first columns, zeros behind."""
    vertices = np.sqrt(norm2) * get_shape(name).vertices.T
    W = np.zeros((vertices.shape[0], n_features))
    W[:, : vertices.shape[1]] = vertices
    return W


# ------------------------------------------------------------- the loss against exact fractions


def random_problem(rng: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray, Any]:
    """Weights over six orders of magnitude, biases of both signs, zero and parallel columns."""
    n, m = int(rng.integers(1, 7)), int(rng.integers(1, 5))
    W = rng.normal(size=(m, n)) * 10.0 ** rng.uniform(-6, 0, size=(1, n))
    if rng.random() < 0.3:
        W[:, rng.integers(n)] = 0.0
    if rng.random() < 0.3 and n > 1:
        W[:, 0] = rng.choice([-2.0, -1.0, 0.5, 1.0]) * W[:, -1]
    b = rng.normal(size=n) * 10.0 ** rng.uniform(-6, 0, size=n)
    if rng.random() < 0.2:
        b[:] = 0.0
    p = 10.0 ** rng.uniform(-3, 0, size=n)
    if rng.random() < 0.1:
        p[:] = 1.0
    importance = 10.0 ** rng.uniform(-2, 1, size=n)
    return W, b, p, importance


@pytest.mark.parametrize(
    "chunk", [0, 1, 2, *(pytest.param(chunk, marks=pytest.mark.slow) for chunk in range(3, 10))]
)
def test_the_true_error_is_within_the_bound(chunk: int) -> None:
    rng = np.random.default_rng([20261124, chunk])
    for _ in range(50):
        W, b, p, importance = random_problem(rng)
        result = expected_loss(W, b, p, importance)
        exact = exact_losses(W.tolist(), b.tolist(), p.tolist(), importance.tolist())
        true = sum(exact, Fraction(0))
        error = abs(float(Fraction(result.loss) - true))
        assert error <= result.error_bound
        assert error <= 1e-10 * float(true)
        np.testing.assert_allclose(result.per_feature, [float(x) for x in exact], atol=1e-12)


def test_the_gradient_of_a_row_against_differences_of_fractions() -> None:
    rng = np.random.default_rng(5)
    h = Fraction(1, 10**12)
    for _ in range(30):
        n = int(rng.integers(1, 6))
        a = rng.normal(size=n) * 10.0 ** rng.uniform(-3, 0, size=n)
        a = a[np.argsort(-np.abs(a))]
        b, p, own = float(rng.normal() * 0.3), 10.0 ** rng.uniform(-2, 0, size=n), rng.integers(n)
        terms = few_feature_terms(a[None], np.array([b]), np.array([own]), p[None])
        exact_a, exact_p = [Fraction(x) for x in a], [Fraction(x) for x in p]

        def central(
            j: int | None,
            a: list[Fraction] = exact_a,
            b: float = b,
            own: int = int(own),
            p: list[Fraction] = exact_p,
        ) -> float:
            ends = []
            for sign in (1, -1):
                weights, bias = list(a), Fraction(b)
                if j is None:
                    bias += sign * h
                else:
                    weights[j] += sign * h
                ends.append(exact_row_loss(weights, bias, own, p))
            return float((ends[0] - ends[1]) / (2 * h))

        for j in range(n):
            assert terms.grad_a[0, j] == pytest.approx(central(j), rel=1e-8, abs=1e-11)
        assert terms.grad_b[0] == pytest.approx(central(None), rel=1e-8, abs=1e-11)


@pytest.mark.parametrize("seed", range(20))
def test_the_series_agrees_with_the_recursion_within_its_bound(seed: int) -> None:
    # Two routes that share no formula: a Fourier series and a sum over corners.
    rng = np.random.default_rng(seed)
    n, n_rows = int(rng.integers(3, 9)), 6
    a = rng.normal(size=(n_rows, n)) * 10.0 ** rng.uniform(-1.5, 0, size=(n_rows, n))
    a = np.take_along_axis(a, np.argsort(-np.abs(a), axis=1), 1)
    b = 0.2 * rng.normal(size=n_rows)
    p = 10.0 ** rng.uniform(-2, 0, size=(n_rows, n)) if seed % 4 else np.ones((n_rows, n))
    own = rng.integers(n, size=n_rows)
    few = few_feature_terms(a, b, own, p)
    plan = plan_series(a, b, own, p, 1e-11)
    n_gradient = plan.n_gradient_terms(1e-8, p[np.arange(n_rows), own])
    n_terms = max(plan.n_terms(1e-10, np.ones(n_rows)), n_gradient)
    many = series_terms(a, b, own, p, plan, n_terms, n_gradient)
    crossing = (b + np.minimum(a, 0).sum(1) < 0) & (b + np.maximum(a, 0).sum(1) > 0)
    error = np.abs(many.loss - few.loss)
    assert crossing.any()
    assert np.all((error <= many.truncation + many.rounding + few.rounding)[crossing])
    off = np.abs(np.column_stack([many.grad_a - few.grad_a, many.grad_b - few.grad_b]))
    assert np.all((off.max(axis=1) <= many.slope + few.slope)[crossing])
    assert off[crossing].max() <= 1e-8


@pytest.mark.parametrize("orders", [0, 2, 5])
@pytest.mark.parametrize("p", [0.003, 0.03, 0.3, 1.0])
def test_the_gradient_of_the_series(p: float, orders: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # The recursion is exact to rounding for more features than it is used for; it only gets slow.
    rng = np.random.default_rng([orders, int(1000 * p)])
    for n, m in ((9, 3), (11, 2)):
        W = rng.normal(size=(m, n)) * 10.0 ** rng.uniform(-orders, 0, size=n) / np.sqrt(m)
        b = 0.1 * rng.normal(size=n) - 0.05
        with monkeypatch.context() as patch:
            patch.setenv("GEOMSUP_COMPILED", "0")
            patch.setattr(rows, "MOST_FEATURES", n)
            exact = expected_loss(W, b, p)
        assert exact.error_bound < 1e-12 * exact.loss
        scale = max(np.abs(exact.grad_W).max(), np.abs(exact.grad_b).max())
        for compiled in ("0", "1"):
            monkeypatch.setenv("GEOMSUP_COMPILED", compiled)
            series = expected_loss(W, b, p)
            assert abs(series.loss - exact.loss) <= series.error_bound + exact.error_bound
            np.testing.assert_allclose(series.grad_W, exact.grad_W, rtol=0, atol=1e-8 * scale)
            np.testing.assert_allclose(series.grad_b, exact.grad_b, rtol=0, atol=1e-8 * scale)


@pytest.mark.parametrize("seed", range(50))
def test_against_monte_carlo(seed: int) -> None:
    rng = np.random.default_rng([7, seed])
    n = int(rng.integers(2, 101 if seed % 5 == 0 else 20))
    W = rng.normal(size=(max(1, n // 4), n)) / np.sqrt(max(1, n // 4))
    b, p = rng.normal(size=n) * 0.2, 10.0 ** rng.uniform(-2, 0, size=n)
    result = expected_loss(W, b, p, tol=1e-5)
    x = rng.uniform(size=(20_000, n)) * (rng.uniform(size=(20_000, n)) < p)
    losses = np.sum((x - np.maximum(x @ W.T @ W + b, 0.0)) ** 2, axis=1)
    assert abs(losses.mean() - result.loss) <= 4 * losses.std() / np.sqrt(len(losses))


def test_a_large_model_is_within_its_tolerance_of_a_tighter_one() -> None:
    rng = np.random.default_rng(3)
    W = rng.normal(size=(12, 60)) / np.sqrt(12)
    loose, tight = (expected_loss(W, -0.1, 0.05, tol=tol) for tol in (1e-5, 1e-9))
    assert 0 < abs(loose.loss - tight.loss) <= loose.error_bound + tight.error_bound
    assert loose.error_bound <= 1.1e-5 * loose.loss


# --------------------------------------------------------------------------- reference values


@pytest.mark.parametrize(
    ("name", "norm2", "bias", "p", "loss"),
    [
        ("pentagon", 1.2109800038, -0.209925772377, 0.1, 0.026305131123932),
        ("pentagon", 1.06785510282, -0.132027490256, 0.2, 0.079588052128716),
        ("hexagon", 1.40762202691, -0.430958066125, 0.05, 0.023730440318744),
        ("digon", 1.011623007419, 0.001249003536, 0.1, 0.003319483990),
        ("triangle", 0.675124619, 0.498697983, 1.0, 0.0830895928),
    ],
)
def test_reference_optima(name: str, norm2: float, bias: float, p: float, loss: float) -> None:
    # Optimised within the symmetric family by two independent routes before this code was written.
    n = get_shape(name).n_vertices
    result = expected_loss(placed(name, norm2, n), bias, p)
    assert result.loss == pytest.approx(loss, abs=2e-12 if name != "triangle" else 1e-10)
    # Stationary in b, that is E[(relu(s) − x) 1(s > 0)] = 0, and in W.
    assert np.abs(result.grad_b).max() < 2e-8
    assert np.abs(result.grad_W).max() < 2e-8


@pytest.mark.parametrize("seed", range(10))
def test_the_digon_has_a_closed_form(seed: int) -> None:
    # For 0 ≤ b ≤ g the expectation of each output is a polynomial in b and p, integrated by hand.
    rng = np.random.default_rng(seed)
    g, p = rng.uniform(0.2, 2.0), rng.uniform(0.0, 1.0)
    b = rng.uniform(0.0, g)
    closed = (
        2 * b**2
        + p * (2 * b**3 / (3 * g) - 2 * b**2 + 2 * b * g - 2 * b + 2 / 3 * (1 - g) ** 2)
        + p**2
        * (
            -(b**4) / (6 * g**2)
            - b**4 / (6 * g**3)
            + 2 * b**3 / (3 * g**2)
            + b**2
            - b**2 / g
            - 4 * b * g / 3
            + 2 * b / 3
            - g**2 / 2
            + 5 * g / 6
        )
    )
    assert expected_loss(placed("digon", g, 2), b, p).loss == pytest.approx(closed, rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(3, 2), (5, 2), (6, 4)])
def test_every_projection_ties_at_p_1_while_nothing_clips(n: int, m: int) -> None:
    # While no output clips, b = ½(1 − G·1) gives (n − m)/12 for every rank-m projection G; clipping
    # a negative output can only lower the loss.  So no projection is the ReLU optimum.
    rng = np.random.default_rng(n)
    for _ in range(5):
        W = np.linalg.qr(rng.normal(size=(n, m)))[0].T
        G = W.T @ W
        b = 0.5 * (1.0 - G.sum(1))
        clips = np.any(b + np.minimum(G, 0.0).sum(1) < -1e-12)
        loss = expected_loss(W, b, 1.0).loss
        assert clips
        assert loss < (n - m) / 12
        # The affine model's loss, from moments: E x = 1/2 and Var x = 1/12.
        assert np.trace((np.eye(n) - G) @ (np.eye(n) - G)) / 12 == pytest.approx((n - m) / 12)


def test_unit_digon_without_bias_is_the_papers_formula() -> None:
    # Elhage, the exactly solved 2 → 1 model: antipodal (1 + r) p²/6, one ignored r(p/3 − p²/4).
    p, r = 0.37, 0.6
    antipodal = expected_loss([[1, -1]], 0.0, p, [1.0, r]).loss
    ignored = expected_loss([[1, 0]], [0.0, p / 2], p, [1.0, r]).loss
    assert antipodal == pytest.approx((1 + r) * p**2 / 6, rel=1e-13)
    assert ignored == pytest.approx(r * (p / 3 - p**2 / 4), rel=1e-13)


def test_rotations_permutations_and_importance() -> None:
    rng = np.random.default_rng(8)
    W, b, p = rng.normal(size=(3, 6)), rng.normal(size=6) * 0.2, rng.uniform(0.05, 0.6, size=6)
    importance = rng.uniform(0.1, 2.0, size=6)
    result = expected_loss(W, b, p, importance)
    Q = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    assert expected_loss(Q @ W, b, p, importance).loss == pytest.approx(result.loss, rel=1e-12)
    order = rng.permutation(6)
    permuted = expected_loss(W[:, order], b[order], p[order], importance[order])
    np.testing.assert_allclose(permuted.per_feature, result.per_feature[order], rtol=1e-11)
    np.testing.assert_allclose(permuted.grad_W, result.grad_W[:, order], atol=1e-12)
    alone = expected_loss(W, b, p).per_feature
    np.testing.assert_allclose(result.per_feature, importance * alone, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"feature_probability": 1.2}, "feature_probability must lie in"),
        ({"feature_probability": float("nan")}, "feature_probability must lie in"),
        ({"feature_probability": True}, "feature_probability must be"),
        ({"feature_probability": "0.1"}, "feature_probability must be"),
        ({"b": [0.0, 0.0]}, "b must be a number or 3 numbers"),
        ({"b": float("inf")}, "b must lie in"),
        ({"importance": -1.0}, "importance must lie in"),
        ({"importance": [1.0, 2.0]}, "importance must be"),
        ({"W": np.zeros((2, 4001))}, "at most 4000 features"),
        ({"W": [[np.nan, 1.0, 1.0]]}, "finite"),
        ({"W": np.full((1, 3), 1e120)}, "rescale"),
        ({"tol": 0.0}, "tol must lie in"),
    ],
)
def test_bad_input_gets_one_clear_error(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"W": np.ones((1, 3)), "b": 0.0, "feature_probability": 0.1}
    arguments |= change
    with pytest.raises(GeomsupError, match=message):
        expected_loss(**arguments)


def test_a_tolerance_out_of_reach_is_an_error() -> None:
    rng = np.random.default_rng(0)
    W = rng.normal(size=(3, 30)) * 10.0 ** rng.uniform(-6, 0, size=30)
    with pytest.raises(ToleranceError, match="pass a larger tol"):
        expected_loss(W, 0.0, 0.02, tol=1e-13)


# ---------------------------------------------------------------------------- search and verdict


@pytest.mark.parametrize(
    ("p", "loss", "counts"),
    [
        (0.1, 0.0263051311, {"pentagon": 1}),
        (0.2, 0.0795880521, {"pentagon": 1}),
        (0.3, 0.1361207105, {"digon": 2}),
        (0.5, 0.2567315606, {"digon": 2}),
    ],
)
def test_best_configurations_of_five_in_two(p: float, loss: float, counts: dict[str, int]) -> None:
    best = best_configuration(5, 2, p, n_starts=50)
    assert best.loss == pytest.approx(loss, abs=1e-9)
    assert best.report.counts() == counts
    losses = [minimum.loss for minimum in best.minima]
    assert losses == sorted(losses)
    assert sum(minimum.share for minimum in best.minima) <= 1 + 1e-12


def test_the_triangle_is_best_at_p_08() -> None:
    best = best_configuration(5, 2, 0.8)
    assert best.report.counts() == {"triangle": 1}
    # A triangle on three features and two dropped ones, each p/3 − p²/4.
    kept = best.W[:, best.report.represented]
    alone = expected_loss(kept, best.b[best.report.represented], 0.8).loss
    assert best.loss == pytest.approx(alone + 2 * (0.8 / 3 - 0.8**2 / 4), abs=1e-9)


def test_the_optimal_pentagon_is_a_minimum() -> None:
    verdict = verify_optimum(placed("pentagon", 1.2109800038, 5), -0.209925772377, 0.1, n_starts=40)
    assert verdict.verdict == "local minimum"
    assert (verdict.zero_modes, verdict.expected_zero_modes) == (1, 1)
    assert verdict.gap < 1e-10
    assert verdict.escape is None


def test_a_unit_pentagon_without_bias_is_not_critical() -> None:
    verdict = judged(placed("pentagon", 1.0, 5), 0.0, 0.1)
    assert verdict.verdict == "not critical"
    assert verdict.escape is not None
    assert verdict.escape.loss < verdict.loss


def test_the_cube_is_a_saddle_and_the_escape_descends() -> None:
    # Norm and bias optimal within the family of cubes: found by minimising over the two.
    W, b = placed("cube", 1.2217589830406044, 8), -0.25264554338663003
    verdict = judged(W, b, 0.1, gradient_tol=1e-5)
    assert verdict.loss == pytest.approx(0.0542052932, abs=1e-9)
    assert verdict.verdict == "saddle"
    way = verdict.escape
    assert way is not None
    steps = [0.25 * way.step, 0.5 * way.step, way.step]
    losses = [
        expected_loss(W + t * way.direction_W, b + t * way.direction_b, 0.1).loss for t in steps
    ]
    assert verdict.loss > losses[0] > losses[1] > losses[2]
    assert losses[2] == pytest.approx(way.loss, abs=1e-12)


def test_two_orthogonal_features_are_a_saddle_in_spite_of_their_kink() -> None:
    # With b = 0 and zero overlaps the loss is not twice differentiable; pairing a dropped feature
    # with a kept one as a digon is lower for every 0 < p < 1.
    W = np.zeros((2, 5))
    W[0, 0] = W[1, 1] = 1.0
    verdict = judged(W, [0, 0, 0.25, 0.25, 0.25], 0.5)
    assert verdict.verdict == "saddle"
    assert verdict.kinked
    assert verdict.escape is not None
    assert verdict.escape.loss < verdict.loss == pytest.approx(0.3125, abs=1e-12)


def test_a_square_with_a_dead_output_is_a_minimum_above_the_pentagon() -> None:
    g, b = 1.011623007419, 0.001249003536  # the optimal digon at p = .1
    W = np.sqrt(g) * np.array([[1, -1, 0, 0, 0], [0, 0, 1, -1, 0]])
    verdict = verify_optimum(W, [b, b, b, b, -1.0], 0.1, n_starts=40)
    assert verdict.verdict == "local minimum"
    assert verdict.loss == pytest.approx(0.0399723013, abs=1e-9)
    assert verdict.best.report.counts() == {"pentagon": 1}
    assert verdict.gap == pytest.approx(0.0399723013 - 0.0263051311, abs=1e-9)
    assert "pentagon" in str(verdict)


def test_verdicts_do_not_depend_on_the_scale_of_importance_and_sparsity() -> None:
    for p, importance in ((0.1, 1e-7), (0.1, 1e9), (0.001, 1.0)):
        best = symmetric_optimum("pentagon", 5, p)
        found = best_configuration(5, 2, p, importance, n_starts=10)
        assert found.loss == pytest.approx(importance * best.loss, rel=1e-9)
        at = judged(best.W, best.b, p, importance)
        assert at.verdict == "local minimum"
        beside = judged(best.W, best.b + 1e-3, p, importance)
        assert beside.verdict == "not critical"
        assert beside.escape is not None
        assert beside.escape.loss < beside.loss


def test_the_best_known_may_be_where_the_way_down_leads() -> None:
    verdict = verify_optimum([[1, -1]], [-0.1, -0.1], 0.1, n_starts=2)
    assert verdict.escape is not None
    assert verdict.best_known <= verdict.escape.descended_loss
    assert verdict.gap > 2e-3
    assert verdict.best_name == "digon"
    # A search that misses the best does not lend its name to the configuration's own loss.
    best = symmetric_optimum("pentagon", 5, 0.1)
    assert verify_optimum(best.W, best.b, 0.1, n_starts=2).best_name == "pentagon"


def test_a_kinked_minimum_without_flat_directions_is_a_minimum() -> None:
    # Orthogonal single features sit on the kink (b = 0, no overlap), and lose nothing.
    verdict = judged(np.eye(2), 0.0, 0.3)
    assert verdict.kinked
    assert verdict.verdict == "local minimum"


# --------------------------------------------------------------------------------- command line


def test_the_optimum_verb(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["optimum", "--features", "2", "--hidden", "1", "--p", "0.1", "--starts", "8"]
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["minima"][0]["loss"] == pytest.approx(0.003319483990, abs=1e-11)
    assert main(arguments) == 0
    assert "digon" in capsys.readouterr().out


def test_the_verify_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "digon.npz"
    root = np.sqrt(1.011623007419)
    np.savez(path, W=[[root, -root]], b=[0.001249003536] * 2)
    assert main(["verify", str(path), "--p", "0.1", "--starts", "8", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "local minimum"
    assert main(["verify", str(path), "--p", "0.1", "--bias", "0.2", "--starts", "8"]) == 0
    assert "not critical" in capsys.readouterr().out
    np.save(tmp_path / "bare.npy", [[1.0, -1.0]])
    assert main(["verify", str(tmp_path / "bare.npy"), "--p", "0.1"]) == 2
    assert "--bias" in capsys.readouterr().err
    assert main(["verify", str(path), "--p", "1.1"]) == 2
    assert "--p" in capsys.readouterr().err


@pytest.mark.parametrize(("p", "critical"), [(0.5, 0.53574), (0.3, 0.20470), (0.1, 0.04872)])
def test_a_second_feature_is_kept_only_above_a_critical_importance(
    p: float, critical: float
) -> None:
    # n = 2, m = 1, importances (1, r): below r_c the second feature is dropped, at r (p/3 − p²/4).
    for r, kept in ((critical - 2e-4, False), (critical + 2e-4, True)):
        best = best_configuration(2, 1, p, [1.0, r], n_starts=40)
        gain = r * (p / 3 - p**2 / 4) - best.loss
        assert (gain > 1e-9) == kept
