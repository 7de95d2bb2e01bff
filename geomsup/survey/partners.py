"""Pairs that are far out in two matrices of the same features at once.

Whether the two matrices have anything to do with each other is asked by giving the features of one
of them new numbers at random: its pairs stay what they are, and meet those of the other by chance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.survey.pairs import Pairs, scan
from geomsup.survey.record import Comparison, compared
from geomsup.survey.source import Rows, about, matrix_of
from geomsup.survey.tails import FixedTails

__all__ = ["partners_of"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_FAR_OUT = 0.3
_MAX_PAIRS = 4_000_000
_LEAST_PERMUTATIONS = 20


def partners_of(
    rows: Rows,
    partner: object,
    feature_axis: int | None,
    *,
    n_draws: int,
    seed: int,
    device: str,
    preparation: dict[str, Any],
) -> tuple[tuple[Comparison, ...], FloatArray]:
    """Count such pairs, and list them with their two cosines, the farthest out first."""
    if partner is None:
        return (), np.zeros((0, 4))
    with about("partner"):
        n_given = len(matrix_of(partner, feature_axis))
    if n_given != rows.n_given:
        raise GeomsupError(
            f"a partner needs the same features: W has {rows.n_given}, the partner {n_given}; "
            "perhaps it wants partner_axis="
        )
    mask = np.zeros(n_given, dtype=np.bool_)
    mask[rows.features] = True
    with about("partner"):
        other = Rows(partner, feature_axis=feature_axis, mask=mask, **preparation)
    first, second = _far_out(rows, device), _far_out(other, device)
    listed = _in_both(first, second, rows.n_given)
    rng = np.random.default_rng([seed, 1])
    permuted = []
    for _ in range(max(n_draws, _LEAST_PERMUTATIONS)):
        # Only features that both have may change numbers.
        numbers = np.arange(rows.n_given)
        numbers[other.features] = rng.permutation(other.features)
        ends = np.sort([numbers[second.i], numbers[second.j]], axis=0)
        again = second._replace(i=ends[0], j=ends[1])
        permuted.append(_counts(_in_both(first, again, rows.n_given)))
    order = np.argsort(-np.abs(listed[:, 2:]).min(axis=1), kind="stable")
    return compared(_counts(listed), permuted), listed[order]


def _far_out(rows: Rows, device: str) -> Pairs:
    """Pairs of features by their numbers in the matrix."""
    found = scan(rows, FixedTails(_FAR_OUT), log_p=0.0, max_pairs=_MAX_PAIRS, device=device)
    if found.kept_levels or max(-found.cuts[0], found.cuts[1]) > _FAR_OUT:
        raise GeomsupError(
            f"more than {_MAX_PAIRS:,} pairs have |cos| ≥ {_FAR_OUT}, so that being far out in "
            "both matrices says little; centre=True or remove_components= may help"
        )
    pairs = found.pairs
    return pairs._replace(i=rows.features[pairs.i], j=rows.features[pairs.j])


def _in_both(first: Pairs, second: Pairs, n: int) -> FloatArray:
    shared, at_first, at_second = np.intersect1d(
        first.i * n + first.j, second.i * n + second.j, assume_unique=True, return_indices=True
    )
    i, j = np.divmod(shared, n)
    return np.column_stack([i, j, first.cosines[at_first], second.cosines[at_second]])


def _counts(listed: FloatArray) -> dict[str, float]:
    one, other = listed[:, 2] > 0, listed[:, 3] > 0
    return {
        "parallel in both (cos ≥ .3)": int((one & other).sum()),
        "antipodal in both (cos ≤ −.3)": int((~one & ~other).sum()),
        "parallel in one, antipodal in the other": int((one != other).sum()),
    }
