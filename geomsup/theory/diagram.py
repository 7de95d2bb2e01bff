"""Phase diagrams: which arrangement is best at each feature probability and importance.

The paper's theoretical diagrams compare a few arrangements of unit vectors without bias, whose
losses can be written down.  The exact diagram allows every weight and every bias: each cell is a
search on the exact loss, and all cells are descended side by side, their feature probability and
importance carried along as coordinates that have no gradient.  Features that depend on each other
do so in another way in each row, so a row is descended at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.progress import bar
from geomsup.restoring import Plain, read_only
from geomsup.theory.feature_lines import FeatureLine, Features
from geomsup.theory.feature_model import FeatureModel
from geomsup.theory.loss import Problem, gram_terms
from geomsup.theory.models import arrived_after, descend_models
from geomsup.theory.packing import packed, unpacked
from geomsup.theory.phases import ascending
from geomsup.theory.starts import collapsed_starts
from geomsup.validation import positive_integer, random_generator

__all__ = ["PhaseDiagram", "arrangement", "numbered_alike", "phase_diagram"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Blocks = tuple[tuple[int, ...], ...]

_MOST_FEATURES = 6
# The paper's axes: 1 − S from 1 to .01 and the relative importance from .1 to 10.
_AXIS_POINTS = 25
# Of the losses of unit vectors whose features depend on each other.
_UNIT_TOL = 1e-12
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
        p of all features, or whatever the argument of `features` was.
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
    along : str
        What `feature_probability` is: "p", or the name of the argument of `features`.
    models : tuple of FeatureModel or None
        The data of each row; None for independent features that all have p.
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
    along: str = "p"
    models: tuple[FeatureModel, ...] | None = None

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


@dataclass(frozen=True, kw_only=True, eq=False)
class _Band:
    """Consecutive cells whose features depend on each other in the same way.

    All cells of independent features that have one p, otherwise a row of the diagram.
    """

    cells: slice
    problem: Problem  # with a line for each cell
    model: FeatureModel | None  # of the row


def phase_diagram(
    n_features: int,
    n_hidden: int,
    *,
    feature_probability: Any = None,
    relative_importance: Any = None,
    features: Features | None = None,
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
    features : callable, optional
        A function of one number in [0, 1] that returns a :class:`FeatureModel`, such as
        ``lambda c: FeatureModel.pairs(2, 0.1, together=c)``.  The rows of the diagram are what it
        returns at the values of `feature_probability`.
    unit_norm : bool, default False
        Compare only unit vectors without bias, one feature or one antipodal pair to a dimension,
        as the paper's theoretical diagrams do.  Only a dropped feature has a bias, its mean.
    n_starts : int, default 8
        Random starts in each cell, beside one for every such arrangement, and those in which sets
        are collapsed.
    seed : int, numpy Generator or None, default 0
    progress : bool, optional
        Whether to show a progress bar.  None shows it in a terminal or a notebook.

    Returns
    -------
    PhaseDiagram

    Raises
    ------
    GeomsupError
        If a size or a value is out of range, or `features` returns anything but a feature model of
        so many features.

    Notes
    -----
    Phases are named by the features in them, and features that are interchangeable are numbered so
    that equals are equal: those of equal importance, where they are independent; where they come
    in sets, members of a set and sets that are alike.

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

    A pair in one dimension: opposed while its members seldom come together, on one line when they
    often do.

    >>> from geomsup.theory import FeatureModel
    >>> diagram = phase_diagram(
    ...     2,
    ...     1,
    ...     feature_probability=[0.4, 0.9],
    ...     relative_importance=[1.0],
    ...     features=lambda c: FeatureModel.pairs(1, 0.01, together=c),
    ...     n_starts=4,
    ... )
    >>> [diagram.phases[k] for k in diagram.phase[:, 0]]
    ['digon(1, 2)', 'line(1, 2)']
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
    line = FeatureLine.of(n, features)
    p = ascending(feature_probability, line.axis, high=1.0)
    r = ascending(relative_importance, "relative_importance", high=1e6)
    shape = (len(p), len(r))
    models = line.models(p.tolist())
    bands = _bands(n, p, r, models)
    blocks = list(_arrangements(n, m))
    if unit_norm:
        W, b, loss = (
            np.concatenate(part) for part in zip(*_of_units(blocks, m, bands), strict=True)
        )
    else:
        W, b, loss = _searched(blocks, m, bands, shape, count, random_generator(seed), progress)
    names = _numbered(W, b, bands)
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
        along=line.along,
        models=models,
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


def _bands(
    n: int, p: FloatArray, r: FloatArray, models: tuple[FeatureModel, ...] | None
) -> list[_Band]:
    """The cells, row after row; the last feature has the importance r."""
    rows: list[tuple[FloatArray, FeatureModel | None]]
    if models is None:
        rows = [(np.repeat(p, len(r))[:, None] * np.ones(n), None)]
    else:
        rows = [(np.tile(model.feature_probability, (len(r), 1)), model) for model in models]
    bands, start = [], 0
    for chances, model in rows:
        count = len(chances)
        last = np.tile(r, count // len(r))[:, None]
        problem = Problem(
            p=chances,
            importance=np.hstack([np.ones((count, n - 1)), last]),
            features=None if model is None or model.is_independent else model,
        )
        bands.append(_Band(cells=slice(start, start + count), problem=problem, model=model))
        start += count
    return bands


def _numbered(W: FloatArray, b: FloatArray, bands: list[_Band]) -> list[str]:
    """The names of all cells, whose interchangeable features are renumbered in place."""
    names = []
    n = W.shape[-1]
    for band in bands:
        relations = np.zeros((n, n)) if band.model is None else band.model.relations()
        orders = {alike: list(_orders(relations, alike)) for alike in (False, True)}
        for cell, importance in enumerate(band.problem.importance, band.cells.start):
            # Where the last feature matters as much as the others it may be one of them.
            name, order = _first_name(W[cell], orders[bool(abs(importance[-1] - 1.0) < 1e-9)])
            W[cell], b[cell] = W[cell][:, order], b[cell, order]
            names.append(name)
    return names


def _orders(relations: NDArray[Any], last_too: bool) -> Iterator[list[int]]:
    """The permutations of features that change nothing, `last_too` or the last in its place."""
    n = len(relations)
    for order in permutations(range(n)):
        if not last_too and order[-1] != n - 1:
            continue
        if np.array_equal(relations[np.ix_(order, order)], relations):
            yield list(order)


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
    return _first_name(W, ([*order, *rest] for order in permutations(range(n_alike))))


def _first_name(W: FloatArray, orders: Iterable[list[int]]) -> tuple[str, list[int]]:
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


def _of_units(
    blocks: list[Blocks], m: int, bands: list[_Band]
) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
    """The best weights, biases and losses of each band, of arrangements of unit vectors."""
    for band in bands:
        problem = band.problem
        n = problem.p.shape[1]
        models = np.array([_unit_model(arranged, n, m) for arranged in blocks])
        if band.model is None:
            losses = np.array([_unit_loss(arranged, problem) for arranged in blocks])
        else:
            losses = _exact_unit_losses(models, band.model) @ problem.importance.T
        W = models[np.argmin(losses, axis=0)]
        yield W, np.where(np.any(W != 0.0, axis=1), 0.0, problem.means), losses.min(0)


def _unit_loss(blocks: Blocks, cells: Problem) -> FloatArray:
    """Loss of an arrangement of unit vectors without bias, where features are independent."""
    p, importance = cells.p[:, 0], cells.importance
    dropped = cells.dropped_losses[:, 0]
    loss = importance.sum(1) * dropped
    for block in blocks:
        paid = importance[:, list(block)].sum(1)
        loss += paid * ((p**2 / 6.0 if len(block) == 2 else 0.0) - dropped)
    return np.asarray(loss)


def _exact_unit_losses(models: FloatArray, features: FeatureModel) -> FloatArray:
    """Loss of each output of each arrangement of unit vectors, at importance one."""
    problem = Problem.of(models.shape[2], features, 1.0)
    b = np.where(np.any(models != 0.0, axis=1), 0.0, problem.means)
    gram = np.matmul(models.transpose(0, 2, 1), models)
    return np.maximum(gram_terms(gram, b, problem, _UNIT_TOL).loss.reshape(b.shape), 0.0)


def _searched(
    blocks: list[Blocks],
    m: int,
    bands: list[_Band],
    shape: tuple[int, int],
    n_starts: int,
    rng: np.random.Generator,
    progress: bool | None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The best weights, biases and losses of every cell."""
    sizes, normal = [], []
    for band in bands:
        problem, size = band.problem.normalised()
        sizes.append(size)
        normal.append(replace(band, problem=replace(problem, weight_decay=0.0)))
    starts, of_cell = _starts(blocks, m, normal, n_starts, rng)
    x, values = _descended(starts, of_cell, m, normal, progress)
    by_loss = np.lexsort((values, of_cell))
    lowest = by_loss[np.unique(of_cell[by_loss], return_index=True)[1]]
    x, loss = x[lowest], values[lowest]

    # What a neighbour found may be better here too; a single cell has none.
    here = np.arange(len(loss)).reshape(shape)
    for _ in range(_ROUNDS if len(loss) > 1 else 0):
        pairs = [(here[:-1], here[1:]), (here[1:], here[:-1])]
        pairs += [(here[:, :-1], here[:, 1:]), (here[:, 1:], here[:, :-1])]
        to = np.concatenate([pair[0].ravel() for pair in pairs])
        source = np.concatenate([pair[1].ravel() for pair in pairs])
        tried, values = _descended(x[source], to, m, normal, progress)
        better = np.flatnonzero(values < (1.0 - _LOWER) * loss[to])
        if not better.size:
            break
        for at in better[np.argsort(-values[better], kind="stable")]:  # the lowest is written last
            x[to[at]], loss[to[at]] = tried[at], values[at]
    return *unpacked(x, m), np.concatenate(sizes) * loss


