"""Results of experiments on disk: what a run found, and by which configuration.

One file for each repetition, so that whatever interrupts a long reproduction costs one repetition
at most.  A file whose configuration is not the one asked for is not an error: it is left over from
other settings, and the run is made again.
"""

from __future__ import annotations

import dataclasses
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, first_line, shorten

__all__ = ["config_dict", "load_result", "make_folder", "save_result"]

R = TypeVar("R")
# Raised when a result of the same configuration would come out differently.
_FORMAT = 1
# What an array may hold, by the kind of number that its field declares: integers are floats too.
_KINDS = {"f": "fiu", "i": "iu", "b": "b", "U": "U"}
# Last words of the names of parameters, which training never leaves without a value.  Other fields
# may: a loss that nobody looked for, a dictionary padded to the width of the largest.
_PARAMETERS = {"weights", "biases", "W", "V", "b"}


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
    values = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    rest = {name: value for name, value in values.items() if name not in arrays}
    said = {
        "format": _FORMAT,
        "config": config_dict(config),
        "seed": seed,
        "seconds": seconds,
        "fields": rest,
    }
    tensors: dict[str, Any] = {"said": np.array(json.dumps(said)), **arrays}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    make_folder(path.parent)
    try:
        with open(temporary, "wb") as file:
            np.savez_compressed(file, **tensors)
        os.replace(temporary, path)
    except OSError as error:
        raise GeomsupError(f"{path} cannot be written: {error}") from error
    finally:
        with suppress(OSError):  # it may not even have been begun
            temporary.unlink()


def load_result(path: Path, kind: type[R], config: Any, seed: int) -> tuple[R, float] | None:
    """Read a result and the seconds it took; None if the file holds no such result.

    Damaged files and those of other configurations count as absent: running again is the cure
    for either.  Damage is also what no run writes: arrays of another kind than the fields of
    ``kind`` declare, and parameters that are not finite.
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
        if not _are_of(kind, arrays):
            return None
        for array in arrays.values():
            array.setflags(write=False)
        rest = {name: _to_tuples(value) for name, value in said["fields"].items()}
        return kind(**arrays, **rest), float(said["seconds"])
    except Exception:  # damage shows as an error of any library that the bytes reach
        return None


def _are_of(kind: type[Any], arrays: dict[str, NDArray[Any]]) -> bool:
    """Whether these are the arrays that the fields of a result declare."""
    declared = {
        name: np.dtype(get_args(get_args(hint)[1])[0])
        for name, hint in get_type_hints(kind).items()
        if get_origin(hint) is np.ndarray
    }
    return arrays.keys() == declared.keys() and all(
        # An empty array has no kind of its own.
        (array.size == 0 or array.dtype.kind in _KINDS[declared[name].kind])
        and (name.rpartition("_")[2] not in _PARAMETERS or bool(np.isfinite(array).all()))
        for name, array in arrays.items()
    )


def _to_tuples(value: Any) -> Any:
    return tuple(_to_tuples(item) for item in value) if isinstance(value, list) else value
