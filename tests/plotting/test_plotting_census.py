"""Pictures of a census against the numbers that they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from geomsup import census
from geomsup.errors import GeomsupError
from geomsup.plotting import plot_census, plot_cosine_histogram, plot_counts, plot_neighbours


def _legend(ax: Axes) -> list[Text]:
    legend = ax.get_legend()
    return [] if legend is None else legend.get_texts()


def test_a_census_is_drawn_from_its_numbers(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(200, 12))
    rows[100:140] = -rows[:40]
    found = census(rows, feature_axis=0, null="isotropic", n_draws=3)
    ax = plot_cosine_histogram(found, ax=Figure().add_subplot())
    drawn = {
        patch.get_label(): patch.get_data().values  # type: ignore[attr-defined]  # stairs
        for patch in ax.patches
    }
    assert drawn["pairs"].sum() == 200 * 199 / 2
    assert drawn["isotropic null"].sum() == pytest.approx(200 * 199 / 2)
    assert drawn["believed, cos < 0"].sum() == found.n_below >= 40
    ax = plot_counts(found, ax=Figure().add_subplot())
    names = [text.get_text() for text in ax.get_yticklabels()]
    numbers = {name: text.get_text() for name, text in zip(names, ax.texts, strict=True)}
    assert numbers["antipodes (cos ≤ −.95)"] == "40"
    ax = plot_neighbours(found, ax=Figure().add_subplot())
    assert sum(bar.get_height() for bar in ax.patches) == 400  # type: ignore[attr-defined]  # bars
    figure = plot_census(found, fig=Figure(layout="constrained"))
    assert len(figure.axes) == 3
    with pytest.raises(GeomsupError, match="Census"):
        plot_census(found.to_dict())  # type: ignore[arg-type]  # on purpose


def test_a_census_without_draws_or_discoveries_is_drawn(rng: np.random.Generator) -> None:
    found = census(rng.normal(size=(60, 30)), feature_axis=0, null="isotropic", n_draws=0)
    figure = plot_census(found, fig=Figure(layout="constrained"))
    labels = [text.get_text() for ax in figure.axes for text in _legend(ax)]
    assert not any("null" in label or "believed" in label for label in labels)
