"""The Gram room against its definitions, its theorems, and published false statements.

Theorem numbers: D_i is Elhage et al. 2022; ΣD ≤ rank is Scherlis et al. 2022; the Welch bound is
Welch 1974.
"""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import random_orthogonal
from strategies import Array, seeds, weight_matrices

from geomsup import (
    GeomsupError,
    feature_dimensionality,
    get_shape,
    gram_matrix,
    gram_summary,
    interference_matrix,
    leverage_scores,
)
from geomsup.geometry.gram import (
    coherence_of_units,
    cosine_matrix,
    feature_norms,
    unit_columns,
    welch_bound,
)


def naive_dimensionality(W: Array) -> Array:
    """The definition, term by term: D_i = |W_i|² / Σ_j (Ŵ_i·W_j)²."""
    result = np.zeros(W.shape[1])
    for i in range(W.shape[1]):
        norm = np.linalg.norm(W[:, i])
        if norm > 0:
            result[i] = norm**2 / sum(
                float(W[:, i] / norm @ W[:, j]) ** 2 for j in range(W.shape[1])
            )
    return result


def numerical_rank(W: Array) -> int:
    return gram_summary(W).rank


@given(weight_matrices())
def test_dimensionality_is_its_definition(W: Array) -> None:
    np.testing.assert_allclose(
        feature_dimensionality(W), naive_dimensionality(W), rtol=1e-9, atol=1e-300
    )


@given(weight_matrices())
def test_dimensionality_at_most_leverage_at_most_one(W: Array) -> None:
    # Cauchy–Schwarz; leverage drops singular values below 1e-6, so well-conditioned W only.
    singular = np.linalg.svd(W, compute_uv=False)
    if singular[0] == 0 or np.any((singular > 0) & (singular < 1e-5 * singular[0])):
        return
    leverage = leverage_scores(W)
    assert np.all(feature_dimensionality(W) <= leverage + 1e-9)
    assert np.all(leverage <= 1 + 1e-12)
    assert leverage.sum() == pytest.approx(numerical_rank(W), abs=1e-8)


@given(weight_matrices())
def test_total_dimensionality_lies_between_participation_ratio_and_rank(W: Array) -> None:
    total = feature_dimensionality(W).sum()
    gram = gram_matrix(W)
    squared = (gram**2).sum()
    # The true rank: what counts is the inequality, whatever the tolerance calls zero.
    assert total <= np.linalg.matrix_rank(W, tol=0) + 1e-9
    if squared > 0:
        assert total >= np.trace(gram) ** 2 / squared * (1 - 1e-9)
        assert gram_summary(W).participation_ratio == pytest.approx(
            np.trace(gram) ** 2 / squared, rel=1e-9
        )


@given(weight_matrices(), seeds)
def test_dimensionality_is_invariant(W: Array, seed: int) -> None:
    rng = np.random.default_rng(seed)
    expected = feature_dimensionality(W)
    rotated = random_orthogonal(W.shape[0], rng) @ W
    order = rng.permutation(W.shape[1])
    signs = rng.choice([-1.0, 1.0], W.shape[1])
    np.testing.assert_allclose(feature_dimensionality(rotated), expected, rtol=1e-8, atol=1e-14)
    np.testing.assert_allclose(feature_dimensionality(W * signs), expected, rtol=1e-9)
    np.testing.assert_allclose(feature_dimensionality(7.3 * W), expected, rtol=1e-9)
    np.testing.assert_allclose(feature_dimensionality(W[:, order]), expected[order], rtol=1e-9)


@given(weight_matrices(max_features=6), st.integers(0, 5))
def test_dropping_a_feature_never_lowers_the_others(W: Array, drop: int) -> None:
    if W.shape[1] < 2:
        return
    drop %= W.shape[1]
    kept = np.delete(np.arange(W.shape[1]), drop)
    before = feature_dimensionality(W)[kept]
    assert np.all(feature_dimensionality(W[:, kept]) >= before - 1e-12)


