"""The shapes that compete for a given number of directions, and in which order to try them.

Fitting a shape costs far more than ruling it out.  The sorted inner products bound its
residual from below, min ‖X - R V_P‖ ≥ ‖sort(G) - sort(G′)‖ / (‖X‖₂ + ‖V‖₂), and so do the singular
values, min ‖X - R V_P‖² ≥ Σ (s_k - s′_k)² (Mirsky 1960, "Symmetric gauge functions and unitarily
invariant norms").  The better bound gives the best evidence that the shape can hope for; all
candidates are judged in one go.
"""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geomsup.matching.alignment import Cloud
from geomsup.matching.evidence import NOISE_GRID, log_sum, marginalise
from geomsup.matching.fitting import (
    Fit,
    PreparedShape,
    Setting,
    Settings,
    fit_shape,
    prepared_forms,
    prepared_own,
    shape_log_ratio,
)
from geomsup.shapes import Shape, list_shapes

__all__ = ["MAX_VERTICES", "CandidateSet", "candidate_set"]

Array = NDArray[np.float64]

# Nothing in the catalogue has more vertices, bar polygons and simplices nobody has seen learned.
MAX_VERTICES = 600
# A shape whose best conceivable evidence is e^-12 of the leader's is not worth a fit.
_HOPELESS = 12.0
# What a ceiling leaves for several permutations that fit alike: the best of 10,545 fits to planted
# and random directions had .96.
_SEVERAL_FITS = 1.5
# Shapes that trained toy models are known to form (Elhage et al. 2022, "The Geometry of
# Superposition") are expected before those that only chemistry and packing know.  The triangular
# bipyramid belongs there too, but arrives as two orthogonal components.
_SEEN_IN_TRAINING = frozenset(["digon", "triangle", "tetrahedron", "pentagon", "square antiprism"])
_SEEN_WEIGHT = 8.0
# A figure that has lost a vertex is rarer than a whole one.  One that only a list of polyhedra
# knows, or another form of a name, is rarer still: at .02 they took one name in thirty from
# tricapped prisms with a noise of .15.  All shapes of one size that a caller adds share the least
# weight: each of many has as many chances to fit as there are of them.
_VACANT_WEIGHT = 0.02
_LISTED_WEIGHT = 0.005


class _Members(NamedTuple):
    """Members of families: sorted inner products, singular values, and half the way to the next."""

    grams: Array
    values: Array
    half_steps: Array
    spreads: Array
    starts: Array


