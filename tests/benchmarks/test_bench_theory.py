"""Time of an exact expected loss with its gradient, beside the samples that it replaces."""

from __future__ import annotations

import time

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from geomsup.theory import expected_loss

SAMPLES = 20_000


@pytest.mark.parametrize(
    ("n_features", "n_hidden", "p", "tol"),
    [(5, 2, 0.1, 1e-10), (20, 5, 0.1, 1e-10), (400, 30, 0.02, 1e-6)],
    ids=["5 in 2", "20 in 5", "400 in 30"],
)
def test_loss_and_gradient(
    benchmark: BenchmarkFixture, n_features: int, n_hidden: int, p: float, tol: float
) -> None:
    rng = np.random.default_rng(0)
    W = rng.normal(size=(n_hidden, n_features)) / np.sqrt(n_hidden)
    result = benchmark(expected_loss, W, -0.1, p, tol=tol)
    # Sampling would need (σ / error)² draws for the same standard error, loss alone.
    start = time.perf_counter()
    x = rng.uniform(size=(SAMPLES, n_features))
    x *= rng.uniform(size=x.shape) < p
    losses = np.sum((x - np.maximum(x @ W.T @ W - 0.1, 0.0)) ** 2, axis=1)
    per_sample = (time.perf_counter() - start) / SAMPLES
    draws = (losses.std() / (tol * result.loss)) ** 2
    benchmark.extra_info["monte_carlo_seconds"] = draws * per_sample
    assert result.error_bound <= tol * result.loss
    assert abs(losses.mean() - result.loss) < 5 * losses.std() / np.sqrt(SAMPLES)
