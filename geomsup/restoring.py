"""Frozen results to plain JSON data, and back, each field held against its annotation.

What a file says is not trusted: a number must be a finite number, an integer no float, a list of
numbers no list of words. Arrays come back read-only. Entries that no field asks for are derived
ones, such as counts, and are passed over.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from geomsup.errors import GeomsupError, shorten

__all__ = ["ByContent", "Plain", "has_default", "plain", "read_only", "restored"]

_T = TypeVar("_T")
_Array = TypeVar("_Array", bound=np.ndarray[Any, Any])


class Plain:
    """A dataclass that JSON can hold: its fields but some, and properties that readers ask for."""

    _left_out: ClassVar[tuple[str, ...]] = ()
    _derived: ClassVar[tuple[str, ...]] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON; what is no finite number becomes None."""
        names = [item.name for item in dataclasses.fields(self)]  # type: ignore[arg-type]
        kept = [name for name in names if name not in self._left_out]
        return {name: plain(getattr(self, name)) for name in [*kept, *self._derived]}


def plain(value: Any) -> Any:
    """A field of a result as JSON knows it: arrays and tuples as lists, results as mappings.

    Examples
    --------
    >>> plain((np.eye(2), float("nan")))
    [[[1.0, 0.0], [0.0, 1.0]], None]
    """
    if isinstance(value, Plain):
        return value.to_dict()
    if isinstance(value, np.ndarray):
        entries = value.tolist()
        return entries if value.dtype.kind != "f" or np.isfinite(value).all() else plain(entries)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_only(array: _Array) -> _Array:
    """The array itself, which nobody can write to any more."""
    array.setflags(write=False)
    return array


class ByContent(Plain):
    """Equality by what ``to_dict`` returns, so that a result equals what JSON gives back.

    ``repr`` must depend on that content alone.
    """

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(repr(self))


def restored(cls: type[_T], data: object, name: str = "it") -> _T:
    """An instance of a dataclass from what its ``to_dict`` returned.

    Parameters
    ----------
    cls : type
        A dataclass whose fields are numbers, words, arrays, tuples, mappings, or such dataclasses.
    data : mapping
    name : str
        What messages call it.

    Raises
    ------
    GeomsupError
        If an entry is missing, or no such value as its field holds.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from geomsup.restoring import restored
    >>> @dataclass
    ... class Point:
    ...     x: float
    ...     labels: tuple[str, ...] = ()
    >>> restored(Point, {"x": 1, "labels": ["a"]})
    Point(x=1.0, labels=('a',))
    >>> restored(Point, {"x": "far"}, "the point")
    Traceback (most recent call last):
    ...
    geomsup.errors.GeomsupError: x of the point must be a finite number, got 'far'
    """
    if not isinstance(data, Mapping):
        raise GeomsupError(f"{name} must be a mapping, got {shorten(data)}")
    hints = get_type_hints(cls)
    values = {}
    for item in dataclasses.fields(cls):  # type: ignore[arg-type]  # a dataclass
        if item.name in data:
            values[item.name] = _value(hints[item.name], data[item.name], f"{item.name} of {name}")
        elif not has_default(item):
            raise GeomsupError(f"{name} lacks {item.name!r}")
    return cls(**values)


def has_default(item: dataclasses.Field[Any]) -> bool:
    """Whether a field of a dataclass need not be given."""
    missing = dataclasses.MISSING
    return item.default is not missing or item.default_factory is not missing


def _value(hint: Any, value: Any, name: str) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _one_of(args, value, name)
    if origin is Literal:
        return _expect(value in args, value, name, f"one of {', '.join(map(str, args))}")
    if origin is np.ndarray:
        return _array(get_args(args[1])[0], value, name)
    if origin is tuple:
        _expect(isinstance(value, (list, tuple)), value, name, "a list")
        return tuple(_value(args[0], item, f"an item in {name}") for item in value)
    if origin is not None and issubclass(origin, Mapping):
        _expect(isinstance(value, Mapping), value, name, "a mapping")
        return {
            _value(args[0], key, f"a key in {name}"): _value(args[1], item, f"an item in {name}")
            for key, item in value.items()
        }
    if dataclasses.is_dataclass(hint):
        return restored(hint, value, name)  # type: ignore[arg-type]  # a class
    return _plain(hint, value, name)


def _one_of(hints: tuple[Any, ...], value: Any, name: str) -> Any:
    """A value of the first kind in a union that it can be of."""
    if value is None and type(None) in hints:
        return None
    others = [hint for hint in hints if hint is not type(None)]
    for hint in others[:-1]:
        try:
            return _value(hint, value, name)
        except GeomsupError:
            continue
    return _value(others[-1], value, name)


def _plain(hint: Any, value: Any, name: str) -> Any:
    if hint is float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        _expect(number and _is_finite(value), value, name, "a finite number")
        return float(value)
    if hint is int:
        return _expect(type(value) is int, value, name, "an integer")
    if hint is str:
        return _expect(isinstance(value, str), value, name, "text")
    if hint is bool:
        return _expect(isinstance(value, bool), value, name, "true or false")
    return value


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond float64
        return False


def _array(scalar: Any, value: Any, name: str) -> Any:
    kinds, what = {"f": ("iuf", "finite numbers"), "b": ("b", "true and false")}.get(
        np.dtype(scalar).kind, ("iu", "integers")
    )
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, OverflowError):
        array = np.asarray(None)
    fits = array.size == 0 or array.dtype.kind in kinds
    _expect(isinstance(value, (list, np.ndarray)) and fits, value, name, f"an array of {what}")
    result = array.astype(scalar)
    _expect(np.array_equal(result, array) and np.isfinite(result).all(), value, name, what)
    return read_only(result)


def _expect(holds: bool | np.bool_, value: Any, name: str, what: str) -> Any:
    if not holds:
        raise GeomsupError(f"{name} must be {what}, got {shorten(value)}")
    return value
