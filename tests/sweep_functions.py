"""Functions for sweeps of tests, in a module of their own because workers import them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from geomsup.sweeps import Work, grid, sweep

Config = dict[str, Any]


def square(config: Config, seed: int) -> dict[str, Any]:
    """Numbers that depend on the configuration and the seed alone."""
    draw = np.random.default_rng(seed).normal(size=3)
    return {"square": config["x"] ** 2, "first": float(draw[0]), "draw": draw * config["x"]}


def slowly(config: Config, seed: int) -> dict[str, Any]:
    """The same, after a while."""
    time.sleep(config.get("seconds", 0.05))
    return square(config, seed)


def fail_above(config: Config, seed: int) -> dict[str, Any]:
    """Fail where x is above one half, unless there is a file that says otherwise."""
    if config["x"] > 0.5 and not Path(config.get("cure", "")).is_file():
        raise RuntimeError(f"x is {config['x']}\nmore of it")
    return square(config, seed)


def nonsense(config: Config, seed: int) -> Any:
    """What no function may return."""
    wrong: dict[str, Any] = {
        "a number": 3,
        "nothing": None,
        "an object": {"it": object()},
        "words": {"it": np.array(["a"])},
        "complex": {"it": np.array([1j])},
        "no name": {1: 2},
        "a list": [1, 2],
    }
    return wrong[config["kind"]]


def nan(config: Config, seed: int) -> dict[str, Any]:
    """A result like another."""
    return {"loss": float("nan")}


def leave(config: Config, seed: int) -> dict[str, Any]:
    """A function that ends the program, as a script does."""
    raise SystemExit(3)


def die_once(config: Config, seed: int) -> dict[str, Any]:
    """Kill the own process, the first time that anybody gets here with this mark."""
    mark = config.get("mark")
    if mark is not None:
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
            os.kill(os.getpid(), signal.SIGKILL)
        except FileExistsError:
            pass
    return square(config, seed)


def where(config: Config, seed: int) -> dict[str, Any]:
    """The process, the threads of every library, and where an inner sweep runs."""
    threads = [int(library["num_threads"]) for library in threadpool_info()]
    inner = []
    if "inner" in config:
        tasks = grid("sweep_functions:where", seeds=3)
        done = sweep(tasks, store=config["inner"], n_jobs=2, progress=False)
        inner = [row["process"] for row in done.table()]
    return {"process": os.getpid(), "threads": max(threads, default=1), "inner": inner}


def _together(configs: Sequence[Config], seeds: Sequence[int]) -> list[dict[str, Any]]:
    found = [fail_above(config, seed) for config, seed in zip(configs, seeds, strict=True)]
    return [{**one, "beside": len(configs)} for one in found]


BATCHED = Work(
    together=_together, alike=lambda config: config.get("kind"), share=lambda config: 0.25
)


def _too_few(configs: Sequence[Config], seeds: Sequence[int]) -> list[dict[str, Any]]:
    return [{"x": 1}] * (len(configs) - 1)


TOO_FEW = Work(together=_too_few, share=lambda config: 0.5)


def _one_by_one(configs: Sequence[Config], seeds: Sequence[int]) -> list[dict[str, Any]]:
    if len(configs) > 1:
        raise RuntimeError("one of them is to blame")
    return [slowly(configs[0], seeds[0])]


ONE_BY_ONE = Work(together=_one_by_one, share=lambda config: 0.01)
