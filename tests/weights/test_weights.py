"""as_weights, list_arrays and load_arrays: what they accept, refuse and never do."""

from __future__ import annotations

import argparse
import collections
import copy
import datetime as dt
import io
import json
import os
import pickle
import socket
import struct
import subprocess
import sys
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import safetensors.numpy
import safetensors.torch
import scipy.sparse
import torch

from geomsup.errors import GeomsupError, GeomsupWarning, WeightsError
from geomsup.weights import as_weights, list_arrays, load_arrays

W = np.array([[1.0, -0.5, -0.5, 0.25], [0.0, 0.75, -0.75, 2.0]])

Matrix = npt.NDArray[Any]


def _save_npy(path: Path, array: Matrix) -> None:
    np.save(path, array)


def _save_npz(path: Path, array: Matrix) -> None:
    np.savez_compressed(path, W=array, b=array[0])


def _save_pt(path: Path, array: Matrix) -> None:
    torch.save(torch.from_numpy(array.copy()), path)


def _save_safetensors(path: Path, array: Matrix) -> None:
    safetensors.numpy.save_file({"W": np.ascontiguousarray(array), "b": array[0].copy()}, path)


WRITERS = {
    ".npy": _save_npy,
    ".npz": _save_npz,
    ".pt": _save_pt,
    ".pth": _save_pt,
    ".bin": _save_pt,
    ".ckpt": _save_pt,
    ".safetensors": _save_safetensors,
}


