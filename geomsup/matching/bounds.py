"""What many sets of directions can reach at most, all sets of one size in one go.

A :class:`~geomsup.matching.posterior.Question` about one set takes a millisecond before any shape
is fitted, nearly all of it spent in calls.  A crowd of thousands of directions has thousands of
sets that might be a structure and are not, and most of these the bounds rule out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.matching.alignment import pairs_of
from geomsup.matching.background import Background, log_determinant
from geomsup.matching.candidates import CandidateSet, candidate_set
from geomsup.matching.evidence import (
    NOISE_GRID,
    gram_log_density,
    log_sphere,
    log_sum,
    loosest_noise,
    marginalise,
    subspace_log_evidence,
)
from geomsup.matching.fitting import Setting
from geomsup.matching.posterior import generic_prior
from geomsup.matching.spaces import (
    LIKELY,
    LOOSEST_WITHIN,
    evenness_within,
    orthogonality_at,
    whole_dims,
    with_prior,
)

__all__ = ["MOST_BOUNDED", "Bounds", "bounds_of"]

Array = NDArray[np.float64]
# The directions as a space shows them, that space or those spaces, and the log ratios there.
_View = tuple[Array, list[Setting], Array]

# Larger sets have more ranks than are weighed, and are few.
MOST_BOUNDED = 12
# Sets at a time: what one takes is a few hundred kilobytes.
_BATCH = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Bounds:
    """Upper bounds on log evidence over the background, for parts of a matrix.

    Attributes
    ----------
    anything : ndarray of shape (n_sets,)
        What :meth:`Question.can_reach` holds against what is wanted.
    log_weights : ndarray of shape (n_sets, n_explanations)
        "irregular" first, exactly, then at most each shape, priors included.
    ranks : ndarray of shape (n_explanations,)
        Dimensions that each of them takes up; 1 for "irregular".
    orthogonality : ndarray of shape (n_sets,)
        What is taken from the sum of them all.
    """

    anything: Array
    log_weights: Array
    ranks: NDArray[np.intp]
    orthogonality: Array

    def after(self, charges: Array) -> Array:
        """Return the most that is left after a charge that depends on the likeliest explanation.

        Parameters
        ----------
        charges : ndarray of shape (n_sets, n_vertices)
            In column r - 1 what is charged where that has rank r.

        Notes
        -----
        A shape is likeliest only if it is likelier than "irregular", whose evidence is known, and
        then no other has more than it.
        """
        weights = self.log_weights
        left = np.full(weights.shape, -np.inf)
        for k, rank in enumerate(self.ranks):
            together = log_sum(np.minimum(weights, weights[:, k, None]), axis=1)
            likeliest = weights[:, k] >= weights[:, 0]
            left[likeliest, k] = (together - charges[:, rank - 1])[likeliest]
        return np.asarray(left.max(axis=1) - self.orthogonality)


def bounds_of(units: Array, background: Background) -> Bounds:
    """Return what sets of equal size can reach as parts of a matrix.

    Parameters
    ----------
    units : ndarray of shape (n_sets, n_vertices, m)
        Unit rows; 3 ≤ n_vertices ≤ ``MOST_BOUNDED``.
    background : Background

    Examples
    --------
    Three directions at 120° in a plane, and three that are orthogonal:

    >>> angles = 2 * np.pi * np.arange(3) / 3
    >>> triangle = np.column_stack([np.cos(angles), np.sin(angles), 0 * angles])
    >>> ground = Background(dim=3, largest=3, n_directions=50, rank=3)
    >>> bounds_of(np.stack([triangle, np.eye(3)]), ground).anything > 5
    array([ True, False])
    """
    parts = [
        _bounds(units[start : start + _BATCH], background)
        for start in range(0, max(len(units), 1), _BATCH)
    ]
    return Bounds(
        anything=np.concatenate([part.anything for part in parts]),
        log_weights=np.concatenate([part.log_weights for part in parts]),
        ranks=parts[0].ranks,
        orthogonality=np.concatenate([part.orthogonality for part in parts]),
    )


def _bounds(units: Array, background: Background) -> Bounds:
    n, dim = units.shape[1], background.dim
    points, singular = _on_axes(units)
    log_det = log_determinant(singular, n, dim)
    spaces = _spaces(n, min(n, units.shape[2]), background)
    ratios = _log_ratios(points, log_det, spaces, dim)
    prior = generic_prior(n, part=n < background.n_directions)
    irregular = np.log(prior) + log_sum(ratios + _evenness(points, ratios, spaces), axis=1)
    ranks: dict[str, int] = {}
    anything, by_name = irregular, dict[str, Array]()
    for seen, settings, log_ratios in _views(points, ratios, spaces):
        contenders = candidate_set(n, min(settings[0].dim, seen.shape[2], units.shape[2]))
        if not contenders.shapes:
            continue
        ceilings = _ceilings(contenders, seen, settings, log_ratios)
        anything = np.logaddexp(anything, log_sum(ceilings, axis=1))
        for k, prepared in enumerate(contenders.shapes):
            if prepared.shape.factors:
                continue  # composites are no parts
            name = prepared.shape.name
            ranks[name] = prepared.shape.dim
            term = ceilings[:, k] + np.log1p(-prior)
            by_name[name] = np.logaddexp(by_name[name], term) if name in by_name else term
    alone = orthogonality_at(log_det, n, dim) if n <= dim else np.zeros(len(units))
    return Bounds(
        anything=anything - alone,
        log_weights=np.column_stack([irregular, *(by_name[name] for name in sorted(ranks))]),
        ranks=np.array([1, *(ranks[name] for name in sorted(ranks))]),
        orthogonality=alone,
    )


def _on_axes(units: Array) -> tuple[Array, Array]:
    """Return each set in its principal axes, strongest first, and its singular values."""
    energies, left = np.linalg.eigh(units @ units.swapaxes(1, 2))
    singular = np.sqrt(np.maximum(energies[:, ::-1], 0.0))
    return left[:, :, ::-1] * singular[:, None], singular


def _spaces(n: int, n_axes: int, background: Background) -> list[Setting]:
    """Return the spaces in which directions may be independent, with the log of their prior."""
    dim = background.dim
    within = range(2, min(n, dim, n_axes + 1))
    whole = whole_dims(n, dim, dim)
    spaces = [Setting(rank, 0.0, LOOSEST_WITHIN) for rank in within]
    spaces += [Setting(q, 0.0, loosest_noise(q)) for q in whole]
    return with_prior(spaces, background)


def _log_ratios(points: Array, log_det: Array, spaces: list[Setting], dim: int) -> Array:
    """Return the log density in each space over that of the background, and prior."""
    n, squares = points.shape[1], points**2
    reference = gram_log_density(log_det, n, dim) if n <= dim else 0.0
    columns = []
    for space in spaces:
        if space.dim < min(n, dim):
            by_noise = subspace_log_evidence(squares, space.dim, dim=dim, sigma=NOISE_GRID)
            column = marginalise(by_noise) + n * log_sphere(dim)
        elif space.dim == dim:
            column = np.zeros(len(points))
        else:
            column = gram_log_density(log_det, n, space.dim) - reference
        columns.append(column + space.log_ratio)
    return np.column_stack(columns)


def _evenness(points: Array, ratios: Array, spaces: list[Setting]) -> Array:
    """Return what an even spread adds to independent directions in each space."""
    n, added = points.shape[1], np.zeros(ratios.shape)
    likely = ratios > ratios.max(axis=1, keepdims=True) - 2 * LIKELY
    for k, space in enumerate(spaces):
        if space.dim + 2 <= n:
            inside, lengths = _within(points, space.dim)
            near = likely[:, k] & (lengths > 0)
            added[near, k] = evenness_within(inside[near], NOISE_GRID)
    return added


def _within(points: Array, rank: int) -> tuple[Array, Array]:
    """Return the directions as their strongest axes show them, and the least length there."""
    inside = points[:, :, :rank]
    lengths = np.linalg.norm(inside, axis=2, keepdims=True)
    return inside / np.where(lengths > 0, lengths, 1.0), lengths.min(axis=(1, 2))


def _views(points: Array, ratios: Array, spaces: list[Setting]) -> Iterator[_View]:
    """Yield all directions as each kind of space shows them; -inf where they are not looked at."""
    last = min(points.shape[1], spaces[-1].dim)
    worth = ratios > ratios.max(axis=1, keepdims=True) - LIKELY
    whole = [k for k, space in enumerate(spaces) if space.dim >= last]
    in_none = ~worth[:, whole].any(axis=1)
    worth[in_none, -1] = True
    log_ratios = np.where(worth, ratios, -np.inf)
    yield points[:, :, :last], [spaces[k] for k in whole], log_ratios[:, whole]
    for k, space in enumerate(spaces):
        if space.dim < last and worth[:, k].any():
            inside, lengths = _within(points, space.dim)
            yield inside, [space], np.where(lengths > 0, log_ratios[:, k], -np.inf)[:, None]


def _ceilings(
    contenders: CandidateSet, seen: Array, settings: list[Setting], log_ratios: Array
) -> Array:
    """Return the ceilings of shapes with their priors, -inf for sets that are not looked at."""
    n_sets, n = seen.shape[:2]
    ceilings = np.full((n_sets, len(contenders.shapes)), -np.inf)
    shown = (log_ratios > -np.inf).any(axis=1)
    grams = seen[shown] @ seen[shown].swapaxes(1, 2)
    i, j = pairs_of(n)
    singular = np.sqrt(np.maximum(np.linalg.eigvalsh(grams)[:, ::-1], 0.0))
    ceilings[shown] = contenders.log_prior + contenders.ceilings_of_many(
        np.sort(grams[:, i, j], axis=1), singular, NOISE_GRID, tuple(settings), log_ratios[shown]
    )
    return ceilings
