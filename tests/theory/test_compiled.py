"""The compiled route against exact fractions, against the NumPy route, and against itself."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from exact_loss import exact_losses
from numpy.typing import NDArray

from geomsup import compiling
from geomsup.theory import ExpectedLoss, compiled, expected_loss, verify_optimum
from geomsup.theory.loss import Problem, batch_losses
from geomsup.theory.rows import row_terms

numba = pytest.importorskip("numba")
entry = pytest.importorskip("geomsup.theory.compiled.entry")

FloatArray = NDArray[np.float64]


@pytest.fixture
def numpy_route(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOMSUP_COMPILED", "0")


def by_numpy(*args: FloatArray, tol: float = 1e-10) -> ExpectedLoss:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEOMSUP_COMPILED", "0")
        return expected_loss(*args, tol=tol)


def problems(seed: int, count: int, most: int) -> Iterator[tuple[FloatArray, ...]]:
    """Weights over six decades, zero and parallel columns, nearly perfect ones; p of any size."""
    for kind in range(count):
        rng = np.random.default_rng([seed, kind])
        n, m = int(rng.integers(1, most + 1)), int(rng.integers(1, 4))
        W = rng.normal(size=(m, n))
        if kind % 5 == 1:
            W *= 10.0 ** rng.uniform(-6, 0, size=n)
        elif kind % 5 == 2:
            W[:, rng.integers(n)] = 0.0
        elif kind % 5 == 3:
            W[:, -1] = W[:, 0] * rng.choice([1.0, -1.0, 0.5])
        elif kind % 5 == 4:
            W = np.linalg.qr(rng.normal(size=(n, n)))[0]
            W += 10.0 ** rng.uniform(-4, -1) * rng.normal(size=(n, n))
        b = rng.choice([0.0, 1.0]) * rng.normal(size=n) * 10.0 ** rng.uniform(-6, 0, size=n)
        p = 10.0 ** rng.uniform(-9, 0, size=n)
        if rng.random() < 0.5:
            p[:] = p[0]
        if rng.random() < 0.2:
            p[rng.integers(n)] = rng.choice([0.0, 1.0])
        yield W, b, p


def hold_against_fractions(W: FloatArray, b: FloatArray, p: FloatArray) -> None:
    """The loss within its bound; and one derivative, from a difference of exact losses."""
    n = len(b)
    result = expected_loss(W, b, p, tol=1e-7)
    rows = [[Fraction(x) for x in row] for row in W.tolist()]
    shifts = [Fraction(x) for x in b.tolist()]
    true = sum(exact_losses(rows, shifts, p.tolist(), [1.0] * n), Fraction(0))
    assert abs(Fraction(result.loss) - true) <= Fraction(result.error_bound)
    # The loss has no derivative where a column and its bias are zero.
    smooth = np.flatnonzero(np.any(W != 0.0, axis=0) | (b != 0.0))
    step, i = Fraction(1, 10**40), int(smooth[len(smooth) // 2]) if len(smooth) else 0
    moved = [row[:] for row in rows]
    moved[0][i] += step
    ahead = sum(exact_losses(moved, shifts, p.tolist(), [1.0] * n), Fraction(0))
    error = abs(Fraction(float(result.grad_W[0, i])) - (ahead - true) / step)
    if len(smooth):
        assert error <= Fraction(result.gradient_bound) + Fraction(1, 10**30)


@pytest.mark.parametrize("seed", range(4))
def test_bounds_hold_against_exact_fractions(seed: int) -> None:
    for problem in problems(seed, 25, 4):
        hold_against_fractions(*problem)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4, 24))
def test_bounds_hold_in_two_thousand_problems(seed: int) -> None:
    for problem in problems(seed, 100, 5):
        hold_against_fractions(*problem)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_bounds_of_the_series_hold_against_exact_fractions(seed: int) -> None:
    # Nine weights in a row are the fewest that the series serves, and enough for the fractions.
    rng = np.random.default_rng([3, seed])
    W = rng.normal(size=(3, 9)) * 10.0 ** rng.uniform(-1, 0, size=9)
    p = 10.0 ** rng.uniform(-rng.choice([0.3, 1.0, 3.0, 9.0]), 0, size=9)
    hold_against_fractions(W, 0.2 * rng.normal(size=9), p)


@pytest.mark.parametrize("n", [7, 9, 11, 13, 20])
@pytest.mark.parametrize("p", [1e-4, 0.05, 0.5, 1.0])
def test_both_routes_agree_within_their_bounds(n: int, p: float) -> None:
    rng = np.random.default_rng([5, n, int(1e4 * p)])
    W = rng.normal(size=(3, n)) * 10.0 ** rng.uniform(-1, 0, size=n) / np.sqrt(3)
    b, chances = 0.1 * rng.normal(size=n) - 0.05, np.full(n, p)
    one, other = expected_loss(W, b, chances), by_numpy(W, b, chances)
    assert not np.array_equal(one.grad_W, other.grad_W)  # two routes, indeed
    assert abs(one.loss - other.loss) <= one.error_bound + other.error_bound
    allowed = one.gradient_bound + other.gradient_bound
    assert np.abs(one.grad_W - other.grad_W).max() <= allowed
    assert np.abs(one.grad_b - other.grad_b).max() <= allowed
    size = max(np.abs(other.grad_W).max(), np.abs(other.grad_b).max())
    assert np.abs(one.grad_W - other.grad_W).max() <= 3e-8 * size


@pytest.mark.parametrize("n", [3, 8, 10, 14])
def test_a_model_does_not_depend_on_its_neighbours(n: int) -> None:
    rng = np.random.default_rng([6, n])
    W, b = rng.normal(size=(5, 2, n)), 0.2 * rng.normal(size=(5, n))
    W[3] *= 1e3  # a loss beside which the others are nothing
    problem = Problem.of(n, 10.0 ** rng.uniform(-3, 0, size=n), 1.0)
    together = batch_losses(W, b, problem)
    for order in ([2], [4, 2, 0], [1, 2, 3]):
        for whole, part in zip(together, batch_losses(W[order], b[order], problem), strict=True):
            assert np.array_equal(part[order.index(2)], whole[2])


def test_models_of_different_problems_go_together() -> None:
    rng = np.random.default_rng(7)
    W, b = rng.normal(size=(3, 2, 4)), 0.1 * rng.normal(size=(3, 4))
    p, importance = rng.uniform(0.01, 1, size=(2, 3, 4))
    loss, grad_W, grad_b = batch_losses(W, b, Problem(p=p, importance=importance))
    for i in range(3):
        alone = expected_loss(W[i], b[i], p[i], importance[i])
        assert loss[i] == pytest.approx(alone.loss, rel=1e-14)
        np.testing.assert_array_equal(grad_W[i], alone.grad_W)
        np.testing.assert_array_equal(grad_b[i], alone.grad_b)


def test_rows_need_not_come_from_weights() -> None:
    rng = np.random.default_rng(8)
    a, b, own = rng.normal(size=(8, 4)), 0.3 * rng.normal(size=8), np.arange(8) % 4
    rest = np.full((8, 4), 0.2), np.ones(8), 1e-10
    compiled_rows = row_terms(a, b, own, *rest)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEOMSUP_COMPILED", "0")
        reference = row_terms(a, b, own, *rest)
    np.testing.assert_allclose(compiled_rows.loss, reference.loss, rtol=1e-13)
    np.testing.assert_allclose(compiled_rows.grad_a, reference.grad_a, atol=1e-13)


def test_bounds_change_no_number() -> None:
    W, b = np.random.default_rng(9).normal(size=(2, 2, 9)), np.full((2, 9), -0.1)
    problem = Problem.of(9, 0.02, 1.0)
    exact = expected_loss(W[0], b[0], 0.02)
    losses, grad_W, _ = batch_losses(W, b, problem)
    assert losses[0] == pytest.approx(exact.loss, rel=1e-15)
    np.testing.assert_array_equal(grad_W[0], exact.grad_W)


def test_what_is_not_finite_stays_so() -> None:
    problem = Problem.of(3, 0.1, 1.0)
    W = np.ones((2, 1, 3))
    W[0, 0, 0] = np.inf
    losses, _, _ = batch_losses(W, np.zeros((2, 3)), problem)
    assert np.isnan(losses[0])
    assert np.isfinite(losses[1])


@pytest.mark.parametrize("weights", [np.eye(2), [[1.0, -1.0]], [[1.0, 0.2]]])
def test_verdicts_are_those_of_the_numpy_route(weights: object) -> None:
    found = verify_optimum(weights, 0.0, 0.1, n_starts=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEOMSUP_COMPILED", "0")
        assert verify_optimum(weights, 0.0, 0.1, n_starts=3).verdict == found.verdict


# ------------------------------------------------------------------------------- which route


@pytest.mark.usefixtures("numpy_route")
def test_the_environment_selects_numpy() -> None:
    assert not compiled.serves(5)


def test_more_features_are_left_to_numpy() -> None:
    assert compiled.serves(64)
    assert not compiled.serves(65)


def test_importing_the_theory_does_not_load_numba() -> None:
    code = "import sys, geomsup.theory; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_numba_numpy_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "_has_numba", lambda: False)
    assert not compiled.serves(5)


# ----------------------------------------------------------------------------- found on disk


def test_the_next_process_finds_it_on_disk() -> None:
    code = (
        "from geomsup.theory.compiled.entry import entry; print(*entry().stats.cache_hits.values())"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True) for _ in range(2)]
    if not entry.entry().stats.cache_path:
        pytest.skip("no folder to write to")
    assert runs[1].stdout.decode().strip() == "1"


def test_where_no_folder_can_be_written_it_is_compiled_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, cache: bool = False, **__: object) -> object:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(numba, "njit", refuse)
    assert entry._compiled(test_without_numba_numpy_computes) is not None


def test_what_takes_long_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(entry, "_SILENT_SECONDS", -1.0)
    monkeypatch.setattr(entry, "_compiled", lambda function: function)
    with caplog.at_level(logging.INFO, logger="geomsup"):
        entry.entry.__wrapped__()
    assert caplog.text.count("the exact losses were compiled in") == 1


def test_a_changed_source_is_not_taken_from_disk() -> None:
    # numba's key has what a function is closed over, beside its code.
    one, other = entry._closed_over("a"), entry._closed_over("b")
    cells = [f.__closure__[0].cell_contents for f in (one, other) if f.__closure__]
    assert cells == ["a", "b"]
    assert len(entry._state_of_the_sources()) == 64
