"""Configurations with known copies among them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def units(rows: Array) -> Array:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True))


def copy_of(rows: Array, noise: float, rng: np.random.Generator) -> Array:
    """The same turned or mirrored, in another order, with noise along the tangents."""
    n, dim = rows.shape
    turn = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    return units(rows[rng.permutation(n)] @ turn + noise * rng.normal(size=rows.shape))


def planted(
    n_points: int,
    dim: int,
    *,
    n_shapes: int,
    n_copies: int,
    n_others: int,
    rng: np.random.Generator,
) -> tuple[Array, NDArray[np.int_]]:
    """Noisy copies of random shapes among one-offs, shuffled; the shape of each, or -1."""
    shapes = units(rng.normal(size=(n_shapes, n_points, dim)))
    rows = [
        copy_of(shape, rng.uniform(0.02, 0.05), rng) for shape in shapes for _ in range(n_copies)
    ]
    rows += list(units(rng.normal(size=(n_others, n_points, dim))))
    labels = np.concatenate([np.repeat(np.arange(n_shapes), n_copies), np.full(n_others, -1)])
    order = rng.permutation(len(rows))
    return np.array(rows)[order], labels[order]
