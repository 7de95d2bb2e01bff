"""The lowest energies known for points on a sphere, with their coordinates.

A package of its own, because the catalogue of shapes and the search on the sphere both read it.
The table beside this file is made by ``python -m geomsup.sphere.rebuild``; nothing here computes.

>>> from geomsup.best_known import best_known
>>> row = best_known(12, dim=3, s=1)
>>> row.name, row.status, round(row.energy, 9), row.point_group
('icosahedron', 'proven', 49.165253058, 'Ih')
>>> best_known(1000) is None
True
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.restoring import Plain, read_only
from geomsup.writing import write_arrays

__all__ = [
    "BestKnown",
    "all_best_known",
    "best_known",
    "best_known_of",
    "load_table",
    "save_table",
]

FloatArray = NDArray[np.float64]
Key = tuple[int, int, float]

TABLE = Path(__file__).with_name("table.npz")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class BestKnown(Plain):
    """One row of the table.

    Attributes
    ----------
    n_points, dim : int
    s : float or "log"
        Exponent of the energy Σ_{i<j} |x_i − x_j|^(−s); "log" is −Σ_{i<j} log |x_i − x_j|.
    energy : float
        Lowest energy known, that of `points`.
    points : ndarray of shape (n_points, dim)
        Unit rows, read-only.
    status : str
        "proven" (the literature proves that no energy is lower), "best known" (the table's), or
        "computed now" (by :func:`geomsup.sphere.thomson_optimum`, which the table has no row for).
    source : str
        Who proved it, or how it was found.
    name : str
        Common name of the configuration, empty where it has none.
    ties : str
        Other configurations of the same energy by name, "; " between them; "unnamed" where the
        catalogue has no name; empty when none was met.
    exact_form : str
        The energy as a formula, empty where none is known.
    point_group : str
        Schoenflies symbol in three dimensions, empty in others.
    symmetry_order : int
        Permutations of the points that leave every distance as it is.
    gradient_norm : float
        Largest component of the gradient along the sphere.
    hits, n_starts, n_hops : int
        Random starts that ended here, of how many, and descents from changed minima beside them.
    """

    n_points: int
    dim: int
    s: float | Literal["log"]
    energy: float
    points: FloatArray
    status: str
    source: str
    name: str
    ties: str
    exact_form: str
    point_group: str
    symmetry_order: int
    gradient_norm: float
    hits: int
    n_starts: int
    n_hops: int

    @property
    def key(self) -> Key:
        """(dim, n_points, s), with 0.0 for the logarithm."""
        return self.dim, self.n_points, 0.0 if self.s == "log" else float(self.s)

    def __str__(self) -> str:
        lines = [
            f"{self.n_points} points in {self.dim} dimensions, s = {self.s}",
            f"energy    {self.energy:.12f}  ({self.status})",
            f"source    {self.source}",
        ]
        for label, value in (
            ("name", self.name),
            ("ties", self.ties),
            ("exact", self.exact_form),
            ("group", self.point_group),
            ("order", self.symmetry_order),
        ):
            if value:
                lines.append(f"{label:10s}{value}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        name = f" ({self.name})" if self.name else ""
        return (
            f"<{self.n_points} points in R^{self.dim}, s = {self.s}{name}: "
            f"{self.energy:.12g}, {self.status}>"
        )


def best_known(n_points: int, dim: int = 3, s: float | Literal["log"] = 1) -> BestKnown | None:
    """The row for so many points in a dimension, or None where the table has none.

    Parameters
    ----------
    n_points, dim : int
    s : float or "log"
        Exponent of the Riesz energy; 1 is Coulomb's.

    Returns
    -------
    BestKnown or None

    Examples
    --------
    >>> best_known(5, s="log").name
    'triangular bipyramid'
    """
    return _table().get((dim, n_points, 0.0 if s == "log" else float(s)))


def best_known_of(n_points: int, s: float | Literal["log"] = 1) -> tuple[BestKnown, ...]:
    """The rows for so many points, lowest dimension first.

    Examples
    --------
    >>> [row.dim for row in best_known_of(11)]
    [2, 3, 4, 5, 6, 7, 8]
    """
    power = 0.0 if s == "log" else float(s)
    return tuple(row for row in _table().values() if row.key[1:] == (n_points, power))


def all_best_known() -> tuple[BestKnown, ...]:
    """Every row of the table, by dimension, number of points and exponent ("log" first)."""
    return tuple(_table().values())


@functools.cache
def _table() -> Mapping[Key, BestKnown]:
    return load_table(TABLE)


def load_table(path: Path) -> dict[Key, BestKnown]:
    """Read a table file; GeomsupError if it is not one."""
    try:
        with np.load(path, allow_pickle=False) as file:
            columns = {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError) as error:
        raise GeomsupError(
            f"cannot read the table of optima {path.name}: install geomsup again, or make the "
            "table with 'python -m geomsup.sphere.rebuild'"
        ) from error
    points, power = read_only(columns.pop("points")), columns.pop("power")
    ends = np.cumsum(columns["n_points"] * columns["dim"])
    rows = {}
    for k, end in enumerate(ends):
        values = {name: column[k].item() for name, column in columns.items()}
        size = values["n_points"] * values["dim"]
        row = BestKnown(
            s="log" if power[k] == 0.0 else float(power[k]),
            points=points[end - size : end].reshape(values["n_points"], values["dim"]),
            **values,
        )
        rows[row.key] = row
    return rows


def save_table(path: Path, rows: Mapping[Key, BestKnown]) -> None:
    """Write a table file; a file of the same name is replaced only when the new one is whole."""
    ordered = [rows[key] for key in sorted(rows)]
    names = [f.name for f in fields(BestKnown) if f.name not in ("s", "points")]
    columns = {name: np.array([getattr(row, name) for row in ordered]) for name in names}
    columns["power"] = np.array([row.key[2] for row in ordered])
    columns["points"] = np.concatenate([row.points.ravel() for row in ordered])
    write_arrays(path, columns)
