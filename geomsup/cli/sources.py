"""What a weight file offers to ``classify``: one matrix, a stack of matrices, or a training run.

A file of several models is no error on the command line: whoever has just typed ``geomsup train``
wants to see all of them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from geomsup.entries import weight_candidates
from geomsup.errors import GeomsupError
from geomsup.weights import list_arrays

if TYPE_CHECKING:
    from geomsup.training import TrainingRun

__all__ = ["is_run", "load_run", "stack_in"]


def is_run(path: str) -> bool:
    """Whether a file says of itself that ``TrainingRun.save`` wrote it."""
    # A pipe would be waited for; whoever reads the file for good says what is wrong with it.
    if Path(path).suffix.lower() != ".safetensors" or not os.path.isfile(path):
        return False
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return (file.metadata() or {}).get("format") == "geomsup.TrainingRun"
    # Whatever is wrong with the file, its reader says so in a better way.
    except (SafetensorError, OSError, ValueError):
        return False


def load_run(path: str) -> TrainingRun:
    """The run in a file, which must be one."""
    from geomsup.training import TrainingRun

    if Path(path).is_file() and not is_run(path):
        raise GeomsupError(
            f"{path!r} is no file of geomsup train; geomsup train --out run.safetensors makes one"
        )
    return TrainingRun.load(path)


def stack_in(path: str, key: str | None) -> tuple[str, int] | None:
    """Name and length of the stack of matrices that ``key``, or the lack of one, points at."""
    listed = list_arrays(path)
    infos = (
        weight_candidates(listed) if key is None else [info for info in listed if info.name == key]
    )
    if len(infos) != 1 or len(infos[0].shape) != 3 or 0 in infos[0].shape:
        return None
    return infos[0].name, infos[0].shape[0]
