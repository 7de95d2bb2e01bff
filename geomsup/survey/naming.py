"""From a set that was chosen to a component with a name."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from geomsup.geometry.interference import spanning_tree
from geomsup.matching import Background, Cloud, MatchResult, ShapeMatch, match_cloud
from geomsup.survey.component import Component
from geomsup.survey.rings import LEAST_RING, RingTest, ring_test
from geomsup.survey.weighing import Candidate, Ground

__all__ = ["Namer"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# The name goes to the shape that is likelier than all else together.
_NAME_PROBABILITY = 0.5
# … and lies so close, rms in radians.  Vertices that are displaced by .3 of the radius are at .29.
# What is looser may be of low rank and near to nothing else in the catalogue: in a layer
# of MiniLM eight neurons that keep to a plane were a "square antiprism" at .45 with probability
# .86, and fourteen a Thomson optimum at .65 with .999.
_LOOSEST = 0.35
# A ring is one if so few permutations are as good, and if it closes: the largest step of its tour
# is less than so many mean ones.
_RING_LEVEL, _LARGEST_STEP = 0.01, 2.5
# About a centroid that holds less of the squared norm everything in a plane is a ring: directions
# lie on a circle.
_LEAST_CENTRE = 0.2
# A common direction with less of the squared norm than this makes no bundle.
_LEAST_SHARE = 0.4
# Larger sets are bundles, whose height the forest knows.
_MOST_COSINES = 512


class Namer:
    """Names sets and describes how they lie among the other features."""

    def __init__(
        self,
        ground: Ground,
        edges: tuple[IntArray, IntArray, Array],
        rng: np.random.Generator,
    ) -> None:
        i, j, cosines = edges
        n = ground.background.n_directions
        half = sparse.coo_array((cosines**2, (i, j)), shape=(n, n)).tocsr()
        self._squares = sparse.csr_array(half + half.T)
        self._totals: Array = self._squares.sum(axis=1)
        self._ground, self._rng = ground, rng

    def component(
        self, candidate: Candidate, features: IntArray, units: Array, height: float
    ) -> Component:
        """Describe a set; ``features`` and ``units`` are those of its members."""
        signs, along, spread = _axis(units)
        products = units @ units.T if len(units) < units.shape[1] else units.T @ units
        within = float((products**2).sum())  # Σcos² of all pairs, the diagonal included
        known = self._squares[features][:, features].sum()
        outside = max(0.0, float(self._totals[features].sum() - known))
        if len(features) <= _MOST_COSINES:
            height = float(spanning_tree(units @ units.T)[1].min())
        order = np.argsort(features)
        described: dict[str, Any] = {
            "log_evidence": candidate.log_evidence,
            "gain": candidate.gain,
            "features": tuple(int(k) for k in features[order]),
            "height": height,
            "leakage": outside / (within + outside),
            "spread": spread,
            "multiplicities": (1,) * len(features),
            "about": "origin",
        }
        name = self._name(candidate, units[order], signs, along, spread)
        return Component(**{**described, **name})

    def _name(
        self, candidate: Candidate, units: Array, signs: Array, along: float, spread: float
    ) -> dict[str, Any]:
        """Return the fields of a component that say what it is."""
        n, n_positive = len(units), int((signs > 0).sum())
        together = n_positive in (0, n)
        if candidate.bundle and (n == 2 or not together):
            return self._line(units, n_positive, spread)
        if candidate.bundle:
            return {"name": "bundle", "kind": "bundle", "rank": 1}
        result = match_cloud(
            Cloud(units), background=self._ground.background, noise=None, max_candidates=2
        )
        best = result.candidates[0] if result.candidates else None
        if best is not None and _carries(best):
            return {"name": best.shape, "kind": "shape", "rank": best.dim, "match": best}
        centred = float((units.mean(axis=0) ** 2).sum()) >= _LEAST_CENTRE
        ring = ring_test(units, self._rng) if centred and n >= LEAST_RING else None
        if ring is not None and _closes(ring):
            return self._ring(units, ring)
        if together and along >= _LEAST_SHARE:
            return {"name": "bundle", "kind": "bundle", "rank": result.generic_rank}
        return {
            "name": "irregular",
            "kind": "irregular",
            "rank": result.generic_rank,
            "why": _why(n, result, ring),
        }

    def _line(self, units: Array, n_positive: int, spread: float) -> dict[str, Any]:
        """Name features near a line: two are laid over a digon, more share its ends."""
        n = len(units)
        if n == 2 and units[0] @ units[1] > 0:
            return {"name": "bundle", "kind": "bundle", "rank": 1}
        ends = (max(n_positive, n - n_positive), min(n_positive, n - n_positive))
        if spread > _LOOSEST:
            why = f"{ends[0]} and {ends[1]} features on both ends of a line, {_away(spread)}"
            return {"name": "irregular", "kind": "irregular", "rank": 1, "why": why}
        if n > 2:
            return {"name": "digon", "kind": "shape", "rank": 1, "multiplicities": ends}
        result = match_cloud(
            Cloud(units), background=self._ground.background, noise=None, max_candidates=2
        )
        return {"name": "digon", "kind": "shape", "rank": 1, "match": result.candidates[0]}

    def _ring(self, units: Array, ring: RingTest) -> dict[str, Any]:
        """Name a ring about the centroid: a polygon where its evidence carries the name."""
        centred = units - units.mean(axis=0)
        directions = centred / np.linalg.norm(centred, axis=1, keepdims=True)
        dim = self._ground.background.dim - 1  # the centroid takes one
        background = Background(
            dim=dim, largest=dim, n_directions=self._ground.background.n_directions, rank=dim
        )
        best = match_cloud(
            Cloud(directions), background=background, noise=None, max_candidates=2
        ).candidates[0]
        fields = {"about": "centroid", "rank": 3, "p_value": ring.p_value}
        if best.dim == 2 and _carries(best):
            return {"name": best.shape, "kind": "shape", "match": best, **fields}
        return {"name": "ring", "kind": "ring", **fields}


def _axis(units: Array) -> tuple[Array, float, float]:
    """Return signs along the common line of rows, the share of the squared norm, and the spread."""
    axis = np.linalg.svd(units, full_matrices=False)[2][0]
    along = units @ axis
    signs = np.where(along < 0, -1.0, 1.0)
    spread = float(np.sqrt(np.mean(np.arccos(np.clip(np.abs(along), 0, 1)) ** 2)))
    mean = np.linalg.norm((units * signs[:, None]).mean(axis=0))
    return signs, float(mean**2), spread


def _carries(match: ShapeMatch) -> bool:
    """Tell whether a match is likely and close enough to give its name."""
    return match.probability > _NAME_PROBABILITY and match.rms_angle <= _LOOSEST


def _closes(ring: RingTest) -> bool:
    return ring.p_value <= _RING_LEVEL and ring.largest_step <= _LARGEST_STEP


def _away(angle: float) -> str:
    limit = np.degrees(_LOOSEST)
    return f"{np.degrees(angle):.0f}° away (rms; names end at {limit:.0f}°)"


def _why(n: int, result: MatchResult, ring: RingTest | None) -> str:
    text = f"{n} features of rank {result.generic_rank}"
    if result.candidates:
        best = result.candidates[0]
        text += f"; the likeliest shape, {best.shape}, has probability {best.probability:.2f}"
        if best.probability > _NAME_PROBABILITY:
            text += f" but is {_away(best.rms_angle)}"
    if ring is not None:
        text += f"; no ring about the centroid (p {ring.p_value:.2g}, largest step "
        text += f"{ring.largest_step:.1f} mean ones)"
    return text
