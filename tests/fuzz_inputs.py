"""Seeded bad input: arrays of strange kinds, objects that are no arrays, and damaged files.

Most of what comes out cannot be a weight matrix; a part of it still can, because a damaged byte
may hit a padding, and because valid but extreme matrices belong to the test as well. Whoever
consumes it asserts that every item ends in one of two ways: a GeomsupError or a valid result.
"""

from __future__ import annotations

import io
import json
import pickle
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import safetensors.torch
import scipy.sparse
import torch

__all__ = ["SOUND", "bad_inputs", "damaged_files", "mangled", "sound_files", "written"]

_DTYPES = [
    *"?bBhHiIlLqQefdgFDGOSUVMm",
    ">f4",
    ">i8",
    "S3",
    "U2",
    "V5",
    "M8[s]",
    "m8[ns]",
    "f4,i2",
    "(2,)f4",
]
_SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, 1e-310, 1e-160, 1e75, 1e149, 1e151, 1e300]
# Reading a .pt is about ten times slower than the rest, so there are fewer of them.
_SUFFIX_WEIGHTS = {".npy": 0.36, ".npz": 0.26, ".safetensors": 0.26, ".pt": 0.12}


class _Liar:
    """An object whose __array__ hands out or raises what it was given."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def __array__(self, dtype: object = None, copy: object = None) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class _Speechless:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


def bad_inputs(seed: int, count: int, tmp_path: Path) -> Iterator[object]:
    """Yield `count` inputs; the same seed yields the same ones.

    A file lives in `tmp_path` only until the next item is asked for.
    """
    rng = np.random.default_rng(seed)
    files = sound_files()
    makers = [_strange_array, _extreme_matrix, _strange_object, _strange_tensor]
    suffixes = list(_SUFFIX_WEIGHTS)
    for number in range(count):
        if rng.random() < 0.6:
            yield makers[rng.integers(len(makers))](rng)
            continue
        suffix = str(rng.choice(suffixes, p=list(_SUFFIX_WEIGHTS.values())))
        # One file in twenty carries the name of another format.
        source = suffix if rng.random() < 0.95 else str(rng.choice(suffixes))
        originals = files[source]
        path = tmp_path / f"mangled_{number}{suffix}"
        path.write_bytes(mangled(originals[rng.integers(len(originals))], rng))
        yield path if rng.random() < 0.5 else str(path)
        path.unlink()


def written(write: Callable[[io.BytesIO], object]) -> bytes:
    """What a function writes into a file."""
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def sound_files() -> dict[str, list[bytes]]:
    """Small valid files of every format, by suffix; pickled ones among them."""
    rng = np.random.default_rng(0)
    W = rng.standard_normal((3, 5))
    files: dict[str, list[bytes]] = {suffix: [] for suffix in _SUFFIX_WEIGHTS}

    for array in (W, W.astype(">f4"), np.asfortranarray(W), W[None], W.astype(object), W > 0):
        files[".npy"].append(written(lambda f, a=array: np.save(f, a)))  # type: ignore[misc]  # the default binds the loop variable
    files[".npy"].append(
        written(lambda f: np.lib.format.write_array(f, W, version=(2, 0)))  # long header
    )
    files[".npz"] = [
        written(lambda f: np.savez(f, W=W)),
        written(lambda f: np.savez_compressed(f, W=W.astype("f4"), b=W[0])),
        written(lambda f: np.savez(f, W=W, V=W)),
        written(lambda f: np.savez(f, W=np.stack([W, W]))),
    ]
    tensor = torch.from_numpy(W)
    state = {"model": {"encoder.weight": tensor, "encoder.bias": tensor[0].clone()}, "step": 3}
    files[".pt"] = [
        written(lambda f: torch.save(tensor, f)),
        written(lambda f: torch.save(state, f)),
        written(lambda f: torch.save(tensor.bfloat16(), f)),
        written(lambda f: torch.save(state, f, _use_new_zipfile_serialization=False)),
        pickle.dumps(W),
    ]
    files[".safetensors"] = [
        safetensors.numpy.save({"W": W}),
        safetensors.numpy.save({"W": W, "b": W[0].copy()}, metadata={"seed": "0"}),
        safetensors.torch.save({"W": tensor.bfloat16()}),
    ]
    return files


def mangled(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage a file in one to three ways: flips, cuts, insertions, zeros, a changed number."""
    damaged = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        # Headers sit in front in all formats but zip, whose directory is at the end.
        span = len(damaged) if rng.random() < 0.5 else min(len(damaged), 160)
        start = int(rng.integers(span + 1)) if span else 0
        if rng.random() < 0.2:
            start = max(0, len(damaged) - start)
        length = int(rng.integers(1, 9))
        match rng.integers(7):
            case 0:
                for position in rng.integers(max(span, 1), size=length):
                    if position < len(damaged):
                        damaged[position] ^= 1 << int(rng.integers(8))
            case 1:
                del damaged[start:]
            case 2:
                damaged[start:start] = rng.bytes(length)
            case 3:
                del damaged[start : start + length]
            case 4:
                damaged[start : start + length] = bytes(length)
            case 5:
                damaged[start : start + length] = b"\xff" * length
            case _:
                # Digits announce shapes and sizes in .npy and .safetensors headers.
                digits = [i for i in range(span) if i < len(damaged) and 48 <= damaged[i] <= 57]
                if digits:
                    position = digits[rng.integers(len(digits))]
                    damaged[position : position + 1] = b"9" * length
    return bytes(damaged)


