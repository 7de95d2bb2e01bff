"""The periodic table: where its boundaries, letters and cells stand."""

from __future__ import annotations

from itertools import groupby

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
    upright = [line for line in axes.lines if np.ptp(np.asarray(line.get_xdata())) == 0]
    # Shorter ones lead to labels.
    boundaries = [line for line in upright if np.ptp(np.asarray(line.get_ydata())) > 0.5]
    at = sorted(float(np.asarray(line.get_xdata())[0]) for line in boundaries)
    shares = 1.0 + np.log10(cell.boundaries[cell.boundaries > 0.01]) / 2.0
    # A strip leaves a gap to the next, so it is narrower than the distance of two.
    np.testing.assert_allclose(np.diff(at) / np.diff(shares), np.diff(at)[0] / np.diff(shares)[0])
    assert at[0] > 5.0
    styles = {line.get_linestyle() for line in boundaries}
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
    assert any(text.endswith(" others") for text in texts)
    written = [text.get_text() for text in axes.texts]
    assert {text[0] for text in written if text[0].isupper()} == {"A", "B"}


def test_every_shape_of_the_atlas_has_a_letter_and_another_look() -> None:
    axes = plot_atlas(atlas_cells(), ax=Figure().add_subplot())
    legend = axes.get_legend()
    assert legend is not None
    shapes = [patch for patch in legend.get_patches() if "  " in str(patch.get_label())]
    assert not any("other" in text.get_text() for text in legend.get_texts())
    looks = {(patch.get_facecolor(), patch.get_hatch()) for patch in shapes}
    assert len(looks) == len(shapes) > 20


@pytest.mark.parametrize("key", [(8, 3), (5, 3), (12, 1), (3, 2)])
def test_one_size_has_its_feature_probabilities_and_a_label_for_every_name(
    key: tuple[int, int],
) -> None:
    cell = atlas_cell(*key)
    assert cell is not None
    figure = Figure(figsize=(8.0, 4.0), layout="constrained")
    axes = plot_atlas([cell], ax=figure.add_subplot())
    figure.draw_without_rendering()
    assert [text.get_text() for text in axes.get_xticklabels()] == [
        *("0.001", "0.01", "0.1", "0.2", "0.5", "1")
    ]
    names = [entry.name for entry in cell.entries if entry.high > 1e-3]
    assert len(axes.texts) == len([name for name, _ in groupby(names)])
    # What a label says is dropped, its name says too.
    said = [text.get_text().rpartition("−")[2] for text in axes.texts if "−" in text.get_text()]
    dropped = {name.split(", ")[1].removesuffix(" dropped") for name in names if ", " in name}
    assert set(said) == dropped
    boxes = [text.get_window_extent() for text in axes.texts]
    boxes.append(axes.xaxis.label.get_window_extent())
    for k, one in enumerate(boxes):
        assert figure.bbox.x0 <= one.x0 < one.x1 <= figure.bbox.x1
        assert not any(one.overlaps(other) for other in boxes[:k])


def test_a_line_says_where_a_thomson_optimum_is_held() -> None:
    cell = atlas_cell(8, 3)
    assert cell is not None
    axes = plot_atlas([cell], ax=Figure().add_subplot())
    held = [entry for entry in cell.entries if entry.thomson]
    assert [entry.thomson for entry in held] == ["shape", "optimum", "optimum", "optimum"]
    assert len(axes.collections) == len(held)
    legend = axes.get_legend()
    assert legend is not None
    assert {"Thomson optimum", "… its shape alone"} <= {
        text.get_text() for text in legend.get_texts()
    }


@pytest.mark.parametrize("wrong", [[], None, [3]])
def test_what_is_no_atlas_is_refused(wrong: object) -> None:
    with pytest.raises(GeomsupError):
        plot_atlas(wrong)  # type: ignore[arg-type]
