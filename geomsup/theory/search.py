"""The best configurations of a toy model, searched on its exact loss and named.

Without sampling noise quasi-Newton steps converge to ten digits, so two local minima are told
apart by their losses alone.  What is found is the lowest of many starts: best found, not proved
optimal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, warn_caller
from geomsup.geometry.classify import geometry_of
from geomsup.geometry.report import GeometryReport
from geomsup.progress import bar
from geomsup.restoring import Plain, read_only
from geomsup.theory.atlas.known import known_point
from geomsup.theory.descent import Descent, descend_in_units
from geomsup.theory.loss import Problem
from geomsup.theory.models import arrived_after
from geomsup.theory.packing import packed, packed_loss, unpacked
from geomsup.theory.starts import (
    collapsed_starts,
    composed_starts,
    moved_sets,
    moved_starts,
    random_starts,
)
from geomsup.validation import positive_integer, random_generator

__all__ = ["BestConfiguration", "LocalMinimum", "best_configuration", "configuration_name"]

FloatArray = NDArray[np.float64]

# All of these are for a problem whose zero output has loss one.
# Losses closer than this, relative, belong to one minimum; descents end far closer than that.
_SAME_LOSS, _SAME_SMALL_LOSS = 1e-8, 1e-12
_MOST_PARAMETERS = 2000
# All random starts are drawn at once.
_MOST_NUMBERS = 10**8
# Random starts come in batches, each so many times as large as all before it; a batch that agrees
# with the compositions is the last.
_FIRST_BATCH, _GROWTH = 25, 3
# Minima from which moves are tried and rounds; moves in a round, the steps after which they are
# compared, and those that are then descended to the end.
_MOVED_FROM, _MOST_ROUNDS = 2, 6
_MOST_MOVES, _ROUGH_STEPS, _MOST_FINISHED = 60, 40, 6
_GRADIENT_TOL = 1e-12
# Weights of a whole model below this are none: they change a loss of one by no more than 1e-11.
_NO_WEIGHT = 1e-6
# Descents that stopped at a larger gradient, relative to the loss, are not called minima; and
# where the loss vanishes, at a larger one than can be told from rounding.
_CONVERGED, _CONVERGED_SMALL = 1e-5, 1e-7


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LocalMinimum(Plain):
    """One distinct local minimum of a search.

    Attributes
    ----------
    loss : float
    share : float
        Share of the random starts that ended here; 0 for what only a composition of shapes or a
        move from another minimum has found.
    name : str
        For example ``"pentagon"`` or ``"digon + digon, 1 dropped"``.
    W : ndarray of shape (n_hidden, n_features)
    b : ndarray of shape (n_features,)
    report : GeometryReport
    """

    _left_out = ("report",)

    loss: float
    share: float
    name: str
    W: FloatArray
    b: FloatArray
    report: GeometryReport

    def __repr__(self) -> str:
        return f"<{self.name}: loss {self.loss:.10g}, {self.share:.0%} of starts>"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class BestConfiguration(Plain):
    """The lowest loss that a search found, and every other minimum beside it.

    Attributes
    ----------
    loss, W, b, report, name
        Of the lowest minimum; see :class:`LocalMinimum`.
    minima : tuple of LocalMinimum
        Lowest loss first.
    n_starts : int
        Random starts that were used.
    n_converged : int
        Random starts that ended where the gradient vanishes; the others are in no minimum's share.
    best_known : float or None
        The loss in the atlas (:func:`geomsup.theory.best_known`), which the search starts from too;
        None where it has no such model: more features, or unequal ones.
    """

    minima: tuple[LocalMinimum, ...]
    n_starts: int
    n_converged: int
    best_known: float | None = None

    @property
    def loss(self) -> float:
        """Lowest loss found."""
        return self.minima[0].loss

    @property
    def W(self) -> FloatArray:
        """Weights of the best configuration, (n_hidden, n_features)."""
        return self.minima[0].W

    @property
    def b(self) -> FloatArray:
        """Biases of the best configuration, (n_features,)."""
        return self.minima[0].b

    @property
    def report(self) -> GeometryReport:
        """Geometry of the best configuration."""
        return self.minima[0].report

    @property
    def name(self) -> str:
        """Name of the best configuration."""
        return self.minima[0].name

    @property
    def beats_atlas(self) -> bool:
        """Whether something lower was found than the atlas knows of."""
        return self.best_known is not None and self.loss < self.best_known * (1.0 - _SAME_LOSS)

    def __str__(self) -> str:
        width = max(len(m.name) for m in self.minima[:12])
        lines = [
            f"best of {self.n_starts} starts ({self.n_converged} converged)"
            f"{'' if self.best_known is None else ' and the atlas'}, "
            "best found, not proved optimal",
            f"{'loss':<15}  starts  configuration",
            f"{'─' * 15}  ──────  {'─' * width}",
        ]
        for m in self.minima[:12]:
            lines.append(f"{m.loss:<15.10f}  {m.share:>6.0%}  {m.name}")
        if len(self.minima) > 12:
            lines.append(f"… and {len(self.minima) - 12} more")
        kept = self.report.represented
        if kept.any():
            norms, biases = _spread(self.report.norms[kept]), _spread(self.b[kept])
            lines.append(f"best: |W_i| {norms}, b_i {biases} (of the represented features)")
        if self.beats_atlas:
            lines.append(f"lower than the atlas, which has {self.best_known:.12g}")
        return "\n".join(lines)

    __repr__ = __str__


def best_configuration(
    n_features: int,
    n_hidden: int,
    feature_probability: object,
    importance: object = 1.0,
    *,
    weight_decay: float = 0.0,
    n_starts: int = 100,
    seed: int | np.random.Generator | None = 0,
    progress: bool | None = None,
) -> BestConfiguration:
    """Search for the weights and biases of least exact expected loss.

    Parameters
    ----------
    n_features, n_hidden : int
        Size of the model x̂ = ReLU(WᵀWx + b).
    feature_probability : float, array_like of shape (n_features,) or FeatureModel
    importance : float or array_like of shape (n_features,), default 1.0
    weight_decay : float, default 0.0
        λ of λ‖W‖² in the loss; see :func:`expected_loss`.
    n_starts : int, default 100
        The most random starts.  They come in batches of 25, 75, 300 and so on, and a batch in which
        one ends in the lowest minimum known is the last, if a composition of catalogue shapes ends
        there too.
    seed : int, numpy Generator or None, default 0
    progress : bool, optional
        Whether to show a progress bar.  None shows it in a terminal or a notebook.

    Returns
    -------
    BestConfiguration
        The distinct local minima, each named by :func:`geomsup.classify_geometry`.

    Raises
    ------
    GeomsupError
        If a size is no positive integer, or the model is too large for dense quasi-Newton.

    Notes
    -----
    BFGS on :func:`expected_loss`, many starts side by side: compositions of catalogue shapes, each
    at its symmetric optimum with the important features first, what the atlas knows of
    (:func:`best_known`, for up to 12 equal features in up to 4 dimensions), and random ones.  From
    the best minima features are then dropped, revived, exchanged and merged as long as that leads
    lower.  Features in sets also start collapsed, one vertex of a shape for each set, and sets are
    collapsed or taken apart.  That no lower minimum exists is not proved; the share of starts that
    found the best one says how hard it was to find.

    Examples
    --------
    >>> from geomsup.theory import best_configuration
    >>> best = best_configuration(2, 1, 0.1, n_starts=10)
    >>> best.name, round(best.loss, 9)
    ('digon', 0.003319484)

    Two pairs in two dimensions whose members always come together: partners are orthogonal, and
    each is opposite to a feature of the other pair.

    >>> from geomsup.theory import FeatureModel
    >>> best = best_configuration(4, 2, FeatureModel.pairs(2, 0.05), n_starts=25)
    >>> best.name, bool(abs(best.W[:, 0] @ best.W[:, 1]) < 0.05)
    ('digon + digon', True)
    """
    n, m = positive_integer("n_features", n_features), positive_integer("n_hidden", n_hidden)
    count = positive_integer("n_starts", n_starts)
    if n * (m + 1) > _MOST_PARAMETERS:
        raise GeomsupError(
            f"expected a model of at most {_MOST_PARAMETERS} parameters, got {n} features × "
            f"({m} + 1); search a component of it"
        )
    if count * n * (m + 1) > _MOST_NUMBERS:
        raise GeomsupError(
            f"expected at most {_MOST_NUMBERS // (n * (m + 1))} starts for a model of this size, "
            f"got n_starts = {count}; search again with other seeds"
        )
    problem = Problem.of(n, feature_probability, importance, weight_decay)
    rng = random_generator(seed)
    random = random_starts(count, m, n, rng)
    pool = _Pool(m, problem)
    known = known_point(m, problem)
    composed = composed_starts(m, problem, rng)
    composed = np.concatenate([composed, collapsed_starts(m, problem, rng)])
    if known is not None:
        composed = np.concatenate([packed(known.W, known.b)[None], composed])
    with bar(count + len(composed), "searching", "start", progress) as arrived:
        # A batch costs less than its parts, so the compositions are in the first.
        batch = np.concatenate([composed, random[:_FIRST_BATCH]])
        first, used = len(composed), len(batch) - len(composed)
        pool.add(batch, arrived, n_counted=used)
        of_families = pool.lowest_of(slice(0, first))
        while used < count:
            of_batch = pool.lowest_of(slice(first, None))
            if _agree(of_families, pool.lowest) and _agree(of_batch, pool.lowest):
                break
            first = len(pool.x)
            batch = random[used : (1 + _GROWTH) * used]
            pool.add(batch, arrived_after(first, arrived), n_counted=len(batch))
            used += len(batch)
    _move(pool, rng)
    return pool.minima(None if known is None else known.loss * float(problem.importance[0]))


def _agree(loss: float, other: float) -> bool:
    """Whether two losses of the normalised problem belong to one minimum."""
    if not np.isfinite(loss + other):
        return False
    return bool(abs(loss - other) <= max(_SAME_LOSS * max(loss, other), _SAME_SMALL_LOSS))


class _Pool:
    """Where the descents of a search ended, so far."""

    def __init__(self, n_hidden: int, problem: Problem) -> None:
        self.n_hidden, self.problem = n_hidden, problem
        normal, self.size = problem.normalised()
        self.loss = packed_loss(n_hidden, normal)
        # In units of features: a descent in W and b themselves is slow in unimportant ones.
        weight = normal.importance * normal.p
        root = np.sqrt(np.where(weight > 0.0, weight / max(weight.max(), 1e-300), 1.0))
        self.unit = 1.0 / np.tile(root, n_hidden + 1)
        self.x = np.empty((0, len(self.unit)))
        self.value = np.empty(0)
        self.converged = np.empty(0, dtype=bool)
        self.counted = np.empty(0, dtype=bool)

    def add(
        self,
        starts: FloatArray,
        arrived: Callable[[int], None] | None = None,
        *,
        n_counted: int = 0,
    ) -> None:
        """Descend from some starts; shares are taken of the last `n_counted` of them."""
        ends = self._descended(starts, arrived)
        steepest = np.abs(ends.gradient).max(1)
        converged = steepest <= np.maximum(_CONVERGED * ends.value, _CONVERGED_SMALL)
        self.x = np.concatenate([self.x, ends.x])
        self.value = np.concatenate([self.value, ends.value])
        self.converged = np.concatenate([self.converged, converged])
        counted = np.arange(len(starts)) >= len(starts) - n_counted
        self.counted = np.concatenate([self.counted, counted])

    def promising(self, starts: FloatArray) -> FloatArray:
        """Those starts that a few steps bring lowest, after these steps.

        Starts of the same loss are taken for the same but for symmetry.
        """
        value, _ = self.loss(starts)
        _, distinct = np.unique(np.round(value, 9), return_index=True)
        ends = self._descended(starts[distinct[:_MOST_MOVES]], max_steps=_ROUGH_STEPS)
        return ends.x[np.argsort(ends.value, kind="stable")[:_MOST_FINISHED]]

    def _descended(
        self,
        starts: FloatArray,
        arrived: Callable[[int], None] | None = None,
        max_steps: int = 2000,
    ) -> Descent:
        return descend_in_units(
            self.loss,
            starts,
            lambda y: self.unit * y,
            lambda x: x / self.unit,
            gradient_tol=_GRADIENT_TOL,
            max_steps=max_steps,
            arrived=arrived,
        )

    @property
    def lowest(self) -> float:
        """Lowest loss of a minimum so far, of the normalised problem."""
        return self.lowest_of(slice(None))

    def lowest_of(self, which: slice) -> float:
        """Lowest loss of the minima that these descents reached, of the normalised problem."""
        return float(self.value[which][self.converged[which]].min(initial=np.inf))

    def groups(self) -> list[list[int]]:
        """Numbers of the descents that ended in each distinct minimum, lowest first."""
        at = np.flatnonzero(self.converged)
        groups: list[list[int]] = []
        for index in at[np.argsort(self.value[at], kind="stable")].tolist():
            if groups and _agree(self.value[groups[-1][0]], self.value[index]):
                groups[-1].append(index)
            else:
                groups.append([index])
        return groups

    def unpacked(self, index: int) -> tuple[FloatArray, FloatArray]:
        """W and b of one of the ends."""
        return unpacked(self.x[index], self.n_hidden)

    def minima(self, best_known: float | None = None) -> BestConfiguration:
        """The distinct minima, named."""
        if not self.converged.any():
            raise GeomsupError(
                f"none of {len(self.x)} starts converged; raise n_starts, or check the importances"
            )
        if np.any(self.value[~self.converged] < (1.0 - 1e-6) * self.lowest - _SAME_SMALL_LOSS):
            warn_caller(
                "a start that did not converge went below every minimum found, so the best may be "
                "missing; very rare features make the loss too stiff"
            )
        n_counted = int(self.counted.sum())
        minima = []
        for group in self.groups():
            W, b = self.unpacked(group[0])
            # Geometry has no scale: what decay has brought down to rounding would still be a shape.
            W = W if np.abs(W).max() > _NO_WEIGHT else np.zeros_like(W)
            W, b = read_only(W), read_only(b)
            report = geometry_of(W)
            minima.append(
                LocalMinimum(
                    loss=float(self.size * self.value[group[0]]),
                    share=int(self.counted[group].sum()) / max(n_counted, 1),
                    name=configuration_name(report),
                    W=W,
                    b=b,
                    report=report,
                )
            )
        return BestConfiguration(
            minima=tuple(minima),
            n_starts=n_counted,
            n_converged=int(np.sum(self.converged & self.counted)),
            best_known=best_known,
        )


def _move(pool: _Pool, rng: np.random.Generator) -> None:
    """Move from the best minima to others until none of the moves leads lower."""
    left: set[int] = set()
    for _ in range(_MOST_ROUNDS):
        lowest = pool.lowest
        from_here = [group for group in pool.groups()[:_MOVED_FROM] if left.isdisjoint(group)]
        if not from_here:
            return
        left.update(*from_here)
        problem, starts = pool.problem, []
        for group in from_here:
            point = pool.unpacked(group[0])
            starts.append(moved_starts(*point, problem.importance, rng))
            starts.append(moved_sets(*point, problem.features, rng))
        pool.add(pool.promising(np.concatenate(starts)))
        if _agree(lowest, pool.lowest):
            return


def minima_from(starts: FloatArray, n_hidden: int, problem: Problem) -> BestConfiguration:
    """The distinct minima that descents from given points reach."""
    pool = _Pool(n_hidden, problem)
    pool.add(starts, n_counted=len(starts))
    return pool.minima()


def ends_from(starts: FloatArray, n_hidden: int, problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Where descents from given points lead, each by itself, minima or not, and their losses."""
    pool = _Pool(n_hidden, problem)
    pool.add(starts)
    return pool.x, pool.size * pool.value


def _spread(values: FloatArray) -> str:
    low, high = f"{values.min():.6g}", f"{values.max():.6g}"
    return low if low == high else f"{low} … {high}"


def configuration_name(report: GeometryReport) -> str:
    """A configuration as a sum that the catalogue reads, such as "digon + digon, 1 dropped".

    Models are told apart and counted by it; :meth:`GeometryReport.summary` is for readers.
    """
    names = " + ".join(component.label for component in report.components) or "nothing"
    return f"{names}, {report.n_dropped} dropped" if report.n_dropped else names
