"""The sweep: the same bits wherever it runs, and what is wrong with a task is its result."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sweep_functions
from threadpoolctl import threadpool_info, threadpool_limits

import geomsup
from geomsup.errors import GeomsupError, GeomsupWarning
from geomsup.sweeps import Store, Sweep, Task, grid, sweep
from geomsup.sweeps.run import computed

SQUARE = "sweep_functions:square"
TASKS = grid(SQUARE, seeds=3, x=[0.1, 0.2, 0.3])


def _bits(done: Sweep) -> bytes:
    """All results in one file, whose bytes follow from them."""
    target = done.store.compact()
    assert target is not None
    return target.read_bytes()


def _expected(task: Task) -> dict[str, Any]:
    return sweep_functions.square(task.config, task.seed)


def test_the_top_of_the_package_has_it() -> None:
    assert geomsup.sweep is sweep


def test_results_are_those_of_the_function(tmp_path: Path) -> None:
    done = sweep(TASKS, store=tmp_path)
    for task, result in zip(TASKS, done, strict=True):
        assert result.task == task
        np.testing.assert_array_equal(result.values["draw"], _expected(task)["draw"])
        assert result.row()["first"] == _expected(task)["first"]
    assert [row["x"] for row in done.table()] == [task.config["x"] for task in TASKS]
    assert len(done) == 9
    assert done.failures == ()
    assert list(done.to_dataframe()["x"]) == [row["x"] for row in done.table()]
    assert str(done) == f"9 tasks in {tmp_path}, 0 failed"


def test_the_order_of_tasks_is_no_matter(tmp_path: Path) -> None:
    shuffled = list(TASKS)
    random.Random(0).shuffle(shuffled)
    first, second = sweep(TASKS, store=tmp_path / "a"), sweep(shuffled, store=tmp_path / "b")
    assert [result.task for result in second] == shuffled
    assert _bits(first) == _bits(second)


class _Later:
    """An executor like that of a cluster: its jobs are no futures of Python's, and end later."""

    class Job:
        def __init__(self, call: Callable[[], Any]) -> None:
            self._looks, self._call = 0, call

        def done(self) -> bool:
            self._looks += 1
            return self._looks > 1

        def result(self) -> Any:
            return self._call()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> _Later.Job:
        return self.Job(lambda: function(*arguments))


@pytest.mark.parametrize("kind", ["threads", "jobs", "pool", "processes"])
def test_every_executor_gives_the_same_bits(kind: str, tmp_path: Path) -> None:
    expected = _bits(sweep(TASKS, store=tmp_path / "expected"))
    store = tmp_path / kind
    if kind == "threads":
        with ThreadPoolExecutor(3) as threads:
            done = sweep(TASKS, store=store, executor=threads)
    elif kind == "jobs":
        done = sweep(TASKS, store=store, executor=_Later())
    elif kind == "pool":
        with ProcessPoolExecutor(2) as pool:
            done = sweep(TASKS, store=store, executor=pool)
    else:
        done = sweep(TASKS, store=store, n_jobs=2)
    assert _bits(done) == expected


def test_what_is_there_is_not_done_again(tmp_path: Path) -> None:
    sweep(TASKS[:4], store=tmp_path)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.glob("results/*/*")}
    done = sweep(TASKS, store=Store(tmp_path))
    assert {path: path.stat().st_mtime_ns for path in files} == files
    assert len(list(tmp_path.glob("results/*/*"))) == 9
    assert len(done.results) == 9
    assert done.store.status() == {"tasks": 9, "done": 9, "failed": 0, "missing": 0}


# ---------------------------------------------------------------------- failures


