"""Shapes of one's own: a file of them, checked when it is read and never executed.

A file is JSON, one shape or several:

    {"shapes": [{"name": "17-in-6 a", "vertices": [[…], …], "source": "…", "notes": "…"}]}

In place of vertices a shape may have its Gram matrix, ``"gram"``.  What else must be known of it,
its symmetries, is counted when it is read.
"""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from geomsup.errors import GeomsupError, UnknownShapeError, first_line, shorten
from geomsup.restoring import plain
from geomsup.shapes.catalogue import get_shape, list_shapes
from geomsup.shapes.constructors import FloatArray
from geomsup.shapes.polytopes import Shape
from geomsup.shapes.symmetry import SymmetrySearch, congruent
from geomsup.validation import numbers
from geomsup.writing import write_file

__all__ = [
    "add_to_catalogue",
    "known_figure",
    "load_catalogue",
    "own_shape",
    "own_shapes",
    "save_catalogue",
]

_MOST_BYTES = 64 * 2**20
# The matcher knows no shape with more vertices.
_MOST_VERTICES = 600
_LONGEST_NAME = 60
_LONGEST_TEXT = 10_000
# What a component without a shape is called.
_RESERVED = ("irregular",)
# An axis with less than this share of the strongest one's singular value is rounding of a file.
_ROUNDING = 1e-4
# Cosines of a file that differ by less are rounded forms of the same.
_SAME = 1e-3
# Rows whose squared lengths are this close to 1 stay as they are, so that a file can be written
# again as it was.
_UNIT = 1e-13
# Gram matrices of a file are exact to so much.
_GRAM_ERROR = 1e-3


def own_shape(
    name: str,
    vertices: object = None,
    *,
    gram: object = None,
    source: str = "",
    notes: str = "",
    tolerance: float = _SAME,
) -> Shape:
    """A shape of one's own, checked, with its symmetries counted.

    Parameters
    ----------
    name : str
        Up to 60 printable characters, and none of the catalogue's own names.
    vertices : array-like of shape (n_vertices, dim), optional
        Directions as rows, of any length but zero.
    gram : array-like of shape (n_vertices, n_vertices), optional
        Their cosines, in place of vertices.
    source, notes : str
        Where it comes from, and anything else.
    tolerance : float
        Cosines that differ by less are equal when symmetries are counted.

    Returns
    -------
    Shape
        A rare one, with its vertices in the space that they span.

    Raises
    ------
    GeomsupError
        If the name or the vertices cannot be meant, or the catalogue has the figure.

    Examples
    --------
    >>> fan = own_shape("fan", [[1, 0], [3, 4], [3, -4]], source="seen in layer 3")
    >>> fan.n_vertices, fan.dim, fan.symmetry_order
    (3, 2, 2)
    >>> own_shape("my square", [[1, 0], [0, 1], [-1, 0], [0, -1]])
    Traceback (most recent call last):
        ...
    geomsup.errors.GeomsupError: 'my square' is the square of the catalogue; leave it out
    """
    name = _checked_name(name)
    for what, text in (("source", source), ("notes", notes)):
        if not isinstance(text, str) or len(text) > _LONGEST_TEXT:
            raise GeomsupError(
                f"{what} of {name!r} must be text of up to {_LONGEST_TEXT:,} characters, got "
                f"{shorten(text, 40)}"
            )
    if (vertices is None) == (gram is None):
        raise GeomsupError(f"{name!r} must have either vertices or a gram matrix")
    given = vertices if gram is None else _factor(name, gram)
    rows = _in_their_span(name, _unit_rows(name, given))
    if (known := known_figure(rows)) is not None:
        raise GeomsupError(f"{name!r} is the {known} of the catalogue; leave it out")
    found = SymmetrySearch(rows, tolerance).symmetries()
    return Shape(
        name=name,
        vertices=rows,
        symmetry_order=found.order,
        source=source or "a shape of one's own",
        notes=notes,
        chiral=found.chiral,
        rare=True,
    )


