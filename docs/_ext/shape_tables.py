"""Write the tables and the picture of the catalogue page from the catalogue itself.

A table typed by hand would be wrong after the next shape.  The files land among the generated ones
before Sphinx reads its sources, and the page includes them.
"""

from __future__ import annotations

import math
import textwrap
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from geomsup import Shape, list_shapes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from sphinx.application import Sphinx

_FOLDER = Path("api/generated/catalogue")
# Looking down from here, no two vertices of a common solid coincide and few edges do.
_VIEW = (0.93, 0.31, 0.52)


def _write(app: Sphinx) -> None:
    folder = Path(app.srcdir) / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    shapes = list_shapes()
    # A figure without a vertex has the family of the whole one, and is no new picture.
    whole = tuple(shape for shape in shapes if shape.vacant_of is None)
    _save(folder / "shapes.txt", _shape_table(whole))
    _save(folder / "vacant.txt", _shape_table(tuple(s for s in shapes if s.vacant_of is not None)))
    _save(folder / "families.txt", _family_table(whole))
    _save(folder / "forms.txt", _form_table(shapes))
    picture = folder / "solids.svg"
    if not picture.exists():
        _draw([shape for shape in whole if shape.dim == 3], picture)


def _save(path: Path, text: str) -> None:
    # An unchanged file keeps its date, and its page need not be built again.
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _shape_table(shapes: tuple[Shape, ...]) -> str:
    head = ["name", "N", "dim", "D", "symmetry order", "tight", "factors", "also called", "source"]
    rows = [
        [
            f"**{shape.name}**" + (" (chiral)" if shape.chiral else ""),
            str(shape.n_vertices),
            str(shape.dim),
            _levels(shape),
            f"{shape.symmetry_order:,}",
            "yes" if shape.is_tight else "no",
            " ⊕ ".join(shape.factors) or "–",
            ", ".join(shape.synonyms) or "–",
            shape.source,
        ]
        for shape in shapes
    ]
    return _list_table(head, rows, [14, 4, 4, 10, 9, 5, 14, 16, 24])


def _form_table(shapes: tuple[Shape, ...]) -> str:
    rows = [[f"**{shape.name}**", ", ".join(shape.forms)] for shape in shapes if shape.forms]
    return _list_table(["name", "other forms"], rows, [18, 30])


def _family_table(shapes: tuple[Shape, ...]) -> str:
    families = [(shape.name, shape.family) for shape in shapes if shape.family is not None]
    names = dict.fromkeys(name for _, family in families for name in family.landmarks)
    rows = []
    for shape_name, family in families:
        low, high = (math.degrees(bound) for bound in family.bounds)
        default = next(
            (name for name, value in family.landmarks.items() if value == family.default), "–"
        )
        rows.append(
            [
                f"**{shape_name}**",
                f"{low:.1f}° – {high:.1f}°",
                default,
                *(
                    f"{math.degrees(family.landmarks[name]):.3f}°"
                    if name in family.landmarks
                    else "–"
                    for name in names
                ),
            ]
        )
    head = ["name", "elevation searched", "catalogue's own", *names]
    return _list_table(head, rows, [18, 12, 12, *([12] * len(names))])


def _levels(shape: Shape) -> str:
    """Return the dimensionalities of the vertices, each level as a fraction where it is one."""
    levels, counts = np.unique(shape.dimensionalities.round(9), return_counts=True)
    shown = []
    for level, count in zip(levels[::-1], counts[::-1], strict=True):
        fraction = Fraction(float(level)).limit_denominator(60)
        text = str(fraction) if abs(float(fraction) - level) < 2e-9 else f"{level:.4f}"
        shown.append(text if len(levels) == 1 else f"{text} (×{count})")
    return ", ".join(shown)


def _list_table(head: list[str], rows: list[list[str]], widths: list[int]) -> str:
    lines = [
        ".. list-table::",
        "   :class: shapes",
        "   :header-rows: 1",
        f"   :widths: {' '.join(map(str, widths))}",
        "",
    ]
    for row in [head, *rows]:
        lines += [f"   {'* -' if k == 0 else '  -'} {cell}" for k, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def _draw(solids: list[Shape], path: Path) -> None:
    from matplotlib.figure import Figure

    columns = 6
    rows = math.ceil(len(solids) / columns)
    figure = Figure(figsize=(1.75 * columns, 2.0 * rows), layout="constrained")
    for ax, shape in zip(figure.subplots(rows, columns).flat, solids, strict=False):
        _draw_solid(ax, shape)
    for ax in figure.axes:
        ax.set_axis_off()
    # No date, so that the same catalogue gives the same file.
    figure.savefig(path, metadata={"Date": None})


def _draw_solid(ax: Axes, shape: Shape) -> None:
    from geomsup.plotting.wireframe import wireframe

    towards = np.array(_VIEW) / np.linalg.norm(_VIEW)
    right = np.cross([0.0, 0.0, 1.0], towards)
    right /= np.linalg.norm(right)
    up = np.cross(towards, right)
    x, y, depth = np.column_stack([right, up, towards]).T @ shape.vertices.T
    for first, second in wireframe(shape.vertices).edges:
        near = (depth[first] + depth[second] + 2) / 4
        ax.plot(
            x[[first, second]],
            y[[first, second]],
            color=str(0.78 - 0.6 * near),
            linewidth=0.5 + near,
            zorder=near,
        )
    ax.scatter(x, y, s=7 + 4 * depth, c=depth, cmap="Greys", vmin=-2.5, vmax=1.0, zorder=2)
    ax.scatter([0], [0], s=5, color="#D55E00", zorder=0.5)
    ax.set_aspect("equal")
    ax.set_title("\n".join(textwrap.wrap(shape.name, 19)), fontsize=8)


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the files before the sources are read."""
    app.connect("builder-inited", _write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
