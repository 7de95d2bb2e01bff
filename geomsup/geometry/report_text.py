"""Reports as text: the rows of the table and the lengths of its cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.sphere.compare import OptimaComparison

__all__ = ["HEADER", "aligned_table", "counted", "row_of", "shortened"]

Array = NDArray[np.float64]

HEADER: list[str] = [
    "name",
    "n",
    "rank",
    "P",
    "rms angle",
    "D",
    "norm",
    "leak",
    "|cos|",
    "nats",
    "Thomson",
    "runner-up",
    "features",
]


def row_of(component: Any) -> list[str]:
    match, several = component.match, component.n_vertices > 1
    probability = component.irregular_probability if match is None else match.probability
    # What is left between the structures bears no name, likely as one may be (the runner-up).
    likeliest = component.candidates[0].probability if component.candidates else 0.0
    judged = several and (match is not None or likeliest <= 0.5)
    return [
        component.label,
        str(len(component.features)),
        str(component.rank),
        f"{probability:.3f}" if judged else "–",
        f"{np.degrees(match.rms_angle):.2f}°" if several and match is not None else "–",
        _spread(component.dimensionalities),
        _spread(component.norms),
        f"{100 * component.leakage:.1f}%",
        f"{component.cohesion:.2f}" if several else "–",
        f"{component.log_evidence:z.0f}" if several else "–",
        _above(component.thomson),
        _runner_up(component) if several else "–",
        shortened(component.features, 24),
    ]


def _runner_up(component: Any) -> str:
    """The likeliest name that the component does not bear, with its probability."""
    match, irregular = component.match, component.irregular_probability
    others = [m for m in component.candidates if match is None or m.shape != match.shape]
    if match is not None and (not others or irregular > others[0].probability):
        return f"irregular {irregular:.2f}"
    return f"{others[0].shape} {others[0].probability:.2f}" if others else "–"


def _above(thomson: OptimaComparison | None) -> str:
    """Energy above the best known, in per cent."""
    if thomson is None:
        return "–"
    return "optimum" if thomson.verdict == "optimum" else f"{100 * thomson.excess:+.2f}%"


def _spread(values: Array) -> str:
    low, high = f"{values.min():.3f}", f"{values.max():.3f}"
    return low if low == high else f"{low}–{high}"


def counted(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def shortened(features: tuple[int, ...], width: int) -> str:
    text = " ".join(str(i) for i in features)
    if len(text) <= width:
        return text
    kept = text[: width - 2].rsplit(" ", 1)[0]
    return f"{kept} …"


def aligned_table(header: list[str], rows: list[list[str]]) -> list[str]:
    """Lay out columns: numbers flush right, the first and the last column flush left."""
    widths = [max(len(row[k]) for row in [header, *rows]) for k in range(len(header))]
    flush_left = {0, len(header) - 2, len(header) - 1}

    def line(row: list[str]) -> str:
        cells = [
            text.ljust(width) if k in flush_left else text.rjust(width)
            for k, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return [line(header), "  ".join("─" * width for width in widths), *map(line, rows)]
