"""One figure for each experiment, such that a reader of the paper recognises it.

Each module bears the name of an experiment and has one function, ``draw(results)``, which takes
the results of its seeds and returns a Figure.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from geomsup.experiments import get_experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_experiment"]


def draw_experiment(name: str, results: Sequence[Any]) -> Figure:
    """Draw the figure of an experiment.

    Parameters
    ----------
    name : str
        Id of the experiment.
    results : sequence
        Its results, one for each seed, as in ``reproduce([name]).results[name]``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GeomsupError
        If there is no such experiment.
    """
    module = importlib.import_module(
        f"geomsup.plotting.figures.{get_experiment(name).id.replace('-', '_')}"
    )
    figure: Figure = module.draw(results)
    return figure
