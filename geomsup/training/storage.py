"""Named arrays with metadata in one safetensors file.

safetensors because every reader of the field opens it and it cannot carry code. Writing is all or
nothing; reading trusts nothing: whatever is wrong with a file, the answer is one `GeomsupError`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, shorten

__all__ = ["checked_target", "read_tensors", "stated_integer", "write_tensors"]

_FORMAT_VERSION = 2
# Version 1 had no decoders and no trajectory; whoever reads says what is optional.
_READABLE = (1, 2)
_WORDS = {"TrainingRun": "training run", "Checkpoint": "checkpoint of a training"}


def checked_target(path: str | os.PathLike[str]) -> Path:
    """Where to write, or why it cannot be written there.

    Raises
    ------
    GeomsupError
        If the path is a directory, has another suffix than ``.safetensors``, or lies in a folder
        that does not exist.
    """
    target = _as_path(path)
    if target.is_dir():
        raise GeomsupError(f"{target} is a directory; name a file in it, as in run.safetensors")
    if target.suffix != ".safetensors":
        raise GeomsupError(f"such a file is named *.safetensors, got the file name {target.name!r}")
    if not target.parent.is_dir():
        raise GeomsupError(f"the folder {target.parent} does not exist; make it first")
    return target


def write_tensors(
    path: str | os.PathLike[str],
    tensors: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, Any],
    *,
    kind: str,
) -> Path:
    """Write arrays and JSON metadata, replacing the file in one move.

    ``kind`` is what the file holds, such as "TrainingRun".

    Raises
    ------
    GeomsupError
        If the path is a directory, has another suffix than ``.safetensors``, lies in a folder
        that does not exist, or cannot be written.
    """
    target = checked_target(path)
    text = json.dumps({"format_version": _FORMAT_VERSION, **metadata})
    content = safetensors.numpy.save(dict(tensors), {"format": f"geomsup.{kind}", "geomsup": text})
    # A reader, or a power cut, must never meet half a file.
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise GeomsupError(f"{target} cannot be written: {error}") from error
    finally:
        _remove(temporary)
    return target


def read_tensors(
    path: str | os.PathLike[str],
    dtypes: Mapping[str, str],
    *,
    kind: str,
    optional: Collection[str] = (),
) -> tuple[Path, dict[str, NDArray[Any]], dict[str, Any]]:
    """Read the arrays of these names and kinds of number, and the metadata.

    Parameters
    ----------
    path : str or path-like
        The file.
    dtypes : mapping
        Kind of number of each array, by the names of safetensors.
    kind : str
        What the file must hold, such as "TrainingRun".
    optional : collection of str
        Arrays that may be missing.

    Returns
    -------
    path, tensors, metadata : Path, dict of ndarray, dict

    Raises
    ------
    GeomsupError
        If the file is missing, damaged, no safetensors file, of a foreign or newer format, or
        lacks one of the arrays.
    """
    source = _as_path(path)
    if not source.is_file():
        found = "is a directory, not a file" if source.is_dir() else "does not exist"
        raise GeomsupError(f"{source} {found}; give the path of a file that geomsup wrote")
    try:
        with safetensors.safe_open(source, framework="np") as file:
            said = _parse(file.metadata() or {}, kind)
            present = set(file.keys())
            tensors = {
                name: _read(file, name, present, dtype)
                for name, dtype in dtypes.items()
                if name in present or name not in optional
            }
    except (safetensors.SafetensorError, OSError) as error:
        raise GeomsupError(f"{source} is no readable safetensors file: {error}") from error
    except GeomsupError as error:
        raise GeomsupError(f"{source} holds no {_WORDS[kind]}: {error}") from error
    return source, tensors, said


def stated_integer(said: Mapping[str, Any], name: str) -> int:
    """A count that the metadata of a file states; a boolean or a float is none."""
    number = said.get(name)
    if type(number) is not int or number < 0:
        raise GeomsupError(f"its {name} must be an integer of at least 0, got {shorten(number)}")
    return number


def _parse(metadata: Mapping[str, str], kind: str) -> dict[str, Any]:
    if metadata.get("format") != f"geomsup.{kind}" or "geomsup" not in metadata:
        raise GeomsupError(
            "it lacks the metadata that geomsup writes with one; for weights from elsewhere use "
            "geomsup.classify_geometry(path)"
        )
    try:
        said = json.loads(metadata["geomsup"])
    except (ValueError, RecursionError):
        raise GeomsupError("its metadata is no JSON; the file is damaged") from None
    if not isinstance(said, dict):
        raise GeomsupError("its metadata is no JSON object; the file is damaged")
    if said.get("format_version") not in _READABLE:
        raise GeomsupError(
            f"format version {_FORMAT_VERSION} is understood, got {said.get('format_version')!r}; "
            "update geomsup"
        )
    return said


def _read(file: Any, name: str, present: set[str], dtype: str) -> NDArray[Any]:
    if name not in present:
        raise GeomsupError(f"it has no tensor {name!r}")
    # Asked before reading: some kinds have no NumPy equivalent to be read into.
    if (got := file.get_slice(name).get_dtype()) != dtype:
        raise GeomsupError(f"its tensor {name!r} must be of kind {dtype}, got {got}")
    tensor: NDArray[Any] = file.get_tensor(name)
    return tensor


def _as_path(path: str | os.PathLike[str]) -> Path:
    try:
        return Path(path).expanduser()
    except (TypeError, RuntimeError):
        raise GeomsupError(f"path must be a string or a path, got {shorten(path)}") from None


def _remove(path: Path) -> None:
    # What kept the file from being written may keep it from being removed; that is no news.
    try:
        path.unlink(missing_ok=True)
    except (OSError, ValueError):
        return