_rng = np.random.default_rng(7)
# What the files of `damaged_files` hold; no two arrays take equally many bytes.
SOUND: dict[str, Any] = {
    "W": _rng.standard_normal((3, 5)),
    "V": _rng.standard_normal((4, 7)).astype("f4"),
    "b": _rng.standard_normal(5),
}


def damaged_files(kind: str, seed: int, count: int) -> Iterator[bytes]:
    """Yield `count` damaged files that held `SOUND` (.npy: its W); the same seed, the same files.

    Records and whole files are cut, lengthened and exchanged in all formats, with headers and
    checksums of archives made to fit or left as they were. Where checksums protect the bytes,
    any of them is changed; elsewhere none is, because nothing can tell one number from another.

    Parameters
    ----------
    kind : {".npy", ".npz", "deflated.npz", ".pt", "unsummed.pt", "old.pt", ".safetensors"}
    """
    rng = np.random.default_rng(seed)
    sound = _sound_file(kind)
    is_zip = kind in (".npz", "deflated.npz", ".pt", "unsummed.pt")
    for _ in range(count):
        ways: list[Callable[[bytes, np.random.Generator], bytes]] = [_cut, _grown, _taken_out]
        if is_zip:
            ways += [_resized_record, _resized_record, _resized_record]
        if is_zip and kind != "unsummed.pt":
            ways += [_flipped, _flipped, _inserted, _swapped_blocks]
        if kind == ".safetensors":
            ways += [_changed_header, _changed_header, _changed_header]
        yield ways[rng.integers(len(ways))](sound, rng)


def _sound_file(kind: str) -> bytes:
    tensors = {name: torch.from_numpy(array) for name, array in SOUND.items()}
    match kind:
        case ".npy":
            return written(lambda f: np.save(f, SOUND["W"]))
        case ".npz":
            return written(lambda f: np.savez(f, **SOUND))
        case "deflated.npz":
            return written(lambda f: np.savez_compressed(f, **SOUND))
        case ".pt":
            return written(lambda f: torch.save({"step": np.float64(3), **tensors}, f))
        case "unsummed.pt":
            torch.serialization.set_crc32_options(False)
            try:
                return written(lambda f: torch.save(tensors, f))
            finally:
                torch.serialization.set_crc32_options(True)
        case "old.pt":
            return written(lambda f: torch.save(tensors, f, _use_new_zipfile_serialization=False))
        case _:
            return safetensors.numpy.save(SOUND)


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(len(data))]


def _grown(data: bytes, rng: np.random.Generator) -> bytes:
    return data + rng.bytes(int(rng.integers(1, 100)))


