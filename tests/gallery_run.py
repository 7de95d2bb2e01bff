"""Run one example as the gallery does, and look at the figures that it leaves.

``python gallery_run.py EXAMPLE.py``; the gallery shows the figures that pyplot knows, so there must
be one, its legends must name only what is drawn, and a name must have its own colour.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.collections import Collection
from matplotlib.colors import to_hex, to_rgba_array
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Annotation, Text
from numpy import asarray, isfinite

from geomsup import list_shapes
from geomsup.plotting import name_color
from geomsup.plotting.style import _toned


def main(path: str) -> None:
    """Run it, then check every figure."""
    runpy.run_path(path, run_name="__main__")
    numbers = plt.get_fignums()
    assert numbers, f"{path} leaves no figure that pyplot knows, so the gallery would show none"
    for number in numbers:
        figure = plt.figure(number)
        figure.canvas.draw()
        _check(figure)


def _check(figure: Any) -> None:
    names = {shape.name for shape in list_shapes()} | {"irregular", "unstructured"}
    legends = [*figure.legends, *(part for ax in figure.axes for part in [ax.get_legend()] if part)]
    drawn = {color for ax in figure.axes for artist in _artists(ax) for color in _colors(artist)}
    for legend in legends:
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
            label = text.get_text()
            colors = _colors(handle, visible=False)
            if _is_remark(handle):
                continue
            assert colors & drawn, f"the legend names {label!r}, which is not drawn"
            name = label.partition(":")[0].partition(", exact")[0].split(" × ")[-1]
            if name in names:
                tones = {_toned(name_color(name), k).lower() for k in range(5)}
                assert colors & tones, f"{name} is drawn in {colors}, not in {name_color(name)}"


def _is_remark(handle: Any) -> bool:
    """An entry of words alone."""
    bare = isinstance(handle, Line2D) and handle.get_linestyle() == "None"
    return bare and handle.get_marker() in ("None", "", None)


def _artists(ax: Any) -> Iterator[Any]:
    """What is drawn in axes, without legends."""
    legend = ax.get_legend()
    inside = set(legend.findobj()) if legend else set()
    for artist in ax.findobj():
        if artist not in inside and artist.get_visible():
            yield artist


def _colors(artist: Any, *, visible: bool = True) -> set[str]:
    """The colours of a line, patch, collection or text that can be seen."""
    if isinstance(artist, Line2D):
        if visible and not isfinite(asarray(artist.get_xydata())).all(axis=1).any():
            return set()
        found = [artist.get_color(), artist.get_markeredgecolor(), artist.get_markerfacecolor()]
    elif isinstance(artist, Collection):
        found = [*artist.get_facecolor(), *artist.get_edgecolor()] if artist.get_paths() else []
    elif isinstance(artist, Patch):
        found = [artist.get_facecolor(), artist.get_edgecolor()]
    elif isinstance(artist, Annotation | Text):
        found = [artist.get_color()]
    else:
        found = []
    shown = [rgba for color in found if not _is_none(color) for rgba in to_rgba_array(color)]
    return {to_hex(rgba) for rgba in shown}


def _is_none(color: Any) -> bool:
    return isinstance(color, str) and color.lower() in ("none", "auto")


if __name__ == "__main__":
    main(sys.argv[1])
