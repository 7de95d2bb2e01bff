"""Which shape of the catalogue do these directions form, and how surely?

Directions and norms are separate questions: only unit vectors come in here, with the origin pinned.
Every shape with as many vertices is a candidate (``candidates``); each is laid over the data
with its best rotation and permutation (``alignment``, ``fitting``); the evidence (``evidence``)
decides between them and the alternative that always stands beside them, directions
of no particular arrangement.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import pdtrc

from geomsup.errors import GeomsupError, GeomsupWarning
from geomsup.gram import direction_rows
from geomsup.matching.alignment import Cloud, aligned
from geomsup.matching.background import (
    LARGEST_DIM,
    Background,
    background_of,
    dimensions_between,
    log_determinant,
)
from geomsup.matching.candidates import MAX_VERTICES, candidate_set
from geomsup.matching.evidence import (
    evenness_log_ratio,
    generic_log_evidence,
    gram_log_density,
    log_sphere,
    log_sum,
    loosest_noise,
    marginalise,
    noise_grid,
    paired_log_evidence,
)
from geomsup.matching.fitting import Fit, PreparedShape, Setting, lay, prepared
from geomsup.shapes import Shape, get_shape

__all__ = ["MatchResult", "ShapeMatch", "match_directions", "match_shape", "structure_log_evidence"]

Array = NDArray[np.float64]
# Prior share of antipodal pairs on unrelated axes among irregular arrangements: too small to
# compete with a noisy octahedron, large enough against a cross-polytope that does not fit at all.
_PAIRED_SHARE = 0.005
# Directions that keep to a subspace are clean: noise beyond this within it is no noise but another
# arrangement.
_LOOSEST_WITHIN = 0.1
# Prior share of tight frames: enough against a figure that fits badly, too little against one that
# is noisy.
_EVEN_SHARE = 0.02
# A name whose root mean square angle is larger (20°) is loose: its vertices are a hint.
_LOOSE = float(np.radians(20.0))
# Deviations of cosines that differ by less than these shares of their spread are systematic if
# chance has so many once in a thousand times; at a spread below .02 a figure is the shape for
# every purpose.
_FINENESS, _SURPRISE, _CLEAN = (50.0, 5000.0), 1e-3, 0.02
# No more is charged for them than this: a shape that is deformed evenly, as on the way from cube
# to square antiprism, is still that shape while it is near.
_MOST_SYSTEMATIC = 8.0
# A space e^-8 times as likely as the likeliest adds next to nothing to a shape.
_NEGLIGIBLE = 8.0


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ShapeMatch:
    """One shape laid over the directions of a component.

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
        Noise per tangent axis that explains the angles, √(Σθ² / degrees of freedom), in radians.
    probability : float
        Posterior probability among all candidates and "irregular".
    log_evidence : float
        Natural logarithm of the evidence, σ marginalised.
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
        """Return the vertices laid over the data, shape (n_hidden, n_vertices), in data order."""
        ideal: Array = self.rotation @ self.vertices[list(self.permutation)].T
        return ideal

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-ready dictionary."""
        result = {**self.__dict__, "loose": self.loose}
        result["permutation"] = list(self.permutation)
        result["rotation"] = self.rotation.tolist()
        result["vertices"] = self.vertices.tolist()
        result["landmarks"] = dict(self.landmarks)
        return result

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ShapeMatch:
        """Rebuild a match from :meth:`to_dict`."""
        fields = {name: value for name, value in data.items() if name != "loose"}
        fields["permutation"] = tuple(fields["permutation"])
        fields["rotation"] = _frozen(np.array(fields["rotation"], dtype=np.float64))
        fields["vertices"] = _frozen(np.array(fields["vertices"], dtype=np.float64))
        return cls(**fields)

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
    ‖sort(G) - sort(G′)‖ / (‖X‖₂ + ‖V‖₂), rules them out are not laid over.

    Examples
    --------
    >>> import numpy as np
    >>> angles = 2 * np.pi * np.arange(5) / 5
    >>> result = match_directions(np.column_stack([np.cos(angles), np.sin(angles)]))
    >>> result.candidates[0].shape
    'pentagon'
    """
    cloud = Cloud(directions)
    held = background or background_of(directions.T)
    weighed = _weighed(cloud, held, noise_grid(noise), at_least=2)
    log_weights = marginalise(weighed.log_terms)
    probabilities = np.exp(log_weights - log_sum(log_weights))
    if cloud.n_vertices == 1 or held.dim == 1:
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


