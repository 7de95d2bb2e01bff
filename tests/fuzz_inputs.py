"""Seeded bad input: arrays of strange kinds, objects that are no arrays, and damaged files.

Most of what comes out cannot be a weight matrix; a part of it still can, because a damaged byte
may hit a padding, and because valid but extreme matrices belong to the test as well. Whoever
consumes it asserts that every item ends in one of two ways: a GeomsupError or a valid result.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import safetensors.torch
import scipy.sparse
import torch

__all__ = ["bad_inputs", "mangled", "sound_files"]

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


def sound_files() -> dict[str, list[bytes]]:
    """Small valid files of every format, by suffix; pickled ones among them."""
    rng = np.random.default_rng(0)
    W = rng.standard_normal((3, 5))
    files: dict[str, list[bytes]] = {suffix: [] for suffix in _SUFFIX_WEIGHTS}

    def written(write: Callable[[io.BytesIO], object]) -> bytes:
        buffer = io.BytesIO()
        write(buffer)
        return buffer.getvalue()

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
