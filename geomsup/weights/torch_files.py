"""Files of torch.save, read without torch: an archive of records, or its format of before 1.6.

Such a file is a pickle that describes tensors as views of storages, and the bytes of the storages.
The pickle is read as data (:mod:`geomsup.weights.inert_pickles`); a storage must have exactly the
bytes that the pickle states, and a view must lie inside it.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from io import BytesIO
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from geomsup.errors import WeightsError, shorten
from geomsup.weights.entries import ArrayInfo, Entry, from_bfloat16, nested_leaves
from geomsup.weights.inert_pickles import HARMLESS, OPAQUE, Maker, PickledArray, read_pickle
from geomsup.weights.zip_records import read_record, zip_records

__all__ = ["read_torch"]

_Array: TypeAlias = npt.NDArray[Any]

_NUMPY = {
    "float64": "f8", "float32": "f4", "float16": "f2", "int64": "i8", "int32": "i4", "int16": "i2",
    "int8": "i1", "uint8": "u1", "uint16": "u2", "uint32": "u4", "uint64": "u8", "bool": "?",
    "complex64": "c8", "complex128": "c16",
}  # fmt: skip
# torch alone knows these; each takes the bytes that are given.
_FOREIGN = {
    "bfloat16": 2, "complex32": 4, "float8_e4m3fn": 1, "float8_e5m2": 1, "float8_e4m3fnuz": 1,
    "float8_e5m2fnuz": 1, "float8_e8m0fnu": 1, "quint8": 1, "qint8": 1, "qint32": 4,
}  # fmt: skip
_STORAGES = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16",
    "Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8",
    "Bool": "bool", "ComplexDouble": "complex128", "ComplexFloat": "complex64",
    "QInt8": "qint8", "QUInt8": "quint8", "QInt32": "qint32", "Untyped": "uint8",
}  # fmt: skip


@dataclass(frozen=True)
class _Dtype:
    name: str

    @property
    def itemsize(self) -> int:
        return _FOREIGN.get(self.name) or np.dtype(_NUMPY[self.name]).itemsize


@dataclass(frozen=True, kw_only=True)
class _Storage:
    """Bytes of a file under a key, and how many the pickle says they are."""

    key: str
    dtype: _Dtype
    nbytes: int


@dataclass(frozen=True, kw_only=True)
class _Tensor:
    """A view of a storage; or, with `trouble`, a tensor that has no plain one."""

    shape: tuple[int, ...]
    dtype: _Dtype
    storage: _Storage | None = None
    offset: int = 0
    strides: tuple[int, ...] = ()
    is_negated: bool = False
    is_conjugated: bool = False
    trouble: str = ""


@dataclass(kw_only=True)
class _Storages:
    """The storages that a pickle has named so far; one key means one storage."""

    named: dict[str, _Storage] = field(default_factory=dict)

    def __call__(self, pid: Any) -> object:
        if type(pid) is not tuple or not pid or pid[0] != "storage":
            raise WeightsError("expected nothing but storages of tensors: damaged")
        _, dtype, key, _, count = pid[:5]
        if len(pid) > 5 and pid[5] is not None:
            raise WeightsError("expected storages of their own, got one that is a part of another")
        if type(dtype) is not _Dtype or type(count) is not int or count < 0:
            raise WeightsError("a pickle describes a storage without kind or size: damaged")
        storage = _Storage(key=str(key), dtype=dtype, nbytes=count * dtype.itemsize)
        if self.named.setdefault(storage.key, storage) != storage:
            raise WeightsError(f"storage {shorten(storage.key)} is described in two ways: damaged")
        return storage


def read_torch(path: Path) -> dict[str, Entry]:
    """Every tensor and array of a file of torch.save, by name."""
    if not zipfile.is_zipfile(path):
        content, load = _read_legacy(path)
    else:
        content, load = _read_archive(path)
    entries = {}
    for name, found in nested_leaves(content, (_Tensor, PickledArray)):
        if name in entries:
            raise WeightsError(
                f"expected one tensor for each name, got two called {shorten(name)} once nested "
                "names are joined with dots; save them under other names"
            )
        entries[name] = _entry(name, found, load)
    return entries


_Load: TypeAlias = Callable[[_Storage], tuple[bytes, str]]


def _read_archive(path: Path) -> tuple[object, _Load]:
    records = zip_records(path)
    pickles = [name for name in records if name.split("/")[-1] == "data.pkl"]
    # torch.jit.save writes the constants of a program and its code beside the data.
    if any(name.endswith("constants.pkl") or "/code/" in name for name in records):
        raise WeightsError(
            "expected a file of torch.save, got a TorchScript archive, which is a program; load "
            "it with torch.jit.load and save torch.save(module.state_dict(), path)"
        )
    if len(pickles) != 1:
        raise WeightsError(
            f"expected a file that torch.save wrote, got a zip archive with {len(pickles)} "
            "data.pkl; if it is an .npz file, rename it"
        )
    if any(record.deflated for record in records.values()):
        raise WeightsError(
            "expected the archive as torch.save wrote it, got it compressed; save it again"
        )
    folder = pickles[0].removesuffix("data.pkl")
    order = "<"
    if f"{folder}byteorder" in records:
        order = {b"little": "<", b"big": ">"}[read_record(path, records[f"{folder}byteorder"])]
    storages = _Storages()
    described = BytesIO(read_record(path, records[pickles[0]]))
    content = read_pickle(described, _known(), storages)
    if described.read(1):
        raise WeightsError("the pickle in the archive goes on after its end: damaged")

    for storage in storages.named.values():
        record = records.get(f"{folder}data/{storage.key}")
        got = -1 if record is None else record.size
        if got != storage.nbytes:
            raise WeightsError(
                f"expected {storage.nbytes} bytes in record data/{shorten(storage.key)}, got "
                f"{'none' if record is None else got}: truncated or damaged, save it again"
            )

    def load(storage: _Storage) -> tuple[bytes, str]:
        return read_record(path, records[f"{folder}data/{storage.key}"]), order

    return content, load


def _read_legacy(path: Path) -> tuple[object, _Load]:
    """Five pickles, the last of which lists the keys of the storages that follow."""
    storages = _Storages()
    # Read as memory: what a pickle announces is then cut to what there is, before it is asked for.
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as stream:
        _magic, _protocol, system = (read_pickle(stream, {}, storages) for _ in range(3))
        content = read_pickle(stream, _known(), storages)
        keys = read_pickle(stream, {}, storages)
        order = "<" if system["little_endian"] else ">"
        places = {str(key): _legacy_place(stream, storages, str(key), order) for key in keys}
        if len(places) != len(keys) or set(places) != set(storages.named):
            raise WeightsError("the file does not hold the storages that it names: damaged")
        if stream.tell() != len(stream):
            raise WeightsError("the file goes on after its last storage, or ends before: damaged")

    def load(storage: _Storage) -> tuple[bytes, str]:
        with path.open("rb") as stream:
            stream.seek(places[storage.key])
            return stream.read(storage.nbytes), order

    return content, load


def _legacy_place(stream: mmap, storages: _Storages, key: str, order: str) -> int:
    """Where the bytes of a storage begin, behind a count that must be the pickle's."""
    storage = storages.named[key]
    count = int.from_bytes(stream.read(8), "little" if order == "<" else "big")
    if count * storage.dtype.itemsize != storage.nbytes:
        raise WeightsError(
            f"expected {storage.nbytes // storage.dtype.itemsize} numbers in storage "
            f"{shorten(key)}, got {count}: truncated or damaged, save it again"
        )
    start = stream.tell()
    stream.seek(start + storage.nbytes)
    return start


