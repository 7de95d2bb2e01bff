"""Which features are present together, and with what values: from uniform numbers to samples.

A `FeatureModel` says what the features are; here it becomes a map from rows of uniform numbers.
Sets of one kind make a block, which has rows of its own:

* features by themselves: one number each, x = ReLU(1 − u/p), which is zero with probability 1 − p
  and otherwise uniform on (0, 1);
* sets that come together: values that are always there, and a gate for each set;
* sets of which one at most is present: one number for each set, in a *stretch* of which each
  member has its place, and its value;
* mixtures of these, and equal values: stretches for every choice.

What is rare needs finer numbers than a generator makes: with 31 bits an event of probability 1e-9
has two of them.  A row of which something rare is read is therefore refined: where it lies below
2⁻¹⁹, a further row says where in that stretch.  Stretches are laid out rarest first, so that what
is short lies near zero, where floating-point numbers are as fine as their length.

Every pass over the samples is one operation with one rounding: a fused multiply-add could round a
vector register and the remainder of a row differently, and an instance would depend on where in
the batch it lies.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geomsup.theory.feature_model import FeatureModel, FeatureSet

__all__ = ["FeatureDistribution", "Grid", "Plan", "plan_of"]

FloatArray = NDArray[np.float64]

# Numbers in the shortest stretch from which a value is read: probabilities are then right to one
# part in 4096, and values fine enough.
_LEVELS = 12
# Keeps 1/p finite in float32; below this p a feature is never seen in any run of any length.
_LEAST_PROBABILITY = 1e-30
# What is left of one after adding up probabilities, and is nothing.
_ROUNDED = 1e-12


@dataclass(frozen=True)
class Grid:
    """How fine uniform numbers are.

    Parameters
    ----------
    upper : float
        The numbers lie in [0, upper].
    bits : int
        Near zero they are multiples of ``upper`` · 2^−bits.
    digits : int
        Binary digits of the floats that hold them.
    """

    upper: float
    bits: int
    digits: int

    @property
    def near_zero(self) -> float:
        """The shortest stretch near zero that these numbers resolve."""
        return 2.0 ** (_LEVELS - self.bits)

    @property
    def elsewhere(self) -> float:
        """The shortest stretch anywhere that these numbers resolve."""
        return 2.0 ** (_LEVELS - min(self.bits, self.digits))

    def refinements(self, probabilities: Sequence[float]) -> int:
        """How many further rows the rarest of some events needs."""
        least = min((p for p in probabilities if p >= _LEAST_PROBABILITY), default=1.0)
        return max(0, math.ceil(math.log(least) / math.log(self.near_zero)) - 1)


@dataclass(frozen=True)
class _Kind:
    """What the blocks of two models must have in common to be one."""

    name: str  # "single", "gated", "stretched" or "mixed"
    size: int  # of a set
    n_sets: int = 1
    refined: int = 0
    has_gate: bool = False
    has_common: bool = False

    @property
    def n_features(self) -> int:
        return self.size * self.n_sets

    @property
    def n_base(self) -> int:
        """Rows of uniform numbers, without what refines them."""
        extra = (self.name == "gated") + self.has_gate + self.has_common
        own = self.n_sets if self.name == "stretched" else self.n_features
        return own + extra * self.n_sets

    @property
    def n_rows(self) -> int:
        return self.n_base * (1 + self.refined)


@dataclass(frozen=True)
class Plan:
    """The blocks of a model; models of equal plans are sampled together."""

    kinds: tuple[_Kind, ...]
    fixed: bool


@lru_cache(maxsize=1024)
def plan_of(model: FeatureModel, grid: Grid, signed: bool) -> Plan:
    """How a model is sampled from such uniform numbers."""
    kinds = [kind for each in model.sets for kind in _kinds_of(each, grid, signed)]
    blocks = []
    for kind, alike in groupby(kinds):
        count = len(list(alike))
        blocks.append(replace(kind, n_sets=kind.n_sets * count))
    return Plan(kinds=tuple(blocks), fixed=model.values == "fixed")


def _kinds_of(one: FeatureSet, grid: Grid, signed: bool) -> Iterator[_Kind]:
    """The kinds of block in which a set finds its place, one after the other."""
    p, gate, equal = one.probabilities, one.gate, one.equal_values
    if one.presence == "exclusive":
        refined = grid.refinements([*p, _rest(sum(p))])
        yield _Kind("stretched", one.size, refined=refined)
    elif gate == 1.0 and not equal and not _is_rare(p[0], grid, grid.near_zero):
        yield _Kind("gated", one.size)
    elif gate == 0.0 and not equal:
        # The values with a sign lie around the middle, where the numbers are not fine.
        low = grid.elsewhere if signed else grid.near_zero
        for q in p:
            if _is_rare(q, grid, low):
                yield _Kind("stretched", 1, refined=grid.refinements([q, _rest(q)]))
            else:
                yield _Kind("single", 1)
    else:
        events = [*p, *map(_rest, p), gate * p[0], 1.0 - gate, gate * _rest(p[0])]
        refined = grid.refinements([*events, equal, 1.0 - equal])
        yield _Kind("mixed", one.size, refined=refined, has_gate=gate > 0.0, has_common=equal > 0.0)


def _is_rare(p: float, grid: Grid, low: float) -> bool:
    """Whether an event or its opposite is too rare for a plain comparison."""
    return 0.0 < p < low or 0.0 < _rest(p) < grid.elsewhere


def _rest(p: float) -> float:
    rest = 1.0 - p
    return rest if rest > _ROUNDED else 0.0


class _Column(Protocol):
    def __call__(self, values: FloatArray) -> Tensor:
        """Values of shape (n_instances, n) as a tensor of shape (n_instances, n, 1)."""


class _Block(Protocol):
    def apply(self, uniforms: Tensor, out: Tensor) -> None:
        """Write the features of a block; its uniform numbers may be overwritten."""


class FeatureDistribution:
    """The map from uniform numbers to the features of models of one plan.

    Parameters
    ----------
    models : sequence of FeatureModel
        One for each instance, all of the same plan.
    grid : Grid
        What the uniform numbers are.
    signed : bool
        Whether values are mirrored at zero, one time in two.
    dtype, device
        Of the features.

    Attributes
    ----------
    n_rows : int
        Rows of uniform numbers that make one sample of all features.
    """

    def __init__(
        self,
        models: Sequence[FeatureModel],
        grid: Grid,
        *,
        signed: bool = False,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> None:
        device = torch.device("cpu") if device is None else device

        def column(values: FloatArray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(values))[:, :, None].to(device, dtype)

        plan = plan_of(models[0], grid, signed)
        probabilities = np.array([model.feature_probability for model in models])
        probabilities[probabilities < _LEAST_PROBABILITY] = 0.0
        choices = np.array(
            [[(one.gate, one.equal_values) for one in model.sets] for model in models]
        )
        members = np.concatenate([[k] * one.size for k, one in enumerate(models[0].sets)])
        self._blocks: list[tuple[_Kind, slice, slice, _Block]] = []
        self.n_rows, first = 0, 0
        for kind in plan.kinds:
            features = slice(first, first + kind.n_features)
            rows = slice(self.n_rows, self.n_rows + kind.n_rows)
            p = probabilities[:, features].reshape(len(models), kind.n_sets, kind.size)
            of_set = choices[:, members[features][:: kind.size]]
            block = _made(kind, column, p, of_set, grid, signed)
            self._blocks.append((kind, rows, features, block))
            self.n_rows, first = rows.stop, features.stop
        self._refined_below = grid.near_zero * grid.upper
        self._finer = grid.near_zero
        self._magnitude = None
        if plan.fixed:
            self._magnitude = column(np.array([[model.magnitude] for model in models]))

    def apply(self, uniforms: Tensor, out: Tensor) -> None:
        """Write features to ``out`` of shape (n_instances, n_features, batch_size).

        ``uniforms`` of shape (n_instances, n_rows, batch_size) may be overwritten.
        """
        for kind, rows, features, block in self._blocks:
            block.apply(self._refine(uniforms[:, rows], kind), out[:, features])
        if self._magnitude is not None:
            out.sign_().mul_(self._magnitude)

    def _refine(self, uniforms: Tensor, kind: _Kind) -> Tensor:
        """The base rows of a block; where they are small, as fine as the rows behind make them."""
        if not kind.refined:
            return uniforms
        levels = uniforms.unflatten(1, (1 + kind.refined, kind.n_base))  # type: ignore[no-untyped-call]
        finest: Tensor = levels[:, -1]
        for level in range(kind.refined - 1, -1, -1):
            coarse = levels[:, level]
            finest = torch.where(coarse < self._refined_below, finest * self._finer, coarse)
        return finest


def _made(
    kind: _Kind,
    column: _Column,
    p: FloatArray,
    choices: FloatArray,
    grid: Grid,
    signed: bool,
) -> _Block:
    """The block of some sets: p is (n_instances, n_sets, size), choices (…, n_sets, 2)."""
    flat = p.reshape(len(p), -1)
    if kind.name == "single":
        return _Single(column, flat, grid.upper, signed)
    if kind.name == "gated":
        return _Gated(column, flat, grid.upper, signed, kind.size)
    if kind.name == "stretched":
        return _Stretched(column, p, grid, signed)
    return _Mixed(kind, column, p, choices, grid, signed)


class _Single:
    """Independent features: x = ReLU(offset − u·slope), with offset 1 and slope 1/p.

    Where p = 0 the offset is 0, which makes x = 0 for every u.  A signed feature takes its sign
    from the half of the range in which u lies, and its size from the distance to the middle.
    """

    def __init__(self, column: _Column, probabilities: FloatArray, upper: float, signed: bool):
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


class _Gated:
    """Values that are always there, and for each set a gate that is open with probability p."""

    def __init__(
        self, column: _Column, probabilities: FloatArray, upper: float, signed: bool, size: int
    ):
        self._n_features, self._size = probabilities.shape[1], size
        self._values = _Single(column, np.ones_like(probabilities), upper, signed)
        of_set = probabilities[:, ::size]
        # A gate that is never open lies below the least of the uniform numbers.
        self._open_up_to = column(np.where(of_set > 0, of_set * upper, -1.0))

    def apply(self, uniforms: Tensor, out: Tensor) -> None:
        self._values.apply(uniforms[:, : self._n_features], out)
        is_open = uniforms[:, self._n_features :] <= self._open_up_to
        in_sets: Tensor = out.unflatten(1, (-1, self._size))  # type: ignore[no-untyped-call]
        in_sets.mul_(is_open[:, :, None])


class _Stretches:
    """Events that exclude each other, each a stretch of the uniform numbers.

    Parameters
    ----------
    probabilities : ndarray of shape (n_instances, n_rows, n_events)
        They add up to one at most for each row; the rest is that none of them happens.

    Notes
    -----
    Events are counted on along the rows: those of a row have its number in common.
    """

    def __init__(self, column: _Column, probabilities: FloatArray, grid: Grid) -> None:
        k, n_rows, self._n_events = probabilities.shape
        # Rarest first: near zero the numbers are fine enough for a short stretch.  Events of equal
        # probability keep their order.  That nothing happens comes last, unless it is rare.
        rest = 1.0 - probabilities.sum(axis=2, keepdims=True)
        is_rare = (rest > _ROUNDED) & (rest < grid.elsewhere)
        order = np.argsort(
            np.concatenate([probabilities, np.where(is_rare, rest, np.inf)], axis=2),
            axis=2,
            kind="stable",
        )
        with_rest = np.concatenate([probabilities, np.maximum(rest, 0.0)], axis=2)
        sums = np.cumsum(np.take_along_axis(with_rest, order, axis=2), axis=2)
        ends, starts = np.empty_like(sums), np.empty_like(sums)
        np.put_along_axis(ends, order, np.minimum(sums, 1.0), axis=2)
        sums = np.concatenate([np.zeros_like(sums[:, :, :1]), sums[:, :, :-1]], axis=2)
        np.put_along_axis(starts, order, np.minimum(sums, 1.0), axis=2)
        # The same number ends one stretch and begins the next, so that no two events overlap.
        shape = k, n_rows * self._n_events
        self._start = column(grid.upper * starts[:, :, :-1].reshape(shape))
        self._end = column(grid.upper * ends[:, :, :-1].reshape(shape))
        flat = probabilities.reshape(shape)
        slope = np.where(flat > 0, 1.0 / (_positive(flat) * grid.upper), 0.0)
        self._slope = column(slope)

    def place(self, uniforms: Tensor, out: Tensor) -> Tensor:
        """Where in its stretch a number lies, from 0 to 1, and whether it does.

        Both have shape (n_instances, n_rows · n_events, batch_size).
        """
        shared = uniforms
        if self._n_events > 1:
            shared = uniforms[:, :, None].expand(-1, -1, self._n_events, -1).flatten(1, 2)
        torch.sub(shared, self._start, out=out)
        happens = (out >= 0.0) & (shared < self._end)
        out.mul_(self._slope)
        out.clamp_(0.0, 1.0)
        return happens


class _Stretched:
    """One uniform number for each set: in the stretch of a member it is that member's value."""

    def __init__(self, column: _Column, p: FloatArray, grid: Grid, signed: bool):
        self._stretches, self._signed = _Stretches(column, p, grid), signed

    def apply(self, uniforms: Tensor, out: Tensor) -> None:
        is_present = self._stretches.place(uniforms, out)
        if self._signed:
            out.mul_(2.0).sub_(1.0)
        out.mul_(is_present)


