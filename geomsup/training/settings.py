"""Single settings: what counts as a number, and how the complaint reads when something does not.

Values are normalised to plain Python numbers and nested tuples, so that a configuration compares,
hashes and goes to JSON and back without loss.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, shorten

__all__ = [
    "LARGEST",
    "FloatArray",
    "PerFeature",
    "brief",
    "counted",
    "numbers",
    "one_of",
    "positive_integer",
    "positive_number",
    "refuse",
    "table_of",
    "to_lists",
    "to_tuples",
    "whole_number",
    "yes_or_no",
]

FloatArray: TypeAlias = NDArray[np.float64]
PerFeature: TypeAlias = float | Sequence[float] | Sequence[Sequence[float]] | FloatArray
"""A scalar, one value for each feature, or a 2-D table (instance, feature)."""

# Well inside the range of float32, in which training runs.
LARGEST = 1e30
# Of whole numbers; nobody waits for more steps.
_MOST = 10**15


def one_of(name: str, value: object, choices: Sequence[str]) -> str:
    """One of a few words."""
    if not isinstance(value, str) or value not in choices:
        raise GeomsupError(f"{name} must be one of {', '.join(choices)}, got {brief(value)}")
    return value


def yes_or_no(name: str, value: object) -> bool:
    """A boolean of Python or NumPy."""
    if not isinstance(value, bool | np.bool_):
        raise GeomsupError(f"{name} must be True or False, got {brief(value)}")
    return bool(value)


def positive_integer(name: str, value: object) -> int:
    """A whole number of at least 1."""
    return whole_number(name, value, 1)


def whole_number(name: str, value: object, least: int) -> int:
    """A whole number of at least ``least``; booleans are none."""
    wanted = f"{name} must be an integer of at least {least}"
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]  # a non-integer raises TypeError
    except TypeError:
        raise GeomsupError(f"{wanted}, got {brief(value)}") from None
    if number < least:
        raise GeomsupError(f"{wanted}, got {brief(number)}")
    if number > _MOST:
        raise GeomsupError(f"{name} must be at most {_MOST:.0e}, got {brief(number)}")
    return number


def positive_number(name: str, value: object) -> float:
    """A number above 0 that float32 can hold."""
    number = numbers(name, value)
    if number.ndim or not 0 < number <= LARGEST:
        raise GeomsupError(
            f"{name} must be a number above 0 and at most {LARGEST:g}, got {brief(value)}"
        )
    return float(number)


def table_of(
    name: str, value: object, *, n_features: int, n_instances: int, n_settings: int
) -> FloatArray:
    """A per-feature setting as an array whose shape fits the models.

    Parameters
    ----------
    n_features, n_instances : int
        Size of the batch of models.
    n_settings : int
        Number of distinct rows that a table may have as well; each then serves several instances.
    """
    table = numbers(name, value)
    n, k = n_features, n_instances
    rows = list(dict.fromkeys([k, n_settings]))
    if table.ndim == 1 and table.shape != (n,):
        cure = "; for one value per instance write [[v] for v in values]"
        raise GeomsupError(
            f"{name} as a flat sequence needs one value per feature ({n}), got "
            f"{table.size}{cure if table.size in rows else ''}"
        )
    if table.ndim == 2 and (table.shape[0] not in (1, *rows) or table.shape[1] not in (1, n)):
        shapes = " or ".join(f"({row}, {column})" for row in rows for column in (1, n))
        kind = "(n_instances, n_features)"
        if len(rows) > 1:
            kind = "(n_instances or n_instances / n_restarts, n_features)"
        raise GeomsupError(f"{name} as a table needs shape {shapes} {kind}, got {table.shape}")
    if table.ndim > 2:
        raise GeomsupError(
            f"{name} must be a scalar, ({n},) per feature, ({k}, 1) per instance or "
            f"({k}, {n}), got {table.ndim} dimensions"
        )
    refuse(table, ~np.isfinite(table), f"{name} must be finite, got {{}}")
    return table


def numbers(name: str, value: object) -> FloatArray:
    """Convert to a float64 array; refuse what is not real numbers (booleans included)."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):  # ragged lists; tensors that refuse conversion
        array = np.asarray(None)
    if array.dtype.kind not in "iuf" or _holds_bool(value):
        raise GeomsupError(f"{name} must be a number or a table of numbers, got {brief(value)}")
    return array.astype(np.float64)


def _holds_bool(value: object) -> bool:
    # numpy would quietly turn a True among numbers into 1.0.
    if isinstance(value, list | tuple):
        return any(_holds_bool(item) for item in value)
    return isinstance(value, bool | np.bool_)


def refuse(table: FloatArray, wrong: NDArray[np.bool_], message: str) -> None:
    """Complain about the first wrong entry, if there is one."""
    if wrong.any():
        raise GeomsupError(message.format(float(table[wrong][0])))


def brief(value: object) -> str:
    """One line of at most 60 characters, however large the array that came."""
    return shorten(value, 60)


def counted(number: int, thing: str) -> str:
    """ "1 step", "2,000 steps"."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def to_tuples(value: Any) -> Any:
    """Nested lists as nested tuples, which hash."""
    return tuple(to_tuples(item) for item in value) if isinstance(value, list) else value


def to_lists(value: Any) -> Any:
    """Nested tuples as nested lists, which are JSON."""
    return [to_lists(item) for item in value] if isinstance(value, tuple) else value
