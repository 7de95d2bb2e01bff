"""Grids from Python and from files, and how their tasks are packed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geomsup.errors import GeomsupError
from geomsup.sweeps import Task, grid, read_grid
from geomsup.sweeps.packing import packed

SQUARE, BATCHED = "sweep_functions:square", "sweep_functions:BATCHED"


def test_a_grid_is_every_combination() -> None:
    tasks = grid(SQUARE, {"z": 0}, seeds=2, x=[1, 2], y=np.array([3.0, 4.0, 5.0]))
    assert tasks == [
        Task(SQUARE, {"x": x, "y": y, "z": 0}, k) for x in (1, 2) for y in (3.0, 4.0, 5.0)
        for k in (0, 1)
    ]  # fmt: skip
    assert grid(SQUARE, {"x": 1}) == [Task(SQUARE, {"x": 1})]


def test_a_file_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    path.write_text(
        f'function = "{SQUARE}"\nseeds = 2\n[config]\nz = 0\n[grid]\nx = [[1, 2], [3]]\n'
        "y = {linspace = [0, 1, 3]}\nw = {geomspace = [0.01, 1, 3]}\n"
    )
    expected = grid(
        SQUARE, {"z": 0}, seeds=2, x=[[1, 2], [3]], y=[0.0, 0.5, 1.0], w=np.geomspace(0.01, 1, 3)
    )
    assert read_grid(path) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = ", "is no TOML"),
        ("\xff", "is no TOML"),
        ("functon = 'train'", "unknown part 'functon'; the parts are function, seeds, config"),
        ("grid = [1]", "grid in .* must be a table"),
        ("[grid]\nn_steps = []", "n_steps has no values, so the grid is empty"),
        ("[grid]\nn_steps = 3", "n_steps in a grid needs a list"),
        ("[grid]\nn_steps = 'ab'", "n_steps in a grid needs a list"),
        ("[grid]\nsparsity = {arange = [0, 1, 2]}", "needs a list of values, {linspace"),
        ("[grid]\nsparsity = {linspace = [0, 1]}", "needs a list of values, {linspace"),
        ("[grid]\nsparsity = {linspace = [0, 1, 2.5]}", "the count of sparsity must"),
        ("[grid]\nsparsity = {geomspace = [0, 1, 3]}", "sparsity is no range"),
        ("[grid]\nsparsity = {linspace = [0, 1, 1000000000000]}", "up to 10,000,000 tasks"),
        ("[grid]\nseeds = [1, 2]", "cannot vary seeds"),
        ("[grid]\nsparsity = {linspace = ['a', 1, 3]}", "sparsity is no range"),
        ("[grid]\nsparsity = [nan]", "must be finite|must be a number"),
        ("[grid]\nfeature_probability = [nan]", "must be finite, got nan"),
        ("[grid]\nday = [2026-11-29]", "must be a number, a word"),
        ("[grid]\nspasity = [0.1]", "unknown setting 'spasity'"),
        ("[config]\nn_steps = 3\n[grid]\nn_steps = [3]", "both in config and in the grid"),
        ("seeds = 0", "seeds must"),
        ("function = 3", "function must be a name"),
        (f"seeds = 100000\n[grid]\nx = {list(range(200))}", "up to 10,000,000 tasks"),
    ],
)
def test_what_is_no_grid(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(GeomsupError, match=says):
        read_grid(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GeomsupError, match="cannot be read"):
        read_grid(tmp_path / "none.toml")


@pytest.mark.parametrize("n_workers", [None, 1, 2, 7])
def test_every_task_is_in_one_batch_of_its_kind(n_workers: int | None) -> None:
    tasks = grid(BATCHED, seeds=5, x=[1, 2, 3], kind=["a", "b"]) + grid(SQUARE, seeds=3, x=[1])
    batches = packed(tasks, n_workers)
    assert sorted(task.id for batch in batches for task in batch) == sorted(t.id for t in tasks)
    for batch in batches:
        kinds = {(task.function, task.config.get("kind")) for task in batch}
        assert len(kinds) == 1
        assert len(batch) <= (4 if batch[0].function == BATCHED else 1)
    assert packed(tasks[::-1], n_workers) == batches


@pytest.mark.parametrize(("n_tasks", "n_workers", "n_batches"), [(64, 2, 16), (8, 2, 8), (8, 1, 2)])
def test_batches_are_smaller_where_workers_would_wait(
    n_tasks: int, n_workers: int, n_batches: int
) -> None:
    config: dict[str, Any] = {"x": 1}
    assert len(packed(grid(BATCHED, config, seeds=n_tasks), n_workers)) == n_batches


def test_trainings_fill_batches() -> None:
    small = grid("train", {"n_steps": 5}, seeds=130)
    assert [len(batch) for batch in packed(small, None)] == [64, 64, 2]
    # Of long ones so many as a few seconds allow, but not so few that it would not pay.
    for n_steps, size in ((1000, 64), (2000, 32), (5000, 16), (100_000, 16)):
        for n_workers in (1, 2):
            batches = packed(grid("train", {"n_steps": n_steps}, seeds=640), n_workers)
            assert {len(batch) for batch in batches} == {size}
    large = grid("train", {"n_features": 400, "n_hidden": 30}, seeds=3)
    assert [len(batch) for batch in packed(large, None)] == [1, 1, 1]
