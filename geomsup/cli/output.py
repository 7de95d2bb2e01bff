"""Everything the commands print passes through here.

Two promises are kept in one place: a terminal without Unicode gets readable substitutes instead
of a crash, and nothing that a file holds (names, metadata) can send control characters to a
terminal.
"""

from __future__ import annotations

import argparse
import codecs
import io
import json
import os
import sys
import textwrap
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from geomsup.errors import (
    GeomsupError,
    KeptFileError,
    MissingExtraError,
    ToleranceError,
    WeightsError,
    first_line,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "UsageError",
    "add_page",
    "add_picture",
    "answer",
    "checked_page",
    "checked_picture",
    "complain",
    "drop_output",
    "empty_figure",
    "figure_of",
    "filled",
    "flush",
    "options_to_blame",
    "print_json",
    "printable_streams",
    "say",
    "table",
]

_SUBSTITUTES = {
    "─": "-", "–": "-", "−": "-", "…": "...", "×": "x", "°": " deg", "≥": ">=", "≤": "<=",
    "±": "+-", "⊕": "+", "→": "->", "·": "*", "²": "^2", "Σ": "sum ", "σ": "sigma", "π": "pi",
    "’": "'",
}  # fmt: skip
_HANDLER = "geomsup.substitute"
_WIDTH = 100


class UsageError(Exception):
    """Options that do not go together; ends with one line and status 2."""


def say(text: object = "") -> None:
    """Print to stdout, control characters shown as escapes."""
    print(_visible(str(text)), flush=True)


def filled(text: str, indent: str = "") -> str:
    """A sentence in lines of bearable length; words, such as paths, are never cut."""
    return textwrap.fill(
        text, _WIDTH, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )


@contextmanager
def options_to_blame() -> Iterator[None]:
    """Once what a file holds has been checked, an error is about the options.

    Status 2 says that other words are needed; 1, that a file or a computation failed.
    """
    try:
        yield
    except (WeightsError, ToleranceError, MissingExtraError, KeptFileError):
        raise
    except GeomsupError as error:
        raise UsageError(str(error)) from error


# Warnings come from no verb in particular, and name arguments; a shell has flags for them.
_AS_FLAGS = {"feature_axis=": "--feature-axis ", "key=": "--key "}


def complain(kind: str, text: str, *, program: str = "geomsup") -> None:
    """Print one line to stderr: ``geomsup: error: …``."""
    if sys.stderr is not None:
        for python, shell in _AS_FLAGS.items():
            text = text.replace(python, shell)
        print(f"{program}: {kind}: {_visible(' '.join(text.split()))}", file=sys.stderr, flush=True)


def print_json(value: dict[str, Any] | list[Any]) -> None:
    """Print one JSON document to stdout: ASCII, and a line for each entry of the outermost level.

    Indenting all levels would put every single weight on a line of its own.
    """
    if isinstance(value, dict):
        lines, brackets = [f"{_json(key)}: {_json(item)}" for key, item in value.items()], "{}"
    else:
        lines, brackets = [_json(item) for item in value], "[]"
    print(brackets[0], ",\n".join(lines), brackets[1], sep="\n", flush=True)


def answer(args: argparse.Namespace, result: Any) -> None:
    """Print a result of the library, as JSON if that is asked for."""
    if args.json:
        print_json(result.to_dict())
    else:
        say(result)


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], left: Collection[str] = ()
) -> list[str]:
    """Lay out rows under a header; columns named in ``left`` are flush left, others right."""
    widths = [max(len(row[k]) for row in [header, *rows]) for k in range(len(header))]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.ljust(width) if name in left else cell.rjust(width)
            for name, cell, width in zip(header, row, widths, strict=True)
        ]
        return "  ".join(cells).rstrip()

    return [line(header), "  ".join("─" * width for width in widths), *map(line, rows)]


