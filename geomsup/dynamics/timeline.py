"""Geometry along a training: how it is named at each moment, and when it jumps.

Elhage et al. 2022 ("Toy Models of Superposition", section "Superposition and learning dynamics")
saw the dimensionalities of features sit on levels and jump between them, and the loss drop when
they do.  Here both are found by themselves: jumps from the weights, drops from the loss, and only
then they are compared.
"""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.dynamics.change_points import LevelChange, level_changes, steep_falls
from geomsup.dynamics.recording import WeightRecorder
from geomsup.errors import GeomsupError
from geomsup.geometry.classify import geometry_of
from geomsup.geometry.gram import dimensionality_of
from geomsup.geometry.report import GeometryReport
from geomsup.restoring import Plain, read_only
from geomsup.showing import Shown
from geomsup.validation import number_within, whole_number
from geomsup.weights import as_numbers, load_arrays, matrix_of

__all__ = [
    "Coincidence", "GeometryTimeline", "Jump", "LossDrop", "WeightRecorder", "geometry_timeline",
]  # fmt: skip

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Levels of the sticky dimensionalities lie at least 1/40 apart (3/8 and 2/5); what trained models
# do around them is about as wide.
_RESOLUTION = 0.02
# From one level of the paper to another that is not its neighbour: 2/5 to 1/2, 1/2 to 2/3, …
_LEAST_JUMP = 0.08
_LEAST_DROP = 0.02
# Features jump together when the middles of their passages are this share of the records apart.
_TOGETHER = 0.01
# Records whose weights differ by less than this share of the largest have the same geometry.
_UNCHANGED = 1e-9
_TABLE_ROWS = 20
# Share of the squared length from which a feature is there in full; above half of it, it is there
# at all.
_FULL, _THERE = 0.9, 0.5


@dataclass(frozen=True, kw_only=True)
class Jump(Plain):
    """Features that moved from one level of dimensionality to another at the same time.

    Parameters
    ----------
    features : tuple of int
        Columns of the weights.
    start, stop : int
        Steps of the last record in the first quarter of the way and of the first record in its
        last quarter, of the earliest and of the latest feature.
    before, after : tuple of float
        Levels of each feature: D_i weighted as in `GeometryTimeline.levels`.
    """

    features: tuple[int, ...]
    start: int
    stop: int
    before: tuple[float, ...]
    after: tuple[float, ...]

    def __str__(self) -> str:
        moves = [
            f"{feature}: {before:.2f} → {after:.2f}"
            for feature, before, after in zip(
                self.features[:6], self.before, self.after, strict=False
            )
        ]
        more = f", … and {len(self.features) - 6} more" if len(self.features) > 6 else ""
        return f"steps {self.start:,}–{self.stop:,}: feature {', '.join(moves)}{more}"


@dataclass(frozen=True, kw_only=True)
class LossDrop(Plain):
    """A stretch in which the loss falls faster than it usually does.

    Parameters
    ----------
    start, stop : int
        Steps of the record before the fall, and of the last in it.
    before, after : float
        Losses there.
    """

    start: int
    stop: int
    before: float
    after: float

    def __str__(self) -> str:
        return f"steps {self.start:,}–{self.stop:,}: loss {self.before:.4g} → {self.after:.4g}"


