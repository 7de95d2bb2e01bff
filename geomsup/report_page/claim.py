"""The page of a :class:`geomsup.claims.record.Claim`."""

from __future__ import annotations

import numpy as np

from geomsup.claims.record import Claim
from geomsup.report_page.payload import Payload

__all__ = ["payload_of"]

# Beyond, a sum of logarithms of likelihoods is called certain or hopeless.
_MOST_NATS = 1e5


def payload_of(claim: Claim) -> Payload:
    """All that the page of a claim shows."""
    place = {feature: k for k, feature in enumerate(claim.features)}
    order = np.array([place[feature] for feature in claim.order])
    said = str(claim).split("\n")
    labels = None if claim.labels is None else [claim.labels[k] for k in order]
    payload = Payload(
        "claim",
        {
            "title": said[0],
            "head": [],
            "foot": [],
            "labels": labels,
            "notes": _notes(claim),
            "verdict": claim.verdict,
            "why": claim.why,
            "curve": claim.curve,
            "about": claim.about,
            "share": claim.share,
            "statistic": claim.statistic,
            "statistic_name": claim.statistic_name,
            "evidence": [
                [name, float(np.clip(value, -_MOST_NATS, _MOST_NATS))]
                for name, value in claim.evidence.items()
            ],
            "tests": [[name, value] for name, value in claim.tests().items()],
            "lines": _lines(claim),
            "axes": claim.span.shape[1],
        },
    )
    payload.add("number", np.array(claim.order, dtype=np.int64))
    payload.add("points", claim.span[order].ravel())
    if claim.angles is not None:
        payload.add("angle", claim.angles)
    payload.add("control", claim.control_coordinates.ravel())
    payload.add("control_statistic", claim.control_statistics, exact=True)
    return payload


def _lines(claim: Claim) -> list[list[str]]:
    """What was measured, beside the controls, and how it was looked at."""
    low, middle, high = np.quantile(claim.control_statistics, [0.05, 0.5, 0.95])
    lines = [
        [
            claim.statistic_name,
            f"{claim.statistic:.4f}; controls {middle:.4f}, nine of ten in {low:.4f} to {high:.4f}",
        ],
        ["in the plane", f"{100 * claim.share:.0f} % of the squared distances"],
        [
            "mean cosine",
            f"{claim.mean_cosine:.3f}; of the controls {claim.control_mean_cosine:.3f}",
        ],
        ["noise", f"as in {claim.noise_dim:.0f} dimensions"],
        ["centre", f"the {claim.about}"],
    ]
    if claim.curve is not None:
        lines.insert(2, ["last to first", f"{claim.closure:.2f} mean steps"])
    said = {True: "yes", False: "no", None: "none"}
    for name, value in claim.settings.items():
        if name != "n_controls":
            is_word = value is None or isinstance(value, bool)
            lines.append([name.replace("_", " "), said[value] if is_word else str(value)])
    return lines


def _notes(claim: Claim) -> list[str]:
    shown, n, axes = len(claim.control_coordinates), claim.n_controls, claim.span.shape[1]
    notes = [f"the plane of {shown:,} of {n:,} control groups"] if shown < n else []
    if axes < len(claim.features) - (claim.about == "centroid"):
        notes.append(f"all but the {axes} strongest axes of the group")
    return notes
