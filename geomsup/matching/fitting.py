"""Fit a shape of the catalogue to directions, its free parameter included.

A shape is prepared once: templates with which the permutation is searched, and a grid of its
parameter's values on which that is then optimised with the permutation held.  What comes out, a
``Fit``, knows its residual and its evidence; how it fares beside other shapes is the business of
``match``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from geomsup.matching.alignment import Alignment, Cloud, Template, align, fit_rotation, pairs_of
from geomsup.matching.evidence import log_sphere, log_sum, shape_log_evidence
from geomsup.restoring import read_only
from geomsup.shapes import Shape, get_shape

__all__ = [
    "Fit",
    "PreparedShape",
    "Setting",
    "Settings",
    "fit_shape",
    "prepared_forms",
    "prepared_own",
    "shape_log_ratio",
]

Array = NDArray[np.float64]

# Values of a family's parameter on the first grid.  The permutation is searched with the one whose
# inner products are nearest to those of the data.
_FAMILY_GRID = 9
# Between the values of a finer grid the vertices are interpolated: building them takes longer.
_FINE_STEPS = 8
# The parameter is then polished on parabolas through three values, ever closer together.
_POLISH_STEPS = (0.02, 0.001)


class Setting(NamedTuple):
    """A space in which directions and their noise may live.

    ``dim`` is its dimension q, ``log_ratio`` the log density of directions that are independent
    there, over that of the background, and ``loosest`` the noise per tangent axis beyond which no
    shape is to be seen.
    """

    dim: int
    log_ratio: float
    loosest: float


Settings = tuple[Setting, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """A shape aligned with a cloud, and its evidence at each noise scale."""

    shape: Shape
    alignment: Alignment
    mirrored: Alignment | None
    vertices: Array
    parameter: float | None
    log_evidence: Array


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Aligned:
    """A shape aligned with a cloud, whatever the noise and the space.

    ``residuals`` and ``singular_values`` are those of all its fits; of a family, of the best
    parameter and then of the members that mathematics singles out, with the curvature of E/2 in the
    parameter.
    """

    alignment: Alignment
    mirrored: Alignment | None
    vertices: Array
    residuals: Array
    singular_values: Array
    parameter: float | None = None
    curvature: float = 0.0


class PreparedShape:
    """A shape of the catalogue with its templates, built once."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        if shape.family is None:
            self.grid: Array = np.empty(0)
            self.stack: Array = shape.vertices[None]
            self.members: Array = self.stack
        else:
            n_fine = _FINE_STEPS * (_FAMILY_GRID - 1) + 1
            self.fine_grid: Array = np.linspace(*shape.family.bounds, n_fine)
            self.fine_stack: Array = np.array([shape.family.build(v) for v in self.fine_grid])
            self.grid = self.fine_grid[::_FINE_STEPS]
            self.stack = self.fine_stack[::_FINE_STEPS]
            known = sorted({shape.family.default, *shape.family.landmarks.values()})
            self.members = np.array([shape.family.build(value) for value in known])
        self._templates: dict[int, Template] = {}
        self._aligned: WeakKeyDictionary[Cloud, _Aligned] = WeakKeyDictionary()

    def aligned_with(self, cloud: Cloud) -> _Aligned:
        """Return the shape aligned with a cloud; a partition asks first and then the name."""
        if cloud not in self._aligned:
            align_with = _aligned_shape if self.shape.family is None else _aligned_family
            self._aligned[cloud] = align_with(self, cloud)
        return self._aligned[cloud]

    def template_for(self, cloud: Cloud) -> Template:
        """Return the template nearest to the data by its sorted inner products."""
        k = 0
        if len(self.stack) > 1:
            k = int(((self.sorted_grams - cloud.sorted_gram) ** 2).sum(axis=1).argmin())
        if k not in self._templates:
            self._templates[k] = Template(
                self.stack[k],
                symmetry_order=self.shape.symmetry_order,
                chiral=self.shape.chiral,
                whole=_whole(self.shape),
            )
        return self._templates[k]

    def near(self, values: Array) -> Array:
        """Return the family's vertices at nearby values, interpolated by cubics (to 1e-8)."""
        step = self.fine_grid[1] - self.fine_grid[0]
        first = int((values.mean() - self.fine_grid[0]) / step) - 1
        first = min(max(first, 0), len(self.fine_grid) - 4)
        nodes = np.arange(4.0)
        at = (values - self.fine_grid[first])[:, None] / step
        gaps = nodes[:, None] - nodes[None, :]
        np.fill_diagonal(gaps, 1.0)
        weights = np.array([np.delete(at - nodes, k, axis=1).prod(axis=1) for k in range(4)]).T
        stack = np.tensordot(weights / gaps.prod(axis=1), self.fine_stack[first : first + 4], 1)
        return np.asarray(stack / np.linalg.norm(stack, axis=2, keepdims=True))

    @cached_property
    def sorted_grams(self) -> Array:
        """Inner products of distinct vertices, ascending, for each value of the parameter."""
        return _sorted_grams(self.stack)

    @cached_property
    def fine(self) -> tuple[Array, Array]:
        """Sorted inner products and singular values on the finer grid of the parameter."""
        stack = self.stack if self.shape.family is None else self.fine_stack
        return _sorted_grams(stack), np.asarray(np.linalg.svd(stack, compute_uv=False), np.float64)

    @cached_property
    def spread(self) -> float:
        """Largest spectral norm of the vertex matrix, over the values of the parameter."""
        return float(np.linalg.norm(self.stack, 2, axis=(1, 2)).max())


