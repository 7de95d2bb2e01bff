"""Which pairs to believe: Benjamini and Hochberg's step-up rule over all of them.

Each pair is tested on both sides, so there are n(n−1) tests, half of them of no interest.  Pairs
that were not kept are known by number at each level of improbability, which is all that the rule
asks of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.survey.background import Background
from geomsup.survey.pairs import Pairs, Scan, level_edge
from geomsup.survey.source import Rows

__all__ = ["LOOSEST", "Significant", "significant_pairs"]

FloatArray = NDArray[np.float64]

# No pair that is more probable is believed: that would be when 2 % of all pairs were far out.
LOOSEST = float(np.log(1e-3))
# Up to so many pairs are given cosines and p-values that are not rounded or interpolated: 8 s.
_EXACT = 50_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Significant:
    """The pairs that are believed.

    Attributes
    ----------
    pairs : Pairs
        As many of them as were kept, the most improbable ones, sorted by log p.
    q_values : ndarray of shape (n_pairs,)
        Least rate of false discoveries at which the pair is believed.
    n_above, n_below : int
        How many pairs are believed on each side, kept or not.
    log_p : float
        Of the least improbable of them; −inf if there is none.
    n_tests : int
    is_exact : bool
        Whether the p-values are integrals of their own, and the cosines float64.
    """

    pairs: Pairs
    q_values: FloatArray
    n_above: int
    n_below: int
    log_p: float
    n_tests: int
    is_exact: bool


def significant_pairs(found: Scan, rows: Rows, background: Background, *, q: float) -> Significant:
    """Choose among the pairs of a scan."""
    pairs, is_exact = found.pairs, False
    if found.kept_levels == 0 and pairs.i.size <= _EXACT:
        cosines = np.einsum("pm,pm->p", rows.exact(pairs.i), rows.exact(pairs.j))
        pairs = pairs._replace(cosines=np.clip(cosines, -1.0, 1.0))
        pairs = pairs._replace(log_p=background.exact(rows, pairs))
        is_exact = True
    pairs = pairs.select(np.argsort(pairs.log_p, kind="stable"))
    n_tests = found.n * (found.n - 1)
    log_tests = np.log(n_tests)
    ranks = np.arange(1, pairs.i.size + 1)
    log_q = pairs.log_p + log_tests - np.log(ranks)
    # What was dropped, from the most improbable level down; each level is taken at its upper edge.
    dropped = found.levels[:, : found.kept_levels][:, ::-1]
    edges = level_edge(np.arange(found.kept_levels)[::-1])
    numbers = pairs.i.size + np.cumsum(dropped.sum(axis=0))
    log_q_dropped = edges + log_tests - np.log(np.maximum(numbers, 1))
    least = np.minimum.accumulate(np.concatenate([log_q, log_q_dropped])[::-1])[::-1]
    believed = least <= (np.log(q) if q > 0 else -np.inf)
    kept = pairs.select(believed[: pairs.i.size])
    n_levels = int(believed[pairs.i.size :].sum())
    log_p = -np.inf if not kept.i.size else float(kept.log_p[-1])
    return Significant(
        pairs=kept,
        q_values=np.exp(np.minimum(least[: kept.i.size], 0.0)),
        n_above=int((kept.cosines > 0).sum() + dropped[0, :n_levels].sum()),
        n_below=int((kept.cosines < 0).sum() + dropped[1, :n_levels].sum()),
        log_p=float(edges[n_levels - 1]) if n_levels else log_p,
        n_tests=n_tests,
        is_exact=is_exact,
    )
