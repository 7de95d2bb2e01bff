"""A group with what is claimed of it, and what it measures beside its controls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.claims.controls import Likeness, noise_dim, random_groups, similar_groups
from geomsup.claims.evidence import Group
from geomsup.claims.groups import positions_in, with_metric
from geomsup.claims.statistics import (
    centred,
    haar_groups,
    mean_cosines,
    plane_of,
    together,
)
from geomsup.claims.words import Word
from geomsup.errors import GeomsupError
from geomsup.survey.source import Rows, about

__all__ = ["SAME", "Case", "Source", "Tests", "case_of", "dim_of_controls", "pool_of", "tested"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Fewer groups than this cannot show a share of 1 %.
_FEWEST_GROUPS = 100
# Rows of the isotropic background, and controls that are kept for the picture.
_N_ISOTROPIC, _N_SHOWN = 4096, 60
# Seven members have 360 orders around a ring, so that one in 360 is the best by chance.
_N_ORDERS = 2000
# Unit rows are float32: a spread of less than a millionth of the length is their rounding.
_ROUNDING = 1e-12
# Rounding must not hide a control that is the group itself, turned.
SAME = 1e-9


@dataclass(frozen=True)
class Source:
    """A matrix, and what is done to its features first."""

    W: object
    feature_axis: int | None
    mask: NDArray[np.bool_] | None
    metric: object
    settings: Mapping[str, Any]

    def rows(self, centre: str) -> Rows:
        W, axis = self.W, self.feature_axis
        if self.metric is not None:
            W, axis = with_metric(W, axis, self.metric), 0
        return Rows(
            W,
            feature_axis=axis,
            mask=self.mask,
            centre=centre != "origin",
            remove_components=self.settings["remove_components"],
            fold_norms=self.settings["fold_norms"],
        )


@dataclass(frozen=True, kw_only=True)
class Case:
    """A group and what is claimed of it; its members stand in the order that is claimed."""

    source: Source
    rows: Rows
    word: Word
    centre: str
    members: tuple[int, ...]
    arranged: IntArray
    places: IntArray
    is_ordered: bool
    whole: Array  # Gram matrix about the origin, or the mean of the matrix
    group: Group
    n_looks: int  # centres that the same name is weighed about

    def about_centre(self, grams: Array) -> Array:
        return centred(grams) if self.centre == "centroid" else grams

    def measure(self, grams: Array) -> Array:
        """The statistic of groups given by their Gram matrices about the origin or the mean."""
        return self.word.measure(self.about_centre(grams), self.is_ordered)


@dataclass(frozen=True, kw_only=True)
class Tests:
    """What a group and others measure; the shares are those that do as well."""

    statistic: float
    controls: Array
    coordinates: Array
    control_mean_cosine: float
    p_value: float
    p_cloud: float | None
    p_order: float | None
    p_together: float | None


def case_of(
    source: Source,
    members: tuple[int, ...],
    order: IntArray | None,
    word: Word,
    centre: str,
    n_looks: int,
    rng: np.random.Generator,
) -> Case:
    rows = source.rows(centre)
    n = len(members)
    arranged = np.arange(n) if order is None else order
    places = positions_in(rows, members)[arranged]
    norms = rows.norms[places]
    units = rows.exact(places)
    whole = (units @ units.T) * np.outer(norms, norms)
    gram = centred(whole[None])[0] if centre == "centroid" else whole
    total = float(np.trace(gram))
    if total <= _ROUNDING * float((norms**2).sum()):
        raise GeomsupError("the features are all at one point: there is no shape to weigh")
    group = Group(
        gram=gram / total,
        rank=min(n - (centre == "centroid"), n),
        dim=noise_dim(rows, rng),
        order=None if order is None else np.arange(n),
    )
    return Case(
        source=source,
        rows=rows,
        word=word,
        centre=centre,
        members=members,
        arranged=arranged,
        places=places,
        is_ordered=order is not None,
        whole=whole,
        group=group,
        n_looks=n_looks,
    )


def pool_of(
    case: Case, background: object, feature_axis: int | None, rng: np.random.Generator
) -> tuple[Rows, IntArray]:
    """Rows from which controls are drawn, and which of them may be."""
    dim, n = case.rows.dim, len(case.members)
    if isinstance(background, str) and background == "isotropic":
        rows = Rows(rng.standard_normal((_N_ISOTROPIC, dim)), feature_axis=0)
    elif isinstance(background, str) and background == "same matrix":
        rows = case.rows
    else:
        with about("background"):
            other = Source(background, feature_axis, None, case.source.metric, case.source.settings)
            rows = other.rows(case.centre)
    if rows.dim != dim:
        raise GeomsupError(f"background has {rows.dim} dimensions, the group has {dim}")
    taken = case.places if rows is case.rows else np.zeros(0, dtype=np.intp)
    pool = np.setdiff1d(np.arange(rows.n), taken)
    if math.comb(len(pool), n) < _FEWEST_GROUPS:
        raise GeomsupError(
            f"{len(pool)} features beside the group are too few for control groups of {n}; pass "
            "background='isotropic', or a matrix with more features"
        )
    return rows, pool


def tested(
    case: Case, pool: tuple[Rows, IntArray], n_controls: int, rng: np.random.Generator
) -> Tests:
    n = len(case.members)
    if case.word.similar:
        controls = similar_groups(*pool, n, Likeness.of(case.whole), n_controls, rng)
    else:
        controls = random_groups(*pool, n, n_controls, rng)
    grams = controls.grams
    measured = case.measure(grams)
    statistic = float(case.measure(case.whole[None])[0])
    shown = case.about_centre(grams[:_N_SHOWN])
    sizes = np.sqrt(np.trace(shown, axis1=1, axis2=2) / n)
    p_together = None
    if case.word.apart:
        others = random_groups(*pool, n, n_controls, rng).grams
        p_together = _share(together(others), float(together(case.whole[None])[0]))
    return Tests(
        statistic=statistic,
        controls=measured,
        coordinates=plane_of(shown)[1] / np.maximum(sizes, np.finfo(float).tiny)[:, None, None],
        control_mean_cosine=-float(mean_cosines(controls.cosines).mean()),
        p_value=_share(measured, statistic),
        p_cloud=_p_cloud(case, statistic, n_controls, rng),
        p_order=_p_order(case, statistic, rng),
        p_together=p_together,
    )


def _p_cloud(case: Case, statistic: float, n_clouds: int, rng: np.random.Generator) -> float | None:
    fewest = case.word.clouds_from
    # A line in no order *is* a cloud with one long axis.
    is_cloud = case.word.curve == "straight" and not case.is_ordered
    if fewest is None or len(case.members) < fewest or is_cloud:
        return None
    clouds = haar_groups(case.group.gram, n_clouds, case.group.rank, rng)
    measured = case.word.measure(clouds, case.is_ordered)
    if case.word.shape_alone is None:
        return _share(measured, statistic)
    round_too = case.word.shape_alone(np.concatenate([case.group.gram[None], clouds]))
    return _share_of_either(np.stack([np.append(statistic, measured), round_too]))


def _p_order(case: Case, statistic: float, rng: np.random.Generator) -> float | None:
    if not case.is_ordered:
        return None
    n = len(case.members)
    orders = rng.permuted(np.tile(np.arange(n), (_N_ORDERS, 1)), axis=1)
    grams = case.whole[orders[:, :, None], orders[:, None, :]]
    return _share(case.measure(grams), statistic)


def _share(others: Array, statistic: float) -> float:
    """Share of others that are as small, the group itself among them."""
    return float(_ranks(np.append(statistic, others))[0]) / (1 + len(others))


def _share_of_either(measured: Array) -> float:
    """Share of groups that are as rare as the first in the one of several measures in which each
    of them is rarest; ``measured`` has shape (n_measures, n_groups)."""
    rarest = np.min([_ranks(one) for one in measured], axis=0)
    return float((rarest <= rarest[0]).mean())


def _ranks(measured: Array) -> IntArray:
    """How many are as small as each, itself among them."""
    reach = measured + SAME * np.maximum(np.abs(measured), SAME)
    return np.searchsorted(np.sort(measured), reach, side="right")


def dim_of_controls(case: Case, tests: Tests) -> float:
    """Dimensions in which independent rows are as far from equidistant as controls mostly are.

    The mean of d Σλ²/(Σλ)² - 1 is (d² + d - 2)/md over Gram matrices of rank d from m dimensions.
    """
    d, middle = case.group.rank, float(np.median(tests.controls))
    return float(np.clip((d + 1 - 2 / d) / max(middle, 1e-12), 1.0, case.rows.dim))