def load_catalogue(path: str | os.PathLike[str]) -> tuple[Shape, ...]:
    """The shapes of a file.

    Parameters
    ----------
    path : path
        A JSON file; nothing in it is executed.

    Returns
    -------
    tuple of Shape
        In their order; pass them as ``classify_geometry(W, shapes=…)``.

    Raises
    ------
    GeomsupError
        If there is no such file, it is no JSON, or a shape in it cannot be meant.
    """
    source = _path(path)
    try:
        if source.stat().st_size > _MOST_BYTES:
            raise GeomsupError("more than 64 MB; that is no catalogue of shapes")
        # Python would read NaN and Infinity, which are no JSON.
        data = json.loads(source.read_text(encoding="utf-8"), parse_constant=_refused_constant)
    except OSError as error:
        raise GeomsupError(f"{source} cannot be read: {first_line(error)}") from error
    except GeomsupError as error:
        raise GeomsupError(f"{source}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise GeomsupError(f"{source} is not JSON: {first_line(error)}") from error
    records = data.get("shapes", [data]) if isinstance(data, Mapping) else data
    if not isinstance(records, list):
        raise GeomsupError(
            f"{source} must hold a shape or a list of shapes, got {shorten(records, 40)}"
        )
    try:
        return own_shapes([_from_record(record) for record in records])
    except GeomsupError as error:
        raise GeomsupError(f"{source}: {error}") from error


def save_catalogue(shapes: Iterable[Shape], path: str | os.PathLike[str]) -> Path:
    """Write shapes to a file that :func:`load_catalogue` reads; all of it, or nothing.

    Returns
    -------
    Path

    Raises
    ------
    GeomsupError
        If two shapes have one name, one has a name of the catalogue, or nothing can be written.

    Examples
    --------
    >>> import tempfile
    >>> fan = own_shape("fan", [[1, 0], [3, 4], [3, -4]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load_catalogue(save_catalogue([fan], folder + "/mine.json"))
    (Shape('fan', n_vertices=3, dim=2),)
    """
    target = _path(path)
    records = [_to_record(shape) for shape in own_shapes(shapes)]
    lines = ",\n".join(json.dumps(record, allow_nan=False) for record in records)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_file(target, f'{{"shapes": [\n{lines}\n]}}\n')
    except OSError as error:
        raise GeomsupError(f"{target} cannot be written: {first_line(error)}") from error
    return target


def add_to_catalogue(shapes: Iterable[Shape], path: str | os.PathLike[str]) -> tuple[Shape, ...]:
    """Put shapes behind those of a file, which is made if it is not there.

    Returns
    -------
    tuple of Shape
        All that are in the file now.

    Raises
    ------
    GeomsupError
        If a name or a figure is there already, or a file cannot be read or written.
    """
    target = _path(path)
    all_of_them = own_shapes([*(load_catalogue(target) if target.exists() else ()), *shapes])
    save_catalogue(all_of_them, target)
    return all_of_them


def own_shapes(
    shapes: str | os.PathLike[str] | Iterable[Shape | str | os.PathLike[str]] | None,
) -> tuple[Shape, ...]:
    """Shapes and files of shapes, as one tuple in which no name and no figure occurs twice.

    Raises
    ------
    GeomsupError
        If something in it is neither, or occurs twice.
    """
    if shapes is None:
        return ()
    if isinstance(shapes, str | os.PathLike):
        return load_catalogue(shapes)
    if isinstance(shapes, Shape) or not isinstance(shapes, Iterable):
        raise GeomsupError(
            f"shapes must be a file or a list of shapes, got {shorten(shapes, 40)}; a single one "
            "is a list as well: [shape]"
        )
    all_of_them: list[Shape] = []
    for one in shapes:
        if isinstance(one, str | os.PathLike):
            all_of_them += load_catalogue(one)
        elif isinstance(one, Shape):
            _checked_name(one.name)
            all_of_them.append(one)
        else:
            raise GeomsupError(
                f"shapes must hold shapes and files of them, got {shorten(one, 40)}; "
                "own_shape(name, vertices) makes one"
            )
    _refuse_twins(all_of_them)
    return tuple(all_of_them)


def _path(path: object) -> Path:
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise GeomsupError(f"a catalogue is a file, got {shorten(path, 40)}; pass its path")
    return Path(path).expanduser()


def _refused_constant(word: str) -> float:
    raise GeomsupError(f"a shape has finite numbers, got {word}")


def _from_record(record: object) -> Shape:
    if not isinstance(record, Mapping) or "name" not in record:
        raise GeomsupError(
            f"a shape must be a mapping with a name and vertices, got {shorten(record, 40)}"
        )
    known = {"name", "vertices", "gram", "source", "notes"}
    if strange := sorted(set(record) - known):
        raise GeomsupError(
            f"{shorten(record['name'], 40)} has an entry {shorten(strange[0], 40)}; a shape has "
            "name, vertices or gram, source, notes"
        )
    return own_shape(**record)


def _to_record(shape: Shape) -> dict[str, Any]:
    record = {"name": shape.name, "vertices": plain(shape.vertices), "source": shape.source}
    return {**record, "notes": shape.notes} if shape.notes else record


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not 0 < len(name.strip()) == len(name) <= _LONGEST_NAME:
        raise GeomsupError(
            f"a shape needs a name of 1 to {_LONGEST_NAME} characters without spaces around it, "
            f"got {shorten(name, 40)}"
        )
    if not name.isprintable() or any(sign in name for sign in "⊕+"):
        raise GeomsupError(
            f"the name of a shape has printable characters and no ⊕ or +, which join shapes, got "
            f"{shorten(name, 40)}"
        )
    if name.casefold() in _RESERVED:
        raise GeomsupError(f"{name!r} is what has no shape; choose another name")
    try:
        known = get_shape(name)
    except UnknownShapeError:
        return name
    raise GeomsupError(f"{name!r} is a name of the catalogue, the {known.name}; choose another")


def _unit_rows(name: str, vertices: object) -> FloatArray:
    rows = numbers(f"the vertices of {name!r}", vertices)
    if rows.ndim != 2 or not 2 <= len(rows) <= _MOST_VERTICES or not rows.shape[1]:
        raise GeomsupError(
            f"the vertices of {name!r} must be 2 to {_MOST_VERTICES} rows of coordinates, got "
            f"shape {rows.shape}"
        )
    if not np.isfinite(rows).all():
        raise GeomsupError(f"the vertices of {name!r} must be finite numbers, got NaN or infinity")
    # By the largest entry first: squares of what is very long or short leave the range.
    largest = np.abs(rows).max(axis=1, keepdims=True)
    if (largest == 0).any():
        raise GeomsupError(
            f"vertex {int(largest[:, 0].argmin())} of {name!r} is zero and has no direction; "
            "leave it out"
        )
    if largest.max() <= 1 and np.abs((rows**2).sum(axis=1) - 1).max() < _UNIT:
        return rows
    rows = rows / largest
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _factor(name: str, gram: object) -> FloatArray:
    """Vertices that have these cosines."""
    cosines = numbers(f"the gram matrix of {name!r}", gram)
    n = len(cosines) if cosines.ndim else 0
    if cosines.shape != (n, n) or not 2 <= n <= _MOST_VERTICES:
        raise GeomsupError(
            f"the gram matrix of {name!r} must be square with 2 to {_MOST_VERTICES} rows, got "
            f"shape {cosines.shape}"
        )
    fits = np.isfinite(cosines).all() and np.abs(np.diagonal(cosines) - 1).max() < _GRAM_ERROR
    if not fits or np.abs(cosines - cosines.T).max() > _GRAM_ERROR:
        raise GeomsupError(
            f"the gram matrix of {name!r} must be symmetric with ones on its diagonal; it holds "
            "cosines"
        )
    values, axes = np.linalg.eigh((cosines + cosines.T) / 2)
    if values[0] < -_GRAM_ERROR * n:
        raise GeomsupError(
            f"the gram matrix of {name!r} has the eigenvalue {values[0]:.3g}; cosines of vectors "
            "have none below 0"
        )
    kept = values > _GRAM_ERROR * values[-1]
    return np.asarray(axes[:, kept] * np.sqrt(values[kept]))


def _in_their_span(name: str, rows: FloatArray) -> FloatArray:
    _, spread, axes = np.linalg.svd(rows, full_matrices=False)
    kept = spread > _ROUNDING * spread[0]
    if len(spread) == rows.shape[1] and kept.all():
        inside = rows
    else:
        inside = _unit_rows(name, rows @ axes[kept].T)
    cosines = inside @ inside.T - 2 * np.eye(len(inside))
    if cosines.max() > 1 - _SAME**2:
        i, j = np.unravel_index(cosines.argmax(), cosines.shape)
        raise GeomsupError(f"vertices {i} and {j} of {name!r} are the same direction; drop one")
    return inside


def known_figure(rows: FloatArray, slack: float | None = None) -> str | None:
    """The figure of the catalogue that unit rows are, or None.

    ``slack`` is how much cosines may differ; by default as much as in a file.
    """
    for known in list_shapes(*rows.shape):
        for form in known.in_each_form():
            if _same_figure(form.vertices, rows, max(slack or 0.0, _SAME)):
                return known.name
    return None


def _refuse_twins(shapes: Sequence[Shape]) -> None:
    names: dict[str, str] = {}
    for k, shape in enumerate(shapes):
        key = unicodedata.normalize("NFKC", shape.name).casefold()
        if key in names:
            raise GeomsupError(f"two shapes are called {shape.name!r}; rename one")
        names[key] = shape.name
        for other in shapes[:k]:
            if _same_figure(shape.vertices, other.vertices):
                raise GeomsupError(f"{shape.name!r} is {other.name!r} again; leave one out")


def _same_figure(a: FloatArray, b: FloatArray, slack: float = _SAME) -> bool:
    if a.shape != b.shape:
        return False
    cosines = [np.sort((rows @ rows.T).ravel()) for rows in (a, b)]
    return bool(np.abs(cosines[0] - cosines[1]).max() <= slack) and congruent(a, b, slack)
