"""Cells of the atlas against each other: no size may cost more than others show that it need."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from geomsup.theory import AtlasCell, atlas_cell, atlas_cells, best_known, expected_loss
from geomsup.theory.atlas.cells import _starts, assembled
from geomsup.theory.packing import packed, unpacked

_CELLS = {cell.key: cell for cell in atlas_cells()}
_ROUNDING = 1e-9
_PROBABILITIES = (
    *(10.0 ** np.random.default_rng(18).uniform(-5, 0, 4)).tolist(),
    *np.random.default_rng(81).uniform(0.5, 1.0, 2).tolist(),
)


def _dropped(p: float) -> float:
    """What a feature costs whose output is its mean."""
    return p / 3.0 - p**2 / 4.0


@cache
def _least(n: int, m: int, p: float) -> float | None:
    """The least loss known; None for a size that is not in the atlas."""
    if m == 0:
        return n * _dropped(p)
    if n <= m:
        return 0.0
    return best_known(n, m, p).loss if (n, m) in _CELLS else None


@pytest.mark.parametrize("p", _PROBABILITIES)
def test_a_size_costs_no_more_than_two_parts_of_it(p: float) -> None:
    # One may be features that are dropped, and one may be as many dimensions as features, which
    # costs nothing: so another feature costs at most its variance, and another dimension nothing.
    compared = 0
    for n, m in _CELLS:
        here = _least(n, m, p)
        assert here is not None
        parts = ((k, d) for k in range(n + 1) for d in range(m + 1) if 0 < k + d < n + m)
        for k, d in parts:
            one, other = _least(k, d, p), _least(n - k, m - d, p)
            if one is not None and other is not None:
                compared += 1
                assert here <= (one + other) * (1.0 + _ROUNDING), (n, m, k, d)
    assert compared > 10 * len(_CELLS)


@pytest.mark.parametrize("p", _PROBABILITIES)
def test_the_loss_of_a_feature_grows_with_their_number(p: float) -> None:
    # Without feature k, the outputs of the others average those of models of n − 1 features, which
    # differ in the biases: L(n − 1) ≤ L(n) − L_k; the mean over k says L(n − 1)/(n − 1) ≤ L(n)/n.
    pairs = [(n, m) for n, m in _CELLS if (n + 1, m) in _CELLS]
    for n, m in pairs:
        here, above = _least(n, m, p), _least(n + 1, m, p)
        assert here is not None
        assert above is not None
        assert here / n <= above / (n + 1) * (1.0 + _ROUNDING), (n, m)
    assert len(pairs) > 15


def _loss(x: NDArray[np.float64], m: int, p: float) -> float:
    return float(expected_loss(*unpacked(x, m), p).loss)


@pytest.mark.parametrize(
    ("key", "other", "parts"),
    [
        ((3, 2), (2, 1), [(2, 1)]),  # a digon beside a feature alone
        ((4, 3), (2, 1), [(2, 1)]),  # … beside two
        ((4, 2), (2, 1), [(2, 1), (2, 1)]),
        ((5, 2), (4, 2), [(4, 2), (1, 0)]),  # one more feature, which is dropped
        ((4, 2), (3, 1), [(3, 1)]),
    ],
)
def test_a_size_is_offered_orthogonal_sums(
    key: tuple[int, int], other: tuple[int, int], parts: list[tuple[int, int]]
) -> None:
    p, (n, m) = 0.1, key
    starts = _starts(key, {other: _CELLS[other]}, None, np.empty((0, 0)), p)
    losses = [_loss(x, m, p) for x in starts]
    expected = sum(_least(*part, p) or 0.0 for part in parts)
    assert losses[0] == pytest.approx(expected, rel=1e-9)
    assert losses == sorted(losses)
    assert starts.shape[1] == n * (m + 1)


def test_a_size_is_offered_larger_ones_without_what_they_drop() -> None:
    # Seven features in two dimensions at .2 are a pentagon and two that are dropped.
    assert best_known(7, 2, 0.2).name == "pentagon, 2 dropped"
    starts = _starts((5, 2), {(7, 2): _CELLS[7, 2]}, None, np.empty((0, 0)), 0.2)
    assert _loss(starts[0], 2, 0.2) == pytest.approx(best_known(5, 2, 0.2).loss, rel=1e-9)


def test_a_size_is_offered_the_next_one_without_one_feature() -> None:
    others: dict[tuple[int, int], AtlasCell] = {(6, 3): _CELLS[6, 3]}
    starts = _starts((5, 3), others, None, np.empty((0, 0)), 0.1)
    octahedron = best_known(6, 3, 0.1)
    without = expected_loss(octahedron.W[:, 1:], octahedron.b[1:], 0.1).loss
    assert _loss(starts[0], 3, 0.1) == pytest.approx(without, rel=1e-9)


def test_what_is_near_and_what_was_known_is_offered_too() -> None:
    rng, p = np.random.default_rng(0), 0.1
    near = packed(rng.standard_normal((3, 2, 5)), rng.standard_normal((3, 5)))
    starts = _starts((5, 2), {}, _CELLS[5, 2], near, p)
    assert _loss(starts[0], 2, p) == pytest.approx(best_known(5, 2, p).loss, rel=1e-9)
    assert all(any(np.array_equal(x, start) for start in starts) for x in near)


@pytest.mark.parametrize("key", [(3, 2), pytest.param((5, 2), marks=pytest.mark.slow)])
def test_the_other_sizes_give_one_without_any_search(key: tuple[int, int]) -> None:
    others = {other: cell for other, cell in _CELLS.items() if other != key}
    made, known = assembled(key, {}, others), atlas_cell(*key)
    assert known is not None
    assert [entry.name for entry in made.entries] == [entry.name for entry in known.entries]
    np.testing.assert_allclose(made.boundaries, known.boundaries, rtol=1e-8)
    for mine, its in zip(made.entries, known.entries, strict=True):
        assert mine.symmetry == its.symmetry
        assert mine.loss[-1] == pytest.approx(its.loss[-1], rel=1e-9)
