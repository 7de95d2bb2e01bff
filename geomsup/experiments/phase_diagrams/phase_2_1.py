"""Two features in one dimension: ignored, stored alone, or in superposition."""

from __future__ import annotations

from functools import partial

from geomsup.experiments.frame import Experiment
from geomsup.experiments.phase_diagrams.phase_map import (
    MapConfig,
    MapResult,
    check_map,
    draw,
    run_map,
)

__all__ = ["EXPERIMENT"]

# The second feature is ignored, is stored instead of the first, or shares its dimension with it.
_REGIONS = ("1 (2 dropped)", "2 (1 dropped)", "digon(1, 2)")


EXPERIMENT = Experiment(
    id="phase-2-1",
    title="phase diagram, two features in one dimension",
    says="three regions with sharp borders: ignored, alone, in superposition; theory has the same",
    source="Elhage et al. 2022, superposition as a phase change",
    paper=MapConfig(),
    smoke=MapConfig(n_grid=9, batch_size=256),
    run=run_map,
    # The regions of the paper.
    check=partial(check_map, regions=_REGIONS),
    draw=draw,
    result=MapResult,
)
