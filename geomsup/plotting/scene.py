"""What a picture of directions shows, before anything is drawn.

Which features, in which coordinates, with which figure behind them: all that can go wrong is
settled here, so that the drawing code is only about lines and light.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.geometry.report import ComponentReport, GeometryReport
from geomsup.plotting.style import (
    PALETTE,
    UNSTRUCTURED,
    component_colors,
    component_title,
    shortened_numbers,
    unstructured,
)
from geomsup.plotting.wireframe import Wireframe, wireframe
from geomsup.validation import brief, whole_number

__all__ = ["Family", "Ghost", "Scene", "bare_scene", "report_scene"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Family:
    """Arrows of one colour: feature numbers, tips of shape (n, dim), and what the legend says."""

    features: tuple[int, ...]
    tips: Array
    color: str
    text: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Ghost:
    """An ideal figure: vertices of shape (n, dim) and how they are joined."""

    points: Array
    frame: Wireframe


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """All that is to be drawn, in ``dim`` coordinates; those of a line come with a zero.

    The coordinates are those of the hidden space, or of a component's own span.
    """

    families: list[Family]
    ghosts: list[Ghost]
    dropped: tuple[int, ...]
    dropped_tips: Array
    dim: int
    in_span: bool
    # Components that the report has and the picture has not.
    n_others: int = 0


def bare_scene(weights: Array) -> Scene:
    """Return the scene of weights of which nothing else is known: all non-zero columns."""
    if weights.shape[0] > 3:
        raise GeomsupError(
            f"W has {weights.shape[0]} dimensions and a picture at most 3; pass the report and "
            "component= to draw one component in its own span"
        )
    tips = _padded(weights.T)
    features = tuple(np.flatnonzero(tips.any(axis=1)).tolist())
    family = Family(features=features, tips=tips[list(features)], color=PALETTE[0], text="")
    return Scene(
        families=[family] if features else [],
        ghosts=[],
        dropped=(),
        dropped_tips=tips[:0],
        dim=weights.shape[0],
        in_span=False,
    )


def report_scene(
    weights: Array, report: GeometryReport, component: int | None, ideal: bool
) -> Scene:
    """Return the scene of a whole report, or of one component in its own span."""
    colors = component_colors(report)
    if component is None:
        n_hidden = weights.shape[0]
        if n_hidden > 3:
            raise GeomsupError(
                f"W has {n_hidden} dimensions and a picture at most 3; pass component= with the "
                f"number of a component of rank ≤ 3 ({_drawable(report)})"
            )
        chosen, basis = list(report.components), np.eye(n_hidden)
        dropped = tuple(np.flatnonzero(~report.represented).tolist())
    else:
        if not report.components:
            raise GeomsupError(f"component={brief(component)} cannot be chosen: there is none")
        number = whole_number("component", component, 0, len(report.components) - 1)
        one = report.components[number]
        if one.rank > 3:
            raise GeomsupError(
                f"component {number} ({component_title(one)}) has rank {one.rank} and a picture "
                f"at most 3; choose one of rank ≤ 3 ({_drawable(report)})"
            )
        chosen, basis = [one], _span(weights, one)
        colors = [colors[number]]
        dropped = ()
    projected = weights.T @ basis
    tips = _padded(projected)
    families = [
        Family(
            features=one.features,
            tips=tips[list(one.features)],
            color=color,
            text=f"{component_title(one)}: {shortened_numbers(one.features)}",
        )
        for one, color in zip(chosen, colors, strict=True)
    ]
    loose = unstructured(report) if component is None else []
    if loose:
        numbers = shortened_numbers(tuple(loose))
        families.append(
            Family(
                features=tuple(loose),
                tips=tips[loose],
                color=UNSTRUCTURED,
                text=f"unstructured: {numbers}",
            )
        )
    return Scene(
        families=families,
        ghosts=_ghosts(chosen, basis, report.composite if component is None else None)
        if ideal
        else [],
        dropped=dropped,
        dropped_tips=tips[list(dropped)],
        dim=basis.shape[1],
        in_span=component is not None,
        n_others=len(report.components) - len(chosen),
    )


def _drawable(report: GeometryReport) -> str:
    numbers = tuple(k for k, one in enumerate(report.components) if one.rank <= 3)
    return f"here: {shortened_numbers(numbers)}" if numbers else "there is none here"


def _padded(points: Array) -> Array:
    """Give points of a line a second coordinate, 0."""
    return points if points.shape[1] > 1 else np.column_stack([points, np.zeros(len(points))])


def _span(weights: Array, component: ComponentReport) -> Array:
    """Return orthonormal columns that span the component."""
    if component.match is not None:
        return component.match.rotation
    own = weights[:, list(component.features)]
    return np.linalg.svd(own, full_matrices=False)[0][:, : component.rank]


def _ghosts(components: list[ComponentReport], basis: Array, composite: str | None) -> list[Ghost]:
    """Return the ideal figures, as one where orthogonal components make up a classical one."""
    clouds = [
        (float(one.norms.mean()) * one.match.ideal_directions().T @ basis, one.match.dim)
        for one in components
        if one.match is not None
    ]
    if composite is not None and basis.shape[1] in (2, 3) and len(clouds) == len(components):
        points = np.concatenate([cloud for cloud, _ in clouds])
        if np.linalg.matrix_rank(points, tol=1e-6 * float(np.abs(points).max())) == basis.shape[1]:
            return [Ghost(points=points, frame=wireframe(points))]
    ghosts = []
    for points, dim in clouds:
        # The figure's own coordinates decide how its vertices are joined.
        axes = np.linalg.svd(points, full_matrices=False)[2][:dim]
        if len(points) > 1:
            ghosts.append(Ghost(points=_padded(points), frame=wireframe(points @ axes.T)))
    return ghosts
