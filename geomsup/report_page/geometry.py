"""The page of a :class:`geomsup.geometry.report.GeometryReport`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.geometry.gram import unit_columns
from geomsup.geometry.report import ComponentReport, GeometryReport
from geomsup.geometry.report_tables import table_of
from geomsup.geometry.report_text import HEADER, row_of
from geomsup.plotting.style import component_colors
from geomsup.report_page.figures import Figure, Figures, axes_of, on_axes
from geomsup.report_page.links import add_links, forest_of_directions, forest_of_pairs
from geomsup.report_page.payload import Payload
from geomsup.weights import matrix_of

__all__ = ["payload_of"]

Array = NDArray[np.float64]

# With more represented features the merge forest is that of the report's own edges.
_MOST_LINKED = 4096
# Norms of the matrix of a report and of the report may differ by rounding in float32.
_SAME_NORMS = 1e-5
# Columns of the printed table, and what sorts them.
_SORTED_BY = {
    "name": "name", "n": "n_features", "rank": "rank", "P": "probability",
    "rms angle": "rms_angle", "D": "dimensionality_min", "norm": "norm_min", "leak": "leakage",
    "|cos|": "cohesion", "nats": "log_evidence",
}  # fmt: skip
_MEANING = {
    "name": "canonical name; (×2): up to two features share a vertex; (loose …): far from it",
    "n": "features",
    "rank": "dimensions that the structure spans, up to noise",
    "P": "probability of what the name column says",
    "rms angle": "root mean square angle between the features and the ideal vertices",
    "D": "smallest and largest dimensionality of its features",
    "norm": "smallest and largest norm",
    "leak": "share of its interference that goes to features outside",
    "|cos|": "least |cosine| at which it holds together",
    "nats": "evidence for a structure over independent directions",
    "Thomson": "Coulomb energy above the least known for as many points",
    "runner-up": "next best name, and its probability",
    "features": "column numbers in the matrix",
}


def payload_of(
    report: GeometryReport, weights: object, feature_axis: int, labels: Sequence[str] | None
) -> Payload:
    """All that the page of a report shows."""
    W = None if weights is None else _checked(report, weights, feature_axis)
    head, *rest = str(report).split("\n")
    payload = Payload(
        "geometry",
        {
            "title": report.summary(most=4) if report.components else "no structures",
            "head": [head, f"found: {report.summary()}" if report.components else ""],
            "foot": [line for line in rest if line.startswith(_FEET)],
            "labels": labels,
            "columns": [{"name": name, "meaning": _MEANING[name]} for name in HEADER],
            "groups": _groups(report),
            "cut": report.interference_threshold,
            "whole": W is not None and _is_linked(report),
        },
    )
    payload.add("norm", report.norms)
    payload.add("level", report.dimensionalities)
    payload.add("represented", report.represented)
    numbers = np.flatnonzero(report.represented)
    forest = forest_of_pairs(report.n_features, report.edges, report.cosines)
    if W is not None and _is_linked(report):
        forest = forest_of_directions(unit_columns(W[:, numbers])[0], numbers)
    figures = Figures(figures=[_figure(report, one, W) for one in report.components])
    notes = [
        *add_links(payload, report.edges, report.cosines, forest),
        *figures.add_to(payload),
    ]
    if not payload.words["whole"]:
        why = f"more than {_MOST_LINKED:,} features" if W is not None else "no weights="
        notes.append(
            f"merges between structures are not in this page ({why}): below the threshold of the "
            "report nothing moves"
        )
    payload.words["notes"] = notes
    return payload


_FEET = ("unstructured:", "represented:", "components:")


def _is_linked(report: GeometryReport) -> bool:
    return 1 < int(report.represented.sum()) <= _MOST_LINKED


def _checked(report: GeometryReport, weights: object, feature_axis: int) -> Array:
    W = matrix_of(weights, feature_axis=feature_axis)
    if W.shape != (report.n_hidden, report.n_features):
        raise GeomsupError(
            f"weights must have shape ({report.n_hidden}, {report.n_features}), those of the "
            f"report, got {W.shape}; feature_axis=0 says that rows are features"
        )
    norms = np.linalg.norm(W, axis=0)
    if not np.allclose(norms, report.norms, rtol=_SAME_NORMS, atol=_SAME_NORMS * norms.max()):
        raise GeomsupError("weights are not those of the report: their norms are others")
    return W


def _groups(report: GeometryReport) -> list[dict[str, Any]]:
    """Each component in the words of the printed report, with what sorts its columns."""
    table = table_of(report, "components")
    places = [table.columns.index(name) for name in _SORTED_BY.values()]
    rows, colors = table.rows, component_colors(report)
    groups = []
    for one, values, color in zip(report.components, rows, colors, strict=True):
        head, *lines = str(one).split("\n")
        excess = None if one.thomson is None else one.thomson.excess
        row = row_of(one)
        keys = [*(values[place] for place in places), excess, row[-2], one.features[0]]
        groups.append(
            {
                "name": one.name,
                "label": one.label,
                "color": color,
                "row": row,
                "keys": [None if _is_nan(key) else key for key in keys],
                "head": head,
                # A printed line is a name of sixteen characters and what there is to say.
                "lines": [[line[2:18].strip(), line[18:].strip()] for line in lines],
            }
        )
    return groups


def _is_nan(key: object) -> bool:
    return isinstance(key, float) and not math.isfinite(key)


def _figure(report: GeometryReport, one: ComponentReport, W: Array | None) -> Figure:
    members, match = np.array(one.features), one.match
    # Numbers of the vertices, in the order of the features.
    on_vertex = {i: k for k, vertex in enumerate(one.vertices) for i in vertex}
    own = np.array([on_vertex[i] for i in one.features])
    if W is not None:
        columns = W[:, members]
        points: Array | None = columns.T @ axes_of(columns, one.rank, match)
    elif one.directions is not None:
        points = one.norms[:, None] * on_axes(one.directions, match)[own]
    else:
        points = None
    ideal = own if match is None else np.array(match.permutation)[own]
    length = float(report.norms[members].mean())
    return Figure(members=members, vertices=ideal, points=points, match=match, length=length)
