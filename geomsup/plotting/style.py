"""Colours and words that all pictures share.

The categorical colours are those of Okabe and Ito, which stay apart under the common forms of
colour blindness; nothing is told by colour alone.  A name has the same colour in every picture, so
that two of them can be read side by side.  No rcParams are touched: a caller's style sheet stays in
force.
"""

from __future__ import annotations

import colorsys
import hashlib
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from geomsup.geometry.report import ComponentReport, GeometryReport

__all__ = [
    "DIVERGING",
    "DROPPED",
    "GHOST",
    "INK",
    "NEGATIVE",
    "PALETTE",
    "POSITIVE",
    "SEQUENTIAL",
    "UNSTRUCTURED",
    "component_colors",
    "component_title",
    "grouped_by_name",
    "name_color",
    "name_colors",
    "shortened_numbers",
    "toned_colors",
    "unstructured",
]

# Okabe and Ito 2008, without black and without the yellow that vanishes on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195")
# What has no name is grey, because grey is the colour of "no statement".
IRREGULAR = "#6E6E6E"
UNSTRUCTURED = "#9C9C9C"
DROPPED = "#B5B5B5"
GHOST = "#9A9A9A"
INK = "#333333"
# Red for positive and blue for negative, in the heat maps as in the graph.
POSITIVE = "#D55E00"
NEGATIVE = "#0072B2"
DIVERGING = "RdBu_r"
SEQUENTIAL = "viridis"


# The names that trained models mostly take; all others get a colour from the name itself.
_NAMED = {
    "monosemantic": "#56B4E9",
    "digon": "#0072B2",
    "triangle": "#009E73",
    "square": "#332288",
    "pentagon": "#D55E00",
    "hexagon": "#882255",
    "heptagon": "#44AA99",
    "octagon": "#999933",
    "tetrahedron": "#E69F00",
    "square antiprism": "#CC79A7",
    "triangular bipyramid": "#7A5195",
    "octahedron": "#117733",
    "pentagonal bipyramid": "#A5C739",
    "16-cell": "#A6761D",
    "cube": "#C23B75",
    "icosahedron": "#6B4C9A",
    "other shapes": "#8C6D31",
    "irregular": IRREGULAR,
    "unstructured": UNSTRUCTURED,
    "dropped": DROPPED,
    "nothing": DROPPED,
}
# With this word before the name the phases of the paper's two diagrams are farthest apart.
_SALT = "650"
_PHASE = re.compile(r"\(\d|(^|⊕ )\d+( ⊕|$)")
_TONES, _SATURATIONS = (0.32, 0.47, 0.62), (0.45, 0.8)


def component_title(component: ComponentReport) -> str:
    """Return the name of a component, with what the name alone does not tell."""
    if component.name == "irregular":
        return f"irregular, {component.n_vertices} in {component.rank}"
    multiple = max(component.multiplicities)
    return component.name if multiple == 1 else f"{component.name} (×{multiple})"


def name_color(name: str) -> str:
    """The colour of a name, the same in every picture.

    Parameters
    ----------
    name : str
        Of a shape, of a sum ("digon ⊕ triangle", "digon + triangle, 1 dropped" or "1 × digon,
        1 × triangle": the mixture of the colours of its parts, or that of the whole behind "="),
        or of a phase ("digon(1, 2) ⊕ 3").

    Returns
    -------
    str
        "#rrggbb".

    Examples
    --------
    >>> name_color("digon"), name_color("digon + triangle") == name_color("triangle ⊕ digon")
    ('#0072B2', True)
    """
    kept = re.sub(r"^.* = |, \d+ dropped$", "", name)
    if kept in _NAMED:
        return _NAMED[kept]
    parts = [] if _PHASE.search(kept) else _parts(kept)
    if parts and parts != [kept]:
        channels = zip(*(_rgb(name_color(part)) for part in parts), strict=True)
        # Darker with every part, so that two digons do not look like one.
        return _hex(*(sum(values) / len(parts) * 0.87 ** (len(parts) - 1) for values in channels))
    code = hashlib.sha256(f"{_SALT}{kept}".encode()).digest()
    hue = int.from_bytes(code[:2], "big") / 2**16
    return _hex(*colorsys.hls_to_rgb(hue, _TONES[code[2] % 3], _SATURATIONS[code[3] % 2]))


def _parts(name: str) -> list[str]:
    """The names that make up a sum, each as often as it occurs, in alphabetical order."""
    counted = [re.fullmatch(r"(?:(\d+) × )?(.+)", part) for part in re.split(r" [+⊕] |, ", name)]
    return sorted(part[2] for part in counted if part for _ in range(int(part[1] or 1)))


def name_colors(report: GeometryReport) -> dict[str, str]:
    """Return the colour of each name in the report, in order of appearance."""
    names = dict.fromkeys(component.name for component in report.components)
    return {name: name_color(name) for name in names}


def component_colors(report: GeometryReport) -> list[str]:
    """Return the colour of each component: that of its name, in another tone for each namesake."""
    return toned_colors([component.name for component in report.components])


def toned_colors(names: Sequence[str]) -> list[str]:
    """Return the colour of each name, in another tone for each time that it comes back."""
    seen: Counter[str] = Counter()
    colors = []
    for name in names:
        colors.append(_toned(name_color(name), seen[name]))
        seen[name] += 1
    return colors


def _toned(color: str, k: int) -> str:
    """A colour, the next lighter one, a darker one, and so on, around again after five."""
    share = (0.0, 0.4, -0.35, 0.6, -0.55)[k % 5]
    end = 1.0 if share > 0.0 else 0.0
    return _hex(*(value + abs(share) * (end - value) for value in _rgb(color)))


def _rgb(color: str) -> tuple[float, float, float]:
    red, green, blue = (int(color[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return red, green, blue


def _hex(red: float, green: float, blue: float) -> str:
    return "#" + "".join(f"{round(255 * value):02X}" for value in (red, green, blue))


def grouped_by_name(report: GeometryReport) -> list[tuple[str, list[ComponentReport]]]:
    """Return runs of components with the same title, largest components first."""
    runs: dict[tuple[int, str], list[ComponentReport]] = {}
    for component in report.components:
        key = (-len(component.features), component_title(component))
        runs.setdefault(key, []).append(component)
    return [
        (title if len(run) == 1 else f"{len(run)} × {title}", run)
        for (_, title), run in sorted(runs.items())
    ]


def unstructured(report: GeometryReport) -> list[int]:
    """Return the represented features that belong to no component."""
    inside = {feature for component in report.components for feature in component.features}
    return [i for i in np.flatnonzero(report.represented).tolist() if i not in inside]


def shortened_numbers(numbers: tuple[int, ...], limit: int = 8) -> str:
    """Return feature numbers as text, cut off after ``limit`` of them."""
    text = " ".join(str(number) for number in numbers[:limit])
    return text if len(numbers) <= limit else f"{text} …"
