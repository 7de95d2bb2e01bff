"""Exact losses of features that depend on each other, against fractions, samples and each other."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from exact_loss import exact_losses, exact_model_losses
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.theory import ExpectedLoss, FeatureModel, FeatureSet, expected_loss
from geomsup.theory.loss import Problem, batch_losses

FloatArray = NDArray[np.float64]


def by_numpy(*args: Any, **options: Any) -> ExpectedLoss:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEOMSUP_COMPILED", "0")
        return expected_loss(*args, **options)


def _fraction(rng: np.random.Generator) -> float:
    """Zero, one, or between."""
    return float(rng.choice([0.0, 1.0, rng.uniform()], p=[0.25, 0.25, 0.5]))


def _set(size: int, values: str, rng: np.random.Generator) -> FeatureSet:
    presence = str(rng.choice(["together", "together", "independent", "exclusive"]))
    p: Any = float(rng.choice([0.0, 1.0, rng.uniform(), 10.0 ** rng.uniform(-5, -1)], p=CHANCES))
    options: dict[str, Any] = {}
    if presence != "together" and rng.random() < 0.5:
        p = np.where(rng.random(size) < 0.2, 0.0, p * rng.uniform(size=size))
    if presence == "exclusive":
        p = np.asarray(p) / size
    elif values == "uniform":
        options["equal_values"] = _fraction(rng)
    if presence == "together":
        options["together"] = _fraction(rng)
    return FeatureSet(size=size, probability=p, presence=presence, **options)  # type: ignore[arg-type]


CHANCES = [0.05, 0.1, 0.5, 0.35]


def problems(seed: int, count: int, most: int) -> Iterator[tuple[FloatArray, FloatArray, Any, Any]]:
    """Models of up to `most` features in all kinds of sets, with weights of all kinds."""
    for kind in range(count):
        rng = np.random.default_rng([20, seed, kind])
        n, m = int(rng.integers(2, most + 1)), int(rng.integers(1, 4))
        values: Any = "fixed" if kind % 6 == 5 else "uniform"
        sets: list[FeatureSet] = []
        while (left := n - sum(one.size for one in sets)) > 0:
            sets.append(_set(int(rng.integers(1, left + 1)), values, rng))
        magnitude = float(rng.uniform(0.5, 2.0)) if values == "fixed" else 1.0
        W = rng.normal(size=(m, n))
        if kind % 5 == 1:
            W *= 10.0 ** rng.uniform(-6, 0, size=n)
        elif kind % 5 == 2:
            W[:, rng.integers(n)] = 0.0
        elif kind % 5 == 3:
            W[:, 1] = W[:, 0] * rng.choice([1.0, -1.0, 0.5])
        elif kind % 5 == 4:
            W = np.linalg.qr(rng.normal(size=(n, n)))[0]
            W += 10.0 ** rng.uniform(-4, -1) * rng.normal(size=(n, n))
        b = rng.choice([0.0, 1.0]) * rng.normal(size=n) * 10.0 ** rng.uniform(-6, 0, size=n)
        importance = rng.uniform(0.1, 1.0, size=n)
        yield W, b, FeatureModel(tuple(sets), values=values, magnitude=magnitude), importance


def hold_against_fractions(
    W: FloatArray, b: FloatArray, model: FeatureModel, importance: FloatArray
) -> None:
    """Loss and gradient within their bounds, by both routes; and the gradient good to 1e-8."""
    decay = 0.01
    results = [
        route(W, b, model, importance, weight_decay=decay, tol=1e-7)
        for route in (expected_loss, by_numpy)
    ]
    weights = [Fraction(x) for x in importance.tolist()]

    def true_loss(rows: list[list[Fraction]], shifts: list[Fraction]) -> Fraction:
        penalty = Fraction(decay) * sum(x * x for row in rows for x in row)
        return sum(exact_model_losses(rows, shifts, model, weights), penalty)

    rows = [[Fraction(x) for x in row] for row in W.tolist()]
    shifts = [Fraction(x) for x in b.tolist()]
    true = true_loss(rows, shifts)
    for result in results:
        assert abs(Fraction(result.loss) - true) <= Fraction(result.error_bound)
    i, step = int(np.argmax(np.abs(b) + np.abs(W).sum(0))), Fraction(1, 10**40)
    for of_bias in (False, True):
        slopes = []
        for side in (step, -step):
            moved, shifted = [row[:] for row in rows], shifts[:]
            if of_bias:
                shifted[i] += side
            else:
                moved[0][i] += side
            slopes.append((true_loss(moved, shifted) - true) / side)
        if abs(slopes[0] - slopes[1]) > Fraction(1, 10**20):
            continue  # a kink of the loss itself
        for result in results:
            found = float(result.grad_b[i]) if of_bias else float(result.grad_W[0, i])
            error = abs(Fraction(found) - slopes[0])
            assert error <= Fraction(result.gradient_bound) + Fraction(1, 10**30)
            assert error <= Fraction(1, 10**8) * (1 + abs(slopes[0]))


@pytest.mark.parametrize("seed", range(3))
def test_losses_hold_against_exact_fractions(seed: int) -> None:
    for problem in problems(seed, 10, 4):
        hold_against_fractions(*problem)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 33))
def test_losses_hold_in_three_hundred_problems(seed: int) -> None:
    for problem in problems(seed, 10, 6):
        hold_against_fractions(*problem)


def test_the_oracle_of_patterns_is_that_of_independent_features() -> None:
    rng = np.random.default_rng(1)
    W, b, p = rng.normal(size=(2, 3)).tolist(), [0.1, -0.2, 0.0], [0.2, 0.5, 1.0]
    model = FeatureModel.independent(3, p)
    ones = [Fraction(1)] * 3
    assert exact_model_losses(W, b, model, ones) == exact_losses(W, b, p, [1.0] * 3)


# ---------------------------------------------------------------------------------- samples


def sampled(model: FeatureModel, n_samples: int, rng: np.random.Generator) -> FloatArray:
    """Samples (n_samples, n_features), drawn set by set from what its options mean."""
    columns = []
    for one in model.sets:
        shape = (n_samples, one.size)
        p = np.array(one.probabilities)
        if one.presence == "exclusive":
            chosen = rng.choice(one.size + 1, size=n_samples, p=[*p, max(1.0 - p.sum(), 0.0)])
            present = chosen[:, None] == np.arange(one.size)
        else:
            present = rng.random(shape) < p
            if one.presence == "together":
                gate = np.broadcast_to(rng.random((n_samples, 1)) < p[0], shape)
                present = np.where(rng.random((n_samples, 1)) < one.together, gate, present)
        values = rng.random(shape)
        values = np.where(rng.random((n_samples, 1)) < one.equal_values, values[:, :1], values)
        if model.values == "fixed":
            values = np.full(shape, model.magnitude)
        columns.append(present * values)
    return np.concatenate(columns, axis=1)


@pytest.mark.parametrize("batch", range(5))
def test_losses_agree_with_sampling(batch: int) -> None:
    # Of features that are too rare for the samples nothing could be said.
    often = [
        each for each in problems(100 + batch, 40, 6) if each[2].feature_probability.min() > 0.003
    ]
    assert len(often) >= 10
    for k, (W, b, model, importance) in enumerate(often[:10]):
        x = sampled(model, 40_000, np.random.default_rng([21, batch, k]))
        losses = ((x - np.maximum(x @ W.T @ W + b, 0.0)) ** 2) @ importance
        exact = expected_loss(W, b, model, importance, tol=1e-6).loss
        error = losses.std() / np.sqrt(len(x))
        assert abs(losses.mean() - exact) <= 4.0 * error + 1e-12 * exact
        mean, square = x.mean(0), x.T @ x / len(x)
        assert np.all(np.abs(mean - model.mean) <= 5.0 * x.std(0) / np.sqrt(len(x)) + 1e-9)
        spread = np.sqrt(np.maximum((x**2).T @ x**2 / len(x) - square**2, 0.0) / len(x))
        assert np.all(np.abs(square - model.second_moments) <= 5.0 * spread + 1e-4)


# ------------------------------------------------------------------------------ by other ways


def test_what_is_independent_costs_what_it_did() -> None:
    rng = np.random.default_rng(3)
    W, b, p = rng.normal(size=(2, 5)), 0.2 * rng.normal(size=5), rng.uniform(0.01, 0.5, size=5)
    plain = expected_loss(W, b, p)
    singles = tuple(FeatureSet(size=1, probability=q) for q in p)
    for model in (FeatureModel.independent(5, p), FeatureModel(singles)):
        same = expected_loss(W, b, model)
        assert same.loss == plain.loss
        np.testing.assert_array_equal(same.grad_W, plain.grad_W)


def test_a_gate_between_is_the_mixture_of_its_ends() -> None:
    rng = np.random.default_rng(4)
    W, b, c = rng.normal(size=(2, 4)), 0.2 * rng.normal(size=4), 0.3
    one = FeatureSet(size=2, probability=0.3, together=c)
    rest = FeatureSet(size=2, probability=0.2)
    ends = [
        expected_loss(W, b, FeatureModel((FeatureSet(size=2, probability=0.3, together=e), rest)))
        for e in (0.0, 1.0)
    ]
    between = expected_loss(W, b, FeatureModel((one, rest)))
    mixed = (1.0 - c) * ends[0].loss + c * ends[1].loss
    assert between.loss == pytest.approx(mixed, rel=1e-13)
    np.testing.assert_allclose(
        between.grad_W, (1.0 - c) * ends[0].grad_W + c * ends[1].grad_W, rtol=1e-12
    )


def test_equal_values_are_one_input() -> None:
    # Two features that are always equal, collapsed onto their mean, are a feature of its own.
    g, p = 0.8, 0.2
    W = np.array([[np.sqrt(g / 2.0)] * 2])
    model = FeatureModel.pairs(1, p, equal_values=1.0)
    alone = expected_loss([[np.sqrt(g)]], 0.05, p).loss
    assert expected_loss(W, 0.05, model).loss == pytest.approx(2.0 * alone, rel=1e-13)


def test_antipodes_of_equal_value_cancel() -> None:
    # Their weights add up to exactly zero: both answers are the bias, in whichever pattern.
    p, b = 0.3, 0.125
    result = expected_loss(
        [[0.3, -0.3], [0.4, -0.4]], b, FeatureModel.pairs(1, p, equal_values=1.0)
    )
    assert result.loss == pytest.approx(2.0 * (p / 3.0 - p * b + b**2), rel=1e-13)


def test_both_routes_agree_to_twelve_digits() -> None:
    for W, b, model, importance in problems(200, 40, 6):
        one, other = (
            route(W, b, model, importance, tol=1e-9) for route in (expected_loss, by_numpy)
        )
        size = float(importance @ model.second_moments.diagonal()) or 1.0
        assert abs(one.loss - other.loss) <= 1e-12 * max(one.loss, size)
        scale = max(np.abs(other.grad_W).max(), np.abs(other.grad_b).max(), size)
        assert np.abs(one.grad_W - other.grad_W).max() <= 1e-12 * scale
        assert np.abs(one.grad_b - other.grad_b).max() <= 1e-12 * scale


def test_many_features_in_sets_go_through_the_series() -> None:
    rng = np.random.default_rng(5)
    model = FeatureModel.equal_sets(2, 10, 0.05, together=0.5)
    W, b = rng.normal(size=(4, 20)) / 3.0, np.full(20, -0.05)
    one, other = expected_loss(W, b, model, tol=1e-8), by_numpy(W, b, model, tol=1e-8)
    assert abs(one.loss - other.loss) <= one.error_bound + other.error_bound
    assert one.error_bound <= 1e-8 * one.loss
    x = sampled(model, 200_000, rng)
    losses = ((x - np.maximum(x @ W.T @ W + b, 0.0)) ** 2).sum(1)
    assert abs(losses.mean() - one.loss) <= 4.0 * losses.std() / np.sqrt(len(x))


def test_a_batch_is_its_models() -> None:
    rng = np.random.default_rng(6)
    model = FeatureModel.pairs(2, 0.1, together=0.5, equal_values=0.5)
    W, b = rng.normal(size=(7, 2, 4)), 0.1 * rng.normal(size=(7, 4))
    problem = Problem.of(4, model, [1.0, 0.5, 0.5, 0.2], 0.01)
    losses, grad_W, grad_b = batch_losses(W, b, problem)
    for k in range(7):
        alone = expected_loss(W[k], b[k], model, problem.importance, weight_decay=0.01)
        assert losses[k] == pytest.approx(alone.loss, rel=1e-13)
        np.testing.assert_allclose(grad_W[k], alone.grad_W, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(grad_b[k], alone.grad_b, rtol=1e-12, atol=1e-15)


def test_a_batch_larger_than_a_block_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    W, b = rng.normal(size=(5, 2, 4)), 0.1 * rng.normal(size=(5, 4))
    models = [
        FeatureModel.pairs(2, 0.1, equal_values=0.5),
        FeatureModel.pairs(2, 0.1, values="fixed"),
    ]
    whole = [batch_losses(W, b, Problem.of(4, model, 1.0)) for model in models]
    monkeypatch.setattr("geomsup.theory.pattern_rows._BLOCK", 300)
    for model, before in zip(models, whole, strict=True):
        for part, again in zip(before, batch_losses(W, b, Problem.of(4, model, 1.0)), strict=True):
            np.testing.assert_allclose(again, part, rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize(
    ("model", "loss", "of_W", "of_b"),
    [
        (
            FeatureModel.pairs(2, 0.3),
            0.21359057712033763,
            -0.09735725461015052,
            0.21128073707959166,
        ),
        (
            FeatureModel.equal_sets(2, 3, 0.1),
            *(0.129818760198267, -0.0037603775221902403, -0.013771788569800488),
        ),
        (
            FeatureModel.pairs(3, 0.3, presence="exclusive"),
            *(0.3345386120024141, 0.0009211639205299266, 0.020644174201022065),
        ),
        (
            FeatureModel.equal_sets(2, 3, 0.1 / 3.0, presence="exclusive"),
            *(0.05897074953627962, -0.005041129840155209, 0.015576554300059628),
        ),
    ],
    ids=str,
)
def test_sets_cost_what_they_did(
    model: FeatureModel, loss: float, of_W: float, of_b: float
) -> None:
    # Values of the implementation that sets of equal size once had for themselves.
    n = model.n_features
    number = np.arange(1.0, n + 1.0)
    W, b = np.array([np.cos(number), np.sin(2.0 * number)]), 0.1 * np.cos(3.0 * number - 3.0)
    result = expected_loss(W, b, model)
    assert result.loss == pytest.approx(loss, rel=1e-14)
    assert result.grad_W[0, 0] == pytest.approx(of_W, rel=1e-12)
    assert result.grad_b[-1] == pytest.approx(of_b, rel=1e-12)


# ------------------------------------------------------------------------------ weight decay


def test_weight_decay_is_added_once() -> None:
    W, b = np.array([[1.0, -1.0, 0.5]]), np.zeros(3)
    plain, decayed = (expected_loss(W, b, 0.1, weight_decay=x) for x in (0.0, 0.25))
    assert plain.penalty == 0.0
    assert decayed.penalty == 0.25 * 2.25
    assert decayed.loss == pytest.approx(plain.loss + 0.25 * 2.25, rel=1e-15)
    np.testing.assert_allclose(decayed.grad_W, plain.grad_W + 0.5 * W, rtol=1e-15)
    np.testing.assert_array_equal(decayed.grad_b, plain.grad_b)
    np.testing.assert_array_equal(decayed.per_feature, plain.per_feature)
    assert "0.5625 of it weight decay" in str(decayed)
    assert "decay" not in str(plain)


def test_normalised_problems_keep_the_decay_in_proportion() -> None:
    rng = np.random.default_rng(8)
    W, b = rng.normal(size=(2, 2, 4)), 0.1 * rng.normal(size=(2, 4))
    problem = Problem.of(4, FeatureModel.pairs(2, 0.01, values="fixed", magnitude=3.0), 0.7, 0.02)
    normal, size = problem.normalised()
    assert size == pytest.approx(0.7 * 4 * 0.01 * 9.0)
    np.testing.assert_allclose(
        size * batch_losses(W, b, normal)[0], batch_losses(W, b, problem)[0], rtol=1e-13
    )
    assert normal.zero_output_loss == pytest.approx(1.0)


# ------------------------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (FeatureModel.pairs(2, 0.1), {}, "a feature model of 3 features, .* got one of 4"),
        (FeatureModel.independent(3, 0.1), {"weight_decay": -1.0}, "weight_decay must be a number"),
        (FeatureModel.independent(3, 0.1), {"weight_decay": "1"}, "weight_decay must be a number"),
    ],
)
def test_what_does_not_fit_is_refused(
    model: FeatureModel, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(GeomsupError, match=message):
        expected_loss(np.ones((2, 3)), 0.0, model, **options)


def test_too_many_patterns_are_refused() -> None:
    with pytest.raises(GeomsupError, match="at most 4096 patterns"):
        expected_loss(np.ones((2, 26)), 0.0, FeatureModel.pairs(13, 0.1))
    with pytest.raises(GeomsupError, match="at most 65536 patterns"):
        expected_loss(np.ones((2, 17)), 0.0, FeatureModel.independent(17, 0.1, values="fixed"))


@pytest.mark.parametrize("together", [1e-300, 1e-9])
@pytest.mark.parametrize("p", [1.0 - 1e-9, 1.0])
def test_bounds_hold_for_pairs_that_are_nearly_always_there(p: float, together: float) -> None:
    features = FeatureModel.pairs(1, p, together=together, equal_values=0.25)
    W, b = np.array([[0.75, 0.5]]), np.array([-0.125, 0.25])
    found = expected_loss(W, b, features)
    exact = sum(exact_model_losses(W.tolist(), b.tolist(), features, [Fraction(1)] * 2))
    assert abs(Fraction(found.loss) - exact) <= Fraction(found.error_bound)


def test_the_bound_holds_what_adding_the_penalty_rounds() -> None:
    # A dead output: the loss is I p / 3 + λ W², three roundings.
    rng = np.random.default_rng(0)
    for _ in range(300):
        w, importance, p = rng.uniform(1e-9, 1e-7), 10.0 ** rng.uniform(-3, 3), rng.uniform()
        found = expected_loss([[w]], -1e-9, p, importance, weight_decay=3.0)
        exact = Fraction(importance) * Fraction(p) / 3 + 3 * Fraction(w) ** 2
        assert abs(Fraction(found.loss) - exact) <= Fraction(found.error_bound)


@pytest.mark.parametrize("p", [[0.9, 0.0], FeatureModel.independent(2, [0.9, 0.0])])
def test_a_loss_of_nothing_where_to_answer_zero_costs_nothing(p: object) -> None:
    W = 1e-10 * np.array([[1.2, -3.6], [-8.5, 0.6], [5.4, -6.4]])
    found = expected_loss(W, 0.0, p, [0.0, 1.0])
    assert found.loss <= found.error_bound < 1e-30
