"""Lay a shape of the catalogue over directions, its free parameter included.

A shape is prepared once: templates at a few values of its parameter, from which the permutation
is searched, and a grid on which the parameter is then optimised with the permutation
held.  What comes out, a ``Fit``, knows its residual and its evidence; how it fares beside
other shapes is the business of ``matching``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from geomsup.alignment import Alignment, Cloud, Template, align, fit_rotation
from geomsup.evidence import shape_log_evidence
from geomsup.shapes import Shape, get_shape, list_shapes

__all__ = ["Fit", "PreparedShape", "candidates", "lay", "prepared"]

Array = NDArray[np.float64]

# Nothing in the catalogue has more vertices, bar polygons and simplices nobody has seen learned.
_MAX_VERTICES = 600
# Values of a family's parameter at which the search for the permutation starts, as positions
# on the grid on which the parameter is then optimised.
_FAMILY_STARTS = (2, 8, 14)
_FAMILY_GRID = 17


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """A shape laid over a cloud, with its evidence at each noise scale."""

    shape: Shape
    alignment: Alignment
    mirrored: Alignment | None
    vertices: Array
    parameter: float | None
    log_evidence: Array


class PreparedShape:
    """A shape of the catalogue with its templates, built once."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        if shape.family is None:
            self.grid: Array = np.empty(0)
            self.stack: Array = shape.vertices[None]
            self.members: Array = self.stack
            starts: tuple[int, ...] = (0,)
        else:
            self.grid = np.linspace(*shape.family.bounds, _FAMILY_GRID)
            self.stack = np.array([shape.family.build(value) for value in self.grid])
            known = sorted({shape.family.default, *shape.family.landmarks.values()})
            self.members = np.array([shape.family.build(value) for value in known])
            starts = _FAMILY_STARTS
        self.templates = [Template(self.stack[k], chiral=shape.chiral) for k in starts]

    @cached_property
    def sorted_grams(self) -> Array:
        upper = np.triu_indices(self.shape.n_vertices, 1)
        grams = self.stack @ self.stack.transpose(0, 2, 1)
        return np.sort(grams[:, upper[0], upper[1]], axis=1)

    @cached_property
    def spread(self) -> float:
        return max(template.spread for template in self.templates)

    def least_residual(self, cloud: Cloud) -> float:
        """Return a lower bound on the residual of any rotation and permutation."""
        # Each off-diagonal inner product stands twice in the Gram matrix.
        gaps = np.sqrt(2 * ((self.sorted_grams - cloud.sorted_gram) ** 2).sum(axis=1).min())
        bound = float(gaps / (cloud.singular_values[0] + self.spread)) ** 2
        # Between the grid values of a family the bound can be a little lower.
        return bound if self.shape.family is None else 0.8 * bound


@lru_cache(maxsize=1024)
def prepared(name: str) -> PreparedShape:
    return PreparedShape(get_shape(name))


@lru_cache(maxsize=1024)
def candidates(n_vertices: int, dim: int) -> tuple[PreparedShape, ...]:
    if n_vertices > _MAX_VERTICES:
        return ()
    shapes = list_shapes(n_vertices=n_vertices)
    return tuple(prepared(shape.name) for shape in shapes if shape.dim <= dim)


def lay(prepared: PreparedShape, cloud: Cloud, sigma: Array) -> Fit:
    """Lay one shape over the cloud, over its free parameter too if it has one."""
    fits = [fit for template in prepared.templates for fit in align(cloud, template)]
    if prepared.shape.family is not None:
        return _lay_family(prepared, cloud, sigma, fits)
    other_hand = [fit for fit in fits if fit.handedness != fits[0].handedness]
    # Noise lets several permutations fit; each of them speaks for the shape.
    each = np.array([_evidence(prepared.shape, cloud, sigma, fit) for fit in fits])
    return Fit(
        shape=prepared.shape,
        alignment=fits[0],
        mirrored=other_hand[0] if other_hand else None,
        vertices=prepared.shape.vertices,
        parameter=None,
        log_evidence=np.asarray(logsumexp(each, axis=0)),
    )


