"""The best norms and biases within a symmetric family.

Orthogonal factors of a configuration do not see each other, and a dropped feature sees nothing:
the loss adds up over them, so each factor is optimised alone
(:mod:`geomsup.theory.families`).
"""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, shorten
from geomsup.restoring import Plain, read_only
from geomsup.shapes import get_shape
from geomsup.theory.closed_forms import dropped_loss
from geomsup.theory.families import best_factor
from geomsup.theory.loss import Problem
from geomsup.validation import number_within, positive_integer

__all__ = ["SymmetricOptimum", "symmetric_optimum"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SymmetricOptimum(Plain):
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
    parameters : tuple of dict
        One for each factor, in the order of ``shape``: its ``name`` and ``loss``, ``norm2`` and
        ``bias`` (lists with |W_i|² and b_i of each class of equivalent vertices), ``free`` (name
        and value of its free parameter, empty without one) and ``method`` ("closed form" or
        "descent").
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


def symmetric_optimum(
    shape: str, n_features: int, feature_probability: float, importance: object = 1.0
) -> SymmetricOptimum:
    """Best norms, biases and free parameter of a shape, by exact expected loss.

    Parameters
    ----------
    shape : str
        A name of the catalogue, or an orthogonal sum such as ``"pentagon ⊕ digon"``.  A figure
        that is such a sum is taken apart: the square is ``"digon ⊕ digon"``.
    n_features : int
        Features of the model.  They take the vertices in order, factor by factor as written;
        those left over at the end are dropped.
    feature_probability : float
        p in [0, 1], the same for all features.
    importance : float or array_like of shape (n_features,), default 1.0
        Reorder it to put other features on the vertices, or to drop others.

    Returns
    -------
    SymmetricOptimum

    Raises
    ------
    GeomsupError
        If the shape is unknown or needs more features than there are.

    Notes
    -----
    Within the family every class of equivalent vertices has one norm and one bias; vertices of
    different importance are not equivalent.  The directions stay those of the shape, but for its
    free parameter.  The digon is solved in closed form; elsewhere the optimum is the lowest of
    eight descents on the exact loss, polished by Newton steps.  It is the best of the family, not
    of all configurations: :func:`verify_optimum` tells whether it is a minimum among those.

    Examples
    --------
    >>> from geomsup.theory import symmetric_optimum
    >>> best = symmetric_optimum("pentagon", 5, 0.1)
    >>> round(best.loss, 10), round(best.norm2, 6), round(best.bias, 6)
    (0.0263051311, 1.21098, -0.209926)

    The second feature matters half as much, so it gets the shorter vector:

    >>> best = symmetric_optimum("digon", 2, 0.1, importance=[1.0, 0.5])
    >>> bool(np.linalg.norm(best.W[:, 0]) > np.linalg.norm(best.W[:, 1]))
    True
    """
    n = positive_integer("n_features", n_features)
    p = number_within("feature_probability", feature_probability, 0, 1)
    problem = Problem.of(n, p, importance)
    names = factors_of(shape)
    shapes = [get_shape(name) for name in names]
    used = sum(s.n_vertices for s in shapes)
    if used > n:
        raise GeomsupError(
            f"{shorten(shape)} has {used} vertices, expected at most n_features = {n}; raise "
            "n_features, or choose a smaller shape"
        )
    W = np.zeros((sum(s.dim for s in shapes), n))
    b = np.full(n, p / 2.0)
    parameters, loss = [], float(problem.importance[used:].sum() * dropped_loss(p))
    row = column = 0
    for name, factor in zip(names, shapes, strict=True):
        rows, columns = slice(row, row + factor.dim), slice(column, column + factor.n_vertices)
        best = best_factor(name, p, tuple(problem.importance[columns].tolist()))
        W[rows, columns], b[columns] = best.W, best.b
        row, column = rows.stop, columns.stop
        loss += best.loss
        parameters.append(deepcopy(best.record))  # the factor itself is cached
    return SymmetricOptimum(
        shape=" ⊕ ".join(names),
        feature_probability=p,
        loss=loss,
        norm2=parameters[0]["norm2"][0],
        bias=parameters[0]["bias"][0],
        n_dropped=n - used,
        parameters=tuple(parameters),
        W=read_only(W),
        b=read_only(b),
    )


def factors_of(shape: object) -> tuple[str, ...]:
    """Canonical names of the orthogonal factors, in the order in which they are written."""
    if not isinstance(shape, str):
        raise GeomsupError(f"shape must be a name of the catalogue, got {shorten(shape)}")
    get_shape(shape)  # one error about the whole name, if there is any
    factors = [get_shape(part) for part in re.split(r"[⊕+]", shape)]
    return tuple(name for factor in factors for name in factor.factors or (factor.name,))