def checked_picture(path: str | None) -> None:
    """Refuse a picture that could not be written, before any work goes into it."""
    if path is None:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    # Without those that need programs beside matplotlib, or are no pictures.
    kinds = set(FigureCanvasAgg.get_supported_filetypes()) - {"pgf", "raw", "rgba"}
    target = Path(path)
    if target.suffix.lower().lstrip(".") not in kinds:
        raise UsageError(
            f"expected a picture named *.png, *.pdf or *.svg, got {target.name!r}; rename it"
        )
    checked_place(target, "a picture")


def checked_page(path: str | None) -> None:
    """Refuse a page that could not be written, before any work goes into it."""
    if path is None:
        return
    target = Path(path)
    if target.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"expected a page named *.html, got {target.name!r}; rename it")
    checked_place(target, "a page")


def checked_place(target: Path, what: str = "a file") -> None:
    """Refuse a name that no file can have, before any work goes into it."""
    if target.is_dir():
        raise GeomsupError(f"{str(target)!r} is a folder; name {what} in it")
    if not target.parent.is_dir():
        raise GeomsupError(f"the folder {str(target.parent)!r} does not exist; make it first")
    if not os.access(target if target.exists() else target.parent, os.W_OK):
        raise GeomsupError(f"{str(target)!r} cannot be written here; name {what} elsewhere")


def add_picture(args: argparse.Namespace, draw: Callable[[], Figure]) -> None:
    """Write the picture that --plot asks for, after all is printed: it may fail."""
    if args.plot is None:
        return
    try:
        draw().savefig(args.plot, dpi=120)
    # matplotlib fails in many ways, a picture of too many pixels among them.
    except Exception as error:
        raise GeomsupError(
            f"the results are complete, but {args.plot!r} could not be drawn: {first_line(error)}"
        ) from error
    if not args.json:
        say(f"\npicture: {args.plot}")


def add_page(args: argparse.Namespace, write: Callable[[str], object]) -> None:
    """Write the page that --html asks for, after all is printed: it may fail."""
    if args.html is None:
        return
    try:
        write(args.html)
    except GeomsupError as error:
        raise GeomsupError(f"the results are complete, but {error}") from error
    if not args.json:
        say(f"\npage: {args.html}")


def figure_of(size: tuple[float, float], plot: Callable[..., object], result: object) -> Figure:
    """A figure of a size in inches with one plot of a result."""
    figure = empty_figure(size)
    plot(result, ax=figure.add_subplot())
    return figure


def empty_figure(size: tuple[float, float]) -> Figure:
    """A figure of a size in inches, without a window that belongs to it."""
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained")


@contextmanager
def printable_streams() -> Iterator[None]:
    """Let stdout and stderr substitute what their encoding lacks."""
    codecs.register_error(_HANDLER, _substitute)
    changed: list[tuple[io.TextIOWrapper, str | None]] = []
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            changed.append((stream, stream.errors))
            stream.reconfigure(errors=_HANDLER)
    try:
        yield
    finally:
        for stream, before in changed:
            if not stream.closed:
                stream.reconfigure(errors=before)


def flush() -> None:
    """Write out what is buffered, so that a full disk or a closed pipe shows now."""
    if sys.stdout is not None:
        sys.stdout.flush()


def drop_output() -> None:
    """Send the rest to nowhere: the interpreter flushes at exit, and would fail again."""
    for stream in (sys.stdout, sys.stderr):
        if _is_broken(stream):
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, stream.fileno())
            os.close(sink)


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def _is_broken(stream: TextIO | None) -> bool:
    try:
        if stream is not None:
            stream.flush()
    except OSError:
        return True
    return False


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(map(_nearest_ascii, characters)), error.end


def _nearest_ascii(character: str) -> str:
    if character in _SUBSTITUTES:
        return _SUBSTITUTES[character]
    # "ä" is "a" with a mark, which is dropped.
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain or "?"


def _visible(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        c if c == "\n" or c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )
