"""Where one symmetric family takes over from another.

As features become rarer, or come together more often, the best configuration changes from one shape
to the next.  Losses of optimised families are smooth in the feature probability, in the importances
and in what a feature model says, so the crossings are roots, found to ten digits.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from geomsup.errors import GeomsupError, shorten
from geomsup.progress import bar
from geomsup.restoring import Plain, read_only
from geomsup.theory.feature_model import FeatureModel
from geomsup.theory.loss import Problem
from geomsup.theory.symmetric import parts_of, symmetric_optimum
from geomsup.validation import number_within, positive_integer
from geomsup.weights import per_feature

__all__ = ["FamilyLosses", "family_losses", "phase_boundary"]

FloatArray = NDArray[np.float64]
Features: TypeAlias = Callable[[float], FeatureModel]

_N_SCANNED = 20  # losses looked at on the way to a crossing
# Losses that agree so closely, relative to that of the zero output, are the same: families may
# share an optimum.
_TIE = 1e-12
_MOST_P = 0.995
_WITHIN_P = (0.01, 0.99)
_WITHIN_IMPORTANCE = (1e-5, 1.0)


def phase_boundary(
    shape_a: str,
    shape_b: str,
    *,
    n_features: int,
    feature_probability: object = None,
    features: Features | None = None,
    between: tuple[float, float] | None = None,
    progress: bool | None = None,
) -> float:
    """Where two optimised families have the same loss: in p, in relative importance, or along any
    line of feature models.

    Parameters
    ----------
    shape_a, shape_b : str
        As in :func:`symmetric_optimum`: ``"digon(1, 3)"`` says which features are on the vertices,
        otherwise they take them in order.
    n_features : int
    feature_probability : float, array_like of shape (n_features,) or FeatureModel, optional
        Without it, the feature probability of the crossing is looked for, at equal importances.
        With it, the data are fixed, and the importance of the *last* feature, relative to that of
        all the others, is looked for.
    features : callable, optional
        A function of one number in [0, 1] that returns a :class:`FeatureModel`, such as
        ``lambda p: FeatureModel.pairs(2, p)`` or ``lambda c: FeatureModel.pairs(2, 0.1,
        together=c)``: the data along a line, on which the crossing is looked for, at equal
        importances.
    between : tuple of float, optional
        Interval in which to look, (0.01, 0.99) for p and the argument of `features`, (1e-5, 1) for
        an importance; p is looked for up to .995, because towards one many families become alike.
        Two families may cross more than once (the pentagon and two digons do, at .2249 and above
        .7); the crossing of smallest value is returned.
    progress : bool, optional
        Whether to show a progress bar.  None shows it in a terminal or a notebook.

    Returns
    -------
    float
        The feature probability, the relative importance, or the argument of `features`, to about
        nine digits.

    Raises
    ------
    GeomsupError
        If the losses do not cross within the interval, or `features` returns anything but a feature
        model of so many features.

    Notes
    -----
    One family may contain the optimum of the other: a digon whose second norm is zero is a single
    feature.  Then their losses agree on one side of the boundary, and what is returned is where
    they part.

    Examples
    --------
    >>> from geomsup.theory import FeatureModel, phase_boundary
    >>> round(phase_boundary("triangle", "digon + monosemantic", n_features=3), 5)
    0.52184

    Below this importance a second feature is better dropped, at p = 0.1:

    >>> r = phase_boundary("digon", "monosemantic", n_features=2, feature_probability=0.1)
    >>> round(r, 5)
    0.04872

    One pair of rare features in one dimension: from which correlation on it is better collapsed
    onto its mean than opposed.

    >>> c = phase_boundary(
    ...     "digon(1, 2)",
    ...     "monosemantic(1 & 2)",
    ...     n_features=2,
    ...     features=lambda c: FeatureModel.pairs(1, 0.01, together=c),
    ... )
    >>> round(c, 6)
    0.578073
    """
    n = positive_integer("n_features", n_features)
    data_at, what = _line(n, feature_probability, features)
    importance_varies = data_at is None
    ends = _ends(between, _WITHIN_IMPORTANCE if importance_varies else _WITHIN_P, what)

    def difference(at: float) -> float:
        if data_at is None:
            data, importance = feature_probability, np.append(np.ones(n - 1), at)
        else:
            data, importance = data_at(at), np.ones(n)
        a, b = (symmetric_optimum(s, n, data, importance).loss for s in (shape_a, shape_b))
        return 0.0 if abs(a - b) <= _TIE * Problem.of(n, data, importance).zero_output_loss else a - b

    spaced = np.geomspace if importance_varies else np.linspace
    scan = spaced(max(ends[0], 1e-9), ends[1], _N_SCANNED)
    with bar(len(scan), "looking for the crossing", "point", progress) as done:
        crossing = _first_change(difference, scan, done)
    if crossing is None:
        raise GeomsupError(
            f"expected the losses of {shorten(shape_a)} and {shorten(shape_b)} with {n} features "
            f"to cross at some {what} in ({ends[0]:g}, {ends[1]:g}), got none; widen between, or "
            "plot symmetric_optimum of both"
        )
    return crossing
def _first_change(
    difference: Callable[[float], float], scan: FloatArray, done: Callable[[int], None]
) -> float | None:
    """The first place where a difference changes its sign, or becomes (or ceases to be) zero."""
    before = difference(float(scan[0]))
    for k, (low, high) in enumerate(zip(scan[:-1].tolist(), scan[1:].tolist(), strict=True)):
        done(k + 1)
        after = difference(high)
        if before * after < 0.0:
            return float(brentq(difference, low, high, xtol=1e-12))
        if np.sign(before) != np.sign(after):
            return _parting(difference, low, high)
        before = after
    return None


def _parting(difference: Callable[[float], float], low: float, high: float) -> float:
    """Where two losses that agree on one side begin to differ, by bisection."""
    sign = np.sign(difference(low))
    while high - low > 1e-9 * high:
        middle = 0.5 * (low + high)
        if np.sign(difference(middle)) == sign:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FamilyLosses(Plain):
    """Losses of optimised families against the feature probability.

    Attributes
    ----------
    n_features : int
    feature_probability : ndarray of shape (n_points,)
    shapes : tuple of str
    losses : ndarray of shape (n_shapes, n_points)
        Sum over features, dropped ones included.
    boundaries : tuple of (float, str, str)
        Where the lowest family changes as p grows: p, the family below it, the one above it.
    """

    n_features: int
    feature_probability: FloatArray
    shapes: tuple[str, ...]
    losses: FloatArray
    boundaries: tuple[tuple[float, str, str], ...]

    @property
    def lowest(self) -> tuple[str, ...]:
        """The family of least loss at each feature probability."""
        return tuple(self.shapes[k] for k in np.argmin(self.losses, axis=0))

    def __str__(self) -> str:
        lines = [f"{self.n_features} features, {len(self.shapes)} families, as p grows:"]
        lines.append(f"  {self.lowest[0]}")
        lines += [f"  p = {p:.6f}  {after}" for p, _, after in self.boundaries]
        return "\n".join(lines)

    __repr__ = __str__


def family_losses(
    shapes: Sequence[str],
    n_features: int,
    feature_probability: object = None,
    *,
    progress: bool | None = None,
) -> FamilyLosses:
    """Losses of several optimised families over a range of feature probabilities.

    Parameters
    ----------
    shapes : sequence of str
        As in :func:`symmetric_optimum`.
    n_features : int
    feature_probability : array_like of shape (n_points,), optional
        Ascending; 25 values from .02 to .98 by default.
    progress : bool, optional
        Whether to show a progress bar.  None shows it in a terminal or a notebook.

    Returns
    -------
    FamilyLosses
        With the boundaries between the lowest of them, each a root and not a grid point.

    Raises
    ------
    GeomsupError
        If a shape is unknown or has too many vertices, or the probabilities do not ascend.

    Examples
    --------
    >>> from geomsup.theory import family_losses
    >>> print(family_losses(["pentagon", "digon + digon"], 5, [0.1, 0.2, 0.3]))
    5 features, 2 families, as p grows:
      pentagon
      p = 0.224875  digon ⊕ digon
    """
    n_features = positive_integer("n_features", n_features)
    if not isinstance(shapes, (list, tuple)) or not shapes:
        raise GeomsupError(f"shapes must be a list of names, got {shorten(shapes)}")
    names = tuple(" ⊕ ".join(map(str, parts_of(shape))) for shape in shapes)
    given = np.linspace(0.02, 0.98, 25) if feature_probability is None else feature_probability
    p = ascending(given, "feature_probability", high=1.0)
    losses = np.empty((len(names), len(p)))
    with bar(losses.size, "optimising", "family", progress) as done:
        for number, (row, column) in enumerate(np.ndindex(losses.shape)):
            done(number)
            losses[row, column] = symmetric_optimum(names[row], n_features, float(p[column])).loss
    lowest = np.argmin(losses, axis=0)
    boundaries = []
    for at in np.flatnonzero(lowest[:-1] != lowest[1:]):
        before, after = int(lowest[at]), int(lowest[at + 1])
        boundaries += _boundaries(names, n_features, before, after, p[at : at + 2], progress)
    return FamilyLosses(
        n_features=n_features,
        feature_probability=p,
        shapes=names,
        losses=read_only(losses),
        boundaries=tuple(boundaries),
    )


def ascending(values: Any, name: str, high: float) -> FloatArray:
    """The points of an axis: ascending numbers in [0, high]."""
    if np.ndim(values) != 1 or not len(values):
        raise GeomsupError(f"{name} must be a list of ascending numbers, got {shorten(values)}")
    array = per_feature(values, name, len(values), low=0, high=high, scalar=False)
    if np.any(np.diff(array) <= 0.0):
        raise GeomsupError(f"{name} must ascend, got {shorten(values)}; sort it, drop repetitions")
    return array


def _boundaries(
    names: tuple[str, ...],
    n: int,
    first: int,
    last: int,
    between: FloatArray,
    progress: bool | None,
) -> list[tuple[float, str, str]]:
    """The changes of the lowest family between two points; a third may be the lowest inside."""
    low, high = float(between[0]), float(between[1])
    p = phase_boundary(
        names[first], names[last], n_features=n, between=(low, high), progress=progress
    )
    losses = [symmetric_optimum(name, n, p).loss for name in names]
    inside = int(np.argmin(losses))
    if inside in (first, last) or losses[first] - losses[inside] <= _TIE * p * n / 3.0:
        return [(p, names[first], names[last])]
    return [
        *_boundaries(names, n, first, inside, np.array([low, p]), progress),
        *_boundaries(names, n, inside, last, np.array([p, high]), progress),
    ]
