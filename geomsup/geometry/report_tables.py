"""Reports as tables: a row for each component, or for each feature."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geomsup.errors import GeomsupError, MissingExtraError, shorten

__all__ = ["Table", "table_of"]

_COMPONENT = (
    "name n_features n_vertices rank probability rms_angle shape_measure dimensionality_min "
    "dimensionality_max norm_min norm_max leakage cohesion log_evidence tightness coherence "
    "features"
)
_FEATURE = "feature norm dimensionality represented component name"


@dataclass(frozen=True, kw_only=True)
class Table:
    """Named columns and rows of plain values; None where there is nothing."""

    columns: list[str]
    rows: list[tuple[Any, ...]]

    def to_dataframe(self) -> Any:
        """A pandas DataFrame; raises `MissingExtraError` if pandas is not installed."""
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtraError(
                "to_dataframe needs pandas, which is not installed; pip install 'geomsup[pandas]', "
                "or use to_csv"
            ) from None
        return pd.DataFrame(self.rows, columns=self.columns)

    def to_csv(self, path: str | os.PathLike[str] | None) -> str:
        """Comma-separated text with a header; written to a file in UTF-8 if there is one."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(self.columns)
        for row in self.rows:
            writer.writerow(
                " ".join(map(str, value)) if isinstance(value, tuple) else value for value in row
            )
        if path is not None:
            try:
                Path(path).write_text(buffer.getvalue(), encoding="utf-8")
            except (OSError, TypeError, ValueError) as error:
                raise GeomsupError(f"{shorten(path)} cannot be written: {error}") from error
        return buffer.getvalue()


def table_of(report: Any, rows: object) -> Table:
    """Table of a report, with a row for each "component" or "feature"."""
    if rows == "components":
        components = [_component_row(component) for component in report.components]
        return Table(columns=_COMPONENT.split(), rows=components)
    if rows == "features":
        return Table(columns=_FEATURE.split(), rows=_feature_rows(report))
    raise GeomsupError(f"rows must be 'components' or 'features', got {shorten(rows)}")


def _component_row(component: Any) -> tuple[Any, ...]:
    match, levels, norms = component.match, component.dimensionalities, component.norms
    return (
        component.name,
        len(component.features),
        component.n_vertices,
        component.rank,
        component.irregular_probability if match is None else match.probability,
        None if match is None else match.rms_angle,
        None if match is None else match.shape_measure,
        float(levels.min()),
        float(levels.max()),
        float(norms.min()),
        float(norms.max()),
        component.leakage,
        component.cohesion,
        component.log_evidence,
        component.tightness,
        component.coherence,
        component.features,
    )


def _feature_rows(report: Any) -> list[tuple[Any, ...]]:
    homes = {
        feature: (number, component.name)
        for number, component in enumerate(report.components)
        for feature in component.features
    }
    columns = (report.norms, report.dimensionalities, report.represented)
    numbers = zip(*(column.tolist() for column in columns), strict=True)
    return [(i, *row, *homes.get(i, (None, None))) for i, row in enumerate(numbers)]
