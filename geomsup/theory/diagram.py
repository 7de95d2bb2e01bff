"""Phase diagrams: which arrangement is best at each feature probability and importance.

The paper's theoretical diagrams compare a few arrangements of unit vectors without bias, whose
losses can be written down.  The exact diagram allows every weight and every bias: each cell is a
search on the exact loss, and all cells are descended side by side, their feature probability and
importance carried along as coordinates that have no gradient.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.progress import bar
from geomsup.restoring import Plain, read_only
from geomsup.theory.closed_forms import dropped_loss
from geomsup.theory.loss import Problem
from geomsup.theory.models import descend_models
from geomsup.theory.packing import packed, unpacked
from geomsup.theory.phases import ascending
from geomsup.validation import positive_integer, random_generator

__all__ = ["PhaseDiagram", "arrangement", "numbered_alike", "phase_diagram"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Blocks = tuple[tuple[int, ...], ...]

_MOST_FEATURES = 6
# The paper's axes: 1 − S from 1 to .01 and the relative importance from .1 to 10.
_AXIS_POINTS = 25
# For problems whose zero output has loss one.
_GRADIENT_TOL = 1e-11
_MOST_STEPS = 1000
_ROUNDS = 4
# A cell takes over a neighbour's arrangement when that lowers its loss by more than this share.
_LOWER = 1e-7
# A feature is represented when |W_i|² is larger than …
_REPRESENTED = 0.02
# … and two features share dimensions when |cos| is larger than …
_SHARING = 0.1


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PhaseDiagram(Plain):
    """The best arrangement at every feature probability and relative importance.

    Attributes
    ----------
    n_features, n_hidden : int
    feature_probability : ndarray of shape (n_p,)
        p of all features.
    relative_importance : ndarray of shape (n_r,)
        Importance of the last feature; the others have importance one.
    phases : tuple of str
        Arrangements that occur, such as ``"digon(1, 2) ⊕ 3"``.
    phase : ndarray of int of shape (n_p, n_r)
        Index into `phases`.
    loss : ndarray of shape (n_p, n_r)
        Loss of the best arrangement, summed over features.
    unit_norm : bool
        Whether only unit vectors without bias were compared.
    W : ndarray of shape (n_p, n_r, n_hidden, n_features)
    b : ndarray of shape (n_p, n_r, n_features)
    """

    _left_out = ("W", "b")

    n_features: int
    n_hidden: int
    feature_probability: FloatArray
    relative_importance: FloatArray
    phases: tuple[str, ...]
    phase: IntArray
    loss: FloatArray
    unit_norm: bool
    W: FloatArray
    b: FloatArray

    @property
    def on_boundary(self) -> NDArray[np.bool_]:
        """Cells with a different phase next to them, diagonals included."""
        padded = np.pad(self.phase, 1, mode="edge")
        n_p, n_r = self.phase.shape
        near = [padded[i : i + n_p, j : j + n_r] for i in range(3) for j in range(3)]
        return np.asarray(np.any(np.array(near) != self.phase, axis=0))

    def __str__(self) -> str:
        counts = np.bincount(self.phase.ravel(), minlength=len(self.phases))
        kind = "unit vectors without bias" if self.unit_norm else "exact"
        width = max(len(name) for name in self.phases)
        lines = [
            f"{self.n_features} features in {self.n_hidden} dimensions, {kind}: "
            f"{self.phase.size} cells"
        ]
        lines += [
            f"  {name:<{width}}  {counts[k] / self.phase.size:>6.1%}"
            for k, name in enumerate(self.phases)
        ]
        return "\n".join(lines)

    __repr__ = __str__


def phase_diagram(
    n_features: int,
    n_hidden: int,
    *,
    feature_probability: Any = None,
    relative_importance: Any = None,
    unit_norm: bool = False,
    n_starts: int = 8,
    seed: int | np.random.Generator | None = 0,
    progress: bool | None = None,
) -> PhaseDiagram:
    """The best arrangement of a toy model against sparsity and the importance of one feature.

    Parameters
    ----------
    n_features, n_hidden : int
        At most six features, fewer dimensions than features.
    feature_probability : array_like of shape (n_p,), optional
        25 values from .01 to 1, evenly spaced in the logarithm, by default.
    relative_importance : array_like of shape (n_r,), optional
        Importance of the last feature, the others having one; 25 values from .1 to 10 by default.
    unit_norm : bool, default False
        Compare only unit vectors without bias, one feature or one antipodal pair to a dimension,
        as the paper's theoretical diagrams do.  Only a dropped feature has a bias, its mean p/2.
    n_starts : int, default 8
        Random starts in each cell, beside one for every such arrangement.
    seed : int, numpy Generator or None, default 0
    progress : bool, optional
        Whether to show a progress bar.  None shows it in a terminal or a notebook.

    Returns
    -------
    PhaseDiagram

    Raises
    ------
    GeomsupError
        If a size or a value is out of range.

    Notes
    -----
    With `unit_norm` a pair costs (I_i + I_j) p²/6 and a dropped feature I (p/3 − p²/4); for two
    features in one dimension the boundary of "dropped" is r = 2p/(4 − 5p), and all three phases
    meet at r = 1, p = 4/7.  Elhage et al. 2022, "Superposition as a Phase Change".

    Examples
    --------
    >>> from geomsup.theory import phase_diagram
    >>> diagram = phase_diagram(
    ...     2, 1, feature_probability=[0.1, 0.5], relative_importance=[0.3, 1.0], n_starts=4
    ... )
    >>> [[diagram.phases[k] for k in row] for row in diagram.phase]
    [['digon(1, 2)', 'digon(1, 2)'], ['1 (2 dropped)', 'digon(1, 2)']]
    """
    n, m = positive_integer("n_features", n_features), positive_integer("n_hidden", n_hidden)
    count = positive_integer("n_starts", n_starts)
    if not m < n <= _MOST_FEATURES:
        raise GeomsupError(
            f"expected n_hidden < n_features ≤ {_MOST_FEATURES}, got n_hidden = {m} and "
            f"n_features = {n}; use best_configuration for a single larger model"
        )
    if feature_probability is None:
        feature_probability = np.geomspace(0.01, 1.0, _AXIS_POINTS)
    if relative_importance is None:
        relative_importance = np.geomspace(0.1, 10.0, _AXIS_POINTS)
    p = ascending(feature_probability, "feature_probability", high=1.0)
    r = ascending(relative_importance, "relative_importance", high=1e6)
    shape = (len(p), len(r))
    cells = Problem(
        p=np.repeat(p, len(r))[:, None] * np.ones(n),
        importance=np.hstack([np.ones((len(p) * len(r), n - 1)), np.tile(r, len(p))[:, None]]),
    )
    blocks = list(_arrangements(n, m))
    models = [_unit_model(arranged, n, m) for arranged in blocks]
    if unit_norm:
        losses = np.array([_unit_loss(arranged, cells) for arranged in blocks])
        lowest = np.argmin(losses, axis=0)
        loss, W = losses.min(0), np.array(models)[lowest]
        kept = np.any(W != 0.0, axis=1)
        b = np.where(kept, 0.0, cells.p / 2.0)
    else:
        normal, size = cells.normalised()
        W, b, loss = _searched(models, m, normal, shape, count, random_generator(seed), progress)
        loss = size * loss
    names = []
    for cell, model in enumerate(W):
        # Features of equal importance are interchangeable: number them so that equals are equal.
        alike = n if abs(cells.importance[cell, -1] - 1.0) < 1e-9 else n - 1
        name, order = numbered_alike(model, alike)
        W[cell], b[cell] = model[:, order], b[cell, order]
        names.append(name)
    phases = tuple(sorted(set(names)))
    return PhaseDiagram(
        n_features=n,
        n_hidden=m,
        feature_probability=read_only(p),
        relative_importance=read_only(r),
        phases=phases,
        phase=read_only(np.array([phases.index(name) for name in names]).reshape(shape)),
        loss=read_only(loss.reshape(shape)),
        unit_norm=unit_norm,
        W=read_only(W.reshape(*shape, m, n)),
        b=read_only(b.reshape(*shape, n)),
    )


def arrangement(W: FloatArray) -> str:
    """Which features share dimensions, which stand alone and which are dropped.

    Parameters
    ----------
    W : ndarray of shape (n_hidden, n_features)

    Returns
    -------
    str
        Features are counted from one: ``"digon(1, 3) ⊕ 2"`` or ``"1 ⊕ 2 (3 dropped)"``.  Features
        that share dimensions in no simplex are a "line" or, say, "5 in 2".

    Examples
    --------
    >>> from geomsup.theory.diagram import arrangement
    >>> arrangement(np.array([[1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, 0.0]]))
    'digon(1, 3) ⊕ 2 (4 dropped)'
    """
    norms = np.sqrt(np.sum(W**2, axis=0))
    kept = np.flatnonzero(norms**2 > _REPRESENTED)
    units = W[:, kept] / norms[kept]
    sharing = np.abs(units.T @ units) > _SHARING
    groups, left = [], list(range(len(kept)))
    while left:
        group = {left[0]}
        while more := set(np.flatnonzero(sharing[list(group)].any(0)).tolist()) - group:
            group |= more
        groups.append(sorted(group))
        left = [k for k in left if k not in group]
    names = [_group_name(units[:, group], [int(kept[k]) + 1 for k in group]) for group in groups]
    dropped = [str(k + 1) for k in range(W.shape[1]) if k not in kept]
    name = " ⊕ ".join(sorted(names, key=lambda x: (-len(x), x))) or "nothing"
    return f"{name} ({', '.join(dropped)} dropped)" if dropped else name


def numbered_alike(W: FloatArray, n_alike: int) -> tuple[str, list[int]]:
    """The alphabetically first name that renumbering interchangeable features gives.

    Parameters
    ----------
    W : ndarray of shape (n_hidden, n_features)
    n_alike : int
        The first so many features are interchangeable.

    Returns
    -------
    name : str
        As :func:`arrangement` gives it.
    order : list of int
        Columns of W in the order that it names.
    """
    rest = range(n_alike, W.shape[1])
    orders = [[*order, *rest] for order in permutations(range(n_alike))]
    return min((arrangement(W[:, order]), order) for order in orders)


def _group_name(units: FloatArray, features: list[int]) -> str:
    numbers = ", ".join(map(str, features))
    if len(features) == 1:
        return numbers
    rank = int(np.sum(np.linalg.svd(units, compute_uv=False) > _SHARING))
    obtuse = bool(np.all(units.T @ units - np.eye(len(features)) < _SHARING))
    known = {2: "digon", 3: "triangle", 4: "tetrahedron"}
    if obtuse and len(features) == rank + 1 and len(features) in known:
        return f"{known[len(features)]}({numbers})"
    if rank == 1:
        return f"line({numbers})"
    return f"{len(features)} in {rank}({numbers})"


def _arrangements(n: int, m: int) -> Iterator[Blocks]:
    """All ways to fill m dimensions, each with one feature or an antipodal pair."""

    def extended(chosen: Blocks, free: tuple[int, ...]) -> Iterator[Blocks]:
        if len(chosen) == m:
            yield chosen
            return
        for at, first in enumerate(free):
            rest = free[at + 1 :]
            yield from extended((*chosen, (first,)), rest)
            for second in rest:
                left = tuple(k for k in rest if k != second)
                yield from extended((*chosen, (first, second)), left)

    yield from extended((), tuple(range(n)))


def _unit_model(blocks: Blocks, n: int, m: int) -> FloatArray:
    W = np.zeros((m, n))
    for row, block in enumerate(blocks):
        for sign, feature in zip((1.0, -1.0), block, strict=False):
            W[row, feature] = sign
    return W


def _unit_loss(blocks: Blocks, cells: Problem) -> FloatArray:
    """Loss of an arrangement of unit vectors without bias, in every cell."""
    p, importance = cells.p[:, 0], cells.importance
    loss = importance.sum(1) * dropped_loss(p)
    for block in blocks:
        paid = importance[:, list(block)].sum(1)
        loss += paid * ((p**2 / 6.0 if len(block) == 2 else 0.0) - dropped_loss(p))
    return np.asarray(loss)


def _searched(
    models: list[FloatArray],
    m: int,
    cells: Problem,
    shape: tuple[int, int],
    n_starts: int,
    rng: np.random.Generator,
    progress: bool | None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The best weights, biases and losses of every cell."""
    n_cells, n = cells.p.shape
    random = rng.normal(size=(n_starts, m, n)) / np.sqrt(m)
    # A little noise, because an exact symmetry would never be left.
    structured = np.array(models) + 0.02 * rng.normal(size=(len(models), m, n))
    W = np.concatenate([structured, random])
    starts = packed(W, rng.normal(scale=0.05, size=(len(W), n)))
    of_cell = np.repeat(np.arange(n_cells), len(starts))
    x, values = _descended(np.tile(starts, (n_cells, 1)), of_cell, m, cells, progress)
    lowest = values.reshape(n_cells, -1).argmin(1) + np.arange(n_cells) * len(starts)
    x, loss = x[lowest], values[lowest]

    # What a neighbour found may be better here too; a single cell has none.
    here = np.arange(n_cells).reshape(shape)
    for _ in range(_ROUNDS if n_cells > 1 else 0):
        pairs = [(here[:-1], here[1:]), (here[1:], here[:-1])]
        pairs += [(here[:, :-1], here[:, 1:]), (here[:, 1:], here[:, :-1])]
        to = np.concatenate([pair[0].ravel() for pair in pairs])
        source = np.concatenate([pair[1].ravel() for pair in pairs])
        tried, values = _descended(x[source], to, m, cells, progress)
        better = np.flatnonzero(values < (1.0 - _LOWER) * loss[to])
        if not better.size:
            break
        for at in better[np.argsort(-values[better], kind="stable")]:  # the lowest is written last
            x[to[at]], loss[to[at]] = tried[at], values[at]
    return *unpacked(x, m), loss


def _descended(
    starts: FloatArray, of_cell: IntArray, m: int, cells: Problem, progress: bool | None
) -> tuple[FloatArray, FloatArray]:
    """Descend each start in its cell."""
    with bar(len(starts), "descending", "model", progress) as arrived:
        ends = descend_models(
            *unpacked(starts, m),
            Problem(p=cells.p[of_cell], importance=cells.importance[of_cell]),
            gradient_tol=_GRADIENT_TOL,
            max_steps=_MOST_STEPS,
            arrived=arrived,
        )
    return packed(ends.W, ends.b), ends.loss
