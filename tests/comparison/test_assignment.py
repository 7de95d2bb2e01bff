"""The assignment along edges against SciPy's dense solver, and its prices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from geomsup.comparison.assignment import Assignment, assign

Array = np.ndarray[Any, np.dtype[np.float64]]


def _of_dense(values: Array) -> Assignment:
    rows, columns = np.divmod(np.arange(values.size), values.shape[1])
    return assign(rows, columns, values.ravel(), values.shape[1])


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 4), (7, 9), (40, 40), (30, 90)])
@pytest.mark.parametrize("kind", ["normal", "ties", "constant", "below zero"])
def test_all_edges_give_what_the_dense_solver_gives(
    shape: tuple[int, int], kind: str, rng: np.random.Generator
) -> None:
    values = {
        "normal": rng.normal(size=shape),
        "ties": rng.integers(0, 4, size=shape).astype(float),
        "constant": np.full(shape, 0.25),
        "below zero": -rng.random(size=shape) - 1,
    }[kind]
    found = _of_dense(values)
    rows = np.arange(shape[0])
    best = values[linear_sum_assignment(values, maximize=True)].sum()
    assert np.unique(found.columns).size == shape[0]
    assert values[rows, found.columns].sum() == pytest.approx(best, abs=1e-12)
    left = found.row_prices[:, None] + found.column_prices - values
    assert left.min() >= -1e-12
    np.testing.assert_allclose(left[rows, found.columns], 0, atol=1e-12)
    assert found.column_prices.min() >= 0
    free = np.setdiff1d(np.arange(shape[1]), found.columns)
    np.testing.assert_array_equal(found.column_prices[free], 0)


def test_without_numba_the_same_is_found(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = rng.normal(size=(30, 40))
    compiled = _of_dense(values)
    monkeypatch.setenv("GEOMSUP_COMPILED", "0")
    for one, other in zip(_of_dense(values), compiled, strict=True):
        np.testing.assert_array_equal(one, other)


def test_missing_edges_are_not_taken() -> None:
    # The first row would take the only column of the second.
    edges = np.array([0, 0, 1]), np.array([0, 1, 0])
    assert assign(*edges, np.array([0.9, 0.1, 0.2]), 3).columns.tolist() == [1, 0]


def test_many_alike_on_a_circle_take_no_longer_than_others(rng: np.random.Generator) -> None:
    """SciPy's sparse solver bids without end here."""
    one, other = np.sort(rng.uniform(0, 2 * np.pi, size=(2, 400)))
    values = np.cos(one[:, None] - other)
    best = values[linear_sum_assignment(values, maximize=True)].sum()
    assert values[np.arange(400), _of_dense(values).columns].sum() == pytest.approx(best, abs=1e-9)
