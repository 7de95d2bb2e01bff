"""Several trained models at a glance: what each became, what it costs, and how to show it.

``train``, ``classify`` and ``demo`` all end in the same table, which is made here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from geomsup import GeometryReport
from geomsup.cli.output import table
from geomsup.geometry.classify import geometry_of
from geomsup.progress import bar

if TYPE_CHECKING:
    from geomsup.training import TrainedModel, TrainingRun

__all__ = [
    "Row",
    "classified_models",
    "distribution",
    "model_dict",
    "model_table",
    "row_dict",
    "structures",
    "table_of",
    "with_bar",
]

T = TypeVar("T")

_MAX_ROWS = 40
_MAX_KINDS = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """One model: its number, its report, and the model itself where training made it."""

    instance: int
    report: GeometryReport
    model: TrainedModel | None = None

    def trained(self) -> TrainedModel:
        """The model of a row that has one."""
        assert self.model is not None
        return self.model


def classified_models(
    models: TrainingRun | Iterable[TrainedModel], options: dict[str, Any] | None = None
) -> list[Row]:
    """A row for each model, as `ranked`."""
    from geomsup.training.ranking import ranked

    return [
        Row(instance=m.instance, report=geometry_of(m.W, **(options or {})), model=m)
        for m in with_bar(ranked(models), "model")
    ]


def with_bar(items: Sequence[T], unit: str, doing: str = "classifying") -> Iterator[T]:
    """The items, with a bar while something is done with each."""
    with bar(len(items), doing, unit) as advance:
        for done, item in enumerate(items):
            advance(done)
            yield item


def structures(report: GeometryReport) -> str:
    """The structures of a report in one line, "(×2)" marking parallel features on one vertex."""
    names = [component.label for component in report.components]
    text = " + ".join(
        name if count == 1 else f"{count} × {name}" for name, count in Counter(names).most_common()
    )
    if not text and report.unstructured is not None:
        return f"{len(report.unstructured.features)} unstructured"
    return (f"{text} = {report.composite}" if report.composite else text) or "nothing represented"


def distribution(rows: list[Row]) -> list[str]:
    """What became of the models as lines of text, most frequent first; none if all differ."""
    counts = Counter(structures(row.report) for row in rows).most_common()
    if len(counts) == len(rows):
        return []
    width = len(str(len(rows)))
    lines = [f"  {count:>{width}} of {len(rows)}  {text}" for text, count in counts[:_MAX_KINDS]]
    rest = sum(count for _, count in counts[_MAX_KINDS:])
    if rest:
        lines.append(f"  {rest:>{width}} of {len(rows)}  others")
    return lines


def table_of(rows: list[Row]) -> list[str]:
    """The models as lines of text, at most forty of them."""
    cells = [
        [str(row.instance), str(int(row.report.represented.sum())), structures(row.report)]
        for row in rows
    ]
    models = [row.model for row in rows if row.model is not None]
    return model_table(["instance", "features", "geometry"], cells, models)


def model_table(
    header: Sequence[str],
    cells: Sequence[Sequence[str]],
    models: Sequence[TrainedModel],
    *,
    words: bool = True,
) -> list[str]:
    """A table with a line for each model, at most forty of them, as lines of text.

    The first column is the instance, the last may be words; what models were trained on and their
    losses come after the first, where there are any.
    """
    first, *others = header
    lines = [list(line) for line in cells[:_MAX_ROWS]]
    if models:
        others = ["p", "loss", "±", *others]
        for line, model in zip(lines, models, strict=False):
            line[1:1] = [
                _span(model.feature_probability),
                f"{model.loss:.6g}",
                f"{model.loss_error:.1g}",
            ]
    shown = table([first, *others], lines, left=header[-1:] if words else ())
    if len(cells) > _MAX_ROWS:
        shown.append(f"… and {len(cells) - _MAX_ROWS} more")
    return shown


def row_dict(row: Row) -> dict[str, Any]:
    """A row as a JSON-ready dictionary."""
    found = {
        "instance": row.instance,
        "n_represented": int(row.report.represented.sum()),
        "counts": row.report.counts(),
        "composite": row.report.composite,
        "structures": structures(row.report),
    }
    return found if row.model is None else {**found, **model_dict(row.model)}


def model_dict(model: TrainedModel) -> dict[str, Any]:
    """Number, loss and task of a model, JSON-ready."""
    return {
        "instance": model.instance,
        "loss": model.loss,
        "loss_error": model.loss_error,
        "feature_probability": model.feature_probability.tolist(),
        "importance": model.importance.tolist(),
    }


def _span(values: NDArray[np.float64]) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:g}" if low == high else f"{low:g}…{high:g}"
