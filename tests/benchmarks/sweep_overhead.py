"""What a sweep costs beside the bare batches that it does, in the same run.

Processor time of all processes, which a busy machine changes less than the clock; the batches of
both are the same, and they take turns, so that what else runs meets both alike.

    python tests/benchmarks/sweep_overhead.py [tasks] [processes]
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from geomsup.sweeps import grid, sweep
from geomsup.sweeps.packing import packed
from geomsup.training import ToyModelConfig
from geomsup.training.loop import train_together

_CONFIG = {"n_features": 5, "n_hidden": 2, "n_steps": 500}


def _bare(configs: list[dict[str, object]], seeds: list[int]) -> None:
    train_together([ToyModelConfig.from_dict(config) for config in configs], seeds)


def _bare_batches(n_tasks: int, n_jobs: int) -> None:
    """The same trainings in the same batches on the same kind of pool, and nothing kept."""
    batches = [
        ([task.config for task in batch], [task.seed for task in batch])
        for batch in packed(grid("train", _CONFIG, seeds=n_tasks), n_jobs)
    ]
    with ProcessPoolExecutor(n_jobs, mp_context=get_context("spawn")) as pool:
        list(pool.map(_bare, *zip(*batches, strict=True)))


def _swept(n_tasks: int, n_jobs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tasks = grid("train", _CONFIG, seeds=n_tasks)
        sweep(tasks, store=folder, n_jobs=n_jobs, progress=False)


def _measured(call: Callable[[int, int], None], n_tasks: int, n_jobs: int) -> tuple[float, float]:
    """Seconds of the clock and of the processors, of this process and those that it began."""

    def used() -> float:
        both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(one.ru_utime + one.ru_stime for one in both)

    start, before = time.perf_counter(), used()
    call(n_tasks, n_jobs)
    return time.perf_counter() - start, used() - before


def main(n_tasks: int = 1000, n_jobs: int = 2, n_rounds: int = 3) -> None:
    """Print both times of every round, and the ratios."""
    for number in range(n_rounds):
        bare = _measured(_bare_batches, n_tasks, n_jobs)
        swept = _measured(_swept, n_tasks, n_jobs)
        ratios = [100.0 * (ours / theirs - 1.0) for ours, theirs in zip(swept, bare, strict=True)]
        print(
            f"round {number}: bare {bare[0]:.1f} s (processors {bare[1]:.1f} s), sweep "
            f"{swept[0]:.1f} s ({swept[1]:.1f} s): {ratios[0]:+.2f} % of the clock, "
            f"{ratios[1]:+.2f} % of the processors",
            flush=True,
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