class _Bomb:
    """Unpickling it creates the file of its name."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (Path.touch, (self.canary,))


# --- what is accepted ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "g", "i1", "u2", "i8", "u8", "?"])
def test_every_real_dtype_becomes_float64(dtype: str) -> None:
    array = np.array([[1, 0, 1], [0, 1, 1]]).astype(dtype)
    values = as_weights(array)
    assert values.dtype == np.dtype("f8")
    assert values.tolist() == [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn]
)
def test_every_float_tensor_is_read(dtype: torch.dtype) -> None:
    # All entries of W are short binary fractions, exact even in eight bits.
    tensor = torch.from_numpy(W).to(dtype)
    assert np.array_equal(as_weights(tensor), W)


def test_integer_and_bool_tensors_are_read() -> None:
    assert as_weights(torch.tensor([[1, 2, 3]])).tolist() == [[1.0, 2.0, 3.0]]
    assert as_weights(torch.tensor([[True, False]])).tolist() == [[1.0, 0.0]]


def test_tensors_with_gradients_strides_and_lazy_signs_are_read() -> None:
    tensor = torch.from_numpy(W)
    assert np.array_equal(as_weights(torch.nn.Parameter(tensor.clone())), W)
    assert np.array_equal(as_weights(tensor.T.contiguous().T), W)
    # The imaginary part of a conjugate is a view that carries its minus sign as a flag.
    assert np.array_equal(as_weights(torch.complex(tensor, tensor).conj().imag), -W)


@pytest.mark.parametrize("wrap", [np.asfortranarray, np.ma.array, lambda a: a[:, ::-1][:, ::-1]])
def test_layout_does_not_matter(wrap: Callable[[Matrix], Matrix]) -> None:
    values = as_weights(wrap(W))
    assert type(values) is np.ndarray
    assert values.flags.c_contiguous
    assert np.array_equal(values, W)


def test_nested_lists_and_array_protocol_are_read() -> None:
    class Frame:
        def __array__(self, dtype: object = None, copy: object = None) -> Matrix:
            return W

    assert np.array_equal(as_weights(W.tolist()), W)
    assert np.array_equal(as_weights(Frame()), W)


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("as_text", [True, False])
def test_every_file_format_is_read(suffix: str, as_text: bool, tmp_path: Path) -> None:
    path = tmp_path / f"weights{suffix}"
    WRITERS[suffix](path, W)
    assert np.array_equal(as_weights(str(path) if as_text else path), W)


def test_suffix_may_be_upper_case(tmp_path: Path) -> None:
    path = tmp_path / "weights.npy"
    np.save(path, W)
    assert np.array_equal(as_weights(path.rename(tmp_path / "weights.NPY")), W)


def test_fortran_order_and_format_two_survive_npy(tmp_path: Path) -> None:
    with (tmp_path / "w.npy").open("wb") as stream:
        np.lib.format.write_array(stream, np.asfortranarray(W), version=(2, 0))
    assert np.array_equal(as_weights(tmp_path / "w.npy"), W)


def test_bfloat16_safetensors_need_no_torch(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    noisy = torch.randn(3, 7, generator=torch.Generator().manual_seed(0)).bfloat16()
    safetensors.torch.save_file({"W": noisy}, path)
    # torch's own reader is the oracle for the decoding of bfloat16.
    expected = safetensors.torch.load_file(path)["W"].double().numpy()
    assert np.array_equal(as_weights(path), expected)
    code = (
        f"import sys; from geomsup.weights import as_weights; as_weights({str(path)!r}); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_old_torch_format_is_read(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save({"W": torch.from_numpy(W)}, path, _use_new_zipfile_serialization=False)
    assert np.array_equal(as_weights(path), W)


# --- orientation --------------------------------------------------------------------------------


@pytest.mark.parametrize(("axis", "rows"), [(-1, False), (1, False), (0, True), (-2, True)])
def test_feature_axis_is_obeyed(axis: int, rows: bool) -> None:
    assert np.array_equal(as_weights(W.T if rows else W, feature_axis=axis), W)


@pytest.mark.parametrize("axis", [2, -3, True, 0.0, "0", None])
def test_other_feature_axes_are_refused(axis: Any) -> None:
    with pytest.raises(GeomsupError, match="feature_axis"):
        as_weights(W, feature_axis=axis)


@pytest.mark.parametrize(("axis", "advice"), [(-1, "feature_axis=0"), (0, "feature_axis=-1")])
def test_few_features_warn_at_the_caller(axis: int, advice: str) -> None:
    with pytest.warns(GeomsupWarning, match=advice) as caught:
        as_weights(np.eye(3), feature_axis=axis)
    assert caught[0].filename == __file__


def test_more_features_than_dimensions_do_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        as_weights(W)


# --- the result is the caller's own -------------------------------------------------------------


@pytest.mark.parametrize("kind", [lambda a: a, torch.from_numpy, lambda a: a.view(np.ndarray)])
def test_result_is_a_read_only_copy(kind: Callable[[Matrix], Any]) -> None:
    mine = W.copy()
    values = as_weights(kind(mine))
    mine[:] = 7.0
    assert np.array_equal(values, W)
    with pytest.raises(ValueError, match="read-only"):
        values[0, 0] = 1.0


def test_result_outlives_a_mapped_file(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save(torch.from_numpy(W), path)
    values = as_weights(path)
    with path.open("r+b") as stream:
        stream.write(bytes(path.stat().st_size))
    assert np.array_equal(values, W)


# --- bad arrays ---------------------------------------------------------------------------------

_HUGE = np.longdouble(10) ** 400 if np.finfo(np.longdouble).max > 1e308 else None

BAD_ARRAYS = {
    "NaN": ([[1.0, np.nan]], "1 NaN and 0 infinite, the first at dimension 0 of feature 1"),
    "inf": ([[1.0], [-np.inf]], "0 NaN and 1 infinite, the first at dimension 1 of feature 0"),
    "0-D": (3.0, "0-D"),
    "1-D": ([1.0, 2.0], "1-D"),
    "3-D": (np.ones((4, 2, 3)), r"shape \(4, 2, 3\); pass one instance of the stack, W\[i\]"),
    "4-D": (np.ones((1, 1, 1, 1)), "4-D"),
    "no rows": (np.ones((0, 3)), "empty"),
    "no columns": ([[]], "empty"),
    "complex": ([[1j, 2.0]], "complex"),
    "objects": (np.array([[1, 2]], dtype=object), "Python objects"),
    "None": (None, "Python objects"),
    "dict": ({"W": W}, r"got a dict that holds 1; .* one of 'W' \(2, 4\)"),
    "dict without arrays": ({"W": [[1.0]]}, "got a dict that holds none"),
    "text": ([["1", "2"]], "text"),
    "bytes": (b"weights.npy", "text"),
    "records": (np.zeros((2, 2), dtype="f4,i2"), "structured"),
    "dates": (np.zeros((2, 2), dtype="M8[s]"), "dates"),
    "spans": (np.zeros((2, 2), dtype="m8[s]"), "time spans"),
    "ragged": ([[1, 2], [3]], "rows of equal length"),
    "large int": ([[2**53 + 1, 1]], r"2\*\*53"),
    "large negative int": ([[-(2**53) - 1, 1]], r"2\*\*53"),
    "large uint": (np.array([[2**64 - 1]], dtype=np.uint64), r"2\*\*53"),
    "huge int": ([[10**400, 1]], "Python objects"),
    "large norm": ([[1e151, 1.0]], "rescale"),
    "masked": (np.ma.array(W, mask=W > 1), "1 entries masked"),
    "scipy sparse": (scipy.sparse.csr_array(W), r"toarray\(\)"),
    "torch sparse": (torch.from_numpy(W).to_sparse(), r"to_dense\(\)"),
    "torch complex": (torch.ones(2, 3, dtype=torch.complex64), "complex"),
    "torch meta": (torch.ones(2, 3, device="meta"), "meta device"),
    "torch 3-D": (torch.ones(2, 3, 4), r"W\[i\]"),
    "tensor with gradient in a list": ([torch.ones(2, requires_grad=True)] * 3, "list"),
}


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_bad_arrays_give_one_clear_error(name: str) -> None:
    value, message = BAD_ARRAYS[name]
    with pytest.raises(WeightsError, match=message) as caught:
        as_weights(value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(_HUGE is None, reason="long double is float64 on this platform")
def test_long_doubles_beyond_float64_are_refused() -> None:
    with pytest.raises(WeightsError, match="range of float64"):
        as_weights(np.full((1, 2), _HUGE))


@pytest.mark.parametrize("value", [2**53, -(2**53)])
def test_the_largest_exact_integers_pass(value: int) -> None:
    assert as_weights([[value, 0]])[0, 0] == value


def test_entries_whose_squares_vanish_are_refused() -> None:
    with pytest.raises(WeightsError, match=r"above 1e-150, .* got at most 9.0e-151; rescale"):
        as_weights([[9e-151, -1e-160, 0.0]])
    assert as_weights([[1.1e-150, 0.0]])[0, 0] ** 2 > 0
    assert not as_weights([[0.0, 0.0]]).any()


def test_largest_norm_still_has_a_finite_square() -> None:
    values = as_weights(np.full((4, 5), 0.49e150))
    assert np.isfinite(values.T @ values).all()


# --- choosing inside a file ---------------------------------------------------------------------


@pytest.fixture
def several(tmp_path: Path) -> Path:
    np.savez(tmp_path / "run.npz", W=np.stack([W, 2 * W, 3 * W]), b=W, scale=np.ones(3))
    return tmp_path / "run.npz"


def test_several_candidates_ask_for_a_key(several: Path) -> None:
    # A bias of several models is 2-D as well: taking it for the weights would be silent and wrong.
    with pytest.raises(WeightsError, match=r"'run.npz'.*2 candidates; choose with key=.*'W'.*'b'"):
        as_weights(several)


def test_key_chooses_an_array_or_an_instance(several: Path) -> None:
    assert np.array_equal(as_weights(several, key="b"), W)
    assert np.array_equal(as_weights(several, key="W[2]"), 3 * W)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("W", r"stack 'W' of shape \(3, 2, 4\); choose one instance with key='W\[0\]'"),
        ("w", "expected key= one of 'W'"),
        ("W[3]", r"more than 3 matrices .* got shape \(3, 2, 4\)"),
        ("b[0]", r"got shape \(2, 4\)"),
        ("scale", "1-D"),
        ("W[-4]", r"more than 3 matrices .* got shape \(3, 2, 4\)"),
        ("W[-0]", "one of"),
        ("b[-1]", r"got shape \(2, 4\)"),
        ("W[01]", "one of"),
        ("W[ 1]", "one of"),
        ("W[1][0]", "one of"),
        ("W[١]", "one of"),
        ("W[" + "9" * 5000 + "]", "one of"),
        ("[0]", "one of"),
        ("", "one of"),
        (3, "to be a str"),
    ],
)
def test_bad_keys_are_refused(several: Path, key: Any, message: str) -> None:
    with pytest.raises(WeightsError, match=message) as caught:
        as_weights(several, key=key)
    assert "run.npz" in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_literal_key_wins_over_an_instance(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    arrays: dict[str, Any] = {"W": np.stack([W, 2 * W]), "W[1]": 5 * W}
    np.savez(path, **arrays)
    assert np.array_equal(as_weights(path, key="W[1]"), 5 * W)
    assert np.array_equal(as_weights(path, key="W[0]"), W)


def test_unnamed_arrays_are_called_W(tmp_path: Path) -> None:
    np.save(tmp_path / "stack.npy", np.stack([W, 2 * W]))
    torch.save(torch.from_numpy(np.stack([W, 2 * W])), tmp_path / "stack.pt")
    for name in ("stack.npy", "stack.pt"):
        assert np.array_equal(as_weights(tmp_path / name, key="W[1]"), 2 * W)
        with pytest.raises(WeightsError, match=r"key='W\[0\]'"):
            as_weights(tmp_path / name)


def test_key_without_a_file_is_refused() -> None:
    with pytest.raises(WeightsError, match="inside a file"):
        as_weights(W, key="W")


def test_state_dicts_are_flattened(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    tensor = torch.from_numpy(W)
    content = {"model": {"enc.weight": tensor, "enc": {"bias": tensor[0].clone()}}, "step": 3}
    torch.save(content, path)
    assert np.array_equal(as_weights(path), W)
    assert np.array_equal(as_weights(path, key="model.enc.weight"), W)
    assert [info.name for info in list_arrays(path)] == ["model.enc.weight", "model.enc.bias"]


def test_colliding_dotted_names_are_refused(tmp_path: Path) -> None:
    tensor = torch.from_numpy(W)
    torch.save({"a.b": tensor, "a": {"b": 2 * tensor}}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=r"'a\.b'"):
        as_weights(tmp_path / "w.pt")


def test_files_without_a_matrix_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "bias.npz", b=W[0])
    np.savez(tmp_path / "none.npz")
    torch.save({"step": 3}, tmp_path / "none.pt")
    safetensors.numpy.save_file({}, tmp_path / "none.safetensors")
    with pytest.raises(WeightsError, match=r"'bias.npz': expected a 2-D matrix.*'b' \(4,\)"):
        as_weights(tmp_path / "bias.npz")
    for name in ("none.npz", "none.pt", "none.safetensors"):
        with pytest.raises(WeightsError, match="at least one array"):
            as_weights(tmp_path / name)


# --- bad files ----------------------------------------------------------------------------------


def test_bad_paths_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.npy").mkdir()
    (tmp_path / "w.csv").write_text("1,2")
    (tmp_path / "w").write_text("1,2")
    for path, message in [
        (tmp_path / "folder.npy", "directory"),
        (tmp_path / "missing.npy", "does not exist"),
        (tmp_path / "w.csv", r"ending in \.npy, .*\.ckpt, \.safetensors, got '\.csv'"),
        (tmp_path / "w", "no suffix"),
        ("", "directory"),
        ("a\0b.npy", "path of a weight file|does not exist"),
        ("x" * 10_000 + ".npy", "path of a weight file|does not exist"),
        ("\ud800.npy", "path of a weight file|does not exist"),
    ]:
        with pytest.raises(WeightsError, match=message) as caught:
            as_weights(path)
        assert len(str(caught.value)) < 400


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this platform")
@pytest.mark.parametrize("suffix", WRITERS)
def test_what_is_no_regular_file_is_refused_without_waiting(suffix: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / f"pipe{suffix}")
    (tmp_path / f"device{suffix}").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / f"socket{suffix}"))
        for name in ("pipe", "device", "socket"):
            with pytest.raises(WeightsError, match="regular file"):
                as_weights(tmp_path / f"{name}{suffix}")


@pytest.mark.parametrize("suffix", WRITERS)
def test_truncated_files_are_refused_at_every_length(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"w{suffix}"
    WRITERS[suffix](path, W)
    data = path.read_bytes()
    for length in [*range(24), *range(24, len(data), max(1, len(data) // 40)), len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(WeightsError, match=f"'w{suffix}'"):
            as_weights(path)


MISLABELLED = [
    (suffix, other)
    for suffix in WRITERS
    for other in [*WRITERS, "text", "pickle", "empty"]
    if suffix != other and not {suffix, other} <= {".pt", ".pth", ".bin", ".ckpt"}
]


@pytest.mark.parametrize(("suffix", "other"), MISLABELLED)
def test_mislabelled_files_are_refused(suffix: str, other: str, tmp_path: Path) -> None:
    path = tmp_path / f"w{suffix}"
    if other in WRITERS:
        WRITERS[other](tmp_path / f"true{other}", W)
        (tmp_path / f"true{other}").rename(path)
    else:
        contents = {"text": b"1.0 2.0\n3.0 4.0\n", "pickle": pickle.dumps(W), "empty": b""}
        path.write_bytes(contents[other])
    with pytest.raises(WeightsError, match=f"'w{suffix}'") as caught:
        as_weights(path)
    assert "\n" not in str(caught.value)


def test_hostile_files_are_never_executed(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    bomb = _Bomb(canary)
    payload = np.array([[bomb, 1]], dtype=object)
    np.save(tmp_path / "object.npy", payload, allow_pickle=True)
    np.savez(tmp_path / "object.npz", W=payload, allow_pickle=True)
    torch.save({"W": bomb}, tmp_path / "new.pt")
    torch.save({"W": bomb}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for suffix in WRITERS:
        (tmp_path / f"bare{suffix}").write_bytes(pickle.dumps(bomb))
    paths = [path for path in tmp_path.iterdir() if path.suffix in WRITERS]
    assert len(paths) == 4 + len(WRITERS)
    for path in paths:
        for read in (as_weights, load_arrays):
            with pytest.raises(WeightsError, match=path.name):
                read(path)
    assert not canary.exists()
    # The bomb is live: without protection it goes off.
    pickle.loads(pickle.dumps(bomb))
    assert canary.exists()


def _archive(program: bytes) -> bytes:
    """An archive of torch.save whose pickle is any program, beside the storage of a 2 × 2."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + program + b".")
        archive.writestr("archive/byteorder", b"little")
        archive.writestr("archive/data/0", bytes(32))
        archive.writestr("archive/version", b"3\n")
    return buffer.getvalue()


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


