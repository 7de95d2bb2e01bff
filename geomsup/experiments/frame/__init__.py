"""What an experiment is made of, and what all of them measure.

>>> from geomsup.experiments.frame import Claim, Experiment, Outcome, Trainer, model_config
"""

from __future__ import annotations

from geomsup.experiments.frame.experiment import Experiment, Trainer, model_config
from geomsup.experiments.frame.outcome import Claim, Outcome

__all__ = ["Claim", "Experiment", "Outcome", "Trainer", "model_config"]
