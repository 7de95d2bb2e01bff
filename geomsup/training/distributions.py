"""Which features are present together, and with what values.

A distribution maps rows of uniform numbers to features.  One uniform number makes an independent
feature: x = ReLU(1 − u/p) is zero with probability 1 − p and otherwise uniform on (0, 1).  The
same number serves a whole set of features of which at most one is present.

Every pass over the samples is one operation with one rounding: a fused multiply-add could round a
vector register and the remainder of a row differently, and an instance would depend on where in
the batch it lies.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["FeatureDistribution", "make_distribution"]

FloatArray = NDArray[np.float64]

# Keeps 1/p finite in float32; below this p a feature is never seen in any run of any length.
_LEAST_PROBABILITY = 1e-30


class FeatureDistribution(Protocol):
    """A map from uniform numbers to features."""

    n_rows: int
    """Rows of uniform numbers that make one sample of all features."""

    def apply(self, uniforms: Tensor, out: Tensor) -> None:
        """Write features to ``out`` of shape (n_instances, n_features, batch_size).

        ``uniforms`` of shape (n_instances, n_rows, batch_size) may be overwritten.
        """


def make_distribution(
    probabilities: FloatArray,
    *,
    correlation: str = "independent",
    set_size: int | None = None,
    signed: bool = False,
    upper: float,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
) -> FeatureDistribution:
    """The distribution of these names.

    Parameters
    ----------
    probabilities : ndarray of shape (n_instances, n_features)
        Probability that a feature is not zero.
    correlation : {"independent", "correlated", "anticorrelated"}
        "correlated": the features of a set are present together; "anticorrelated": at most one of
        a set is.
    set_size : int, optional
        Features in a set; sets are contiguous.
    signed : bool
        Whether values are uniform on (−1, 1) rather than (0, 1).
    upper : float
        The uniform numbers lie in [0, upper].
    dtype, device
        Of the features.
    """
    device = torch.device("cpu") if device is None else device

    def column(values: FloatArray) -> Tensor:
        return torch.from_numpy(values)[:, :, None].to(device, dtype)

    if correlation == "independent":
        return _Values(column, probabilities, upper, signed)
    size = int(set_size or 1)
    if correlation == "correlated":
        return _CorrelatedSets(column, probabilities, upper, signed, size)
    return _AnticorrelatedSets(column, probabilities, upper, signed, size)


class _Column(Protocol):
    def __call__(self, values: FloatArray) -> Tensor:
        """Values of shape (n_instances, n) as a tensor of shape (n_instances, n, 1)."""


class _Values:
    """Independent features: x = ReLU(offset − u·slope), with offset 1 and slope 1/p.

    Where p = 0 the offset is 0, which makes x = 0 for every u.  A signed feature takes its sign
    from the half of the range in which u lies, and its size from the distance to the middle.
    """

    def __init__(self, column: _Column, probabilities: FloatArray, upper: float, signed: bool):
        self.n_rows = probabilities.shape[1]
        self._half = upper / 2.0 if signed else None
        upper = upper / 2.0 if signed else upper
        self._negative_slope = column(-1.0 / (_positive(probabilities) * upper))
        self._offset = column((probabilities > 0).astype(np.float64))

    def apply(self, uniforms: Tensor, out: Tensor) -> None:
        if self._half is None:
            torch.mul(uniforms, self._negative_slope, out=out)
        else:
            uniforms.sub_(self._half)
            torch.abs(uniforms, out=out)
            out.mul_(self._negative_slope)
        out.add_(self._offset)
        out.relu_()
        if self._half is not None:
            torch.copysign(out, uniforms, out=out)


class _CorrelatedSets:
    """Values that are always there, and for each set a gate that is open with probability p."""

    def __init__(
        self, column: _Column, probabilities: FloatArray, upper: float, signed: bool, size: int
    ):
        self._n_features, self._size = probabilities.shape[1], size
        self._values = _Values(column, np.ones_like(probabilities), upper, signed)
        of_set = probabilities[:, ::size]
        self.n_rows = self._n_features + of_set.shape[1]
        # A gate that is never open lies below the least of the uniform numbers.
        self._open_up_to = column(np.where(of_set > 0, of_set * upper, -1.0))

    def apply(self, uniforms: Tensor, out: Tensor) -> None:
        self._values.apply(uniforms[:, : self._n_features], out)
        is_open = uniforms[:, self._n_features :] <= self._open_up_to
        in_sets: Tensor = out.unflatten(1, (-1, self._size))  # type: ignore[no-untyped-call]
        in_sets.mul_(is_open[:, :, None])


class _AnticorrelatedSets:
    """One uniform number for each set: in the stretch of a member it is that member's value."""

    def __init__(
        self, column: _Column, probabilities: FloatArray, upper: float, signed: bool, size: int
    ):
        n_instances, n_features = probabilities.shape
        self._size, self._signed = size, signed
        self.n_rows = n_features // size
        in_sets = probabilities.reshape(n_instances, self.n_rows, size)
        # Rarest first: near zero the numbers are fine enough for a short stretch.  Members of equal
        # probability keep their order.
        order = np.argsort(in_sets, axis=2, kind="stable")
        sums = np.cumsum(np.take_along_axis(in_sets, order, axis=2), axis=2)
        ends, starts = np.empty_like(sums), np.empty_like(sums)
        np.put_along_axis(ends, order, np.minimum(sums, 1.0), axis=2)
        sums = np.concatenate([np.zeros_like(sums[:, :, :1]), sums[:, :, :-1]], axis=2)
        np.put_along_axis(starts, order, np.minimum(sums, 1.0), axis=2)
        # The same number ends one stretch and begins the next, so that no two members overlap.
        self._start = column(upper * starts.reshape(n_instances, n_features))
        self._end = column(upper * ends.reshape(n_instances, n_features))
        slope = np.where(probabilities > 0, 1.0 / (_positive(probabilities) * upper), 0.0)
        self._slope = column(slope)

    def apply(self, uniforms: Tensor, out: Tensor) -> None:
        shared = uniforms[:, :, None].expand(-1, -1, self._size, -1).flatten(1, 2)
        torch.sub(shared, self._start, out=out)
        is_present = (out >= 0.0) & (shared < self._end)
        out.mul_(self._slope)
        out.clamp_(0.0, 1.0)
        if self._signed:
            out.mul_(2.0).sub_(1.0)
        out.mul_(is_present)


def _positive(probabilities: FloatArray) -> FloatArray:
    return np.maximum(probabilities, _LEAST_PROBABILITY)
