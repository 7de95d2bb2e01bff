"""Open a published dictionary, a model or an object with a decoder, and read nothing but that.

:func:`open_weights` finds the matrix by the layout of its source (:mod:`geomsup.weights.layouts`),
settles which axis counts the features by proof (:mod:`geomsup.weights.orientation`), and hands out
the features in blocks. Files are mapped into memory where their format has the numbers in one piece
and promises no checksum; what has checksums is read whole and checked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from geomsup.errors import GeomsupError, WeightsError, shorten
from geomsup.validation import positive_integer, whole_number
from geomsup.weights.entries import ArrayInfo, from_bfloat16
from geomsup.weights.files import MAX_BYTES, entries_of, read_matrix
from geomsup.weights.layout_choice import Request, choose, facts, voucher
from geomsup.weights.layout_files import Container, UnknownLayoutError, open_container
from geomsup.weights.layouts import UNKNOWN, Layout, layout_named, layouts_asked
from geomsup.weights.matrix import as_numbers, as_weights, axis_of_features
from geomsup.weights.orientation import AXES, Fact, decide, facts_of_arrays, facts_of_config

__all__ = ["OpenedWeights", "UnknownLayoutError", "open_weights"]

_Array: TypeAlias = npt.NDArray[Any]

_BLOCK = 4096


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenedWeights:
    """A matrix of feature directions whose orientation is known, read when it is asked for.

    Whatever takes a matrix takes this: as an array it has one column for each feature.

    Parameters
    ----------
    name : str
        The matrix and its file, for messages.
    key : str
        Its name in the file.
    path : Path or None
        The file; None for an object in memory.
    layout : str
        The source whose layout it has; ``"unknown"`` if the name of the file is nobody's.
    feature_axis : int
        Which axis of the stored matrix counts the features: 0 or 1.
    proof : str
        What shows that.
    n_features, n_hidden : int
    dtype : str
        Of the stored numbers.
    note : str
        What to know of this source before numbers are compared; "" for nothing.
    """

    name: str
    key: str
    path: Path | None
    layout: str
    feature_axis: int
    proof: str
    n_features: int
    n_hidden: int
    dtype: str
    note: str = ""
    _place: tuple[Any, ...] = field(default=(), repr=False)
    _given: Any = field(default=None, repr=False)
    _max_bytes: int | None = field(default=MAX_BYTES, repr=False)

    @cached_property
    def _stored(self) -> _Array:
        """The matrix with a row for each feature; bfloat16 as the upper halves of float32."""
        whole = self._given
        if self.path is not None:
            whole = _stored_array(self.path, self.key, self._max_bytes)
        matrix: _Array = whole[self._place]
        return matrix.T if self.feature_axis == 1 else matrix

    @property
    def weights(self) -> _Array:
        """The whole matrix, of shape (n_hidden, n_features), in the type of the file.

        Mapped from the file where that is possible, so that nothing is read until it is used;
        bfloat16 comes as float32, in memory.
        """
        return self._numbers(self._stored).T

    def features(self, start: int, stop: int) -> _Array:
        """Some features as columns, shape (n_hidden, stop - start); nothing else is read.

        Parameters
        ----------
        start, stop : int
            The first feature, and the one after the last.
        """
        begin = whole_number("start", start, 0, self.n_features)
        end = whole_number("stop", stop, begin, self.n_features)
        return self._numbers(self._stored[begin:end]).T

    def blocks(self, size: int = _BLOCK) -> Iterator[_Array]:
        """All features in their order, `size` at a time, each block as from `features`."""
        step = positive_integer("size", size)
        for start in range(0, self.n_features, step):
            yield self.features(start, min(start + step, self.n_features))

    def as_weights(self) -> npt.NDArray[np.float64]:
        """A checked copy in float64, as :func:`geomsup.weights.matrix.as_weights` makes it."""
        return as_weights(self.weights)

    def to_dict(self) -> dict[str, Any]:
        """What is known of the matrix, in plain types, ready for JSON."""
        words = ("key", "layout", "feature_axis", "proof", "n_features", "n_hidden", "dtype")
        return {word: getattr(self, word) for word in (*words, "note")}

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> _Array:
        """The matrix with a column for each feature, for whatever takes an array."""
        return np.array(self.weights, dtype=dtype, copy=copy)

    def _numbers(self, stored: _Array) -> _Array:
        if self.dtype != "bfloat16" or stored.dtype != np.uint16:
            return stored
        return from_bfloat16(stored)

    def __str__(self) -> str:
        lines = [
            f"{self.name}: {self.n_features:,} features in {self.n_hidden:,} dimensions",
            f"layout  {layout_named(self.layout).title}",
            f"{AXES[self.feature_axis]} are features: {self.proof}",
        ]
        return "\n".join(lines + ([f"note    {self.note}"] if self.note else []))


def open_weights(
    path: object,
    layout: str = "auto",
    *,
    key: str | None = None,
    layer: int | None = None,
    feature_axis: int | None = None,
    max_bytes: int | None = MAX_BYTES,
) -> OpenedWeights:
    """Find the feature directions of a published dictionary or model, and their orientation.

    Only headers are read here, and only the decoder later; nothing in a file is ever executed.

    Parameters
    ----------
    path : str, path or object
        A weight file, its folder, the index of a sharded model, or an object with a matrix
        ``W_dec`` (and perhaps ``b_enc``, ``b_dec`` and ``cfg``).
    layout : str, default "auto"
        Whose layout it is, a name in :data:`geomsup.weights.layouts.LAYOUTS`; "auto" tells by the
        names of file and array, and by what only one source writes into its configuration.
    key : str, optional
        Which array, or ``"embedding"`` or ``"unembedding"`` of a model (the embedding, if the two
        are tied).
    layer : int, optional
        The layer of a cross-layer transcoder's file (0 is the first that it writes to), or, of a
        folder with a file for each layer, the one with this number in its name.
    feature_axis : int, optional
        0 or 1, where nothing proves the orientation, or the proof is wrong.
    max_bytes : int or None, default 2**30
        The limit on compressed arrays, as in :func:`geomsup.weights.matrix.as_weights`.

    Returns
    -------
    OpenedWeights

    Raises
    ------
    WeightsError
        If the file cannot be read, or leaves open which matrix or which axis is meant. The
        message names the argument that settles it.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> decoder = [[1, 0], [-0.5, 0.866], [-0.5, -0.866]]
    >>> opened = open_weights(SimpleNamespace(W_dec=decoder, b_dec=[0, 0]))
    >>> opened.feature_axis, opened.proof
    (0, 'b_dec (2)')
    >>> opened.weights.shape
    (2, 3)
    """
    request = Request(
        layouts=layouts_asked(layout),
        is_layout_asked=layout != "auto",
        key=key,
        layer=None if layer is None else whole_number("layer", layer, 0),
        axis=None if feature_axis is None else axis_of_features(feature_axis),
    )
    if not isinstance(path, (str, os.PathLike)):
        return _of_object(path, request)
    return _of_container(open_container(path, request.layouts, request.layer), request, max_bytes)


def _of_container(container: Container, request: Request, max_bytes: int | None) -> OpenedWeights:
    choices, note = choose(container, request)
    first = choices[0]
    info = container.arrays[first.name]
    label = f"{shorten(first.name)} in {shorten(container.home(first.name).name)}"
    layer = None if container.chosen_by_layer else request.layer
    place = _place(info, first.layout, label, layer)
    shape = _lengths(info)
    if request.axis is None:
        candidates = [
            (
                choice.layout,
                choice.key.feature_axis,
                voucher(container, choice, request.is_layout_asked),
            )
            for choice in choices
        ]
        decided = decide(label, shape, facts(container, first), candidates)
    else:
        decided = _as_passed(first.layout, request.axis)
    return _opened(
        decided,
        shape,
        name=label,
        key=first.name,
        path=container.home(first.name),
        dtype=info.dtype,
        note=note,
        _place=place,
        _max_bytes=max_bytes,
    )


def _as_passed(layout: Layout, axis: int) -> tuple[Layout, int, str]:
    return layout, axis, f"feature_axis={axis} was passed"


def _opened(
    decided: tuple[Layout, int, str], shape: tuple[int, int], note: str = "", **known: Any
) -> OpenedWeights:
    """The matrix of two lengths whose layout, axis and proof are decided."""
    layout, axis, proof = decided
    return OpenedWeights(
        layout=layout.name,
        feature_axis=axis,
        proof=proof,
        n_features=shape[axis],
        n_hidden=shape[1 - axis],
        note="; ".join(part for part in (layout.note, note) if part),
        **known,
    )


def _place(info: ArrayInfo, layout: Layout, label: str, layer: int | None) -> tuple[Any, ...]:
    """Where in the array the matrix lies: the layer of a stack, or all of it."""
    if 0 in info.shape:
        raise WeightsError(f"{label}: expected features, got an empty array of {info.shape}")
    if len(info.shape) == 2:
        if layer is not None:
            raise WeightsError(
                f"{label}: layer={layer} chooses from a stack (features, layers, dimensions), got "
                f"the shape {info.shape}; leave layer out"
            )
        return ()
    if len(info.shape) != 3 or layout.layer_axis is None:
        raise WeightsError(
            f"{label}: expected a matrix, got the shape {info.shape}; choose one instance with "
            f"as_weights(path, key={shorten(f'{info.name}[0]')}, feature_axis=…)"
        )
    n_layers = info.shape[layout.layer_axis]
    if layer is None or layer >= n_layers:
        raise WeightsError(
            f"{label}: expected layer= one of 0 … {n_layers - 1} of a cross-layer decoder "
            f"{info.shape} (features, layers, dimensions), got {layer}; pass it with the path of "
            "the file, as every layer has directions of its own and a sum has no meaning"
        )
    return (*[slice(None)] * layout.layer_axis, layer)


def _of_object(given: object, request: Request) -> OpenedWeights:
    """An object with a decoder, known by its attributes alone."""
    kind = type(given).__name__
    decoder = getattr(given, "W_dec", None)
    if decoder is None:
        raise GeomsupError(
            f"expected a path or an object with a matrix W_dec, got a {kind}; pass the path, or "
            "the matrix itself with feature_axis= to the function that is to read it"
        )
    if request.key is not None or request.layer is not None:
        raise GeomsupError(
            f"key= and layer= choose from files, but a {kind} has one W_dec; leave them out"
        )
    matrix = as_numbers(decoder, "W_dec")
    label = f"W_dec of a {kind}"
    info = _info("W_dec", matrix)
    _place(info, UNKNOWN, label, None)
    shape = _lengths(info)
    source, word = UNKNOWN, ""
    if request.is_layout_asked:
        source = request.layouts[0]
        word = f"layout={source.name!r} was asked for"
    elif type(given).__module__.split(".")[0] == "sae_lens":
        source, word = layout_named("saelens"), f"{kind} is a class of SAELens"
    if request.axis is None:
        by_layout = next((k.feature_axis for k in source.keys if k.prefix("W_dec") == ""), None)
        decided = decide(label, shape, _facts_of(given), [(source, by_layout, word)])
    else:
        decided = _as_passed(source, request.axis)
    return _opened(
        decided, shape, name=label, key="W_dec", path=None, dtype=matrix.dtype.name, _given=matrix
    )


def _facts_of(given: object) -> list[Fact]:
    """What the biases and the configuration of an object say."""
    biases = [(name, getattr(given, name, None)) for name in ("b_enc", "b_dec")]
    infos = [_info(name, as_numbers(b, name)) for name, b in biases if b is not None]
    cfg = getattr(given, "cfg", None)
    config = cfg if isinstance(cfg, Mapping) else getattr(cfg, "__dict__", {})
    return facts_of_arrays(infos) + facts_of_config(config, "cfg", "decoder")


def _info(name: str, array: _Array) -> ArrayInfo:
    # Whole numbers in memory are weights that somebody typed in.
    return ArrayInfo(name=name, shape=array.shape, dtype=np.result_type(array, np.float16).name)


def _stored_array(path: Path, key: str, max_bytes: int | None) -> _Array:
    """One array of a file, mapped where the format allows it."""
    entry = entries_of(path)[key]
    if entry.map is not None:
        return entry.map()
    _, matrix = read_matrix(path, key, max_bytes)
    return as_numbers(matrix, shorten(key))


def _lengths(info: ArrayInfo) -> tuple[int, int]:
    """The lengths of the matrix, without the layers of a stack."""
    first, *_, last = info.shape
    return first, last
