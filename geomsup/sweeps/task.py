"""A task: a frozen configuration and the name of a function.

Its id is the hash of the two as canonical JSON, and its seed follows from the id. So a task is the
same whoever makes it, and its result cannot depend on when, where or beside what it is done.

A function is named by words ("train") or by its place ("module:function"); it is called as
``function(config, seed)`` and returns a mapping of names to arrays and JSON values. What can be
done for several configurations at once is a `Work`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from geomsup.errors import GeomsupError, first_line, shorten
from geomsup.validation import whole_number

__all__ = ["WORKS", "Config", "Task", "Values", "Work", "canonical", "plain_json", "work_of"]

Config: TypeAlias = dict[str, Any]
Values: TypeAlias = Mapping[str, Any]

# Functions that have a name of their own. Strings, because they live behind torch and the theory.
WORKS: dict[str, str] = {
    "train": "geomsup.sweeps.trainings:TRAIN",
    "optimum": "geomsup.sweeps.optima:OPTIMUM",
    "experiment": "geomsup.experiments.swept:EXPERIMENT_ROW",
}
# Hexadecimal digits of an id: 128 bits.
_ID_LENGTH = 32
# A generator takes any such seed, and so does JSON anywhere.
_SEED_BITS = 53


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a function of a sweep can do beside being called.

    Parameters
    ----------
    together : callable
        ``together(configs, seeds)`` returns the values of each, in order. It must give each the
        bits that it gives it alone.
    check : callable, optional
        ``check(config)`` returns the whole configuration, defaults filled in, or raises a
        `GeomsupError`; called when a task is made.
    alike : callable, optional
        ``alike(config)`` is equal for those that can go together; by default, all can.
    share : callable, optional
        ``share(config)`` is the part of the largest sensible batch that it takes; by default it is
        a batch by itself.
    duration : callable, optional
        ``duration(config)`` is how long a full batch takes, in units of what may be lost when it is
        interrupted; longer ones are divided, as far as that pays.  By default, one.
    """

    together: Callable[[Sequence[Config], Sequence[int]], Sequence[Values]]
    check: Callable[[Config], Config] = dict
    alike: Callable[[Config], Any] = lambda _config: ""
    share: Callable[[Config], float] = lambda _config: 1.0
    duration: Callable[[Config], float] = lambda _config: 1.0


@dataclass(frozen=True, init=False)
class Task:
    """One thing to compute.

    Parameters
    ----------
    function : str or callable
        A name in `WORKS` or "module:function"; a function of a module stands for its name.
    config : mapping or dataclass
        What goes to JSON: numbers, words, booleans, None, lists and mappings of these, and arrays.
    repetition : int, default 0
        Tells apart tasks of one configuration that differ in their random numbers.

    Attributes
    ----------
    id : str
        Hash of all three.
    text : str
        The configuration as canonical JSON.
    seed : int
        Follows from the id.

    Raises
    ------
    GeomsupError
        If there is no such function, or the configuration is none that it takes.

    Examples
    --------
    >>> from geomsup.sweeps import Task
    >>> one = Task("math:hypot", {"x": 3})
    >>> one.id == Task("math:hypot", {"x": 3}).id, one.id == Task("math:hypot", {"x": 3}, 1).id
    (True, False)
    """

    function: str
    config: Config = field(hash=False)
    repetition: int = 0
    id: str = field(init=False, compare=False, repr=False)
    text: str = field(init=False, compare=False, repr=False)

    def __init__(
        self, function: str | Callable[..., Any], config: object, repetition: int = 0
    ) -> None:
        name = _named(function)
        work = work_of(name)
        given = work.check(plain_json(_as_mapping(config), "config"))
        number = whole_number("repetition", repetition, 0)
        self._put(function=name, config=given, text=canonical(given), repetition=number)

    @property
    def seed(self) -> int:
        """The seed, which nothing but the id decides."""
        digest = hashlib.sha256(f"seed {self.id}".encode()).digest()
        return int.from_bytes(digest, "big") >> (256 - _SEED_BITS)

    def again(self, repetition: int) -> Task:
        """Another repetition of the same."""
        task = object.__new__(Task)
        task._put(function=self.function, config=self.config, text=self.text, repetition=repetition)
        return task

    def to_dict(self) -> dict[str, Any]:
        """Function, configuration and repetition, ready for JSON."""
        return {"function": self.function, "config": self.config, "repetition": self.repetition}

    @classmethod
    def kept(cls, said: Mapping[str, Any]) -> Task:
        """A task as a store holds it, which need not be checked, nor its function be there.

        Raises
        ------
        KeyError
            If something is missing.
        """
        said = {name: said[name] for name in ("id", "function", "config", "repetition")}
        task = object.__new__(cls)
        task._put(**said, text=canonical(said["config"]))
        return task

    def _put(self, **parts: Any) -> None:
        """Set what is known to be right, and the id if that is not among it."""
        vars(self).update(parts)
        if "id" not in parts:
            # The canonical JSON of `to_dict`.
            name = canonical(self.function)
            text = f'{{"config":{self.text},"function":{name},"repetition":{self.repetition}}}'
            vars(self)["id"] = hashlib.sha256(text.encode()).hexdigest()[:_ID_LENGTH]


