"""Single settings: what counts as a number, and how the complaint reads when something does not.

Values are normalised to plain Python numbers and nested tuples, so that a configuration compares,
hashes and goes to JSON and back without loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.validation import numbers

__all__ = [
    "FloatArray",
    "PerFeature",
    "refuse",
    "table_of",
    "to_lists",
    "to_tuples",
]

FloatArray: TypeAlias = NDArray[np.float64]
PerFeature: TypeAlias = float | Sequence[float] | Sequence[Sequence[float]] | FloatArray
"""A scalar, one value for each feature, or a 2-D table (instance, feature)."""


def table_of(
    name: str, value: object, *, n_features: int, n_instances: int, n_settings: int
) -> FloatArray:
    """A per-feature setting as an array whose shape fits the models.

    Parameters
    ----------
    n_features, n_instances : int
        Size of the batch of models.
    n_settings : int
        Number of distinct rows that a table may have as well; each then serves several instances.
    """
    table = numbers(name, value)
    n, k = n_features, n_instances
    rows = list(dict.fromkeys([k, n_settings]))
    if table.ndim == 1 and table.shape != (n,):
        cure = "; for one value per instance write [[v] for v in values]"
        raise GeomsupError(
            f"{name} as a flat sequence needs one value per feature ({n}), got "
            f"{table.size}{cure if table.size in rows else ''}"
        )
    if table.ndim == 2 and (table.shape[0] not in (1, *rows) or table.shape[1] not in (1, n)):
        shapes = " or ".join(f"({row}, {column})" for row in rows for column in (1, n))
        kind = "(n_instances, n_features)"
        if len(rows) > 1:
            kind = "(n_instances or n_instances / n_restarts, n_features)"
        raise GeomsupError(f"{name} as a table needs shape {shapes} {kind}, got {table.shape}")
    if table.ndim > 2:
        raise GeomsupError(
            f"{name} must be a scalar, ({n},) per feature, ({k}, 1) per instance or "
            f"({k}, {n}), got {table.ndim} dimensions"
        )
    refuse(table, ~np.isfinite(table), f"{name} must be finite, got {{}}")
    return table


def refuse(table: FloatArray, wrong: NDArray[np.bool_], message: str) -> None:
    """Complain about the first wrong entry, if there is one."""
    if wrong.any():
        raise GeomsupError(message.format(float(table[wrong][0])))


def to_tuples(value: Any) -> Any:
    """Nested lists as nested tuples, which hash."""
    return tuple(to_tuples(item) for item in value) if isinstance(value, list) else value


def to_lists(value: Any) -> Any:
    """Nested tuples as nested lists, which are JSON."""
    return [to_lists(item) for item in value] if isinstance(value, tuple) else value
