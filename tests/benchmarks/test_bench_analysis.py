"""Speed of the analysis: medians, and ratios against a named baseline in the same run."""

from __future__ import annotations

import time
import timeit
import tracemalloc
import warnings

import numpy as np
import pytest
from planted import planted
from pytest_benchmark.fixture import BenchmarkFixture
from strategies import Array

from geomsup import classify_geometry, feature_dimensionality, get_shape
from geomsup.matching import match_directions

warnings.simplefilter("ignore", UserWarning)


@pytest.mark.parametrize("sigma", [0.0, 0.05])
@pytest.mark.parametrize(
    "name", ["pentagon", "octahedron", "cube", "square antiprism", "icosahedron", "cuboctahedron"]
)
def test_match_a_small_shape_against_the_catalogue(
    benchmark: BenchmarkFixture, name: str, sigma: float
) -> None:
    directions = planted(name, 3, sigma, np.random.default_rng(0)).T
    result = benchmark(match_directions, directions)
    assert result.candidates[0].shape == name
    benchmark.extra_info["target"] = "2 ms"


@pytest.mark.parametrize(("name", "target"), [("600-cell", "30 ms"), ("E8 roots", "300 ms")])
def test_match_a_large_shape(benchmark: BenchmarkFixture, name: str, target: str) -> None:
    directions = planted(name, get_shape(name).dim, 0.05, np.random.default_rng(0)).T
    result = benchmark(match_directions, directions)
    assert result.candidates[0].shape == name
    benchmark.extra_info["target"] = target


@pytest.mark.parametrize("kind", ["random", "digons"])
def test_classify_400_features_in_30_dimensions(benchmark: BenchmarkFixture, kind: str) -> None:
    rng = np.random.default_rng(0)
    W = rng.normal(size=(30, 400))
    if kind == "digons":
        W *= np.r_[np.ones(60), np.full(340, 0.003)]
        W[:, :60] = np.kron(np.eye(30), [[1.0, -1.0]]) + 0.01 * rng.normal(size=(30, 60))
    report = benchmark(classify_geometry, W)
    assert len(report.components) == (1 if kind == "random" else 30)
    benchmark.extra_info["target"] = "1 s"


@pytest.mark.parametrize("name", ["digon", "triangle", "pentagon"])
def test_classify_60_of_400(benchmark: BenchmarkFixture, name: str) -> None:
    rng = np.random.default_rng(0)
    copies = 60 // get_shape(name).n_vertices
    units = np.concatenate([planted(name, 30, 0.02, rng) for _ in range(copies)], axis=1)
    W = np.concatenate([units, 0.003 * rng.normal(size=(30, 340))], axis=1)
    report = benchmark(classify_geometry, W)
    assert report.counts() == {name: copies}
    benchmark.extra_info["target"] = "1 s"


def leaning_directions(n_hidden: int, n_features: int, rng: np.random.Generator) -> Array:
    """Columns with a spectrum and a mean, as embeddings have them."""
    spectrum = np.arange(1.0, n_hidden + 1) ** -0.35
    mean = rng.normal(size=n_hidden)
    mean *= 0.5 * np.linalg.norm(spectrum) / np.linalg.norm(mean)
    return np.asarray((rng.normal(size=(n_features, n_hidden)) * spectrum + mean).T)


@pytest.mark.parametrize("kind", ["isotropic", "leaning"])
def test_classify_4000_in_768_dimensions(benchmark: BenchmarkFixture, kind: str) -> None:
    """Time as a multiple of one product of the directions, memory as one of what it gives."""
    rng = np.random.default_rng(0)
    isotropic = kind == "isotropic"
    W = rng.normal(size=(768, 4000)) if isotropic else leaning_directions(768, 4000, rng)
    baseline = min(timeit.repeat(lambda: W.T @ W, number=1, repeat=3))
    report = benchmark(classify_geometry, W)
    assert benchmark.stats is not None
    ratio = benchmark.stats.stats.median / baseline
    tracemalloc.start()
    classify_geometry(W)
    peak = tracemalloc.get_traced_memory()[1] / (8 * 4000**2)
    tracemalloc.stop()
    assert len(report.components) == (0 if isotropic else 1)
    benchmark.extra_info.update({"of one product": ratio, "memory, cosine matrices": peak})
    print(f"\n{kind}: {ratio:.1f} products, {peak:.1f} cosine matrices")
    assert ratio <= 40
    assert peak <= 6


def pairwise_dimensionality(W: Array, block: int = 1000) -> Array:
    """The baseline: every cosine with every other feature, a block of rows at a time."""
    result = np.empty(W.shape[1])
    for start in range(0, W.shape[1], block):
        gram = W[:, start : start + block].T @ W
        squares = (W[:, start : start + block] ** 2).sum(axis=0)
        result[start : start + block] = squares**2 / (gram**2).sum(axis=1)
    return result


def test_dimensionality_against_all_pairs(benchmark: BenchmarkFixture) -> None:
    W = np.random.default_rng(0).normal(size=(384, 30_000))
    start = time.perf_counter()
    expected = pairwise_dimensionality(W)
    baseline = time.perf_counter() - start
    ours = benchmark(feature_dimensionality, W)
    error = float(np.abs(ours / expected - 1).max())
    assert benchmark.stats is not None
    ratio = baseline / benchmark.stats.stats.median
    benchmark.extra_info.update(
        {"all pairs, s": baseline, "ratio": ratio, "target": "15", "relative error": error}
    )
    print(f"\n30,000 × 384: {ratio:.1f} times faster than all pairs, relative error {error:.1e}")
    assert error <= 1e-12
    assert ratio >= 15
