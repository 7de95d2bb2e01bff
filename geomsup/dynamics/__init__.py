"""Geometry along a training: the shapes at each step, and when features jump between levels.

>>> import numpy as np
>>> from geomsup.dynamics import geometry_timeline
>>> weights = [np.diag([1.0, 1.0])] * 10 + [np.array([[1.0, -1.0], [0.0, 0.0]])] * 10
>>> geometry_timeline(range(20), weights).spans()
(('2 × monosemantic', 0, 9), ('1 × digon', 10, 19))
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
