"""Learned directions beside every yardstick on the sphere, each under its own name.

"Lowest energy", "best packing", "tight frame" and "least overlap" are four statements.  They
coincide for a few configurations (the simplex, the icosahedron, E8) and part for most: the square
antiprisms that are best for each of the four are four different ones.  So a comparison lists all
of them, and its verdict is about the energy alone.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geomsup.best_known import BestKnown, best_known
from geomsup.errors import GeomsupError
from geomsup.geometry.directions import direction_rows
from geomsup.geometry.gram import welch_bound
from geomsup.matching.placement import place
from geomsup.shapes import list_shapes
from geomsup.sphere.energies import (
    coherence,
    energy,
    frame_potential,
    overlap_energy,
    smallest_angle,
)
from geomsup.sphere.kernels import Kernel, checked_power
from geomsup.sphere.newton import hessian, tangent_bases
from geomsup.sphere.optimum import thomson_optimum
from geomsup.weights import as_weights

__all__ = ["OptimaComparison", "compare_to_optima", "compared_with"]

FloatArray = NDArray[np.float64]

# Configurations whose points differ by less are the same up to rounding …
_EXACT_ANGLE = 1e-6
# … and up to noise when they differ by less than this share of the optimum's smallest angle.
_NEAR_SHARE = 0.15
# Energies that agree so closely, relative, are equal.
_SAME_ENERGY = 1e-9
# Eigenvalues of the Hessian below this share of the largest belong to motions that cost nothing.
_FLAT = 1e-6
FREE_MODES_SAY = "motions that cost the optimum nothing, to second order"
# Copies of a rigid optimum that are this far off, in rms radians, have a higher energy to be seen.
_RIGID = 1e-3
_IN_PICTURES = ("aligned", "optimum_points")
# Above so many coordinates the Hessian is left out.
_MOST_COORDINATES = 800


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class OptimaComparison:
    """A configuration beside the best known ones of its size.

    Attributes
    ----------
    n_points, dim : int
    s : float or "log"
        Exponent of the energy.
    verdict : str
        "optimum" (the best known configuration itself), "near the optimum" (it, distorted by
        `rms_angle`), "tie" (the same energy, another configuration or another member of a
        continuous family), "not the optimum", or "lower than the best known".
    energy, best_energy : float
        Of the directions, and the least known.
    status, source : str
        Whether the least known energy is "proven" to be the least, and where it comes from.
    optimum : str
        Name of the best known configuration.
    point_group : str
        Of the best known configuration, in Schoenflies notation; empty outside three dimensions.
    rms_angle : float
        Root mean square angle to the best known configuration, in radians, after the best
        rotation or reflection and the best permutation.
    ties : tuple of str
        Shapes of the catalogue other than `optimum` that have the least energy too.
    free_modes : int or None
        Motions of the optimum, beyond rotations, that leave its energy as it is to second order;
        above zero the optimum belongs to a continuous family, or nearly so.  None where it was
        not computed.
    smallest_angle, best_angle : float
        Smallest angle between two directions, in radians, and the largest such angle among the
        configurations of that size that geomsup knows: the optima of its table for any exponent,
        and the shapes of its catalogue.  No table of best packings.
    frame_potential : float
        Σ_ij cos²_ij over all ordered pairs, each direction with itself included.
    coherence, welch_bound : float
        Largest |cosine| and the least that is possible.
    overlap, optimum_overlap : float
        Σ_{i<j} relu(cos_ij)², the overlaps that a ReLU model pays for: here and of the optimum.
    aligned, optimum_points : ndarray of shape (n_points, dim) or None
        The directions turned onto the optimum and put into its order, and the optimum itself.
        Pictures need them; JSON leaves them out.
    """

    n_points: int
    dim: int
    s: float | Literal["log"]
    verdict: str
    energy: float
    best_energy: float
    status: str
    source: str
    optimum: str
    point_group: str
    rms_angle: float
    ties: tuple[str, ...]
    free_modes: int | None
    smallest_angle: float
    best_angle: float
    frame_potential: float
    coherence: float
    welch_bound: float
    overlap: float
    optimum_overlap: float
    aligned: FloatArray | None = None
    optimum_points: FloatArray | None = None

    @property
    def excess(self) -> float:
        """Energy above the least known, relative to it (absolute where that is zero)."""
        return (self.energy - self.best_energy) / (abs(self.best_energy) or 1.0)

    @property
    def same(self) -> bool:
        """Whether this is the best known configuration, exactly or up to noise."""
        return self.verdict in ("optimum", "near the optimum")

    @property
    def least_frame_potential(self) -> float:
        """The least that is possible: n² / dim, a tight frame; n where all can be orthogonal."""
        return max(self.n_points**2 / self.dim, float(self.n_points))

    @property
    def tightness(self) -> float:
        """Deprecated: n² / dim over the frame potential.  In a report tightness is ΣD / rank."""
        warnings.warn(
            "OptimaComparison.tightness means another thing than the tightness of a report; use "
            "frame_potential and least_frame_potential",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.n_points**2 / self.dim / self.frame_potential

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON."""
        values = {name: value for name, value in vars(self).items() if name not in _IN_PICTURES}
        more = {"excess": self.excess, "least_frame_potential": self.least_frame_potential}
        return {**values, "ties": list(self.ties), **more}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> OptimaComparison:
        """Rebuild a comparison from :meth:`to_dict`."""
        names = [item.name for item in fields(cls) if item.name not in _IN_PICTURES]
        if "tightness" in data and "frame_potential" not in data:  # as earlier versions wrote it
            potential = data["n_points"] ** 2 / data["dim"] / data["tightness"]
            data = {**data, "frame_potential": potential}
        values = {name: data[name] for name in names}
        return cls(**values | {"ties": tuple(values["ties"])})

    def yardsticks(self) -> list[str]:
        """The comparison as lines of a table, without the verdict."""
        lines = [
            f"  energy          {self.energy:.11g}  best known {self.best_energy:.11g} "
            f"({self.optimum}, {self.status}), {100 * self.excess:+.4f} %",
            f"  smallest angle  {math.degrees(self.smallest_angle):.4f}°  "
            f"largest in the catalogue {math.degrees(self.best_angle):.4f}°",
            f"  frame potential {self.frame_potential:.6f}  least possible "
            f"{self.least_frame_potential:.6f} (a tight frame)",
            f"  coherence       {self.coherence:.6f}  Welch bound {self.welch_bound:.6f}",
            f"  Σ relu(cos)²    {self.overlap:.6f}  of the optimum {self.optimum_overlap:.6f}",
        ]
        if self.point_group:
            lines.append(f"  point group     {self.point_group} (of the optimum)")
        if self.ties:
            lines.append(f"  equal energy    {', '.join(self.ties)}")
        if self.free_modes:
            lines.append(f"  free modes      {self.free_modes}: {FREE_MODES_SAY}")
        return lines

    def __str__(self) -> str:
        if self.s == "log":
            kind = "logarithmic"
        else:
            kind = "Thomson" if self.s == 1.0 else f"Riesz s = {self.s:g}"
        away = f", {math.degrees(self.rms_angle):.2f}° (rms) away"
        head = f"{self.n_points} points in R^{self.dim}: {_SAID[self.verdict].format(kind)}"
        head += "" if self.verdict == "optimum" else away
        return "\n".join([head, *self.yardsticks()])

    __repr__ = __str__


