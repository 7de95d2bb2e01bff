"""Where one symmetric family takes over from another.

As features become rarer, or come together more often, the best configuration changes from one shape
to the next.  Losses of optimised families are smooth in the feature probability, in the importances
and in what a feature model says, so the crossings are roots, found to ten digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from geomsup.errors import GeomsupError, counted, shorten
from geomsup.progress import bar
from geomsup.restoring import Plain, read_only
from geomsup.theory.feature_lines import FeatureLine, Features
from geomsup.theory.feature_model import FeatureModel
from geomsup.theory.loss import Problem
from geomsup.theory.symmetric import parts_of, symmetric_optimum
from geomsup.validation import number_within, positive_integer
from geomsup.weights import per_feature

__all__ = ["FamilyLosses", "family_losses", "phase_boundary"]

FloatArray = NDArray[np.float64]

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
    """Where two optimised families have the same loss: in p, in importance, or along a line.

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
    if feature_probability is not None and features is not None:
        raise GeomsupError(
            "features is a line of data and feature_probability one place; give one of them"
        )
    line = FeatureLine.of(n, features)
    fixed = None if feature_probability is None else Problem.of(n, feature_probability, 1.0).data
    what = line.along if fixed is None else "relative importance"
    most = 1e6 if fixed is not None else _MOST_P if features is None else 1.0
    default = _WITHIN_P if fixed is None else _WITHIN_IMPORTANCE
    low, high = _ends(default if between is None else between, most)

    def difference(at: float) -> float:
        data = line.at(at) if fixed is None else fixed
        importance = np.ones(n) if fixed is None else np.append(np.ones(n - 1), at)
        a, b = (symmetric_optimum(s, n, data, importance).loss for s in (shape_a, shape_b))
        same = _TIE * float(Problem.of(n, data, importance).zero_output_loss)
        return 0.0 if abs(a - b) <= same else a - b

    spaced = np.linspace if fixed is None else np.geomspace
    scan = spaced(max(low, 1e-9), high, _N_SCANNED)
    with bar(len(scan), "looking for the crossing", "point", progress) as done:
        crossing = _first_change(difference, scan, done)
    if crossing is None:
        raise GeomsupError(
            f"expected the losses of {shorten(shape_a)} and {shorten(shape_b)} with {n} features "
            f"to cross at some {what} in ({low:g}, {high:g}), got none; widen between, or plot "
            "symmetric_optimum of both"
        )
    return crossing


def _ends(between: object, most: float) -> tuple[float, float]:
    """An interval in which to look, cut off at `most`."""
    if not isinstance(between, (tuple, list, np.ndarray)) or len(between) != 2:
        raise GeomsupError(f"between must be two numbers (low, high), got {shorten(between)}")
    low, high = (number_within("between", end, 0.0, max(most, 1.0)) for end in between)
    if not low < high or low >= most:
        raise GeomsupError(f"between must be (low, high) with low < high, got {shorten(between)}")
    return low, min(high, most)


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
    """Losses of optimised families against the feature probability, or along a line of data.

    Attributes
    ----------
    n_features : int
    feature_probability : ndarray of shape (n_points,)
        p, or whatever the argument of `features` was.
    shapes : tuple of str
    losses : ndarray of shape (n_shapes, n_points)
        Sum over features, dropped ones included.
    boundaries : tuple of (float, str, str)
        Where the lowest family changes as p grows: p, the family below it, the one above it.
    along : str
        What grows: "p", or the name of the argument of `features`.
    models : tuple of FeatureModel or None
        The data at each point; None for independent features that all have p.
    """

    n_features: int
    feature_probability: FloatArray
    shapes: tuple[str, ...]
    losses: FloatArray
    boundaries: tuple[tuple[float, str, str], ...]
    along: str = "p"
    models: tuple[FeatureModel, ...] | None = None

    @property
    def lowest(self) -> tuple[str, ...]:
        """The family of least loss at each feature probability."""
        return tuple(self.shapes[k] for k in np.argmin(self.losses, axis=0))

    @property
    def zero_output_loss(self) -> FloatArray:
        """Loss of the model that always answers zero, at each point."""
        if self.models is None:
            return self.n_features * self.feature_probability / 3.0
        return np.array([np.trace(model.second_moments) for model in self.models])

    def __str__(self) -> str:
        families = counted(len(self.shapes), "family", "families")
        lines = [f"{counted(self.n_features, 'feature')}, {families}, as {self.along} grows:"]
        lines.append(f"  {self.lowest[0]}")
        lines += [f"  {self.along} = {x:.6f}  {after}" for x, _, after in self.boundaries]
        return "\n".join(lines)

    __repr__ = __str__


