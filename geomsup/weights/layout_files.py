"""From a path to the file that holds a dictionary, the headers of its arrays, and what lies beside.

A folder is searched for the file names of :mod:`geomsup.weights.layouts`; of a sharded model only
the index and the headers of the shards are read. Indexes and configurations are as little trusted
as weights: both are JSON of bounded size, and an index names files of its own folder or none.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geomsup.errors import WeightsError, first_line, shorten
from geomsup.weights.entries import ArrayInfo
from geomsup.weights.files import existing_path, list_arrays
from geomsup.weights.layouts import Layout, layouts_asked

__all__ = ["Container", "UnknownLayoutError", "open_container", "read_config"]

_LARGEST_JSON = 64 * 2**20
_MOST_NAMES = 8


class UnknownLayoutError(WeightsError):
    """Nothing of a known layout is there, as opposed to a choice that is left open."""


@dataclass(frozen=True, kw_only=True)
class Container:
    """A weight file, or the shards of one, by headers.

    ``chosen_by_layer`` says that ``layer`` was spent on choosing the file.
    """

    path: Path
    arrays: dict[str, ArrayInfo]
    homes: dict[str, Path] = field(default_factory=dict)
    chosen_by_layer: bool = False

    def home(self, name: str) -> Path:
        """The file that holds an array."""
        return self.homes.get(name, self.path)


def open_container(
    path: str | os.PathLike[str],
    layouts: tuple[Layout, ...] | None = None,
    layer: int | None = None,
) -> Container:
    """The file of a path, or the one file of a folder that a layout names.

    Raises
    ------
    WeightsError
        If it cannot be read, or several files of a folder fit.
    UnknownLayoutError
        If no file of a folder fits.
    """
    chosen, by_layer = existing_path(path, "weights"), False
    if chosen.is_dir():
        try:
            chosen, by_layer = _in_folder(chosen, layouts or layouts_asked("auto"), layer)
        except OSError as error:
            raise WeightsError(
                f"{shorten(path)}: expected a folder that can be read ({first_line(error)})"
            ) from error
    if chosen.suffix.lower() == ".json":
        homes = _shards(chosen)
        arrays: dict[str, ArrayInfo] = {}
        for shard in sorted(set(homes.values())):
            arrays |= {i.name: i for i in list_arrays(shard) if homes.get(i.name) == shard}
        return Container(path=chosen, arrays=arrays, homes=homes, chosen_by_layer=by_layer)
    arrays = {info.name: info for info in list_arrays(chosen)}
    return Container(path=chosen, arrays=arrays, chosen_by_layer=by_layer)


def read_config(beside: Path, layout: Layout) -> tuple[str, dict[str, Any]]:
    """Name and content of the configuration that a layout has beside its file; empty without."""
    for place in layout.configs:
        path = beside.parent / place
        if path.is_file():
            return path.name, _json(path)
    return "", {}


def _in_folder(folder: Path, layouts: tuple[Layout, ...], layer: int | None) -> tuple[Path, bool]:
    """The file of a folder, or of its folders one level down, and whether `layer` chose it."""
    found = _fitting_files(folder, layouts)
    if not found:
        inside = sorted(child for child in folder.iterdir() if child.is_dir())
        found = [file for child in inside for file in _fitting_files(child, layouts)]
    if not found:
        raise UnknownLayoutError(
            f"{shorten(folder)}: expected a folder of a known layout, got none of its files "
            f"({', '.join(layout.files[0] for layout in layouts)}); pass the path of the file"
        )
    if len(found) == 1:
        return found[0], False
    return _of_layer(folder, found, layer), True


def _of_layer(folder: Path, found: list[Path], layer: int | None) -> Path:
    """The one file of several whose name has the number of the layer."""
    names = {file.relative_to(folder).as_posix(): file for file in found}
    listed = ", ".join(shorten(name, 60) for name in list(names)[:_MOST_NAMES])
    listed += f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    if layer is None:
        raise WeightsError(
            f"{shorten(folder)}: expected one dictionary, got {len(names)}: {listed}; pass layer= "
            "or the path of one of them"
        )
    fitting = [file for name, file in names.items() if _layer_number(name) == layer]
    if len(fitting) != 1:
        raise WeightsError(
            f"{shorten(folder)}: expected one file of layer {layer}, got {len(fitting)} among "
            f"{listed}; pass the path of the file"
        )
    return fitting[0]


def _fitting_files(folder: Path, layouts: tuple[Layout, ...]) -> list[Path]:
    """Files that a layout names; those of a mere suffix only if there are no others.

    A folder of a model may hold the state of its optimiser too, as optimizer.pt.
    """
    files = sorted(child for child in folder.iterdir() if child.is_file())
    for is_vague in (False, True):
        found: dict[Path, None] = {}
        for layout in layouts:
            patterns = [name for name in layout.files if name.startswith("*") == is_vague]
            fitting = [[file for file in files if layout.fits(file.name, p)] for p in patterns]
            found |= dict.fromkeys(next((some for some in fitting if some), []))
        if found:
            return list(found)
    return []


def _layer_number(name: str) -> int | None:
    """The number behind the word layer, or the first one."""
    match = re.search(r"layers?[._-]?(\d{1,9})", name) or re.search(r"(\d{1,9})", name)
    return int(match[1]) if match else None


def _shards(index: Path) -> dict[str, Path]:
    """Which file of its folder holds which array, by an index of shards."""
    places = _json(index).get("weight_map")
    if not isinstance(places, Mapping) or not places:
        raise UnknownLayoutError(
            f"{shorten(index.name)}: expected an index of shards with a weight_map, got none; pass "
            "the path of a weight file or of its folder"
        )
    for file in set(map(str, places.values())):
        if Path(file).name != file or not (index.parent / file).is_file():
            raise WeightsError(
                f"{shorten(index.name)}: expected shards beside the index, but {shorten(file)} is "
                "no file there; fetch it, or pass the path of the shard that holds the matrix"
            )
    return {str(name): index.parent / str(file) for name, file in places.items()}


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST_JSON:
            raise ValueError(f"larger than {_LARGEST_JSON:,} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"{shorten(path.name)}: expected JSON, got something else ({first_line(error)}); "
            "fetch it again"
        ) from error
    if not isinstance(content, dict):
        raise WeightsError(f"{shorten(path.name)}: expected a JSON object; fetch it again")
    return content
