"""Pages as files and on the screen."""

from __future__ import annotations

import html
import os
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from geomsup.claims.record import Claim
from geomsup.dynamics import GeometryTimeline
from geomsup.errors import GeomsupError, shorten
from geomsup.geometry.report import GeometryReport
from geomsup.report_page import atlas, census, claim, geometry, sweep, timeline
from geomsup.report_page.payload import Payload
from geomsup.survey.record import Census
from geomsup.sweeps import Store, Sweep
from geomsup.theory.atlas.table import Atlas, AtlasCell
from geomsup.validation import brief
from geomsup.weights.labels import labels_of

__all__ = ["open_page", "page_of", "write_page"]


def _of_matrix(
    payload_of: Callable[..., Payload], n_features_of: Callable[[Any], int]
) -> Callable[..., Payload]:
    """What makes the payload of a result about a matrix, from the options of `Shown.to_html`."""

    def made(
        result: Any,
        *,
        weights: object = None,
        feature_axis: int = -1,
        labels: Sequence[str] | str | os.PathLike[str] | None = None,
    ) -> Payload:
        return payload_of(result, weights, feature_axis, labels_of(labels, n_features_of(result)))

    return made


# To add a page: a module with payload_of here, one of the same kind in the front end, and an entry.
_KINDS: dict[type, Callable[..., Payload]] = {
    GeometryReport: _of_matrix(geometry.payload_of, lambda report: report.n_features),
    Census: _of_matrix(census.payload_of, lambda found: found.n_given),
    GeometryTimeline: _of_matrix(timeline.payload_of, lambda line: line.levels.shape[1]),
    Atlas: atlas.payload_of,
    AtlasCell: lambda cell: atlas.payload_of([cell]),
    Claim: claim.payload_of,
    Store: sweep.payload_of,
    Sweep: sweep.payload_of,
}
_FRAME_HEIGHT = 900


def page_of(result: Any, *, title: str | None = None, **options: Any) -> str:
    """The page of a result as text; `options` are those of the `to_html` of the result.

    Raises
    ------
    GeomsupError
        If there is no page for such a result, or the arguments do not belong to it.
    """
    if type(result) not in _KINDS:
        names = ", ".join(kind.__name__ for kind in _KINDS)
        raise GeomsupError(f"there are pages of {names}, and none of {type(result).__name__}")
    if title is not None and not isinstance(title, str):
        raise GeomsupError(f"title must be a str, got {brief(title)}")
    payload = _KINDS[type(result)](result, **options)
    if title is not None:
        payload.words["title"] = title
    heading = html.escape(payload.words["title"])
    filled = {
        "title": f"{heading} · geomsup" if heading else "geomsup",
        "printed": html.escape(str(result)),
        # Seen before the program has unpacked the rest.
        "heading": heading,
        "data": payload.encoded(),
    }
    page, rest = "", _template()
    for name, text in filled.items():
        before, _, rest = rest.partition(f"<!--{name}-->")
        page += before + text
    return page + rest


@cache
def _template() -> str:
    return (files("geomsup.report_page") / "page.html").read_text(encoding="utf-8")


def write_page(result: Any, path: str | os.PathLike[str], **options: Any) -> Path:
    """Write the page of a result; see `geomsup.showing.Shown.to_html`."""
    text = page_of(result, **options)
    try:
        target = Path(path)
        target.write_text(text, encoding="utf-8", errors="replace")
    except (OSError, TypeError, ValueError) as error:
        raise GeomsupError(f"{shorten(path)} cannot be written: {error}") from error
    return target


class _Frame:
    """A page inside a notebook."""

    def __init__(self, text: str) -> None:
        self._text = text

    def _repr_html_(self) -> str:
        # The frame has no origin: nothing in the page can reach the notebook around it.
        return (
            f'<iframe srcdoc="{html.escape(self._text)}" title="geomsup" '
            f'style="width:100%;height:{_FRAME_HEIGHT}px;border:0" '
            'sandbox="allow-scripts allow-downloads allow-modals"></iframe>'
        )


def open_page(result: Any, **options: Any) -> Any:
    """Open the page of a result; see `geomsup.showing.Shown.show`."""
    # As for progress bars, the kernel of a notebook gives it away.
    if "ipykernel" in sys.modules:
        return _Frame(page_of(result, **options))
    folder = Path(tempfile.mkdtemp(prefix="geomsup-"))
    path = write_page(result, folder / "page.html", **options)
    webbrowser.open(path.as_uri())
    return path
