"""Published outcomes, run again: each with its configuration, its run and its check.

>>> from geomsup.experiments import get_experiment, list_experiments
>>> "notes-pentagon" in list_experiments()
True
>>> get_experiment("notes-pentagon").says
'a pentagon in most seeds; the stuck ones can be named and priced'

`experiment` says what one is, `registry` which there are, `reproduce` runs them, `scorecard` prints
what came out.
"""

from __future__ import annotations

from geomsup.experiments.frame import Claim, Experiment, Outcome, Trainer
from geomsup.experiments.registry import get_experiment, list_experiments
from geomsup.experiments.reproduction import Reproduction, reproduce
from geomsup.experiments.scorecard import Scorecard, ScorecardRow

__all__ = [
    "Claim",
    "Experiment",
    "Outcome",
    "Reproduction",
    "Scorecard",
    "ScorecardRow",
    "Trainer",
    "get_experiment",
    "list_experiments",
    "reproduce",
]