def _starts(
    blocks: list[Blocks], m: int, bands: list[_Band], n_starts: int, rng: np.random.Generator
) -> tuple[FloatArray, IntArray]:
    """Where the descents of every cell start, and the numbers of their cells."""
    n = bands[0].problem.p.shape[1]
    random = rng.normal(size=(n_starts, m, n)) / np.sqrt(m)
    # A little noise, because an exact symmetry would never be left.
    units = np.array([_unit_model(arranged, n, m) for arranged in blocks])
    structured = units + 0.02 * rng.normal(size=(len(units), m, n))
    W = np.concatenate([structured, random])
    everywhere = packed(W, rng.normal(scale=0.05, size=(len(W), n)))
    starts, of_cell = [], []
    for band in bands:
        own = replace(band.problem, p=band.problem.p[0], importance=np.ones(n))
        here = np.concatenate([everywhere, collapsed_starts(m, own, rng)])
        cells = np.arange(band.cells.start, band.cells.stop)
        starts.append(np.tile(here, (len(cells), 1)))
        of_cell.append(np.repeat(cells, len(here)))
    return np.concatenate(starts), np.concatenate(of_cell)


def _descended(
    starts: FloatArray, of_cell: IntArray, m: int, bands: list[_Band], progress: bool | None
) -> tuple[FloatArray, FloatArray]:
    """Descend each start in its cell."""
    x, values = np.empty_like(starts), np.empty(len(starts))
    with bar(len(starts), "descending", "model", progress) as arrived:
        done = 0
        for band in bands:
            first, problem = band.cells.start, band.problem
            at = np.flatnonzero((of_cell >= first) & (of_cell < band.cells.stop))
            own = of_cell[at] - first
            ends = descend_models(
                *unpacked(starts[at], m),
                replace(problem, p=problem.p[own], importance=problem.importance[own]),
                gradient_tol=_GRADIENT_TOL,
                max_steps=_MOST_STEPS,
                arrived=arrived_after(done, arrived),
            )
            x[at], values[at] = packed(ends.W, ends.b), ends.loss
            done += len(at)
    return x, values