@pytest.mark.parametrize("function", ["fail_above", "BATCHED"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_failure_is_a_result_and_is_retried_on_request(
    function: str, n_jobs: int, tmp_path: Path
) -> None:
    cure = tmp_path / "cure"
    tasks = grid(f"sweep_functions:{function}", {"cure": str(cure)}, x=[0.1, 0.7, 0.2, 0.9])
    with pytest.warns(GeomsupWarning, match=r"2 of 4 tasks failed \(the first: RuntimeError: x is"):
        done = sweep(tasks, store=tmp_path / "s", n_jobs=n_jobs)
    assert [result.failed for result in done] == [False, True, False, True]
    error = done[1].error or {}
    assert error["message"] == "x is 0.7\nmore of it"
    assert "in fail_above" in error["traceback"]
    assert "RuntimeError: x is 0.7" in str(done)
    cure.write_text("")
    with pytest.warns(GeomsupWarning, match="2 of 4 tasks failed"):
        sweep(tasks, store=tmp_path / "s")
    again = sweep(tasks, store=tmp_path / "s", retry_failed=True)
    assert not again.failures
    for task, result in zip(tasks, again, strict=True):
        np.testing.assert_array_equal(result.values["draw"], _expected(task)["draw"])


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("a number", "must return a mapping of names to arrays and JSON values, got int 3"),
        ("nothing", "must return a mapping .* got NoneType"),
        ("an object", "as it, which is neither an array nor a JSON value"),
        ("words", "of type <U1; an array holds floats, integers or booleans"),
        ("complex", "of type complex128"),
        ("no name", "must name its values by words, got 1"),
        ("a list", "must return a mapping .* got list"),
    ],
)
def test_nonsense_is_a_failure_that_says_so(kind: str, says: str, tmp_path: Path) -> None:
    task = Task("sweep_functions:nonsense", {"kind": kind})
    with pytest.warns(GeomsupWarning, match=says):
        done = sweep([task], store=tmp_path)
    assert (done[0].error or {})["type"] == "GeomsupError"


def test_a_batch_with_too_few_results_is_a_failure() -> None:
    results = [one for (one,) in computed(grid("sweep_functions:TOO_FEW", x=[1, 2]))]
    assert [result.failed for result in results] == [True, True]
    assert "must return the values of each" in (results[0].error or {})["message"]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_function_that_ends_the_program_is_a_failure(n_jobs: int, tmp_path: Path) -> None:
    tasks = [*grid("sweep_functions:leave", x=[1, 2]), *TASKS]
    with pytest.warns(GeomsupWarning, match="2 of 11 tasks failed .*SystemExit: 3"):
        done = sweep(tasks, store=tmp_path, n_jobs=n_jobs)
    assert len(done.failures) == 2


def test_calls_in_threads_have_one_thread_each_and_give_the_others_back(tmp_path: Path) -> None:
    tasks = grid("sweep_functions:where", x=range(8), inner=[str(tmp_path / "inner")])
    with threadpool_limits(2), ThreadPoolExecutor(3) as executor:
        before = _blas_threads()
        done = sweep(tasks, store=tmp_path / "s", executor=executor)
        assert _blas_threads() == before
    assert {row["threads"] for row in done.table()} == {1}


def _blas_threads() -> set[int]:
    return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}


def test_a_batch_is_done_at_once(tmp_path: Path) -> None:
    tasks = grid("sweep_functions:BATCHED", x=[0.1, 0.2, 0.3, 0.4, 0.5])
    done = sweep(tasks, store=tmp_path)
    assert sorted(row["beside"] for row in done.table()) == [1, 4, 4, 4, 4]


# ---------------------------------------------------------------------- workers


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_call_has_one_thread_and_no_pool_of_its_own(n_jobs: int, tmp_path: Path) -> None:
    task_list = grid("sweep_functions:where", x=[1, 2], inner=[str(tmp_path / "inner")])
    for row in sweep(task_list, store=tmp_path / "s", n_jobs=n_jobs).table():
        assert row["threads"] == 1
        assert len(row["result.inner"]) == 3
    inner = Store(tmp_path / "inner").table()
    assert {row["process"] for row in inner} <= {
        row["process"] for row in Store(tmp_path / "s").table()
    }