def structure_log_evidence(
    directions: Array, background: Background, sigma: Array, *, floor: float = -np.inf
) -> tuple[int, Array, bool]:
    """Return the most probable rank of some directions and their evidence over the background.

    Parameters
    ----------
    directions : ndarray of shape (n_vertices, dim)
        Unit vectors as rows.
    background : Background
        The independent directions that they are held against.
    sigma : ndarray of shape (n_sigma,)
        Noise scales in radians.
    floor : float
        Log evidence of interest: shapes that cannot reach it are not laid over.

    Returns
    -------
    rank : int
    log_evidence : ndarray of shape (n_sigma,)
        log of p(directions) over the density of the background, the catalogue and "irregular"
        weighed by their priors, spread over σ as the likeliest of them has it.  Composites of
        orthogonal factors are left out: their factors
        speak for themselves.  Where directions are more nearly orthogonal than the background has
        it, its place is taken by independent directions in as many dimensions as that takes:
        otherwise any set of them would look like a simplex.
    shaped : bool
        Whether a shape of the catalogue is likelier than "irregular" and all other shapes.
    """
    cloud = Cloud(directions)
    weighed = _weighed(cloud, background, sigma, composites=False, least=floor)
    rank = weighed.generic_rank
    log_weights = marginalise(weighed.log_terms)
    best = int(np.argmax(log_weights))
    if best > 0:
        rank = weighed.fits[best - 1].shape.dim
    # What the noise is, the likeliest explanation tells: its rank goes with it.
    total = log_sum(log_weights) - _orthogonality(cloud, background)
    return rank, weighed.log_terms[best] - log_weights[best] + total, best > 0


def _orthogonality(cloud: Cloud, background: Background) -> float:
    """Return what speaks for directions that stand each alone, in nats over the background."""
    n, dim = cloud.n_vertices, background.dim
    if n > dim:
        return 0.0
    log_det = log_determinant(cloud.singular_values, n, dim)
    densities = [gram_log_density(log_det, n, q) for q in dimensions_between(dim, LARGEST_DIM)]
    return max(densities) - densities[0]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Weighed:
    """The fits that are worth a look, and the log evidence of "irregular" and of each of them."""

    fits: list[Fit]
    log_terms: Array
    generic_rank: int
    dim: int


def _weighed(
    cloud: Cloud,
    background: Background,
    sigma: Array,
    *,
    at_least: int = 0,
    composites: bool = True,
    least: float = -np.inf,
) -> _Weighed:
    """Weigh shapes and "irregular", as ratios to the background.

    ``composites=False`` asks for a part of a matrix: composites are left out, and so are directions
    that are more nearly orthogonal than the background, which form no part by themselves.
    """
    n = cloud.n_vertices
    largest = background.largest if composites else background.dim
    spaces, by_noise = _spaces(cloud, background, sigma, largest)
    spaces = _with_prior(spaces, background)
    ratios = np.array([space.log_ratio for space in spaces])
    best = int(np.argmax(ratios))
    # Noise is measured where the directions are whole.
    whole = [space for space in spaces if space.dim >= min(n, background.dim)]
    likely = ratios > ratios.max() - 2 * _NEGLIGIBLE
    even = [
        _evenness(cloud, space, sigma) if near else 0.0
        for space, near in zip(spaces, likely, strict=True)
    ]
    irregular = ratios + np.array(even)
    if composites:
        paired = paired_log_evidence(cloud.points, dim=background.dim, sigma=sigma)
        if paired is not None:
            density = float(marginalise(paired)) + n * log_sphere(background.dim)
            irregular = np.append(ratios, density + np.log(_PAIRED_SHARE))
    floor = float(irregular.max())
    terms: dict[str, Array] = {}
    fits: dict[str, Fit] = {}
    log_prior: dict[str, float] = {}
    leader = max(floor, least)
    for seen, settings in _views(cloud, spaces):
        contenders = candidate_set(n, min(settings[0].dim, seen.dim))
        for k, fit in contenders.lay(
            seen, sigma, settings, at_least=at_least, floor=leader, composites=composites
        ):
            leader = max(leader, float(marginalise(fit.log_evidence)))
            name = fit.shape.name
            term = fit.log_evidence + _systematic(fit, seen)
            log_prior.setdefault(name, float(contenders.log_prior[k]))
            if name in terms:
                terms[name] = np.logaddexp(terms[name], term)
            else:
                terms[name], fits[name] = term, fit
    prior = _generic_prior(n, part=n < background.n_directions)
    log_irregular = np.full(len(sigma), np.log(prior) + log_sum(irregular))
    if best < len(by_noise):
        log_irregular = log_irregular + by_noise[best] - marginalise(by_noise[best])
    shares = [np.log1p(-prior) + log_prior[name] + terms[name] for name in fits]
    return _Weighed(
        fits=list(fits.values()),
        log_terms=np.array([log_irregular, *shares]),
        generic_rank=min(spaces[best].dim, n, background.dim),
        dim=max(whole, key=lambda space: space.log_ratio).dim,
    )


