"""Searches and verdicts on features that depend on each other, and with weights that cost."""

from __future__ import annotations

import numpy as np
import pytest

from geomsup.theory import (
    FeatureModel,
    FeatureSet,
    best_configuration,
    expected_loss,
    linear_optimum,
    verify_optimum,
)
from geomsup.theory.curvature import Metric, Neighbourhood
from geomsup.theory.loss import Problem
from geomsup.theory.models import descend_models
from geomsup.theory.starts import collapsed_starts, moved_sets

MIXED = FeatureModel(
    (
        FeatureSet(size=2, probability=0.3, together=0.6, equal_values=0.4),
        FeatureSet(size=2, probability=0.2, presence="exclusive"),
    )
)


def test_pairs_that_exclude_each_other_share_a_line() -> None:
    best = best_configuration(4, 2, FeatureModel.pairs(2, 0.1, presence="exclusive"), n_starts=25)
    assert best.loss < 1e-15
    assert best.W[:, 0] @ best.W[:, 1] == pytest.approx(-1.0, abs=1e-6)
    assert best.best_known is None, "the atlas is of independent features"


def test_pairs_that_come_together_are_apart_while_rare_and_collapsed_when_not() -> None:
    rare = best_configuration(6, 2, FeatureModel.pairs(3, 0.03), n_starts=25)
    often = best_configuration(6, 2, FeatureModel.pairs(3, 0.5), n_starts=25)
    assert rare.name == "hexagon"
    assert often.name == "triangle (×2)"
    assert often.loss < linear_optimum(FeatureModel.pairs(3, 0.5), 2).loss


def test_what_is_independent_is_searched_as_such() -> None:
    plain = best_configuration(3, 2, 0.2, n_starts=5)
    same = best_configuration(3, 2, FeatureModel.independent(3, 0.2), n_starts=5)
    assert same.loss == plain.loss
    np.testing.assert_array_equal(same.W, plain.W)


@pytest.mark.parametrize(
    "model",
    [
        FeatureModel.pairs(2, 0.1, together=0.7),
        FeatureModel.pairs(2, 0.3, equal_values=0.5),
        MIXED,
    ],
    ids=str,
)
def test_what_a_search_finds_is_a_minimum(model: FeatureModel) -> None:
    best = best_configuration(4, 2, model, weight_decay=1e-3, n_starts=25)
    verdict = verify_optimum(best.W, best.b, model, weight_decay=1e-3, n_starts=5)
    assert verdict.verdict == "local minimum"
    assert verdict.gap <= 1e-9 * verdict.loss
    # … of this problem, and of no other.
    for other, decay in ((model, 0.0), (0.2, 1e-3)):
        assert verify_optimum(best.W, best.b, other, weight_decay=decay, n_starts=3).verdict == (
            "not critical"
        )


def test_a_collapsed_pair_of_rare_features_is_a_saddle() -> None:
    # The best of those that are symmetric in the pair: W₁ = W₂, found by a descent that stays so.
    model = FeatureModel.pairs(1, 0.02)
    ends = descend_models(
        np.full((1, 2, 2), 0.5),
        np.zeros((1, 2)),
        Problem.of(2, model, 1.0).normalised()[0],
        gradient_tol=1e-12,
        max_steps=500,
    )
    W = ends.W[0]
    np.testing.assert_allclose(W[:, 0], W[:, 1], atol=1e-12)
    verdict = verify_optimum(W, ends.b[0], model, n_starts=3)
    assert verdict.verdict == "saddle"
    assert verdict.best_known < 1e-9


@pytest.mark.parametrize("decay", [0.0, 0.05])
def test_the_hessian_agrees_with_differences_of_the_gradient(decay: float) -> None:
    rng = np.random.default_rng(0)
    m, n = 2, 4
    W, b = rng.normal(size=(m, n)), rng.normal(size=n)
    near = Neighbourhood(W, b, Problem.of(n, MIXED, rng.uniform(0.5, 1.0, n), decay))
    importance = near.problem.importance

    def gradient(x: np.ndarray) -> np.ndarray:
        found = expected_loss(
            x[: m * n].reshape(m, n), x[m * n :], MIXED, importance, weight_decay=decay
        )
        return np.concatenate([found.grad_W.ravel(), found.grad_b])

    x, h = np.concatenate([W.ravel(), b]), 1e-5
    steps = h * np.eye(len(x))
    direct = np.array([gradient(x + step) - gradient(x - step) for step in steps]) / (2 * h)
    unit = np.maximum(importance * near.problem.p, np.diag(direct)[m * n :])
    metric = Metric(W, near.problem, unit)
    values = np.linalg.eigvalsh(metric.divided(metric.divided(direct).T))
    assert near.mean.values == pytest.approx(values, abs=1e-6)
    assert near.gradient == pytest.approx(gradient(x), abs=1e-12)


def test_weight_decay_shortens_the_weights_of_the_optimum() -> None:
    plain, decayed = (
        best_configuration(2, 1, 0.1, weight_decay=x, n_starts=10) for x in (0.0, 1e-3)
    )
    assert (plain.name, decayed.name) == ("digon", "digon")
    assert decayed.report.norms.max() < plain.report.norms.max()
    assert decayed.loss < plain.loss + 1e-3 * np.sum(plain.W**2)
    # Enough of it leaves nothing: the answer is then the mean.
    nothing = best_configuration(2, 1, 0.1, weight_decay=1.0, n_starts=10)
    assert nothing.name == "nothing, 2 dropped"
    assert nothing.loss == pytest.approx(2 * (0.1 / 3 - 0.1**2 / 4), rel=1e-9)


def test_models_are_descended_together_with_a_decay_of_their_own() -> None:
    rng = np.random.default_rng(2)
    W, b = rng.normal(size=(3, 2, 4)), 0.1 * rng.normal(size=(3, 4))
    decay = np.array([0.0, 1e-3, 1e-2])
    problem = Problem(
        p=MIXED.feature_probability, importance=np.ones(4), features=MIXED, weight_decay=decay
    )
    ends = descend_models(W, b, problem, gradient_tol=1e-10, max_steps=500)
    for k in range(3):
        exact = expected_loss(ends.W[k], ends.b[k], MIXED, weight_decay=decay[k])
        assert ends.loss[k] == pytest.approx(exact.loss, rel=1e-12)
        assert np.abs(exact.grad_W).max() < 1e-8


def test_starts_of_sets() -> None:
    rng = np.random.default_rng(3)
    problem = Problem.of(6, FeatureModel.pairs(3, 0.1), 1.0)
    starts = collapsed_starts(2, problem, rng)
    W = starts[:, :12].reshape(-1, 2, 6)
    assert np.abs(W[:, :, ::2] - W[:, :, 1::2]).max() < 0.2
    triangle = np.linalg.norm(W, axis=1).min(axis=1) > 0.5
    assert triangle.any(), "three pairs, each on a corner of a triangle"
    assert not len(collapsed_starts(2, Problem.of(6, 0.1, 1.0), rng))
    moved = moved_sets(W[0], np.zeros(6), problem.features, rng)
    assert moved.shape == (6, 18)
    for k, row in enumerate(moved):
        changed = np.any(row[:12].reshape(2, 6) != W[0], axis=0)
        assert np.flatnonzero(changed).tolist() == [2 * (k // 2), 2 * (k // 2) + 1]
    singles = FeatureModel.independent(6, 0.1)
    assert not len(moved_sets(W[0], np.zeros(6), None, rng))
    assert singles.is_independent
