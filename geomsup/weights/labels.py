"""Names of features, from a list or a file."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

from geomsup.errors import GeomsupError
from geomsup.validation import brief

__all__ = ["labels_of"]


def labels_of(labels: object, n_features: int) -> tuple[str, ...] | None:
    """Return a name for each feature.

    Parameters
    ----------
    labels : sequence of str, path or None
        A list, a text file with a name on each line, or a CSV file whose header has "label", and
        perhaps "feature": the number that the name belongs to, from 0.
    n_features : int

    Returns
    -------
    tuple of str or None
        "" for a feature that a CSV file leaves out.

    Raises
    ------
    GeomsupError
        If there are too many or too few of them, or the file cannot be read.

    Examples
    --------
    >>> labels_of(["cat", "dog"], 2)
    ('cat', 'dog')
    """
    if labels is None:
        return None
    if isinstance(labels, (str, os.PathLike)):
        names = _from_file(Path(labels), n_features)
    elif isinstance(labels, Sequence) and all(isinstance(name, str) for name in labels):
        names = list(labels)
    else:
        raise GeomsupError(
            f"labels must be a list of str or the path of a file, got {brief(labels)}"
        )
    if len(names) != n_features:
        raise GeomsupError(f"expected {n_features} labels, one for each feature, got {len(names)}")
    return tuple(names)


def _from_file(path: Path, n_features: int) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise GeomsupError(f"labels cannot be read from {brief(str(path))}: {error}") from error
    if path.suffix.lower() != ".csv":
        # Words may hold what str.splitlines takes for the end of a line.
        return text.removesuffix("\n").split("\n")
    reader = csv.DictReader(io.StringIO(text, newline=""))
    columns = reader.fieldnames or []
    if "label" not in columns:
        raise GeomsupError(
            f"{path.name} must have a column 'label' in its first line, got {brief(list(columns))}"
        )
    rows = [(row.get("feature"), row["label"] or "") for row in reader]
    if "feature" not in columns:
        return [name for _, name in rows]
    names = [""] * n_features
    for number, name in rows:
        if not (number or "").strip().isdecimal() or int(number or 0) >= n_features:
            raise GeomsupError(
                f"{path.name} must number features 0 … {n_features - 1}, got {brief(number)}"
            )
        names[int(number or 0)] = name
    return names
