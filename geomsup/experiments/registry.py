"""Which experiments there are.

Ids are listed here and modules are imported when they are asked for, so that one wrong id, or one
experiment, costs nothing of the others.
"""

from __future__ import annotations

import difflib
import importlib
from typing import Any

from geomsup.errors import GeomsupError, shorten
from geomsup.experiments.frame.experiment import Experiment

__all__ = ["get_experiment", "list_experiments"]

# Id -> theme, in the order of the scorecard: the notes, then the paper from its introduction on.
_THEMES = {
    "notes-triangle": "uniform",
    "notes-pentagon": "uniform",
    "notes-large": "uniform",
    "notes-importance": "nonuniform",
    "intro": "demonstration",
    "ten-in-two": "phase_diagrams",
    "demonstration": "demonstration",
    "larger": "demonstration",
    "phase-2-1": "phase_diagrams",
    "phase-3-2": "phase_diagrams",
    "uniform": "uniform",
    "dimensionality": "uniform",
    "nonuniform": "nonuniform",
    "nonuniform-importance": "nonuniform",
    "correlated": "sets",
    "anticorrelated": "sets",
    "local-bases": "sets",
    "pca-collapse": "sets",
    "energy-levels": "learning",
    "geometric-transforms": "learning",
    "memorisation": "learning",
    "adversarial": "adversarial",
    "computation": "neurons",
    "relu-hidden": "neurons",
    "mixture-of-experts": "mixtures",
    "sae-recovery": "dictionaries",
    "sae-splitting": "dictionaries",
}


def list_experiments() -> tuple[str, ...]:
    """The ids of all experiments, in the order of the scorecard."""
    return tuple(_THEMES)


def get_experiment(name: str) -> Experiment[Any, Any]:
    """The experiment of this id.

    Raises
    ------
    GeomsupError
        If there is none; the message names the nearest.
    """
    if name not in _THEMES:
        words = name if isinstance(name, str) else shorten(name)
        near = difflib.get_close_matches(words, _THEMES, n=1)
        cure = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(_THEMES)}"
        raise GeomsupError(f"no experiment has the id {shorten(name)}; {cure}")
    module = importlib.import_module(
        f"geomsup.experiments.{_THEMES[name]}.{name.replace('-', '_')}"
    )
    found: Experiment[Any, Any] = module.EXPERIMENT
    return found