@pytest.mark.parametrize("scale", [1e-140, 1.0, 1e140])
def test_extreme_scales_neither_overflow_nor_underflow(scale: float) -> None:
    W = get_shape("pentagon").vertices.T * scale
    np.testing.assert_allclose(feature_dimensionality(W), 0.4, rtol=1e-12)
    np.testing.assert_allclose(feature_norms(W), scale, rtol=1e-12)
    np.testing.assert_allclose(leverage_scores(W), 0.4, rtol=1e-12)
    assert gram_summary(W).tightness == pytest.approx(1.0)


@given(weight_matrices(max_features=6))
def test_interference_and_norms_make_up_the_dimensionality(W: Array) -> None:
    squares = feature_norms(W) ** 2
    total = squares + interference_matrix(W).sum(axis=1)
    expected = np.divide(squares, total, out=np.zeros_like(squares), where=total > 0)
    np.testing.assert_allclose(feature_dimensionality(W), expected, rtol=1e-9)


def test_cosines_against_scikit_learn() -> None:
    from sklearn.metrics.pairwise import cosine_similarity

    W = np.random.default_rng(0).normal(size=(4, 9))
    W[:, 3] = 0
    expected = cosine_similarity(W.T)
    np.testing.assert_allclose(cosine_matrix(W), expected, atol=1e-14)


# Statements that sound true and are not (each is a trap that users fall into).


def test_total_dimensionality_need_not_be_n_hidden() -> None:
    angle = np.radians(60)
    W = np.array([[1.0, np.cos(angle)], [0.0, np.sin(angle)]])
    with pytest.warns(UserWarning, match="feature_axis"):
        assert feature_dimensionality(W).sum() == pytest.approx(1.6)


def test_full_capacity_does_not_need_a_single_frame_constant() -> None:
    W = np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 3.0]])
    np.testing.assert_allclose(feature_dimensionality(W), [0.5, 0.5, 1.0])
    assert gram_summary(W).tightness == pytest.approx(1.0)
    assert gram_summary(W).participation_ratio < 1.9


def test_a_large_dimensionality_does_not_mean_a_feature_is_kept() -> None:
    rng = np.random.default_rng(3)
    W = random_orthogonal(3, rng) @ np.array(
        [[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1e-6, 0.0], [0.0, 0.0, 0.0, 0.0]]
    )
    np.testing.assert_allclose(feature_dimensionality(W), [0.5, 0.5, 1.0, 0.0], rtol=1e-9)


def test_frobenius_dimensions_per_feature_is_the_mean_only_for_unit_tight_frames() -> None:
    pentagon = get_shape("pentagon").vertices.T
    assert 2 / (pentagon**2).sum() == pytest.approx(feature_dimensionality(pentagon).mean())
    uneven = pentagon * [1.0, 0.5, 1.0, 0.5, 1.0]
    assert abs(2 / (uneven**2).sum() - feature_dimensionality(uneven).mean()) > 0.1


def test_the_square_antiprism_has_three_eighths_only_as_a_tight_frame() -> None:
    family = get_shape("square antiprism").family
    assert family is not None
    dimensionality = {
        name: feature_dimensionality(family.build(value).T)[0]
        for name, value in family.landmarks.items()
    }
    # theory: .3750 tight, .37438 Thomson, .37395 least Σrelu(cos)², .36642 Tammes.
    assert dimensionality["tight frame"] == pytest.approx(0.375, abs=1e-12)
    assert dimensionality["Thomson"] == pytest.approx(0.37438, abs=5e-6)
    assert dimensionality["packing"] == pytest.approx(0.36642, abs=5e-6)


@pytest.mark.parametrize("k", range(2, 9))
def test_simplices_reach_the_welch_bound(k: int) -> None:
    W = get_shape(f"{k}-simplex" if k > 3 else ["triangle", "tetrahedron"][k - 2]).vertices.T
    summary = gram_summary(W)
    assert summary.coherence == pytest.approx(welch_bound(k + 1, k), abs=1e-12)
    assert summary.coherence == pytest.approx(1 / k, abs=1e-12)


