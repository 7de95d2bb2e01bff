"""Make, or go on making, the table of best-known optima: ``python -m geomsup.sphere.rebuild``.

The search takes up where the present table ends: every row starts from its own points, continues
the row's random numbers, and is replaced only by a lower energy.  A row is settled when enough
random starts agree and enough descents were made; the others get more time in each further pass.
To search some rows harder, name their sizes and the descents that each point is to have:
``--first 150 --last 200 --descents 50``.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geomsup.best_known import TABLE, BestKnown, Key, load_table, save_table
from geomsup.shapes import list_shapes
from geomsup.sphere.energies import MAX_POINTS
from geomsup.sphere.exact import (
    annotated,
    known_points,
    nearby_name,
    placed,
    precise_energy,
)
from geomsup.sphere.search import Search

__all__ = ["improved", "main", "planned", "settled"]

FloatArray = NDArray[np.float64]

# Random starts that must end in the lowest minimum, and descents for each point, before a row is
# left alone: with 78 points ten starts agree long before one finds the lowest minimum.
_ENOUGH_HITS, _DESCENTS_PER_POINT = 10, 5
# An energy must be lower by this share to replace another; less is rounding.
_LOWER = 1e-13
_SAME_ENERGY = 1e-10
# A gradient must be this much smaller to replace another at equal energy.
_SMALLER = 0.1
# Where the Hessian is singular a descent ends this close to the exact cosines, and no closer.
_NEARBY = 1e-3


def planned() -> list[Key]:
    """(dim, n_points, s) of every row of the table, the most wanted first; s = 0 is "log".

    Dimension 3 has Coulomb energies to 200 points and logarithmic ones to 30, dimension 2 both to
    24, dimensions 4 to 8 Coulomb and harmonic (s = dim − 2) ones to 27, and the universally
    optimal codes stand beyond that.
    """
    keys = [(3, n, 1.0) for n in range(2, 121)]
    keys += [(2, n, s) for n in range(2, 25) for s in (1.0, 0.0)]
    keys += [(dim, n, s) for dim in range(4, 9) for n in range(2, 28) for s in (1.0, dim - 2.0)]
    for dim, n in ((7, 56), (4, 120), (8, 240)):
        keys += [(dim, n, 1.0), (dim, n, dim - 2.0)]
    keys += [(3, n, 0.0) for n in range(2, 31)]
    return keys + [(3, n, 1.0) for n in range(121, 201)]


def settled(row: BestKnown | None, per_point: float = _DESCENTS_PER_POINT) -> bool:
    """Whether more searching is a waste of time, with so many descents for each point."""
    if row is None:
        return False
    return row.status == "proven" or (
        row.hits >= _ENOUGH_HITS and row.n_starts + row.n_hops >= per_point * row.n_points
    )


def improved(
    key: Key, row: BestKnown | None, seconds: float, per_point: float = _DESCENTS_PER_POINT
) -> BestKnown:
    """The better of a row and what a search of so many seconds finds.

    It ends early when the row is settled with so many descents for each point.  Of two equal
    energies the one with the smaller gradient is better: exact coordinates from the catalogue
    before what a descent came close to.
    """
    dim, n_points, power = key
    starts, hops = (row.n_starts, row.n_hops) if row is not None else (0, 0)
    search = Search(
        n_points=n_points,
        dim=dim,
        power=power,
        rng=np.random.default_rng([dim, n_points, round(1000 * power), starts, hops]),
    )
    end = time.perf_counter() + seconds
    for points in _offers(key, row):
        search.offer(points)
    proved = known_points(key) is not None
    while seconds > 0.0 and not proved:
        search.start()
        if not search.minima:
            continue
        search.hop()
        if time.perf_counter() > end:
            break
        descents = starts + hops + search.n_starts + search.n_hops
        agreed = search.minima[0].hits >= _ENOUGH_HITS
        if agreed and descents >= per_point * n_points:
            break
    best = search.minima[0]
    energy = precise_energy(best.points, power)
    points, gradient_norm, hits = best.points, best.gradient_norm, best.hits
    ties = [nearby_name(tie, _NEARBY) for tie in best.ties]
    if row is not None and _close(energy, row.energy, _SAME_ENERGY):
        hits += row.hits
        ties += filter(None, row.ties.split("; "))
    if row is not None and not _better(energy, gradient_norm, row):
        points, gradient_norm = row.points, row.gradient_norm
        if not _close(energy, row.energy, _SAME_ENERGY):
            hits, ties = row.hits, list(filter(None, row.ties.split("; ")))
    return annotated(
        key,
        points,
        gradient_norm=gradient_norm,
        hits=hits,
        n_starts=starts + search.n_starts,
        n_hops=hops + search.n_hops,
        ties=ties,
    )


def _better(energy: float, gradient_norm: float, row: BestKnown) -> bool:
    if _close(energy, row.energy, _LOWER):
        return gradient_norm < _SMALLER * row.gradient_norm
    return energy < row.energy


def _offers(key: Key, row: BestKnown | None) -> list[FloatArray]:
    """Configurations to start from beside the random ones, exact coordinates first."""
    dim, n_points, _ = key
    known = known_points(key)
    if known is not None:
        return [known]
    names = [shape.name for shape in list_shapes(n_vertices=n_points, dim=dim)]
    if row is not None and (near := nearby_name(row.points, _NEARBY)):
        names.insert(0, near)
    offers = [placed(name, dim) for name in names]
    return offers if row is None else [*offers, row.points]


def _close(a: float, b: float, tolerance: float) -> bool:
    return abs(a - b) <= tolerance * max(abs(a), abs(b))


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m geomsup.sphere.rebuild", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--table", type=Path, default=TABLE, help="file to improve (the package's)")
    parser.add_argument("--seconds", type=float, default=10.0, help="for a row in the first pass")
    parser.add_argument("--passes", type=int, default=1, help="each has four times the seconds")
    parser.add_argument(
        "--annotate", action="store_true", help="work out names, symmetries and formulas anew"
    )
    parser.add_argument("--first", type=int, default=1, help="rows with at least so many points")
    parser.add_argument("--last", type=int, default=MAX_POINTS, help="and with at most so many")
    parser.add_argument(
        "--descents",
        type=float,
        default=_DESCENTS_PER_POINT,
        help="for each point, before a row is left alone (%(default)s)",
    )
    options = parser.parse_args(arguments)
    rows = load_table(options.table) if options.table.exists() else {}
    if options.annotate:
        rows = {key: improved(key, row, 0.0) for key, row in rows.items()}
        save_table(options.table, rows)
    seconds = options.seconds
    for _ in range(options.passes):
        keys = [key for key in planned() if options.first <= key[1] <= options.last]
        # Rows that few searches have met are the likeliest to be wrong.
        keys.sort(key=lambda key: rows[key].hits if key in rows else -1)
        for key in keys:
            if settled(rows.get(key), options.descents):
                continue
            before, start = rows.get(key), time.perf_counter()
            row = rows[key] = improved(key, before, seconds, options.descents)
            save_table(options.table, rows)
            change = "" if before is None else f", {row.energy - before.energy:+.3e}"
            took = time.perf_counter() - start
            print(f"{row!r}, {row.hits} of {row.n_starts}{change}, {took:.1f} s", flush=True)
        seconds *= 4.0
    return 0


if __name__ == "__main__":
    sys.exit(main())
