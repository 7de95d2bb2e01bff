"""The store: what goes in comes out, and whatever is wrong with a file takes nothing else along."""

from __future__ import annotations

import json
import math
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geomsup.errors import GeomsupError, GeomsupWarning
from geomsup.storage import write_tensors
from geomsup.sweeps import Store, Task, grid
from geomsup.sweeps.results import Result, read_results, write_results

SQUARE = "sweep_functions:square"
TASKS = grid(SQUARE, seeds=2, x=[1, 2, 3])


def _result(task: Task) -> Result:
    x = task.config["x"]
    return Result.of(task, {"square": x**2, "v": np.arange(x), "same": np.array([x, task.seed])})


def _failed(task: Task) -> Result:
    return Result(task=task, error={"type": "E", "message": "no", "traceback": "t"})


def _files(store: Store) -> list[Path]:
    return sorted(store.path.glob("results/*/*"))


def test_every_kind_of_value_comes_back(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "f64": np.array([[0.1, np.nan], [np.inf, -0.0]]),
        "f32": np.array([0.1], np.float32),
        "f16": np.array([0.1], np.float16),
        "i32": np.array([[1]], np.int32),
        "u8": np.array([200], np.uint8),
        "flags": np.array([True, False]),
        "nothing": np.empty((0, 3)),
        "point": np.array(2.5),
        "number": np.float64(0.1),
        "whole": np.int64(3),
        "yes": np.bool_(True),
        "nan": math.nan,
        "words": ["a", {"b": None}],
        "a.b": np.arange(2),
    }
    write_results(tmp_path / "x.safetensors", [Result.of(TASKS[0], values)])
    (back,) = read_results(tmp_path / "x.safetensors")
    assert back.task == TASKS[0]
    assert not back.failed
    for name, value in values.items():
        found = back.values[name]
        if isinstance(value, np.ndarray):
            assert found.shape == value.shape
            assert not found.flags.writeable
        np.testing.assert_array_equal(found, value)
    assert back.values["f32"].dtype == np.float32
    assert {"geomsup", "numpy", "torch"} == back.made_by.keys()


def test_results_of_many_forms_lie_in_one_file(tmp_path: Path) -> None:
    results = [*map(_result, TASKS[:5]), _failed(TASKS[5])]
    write_results(tmp_path / "x.safetensors", results)
    write_results(tmp_path / "y.safetensors", results[::-1])
    assert (tmp_path / "x.safetensors").read_bytes() == (tmp_path / "y.safetensors").read_bytes()
    back = {result.task.id: result for result in read_results(tmp_path / "x.safetensors")}
    for task in TASKS[:5]:
        expected = _result(task)
        for name in ("v", "same"):
            np.testing.assert_array_equal(back[task.id].values[name], expected.values[name])
        assert back[task.id].values["square"] == task.config["x"] ** 2
    assert back[TASKS[5].id].error == _failed(TASKS[5]).error


