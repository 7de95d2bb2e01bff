"""The lowest energy that a search finds for so many points on the sphere.

What is found is the lowest of many descents: best found, not proved optimal.  How far to trust it
is in the result: how many random starts ended there, and what else they ended in.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from geomsup.errors import GeomsupError, ToleranceError, shorten
from geomsup.progress import bar
from geomsup.restoring import Plain, read_only
from geomsup.sphere.energies import MAX_POINTS
from geomsup.sphere.kernels import checked_power, power_text
from geomsup.sphere.search import Basin, Search
from geomsup.validation import positive_integer, random_generator

__all__ = ["EnergyMinimum", "MinimizedEnergy", "checked_size", "minimize_energy"]

FloatArray = NDArray[np.float64]

# With steeper energies only the closest pair counts, and float64 cannot tell the others apart.
_MAX_POWER = 100.0
# Random starts that must end in the lowest minimum before the search is satisfied …
_ENOUGH_HITS = 10
# … and descents for each point, however well they agree: 243 of 260 starts with 78 points end in
# one minimum, and five in the lower one.
_LEAST, _LEAST_PER_POINT = 32, 3
# Descents at most, fewer for more points because each looks at all pairs over and over.
_FEWEST, _MOST, _EFFORT = 4, 2000, 6e6


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class EnergyMinimum(Plain):
    """One distinct local minimum of a search.

    Attributes
    ----------
    energy : float
    points : ndarray of shape (n_points, dim)
        Unit rows, read-only.
    hits : int
        Random starts that ended here.
    hop_hits : int
        Descents from changed copies of other minima that ended here.
    gradient_norm : float
        Largest component of the gradient along the sphere.
    ties : tuple of ndarray of shape (n_points, dim)
        Up to three configurations of the same energy (to 1e-10 relative) with other distances:
        other minima as deep, or other members of a continuous family.
    """

    energy: float
    points: FloatArray
    hits: int
    hop_hits: int
    gradient_norm: float
    ties: tuple[FloatArray, ...]

    def __repr__(self) -> str:
        return f"<energy {self.energy:.12g}, {self.hits} hits from random starts>"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MinimizedEnergy(Plain):
    """The lowest energy that a search found, and every other minimum beside it.

    Attributes
    ----------
    n_points, dim : int
    s : float or "log"
    energy, points, hits, gradient_norm
        Of the lowest minimum; see :class:`EnergyMinimum`.
    minima : tuple of EnergyMinimum
        Lowest energy first.  Minima of equal energy are one entry, and its `ties`.
    n_starts : int
        Descents from random points.
    n_hops : int
        Descents from changed copies of the lowest minima.
    n_converged : int
        Descents of both kinds that ended with a gradient below the tolerance.
    converged : bool
        Whether the best one is among them.
    """

    _derived = ("energy", "gap")

    n_points: int
    dim: int
    s: float | Literal["log"]
    minima: tuple[EnergyMinimum, ...]
    n_starts: int
    n_hops: int
    n_converged: int
    converged: bool

    @property
    def energy(self) -> float:
        """Lowest energy found."""
        return self.minima[0].energy

    @property
    def points(self) -> FloatArray:
        """Unit rows of the lowest minimum, (n_points, dim)."""
        return self.minima[0].points

    @property
    def hits(self) -> int:
        """Random starts that ended in the lowest minimum."""
        return self.minima[0].hits

    @property
    def gradient_norm(self) -> float:
        """Largest component of the gradient along the sphere, at the lowest minimum."""
        return self.minima[0].gradient_norm

    @property
    def gap(self) -> float:
        """Energy of the next minimum above the lowest; infinite when only one was met."""
        return self.minima[1].energy - self.energy if len(self.minima) > 1 else math.inf

    def __repr__(self) -> str:
        return f"<best found for {self.n_points} points in R^{self.dim}: {self.energy:.12g}>"

    def __str__(self) -> str:
        poor = "" if self.converged else "  (too large)"
        lines = [
            f"{self.n_points} points in {self.dim} dimensions, s = {self.s}",
            f"best found     {self.energy:.12f}",
            f"gradient       {self.gradient_norm:.1e}{poor}",
            f"random starts  {self.hits} of {self.n_starts} ended there",
        ]
        if self.n_hops:
            lines.append(f"hops           {self.minima[0].hop_hits} of {self.n_hops} ended there")
        if math.isfinite(self.gap):
            lines.append(f"next minimum   {self.gap:.3e} above, {len(self.minima)} in all")
        if self.minima[0].ties:
            lines.append("ties           other configurations have the same energy")
        return "\n".join(lines)


def minimize_energy(
    n_points: int,
    dim: int = 3,
    s: float | Literal["log"] = 1,
    *,
    n_starts: int | None = None,
    seed: int | np.random.Generator | None = 0,
    target: float | None = None,
    progress: bool | None = None,
) -> MinimizedEnergy:
    """Search the points on the unit sphere whose Riesz or logarithmic energy is lowest.

    Random starts are descended until no component of the gradient is above 1e-10 (smaller for
    energies below one; larger only where float64 does not give that many digits).  Hops start from
    the lowest minima: a turned cap, points moved into holes, or a shake, and the points brought
    back to the sphere before each descent.

    Parameters
    ----------
    n_points : int
        At most 5000.
    dim : int, default 3
        Dimension of the space around the sphere.
    s : float or "log", default 1
        Exponent of Σ_{i<j} |x_i − x_j|^(−s), at most 100; "log" for −Σ_{i<j} log |x_i − x_j|.
    n_starts : int, optional
        Random starts, followed by as many hops if they disagree.  Without it starts and hops take
        turns until ten starts have ended in the lowest minimum and three descents have been made
        for each point, or the effort is spent: 2000 descents for few points, 600 for a hundred,
        150 for two hundred.
    seed : int, numpy Generator or None, default 0
        The same seed gives the same result, whatever the number of threads.
    target : float, optional
        Stop as soon as a minimum at or below this energy is found; starts that are then under way
        do not count as converged.
    progress : bool, optional
        Whether to show a progress bar, in percent of the most descents that can be due.  None
        shows it in a terminal or a notebook.

    Returns
    -------
    MinimizedEnergy
        Best found, which is not to say optimal.

    Raises
    ------
    GeomsupError
        If an argument is out of range, or no finite energy exists (three points in dimension 1).

    Examples
    --------
    >>> search = minimize_energy(5)
    >>> round(search.energy, 9), search.hits == search.n_starts
    (6.474691495, True)
    >>> round(minimize_energy(16, n_starts=20).gap, 6)        # to the next minimum
    0.008699
    """
    n_points, dim, power = checked_size(n_points, dim, s)
    if n_starts is not None:
        n_starts = positive_integer("n_starts", n_starts)
    if target is not None and not _is_real(target):
        raise GeomsupError(f"expected target as a number, got {shorten(target)}")
    search = Search(
        n_points=n_points,
        dim=dim,
        power=power,
        rng=random_generator(seed),
        target=-math.inf if target is None else float(target),
    )
    if n_points > 1 and dim == 1:
        _two_poles(search)
    else:
        _searched(search, n_starts, progress)
    return MinimizedEnergy(
        n_points=n_points,
        dim=dim,
        s="log" if power == 0.0 else power,
        minima=tuple(
            EnergyMinimum(
                energy=basin.energy,
                points=read_only(basin.points),
                hits=basin.hits,
                hop_hits=basin.hop_hits,
                gradient_norm=basin.gradient_norm,
                ties=tuple(map(read_only, basin.ties)),
            )
            for basin in _reached(search)
        ),
        n_starts=search.n_starts,
        n_hops=search.n_hops,
        n_converged=search.n_converged,
        converged=bool(search.minima),
    )


def _two_poles(search: Search) -> None:
    """On the line there is nothing to search."""
    points = np.array([[1.0], [-1.0]])
    energy = 0.0 - math.log(2.0) if search.power == 0.0 else 2.0**-search.power
    search.minima = [Basin(energy=energy, points=points, gradient_norm=0.0, hits=1)]
    search.n_starts = search.n_converged = 1


def _searched(search: Search, n_starts: int | None, progress: bool | None) -> None:
    most = _most(search.n_points) if n_starts is None else n_starts
    doing = f"{search.n_points} points, {most:.0f} descents"
    # Matrix products round differently on another number of threads, and a descent that passes
    # close to a saddle ends elsewhere for a difference in the last digit.
    with _threads().limit(limits=1, user_api="blas"), bar(100, doing, "%", progress) as done:
        search.on_progress = lambda descents: done(min(int(100.0 * descents / most), 100))
        _run(search, n_starts)


def _reached(search: Search) -> list[Basin]:
    """The minima of a search, or the best of what did not converge."""
    if search.minima:
        return search.minima
    if search.unfinished is None or not math.isfinite(search.unfinished.energy):
        raise ToleranceError(
            f"no start came down to a finite energy with s = {power_text(search.power)}; "
            "use a smaller s or more starts"
        )
    return [search.unfinished]


@functools.cache
def _threads() -> Any:
    # Looking for the libraries takes as long as a small search, and numpy's stay what they are.
    return ThreadpoolController()


def _most(n_points: int) -> float:
    """Descents after which a search without a number of starts ends."""
    return min(max(_EFFORT / n_points**2, _FEWEST), _MOST)


def _run(search: Search, n_starts: int | None) -> None:
    """Starts and hops in turn until the search is satisfied."""
    if n_starts is not None:
        # Here all starts come first, so that they decide about the hops.
        while search.n_starts < n_starts and not search.reached:
            search.start()
        while search.disagrees and search.n_hops < n_starts and not search.reached:
            search.hop()
        return
    most = _most(search.n_points)
    least = min(max(_LEAST, _LEAST_PER_POINT * search.n_points), most)
    while (done := search.n_starts + search.n_hops) < most and not search.reached:
        if search.minima and search.minima[0].hits >= _ENOUGH_HITS and done >= least:
            return
        search.start()
        if search.minima and not search.reached:
            search.hop()


def checked_size(n_points: object, dim: object, s: object) -> tuple[int, int, float]:
    """Number of points, dimension and exponent (0.0 for "log"); or one clear error."""
    power = checked_power(s)
    count, space = positive_integer("n_points", n_points), positive_integer("dim", dim)
    if power > _MAX_POWER:
        raise GeomsupError(
            f"expected s up to {_MAX_POWER:g}, got {power:g}; so steep an energy is a packing "
            "problem that float64 cannot descend"
        )
    if count > MAX_POINTS:
        raise GeomsupError(
            f"expected at most {MAX_POINTS} points, got {count}; every step looks at all pairs, "
            "and so many would take hours"
        )
    if space == 1 and count > 2:
        raise GeomsupError(
            f"{count} points in dimension 1: the sphere there is the two points ±1, so some "
            "coincide and every energy is infinite; use at most 2 points, or dim=2"
        )
    return count, space, power


def _is_real(value: object) -> bool:
    real = isinstance(value, (int, float, np.integer, np.floating))
    return real and not isinstance(value, bool) and not math.isnan(float(value))  # type: ignore[arg-type]