def _taken_out(data: bytes, rng: np.random.Generator) -> bytes:
    start, length = rng.integers(len(data)), rng.integers(1, 60)
    return data[:start] + data[start + length :]


def _inserted(data: bytes, rng: np.random.Generator) -> bytes:
    start = rng.integers(len(data))
    return data[:start] + rng.bytes(int(rng.integers(1, 60))) + data[start:]


def _flipped(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        changed[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _swapped_blocks(data: bytes, rng: np.random.Generator) -> bytes:
    length = int(rng.integers(1, 64))
    one, other = sorted(int(k) for k in rng.integers(0, len(data) - length, size=2))
    changed = bytearray(data)
    changed[one : one + length], changed[other : other + length] = (
        data[other : other + length],
        data[one : one + length],
    )
    return bytes(changed)


def _resized_record(data: bytes, rng: np.random.Generator) -> bytes:
    """An archive written anew, with valid checksums, one of whose records is another."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        contents = [_raw(data, member) for member in members]
    # torch's own notes, such as the version, do not bear on the weights.
    weighty = [
        k
        for k, m in enumerate(members)
        if m.filename.endswith((".npy", "data.pkl")) or "/data/" in m.filename
    ]
    k, other = (weighty[place] for place in rng.choice(len(weighty), size=2, replace=False))
    names = [member.filename for member in members]
    match rng.integers(4):
        case 0:
            contents[k] = contents[k][: rng.integers(len(contents[k]))]
        case 1:
            contents[k] += rng.bytes(int(rng.integers(1, 80)))
        case 2 if not names[k].endswith(".npy"):
            contents[k], contents[other] = contents[other], contents[k]
        case _:
            del names[k], contents[k], members[k]
    how = members[0].compress_type

    def rewrite(f: io.BytesIO) -> None:
        with zipfile.ZipFile(f, "w", how) as archive:
            for name, content in zip(names, contents, strict=True):
                archive.writestr(name, content)

    return written(rewrite)


def _raw(data: bytes, member: zipfile.ZipInfo) -> bytes:
    """A record without a look at its checksum, which may have been left out."""
    at = member.header_offset
    start = at + 30 + sum(int.from_bytes(data[at + k : at + k + 2], "little") for k in (26, 28))
    stored = data[start : start + member.compress_size]
    return stored if member.compress_type == zipfile.ZIP_STORED else zlib.decompress(stored, -15)


def _changed_header(data: bytes, rng: np.random.Generator) -> bytes:
    """A safetensors file with offsets, shapes or kinds of number that do not fit."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    name, other = (str(one) for one in rng.choice(list(SOUND), size=2, replace=False))
    record = header[name]
    step = int(rng.choice([-16, -8, -1, 1, 8, 16]))
    match rng.integers(5):
        case 0:
            record["data_offsets"][rng.integers(2)] += step
        case 1:
            record["shape"][rng.integers(len(record["shape"]))] += int(rng.choice([-1, 1, 100]))
        case 2:
            header[name]["data_offsets"], header[other]["data_offsets"] = (
                header[other]["data_offsets"],
                header[name]["data_offsets"],
            )
        case 3:
            record["dtype"] = str(rng.choice(["F16", "I8", "BOOL", "BF16"]))
        case _:
            record["data_offsets"] = [number + step for number in record["data_offsets"]]
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def _shape(rng: np.random.Generator) -> tuple[int, ...]:
    ndim = rng.choice([0, 1, 2, 2, 2, 3, 5])
    return tuple(int(size) for size in rng.choice([0, 1, 2, 3, 6], size=ndim))


def _strange_array(rng: np.random.Generator) -> object:
    dtype = np.dtype(_DTYPES[rng.integers(len(_DTYPES))])
    shape = _shape(rng)
    if dtype.hasobject:
        array = np.empty(shape, dtype=object)
        array.fill(rng.choice(np.array([None, "x", 1.5, 2**70], dtype=object)))
    else:
        size = int(np.prod(shape)) * dtype.itemsize
        # Raw bytes reach every NaN payload, subnormal and integer that the dtype has. Subarray
        # dtypes dissolve into extra axes.
        array = np.frombuffer(rng.bytes(size), dtype=np.uint8)
        base, extra = dtype.subdtype or (dtype, ())
        array = np.zeros((*shape, *extra), base) if not size else array.view(base)
        array = array.reshape((*shape, *extra))
    match rng.integers(6):
        case 0:
            return array.T
        case 1:
            return array[..., ::-1] if array.ndim else array
        case 2:
            return np.ma.array(array, mask=bool(rng.random() < 0.5))
        # Random bytes make no lawful str; Python itself breaks on one.
        case 3 if array.dtype.kind != "U":
            return array.tolist()
        case 4 if array.dtype.kind == "i" and array.ndim == 2:
            return scipy.sparse.csr_array(array.astype("f8"))
        case _:
            return array


def _extreme_matrix(rng: np.random.Generator) -> object:
    n_hidden, n_features = rng.integers(1, 5), rng.integers(1, 9)
    W = rng.standard_normal((n_hidden, n_features)) * 10.0 ** rng.integers(-12, 12)
    for _ in range(rng.integers(1, 4)):
        value = _SPECIAL[rng.integers(len(_SPECIAL))]
        if rng.random() < 0.5:
            W[:, rng.integers(n_features)] = value
        else:
            W[rng.integers(n_hidden), rng.integers(n_features)] = value
    if rng.random() < 0.3:
        W[:, 0] = W[:, -1]
    if rng.random() < 0.2:
        return W.astype(np.longdouble) * np.longdouble(10) ** 400
    return W.tolist() if rng.random() < 0.3 else W


def _strange_object(rng: np.random.Generator) -> object:
    cycle: list[object] = []
    cycle.append(cycle)
    choices: list[object] = [
        None, "", "\0", "no/such/file.npy", "x" * 5000, "\ud800.npy", ".", "/", "name.unknown",
        b"bytes", 3, 2.5, 1j, True, (), [], [[]], [[], []], {}, {"W": [[1, 2]]}, {1, 2}, object(),
        object, len, _Speechless(), _Speechless, cycle, Path(), Path("missing.pt"), range(3),
        iter([1]), (x for x in [[1.0]]), [[1, 2], [3]], [[1, 2], 3], [["1", "2"]], [[None, 1]],
        [[2**53 + 1, 1]], [[2**63, 1]], [[2**70, 1]], [[10**400, 1.0]], [[1, 1j]], [[b"1"]],
        [[_Speechless()]], _Liar(ValueError("no")), _Liar(RuntimeError("no")), _Liar(MemoryError()),
        _Liar("text"), _Liar(None), _Liar(np.ones((2, 3))), _Liar(KeyError("k")),
        np.float64(3.0), memoryview(b"abcd"), bytearray(b"ab"),
        Ellipsis, NotImplemented, zipfile.ZipFile, np.ones, np.dtype("f8"), [[np.nan, None]],
        [torch.ones(2), torch.ones(3)], [torch.ones(2, requires_grad=True)] * 3,
    ]  # fmt: skip
    return choices[rng.integers(len(choices))]


def _strange_tensor(rng: np.random.Generator) -> object:
    shape = _shape(rng)
    values = torch.as_tensor(rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 39))
    dtypes = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn]
    dtypes += [torch.complex64, torch.bool]
    tensor = values.to(dtypes[rng.integers(len(dtypes))])
    match rng.integers(7):
        case 0:
            return tensor.to("meta")
        case 1 if tensor.is_floating_point() and tensor.ndim == 2:
            return tensor.float().to_sparse()
        case 2 if tensor.is_floating_point():
            return tensor.double().requires_grad_()
        case 3:
            return torch.randint(-(2**62), 2**62, shape, generator=torch.Generator().manual_seed(1))
        case 4 if tensor.is_floating_point():
            return torch.complex(tensor.double(), tensor.double()).conj().imag
        case _:
            return tensor
