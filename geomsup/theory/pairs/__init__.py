"""Pairs of correlated features: when PCA makes more sense, and when superposition does."""

from geomsup.theory.pairs.limits import (
    CollapseLimit,
    collapse_limit,
    collapsed_pair_loss,
    critical_together,
    opposed_pair_loss,
)
from geomsup.theory.pairs.lines import pair_phases
from geomsup.theory.pairs.record import PairBoundary, PairMap, PairPhases, pair_map
from geomsup.theory.pairs.strategy import pair_states, pair_strategy

__all__ = [
    "CollapseLimit",
    "PairBoundary",
    "PairMap",
    "PairPhases",
    "collapse_limit",
    "collapsed_pair_loss",
    "critical_together",
    "opposed_pair_loss",
    "pair_map",
    "pair_phases",
    "pair_states",
    "pair_strategy",
]
