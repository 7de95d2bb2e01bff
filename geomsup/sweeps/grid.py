"""Every combination of some values: the tasks of a grid, from Python or from a file."""

from __future__ import annotations

import itertools
import os
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from geomsup.errors import GeomsupError, first_line, shorten
from geomsup.sweeps.task import Task
from geomsup.validation import brief, positive_integer

__all__ = ["grid", "read_grid"]

# Ranges that a file may name, each by its first value, its last, and how many.
_RANGES: dict[str, Callable[..., Any]] = {"linspace": np.linspace, "geomspace": np.geomspace}
_PARTS = ("function", "seeds", "config", "grid")
# Nobody waits for more.
_MOST = 10_000_000


def grid(
    function: Any = "train",
    config: Mapping[str, Any] | None = None,
    *,
    seeds: int = 1,
    **fields: Iterable[Any],
) -> list[Task]:
    """The tasks of a grid: every combination of the values of some fields, so many times each.

    Parameters
    ----------
    function : str or callable, default "train"
        What to call; see :class:`Task`.
    config : mapping, optional
        The fields that are the same in all.
    seeds : int, default 1
        Repetitions of each combination.
    **fields : sequence
        Values of each of the other fields; the first varies slowest.

    Returns
    -------
    list of Task

    Raises
    ------
    GeomsupError
        If a field has no values, is unknown, or a combination is none that the function takes.

    Examples
    --------
    >>> from geomsup.sweeps import grid
    >>> tasks = grid("train", {"n_steps": 500}, seeds=2, feature_probability=[0.1, 0.2, 0.3])
    >>> len(tasks), tasks[0].config["feature_probability"], tasks[1].repetition
    (6, 0.1, 1)
    """
    fixed = dict(config or {})
    repetitions = positive_integer("seeds", seeds)
    values = {name: _values(name, given) for name, given in fields.items()}
    if twice := sorted(fixed.keys() & values.keys()):
        raise GeomsupError(f"{', '.join(twice)} stands both in config and in the grid; keep one")
    size = repetitions * int(np.prod([len(one) for one in values.values()], dtype=float))
    if size > _MOST:
        raise GeomsupError(f"a grid may have up to {_MOST:,} tasks, got {size:,}")
    tasks = []
    for chosen in itertools.product(*values.values()):
        first = Task(function, {**fixed, **dict(zip(values, chosen, strict=True))})
        tasks += [first, *(first.again(repetition) for repetition in range(1, repetitions))]
    return tasks


def read_grid(path: str | os.PathLike[str]) -> list[Task]:
    """The tasks of a grid that a TOML file describes.

    Parameters
    ----------
    path : path
        With the keys of :func:`grid`: ``function``, ``seeds``, and the tables ``[config]`` and
        ``[grid]``. A field of the grid is a list of values, ``{linspace = [first, last, count]}``
        or ``{geomspace = [first, last, count]}``.

    Raises
    ------
    GeomsupError
        If the file cannot be read, is no TOML, or describes no grid.
    """
    source = Path(path)
    try:
        said = tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise GeomsupError(f"{shorten(source)} cannot be read: {error.strerror}") from error
    except ValueError as error:  # no TOML, or no text
        raise GeomsupError(f"{source} is no TOML: {first_line(error)}") from error
    if unknown := [brief(name) for name in said if name not in _PARTS]:
        raise GeomsupError(
            f"{source} has an unknown part {', '.join(unknown[:3])}; the parts are "
            f"{', '.join(_PARTS)}, where config and grid are tables"
        )
    for name in ("config", "grid"):
        if not isinstance(said.get(name, {}), dict):
            raise GeomsupError(f"{name} in {source} must be a table, as in [{name}]")
    if taken := [name for name in said.get("grid", {}) if name in _PARTS]:
        raise GeomsupError(
            f"[grid] in {source} cannot vary {', '.join(taken)}, which stands above the tables"
        )
    fields = {name: _range(name, given) for name, given in said.get("grid", {}).items()}
    return grid(
        said.get("function", "train"), said.get("config"), seeds=said.get("seeds", 1), **fields
    )


def _values(name: str, given: Any) -> Sequence[Any]:
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise GeomsupError(f"{name} in a grid needs a list of values, got {brief(given)}")
    values = list(given)
    if not values:
        raise GeomsupError(f"{name} has no values, so the grid is empty; give at least one")
    return values


def _range(name: str, given: Any) -> Any:
    """The values that a file gives for a field."""
    if not isinstance(given, dict):
        return given
    ((kind, numbers),) = given.items() if len(given) == 1 else [("", None)]
    if kind not in _RANGES or not isinstance(numbers, list) or len(numbers) != 3:
        raise GeomsupError(
            f"{name} in a grid needs a list of values, {{linspace = [first, last, count]}} or "
            f"{{geomspace = [first, last, count]}}, got {brief(given)}"
        )
    first, last, count = numbers
    size = positive_integer(f"the count of {name}", count)
    if size > _MOST:
        raise GeomsupError(f"a grid may have up to {_MOST:,} tasks, got {size:,} of {name}")
    try:
        return _RANGES[kind](first, last, size).tolist()
    except (TypeError, ValueError) as error:
        raise GeomsupError(f"{name} is no range: {first_line(error)}") from error
