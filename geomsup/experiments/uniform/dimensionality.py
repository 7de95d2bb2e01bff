"""The models of `uniform`, feature by feature: which levels D_i take, and which shapes hold them.

A feature counts here when |W_i| > 1/2.  The features that a model stores have a norm near one; the
rest of a uniform model is a fog of many small weights, which the automatic threshold of the
classifier takes in where no gap in the norms sets it apart.  Names and D_i are both those of the
stored features alone: the fog has no part in a shape, and beside hundreds of small weights the D_i
of a feature that stands alone is a quarter.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame import Claim, Outcome
from geomsup.experiments.frame.measures import span
from geomsup.experiments.uniform import uniform
from geomsup.experiments.uniform.uniform import Result, Sweep, sweeps_of
from geomsup.geometry.classify import geometry_of
from geomsup.geometry.report import GeometryReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "LEVELS", "check", "concentration", "shares_by_name", "stored_reports"]

FloatArray = NDArray[np.float64]

STORED = 0.5
# Shape, dimensionality of its features, and the other one where there are two kinds.
LEVELS: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("tetrahedron", (3 / 4,)),
    ("triangle", (2 / 3,)),
    ("triangular bipyramid", (2 / 3, 1 / 2)),
    ("digon", (1 / 2,)),
    ("pentagon", (2 / 5,)),
    ("square antiprism", (3 / 8,)),
)
_PLURALS = {"tetrahedron": "tetrahedra"}
_FRACTIONS = sorted({level for _, levels in LEVELS for level in levels})
# Half-width of the band around a level, and of the neighbourhood whose density it is compared with.
# The levels 2/5 and 3/8 are .025 apart, so the band must be narrower than half of that.
_BAND, _AROUND = 0.01, 0.1
# "Clusters" means at least so many times the density around.
_PEAK = 2.0

_REPORTS: WeakKeyDictionary[Sweep, list[GeometryReport]] = WeakKeyDictionary()


def stored_reports(sweep: Sweep) -> list[GeometryReport]:
    """Geometry of the stored features of every model of a sweep; looked at once."""
    if sweep not in _REPORTS:
        _REPORTS[sweep] = [
            geometry_of(np.where(np.linalg.norm(W, axis=0) > STORED, W, 0.0), norm_threshold=STORED)
            for W in sweep.weights
        ]
    return _REPORTS[sweep]


def stored_dimensionalities(sweep: Sweep) -> FloatArray:
    """D_i of every stored feature of all models of a sweep."""
    return np.concatenate(
        [report.dimensionalities[report.represented] for report in stored_reports(sweep)]
    )


def shares_by_name(sweep: Sweep) -> list[dict[str, float]]:
    """Share of the stored features that each name holds, for each model of a sweep."""
    shares = []
    for report in stored_reports(sweep):
        held: Counter[str] = Counter()
        for component in report.components:
            held[component.name] += len(component.features)
        total = max(held.total(), 1)
        shares.append({name: count / total for name, count in held.most_common()})
    return shares


def concentration(dimensionalities: FloatArray, level: float) -> float:
    """Density of D_i within the band around a level, over the density around it.

    The neighbourhood leaves out the bands of all levels; NaN where nothing lies in it or near.
    """
    near = np.abs(dimensionalities - level) <= _AROUND
    fine = np.linspace(level - _AROUND, level + _AROUND, 2001)
    free = _to_nearest_level(fine) > _BAND
    inside = np.sum(np.abs(dimensionalities - level) <= _BAND) / (2 * _BAND)
    around = np.sum(near & (_to_nearest_level(dimensionalities) > _BAND)) / (
        2 * _AROUND * free.mean()
    )
    if around == 0:
        return float("inf") if inside else float("nan")
    return float(inside / around)


def check(results: Sequence[Result]) -> Outcome:
    """Look for every shape, and for a peak of D_i at its level."""
    sweeps = sweeps_of(results)
    return Outcome(
        claims=(
            _clusters(sweeps),
            *(_shape(sweeps, name, levels) for name, levels in LEVELS),
        ),
        numbers={
            str(k): {
                "size": str(one),
                "inverse_density": one.inverse_densities,
                "components": [dict(report.counts()) for report in stored_reports(one)],
                "share_of_features": shares_by_name(one),
            }
            for k, one in enumerate(sweeps)
        },
    )


def _to_nearest_level(values: FloatArray) -> FloatArray:
    distance: FloatArray = np.abs(values[:, None] - np.array(_FRACTIONS)).min(axis=1)
    return distance


def _clusters(sweeps: list[Sweep]) -> Claim:
    """All levels together."""
    low, high = _FRACTIONS[0] - _AROUND, _FRACTIONS[-1] + _AROUND
    # The share of an even spread that would lie as near.
    evenly = float(np.mean(_to_nearest_level(np.linspace(low, high, 4001)) <= _BAND))
    shares = []
    for one in sweeps:
        values = stored_dimensionalities(one)
        values = values[(values >= low) & (values <= high)]
        shares.append(float(np.mean(_to_nearest_level(values) <= _BAND)) if values.size else 0.0)
    return Claim(
        says="D_i cluster at 3/4, 2/3, 1/2, 2/5 and 3/8",
        found=f"{span(shares, '.0%')} of the D_i between {low:.3g} and {high:.3g} lie within "
        f"{_BAND:g} of one of them; {evenly:.0%} would if they were spread evenly",
        by_seed=tuple(share >= _PEAK * evenly for share in shares),
    )


def _shape(sweeps: list[Sweep], name: str, levels: tuple[float, ...]) -> Claim:
    """How often a shape was formed, and whether its levels are peaks."""
    counts = [sum(row.counts().get(name, 0) for row in stored_reports(one)) for one in sweeps]
    largest = max(shares.get(name, 0.0) for one in sweeps for shares in shares_by_name(one))
    said = " and ".join(f"{level:.3g}" for level in levels)
    values = [stored_dimensionalities(one) for one in sweeps]
    ratio = " and ".join(
        span([concentration(own, level) for own in values], ".1f") for level in levels
    )
    return Claim(
        says=f"{_PLURALS.get(name, f'{name}s')} (D = {said})",
        found=f"{sum(counts) or 'none'} in {len(sweeps)} series of models, at most "
        f"{largest:.0%} of the features of one model; density of D_i at the level {ratio} "
        "times that around",
        by_seed=tuple(count > 0 for count in counts),
        why=_why_rare(sweeps, name, levels),
    )


def _why_rare(sweeps: list[Sweep], name: str, levels: tuple[float, ...]) -> str:
    """What the models do instead, where a shape is missing."""
    dimensions = np.concatenate([one.dimensions for one in sweeps])
    if name == "triangular bipyramid":
        both = sum(
            {"triangle", "digon"} <= report.counts().keys()
            for one in sweeps
            for report in stored_reports(one)
        )
        return (
            "its triangle and its axis are orthogonal, so that they count as a triangle and a "
            f"digon; {both} models have both"
        )
    if max(levels) < 1 / 2:
        near = np.sum((dimensions > 0.33) & (dimensions < 0.45))
        return f"{near} models have a D* near these levels, between .33 and .45"
    between = np.sum((dimensions > 0.55) & (dimensions < 0.95))
    return (
        f"the models pass the levels above 1/2 quickly: {between} of {len(dimensions)} have a D* "
        "between .55 and .95"
    )


def draw(results: Sequence[Result]) -> Figure:
    """Draw the figure of the experiment."""
    from geomsup.experiments.uniform.dimensionality_figure import draw as drawn

    return drawn(results)


EXPERIMENT = dataclasses.replace(
    uniform.EXPERIMENT,
    id="dimensionality",
    title="which dimensionalities features take, and in which shapes",
    says="D_i cluster at 3/4, 2/3, 1/2, 2/5, 3/8: tetrahedra, triangles, digons, pentagons, square "
    "antiprisms, and triangular bipyramids of unequal strengths",
    source="Elhage et al. 2022, The Geometry of Superposition, feature dimensionality",
    check=check,
    draw=draw,
    results_of="uniform",
)