class _Mixed:
    """Sets with a gate that decides now and then, and values that are equal now and then.

    The rows are a number for each feature, for its own presence and value; then, for each set,
    one that says whether the gate decides and how, and one that says whether values are equal, and
    which.  Where the gate decides, the number of a feature is its value.
    """

    def __init__(
        self,
        kind: _Kind,
        column: _Column,
        p: FloatArray,
        choices: FloatArray,
        grid: Grid,
        signed: bool,
    ):
        self._kind, self._signed, self._upper = kind, signed, grid.upper
        gate, equal = choices[:, :, 0], choices[:, :, 1]
        self._own = _Stretches(column, p.reshape(len(p), -1, 1), grid)
        self._gate = self._common = None
        if kind.has_gate:
            events = np.stack([gate * p[:, :, 0], 1.0 - gate], axis=2)
            self._gate = _Stretches(column, events, grid)
        if kind.has_common:
            self._common = _Stretches(column, equal[:, :, None], grid)

    def apply(self, uniforms: Tensor, out: Tensor) -> None:
        n, size = self._kind.n_features, self._kind.size
        own, others = uniforms[:, :n], uniforms[:, n:]
        is_present = self._own.place(own, out)
        if self._gate is not None:
            of_set, others = others.split(
                [self._kind.n_sets, others.shape[1] - self._kind.n_sets], 1
            )  # type: ignore[no-untyped-call]
            room = of_set.new_empty((len(of_set), 2 * self._kind.n_sets, of_set.shape[2]))
            decided = self._gate.place(of_set, room).repeat_interleave(size, dim=1)
            is_open, is_alone = decided.unflatten(1, (-1, 2, size)).unbind(2)  # type: ignore[no-untyped-call]
            is_open, is_alone = is_open.flatten(1, 2), is_alone.flatten(1, 2)
            is_present = is_open | (is_alone & is_present)
            torch.where(is_open, own / self._upper, out, out=out)
        if self._common is not None:
            value = torch.empty_like(others)
            is_equal = self._common.place(others, value)
            shared = value.repeat_interleave(size, dim=1)
            torch.where(is_equal.repeat_interleave(size, dim=1), shared, out, out=out)
        if self._signed:
            out.mul_(2.0).sub_(1.0)
        out.mul_(is_present)


def _positive(probabilities: FloatArray) -> FloatArray:
    return np.maximum(probabilities, _LEAST_PROBABILITY)
