"""One shape of a symmetric family: its best norms, biases and free parameter.

The directions stay those of the shape.  Equivalent vertices share one norm and one bias, and
vertices are equivalent when the shape and the importances cannot tell them apart; so a digon whose
two features matter differently has two norms and two biases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.shapes import Shape, get_shape
from geomsup.theory.closed_forms import digon_optimum
from geomsup.theory.descent import descend
from geomsup.theory.loss import Problem, batch_losses

__all__ = ["Factor", "best_factor"]

FloatArray = NDArray[np.float64]
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

    W: FloatArray  # (dim, n_vertices)
    b: FloatArray  # (n_vertices,)
    loss: float
    record: dict[str, Any]


@lru_cache(maxsize=4096)
def best_factor(name: str, p: float, importance: tuple[float, ...]) -> Factor:
    """Optimise a shape whose vertices, in the catalogue's order, have the given importances."""
    shape = get_shape(name)
    family = shape.family
    orbit = _orbits(shape, np.array(importance))
    n_orbits = int(orbit.max()) + 1
    problem, size = Problem.of(shape.n_vertices, p, importance).normalised()

    def vertices_at(parameters: FloatArray) -> FloatArray:
        if family is None:
            return np.broadcast_to(shape.vertices, (len(parameters), *shape.vertices.shape))
        return np.array([family.build(float(value)) for value in parameters])

    function = _within(orbit, n_orbits, problem, vertices_at, family is not None)
    closed = digon_optimum(p) if name == "digon" and n_orbits == 1 else None
    if closed is not None:
        x, method = np.array([closed[0] ** 0.25, closed[1]]), "closed form"
    else:
        starts = _starts(n_orbits, p, family.default if family else None)
        # Gradients are as small as the least important feature makes them.
        least = min((value for value in problem.importance if value > 0.0), default=1.0) * p
        rough = descend(function, starts, gradient_tol=1e-5 * least, max_steps=150)
        lowest = rough.x[[np.argmin(rough.value)]]
        ends = descend(function, lowest, gradient_tol=1e-10 * least, max_steps=100)
        x = _polished(function, ends.x[0])
        method = "descent"
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


def _orbits(shape: Shape, importance: FloatArray) -> NDArray[np.intp]:
    """For each vertex the number of its class of equivalent vertices.

    Classes are refined until vertices of one class see the same cosines to the same classes.
    """
    orbit = np.unique(importance, return_inverse=True)[1]
    cosines = np.round(shape.gram / _SAME_COSINES)
    while True:
        # What a vertex sees: its own class, and the sorted pairs (class, cosine).
        seen = [
            (own, *sorted(zip(orbit.tolist(), row.tolist(), strict=True)))
            for row, own in zip(cosines, orbit.tolist(), strict=True)
        ]
        numbers = {view: k for k, view in enumerate(dict.fromkeys(seen))}
        refined = np.array([numbers[view] for view in seen])
        if refined.max() == orbit.max():
            return refined
        orbit = refined


def _starts(n_orbits: int, p: float, parameter: float | None) -> FloatArray:
    """All vertices alike; and, with several classes, each of them dropped in turn."""
    points = [
        [norm**0.5] * n_orbits + [bias] * n_orbits
        for norm in _START_NORMS
        for bias in _START_BIASES
    ]
    for dropped in range(n_orbits if n_orbits > 1 else 0):
        for norm in _START_NORMS:
            roots, biases = [norm**0.5] * n_orbits, [0.0] * n_orbits
            roots[dropped], biases[dropped] = 0.0, p / 2.0
            points.append(roots + biases)
    return np.array([point + ([] if parameter is None else [parameter]) for point in points])


def _within(
    orbit: NDArray[np.intp],
    n_orbits: int,
    problem: Problem,
    vertices_at: Callable[[FloatArray], FloatArray],
    has_parameter: bool,
) -> PackedLoss:
    """Loss and gradient as a function of (√norms, biases, free parameter), by the chain rule.

    Of roots, because a negative norm would turn a vertex round and make another shape.
    """
    members = np.eye(n_orbits)[orbit]  # (n_vertices, n_orbits)

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