@given(weight_matrices(max_features=7))
def test_coherence_is_at_least_the_welch_bound(W: Array) -> None:
    units, norms = unit_columns(W)
    units = units[:, norms > 0]
    if units.shape[1] < 2:
        return
    summary = gram_summary(units)
    # Welch's bound holds for any dimension that contains the vectors.
    assert summary.coherence >= welch_bound(units.shape[1], W.shape[0]) - 1e-9


def test_large_matrices_never_form_all_pairs() -> None:
    W = np.random.default_rng(1).normal(size=(16, 20_000))
    tracemalloc.start()
    feature_dimensionality(W)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The copy that as_weights takes and the scaled one; all pairs would be 3,200 MB.
    assert peak < 6 * W.nbytes


@pytest.mark.parametrize(("first", "second"), [(0, 1), (10, 2200), (2047, 2048), (2100, 2200)])
def test_coherence_of_more_columns_than_a_tile_holds(first: int, second: int) -> None:
    rng = np.random.default_rng(0)
    units, _ = unit_columns(rng.normal(size=(64, 2300)))
    across = units[:, second] - units[:, first] * (units[:, first] @ units[:, second])
    units[:, second] = 0.9 * units[:, first] + np.sqrt(0.19) * across / np.linalg.norm(across)
    # All others stay below .75.
    assert coherence_of_units(units) == pytest.approx(0.9, abs=1e-12)
    assert 0.4 < coherence_of_units(np.delete(units, second, axis=1)) < 0.75


@pytest.mark.parametrize(("size", "rank"), [(5e-7, 1), (2e-6, 2)])
def test_less_than_a_millionth_of_the_largest_is_no_rank(size: float, rank: int) -> None:
    W = (
        random_orthogonal(2, np.random.default_rng(0))
        @ np.diag([1.0, size])
        @ [[1, 0, 0], [0, 1, 0]]
    )
    summary = gram_summary(W)
    assert (summary.rank, summary.rank_tolerance) == (rank, 1e-6)
    assert leverage_scores(W).sum() == pytest.approx(rank, abs=1e-8)


def test_zero_matrix() -> None:
    W = np.zeros((2, 3))
    assert feature_dimensionality(W).tolist() == [0, 0, 0]
    assert leverage_scores(W).tolist() == [0, 0, 0]
    summary = gram_summary(W)
    assert (summary.rank, summary.tightness, summary.coherence) == (0, 0.0, 0.0)


def test_summary_prints_and_converts() -> None:
    summary = gram_summary(get_shape("pentagon").vertices.T)
    assert "rank 2" in str(summary)
    assert summary.to_dict()["rank"] == 2


@pytest.mark.parametrize("function", [feature_dimensionality, gram_summary, leverage_scores])
def test_bad_input_is_refused(function: object) -> None:
    with pytest.raises(GeomsupError):
        function([[np.nan, 1.0]])  # type: ignore[operator]  # parametrised over functions


@pytest.mark.parametrize(
    ("n_vectors", "dim", "name"),
    [
        ("a", 2, "n_vectors"),
        (4, "b", "dim"),
        (4.0, 2, "n_vectors"),
        (-1, 2, "n_vectors"),
        (4, None, "dim"),
        (True, 2, "n_vectors"),
        (4, np.nan, "dim"),
        ([4], 2, "n_vectors"),
    ],
)
def test_sizes_of_the_welch_bound_are_whole_numbers(n_vectors: Any, dim: Any, name: str) -> None:
    with pytest.raises(GeomsupError, match=f"{name} must be an integer of at least 0") as caught:
        welch_bound(n_vectors, dim)
    assert "\n" not in str(caught.value)


def test_the_welch_bound_of_numpy_integers() -> None:
    assert welch_bound(np.int64(4), np.int32(3)) == pytest.approx(1 / 3)  # type: ignore[arg-type]
    assert welch_bound(0, 0) == welch_bound(3, 0) == welch_bound(2, 2) == 0.0
