"""One shape of a symmetric family: its best norms, biases and free parameter.

The directions stay those of the shape.  Equivalent features share one norm and one bias, and
features are equivalent when neither the shape nor the importances nor how they depend on each other
tell them apart; so a digon whose two features matter differently has two norms and two biases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from geomsup.shapes import get_shape
from geomsup.theory.closed_forms import digon_optimum
from geomsup.theory.descent import descend
from geomsup.theory.feature_model import FeatureModel
from geomsup.theory.loss import Problem, batch_losses

__all__ = ["Data", "Factor", "best_factor"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]
# One p for all, one for each feature, or who depends on whom.
Data: TypeAlias = float | tuple[float, ...] | FeatureModel
PackedLoss = Callable[[FloatArray], tuple[FloatArray, FloatArray]]

_START_NORMS = (0.8, 1.1)
_START_BIASES = (-0.5, -0.15, 0.05, 0.45)
# Cosines that differ by less are the same.
_SAME_COSINES = 1e-9
_PARAMETER_STEP = 1e-6
# Of the differences of gradients that make the Hessian for the last Newton steps.
_NEWTON_STEP = 1e-5
_N_NEWTON = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Factor:
    """A shape at its best; `record` holds its numbers as plain Python values."""

    W: FloatArray  # (dim, n_features)
    b: FloatArray  # (n_features,)
    loss: float
    record: dict[str, Any]


@lru_cache(maxsize=4096)
def best_factor(
    name: str, data: Data, importance: tuple[float, ...], places: tuple[int, ...] | None = None
) -> Factor:
    """Optimise a shape on whose vertices features of the given importances stand.

    Without `places` feature k stands on vertex k, in the catalogue's order; otherwise they say on
    which, and several features may share one vertex.
    """
    shape = get_shape(name)
    family = shape.family
    n = len(importance)
    at = np.arange(n) if places is None else np.array(places)
    given = Problem.of(n, data, importance)
    orbit = _orbits(shape.gram[np.ix_(at, at)], given)
    n_orbits = int(orbit.max()) + 1
    problem, size = given.normalised()
    fixed = shape.vertices[at]

    def vertices_at(parameters: FloatArray) -> FloatArray:
        if family is None:
            return np.broadcast_to(fixed, (len(parameters), *fixed.shape))
        return np.array([family.build(float(value))[at] for value in parameters])

    function = _within(orbit, n_orbits, problem, vertices_at, family is not None)
    closed = _closed_form(data) if name == "digon" and n == 2 and n_orbits == 1 else None
    if closed is not None:
        x, method = np.array([closed[0] ** 0.25, closed[1]]), "closed form"
    else:
        first = np.unique(orbit, return_index=True)[1]
        sharing = np.bincount(at)[at[first]]
        starts = _starts(given.means[first], sharing, family.default if family else None)
        x, method = _lowest(function, starts, problem), "descent"
    loss = float(size * function(x[None])[0][0])
    norms, biases = x[:n_orbits] ** 2, x[n_orbits : 2 * n_orbits]
    vertices = vertices_at(x[2 * n_orbits :] if family else x[:1])[0]
    return Factor(
        W=(vertices * norms[orbit][:, None]).T,
        b=biases[orbit],
        loss=loss,
        record={
            "name": shape.name,
            "loss": loss,
            "norm2": (norms**2).tolist(),
            "bias": biases.tolist(),
            "free": {family.parameter: float(x[-1])} if family else {},
            "method": method,
        },
    )


def _closed_form(data: Data) -> tuple[float, float] | None:
    """norm² and bias of a digon of two features alike, if they are uniform and no values equal."""
    if isinstance(data, float):
        return digon_optimum(data)
    if isinstance(data, FeatureModel) and data.values == "uniform":
        (pair,) = data.sets
        if pair.equal_values == 0.0:
            return digon_optimum(pair.probabilities[0], float(pair.both_present()[0, 1]))
    return None


def _orbits(gram: FloatArray, problem: Problem) -> IndexArray:
    """For each feature the number of its class of equivalent features.

    Classes are refined until features of one class see the same cosines to the same classes, and
    depend on the same ones of them.
    """
    relations = problem.relations
    kinds = list(zip(problem.importance.tolist(), np.diag(relations).tolist(), strict=True))
    numbers: dict[Any, int] = {kind: k for k, kind in enumerate(dict.fromkeys(kinds))}
    orbit = np.array([numbers[kind] for kind in kinds])
    cosines = np.round(gram / _SAME_COSINES)
    while True:
        # What a feature sees: its own class, and the sorted triples (class, cosine, relation).
        seen = [
            (own, *sorted(zip(orbit.tolist(), row.tolist(), related.tolist(), strict=True)))
            for row, related, own in zip(cosines, relations, orbit.tolist(), strict=True)
        ]
        numbers = {view: k for k, view in enumerate(dict.fromkeys(seen))}
        refined = np.array([numbers[view] for view in seen])
        if refined.max() == orbit.max():
            return refined
        orbit = refined


def _starts(means: FloatArray, sharing: IndexArray, parameter: float | None) -> FloatArray:
    """All features alike; and, with several classes, each of them dropped in turn.

    Features that share a vertex begin with one feature's norm² among them.
    """
    n_orbits = len(means)
    points = [
        [*(norm / sharing) ** 0.5, *([bias] * n_orbits)]
        for norm in _START_NORMS
        for bias in _START_BIASES
    ]
    for dropped in range(n_orbits if n_orbits > 1 else 0):
        for norm in _START_NORMS:
            roots, biases = (norm / sharing) ** 0.5, [0.0] * n_orbits
            roots[dropped], biases[dropped] = 0.0, means[dropped]
            points.append([*roots, *biases])
    return np.array([point + ([] if parameter is None else [parameter]) for point in points])


def _lowest(function: PackedLoss, starts: FloatArray, problem: Problem) -> FloatArray:
    """The lowest point that descents reach, polished."""
    # Gradients are as small as the least important feature makes them.
    weight = problem.importance * problem.p
    least = float(weight[weight > 0.0].min()) if weight.any() else 0.0
    rough = descend(function, starts, gradient_tol=1e-5 * least, max_steps=150)
    lowest = rough.x[[np.argmin(rough.value)]]
    ends = descend(function, lowest, gradient_tol=1e-10 * least, max_steps=100)
    return _polished(function, ends.x[0])


def _within(
    orbit: IndexArray,
    n_orbits: int,
    problem: Problem,
    vertices_at: Callable[[FloatArray], FloatArray],
    has_parameter: bool,
) -> PackedLoss:
    """Loss and gradient as a function of (√norms, biases, free parameter), by the chain rule.

    Of roots, because a negative norm would turn a vertex round and make another shape.
    """
    members = np.eye(n_orbits)[orbit]  # (n_features, n_orbits)

    def function(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        roots = x[:, :n_orbits]
        norms, biases = roots**2 @ members.T, x[:, n_orbits : 2 * n_orbits] @ members.T
        vertices = vertices_at(x[:, -1])
        W = (vertices * norms[:, :, None]).transpose(0, 2, 1)
        value, grad_W, grad_b = batch_losses(W, biases, problem)
        pull = grad_W.transpose(0, 2, 1)
        of_norms = np.sum(pull * vertices, axis=2) @ members
        parts = [2.0 * roots * of_norms, grad_b @ members]
        if has_parameter:
            ahead = vertices_at(x[:, -1] + _PARAMETER_STEP)
            behind = vertices_at(x[:, -1] - _PARAMETER_STEP)
            slope = (ahead - behind) / (2.0 * _PARAMETER_STEP) * norms[:, :, None]
            parts.append(np.sum(pull * slope, axis=(1, 2))[:, None])
        return value, np.concatenate(parts, axis=1)

    return function


def _polished(function: PackedLoss, x: FloatArray) -> FloatArray:
    """Newton steps, as long as they shrink the gradient.

    A loss that is flat to rounding determines its argument to half its digits only; the gradient
    determines all of them.
    """
    size = float(np.abs(function(x[None])[1]).max())
    for _ in range(_N_NEWTON):
        steps = _NEWTON_STEP * np.eye(len(x))
        gradients = function(np.concatenate([x + steps, x - steps, x[None]]))[1]
        ahead, behind, here = gradients[: len(x)], gradients[len(x) : -1], gradients[-1]
        hessian = (ahead - behind) / (2.0 * _NEWTON_STEP)
        tried = x - np.linalg.lstsq(0.5 * (hessian + hessian.T), here, rcond=1e-10)[0]
        new_size = float(np.abs(function(tried[None])[1]).max())
        if not new_size < size:
            break
        x, size = tried, new_size
    return x
