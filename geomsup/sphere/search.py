"""The search behind :func:`geomsup.sphere.minimize_energy`: starts, hops, and a pool of minima.

Random starts are a fair lottery whose odds fall from one to a few in a hundred as the points grow
from ten to two hundred.  Hops from the lowest minima have other odds, so both are played: where
one of them gets trapped the other usually is not.  Measured at 46, 105, 120 and 200 points, none
of the hops is best everywhere:

* *symmetric start*, in three dimensions: random points that repeat under a rotation group.  Not a
  hop from anywhere, and the best of them all from forty points on: 15 of 40 found the lowest
  energy of 46 points, which one random start in twelve finds, and 13 of 60 that of 192;
* *turned cap*: cut the sphere and turn one side; keeps both halves, makes a new seam;
* *moved points*: take badly placed points out and put them into the largest holes; the cheapest
  descent afterwards, and the right repair when a few defects are in the wrong place;
* *shake*: move every point by half the distance to its neighbours; less than a third of it
  always falls back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from geomsup.sphere.descent import descend
from geomsup.sphere.kernels import Kernel, spacing
from geomsup.sphere.rotations import symmetric_start

__all__ = ["Basin", "Search"]

FloatArray = NDArray[np.float64]

# Energies closer than this, relative, belong to one minimum; descents end far closer than that.
_SAME_ENERGY = 1e-10
# Sorted cosines differ by more between two minima, and by less between two ends of descents into
# the same one, even where its Hessian is singular.
_OTHER = 1e-2
_MOST_TIES, _LARGEST_TIE = 3, 300
# Share of the hops, in three dimensions, that are symmetric starts.
_SYMMETRIC_SHARE = 0.5
# Minima that hops start from.
_PARENTS = 6
# Directions tried when the largest hole is looked for.
_PROBES = 400


@dataclass(kw_only=True, eq=False)
class Basin:
    """A minimum in the pool, and how often it was met."""

    energy: float
    points: FloatArray
    gradient_norm: float
    hits: int = 0  # from random starts
    hop_hits: int = 0
    ties: list[FloatArray] = field(default_factory=list)  # same energy, other distances

    def meet(self, points: FloatArray) -> None:
        """Keep a configuration of the same energy if its distances are others."""
        if len(points) > _LARGEST_TIE or len(self.ties) == _MOST_TIES:
            return
        view = _cosines(points)
        if all(np.abs(view - _cosines(p)).max() > _OTHER for p in (self.points, *self.ties)):
            self.ties.append(points)


@dataclass(kw_only=True, eq=False)
class Search:
    """A search that can be continued as long as its owner likes.

    Everything drawn comes from `rng` in one fixed order, so the path depends on the seed alone.
    """

    n_points: int
    dim: int
    power: float  # the exponent s; 0 stands for the logarithm
    rng: np.random.Generator
    minima: list[Basin] = field(default_factory=list)  # lowest first
    n_starts: int = 0
    n_hops: int = 0
    n_converged: int = 0
    unfinished: Basin | None = None  # lowest of those that did not converge
    target: float = -math.inf  # an energy that makes further descents pointless
    on_progress: Callable[[float], None] | None = None  # gets the descents done, in fractions

    def __post_init__(self) -> None:
        self.kernel = Kernel(self.power, self.n_points)

    @property
    def reached(self) -> bool:
        """Whether the target is met."""
        return bool(self.minima) and self.minima[0].energy <= self.target

    @property
    def disagrees(self) -> bool:
        """Whether the random starts ended in more than one minimum."""
        return len(self.minima) > 1

    def start(self) -> None:
        """Descend from a random start."""
        self.n_starts += 1
        self._descend(_unit(self.rng.normal(size=(self.n_points, self.dim))), hop=False)

    def hop(self) -> None:
        """Descend from symmetric points or from a changed copy of a low minimum."""
        self.offer(self._changed())

    def offer(self, points: FloatArray) -> None:
        """Descend from given unit rows (n_points, dim); counts as a hop."""
        self.n_hops += 1
        self._descend(points.copy(), hop=True)

    def _descend(self, x: FloatArray, *, hop: bool) -> None:
        end = descend(x, self.kernel, None if self.on_progress is None else self._advance)
        self._advance(1.0)
        reached = Basin(energy=end.energy, points=end.points, gradient_norm=end.gradient_norm)
        if not end.converged:
            if self.unfinished is None or end.energy < self.unfinished.energy:
                self.unfinished = reached
            return
        self.n_converged += 1
        near = _SAME_ENERGY * max(abs(end.energy), self.kernel.force(end.energy))
        known = next((m for m in self.minima if abs(m.energy - end.energy) <= near), None)
        if known is None:
            self.minima.append(known := reached)
            self.minima.sort(key=lambda m: m.energy)
        else:
            known.meet(end.points)
        known.hits += not hop
        known.hop_hits += hop

    def _advance(self, share: float) -> None:
        if self.on_progress is not None:
            self.on_progress(self.n_starts + self.n_hops - 1 + share)

    def _changed(self) -> FloatArray:
        if self.dim == 3 and self.rng.random() < _SYMMETRIC_SHARE:
            return symmetric_start(self.n_points, self.rng)
        # Low minima more often than high ones.
        last = min(_PARENTS, len(self.minima))
        parent = self.minima[int(last * self.rng.random() ** 2)].points
        hops: list[Callable[[FloatArray], FloatArray]] = [self._shaken, self._with_points_moved]
        if self.dim > 2:
            hops.append(self._with_turned_cap)
        return hops[int(self.rng.integers(len(hops)))](parent)

    def _shaken(self, x: FloatArray) -> FloatArray:
        length = self.rng.uniform(0.4, 0.6) * spacing(self.n_points, self.dim)
        return _unit(x + length * self.rng.normal(size=x.shape))

    def _with_turned_cap(self, x: FloatArray) -> FloatArray:
        axis, other, third = np.linalg.qr(self.rng.normal(size=(self.dim, 3)))[0].T
        cap = x @ axis > self.rng.uniform(-0.5, 0.5)
        angle = self.rng.uniform(0.1, np.pi)
        along, across = x[cap] @ other, x[cap] @ third
        turned = x.copy()
        turned[cap] += np.outer(along * (np.cos(angle) - 1.0) - across * np.sin(angle), other)
        turned[cap] += np.outer(across * (np.cos(angle) - 1.0) + along * np.sin(angle), third)
        return _unit(turned)

    def _with_points_moved(self, x: FloatArray) -> FloatArray:
        x = x.copy()
        for _ in range(int(self.rng.integers(1, 5))):
            worst = np.argsort(-self.kernel.shares(x), kind="stable")[: max(1, self.n_points // 6)]
            moved = int(self.rng.choice(worst))
            probes = _unit(self.rng.normal(size=(_PROBES, self.dim)))
            cosines = probes @ x.T
            cosines[:, moved] = -1.0
            holes = np.argsort(cosines.max(axis=1), kind="stable")[:8]
            x[moved] = probes[self.rng.choice(holes)]
        return x


def _unit(x: FloatArray) -> FloatArray:
    return np.asarray(x / np.sqrt(np.einsum("...d,...d->...", x, x))[..., None])


def _cosines(x: FloatArray) -> FloatArray:
    """All cosines in order, the same for every rotated and permuted copy."""
    return np.sort((x @ x.T).ravel())
