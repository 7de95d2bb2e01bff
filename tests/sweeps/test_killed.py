"""kill -9 and Ctrl-C at random moments: what was kept stays, and the end is the same."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from geomsup.sweeps import Store, Task, grid, sweep

_TESTS = Path(__file__).parents[1]
_SCRIPT = """\
import sys
sys.path.insert(0, {tests!r})
from geomsup.sweeps import grid, sweep
if __name__ == "__main__":
    sweep(grid({function!r}, {config!r}, seeds={seeds}), store={store!r}, n_jobs={n_jobs},
          progress=False)
"""
Work = tuple[str, dict[str, float], int]  # function, configuration, number of tasks
_SLOW: Work = ("sweep_functions:slowly", {"x": 0.5, "seconds": 0.04}, 60)
# Of a batch that fails its tasks are done one by one, and each is kept when it ends.
_ONE_BY_ONE: Work = ("sweep_functions:ONE_BY_ONE", {"x": 0.5, "seconds": 0.04}, 60)
_TRAININGS: Work = ("train", {"n_steps": 60, "batch_size": 64}, 160)


_KILLS = 5


def _start(folder: Path, work: Work, n_jobs: int) -> subprocess.Popen[str]:
    function, config, seeds = work
    script = folder / "script.py"
    script.write_text(
        _SCRIPT.format(
            tests=str(_TESTS), function=function, config=config, seeds=seeds,
            store=str(folder / "store"), n_jobs=n_jobs,
        )
    )  # fmt: skip
    return subprocess.Popen(
        [sys.executable, str(script)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def _tasks(work: Work) -> list[Task]:
    function, config, seeds = work
    return grid(function, config, seeds=seeds)


def _files(store: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in store.glob("results/*/*.safetensors")}


def _wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists() and process.poll() is None:
        time.sleep(0.005)


def _gone(group: int) -> bool:
    """Whether no process of a session is left, within some seconds."""
    for _ in range(400):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def _survives(folder: Path, work: Work, n_rounds: int, longest: float) -> None:
    """Kill a sweep five times, each at a random moment, then let it end; in so many rounds."""
    tasks, random_ = _tasks(work), random.Random(7)
    expected = sweep(tasks, store=folder / "expected", progress=False).store.compact()
    assert expected is not None
    n_hit = 0
    for number in range(n_rounds):
        place = folder / str(number)
        place.mkdir()
        kept: dict[Path, bytes] = {}
        for kill in range(_KILLS):
            process = _start(place, work, n_jobs=1 + (number + kill) % 2)
            _wait_for(place / "store" / "sweep.json", process)
            time.sleep(random_.uniform(0.0, longest))
            n_hit += process.poll() is None
            process.kill()
            process.communicate()
            assert _gone(process.pid)  # the workers as well
            now = _files(place / "store")
            assert kept.items() <= now.items()
            kept = now
        done = sweep(tasks, store=place / "store", progress=False)
        assert kept.items() <= _files(place / "store").items()
        target = done.store.compact()
        assert target is not None
        assert target.read_bytes() == expected.read_bytes()
        assert not list(place.rglob("*.part"))
    assert n_hit > n_rounds * _KILLS // 2


def test_a_sweep_survives_being_killed(tmp_path: Path) -> None:
    _survives(tmp_path, _SLOW, 1, 1.5)


@pytest.mark.slow
def test_a_hundred_kills(tmp_path: Path) -> None:
    _survives(tmp_path, _SLOW, 20, 1.5)


@pytest.mark.slow
def test_kills_of_trainings(tmp_path: Path) -> None:
    _survives(tmp_path, _TRAININGS, 4, 3.0)


@pytest.mark.parametrize(
    ("work", "n_jobs"),
    [(_SLOW, 1), (_SLOW, 2), (_ONE_BY_ONE, 1), pytest.param(_TRAININGS, 2, marks=pytest.mark.slow)],
)
def test_an_interrupt_ends_it_and_keeps_what_is_done(
    work: Work, n_jobs: int, tmp_path: Path
) -> None:
    process = _start(tmp_path, work, n_jobs)
    store = tmp_path / "store"
    while not list(store.glob("results/*/*.safetensors")) and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, said = process.communicate(timeout=60)
    assert process.returncode in (-signal.SIGINT, 130, 1)
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert said.count("Traceback") == 1  # the script's own; workers say nothing
    assert 0 < len(Store(store)) < work[2]
    assert len(sweep(_tasks(work), store=store).results) == work[2]