class CandidateSet:
    """All shapes of the catalogue with N vertices that fit into m dimensions, in all forms.

    The last ``n_own`` of them are the caller's.
    """

    def __init__(
        self, shapes: tuple[PreparedShape, ...], n_vertices: int, dim: int, *, n_own: int = 0
    ) -> None:
        self.shapes = shapes
        self.n_vertices = n_vertices
        self.dim = dim
        listed = [_weight(s.shape) for s in shapes[: len(shapes) - n_own]]
        weights = np.array([*listed, *[_LISTED_WEIGHT / n_own for _ in range(n_own)]])
        self.log_prior: Array = np.log(weights / weights.sum()) if shapes else weights
        # Between the values of a family's parameter the bound can be a little lower.
        self._slack = np.array([1.0 if s.shape.family is None else 0.8 for s in shapes])
        self._spreads = np.array([s.spread for s in shapes])
        self._log_orders = np.array([math.log(s.shape.symmetry_order) for s in shapes])
        self._starts = np.cumsum([0, *(len(s.stack) for s in shapes)])[:-1]
        self._flawless: dict[tuple[int, float], Array] = {}

    @cached_property
    def _sorted_grams(self) -> Array:
        return np.concatenate([s.sorted_grams for s in self.shapes])

    @cached_property
    def _singular_values(self) -> Array:
        """Singular values of all vertex matrices, padded with zeros to as many as vertices."""
        values = [np.linalg.svd(s.stack, compute_uv=False) for s in self.shapes]
        return np.concatenate([_to_width(v, self.n_vertices) for v in values])

    def _best_ratio(self, space: Setting, sigma: Array) -> Array:
        """Return the log ratio of a fit without residual there, shape (n_shapes, n_sigma)."""
        key = (space.dim, space.loosest)
        if sigma is NOISE_GRID and key in self._flawless:
            return self._flawless[key]
        best = np.array(
            [
                shape_log_ratio(
                    (space._replace(log_ratio=0.0),),
                    residual=0.0,
                    singular_values=np.full(s.shape.dim, self.n_vertices / s.shape.dim),
                    n_vertices=self.n_vertices,
                    symmetry_order=s.shape.symmetry_order,
                    sigma=sigma,
                )
                for s in self.shapes
            ]
        ).reshape(len(self.shapes), len(sigma))
        if sigma is NOISE_GRID:
            self._flawless[key] = best
        return best

    def least_residuals(self, cloud: Cloud) -> Array:
        """Return a lower bound on the residual of each shape, over rotations and permutations."""
        gaps = ((self._sorted_grams - cloud.sorted_gram) ** 2).sum(axis=1)
        nearest = np.minimum.reduceat(gaps, self._starts)
        # Each off-diagonal inner product stands twice in the Gram matrix.
        by_products = 2 * nearest / (cloud.singular_values[0] + self._spreads) ** 2
        by_axes = ((self._singular_values - self._padded(cloud)) ** 2).sum(axis=1)
        by_axes = np.minimum.reduceat(by_axes, self._starts)
        return np.asarray(self._slack * np.maximum(by_products, by_axes))

    def _padded(self, cloud: Cloud) -> Array:
        """Return the singular values of a cloud, with zeros to as many as vertices."""
        own = np.zeros(self.n_vertices)
        kept = cloud.singular_values[: len(own)]
        own[: len(kept)] = kept
        return own

    @cached_property
    def _fine(self) -> _Members:
        """All members of all families on their finer grids."""
        fine = [s.fine for s in self.shapes]
        ranks = max(values.shape[1] for _, values in fine)
        return _Members(
            grams=np.concatenate([grams for grams, _ in fine]),
            values=np.concatenate([_to_width(values, ranks) for _, values in fine]),
            half_steps=np.concatenate(
                [np.column_stack([_half_steps(grams), _half_steps(v)]) for grams, v in fine]
            ),
            spreads=np.repeat(self._spreads, [len(v) for _, v in fine]),
            starts=np.cumsum([0, *(len(v) for _, v in fine)]),
        )

    def ceilings(self, cloud: Cloud, sigma: Array, settings: Settings) -> Array:
        """Return about the most that the log evidence of each shape over the background can be.

        Its residual is taken to be the lower bound of the member of its family that comes nearest,
        less what the parameter can do between two values of the grid.  The singular values of the
        Procrustes problem are taken in proportion to the products of those of data and shape, which
        majorise them (Horn 1950, "On the singular values of a product of completely continuous
        operators"): more even ones would hold the rotation more firmly.
        """
        log_ratios = np.array([[space.log_ratio for space in settings]])
        ceilings = self.ceilings_of_many(
            cloud.sorted_gram[None], self._padded(cloud)[None], sigma, settings, log_ratios
        )
        return np.asarray(ceilings[0])

    def ceilings_of_many(
        self,
        sorted_grams: Array,
        singular_values: Array,
        sigma: Array,
        settings: Settings,
        log_ratios: Array,
    ) -> Array:
        """Return the ceilings of many clouds in the same spaces, shape (n_clouds, n_shapes).

        ``log_ratios``, of shape (n_clouds, n_settings), are those of each cloud by itself, -inf for
        a space that it is not looked at in; those of the settings are not used.
        """
        n, fine = self.n_vertices, self._fine
        distances = np.sqrt(((fine.grams - sorted_grams[:, None]) ** 2).sum(axis=-1))
        gaps = distances - fine.half_steps[:, 0]
        axes = singular_values[:, : fine.values.shape[1]]
        unused = (singular_values[:, axes.shape[1] :] ** 2).sum(axis=1)[:, None]
        away = np.sqrt(((fine.values - axes[:, None]) ** 2).sum(axis=-1)) - fine.half_steps[:, 1]
        residuals = np.maximum(
            2 * np.maximum(gaps, 0.0) ** 2 / (singular_values[:, :1] + fine.spreads) ** 2,
            np.maximum(away, 0.0) ** 2 + unused,
        )
        nearest = np.column_stack(
            [
                low + residuals[:, low:high].argmin(axis=1)
                for low, high in pairwise(fine.starts.tolist())
            ]
        )
        least = np.take_along_axis(residuals, nearest, axis=1)
        overlaps = fine.values[nearest] * axes[:, None]
        overlaps *= ((n - least / 2) / overlaps.sum(axis=-1))[..., None]
        each = np.full((len(settings), *least.shape, len(sigma)), -np.inf)
        for space, ratios, log_ratio in zip(settings, each, log_ratios.T, strict=True):
            seen = log_ratio > -np.inf
            ratios[seen] = log_ratio[seen, None, None] + shape_log_ratio(
                (space._replace(log_ratio=0.0),),
                residual=least[seen],
                singular_values=overlaps[seen],
                n_vertices=n,
                symmetry_order=1,
                sigma=sigma,
            )
        return np.asarray(marginalise(log_sum(each)) + self._log_orders + _SEVERAL_FITS)

    def fits(
        self,
        cloud: Cloud,
        sigma: Array,
        settings: Settings,
        *,
        at_least: int = 0,
        floor: float = -np.inf,
        composites: bool = True,
    ) -> list[tuple[int, Fit]]:
        """Fit the shapes to a cloud, the most promising first, until the rest is hopeless.

        Parameters
        ----------
        cloud : Cloud
        sigma : ndarray of shape (n_sigma,)
            Noise scales in radians.
        settings : tuple of Setting
            The spaces that the directions and their noise may live in.
        at_least : int
            Shapes to fit however hopeless they are.
        floor : float
            Log evidence over the background of another explanation, to keep up with.
        composites : bool
            Whether orthogonal sums of other shapes take part.

        Returns
        -------
        list of (position in ``shapes``, Fit)
            The likeliest first, which counts where two are forms of one name.
        """
        if not self.shapes:
            return []
        flawless = log_sum(np.array([s.log_ratio + self._best_ratio(s, sigma) for s in settings]))
        penalty = 0.5 * self.least_residuals(cloud)[:, None] / sigma**2
        hopes = marginalise(flawless - penalty)
        fits: list[tuple[int, Fit]] = []
        weights: list[float] = []
        leader = floor
        for k in np.argsort(-hopes, kind="stable"):
            candidate = self.shapes[k]
            if candidate.shape.factors and not composites:
                continue
            enough = len({fit.shape.name for _, fit in fits}) >= at_least
            if enough and hopes[k] < leader - _HOPELESS:
                break
            fit = fit_shape(candidate, cloud, sigma, settings)
            evidence = float(marginalise(fit.log_evidence))
            leader = max(leader, evidence)
            fits.append((int(k), fit))
            weights.append(evidence + float(self.log_prior[k]))
        return [fits[k] for k in np.argsort(-np.array(weights), kind="stable")]


