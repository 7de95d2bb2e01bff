"""Whether noise explains the residuals of a fit, or a clean figure that the catalogue lacks."""

from __future__ import annotations

import numpy as np
from scipy.special import pdtrc

from geomsup.matching.alignment import Cloud
from geomsup.matching.fitting import Fit

__all__ = ["systematic_deviation"]

# Deviations of cosines that differ by less than these shares of their spread are systematic if
# chance has so many once in a thousand times; at a spread below .02 a figure is the shape for
# every purpose.
_FINENESS, _SURPRISE, _CLEAN = (50.0, 5000.0), 1e-3, 0.02
# No more is charged for them than this: a shape that is deformed evenly, as on the way from cube
# to square antiprism, is still that shape while it is near.
_MOST_SYSTEMATIC = 8.0


def systematic_deviation(fit: Fit, cloud: Cloud) -> float:
    """Return what speaks against noise as the reason for the residuals, a log probability ≤ 0.

    The cosines of a clean figure that the catalogue lacks deviate from those of a shape alike:
    where two of these are equal, so are two of its own.  Noise would hardly let so many
    deviations coincide.
    """
    # An isosceles triangle has two equal deviations by its symmetry alone.
    if cloud.n_vertices < 4:
        return 0.0
    ideal = fit.vertices[fit.alignment.permutation]
    i, j = np.triu_indices(cloud.n_vertices, 1)
    expected = (ideal @ ideal.T)[i, j]
    deviation = (cloud.directions @ cloud.directions.T)[i, j] - expected
    spread = float(np.sqrt(np.mean(deviation**2)))
    if spread < _CLEAN:
        return 0.0
    order = np.lexsort([deviation, expected.round(6)])
    classes = np.split(deviation[order], np.flatnonzero(np.diff(expected[order].round(6))) + 1)
    n_pairs = sum(len(part) * (len(part) - 1) // 2 for part in classes)
    least = 0.0
    for fineness in _FINENESS:
        # Sorted values: how many later ones lie within the width of each.
        ends = [np.searchsorted(part, part + spread / fineness, side="right") for part in classes]
        near = sum(int((end - np.arange(1, len(end) + 1)).sum()) for end in ends)
        # Two normal deviations differ by less than their spread over k with probability 1/(k √π).
        by_chance = n_pairs / (fineness * np.sqrt(np.pi))
        tail = float(pdtrc(near - 1, by_chance)) if near else 1.0
        least = min(least, float(np.log(max(tail, 1e-300) / _SURPRISE)))
    return max(least, -_MOST_SYSTEMATIC)