_SAID = {
    "optimum": "the best known {} configuration",
    "near the optimum": "the best known {} configuration, distorted",
    "tie": "not the best known {} configuration, but of the same energy",
    "not the optimum": "not the best known {} configuration",
    "lower than the best known": "of lower energy than the best known {} configuration",
}


def compare_to_optima(
    directions: object, s: float | Literal["log"] = 1, *, feature_axis: int = 0
) -> OptimaComparison:
    """Compare directions with the best known configuration of as many points.

    Parameters
    ----------
    directions : array_like of shape (n_points, dim), torch.Tensor, path, or ComponentReport
        Directions of any length but zero, points on the sphere as rows; whatever
        `classify_geometry` accepts.  They are compared in all `dim` dimensions.  A component of a
        report is compared in the dimensions that it spans.
    s : float or "log", default 1
        Exponent of the energy; 1 is Coulomb's, that of the Thomson problem.
    feature_axis : int, default 0
        The axis that counts points; -1 for a weight matrix whose columns are features.

    Returns
    -------
    OptimaComparison

    Raises
    ------
    GeomsupError
        If the directions are no finite matrix, one has no length, two of them coincide, or the
        component was read back from JSON, which does not hold its directions.

    Warns
    -----
    GeomsupWarning
        If there are no more points than dimensions, which is often a transposed matrix.

    Notes
    -----
    The least energy known comes from the table of :func:`thomson_optimum`, or is searched where
    the table has no row.  "Best known" is not "least possible" unless `status` says "proven".

    Examples
    --------
    >>> from geomsup import get_shape
    >>> from geomsup.sphere import compare_to_optima
    >>> compare_to_optima(get_shape("triangular bipyramid").vertices).verdict
    'optimum'
    >>> cube = compare_to_optima(get_shape("cube").vertices)
    >>> cube.verdict, cube.optimum, f"{100 * cube.excess:.2f} %"
    ('not the optimum', 'square antiprism', '0.33 %')
    """
    points = _unit_rows(directions, feature_axis)
    power = checked_power(s)
    s = "log" if power == 0.0 else power
    optimum = thomson_optimum(points.shape[0], points.shape[1], s)
    return compared_with(points, optimum, s, thorough=True)


