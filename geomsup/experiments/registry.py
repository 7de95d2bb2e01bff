"""Which experiments there are.

Ids are listed here and modules are imported when they are asked for, so that one wrong id, or one
experiment, costs nothing of the others.
"""

from __future__ import annotations

import difflib
import importlib
from typing import Any

from geomsup.errors import GeomsupError, shorten
from geomsup.experiments.experiment import Experiment

__all__ = ["get_experiment", "list_experiments"]

# In the order of the scorecard: the notes, then the paper from its introduction on.
_IDS = (
    "notes-triangle",
    "notes-pentagon",
    "notes-large",
    "notes-importance",
    "intro",
    "ten-in-two",
    "demonstration",
    "larger",
    "phase-2-1",
    "phase-3-2",
    "uniform",
    "dimensionality",
    "nonuniform",
    "nonuniform-importance",
    "correlated",
    "anticorrelated",
    "local-bases",
    "pca-collapse",
    "energy-levels",
    "geometric-transforms",
    "adversarial",
    "computation",
    "relu-hidden",
    "mixture-of-experts",
    "sae-recovery",
    "sae-splitting",
)


def list_experiments() -> tuple[str, ...]:
    """The ids of all experiments, in the order of the scorecard."""
    return _IDS


def get_experiment(name: str) -> Experiment[Any, Any]:
    """The experiment of this id.

    Raises
    ------
    GeomsupError
        If there is none; the message names the nearest.
    """
    if name not in _IDS:
        words = name if isinstance(name, str) else shorten(name)
        near = difflib.get_close_matches(words, _IDS, n=1)
        cure = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(_IDS)}"
        raise GeomsupError(f"no experiment has the id {shorten(name)}; {cure}")
    module = importlib.import_module(f"geomsup.experiments.{name.replace('-', '_')}")
    found: Experiment[Any, Any] = module.EXPERIMENT
    return found
