"""Exact expected losses of toy models, and verdicts on their optima.

>>> from geomsup.theory import best_configuration, expected_loss
>>> round(expected_loss([[1, -1]], 0.0, 0.1).loss, 10)      # a digon of norm one, no bias
0.0033333333
>>> best = best_configuration(2, 1, 0.1, n_starts=10)       # … and the best digon there is
>>> best.name, round(best.loss, 10)
('digon', 0.003319484)
"""

from geomsup.theory.atlas import (
    AtlasCell,
    AtlasEntry,
    KnownOptimum,
    atlas_cell,
    atlas_cells,
    best_known,
)
from geomsup.theory.closed_forms import SparseLimit, digon_loss, sparse_limit
from geomsup.theory.diagram import PhaseDiagram, phase_diagram
from geomsup.theory.feature_model import FeatureModel, FeatureSet
from geomsup.theory.linear import LinearOptimum, linear_loss, linear_optimum
from geomsup.theory.loss import ExpectedLoss, expected_loss
from geomsup.theory.pairs import (
    CollapseLimit,
    PairBoundary,
    PairMap,
    PairPhases,
    collapse_limit,
    collapsed_pair_loss,
    critical_together,
    opposed_pair_loss,
    pair_map,
    pair_phases,
    pair_strategy,
)
from geomsup.theory.phases import FamilyLosses, family_losses, phase_boundary
from geomsup.theory.search import BestConfiguration, LocalMinimum, best_configuration
from geomsup.theory.symmetric import SymmetricOptimum, symmetric_optimum
from geomsup.theory.verify import Escape, OptimumVerdict, verify_optimum

__all__ = [
    "AtlasCell",
    "AtlasEntry",
    "BestConfiguration",
    "CollapseLimit",
    "Escape",
    "ExpectedLoss",
    "FamilyLosses",
    "FeatureModel",
    "FeatureSet",
    "KnownOptimum",
    "LinearOptimum",
    "LocalMinimum",
    "OptimumVerdict",
    "PairBoundary",
    "PairMap",
    "PairPhases",
    "PhaseDiagram",
    "SparseLimit",
    "SymmetricOptimum",
    "atlas_cell",
    "atlas_cells",
    "best_configuration",
    "best_known",
    "collapse_limit",
    "collapsed_pair_loss",
    "critical_together",
    "digon_loss",
    "expected_loss",
    "family_losses",
    "linear_loss",
    "linear_optimum",
    "opposed_pair_loss",
    "pair_map",
    "pair_phases",
    "pair_strategy",
    "phase_boundary",
    "phase_diagram",
    "sparse_limit",
    "symmetric_optimum",
    "verify_optimum",
]
