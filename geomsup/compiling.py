"""Whether loops over numbers are compiled by numba, which is an extra, and by whom."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["can_compile", "compiled", "compiled_once"]

# Compiling takes minutes on a machine that is busy; who holds a lock for longer than this hangs.
_PATIENCE_SECONDS, _LOOK_EVERY_SECONDS = 600.0, 0.05


def can_compile() -> bool:
    """Whether numba is there, and the environment variable ``GEOMSUP_COMPILED`` is not 0."""
    return os.environ.get("GEOMSUP_COMPILED", "1") != "0" and _has_numba()


def compiled(function: Callable[..., Any], signature: Any, **options: Any) -> Any:
    """A function compiled by numba, from disk or anew; not kept where no folder can be written."""
    import numba

    try:
        with compiled_once(function.__code__.co_filename):
            return numba.njit(signature, cache=True, **options)(function)
    except (RuntimeError, OSError):
        return numba.njit(signature, **options)(function)


@contextmanager
def compiled_once(source: str) -> Iterator[None]:
    """Let one process at a time compile what is in a source file, and others find it on disk.

    The workers of a sweep would all begin at once otherwise, and share the cores for it.  Nobody
    waits for what is on disk, where numba keeps nothing beside the source, or where a folder cannot
    be locked.
    """
    lock = _lock(Path(source))
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def _lock(source: Path) -> int | None:
    """Hold the folder of a source file, until what is returned is closed; None if nobody need."""
    if sys.platform == "win32" or _is_elsewhere(source) or _is_on_disk(source):
        return None
    import fcntl

    try:
        lock = os.open(source.parent, os.O_RDONLY)
    except OSError:
        return None
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            time.sleep(_LOOK_EVERY_SECONDS)
        except OSError:  # of a file system without locks
            break
    return lock


def _is_elsewhere(source: Path) -> bool:
    return bool(os.environ.get("NUMBA_CACHE_DIR")) or not os.access(source.parent, os.W_OK)


def _is_on_disk(source: Path) -> bool:
    """Whether numba has an index of this source; it may be out of date."""
    return any((source.parent / "__pycache__").glob(f"{source.stem}.*.nbi"))


@cache
def _has_numba() -> bool:
    return find_spec("numba") is not None