_STORAGE = (
    b"(" + _text("storage") + b"ctorch\nDoubleStorage\n" + _text("0") + _text("cpu") + b"K\x04tQ"
)
_TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n("
_PAIR, _STEPS, _BACK = b"K\x02K\x02\x86", b"K\x02K\x01\x86", b"J\xfe\xff\xff\xffK\x01\x86"
_FOUR, _CANARY = b"K\x04", _text("open('CANARY', 'w')")

# Programs that call, change or overflow something; some would make a file called CANARY.
HOSTILE: dict[str, bytes] = {
    "system": b"cposix\nsystem\n" + _text("touch CANARY") + b"\x85R",
    "os.system": b"cos\nsystem\n" + _text("touch CANARY") + b"\x85R",
    "eval": b"c__builtin__\neval\n" + _CANARY + b"\x85R",
    "exec by protocol 4": b"\x8c\x08builtins\x8c\x04exec\x93" + _CANARY + b"\x85R",
    "a dotted name": b"\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93",
    "getattr": b"c__builtin__\ngetattr\n",
    "a class made by INST": b"(" + _text("CANARY") + b"ipathlib\nPath\n",
    "a class made by OBJ": b"(cpathlib\nPath\n" + _text("CANARY") + b"o",
    "an extension": b"\x82\x01",
    "a call of a tensor": _TENSOR + _STORAGE + b"K\x00" + _PAIR + _STEPS + b"\x89}tR" + b")R",
    "a call of a dict": b"})R",
    "a stand-in changed": b"ccollections\nOrderedDict\n}" + _text("make") + b"K\x01sb",
    "a tensor changed": _TENSOR + _STORAGE + b"K\x00" + _PAIR + _STEPS + b"\x89}tR}b",
    "a list filled like a dict": b"]K\x01K\x02s",
    "arguments that are no tuple": b"ccollections\nOrderedDict\n]R",
    "a codec": b"c_codecs\nencode\n(K\x01" + _text("rot13") + b"tR",
    "memo at the end of memory": b"Kar\xff\xff\xff\xff" + b"j\x00\x00\x00\x01",
    "text of 4 GB": b"X\xff\xff\xff\xff",
    "bytes of 2**60": b"\x8e" + struct.pack("<Q", 2**60),
    "a bytearray of 2**60": b"\x96" + struct.pack("<Q", 2**60),
    "a frame of 2**60": b"\x95" + struct.pack("<Q", 2**60),
    "a number of 2 GB": b"\x8b\xff\xff\xff\x7f",
    "an array of 2**60": b"cnumpy\ndtype\n" + _text("V999999999") + b"\x85R",
    "a key nested a hundred thousand times": b"}" + b")" + b"\x85" * 10**5 + b"K\x01s",
    "a set of nested tuples": b"\x8f()" + b"\x85" * 10**5 + b"\x90",
    "nested a hundred thousand times": b"]" * 10**5 + b"a" * (10**5 - 1),
    "a view beyond its storage": _TENSOR + _STORAGE + b"K\x01" + _PAIR + _STEPS + b"\x89}tR",
    "negative strides": _TENSOR + _STORAGE + b"K\x03" + _PAIR + _BACK + b"\x89}tR",
    "a negative offset": _TENSOR + _STORAGE + b"J\xff\xff\xff\xff" + _PAIR + _STEPS + b"\x89}tR",
    "strides that are too few": _TENSOR + _STORAGE + b"K\x00" + _PAIR + b"K\x01\x85\x89}tR",
    "two counts of one storage": b"]" + _STORAGE + b"a" + _STORAGE.replace(_FOUR, b"K\x02") + b"a",
    "a longer storage": b"]" + _STORAGE.replace(b"K\x04", b"K\x05") + b"a",
    "a storage of another kind": b"]" + _STORAGE.replace(b"Double", b"Float") + b"a",
    "a storage that is not there": b"]" + _STORAGE.replace(_text("0"), _text("1")) + b"a",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_do_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "w.pt"
    path.write_bytes(_archive(HOSTILE[name]))
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match=r"w\.pt"):
            as_weights(path)
        assert tracemalloc.get_traced_memory()[1] < 300e6
    finally:
        tracemalloc.stop()
    assert [file.name for file in tmp_path.iterdir()] == ["w.pt"]


@pytest.mark.parametrize(("offset", "fits"), [(0, True), (1, False), (2, False)])
def test_a_view_ends_where_its_storage_ends(offset: int, fits: bool, tmp_path: Path) -> None:
    # Four numbers of four; one more would be read from memory that is somebody else's.
    program = _TENSOR + _STORAGE + b"K" + bytes([offset]) + _PAIR + _STEPS + b"\x89}tR"
    (tmp_path / "w.pt").write_bytes(_archive(program))
    if fits:
        assert as_weights(tmp_path / "w.pt").shape == (2, 2)
        return
    with pytest.raises(WeightsError, match=f"expected {8 * (4 + offset)} bytes .* got 32"):
        as_weights(tmp_path / "w.pt")


@pytest.mark.parametrize("entry", [4e149, 6e149])
def test_norms_count_and_not_entries(entry: float) -> None:
    # Four rows: the norm is up to twice the largest entry, and its square must be a float64.
    W = np.full((4, 5), entry)
    if entry < 5e149:
        assert np.isfinite((as_weights(W) ** 2).sum(axis=0)).all()
        return
    with pytest.raises(WeightsError, match=r"norms below 1e\+150, .* got entries up to 6.0e\+149"):
        as_weights(W)


def test_the_archive_of_the_hostile_pickles_is_sound(tmp_path: Path) -> None:
    # Else they would be refused for something else.
    program = _TENSOR + _STORAGE + b"K\x00" + _PAIR + _STEPS + b"\x89}tR"
    (tmp_path / "w.pt").write_bytes(_archive(program))
    assert not as_weights(tmp_path / "w.pt").any()


def test_whole_modules_are_refused_with_the_cure(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 3), tmp_path / "model.pt")
    with pytest.raises(WeightsError, match="state_dict") as caught:
        as_weights(tmp_path / "model.pt")
    # torch's own message explains how to switch the protection off.
    assert caught.value.__cause__ is None
    assert "weights_only=False" not in str(caught.value)


