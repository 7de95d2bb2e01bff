"""Where a curve moves from one level to another, and where it falls steeply.

Levels are found by penalised least squares, solved exactly by dynamic programming for many curves
at once (optimal partitioning; Jackson et al. 2005): the curve is cut into stretches of straight
line so that the squared residuals plus a price for each cut are least.  Lines and not constants,
because a slow drift would be cut into steps, the higher the noisier the curve; as a line it is one
stretch, or a few that slope.  What makes a jump is that two *long* and *flat* stretches of clearly
different value follow upon each other with at most a short passage between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks, peak_widths

__all__ = ["LevelChange", "level_changes", "steep_falls"]

FloatArray = NDArray[np.float64]

# Ratio of standard deviation and median absolute deviation of a Gaussian.
_MAD = 1.4826
# Price of a cut, in variances and logarithms of the number of points: that of the BIC for the three
# parameters that a cut adds, which are a place, a height and a slope.
_PRICE = 3.0
# Shares of the curve: the shortest stretch that is a level, and the longest passage in a jump, its
# tails included.  Half of the way is done in a third of the passage, or in half of a straight one.
_SHORTEST_LEVEL = 0.06
_LONGEST_PASSAGE = 0.2
# Fewer points do not show whether a stretch is flat.
_FEWEST_POINTS = 4
# From end to end a level rises or falls by at most this share of the jump.  Two neighbours on a
# straight drift are as far apart as they rise themselves.
_FLAT = 0.5
# A peak in the rate of fall stands out by so many standard deviations of its noise; and a fall that
# is just large enough, spread over this share of the curve, makes a peak.
_STEEP = 5.0
_PEAK_WIDTH = 0.1
# Share of the curve whose median says what it was before a fall, and after.  Spikes shorter than
# half of it leave no trace there.
_AROUND = 0.05


@dataclass(frozen=True, kw_only=True)
class LevelChange:
    """One passage from a level to another, in positions on the curve.

    Parameters
    ----------
    curve : int
        Number of the curve.
    start, stop : int
        Last point in the first quarter of the way, and first point in its last quarter.
    before, after : float
        The two levels.
    """

    curve: int
    start: int
    stop: int
    before: float
    after: float


def level_changes(curves: FloatArray, *, resolution: float, least: float) -> list[LevelChange]:
    """Changes of level in curves, in order of time.

    Parameters
    ----------
    curves : ndarray of shape (n_points, n_curves)
    resolution : float
        Values closer than about this count as one level, however small the noise.
    least : float
        The least difference of levels that is a change.
    """
    n_points = len(curves)
    shortest = max(_FEWEST_POINTS, round(_SHORTEST_LEVEL * n_points))
    longest = max(2, round(_LONGEST_PASSAGE * n_points))
    changes = []
    for curve, cuts in enumerate(_cuts(curves, resolution)):
        values = curves[:, curve]
        long = [(a, b) for a, b in pairwise(cuts) if b - a >= shortest]
        pairs = [
            (level, later)
            for k, level in enumerate(long)
            for later in long[k + 1 :]
            if later[0] - level[1] <= longest and _is_jump(values, level, later, least)
        ]
        for (first, end), (begin, last) in pairs:
            # A passage that stops on a level in between is two jumps, changes as such.
            if any(
                end <= level[1] and later[0] <= begin and later[0] - level[1] < begin - end
                for level, later in pairs
            ):
                continue
            before = float(np.median(values[first:end]))
            after = float(np.median(values[begin:last]))
            way = (values - before) / (after - before)
            middle = (end + begin) // 2
            early = first + np.flatnonzero(way[first:middle] <= 0.25)
            late = middle + np.flatnonzero(way[middle:last] >= 0.75)
            changes.append(
                LevelChange(
                    curve=curve,
                    start=int(early[-1]),
                    stop=int(late[0]),
                    before=before,
                    after=after,
                )
            )
    return sorted(changes, key=lambda change: (change.start + change.stop, change.curve))


def _is_jump(
    values: FloatArray, level: tuple[int, int], later: tuple[int, int], least: float
) -> bool:
    """Whether two stretches are far apart, and flat beside the distance between them."""
    before, after = values[slice(*level)], values[slice(*later)]
    height = abs(float(np.median(after) - np.median(before)))
    return height >= least and max(_rise(before), _rise(after)) <= _FLAT * height


def _rise(stretch: FloatArray) -> float:
    """By how much the straight line of least squares rises or falls over a stretch."""
    times = np.arange(len(stretch)) - (len(stretch) - 1) / 2
    return float(len(stretch) * abs(times @ stretch) / (times @ times))


def _cuts(curves: FloatArray, resolution: float) -> list[list[int]]:
    """Ends of the stretches of the cheapest partition, from 0 to n_points, for each curve."""
    n_points, n_curves = curves.shape
    differences = np.abs(np.diff(curves, axis=0)) / np.sqrt(2.0)
    noise = _MAD * np.median(differences, axis=0) if n_points > 1 else np.zeros(n_curves)
    price = _PRICE * np.log(max(n_points, 2)) * np.maximum(noise, resolution) ** 2
    zero = np.zeros((1, n_curves))
    times = np.arange(n_points)[:, None]
    sums = np.concatenate([zero, np.cumsum(curves, axis=0)])
    squares = np.concatenate([zero, np.cumsum(curves**2, axis=0)])
    moments = np.concatenate([zero, np.cumsum(times * curves, axis=0)])
    cheapest = np.empty((n_points + 1, n_curves))
    cheapest[0] = -price
    previous = np.zeros((n_points + 1, n_curves), dtype=np.intp)
    for end in range(1, n_points + 1):
        lengths = np.arange(end, 0, -1)[:, None]
        total = sums[end] - sums[:end]
        # Σ(t − t̄)y and Σ(t − t̄)² of each stretch; a single point has no slope.
        tilts = moments[end] - moments[:end] - (end - (lengths + 1) / 2) * total
        spans = np.maximum(lengths * (lengths**2 - 1) / 12, 0.5)
        residuals = squares[end] - squares[:end] - total**2 / lengths - tilts**2 / spans
        costs = cheapest[:end] + residuals + price
        previous[end] = costs.argmin(axis=0)
        cheapest[end] = np.take_along_axis(costs, previous[end][None], axis=0)[0]
    partitions = []
    for curve in range(n_curves):
        cuts = [n_points]
        while cuts[-1] > 0:
            cuts.append(int(previous[cuts[-1], curve]))
        partitions.append(cuts[::-1])
    return partitions


def steep_falls(
    curve: FloatArray, *, least: float, spacing: FloatArray | None = None
) -> list[tuple[int, int]]:
    """Stretches in which a positive curve falls faster than before and after.

    They are the peaks of the rate of fall of its logarithm that stand out from the noise, as wide
    as at half their prominence.  What the curve loses from before to after must exceed what it
    would have lost at the rate that is usual outside; so neither a steady decay nor the way back
    from a short spike is a fall.

    Parameters
    ----------
    curve : ndarray of shape (n_points,)
        Positive values; rates are those of the logarithm.
    least : float
        The least relative fall of a stretch, and that beyond the usual, as in .02 for two per cent;
        below 1.
    spacing : ndarray of shape (n_points - 1,), optional
        Time between the points; equal by default.

    Returns
    -------
    list of (start, stop)
        Last point before the fall and last point of it.
    """
    if len(curve) < 3:
        return []
    curve = np.maximum(curve, np.finfo(float).tiny)
    rates = -np.diff(np.log(curve))
    lengths = np.ones(len(rates)) if spacing is None else spacing / spacing.mean()
    clock = np.concatenate([[0.0], np.cumsum(lengths)])
    rates /= lengths
    # Noise shows in how a rate differs from the mean of its neighbours.
    bends = rates[1:-1] - (rates[:-2] + rates[2:]) / 2.0
    noise = _MAD * float(np.median(np.abs(bends))) / np.sqrt(1.5) if bends.size else 0.0
    # Flat ends, so that a fall at the very beginning is a peak of the rate as well.
    padded = np.concatenate([[0.0], rates, [0.0]])
    peaks, _ = find_peaks(
        padded, prominence=max(_STEEP * noise, least / (_PEAK_WIDTH * len(rates)))
    )
    _, _, left, right = peak_widths(padded, peaks, rel_height=0.5)
    falls: list[tuple[int, int]] = []
    for start, stop in zip(np.ceil(left - 1e-9), np.floor(right + 1e-9), strict=True):
        # Rate k, at place k + 1 of the padded curve, leads from point k to point k + 1.
        first, last = max(int(start) - 1, 0), min(int(stop), len(curve) - 1)
        if falls and first < falls[-1][1]:
            first = falls.pop()[0]
        falls.append((first, last))
    return [
        (first, last)
        for first, last in falls
        if curve[last] <= (1.0 - least) * curve[first]
        and _excess(curve, rates, clock, first, last) >= -np.log1p(-least)
    ]


def _excess(
    curve: FloatArray, rates: FloatArray, clock: FloatArray, first: int, last: int
) -> float:
    """By how much a curve's logarithm falls beyond what is usual outside of a stretch."""
    outside = np.delete(rates, slice(first, last))
    usual = max(float(np.median(outside)), 0.0) if outside.size else np.inf
    reach = max(2, round(_AROUND * len(curve)))
    before = slice(max(first - reach, 0), first + 1)
    after = slice(last, last + reach + 1)
    fall = np.log(np.median(curve[before]) / np.median(curve[after]))
    return float(fall - usual * (clock[after].mean() - clock[before].mean()))