def _entry(name: str, found: _Tensor | PickledArray, load: _Load) -> Entry:
    if isinstance(found, PickledArray):
        dtype = found.dtype.name
        return Entry(
            info=ArrayInfo(name=name, shape=found.shape, dtype=dtype), load=lambda: found.numpy()
        )
    info = ArrayInfo(name=name, shape=found.shape, dtype=found.dtype.name)
    return Entry(info=info, load=lambda: _values(name, found, load))


def _values(name: str, tensor: _Tensor, load: _Load) -> _Array:
    storage = tensor.storage
    if tensor.trouble or storage is None:
        raise WeightsError(f"expected a dense tensor in {shorten(name)}, got {tensor.trouble}")
    needed = math.prod(tensor.shape) * tensor.dtype.itemsize
    # A few stored bytes can be expanded to any shape; copying that would fill the memory.
    if needed > storage.nbytes:
        raise WeightsError(
            f"expected {needed} bytes for tensor {shorten(name)}, got only {storage.nbytes}; "
            "save W.contiguous()"
        )
    content, order = load(storage)
    flat = _numbers(content, tensor.dtype.name, order)
    steps = tuple(stride * flat.itemsize for stride in tensor.strides)
    values: _Array = np.lib.stride_tricks.as_strided(
        flat[tensor.offset :], tensor.shape, steps, writeable=False
    )
    if tensor.is_conjugated:
        values = values.conj()
    return -values if tensor.is_negated else values


def _numbers(content: bytes, dtype: str, order: str) -> _Array:
    """Bytes as numbers; what numpy does not know comes as float32."""
    if dtype in _NUMPY:
        return np.frombuffer(content, dtype=np.dtype(_NUMPY[dtype]).newbyteorder(order))  # type: ignore[arg-type]  # < or >
    if dtype == "bfloat16":
        return from_bfloat16(np.frombuffer(content, dtype=f"{order}u2"))
    import torch

    if not content or not dtype.startswith("float8"):
        raise WeightsError(f"expected real numbers, got {dtype}; save W.float()")
    numbers: _Array = (
        torch.frombuffer(bytearray(content), dtype=getattr(torch, dtype)).float().numpy()
    )
    return numbers


