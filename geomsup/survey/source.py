"""The directions of a large matrix, read in blocks and never copied as a whole in float64.

Whatever is to be done to the features first (mask some, fold norms, centre, remove components) is
done to each block as it is read; what is kept of the whole are the unit rows in float32, where they
fit, and a few numbers for each feature.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, MissingExtraError, WeightsError
from geomsup.validation import brief, whole_number, yes_or_no
from geomsup.weights.matrix import as_numbers
from geomsup.weights.opened import OpenedWeights, open_weights

__all__ = ["Directions", "Rows", "about", "axis_of", "mask_of", "matrix_of"]

FloatArray = NDArray[np.float64]
UnitArray = NDArray[np.float32]
IntArray = NDArray[np.intp]

# Numbers of a block: 32 MB in float64.
_BLOCK = 2**22
# Unit rows are kept in memory up to this many bytes, and made again from the matrix beyond.
_MOST_BYTES = 3 * 2**30
# A row that loses all but this share of its norm to centring was the mean, and has no direction.
_NOTHING_LEFT = 1e-6


class Directions:
    """Unit rows in memory: what is drawn, permuted or given as a null."""

    def __init__(self, units: UnitArray) -> None:
        self._units = units
        self.n, self.dim = units.shape

    def units(self, start: int, stop: int) -> UnitArray:
        """Unit rows as float32, shape (stop - start, dim)."""
        return self._units[start:stop]

    def blocks(self) -> Iterator[UnitArray]:
        """All of them, in their order."""
        step = max(1, _BLOCK // self.dim)
        return (self.units(k, min(k + step, self.n)) for k in range(0, self.n, step))

    def exact(self, which: IntArray) -> FloatArray:
        """Some of them as float64."""
        rows = self._units[which].astype(np.float64)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows


@dataclass(frozen=True, kw_only=True)
class _Preparation:
    """What is done to a row before its direction is taken."""

    fold_norms: bool
    mean: FloatArray | None = None
    components: FloatArray | None = None  # (k, dim), orthonormal

    def __call__(self, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Rows prepared, and their norms; without a direction, rows and norm are 0."""
        with np.errstate(over="ignore"):
            before = np.linalg.norm(rows, axis=1)
        if self.fold_norms:
            rows = rows / np.where(before > 0, before, 1.0)[:, None]
            before = (before > 0).astype(np.float64)
        if self.mean is not None:
            rows = rows - self.mean
        if self.components is not None:
            rows = rows - (rows @ self.components.T) @ self.components
        with np.errstate(over="ignore"):
            norms = np.linalg.norm(rows, axis=1)
        # A row of zeros has no direction, though centring would give it that of the others' mean.
        gone = np.isfinite(norms) & ((norms <= _NOTHING_LEFT * before) | (before == 0))
        rows[gone], norms[gone] = 0.0, 0.0
        return rows, norms


