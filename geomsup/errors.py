"""Every error and warning geomsup raises on purpose.

One base class lets a caller catch "my input was wrong" with a single ``except``; it derives
from :class:`ValueError`, so code that knows nothing of geomsup still handles it. A message
states what was expected, what came, and the cure.
"""

from __future__ import annotations

import os
import sys
import warnings

__all__ = [
    "GeomsupError",
    "GeomsupWarning",
    "KeptFileError",
    "MissingExtraError",
    "ToleranceError",
    "UnknownShapeError",
    "WeightsError",
]


class GeomsupError(ValueError):
    """Base class of all errors that geomsup raises on purpose."""


class WeightsError(GeomsupError):
    """A weight matrix or a weight file that cannot be used."""


class UnknownShapeError(GeomsupError, KeyError):
    """A shape name that is not in the catalogue."""

    def __str__(self) -> str:
        # KeyError would print the repr of the message, quotes included.
        return str(self.args[0]) if self.args else ""


class KeptFileError(GeomsupError):
    """A file that keeps what has been done cannot be written, or is damaged."""


class MissingExtraError(GeomsupError, ImportError):
    """An optional package that the call needs is not installed."""


class ToleranceError(GeomsupError, ArithmeticError):
    """A number that cannot be computed to the accuracy that was asked for."""


class GeomsupWarning(UserWarning):
    """Input that is legal but probably not what was meant."""


def warn_caller(message: str) -> None:
    """Warn at the line outside the package that called into it, however deep we are."""
    frame, level = sys._getframe(), 1
    while frame.f_back and str(frame.f_globals.get("__name__")).split(".")[0] == "geomsup":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, GeomsupWarning, stacklevel=level)


def shorten(value: object, limit: int = 80) -> str:
    """One line of bounded length for a message, whatever a file or a caller put into `value`."""
    try:
        text = repr(os.fspath(value) if isinstance(value, os.PathLike) else value)
    except Exception:  # a foreign __repr__ or __fspath__ may raise anything
        text = f"<{type(value).__name__}>"
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def first_line(error: BaseException) -> str:
    """The first line of another library's error, to be quoted inside one of ours."""
    lines = str(error).strip().splitlines() or ["no further detail"]
    return lines[0] if len(lines[0]) <= 160 else f"{lines[0][:159]}…"


def counted(number: int, thing: str, things: str | None = None) -> str:
    """ "1 step", "2,000 steps", "2 families"."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"
