"""The page of a sweep: any quantity of its results against any field of its grid."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from geomsup.errors import GeomsupError, counted, first_line
from geomsup.plotting.sweeps import checked_rows, is_number
from geomsup.report_page.payload import Payload
from geomsup.sweeps import Result, Store, Sweep

__all__ = ["payload_of"]

Rows = Sequence[Mapping[str, Any]]

# Names of tasks, of which a page of more rows has none: they do not compress.
_MOST_IDS = 20_000
# Letters of a value that is a list or a table by itself.
_MOST_LETTERS = 200
# What says which task it was, behind what was set and what came out.
_LAST = ("repetition", "function", "error", "id")


def payload_of(
    done: Sweep | Store, *, x: str | None = None, y: str | None = None, by: str | None = None
) -> Payload:
    """All that the page of a sweep shows."""
    results = done.results if isinstance(done, Sweep) else done.results()
    rows = checked_rows([result.row() for result in results], *filter(None, (x, y, by)))
    names = _names(rows)
    varying = [name for name in names if len({_text(row.get(name)) for row in rows}) > 1]
    settings = {name for result in results for name in result.task.config} - set(_LAST)
    numbers = [name for name in names if any(is_number(row.get(name)) for row in rows)]
    for name in filter(None, (x, y)):
        if name not in numbers:
            raise GeomsupError(f"{name} is nowhere a finite number, and cannot be an axis")
    axes = [name for name in varying if name in numbers] or numbers
    notes = []
    if len(rows) > _MOST_IDS and "id" in varying:
        varying.remove("id")
        notes.append(f"the ids of {len(rows):,} tasks; table() has them")
    kept = list(dict.fromkeys([*varying, *filter(None, (x, y, by)), *axes]))
    kept = sorted(kept, key=lambda name: _LAST.index(name) + 1 if name in _LAST else 0)
    payload = Payload(
        "sweep",
        {
            "title": _title(results),
            "head": [_failed(results)],
            "foot": [],
            "labels": None,
            "notes": notes,
            "n": len(rows),
            "columns": [
                {"name": name, "number": name in numbers, "setting": name in settings}
                for name in kept
            ],
            "texts": {
                name: [_text(row.get(name)) for row in rows] for name in kept if name not in numbers
            },
            "same": [[name, _text(rows[0].get(name))] for name in names if name not in kept],
            "x": x or next((name for name in axes if name in settings), axes[0] if axes else ""),
            "y": y or _quantity(axes, settings),
            "by": by or "",
        },
    )
    for k, name in enumerate(kept):
        if name in numbers:
            values = [row[name] if is_number(row.get(name)) else np.nan for row in rows]
            payload.add(f"column_{k}", np.array(values, dtype=np.float64), exact=True)
    return payload


def _names(rows: Rows) -> list[str]:
    """Columns in the order in which they are met."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _quantity(axes: list[str], settings: set[str]) -> str:
    """What came out, the loss before all else."""
    out = [name for name in axes if name not in settings and name not in _LAST]
    return "loss" if "loss" in out else next(iter([*out, *axes]), "")


def _text(value: Any) -> str:
    """A value of a table as text."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 1] + "…"


def _title(results: Sequence[Result]) -> str:
    functions = dict.fromkeys(result.task.function for result in results)
    return f"{counted(len(results), 'task')} of {', '.join(functions)}"


def _failed(results: Sequence[Result]) -> str:
    errors = [result.error["message"] for result in results if result.error is not None]
    if not errors:
        return "none failed"
    return f"{len(errors):,} failed, the first with: {first_line(Exception(errors[0]))}"
