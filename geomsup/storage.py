"""Named arrays with metadata in one safetensors file.

safetensors because every reader of the field opens it and it cannot carry code. Writing is all or
nothing, and the same content gives the same bytes; reading trusts nothing: whatever is wrong with a
file, and be it one changed number of a checkpoint, the answer is one `GeomsupError`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, shorten
from geomsup.writing import write_file

__all__ = [
    "checked_target",
    "read_tensors",
    "stated_integer",
    "with_prefix",
    "without_prefix",
    "write_tensors",
]

_FORMAT_VERSION = 2
# Version 1 had no decoders and no trajectory; whoever reads says what is optional.
_READABLE = (1, 2)
_WORDS = {
    "TrainingRun": "training run",
    "Checkpoint": "checkpoint of a training",
    "Autoencoders": "trained autoencoders",
    "AutoencoderCheckpoint": "checkpoint of a training of autoencoders",
    "Census": "census",
    "CensusPart": "part of a census",
    "DictionaryComparison": "comparison of dictionaries",
    "SweepResults": "results of a sweep",
}
# What must come back exactly as it was written.  Weights of a run may be edited by hand, for a
# planted model or an experiment; what has been checked of them is their shape.
_SUMMED = (
    "Checkpoint",
    "AutoencoderCheckpoint",
    "Autoencoders",
    "Census",
    "CensusPart",
    "DictionaryComparison",
    "SweepResults",
)
_DTYPES = {
    "F64": "<f8", "F32": "<f4", "I64": "<i8", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip


def checked_target(path: str | os.PathLike[str]) -> Path:
    """Where to write, or why it cannot be written there.

    Raises
    ------
    GeomsupError
        If the path is a directory, has another suffix than ``.safetensors``, or lies in a folder
        that does not exist or cannot be written.
    """
    target = _as_path(path)
    if target.is_dir():
        raise GeomsupError(f"{target} is a directory; name a file in it, as in run.safetensors")
    if target.exists() and not target.is_file():
        raise GeomsupError(f"{target} is no regular file; name another")
    if target.suffix != ".safetensors":
        raise GeomsupError(f"such a file is named *.safetensors, got the file name {target.name!r}")
    if not target.parent.is_dir():
        raise GeomsupError(f"the folder {target.parent} does not exist; make it first")
    if not os.access(target.parent, os.W_OK):
        raise GeomsupError(f"nothing can be written in the folder {target.parent}; name another")
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
    content = _serialised(tensors, {"format_version": _FORMAT_VERSION, **metadata}, kind)
    try:
        write_file(target, content)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise GeomsupError(f"{target} cannot be written: {error}") from error
    return target


def _serialised(tensors: Mapping[str, NDArray[Any]], said: Mapping[str, Any], kind: str) -> bytes:
    """A safetensors file with entries in a fixed order, which its own library leaves to chance.

    Tensors follow each other without gaps, behind a header whose length is a multiple of eight.
    """
    codes = {dtype: code for code, dtype in _DTYPES.items()}
    # Numbers of eight bytes first, so that all of them are aligned.
    names = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    arrays = {name: np.ascontiguousarray(tensors[name]) for name in names}
    parts = [
        (name, codes[array.dtype.newbyteorder("<").str], list(tensors[name].shape), array.tobytes())
        for name, array in arrays.items()
    ]
    notes = json.dumps(
        {**said, "sha256": _checksum(said, parts)} if kind in _SUMMED else dict(said)
    )
    header: dict[str, Any] = {"__metadata__": {"format": f"geomsup.{kind}", "geomsup": notes}}
    begin = 0
    for name, code, shape, content in parts:
        end = begin + len(content)
        header[name] = {"dtype": code, "shape": shape, "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *(part[3] for part in parts)])


def _checksum(said: Mapping[str, Any], parts: Iterable[tuple[str, str, list[int], bytes]]) -> str:
    """SHA-256 over metadata and tensors, whatever their order in the file."""
    total = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for name, code, shape, content in sorted(parts, key=lambda part: part[0]):
        # The lengths keep one field from running into the next.
        total.update(f"\n{len(name)} {name} {code} {shape} {len(content)}\n".encode())
        total.update(content)
    return total.hexdigest()


def read_tensors(
    path: str | os.PathLike[str],
    dtypes: Mapping[str, str] | None,
    *,
    kind: str,
    optional: Collection[str] = (),
) -> tuple[Path, dict[str, NDArray[Any]], dict[str, Any]]:
    """Read the arrays of these names and kinds of number, and the metadata.

    Parameters
    ----------
    path : str or path-like
        The file.
    dtypes : mapping or None
        Kind of number of each array, by the names of safetensors; None takes all that there are.
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
        content = source.read_bytes()
        # The library holds the header against the length of the file.
        parts: dict[str, Any] = dict(safetensors.deserialize(content))  # type: ignore[no-untyped-call]  # of a library
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        said = _parse(header.get("__metadata__") or {}, kind, parts)
        wanted = dtypes or {name: part["dtype"] for name, part in parts.items()}
        tensors = {
            name: _read(parts, name, dtype)
            for name, dtype in wanted.items()
            if name in parts or name not in optional
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


def with_prefix(start: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Arrays of a part under the names that they have in the file of the whole."""
    return {f"{start}{name}": array for name, array in arrays.items()}


def without_prefix(start: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The arrays of a part, by the names that they have there."""
    return {
        name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)
    }


def _parse(metadata: Mapping[str, str], kind: str, found: Mapping[str, Any]) -> dict[str, Any]:
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
    # Files of earlier days have none.
    if (checksum := said.pop("sha256", None)) is not None:
        parts = [
            (name, part["dtype"], part["shape"], bytes(part["data"]))
            for name, part in found.items()
        ]
        if checksum != _checksum(said, parts):
            raise GeomsupError("its checksum does not fit: it was damaged or changed")
    return said


def _read(found: Mapping[str, Any], name: str, dtype: str) -> NDArray[Any]:
    if name not in found:
        raise GeomsupError(f"it has no tensor {name!r}")
    part = found[name]
    if part["dtype"] != dtype or dtype not in _DTYPES:
        raise GeomsupError(f"its tensor {name!r} must be of kind {dtype}, got {part['dtype']}")
    flat: NDArray[Any] = np.frombuffer(bytearray(part["data"]), dtype=_DTYPES[dtype])
    return flat.reshape(part["shape"])


def _as_path(path: str | os.PathLike[str]) -> Path:
    try:
        return Path(path).expanduser()
    except (TypeError, RuntimeError):
        raise GeomsupError(f"path must be a string or a path, got {shorten(path)}") from None