def _systematic(fit: Fit, cloud: Cloud) -> float:
    """Return what speaks against noise as the reason for the residuals, a log probability ≤ 0.

    The cosines of a clean figure that the catalogue lacks deviate from those of a shape alike:
    where two of these are equal, so are two of its own.  Noise would hardly let so many
    deviations coincide.
    """
    if cloud.n_vertices < 4:
        return 0.0
    ideal = fit.vertices[fit.alignment.permutation]
    i, j = np.triu_indices(cloud.n_vertices, 1)
    expected = (ideal @ ideal.T)[i, j]
    deviation = (cloud.directions @ cloud.directions.T)[i, j] - expected
    spread = float(np.sqrt(np.mean(deviation**2)))
    if spread < _CLEAN:
        return 0.0
    order = np.lexsort([deviation, expected.round(6)])
    classes = np.split(deviation[order], np.flatnonzero(np.diff(expected[order].round(6))) + 1)
    n_pairs = sum(len(part) * (len(part) - 1) // 2 for part in classes)
    least = 0.0
    for fineness in _FINENESS:
        # Sorted values: how many later ones lie within the width of each.
        ends = [np.searchsorted(part, part + spread / fineness, side="right") for part in classes]
        near = sum(int((end - np.arange(1, len(end) + 1)).sum()) for end in ends)
        # Two normal deviations differ by less than their spread over k with probability 1/(k √π).
        by_chance = n_pairs / (fineness * np.sqrt(np.pi))
        tail = float(pdtrc(near - 1, by_chance)) if near else 1.0
        least = min(least, float(np.log(max(tail, 1e-300) / _SURPRISE)))
    return max(least, -_MOST_SYSTEMATIC)


def _spaces(
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
        Setting(int(r), float(value), _LOOSEST_WITHIN)
        for r, value in zip(ranks, within, strict=True)
    ]
    if n > dim or n == largest or n == 1:
        return [*spaces, Setting(dim, 0.0, loosest_noise(dim))], densities
    log_det = log_determinant(cloud.singular_values, n, dim)
    reference = gram_log_density(log_det, n, dim)
    dims = {*dimensions_between(n, dim), *dimensions_between(dim, max(dim, largest))}
    spaces += [
        Setting(q, gram_log_density(log_det, n, q) - reference, loosest_noise(q))
        for q in sorted(dims)
    ]
    return spaces, densities


def _with_prior(spaces: list[Setting], background: Background) -> list[Setting]:
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


def _evenness(cloud: Cloud, space: Setting, sigma: Array) -> float:
    """Return what an even spread over a space adds to independent directions there."""
    n, dim = cloud.n_vertices, space.dim
    # One more direction than dimensions is a tight frame as a simplex alone.
    if dim < 2 or not dim + 2 <= n <= MAX_VERTICES:
        return 0.0
    inside = cloud.points[:, :dim]
    lengths = np.linalg.norm(inside, axis=1, keepdims=True)
    if lengths.min() == 0 or inside.shape[1] < dim:
        return 0.0
    even = float(marginalise(evenness_log_ratio(inside / lengths, sigma)))
    return float(np.logaddexp(np.log1p(-_EVEN_SHARE), np.log(_EVEN_SHARE) + even))


def _views(cloud: Cloud, spaces: list[Setting]) -> list[tuple[Cloud, tuple[Setting, ...]]]:
    """Return the directions as each kind of space shows them, with the spaces worth a look.

    In a subspace that the directions leave by noise their projections count; all spaces that are
    large enough show the directions themselves.
    """
    n = cloud.n_vertices
    least = max(space.log_ratio for space in spaces) - _NEGLIGIBLE
    worth = [space for space in spaces if space.log_ratio > least]
    last = min(n, spaces[-1].dim)
    whole = tuple(space for space in worth if space.dim >= last) or (spaces[-1],)
    views = [(cloud, whole)]
    for space in sorted(worth, key=lambda space: -space.log_ratio):
        if space.dim < last:
            inside = cloud.points[:, : space.dim]
            lengths = np.linalg.norm(inside, axis=1, keepdims=True)
            if lengths.min() > 0:
                views.append((Cloud(inside / lengths), (space,)))
    return views


def match_shape(directions: object, shape: str | Shape, *, feature_axis: int = 0) -> ShapeMatch:
    """Lay one shape over directions and report how well it fits.

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
    with warnings.catch_warnings():
        # The number of vertices says which axis is which better than a comparison of sizes.
        warnings.simplefilter("ignore", GeomsupWarning)
        points = direction_rows(directions, feature_axis=feature_axis)
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
    ready = PreparedShape(shape) if isinstance(shape, Shape) else prepared(named.name)
    fit = lay(ready, cloud, noise_grid(None), settings)
    return _as_match(fit, cloud, dim, 1.0)


def _as_match(fit: Fit, cloud: Cloud, dim: int, probability: float) -> ShapeMatch:
    """Turn a fit into the public result, with residuals in the units a reader thinks in.

    ``dim`` is the dimension of the space that noise lives in.
    """
    best = fit.alignment
    if len(best.rotation) != cloud.dim:
        # Laid over projections: the same permutation, turned to fit the directions themselves.
        best = aligned(cloud, fit.vertices, best.permutation)
    ideal = fit.vertices[best.permutation] @ best.rotation.T
    chords = np.linalg.norm(cloud.directions - ideal, axis=1)
    angles = 2 * np.arcsin(np.clip(chords / 2, 0, 1))
    rank = fit.shape.dim
    space = max(dim, rank)
    freedom = cloud.n_vertices * (space - 1) - rank * (rank - 1) // 2
    freedom -= rank * (space - rank) + (fit.parameter is not None)
    family = fit.shape.family
    overlap = 1 - best.residual / (2 * cloud.n_vertices)
    return ShapeMatch(
        shape=fit.shape.name,
        n_vertices=cloud.n_vertices,
        dim=rank,
        rms_angle=float(np.sqrt(np.mean(angles**2))),
        share=float(np.mean(np.cos(angles) ** 2)),
        shape_measure=float(100 * max(0.0, 1 - overlap**2)),
        noise=float(np.sqrt(np.sum(angles**2) / freedom)) if freedom > 0 else 0.0,
        probability=probability,
        log_evidence=float(marginalise(fit.log_evidence)),
        chirality=_chirality(fit),
        permutation=tuple(int(k) for k in best.permutation),
        rotation=_frozen(best.rotation),
        vertices=fit.vertices,
        parameter_name=None if family is None else family.parameter,
        parameter=fit.parameter,
        landmarks={} if family is None else dict(family.landmarks),
    )


def _chirality(fit: Fit) -> str | None:
    if not fit.shape.chiral or fit.mirrored is None:
        return None
    return "right" if fit.alignment.handedness > 0 else "left"


def _generic_prior(n_vertices: int, *, part: bool) -> float:
    """Return the prior probability of "irregular".

    Random directions must not be given a name (the false discovery rate is measured in the tests),
    and two or three of them are easily like a digon or a triangle by chance.  As a part of a matrix
    that was chosen for its interference, they hardly form anything else.
    """
    few = {2: 0.2, 3: 0.1} if part else {2: 0.7, 3: 0.35}
    return few.get(n_vertices, 0.35 if n_vertices < 9 else 0.7)


def _frozen(array: Array) -> Array:
    array.setflags(write=False)
    return array
