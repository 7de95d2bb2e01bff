"""Geometry along a training: the shapes at each step, and when features jump between levels.

>>> import numpy as np
>>> from geomsup.dynamics import geometry_timeline
>>> steps = [np.diag([1.0, 1.0]), np.array([[1.0, -1.0], [0.0, 0.0]])]
>>> [report.counts() for report in geometry_timeline(steps).reports]
[{'monosemantic': 2}, {'digon': 1}]
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
