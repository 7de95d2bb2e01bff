"""What the atlas holds, and its file.

A cell is a size of model, n features in m dimensions; its entries are the phases that follow each
other as p grows.  Nothing here computes.  The file is made by
``python -m geomsup.theory.atlas.rebuild``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, counted
from geomsup.restoring import Plain, read_only
from geomsup.showing import ShownAlone
from geomsup.theory.atlas.charges import of_charges
from geomsup.validation import number_within, positive_integer
from geomsup.writing import write_arrays

__all__ = [
    "TABLE",
    "Atlas",
    "AtlasCell",
    "AtlasEntry",
    "atlas_cell",
    "atlas_cells",
    "load_table",
    "probability",
    "save_table",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int_]

# Below, its inverse overflows.
_LEAST_P = float(np.finfo(np.float64).tiny)
TABLE = Path(__file__).with_name("table.npz")
# Fields of an entry that have one value for each node.
_OF_NODES = (
    *("p", "loss", "smallest_eigenvalue", "zero_modes"),
    *("met", "n_starts", "runner_up_loss", "runner_up"),
)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AtlasEntry(Plain):
    """One phase: an interval of feature probabilities with one kind of best configuration.

    Attributes
    ----------
    n_features, n_hidden : int
    low, high : float
        The interval of p.  The lowest phase begins at 0, a limit that is never reached.
    name : str
        As :func:`geomsup.theory.best_configuration` names it, at most of its nodes; "irregular"
        for what fits a shape loosely only, or breaks a symmetry.  It leaves out features that are
        much shorter than the others.
    symmetry : int
        Permutations of the represented features that keep all scalar products and biases.
    n_dropped : int
        Features with W_i = 0.
    ends : str
        How it gives way to the next phase as p grows: "first order" (two minima of equal loss),
        "continuous" (one becomes the other), or "" at p = 1.
    status : str
        "best known": no proof is known that there is nothing lower.
    p : ndarray of shape (n_nodes,)
        Feature probabilities at which the configuration is held, ascending.
    W : ndarray of shape (n_nodes, n_hidden, n_features)
    b : ndarray of shape (n_nodes, n_features)
    loss : ndarray of shape (n_nodes,)
        Sum over features, at importance one.
    smallest_eigenvalue : ndarray of shape (n_nodes,)
        Of the Hessian across the symmetries, in units of features (see
        :func:`geomsup.theory.verify_optimum`); it vanishes where the phase ends continuously.
    zero_modes : ndarray of shape (n_nodes,)
        Flat directions beside the rotations of W and the biases of dead outputs.
    met, n_starts : ndarray of shape (n_nodes,)
        Starts that ended here, at least, of how many; zero where nothing was searched and the
        phase was only followed.
    runner_up_loss : ndarray of shape (n_nodes,)
        The next lowest minimum that was met; nan where there was none.
    runner_up : tuple of str
        Its name.
    """

    _derived = ("thomson",)

    n_features: int
    n_hidden: int
    low: float
    high: float
    name: str
    symmetry: int
    n_dropped: int
    ends: str
    status: str
    p: FloatArray
    W: FloatArray
    b: FloatArray
    loss: FloatArray
    smallest_eigenvalue: FloatArray
    zero_modes: IntArray
    met: IntArray
    n_starts: IntArray
    runner_up_loss: FloatArray
    runner_up: tuple[str, ...]

    @cached_property
    def thomson(self) -> str:
        """Whether the represented features point as as many charges of least energy do.

        "optimum" (the Thomson optimum itself, at every p of the phase), "shape" (its name, with
        other angles), or "".  In one dimension there is no choice, and none is told.
        """
        inside = (self.p > self.low) & (self.p < self.high)
        return of_charges(self.W[inside], self.shape)

    @property
    def n_kept(self) -> int:
        """Features that are represented."""
        return self.n_features - self.n_dropped

    @property
    def shape(self) -> str:
        """The name without what is dropped and how many features share a direction."""
        return re.sub(r", \d+ dropped$| \(×\d+\)| \([^)]*\)", "", self.name)

    def nearest(self, p: float) -> int:
        """Number of the node nearest to a feature probability."""
        return int(np.argmin(np.abs(np.log(self.p / probability(p)))))

    def __repr__(self) -> str:
        return (
            f"<{self.n_features} features in {counted(self.n_hidden, 'dimension')}, "
            f"{self.low:.6g} < p < {self.high:.6g}: {self.name}>"
        )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AtlasCell(Plain, ShownAlone):
    """All phases of one size of model, as p grows.

    Attributes
    ----------
    n_features, n_hidden : int
    entries : tuple of AtlasEntry
    """

    _derived = ("searched", "n_starts", "thomson")

    n_features: int
    n_hidden: int
    entries: tuple[AtlasEntry, ...]

    @property
    def searched(self) -> tuple[float, ...]:
        """Feature probabilities at which there was a search, and not only following."""
        return tuple(float(p) for entry in self.entries for p in entry.p[entry.n_starts > 0])

    @property
    def n_starts(self) -> int:
        """Starts of all these searches together."""
        return sum(int(entry.n_starts.sum()) for entry in self.entries)

    @property
    def thomson(self) -> tuple[str, ...]:
        """The Thomson optima that the size holds at some p, as "5", or "8~" for the shape alone.

        So many charges; the largest first, each once.
        """
        marks = {"optimum": "", "shape": "~"}
        held = {(entry.n_kept, marks[entry.thomson]) for entry in self.entries if entry.thomson}
        numbers = sorted(held, key=lambda one: (-one[0], one[1]))
        return tuple(f"{n}{mark}" for n, mark in numbers if not mark or (n, "") not in held)

    @property
    def key(self) -> tuple[int, int]:
        """Features and dimensions."""
        return self.n_features, self.n_hidden

    @property
    def boundaries(self) -> FloatArray:
        """Feature probabilities between the phases."""
        return np.array([entry.high for entry in self.entries[:-1]])

    def at(self, p: float) -> AtlasEntry:
        """The phase at a feature probability."""
        return self.entries[int(np.searchsorted(self.boundaries, probability(p)))]

    def __str__(self) -> str:
        width = max(len(entry.name) for entry in self.entries)
        lines = [
            f"{self.n_features} features in {counted(self.n_hidden, 'dimension')}: best known, "
            f"searched at {len(self.searched)} feature probabilities from {self.n_starts} starts",
            f"{'up to p':<14}  {'it ends':<11}  symmetry  Thomson  configuration",
            f"{'─' * 14}  {'─' * 11}  ────────  ───────  {'─' * width}",
        ]
        for entry in self.entries:
            ends, charges = entry.ends or "-", entry.thomson or "-"
            lines.append(
                f"{entry.high:<14.9g}  {ends:<11}  {entry.symmetry:>8}  {charges:<7}  {entry.name}"
            )
        return "\n".join(lines)

    __repr__ = __str__


class Atlas(tuple[AtlasCell, ...], ShownAlone):
    """Cells, by dimensions and then by features: a tuple that has a page.

    Examples
    --------
    >>> from geomsup.theory import atlas_cells
    >>> atlas_cells()[0].key
    (2, 1)
    """

    __slots__ = ()

    def __str__(self) -> str:
        n_phases = sum(len(cell.entries) for cell in self)
        return "\n\n".join(
            [f"{counted(len(self), 'size')} of model, {n_phases} phases", *map(str, self)]
        )


def atlas_cell(n_features: int, n_hidden: int) -> AtlasCell | None:
    """The phases of one size of model, or None where the atlas has none.

    Parameters
    ----------
    n_features, n_hidden : int

    Returns
    -------
    AtlasCell or None

    Raises
    ------
    GeomsupError
        If a size is no positive integer.

    Examples
    --------
    >>> from geomsup.theory import atlas_cell
    >>> cell = atlas_cell(5, 2)
    >>> cell.at(0.1).name, round(float(cell.boundaries[0]), 6)
    ('pentagon', 0.224875)
    """
    n, m = positive_integer("n_features", n_features), positive_integer("n_hidden", n_hidden)
    return _table().get((n, m))


def probability(p: object) -> float:
    """A feature probability that the atlas can be asked for; GeomsupError if it is none."""
    number = number_within("feature_probability", p, 0, 1)
    if number < _LEAST_P:
        raise GeomsupError(
            f"expected a feature probability above zero ({_LEAST_P:.1e} at least), got "
            f"{number:g}; without features every configuration is as good"
        )
    return number


def atlas_cells() -> Atlas:
    """Every cell of the atlas, by dimensions and then by features.

    Examples
    --------
    >>> from geomsup.theory import atlas_cells
    >>> max(cell.n_hidden for cell in atlas_cells())
    4
    """
    return Atlas(_table().values())


@functools.cache
def _table() -> Mapping[tuple[int, int], AtlasCell]:
    return load_table(TABLE)


def load_table(path: Path) -> dict[tuple[int, int], AtlasCell]:
    """Read a table file; GeomsupError if it is not one."""
    try:
        with np.load(path, allow_pickle=False) as file:
            columns = {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError) as error:
        raise GeomsupError(
            f"cannot read the atlas of optima {path.name}: install geomsup again, or make the "
            "table with 'python -m geomsup.theory.atlas.rebuild'"
        ) from error
    of_nodes = {name: columns.pop(name) for name in _OF_NODES}
    W, b = columns.pop("W"), columns.pop("b")
    ends = np.cumsum(columns.pop("n_nodes"))
    cells: dict[tuple[int, int], list[AtlasEntry]] = {}
    row = at_W = at_b = 0
    for k, end in enumerate(ends.tolist()):
        values = {name: column[k].item() for name, column in columns.items()}
        n, m, size = values["n_features"], values["n_hidden"], end - row
        nodes = {name: read_only(column[row:end]) for name, column in of_nodes.items()}
        entry = AtlasEntry(
            W=read_only(W[at_W : at_W + size * m * n].reshape(size, m, n)),
            b=read_only(b[at_b : at_b + size * n].reshape(size, n)),
            **values,
            **{**nodes, "runner_up": tuple(nodes["runner_up"].tolist())},
        )
        cells.setdefault((m, n), []).append(entry)
        row, at_W, at_b = end, at_W + size * m * n, at_b + size * n
    return {
        (n, m): AtlasCell(n_features=n, n_hidden=m, entries=tuple(cells[m, n]))
        for m, n in sorted(cells)
    }


def save_table(path: Path, cells: Mapping[tuple[int, int], AtlasCell]) -> None:
    """Write a table file; a file of the same name is replaced only when the new one is whole."""
    entries = [entry for key in sorted(cells) for entry in cells[key].entries]
    arrays = (*_OF_NODES, "W", "b")
    names = [item.name for item in fields(AtlasEntry) if item.name not in arrays]
    columns = {name: np.array([getattr(entry, name) for entry in entries]) for name in names}
    for name in arrays:
        columns[name] = np.concatenate([np.ravel(getattr(entry, name)) for entry in entries])
    columns["n_nodes"] = np.array([len(entry.p) for entry in entries])
    write_arrays(path, columns)
