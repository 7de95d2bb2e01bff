"""The best configuration known for so many points: from the table, or computed.

A table says what nobody has beaten; a search says what it found.  The status tells which.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np

from geomsup.best_known import BestKnown, best_known
from geomsup.sphere.energies import energy_and_gradient
from geomsup.sphere.exact import annotated, known_name, known_points, nearby_name
from geomsup.sphere.minimize import checked_size, minimize_energy

__all__ = ["recorded_optimum", "thomson_optimum"]


def thomson_optimum(
    n_points: int,
    dim: int = 3,
    s: float | Literal["log"] = 1,
    *,
    progress: bool | None = None,
) -> BestKnown:
    """The lowest Riesz or logarithmic energy known for so many points on the unit sphere.

    Parameters
    ----------
    n_points : int
        At most 5000.
    dim : int, default 3
        Dimension of the space around the sphere.
    s : float or "log", default 1
        Exponent of Σ_{i<j} |x_i − x_j|^(−s); 1 is the Thomson problem, "log" stands for
        −Σ_{i<j} log |x_i − x_j|.
    progress : bool, optional
        Whether to show a progress bar where a search is due.  None shows it in a terminal or a
        notebook.

    Returns
    -------
    BestKnown
        `energy`, `points` of shape (n_points, dim), `name`, `exact_form`, `point_group`,
        `symmetry_order`, `source` and `status`:

        * "proven": the literature in `source` proves that no energy is lower;
        * "best known": a row of the shipped table, the lowest of a long search;
        * "computed now": not in the table; what :func:`minimize_energy` found with its defaults.

    Raises
    ------
    GeomsupError
        If an argument is out of range, or no finite energy exists (three points in dimension 1).

    Notes
    -----
    The table holds the Coulomb energies in three dimensions up to 200 points, two to eight
    dimensions up to 24 or more points for s = 1 and the harmonic s = dim − 2, and universally
    optimal codes beyond.  Simplices, cross-polytopes, regular polygons and those codes are optimal
    for every s (Cohn and Kumar 2007), and are built rather than searched.

    Examples
    --------
    >>> best = thomson_optimum(12)
    >>> best.name, best.point_group, best.status, round(best.energy, 9)
    ('icosahedron', 'Ih', 'proven', 49.165253058)
    >>> thomson_optimum(9, dim=2).exact_form
    '9/4*sum(1/sin(pi*k/9) for k in range(1, 9))'
    >>> thomson_optimum(6, s=3.5).status, thomson_optimum(7, s=3.5).status
    ('proven', 'computed now')
    """
    n_points, dim, power = checked_size(n_points, dim, s)
    recorded = recorded_optimum(n_points, dim, power)
    if recorded is not None:
        return recorded
    search = minimize_energy(n_points, dim, s, progress=progress)
    return annotated(
        (dim, n_points, power),
        search.points,
        gradient_norm=search.gradient_norm,
        hits=search.hits,
        n_starts=search.n_starts,
        n_hops=search.n_hops,
        ties=[nearby_name(points) for points in search.minima[0].ties],
        otherwise="computed now",
    )


@lru_cache(maxsize=1024)  # reports ask for the same few sizes over and over
def recorded_optimum(n_points: int, dim: int, power: float = 1.0) -> BestKnown | None:
    """An optimum from the table, or one that is known for every energy; None if a search is due."""
    row = best_known(n_points, dim, "log" if power == 0.0 else power)
    key = (dim, n_points, power)
    points = known_points(key) if row is None else None
    if points is None:
        return row
    s: float | Literal["log"] = "log" if power == 0.0 else power
    gradient = energy_and_gradient(points, s)[1]
    return annotated(
        key,
        points,
        gradient_norm=float(np.abs(gradient).max()),
        hits=0,
        n_starts=0,
        n_hops=0,
        name=known_name(n_points, dim),
    )
