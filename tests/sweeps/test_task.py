"""Tasks: what is one, and that its id and its seed follow from nothing but what it says."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import sweep_functions
from hypothesis import given
from hypothesis import strategies as st

from geomsup.errors import GeomsupError
from geomsup.sweeps import Task
from geomsup.training import ToyModelConfig

SQUARE = "sweep_functions:square"

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)  # fmt: skip


@given(config=st.dictionaries(st.text(max_size=5), _json, max_size=4), number=st.integers(0, 9))
def test_the_id_is_the_hash_of_the_canonical_json(config: dict[str, Any], number: int) -> None:
    task = Task(SQUARE, config, number)
    text = json.dumps(task.to_dict(), sort_keys=True, separators=(",", ":"))
    assert task.id == hashlib.sha256(text.encode()).hexdigest()[:32]
    turned = Task(SQUARE, dict(reversed(list(config.items()))), number)
    assert (turned.id, turned.seed) == (task.id, task.seed)
    assert Task(SQUARE, config).again(number) == task
    assert pickle.loads(pickle.dumps(task)).id == task.id
    assert Task.kept({**task.to_dict(), "id": task.id}) == task


def test_what_differs_has_another_id_and_seed() -> None:
    tasks = [
        Task(SQUARE, {"x": 1}),
        Task(SQUARE, {"x": 1}, 1),
        Task(SQUARE, {"x": 2}),
        Task(SQUARE, {"x": "1"}),
        Task("sweep_functions:slowly", {"x": 1}),
    ]
    assert len({task.id for task in tasks}) == len({task.seed for task in tasks}) == len(tasks)
    assert all(0 <= task.seed < 2**53 for task in tasks)


def test_arrays_tuples_and_numbers_of_numpy_are_what_they_hold() -> None:
    held = {"x": np.float64(0.5), "y": np.arange(3), "z": (1, (2,)), "zero": -0.0}
    task = Task(sweep_functions.square, held)
    assert task.function == SQUARE
    assert task.config == {"x": 0.5, "y": [0, 1, 2], "z": [1, [2]], "zero": 0.0}
    assert task.id == Task(SQUARE, {"x": 0.5, "y": [0, 1, 2], "z": [1, [2]], "zero": 0.0}).id


def test_dataclasses_are_configurations() -> None:
    @dataclass(frozen=True)
    class Own:
        x: int = 3

    assert Task(SQUARE, Own()).id == Task(SQUARE, {"x": 3}).id
    made = ToyModelConfig(n_instances=1, n_steps=10)
    assert Task("train", made).id == Task("train", {"n_steps": 10}).id


@pytest.mark.parametrize(
    ("function", "config", "says"),
    [
        (SQUARE, {"x": float("nan")}, r"config\['x'\] must be finite, got nan"),
        (SQUARE, {"x": [1, {"y": float("inf")}]}, r"config\['x'\]\[1\]\['y'\] must be finite"),
        (SQUARE, {"x": np.array([1.0, np.nan])}, r"config\['x'\]\[1\] must be finite"),
        (SQUARE, {"x": object()}, r"config\['x'\] must be a number, a word"),
        (SQUARE, {"x": {1, 2}}, r"config\['x'\] must be a number, a word"),
        (SQUARE, {"x": 1j}, r"config\['x'\] must be a number, a word"),
        (SQUARE, {1: 2}, "the keys of config must be words, got 1"),
        (SQUARE, 3, "config must be a mapping"),
        (SQUARE, ToyModelConfig, "config must be a mapping"),
        ("sweep_functions:none", {}, "there is no function 'sweep_functions:none'"),
        ("no.such.module:f", {}, "No module named 'no'"),
        ("sweep_functions:Config.x", {}, "there is no function"),
        ("sweep_functions:np", {}, "is no function, but module"),
        ("square", {}, "function must be one of train, optimum, experiment, or"),
        (":", {}, "function must be one of"),
        (lambda config, seed: {}, {}, "at the top of a module"),
        (3, {}, "function must be a name or a function"),
        ("train", {"n_featurs": 5}, "unknown setting 'n_featurs'; the settings are n_features"),
        ("train", {"n_features": 0}, "n_features must"),
        ("train", {"feature_probability": [[0.1], [0.2]], "n_instances": 2}, "have one setting"),
        ("train", {"feature_probability": 0.1, "sparsity": 0.9}, "give one of the two"),
        ("train", {"sparsity": "much"}, "sparsity must be a number"),
        ("optimum", {"n_features": 3}, "n_hidden"),
        ("optimum", {"n_features": 3, "n_hidden": 2, "p": 0.1}, "unknown field 'p'"),
        ("experiment", {}, "needs its id"),
        ("experiment", {"id": "notes-pentagn"}, "did you mean"),
        ("experiment", {"id": "notes-pentagon", "n_stps": 3}, "has no setting 'n_stps'"),
        ("experiment", {"id": "notes-pentagon", "scale": "large"}, "scale must be one of"),
    ],
)
def test_what_is_no_task_is_refused_when_it_is_made(function: Any, config: Any, says: str) -> None:
    with pytest.raises(GeomsupError, match=says) as caught:
        Task(function, config)
    assert len(str(caught.value)) < 900


@pytest.mark.parametrize("repetition", [-1, 1.5, "1", True])
def test_a_repetition_is_a_whole_number(repetition: Any) -> None:
    with pytest.raises(GeomsupError, match="repetition must be an integer"):
        Task(SQUARE, {}, repetition)


def test_the_package_loads_neither_torch_nor_what_it_runs() -> None:
    code = (
        "import sys, geomsup.sweeps\n"
        "print([m for m in ('torch', 'geomsup.training', 'geomsup.theory', 'dask') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