def _npy_header(shape: object, kind: str = "<f8") -> bytes:
    buffer = io.BytesIO()
    header = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()


def _zip_with(member: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("W.npy", member)
    return buffer.getvalue()


def _safetensors_bomb(shape: list[int], end: int) -> bytes:
    record = {"W": {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}}
    header = json.dumps(record).encode()
    return struct.pack("<Q", len(header)) + header + bytes(64)


def _torch_bomb() -> bytes:
    buffer = io.BytesIO()
    torch.save(torch.ones(1, 1).expand(2_000_000, 1_000_000), buffer)
    return buffer.getvalue()


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "npy": (".npy", lambda: _npy_header((10**6, 10**6)) + bytes(64)),
    "npy beyond any integer": (".npy", lambda: _npy_header((10**30, 10**30)) + bytes(64)),
    "npy negative": (".npy", lambda: _npy_header((-1, 8)) + bytes(64)),
    "npz stored": (".npz", lambda: _zip_with(_npy_header((10**6, 10**6)), zipfile.ZIP_STORED)),
    "npz deflated": (".npz", lambda: _zip_with(_npy_header((10**6, 10**6)) + bytes(10**5))),
    "npz bzip2": (".npz", lambda: _zip_with(_npy_header((3, 4)) + bytes(96), zipfile.ZIP_BZIP2)),
    "safetensors": (".safetensors", lambda: _safetensors_bomb([10**6, 10**6], 4 * 10**12)),
    "safetensors lying": (".safetensors", lambda: _safetensors_bomb([10**6, 10**6], 64)),
    "safetensors header": (".safetensors", lambda: struct.pack("<Q", 2**62) + b"{" + bytes(64)),
    "expanded tensor": (".pt", _torch_bomb),
}


