"""What a picture begins with; and a picture of one's own, written as CONTRIBUTING says."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from geomsup.errors import GeomsupError
from geomsup.plotting.canvas import axes_for, check_made_by, empty_space, figure_for, view_frame
from geomsup.plotting.labels import level_names
from geomsup.plotting.style import INK


@pytest.fixture(autouse=True)
def _closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


def _plot_losses(run: object, *, ax: Axes | None = None) -> Axes:
    """A toy: the losses of a training, lowest last."""
    check_made_by("training.train", run, "losses")
    axes: Axes = axes_for(ax)
    axes.plot(sorted(run.losses)[::-1], color=INK)  # type: ignore[attr-defined]  # just checked
    return axes


def test_a_picture_takes_a_result_and_axes_and_returns_the_axes() -> None:
    run = SimpleNamespace(losses=[0.2, 0.3, 0.1])
    given = Figure().add_subplot()
    assert _plot_losses(run, ax=given) is given
    assert given.lines[0].get_ydata().tolist() == [0.3, 0.2, 0.1]  # type: ignore[union-attr]  # an array
    before = set(plt.get_fignums())
    own = _plot_losses(run)
    new = set(plt.get_fignums()) - before
    assert [plt.figure(number) for number in new] == [own.figure]
    with pytest.raises(GeomsupError, match=r"what geomsup\.training\.train\(…\) returned, got int"):
        _plot_losses(3)
    with pytest.raises(GeomsupError, match="ax must be matplotlib Axes, got Figure"):
        _plot_losses(run, ax=Figure())  # type: ignore[arg-type]  # on purpose
    with pytest.raises(GeomsupError, match="needs plain two-dimensional axes, got projection '3d'"):
        _plot_losses(run, ax=Figure().add_subplot(projection="3d"))
    with pytest.raises(GeomsupError, match="needs three-dimensional axes"):
        axes_for(given, three_d=True)


def test_a_figure_is_the_callers_or_a_new_one() -> None:
    figure = Figure()
    part = figure.subfigures()
    assert figure_for(figure, (1, 1)) is figure
    assert figure_for(part, (1, 1)) is part
    assert figure_for(None, (3, 2)).get_size_inches().tolist() == [3.0, 2.0]
    with pytest.raises(GeomsupError, match="fig must be a matplotlib Figure, got Axes"):
        figure_for(figure.add_subplot(), (1, 1))


@pytest.mark.parametrize("view", [(22.0, 38.0), (0.0, 0.0), (80.0, 200.0)])
def test_the_frame_of_a_view_is_that_of_matplotlib(view: tuple[float, float]) -> None:
    """The viewer of mplot3d looks along the last row, and sees the first two as right and up."""
    frame = view_frame(*view)
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-15)
    axes = Figure(figsize=(4, 4)).add_subplot(projection="3d")
    axes.set_proj_type("ortho")
    empty_space(axes, 2.0, view)
    points = np.array([[0.0, 0.0, 0.0], *(0.5 * frame)])
    from mpl_toolkits.mplot3d.proj3d import proj_transform

    x, y, depth = (np.asarray(v) for v in proj_transform(*points.T, axes.get_proj()))
    right, up, towards = (np.array([x[k] - x[0], y[k] - y[0]]) for k in (1, 2, 3))
    assert right[0] > 0.0
    assert up[1] > 0.0
    np.testing.assert_allclose([right[1], up[0], *towards], 0.0, atol=1e-12)
    assert depth[3] < depth[0]  # nearer
    assert axes.get_xlim() == axes.get_ylim() == axes.get_zlim() == (-2.0, 2.0)


def test_names_of_levels_keep_their_distance() -> None:
    axes = Figure().add_subplot()
    level_names(axes, [(0.5, "half"), (0.51, "more"), (1.0, "whole")], room=0.1, fontsize=8)
    places = [text.xyann[1] for text in axes.texts]  # type: ignore[attr-defined]  # of annotations
    assert np.diff(places).min() == pytest.approx(0.1)
    assert places[2] == 1.0
    assert [text.xy[1] for text in axes.texts] == [0.5, 0.51, 1.0]  # type: ignore[attr-defined]  # as above
