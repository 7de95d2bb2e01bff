"""Pictures of a claim against the numbers that they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from geomsup import Claim, weigh_claim
from geomsup.errors import GeomsupError
from geomsup.plotting import plot_claim, plot_claim_controls, plot_claim_plane


@pytest.fixture
def ring(rng: np.random.Generator) -> Claim:
    rows = rng.normal(size=(200, 16))
    angles = 2 * np.pi * np.arange(8) / 8
    rows[:8] = 4 * np.column_stack([np.cos(angles), np.sin(angles)]) @ rows[8:10]
    labels = [f"word{k}" for k in range(200)]
    return weigh_claim(rows, range(8), "ring", feature_axis=0, n_controls=100, labels=labels)


def test_the_plane_shows_the_group_in_its_order_and_closes_it(ring: Claim) -> None:
    ax = plot_claim_plane(ring, ax=Figure().add_subplot())
    controls, path, points, _ = ax.lines
    assert np.asarray(controls.get_xydata()).shape == (60 * 8, 2)
    drawn = np.asarray(points.get_xydata())
    np.testing.assert_allclose(drawn, ring.coordinates[list(ring.order)])
    # nearly all distances are in the plane, and of the same length
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1.0, atol=0.3)
    np.testing.assert_allclose(np.asarray(path.get_xydata()), np.vstack([drawn, drawn[:1]]))
    assert [text.get_text() for text in ax.texts] == [f"word{k}" for k in ring.order]


def test_the_statistic_stands_among_those_of_the_controls(ring: Claim) -> None:
    ax = plot_claim_controls(ring, ax=Figure().add_subplot())
    counted = sum(bar.get_height() for bar in ax.patches)  # type: ignore[attr-defined]  # bars
    assert counted == ring.n_controls
    line = np.asarray(ax.lines[0].get_xdata())
    assert line.tolist() == [ring.statistic, ring.statistic]


def test_a_group_without_a_curve_has_no_path(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(100, 8))
    claim = weigh_claim(rows, [0, 1], "antipodes", feature_axis=0, n_controls=50)
    figure = plot_claim(claim, fig=Figure(layout="constrained"))
    assert len(figure.axes[0].lines) == 3
    with pytest.raises(GeomsupError, match=r"expected a Claim, got int; make one with"):
        plot_claim(3)  # type: ignore[arg-type]  # on purpose
