"""Three features in two dimensions: what becomes of the third as its importance grows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from geomsup.experiments.frame import Experiment
from geomsup.experiments.phase_diagrams.phase_map import (
    MapConfig,
    MapResult,
    check_map,
    draw,
    run_map,
)

__all__ = ["EXPERIMENT", "Config"]

# The third feature is ignored, shares a dimension with another, or has one of its own; then the
# others share what is left, or one of them is ignored.
_REGIONS = (
    "1 ⊕ 2 (3 dropped)",
    "digon(1, 3) ⊕ 2",
    "digon(1, 2) ⊕ 3",
    "1 ⊕ 3 (2 dropped)",
)


@dataclass(frozen=True, kw_only=True)
class Config(MapConfig):
    """The same settings as for two features, with one more of both."""

    n_features: int = 3
    n_hidden: int = 2


EXPERIMENT = Experiment(
    id="phase-3-2",
    title="phase diagram, three features in two dimensions",
    says="four regions with sharp borders, in superposition or not; theory has the same",
    source="Elhage et al. 2022, superposition as a phase change",
    paper=Config(),
    smoke=Config(n_grid=9, batch_size=256),
    run=run_map,
    # The regions of the paper.
    check=partial(check_map, regions=_REGIONS),
    draw=draw,
    result=MapResult,
)
