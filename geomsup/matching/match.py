"""Which shape of the catalogue do these directions form, and how surely?

Directions and norms are separate questions: only unit vectors come in here, with the origin pinned.
Every shape with as many vertices is a candidate (``candidates``); each is fitted to the data
with its best rotation and permutation (``alignment``, ``fitting``); the evidence (``evidence``)
decides between them and the alternative that always stands beside them, directions
of no particular arrangement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.geometry.directions import direction_rows
from geomsup.matching.alignment import Cloud, aligned
from geomsup.matching.background import Background, background_of
from geomsup.matching.evidence import (
    log_sum,
    loosest_noise,
    marginalise,
    noise_grid,
)
from geomsup.matching.fitting import Fit, PreparedShape, Setting, fit_shape, prepared_forms
from geomsup.matching.posterior import Question, posterior
from geomsup.restoring import Plain, read_only, restored
from geomsup.shapes import Shape, get_shape
from geomsup.weights import matrix_of

__all__ = ["MatchResult", "ShapeMatch", "match_cloud", "match_directions", "match_shape"]

Array = NDArray[np.float64]
# A shape that no noise brings to the directions has no evidence; JSON knows no infinity.
_HOPELESS = -1e6
# A name whose root mean square angle is larger (20°) is loose: its vertices are a hint.
_LOOSE = float(np.radians(20.0))


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ShapeMatch(Plain):
    """One shape fitted to the directions of a component.

    Attributes
    ----------
    shape : str
        Canonical name in the catalogue.
    n_vertices, dim : int
        Vertices of the shape and dimension of its span.
    rms_angle : float
        Root mean square angle between a direction and its vertex, in radians.
    share : float
        Share of the squared norm that lies along the ideal vertices, the mean cos² of these angles.
    shape_measure : float
        Continuous shape measure in [0, 100], 0 for a perfect fit: 100 (1 - (Σs/N)²) with s the
        singular values of the Procrustes problem.
    noise : float
        Noise per tangent axis that explains the shape measure, in radians, the rotation that was
        fitted taken into account; 0 where the fit leaves nothing to judge it by.
    probability : float
        Posterior probability among all candidates and "irregular".
    log_evidence : float
        Natural logarithm of the evidence over the background, σ marginalised; at least -10⁶.
    chirality : {"left", "right", None}
        Handedness against the catalogue's vertices; None for a shape equal to its mirror image.
    permutation : tuple of int
        permutation[k] is the vertex of the shape that direction k lies on.
    rotation : ndarray of shape (n_hidden, dim)
        Orthonormal columns Q; direction k ≈ Q @ vertices[permutation[k]].
    vertices : ndarray of shape (n_vertices, dim)
        The shape's vertices at ``parameter``.
    parameter_name, parameter
        Name and fitted value (radians) of the free parameter, for a one-parameter family.
    landmarks : mapping of str to float
        Values of the parameter at which the family is a tight frame, a Thomson optimum, ….
    """

    _derived = ("loose",)

    shape: str
    n_vertices: int
    dim: int
    rms_angle: float
    share: float
    shape_measure: float
    noise: float
    probability: float
    log_evidence: float
    chirality: str | None
    permutation: tuple[int, ...]
    rotation: Array
    vertices: Array
    parameter_name: str | None = None
    parameter: float | None = None
    landmarks: Mapping[str, float] = field(default_factory=dict)

    @property
    def loose(self) -> bool:
        """Whether the directions lie more than 20° (root mean square) from their vertices."""
        return self.rms_angle > _LOOSE

    def ideal_directions(self) -> Array:
        """Return the vertex of each direction, ndarray of shape (n_hidden, n_vertices)."""
        ideal: Array = self.rotation @ self.vertices[list(self.permutation)].T
        return ideal

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ShapeMatch:
        """Rebuild a match from :meth:`to_dict`; raises `GeomsupError` if it is none."""
        return restored(cls, data, "the match")

    def __repr__(self) -> str:
        return f"<ShapeMatch: {self}>"

    def __str__(self) -> str:
        text = (
            f"{self.shape}: probability {self.probability:.3f}, "
            f"rms angle {np.degrees(self.rms_angle):.2f}°, shape measure {self.shape_measure:.3g}"
        )
        if self.loose:
            text += f" (loose: {100 * self.share:.0f} % of the squared norm along its vertices)"
        if self.parameter is not None:
            text += f", {self.parameter_name} {np.degrees(self.parameter):.2f}°"
        return text if self.chirality is None else f"{text}, {self.chirality}-handed"


@dataclass(frozen=True, kw_only=True, eq=False)
class MatchResult:
    """All that the catalogue has to say of one set of directions.

    Attributes
    ----------
    candidates : tuple of ShapeMatch
        Most probable first.
    irregular_probability : float
        Posterior probability that no shape of the catalogue is there.
    generic_rank : int
        Most probable rank of the directions, taken as independent.
    """

    candidates: tuple[ShapeMatch, ...]
    irregular_probability: float
    generic_rank: int


def match_directions(
    directions: Array,
    *,
    background: Background | None = None,
    noise: float | None = None,
    max_candidates: int = 5,
) -> MatchResult:
    """Compare unit vectors with every shape of the catalogue that has as many vertices.

    Parameters
    ----------
    directions : ndarray of shape (n_vertices, dim)
        Unit vectors as rows, no two of them parallel.
    background : Background or None
        The independent directions to hold them against, from all directions of the matrix that
        these are part of; None takes these directions for all there are.
    noise : float or None
        Noise per tangent axis in radians; None marginalises over it.
    max_candidates : int
        How many matches to keep; at least the runner-up is kept.

    Returns
    -------
    MatchResult

    Notes
    -----
    Residuals are compared through their Bayesian evidence, because a shape of higher rank
    always fits better.  Candidates whose lower bound on the residual,
    ‖sort(G) - sort(G′)‖ / (‖X‖₂ + ‖V‖₂), rules them out are not fitted.

    Examples
    --------
    >>> import numpy as np
    >>> angles = 2 * np.pi * np.arange(5) / 5
    >>> result = match_directions(np.column_stack([np.cos(angles), np.sin(angles)]))
    >>> result.candidates[0].shape
    'pentagon'
    """
    return match_cloud(
        Cloud(directions),
        background=background or background_of(directions.T),
        noise=noise,
        max_candidates=max_candidates,
    )


def match_cloud(
    cloud: Cloud,
    *,
    background: Background,
    noise: float | None,
    max_candidates: int,
    own: tuple[Shape, ...] = (),
) -> MatchResult:
    """Compare directions as in :func:`match_directions`, with what is already known of them.

    ``own`` are shapes that compete beside those of the catalogue.
    """
    weighed = posterior(Question(cloud, background, noise_grid(noise), own=own), at_least=2)
    log_weights = marginalise(weighed.log_terms)
    probabilities = np.exp(log_weights - log_sum(log_weights))
    if cloud.n_vertices == 1 or background.dim == 1:
        # A single direction has its one name for certain, and so have two on one line.
        probabilities = np.array([0.0, 1.0])
    order = np.argsort(-log_weights[1:], kind="stable")[: max(2, max_candidates)]
    return MatchResult(
        candidates=tuple(
            _as_match(weighed.fits[k], cloud, weighed.dim, float(probabilities[k + 1]))
            for k in order
        ),
        irregular_probability=float(probabilities[0]),
        generic_rank=weighed.generic_rank,
    )


def match_shape(directions: object, shape: str | Shape, *, feature_axis: int = 0) -> ShapeMatch:
    """Fit one shape to directions and report how well it fits.

    Parameters
    ----------
    directions : array_like of shape (n_vertices, dim), torch.Tensor, str or path
        Directions as rows, of any length but zero; whatever `classify_geometry` accepts.
    shape : str or Shape
        A shape with as many vertices, in at most ``dim`` dimensions: a name of the catalogue, or
        a Shape of one's own under any name, also one that the catalogue uses for another.
    feature_axis : int, default 0
        The axis that counts directions; -1 for a weight matrix whose columns are features.

    Returns
    -------
    ShapeMatch
        Its probability is 1, there being no other candidate.

    Raises
    ------
    GeomsupError
        If the number of vertices differs or the shape does not fit into the space.

    Examples
    --------
    >>> import numpy as np
    >>> match = match_shape([[1.0, 0.0], [-1.0, 0.0]], "digon")
    >>> round(match.rms_angle, 12)
    0.0
    >>> rays = np.array([[1.0, 0.0], [0.6, 0.8], [0.6, -0.8]])
    >>> fan = Shape(name="fan", vertices=rays, symmetry_order=2, source="seen in layer 3")
    >>> round(match_shape([[1, 0], [0, 1], [0, -1]], fan).rms_angle, 3)
    0.525
    """
    named = shape if isinstance(shape, Shape) else get_shape(shape)
    # The number of vertices says which axis is which better than a comparison of sizes.
    points = direction_rows(matrix_of(directions, feature_axis=feature_axis))
    if len(points) != named.n_vertices:
        turned = 0 if feature_axis in (-1, 1) else -1
        raise GeomsupError(
            f"the {named.name} has {named.n_vertices} vertices, but there are {len(points)} "
            f"directions in {points.shape[1]} dimensions; pass as many directions as vertices, or "
            f"feature_axis={turned} if the other axis counts them"
        )
    if named.dim > points.shape[1]:
        raise GeomsupError(
            f"the {named.name} spans {named.dim} dimensions and cannot lie in "
            f"{points.shape[1]}; choose a shape of lower rank"
        )
    cloud = Cloud(points)
    dim = background_of(cloud.directions.T).dim
    settings = (Setting(dim, 0.0, loosest_noise(dim)),)
    # The vertices that were given count, not those that the catalogue has under their name.
    own = isinstance(shape, Shape)
    forms = map(PreparedShape, named.in_each_form()) if own else prepared_forms(named.name)
    fits = [fit_shape(form, cloud, noise_grid(None), settings) for form in forms]
    best = max(fits, key=lambda fit: float(marginalise(fit.log_evidence)))
    return _as_match(best, cloud, dim, 1.0)


def _as_match(fit: Fit, cloud: Cloud, dim: int, probability: float) -> ShapeMatch:
    """Turn a fit into the public result, with residuals in the units a reader thinks in.

    ``dim`` is the dimension of the space that noise lives in.
    """
    best = fit.alignment
    if len(best.rotation) != cloud.dim:
        # Fitted to projections: the same permutation, turned to fit the directions themselves.
        best = aligned(cloud, fit.vertices, best.permutation)
    ideal = fit.vertices[best.permutation] @ best.rotation.T
    chords = np.linalg.norm(cloud.directions - ideal, axis=1)
    angles = 2 * np.arcsin(np.clip(chords / 2, 0, 1))
    rank = fit.shape.dim
    family = fit.shape.family
    # 1 - ĉ for the mean cosine ĉ = Σs/N; from chords, which keep the digits of a tight fit.
    missing = float(np.mean(chords**2)) / 2
    off = missing * (2 - missing)
    return ShapeMatch(
        shape=fit.shape.name,
        n_vertices=cloud.n_vertices,
        dim=rank,
        rms_angle=float(np.sqrt(np.mean(angles**2))),
        share=float(np.mean(np.cos(angles) ** 2)),
        shape_measure=float(100 * off),
        noise=_noise(
            off, cloud.n_vertices, rank, max(dim, rank), n_free=int(fit.parameter is not None)
        ),
        probability=probability,
        log_evidence=max(float(marginalise(fit.log_evidence)), _HOPELESS),
        chirality=_chirality(fit),
        permutation=tuple(int(k) for k in best.permutation),
        rotation=read_only(best.rotation),
        vertices=fit.vertices,
        parameter_name=None if family is None else family.parameter,
        parameter=fit.parameter,
        landmarks={} if family is None else dict(family.landmarks),
    )


def _noise(off: float, n_vertices: int, rank: int, dim: int, *, n_free: int) -> float:
    """Return the noise per tangent axis of R^dim behind a shape measure of ``off``, in radians.

    ``n_free`` is the number of free parameters that were fitted beside the rotation.  Let c be the
    mean cosine of directions with their true vertices.  Each of the p parameters of a rotation
    gains from noise: Σ x vᵀ is c(N/r) on the r axes of the shape plus noise, whose N(m - 1)
    components share N(1 - c²), and the singular values of that sum are what the fitted cosines add
    up to.  To second order in the noise they have 1 - ĉ² = (1 - c²)(1 - p / N(m - 1)), for
    N ≫ r; across the axes of the shape the rule holds whatever the noise is, so that
    angles of nearly 60° in many dimensions are no obstacle.
    """
    n_axes = dim - 1
    n_fitted = rank * (rank - 1) // 2 + rank * (dim - rank) + n_free
    freedom = n_vertices * n_axes - n_fitted
    if freedom <= 0:
        return 0.0
    square = float(np.arcsin(np.sqrt(min(1.0, off * n_vertices * n_axes / freedom)))) ** 2
    # arccos(E cos θ)² = E θ² - (E θ²)² / 6(m - 1) + … for θ² = σ²χ² with m - 1 degrees of freedom.
    return float(np.sqrt(square / n_axes * (1 + square / (6 * n_axes))))


def _chirality(fit: Fit) -> str | None:
    if not fit.shape.chiral or fit.mirrored is None:
        return None
    return "right" if fit.alignment.handedness > 0 else "left"