@pytest.mark.parametrize("name", BOMBS)
def test_announced_sizes_allocate_nothing(name: str, tmp_path: Path) -> None:
    suffix, make = BOMBS[name]
    path = tmp_path / f"bomb{suffix}"
    path.write_bytes(make())
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match="bomb"):
            as_weights(path)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("strides", [(1, 1), (0, 1), (1, 0)])
def test_strides_that_overlap_need_the_bytes_of_their_shape(
    strides: tuple[int, int], tmp_path: Path
) -> None:
    path = tmp_path / "w.pt"
    enough = torch.arange(12.0).as_strided((3, 4), strides)
    torch.save(enough, path)
    assert np.array_equal(as_weights(path), enough.numpy())
    torch.save(torch.arange(11.0).as_strided((3, 4), strides), path)
    with pytest.raises(WeightsError, match=r"expected 48 bytes for tensor 'W', got only 44; save"):
        as_weights(path)


def test_a_damaged_member_fails_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    np.savez(path, W=W)
    data = path.read_bytes()
    position = data.index(W.tobytes())
    path.write_bytes(data[:position] + b"\x01" + data[position + 1 :])
    with pytest.raises(WeightsError, match="CRC"):
        as_weights(path)


def test_a_record_of_another_length_than_its_pickle_says_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save({"W": torch.arange(12.0).double().reshape(3, 4), "V": torch.ones(2, 2)}, path)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    sound = contents["w/data/0"]
    for other in (sound[:48], sound[:95], sound + b"\0", sound * 2, b"", contents["w/data/1"]):
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in {**contents, "w/data/0": other}.items():
                archive.writestr(name, content)
        words = rf"expected 96 bytes in record data/'0', got {len(other)}"
        # Whichever of them is asked for: it is the file that is damaged.
        for key in ("W", "V"):
            with pytest.raises(WeightsError, match=words):
                as_weights(path, key=key)


