"""What a weight file or a folder offers: its arrays, those that may be weights, and its layout."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from geomsup.errors import GeomsupError
from geomsup.weights.entries import ArrayInfo, weight_candidates
from geomsup.weights.layout_files import Container, UnknownLayoutError, open_container
from geomsup.weights.opened import OpenedWeights, open_weights

__all__ = ["FileContents", "contents_of", "read_as"]


@dataclass(frozen=True, kw_only=True, eq=False)
class FileContents:
    """What a file holds, by its headers.

    Parameters
    ----------
    container : Container
        The file, or the shards of a model.
    matrices : tuple of ArrayInfo
        Arrays that may be weights: matrices of real numbers, and stacks of them.
    opened : OpenedWeights or None
        The feature directions, if the file has a published layout.
    open_question : str
        What a file of a published layout leaves open; "" for nothing.
    """

    container: Container
    matrices: tuple[ArrayInfo, ...]
    opened: OpenedWeights | None = None
    open_question: str = ""

    @property
    def path(self) -> Path:
        """The file, also where a folder was given."""
        return self.container.path

    @property
    def arrays(self) -> tuple[ArrayInfo, ...]:
        """All arrays, in the order of the file."""
        return tuple(self.container.arrays.values())

    def feature_axis(self, name: str) -> int | None:
        """Which axis of an array counts the features, where the layout says so."""
        opened = self.opened
        return None if opened is None or opened.key != name else opened.feature_axis


def contents_of(path: str | os.PathLike[str]) -> FileContents:
    """What a weight file, or a folder of a published layout, holds; only headers are read.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    WeightsError
        If it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> path = tempfile.mkdtemp() + "/W.npy"
    >>> np.save(path, np.eye(2, 5))
    >>> contents = contents_of(path)
    >>> [read_as(info) for info in contents.matrices]
    ['5 features in 2 dimensions']
    """
    container = open_container(path)
    opened, question = None, ""
    try:
        opened = open_weights(container.path)
    except UnknownLayoutError:
        pass
    except GeomsupError as error:
        question = str(error)
    candidates = weight_candidates(container.arrays.values())
    return FileContents(
        container=container,
        matrices=tuple(info for info in candidates if _is_real_matrix(info)),
        opened=opened,
        open_question=question,
    )


def read_as(info: ArrayInfo, feature_axis: int | None = None) -> str:
    """What an array is, in words: columns are features, unless axis 0 is known to count them."""
    *stack, n_hidden, n_features = info.shape
    if feature_axis == 0:
        n_hidden, n_features = n_features, n_hidden
    text = f"{n_features} features in {n_hidden} dimensions"
    return " × ".join([*map(str, stack), text])


def _is_real_matrix(info: ArrayInfo) -> bool:
    real = info.dtype.startswith(("float", "bfloat", "int", "uint", "bool"))
    return real and len(info.shape) in (2, 3) and 0 not in info.shape