class Rows(Directions):
    """The features of a matrix that have a direction, as unit rows.

    Parameters
    ----------
    W : array_like, torch.Tensor, path, OpenedWeights or object with a decoder
    feature_axis : int or None
        None where the orientation is known otherwise.
    mask : ndarray of bool, optional
        The features that take part.
    centre : bool
        Subtract the mean of the features.
    remove_components : int
        Subtract the projection on so many principal components, about the mean if it is subtracted
        and about the origin if not.
    fold_norms : bool
        Divide each feature by its norm first, so that long ones do not weigh more in the mean, in
        the components and in the dimensionalities.

    Attributes
    ----------
    n, dim : int
    n_given, n_masked, n_without : int
        Features of the matrix; those left out on demand; those without a direction.
    features : ndarray of shape (n,)
        Their numbers in the matrix.
    norms : ndarray of shape (n,)
        After the preparation.
    """

    def __init__(
        self,
        W: object,
        *,
        feature_axis: int | None,
        mask: NDArray[np.bool_] | None = None,
        centre: bool = False,
        remove_components: int = 0,
        fold_norms: bool = False,
    ) -> None:
        self._matrix = matrix_of(W, feature_axis)
        self.n_given, self.dim = self._matrix.shape
        kept = np.ones(self.n_given, dtype=np.bool_) if mask is None else mask
        self.features = np.flatnonzero(kept)
        self.n_masked = int(self.n_given - self.features.size)
        self._prepare = _Preparation(fold_norms=False)
        _finite(self)
        self._prepare = _Preparation(fold_norms=yes_or_no("fold_norms", fold_norms))
        self._choose(centre, whole_number("remove_components", remove_components, 0, self.dim - 1))
        self.norms, keep = self._norms()
        self.n_without = int((~keep).sum())
        self.features, self.norms = self.features[keep], self.norms[keep]
        self.n = self.features.size
        if self.n < 2:
            raise GeomsupError(f"expected two or more features with a direction, got {self.n}")
        self._fits = self.n * self.dim * 4 <= _MOST_BYTES
        if self._fits:
            units = np.empty((self.n, self.dim), dtype=np.float32)
            for start, rows in self._prepared():
                units[start : start + len(rows)] = _unit(rows)
            super().__init__(units)

    def units(self, start: int, stop: int) -> UnitArray:
        """Unit rows as float32, shape (stop - start, dim)."""
        if self._fits:
            return super().units(start, stop)
        units: UnitArray = self.exact(np.arange(start, stop)).astype(np.float32)
        return units

    def exact(self, which: IntArray) -> FloatArray:
        """Some unit rows, as exact as the matrix has them."""
        return _unit(self._prepare(self._raw(self.features[which]))[0])

    def prepared(self) -> Iterator[FloatArray]:
        """All rows in blocks, with their norms."""
        return (rows for _, rows in self._prepared())

    def _prepared(self) -> Iterator[tuple[int, FloatArray]]:
        step = max(1, _BLOCK // self.dim)
        for start in range(0, self.features.size, step):
            yield start, self._prepare(self._raw(self.features[start : start + step]))[0]

    def _raw(self, which: IntArray) -> FloatArray:
        # A slice is read from a mapped file at once, scattered rows one by one.
        if which.size and which[-1] - which[0] == which.size - 1 and np.all(np.diff(which) == 1):
            return self._matrix[which[0] : which[-1] + 1].astype(np.float64)
        return np.asarray(self._matrix[which], dtype=np.float64)

    def _choose(self, centre: bool, n_components: int) -> None:
        if yes_or_no("centre", centre):
            total, n = np.zeros(self.dim), 0
            for rows in self.prepared():
                total += rows.sum(axis=0)
                n += int(np.any(rows != 0, axis=1).sum())
            self._prepare = _Preparation(
                fold_norms=self._prepare.fold_norms, mean=total / max(n, 1)
            )
        if n_components:
            second = sum(rows.T @ rows for rows in self.prepared())
            components = np.linalg.eigh(second)[1][:, : -n_components - 1 : -1].T
            self._prepare = _Preparation(
                fold_norms=self._prepare.fold_norms,
                mean=self._prepare.mean,
                components=components,
            )

    def _norms(self) -> tuple[FloatArray, NDArray[np.bool_]]:
        blocks = [np.linalg.norm(rows, axis=1) for rows in self.prepared()]
        norms = np.concatenate(blocks) if blocks else np.zeros(0)
        return norms, norms > 0


@contextmanager
def about(which: str) -> Iterator[None]:
    """Errors say which matrix it is that they find fault with, if it is not W."""
    try:
        yield
    except MissingExtraError:
        raise
    except GeomsupError as error:
        kind = WeightsError if isinstance(error, WeightsError) else GeomsupError
        raise kind(f"{which}: {error}") from error


def axis_of(W: object, axis: int | None, usual: int | None) -> int | None:
    """The axis given for a second matrix, else that of the first; what was opened has its own."""
    return usual if axis is None and not isinstance(W, OpenedWeights) else axis


def matrix_of(W: object, feature_axis: int | None) -> NDArray[Any]:
    """The matrix with a row for each feature, in its own type, mapped where it is in a file."""
    if feature_axis is not None:
        feature_axis = whole_number("feature_axis", feature_axis, -2, 1) % 2
    if isinstance(W, OpenedWeights):
        if feature_axis not in (None, W.feature_axis):
            raise GeomsupError(
                f"feature_axis={feature_axis} contradicts what is known of {W.name}: {W.proof}; "
                "leave it out, or open the file with that feature_axis"
            )
        return W.weights.T
    if isinstance(W, (str, os.PathLike)) or hasattr(W, "W_dec"):
        return open_weights(W, feature_axis=feature_axis).weights.T
    if feature_axis is None:
        raise GeomsupError(
            "feature_axis must be 0 (rows are features) or -1 (columns are): an array does not say"
        )
    matrix = as_numbers(W, "W")
    if matrix.ndim != 2 or not matrix.size:
        raise WeightsError(
            f"W: expected a matrix with features, got an array of shape {matrix.shape}"
        )
    return matrix.T if feature_axis == 1 else matrix


def mask_of(
    mask: object, n_features: int, labels: Sequence[str] | None
) -> NDArray[np.bool_] | None:
    """Which features take part: as booleans, or all but those whose label a pattern finds."""
    if mask is None:
        return None
    if isinstance(mask, str):
        if labels is None:
            raise GeomsupError("a mask that is a pattern needs labels= to look at")
        try:
            pattern = re.compile(mask)
        except re.error as error:
            raise GeomsupError(
                f"mask must be a regular expression, got {mask!r}: {error}"
            ) from None
        return np.array([pattern.search(label) is None for label in labels])
    kept = as_numbers(mask, "mask")
    if kept.dtype != np.bool_ or kept.shape != (n_features,):
        raise GeomsupError(
            f"mask must be {n_features} booleans, True for the features that take part, or a "
            f"pattern of the labels to leave out; got {brief(mask)}"
        )
    return kept.astype(np.bool_)


def _unit(rows: FloatArray) -> FloatArray:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    units: FloatArray = rows / np.where(norms > 0, norms, 1.0)
    return units


def _finite(rows: Rows) -> None:
    for start, block in rows._prepared():
        with np.errstate(over="ignore"):
            wrong = ~np.isfinite(np.linalg.norm(block, axis=1))
        if wrong.any():
            raise WeightsError(
                "W: expected finite numbers whose squares float64 holds, got others in feature "
                f"{rows.features[start + int(np.argmax(wrong))]}; mask it, or mend the file"
            )