def test_the_table_has_configurations_and_numbers(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(map(_result, TASKS))
    rows = {row["id"]: row for row in store.table()}
    assert list(rows) == sorted(task.id for task in TASKS)
    row = rows[TASKS[3].id]
    assert row == {
        "id": TASKS[3].id, "function": SQUARE, "repetition": 1, "error": None, "x": 2, "square": 4,
    }  # fmt: skip
    clash = Result.of(TASKS[0], {"x": 7, "id": 8}).row()
    assert (clash["x"], clash["result.x"], clash["result.id"]) == (1, 7, 8)


def test_a_success_outweighs_a_failure(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(map(_failed, TASKS[:2]))
    store.add([_result(TASKS[0])])
    assert store.ids() == {TASKS[0].id: False, TASKS[1].id: True}
    assert not store[TASKS[0]].failed
    assert store[TASKS[1].id].failed
    assert len(store) == 2
    with pytest.raises(KeyError):
        store[TASKS[2]]
    store.add([_failed(TASKS[0])])  # the same file
    assert store.ids()[TASKS[0].id]


def test_status_knows_what_was_asked_for(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "down")
    assert not store.exists
    assert (store.table(), store.compact(), len(store)) == ([], None, 0)
    store.prepare()
    store.plan(TASKS)
    store.plan(TASKS[:2])
    store.add([_result(TASKS[0]), _failed(TASKS[1])])
    assert store.status() == {"tasks": 6, "done": 1, "failed": 1, "missing": 4}


@pytest.mark.parametrize("n_files", [1, 3, 6])
def test_compact_keeps_everything_in_one_file(n_files: int, tmp_path: Path) -> None:
    store = Store(tmp_path)
    for start in range(n_files):
        store.add(map(_result, TASKS[start::n_files]))
    before = store.table()
    target = store.compact()
    assert _files(store) == [target]
    assert store.table() == Store(tmp_path).table() == before
    content = target.read_bytes() if target else b""
    assert store.compact() == target
    store.add([_failed(TASKS[0])])
    store.compact()
    assert _files(store) == [target]
    assert target is not None
    assert target.read_bytes() == content


def test_compacting_while_others_read_and_write(tmp_path: Path) -> None:
    """A reader who meets a file that has just been put into another looks again."""
    tasks = grid(SQUARE, seeds=60, x=[1])
    Store(tmp_path).prepare()
    stop = threading.Event()

    def compacts() -> None:
        while not stop.is_set():
            Store(tmp_path).compact()

    others = [threading.Thread(target=compacts) for _ in range(2)]
    for thread in others:
        thread.start()
    try:
        for number, task in enumerate(tasks):
            Store(tmp_path).add([_result(task)])
            assert len(Store(tmp_path).table()) >= number + 1
    finally:
        stop.set()
        for thread in others:
            thread.join()
    assert len(Store(tmp_path).table()) == 60


@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "foreign", "run", "records"])
def test_damage_costs_its_own_file_only(damage: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(map(_result, TASKS[:3]))
    (broken,) = _files(store)
    store.add(map(_result, TASKS[3:]))
    content = broken.read_bytes()
    if damage == "cut":
        broken.write_bytes(content[:-9])
    elif damage == "bit":
        broken.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    elif damage == "empty":
        broken.write_bytes(b"")
    elif damage == "foreign":
        broken.write_bytes(bytes(range(256)))
    elif damage == "run":
        write_tensors(broken, {"x": np.zeros(2)}, {}, kind="TrainingRun")
    else:
        write_tensors(
            broken, {"records": np.zeros(3, np.uint8)}, {"sweep_format": 1}, kind="SweepResults"
        )
    with pytest.warns(GeomsupWarning, match="1 file of the store cannot be read") as caught:
        known = Store(tmp_path).ids()
    assert known.keys() == {task.id for task in TASKS[3:]}
    assert len(caught) == 1
    held = broken.read_bytes()
    with pytest.warns(GeomsupWarning, match="cannot be read"):
        Store(tmp_path).compact()
    assert broken.read_bytes() == held  # whoever can may mend it
    store.add(map(_result, TASKS[:3]))
    assert len(Store(tmp_path).ids()) == 6


def test_a_folder_of_other_things_is_no_matter(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add([_result(TASKS[0])])
    (tmp_path / "results" / "notes.txt").write_text("mine")
    (tmp_path / "results" / "ab").mkdir(exist_ok=True)
    (tmp_path / "results" / "ab" / ".x.part").write_text("half")
    (tmp_path / "plans" / "other.json").write_text("[1, 2")
    assert len(store.ids()) == 1
    assert store.status()["tasks"] == 1


@pytest.mark.parametrize(
    ("marker", "says"),
    [
        ('{"format": 2}', "made by another version of geomsup: format 1 is understood, got 2"),
        ('{"format": "x"}', "made by another version"),
        ("[]", "does not say what store this is"),
        ("{}", "does not say what store this is"),
        ("{", "does not say what store this is"),
    ],
)
def test_a_store_of_another_version_is_refused(marker: str, says: str, tmp_path: Path) -> None:
    Store(tmp_path).add([_result(TASKS[0])])
    (tmp_path / "sweep.json").write_text(marker)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(GeomsupError, match=says):
        Store(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_of_another_version_counts_as_absent(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add([_result(TASKS[0])])
    (file,) = _files(store)
    write_tensors(
        file, {"records": np.zeros(3, np.uint8)}, {"sweep_format": 9}, kind="SweepResults"
    )
    with pytest.warns(GeomsupWarning, match="another version of geomsup: format 1"):
        assert Store(tmp_path).ids() == {}


@pytest.mark.parametrize("path", [3, "", None])
def test_what_is_no_folder(path: Any) -> None:
    with pytest.raises(GeomsupError, match="store must be the path of a folder"):
        Store(path)


def test_folders_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GeomsupError, match="is a file; name a folder"):
        Store(tmp_path / "file")
    with pytest.raises(GeomsupError, match=r"cannot be written: .*; name another folder"):
        Store(tmp_path / "file" / "in").prepare()
    with pytest.raises(GeomsupError, match="cannot be written"):
        Store("a\0b").prepare()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(GeomsupError, match=r"cannot be written: .*Permission denied"):
        Store(tmp_path / "new").prepare()
    assert not list((tmp_path / "new").glob("*.part"))


def test_what_killed_writers_left_is_removed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add([_result(TASKS[0])])
    (file,) = _files(store)
    dead = file.with_name(f".{file.name}.999999999.part")
    foreign = file.with_name(f".{file.name}.other-machine-1.999999999.part")
    for part in (dead, foreign):
        part.write_text("half")
    Store(tmp_path).prepare()
    assert (dead.exists(), foreign.exists()) == (False, True)
    assert len(store.ids()) == 1


def test_a_store_can_be_moved(tmp_path: Path) -> None:
    Store(tmp_path / "a").add(map(_result, TASKS))
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert len(Store(tmp_path / "b").table()) == 6
    assert json.loads((tmp_path / "b" / "sweep.json").read_text())["format"] == 1
