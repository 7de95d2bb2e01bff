"""Sweeps: many configurations, on one machine or many, every result kept.

>>> import tempfile
>>> from geomsup import sweep
>>> from geomsup.sweeps import grid
>>> tasks = grid("train", {"n_steps": 50, "batch_size": 64}, feature_probability=[0.1, 0.5])
>>> with tempfile.TemporaryDirectory() as folder:
...     done = sweep(tasks, store=folder, progress=False)
...     print(done[0].values["weights"].shape, sorted(done.table()[0])[:3])
(1, 2, 5) ['batch_size', 'correlation', 'dimensionality']

A `Task` is a configuration and a function, `grid` makes many, `sweep` does them, a `Store` keeps
what comes out. The package knows nothing of trainings or of theory: it finds functions by name.
"""

from __future__ import annotations

from geomsup.sweeps.grid import grid, read_grid
from geomsup.sweeps.results import Result
from geomsup.sweeps.run import Sweep, sweep
from geomsup.sweeps.store import Store
from geomsup.sweeps.task import Task, Work

__all__ = ["Result", "Store", "Sweep", "Task", "Work", "grid", "read_grid", "sweep"]
