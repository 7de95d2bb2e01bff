"""Parts of a long census in a folder, so that what was done once is not done again.

Each part is one file, written in one move, with what it was made from; a part that was made from
something else is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, KeptFileError
from geomsup.storage import read_tensors, write_tensors
from geomsup.survey.source import Rows
from geomsup.validation import brief

__all__ = ["Parts", "parts_in"]

Tensors = dict[str, NDArray[Any]]

_KIND = "CensusPart"
# Raised when the same rows and settings come to other numbers, so that parts of before are made
# anew: 3 since structures are held against heavy tails along any axes, and near pairs join them.
_METHOD = 3
# Rows that stand for the matrix in what a part was made from, beside its norms.
_N_WITNESSES = 64


class Parts:
    """A folder with the parts of one census; without a folder everything is made anew."""

    def __init__(self, folder: Path | None, made_from: str) -> None:
        self._folder, self._made_from = folder, made_from

    def get(self, name: str, make: Callable[[], Tensors], holds: Collection[str]) -> Tensors:
        """The part of this name, from the folder if it is there with all that it should hold."""
        if self._folder is None:
            return make()
        path = self._folder / f"{name}.safetensors"
        if path.exists():
            try:
                _, tensors, said = read_tensors(path, None, kind=_KIND)
            except GeomsupError as error:
                # It may be something else of the same name, so it is not written over.
                raise KeptFileError(f"{error}; remove it, and this part is made again") from error
            if said.get("made_from") == self._made_from and tensors.keys() >= set(holds):
                return tensors
        tensors = make()
        try:
            write_tensors(path, tensors, {"made_from": self._made_from}, kind=_KIND)
        except GeomsupError as error:
            raise KeptFileError(f"{error}; other parts are kept") from error
        return tensors


def parts_in(
    folder: str | os.PathLike[str] | None, rows: Rows, settings: Mapping[str, Any]
) -> Parts:
    """The parts of the census of these rows with these settings."""
    if folder is None:
        return Parts(None, "")
    try:
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
    except TypeError as error:
        raise GeomsupError(f"folder must be one, got {brief(folder)}: {error}") from error
    except OSError as error:
        raise KeptFileError(f"the folder {place} cannot be made: {error}") from error
    if not os.access(place, os.W_OK):
        raise KeptFileError(f"nothing can be written in the folder {place}; name another")
    witnesses = np.linspace(0, rows.n - 1, min(rows.n, _N_WITNESSES)).astype(np.intp)
    made = {**settings, "method": _METHOD}
    content = hashlib.sha256(json.dumps(made, sort_keys=True).encode())
    for part in (rows.features, rows.norms, rows.exact(witnesses)):
        content.update(np.ascontiguousarray(part).tobytes())
    return Parts(place, content.hexdigest())