def family_losses(
    shapes: Sequence[str],
    n_features: int,
    feature_probability: object = None,
    *,
    features: Features | None = None,
    progress: bool | None = None,
) -> FamilyLosses:
    """Losses of several optimised families over a range of feature probabilities, or of data.

    Parameters
    ----------
    shapes : sequence of str
        As in :func:`symmetric_optimum`.
    n_features : int
    feature_probability : array_like of shape (n_points,), optional
        Ascending; 25 values from .02 to .98 by default.
    features : callable, optional
        Of one number, as in :func:`phase_boundary`: what it returns is the data at each value of
        `feature_probability`, which then is whatever the function makes of it.
    progress : bool, optional
        Whether to show a progress bar.  None shows it in a terminal or a notebook.

    Returns
    -------
    FamilyLosses
        With the boundaries between the lowest of them, each a root and not a grid point.

    Raises
    ------
    GeomsupError
        If a shape is unknown or has too many vertices, the values do not ascend, or `features`
        returns anything but a feature model of so many features.

    Examples
    --------
    >>> from geomsup.theory import family_losses
    >>> print(family_losses(["pentagon", "digon + digon"], 5, [0.1, 0.2, 0.3]))
    5 features, 2 families, as p grows:
      pentagon
      p = 0.224875  digon ⊕ digon

    Three pairs that always come together, collapsed onto their means:

    >>> from geomsup.theory import FeatureModel
    >>> shapes = ["digon(1 & 2, 3 & 4) + monosemantic(5 & 6)", "triangle(1 & 2, 3 & 4, 5 & 6)"]
    >>> print(family_losses(shapes, 6, [0.3, 0.5], features=lambda p: FeatureModel.pairs(3, p)))
    6 features, 2 families, as p grows:
      digon(1 & 2, 3 & 4) ⊕ monosemantic(5 & 6)
      p = 0.436196  triangle(1 & 2, 3 & 4, 5 & 6)
    """
    n_features = positive_integer("n_features", n_features)
    if not isinstance(shapes, (list, tuple)) or not shapes:
        raise GeomsupError(f"shapes must be a list of names, got {shorten(shapes)}")
    names = tuple(" ⊕ ".join(map(str, parts_of(shape))) for shape in shapes)
    given = np.linspace(0.02, 0.98, 25) if feature_probability is None else feature_probability
    line = FeatureLine.of(n_features, features)
    p = ascending(given, line.axis, high=1.0)
    models = line.models(p.tolist())
    losses = np.empty((len(names), len(p)))
    with bar(losses.size, "optimising", "family", progress) as done:
        for number, (row, column) in enumerate(np.ndindex(losses.shape)):
            done(number)
            data = float(p[column]) if models is None else models[column]
            losses[row, column] = symmetric_optimum(names[row], n_features, data).loss
    lowest = np.argmin(losses, axis=0)
    boundaries = []
    for at in np.flatnonzero(lowest[:-1] != lowest[1:]):
        before, after = int(lowest[at]), int(lowest[at + 1])
        boundaries += _boundaries(names, line, before, after, p[at : at + 2], progress)
    return FamilyLosses(
        n_features=n_features,
        feature_probability=p,
        shapes=names,
        losses=read_only(losses),
        boundaries=tuple(boundaries),
        along=line.along,
        models=models,
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
    line: FeatureLine,
    first: int,
    last: int,
    between: FloatArray,
    progress: bool | None,
) -> list[tuple[float, str, str]]:
    """The changes of the lowest family between two points; a third may be the lowest inside."""
    n = line.n_features
    low, high = float(between[0]), float(between[1])
    p = phase_boundary(
        names[first],
        names[last],
        n_features=n,
        features=line.features,
        between=(low, high),
        progress=progress,
    )
    data = line.at(p)
    losses = [symmetric_optimum(name, n, data).loss for name in names]
    inside = int(np.argmin(losses))
    same = _TIE * float(Problem.of(n, data, 1.0).zero_output_loss)
    if inside in (first, last) or losses[first] - losses[inside] <= same:
        return [(p, names[first], names[last])]
    return [
        *_boundaries(names, line, first, inside, np.array([low, p]), progress),
        *_boundaries(names, line, inside, last, np.array([p, high]), progress),
    ]
