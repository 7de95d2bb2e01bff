"""How each kind of weight file is laid out, read without running anything that is in it.

Files are taken to be hostile: a size that a file announces is held against the size of the file
before any memory is asked for, and pickles go through torch's weights-only reader or not at all.
Every reader returns headers together with a function that loads one array, so that a checkpoint
of many gigabytes can be listed, or one matrix taken out of it, without reading the rest. Readers
let the errors of the parsers below them pass and name no file in their own;
:mod:`geomsup.weight_files` gives all of them one type and the name.
"""

from __future__ import annotations

import json
import math
import pickle
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from geomsup.errors import WeightsError, shorten

__all__ = ["READERS", "ArrayInfo", "Entry", "Loaded"]

# Deflate cannot shrink anything further than this (zlib's own technical notes), so an archive
# that announces more is lying.
_DEFLATE_LIMIT = 1032

_SAFETENSORS_DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4",
    "U64": "<u8", "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
}  # fmt: skip

# A numpy array, or a tensor where the file is torch's own.
Loaded: TypeAlias = Any
_Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class ArrayInfo:
    """Name, shape and dtype of one array in a file.

    Parameters
    ----------
    name : str
        The name that `key` takes. A file with one unnamed array (.npy, a bare tensor in a .pt)
        calls it ``"W"``; nested dicts in a .pt are joined with dots.
    shape : tuple of int
    dtype : str
        As numpy or torch calls it, e.g. ``"float32"`` or ``"bfloat16"``.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, ready for JSON."""
        return {"name": self.name, "shape": list(self.shape), "dtype": self.dtype}


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """One array of a file: its header, and a function that reads it."""

    info: ArrayInfo
    load: Callable[[], Loaded]


def _npy_header(stream: IO[bytes], available: int) -> tuple[tuple[int, ...], str, np.dtype[Any]]:
    """Shape, order and dtype of an .npy stream that is `available` bytes long."""
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
    needed = 0 if dtype.hasobject else math.prod(shape) * dtype.itemsize
    present = available - stream.tell()
    if min(shape, default=0) < 0 or needed > present:
        raise WeightsError(
            f"expected {needed} bytes for an array of shape {shorten(shape)} and dtype "
            f"{shorten(dtype.name)}, got {present}: truncated or damaged, save it again"
        )
    return shape, "F" if fortran else "C", dtype


def _npy_entry(name: str, open_stream: Callable[[], IO[bytes]], available: int) -> Entry:
    with open_stream() as stream:
        shape, _, dtype = _npy_header(stream, available)

    def load() -> _Array:
        with open_stream() as stream:
            shape, order, dtype = _npy_header(stream, available)
            if dtype.hasobject:
                raise WeightsError(
                    f"expected numbers in {shorten(name)}, got pickled Python objects, which "
                    "geomsup never opens; save it as numbers"
                )
            payload = stream.read(math.prod(shape) * dtype.itemsize)
            # A zip member compares its checksum when it is read to the end.
            stream.read(1)
        flat = np.frombuffer(payload, dtype=dtype)
        return flat.reshape(shape, order="F") if order == "F" else flat.reshape(shape)

    return Entry(info=ArrayInfo(name=name, shape=shape, dtype=dtype.name), load=load)


def _read_npy(path: Path) -> dict[str, Entry]:
    return {"W": _npy_entry("W", lambda: path.open("rb"), path.stat().st_size)}


def _read_npz(path: Path) -> dict[str, Entry]:
    entries = {}
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
    for member in members:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise WeightsError(
                f"expected members stored or deflated, got {shorten(member.filename)} compressed "
                "in a way that numpy never writes; save it again with np.savez"
            )
        stored = min(member.compress_size, path.stat().st_size)
        growth = 1 if member.compress_type == zipfile.ZIP_STORED else _DEFLATE_LIMIT
        name = member.filename.removesuffix(".npy")
        entries[name] = _npy_entry(
            name, _member_opener(path, member), min(member.file_size, stored * growth)
        )
    return entries


