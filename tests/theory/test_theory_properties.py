"""Theorems about the expected loss, as properties."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import seeds

from geomsup.theory import expected_loss
from geomsup.theory.loss import Problem, batch_losses

# A decorator, not a profile: a profile would be that of every module collected after this one.
few_examples = settings(max_examples=40)
probabilities = st.floats(0.001, 1.0)


def model(seed: int, n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(m, n)) / np.sqrt(m), 0.3 * rng.normal(size=n)


@few_examples
@given(seeds, st.integers(1, 7), st.integers(1, 4), probabilities)
def test_the_loss_is_between_zero_and_its_bound_by_moments(
    seed: int, n: int, m: int, p: float
) -> None:
    # 0 ≤ E (x − relu(s))² ≤ E (x − s)² + E s² …: relu(s)² ≤ s², −2x relu(s) ≤ 0.
    W, b = model(seed, n, m)
    result = expected_loss(W, b, p)
    gram, mean, spread = W.T @ W, p / 2, p / 3 - p**2 / 4
    second = (gram.sum(1) * mean + b) ** 2 + (gram**2).sum(1) * spread
    assert np.all(result.per_feature >= -result.error_bound)
    assert np.all(result.per_feature <= p / 3 + second + result.error_bound)


@few_examples
@given(seeds, st.integers(2, 6), st.integers(1, 4), probabilities, st.floats(0.1, 10.0))
def test_importance_is_a_weight_and_nothing_more(
    seed: int, n: int, m: int, p: float, factor: float
) -> None:
    W, b = model(seed, n, m)
    one, other = expected_loss(W, b, p), expected_loss(W, b, p, factor)
    np.testing.assert_allclose(other.per_feature, factor * one.per_feature, rtol=1e-12)
    np.testing.assert_allclose(other.grad_W, factor * one.grad_W, rtol=1e-9, atol=1e-14)


@few_examples
@given(seeds, st.integers(2, 6), st.integers(1, 3), probabilities)
def test_orthogonal_factors_add_up(seed: int, n: int, m: int, p: float) -> None:
    # Block-diagonal WᵀW: no output sees the other block's features.
    (V, a), (W, b) = model(seed, n, m), model(seed + 1, 3, 2)
    whole = np.block([[V, np.zeros((m, 3))], [np.zeros((2, n)), W]])
    together = expected_loss(whole, np.concatenate([a, b]), p)
    apart = [expected_loss(V, a, p), expected_loss(W, b, p)]
    np.testing.assert_allclose(
        together.per_feature, np.concatenate([x.per_feature for x in apart]), rtol=1e-8, atol=1e-14
    )


@few_examples
@given(seeds, st.integers(2, 6), st.integers(1, 3))
def test_signs_are_free_when_every_feature_is_present(seed: int, n: int, m: int) -> None:
    # At p = 1, x_j and 1 − x_j have the same distribution.  Row i of s = Gx + b keeps its
    # distribution given x_i when the signs of G_ij, j ≠ i, flip and b_i makes up for it.
    W, b = model(seed, n, m)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=n)
    gram = W.T @ W
    moved = b + 0.5 * (gram - gram * np.outer(signs, signs)).sum(1)
    np.testing.assert_allclose(
        expected_loss(W * signs, moved, 1.0).per_feature,
        expected_loss(W, b, 1.0).per_feature,
        rtol=1e-9,
        atol=1e-14,
    )


@few_examples
@given(seeds, st.integers(2, 6), st.integers(1, 3), probabilities)
def test_the_best_bias_makes_the_open_error_vanish(seed: int, n: int, m: int, p: float) -> None:
    # ∂L/∂b_i = −2 E[(x_i − relu(s_i)) 1(s_i > 0)], checked by moving b: the loss is convex in b_i
    # where s_i > 0 throughout.
    W, b = model(seed, n, m)
    b = b + np.abs(W.T @ W).sum(1) + 1.0
    result = expected_loss(W, b, p)
    gram = W.T @ W
    np.testing.assert_allclose(result.grad_b, 2 * (gram.sum(1) * p / 2 + b - p / 2), rtol=1e-9)


@few_examples
@given(seeds, st.integers(1, 6), st.integers(1, 3), probabilities, st.floats(0.01, 5.0))
def test_dead_outputs_cost_their_second_moment(
    seed: int, n: int, m: int, p: float, margin: float
) -> None:
    W, _ = model(seed, n, m)
    b = -np.maximum(W.T @ W, 0.0).sum(1) - margin
    result = expected_loss(W, b, p)
    np.testing.assert_allclose(result.per_feature, p / 3, rtol=1e-12)
    assert not result.grad_W.any()
    assert not result.grad_b.any()


@few_examples
@given(seeds, st.integers(2, 5), st.integers(1, 3), st.floats(0.01, 0.99))
def test_the_gradient_predicts_the_loss(seed: int, n: int, m: int, p: float) -> None:
    # Simpson's rule along a short segment: exact for the cubic part of a smooth function.
    W, b = model(seed, n, m)
    rng = np.random.default_rng(seed + 1)
    dW, db = 1e-3 * rng.normal(size=W.shape), 1e-3 * rng.normal(size=n)

    def slope(t: float) -> float:
        at = expected_loss(W + t * dW, b + t * db, p)
        return float(np.sum(at.grad_W * dW) + at.grad_b @ db)

    rise = expected_loss(W + dW, b + db, p).loss - expected_loss(W, b, p).loss
    simpson = (slope(0.0) + 4 * slope(0.5) + slope(1.0)) / 6
    assert abs(rise - simpson) < 1e-9


@given(seeds, st.integers(1, 8), st.integers(1, 3), st.integers(2, 30), st.booleans())
def test_a_model_does_not_depend_on_the_batch_that_it_is_in(
    seed: int, n: int, m: int, size: int, with_zeros: bool
) -> None:
    rng = np.random.default_rng(seed)
    W, b = rng.normal(size=(size, m, n)), 0.3 * rng.normal(size=(size, n))
    if with_zeros:  # rows then have different numbers of weights
        W[rng.random(W.shape) < 0.3] = 0.0
    p, importance = 10.0 ** rng.uniform(-4, 0, (size, n)), 10.0 ** rng.uniform(-6, 0, (size, n))
    together = batch_losses(W, b, Problem(p=p, importance=importance))
    for i in range(min(size, 4)):
        at = slice(i, i + 1)
        alone = batch_losses(W[at], b[at], Problem(p=p[at], importance=importance[at]))
        for one, all_of_them in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one, all_of_them[at])
