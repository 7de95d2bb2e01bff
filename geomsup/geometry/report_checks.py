"""Whether the parts of a report that came from a file fit each other."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from geomsup.errors import GeomsupError
from geomsup.shapes import get_shape

__all__ = ["check_report"]


def check_report(report: Any) -> None:
    """Refuse a `geomsup.geometry.report.GeometryReport` that no classification returns.

    Raises
    ------
    GeomsupError
        If lengths, indices, probabilities or names are impossible.
    """
    n, m = report.n_features, report.n_hidden
    if min(n, m) < 1 or not 0 <= report.rank <= min(n, m):
        raise GeomsupError(f"{n} features in {m} dimensions cannot have rank {report.rank}")
    _check_arrays(report, n)
    for component in report.components:
        _check_component(component, n)
    members = Counter(i for component in report.components for i in component.features)
    if report.unstructured is not None:
        members.update(report.unstructured.features)
    if members and (max(members.values()) > 1 or not members.keys() <= set(range(n))):
        raise GeomsupError(f"a feature of 0 … {n - 1} must not stand in two components")


def _check_arrays(report: Any, n: int) -> None:
    if report.edges.size == 0:
        # An empty list has lost its second axis on the way through JSON.
        object.__setattr__(report, "edges", report.edges.reshape(0, 2))
    shapes = {
        "norms": (n,),
        "dimensionalities": (n,),
        "represented": (n,),
        "cosines": (len(report.edges),),
        "edges": (len(report.edges), 2),
    }
    for name, shape in shapes.items():
        if (got := getattr(report, name).shape) != shape:
            raise GeomsupError(f"its {name} must have shape {shape}, got {got}")
    if report.edges.size and not 0 <= report.edges.min() <= report.edges.max() < n:
        raise GeomsupError(f"its edges must join features 0 … {n - 1}")
    if (np.abs(report.cosines) > 1 + 1e-9).any() or (report.norms < 0).any():
        raise GeomsupError("its cosines must lie in [-1, 1], and no norm below 0")


def _check_component(component: Any, n_features: int) -> None:
    n, features = len(component.features), set(component.features)
    if not 0 < len(features) == n or not features <= set(range(n_features)):
        raise GeomsupError(f"a component must have features of 0 … {n_features - 1}, each once")
    if sorted(i for vertex in component.vertices for i in vertex) != sorted(features):
        raise GeomsupError("the vertices of a component must share out its features")
    if not component.norms.shape == component.dimensionalities.shape == (n,):
        raise GeomsupError("a component must have a norm and a D for each of its features")
    shares = [match.probability for match in component.candidates]
    if not all(-1e-9 <= share <= 1 + 1e-9 for share in [*shares, component.irregular_probability]):
        raise GeomsupError("probabilities must lie in [0, 1]")
    match = component.match
    # A shape of somebody's own has its vertices in the match, and no name in the catalogue.
    own = match is not None and match.shape == component.name and len(match.vertices)
    if component.name not in ("monosemantic", "irregular") and not own:
        get_shape(component.name)
