"""Tiles against the whole matrix of cosines, tables of tails against integrals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from geomsup import census
from geomsup.errors import GeomsupError
from geomsup.nulls import IsotropicNull, MatchedNull
from geomsup.survey import pairs, tiles
from geomsup.survey.pairs import Scan, scan
from geomsup.survey.source import Directions
from geomsup.survey.tails import (
    FixedTails,
    PooledTails,
    isotropic_tails,
    matched_tails,
)
from geomsup.survey.tiles import N_BINS

Array = np.ndarray[Any, np.dtype[np.float64]]


def directions(n: int, dim: int, rng: np.random.Generator, shift: float = 0.0) -> Directions:
    rows = rng.normal(size=(n, dim)) + shift
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Directions(rows.astype(np.float32))


def all_cosines(rows: Directions) -> tuple[Any, Any, Array]:
    i, j = np.triu_indices(rows.n, 1)
    units = rows.units(0, rows.n).astype(np.float64)
    return i, j, (units @ units.T)[i, j]


@pytest.mark.parametrize("n", [2, 37, 129])
@pytest.mark.parametrize("shift", [0.0, 3.0])  # at 3 no cosine is below 0
def test_tiles_see_what_the_whole_matrix_has(
    n: int, shift: float, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "_TILE", 16)
    monkeypatch.setattr(tiles, "_TASK", 48)
    rows = directions(n, 5, rng, shift)
    i, j, cosines = all_cosines(rows)
    found = scan(rows, FixedTails(0.3), log_p=0.0, max_pairs=10**6)
    whole = np.full((n, n), np.nan)
    whole[i, j] = whole[j, i] = cosines
    np.testing.assert_allclose(found.largest, np.nanmax(whole, axis=1), atol=1e-6)
    np.testing.assert_allclose(found.least, np.nanmin(whole, axis=1), atol=1e-6)
    np.testing.assert_array_equal(found.nearest, np.nanargmax(whole, axis=1))
    np.testing.assert_array_equal(found.opposite, np.nanargmin(whole, axis=1))
    expected = np.histogram(cosines, N_BINS, (-1, 1))[0]
    assert found.histogram.sum() == n * (n - 1) / 2
    # Next to the edge of a bin float32 may decide otherwise.
    assert np.abs(np.cumsum(found.histogram - expected)).max() <= 2
    far = (cosines >= max(0.3, found.cuts[1])) | (cosines <= min(-0.3, found.cuts[0]))
    kept = {*zip(found.pairs.i.tolist(), found.pairs.j.tolist(), strict=True)}
    assert kept == {*zip(i[far].tolist(), j[far].tolist(), strict=True)}
    np.testing.assert_allclose(found.pairs.cosines, cosines[far], atol=1e-6)
    assert found.levels.sum() == far.sum()


def test_the_histogram_of_many_rows_is_exact_beyond_the_cuts(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "_SAMPLED_ROWS", 200)
    monkeypatch.setattr(pairs, "_LEAST_OUTER", 0)
    rows = directions(600, 8, rng)
    cosines = all_cosines(rows)[2]
    found = scan(rows, FixedTails(np.inf), log_p=0.0, max_pairs=0)
    for t in (0.8, -0.8, 0.9):
        exact = int((cosines >= t).sum() if t > 0 else (cosines <= t).sum())
        assert abs(found.n_beyond(t) - exact) <= 2
    middle = np.histogram(cosines, 20, (-1, 1))[0]
    np.testing.assert_allclose(found.histogram.reshape(20, -1).sum(axis=1), middle, rtol=0.15)


def test_the_same_pairs_are_kept_whatever_the_threads_and_the_tasks(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = directions(400, 10, rng)
    tails = isotropic_tails(10)
    monkeypatch.setattr(tiles, "_TILE", 64)
    results = []
    for n_threads, task in ((1, 64), (3, 64), (2, 256)):
        monkeypatch.setattr(tiles, "_TASK", task)
        monkeypatch.setattr("os.cpu_count", lambda n=n_threads: n)
        results.append(scan(rows, tails, log_p=np.log(0.02), max_pairs=150))
    full = scan(rows, tails, log_p=np.log(0.02), max_pairs=10**6)
    for one in results:
        assert 0 < one.pairs.i.size <= 150
        np.testing.assert_array_equal(one.levels, full.levels)
        assert one.levels[:, one.kept_levels :].sum() == one.pairs.i.size
        # The most improbable ones.
        np.testing.assert_allclose(
            np.sort(one.pairs.log_p), np.sort(full.pairs.log_p)[: one.pairs.i.size]
        )
        np.testing.assert_array_equal(one.pairs.i, results[0].pairs.i)
        np.testing.assert_array_equal(one.pairs.j, results[0].pairs.j)


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("compiled_from", [0, 10**9])
def test_of_equal_cosines_the_first_partner_is_taken(
    n_threads: int, compiled_from: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled_from:
        pytest.importorskip("numba")
    monkeypatch.setattr(tiles, "_COMPILED_FROM", compiled_from)
    monkeypatch.setattr(tiles, "_TILE", 16)
    monkeypatch.setattr(tiles, "_TASK", 48)
    monkeypatch.setattr("os.cpu_count", lambda: n_threads)
    # Axes and their opposites: cosines are 1, 0 and -1 without rounding.
    rows = np.concatenate([np.eye(4), -np.eye(4)])[rng.integers(0, 8, 150)].astype(np.float32)
    found = scan(Directions(rows), FixedTails(0.5), log_p=0.0, max_pairs=10**6)
    cosines = rows @ rows.T
    for which, partners, own in ((np.argmax, found.nearest, -2), (np.argmin, found.opposite, 2)):
        np.fill_diagonal(cosines, own)
        np.testing.assert_array_equal(partners, which(cosines, axis=1))


# --- tables of tails ------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [2, 3, 16, 384, 4096])
def test_the_isotropic_table_is_the_formula(dim: int) -> None:
    null, tails = IsotropicNull(dim), isotropic_tails(dim)
    t = np.linspace(np.abs(tails.thresholds(np.log(4e-3))[0][0]), 0.99, 50)
    none = np.zeros(50, dtype=np.intp)
    for sign in (1, -1):
        got = tails.log_p(none, none, sign * t)
        np.testing.assert_allclose(got, null.log_tail(t, sign=1), rtol=2e-4, atol=0.02)
    upper, lower = tails.thresholds(np.log(1e-4))
    assert null.log_tail(upper[0], sign=1) == pytest.approx(np.log(1e-4), abs=0.02)
    assert lower[0] == -upper[0]


def anisotropic(dim: int, rng: np.random.Generator) -> MatchedNull:
    scales = np.exp(0.5 * rng.normal(size=dim))
    return MatchedNull(0.3 * rng.normal(size=dim), np.diag(scales**2))


@pytest.mark.parametrize("dim", [6, 40])
def test_a_matched_table_has_the_larger_of_both_ends(dim: int, rng: np.random.Generator) -> None:
    null = anisotropic(dim, rng)
    rows = Directions(null.draw(60, 3))
    tails = matched_tails(null, rows)
    i, j = np.triu_indices(60, 1)
    cosines = np.tanh(rng.uniform(0.3, 2.5, size=i.size)) * rng.choice([-1, 1], size=i.size)
    ends = [
        null.log_tail(rows.exact(k), np.abs(cosines), np.where(cosines < 0, -1, 1)) for k in (i, j)
    ]
    exact = np.maximum(*ends)
    rare = exact < np.log(2e-3)
    error = np.abs(tails.log_p(i, j, cosines) - exact)[rare]
    assert rare.sum() > 300
    assert np.quantile(error, 0.99) < 0.1
    assert error.max() < 0.4


def test_a_background_without_all_dimensions_has_tables_too(rng: np.random.Generator) -> None:
    # Fewer rows than dimensions: nothing is opposite to them, and tails end before t = 1.
    null = MatchedNull.of(rng.normal(size=(30, 40)) + 0.3, feature_axis=0)
    rows = Directions(null.draw(30, 1))
    tails = matched_tails(null, rows)
    i, j = np.triu_indices(30, 1)
    for cosine in (0.3, 0.6, -0.6, -0.97):
        log_p = tails.log_p(i, j, np.full(i.size, cosine))
        assert np.isfinite(log_p).all()
        assert (log_p <= 0).all()
    sides = [null.log_tail(rows.exact(k), 0.6, 1) for k in (i, j)]
    got = tails.log_p(i, j, np.full(i.size, 0.6))
    np.testing.assert_allclose(got, np.maximum(*sides), atol=0.3)


def test_thresholds_of_rows_have_the_probability_asked_for(rng: np.random.Generator) -> None:
    null = anisotropic(30, rng)
    rows = Directions(null.draw(50, 4))
    exact = rows.exact(np.arange(50))
    for tails in (
        matched_tails(null, rows),
        matched_tails(null, rows, between=(0.3, 0.9), n_nodes=5),
    ):
        above, below = tails.thresholds(-9.0)
        for sign, t in ((1, above), (-1, below)):
            np.testing.assert_allclose(null.log_tail(exact, sign * t, sign), -9.0, atol=0.15)


def test_pooled_tails_count() -> None:
    counts = np.zeros(N_BINS)
    counts[[500, 1000, 1600, 1899]] = [20, 960, 15, 5]  # cosines -.5, 0, .6 and .899
    tails = PooledTails(counts)
    none = np.zeros(5, dtype=np.intp)
    p = np.exp(tails.log_p(none, none, np.array([0.95, 0.8, 0.6005, -0.4995, -0.9])))
    np.testing.assert_allclose(p * 1001, [1, 6, 21, 21, 1])
    above, below = tails.thresholds(np.log(10 / 1001))
    assert above[0] == pytest.approx(0.601)
    assert below[0] == pytest.approx(-0.5)


# --- the other two ways to compute a tile ---------------------------------------------------------


def same_scans(one: Scan, other: Scan, atol: float) -> None:
    for name in ("largest", "least"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=atol)
    for name in ("nearest", "opposite"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(one.pairs.i, other.pairs.i)
    np.testing.assert_array_equal(one.pairs.j, other.pairs.j)
    np.testing.assert_allclose(one.pairs.cosines, other.pairs.cosines, atol=atol)
    # Where cosines differ at all, some are on the other side of an edge.
    far_off = np.abs(np.cumsum(one.histogram - other.histogram)).max()
    assert far_off <= (2 if atol else 0)


@pytest.mark.parametrize("n", [40, 333])
@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_the_compiled_loop_takes_the_same_to_the_last_bit(
    n: int, shift: float, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba")
    monkeypatch.setattr(tiles, "_TILE", 70)  # no multiple of what goes side by side
    rows = directions(n, 6, rng, shift)
    by_numpy = scan(rows, FixedTails(0.3), log_p=0.0, max_pairs=10**6)
    monkeypatch.setattr(tiles, "_COMPILED_FROM", 0)
    same_scans(by_numpy, scan(rows, FixedTails(0.3), log_p=0.0, max_pairs=10**6), atol=0.0)
    monkeypatch.setenv("GEOMSUP_COMPILED", "0")
    assert tiles.InMemory(rows, 1)._read is tiles.read


def test_the_compiled_loop_finds_what_is_planted_in_a_tile(rng: np.random.Generator) -> None:
    compiled = pytest.importorskip("geomsup.survey.compiled")
    for shape in ((1, 1), (3, 130), (65, 64), (129, 7)):
        tile = rng.uniform(-1, 1, size=shape).astype(np.float32)
        rows, columns, at, which = compiled.read(tile, np.float32(-0.9), np.float32(0.8))
        for k, (value, place) in enumerate(((np.max, np.argmax), (np.min, np.argmin))):
            np.testing.assert_array_equal(rows[k], value(tile, axis=1))
            np.testing.assert_array_equal(columns[k], value(tile, axis=0))
            np.testing.assert_array_equal(which[k], place(tile, axis=0))
        np.testing.assert_array_equal(at, np.flatnonzero((tile <= -0.9) | (tile >= 0.8)))


@pytest.mark.parametrize("n", [2, 150])
@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_torch_takes_the_same(
    n: int, shift: float, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from geomsup.survey import on_device

    monkeypatch.setattr(on_device, "_STRIP", 32)
    monkeypatch.setattr(on_device, "_BLOCK", 48)
    rows = directions(n, 6, rng, shift)
    tails = isotropic_tails(6)
    on_cpu = scan(rows, tails, log_p=np.log(0.02), max_pairs=200)
    monkeypatch.setattr(
        pairs, "_product_of", lambda rows, _: on_device.OnDevice(rows, torch.device("cpu"))
    )
    by_torch = scan(rows, tails, log_p=np.log(0.02), max_pairs=200)
    same_scans(on_cpu, by_torch, atol=1e-6)
    np.testing.assert_array_equal(on_cpu.levels, by_torch.levels)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_takes_the_same(rng: np.random.Generator) -> None:
    rows = directions(9000, 64, rng)
    tails = isotropic_tails(64)
    found = [
        scan(rows, tails, log_p=np.log(1e-3), max_pairs=10**6, device=device)
        for device in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(found[0].largest, found[1].largest, atol=1e-6)
    assert abs(found[0].pairs.i.size - found[1].pairs.i.size) <= 20  # next to the bound


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "mps", 3, None])
def test_devices_that_are_not_there(device: Any, rng: np.random.Generator) -> None:
    with pytest.raises(GeomsupError, match="device"):
        census(rng.normal(size=(30, 4)), feature_axis=0, device=device)