def test_a_worker_that_dies_is_one_error_and_costs_nothing(tmp_path: Path) -> None:
    mark = str(tmp_path / "mark")
    tasks = [*TASKS, Task("sweep_functions:die_once", {"x": 1, "mark": mark})]
    with pytest.raises(GeomsupError, match=r"a worker was lost .*what is finished is kept"):
        sweep(tasks, store=tmp_path / "s", n_jobs=2)
    kept = len(Store(tmp_path / "s"))
    assert len(sweep(tasks, store=tmp_path / "s", n_jobs=2)) == 10
    assert kept <= 9


def test_two_sweeps_into_one_folder_at_once(tmp_path: Path) -> None:
    expected = _bits(sweep(TASKS, store=tmp_path / "expected"))
    found: list[Sweep] = []
    sweeps = [
        threading.Thread(target=lambda: found.append(sweep(TASKS, store=tmp_path / "s")))
        for _ in range(3)
    ]
    for thread in sweeps:
        thread.start()
    for thread in sweeps:
        thread.join()
    assert len(found) == 3
    assert _bits(found[0]) == expected
    assert not list(tmp_path.rglob("*.part"))


class _Elsewhere:
    """An executor whose workers see another folder."""

    def submit(self, function: Any, *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(([task.id for task in arguments[-1]], None))
        return future


class _Refusing:
    def submit(self, *_: Any) -> Any:
        raise OSError("no connection")


class _Broken:
    def submit(self, *_: Any) -> Any:
        return 3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tasks": []}, "expected at least one task"),
        ({"tasks": 3}, "tasks must be a sequence of Task"),
        ({"tasks": [TASKS[0], {"x": 1}]}, "tasks must be a sequence of Task, got {'x': 1}"),
        ({"tasks": [*TASKS, TASKS[2]]}, "tasks 2 and 9 are the same"),
        ({"n_jobs": 0}, "n_jobs must"),
        ({"n_jobs": 1.5}, "n_jobs must"),
        ({"executor": 3}, "executor must have a method submit"),
        ({"executor": _Later(), "n_jobs": 2}, "leave out n_jobs"),
        ({"executor": _Broken()}, "executor.submit must return a future"),
        ({"executor": _Refusing()}, "a worker was lost .OSError: no connection"),
        ({"executor": _Elsewhere()}, "lacks 9 of the results .* the same folder"),
        ({"progress": 3}, "progress must"),
        ({"retry_failed": "yes"}, "retry_failed must be True or False"),
        ({"store": 3}, "store must be the path of a folder"),
        ({"store": __file__}, "is a file; name a folder"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(
    options: dict[str, Any], says: str, tmp_path: Path
) -> None:
    arguments = {"tasks": TASKS, "store": tmp_path / "s", **options}
    with pytest.raises(GeomsupError, match=says):
        sweep(arguments.pop("tasks"), **arguments)
    assert not list(tmp_path.glob("s/results/*/*"))


def test_a_bar_shows_what_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks = grid("sweep_functions:slowly", {"seconds": 0.6}, x=[1, 2, 3])
    sweep(tasks, store=tmp_path, progress=True)
    assert "sweeping" in capsys.readouterr().err


def test_without_a_terminal_a_line_now_and_then_says_what_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = grid("sweep_functions:slowly", {"seconds": 0.02}, x=list(range(12)))
    sweep(tasks, store=tmp_path / "quick")
    assert not capsys.readouterr().err
    monkeypatch.setattr("geomsup.progress._FIRST_LINE", 0.0)
    monkeypatch.setattr("geomsup.progress._NEXT_LINE", 0.1)
    sweep(tasks, store=tmp_path / "slow")
    lines = capsys.readouterr().err.splitlines()
    assert 1 < len(lines) < 12
    assert lines[0] == "geomsup: sweeping: 0 of 12 tasks, 0.0 min so far"
    sweep(tasks, store=tmp_path / "silent", progress=False)
    assert not capsys.readouterr().err
