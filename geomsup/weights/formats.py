"""One record for each kind of weight file, and how it is read without running anything in it.

Files are taken to be hostile: a size that a file announces is held against the size of the file
before any memory is asked for, and pickles are read as data (:mod:`geomsup.weights.torch_files`).
Every reader returns headers together with a function that loads one array, so that a checkpoint
of many gigabytes can be listed, or one matrix taken out of it, without reading the rest. Readers
let the errors of the parsers below them pass and name no file in their own;
:mod:`geomsup.weights.files` gives all of them one type and the name.

A new kind of file is a reader and a record in :data:`FORMATS`: what may be opened, what a file must
begin with, and what messages and ``--help`` list all follow from the records.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from geomsup.errors import WeightsError, shorten
from geomsup.weights.entries import ArrayInfo, Entry, from_bfloat16
from geomsup.weights.torch_files import read_torch
from geomsup.weights.zip_records import read_record, zip_records

__all__ = ["FORMATS", "Format", "begins_like", "format_of", "suffixes"]

# Of an .npy file; numpy itself reads no header beyond 10,000 bytes.
_LONGEST_HEADER = 16_384

_SAFETENSORS_DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4",
    "U64": "<u8", "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
}  # fmt: skip
# What can be mapped into memory as it lies in the file.
_MAPPED = {"BF16": "<u2", **{code: _SAFETENSORS_DTYPES[code] for code in ("F16", "F32", "F64")}}

_Array: TypeAlias = npt.NDArray[Any]
Reader: TypeAlias = Callable[[Path], dict[str, Entry]]


@dataclass(frozen=True, kw_only=True)
class Format:
    """One kind of weight file.

    Parameters
    ----------
    suffixes : tuple of str
        How its files end, in lower case.
    signatures : mapping of bytes to str
        What a file begins with, one of them, and what a message calls a file that does.
    read : callable
        From the path to the arrays by name: headers, and functions that load.
    start : int
        Where in the file the signature stands.
    """

    suffixes: tuple[str, ...]
    signatures: Mapping[bytes, str]
    read: Reader
    start: int = 0

    def fits(self, head: bytes) -> bool:
        """Whether a file may be of this kind by its first sixteen bytes."""
        return head[self.start :].startswith(tuple(self.signatures))


def format_of(path: Path) -> Format | None:
    """The record of a file by how its name ends; None if no record has the ending."""
    suffix = path.suffix.lower()
    return next((known for known in FORMATS if suffix in known.suffixes), None)


def suffixes() -> list[str]:
    """How the names of weight files end, in the order of the records."""
    return [suffix for known in FORMATS for suffix in known.suffixes]


def begins_like(head: bytes) -> str:
    """What a file is by its first bytes, in the words of a message; "" if there is no telling."""
    known = [(kind.start, *item) for kind in FORMATS for item in kind.signatures.items()]
    known += [(0, *item) for item in _FOREIGN.items()]
    # The longer a signature, the less it is met by chance.
    known.sort(key=lambda item: -len(item[1]))
    return next((what for at, start, what in known if head[at:].startswith(start)), "")


def _npy_header(head: bytes, available: int) -> tuple[int, tuple[int, ...], str, np.dtype[Any]]:
    """Length of the header, shape, order and dtype of an .npy file of `available` bytes."""
    stream = BytesIO(head)
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise WeightsError(
            f"expected npy format 1.0 or 2.0, got {version[0]}.{version[1]}; save plain numbers "
            "with np.save"
        )
    # What a pickled array announces is no size in bytes; it is refused when it is loaded.
    present = available - stream.tell()
    needed = present if dtype.hasobject else math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or needed != present:
        raise WeightsError(
            f"expected {needed} bytes for an array of shape {shorten(shape)} and dtype "
            f"{shorten(dtype.name)}, got {present}: truncated, damaged or followed by something "
            "else, save it again"
        )
    return stream.tell(), shape, "F" if fortran else "C", dtype


def _npy_entry(
    name: str,
    head: bytes,
    available: int,
    content: Callable[[], bytes],
    unpacked: int = 0,
    path: Path | None = None,
) -> Entry:
    start, shape, order, dtype = _npy_header(head, available)

    def load() -> _Array:
        if dtype.hasobject:
            raise WeightsError(
                f"expected numbers in {shorten(name)}, got pickled Python objects, which "
                "geomsup never opens; save it as numbers"
            )
        flat = np.frombuffer(content(), dtype=dtype, offset=start)
        return flat.reshape(shape, order="F") if order == "F" else flat.reshape(shape)

    info = ArrayInfo(name=name, shape=shape, dtype=dtype.name)
    mapped = None
    if path is not None and info.is_fractional:
        mapped = partial(np.load, path, mmap_mode="r", allow_pickle=False)
    return Entry(info=info, load=load, unpacked=unpacked, map=mapped)


def _read_npy(path: Path) -> dict[str, Entry]:
    with path.open("rb") as stream:
        head = stream.read(_LONGEST_HEADER)
    return {"W": _npy_entry("W", head, path.stat().st_size, path.read_bytes, path=path)}


def _read_npz(path: Path) -> dict[str, Entry]:
    entries = {}
    for record in zip_records(path).values():
        if record.name.endswith(".npy"):
            name = record.name.removesuffix(".npy")
            entries[name] = _npy_entry(
                name,
                read_record(path, record, _LONGEST_HEADER),
                record.size,
                partial(read_record, path, record),
                record.size if record.deflated else 0,
            )
    return entries


def _read_safetensors(path: Path) -> dict[str, Entry]:
    from safetensors import safe_open

    # The library compares the header with the size of the file without reading the tensors; it
    # hands out no bfloat16 without torch, so the bytes are taken from the file directly.
    with safe_open(path, framework="numpy"):
        pass
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(length), object_pairs_hook=_without_repetition)
    header.pop("__metadata__", None)
    return {name: _safetensors_entry(path, 8 + length, name, header[name]) for name in header}


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    items = dict(pairs)
    if len(items) < len(pairs):
        raise WeightsError("expected one tensor for each name, got a name twice; save it again")
    return items


def _safetensors_entry(path: Path, start: int, name: str, record: dict[str, Any]) -> Entry:
    code, shape = record["dtype"], tuple(record["shape"])
    begin, end = record["data_offsets"]

    def load() -> _Array:
        if code != "BF16" and code not in _SAFETENSORS_DTYPES:
            raise WeightsError(
                f"expected numbers of 16 bits or more in {shorten(name)}, got {code}; save them "
                "as float32"
            )
        with path.open("rb") as stream:
            stream.seek(start + begin)
            payload = stream.read(end - begin)
        if code == "BF16":
            return from_bfloat16(np.frombuffer(payload, dtype="<u2")).reshape(shape)
        return np.frombuffer(payload, dtype=_SAFETENSORS_DTYPES[code]).reshape(shape)

    known = _SAFETENSORS_DTYPES.get(code)
    dtype = np.dtype(known).name if known else {"BF16": "bfloat16"}.get(code, code)
    mapped = None
    if code in _MAPPED:
        mapped = partial(np.memmap, path, _MAPPED[code], "r", start + begin, shape)
    return Entry(info=ArrayInfo(name=name, shape=shape, dtype=dtype), load=load, map=mapped)


_ZIP = {b"PK\x03\x04": "a zip archive (.npz or .pt)"}
# What is met in the place of weights, and is none of the formats below.
_FOREIGN = {
    b"\x80": "a bare pickle, which geomsup never opens",
    b"\x89HDF": "an HDF5 file",
}
FORMATS: tuple[Format, ...] = (
    Format(suffixes=(".npy",), signatures={b"\x93NUMPY": "an .npy array"}, read=_read_npy),
    Format(
        suffixes=(".npz",),
        signatures={**_ZIP, b"PK\x05\x06": "an empty zip archive"},
        read=_read_npz,
    ),
    Format(
        suffixes=(".pt", ".pth", ".bin", ".ckpt"),
        # torch's format of before 1.6: a pickled magic number in front of several pickles.
        signatures={**_ZIP, b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.": "a .pt file"},
        read=read_torch,
    ),
    # There is no signature, but the JSON header starts at the ninth byte.
    Format(
        suffixes=(".safetensors",),
        signatures={b"{": "a .safetensors file"},
        read=_read_safetensors,
        start=8,
    ),
)
