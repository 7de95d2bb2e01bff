"""Searches that random starts alone would lose, limits of families, and absent features."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from exact_loss import exact_losses

from geomsup import list_shapes
from geomsup.errors import GeomsupError
from geomsup.theory import best_configuration, expected_loss, sparse_limit, symmetric_optimum
from geomsup.theory.loss import Problem
from geomsup.theory.starts import composed_starts, moved_starts


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "m", "p", "importance", "known"),
    [
        (7, 2, 0.01, np.ones(7), 0.0065509142),
        (7, 3, 0.05, 10.0 ** (-np.arange(7) / 2), 0.24679175e-3),
        (6, 2, 0.05, 0.7 ** np.arange(6), 7.3201459e-3),
        (7, 2, 0.15, 10.0 ** (-np.arange(7) / 2), 3.5654830e-3),
    ],
)
def test_the_best_known_is_found(
    n: int, m: int, p: float, importance: np.ndarray, known: float
) -> None:
    # Values that longer searches have found.
    assert best_configuration(n, m, p, importance).loss <= known * (1 + 1e-6)


@pytest.mark.parametrize("n_starts", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_compositions_find_the_heptagon_that_random_starts_miss(n_starts: int) -> None:
    best = best_configuration(7, 2, 0.01, n_starts=n_starts)
    assert best.name == "heptagon"
    assert best.loss == pytest.approx(0.0065509142, rel=1e-6)
    assert best.n_starts == n_starts
    assert 0 <= best.minima[0].share <= 1


@pytest.mark.parametrize(
    "p", [1e-3, *(pytest.param(p, marks=pytest.mark.slow) for p in (1e-6, 1e-8, 1e-12))]
)
def test_a_search_finds_the_digon_however_rare(p: float) -> None:
    best = best_configuration(2, 1, p, n_starts=1)
    assert best.loss == pytest.approx(symmetric_optimum("digon", 2, p).loss, rel=1e-6)


@pytest.mark.parametrize("least", [1e-3, 1e-9])
def test_a_search_keeps_an_unimportant_feature_that_costs_nothing(least: float) -> None:
    best = best_configuration(2, 2, 0.1, [1.0, least], n_starts=1)
    assert best.loss < 1e-9 * least
    assert best.report.counts() == {"monosemantic": 2}


def test_important_features_come_first_in_a_composition() -> None:
    importance = np.array([0.1, 1.0, 0.5, 0.2])
    problem = Problem.of(4, 0.1, importance)
    starts = composed_starts(1, problem, np.random.default_rng(0))
    digon = starts[0, :4]
    assert sorted(np.flatnonzero(np.abs(digon) > 0.5).tolist()) == [1, 2]
    best = symmetric_optimum("digon", 2, 0.1)
    assert np.abs(digon[[1, 2]]) == pytest.approx(np.sqrt(best.norm2))
    assert starts[0, 4:] == pytest.approx([0.05, best.bias, best.bias, 0.05])


def test_moves_drop_revive_merge_and_exchange() -> None:
    W = np.array([[1.0, -1.0, 0.0]])
    equal = moved_starts(W, np.zeros(3), np.ones(3), np.random.default_rng(0))[:, :3].tolist()
    assert [0.05, -1.0, 0.0] in equal  # dropped
    assert [1.0, -1.0, -1.0] in equal  # revived against the first
    assert [1.0, -1.0, 1.0] in equal  # and against the second
    assert [1.0, 1.0, 0.0] in equal  # merged: the later of two equals moves
    assert [-1.0, -1.0, 0.0] not in equal
    assert [-1.0, 1.0, 0.0] not in equal  # nothing to exchange
    importance = np.array([0.5, 1.0, 0.1])
    unequal = moved_starts(W, np.zeros(3), importance, np.random.default_rng(0))[:, :3].tolist()
    assert [-1.0, -1.0, 0.0] in unequal  # the less important moves
    assert [1.0, 1.0, 0.0] not in unequal
    assert [-1.0, 1.0, 0.0] in unequal
    assert [0.0, -1.0, 1.0] in unequal


def test_a_search_stops_when_compositions_and_random_starts_agree() -> None:
    easy = best_configuration(2, 1, 0.1, n_starts=100)
    assert easy.n_starts == 25
    assert easy.name == "digon"
    assert easy.n_converged <= easy.n_starts
    # Shares are of the starts that were used.
    assert sum(minimum.share for minimum in easy.minima) == pytest.approx(easy.n_converged / 25)
    again = best_configuration(2, 1, 0.1, n_starts=100)
    assert again.to_dict() == easy.to_dict()
    assert best_configuration(2, 1, 0.1, n_starts=7).n_starts == 7


@pytest.mark.slow
def test_a_search_goes_on_while_random_starts_miss_what_compositions_find() -> None:
    assert best_configuration(7, 2, 0.01, n_starts=40).n_starts == 40


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("square antiprism", marks=pytest.mark.slow),
        "pentagonal antiprism",
        "triangular prism",
    ],
)
def test_the_limit_of_a_family_is_taken_over_its_parameter(name: str) -> None:
    limit = sparse_limit(name)
    n = next(shape for shape in list_shapes() if shape.name == name).n_vertices
    p = 1e-6
    assert limit.coefficient * p**limit.order == pytest.approx(
        symmetric_optimum(name, n, p).loss, rel=1e-4
    )


def test_a_feature_that_is_never_there_changes_nothing() -> None:
    W, b = [[1.0, 0.0, 0.6], [0.0, 1.0, -0.8]], 0.2
    absent = expected_loss(W, b, [0.5, 0.5, 0.0])
    assert absent.per_feature == pytest.approx([0.04, 0.04, 0.0985416667], abs=1e-9)
    without = expected_loss([row[:2] for row in W], b, 0.5)
    assert absent.per_feature[:2] == pytest.approx(without.per_feature, abs=1e-15)
    assert absent.grad_b[:2] == pytest.approx(without.grad_b, abs=1e-15)
    rare = expected_loss(W, b, [0.5, 0.5, 1e-300])
    assert rare.per_feature == pytest.approx(absent.per_feature, abs=1e-15)


def _absent_and_certain(trials: int, seed: int) -> tuple[int, float]:
    """Losses of small whole weights beyond their bound, and the largest share of it."""
    rng = np.random.default_rng(seed)
    beyond, worst = 0, 0.0
    for k in range(trials):
        n, m = int(rng.integers(1, 5)), int(rng.integers(1, 4))
        W = rng.integers(-2, 3, size=(m, n)).astype(float)
        if k % 3 == 0:
            W *= rng.choice([0.5, 1e-3, 1.0], size=n)
        if n > 1 and k % 5 == 0:
            W[:, 1] = W[:, 0] * rng.choice([1, -1, 2])
        b = rng.integers(-2, 3, size=n) / 2
        p = rng.choice([0.0, 1e-300, 1e-9, 0.5, 1.0], size=n)
        result = expected_loss(W, b, p)
        exact = sum(exact_losses(W.tolist(), b.tolist(), p.tolist(), [1.0] * n), Fraction(0))
        error = abs(float(Fraction(result.loss) - exact))
        beyond += error > result.error_bound
        worst = max(worst, error / max(result.error_bound, 1e-300))
    return beyond, worst


def test_absent_certain_and_zero_agree_with_exact_sums() -> None:
    assert _absent_and_certain(400, 0)[0] == 0


@pytest.mark.slow
def test_absent_certain_and_zero_agree_with_exact_sums_many_times() -> None:
    assert _absent_and_certain(100_000, 1)[0] == 0


@pytest.mark.parametrize("n_starts", [10**8, 10**30])
def test_more_starts_than_memory_holds_are_one_clear_error(n_starts: int) -> None:
    with pytest.raises(GeomsupError, match=r"at most (25000000 starts|1e\+15)"):
        best_configuration(2, 1, 0.1, n_starts=n_starts)