def test_archives_that_contradict_themselves_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    np.savez(path, W=W, V=2 * W)
    sound = path.read_bytes()
    last = sound.rindex(b"V.npy")
    for damaged, words in [
        (sound.replace(b"V.npy", b"W.npy"), "two called 'W.npy'"),
        (sound[:last] + b"X" + sound[last + 1 :], "contradicts the archive's directory"),
    ]:
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match=words):
            as_weights(path, key="W")
    # Two names for one record; zipfile writes no such thing, so it is put together by hand.
    archive: Any
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("W.npy", _npy_header((2, 2)) + bytes(32))
        twin = copy.copy(archive.infolist()[0])
        twin.filename = twin.orig_filename = "V.npy"
        archive.filelist.append(twin)
        archive._didModify = True
    with pytest.raises(WeightsError, match="contradicts the archive's directory"):
        list_arrays(path)
    # One record inside another, with a sound header of its own.
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("V.npy", _npy_header((2, 2)) + bytes(32))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("W.npy", inner.getvalue())
        twin = copy.copy(zipfile.ZipFile(inner).infolist()[0])
        twin.header_offset = 30 + len("W.npy")
        archive.filelist.append(twin)
        archive._didModify = True
    with pytest.raises(WeightsError, match="overlap"):
        list_arrays(path)


@pytest.mark.parametrize("beyond", [0, 1])
def test_records_may_not_overlap_by_a_single_byte(tmp_path: Path, beyond: int) -> None:
    path = tmp_path / "w.npz"
    archive: Any
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("W.npy", _npy_header((2, 2)) + bytes(32))
        archive.writestr("V.npy", _npy_header((2, 2)) + bytes(32))
        first = archive.infolist()[0]
        first.compress_size += beyond
        first.file_size += beyond
        archive._didModify = True
    if beyond:
        with pytest.raises(WeightsError, match="overlap"):
            list_arrays(path)
    else:
        assert [info.name for info in list_arrays(path)] == ["W", "V"]


@pytest.mark.parametrize("share", [True, False])
def test_endless_state_dicts_are_refused(share: bool, tmp_path: Path) -> None:
    nested: dict[str, Any] = {"W": torch.from_numpy(W)}
    if share:
        # Forty levels that each hold the next one twice: 2**40 paths in a small file.
        for _ in range(40):
            nested = {"x": nested, "y": nested}
    else:
        nested["self"] = nested
    torch.save(nested, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="nested"):
        as_weights(tmp_path / "w.pt")


