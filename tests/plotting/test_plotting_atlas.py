"""The periodic table: where its boundaries, letters and cells stand."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from geomsup.errors import GeomsupError
from geomsup.plotting import plot_atlas
from geomsup.theory import atlas_cell, atlas_cells


def test_boundaries_stand_at_the_logarithm_of_p() -> None:
    cell = atlas_cell(5, 2)
    assert cell is not None
    axes = plot_atlas([cell], ax=Figure().add_subplot(), least_p=0.01)
    at = sorted(float(np.asarray(line.get_xdata())[0]) for line in axes.lines)
    shares = 1.0 + np.log10(cell.boundaries[cell.boundaries > 0.01]) / 2.0
    # A strip leaves a gap to the next, so it is narrower than the distance of two.
    np.testing.assert_allclose(np.diff(at) / np.diff(shares), np.diff(at)[0] / np.diff(shares)[0])
    assert at[0] > 5.0
    styles = {line.get_linestyle() for line in axes.lines}
    assert styles <= {"-", ":"}


def test_every_cell_has_its_place_and_the_legend_says_how_many_are_left_out() -> None:
    cells = atlas_cells()
    axes = plot_atlas(cells, ax=Figure().add_subplot(), n_named=2)
    outlines = [patch for patch in axes.patches if not patch.get_fill()]
    assert len(outlines) == len(cells)
    legend = axes.get_legend()
    assert legend is not None
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts[0].startswith("A  ")
    assert texts[-1].endswith(" others")
    assert {text.get_text()[0] for text in axes.texts} == {"A", "B"}


@pytest.mark.parametrize("wrong", [[], None, [3]])
def test_what_is_no_atlas_is_refused(wrong: object) -> None:
    with pytest.raises(GeomsupError):
        plot_atlas(wrong)  # type: ignore[arg-type]
