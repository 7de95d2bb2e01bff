"""What recurs without a name: a frozen record that prints on one screen."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geomsup.discovery.representative import Cosine
from geomsup.errors import GeomsupError, counted
from geomsup.geometry.report_text import aligned_table
from geomsup.restoring import Plain
from geomsup.shapes import Shape, add_to_catalogue, own_shape

__all__ = ["Discovery", "FoundShape", "Size"]

Array = NDArray[np.float64]
IntArray = NDArray[np.int_]

_HEADER = ["shape", "runs", "copies", "of", "noise", "symmetries", "orbits", "tight", "p", ""]
_SIZES = ["size", "components", "runs", "pairs by chance", "at most"]
# Rows of each table on the screen.
_MOST_ROWS = 15
# A shape recurs beyond chance if random tight frames would do as well less often than this.
_SIGNIFICANT = 0.01
# Cosines that are equal in a file.
_EXACT = 1e-6


@dataclass(frozen=True, kw_only=True)
class Size(Plain):
    """All unnamed components of one size, and what chance makes of as many.

    Attributes
    ----------
    n_vertices, dim : int
    n_components, n_runs : int
        How many there are, and in how many runs.
    n_frames, n_agreeing : int
        Random tight frames of the size, and their pairs that were one shape by the same procedure;
        none are drawn where nothing recurs.
    expected_pairs, most_pairs : float or None
        Pairs that agree among `n_components` random frames: on average, and with the upper 95 %
        bound of the rate.
    """

    n_vertices: int
    dim: int
    n_components: int
    n_runs: int
    n_frames: int
    n_agreeing: int
    expected_pairs: float | None
    most_pairs: float | None

    @property
    def label(self) -> str:
        """As in "17-in-6"."""
        return f"{self.n_vertices}-in-{self.dim}"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FoundShape(Plain):
    """A shape without a name that occurs in several runs.

    Attributes
    ----------
    name : str
        A working name, "17-in-6 a".
    n_vertices, dim : int
    runs : tuple of int
        The runs that it is in, ascending, each once.
    members : tuple of tuple of int
        For each copy, its features; `member_runs` has its run.
    member_runs : tuple of int
    n_components : int
        Unnamed components of its size.
    noise : float
        Of a copy, per tangent axis, in radians.
    vertices : ndarray of shape (n_vertices, dim)
        The mean of the copies as unit rows, with its symmetries imposed, one orbit after another.
    orbits : ndarray of shape (n_vertices,)
        A number for each vertex, the same for those that a symmetry exchanges.
    symmetry_order : int
    chiral : bool
    slack : float or None
        How far cosines were allowed to differ that symmetry makes equal; None where the mean is too
        coarse, and symmetry was not looked for.
    cosines : tuple of Cosine
        The distinct ones, the most frequent first.
    tightness : float
        ΣD_i / dim of the unit vectors.
    p_value : float
        About the chance of so many copies among as many random tight frames, at the upper bound of
        their rate.
    known_as : str
        The figure of the catalogue that the mean is, or nothing: a component may have stayed
        without its name.
    """

    _derived = ("beyond_chance",)

    name: str
    n_vertices: int
    dim: int
    runs: tuple[int, ...]
    members: tuple[tuple[int, ...], ...]
    member_runs: tuple[int, ...]
    n_components: int
    noise: float
    vertices: Array
    orbits: IntArray
    symmetry_order: int
    chiral: bool
    slack: float | None
    cosines: tuple[Cosine, ...]
    tightness: float
    p_value: float
    known_as: str

    @property
    def beyond_chance(self) -> bool:
        """Whether random tight frames would recur so often in less than one case of a hundred."""
        return self.p_value < _SIGNIFICANT

    def shape(self, name: str | None = None) -> Shape:
        """The mean as a shape, for a catalogue and for ``classify_geometry(…, shapes=[…])``.

        Raises
        ------
        GeomsupError
            If it is a figure of the catalogue, or the name is one.
        """
        return own_shape(
            name or self.name,
            self.vertices,
            source=f"geomsup.discover: mean of {len(self.members)} copies in "
            f"{counted(len(self.runs), 'run')}",
            notes=f"noise of a copy {self.noise:.4f} rad, p {self.p_value:.2g}",
            tolerance=_EXACT,
        )

    def __repr__(self) -> str:
        return f"<FoundShape: {self.name}, in {counted(len(self.runs), 'run')}>"

    def __str__(self) -> str:
        orbits = np.bincount(self.orbits)
        order = "not looked for" if self.slack is None else f"{self.symmetry_order:,}"
        lines = [
            f"{self.name}: {len(self.members)} copies in {counted(len(self.runs), 'run')}",
            f"  noise of a copy  {self.noise:.4f} rad",
            f"  tightness        {self.tightness:.5f}",
            f"  symmetry order   {order}{', chiral' if self.chiral and order != '1' else ''}",
            f"  orbits           {' + '.join(map(str, sorted(orbits.tolist())))}",
            f"  p                {self.p_value:.2g}",
        ]
        for cosine in self.cosines[:6]:
            form = f"  = {cosine.closed_form}?" if cosine.closed_form else ""
            lines.append(
                f"  cosine (×{cosine.n_pairs})    {cosine.value:+.5f} ± {cosine.error:.1g}{form}"
            )
        if len(self.cosines) > 6:
            lines.append(f"  and {len(self.cosines) - 6} other cosines")
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Discovery(Plain):
    """The unnamed components of many models, and which of them recur.

    Attributes
    ----------
    shapes : tuple of FoundShape
        In the most runs first.
    sizes : tuple of Size
        All sizes that occur, the most frequent first.
    sources : tuple of str
        What each run is called.
    n_components, n_unnamed : int
        Components of all runs, and those without a name that take part.
    noise : float
        The most noise per tangent axis, in radians, that copies may have.
    settings : mapping
        The arguments.
    """

    shapes: tuple[FoundShape, ...]
    sizes: tuple[Size, ...]
    sources: tuple[str, ...]
    n_components: int
    n_unnamed: int
    noise: float
    settings: Mapping[str, object]

    @property
    def n_runs(self) -> int:
        """Models that were looked at."""
        return len(self.sources)

    def __getitem__(self, name: str) -> FoundShape:
        for shape in self.shapes:
            if shape.name == name:
                return shape
        raise KeyError(name)

    def save(self, path: str | os.PathLike[str]) -> tuple[Shape, ...]:
        """Add what recurs beyond chance, and is no figure of the catalogue, to a catalogue's file.

        Returns
        -------
        tuple of Shape
            The shapes that were added.

        Raises
        ------
        GeomsupError
            If there are none, one of them is in the file already, or it cannot be written.
        """
        kept = [one for one in self.shapes if one.beyond_chance and not one.known_as]
        if not kept:
            raise GeomsupError("no shape recurs beyond chance; there is nothing to save")
        added = tuple(one.shape() for one in kept)
        add_to_catalogue(added, Path(path))
        return added

    def __repr__(self) -> str:
        return f"<Discovery: {counted(len(self.shapes), 'shape')} in {counted(self.n_runs, 'run')}>"

    def __str__(self) -> str:
        lines = [
            f"{counted(self.n_runs, 'model')}, {counted(self.n_components, 'component')}, "
            f"{self.n_unnamed:,} without a name; copies may differ by {self.noise:g} rad",
            "",
        ]
        if self.shapes:
            rows = [_row(shape) for shape in self.shapes[:_MOST_ROWS]]
            lines += aligned_table(_HEADER, rows)
            if len(self.shapes) > _MOST_ROWS:
                lines.append(f"… and {len(self.shapes) - _MOST_ROWS} more")
        else:
            lines.append("none of them occurs twice")
        rows = [
            [
                size.label,
                str(size.n_components),
                str(size.n_runs),
                "–" if size.expected_pairs is None else f"{size.expected_pairs:.3g}",
                "–" if size.most_pairs is None else f"{size.most_pairs:.2g}",
            ]
            for size in self.sizes[:_MOST_ROWS]
        ]
        lines += ["", *aligned_table(_SIZES, rows)]
        if len(self.sizes) > _MOST_ROWS:
            lines.append(f"… and {len(self.sizes) - _MOST_ROWS} more sizes")
        return "\n".join(lines)


def _row(shape: FoundShape) -> list[str]:
    remark = "" if shape.beyond_chance else "not beyond chance"
    return [
        shape.name,
        str(len(shape.runs)),
        str(len(shape.members)),
        str(shape.n_components),
        f"{shape.noise:.4f}",
        "?" if shape.slack is None else f"{shape.symmetry_order:,}",
        "+".join(map(str, sorted(np.bincount(shape.orbits).tolist())))
        if shape.symmetry_order > 1
        else "–",
        f"{shape.tightness:.4f}",
        f"{shape.p_value:.2g}",
        f"is the {shape.known_as}" if shape.known_as else remark,
    ]