@dataclass(frozen=True, kw_only=True)
class Coincidence(Plain):
    """How many jumps lie in a drop of the loss, and how many would by chance.

    Parameters
    ----------
    share : float
        Share of the jumps whose middle lies in a drop; NaN without jumps or drops.
    expected : float
        Mean share when all jumps are moved along the records together, by every possible amount
        (around the end).  So jumps that come together stay together.
    p_value : float
        Share of these shifts with at least as many coincidences, the observed one included: exact,
        and never below one over the number of records.
    """

    share: float
    expected: float
    p_value: float


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class GeometryTimeline(Plain, Shown):
    """The geometry of one model at each record of its training.

    Parameters
    ----------
    steps : ndarray of shape (n_records,)
    losses : ndarray of shape (n_records,)
        NaN where none were given.
    norms, dimensionalities : ndarray of shape (n_records, n_features)
        |W_i| and D_i.
    levels : ndarray of shape (n_records, n_features)
        D_i · min(1, |W_i|²/r²), r the median norm of the features that are represented in the
        last record: D_i where a feature is stored, and zero where it is not.  D_i of a feature
        whose weights are noise is a number without meaning, and often a large one.
    names : tuple of str
        What the features form, at each record; "" where nobody asked.
    jumps : tuple of Jump
    loss_drops : tuple of LossDrop
    coincidence : Coincidence
    """

    steps: IntArray
    losses: FloatArray
    norms: FloatArray
    dimensionalities: FloatArray
    levels: FloatArray
    names: tuple[str, ...]
    jumps: tuple[Jump, ...]
    loss_drops: tuple[LossDrop, ...]
    coincidence: Coincidence

    def spans(self) -> tuple[tuple[str, int, int], ...]:
        """Runs of records of the same name: the name, and its first and last step."""
        runs: list[tuple[str, int, int]] = []
        for name, step in zip(self.names, self.steps.tolist(), strict=True):
            if runs and runs[-1][0] == name:
                runs[-1] = (name, runs[-1][1], step)
            else:
                runs.append((name, step, step))
        return tuple(run for run in runs if run[0])

    def full_from(self, start: int, stop: int) -> int | None:
        """The step from which all features of a stretch have their full length; None if never.

        A name is a statement about angles, so that it may be there long before.  Features that are
        there at the end of the stretch are held against the length that stored features have in
        the last record.

        Parameters
        ----------
        start, stop : int
            First and last step of the stretch, as in :meth:`spans`.
        """
        inside = np.flatnonzero((self.steps >= start) & (self.steps <= stop))
        D = self.dimensionalities[inside]
        share = self.levels[inside] / np.where(D > 0, D, np.inf)
        there = share[-1] >= _THERE
        short = np.flatnonzero((share[:, there] < _FULL).any(axis=1))
        first = short[-1] + 1 if len(short) else 0
        return int(self.steps[inside[first]]) if there.any() and first < len(inside) else None

    def _stretch(self, name: str, start: int, stop: int) -> str:
        if start == stop:
            return f"step {start:,}: {name}"
        full = self.full_from(start, stop)
        late = full is not None and full > start
        return f"steps {start:,}–{stop:,}: {name}" + (
            f" (all at full length from {full:,})" if late else ""
        )

    def __str__(self) -> str:
        n_records, n_features = self.levels.shape
        lines = [
            f"{n_features} features over {n_records} records, steps {self.steps[0]:,}–"
            f"{self.steps[-1]:,}"
        ]
        for title, items in (
            ("geometry", [self._stretch(*span) for span in self.spans()]),
            ("jumps", list(map(str, self.jumps))),
            ("loss drops", list(map(str, self.loss_drops))),
        ):
            if items:
                more = len(items) - _TABLE_ROWS
                shown = items[:_TABLE_ROWS] + ([f"… and {more} more"] if more > 0 else [])
                lines += ["", title, *(f"  {item}" for item in shown)]
        both = self.coincidence
        if np.isfinite(both.share):
            lines += [
                "",
                f"{both.share:.0%} of the jumps lie in a drop of the loss; {both.expected:.0%} "
                f"would by chance (p = {both.p_value:.3g})",
            ]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def geometry_timeline(
    steps: object,
    weights: object,
    losses: object = None,
    *,
    name_every: int | np.integer[Any] = 1,
    least_jump: float = _LEAST_JUMP,
    least_drop: float = _LEAST_DROP,
) -> GeometryTimeline:
    """Follow the geometry of one model through its training.

    Parameters
    ----------
    steps : array_like of shape (n_records,)
        Numbers of steps taken, ascending.
    weights : array_like, torch.Tensor or file, of shape (n_records, n_hidden, n_features)
        W at each record; columns are features.
    losses : array_like of shape (n_records,), optional
        Positive losses.  Without them there are no drops.
    name_every : int, default 1
        Interval, in records, at which the geometry is named, as is that of the last record; 0
        names none.  A record in between bears the name of the one before.
    least_jump : float, default 0.08
        The least change of a level that is a jump.
    least_drop : float, default 0.02
        The least relative fall of the loss that is a drop.

    Returns
    -------
    GeometryTimeline

    Raises
    ------
    GeomsupError
        If the arrays do not fit each other, are not finite, or hold fewer than three records, or
        an option is out of range.

    Notes
    -----
    Jumps are short passages between two levels that are flat and each last a while, counted in
    records; a slow drift is none (see `geomsup.dynamics.change_points`).  Features whose passages
    have their middles within a hundredth of the records jump together.

    Examples
    --------
    A feature is learned half-way: it joins another one as its antipode.

    >>> import numpy as np
    >>> from geomsup.dynamics.timeline import geometry_timeline
    >>> weights = np.zeros((40, 1, 2))
    >>> weights[:, 0, 0] = 1.0
    >>> weights[20:, 0, 1] = -1.0
    >>> timeline = geometry_timeline(np.arange(40), weights, np.where(np.arange(40) < 20, 0.3, 0.1))
    >>> print(timeline.jumps[0])
    steps 19–20: feature 0: 1.00 → 0.50, 1: 0.00 → 0.50
    >>> timeline.spans()
    (('1 × monosemantic, 1 dropped', 0, 19), ('1 × digon', 20, 39))
    """
    times, W, loss = _checked(steps, weights, losses)
    name_every = whole_number("name_every", name_every, 0)
    # Below the resolution there are no levels to tell apart, and nothing falls by more than all.
    least_jump = number_within("least_jump", least_jump, _RESOLUTION, 1.0)
    least_drop = number_within("least_drop", least_drop, 1e-6, 0.99)
    norms = np.linalg.norm(W, axis=1)
    dimensionalities = np.array([dimensionality_of(record) for record in W])
    names, last = _names(W, name_every)
    stored = norms[-1][last.represented]
    reference = float(np.median(stored)) if stored.size else 1.0
    levels = dimensionalities * np.minimum(1.0, (norms / reference) ** 2)

    groups = _together(level_changes(levels, resolution=_RESOLUTION, least=least_jump), len(times))
    passages = [(min(c.start for c in group), max(c.stop for c in group)) for group in groups]
    falls = []
    if not np.isnan(loss).any():
        falls = steep_falls(loss, least=least_drop, spacing=_spacing(times))
    return GeometryTimeline(
        steps=read_only(times),
        losses=read_only(loss),
        norms=read_only(norms),
        dimensionalities=read_only(dimensionalities),
        levels=read_only(levels),
        names=names,
        jumps=tuple(
            Jump(
                features=tuple(change.curve for change in group),
                start=int(times[start]),
                stop=int(times[stop]),
                before=tuple(change.before for change in group),
                after=tuple(change.after for change in group),
            )
            for group, (start, stop) in zip(groups, passages, strict=True)
        ),
        loss_drops=tuple(
            LossDrop(
                start=int(times[start]),
                stop=int(times[stop]),
                before=float(loss[start]),
                after=float(loss[stop]),
            )
            for start, stop in falls
        ),
        coincidence=_coincidence(passages, falls, len(times)),
    )