def _view(
    storage: Any, offset: Any, shape: Any, strides: Any, dtype: _Dtype, notes: Any = None
) -> _Tensor:
    """A view of a storage that lies inside it."""
    whole = [offset, *shape, *strides]
    if type(storage) is not _Storage or not all(type(n) is int and n >= 0 for n in whole):
        raise WeightsError("a pickle describes a tensor without whole shape and strides: damaged")
    shape, strides = tuple(shape), tuple(strides)
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if 0 not in shape and (last + 1) * dtype.itemsize > storage.nbytes:
        raise WeightsError(
            f"expected {(last + 1) * dtype.itemsize} bytes for a tensor of shape "
            f"{shorten(shape)}, got {storage.nbytes}: truncated or damaged, save it again"
        )
    notes = notes if isinstance(notes, dict) else {}
    return _Tensor(
        shape=shape,
        dtype=dtype,
        storage=storage,
        offset=offset,
        strides=strides,
        is_negated=bool(notes.get("neg")),
        is_conjugated=bool(notes.get("conj")),
    )


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> _Tensor:
    """Of the rest, notes on conjugation follow a gradient and hooks."""
    return _view(storage, offset, shape, strides, storage.dtype, *rest[2:])


def _rebuild_tensor_v3(
    storage: Any,
    offset: Any,
    shape: Any,
    strides: Any,
    _gradient: Any,
    _hooks: Any,
    dtype: Any,
    notes: Any = None,
) -> _Tensor:
    if type(dtype) is not _Dtype:
        raise WeightsError("a pickle describes a tensor without dtype: damaged")
    return _view(storage, offset, shape, strides, dtype, notes)


def _rebuild_qtensor(storage: Any, offset: Any, shape: Any, strides: Any, *_rest: Any) -> _Tensor:
    view = _rebuild_tensor(storage, offset, shape, strides)
    return replace(view, trouble="a quantized one; save W.dequantize()")


def _rebuild_sparse_tensor(_layout: Any, data: Any) -> _Tensor:
    *parts, shape = (part for part in data if not isinstance(part, bool))
    values = next(part for part in reversed(parts) if isinstance(part, _Tensor))
    return _Tensor(
        shape=_whole(shape), dtype=values.dtype, trouble="a sparse one; save W.to_dense()"
    )


def _rebuild_meta_tensor(dtype: Any, shape: Any, _strides: Any, _gradient: Any) -> _Tensor:
    trouble = "one on the meta device, which has no values; materialise it first"
    return _Tensor(shape=_whole(shape), dtype=dtype, trouble=trouble)


def _rebuild_from_type(make: Any, _kind: Any, arguments: Any, _state: Any) -> object:
    """A tensor with attributes of its own, which are passed over."""
    if type(make) is not Maker:
        raise WeightsError("a pickle calls what is no constructor of tensors: damaged")
    return make.make(*arguments)


def _whole(shape: Any) -> tuple[int, ...]:
    numbers = tuple(shape)
    if not all(type(n) is int and n >= 0 for n in numbers):
        raise WeightsError(f"a tensor has the shape {shorten(shape)}: damaged")
    return numbers


def _known() -> dict[tuple[str, str], object]:
    """What a file of torch.save may name."""
    dtypes = {("torch", name): _Dtype(name) for name in (*_NUMPY, *_FOREIGN)}
    storages = {
        (module, f"{prefix}Storage"): _Dtype(name)
        for prefix, name in _STORAGES.items()
        for module in ("torch", "torch.cuda", "torch.storage")
    }
    makers: dict[str, Callable[..., object]] = {
        "_rebuild_tensor": _rebuild_tensor,
        "_rebuild_tensor_v2": _rebuild_tensor,
        "_rebuild_tensor_v3": _rebuild_tensor_v3,
        "_rebuild_parameter": lambda data, *_: data,
        "_rebuild_parameter_with_state": lambda data, *_: data,
        "_rebuild_qtensor": _rebuild_qtensor,
        "_rebuild_sparse_tensor": _rebuild_sparse_tensor,
        "_rebuild_meta_tensor_no_storage": _rebuild_meta_tensor,
    }
    return {
        **HARMLESS,
        **dtypes,
        **storages,
        **{("torch._utils", name): Maker(make) for name, make in makers.items()},
        ("torch._tensor", "_rebuild_from_type_v2"): Maker(_rebuild_from_type),
        ("torch", "Size"): Maker(lambda shape=(): tuple(shape)),
        ("torch", "device"): Maker(lambda *_: OPAQUE),
        ("torch.serialization", "_get_layout"): Maker(lambda *_: OPAQUE),
        ("torch", "Tensor"): OPAQUE,
        ("torch.nn.parameter", "Parameter"): OPAQUE,
        **{("torch", name): OPAQUE for name in ("per_tensor_affine", "per_channel_affine")},
    }
