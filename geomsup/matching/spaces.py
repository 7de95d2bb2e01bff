"""In which spaces directions and their noise may live, and how likely each is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomsup.matching.alignment import Cloud
from geomsup.matching.background import (
    LARGEST_DIM,
    Background,
    dimensions_between,
    log_determinant,
)
from geomsup.matching.candidates import MAX_VERTICES
from geomsup.matching.evidence import (
    evenness_log_ratio,
    generic_log_evidence,
    gram_log_density,
    log_sphere,
    loosest_noise,
    marginalise,
)
from geomsup.matching.fitting import Setting

__all__ = [
    "LIKELY",
    "LOOSEST_WITHIN",
    "evenness",
    "evenness_within",
    "orthogonality",
    "orthogonality_at",
    "spaces_of",
    "views_of",
    "whole_dims",
    "with_prior",
]

Array = NDArray[np.float64]

# Directions that keep to a subspace are clean: noise beyond this within it is no noise but another
# arrangement.
LOOSEST_WITHIN = 0.1
# Prior share of tight frames: enough against a figure that fits badly, too little against one that
# is noisy.
_EVEN_SHARE = 0.02
# A space e^-8 times as likely as the likeliest adds next to nothing to a shape.
LIKELY = 8.0


def spaces_of(
    cloud: Cloud, background: Background, sigma: Array, largest: int
) -> tuple[list[Setting], Array]:
    """Return the spaces in which the directions may be independent, with log ratios.

    Subspaces that they leave by noise alone come first, and their evidence at each noise beside
    them; then all spaces large enough for them.
    """
    n, dim = cloud.n_vertices, background.dim
    if n > MAX_VERTICES:
        # Nothing so large has a name, and in real weights the spectrum of a crowd is its rank.
        return [Setting(dim, 0.0, loosest_noise(dim))], np.empty((0, len(sigma)))
    ranks, densities = generic_log_evidence(cloud.points, dim=dim, sigma=sigma)
    within = marginalise(densities) + n * log_sphere(dim) if len(ranks) else np.empty(0)
    spaces = [
        Setting(int(r), float(value), LOOSEST_WITHIN)
        for r, value in zip(ranks, within, strict=True)
    ]
    dims = whole_dims(n, dim, largest)
    if dims == [dim]:
        return [*spaces, Setting(dim, 0.0, loosest_noise(dim))], densities
    log_det = log_determinant(cloud.singular_values, n, dim)
    reference = gram_log_density(log_det, n, dim)
    spaces += [
        Setting(q, float(gram_log_density(log_det, n, q) - reference), loosest_noise(q))
        for q in dims
    ]
    return spaces, densities


def whole_dims(n: int, dim: int, largest: int) -> list[int]:
    """Return the dimensions of the spaces in which n directions may be whole."""
    if n > dim or n in (1, largest):
        return [dim]
    return sorted({*dimensions_between(n, dim), *dimensions_between(dim, max(dim, largest))})


def with_prior(spaces: list[Setting], background: Background) -> list[Setting]:
    """Return the spaces with their prior probabilities in the log ratios.

    Where the directions of a matrix fill their space, half of the prior is on that.
    """
    n_spaces = len(spaces)
    filled = background.dim == background.largest and n_spaces > 1
    return [
        space._replace(
            log_ratio=space.log_ratio
            - np.log(
                2 * (1 if space.dim == background.dim else n_spaces - 1) if filled else n_spaces
            )
        )
        for space in spaces
    ]


def evenness(cloud: Cloud, space: Setting, sigma: Array) -> float:
    """Return what an even spread over a space adds to independent directions there."""
    n, dim = cloud.n_vertices, space.dim
    # One more direction than dimensions is a tight frame as a simplex alone.
    if dim < 2 or not dim + 2 <= n <= MAX_VERTICES:
        return 0.0
    inside = cloud.within(dim)
    if inside is None or inside.dim < dim:
        return 0.0
    return float(evenness_within(inside.directions, sigma))


def evenness_within(directions: Array, sigma: Array) -> Array:
    """Return the same for sets that span their space, shape (..., n, q) to (...)."""
    even = marginalise(evenness_log_ratio(directions, sigma))
    return np.asarray(np.logaddexp(np.log1p(-_EVEN_SHARE), np.log(_EVEN_SHARE) + even))


def views_of(cloud: Cloud, spaces: list[Setting]) -> list[tuple[Cloud, tuple[Setting, ...]]]:
    """Return the directions as each kind of space shows them, with the spaces worth a look.

    In a subspace that the directions leave by noise their projections count; all spaces that are
    large enough show the directions themselves.
    """
    n = cloud.n_vertices
    least = max(space.log_ratio for space in spaces) - LIKELY
    worth = [space for space in spaces if space.log_ratio > least]
    last = min(n, spaces[-1].dim)
    whole = tuple(space for space in worth if space.dim >= last) or (spaces[-1],)
    views = [(cloud, whole)]
    for space in sorted(worth, key=lambda space: -space.log_ratio):
        inside = cloud.within(space.dim) if space.dim < last else None
        if inside is not None:
            views.append((inside, (space,)))
    return views


def orthogonality(cloud: Cloud, background: Background) -> float:
    """Return what speaks for directions that stand each alone, in nats over the background."""
    n, dim = cloud.n_vertices, background.dim
    if n > dim:
        return 0.0
    return float(orthogonality_at(log_determinant(cloud.singular_values, n, dim), n, dim))


def orthogonality_at(log_det: Array, n: int, dim: int) -> Array:
    """Return the same for sets of n ≤ dim directions with these log |G|."""
    densities = [gram_log_density(log_det, n, q) for q in dimensions_between(dim, LARGEST_DIM)]
    return np.asarray(np.max(densities, axis=0) - densities[0])
