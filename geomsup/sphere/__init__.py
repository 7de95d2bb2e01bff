"""Points on the sphere: energies, searches for their minima, and the best that are known.

>>> from geomsup.sphere import energy, minimize_energy, thomson_optimum
>>> best = thomson_optimum(8)                       # eight electrons on a sphere
>>> best.name, best.point_group, best.status, round(best.energy, 9)
('square antiprism', 'D4d', 'best known', 19.675287861)
>>> from geomsup.shapes import get_shape
>>> round(energy(get_shape("cube").vertices) - best.energy, 6)    # a cube is no optimum
0.065486
>>> search = minimize_energy(8)                      # the same without the table
>>> round(search.energy, 9), search.hits == search.n_starts
(19.675287861, True)
"""

from geomsup.best_known import BestKnown
from geomsup.sphere.compare import OptimaComparison, compare_to_optima
from geomsup.sphere.energies import (
    coherence,
    coherence_and_gradient,
    energy,
    energy_and_gradient,
    frame_potential,
    frame_potential_and_gradient,
    overlap_energy,
    overlap_energy_and_gradient,
    smallest_angle,
    smallest_angle_and_gradient,
)
from geomsup.sphere.minimize import EnergyMinimum, MinimizedEnergy, minimize_energy
from geomsup.sphere.optimum import thomson_optimum
from geomsup.sphere.symmetry import point_group, symmetry_order

__all__ = [
    "BestKnown",
    "EnergyMinimum",
    "MinimizedEnergy",
    "OptimaComparison",
    "coherence",
    "coherence_and_gradient",
    "compare_to_optima",
    "energy",
    "energy_and_gradient",
    "frame_potential",
    "frame_potential_and_gradient",
    "minimize_energy",
    "overlap_energy",
    "overlap_energy_and_gradient",
    "point_group",
    "smallest_angle",
    "smallest_angle_and_gradient",
    "symmetry_order",
    "thomson_optimum",
]
