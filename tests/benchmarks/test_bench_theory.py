"""Time of an exact expected loss with its gradient, by both routes and beside samples."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from geomsup.theory import compiled, expected_loss
from geomsup.theory.loss import Problem, batch_losses

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


def fastest(function: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of some calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


@pytest.mark.skipif(not compiled.serves(2), reason="the extra fast is not installed")
@pytest.mark.parametrize("p", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("orders", [0, 2], ids=["like weights", "weights over two decades"])
@pytest.mark.parametrize(
    ("n_features", "n_hidden"), [(3, 2), (5, 2), (8, 3), (12, 4), (20, 5)], ids=str
)
def test_compiled_beside_numpy(
    benchmark: BenchmarkFixture, n_features: int, n_hidden: int, orders: int, p: float
) -> None:
    rng = np.random.default_rng(0)
    W = rng.normal(size=(n_hidden, n_features)) / np.sqrt(n_hidden)
    W *= 10.0 ** rng.uniform(-orders, 0, size=n_features)
    b, problem = np.full(n_features, -0.1), Problem.of(n_features, p, 1.0)
    calls: dict[str, Callable[[], object]] = {
        "batch_losses": lambda: batch_losses(W[None], b[None], problem),
        "expected_loss": lambda: expected_loss(W, b, p),
    }
    # In turns, because other work on the machine slows whatever happens to run beside it.
    seconds = {(name, route): np.inf for name in calls for route in "10"}
    for _ in range(5):
        for name, route in seconds:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("GEOMSUP_COMPILED", route)
                took = fastest(calls[name], 10 if route == "1" else 3)
                seconds[name, route] = min(seconds[name, route], took)
    for name in calls:
        benchmark.extra_info[f"{name}_ms"] = 1e3 * seconds[name, "1"]
        benchmark.extra_info[f"{name}_ratio"] = seconds[name, "0"] / seconds[name, "1"]
        # Three features may all be polynomials, which NumPy is quick at too.
        assert seconds[name, "0"] > (1 if n_features == 3 else 10) * seconds[name, "1"]
    benchmark(calls["batch_losses"])
