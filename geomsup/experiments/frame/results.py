"""Results of experiments on disk: what a run found, and by which configuration.

One file for each repetition, so that whatever interrupts a long reproduction costs one repetition
at most.  A file whose configuration is not the one asked for is not an error: it is left over from
other settings, and the run is made again.

A result is a dataclass of arrays, numbers, words, further dataclasses and tuples of any of these,
or nothing in place of one of them.
In the file each array has a key of its own, the way to it joined by dots ("sweeps.0.weights"), and
everything else is one text of JSON.
"""

from __future__ import annotations

import dataclasses
import json
import re
import types
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, first_line, shorten
from geomsup.restoring import has_default
from geomsup.writing import write_arrays

__all__ = [
    "EarlierFormError",
    "config_dict",
    "load_result",
    "make_folder",
    "packed",
    "save_result",
]

R = TypeVar("R")
# Raised when a result of the same configuration would come out differently.
_FORMAT = 1
# What an array may hold, by the kind of number that its field declares: integers are floats too.
_KINDS = {"f": "fiu", "i": "iu", "b": "b", "U": "U"}
# Last words of the names of parameters, which training never leaves without a value.  Other fields
# may: a loss that nobody looked for, a crossing that is not there.
_PARAMETERS = {"weights", "biases", "W", "V", "b"}


class EarlierFormError(GeomsupError):
    """A file of the right configuration, written when the result had other fields."""


def config_dict(config: Any) -> dict[str, Any]:
    """A configuration as JSON would give it back."""
    settings: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return settings


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, unless it is there.

    Raises
    ------
    GeomsupError
        If it cannot be made, as where a file has its name.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise GeomsupError(
            f"the folder {shorten(path)} cannot be made: {first_line(error)}; name another"
        ) from error


def save_result(path: Path, result: Any, config: Any, seed: int, seconds: float) -> None:
    """Write a result, all of it or nothing."""
    arrays: dict[str, NDArray[Any]] = {}
    said = {
        "format": _FORMAT,
        "config": config_dict(config),
        "seed": seed,
        "seconds": seconds,
        "fields": packed(result, "", arrays),
    }
    tensors: dict[str, Any] = {"said": np.array(json.dumps(said)), **arrays}
    make_folder(path.parent)
    try:
        write_arrays(path, tensors)
    except OSError as error:
        raise GeomsupError(f"{path} cannot be written: {error}") from error


def load_result(path: Path, kind: type[R], config: Any, seed: int) -> tuple[R, float] | None:
    """Read a result and the seconds it took; None if the file holds no such result.

    Damaged files and those of other configurations count as absent: running again is the cure
    for either.  Damage is also what no run writes: arrays of another kind than the fields of
    ``kind`` declare, and parameters that are not finite.

    Raises
    ------
    EarlierFormError
        If the file is whole and of this configuration, but its fields are not those of ``kind``.
    """
    if not path.is_file():
        return None
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            said = json.loads(str(file["said"]))
            arrays = {name: file[name] for name in file.files if name != "said"}
        asked = {"format": _FORMAT, "config": config_dict(config), "seed": seed}
        if any(said[name] != value for name, value in asked.items()):
            return None
        for array in arrays.values():
            array.setflags(write=False)
        taken: set[str] = set()
        result = _unpacked(kind, said["fields"], "", arrays, taken)
        if taken != arrays.keys():
            raise EarlierFormError(f"fields that the result has no longer: {arrays.keys() - taken}")
        return result, float(said["seconds"])
    except EarlierFormError:
        raise
    except Exception:  # damage shows as an error of any library that the bytes reach
        return None


def _dotted(key: str, name: object) -> str:
    return f"{key}.{name}" if key else str(name)


def packed(value: Any, key: str, arrays: dict[str, NDArray[Any]]) -> Any:
    """A part of a result as JSON; its arrays are put aside under their dotted keys."""
    if isinstance(value, np.ndarray):
        arrays[key] = value
        return None
    if dataclasses.is_dataclass(value):
        parts = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        inner = {name: packed(part, _dotted(key, name), arrays) for name, part in parts.items()}
        return {name: part for name, part in inner.items() if _dotted(key, name) not in arrays}
    if isinstance(value, tuple):
        return [packed(item, _dotted(key, k), arrays) for k, item in enumerate(value)]
    return value


def _hints_of(kind: Any) -> dict[str, Any]:
    """The fields of a dataclass and what they are declared to be; class variables are none."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _unpacked(
    hint: Any, value: Any, key: str, arrays: dict[str, NDArray[Any]], taken: set[str]
) -> Any:
    """The part of a result that a type hint declares, from JSON and from the arrays of the file."""
    if types.NoneType in get_args(hint):
        if value is None and key not in arrays:
            return None
        (hint,) = set(get_args(hint)) - {types.NoneType}
    if get_origin(hint) is np.ndarray:
        taken.add(key)
        return _array(key, np.dtype(get_args(get_args(hint)[1])[0]).kind, arrays)
    if dataclasses.is_dataclass(hint):
        hints = _hints_of(hint)
        if not isinstance(value, dict) or value.keys() - hints.keys():
            raise EarlierFormError(f"{key or 'the result'} has other fields than {hint}")
        # What a file of earlier code does not say, and what had a default since, is that default.
        missing = {
            item.name
            for item in dataclasses.fields(hint)
            if has_default(item)
            and item.name not in value
            and _dotted(key, item.name) not in arrays
        }
        parts = {
            name: _unpacked(part, value.get(name), _dotted(key, name), arrays, taken)
            for name, part in hints.items()
            if name not in missing
        }
        return hint(**parts)  # type: ignore[operator]  # a class, as its name says
    if get_origin(hint) is tuple and isinstance(value, list):
        hints_of = get_args(hint)
        hints_of = hints_of[:1] * len(value) if hints_of[-1] is Ellipsis else hints_of
        if len(hints_of) == len(value):
            return tuple(
                _unpacked(part, item, _dotted(key, k), arrays, taken)
                for k, (part, item) in enumerate(zip(hints_of, value, strict=True))
            )
    elif isinstance(hint, type) and isinstance(value, int | float if hint is float else hint):
        return value
    raise EarlierFormError(f"{key} is no {hint}")


def _array(key: str, kind: str, arrays: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """The array of a key, of the kind of number that is declared."""
    if key not in arrays:
        raise EarlierFormError(f"there is no {key}")
    array = arrays[key]
    # An empty array has no kind of its own.
    if array.size and array.dtype.kind not in _KINDS[kind]:
        raise ValueError(f"{key} holds numbers of another kind")
    if re.split(r"[._]", key)[-1] in _PARAMETERS and not np.isfinite(array).all():
        raise ValueError(f"{key} is not finite")
    return array
