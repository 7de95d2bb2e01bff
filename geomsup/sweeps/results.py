"""Results of tasks, and one file that holds one of them or thousands.

Arrays of the same name and shape lie stacked in one tensor, so that ten thousand small models make
a file of a few tensors; all the rest is one text of JSON. The same results make the same bytes,
whoever computed them.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, first_line, shorten
from geomsup.storage import read_tensors, write_tensors
from geomsup.sweeps.task import Task, Values, canonical

__all__ = ["FORMAT", "Result", "file_name", "read_results", "write_results"]

FORMAT = 1
_KIND = "SweepResults"
_RECORDS = "records"
# What can change a result beside its task.
_PACKAGES = ("geomsup", "numpy", "torch")
_ARRAY_TYPES = {"i": np.int64, "u": np.int64, "f": np.float64, "b": np.bool_}


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """What became of a task.

    Parameters
    ----------
    task : Task
    values : dict
        Arrays, which are read-only, and JSON values by name; empty if it failed.
    error : dict, optional
        "type", "message" and "traceback" of what stopped it; None if nothing did.
    made_by : dict
        Versions of the packages that computed it.

    Examples
    --------
    >>> from geomsup.sweeps import Task
    >>> from geomsup.sweeps.results import Result
    >>> Result.of(Task("math:hypot", {}), {"loss": 0.5, "b": np.zeros(3)}).row()["loss"]
    0.5
    """

    task: Task
    values: dict[str, Any] = field(default_factory=dict)
    error: dict[str, str] | None = None
    made_by: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, task: Task, values: Values) -> Result:
        """A result that a function returned.

        Raises
        ------
        GeomsupError
            If it is none.
        """
        if not isinstance(values, Mapping):
            raise GeomsupError(
                f"{task.function} must return a mapping of names to arrays and JSON values, got "
                f"{type(values).__name__} {shorten(values, 40)}"
            )
        named = {_name(task, name): _value(task, name, one) for name, one in values.items()}
        return cls(task=task, values=named, made_by=_versions())

    @property
    def failed(self) -> bool:
        """Whether an error stopped it."""
        return self.error is not None

    def row(self) -> dict[str, Any]:
        """Task and values as one flat row, without the arrays."""
        task = self.task
        row = {"id": task.id, "function": task.function, "repetition": task.repetition}
        row["error"] = None if self.error is None else self.error["message"]
        row |= {name: value for name, value in task.config.items() if name not in row}
        for name, value in self.values.items():
            if not isinstance(value, np.ndarray):
                row[name if name not in row else f"result.{name}"] = value
        return row


def file_name(ids: Sequence[str]) -> str:
    """The name of the file of these results, which follows from what is in it."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:32] + ".safetensors"


def write_results(path: Path, results: Sequence[Result]) -> None:
    """Write results to a file, all of it or nothing."""
    groups: dict[str, list[Result]] = {}
    for result in sorted(results, key=lambda result: result.task.id):
        groups.setdefault(_form(result), []).append(result)
    tensors: dict[str, NDArray[Any]] = {}
    records = []
    for number, (_, group) in enumerate(sorted(groups.items())):
        records += [_record(result, number) for result in group]
        for name, value in group[0].values.items():
            if isinstance(value, np.ndarray):
                stacked = np.stack([result.values[name] for result in group])
                tensors[f"{number}.{name}"] = stacked
    text = json.dumps(records, separators=(",", ":")).encode()
    tensors[_RECORDS] = np.frombuffer(text, dtype=np.uint8)
    write_tensors(path, tensors, {"sweep_format": FORMAT}, kind=_KIND)


def read_results(path: Path) -> list[Result]:
    """The results of a file.

    Raises
    ------
    GeomsupError
        If it is damaged, or no such file.
    """
    source, tensors, said = read_tensors(path, None, kind=_KIND)
    if said.get("sweep_format") != FORMAT:
        raise GeomsupError(
            f"{source} was written by another version of geomsup: format {FORMAT} is understood, "
            f"got {shorten(said.get('sweep_format'))}"
        )
    try:
        records = json.loads(tensors.pop(_RECORDS).tobytes())
        arrays: dict[int, dict[str, NDArray[Any]]] = {}
        for full, stacked in tensors.items():
            number, _, name = full.partition(".")
            stacked.setflags(write=False)
            arrays.setdefault(int(number), {})[name] = stacked
        places: dict[int, int] = {}
        results = []
        for record in records:
            number = record["group"]
            place = places[number] = places.get(number, -1) + 1
            own = {name: stacked[place] for name, stacked in arrays.get(number, {}).items()}
            results.append(
                Result(
                    task=Task.kept(record["task"]),
                    values={**own, **record["values"]},
                    error=record["error"],
                    made_by=record["made_by"],
                )
            )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise GeomsupError(f"{source} holds no results of a sweep: {first_line(error)}") from error
    return results


def _record(result: Result, group: int) -> dict[str, Any]:
    """All of a result but its arrays."""
    kept = {name: v for name, v in result.values.items() if not isinstance(v, np.ndarray)}
    task = {**result.task.to_dict(), "id": result.task.id}
    record = {"task": task, "values": kept, "error": result.error, "made_by": result.made_by}
    return {**record, "group": group}


def _form(result: Result) -> str:
    """Names, shapes and types of its arrays: what can be stacked has the same."""
    arrays = {
        name: [value.dtype.str, list(value.shape)]
        for name, value in result.values.items()
        if isinstance(value, np.ndarray)
    }
    return canonical(arrays)


def _name(task: Task, name: object) -> str:
    if not isinstance(name, str) or not name:
        raise GeomsupError(f"{task.function} must name its values by words, got {shorten(name)}")
    return name


def _value(task: Task, name: str, value: Any) -> Any:
    """An array, read-only, or a value as JSON gives it back; NaN is a result like another."""
    if hasattr(value, "detach"):  # a tensor
        value = value.detach().cpu().numpy()
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, np.ndarray):
        try:
            return json.loads(json.dumps(value))
        except (TypeError, ValueError, RecursionError) as error:
            raise GeomsupError(
                f"{task.function} returned {shorten(value, 40)} as {name}, which is neither an "
                f"array nor a JSON value: {first_line(error)}"
            ) from error
    if value.dtype.kind not in _ARRAY_TYPES:
        raise GeomsupError(
            f"{task.function} returned {name} of type {value.dtype}; an array holds floats, "
            "integers or booleans"
        )
    kind = np.float32 if value.dtype == np.float32 else _ARRAY_TYPES[value.dtype.kind]
    if value.dtype.kind == "u" and value.size and value.max() > np.iinfo(np.int64).max:
        raise GeomsupError(f"{task.function} returned {name} with integers beyond 63 bits")
    array: NDArray[Any] = np.array(value, dtype=kind, order="C")
    array.setflags(write=False)
    return array


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    """Of the packages that can change a result, whether or not they are loaded."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # not installed, or run from its source
            found[name] = "unknown"
    return found
