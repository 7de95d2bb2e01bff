"""The best norms and biases within a symmetric family.

Orthogonal factors of a configuration do not see each other, and a dropped feature sees nothing:
the loss adds up over them, so each factor is optimised alone
(:mod:`geomsup.theory.families`).  That holds however features depend on each other: a row of the
loss has weights for the features of its own factor only, so all that matters is their joint
distribution.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, shorten
from geomsup.restoring import Plain, read_only
from geomsup.shapes import get_shape
from geomsup.theory.families import Data, best_factor
from geomsup.theory.feature_model import FeatureModel
from geomsup.theory.loss import Problem
from geomsup.validation import positive_integer

__all__ = ["SymmetricOptimum", "symmetric_optimum"]

FloatArray = NDArray[np.float64]

# The features of a shape, as in "digon(1, 3)" and "digon(1 & 2, 3 & 4)".
_FEATURES = re.compile(r"\s*\(([\d\s,&]+)\)")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SymmetricOptimum(Plain):
    """The lowest loss within a symmetric family.

    Attributes
    ----------
    shape : str
        Its factors, as in ``"pentagon ⊕ digon"``.
    feature_probability : float or ndarray of shape (n_features,)
        p; one for each feature where they differ.
    loss : float
        Exact expected loss, summed over all features, dropped ones included.
    norm2, bias : float
        |W_i|² and b_i of the first feature of the first factor.
    n_dropped : int
        Features that the shape does not use: W_i = 0, b_i = E x_i.
    parameters : tuple of dict
        One for each factor, in the order of ``shape``: its ``name`` and ``loss``, ``norm2`` and
        ``bias`` (lists with |W_i|² and b_i of each class of equivalent features, in the order of
        their first ones), ``free`` (name and value of its free parameter, empty without one) and
        ``method`` ("closed form" or "descent").
    W : ndarray of shape (n_hidden, n_features)
    b : ndarray of shape (n_features,)
    features : FeatureModel or None
        How features depend on each other; None where they are independent.
    """

    shape: str
    feature_probability: float | FloatArray
    loss: float
    norm2: float
    bias: float
    n_dropped: int
    parameters: tuple[dict[str, Any], ...]
    W: FloatArray
    b: FloatArray
    features: FeatureModel | None = None

    def __str__(self) -> str:
        dropped = f", {self.n_dropped} dropped" if self.n_dropped else ""
        if self.features is None:
            data = f"at p = {', '.join(f'{p:g}' for p in np.atleast_1d(self.feature_probability))}"
        else:
            data = f"with {self.features}"
        lines = [f"{self.shape}{dropped} {data}: loss {self.loss:.12g}"]
        for factor in self.parameters:
            norms = ", ".join(f"{value:.10g}" for value in factor["norm2"])
            biases = ", ".join(f"{value:.10g}" for value in factor["bias"])
            free = "".join(f", {key} {value:.6g}" for key, value in factor["free"].items())
            lines.append(f"  {factor['name']}: |W|² {norms}, b {biases}{free}")
        return "\n".join(lines)

    __repr__ = __str__


def symmetric_optimum(
    shape: str, n_features: int, feature_probability: object, importance: object = 1.0
) -> SymmetricOptimum:
    """Best norms, biases and free parameter of a shape, by exact expected loss.

    Parameters
    ----------
    shape : str
        A name of the catalogue, or an orthogonal sum such as ``"pentagon ⊕ digon"``.  A figure
        that is such a sum is taken apart: the square is ``"digon ⊕ digon"``.  Behind a name may
        stand its features, counted from one, one for each vertex: ``"digon(1, 3) + digon(2, 4)"``;
        several share a vertex in ``"triangle(1 & 2, 3 & 4, 5 & 6)"``, three pairs collapsed onto
        their means.
    n_features : int
        Features of the model.  Where a shape does not say which it has, they take the vertices in
        order, factor by factor as written; those left over at the end are dropped.
    feature_probability : float, array_like of shape (n_features,) or FeatureModel
        p in [0, 1]; or a model of who is present together and with what values.
    importance : float or array_like of shape (n_features,), default 1.0

    Returns
    -------
    SymmetricOptimum

    Raises
    ------
    GeomsupError
        If the shape is unknown, needs more features than there are, or has one twice; or if a
        feature model has too many patterns.

    Notes
    -----
    Within the family every class of equivalent features has one norm and one bias; features are
    equivalent if the shape, their importances and p, and who depends on whom do not tell them
    apart.  The directions stay those of the shape, but for its free parameter.  The digon of two
    features alike is solved in closed form, unless their values are fixed or may be equal;
    elsewhere the optimum is the lowest of eight descents or more on the exact loss, polished by
    Newton steps.  It is the best of the family, not of all configurations: :func:`verify_optimum`
    tells whether it is a minimum among those.

    Examples
    --------
    >>> from geomsup.theory import FeatureModel, symmetric_optimum
    >>> best = symmetric_optimum("pentagon", 5, 0.1)
    >>> round(best.loss, 10), round(best.norm2, 6), round(best.bias, 6)
    (0.0263051311, 1.21098, -0.209926)

    The second feature matters half as much, so it gets the shorter vector:

    >>> best = symmetric_optimum("digon", 2, 0.1, importance=[1.0, 0.5])
    >>> bool(np.linalg.norm(best.W[:, 0]) > np.linalg.norm(best.W[:, 1]))
    True

    Two pairs that come together: opposite are better strangers than partners.

    >>> pairs = FeatureModel.pairs(2, 0.1)
    >>> partners = symmetric_optimum("digon(1, 2) + digon(3, 4)", 4, pairs)
    >>> strangers = symmetric_optimum("digon(1, 3) + digon(2, 4)", 4, pairs)
    >>> round(partners.loss, 6), round(strangers.loss, 6)
    (0.058019, 0.006639)
    """
    n = positive_integer("n_features", n_features)
    problem = Problem.of(n, feature_probability, importance)
    factors = list(_placed(shape, n))
    W = np.zeros((sum(get_shape(part.name).dim for part, _ in factors), n))
    b = problem.means
    left = np.ones(n, dtype=bool)
    parameters, losses, row = [], [], 0
    for part, at in factors:
        columns = np.array(sorted(at))
        places = tuple(at[column] for column in columns.tolist())
        best = best_factor(
            part.name,
            _data_of(problem, columns),
            tuple(problem.importance[columns].tolist()),
            None if places == tuple(range(len(places))) else places,
        )
        W[row : row + len(best.W), columns], b[columns] = best.W, best.b
        row += len(best.W)
        left[columns] = False
        losses.append(best.loss)
        parameters.append(deepcopy(best.record))  # the factor itself is cached
    alike = bool(np.all(problem.p == problem.p[0]))
    return SymmetricOptimum(
        shape=" ⊕ ".join(str(part) for part, _ in factors),
        feature_probability=float(problem.p[0]) if alike else problem.p,
        loss=sum(losses, start=_dropped_loss(problem, left)),
        norm2=parameters[0]["norm2"][0],
        bias=parameters[0]["bias"][0],
        n_dropped=int(left.sum()),
        parameters=tuple(parameters),
        W=read_only(W),
        b=read_only(b),
        features=problem.features,
    )


def _data_of(problem: Problem, columns: NDArray[np.intp]) -> Data:
    """What the loss of these features depends on, the same wherever it is the same."""
    if problem.features is not None:
        model = problem.features.restricted(columns)
        if not model.is_independent:
            return model
    p = problem.p[columns].tolist()
    return float(p[0]) if len(set(p)) == 1 else tuple(p)


def _dropped_loss(problem: Problem, dropped: NDArray[np.bool_]) -> float:
    """Loss of the features that are left over, those that are alike at once."""
    each, importance = problem.dropped_losses[dropped], problem.importance[dropped]
    return float(sum(importance[each == loss].sum() * loss for loss in np.unique(each)))


@dataclass(frozen=True)
class Part:
    """An orthogonal factor, with the features on each of its vertices if they are said."""

    name: str
    vertices: tuple[tuple[int, ...], ...] | None

    def __str__(self) -> str:
        if self.vertices is None:
            return self.name
        return f"{self.name}({', '.join(' & '.join(map(str, each)) for each in self.vertices)})"


def parts_of(shape: object) -> tuple[Part, ...]:
    """The orthogonal factors, by canonical names, in the order in which they are written."""
    if not isinstance(shape, str):
        raise GeomsupError(f"shape must be a name of the catalogue, got {shorten(shape)}")
    get_shape(_FEATURES.sub("", shape))  # one error about the whole name, if there is any
    parts: list[Part] = []
    for word in re.split(r"[⊕+]", shape):
        figure = get_shape(_FEATURES.sub("", word))
        said = _FEATURES.findall(word)
        vertices = _vertices(shape, said, figure.n_vertices) if said else None
        start = 0
        for name in figure.factors or (figure.name,):
            end = start + get_shape(name).n_vertices
            parts.append(Part(name, None if vertices is None else vertices[start:end]))
            start = end
    often = Counter(k for part in parts for each in part.vertices or () for k in each)
    if twice := [k for k, count in often.items() if count > 1]:
        raise GeomsupError(f"{shorten(shape)} has feature {twice[0]} twice; give it one vertex")
    return tuple(parts)


def _vertices(shape: str, said: list[str], n_vertices: int) -> tuple[tuple[int, ...], ...]:
    """The features in the brackets behind a name, for each vertex."""
    try:
        vertices = tuple(
            tuple(int(number) for number in vertex.split("&")) for vertex in said[0].split(",")
        )
    except ValueError:
        vertices = ()
    if len(said) != 1 or len(vertices) != n_vertices or any(min(each) < 1 for each in vertices):
        raise GeomsupError(
            f"expected a feature for each of {n_vertices} vertices, counted from one, as in "
            f'"digon(1, 3)" or, with two on one vertex, "digon(1 & 2, 3)"; got {shorten(shape)}'
        )
    return vertices


def _placed(shape: str, n_features: int) -> Iterator[tuple[Part, dict[int, int]]]:
    """Each factor with its features, counted from zero, and the vertices on which they stand."""
    parts = parts_of(shape)
    said = {k - 1 for part in parts for each in part.vertices or () for k in each}
    if said and max(said) >= n_features:
        raise GeomsupError(
            f"{shorten(shape)} has feature {max(said) + 1}, expected at most n_features = "
            f"{n_features}; raise n_features, or choose another feature"
        )
    free = [k for k in range(n_features) if k not in said]
    wanted = [get_shape(part.name).n_vertices for part in parts if part.vertices is None]
    if sum(wanted) > len(free):
        raise GeomsupError(
            f"{shorten(shape)} has {len(said) + sum(wanted)} vertices, expected at most n_features "
            f"= {n_features}; raise n_features, or choose a smaller shape"
        )
    for part in parts:
        if part.vertices is None:
            count = get_shape(part.name).n_vertices
            yield part, {k: vertex for vertex, k in enumerate(free[:count])}
            free = free[count:]
        else:
            yield part, {k - 1: at for at, each in enumerate(part.vertices) for k in each}
