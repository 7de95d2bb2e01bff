"""The file from which a training goes on: when it is written, and what is said when it cannot be.

A checkpoint is insurance: that it cannot be written is worth a warning, and no reason to lose the
training that it insures.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from geomsup.errors import GeomsupError, GeomsupWarning, first_line, shorten
from geomsup.storage import checked_target, read_tensors, write_tensors

__all__ = ["Checkpoint", "Held"]


class Held(Protocol):
    """What a checkpoint holds."""

    def parts(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays and notes that `take` needs to go on from here."""

    def take(self, arrays: Mapping[str, NDArray[Any]], said: Mapping[str, Any]) -> None:
        """Go on from what `parts` returned; an error of numbers or names if that is damaged."""


class Checkpoint:
    """One file that is written anew from time to time.

    Parameters
    ----------
    path : str or path
        The file.
    seconds : float
        How old it may become.
    kind : str
        What it holds, in the words of `storage`.
    held : Held
        What is to go on.
    belongs_to : mapping
        What tells this training from others.

    Raises
    ------
    GeomsupError
        If the file cannot be written there, or exists and is damaged or of another training.
    """

    def __init__(
        self, path: Any, seconds: float, kind: str, held: Held, belongs_to: Mapping[str, Any]
    ) -> None:
        self._path, self._seconds = checked_target(path), seconds
        self._kind, self._held, self._belongs_to = kind, held, belongs_to
        self._written = time.monotonic()
        self._has_failed = False
        if self._path.exists():
            self._load()

    @property
    def follows(self) -> str:
        """Where the same call goes on, in words; nothing if there is no file."""
        return f"the same call goes on from {self._path}" if self._path.exists() else ""

    @property
    def is_due(self) -> bool:
        """Whether the file is as old as it may become."""
        return time.monotonic() - self._written >= self._seconds

    def write(self) -> None:
        """Write all of it, or nothing; warns, once, if that fails."""
        self._written = time.monotonic()
        arrays, said = self._held.parts()
        try:
            write_tensors(self._path, arrays, {**self._belongs_to, **said}, kind=self._kind)
        except GeomsupError as error:
            if not self._has_failed:
                warnings.warn(
                    f"the checkpoint could not be written ({first_line(error)}); the training "
                    "goes on without, and tries again",
                    GeomsupWarning,
                    stacklevel=2,
                )
            self._has_failed = True

    def _load(self) -> None:
        source, arrays, said = read_tensors(self._path, None, kind=self._kind)
        _check_belongs(said, self._belongs_to, source)
        try:
            self._held.take(arrays, said)
        except (KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise GeomsupError(
                f"the checkpoint {source} is damaged ({error}); remove it to begin anew"
            ) from error


def _check_belongs(said: Mapping[str, Any], mine: Mapping[str, Any], source: Path) -> None:
    """Refuse the checkpoint of another training, and name the first setting that differs."""
    for name, value in mine.items():
        if (theirs := said.get(name)) != value:
            raise GeomsupError(
                f"the checkpoint {source} belongs to another training: "
                f"{_difference(name, theirs, value)}; name another file, or remove this one to "
                "begin anew"
            )


def _difference(name: str, theirs: object, mine: object) -> str:
    """The first setting that differs, in words."""
    if isinstance(theirs, dict) and isinstance(mine, dict):
        for setting, value in mine.items():
            if theirs.get(setting) != value:
                return (
                    f"its {setting} is {shorten(theirs.get(setting), 40)}, not {shorten(value, 40)}"
                )
    return f"its {name} is {shorten(theirs, 40)}, not {shorten(mine, 40)}"
