"""Matrices of features, from arrays, tensors and files.

>>> from geomsup.weights import as_weights
>>> as_weights([[1, 0], [0, 1], [1, 1]], feature_axis=0).shape      # rows are features
(2, 3)

`matrix` turns whatever holds a matrix into one; `files`, `formats` and what they read with know the
formats of files; `layouts`, `orientation` and `opened` know how published dictionaries lie in them.
"""

from __future__ import annotations

from geomsup.weights.entries import ArrayInfo
from geomsup.weights.files import list_arrays
from geomsup.weights.layout_files import UnknownLayoutError
from geomsup.weights.layouts import Key, Layout
from geomsup.weights.matrix import as_numbers, as_weights, load_arrays, matrix_of, per_feature
from geomsup.weights.opened import OpenedWeights, open_weights

__all__ = [
    "ArrayInfo",
    "Key",
    "Layout",
    "OpenedWeights",
    "UnknownLayoutError",
    "as_numbers",
    "as_weights",
    "list_arrays",
    "load_arrays",
    "matrix_of",
    "open_weights",
    "per_feature",
]