def canonical(value: Any) -> str:
    """JSON that is the same for the same value, whatever the order of its keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def plain_json(value: Any, where: str) -> Any:
    """A value as JSON gives it back.

    Raises
    ------
    GeomsupError
        If it holds what JSON has no word for; the message says where.
    """
    if isinstance(value, np.ndarray | np.generic):
        return plain_json(value.tolist(), where)
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise GeomsupError(f"{where} must be finite, got {value}; JSON has no word for it")
        return float(value) + 0.0  # no zero has a sign
    if isinstance(value, list | tuple):
        return [plain_json(item, f"{where}[{k}]") for k, item in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise GeomsupError(f"the keys of {where} must be words, got {shorten(key)}")
        return {str(key): plain_json(item, f"{where}[{key!r}]") for key, item in value.items()}
    raise GeomsupError(
        f"{where} must be a number, a word, a boolean, None, or lists and mappings of these, got "
        f"{type(value).__name__} {shorten(value, 40)}"
    )


@lru_cache(maxsize=256)
def work_of(name: str) -> Work:
    """What a name stands for.

    Raises
    ------
    GeomsupError
        If there is no such function.
    """
    place = WORKS.get(name, name)
    module, colon, attribute = place.partition(":")
    if not (colon and module and attribute):
        raise GeomsupError(
            f"function must be one of {', '.join(WORKS)}, or 'module:function', got {shorten(name)}"
        )
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise GeomsupError(
            f"there is no function {shorten(name)}: {first_line(error)}; it must be importable "
            "wherever the sweep runs"
        ) from error
    if isinstance(found, Work):
        return found
    if not callable(found):
        raise GeomsupError(f"{shorten(name)} is no function, but {type(found).__name__}")
    return Work(together=lambda configs, seeds: [found(*one) for one in zip(configs, seeds)])  # noqa: B905  # of one length


def _named(function: object) -> str:
    """The name of a function."""
    if isinstance(function, str):
        return function
    place = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if not callable(function) or None in place or "<" in f"{place[1]}":
        raise GeomsupError(
            f"function must be a name or a function of a module, got {shorten(function)}; workers "
            "import it, so give it a name at the top of a module"
        )
    return ":".join(map(str, place))


def _as_mapping(config: object) -> Mapping[str, Any]:
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        as_dict = getattr(config, "to_dict", None)
        config = as_dict() if as_dict is not None else dataclasses.asdict(config)
    if not isinstance(config, Mapping):
        raise GeomsupError(
            f"config must be a mapping of names to values or a dataclass, got {shorten(config)}"
        )
    return config
