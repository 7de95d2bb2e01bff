"""The linear answer: against descent, against samples, and where it is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from geomsup.errors import GeomsupError
from geomsup.theory import FeatureModel, FeatureSet, expected_loss, linear_loss, linear_optimum

MIXED = FeatureModel(
    (
        FeatureSet(size=2, probability=0.3, together=0.6, equal_values=0.4),
        FeatureSet(size=2, probability=0.2, presence="exclusive"),
        FeatureSet(size=1, probability=0.5),
    )
)


def test_pairs_that_come_together() -> None:
    # Variance v = q/3 − q²/4 and covariance c = q/4 − q²/4: eigenvalues v ± c, three times each.
    for q in (0.05, 0.5, 1.0):
        v, c = q / 3 - q**2 / 4, q / 4 - q**2 / 4
        best = linear_optimum(FeatureModel.pairs(3, q), 2)
        assert best.loss == pytest.approx(6 * v - 2 * (v + c), rel=1e-14)
        np.testing.assert_allclose(best.variances, [v + c] * 3 + [v - c] * 3, rtol=1e-12)


def test_independent_features_are_indifferent() -> None:
    best = linear_optimum(FeatureModel.independent(5, 0.4), 2)
    assert best.loss == pytest.approx(3 * (0.4 / 3 - 0.4**2 / 4), rel=1e-14)


@pytest.mark.parametrize("n_hidden", [1, 2, 4])
def test_the_answer_has_the_loss(n_hidden: int) -> None:
    importance = np.array([1.0, 0.5, 0.2, 2.0, 0.7])
    best = linear_optimum(MIXED, n_hidden, importance)
    A = best.decoder.T @ best.encoder
    assert np.linalg.matrix_rank(A) == n_hidden
    left = np.eye(5) - A
    residual = left @ MIXED.mean - best.b
    cost = np.diag(left @ MIXED.covariance @ left.T) + residual**2
    assert importance @ cost == pytest.approx(best.loss, rel=1e-12)


def test_no_descent_leads_lower() -> None:
    importance = np.array([1.0, 0.5, 0.2, 2.0, 0.7])
    best = linear_optimum(MIXED, 2, importance).loss

    def cost(x: np.ndarray) -> float:
        A = x[:10].reshape(5, 2) @ x[10:20].reshape(2, 5)
        left = np.eye(5) - A
        residual = left @ MIXED.mean - x[20:]
        return float(importance @ (np.diag(left @ MIXED.covariance @ left.T) + residual**2))

    rng = np.random.default_rng(0)
    ends = [minimize(cost, rng.normal(size=25), tol=1e-10).fun for _ in range(4)]
    assert min(ends) == pytest.approx(best, rel=1e-6)
    assert min(ends) >= best * (1.0 - 1e-9)


def test_equal_importances_need_one_matrix() -> None:
    best = linear_optimum(MIXED, 3, 0.5)
    np.testing.assert_array_equal(best.encoder, best.decoder)
    np.testing.assert_allclose(best.encoder @ best.encoder.T, np.eye(3), atol=1e-14)
    assert linear_loss(best.encoder, best.b, MIXED, 0.5) == pytest.approx(best.loss, rel=1e-12)
    assert "3 dimensions" in str(best)


def test_enough_dimensions_lose_nothing() -> None:
    best = linear_optimum(MIXED, 7)
    assert best.loss == 0.0
    assert best.encoder.shape == (5, 5)
    always = FeatureModel.independent(3, 1.0, values="fixed")
    assert linear_optimum(always, 1).loss == 0.0


def test_where_no_relu_clips_the_losses_agree() -> None:
    rng = np.random.default_rng(1)
    W, b = 0.3 * rng.normal(size=(2, 5)), np.full(5, 2.0)
    exact = expected_loss(W, b, MIXED, weight_decay=0.1).loss
    assert linear_loss(W, b, MIXED, weight_decay=0.1) == pytest.approx(exact, rel=1e-13)
    plain = expected_loss(W, b, 0.3).loss
    assert linear_loss(W, b, 0.3) == pytest.approx(plain, rel=1e-13)


def test_what_is_no_feature_model_is_refused() -> None:
    with pytest.raises(GeomsupError, match=r"FeatureModel\.independent makes one"):
        linear_optimum(0.1, 2)  # type: ignore[arg-type]
    with pytest.raises(GeomsupError, match="n_hidden"):
        linear_optimum(MIXED, 0)
