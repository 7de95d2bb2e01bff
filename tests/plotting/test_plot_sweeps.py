"""A quantity of a sweep against a field of its grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from geomsup.errors import GeomsupError
from geomsup.plotting import plot_sweep
from geomsup.sweeps import grid, sweep

_ROWS = [{"p": p, "loss": p**2 + k, "name": "x"} for p in (0.1, 0.2, 0.4) for k in (0.0, 0.3, 0.9)]


def _axes() -> Any:
    return Figure().add_subplot()


def _line(axes: Any, gid: str) -> Any:
    (line,) = [line for line in axes.lines if line.get_gid() == gid]
    return line


def test_every_task_and_the_medians_are_drawn() -> None:
    axes = plot_sweep(_ROWS[::-1], "p", "loss", ax=_axes())
    drawn = sorted(map(tuple, _line(axes, "tasks").get_xydata()))
    assert drawn == sorted((row["p"], row["loss"]) for row in _ROWS)
    np.testing.assert_allclose(
        _line(axes, "medians").get_xydata(), [[0.1, 0.31], [0.2, 0.34], [0.4, 0.46]]
    )
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_xscale()) == ("p", "loss", "linear")


def test_a_line_for_each_value_of_a_field() -> None:
    rows = [{"p": 0.1 * k, "loss": k + j + 10 * w, "width": w} for k in (1, 2) for j in (0, 1, 5)
            for w in (2, 3)]  # fmt: skip
    axes = plot_sweep(rows, "p", "loss", by="width", ax=_axes())
    medians = {line.get_label(): line for line in axes.lines if line.get_gid() == "medians"}
    assert set(medians) == {"width = 2, median", "width = 3, median"}
    assert np.asarray(medians["width = 3, median"].get_ydata()).tolist() == [32.0, 33.0]
    assert len({line.get_color() for line in medians.values()}) == 2
    assert axes.get_legend() is not None
    with pytest.raises(GeomsupError, match="the rows have no 'depth'"):
        plot_sweep(rows, "p", "loss", by="depth", ax=_axes())


def test_decades_are_logarithmic_and_what_has_no_number_is_left_out() -> None:
    rows = [{"p": 10.0**k, "loss": 1.0 + k} for k in range(4)]
    rows += [{"p": 3.0, "loss": None}, {"p": 3.0, "loss": float("nan")}, {"p": 3.0}]  # type: ignore[dict-item]
    axes = plot_sweep(rows, "p", "loss", ax=_axes())
    assert len(_line(axes, "tasks").get_xdata()) == 4
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    assert [line.get_gid() for line in axes.lines] == ["tasks"]


def test_sweeps_and_stores_are_drawn_as_they_are(tmp_path: Path) -> None:
    done = sweep(grid("sweep_functions:square", x=[1, 2, 3]), store=tmp_path)
    for results in (done, done.store, done.table()):
        points = _line(plot_sweep(results, "x", "square", ax=_axes()), "tasks").get_xydata()
        assert sorted(map(tuple, points)) == [(1, 1), (2, 4), (3, 9)]


@pytest.mark.parametrize(
    ("rows", "x", "y", "says"),
    [
        ([], "p", "loss", "expected the results of a sweep"),
        ([3], "p", "loss", "expected the results of a sweep"),
        (_ROWS, "q", "loss", "the rows have no 'q'; they have p, loss, name"),
        (_ROWS, "p", "name", "nowhere both finite numbers, got 0.1 and 'x'"),
    ],
)
def test_what_cannot_be_drawn(rows: Any, x: str, y: str, says: str) -> None:
    with pytest.raises(GeomsupError, match=says):
        plot_sweep(rows, x, y, ax=_axes())
