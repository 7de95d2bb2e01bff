"""One configuration for all copies of a shape: their mean, made as symmetric as it nearly is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.discovery.algebra import Algebraic, algebraic
from geomsup.discovery.grouping import Group
from geomsup.restoring import Plain, read_only
from geomsup.shapes.symmetry import Symmetries, SymmetrySearch, joined

__all__ = ["Cosine", "Representative", "representative"]

Array = NDArray[np.float64]
IntArray = NDArray[np.int_]

# A cosine of the mean has √2 of the error of a direction, two that ought to be equal differ by √2
# of that, and the largest difference of a few hundred is four times the usual one.  However many
# copies there are: each was aligned by the one of several equal maps that brings its noise closest
# to the others', which left a cosine of forty copies of a box off by 1.5 times the noise of a copy.
_SLACK, _SELECTED = 8.0, 3.0
# Coarser means could have any symmetry, finer ones are rounding.
_COARSEST, _FINEST = 0.1, 1e-6


@dataclass(frozen=True, kw_only=True)
class Cosine(Plain):
    """A cosine between vertices of a shape.

    Attributes
    ----------
    value, error : float
        Mean over the pairs that symmetry makes equal, and its standard error.
    n_pairs : int
    polynomial : tuple of int or None
        Coefficients, the highest power first, of the lowest integer polynomial that fits, where the
        error leaves room for one.
    closed_form : str
        Its root, or nothing.
    """

    value: float
    error: float
    n_pairs: int
    polynomial: tuple[int, ...] | None
    closed_form: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Representative:
    """A configuration, with its symmetries and cosines.

    ``vertices`` are in the order of their orbits; ``slack`` is how far cosines were allowed to
    differ that symmetry makes equal, None where the mean is too coarse to say.
    """

    vertices: Array
    symmetries: Symmetries
    slack: float | None
    cosines: tuple[Cosine, ...]


def representative(group: Group) -> Representative:
    """Average copies, look for symmetries up to their noise, and impose those that hold."""
    error = group.noise / np.sqrt(len(group.members))
    slack = max(_SLACK * error, _SELECTED * group.noise, _FINEST)
    vertices = group.mean
    found = SymmetrySearch(vertices, _FINEST).symmetries()
    if slack <= _COARSEST:
        found = SymmetrySearch(vertices, slack).symmetries()
        even = _symmetrised(vertices, found.generators)
        holds = np.abs(even @ even.T - vertices @ vertices.T).max() <= slack
        # What is symmetric up to noise need not be closed; counted again, it is.
        vertices = even if holds else vertices
        found = SymmetrySearch(vertices, _FINEST).symmetries()
    sizes = np.bincount(found.orbits)
    order = np.lexsort((found.orbits, sizes[found.orbits]))
    vertices = read_only(vertices[order])
    found = SymmetrySearch(vertices, _FINEST).symmetries()
    return Representative(
        vertices=vertices,
        symmetries=found,
        slack=slack if slack <= _COARSEST else None,
        cosines=_cosines(vertices, found.generators, error),
    )


def _pair_orbits(generators: IntArray) -> IntArray:
    """A number for each ordered pair of points, the same for those that symmetry makes equal."""
    n = generators.shape[1]
    pairs = (generators[:, :, None] * n + generators[:, None, :]).reshape(len(generators), -1)
    swapped = np.arange(n * n).reshape(n, n).T.ravel()
    return joined(np.vstack([pairs, swapped]))


def _symmetrised(vertices: Array, generators: IntArray) -> Array:
    """Unit rows whose cosines are the means over pairs that symmetry makes equal."""
    n, dim = vertices.shape
    orbits = _pair_orbits(generators)
    cosines = (vertices @ vertices.T).ravel()
    means = np.bincount(orbits, cosines) / np.bincount(orbits)
    values, axes = np.linalg.eigh(means[orbits].reshape(n, n))
    rows = axes[:, -dim:] * np.sqrt(np.maximum(values[-dim:], 0.0))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _cosines(vertices: Array, generators: IntArray, error: float) -> tuple[Cosine, ...]:
    """The distinct cosines, the most frequent first."""
    n = len(vertices)
    upper = np.triu_indices(n, 1)
    orbits = _pair_orbits(generators).reshape(n, n)[upper]
    values = (vertices @ vertices.T)[upper]
    found = []
    for orbit in np.unique(orbits):
        inside = values[orbits == orbit]
        value, count = float(inside.mean()), len(inside)
        # Noise of one direction moves a cosine by its sine.
        own = error * np.sqrt(2 * max(0.0, 1 - value**2) / count)
        fits: Algebraic | None = algebraic(value, max(float(own), 1e-12))
        found.append(
            Cosine(
                value=value,
                error=float(own),
                n_pairs=count,
                polynomial=None if fits is None else fits.coefficients,
                closed_form="" if fits is None else str(fits),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.n_pairs, one.value)))
