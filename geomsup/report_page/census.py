"""The page of a :class:`geomsup.survey.record.Census`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.geometry.gram import unit_columns
from geomsup.plotting.style import toned_colors
from geomsup.report_page.figures import MOST_AXES, Figure, Figures, axes_of
from geomsup.report_page.links import add_links, forest_of_pairs
from geomsup.report_page.payload import Payload
from geomsup.restoring import plain
from geomsup.survey.component import Component
from geomsup.survey.record import Census
from geomsup.weights import matrix_of

__all__ = ["payload_of"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# The histograms of a census have bins of .001; a page shows bins of .01.
_MERGED = 10
# Pairs in the table of a page.
_MOST_LISTED = 20_000
_MOST_NAMED = 6
# Cosines of a census are those of float32.
_ROUNDING = 1e-5
_COLUMNS = {
    "name": "a shape of the catalogue, bundle, ring, arc or irregular",
    "n": "features",
    "rank": "dimensions that the structure takes up",
    "|cos|": "least |cosine| at which it holds together",
    "nats": "evidence for one structure over directions of the background",
    "leak": "share of its interference with features outside, among significant pairs",
    "spread": "root mean square angle to the common direction",
    "about": "what a shape or a ring is centred on",
    "features": "the first of them",
}


def payload_of(
    found: Census, weights: object, feature_axis: int, labels: Sequence[str] | None
) -> Payload:
    """All that the page of a census shows."""
    W = None if weights is None else _prepared(found, weights, feature_axis)
    labels = found.labels if labels is None else labels
    said = str(found).split("\n")
    payload = Payload(
        "census",
        {
            "title": said[0],
            "head": said[1:3],
            "foot": [_believed(found)],
            "labels": None if labels is None else [labels[k] for k in found.features],
            "columns": [{"name": name, "meaning": text} for name, text in _COLUMNS.items()],
            "groups": _groups(found, labels),
            "cut": min((one.height for one in found.components), default=1.0),
            "whole": False,
            "null": f"{found.null} null",
            "n_draws": found.n_draws,
            "comparisons": _compared(found),
        },
    )
    payload.add("number", found.features)
    payload.add("norm", found.norms)
    payload.add("level", found.dimensionalities)
    payload.add("largest", found.largest)
    payload.add("nearest", found.nearest)
    payload.add("least", found.least)
    payload.add("opposite", found.opposite)
    payload.add("histogram", found.histogram.reshape(-1, _MERGED).sum(axis=1))
    payload.add("null_histogram", found.null_histogram.reshape(-1, _MERGED).sum(axis=1))
    for side, kept in (("below", found.cosines < 0), ("above", found.cosines > 0)):
        bins = np.linspace(-1.0, 1.0, len(found.histogram) // _MERGED + 1)
        payload.add(f"believed_{side}", np.histogram(found.cosines[kept], bins)[0])
    believed = _positions(found, np.column_stack([found.i, found.j]))
    pairs, cosines = _with_inner(found, believed, W)
    forest = forest_of_pairs(len(found.features), pairs, cosines)
    figures = Figures(figures=[_figure(found, one, W) for one in found.components])
    notes = add_links(payload, pairs, cosines, forest)
    notes += figures.add_to(payload)
    payload.words["notes"] = [*notes, *_add_listed(payload, found, believed)]
    return payload


def _prepared(found: Census, weights: object, feature_axis: int) -> Array:
    W = matrix_of(weights, feature_axis=feature_axis)
    if W.shape != (found.dim, found.n_given):
        raise GeomsupError(
            f"weights must have shape ({found.dim}, {found.n_given}), those of the census, got "
            f"{W.shape}; feature_axis=0 says that rows are features"
        )
    if found.settings["centre"]:
        W = W - W[:, found.features].mean(axis=1, keepdims=True)
    return W


def _believed(found: Census) -> str:
    return (
        f"{found.n_above:,} pairs closer and {found.n_below:,} more opposite than the "
        f"{found.null} null has it, at a false discovery rate of {found.q:g}"
    )


def _positions(found: Census, numbers: IntArray) -> IntArray:
    """Where features are among those that were looked at, which ascend."""
    return np.searchsorted(found.features, numbers)


def _with_inner(found: Census, believed: IntArray, W: Array | None) -> tuple[IntArray, Array]:
    """The believed pairs, and those that hold a structure together without being beyond chance."""
    pairs, cosines = [believed], [found.cosines]
    for one in found.components:
        if W is None:
            break
        units = unit_columns(W[:, list(one.features)])[0]
        inner = np.clip(units.T @ units, -1.0, 1.0)
        i, j = np.nonzero(np.triu(np.abs(inner) >= one.height - _ROUNDING, 1))
        members = _positions(found, np.array(one.features))
        pairs.append(np.column_stack([members[i], members[j]]))
        cosines.append(inner[i, j])
    every = np.sort(np.concatenate(pairs), axis=1)
    once = np.unique(every, axis=0, return_index=True)[1]
    return every[once], np.concatenate(cosines)[once]


def _compared(found: Census) -> list[dict[str, Any]]:
    everything = {"pairs": found.comparisons, "structures": found.structures}
    everything["partner"] = found.partner
    return [
        plain({**one.to_dict(), "of": of, "by_chance": one.share_by_chance})
        for of, listed in everything.items()
        for one in listed
    ]


def _groups(found: Census, labels: Sequence[str] | None) -> list[dict[str, Any]]:
    colors = toned_colors([one.name for one in found.components])
    groups = []
    for one, color in zip(found.components, colors, strict=True):
        named = [str(i) if labels is None else labels[i] for i in one.features[:_MOST_NAMED]]
        more = len(one.features) - len(named)
        first = ", ".join(named) + (f" and {more} more" if more else "")
        row = [
            one.name,
            f"{len(one.features):,}",
            str(one.rank),
            f"{one.height:.2f}",
            f"{one.log_evidence:.0f}",
            f"{100 * one.leakage:.1f}%",
            f"{np.degrees(one.spread):.1f}°",
            one.about,
            first,
        ]
        keys = [one.name, len(one.features), one.rank, one.height, one.log_evidence]
        keys += [one.leakage, one.spread, one.about, one.features[0]]
        groups.append(
            {
                "name": one.name,
                "label": one.name,
                "color": color,
                "row": row,
                "keys": keys,
                "head": f"{one.name}: {len(one.features):,} features, rank {one.rank}",
                "lines": _lines(one),
            }
        )
    return groups


def _lines(one: Component) -> list[list[str]]:
    lines = [
        ["holds together", f"at |cosine| {one.height:.4f}"],
        ["log evidence", f"{one.log_evidence:.1f}"],
        ["leakage", f"{100 * one.leakage:.2f} %"],
        ["spread", f"{np.degrees(one.spread):.2f}°"],
        ["centred on", one.about],
    ]
    if max(one.multiplicities) > 1:
        lines.append(["on each vertex", " ".join(map(str, one.multiplicities))])
    if one.match is not None:
        lines.append(["match", str(one.match)])
    if one.p_value is not None:
        lines.append(["p", f"{one.p_value:.3g}"])
    return [*lines, ["why", one.why]] if one.why else lines


def _figure(found: Census, one: Component, W: Array | None) -> Figure:
    members = _positions(found, np.array(one.features))
    match, single = one.match, max(one.multiplicities) == 1
    own = np.arange(len(members))
    points = None
    if W is not None:
        columns = unit_columns(W[:, list(one.features)])[0]
        if one.about == "centroid":
            columns = unit_columns(columns - columns.mean(axis=1, keepdims=True))[0]
        points = columns.T @ axes_of(columns, min(MOST_AXES, *columns.shape), match)
    if match is not None and single and len(match.permutation) == len(members):
        own = np.array(match.permutation)
    elif match is not None and W is not None and points is not None:
        # The nearest vertex, where several features share one.
        own = np.argmax(points @ match.vertices.T, axis=1)
    return Figure(members=members, vertices=own, points=points, match=match)


def _add_listed(payload: Payload, found: Census, pairs: IntArray) -> list[str]:
    """Write the most improbable pairs, for a table; returns what was cut."""
    kept = slice(0, _MOST_LISTED)
    payload.add("pair", pairs[kept].ravel())
    payload.add("pair_cosine", found.cosines[kept])
    payload.add("pair_log_p", found.log_p_values[kept])
    payload.add("pair_q", found.q_values[kept])
    n = len(found.cosines)
    if n <= _MOST_LISTED:
        return []
    return [f"table of pairs: the {_MOST_LISTED:,} of least p-value, of {n:,}"]
