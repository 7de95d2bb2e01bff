"""Reports of many components without the time that a classification of them takes."""

from __future__ import annotations

import dataclasses

import numpy as np

from geomsup import GeometryReport, get_shape

_NAMES = ("pentagon", "tetrahedron", "digon", "square antiprism", "triangle", "monosemantic")


def several(noise: float, seed: int = 0) -> np.ndarray:
    """Weights of six shapes in spaces of their own, one feature dropped: shape (12, 24)."""
    rng = np.random.default_rng(seed)
    shapes = [get_shape(name) for name in _NAMES]
    W = np.zeros((sum(shape.dim for shape in shapes), sum(len(s.vertices) for s in shapes) + 1))
    row = column = 0
    for shape in shapes:
        n, dim = shape.vertices.shape
        W[row : row + dim, column : column + n] = shape.vertices.T
        row, column = row + dim, column + n
    W[:, :-1] += noise * rng.normal(size=(len(W), W.shape[1] - 1))
    return W


def enlarged(report: GeometryReport, copies: int, seed: int = 0) -> GeometryReport:
    """A report of so many copies of the components of one, each a little different."""
    rng = np.random.default_rng(seed)
    n = report.n_features
    components, edges, cosines = [], [], []
    for shift in range(0, copies * n, n):
        for one in report.components:
            assert one.directions is not None
            components.append(
                dataclasses.replace(
                    one,
                    features=tuple(i + shift for i in one.features),
                    vertices=tuple(tuple(i + shift for i in v) for v in one.vertices),
                    norms=one.norms * rng.uniform(0.9, 1.1),
                    directions=one.directions + 0.01 * rng.normal(size=one.directions.shape),
                )
            )
        edges.append(report.edges + shift)
        noise = 0.02 * rng.normal(size=len(report.cosines))
        cosines.append(np.clip(report.cosines + noise, -1, 1))

    def repeated(values: np.ndarray) -> np.ndarray:
        return np.tile(values, copies) * rng.uniform(0.9, 1.1, size=copies * n)

    return dataclasses.replace(
        report,
        components=tuple(sorted(components, key=lambda c: (-len(c.features), c.features[0]))),
        norms=repeated(report.norms),
        dimensionalities=repeated(report.dimensionalities),
        represented=np.tile(report.represented, copies),
        n_features=n * copies,
        n_hidden=report.n_hidden * copies,
        rank=report.rank * copies,
        edges=np.concatenate(edges),
        cosines=np.concatenate(cosines),
    )