def test_compressed_torch_archives_are_refused(tmp_path: Path) -> None:
    torch.save(torch.from_numpy(W), tmp_path / "w.pt")
    with (
        zipfile.ZipFile(tmp_path / "w.pt") as old,
        zipfile.ZipFile(tmp_path / "z.pt", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(WeightsError, match="compressed"):
        as_weights(tmp_path / "z.pt")


def test_unsupported_safetensors_dtype_is_listed_but_not_read(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    safetensors.torch.save_file({"W": torch.ones(2, 3).to(torch.float8_e4m3fn)}, path)
    assert list_arrays(path)[0].shape == (2, 3)
    with pytest.raises(WeightsError, match="save them as float32"):
        as_weights(path)


# --- what the files of others hold beside tensors -----------------------------------------------


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_harmless_objects_beside_tensors_do_not_matter(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "w.ckpt"
    content = {
        "args": argparse.Namespace(lr=1e-3, path=Path("data")),
        "best": np.float64(0.5),
        "step": np.int64(7),
        "dtype": np.dtype("f4"),
        "kind": torch.bfloat16,
        "device": torch.device("cpu"),
        "shape": torch.ones(2, 3).shape,
        "seen": {1, 2},
        "history": collections.defaultdict(list, {"loss": [0.1] * 1000}),
        "when": dt.datetime(2020, 1, 1),
        "counts": collections.Counter("aab"),
        "ordered": collections.OrderedDict(a=1),
        "nothing": None,
        "model": {"W": torch.from_numpy(W)},
    }
    torch.save(content, path, pickle_protocol=protocol)
    assert [info.name for info in list_arrays(path)] == ["model.W"]
    assert np.array_equal(as_weights(path), W)


@pytest.mark.parametrize("dtype", ["f8", ">f4", "f2", "i4"])
@pytest.mark.parametrize(("zipped", "protocol"), [(False, 2), (True, 2), (True, 4), (True, 5)])
def test_numpy_arrays_inside_torch_files_are_read(
    zipped: bool, dtype: str, protocol: int, tmp_path: Path
) -> None:
    path = tmp_path / "w.pt"
    array = np.asfortranarray((4 * W).astype(dtype))
    torch.save(
        {"W": array, "step": np.float32(1)},
        path,
        pickle_protocol=protocol,
        _use_new_zipfile_serialization=zipped,
    )
    assert list_arrays(path)[0].shape == (2, 4)
    assert np.array_equal(as_weights(path), 4 * W)


def test_arrays_of_objects_inside_torch_files_are_refused(tmp_path: Path) -> None:
    torch.save({"W": np.array([[1, "x"]], dtype=object)}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="Python objects"):
        as_weights(tmp_path / "w.pt")


@pytest.mark.parametrize("wrap", [list, tuple])
def test_lists_of_state_dicts_are_read(wrap: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    first, last = torch.from_numpy(W), torch.from_numpy(2 * W)
    torch.save(wrap([{"enc": first, "b": first[0]}, {"enc": last, "b": last[0]}]), path)
    names = [info.name for info in list_arrays(path)]
    assert names == ["W[0].enc", "W[0].b", "W[1].enc", "W[1].b"]
    for key in ("W[1].enc", "W[-1].enc", "W[1]", "W[-1]"):
        assert np.array_equal(as_weights(path, key=key), 2 * W)
    assert np.array_equal(as_weights(path, key="W[-2]"), W)
    for key in ("W[-3]", "W[2]", "W[-0]", "W", "enc"):
        with pytest.raises(WeightsError, match=r"'W\[0\]\.enc' \(2, 4\)"):
            as_weights(path, key=key)
    torch.save({"steps": wrap([first, last])}, path)
    assert np.array_equal(as_weights(path, key="steps[-1]"), 2 * W)
    torch.save({"steps": wrap([torch.stack([first, last]), first[0]])}, path)
    assert np.array_equal(as_weights(path, key="steps[0][-1]"), 2 * W)


def test_the_last_of_a_stack(several: Path) -> None:
    assert np.array_equal(as_weights(several, key="W[-1]"), 3 * W)
    assert np.array_equal(as_weights(several, key="W[-3]"), W)


def test_whole_numbers_are_not_offered_beside_weights(tmp_path: Path) -> None:
    path = tmp_path / "w.bin"
    positions = torch.arange(6).reshape(1, 6)
    torch.save({"position_ids": positions, "enc": torch.from_numpy(W)}, path)
    assert np.array_equal(as_weights(path), W)
    assert as_weights(path, key="position_ids").shape == (1, 6)
    torch.save({"position_ids": positions, "a": torch.ones(2, 3), "b": torch.ones(2, 3)}, path)
    with pytest.raises(WeightsError, match="2 candidates") as caught:
        as_weights(path)
    assert "position_ids" not in str(caught.value)
    # Where there is nothing else, whole numbers are what is meant.
    torch.save({"W": positions}, path)
    assert as_weights(path).shape == (1, 6)


@pytest.mark.filterwarnings("ignore:.*is deprecated. Please switch:DeprecationWarning")
def test_torchscript_says_what_it_is(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 3)), tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=r"TorchScript archive.*torch\.jit\.load") as caught:
        as_weights(tmp_path / "w.pt")
    assert "compressed" not in str(caught.value)


def test_modules_and_state_dicts_take_a_key() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Embedding(5, 2))
    module.register_buffer("position_ids", torch.arange(6).reshape(1, 6))
    for given in (module, module.state_dict(), {"a": dict(module.state_dict())}):
        with pytest.raises(WeightsError, match=r"that holds 2; .*weight' \(3, 2\), .*\(5, 2\)$"):
            as_weights(given)
    expected = module.state_dict()["1.weight"].double().numpy()
    assert np.array_equal(as_weights(module, key="1.weight", feature_axis=0), expected.T)
    nested = {"steps": [module.state_dict()], "W": W}
    assert np.array_equal(as_weights(nested, key="W"), W)
    assert as_weights(nested, key="steps[-1].1.weight", feature_axis=0).shape == (2, 5)
    with pytest.raises(WeightsError, match="expected key= one of"):
        as_weights(module, key="2.weight")
    with pytest.raises(WeightsError, match="a ReLU that holds none"):
        as_weights(torch.nn.ReLU())


@pytest.mark.parametrize(
    ("make", "cure"),
    [
        (lambda W: W.to_sparse(), r"W\.to_dense\(\)"),
        (lambda W: torch.quantize_per_tensor(W.float(), 0.1, 0, torch.qint8), r"W\.dequantize\(\)"),
        (lambda W: W.to("meta"), "meta device"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*quantized tensor creation functions:UserWarning")
def test_tensors_without_plain_values_are_listed_but_not_read(
    make: Callable[[Any], Any], cure: str, tmp_path: Path
) -> None:
    torch.save({"W": make(torch.from_numpy(W))}, tmp_path / "w.pt")
    assert list_arrays(tmp_path / "w.pt")[0].shape == (2, 4)
    with pytest.raises(WeightsError, match=cure):
        as_weights(tmp_path / "w.pt")


@pytest.mark.parametrize(
    "make",
    [
        torch.nn.Parameter,
        lambda W: W.to(torch.float8_e5m2),
        lambda W: W.bfloat16(),
        lambda W: (4 * W).to(torch.int16) / 4,
        lambda W: W.T.contiguous().T,
        lambda W: -torch.complex(W, W).conj().imag,
        # A view whose minus sign is a note beside it.
        lambda W: torch.complex(W, -W).conj().imag,
        lambda W: torch.stack([W, W])[1],
    ],
)
def test_every_kind_of_saved_tensor_is_read(make: Callable[[Any], Any], tmp_path: Path) -> None:
    torch.save(make(torch.from_numpy(W)), tmp_path / "w.pt")
    assert np.array_equal(as_weights(tmp_path / "w.pt"), W)


def test_complex_views_are_read_as_torch_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    tensor = torch.complex(torch.from_numpy(W), torch.from_numpy(2 * W))
    for view in (tensor, tensor.conj(), tensor.T.conj(), torch.stack([tensor, tensor]).conj()[1]):
        torch.save({"W": view}, path)
        assert np.array_equal(load_arrays(path)["W"], view.resolve_conj().numpy())


def test_torch_files_are_read_without_torch(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save({"W": torch.from_numpy(W).bfloat16()}, path)
    code = (
        f"import sys; from geomsup.weights import as_weights; as_weights({str(path)!r}); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- sizes --------------------------------------------------------------------------------------


def test_compressed_arrays_have_a_limit_that_can_be_raised(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    np.savez_compressed(path, W=np.zeros((10, 1000), dtype="f4"), b=np.zeros((10, 1000)))
    assert list_arrays(path)[0].shape == (10, 1000)
    # As float64; the header of the array is not worth counting.
    words = r"at most 79,999 bytes in compressed arrays, got 80,000 once.*max_bytes=80000"
    with pytest.raises(WeightsError, match=words):
        as_weights(path, key="W", max_bytes=79_999)
    assert as_weights(path, key="W", max_bytes=80_000).shape == (10, 1000)
    assert as_weights(path, key="W", max_bytes=None).shape == (10, 1000)
    with pytest.raises(WeightsError, match="got 120,256 once unpacked"):
        load_arrays(path, max_bytes=100_000)
    np.savez(path, W=np.zeros((10, 1000)))
    assert as_weights(path, max_bytes=10).shape == (10, 1000)
    for limit in (-1, True, 1.5, "1 GB"):
        with pytest.raises(GeomsupError, match="max_bytes must be a number of bytes or None"):
            as_weights(path, max_bytes=limit)  # type: ignore[arg-type]  # on purpose


def test_a_real_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
        archive.open("W.npy", "w", force_zip64=True) as member,
    ):
        member.write(_npy_header((135, 1_000_000), "|b1"))
        for _ in range(135):
            member.write(bytes(1_000_000))
    assert path.stat().st_size < 2e5
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match="got 1,080,000,000 once unpacked"):
            as_weights(path)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_a_file_of_many_arrays_is_opened_for_its_directory_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "many.npz"
    arrays: dict[str, Any] = {f"a{k}": np.full((1, 2), k) for k in range(300)}
    np.savez(path, **arrays)
    opened = 0
    original = zipfile.ZipFile.__init__

    def counted(self: zipfile.ZipFile, *args: Any, **kwargs: Any) -> None:
        nonlocal opened
        opened += 1
        original(self, *args, **kwargs)

    monkeypatch.setattr(zipfile.ZipFile, "__init__", counted)
    assert len(list_arrays(path)) == 300
    assert load_arrays(path)["a299"].tolist() == [[299, 299]]
    assert opened == 2


# --- listing and loading ------------------------------------------------------------------------


def test_list_arrays_names_shapes_and_dtypes(tmp_path: Path) -> None:
    tensor = torch.from_numpy(W).float()
    np.save(tmp_path / "a.npy", W)
    np.savez(tmp_path / "b.npz", W=W.astype("f4"), text=np.array(["x"]))
    torch.save({"W": tensor.bfloat16()}, tmp_path / "c.pt")
    safetensors.torch.save_file({"W": tensor.bfloat16()}, tmp_path / "d.safetensors")
    listed = {
        path.name: [tuple(info.to_dict().values()) for info in list_arrays(path)]
        for path in tmp_path.iterdir()
    }
    assert listed == {
        "a.npy": [("W", [2, 4], "float64")],
        "b.npz": [("W", [2, 4], "float32"), ("text", [1], "str32")],
        "c.pt": [("W", [2, 4], "bfloat16")],
        "d.safetensors": [("W", [2, 4], "bfloat16")],
    }


def test_listing_a_large_file_reads_little_of_it(tmp_path: Path) -> None:
    large = np.zeros((1000, 4000))
    np.save(tmp_path / "w.npy", large)
    np.savez(tmp_path / "w.npz", W=large)
    safetensors.numpy.save_file({"W": large}, tmp_path / "w.safetensors")
    for path in tmp_path.iterdir():
        tracemalloc.start()
        assert list_arrays(path)[0].shape == (1000, 4000)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1e6


@pytest.mark.parametrize("suffix", WRITERS)
def test_load_arrays_returns_everything_read_only(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"w{suffix}"
    WRITERS[suffix](path, W.astype("f4"))
    arrays = load_arrays(path)
    assert arrays["W"].dtype == np.dtype("f4")
    assert np.array_equal(arrays["W"], W)
    assert not arrays["W"].flags.writeable
    assert list(arrays) == [info.name for info in list_arrays(path)]


@pytest.mark.parametrize("path", [3, None, W])
def test_listing_needs_a_path(path: Any) -> None:
    with pytest.raises(WeightsError, match="path of a weight file"):
        list_arrays(path)
