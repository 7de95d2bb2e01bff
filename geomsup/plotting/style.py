"""Colours and words that all pictures share.

The categorical colours are those of Okabe and Ito, which stay apart under the common forms of
colour blindness; nothing is told by colour alone.  No rcParams are touched: a caller's style
sheet stays in force.
"""

from __future__ import annotations

from itertools import cycle

from geomsup.report import ComponentReport, GeometryReport

__all__ = [
    "DIVERGING",
    "DROPPED",
    "GHOST",
    "INK",
    "NEGATIVE",
    "PALETTE",
    "POSITIVE",
    "SEQUENTIAL",
    "component_colors",
    "component_title",
    "grouped_by_name",
    "name_colors",
    "shortened_numbers",
]

# Okabe and Ito 2008, without black and without the yellow that vanishes on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195")
# An unnamed component is grey, because grey is the colour of "no statement".
IRREGULAR = "#6E6E6E"
DROPPED = "#B5B5B5"
GHOST = "#9A9A9A"
INK = "#333333"
# Red for positive and blue for negative, in the heat maps as in the graph.
POSITIVE = "#D55E00"
NEGATIVE = "#0072B2"
DIVERGING = "RdBu_r"
SEQUENTIAL = "viridis"


def component_title(component: ComponentReport) -> str:
    """Return the name of a component, with what the name alone does not tell."""
    if component.name == "irregular":
        return f"irregular, {component.n_vertices} in {component.rank}"
    multiple = max(component.multiplicities)
    return component.name if multiple == 1 else f"{component.name} (×{multiple})"


def name_colors(report: GeometryReport) -> dict[str, str]:
    """Return a colour for each name in the report, in order of appearance."""
    colors = cycle(PALETTE)
    names = dict.fromkeys(component.name for component in report.components)
    return {name: IRREGULAR if name == "irregular" else next(colors) for name in names}


def component_colors(report: GeometryReport) -> list[str]:
    """Return a colour for each component; neighbours in the list differ."""
    return [PALETTE[k % len(PALETTE)] for k in range(len(report.components))]


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


def shortened_numbers(numbers: tuple[int, ...], limit: int = 8) -> str:
    """Return feature numbers as text, cut off after ``limit`` of them."""
    text = " ".join(str(number) for number in numbers[:limit])
    return text if len(numbers) <= limit else f"{text} …"