def _sorted_grams(stack: Array) -> Array:
    """Return the inner products of distinct vertices, ascending, for each member of a stack."""
    i, j = pairs_of(stack.shape[1])
    return np.sort((stack @ stack.transpose(0, 2, 1))[:, i, j], axis=1)


def _whole(shape: Shape) -> Template | None:
    """The figure that a vacant one is part of, where all its vertices are alike."""
    if shape.vacant_of is None or shape.family is not None:
        return None
    whole = get_shape(shape.vacant_of)
    if whole.symmetry_order != whole.n_vertices * shape.symmetry_order:
        return None
    # The missing vertex goes last: the only one that no vertex of the rest comes close to.
    missing = int((whole.vertices @ shape.vertices.T).max(axis=1).argmin())
    if not np.array_equal(np.delete(whole.vertices, missing, axis=0), shape.vertices):
        return None  # turned, or not of the catalogue
    vertices = np.vstack([shape.vertices, whole.vertices[missing]])
    return Template(vertices, symmetry_order=whole.symmetry_order, chiral=whole.chiral)


@lru_cache(maxsize=1024)
def prepared_forms(name: str) -> tuple[PreparedShape, ...]:
    """Return a shape of the catalogue in each of its forms, prepared for aligning it with data."""
    return tuple(PreparedShape(shape) for shape in get_shape(name).in_each_form())


@lru_cache(maxsize=256)
def prepared_own(shape: Shape) -> PreparedShape:
    """Return a shape of the caller's, prepared; the same as long as it is the same object."""
    return PreparedShape(shape)


def fit_shape(prepared: PreparedShape, cloud: Cloud, sigma: Array, settings: Settings) -> Fit:
    """Fit one shape to a cloud, its free parameter too if it has one.

    The evidence is the sum over the settings, as a ratio to the background.
    """
    shape, aligned = prepared.shape, prepared.aligned_with(cloud)
    residuals, singular = aligned.residuals, aligned.singular_values
    ratio = partial(
        shape_log_ratio,
        settings,
        n_vertices=cloud.n_vertices,
        symmetry_order=shape.symmetry_order,
        sigma=sigma,
    )
    if shape.family is None:
        # Noise lets several permutations fit; each of them speaks for the shape.
        log_evidence = log_sum(ratio(residual=residuals, singular_values=singular))
    else:
        # Half of the prior is spread over the bounds, half sits on the members that mathematics
        # singles out (uniform solid, tight frame, Thomson, packing), where learned shapes are
        # expected.
        low, high = shape.family.bounds
        anywhere = ratio(
            residual=residuals[0],
            singular_values=singular[0],
            parameter_curvature=aligned.curvature,
            parameter_range=high - low,
        )
        singled_out = ratio(residual=residuals[1:], singular_values=singular[1:])
        both = np.logaddexp(anywhere, log_sum(singled_out) - np.log(len(singled_out)))
        log_evidence = both - np.log(2)
    return Fit(
        shape=shape,
        alignment=aligned.alignment,
        mirrored=aligned.mirrored,
        vertices=aligned.vertices,
        parameter=aligned.parameter,
        log_evidence=log_evidence,
    )


