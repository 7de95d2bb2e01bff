"""What a container of arrays offers: a header for each array, and a function that loads it.

Files and nested dicts in memory are the same to whoever chooses a matrix out of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from geomsup.errors import WeightsError

__all__ = [
    "ArrayInfo",
    "Entry",
    "Loaded",
    "from_bfloat16",
    "nested_leaves",
    "weight_candidates",
]

# A numpy array, or a tensor where a tensor was given.
Loaded: TypeAlias = Any

_DEEPEST = 32
_MOST_CONTAINERS = 100_000
_MOST_ITEMS = 20_000_000


@dataclass(frozen=True, kw_only=True)
class ArrayInfo:
    """Name, shape and dtype of one array in a file.

    Parameters
    ----------
    name : str
        The name that `key` takes. What has no name (an .npy array, a bare tensor or a list in a
        .pt) is called ``"W"``; names of nested dicts in a .pt are joined with dots, and places in
        lists and tuples stand in brackets, as in ``"models[0].encoder.weight"``.
    shape : tuple of int
    dtype : str
        As numpy or torch calls it, e.g. ``"float32"`` or ``"bfloat16"``.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def is_fractional(self) -> bool:
        """Whether the numbers are floating-point ones, as weights are and indices are not."""
        return self.dtype.startswith(("float", "bfloat", "longdouble", "F"))

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, ready for JSON."""
        return {"name": self.name, "shape": list(self.shape), "dtype": self.dtype}


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """One array: its header, and how it is read.

    Parameters
    ----------
    info : ArrayInfo
    load : callable
        Reads the array.
    unpacked : int
        Bytes that come out of a compressed record; 0 where nothing is compressed, and the array
        therefore no larger than its file.
    map : callable, optional
        Maps the array into memory, where it lies in one piece and no checksum is promised;
        bfloat16 as the upper halves of float32.
    """

    info: ArrayInfo
    load: Callable[[], Loaded]
    unpacked: int = 0
    map: Callable[[], npt.NDArray[Any]] | None = None


def from_bfloat16(upper: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """The float32 numbers of which a file holds the upper halves, as unsigned integers."""
    # Shifted in place, in the order of the file, so that no second copy is made.
    values = upper.astype(np.uint32, order="K")
    values <<= 16
    return values.view(np.float32)


def weight_candidates(infos: Iterable[ArrayInfo]) -> list[ArrayInfo]:
    """Those that may be weights: what has two or more dimensions, stacks of matrices included.

    Beside fractional numbers, whole ones are positions and masks, and are left out.
    """
    matrices = [info for info in infos if len(info.shape) >= 2]
    return [info for info in matrices if info.is_fractional] or matrices


def nested_leaves(content: object, leaf: type | tuple[type, ...]) -> Iterator[tuple[str, Any]]:
    """Leaves of nested dicts, lists and tuples in their order, under the names of `ArrayInfo`.

    A file can nest a dict in itself or share it exponentially often; limits on depth and number
    end such a walk.
    """
    stack: list[tuple[str, object, int]] = [("", content, 0)]
    containers = items = 0
    while stack:
        name, value, depth = stack.pop()
        if isinstance(value, leaf):
            yield name or "W", value
            continue
        containers += 1
        children = _children(name, value)
        items += len(children)
        if depth > _DEEPEST or containers > _MOST_CONTAINERS or items > _MOST_ITEMS:
            raise WeightsError(
                f"expected a state dict, got dicts nested beyond {_DEEPEST} levels or "
                f"{_MOST_CONTAINERS} entries; save the tensors alone"
            )
        stack.extend(
            (child_name, child, depth + 1)
            for child_name, child in reversed(children)
            if isinstance(child, (*_as_tuple(leaf), dict, list, tuple))
        )


def _as_tuple(leaf: type | tuple[type, ...]) -> tuple[type, ...]:
    return leaf if isinstance(leaf, tuple) else (leaf,)


def _children(name: str, value: object) -> list[tuple[str, object]]:
    if isinstance(value, dict):
        prefix = f"{name}." if name else ""
        # Only keys that name something lead to arrays, and only they are turned into text.
        return [
            (f"{prefix}{key}", child) for key, child in value.items() if isinstance(key, (str, int))
        ]
    if isinstance(value, (list, tuple)):
        return [(f"{name or 'W'}[{place}]", child) for place, child in enumerate(value)]
    return []
