"""Turn whatever holds a weight matrix into one validated float64 array.

Everything behind this module trusts its input, so this is the one place that doubts it.
Orientation is stated by the caller and never guessed, because a guess that is right for one
matrix is silently wrong for its transpose. Reading files is the work of
:mod:`geomsup.weights.files`; what comes out of them is doubted here like everything else.

torch is looked up in ``sys.modules`` instead of being imported: a tensor cannot arrive here
before its owner has imported torch, so those who have no tensors never pay for it.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from geomsup.errors import GeomsupError, WeightsError, first_line, shorten, warn_caller
from geomsup.weights.entries import ArrayInfo, Entry, nested_leaves, weight_candidates
from geomsup.weights.files import (
    MAX_BYTES,
    chosen_matrix,
    list_arrays,
    listing,
    read_arrays,
    read_matrix,
)

__all__ = [
    "ArrayInfo",
    "as_numbers",
    "as_weights",
    "axis_of_features",
    "list_arrays",
    "load_arrays",
    "matrix_of",
    "per_feature",
]

# 2**53 + 1 is the first integer that float64 rounds.
_LARGEST_EXACT_INTEGER = 2**53
# Beyond this a squared norm leaves the range of float64.
_LARGEST_NORM = 1e150
_NOT_NUMBERS = {
    "c": ("complex numbers", "pass W.real, W.imag or the two stacked"),
    "O": ("Python objects", "convert it first, e.g. np.asarray(W, dtype=float)"),
    "V": ("structured records", "pass one field of it"),
    "M": ("dates", "pass numbers"),
    "m": ("time spans", "pass numbers"),
}

_Array: TypeAlias = npt.NDArray[Any]


def as_weights(
    W: object,
    *,
    feature_axis: int = -1,
    key: str | None = None,
    max_bytes: int | None = MAX_BYTES,
) -> npt.NDArray[np.float64]:
    """A weight matrix as float64, with one column for each feature.

    Parameters
    ----------
    W : array_like, torch.Tensor, str or path; torch.nn.Module or state dict with `key`
        A 2-D matrix of real numbers: a numpy array, a torch tensor (any device, any real dtype,
        with or without gradient), nested lists, or a .npy, .npz, .pt, .pth, .bin, .ckpt or
        .safetensors file. Of a module or a (nested) dict of arrays `key` names one.
    feature_axis : int, default -1
        The axis that counts the features: -1 or 1 when columns are features, as in the
        toy-model papers; 0 or -2 when rows are, as in SAE decoders and embedding tables.
    key : str, optional
        Which array of a file, a module or a dict to take. Without it a file must hold exactly
        one array of two or more dimensions; vectors such as biases are passed over, and so are
        whole numbers beside fractional ones. ``"W[2]"`` takes instance 2 of a stack ``W`` of shape
        (n_instances, n_hidden, n_features), or what stands at place 2 of a list, unless there is
        an array of that very name; ``"W[-1]"`` takes the last. The name of a dict or a list takes
        the one matrix inside.
    max_bytes : int or None, default 2**30
        The most that a compressed array may take once it is unpacked and float64; None for any
        size. Arrays that are not compressed are no larger than their file, and have no limit.

    Returns
    -------
    ndarray of shape (n_hidden, n_features)
        A copy of its own: C-contiguous, float64, read-only.

    Raises
    ------
    WeightsError
        Whenever the input is not a finite, non-empty, real matrix that float64 can hold, or a
        file cannot be read without running code from it.

    Warns
    -----
    GeomsupWarning
        If there are no more features than dimensions, which is often a transposed matrix.

    Examples
    --------
    >>> decoder = [[1, 0], [0, 1], [-1, -1]]     # three features as rows
    >>> as_weights(decoder, feature_axis=0)
    array([[ 1.,  0., -1.],
           [ 0.,  1., -1.]])
    """
    values, source = _validated(W, feature_axis, key, max_bytes)
    n_hidden, n_features = values.shape
    if n_features <= n_hidden:
        others, cure = ("rows", 0) if axis_of_features(feature_axis) else ("columns", -1)
        warn_caller(
            f"{source} has {n_features} features in {n_hidden} dimensions, so nothing need be in "
            f"superposition; if its {others} are the features, pass feature_axis={cure}"
        )
    return values


def matrix_of(
    W: object, *, feature_axis: int = -1, key: str | None = None
) -> npt.NDArray[np.float64]:
    """What :func:`as_weights` returns, where few features in many dimensions are no surprise.

    For records of a training, decoders, samples, points and pictures: the same checks and errors,
    and no warning about the shape.

    Examples
    --------
    >>> matrix_of([[1, 0], [0, 1]])
    array([[1., 0.],
           [0., 1.]])
    """
    return _validated(W, feature_axis, key, MAX_BYTES)[0]


def _validated(
    W: object, feature_axis: object, key: str | None, max_bytes: object
) -> tuple[npt.NDArray[np.float64], str]:
    """The matrix, and what a message about it calls it."""
    axis = axis_of_features(feature_axis)
    source, raw = "W", W
    if isinstance(W, (str, os.PathLike)):
        source, raw = read_matrix(W, key, _checked_limit(max_bytes))
    elif (named := _named_arrays(W)) is not None:
        if key is None:
            raise WeightsError(_choice_of(W, named))
        source, raw = chosen_matrix(named, key)
    elif key is not None:
        raise WeightsError(
            f"key={shorten(key)} names an array inside a file, a module or a dict, but W is a "
            f"{type(W).__name__}; leave key out, or pass the path of the file"
        )
    array = _checked(_to_numpy(raw, source), source)
    return _to_float64(array if axis else array.T, source), source


def load_arrays(
    path: str | os.PathLike[str], *, max_bytes: int | None = MAX_BYTES
) -> dict[str, _Array]:
    """Every array of a weight file, by name.

    Parameters
    ----------
    path : str or path
        A weight file, as :func:`as_weights` takes it.
    max_bytes : int or None, default 2**30
        The most that compressed arrays may take together once they are unpacked; None for any
        size.

    Returns
    -------
    dict of str to ndarray
        Read-only copies in the dtype of the file; low-precision types that numpy does not know
        (bfloat16) come as float32.

    Raises
    ------
    WeightsError
        If the file or any array in it cannot be read without running code from it.
    """
    arrays = {}
    for name, raw in read_arrays(path, _checked_limit(max_bytes)).items():
        arrays[name] = np.array(_to_numpy(raw, shorten(name)), order="C")
        arrays[name].setflags(write=False)
    return arrays


def as_numbers(value: object, name: str) -> _Array:
    """Real numbers of any shape, from whatever `as_weights` takes but a file.

    Parameters
    ----------
    value : array_like or torch.Tensor
    name : str
        What the message calls it.

    Returns
    -------
    ndarray
        Of booleans, integers or floats; it may share memory with ``value``.

    Raises
    ------
    GeomsupError
        If it cannot be read, or holds something else.

    Examples
    --------
    >>> as_numbers([[1, 2], [3, 4]], "x").shape
    (2, 2)
    """
    array = _to_numpy(value, name)
    if array.dtype.kind not in "biuf":
        raise GeomsupError(f"{name} must be real numbers, got an array of {array.dtype.name}")
    return array


def per_feature(
    value: object, name: str, n_features: int, *, low: float, high: float, scalar: bool = True
) -> npt.NDArray[np.float64]:
    """One number for each feature, as float64; a scalar stands for all features alike.

    Parameters
    ----------
    value : float, array_like or torch.Tensor
    name : str
        What the message calls it.
    n_features : int
    low, high : float
        Bounds, both allowed.
    scalar : bool, default True
        Whether a scalar may stand for all.

    Returns
    -------
    ndarray of shape (n_features,)
        Read-only.

    Raises
    ------
    GeomsupError
        If it is not that many finite real numbers within the bounds.

    Examples
    --------
    >>> per_feature(0.1, "feature_probability", 3, low=0, high=1)
    array([0.1, 0.1, 0.1])
    """
    wanted = f"{name} must be " + ("a number or " if scalar else "") + f"{n_features} numbers"
    array = _to_numpy(value, name)
    if array.dtype.kind not in "iuf":
        raise GeomsupError(f"{wanted}, got {shorten(value)}")
    if array.shape != (n_features,) and not (scalar and array.ndim == 0):
        raise GeomsupError(f"{wanted}, one for each feature; got an array of shape {array.shape}")
    with np.errstate(all="ignore"):
        values = np.array(np.broadcast_to(array, (n_features,)), dtype=np.float64)
    wrong = ~((values >= low) & (values <= high) & np.isfinite(values))
    if wrong.any():
        at = int(np.argmax(wrong))
        where = f" for feature {at}" if array.ndim else ""
        raise GeomsupError(f"{name} must lie in [{low:g}, {high:g}], got {values[at]:g}{where}")
    values.setflags(write=False)
    return values


def axis_of_features(feature_axis: object) -> int:
    """0 if rows are the features, 1 if columns are; both may be counted from the end."""
    whole = isinstance(feature_axis, (int, np.integer)) and not isinstance(feature_axis, bool)
    if whole and feature_axis in (-2, -1, 0, 1):
        return int(feature_axis) % 2
    raise GeomsupError(
        f"expected feature_axis -1 (columns are features) or 0 (rows are), got "
        f"{shorten(feature_axis)}"
    )


def _checked_limit(max_bytes: object) -> int | None:
    if max_bytes is None:
        return None
    whole = isinstance(max_bytes, (int, np.integer)) and not isinstance(max_bytes, bool)
    if not whole or int(max_bytes) < 0:  # type: ignore[call-overload]  # an integer by now
        raise GeomsupError(
            f"max_bytes must be a number of bytes or None for no limit, got {shorten(max_bytes)}"
        )
    return int(max_bytes)  # type: ignore[call-overload, no-any-return]  # an integer by now


def _named_arrays(W: object) -> dict[str, Entry] | None:
    """The arrays of a module or a dict by name; None for anything else."""
    torch = sys.modules.get("torch")
    if isinstance(W, getattr(getattr(torch, "nn", None), "Module", ())):
        W = dict(W.state_dict())  # type: ignore[attr-defined]  # a module has it
    if not isinstance(W, Mapping):
        return None
    kinds = (np.ndarray, *([torch.Tensor] if torch is not None else []))
    return {
        name: Entry(
            info=ArrayInfo(
                name=name,
                shape=tuple(array.shape),
                dtype=str(array.dtype).removeprefix("torch."),
            ),
            load=partial(_itself, array),
        )
        for name, array in nested_leaves(dict(W), kinds)
    }


def _itself(array: Any) -> Any:
    return array


def _choice_of(W: object, named: dict[str, Entry]) -> str:
    infos = weight_candidates(entry.info for entry in named.values())
    holds = f"W: expected a matrix, got a {type(W).__name__} that holds {len(infos) or 'none'}"
    if not infos:
        return f"{holds}; pass the matrix itself"
    return f"{holds}; pass one, or as_weights(W, key=…) with key one of {listing(infos)}"


def _to_numpy(raw: object, source: str) -> _Array:
    # getattr on a missing module gives (), and nothing is an instance of no class.
    if isinstance(raw, getattr(sys.modules.get("torch"), "Tensor", ())):
        return _tensor_to_numpy(raw, source)
    sparse = sys.modules.get("scipy.sparse")
    if sparse is not None and sparse.issparse(raw):
        raise WeightsError(
            f"{source}: expected a dense matrix, got a scipy sparse {type(raw).__name__}; "
            "pass W.toarray()"
        )
    if isinstance(raw, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(raw)
        # A structured array has a structured mask, and is refused for its dtype further on.
        if mask.dtype == bool and mask.any():
            raise WeightsError(
                f"{source}: expected every entry present, got a masked array with "
                f"{int(mask.sum())} entries masked; fill them or drop their columns"
            )
        raw = raw.data
    try:
        return np.asarray(raw)
    # A foreign __array__ may raise anything, and numpy itself raises five kinds of error here.
    except Exception as error:
        raise WeightsError(
            f"{source}: expected a 2-D array of numbers with rows of equal length, got a "
            f"{type(raw).__name__} that numpy cannot read ({first_line(error)})"
        ) from error


def _tensor_to_numpy(tensor: Any, source: str) -> _Array:
    torch = sys.modules["torch"]
    got = f"{source}: expected a dense tensor, got one"
    if tensor.layout != torch.strided:
        raise WeightsError(f"{got} with layout {tensor.layout}; pass W.to_dense()")
    if tensor.device.type == "meta":
        raise WeightsError(f"{got} on the meta device, which has no values; materialise it first")
    try:
        tensor = tensor.detach().cpu()
        if tensor.is_floating_point():
            # numpy has no bfloat16 or float8; float32 holds all of them exactly.
            tensor = tensor.to(torch.float64 if tensor.dtype.itemsize > 4 else torch.float32)
        values: _Array = tensor.numpy(force=True)
    # Quantized, nested, fake and distributed tensors refuse in ways of their own.
    except Exception as error:
        raise WeightsError(
            f"{got} of type {type(tensor).__name__} that gives no numpy array "
            f"({first_line(error)}); pass W.detach().cpu().float()"
        ) from error
    return values


def _checked(array: _Array, source: str) -> _Array:
    if array.dtype.kind not in "biuf":
        what, cure = _NOT_NUMBERS.get(array.dtype.kind, ("text", "convert it to numbers first"))
        raise WeightsError(
            f"{source}: expected real numbers, got {what} ({shorten(array.dtype.name)}); {cure}"
        )
    if array.ndim != 2:
        cure = "pass one instance of the stack, W[i]" if array.ndim == 3 else "pass a matrix"
        raise WeightsError(
            f"{source}: expected a 2-D matrix of shape (n_hidden, n_features), got "
            f"{array.ndim}-D of shape {array.shape}; {cure}"
        )
    if array.size == 0:
        raise WeightsError(
            f"{source}: expected at least one dimension and one feature, got an empty matrix of "
            f"shape {array.shape}"
        )
    return array


def _to_float64(array: _Array, source: str) -> npt.NDArray[np.float64]:
    if array.dtype.kind in "iu":
        extreme = max(int(array.max()), -int(array.min()))
        if extreme > _LARGEST_EXACT_INTEGER:
            raise WeightsError(
                f"{source}: expected integers up to 2**53, which float64 holds exactly, got "
                f"{extreme}; convert to float yourself if rounding is acceptable"
            )
    try:
        with np.errstate(all="ignore"):
            values = np.array(array, dtype=np.float64, order="C")
    except MemoryError:
        raise WeightsError(
            f"{source}: expected a matrix that fits into memory as float64, got shape "
            f"{array.shape}; select fewer features"
        ) from None
    finite = np.isfinite(values)
    if not finite.all():
        if np.isfinite(array).all():
            raise WeightsError(
                f"{source}: expected numbers in the range of float64, got {array.dtype.name} "
                "beyond it; rescale W, its geometry does not depend on the scale"
            )
        n_nan = int(np.isnan(values).sum())
        row, column = np.argwhere(~finite)[0]
        raise WeightsError(
            f"{source}: expected finite numbers, got {n_nan} NaN and "
            f"{int((~finite).sum()) - n_nan} infinite, the first at dimension {row} of feature "
            f"{column}; drop those features or mend the run that made them"
        )
    peak = float(np.abs(values).max())
    if peak * math.sqrt(values.shape[0]) > _LARGEST_NORM:
        raise WeightsError(
            f"{source}: expected norms below {_LARGEST_NORM:.0e}, whose squares float64 holds, got "
            f"entries up to {peak:.1e}; rescale, e.g. W / np.abs(W).max(), the geometry does not "
            "depend on the scale"
        )
    if 0 < peak < 1 / _LARGEST_NORM:
        raise WeightsError(
            f"{source}: expected entries above {1 / _LARGEST_NORM:.0e}, whose squares float64 "
            f"holds, got at most {peak:.1e}; rescale, e.g. W / np.abs(W).max(), the geometry does "
            "not depend on the scale"
        )
    values.setflags(write=False)
    return values
