"""Independent directions: the background that every structure is held against.

How many dimensions the background has is read from the Gram matrix, never from the number of rows,
so that zero rows, a rotation or an embedding into a larger space change nothing.  More directions
than dimensions fill their space, and its dimension is their rank, or less where they lean on some
axes more than on others: independent directions have cos² = 1/m on average.  Fewer are independent
vectors whatever the space, and their cosines tell in how many dimensions unrelated directions would
be as nearly orthogonal as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.matching.evidence import NOISE_GRID, gram_log_density

__all__ = ["LARGEST_DIM", "Background", "background_of", "dimensions_between", "log_determinant"]

Array = NDArray[np.float64]

# An axis along which all directions together have less than the least noise is not filled.
_UNFILLED = float(NOISE_GRID[0])
# Directions fill their space unevenly if their mean cos² is this many times 1/rank.  A crowd with
# structures in it stays below; embeddings and clusters reach ten and more.  Of fewer directions
# than this the structures themselves decide the mean.
_ANISOTROPIC, _MANY = 1.5, 100
# The most dimensions that a space is ever taken to have: more than any network's residual stream.
LARGEST_DIM = 16384
# Ratio of neighbouring dimensions in a geometric grid.
_RATIO = 1.5


@dataclass(frozen=True, kw_only=True)
class Background:
    """Independent uniform directions in R^dim.

    Attributes
    ----------
    dim : int
        Dimension m of the space that the directions fill, or, if they are too few to fill any,
        the dimension in which independent directions are likeliest to have their cosines.
    largest : int
        The most dimensions that noise may have: ``dim`` where the directions fill the space.
    n_directions, rank : int
        How many directions the matrix has, and how many axes they fill.
    """

    dim: int
    largest: int
    n_directions: int
    rank: int


def background_of(units: Array) -> Background:
    """Return the background of all directions of a matrix.

    Parameters
    ----------
    units : ndarray of shape (n_hidden, n_vertices)
        Unit columns, parallel ones merged.

    Returns
    -------
    Background

    Examples
    --------
    >>> import numpy as np
    >>> background_of(np.eye(3, 2)).dim > 1000  # orthogonal as in very many dimensions
    True
    >>> angles = 2 * np.pi * np.arange(5) / 5
    >>> background_of(np.array([np.cos(angles), np.sin(angles), 0 * angles]))
    Background(dim=2, largest=2, n_directions=5, rank=2)
    """
    n_vertices = units.shape[1]
    if not n_vertices:
        return Background(dim=1, largest=1, n_directions=0, rank=0)
    small = units @ units.T if len(units) < n_vertices else units.T @ units
    energies = np.maximum(np.linalg.eigvalsh(small), 0.0)
    rank = max(1, int(np.count_nonzero(energies > _UNFILLED**2)))
    if rank < n_vertices:
        dim = _leaned_on(energies, rank)
        return Background(dim=dim, largest=dim, n_directions=n_vertices, rank=rank)
    log_det = float(np.log(energies).sum())
    dims = dimensions_between(n_vertices, LARGEST_DIM)
    densities = [float(gram_log_density(log_det, n_vertices, dim)) for dim in dims]
    return Background(
        dim=_leaned_on(energies, dims[int(np.argmax(densities))]),
        largest=LARGEST_DIM,
        n_directions=n_vertices,
        rank=rank,
    )


def _leaned_on(energies: Array, dim: int) -> int:
    """Return ``dim``, or less where many directions lean on some axes more than on others."""
    n = round(float(energies.sum()))
    if n < _MANY:
        return dim
    # Σ_ij cos² is the sum of the squared energies, and its diagonal has n of it.
    mean_square = float((energies**2).sum() - n) / (n * (n - 1))
    return max(2, round(1 / mean_square)) if mean_square * dim > _ANISOTROPIC else dim


def log_determinant(singular_values: Array, n_vertices: int, dim: int) -> Array:
    """Return log |G| of N directions from their singular values, exact zeros up to least noise.

    ``singular_values`` has shape (..., k), one row for each set of N directions.
    """
    # Noise of σ on each of m - N axes leaves singular values of about σ √(m - N).
    floor = float(NOISE_GRID[0]) * math.sqrt(max(dim - n_vertices, 1))
    kept = np.zeros((*singular_values.shape[:-1], n_vertices))
    kept[..., : singular_values.shape[-1]] = singular_values[..., :n_vertices]
    return np.asarray(2 * np.log(np.maximum(kept, floor)).sum(axis=-1))


def dimensions_between(low: int, high: int) -> list[int]:
    """Return a geometric grid of whole dimensions with both ends.

    Examples
    --------
    >>> dimensions_between(4, 20)
    [4, 6, 9, 13, 20]
    """
    n_steps = max(1, round(math.log(high / low) / math.log(_RATIO))) if high > low else 0
    if not n_steps:
        return [low]
    grid = low * (high / low) ** (np.arange(n_steps + 1) / n_steps)
    return sorted({int(d) for d in np.rint(grid)})