def _together(changes: list[LevelChange], n_records: int) -> list[list[LevelChange]]:
    """Changes in the order of their middles, in groups that change together; each by feature."""
    reach = max(1.0, _TOGETHER * n_records)
    groups: list[list[LevelChange]] = []
    for change in changes:
        first = groups[-1][0] if groups else change
        apart = (change.start + change.stop) / 2 - (first.start + first.stop) / 2
        if groups and apart <= reach:
            groups[-1].append(change)
        else:
            groups.append([change])
    return [sorted(group, key=lambda change: change.curve) for group in groups]


def _checked(
    steps: object, weights: object, losses: object
) -> tuple[IntArray, FloatArray, FloatArray]:
    W = _numbers(weights, "weights")
    if W.ndim != 3 or 0 in W.shape:
        cure = "; pick one model, weights[:, k]" if W.ndim == 4 else ""
        raise GeomsupError(
            f"weights must have shape (n_records, n_hidden, n_features), got {W.shape}{cure}"
        )
    if len(W) < 3:
        raise GeomsupError(f"a timeline needs at least three records, got {len(W)}")
    exact = _numbers(steps, "steps")
    # Beyond 2⁵³ float64 has no more every whole number.
    if not ((exact >= 0) & (exact < 2.0**53) & (exact == np.rint(exact))).all():
        raise GeomsupError("steps must be whole numbers from 0 to 2**53, got others among them")
    times = exact.astype(np.int64)
    if times.shape != (len(W),):
        raise GeomsupError(
            f"steps must be {len(W)} numbers, one for each record, got shape {times.shape}"
        )
    if (np.diff(times) <= 0).any():
        k = int(np.argmax(np.diff(times) <= 0))
        raise GeomsupError(
            f"steps must ascend, got {times[k]} before {times[k + 1]}; sort the records by step"
        )
    loss = np.full(len(W), np.nan) if losses is None else _numbers(losses, "losses")
    if loss.shape != (len(W),):
        raise GeomsupError(f"losses must be one for each of {len(W)} records, got {loss.shape}")
    if not np.isfinite(W).all() or (losses is not None and not np.isfinite(loss).all()):
        raise GeomsupError("weights and losses must be finite, got NaN or infinite entries")
    if losses is not None and (loss < 0).any():
        raise GeomsupError(f"losses must not be negative, got {loss.min():g}")
    return times, W, loss


