"""Bars for work that takes more than a moment: on stderr, with an estimate of what is left.

Nothing is shown in the first second, so that whatever is quick stays silent.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from geomsup.errors import GeomsupError, shorten

__all__ = ["bar", "is_interactive"]

_SILENT_SECONDS = 1.0
# Where nobody watches, a log is read later: a line after some time, and then now and then.
_FIRST_LINE, _NEXT_LINE = 10.0, 60.0


def is_interactive() -> bool:
    """Whether somebody watches: stderr is a terminal, or this is a notebook."""
    # A notebook's stderr is no terminal, but its kernel gives it away.
    return "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())


@contextmanager
def bar(
    total: int, doing: str, unit: str, progress: bool | None = None, *, in_lines: bool = False
) -> Iterator[Callable[[int], None]]:
    """Show how much of some work is done.

    Parameters
    ----------
    total : int
        Number of pieces.
    doing : str
        What is being done, for the left of the bar.
    unit : str
        What a piece is.
    progress : bool, optional
        Whether to show it. None shows it in a terminal or a notebook.
    in_lines : bool, default False
        Whether None means a line on stderr now and then, where it is neither.

    Yields
    ------
    callable
        To be called with the number of pieces done so far.

    Raises
    ------
    GeomsupError
        If `progress` is something else.

    Examples
    --------
    >>> with bar(3, "counting", "piece") as done:
    ...     for number in range(3):
    ...         done(number)
    """
    if progress is not None and not isinstance(progress, bool):
        raise GeomsupError(f"progress must be True, False or None, got {shorten(progress)}")
    if not (is_interactive() if progress is None else progress):
        yield _Lines(total, doing, unit) if in_lines and progress is None else lambda _done: None
        return
    # Only now: whoever sees no bar need not load it.
    from tqdm.auto import tqdm

    with tqdm(total=total, desc=doing, unit=unit, leave=False, delay=_SILENT_SECONDS) as shown:
        yield lambda done: _advance(shown, done)


class _Lines:
    """Says on stderr how much is done, at most once in a while, and not what is done at once."""

    def __init__(self, total: int, doing: str, unit: str) -> None:
        self._said = f"geomsup: {doing}: {{}} of {total:,} {unit}s, {{}} min so far"
        self._start = time.monotonic()
        self._next = self._start + _FIRST_LINE

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now >= self._next and sys.stderr is not None:
            self._next = now + _NEXT_LINE
            text = self._said.format(f"{done:,}", f"{(now - self._start) / 60.0:.1f}")
            print(text, file=sys.stderr, flush=True)


def _advance(shown: object, done: int) -> None:
    shown.update(max(0, done - shown.n))  # type: ignore[attr-defined]