def _aligned_shape(prepared: PreparedShape, cloud: Cloud) -> _Aligned:
    fits = align(cloud, prepared.template_for(cloud))
    other_hand = [fit for fit in fits if fit.handedness != fits[0].handedness]
    return _Aligned(
        alignment=fits[0],
        mirrored=other_hand[0] if other_hand else None,
        vertices=prepared.shape.vertices,
        residuals=np.array([fit.residual for fit in fits]),
        singular_values=np.array([fit.singular_values for fit in fits]),
    )


def _aligned_family(prepared: PreparedShape, cloud: Cloud) -> _Aligned:
    """Optimise the parameter with the best permutation."""
    family = prepared.shape.family
    assert family is not None
    fits = align(cloud, prepared.template_for(cloud))
    permutations = np.array([fit.permutation for fit in fits])
    coarse = fit_rotation(cloud, prepared.stack[:, permutations])[0]
    k, best = np.unravel_index(np.argmin(coarse), coarse.shape)
    permutation = permutations[best]
    parameter, curvature = _polished(prepared, cloud, permutation, coarse[:, best], int(k))
    vertices = read_only(family.build(parameter))
    residuals, rotations, singular = fit_rotation(
        cloud, np.concatenate([vertices[None], prepared.members])[:, permutation]
    )
    return _Aligned(
        alignment=Alignment(
            residual=float(residuals[0]),
            permutation=permutation,
            rotation=cloud.basis.T @ rotations[0],
            singular_values=singular[0],
        ),
        mirrored=None,
        vertices=vertices,
        residuals=residuals,
        singular_values=singular,
        parameter=parameter,
        curvature=curvature,
    )


def _polished(
    prepared: PreparedShape,
    cloud: Cloud,
    permutation: NDArray[np.intp],
    coarse: Array,
    k: int,
) -> tuple[float, float]:
    """Return the best parameter for one permutation and the curvature of E/2 in it.

    ``coarse`` holds the residuals on the first grid, with the least at position k.
    """
    family = prepared.shape.family
    assert family is not None
    low, high = family.bounds
    inner = min(max(k, 1), len(coarse) - 2)
    step = float(prepared.grid[1] - prepared.grid[0])
    centre, bend = _parabola(float(prepared.grid[inner]), step, coarse[inner - 1 : inner + 2])
    curvature = 0.5 * bend
    for step in _POLISH_STEPS:
        middle = min(max(centre, low + step), high - step)
        stack = prepared.near(middle + step * np.array([-1.0, 0.0, 1.0]))
        centre, _ = _parabola(middle, step, fit_rotation(cloud, stack[:, permutation])[0])
    return min(max(centre, low), high), max(curvature, 0.0)


def _parabola(middle: float, step: float, values: Array) -> tuple[float, float]:
    """Return the vertex of a parabola through three equidistant points, and its bend."""
    left, here, right = (float(value) for value in values)
    bend = (left - 2 * here + right) / step**2
    if bend <= 0:
        return middle + (step if right < left else -step), 0.0
    shift = (left - right) / (2 * step * bend)
    return middle + min(max(shift, -2 * step), 2 * step), bend


def shape_log_ratio(
    settings: Settings,
    *,
    residual: Array | float,
    singular_values: Array,
    n_vertices: int,
    symmetry_order: int,
    sigma: Array,
    parameter_curvature: float = 0.0,
    parameter_range: float = 0.0,
) -> Array:
    """Return the evidence for a shape over the background, summed over spaces.

    Parameters and shape of the result are those of :func:`shape_log_evidence`; noise above the
    ``loosest`` of a space has no evidence there.
    """
    each = []
    for setting in settings:
        evidence = n_vertices * log_sphere(setting.dim) + shape_log_evidence(
            residual=residual,
            singular_values=singular_values,
            n_vertices=n_vertices,
            dim=setting.dim,
            symmetry_order=symmetry_order,
            sigma=sigma,
            parameter_curvature=parameter_curvature,
            parameter_range=parameter_range,
        )
        evidence[..., sigma > setting.loosest] = -np.inf
        each.append(setting.log_ratio + evidence)
    return log_sum(np.array(each))