def _to_width(values: NDArray[np.floating], width: int) -> Array:
    padded: Array = np.pad(values, ((0, 0), (0, width - values.shape[1])))
    return padded


def _half_steps(rows: Array) -> Array:
    """Return half the distance from each row to the farther of its neighbours."""
    steps = np.linalg.norm(np.diff(rows, axis=0), axis=1)
    farther: Array = np.maximum(np.append(steps, 0.0), np.append(0.0, steps))
    return farther / 2


def _weight(shape: Shape) -> float:
    """Return how much a shape is expected, relative to others."""
    if shape.rare:
        return _LISTED_WEIGHT if shape.vacant_of is None else _VACANT_WEIGHT
    return _SEEN_WEIGHT if shape.name in _SEEN_IN_TRAINING else 1.0


def candidate_set(n_vertices: int, dim: int, own: tuple[Shape, ...] = ()) -> CandidateSet:
    """Return the shapes with n_vertices vertices in at most dim dimensions, the caller's too."""
    # No shape spans more dimensions than it has vertices: one set for all larger spaces.
    fitting = tuple(s for s in own if s.n_vertices == n_vertices and s.dim <= dim)
    return _candidate_set(n_vertices, min(n_vertices, dim), fitting)


@lru_cache(maxsize=1024)
def _candidate_set(n_vertices: int, dim: int, own: tuple[Shape, ...]) -> CandidateSet:
    if n_vertices > MAX_VERTICES:
        return CandidateSet((), n_vertices, dim)
    names = [s.name for s in list_shapes(n_vertices=n_vertices) if s.dim <= dim]
    forms = [form for name in names for form in prepared_forms(name)]
    added = [prepared_own(shape) for shape in own]
    return CandidateSet((*forms, *added), n_vertices, dim, n_own=len(added))
