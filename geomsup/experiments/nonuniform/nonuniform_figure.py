"""The pentagon and its sparser feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from geomsup.experiments.nonuniform.nonuniform import Config, Result
from geomsup.experiments.nonuniform.varied_feature_figure import draw_varied

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(results: Sequence[Result]) -> Figure:
    """Draw the first seed."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(13.0, 7.0), layout="constrained")
    draw_varied(figure, figure.add_gridspec(1, 1)[0], results[0], "density", Config().shape)
    return figure