def compared_with(
    points: FloatArray,
    optimum: BestKnown,
    s: float | Literal["log"] = 1,
    *,
    thorough: bool = False,
) -> OptimaComparison:
    """Compare unit rows with an optimum that is at hand.

    Parameters
    ----------
    points : ndarray of shape (n_points, d)
        Unit rows, no two of them equal, as they are: noise may lead them out of the optimum's
        dimension, d ≥ dim.
    optimum : BestKnown
    s : float or "log"
    thorough : bool
        Whether to look for the very best fit, and to count the motions that cost the optimum
        nothing; reports do without.

    Returns
    -------
    OptimaComparison
    """
    n, dim = optimum.points.shape
    own, least = float(energy(points, s)), optimum.energy
    own_angle = float(smallest_angle(optimum.points)) if n > 1 else math.pi
    # A quick comparison stops at what is near; a thorough one looks for the best.
    effort = {} if thorough else {"good": 0.5 * _NEAR_SHARE * own_angle, "n_orders": 3}
    rms_angle, aligned = _laid(points, optimum.points, **effort)
    aligned.setflags(write=False)
    others = list_shapes(n, dim) if n > 1 else ()
    equal = [
        shape.name
        for shape in others
        if abs(float(energy(shape.vertices, s)) - least) <= _SAME_ENERGY * abs(least)
        and _laid(shape.vertices, optimum.points)[0] > _EXACT_ANGLE
    ]
    is_equal = abs(own - least) <= _SAME_ENERGY * (abs(least) or 1.0)
    if rms_angle <= _EXACT_ANGLE:
        verdict = "optimum"
    elif is_equal and rms_angle > _RIGID:
        verdict = "tie"
    elif own < least and not is_equal and points.shape[1] == dim:
        verdict = "lower than the best known"
    else:
        near = rms_angle <= _NEAR_SHARE * own_angle
        verdict = "near the optimum" if near else "not the optimum"
    angle = float(smallest_angle(points)) if n > 1 else math.pi
    return OptimaComparison(
        n_points=n,
        dim=dim,
        s=s if s == "log" else float(s),
        verdict=verdict,
        energy=own,
        best_energy=least,
        status=optimum.status,
        source=optimum.source,
        optimum=optimum.name or (f"Thomson {n} in R^{dim}" if s == 1 else "no name"),
        point_group=optimum.point_group,
        rms_angle=rms_angle,
        ties=tuple(dict.fromkeys([*filter(None, optimum.ties.split("; ")), *equal])),
        free_modes=_free_modes(optimum.points, s) if thorough else None,
        smallest_angle=angle,
        best_angle=max(angle, own_angle, _largest_angle(n, dim)),
        frame_potential=float(frame_potential(points)),
        coherence=float(coherence(points)),
        welch_bound=welch_bound(n, dim),
        overlap=float(overlap_energy(points)),
        optimum_overlap=float(overlap_energy(optimum.points)),
        aligned=aligned,
        optimum_points=optimum.points,
    )