def _member_opener(path: Path, member: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    def open_member() -> IO[bytes]:
        # The member keeps the archive's file open until it is closed itself.
        with zipfile.ZipFile(path) as archive:
            return archive.open(member)

    return open_member


def _read_torch(path: Path) -> dict[str, Entry]:
    import torch

    zipped = zipfile.is_zipfile(path)
    if zipped:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
        if not any(member.filename.endswith("data.pkl") for member in members):
            raise WeightsError(
                "expected a file that torch.save wrote, got a zip archive without data.pkl; "
                "if it is an .npz file, rename it"
            )
        # The file is mapped into memory, and a mapped compressed tensor would be noise.
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise WeightsError(
                "expected the archive as torch.save wrote it, got it compressed; save it again"
            )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except pickle.UnpicklingError:
        # torch's own text advises to load the file without protection.
        raise WeightsError(
            "expected nothing but tensors, got pickled Python objects or a damaged file, and "
            "geomsup runs nothing from a file; save torch.save(model.state_dict(), path)"
        ) from None
    entries = {}
    for name, tensor in _tensors(content, torch.Tensor):
        if name in entries:
            raise WeightsError(
                f"expected one tensor for each name, got two called {shorten(name)} once nested "
                "names are joined with dots; save them under other names"
            )
        info = ArrayInfo(
            name=name,
            shape=tuple(tensor.shape),
            dtype=str(tensor.dtype).removeprefix("torch."),
        )
        strided = tensor.layout == torch.strided and not tensor.is_meta
        entries[name] = Entry(info=info, load=_tensor_loader(tensor, name, strided))
    return entries


def _tensors(content: object, tensor_type: type) -> Iterator[tuple[str, Any]]:
    """Tensors of nested dicts in their order, under dotted names.

    A pickle can nest a dict in itself or share it exponentially often; the limits on depth and
    number end such a walk.
    """
    stack: list[tuple[str, object, int]] = [("", content, 0)]
    visited = 0
    while stack:
        name, value, depth = stack.pop()
        visited += 1
        if depth > 32 or visited > 100_000:
            raise WeightsError(
                "expected a state dict, got dicts nested beyond 32 levels or 100000 entries; "
                "save the tensors alone"
            )
        if isinstance(value, tensor_type):
            yield name or "W", value
        elif isinstance(value, dict):
            prefix = f"{name}." if name else ""
            children = [(f"{prefix}{key}", child, depth + 1) for key, child in value.items()]
            stack.extend(reversed(children))


def _tensor_loader(tensor: Any, name: str, strided: bool) -> Callable[[], Loaded]:
    def load() -> Loaded:
        # A few stored bytes can be expanded to any shape; copying that would fill the memory.
        if strided and tensor.nbytes > tensor.untyped_storage().nbytes():
            raise WeightsError(
                f"expected {tensor.nbytes} bytes for tensor {shorten(name)}, got only "
                f"{tensor.untyped_storage().nbytes()}; save W.contiguous()"
            )
        return tensor

    return load


def _read_safetensors(path: Path) -> dict[str, Entry]:
    from safetensors import safe_open

    # The library compares the header with the size of the file without reading the tensors; it
    # hands out no bfloat16 without torch, so the bytes are taken from the file directly.
    with safe_open(path, framework="numpy"):
        pass
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(length))
    header.pop("__metadata__", None)
    return {name: _safetensors_entry(path, 8 + length, name, header[name]) for name in header}


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
            # bfloat16 is the upper half of a float32.
            upper = np.frombuffer(payload, dtype="<u2").astype(np.uint32)
            return (upper << 16).view(np.float32).reshape(shape)
        return np.frombuffer(payload, dtype=_SAFETENSORS_DTYPES[code]).reshape(shape)

    known = _SAFETENSORS_DTYPES.get(code)
    dtype = np.dtype(known).name if known else {"BF16": "bfloat16"}.get(code, code)
    return Entry(info=ArrayInfo(name=name, shape=shape, dtype=dtype), load=load)


READERS: dict[str, Callable[[Path], dict[str, Entry]]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".pt": _read_torch,
    ".pth": _read_torch,
    ".safetensors": _read_safetensors,
}
