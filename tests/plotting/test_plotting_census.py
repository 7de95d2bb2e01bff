"""Pictures of a census against the numbers that they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from strategies import Array

from geomsup import Census, census
from geomsup.errors import GeomsupError
from geomsup.plotting import (
    plot_census,
    plot_component,
    plot_cosine_histogram,
    plot_counts,
    plot_forest,
    plot_neighbours,
)


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


def with_structures(rng: np.random.Generator) -> tuple[Census, Array]:
    """A pentagon (0 to 4), an antipodal pair (5, 6) and a bundle of four (7 to 10)."""
    rows = rng.normal(size=(300, 24))
    axes = np.linalg.qr(rng.normal(size=(24, 4)))[0].T
    angles = 2 * np.pi * np.arange(5) / 5
    rows[:5] = 5 * (np.cos(angles)[:, None] * axes[0] + np.sin(angles)[:, None] * axes[1])
    rows[5:7] = 5 * axes[2], -5 * axes[2]
    rows[7:11] = 5 * axes[3] + 0.1 * rng.normal(size=(4, 24))
    labels = [f"word{k}" for k in range(300)]
    return census(rows, feature_axis=0, n_draws=2, labels=labels, progress=False), rows


def test_a_forest_joins_features_at_their_cosines(rng: np.random.Generator) -> None:
    found, rows = with_structures(rng)
    assert {one.name for one in found.components} == {"pentagon", "digon", "bundle"}
    ax = plot_forest(found, rows, feature_axis=0, ax=Figure().add_subplot())
    names = [text.get_text() for text in ax.texts if text.get_gid() == "name"]
    assert names == ["pentagon", "bundle", "digon"]  # those with the most features first
    leaves = [text.get_text() for text in ax.get_xticklabels()]
    assert sorted(leaves, key=lambda leaf: int(leaf[4:])) == [f"word{k}" for k in range(11)]
    heights = [
        sorted({round(float(y), 3) for line in tree.get_segments() for y in line[1:3, 1]})  # type: ignore[attr-defined]  # line collections
        for tree in ax.collections
    ]
    assert heights[0] == [round(-np.cos(0.8 * np.pi), 3)]  # each corner with its far neighbours
    assert heights[2] == [1.0]
    units = rows[7:11] / np.linalg.norm(rows[7:11], axis=1, keepdims=True)
    near = units @ units.T - 2 * np.eye(4)
    assert heights[1][-1] == pytest.approx(near.max(), abs=2e-3)
    # Of the digon one end points the other way; of the bundle none does.
    turned = [np.size(line.get_xdata()) for line in ax.lines if line.get_gid() == "other way"]
    assert turned[1:] == [0, 1]
    fewer = plot_forest(found, rows, n_components=1, feature_axis=0, ax=Figure().add_subplot())
    assert "and 2 more" in [text.get_text() for text in fewer.texts]


def test_a_component_is_drawn_in_its_own_plane(rng: np.random.Generator) -> None:
    found, rows = with_structures(rng)
    names = [one.name for one in found.components]
    ax = plot_component(
        found, rows, names.index("pentagon"), feature_axis=0, ax=Figure().add_subplot()
    )
    (dots,) = [line for line in ax.lines if line.get_gid() == "features"]
    points = np.column_stack([dots.get_xdata(), dots.get_ydata()])
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, atol=1e-6)
    cosines = points @ points.T
    np.testing.assert_allclose(cosines[0, 1:], np.cos(2 * np.pi * np.arange(1, 5) / 5), atol=1e-6)
    (pairs,) = [one for one in ax.collections if one.get_gid() == "pairs"]
    assert len(pairs.get_segments()) == 5  # type: ignore[attr-defined]  # the sides that lean most
    assert ax.get_xlabel().startswith("50 % of the squared length about the origin")
    assert {text.get_text() for text in ax.texts} == {f"word{k}" for k in range(5)}
    bundle = plot_component(
        found, rows, names.index("bundle"), feature_axis=0, ax=Figure().add_subplot()
    )
    assert int(bundle.get_xlabel().split()[0]) >= 95


def test_the_sheet_has_structures_where_there_is_a_matrix(rng: np.random.Generator) -> None:
    found, rows = with_structures(rng)
    for given, n_panels in ((None, 3), (rows, 5)):
        figure = plot_census(found, given, feature_axis=0, fig=Figure(layout="constrained"))
        assert len(figure.axes) == n_panels


def test_the_directions_of_a_census_are_those_of_its_matrix(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(60, 8)) + 1
    rows[7] = 0
    found = census(rows, feature_axis=0, null="isotropic", n_draws=0, centre=True, fold_norms=True)
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    centred = unit - np.delete(unit, 7, axis=0).mean(axis=0)
    expected = (centred / np.linalg.norm(centred, axis=1, keepdims=True))[[8, 3]]
    np.testing.assert_allclose(found.directions(rows, [8, 3], feature_axis=0), expected, rtol=1e-9)
    for wrong, features in ((rows[:50], [3]), (rows, [7]), (rows * np.arange(60)[:, None], [3])):
        with pytest.raises(GeomsupError, match="census"):
            found.directions(wrong, features, feature_axis=0)


def test_pictures_of_structures_where_there_are_none(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(60, 30))
    found = census(rows, feature_axis=0, null="isotropic", n_draws=0)
    ax = plot_forest(found, rows, feature_axis=0, ax=Figure().add_subplot())
    assert [text.get_text() for text in ax.texts] == ["no structures"]
    with pytest.raises(GeomsupError, match="no component"):
        plot_component(found, rows, feature_axis=0)
    assert len(plot_census(found, rows, feature_axis=0, fig=Figure()).axes) == 3
