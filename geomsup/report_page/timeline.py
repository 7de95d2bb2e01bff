"""The page of a :class:`geomsup.dynamics.timeline.GeometryTimeline`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.dynamics import GeometryTimeline
from geomsup.errors import GeomsupError
from geomsup.plotting.style import name_color
from geomsup.report_page.figures import MOST_AXES
from geomsup.report_page.payload import Payload
from geomsup.weights import as_numbers

__all__ = ["payload_of"]

Array = NDArray[np.float64]

# Numbers of all curves, and of all positions, that a page holds: 2 MB each.
_MOST_NUMBERS = 500_000


def payload_of(
    line: GeometryTimeline, weights: object, feature_axis: int, labels: Sequence[str] | None
) -> Payload:
    """All that the page of a timeline shows."""
    n_records, n_features = line.levels.shape
    W = None if weights is None else _checked(line, weights, feature_axis)
    kept = _thinned(n_records, n_features)
    spans = [
        {
            "name": name,
            "start": start,
            "stop": stop,
            "color": name_color(name),
            "stored": line.full_from(start, stop),
        }
        for name, start, stop in line.spans()
    ]
    last = line.names[-1]
    payload = Payload(
        "timeline",
        {
            "title": last or f"{n_features} features over {n_records} records",
            "head": [str(line).split("\n", 1)[0]],
            "foot": [_coincidence(line)],
            "labels": labels,
            "spans": spans,
            "events": _events(line),
            "names": [line.names[k] for k in kept],
        },
    )
    payload.add("step", line.steps[kept])
    payload.add("loss", line.losses[kept])
    payload.add("norm", line.norms[kept])
    payload.add("level", line.levels[kept])
    notes = []
    if len(kept) < n_records:
        notes.append(f"{len(kept):,} of {n_records:,} records, evenly spaced")
    if W is None:
        notes.append("the shape at each step is not in this page; weights= tells it")
    else:
        notes += _add_points(payload, W[kept])
    payload.words["notes"] = notes
    return payload


def _checked(line: GeometryTimeline, weights: object, feature_axis: int) -> Array:
    W = np.asarray(as_numbers(weights, "weights"), dtype=np.float64)
    if W.ndim == 3 and feature_axis == 0:
        W = W.transpose(0, 2, 1)
    n_records, n_features = line.levels.shape
    if W.ndim != 3 or W.shape[0] != n_records or W.shape[2] != n_features:
        raise GeomsupError(
            f"weights must have shape ({n_records}, n_hidden, {n_features}), those of the "
            f"timeline, got {W.shape}"
        )
    if not np.allclose(np.linalg.norm(W, axis=1), line.norms, rtol=1e-5, atol=1e-6):
        raise GeomsupError("weights are not those of the timeline: their norms are others")
    return W


def _thinned(n_records: int, n_features: int) -> NDArray[np.intp]:
    most = max(2, min(n_records, _MOST_NUMBERS // n_features))
    return np.unique(np.linspace(0, n_records - 1, most).round().astype(np.intp))


def _coincidence(line: GeometryTimeline) -> str:
    return str(line).rsplit("\n", 1)[-1] if np.isfinite(line.coincidence.share) else ""


def _events(line: GeometryTimeline) -> list[dict[str, Any]]:
    """What happened, in the words of the printed timeline, in order."""
    events = [
        {"kind": "jump", "start": one.start, "stop": one.stop, "text": str(one)}
        for one in line.jumps
    ]
    events += [
        {"kind": "loss drop", "start": one.start, "stop": one.stop, "text": str(one)}
        for one in line.loss_drops
    ]
    return sorted(events, key=lambda event: event["start"])


def _add_points(payload: Payload, W: Array) -> list[str]:
    """Write where each feature is at each record, on axes that do not move."""
    n_records, n_hidden, n_features = W.shape
    axes = min(n_hidden, MOST_AXES, max(3, _MOST_NUMBERS // (n_records * n_features)))
    points = W.transpose(0, 2, 1)
    if axes < n_hidden:
        points = points @ np.linalg.svd(W[-1])[0][:, :axes]
    payload.add("points", points.ravel())
    payload.words["axes"] = axes
    if axes == n_hidden:
        return []
    return [f"the picture shows the {axes} strongest of {n_hidden} axes of the last record"]
