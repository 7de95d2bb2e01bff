"""Adversarial attacks: what holds for any model, and models whose worst case is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import seeds

from geomsup.attacks import (
    Attack,
    attack_bound,
    changed,
    gradient_attack,
    linear_attack,
    universal_attack,
)
from geomsup.errors import GeomsupError

Array = NDArray[np.float64]
Model = tuple[Array, Array, Array, float, Array]


@st.composite
def models(draw: st.DrawFn) -> Model:
    """W, b, x, budget, importance: a few sparse inputs to a model of any quality."""
    m, n, samples = draw(st.integers(1, 4)), draw(st.integers(1, 7)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(seeds))
    W = rng.standard_normal((m, n)) * (rng.random(n) < 0.9)
    x = rng.random((samples, n)) * (rng.random((samples, n)) < 0.5)
    b = draw(st.sampled_from([0.0, 0.3])) * rng.standard_normal(n)
    importance = rng.random(n) if draw(st.booleans()) else np.ones(n)
    return W, b, x, draw(st.sampled_from([0.01, 0.1, 1.0])), importance


def _losses(model: Model, changes: Array) -> Array:
    """Written out feature by feature, without any of the code under test."""
    W, b, x, _, importance = model
    gram = W.T @ W
    return np.array(
        [
            sum(
                importance[i] * (max(0.0, gram[i] @ (sample + change) + b[i]) - sample[i]) ** 2
                for i in range(len(b))
            )
            for sample, change in zip(x, changes, strict=True)
        ]
    )


@given(models())
def test_attacks_do_what_they_say(model: Model) -> None:
    linear = linear_attack(*model)
    for attack in (
        universal_attack(*model),
        linear,
        gradient_attack(*model, start=linear, n_steps=5),
        gradient_attack(*model, start="random", n_steps=5),
        gradient_attack(*model, start="input", n_steps=5),
    ):
        norms = np.linalg.norm(attack.perturbations, axis=1)
        assert (norms <= model[3] * (1.0 + 1e-6)).all()
        np.testing.assert_allclose(attack.losses, _losses(model, attack.perturbations), atol=1e-9)
        np.testing.assert_allclose(attack.clean_losses, _losses(model, 0.0 * model[2]), atol=1e-9)


@given(models())
def test_no_input_gains_from_its_own_attack(model: Model) -> None:
    linear = linear_attack(*model)
    climbed = gradient_attack(*model, start=linear, n_steps=5)
    assert (linear.losses >= linear.clean_losses).all()
    assert (climbed.losses >= linear.losses - 1e-9).all()
    assert (gradient_attack(*model, start="random", n_steps=5).rise) >= 0.0
    universal = universal_attack(*model)
    assert 0.0 <= universal.rise <= linear.rise + 1e-9


@given(models())
def test_no_attack_exceeds_the_bound(model: Model) -> None:
    climbed = gradient_attack(*model, start=linear_attack(*model), n_steps=20)
    assert (climbed.losses <= attack_bound(*model) + 1e-9).all()


@given(models())
def test_without_a_budget_nothing_changes(model: Model) -> None:
    W, b, x, _, importance = model
    linear = linear_attack(W, b, x, 0.0, importance)
    for attack in (
        linear,
        universal_attack(W, b, x, 0.0, importance),
        gradient_attack(W, b, x, 0.0, importance, start=linear),
        gradient_attack(W, b, x, 0.0, importance),
    ):
        assert not attack.perturbations.any()
        np.testing.assert_array_equal(attack.losses, attack.clean_losses)
    np.testing.assert_allclose(attack_bound(W, b, x, 0.0, importance), linear.clean_losses)


@given(models(), seeds)
def test_rotating_the_hidden_space_changes_nothing(model: Model, seed: int) -> None:
    W, b, x, budget, importance = model
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(W), len(W))))
    turned: Model = (rotation @ W, b, x, budget, importance)
    assert universal_attack(*turned).rise == pytest.approx(universal_attack(*model).rise)
    np.testing.assert_allclose(linear_attack(*turned).losses, linear_attack(*model).losses)
    one, other = (gradient_attack(*m, start="input", n_steps=3) for m in (model, turned))
    np.testing.assert_allclose(one.losses, other.losses, rtol=1e-6, atol=1e-9)


@given(models())
def test_a_larger_budget_raises_the_bound(model: Model) -> None:
    W, b, x, budget, importance = model
    larger = attack_bound(W, b, x, 2.0 * budget, importance)
    assert (larger >= attack_bound(*model)).all()


def test_a_model_without_superposition_loses_the_square_of_the_budget() -> None:
    # What `adversarial` divides by: m features stored orthogonally, the others dropped.
    W = np.eye(3, 8)
    p = 0.3
    b = np.where(np.arange(8) < 3, 0.0, p / 2)
    uniforms = np.random.default_rng(0).random((200, 8))
    x = np.maximum(1.0 - uniforms / p, 0.0)
    linear = linear_attack(W, b, x, 0.2)
    np.testing.assert_allclose(linear.losses - linear.clean_losses, 0.2**2)
    assert universal_attack(W, b, x, 0.2).rise == pytest.approx(0.2**2)
    climbed = gradient_attack(W, b, x, 0.2, start=linear)
    np.testing.assert_allclose(climbed.losses - climbed.clean_losses, 0.2**2)


def test_digons_lose_twice_as_much() -> None:
    W = np.kron(np.eye(2), [[1.0, -1.0]])
    x = np.array([[0.5, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.7]])
    # Along (1, −1)/√2 the answer of the pair moves by (√2, −√2) budget, and ReLU keeps one half;
    # only an input that is there lets both sides move.
    own = universal_attack(W, np.zeros(4), x[:1], 0.1)
    assert own.rise == pytest.approx(2 * 0.1**2)
    linear = linear_attack(W, np.zeros(4), x, 0.1)
    np.testing.assert_allclose(linear.losses - linear.clean_losses, 2 * 0.1**2)


def test_gradients_are_masked_where_biases_silence_all_outputs() -> None:
    W, b = np.array([[1.0, 0.9]]), np.array([-0.05, -0.05])
    x = np.zeros((1, 2))
    assert gradient_attack(W, b, x, 0.1, start="input").rise == 0.0
    assert linear_attack(W, b, x, 0.1).rise > 0.0


def test_ascent_finds_the_worst_of_a_dense_grid() -> None:
    rng = np.random.default_rng(1)
    W, b = rng.standard_normal((2, 2)), np.array([-0.1, 0.05])
    x = np.array([[0.4, 0.0]])
    angles = np.linspace(0.0, 2 * np.pi, 20_000)
    grid = 0.1 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    answers = np.maximum((x + grid) @ W.T @ W + b, 0.0)
    worst = ((answers - x) ** 2).sum(axis=1).max()
    found = gradient_attack(W, b, x, 0.1, start=linear_attack(W, b, x, 0.1), n_steps=200)
    assert found.losses[0] == pytest.approx(worst, rel=1e-5)


@pytest.mark.parametrize("n_steps", [1, 2, 5, 50])
def test_an_ascent_crosses_the_whole_ball(n_steps: int) -> None:
    # The answer is too large by .2 and grows with δ: uphill is the same way everywhere.  Steps of
    # 2.5 budgets in all lead from the far end to the other.
    model = [[1.0]], [0.2], [[1.0]], 0.1
    lowest = changed([[1.0]], [0.2], [[1.0]], [-0.1])
    attack = gradient_attack(*model, start=lowest, n_steps=n_steps)
    assert attack.perturbations == pytest.approx(0.1)
    assert attack.losses == pytest.approx(0.3**2)


def test_what_a_random_start_finds_depends_on_the_seed_alone() -> None:
    rng = np.random.default_rng(2)
    model = rng.standard_normal((2, 5)), np.zeros(5), rng.random((4, 5)), 0.1
    first, again = (gradient_attack(*model, seed=3, n_steps=2) for _ in range(2))
    np.testing.assert_array_equal(first.perturbations, again.perturbations)
    other = gradient_attack(*model, seed=4, n_steps=2)
    assert (first.perturbations != other.perturbations).any()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"b": [0.0]}, r"b must have shape \(2,\), got \(1,\)"),
        ({"x": [0.0, 0.0]}, r"x must have shape \('n_samples', 2\), got \(2,\)"),
        ({"x": [[0.0, np.nan]]}, "x must hold finite numbers"),
        ({"x": np.zeros((0, 2))}, "x must hold finite numbers"),
        ({"x": "inputs"}, "x must be numbers"),
        ({"budget": -0.1}, "budget must be at least 0"),
        ({"budget": True}, "budget must be numbers"),
        ({"importance": [1.0, -1.0]}, "importance must not be negative, got -1"),
        ({"importance": [1.0, 1.0, 1.0]}, r"importance must have shape \(2,\)"),
    ],
)
def test_wrong_input_is_refused(changed: dict[str, object], message: str) -> None:
    model: dict[str, object] = {"W": np.eye(2), "b": [0.0, 0.0], "x": [[0.5, 0.0]], "budget": 0.1}
    for attack in (universal_attack, linear_attack, gradient_attack, attack_bound):
        with pytest.raises(GeomsupError, match=message):
            attack(**{**model, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "somewhere"}, "start must be an Attack, 'random' or 'input', got 'somewhere'"),
        ({"n_steps": 0}, "n_steps must be an integer in 1 … 1000000000, got 0"),
        ({"start": linear_attack(np.eye(3), np.zeros(3), np.zeros((1, 3)), 0.1)}, "shape"),
    ],
)
def test_an_ascent_that_cannot_be_made_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(GeomsupError, match=message):
        gradient_attack(np.eye(2), [0, 0], [[0.5, 0.0]], 0.1, **options)  # type: ignore[arg-type]


def test_attacks_print_and_turn_into_plain_values() -> None:
    attack = linear_attack(np.eye(2), [0, 0], [[0.5, 0.0]], 0.1)
    assert str(attack) == "Attack on 1 samples, budget 0.1: mean loss 0 → 0.01"
    again = Attack(**attack.to_dict())
    np.testing.assert_array_equal(again.losses, attack.losses)
    with pytest.raises(ValueError, match="read-only"):
        attack.losses[0] = 0.0
