"""Files that appear whole or not at all.

A reader, or a power cut, must never meet half a file: it is written beside its place, brought to
the disk, and moved there.  Several machines may write to one folder, and several threads of a
process.
"""

from __future__ import annotations

import io
import os
import platform
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["remove_orphans", "write_arrays", "write_file"]


def write_file(target: Path, content: bytes | str) -> None:
    """Write a file, text as UTF-8; one of the same name is replaced in one move.

    Raises
    ------
    OSError
        If it cannot be written.
    ValueError
        If the name has a null byte.
    """
    kept = content.encode() if isinstance(content, str) else content
    own = f"{_machine()}-{threading.get_ident()}.{os.getpid()}"
    temporary = target.with_name(f".{target.name}.{own}.part")
    try:
        remove_orphans(target.parent, target.name)
        with open(temporary, "wb") as file:
            file.write(kept)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        _remove(temporary)


def write_arrays(target: Path, arrays: Mapping[str, Any]) -> None:
    """Write a compressed file of NumPy arrays, as :func:`write_file` does."""
    held = io.BytesIO()
    np.savez_compressed(held, allow_pickle=False, **arrays)
    write_file(target, held.getvalue())


def remove_orphans(folder: Path, name: str | None = None) -> None:
    """Remove what writers of a file, or of any, left in a folder when they were killed.

    Those that live are left alone, and so are those of other machines, of whom nobody here knows.
    """
    target = r"[^.]+\.safetensors" if name is None else re.escape(name)
    # Earlier versions left out machine and thread.
    writer = rf"(?:{re.escape(_machine())}-[0-9]+\.)?([0-9]{{1,9}})"
    pattern = re.compile(rf"\.{target}\.{writer}\.part")
    for other in folder.iterdir():
        match = pattern.fullmatch(other.name)
        if match is not None and not _is_alive(int(match[1])):
            _remove(other)


def _machine() -> str:
    """The name of this machine, as it can stand in the name of a file."""
    return re.sub(r"[^A-Za-z0-9-]", "-", platform.node()) or "here"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # there is one, of somebody else
        return True
    return True


def _remove(path: Path) -> None:
    # What kept the file from being written may keep it from being removed; that is no news.
    try:
        path.unlink(missing_ok=True)
    except (OSError, ValueError):
        return
