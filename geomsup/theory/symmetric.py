"""The best norms and biases within a symmetric family, and where two families cross.

Orthogonal factors of a configuration do not see each other, and a dropped feature sees nothing:
the loss adds up over them, so each factor is optimised alone, in one norm and one bias for every
set of equivalent vertices and, where the shape has one, its free parameter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from geomsup.errors import GeomsupError, shorten
from geomsup.shapes import Shape, get_shape
from geomsup.theory.descent import descend
from geomsup.theory.loss import Problem, batch_losses
from geomsup.theory.search import checked_size
from geomsup.weights import per_feature

__all__ = ["SymmetricOptimum", "phase_boundary", "symmetric_optimum"]

FloatArray = NDArray[np.float64]

_START_NORMS = (0.8, 1.1)
_START_BIASES = (-0.5, -0.15, 0.05, 0.45)
# Vertices are equivalent when their sorted cosines agree so closely.
_SAME_COSINES = 1e-9
_PARAMETER_STEP = 1e-6
_N_SCANNED = 20  # losses looked at on the way to a crossing


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SymmetricOptimum:
    """The lowest loss within a symmetric family.

    Attributes
    ----------
    shape : str
        Its factors, as in ``"pentagon ⊕ digon"``.
    feature_probability : float
    loss : float
        Exact expected loss, summed over all features, dropped ones included.
    norm2, bias : float
        |W_i|² and b_i of the first vertex of the first factor.
    n_dropped : int
        Features that the shape does not use: W_i = 0, b_i = p/2.
    parameters : dict
        For each factor: its name, loss, norms², biases (one for each set of equivalent vertices)
        and, where it has one, its free parameter.
    W : ndarray of shape (n_hidden, n_features)
    b : ndarray of shape (n_features,)
    """

    shape: str
    feature_probability: float
    loss: float
    norm2: float
    bias: float
    n_dropped: int
    parameters: tuple[dict[str, Any], ...]
    W: FloatArray
    b: FloatArray

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in vars(self).items()
        }

    def __str__(self) -> str:
        dropped = f", {self.n_dropped} dropped" if self.n_dropped else ""
        lines = [
            f"{self.shape}{dropped} at p = {self.feature_probability:g}: loss {self.loss:.12g}"
        ]
        for factor in self.parameters:
            norms = ", ".join(f"{value:.10g}" for value in factor["norm2"])
            biases = ", ".join(f"{value:.10g}" for value in factor["bias"])
            free = "".join(f", {key} {value:.6g}" for key, value in factor["free"].items())
            lines.append(f"  {factor['name']}: |W|² {norms}, b {biases}{free}")
        return "\n".join(lines)

    __repr__ = __str__


def symmetric_optimum(shape: str, n_features: int, feature_probability: float) -> SymmetricOptimum:
    """Best norms, biases and free parameter of a shape, by exact expected loss.

    Parameters
    ----------
    shape : str
        A name of the catalogue, or an orthogonal sum such as ``"pentagon ⊕ digon"``.
    n_features : int
        Features of the model; those that the shape does not use are dropped.
    feature_probability : float
        p in [0, 1], the same for all features; importances are one.

    Returns
    -------
    SymmetricOptimum

    Raises
    ------
    GeomsupError
        If the shape is unknown or needs more features than there are.

    Notes
    -----
    The optimum is the lowest of eight descents on the exact loss within the family, not of all
    configurations; :func:`verify_optimum` tells whether it is a minimum among those.

    Examples
    --------
    >>> from geomsup.theory import symmetric_optimum
    >>> best = symmetric_optimum("pentagon", 5, 0.1)
    >>> round(best.loss, 10), round(best.norm2, 6), round(best.bias, 6)
    (0.0263051311, 1.21098, -0.209926)
    """
    n = checked_size("n_features", n_features)
    p = float(per_feature(feature_probability, "feature_probability", 1, low=0, high=1)[0])
    names = _factors(shape)
    shapes = [get_shape(name) for name in names]
    used = sum(s.n_vertices for s in shapes)
    if used > n:
        raise GeomsupError(
            f"{shorten(shape)} has {used} vertices, expected at most n_features = {n}; raise "
            "n_features, or choose a smaller shape"
        )
    W = np.zeros((sum(s.dim for s in shapes), n))
    b = np.full(n, p / 2.0)
    parameters, loss = [], (n - used) * (p / 3.0 - p**2 / 4.0)
    row = column = 0
    for name, factor in zip(names, shapes, strict=True):
        best = _best_factor(name, p)
        rows, columns = slice(row, row + factor.dim), slice(column, column + factor.n_vertices)
        W[rows, columns], b[columns] = best.W, best.b
        row, column = rows.stop, columns.stop
        loss += best.loss
        parameters.append(best.record)
    W.setflags(write=False)
    b.setflags(write=False)
    return SymmetricOptimum(
        shape=" ⊕ ".join(names),
        feature_probability=p,
        loss=loss,
        norm2=parameters[0]["norm2"][0],
        bias=parameters[0]["bias"][0],
        n_dropped=n - used,
        parameters=tuple(parameters),
        W=W,
        b=b,
    )


def phase_boundary(
    shape_a: str, shape_b: str, *, n_features: int, between: tuple[float, float] = (0.01, 0.99)
) -> float:
    """The feature probability at which two optimised families have the same loss.

    Parameters
    ----------
    shape_a, shape_b : str
        As in :func:`symmetric_optimum`.
    n_features : int
    between : tuple of float, default (0.01, 0.99)
        Interval in which to look.  Two families may cross more than once (the pentagon and two
        digons do, at .2249 and above .7); the crossing of smallest p is returned.

    Returns
    -------
    float
        p strictly between 0 and 1, to about ten digits.

    Raises
    ------
    GeomsupError
        If the losses do not cross within the interval.

    Examples
    --------
    >>> from geomsup.theory import phase_boundary
    >>> round(phase_boundary("triangle", "digon + monosemantic", n_features=3), 5)
    0.52184
    """

    def difference(p: float) -> float:
        a, b = (symmetric_optimum(shape, n_features, p).loss for shape in (shape_a, shape_b))
        return a - b

    low, high = per_feature(between, "between", 2, low=0, high=1, scalar=False)
    if not low < high:
        raise GeomsupError(f"between must be (low, high) with low < high, got {shorten(between)}")
    scan = np.linspace(low, high, _N_SCANNED)
    values = np.array([difference(p) for p in scan])
    # Families that share an optimum differ by rounding alone, which is no crossing.
    values[np.abs(values) < 1e-12] = 0.0
    at = np.flatnonzero(values[:-1] * values[1:] < 0.0)
    if not at.size:
        raise GeomsupError(
            f"expected the losses of {shorten(shape_a)} and {shorten(shape_b)} with {n_features} "
            f"features to cross at some p in ({low:g}, {high:g}), got none; widen between, or plot "
            "symmetric_optimum of both"
        )
    crossing: float = brentq(difference, scan[at[0]], scan[at[0] + 1], xtol=1e-11)
    return float(crossing)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Factor:
    W: FloatArray
    b: FloatArray
    loss: float
    record: dict[str, Any]


def _factors(shape: object) -> tuple[str, ...]:
    if not isinstance(shape, str):
        raise GeomsupError(f"shape must be a name of the catalogue, got {shorten(shape)}")
    found = get_shape(shape)
    return tuple(found.factors) or (found.name,)


def _orbits(shape: Shape) -> NDArray[np.intp]:
    """For each vertex the number of its set of equivalent vertices."""
    profiles = np.sort(shape.gram, axis=1)
    orbit = np.full(shape.n_vertices, -1)
    for vertex in range(shape.n_vertices):
        if orbit[vertex] < 0:
            same = np.abs(profiles - profiles[vertex]).max(1) < _SAME_COSINES
            orbit[same] = orbit.max() + 1
    return orbit


@lru_cache(maxsize=4096)
def _best_factor(name: str, p: float) -> _Factor:
    shape = get_shape(name)
    orbit = _orbits(shape)
    n_orbits, family = int(orbit.max()) + 1, shape.family
    problem = Problem.of(shape.n_vertices, p, 1.0)

    def vertices_at(parameters: FloatArray) -> FloatArray:
        if family is None:
            return np.broadcast_to(shape.vertices, (len(parameters), *shape.vertices.shape))
        return np.array([family.build(float(value)) for value in parameters])

    function = _within(orbit, n_orbits, problem, vertices_at, family is not None)
    starts = np.array(
        [
            [norm] * n_orbits + [bias] * n_orbits + ([family.default] if family else [])
            for norm in _START_NORMS
            for bias in _START_BIASES
        ]
    )
    rough = descend(function, starts, gradient_tol=1e-6, max_steps=120)
    ends = descend(function, rough.x[[np.argmin(rough.value)]], gradient_tol=1e-11, max_steps=80)
    x, loss = ends.x[0], float(ends.value[0])
    norms, biases = x[:n_orbits], x[n_orbits : 2 * n_orbits]
    vertices = vertices_at(x[2 * n_orbits :] if family else x[:1])[0]
    return _Factor(
        W=(vertices * norms[orbit][:, None]).T,
        b=biases[orbit],
        loss=loss,
        record={
            "name": shape.name,
            "loss": loss,
            "norm2": (norms**2).tolist(),
            "bias": biases.tolist(),
            "free": {family.parameter: float(x[-1])} if family else {},
        },
    )


def _within(
    orbit: NDArray[np.intp],
    n_orbits: int,
    problem: Problem,
    vertices_at: Callable[[FloatArray], FloatArray],
    has_parameter: bool,
) -> Callable[[FloatArray], tuple[FloatArray, FloatArray]]:
    """Loss and gradient as a function of (norms, biases, free parameter), by the chain rule."""
    members = np.eye(n_orbits)[orbit]  # (n_vertices, n_orbits)

    def function(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        norms, biases = x[:, :n_orbits] @ members.T, x[:, n_orbits : 2 * n_orbits] @ members.T
        vertices = vertices_at(x[:, -1])
        W = (vertices * norms[:, :, None]).transpose(0, 2, 1)
        value, grad_W, grad_b = batch_losses(W, biases, problem)
        pull = grad_W.transpose(0, 2, 1)
        parts = [np.sum(pull * vertices, axis=2) @ members, grad_b @ members]
        if has_parameter:
            ahead = vertices_at(x[:, -1] + _PARAMETER_STEP)
            behind = vertices_at(x[:, -1] - _PARAMETER_STEP)
            slope = (ahead - behind) / (2.0 * _PARAMETER_STEP) * norms[:, :, None]
            parts.append(np.sum(pull * slope, axis=(1, 2))[:, None])
        return value, np.concatenate(parts, axis=1)

    return function
