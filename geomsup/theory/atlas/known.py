"""The best configuration known at any feature probability, from the atlas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, counted
from geomsup.restoring import Plain, read_only
from geomsup.theory.atlas.charges import of_charges
from geomsup.theory.atlas.newton import Critical, minimum_near
from geomsup.theory.atlas.table import AtlasCell, AtlasEntry, atlas_cell, atlas_cells, probability
from geomsup.theory.loss import Problem
from geomsup.validation import positive_integer

__all__ = ["KnownOptimum", "best_known", "known_cell", "known_point"]

FloatArray = NDArray[np.float64]

_AS_CHARGES = {
    "optimum": "the directions are those of as many charges at least energy",
    "shape": "the shape is that of as many charges at least energy, the angles are not",
    "": "not as charges at least energy",
}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class KnownOptimum(Plain):
    """The best configuration known for independent features of equal importance.

    Attributes
    ----------
    n_features, n_hidden : int
    feature_probability : float
    loss : float
        Sum over features, at importance one.
    W : ndarray of shape (n_hidden, n_features)
    b : ndarray of shape (n_features,)
    smallest_eigenvalue : float
        Of the Hessian across the symmetries, in units of features.
    zero_modes : int
        Flat directions beside the rotations of W and the biases of dead outputs.
    entry : AtlasEntry
        The phase that it belongs to.
    """

    _left_out = ("entry",)
    _derived = (
        "name",
        "status",
        "symmetry",
        "thomson",
        "low",
        "high",
        "ends",
        "runner_up",
        "runner_up_excess",
    )

    n_features: int
    n_hidden: int
    feature_probability: float
    loss: float
    W: FloatArray
    b: FloatArray
    smallest_eigenvalue: float
    zero_modes: int
    entry: AtlasEntry

    @property
    def name(self) -> str:
        """Name of the phase."""
        return self.entry.name

    @property
    def status(self) -> str:
        """Whether it is known to be the best."""
        return self.entry.status

    @property
    def symmetry(self) -> int:
        """Permutations of the represented features that keep all scalar products and biases."""
        return self.entry.symmetry

    @property
    def thomson(self) -> str:
        """Whether it points as so many charges do: "optimum", "shape", or ""."""
        return of_charges([self.W], self.entry.shape)

    @property
    def low(self) -> float:
        """Feature probability at which the phase begins."""
        return self.entry.low

    @property
    def high(self) -> float:
        """Feature probability at which the phase ends …"""
        return self.entry.high

    @property
    def ends(self) -> str:
        """… and how."""
        return self.entry.ends

    @property
    def runner_up(self) -> str:
        """Name of the next lowest minimum at the nearest node, empty if none was met."""
        return self.entry.runner_up[self.entry.nearest(self.feature_probability)]

    @property
    def runner_up_excess(self) -> float:
        """How much higher its loss is, relative, at the nearest node."""
        node = self.entry.nearest(self.feature_probability)
        return float(self.entry.runner_up_loss[node] / self.entry.loss[node] - 1.0)

    def __str__(self) -> str:
        entry = self.entry
        met, n_starts = int(entry.met.sum()), int(entry.n_starts.sum())
        lines = [
            f"{self.n_features} features in {self.n_hidden}, p = {self.feature_probability:.9g}: "
            f"{self.name} ({self.status})",
            f"  loss      {self.loss:.12g}",
            f"  phase     {self.low:.9g} < p < {self.high:.9g}"
            + (f", ends {self.ends}" if self.ends else ""),
            f"  symmetry  order {self.symmetry}",
            f"  Thomson   {_AS_CHARGES[self.thomson]}",
            f"  Hessian   smallest eigenvalue {self.smallest_eigenvalue:.4g}, "
            f"{self.zero_modes} zero modes",
            f"  met by    {met} of {n_starts} starts in this phase, at least"
            if n_starts
            else "  met by    no start: the phase was followed here and not searched",
        ]
        if self.runner_up:
            lines.append(
                f"  next      {self.runner_up}, {self.runner_up_excess:.2%} higher near by"
            )
        return "\n".join(lines)

    __repr__ = __str__


def best_known(n_features: int, n_hidden: int, feature_probability: float) -> KnownOptimum:
    """The best configuration known, for independent features of equal importance.

    Parameters
    ----------
    n_features, n_hidden : int
        Up to 12 features in up to 4 dimensions, more features than dimensions.
    feature_probability : float
        p in (0, 1].  Below 1e-6 nothing was searched: the first phase is followed there.

    Returns
    -------
    KnownOptimum

    Raises
    ------
    GeomsupError
        If the atlas has no such size (:func:`best_configuration` searches any), or p is no such
        number.

    Notes
    -----
    The atlas holds configurations at some feature probabilities; the nearest of the same phase is
    brought to this one by Newton steps on the exact loss.  It was made by
    ``python -m geomsup.theory.atlas.rebuild``: searches from random starts and compositions of
    shapes, every minimum followed along p, and the lowest taken.  That there is nothing lower is
    not proved.

    Examples
    --------
    >>> from geomsup.theory import best_known
    >>> best = best_known(5, 2, 0.1)
    >>> best.name, best.symmetry, round(best.loss, 9)
    ('pentagon', 10, 0.026305131)
    """
    n, m = positive_integer("n_features", n_features), positive_integer("n_hidden", n_hidden)
    p = probability(feature_probability)
    entry = known_cell(n, m).at(p)
    point = _at(entry, p)
    return KnownOptimum(
        n_features=n,
        n_hidden=m,
        feature_probability=p,
        loss=point.loss,
        W=read_only(point.W),
        b=read_only(point.b),
        smallest_eigenvalue=point.softest,
        zero_modes=point.n_flat,
        entry=entry,
    )


def known_cell(n_features: int, n_hidden: int) -> AtlasCell:
    """A size of the atlas.

    Raises
    ------
    GeomsupError
        If it has no such size; the message says why, and which there are.
    """
    cell = atlas_cell(n_features, n_hidden)
    if cell is not None:
        return cell
    if n_features <= n_hidden:
        raise GeomsupError(
            f"the atlas holds more features than dimensions, got {counted(n_features, 'feature')} "
            f"in {counted(n_hidden, 'dimension')}: each has one to itself, and the loss is zero"
        )
    raise GeomsupError(
        f"the atlas has no model of {n_features} features in {n_hidden} ({_sizes(n_hidden)}); "
        "search it with best_configuration"
    )


def _sizes(n_hidden: int) -> str:
    """What the atlas has, of as many dimensions if it has any."""
    sizes = [cell.n_features for cell in atlas_cells() if cell.n_hidden == n_hidden]
    if sizes:
        missing = [str(n) for n in range(min(sizes), max(sizes)) if n not in sizes]
        but = f" but {', '.join(missing)}" if missing else ""
        return f"in {n_hidden} it has {min(sizes)} to {max(sizes)} features{but}"
    return f"it has 1 to {max(cell.n_hidden for cell in atlas_cells())} dimensions"


def known_point(n_hidden: int, problem: Problem) -> Critical | None:
    """What the atlas has for a problem, at importance one; None for sizes or data that it has not.

    Features that are never there, that do not matter or that depend on each other are no such
    data, and weights that cost something make it another problem.
    """
    if not problem.is_plain:
        return None
    p, importance = problem.p, problem.importance
    cell = atlas_cell(problem.n_features, n_hidden)
    if cell is None or np.ptp(p) > 0.0 or np.ptp(importance) > 0.0:
        return None
    # Their product is what the loss is measured in.
    if p[0] * importance[0] < np.finfo(np.float64).tiny:
        return None
    return _at(cell.at(float(p[0])), float(p[0]))


def _at(entry: AtlasEntry, p: float) -> Critical:
    """The configuration of a phase."""
    nodes = [
        Critical(p=float(p), W=W, b=b, loss=float(loss))
        for p, W, b, loss in zip(entry.p, entry.W, entry.b, entry.loss, strict=True)
    ]
    return minimum_near(nodes, p)
