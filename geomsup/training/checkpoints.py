"""When a checkpoint is written, and what is said when it cannot be, or belongs to something else.

A checkpoint is insurance: that it cannot be written is worth a warning, and no reason to lose the
training that it insures.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from geomsup.errors import GeomsupError, GeomsupWarning, first_line

__all__ = ["Checkpoint", "check_belongs"]


class Checkpoint:
    """One file that is written anew from time to time.

    Parameters
    ----------
    path : Path or None
        None keeps nothing.
    seconds : float
        How old the file may become.
    """

    def __init__(self, path: Path | None, seconds: float) -> None:
        self.path, self.seconds = path, seconds
        self._written = time.monotonic()
        self._has_failed = False

    @property
    def exists(self) -> bool:
        """Whether there is something to go on from."""
        return self.path is not None and self.path.exists()

    @property
    def is_due(self) -> bool:
        """Whether the file is as old as it may become."""
        return self.path is not None and time.monotonic() - self._written >= self.seconds

    def write(self, save: Callable[[Path], object]) -> None:
        """Write the file, if there is one to be kept; warns, once, if that fails."""
        if self.path is None:
            return
        self._written = time.monotonic()
        try:
            save(self.path)
        except GeomsupError as error:
            if not self._has_failed:
                warnings.warn(
                    f"the checkpoint could not be written ({first_line(error)}); the training "
                    "goes on without, and tries again",
                    GeomsupWarning,
                    stacklevel=2,
                )
            self._has_failed = True


def check_belongs(said: Mapping[str, Any], mine: Mapping[str, Any], source: Path) -> None:
    """Refuse the checkpoint of another training.

    Raises
    ------
    GeomsupError
        That names the first setting that differs.
    """
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
                return f"its {setting} is {_short(theirs.get(setting))}, not {_short(value)}"
    return f"its {name} is {_short(theirs)}, not {_short(mine)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
