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

from geomsup.experiments.frame.measures import span
from geomsup.experiments.frame.outcome import Claim, Outcome
from geomsup.experiments.uniform import uniform
from geomsup.experiments.uniform.uniform import Result, Series, all_series
from geomsup.geometry.classify import geometry_of
from geomsup.geometry.report import GeometryReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "LEVELS", "check", "concentration", "report_of", "shares_by_name"]

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

_REPORTS: WeakKeyDictionary[Result, dict[int, GeometryReport]] = WeakKeyDictionary()


def report_of(result: Result, model: int) -> GeometryReport:
    """Geometry of the stored features of one model of a result; looked at once."""
    kept = _REPORTS.setdefault(result, {})
    if model not in kept:
        n, m = int(result.n_features[model]), int(result.n_hidden[model])
        W = result.weights[model, :m, :n]
        stored = np.where(np.linalg.norm(W, axis=0) > STORED, W, 0.0)
        kept[model] = geometry_of(stored, norm_threshold=STORED)
    return kept[model]


def stored_dimensionalities(series: Series) -> FloatArray:
    """D_i of every stored feature of all models of a series."""
    rows = [report_of(series.result, int(model)) for model in series.models]
    return np.concatenate([row.dimensionalities[row.represented] for row in rows])


def shares_by_name(series: Series) -> list[dict[str, float]]:
    """Share of the stored features that each name holds, for each model of a series."""
    shares = []
    for model in series.models:
        report = report_of(series.result, int(model))
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
    distance = np.abs(dimensionalities[:, None] - np.array(_FRACTIONS)).min(axis=1)
    near = np.abs(dimensionalities - level) <= _AROUND
    fine = np.linspace(level - _AROUND, level + _AROUND, 2001)
    free = np.abs(fine[:, None] - np.array(_FRACTIONS)).min(axis=1) > _BAND
    inside = np.sum(np.abs(dimensionalities - level) <= _BAND) / (2 * _BAND)
    around = np.sum(near & (distance > _BAND)) / (2 * _AROUND * free.mean())
    if around == 0:
        return float("inf") if inside else float("nan")
    return float(inside / around)


def check(results: Sequence[Result]) -> Outcome:
    """Look for every shape, and for a peak of D_i at its level."""
    series = all_series(results)
    claims = [_clusters(series)]
    claims += [_shape(series, name, levels) for name, levels in LEVELS]
    tables = {}
    for k, one in enumerate(series):
        counts = [dict(report_of(one.result, int(model)).counts()) for model in one.models]
        tables[str(k)] = {
            "size": str(one),
            "inverse_density": one.inverse_densities,
            "components": counts,
            "share_of_features": shares_by_name(one),
        }
    return Outcome(claims=tuple(claims), numbers=tables)


def _clusters(series: list[Series]) -> Claim:
    """All levels together."""
    observed, expected = [], []
    for one in series:
        values = stored_dimensionalities(one)
        values = values[(values >= _FRACTIONS[0] - _AROUND) & (values <= _FRACTIONS[-1] + _AROUND)]
        distance = np.abs(values[:, None] - np.array(_FRACTIONS)).min(axis=1)
        observed.append(float(np.mean(distance <= _BAND)) if values.size else 0.0)
        fine = np.linspace(_FRACTIONS[0] - _AROUND, _FRACTIONS[-1] + _AROUND, 4001)
        away = np.abs(fine[:, None] - np.array(_FRACTIONS)).min(axis=1)
        expected.append(float(np.mean(away <= _BAND)))
    return Claim(
        says="D_i cluster at 3/4, 2/3, 1/2, 2/5 and 3/8",
        found=f"{span(observed, '.0%')} of the D_i between "
        f"{_FRACTIONS[0] - _AROUND:.3g} and {_FRACTIONS[-1] + _AROUND:.3g} lie within {_BAND:g} of "
        f"one of them; {expected[0]:.0%} would if they were spread evenly",
        by_seed=tuple(
            share >= _PEAK * null for share, null in zip(observed, expected, strict=True)
        ),
    )


def _shape(series: list[Series], name: str, levels: tuple[float, ...]) -> Claim:
    """How often a shape was formed, and whether its levels are peaks."""
    counts, largest, peaks, both = [], [], [], 0
    for one in series:
        found = [report_of(one.result, int(model)).counts() for model in one.models]
        counts.append(sum(row.get(name, 0) for row in found))
        both += sum("triangle" in row and "digon" in row for row in found)
        largest.append(max(shares.get(name, 0.0) for shares in shares_by_name(one)))
        values = stored_dimensionalities(one)
        peaks.append([concentration(values, level) for level in levels])
    said = " and ".join(f"{level:.3g}" for level in levels)
    ratio = " and ".join(span(at_level, ".1f") for at_level in zip(*peaks, strict=True))
    between = sum(int(np.sum((one.dimensions > 0.55) & (one.dimensions < 0.95))) for one in series)
    why = (
        f"the models pass the levels above 1/2 quickly: {between} of "
        f"{sum(len(one.models) for one in series)} have a D* between .55 and .95"
    )
    if max(levels) < 1 / 2:
        beyond = sum(
            int(np.sum((one.dimensions > 0.33) & (one.dimensions < 0.45))) for one in series
        )
        why = f"{beyond} models have a D* near these levels, between .33 and .45"
    if name == "triangular bipyramid":
        why = (
            "its triangle and its axis are orthogonal, so that they count as a triangle and a "
            f"digon; {both} models have both"
        )
    return Claim(
        says=f"{_PLURALS.get(name, f'{name}s')} (D = {said})",
        found=f"{sum(counts) or 'none'} in {len(series)} series of models, at most "
        f"{max(largest):.0%} of the features of one model; density of D_i at the level {ratio} "
        "times that around",
        by_seed=tuple(count > 0 for count in counts),
        why=why,
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
