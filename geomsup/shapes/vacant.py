"""Vacant figures: a figure of the catalogue from which one vertex is missing.

A model that drops a feature leaves a hole, and what is left is no figure of its own.  Each orbit
of vertices under the figure's symmetries gives one vacant figure: the icosahedron one, the capped
octahedron three, which the missing vertex in brackets tells apart.  Whatever moves the rest onto
itself keeps the sum of the rest, and where the whole figure sums to zero that is minus the missing
vertex; so the symmetries of a vacant figure are those of the whole that leave the vertex where it
is, as many as the order of the whole divided by the size of the orbit.  The figures that do not
sum to zero are listed by hand below, and the tests count all orders again from the Gram matrix.

What is left out, and why:

* simplices, and polygons of fewer than five vertices: a simplex without a vertex is linearly
  independent directions that lean away from one another, as independent noise does, and two
  directions at 120° are a pair at any angle.  The three directions that a tetrahedron leaves, as
  the bonds of ammonia, are a figure of chemistry all the same;
* orthogonal sums: a hole in a sum is a hole in one of its factors, and factors are components of
  their own ("vacant pentagon ⊕ digon" can be asked for).  An orthoplex without a vertex is a sum,
  "octahedron ⊕ monosemantic" for the 16-cell, and keeps that name;
* caps: a capped prism without its cap is the prism, which has a name and gets another;
* Thomson optima without another name: they are what repulsion makes of so many points and what
  is left of one is no optimum, their symmetry is low (most have no map but the identity or one
  half turn, hence dozens of different holes each), and at noise the hole of N points and the
  optimum of N − 1 are hardly two arrangements;
* rare figures, whose vacant ones would be rarer still.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from geomsup.shapes.constructors import FloatArray
from geomsup.shapes.polytopes import ShapeFamily
from geomsup.shapes.recipes import Recipe

__all__ = ["vacant_recipes"]

_FEWEST = 4


class _Hole(NamedTuple):
    """A vertex that can be missing, one for each orbit."""

    where: str  # empty where all vertices are alike
    vertex: int
    symmetry_order: int
    chiral: bool = False


# Rings come before caps in the rows of a capped figure: upper k-gon, lower k-gon, caps.
_HOLES = {
    "capped octahedron": (
        _Hole("cap", 0, 6),
        _Hole("capped face", 1, 2),
        _Hole("far face", 4, 2),
    ),
    "capped triangular prism": (
        _Hole("capped face", 0, 1, chiral=True),
        _Hole("far edge", 2, 2),
    ),
    # Named after Hoard and Silverton (1963), who call the vertices nearer to the main axis A.
    "triangular dodecahedron": (_Hole("A site", 0, 2), _Hole("B site", 4, 2)),
    "bicapped triangular prism": (
        _Hole("shared edge", 1, 2),
        _Hole("outer edge", 0, 1, chiral=True),
    ),
    "tricapped triangular prism": (_Hole("prism", 0, 2),),
    "capped square antiprism": (_Hole("capped face", 0, 2), _Hole("far face", 4, 2)),
    "bicapped square antiprism": (_Hole("antiprism", 0, 2),),
    "anticuboctahedron": (_Hole("belt", 0, 2), _Hole("triangle", 6, 2)),
}


def vacant_recipes(whole: Recipe) -> Iterator[Recipe]:
    """The recipes of a figure without one of its vertices, one for each orbit of vertices.

    Parameters
    ----------
    whole : Recipe
        A figure whose vertices are all alike, or one that the list of holes knows.

    Yields
    ------
    Recipe
        Nothing for figures that have no vacant one, for the reasons above.

    Examples
    --------
    >>> from geomsup.shapes.recipes import series_recipe
    >>> [(rest.name, rest.symmetry_order) for rest in vacant_recipes(series_recipe("cube", 3))]
    [('vacant cube', 6)]
    >>> list(vacant_recipes(series_recipe("simplex", 7)))
    []
    """
    simplex = whole.n_vertices == whole.dim + 1 > _FEWEST
    if whole.n_vertices < _FEWEST or simplex or whole.factors or whole.rare:
        return
    alike = _Hole("", 0, whole.symmetry_order // whole.n_vertices, chiral=whole.chiral)
    for hole in _HOLES.get(whole.name, (alike,)):
        yield _without(whole, hole)


def _without(whole: Recipe, hole: _Hole) -> Recipe:
    def suffixed(name: str) -> str:
        return f"vacant {name} ({hole.where})" if hole.where else f"vacant {name}"

    return dataclasses.replace(
        whole,
        name=suffixed(whole.name),
        n_vertices=whole.n_vertices - 1,
        symmetry_order=hole.symmetry_order,
        coordinates=None if whole.coordinates is None else partial(_rest, whole, hole.vertex),
        family=None if whole.family is None else partial(_rest_of_family, whole, hole.vertex),
        synonyms=tuple(suffixed(s) for s in whole.synonyms if not s.startswith("vacant ")),
        source=f"the {whole.name} without a vertex; {whole.source}",
        chiral=hole.chiral,
        vacant_of=whole.name,
        rare=True,
    )


def _rest(whole: Recipe, vertex: int) -> FloatArray:
    return np.delete(whole.vertices(), vertex, axis=0)


def _rest_of_family(whole: Recipe, vertex: int) -> ShapeFamily:
    """The family of the whole figure, its landmarks included, without the vertex."""
    assert whole.family is not None, "called for families only"
    family = whole.family()

    def build(parameter: float) -> FloatArray:
        return np.delete(family.build(parameter), vertex, axis=0)

    return dataclasses.replace(family, build=build)
