"""as_weights, list_arrays and load_arrays: what they accept, refuse and never do."""

from __future__ import annotations

import io
import json
import os
import pickle
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
    "dict": ({"W": W}, r"got a dict of arrays; .* one of 'W' \(2, 4\)"),
    "dict without arrays": ({"W": [[1.0]]}, "got a dict without one"),
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
def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npy")
    with pytest.raises(WeightsError, match="regular file"):
        as_weights(tmp_path / "pipe.npy")


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
    if suffix != other and {suffix, other} != {".pt", ".pth"}
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


def test_whole_modules_are_refused_with_the_cure(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 3), tmp_path / "model.pt")
    with pytest.raises(WeightsError, match="state_dict") as caught:
        as_weights(tmp_path / "model.pt")
    # torch's own message explains how to switch the protection off.
    assert caught.value.__cause__ is None
    assert "weights_only=False" not in str(caught.value)


def _npy_header(shape: object) -> bytes:
    buffer = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": shape}
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


def test_a_damaged_member_fails_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    np.savez(path, W=W)
    data = path.read_bytes()
    position = data.index(W.tobytes())
    path.write_bytes(data[:position] + b"\x01" + data[position + 1 :])
    with pytest.raises(WeightsError, match="CRC"):
        as_weights(path)


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