def _numbers(values: object, name: str) -> FloatArray:
    """A copy as floats, of arrays, tensors, lists or a file with one array."""
    if isinstance(values, str | os.PathLike):
        arrays = load_arrays(values)
        if len(arrays) != 1:
            raise GeomsupError(
                f"{name} must come from a file with one array, got {len(arrays)}; pass the array"
            )
        (values,) = arrays.values()
    return np.array(as_numbers(values, name), dtype=np.float64)


def _spacing(times: IntArray) -> FloatArray:
    """Time between records, in steps or in their logarithm, whichever is more even.

    Records at equal ratios of the step are rounded to whole steps, which makes the early ones
    uneven: rates must be taken over the time that has really passed.
    """
    linear: FloatArray = np.diff(times).astype(np.float64)
    logarithmic = np.diff(np.log1p(times))
    if linear.std() * logarithmic.mean() > logarithmic.std() * linear.mean():
        return logarithmic
    return linear


def _names(W: FloatArray, name_every: int) -> tuple[tuple[str, ...], GeometryReport]:
    """Names of the records, and the report on the last one."""
    last = geometry_of(matrix_of(W[-1]))
    if not name_every:
        return ("",) * len(W), last
    names: list[str] = []
    named: FloatArray | None = None
    for k, record in enumerate(W[:-1]):
        if k % name_every or _same(record, named):
            names.append(names[-1])
        else:
            names.append(geometry_of(matrix_of(record)).summary())
            named = record
    return (*names, last.summary()), last


def _same(record: FloatArray, other: FloatArray | None) -> bool:
    return other is not None and float(np.abs(record - other).max()) <= _UNCHANGED * float(
        np.abs(record).max()
    )


def _coincidence(
    jumps: Sequence[tuple[int, int]], drops: Sequence[tuple[int, int]], n_records: int
) -> Coincidence:
    if not jumps or not drops:
        return Coincidence(share=float("nan"), expected=float("nan"), p_value=float("nan"))
    in_drop = np.zeros(n_records, dtype=bool)
    for start, stop in drops:
        in_drop[start : stop + 1] = True
    middles = np.array([round((start + stop) / 2) for start, stop in jumps])
    # Whether the middles, moved by every amount around the end, lie in a drop.
    moved = (np.arange(n_records)[:, None] + middles) % n_records
    shares = in_drop[moved].mean(axis=1)
    return Coincidence(
        share=float(shares[0]),
        expected=float(shares.mean()),
        p_value=float(np.mean(shares >= shares[0] - 1e-12)),
    )