@lru_cache(maxsize=1024)
def _largest_angle(n: int, dim: int) -> float:
    """The largest smallest angle among the shapes and optima of a size."""
    if n == 1:
        return math.pi
    angles = []
    for shape in list_shapes(n, dim):
        angles.append(shape.min_angle)
        if shape.family is not None and "packing" in shape.family.landmarks:
            packed = shape.family.build(shape.family.landmarks["packing"])
            angles.append(float(smallest_angle(packed)))
    powers: tuple[float | Literal["log"], ...] = (1.0, max(dim - 2.0, 1.0), "log")
    # A larger configuration without some of its points counts too.
    rows = [best_known(size, dim, power) for size in (n, n + 1, n + 2) for power in powers]
    angles += [float(smallest_angle(row.points)) for row in rows if row is not None]
    if dim + 2 <= n <= 2 * dim:
        angles.append(math.pi / 2.0)  # the largest possible (Rankin 1955)
    return max(angles, default=0.0)


def _unit_rows(directions: object, feature_axis: int) -> FloatArray:
    """Directions as unit rows; of a component, those of its vertices in its own span."""
    if hasattr(directions, "features") and hasattr(directions, "candidates"):
        own = getattr(directions, "directions", None)
        if own is None:
            raise GeomsupError(
                "this component was read back from JSON, which does not hold its directions; "
                "pass W[:, list(component.features)].T instead"
            )
        return np.asarray(own, dtype=np.float64)
    return direction_rows(as_weights(directions, feature_axis=feature_axis))


def _laid(points: FloatArray, optimum: FloatArray, **effort: Any) -> tuple[float, FloatArray]:
    """Rms angle after the best rotation or reflection and permutation, and the points so turned."""
    if len(points) == 1:
        return 0.0, optimum
    # The template needs as many coordinates as it spans: a simplex may lie in a larger space.
    left, spread, axes = np.linalg.svd(optimum, full_matrices=False)
    rank = int(np.sum(spread > 1e-9 * spread[0]))
    vertices = left[:, :rank] * spread[:rank]
    best = place(points, vertices, **effort)
    chords = np.linalg.norm(points - vertices[best.permutation] @ best.rotation.T, axis=1)
    angles = 2.0 * np.arcsin(np.clip(chords / 2.0, 0.0, 1.0))
    turned = np.empty_like(optimum)
    turned[best.permutation] = points @ best.rotation @ axes[:rank]
    return float(np.sqrt(np.mean(angles**2))), turned


def _free_modes(points: FloatArray, s: float | Literal["log"]) -> int | None:
    """Directions, beyond rotations, in which the Hessian of the energy vanishes."""
    n, dim = points.shape
    if n * dim > _MOST_COORDINATES:
        return None
    if n < 2 or dim < 2:
        return 0
    kernel = Kernel(checked_power(s), n)
    second = hessian(points, kernel, tangent_bases(points))
    eigenvalues = np.abs(np.linalg.eigvalsh(second))
    rank = int(np.linalg.matrix_rank(points, tol=1e-8))
    rotations: int = dim * (dim - 1) // 2 - (dim - rank) * (dim - rank - 1) // 2
    return int(np.sum(eigenvalues < _FLAT * eigenvalues.max())) - rotations
