"""What counts as a number, a choice or a seed, and how the complaint reads when something does not.

Every check of an argument stands here once; each returns a plain Python value or raises one
:class:`GeomsupError` that says what was expected and what came.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, shorten

__all__ = [
    "LARGEST",
    "brief",
    "is_auto",
    "number_from_zero",
    "number_within",
    "numbers",
    "one_of",
    "positive_integer",
    "positive_number",
    "random_generator",
    "seed_number",
    "whole_number",
    "yes_or_no",
]

FloatArray = NDArray[np.float64]

# Well inside the range of float32, in which training runs.
LARGEST = 1e30
# Of whole numbers; nobody waits for more steps.
_MOST = 10**15


def one_of(name: str, value: object, choices: Sequence[str]) -> str:
    """One of a few words."""
    if not isinstance(value, str) or value not in choices:
        raise GeomsupError(f"{name} must be one of {', '.join(choices)}, got {brief(value)}")
    return value


def is_auto(value: object) -> bool:
    """Tell whether an option was left to the data (an array is not even compared)."""
    return isinstance(value, str) and value == "auto"


def yes_or_no(name: str, value: object) -> bool:
    """A boolean of Python or NumPy."""
    if not isinstance(value, bool | np.bool_):
        raise GeomsupError(f"{name} must be True or False, got {brief(value)}")
    return bool(value)


def positive_integer(name: str, value: object) -> int:
    """A whole number of at least 1."""
    return whole_number(name, value, 1)


def whole_number(name: str, value: object, least: int, most: int | None = _MOST) -> int:
    """A whole number between bounds, both allowed; booleans are none."""
    bounds = f"of at least {least}" if most in (None, _MOST) else f"in {least} … {most}"
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]  # a non-integer raises TypeError
    except TypeError:
        number = least - 1
    if number < least or (most is not None and number > most and most < _MOST):
        raise GeomsupError(f"{name} must be an integer {bounds}, got {brief(value)}")
    if most is not None and number > most:
        raise GeomsupError(f"{name} must be at most {_MOST:.0e}, got {brief(number)}")
    return number


def number_within(name: str, value: object, low: float, high: float) -> float:
    """A finite number between bounds, both allowed."""
    wanted = f"{name} must be a number in [{low:g}, {high:g}]"
    n_axes: object = getattr(value, "ndim", 0)
    if isinstance(value, bool | np.bool_ | str | bytes) or n_axes:
        raise GeomsupError(f"{wanted}, got {brief(value)}")
    detached = value.detach() if hasattr(value, "detach") else value  # a tensor with a gradient
    try:
        number = float(detached)  # type: ignore[arg-type]  # anything with __float__ is welcome
    except (TypeError, ValueError, OverflowError) as error:
        raise GeomsupError(f"{wanted}, got {brief(value)}") from error
    if not (np.isfinite(number) and low <= number <= high):
        raise GeomsupError(f"{name} must lie in [{low:g}, {high:g}], got {number!r}")
    return number


def positive_number(name: str, value: object) -> float:
    """A number above 0 that float32 can hold."""
    number = numbers(name, value)
    if number.ndim or not 0 < number <= LARGEST:
        raise GeomsupError(
            f"{name} must be a number above 0 and at most {LARGEST:g}, got {brief(value)}"
        )
    return float(number)


def number_from_zero(name: str, value: object) -> float:
    """A number from 0 that float32 can hold."""
    number = numbers(name, value)
    if number.ndim or not 0 <= number <= LARGEST:
        raise GeomsupError(f"{name} must be a number from 0 to {LARGEST:g}, got {brief(value)}")
    return float(number)


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


def random_generator(seed: object) -> np.random.Generator:
    """The generator itself, or a new one from a seed."""
    if isinstance(seed, np.random.Generator):
        return seed
    return np.random.default_rng(None if seed is None else _seed(seed))


def seed_number(seed: object) -> int:
    """The integer that repeats a run, whatever the caller gave."""
    if seed is None or isinstance(seed, np.random.Generator):
        return int(random_generator(seed).integers(2**63))
    return _seed(seed)


def _seed(seed: object) -> int:
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not whole or seed < 0:  # type: ignore[operator]  # an integer by now
        raise GeomsupError(
            f"seed must be an integer of at least 0, a numpy Generator or None, got {brief(seed)}"
        )
    return int(seed)  # type: ignore[call-overload, no-any-return]


def brief(value: object) -> str:
    """One line of at most 60 characters, however large the array that came."""
    return shorten(value, 60)
