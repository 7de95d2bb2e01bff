"""Thomson optima that have no other name, as shapes.

Most small ones are figures of the catalogue.  The others are named after the problem that they
solve, "Thomson 11 in R^3", and their coordinates come from the table of best known optima.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from geomsup.best_known import BestKnown, best_known, best_known_of
from geomsup.shapes.recipes import Recipe

__all__ = [
    "NAME_PATTERN",
    "optimum_called",
    "optimum_name",
    "universal_optimum",
    "unnamed_optima",
]

#: A name without spaces and case: number of points, dimension.
NAME_PATTERN = re.compile(r"thomson([0-9]{1,6})(?:points)?inr\^?([0-9]{1,6})")
# Optima so near to a figure of the catalogue that noise makes them one: the snub cube of least
# energy is 1.4° from the uniform one.  They can be asked for, and do not compete for names.
_NEAR_FIGURES = {(24, 3)}
# Universally optimal codes that belong to no series, by dimension and number of points.
_CODES = {
    (3, 12): "icosahedron",
    (4, 120): "600-cell",
    (5, 16): "5-demicube",
    (6, 27): "Schläfli 27",
    (7, 56): "Gosset 56",
    (8, 240): "E8 roots",
    (21, 112): "isotropic 112",
    (21, 162): "McLaughlin 162",
    (22, 100): "Higman-Sims 100",
    (22, 275): "McLaughlin 275",
    (22, 891): "Leech 891",
    (23, 552): "Leech 552",
    (52, 325): "isotropic 325",
    (105, 756): "isotropic 756",
}
# Point groups without a map that reverses orientation.
_CHIRAL_GROUP = re.compile(r"C[0-9]+|D[0-9]+|T|O|I")


def optimum_called(n_points: int, dim: int) -> Recipe | str | None:
    """The recipe of an optimum, or the name that it has otherwise; None where none is known.

    Parameters
    ----------
    n_points, dim : int

    Returns
    -------
    Recipe, str or None

    Examples
    --------
    >>> optimum_called(12, 3), optimum_called(11, 3).symmetry_order
    ('icosahedron', 4)
    """
    row = best_known(n_points, dim)
    if row is not None:
        return row.name or _recipe(row)
    return universal_optimum(n_points, dim)


def universal_optimum(n_points: int, dim: int) -> str | None:
    """A name of the configuration that is optimal for every energy, if one is (Cohn, Kumar 2007).

    Parameters
    ----------
    n_points, dim : int

    Returns
    -------
    str or None

    Examples
    --------
    >>> universal_optimum(30, 2), universal_optimum(10, 9), universal_optimum(7, 3)
    ('30-gon', '9-simplex', None)
    """
    if n_points <= 2:
        return ("monosemantic", "digon")[n_points - 1]
    if dim < 2:
        return None
    if dim == 2:
        return f"{n_points}-gon"
    if n_points <= dim + 1:
        return f"{n_points - 1}-simplex"
    if n_points == 2 * dim:
        return f"{dim}-orthoplex"
    return _CODES.get((dim, n_points))


def unnamed_optima(n_points: int) -> Iterator[Recipe]:
    """The recipes of the optima of so many points that compete for names.

    Parameters
    ----------
    n_points : int

    Yields
    ------
    Recipe

    Examples
    --------
    >>> [recipe.name for recipe in unnamed_optima(11)][:2]
    ['Thomson 11 in R^3', 'Thomson 11 in R^4']
    """
    for row in best_known_of(n_points):
        if not row.name and (row.n_points, row.dim) not in _NEAR_FIGURES:
            yield _recipe(row)


def optimum_name(row: BestKnown) -> str:
    """What a best known optimum is called: its own name, or its size."""
    return row.name or f"Thomson {row.n_points} in R^{row.dim}"


def _recipe(row: BestKnown) -> Recipe:
    return Recipe(
        name=optimum_name(row),
        n_vertices=row.n_points,
        dim=row.dim,
        symmetry_order=row.symmetry_order,
        coordinates=lambda: np.array(row.points),
        source=f"least Coulomb energy known, {row.energy:.9f}",
        chiral=bool(_CHIRAL_GROUP.fullmatch(row.point_group)),
    )
