"""Geometry along a training: the shapes at each step, and when features jump between levels.

>>> import numpy as np
>>> from geomsup.dynamics import geometry_timeline
>>> weights = np.zeros((40, 1, 2))                  # (n_records, n_hidden, n_features)
>>> weights[:, 0, 0] = 1.0
>>> weights[20:, 0, 1] = -1.0                       # the second feature is learned half-way
>>> geometry_timeline(np.arange(40), weights).spans()
(('1 × monosemantic, 1 dropped', 0, 19), ('1 × digon', 20, 39))
"""

from __future__ import annotations

from geomsup.dynamics.recording import WeightRecorder
from geomsup.dynamics.timeline import (
    Coincidence,
    GeometryTimeline,
    Jump,
    LossDrop,
    geometry_timeline,
)

__all__ = [
    "Coincidence",
    "GeometryTimeline",
    "Jump",
    "LossDrop",
    "WeightRecorder",
    "geometry_timeline",
]
