"""The matching against SciPy's dense solver, and its certificate against all pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from geomsup.comparison import neighbours as module
from geomsup.comparison.matching import Matched, match_directions
from geomsup.comparison.neighbours import overpaid
from geomsup.survey.source import Directions

Array = np.ndarray[Any, np.dtype[np.float64]]
KINDS = [
    "uniform",
    "noisy copy",
    "unequal axes",
    "about a mean",
    "clusters",
    "other clusters",
    "copies",
    "in a plane",
    "whole numbers",
]


def _rows(kind: str, n: int, dim: int, rng: np.random.Generator, first: Array | None) -> Array:
    """Directions of a kind; those of the second dictionary may have to do with the first's."""
    rows = rng.normal(size=(n, dim))
    centres = np.random.default_rng(7 + (first is not None)).normal(size=(8, dim))
    common = np.random.default_rng(7).normal(size=(8, dim))
    which = rng.integers(0, 8, n)
    made = {
        "noisy copy": rows if first is None else first[rng.integers(0, len(first), n)] + 0.5 * rows,
        "unequal axes": rows * np.exp(np.random.default_rng(3).normal(size=dim)),
        "about a mean": rows + common[0],
        "clusters": common[which] + 0.1 * rows,
        "other clusters": centres[which] + 0.05 * rows,
        "copies": common[which],
        "in a plane": rows * (np.arange(dim) < 2),
        "whole numbers": np.sign(np.round(rows)) + (np.arange(dim) == 0) * 0.5,
    }
    return np.asarray(made.get(kind, rows))


def _directions(rows: Array) -> Directions:
    return Directions((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))


def _problem(kind: str, n_a: int, n_b: int, dim: int, seed: int) -> tuple[Directions, Directions]:
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    rows = _rows(kind, n_a, dim, rng, None)
    return _directions(rows), _directions(_rows(kind, n_b, dim, rng, rows))


def _checked(a: Directions, b: Directions, signed: bool) -> Matched:
    """The matching, held against all pairs in float64."""
    found = match_directions(a, b, signed=signed)
    cosines = np.clip(a.exact(np.arange(a.n)) @ b.exact(np.arange(b.n)).T, -1, 1)
    cosines = cosines if signed else np.abs(cosines)
    best = cosines[linear_sum_assignment(cosines, maximize=True)].mean()
    i, j = found.pairs.T
    assert np.unique(i).size == np.unique(j).size == i.size == min(a.n, b.n)
    assert np.all(np.diff(i) > 0)
    np.testing.assert_allclose(found.cosines, cosines[i, j], atol=1e-12)
    assert found.cosines.mean() == pytest.approx(best, abs=1e-9)
    # The certificate: prices pay for all pairs, and their sum bounds all matchings.
    prices_a, prices_b = found.prices
    assert (cosines - prices_a[:, None] - prices_b).max() <= 1e-12
    # Nobody must take part of the larger one, so that a price below 0 would prove nothing.
    assert a.n >= b.n or prices_b.min() >= 0
    assert b.n >= a.n or prices_a.min() >= 0
    bound = (prices_a.sum() + prices_b.sum()) / i.size
    assert found.bound == pytest.approx(bound, abs=1e-12)
    assert -1e-12 <= bound - found.cosines.mean() <= 1e-9
    for axis, cos in enumerate(found.nearest_cosines):
        # float32 may take another one among several that are as near.
        np.testing.assert_allclose(cos, cosines.max(axis=1 - axis), atol=3e-6)
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n_a", "n_b", "dim"), [(2, 2, 3), (150, 150, 16), (90, 160, 5)])
def test_the_best_matching_and_its_proof(kind: str, n_a: int, n_b: int, dim: int) -> None:
    a, b = _problem(kind, n_a, n_b, dim, 0)
    _checked(a, b, signed=True)
    _checked(b, a, signed=False)


@pytest.mark.slow
def test_the_best_matching_of_200_problems() -> None:
    for seed in range(200):
        rng = np.random.default_rng([seed, 11])
        n_a, n_b = (int(2 * 1000 ** rng.random()) for _ in range(2))
        if seed % 2:
            n_b = n_a
        if seed < len(KINDS):
            n_a = n_b = 2000
        a, b = _problem(KINDS[seed % len(KINDS)], n_a, n_b, int(2 ** rng.uniform(1, 7)), seed)
        _checked(a, b, signed=bool(seed % 3))


def test_pairs_that_were_no_candidates_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROW_CANDIDATES", 1)
    monkeypatch.setattr(module, "_COLUMN_CANDIDATES", 1)
    for kind in ("uniform", "other clusters"):
        _checked(*_problem(kind, 200, 220, 12, 3), signed=True)


def test_a_loose_tolerance_still_bounds_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROW_CANDIDATES", 2)
    monkeypatch.setattr(module, "_COLUMN_CANDIDATES", 1)
    a, b = _problem("uniform", 300, 300, 24, 5)
    best = _checked(a, b, signed=True)
    loose = match_directions(a, b, signed=True, tolerance=0.05)
    assert loose.cosines.mean() < best.cosines.mean() - 1e-6
    assert best.cosines.mean() <= loose.bound <= loose.cosines.mean() + 0.05


@pytest.mark.parametrize("signed", [True, False])
def test_what_costs_less_than_it_is_worth_is_seen(signed: bool) -> None:
    """More tiles than one; the excess is far below what float32 resolves."""
    a, b = _problem("uniform", 700, 2500, 8, 1)
    cosines = a.exact(np.arange(a.n)) @ b.exact(np.arange(b.n)).T
    cosines = cosines if signed else np.abs(cosines)
    prices_b = np.random.default_rng(2).random((b.n,))
    prices_a = (cosines - prices_b).max(axis=1)
    dearest = (cosines - prices_b).argmax(axis=1)
    prices_a[[3, 600]] -= [1e-9, 1e-4]
    over = overpaid(a, b, prices_a, prices_b, signed=signed, least=1e-10)
    listed = {*zip(over.rows.tolist(), over.columns.tolist(), strict=True)}
    assert {(3, int(dearest[3])), (600, int(dearest[600]))} <= listed
    expected = np.maximum((cosines - prices_a[:, None] - prices_b).max(axis=1), 0)
    np.testing.assert_allclose(over.excess, expected, atol=1e-13)
