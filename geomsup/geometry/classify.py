"""From a weight matrix to its named geometry: the pipeline, read top to bottom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from os import PathLike
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import warn_caller
from geomsup.geometry.gram import (
    coherence_of_units,
    dimensionality_of,
    summary_of,
    unit_columns,
    welch_bound,
)
from geomsup.geometry.interference import (
    component_labels,
    cosine_edges,
    parallel_groups,
    represented_features,
)
from geomsup.geometry.orthogonality import orthogonal_within
from geomsup.geometry.partition import (
    MAX_LEAKAGE,
    Part,
    Partition,
    best_partition,
    partition_by,
)
from geomsup.geometry.report import ComponentReport, GeometryReport, Unstructured
from geomsup.matching import Background, Cloud, MatchResult, ShapeMatch, match_cloud
from geomsup.matching.evidence import NOISE_GRID
from geomsup.restoring import read_only
from geomsup.shapes import Shape, composite_name
from geomsup.shapes.own import own_shapes
from geomsup.sphere.compare import OptimaComparison, compared_with
from geomsup.sphere.optimum import recorded_optimum
from geomsup.validation import is_auto, number_within, positive_integer
from geomsup.weights import as_weights

__all__ = ["classify_geometry", "geometry_of"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Larger components are not compared with optima: aligning them takes seconds.
_MOST_COMPARED = 300
# An axis with less than this share of the strongest one's singular value is rounding.
_UNUSED = 1e-6
# Directions with more than this share of their squared norm outside a span (sin² 20°) are not in
# it, and their energy is none of a sphere of its dimension.
_MOST_OUTSIDE = 0.117
# Rows of cosines looked at together.
_BLOCK = 512
# Two vertices so close have an energy beyond comparison.
_COINCIDENT_COSINE = 1.0 - 1e-9
# The name goes to the shape that is likelier than all else together; otherwise "irregular".
_NAME_PROBABILITY = 0.5


def classify_geometry(
    W: object,
    *,
    feature_axis: int = -1,
    interference_threshold: float | Literal["auto"] = "auto",
    norm_threshold: float | Literal["auto"] = "auto",
    noise: float | Literal["auto"] = "auto",
    max_candidates: int = 5,
    shapes: Iterable[Shape | str | PathLike[str]] | str | PathLike[str] | None = None,
    seed: int | np.random.Generator | None = 0,
) -> GeometryReport:
    """Name the structures that the features of a weight matrix form.

    The represented features are the vertices of the interference graph; its connected components
    are matched with the shapes of the catalogue that have as many vertices, and named when the
    evidence carries the name.

    Parameters
    ----------
    W : array_like of shape (n_hidden, n_features), or path
        Weights; columns are features unless ``feature_axis=0``.  A NumPy array, a torch tensor,
        nested lists, or the path of a .npy, .npz, .pt or .safetensors file.
    feature_axis : int, default -1
        The axis that counts features; 0 for SAE decoders and embedding tables.
    interference_threshold : float or "auto"
        Least |cosine| of an edge.  "auto" takes the cut of the merge tree with the greatest
        evidence (see ``geomsup.geometry.partition``).
    norm_threshold : float or "auto"
        Norm above which a feature is represented.  "auto" looks for a jump in the norms.
    noise : float or "auto"
        Angular noise per tangent axis, in radians.  "auto" marginalises over .005 – .25 rad.
    max_candidates : int, default 5
        Matches kept for each component; the runner-up is always kept.
    shapes : list of Shape, or path, optional
        Shapes of your own, or a file of them (:func:`geomsup.shapes.load_catalogue`), that compete
        beside the catalogue's.  All of one size together are expected as little as a rare figure.
    seed : deprecated
        Has no effect, because nothing here is random: the same matrix gives the same report.
        Any value but the default warns, and a later version will not know it.

    Returns
    -------
    GeometryReport
        ``print`` it for a table.

    Raises
    ------
    GeomsupError
        If ``W`` is not a finite, real, non-empty matrix or an option is out of range.

    Warns
    -----
    GeomsupWarning
        If there are no more features than dimensions, which is often a transposed matrix, or if
        ``seed`` is given.

    Notes
    -----
    Invariant under rotation and scaling of the space; permuting features permutes the report.
    Norms play no part in the names.  A name is never forced: see ``ComponentReport.candidates``.

    Examples
    --------
    >>> import numpy as np
    >>> angles = 2 * np.pi * np.arange(5) / 5
    >>> report = classify_geometry([np.cos(angles), np.sin(angles)])
    >>> report.counts()
    {'pentagon': 1}
    >>> report.components[0].dimensionalities.round(6)
    array([0.4, 0.4, 0.4, 0.4, 0.4])
    """
    if not (isinstance(seed, int) and seed == 0):
        warn_caller("seed has no effect, classify_geometry draws no random numbers; leave it out")
    return geometry_of(
        as_weights(W, feature_axis=feature_axis),
        interference_threshold=interference_threshold,
        norm_threshold=norm_threshold,
        noise=noise,
        max_candidates=max_candidates,
        shapes=shapes,
    )


def geometry_of(
    weights: Array,
    *,
    interference_threshold: float | Literal["auto"] = "auto",
    norm_threshold: float | Literal["auto"] = "auto",
    noise: float | Literal["auto"] = "auto",
    max_candidates: int = 5,
    shapes: Iterable[Shape | str | PathLike[str]] | str | PathLike[str] | None = None,
) -> GeometryReport:
    """Return :func:`classify_geometry` of a matrix that has been validated already.

    Inside geomsup, as many dimensions as features are nothing to warn of.
    """
    sigma = None if is_auto(noise) else number_within("noise", noise, 1e-6, 1.0)
    max_candidates = positive_integer("max_candidates", max_candidates)
    own = own_shapes(shapes)
    weights = np.ascontiguousarray(weights, dtype=np.float64)
    directions, norms = unit_columns(weights)
    represented = represented_features(norms, norm_threshold, n_hidden=len(weights))
    features = _Represented.of(weights, directions, norms, np.flatnonzero(represented.mask))
    partition = _partition(features.vertex_directions(), interference_threshold, sigma, own)

    components: list[ComponentReport] = []
    edges: list[tuple[IntArray, Array]] = []
    for part in partition.parts:
        on_vertex = [np.flatnonzero(features.groups == vertex) for vertex in part.members]
        result = match_cloud(
            part.cloud,
            background=partition.background,
            noise=sigma,
            max_candidates=max_candidates,
            own=own,
        )
        components.append(_component(features, on_vertex, part, result))
        least = part.cohesion if partition.crowded else partition.threshold
        inside = np.sort(np.concatenate(on_vertex))
        edges += _edges_within(features.units[:, inside], features.numbers[inside], least)
    components.sort(key=lambda c: (-len(c.features), c.features[0]))
    pairs, cosines = _collected(edges)
    rest = np.flatnonzero(np.isin(features.groups, partition.rest))
    summary = summary_of(features.weights) if len(features.numbers) else None
    return GeometryReport(
        components=tuple(components),
        unstructured=_unstructured(features, rest, partition.background) if len(rest) else None,
        composite=_composite(components, weights),
        norms=read_only(norms),
        dimensionalities=read_only(features.dimensionalities),
        represented=represented.mask,
        n_hidden=weights.shape[0],
        n_features=weights.shape[1],
        rank=summary.rank if summary else 0,
        tightness=summary.tightness if summary else 0.0,
        edges=pairs,
        cosines=read_only(cosines),
        norm_threshold=represented.threshold,
        norm_reason=represented.reason,
        interference_threshold=partition.threshold,
        interference_reason=partition.reason,
        noise=sigma,
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Represented:
    """The represented features of W.

    ``weights``, ``units``, ``norms`` and ``groups`` (the vertex that each is on) have one entry or
    column for each of them, ``numbers`` are their indices among all columns of W, and
    ``dimensionalities`` are those of all columns.  ``moments`` are W Wᵀ where they cost less than
    W itself does, for each set whose leakage is asked for.
    """

    weights: Array
    units: Array
    norms: Array
    groups: IntArray
    numbers: IntArray
    dimensionalities: Array
    moments: Array | None

    @classmethod
    def of(cls, W: Array, directions: Array, norms: Array, numbers: IntArray) -> _Represented:
        weights, units = W[:, numbers], directions[:, numbers]
        return cls(
            weights=weights,
            units=units,
            norms=norms[numbers],
            groups=parallel_groups(units) if len(numbers) else np.empty(0, dtype=np.intp),
            numbers=numbers,
            dimensionalities=dimensionality_of(W),
            moments=weights @ weights.T if weights.shape[0] <= weights.shape[1] else None,
        )

    def vertex_directions(self) -> Array:
        """One direction for each group of parallel features, weighted by their norms."""
        n_vertices = int(self.groups.max(initial=-1)) + 1
        sums = np.zeros((self.units.shape[0], n_vertices))
        shares = self.norms / self.norms.max(initial=1e-300)
        np.add.at(sums.T, self.groups, (self.units * shares).T)
        return unit_columns(sums)[0]

    def leakage(self, inside: IntArray) -> float:
        """Share of Σ(Ŵ_i·W_j)² over i inside that falls on j outside."""
        if len(inside) == self.weights.shape[1]:
            return 0.0
        own = self.weights[:, inside]
        directions = unit_columns(own)[0]
        if self.moments is None:
            seen = self.weights @ (self.weights.T @ directions)
        else:
            seen = self.moments @ directions
        total = float((seen * directions).sum())
        within = float(((own @ (own.T @ directions)) * directions).sum())
        share = within / total if total > 0 else 1.0
        return min(1.0, max(0.0, 1.0 - share))


def _partition(
    vertices: Array,
    threshold: float | Literal["auto"],
    noise: float | None,
    own: tuple[Shape, ...],
) -> Partition:
    if not is_auto(threshold):
        number = number_within("interference_threshold", threshold, 0.0, 1.0)
        reason = "given by the caller"
        labels = component_labels(cosine_edges(vertices, number))
    elif vertices.shape[1] < 2:
        number, reason = 0.5, "there are not two directions that could interfere"
        labels = np.zeros(vertices.shape[1], dtype=np.intp)
    else:
        return best_partition(vertices, noise=noise, own=own)
    return partition_by(vertices, labels, threshold=number, reason=reason, own=own)


def _edges_within(
    units: Array, numbers: IntArray, least: float
) -> Iterator[tuple[IntArray, Array]]:
    """Yield the edges of one component as pairs of feature numbers, with their cosines, in order.

    ``numbers`` are those of the columns of ``units``, ascending.
    """
    # Rounding must not lose the edge at which the component holds together; zeros are no edges.
    least = max(least - 1e-12, np.finfo(float).tiny)
    for start in range(0, len(numbers), _BLOCK):
        block = np.clip(units[:, start : start + _BLOCK].T @ units, -1.0, 1.0)
        i, j = np.nonzero(np.triu(np.abs(block) >= least, start + 1))
        yield np.column_stack([numbers[start + i], numbers[j]]), block[i, j]


def _collected(edges: list[tuple[IntArray, Array]]) -> tuple[IntArray, Array]:
    """Return the edges of all components in order, as pairs of feature numbers."""
    pairs = np.concatenate([np.empty((0, 2), dtype=np.intp), *(pair for pair, _ in edges)])
    cosines = np.concatenate([np.empty(0), *(cosine for _, cosine in edges)])
    edges.clear()  # there may be millions of them
    place = pairs[:, 0] * (pairs.max(initial=0) + 1) + pairs[:, 1]
    # Those of one component are in order already.
    if (place[1:] < place[:-1]).any():
        order = np.argsort(place, kind="stable")
        pairs, cosines = pairs[order], cosines[order]
    return read_only(pairs), cosines


def _unstructured(features: _Represented, rest: IntArray, background: Background) -> Unstructured:
    """Describe the represented features that belong to no component."""
    own = features.weights[:, rest]
    summary = summary_of(own)
    units = unit_columns(own)[0]
    n = len(rest)
    # Σ_ij cos² is the squared Frobenius norm of UUᵀ; its diagonal has n of it.
    total = float(((units @ units.T) ** 2).sum())
    mean_square = (total - n) / (n * (n - 1)) if n > 1 else 0.0
    return Unstructured(
        features=tuple(features.numbers[rest].tolist()),
        rank=summary.rank,
        participation_ratio=summary.participation_ratio,
        coherence=summary.coherence,
        mean_square_cosine=max(0.0, mean_square),
        chance_square_cosine=1.0 / background.dim,
        mean_direction_share=float((units.mean(axis=1) ** 2).sum()),
    )


def _component(
    features: _Represented, on_vertex: list[IntArray], part: Part, result: MatchResult
) -> ComponentReport:
    """Describe and name one component; ``on_vertex`` are the features on each vertex."""
    inside = np.sort(np.concatenate(on_vertex))
    numbers, cloud, leakage = features.numbers, part.cloud, features.leakage(inside)
    own = features.weights[:, inside]
    match = None if part.left_over or _is_shared_ray(on_vertex) else _carried(result, leakage)
    rank = match.dim if match else result.generic_rank
    axes = cloud.basis[:rank].T
    return ComponentReport(
        features=tuple(numbers[inside].tolist()),
        name=match.shape if match else "irregular",
        rank=rank,
        norms=read_only(unit_columns(own)[1]),
        dimensionalities=read_only(features.dimensionalities[numbers[inside]]),
        leakage=leakage,
        cohesion=part.cohesion,
        log_evidence=part.log_evidence,
        tightness=_tightness(own, axes),
        coherence=coherence_of_units(cloud.directions.T),
        welch_bound=welch_bound(cloud.n_vertices, rank),
        vertices=tuple(tuple(numbers[group].tolist()) for group in on_vertex),
        match=match,
        candidates=result.candidates,
        irregular_probability=result.irregular_probability,
        thomson=None if match is not None and match.loose else _beside_optimum(cloud, rank),
        # Unit rows in the span of the strongest axes.
        directions=read_only(unit_columns(axes.T @ cloud.directions.T)[0].T),
    )


def _beside_optimum(cloud: Cloud, rank: int) -> OptimaComparison | None:
    """Compare with the table of Thomson optima, where it has a row and the energy is finite.

    The directions count as they are, with all axes that they use, not as their projections.
    """
    n, singular = cloud.n_vertices, cloud.singular_values
    if not 1 < n <= _MOST_COMPARED:
        return None
    optimum = recorded_optimum(n, rank)
    if optimum is None:
        return None
    if (singular[rank:] ** 2).sum() > _MOST_OUTSIDE * n:
        return None
    used = max(rank, int(np.count_nonzero(singular > _UNUSED * singular[0])))
    rows = unit_columns(cloud.points[:, :used].T)[0].T
    # Off the diagonal one means two equal vertices.
    if np.max(rows @ rows.T - 2.0 * np.eye(n)) >= _COINCIDENT_COSINE:
        return None
    return compared_with(rows, optimum)


def _tightness(own: Array, axes: Array) -> float:
    """Return ΣD_i / rank of a component, seen in the span of its strongest axes, as many as rank.

    Noise spreads the features over more dimensions than the structure has; counted there,
    ΣD_i could exceed the rank that the structure is given.
    """
    return float(dimensionality_of(axes.T @ own).sum()) / len(axes.T)


def _is_shared_ray(on_vertex: list[IntArray]) -> bool:
    """Tell whether several features share the only direction: none of them is by itself."""
    return len(on_vertex) == 1 and len(on_vertex[0]) > 1


def _carried(result: MatchResult, leakage: float) -> ShapeMatch | None:
    """Return the match whose name the evidence carries, if there is one."""
    if not result.candidates:
        return None
    best = result.candidates[0]
    if best.n_vertices == 1:
        # A single direction fits its name always; what counts is that it stands alone.
        return best if leakage <= MAX_LEAKAGE else None
    return best if best.probability > _NAME_PROBABILITY else None


def _composite(components: list[ComponentReport], weights: Array) -> str | None:
    """Return the name of the whole, if the components are its factors and orthogonal.

    Loose vertices are a hint, and make no figure.
    """
    matches = [c.match for c in components if c.match is not None and not c.loose]
    if len(components) < 2 or len(matches) < len(components):
        return None
    ranks = [match.dim for match in matches]
    if sum(ranks) > len(weights) or any(max(c.multiplicities) > 1 for c in components):
        return None
    parts = [unit_columns(weights[:, list(c.features)])[0] for c in components]
    noise, freedom = _common_noise(matches)
    if not orthogonal_within(parts, ranks, noise=noise, freedom=freedom):
        return None
    return composite_name([c.name for c in components])


def _common_noise(matches: list[ShapeMatch]) -> tuple[float, float]:
    """Return the noise of all fits together and its degrees of freedom, infinite where it is known.

    A match knows its own noise only through its degrees of freedom.
    """
    angles = [match.rms_angle**2 * match.n_vertices for match in matches]
    freedom = sum(
        angle / match.noise**2
        for angle, match in zip(angles, matches, strict=True)
        if match.noise > 0
    )
    noise = float(np.sqrt(sum(angles) / freedom)) if freedom else 0.0
    least = float(NOISE_GRID[0])
    return (noise, freedom) if noise > least else (least, np.inf)
