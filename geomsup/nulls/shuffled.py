"""A background with the heavy tails of each axis: principal coordinates that change owners."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from geomsup.nulls.directions import moments_of
from geomsup.validation import random_generator

__all__ = ["ShuffledNull"]

FloatArray = NDArray[np.float64]
Blocks = Callable[[], Iterable[NDArray[np.floating]]]


class ShuffledNull:
    """Directions whose coordinates on the principal axes are permuted over the features.

    Mean, spectrum and the distribution on each axis, heavy tails included, stay as they are; what
    goes is everything that ties the axes to each other.

    Parameters
    ----------
    blocks : callable
        Each call returns all rows, in blocks of shape (n, m).
    dim : int

    Notes
    -----
    The rows are permuted as they come, and normalised afterwards.  Where norms vary for reasons of
    their own, unit rows should come: a long row gives all axes heavy tails.

    Examples
    --------
    >>> rows = np.eye(3)[[0, 1, 2, 0, 1]]
    >>> null = ShuffledNull(lambda: [rows], 3)
    >>> drawn = null.draw(0)
    >>> drawn.shape, np.linalg.norm(drawn, axis=1).round(6).tolist()
    ((5, 3), [1.0, 1.0, 1.0, 1.0, 1.0])
    """

    def __init__(self, blocks: Blocks, dim: int) -> None:
        self._mean, covariance = moments_of(blocks, dim)
        axes = np.linalg.eigh(covariance)[1]
        self._axes = axes.astype(np.float32)
        shift = (self._mean @ axes).astype(np.float32)
        # A row for each axis, so that a permutation runs through memory once.
        self._coordinates = np.concatenate(
            [(np.asarray(block, dtype=np.float32) @ self._axes - shift).T for block in blocks()],
            axis=1,
        )

    def draw(self, seed: int | np.random.Generator | None) -> NDArray[np.float32]:
        """Unit rows of shape (n, m), as many as there are features."""
        generator = random_generator(seed)
        shuffled = np.stack([generator.permutation(one) for one in self._coordinates])
        rows = shuffled.T @ self._axes.T
        rows += self._mean.astype(np.float32)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        rows /= np.where(norms > 0, norms, 1)
        return rows