def _lay_family(
    prepared: PreparedShape, cloud: Cloud, sigma: Array, fits: list[Alignment]
) -> Fit:
    """Optimise the parameter for each permutation that was found, and weigh the whole family.

    Half of the prior is spread over the bounds, half sits on the members that mathematics singles
    out (uniform solid, tight frame, Thomson, packing), where learned shapes are expected.
    """
    family = prepared.shape.family
    assert family is not None
    permutations = np.unique([fit.permutation for fit in fits], axis=0)
    best, parameter, curvature = min(
        (_along_family(prepared, cloud, permutation) for permutation in permutations),
        key=lambda item: item[0].residual,
    )
    anywhere = _evidence(prepared.shape, cloud, sigma, best, curvature)
    at_members = [
        _evidence(prepared.shape, cloud, sigma, member)
        for member in _fixed(cloud, prepared.members, best.permutation)
    ]
    singled_out = logsumexp(np.array(at_members), axis=0) - np.log(len(at_members))
    vertices = family.build(parameter)
    vertices.setflags(write=False)
    return Fit(
        shape=prepared.shape,
        alignment=best,
        mirrored=None,
        vertices=vertices,
        parameter=parameter,
        log_evidence=np.logaddexp(anywhere, singled_out) - np.log(2),
    )


def _evidence(
    shape: Shape, cloud: Cloud, sigma: Array, alignment: Alignment, curvature: float | None = None
) -> Array:
    """Return the log evidence of one alignment; of a whole family if a curvature is given."""
    width = 0.0
    if curvature is not None and shape.family is not None:
        width = shape.family.bounds[1] - shape.family.bounds[0]
    return shape_log_evidence(
        residual=alignment.residual,
        singular_values=alignment.singular_values,
        n_vertices=cloud.n_vertices,
        dim=cloud.dim,
        symmetry_order=shape.symmetry_order,
        sigma=sigma,
        parameter_curvature=curvature or 0.0,
        parameter_range=width,
    )


def _fixed(cloud: Cloud, stack: Array, permutation: NDArray[np.intp]) -> list[Alignment]:
    """Rotate each arrangement of a stack onto the cloud, the permutation being known."""
    residuals, rotations, singular = fit_rotation(cloud, stack[:, permutation])
    return [
        Alignment(
            residual=float(residual),
            permutation=permutation,
            rotation=cloud.basis.T @ rotation,
            singular_values=values,
        )
        for residual, rotation, values in zip(residuals, rotations, singular, strict=True)
    ]


def _along_family(
    prepared: PreparedShape, cloud: Cloud, permutation: NDArray[np.intp]
) -> tuple[Alignment, float, float]:
    """Optimise a family's parameter with the permutation held; also return the curvature."""
    family = prepared.shape.family
    assert family is not None
    low, high = family.bounds
    grid, stack = prepared.grid, prepared.stack
    curvature = 0.0
    # Each round narrows the bracket around the minimum by zooming the grid in.
    for round_ in range(4):
        residuals, _, _ = fit_rotation(cloud, stack[:, permutation])
        k = int(np.argmin(residuals))
        if round_ == 0:
            inner = min(max(k, 1), len(grid) - 2)
            step = grid[1] - grid[0]
            bend = residuals[inner - 1] - 2 * residuals[inner] + residuals[inner + 1]
            curvature = max(float(bend / (2 * step**2)), 0.0)
        if round_ == 3:
            break
        step = grid[1] - grid[0]
        grid = np.linspace(max(low, grid[k] - step), min(high, grid[k] + step), 9)
        stack = np.array([family.build(value) for value in grid])
    return _fixed(cloud, stack[k : k + 1], permutation)[0], float(grid[k]), curvature
