"""Where single things stand in a picture, against what is known of the result."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from scipy.linalg import block_diag

from geomsup import classify_geometry, get_shape
from geomsup.neurons import neuron_report
from geomsup.plotting import (
    plot_dimensionality,
    plot_excess_energy,
    plot_interference_graph,
    plot_neurons,
    plot_splitting_tree,
)
from geomsup.plotting.neurons import _OWN, _REST, _SHARED
from geomsup.sphere import compare_to_optima


def _sum(*names: str) -> Any:
    return block_diag(*(get_shape(name).vertices.T for name in names))


def _axes(width: float = 6.0, height: float = 5.0) -> Axes:
    return Figure(figsize=(width, height)).add_subplot()


def test_hidden_features_take_their_edges_along() -> None:
    report = classify_geometry(_sum("pentagon", "digon"))
    for least, n_edges in ((0, 11), (2, 10)):
        axes = plot_interference_graph(report, ax=_axes(), min_degree=least)
        lines = [c for c in axes.collections if c.get_gid() in ("negative", "positive")]
        assert sum(len(collection.get_paths()) for collection in lines) == n_edges


def test_half_of_the_components_are_left_out_until_the_rest_has_room() -> None:
    report = classify_geometry(_sum(*["digon"] * 40))
    axes = plot_interference_graph(report, ax=_axes(1.5, 1.8))
    (nodes,) = (c for c in axes.collections if c.get_gid() == "nodes")
    assert len(nodes.get_offsets()) // 2 in (20, 10, 5)  # type: ignore[arg-type]  # an array
    legend = axes.get_legend()
    assert legend is not None
    n_drawn = len(nodes.get_offsets()) // 2  # type: ignore[arg-type]  # as above
    assert f"no room for names; {n_drawn} of 40 components drawn" in legend.get_title().get_text()


def test_a_classical_name_is_a_reminder_only_where_nothing_was_found() -> None:
    # 3/8 is the level of a square antiprism too.
    assert _levels(classify_geometry(_sum("rook graph code"))) == ["3/8  rook graph code"]
    both = classify_geometry(_sum("triangle", "tetrahedron"))
    assert _levels(both) == ["3/4  tetrahedron", "2/3  triangle"]


def _levels(report: Any) -> list[str]:
    axes = plot_dimensionality(report, ax=_axes())
    levels = {float(line.get_ydata()[0]) for line in axes.lines if line.get_gid() == "level"}  # type: ignore[index,arg-type]  # an array
    texts = [text for text in axes.texts if text.xy[1] in levels]  # type: ignore[attr-defined]  # of annotations
    return [text.get_text() for text in texts]


def test_names_stand_below_the_middle_of_their_features() -> None:
    axes = plot_dimensionality(classify_geometry(_sum("pentagon", "digon", "digon")), ax=_axes())
    below = {text.get_text(): text.xy[0] for text in axes.texts if text.xy[1] == 0.0}  # type: ignore[attr-defined]  # as above
    assert below == {"pentagon": 2.0, "2 × digon": 6.5}


def test_stacks_grow_away_from_the_axis_on_both_sides() -> None:
    W = np.array([[1.0, 0.9, -0.8, -0.7]])
    axes = plot_neurons(W, neuron_report(W), ax=_axes(), numbers=False)
    ends = [(bar.get_y(), bar.get_y() + bar.get_height()) for bar in axes.patches[:4]]  # type: ignore[attr-defined]  # rectangles
    np.testing.assert_allclose(ends, [(0.0, 1.0), (1.0, 1.9), (0.0, -0.8), (-0.8, -1.5)])


def test_the_sign_of_a_weight_says_which_side_of_a_feature_it_is_about() -> None:
    """|x| with a neuron of its own for +0 and for -1; the middle one takes −0 and +1."""
    W = np.array([[1.0, 0.1], [-1.0, 1.0], [0.0, -1.0]])
    V = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    report = neuron_report(W, V, signed=True)
    assert report.kinds == ("monosemantic", "polysemantic", "monosemantic")
    axes = plot_neurons(W, report, ax=_axes(), numbers=False)
    colors = [bar.get_facecolor() for bar in axes.patches[:6]]
    expected = [_OWN, _SHARED, _REST, _REST, _SHARED, _OWN]
    assert colors == [to_rgba(color) for color in expected]


def test_open_circles_are_no_optimum_and_each_dimension_has_one_name() -> None:
    rng = np.random.default_rng(3)
    rows = [compare_to_optima(get_shape(name).vertices) for name in ("cube", "octahedron")]
    rows += [compare_to_optima(rng.standard_normal((6, 2)))]
    axes = plot_excess_energy(rows, ax=_axes())
    drawn = [c for c in axes.collections if len(c.get_offsets())]  # type: ignore[arg-type]  # an array
    faces = [to_rgba(np.asarray(collection.get_facecolor())[0]) for collection in drawn]
    edges = [to_rgba(np.asarray(collection.get_edgecolor())[0]) for collection in drawn]
    white = to_rgba("white")
    # In two dimensions the random points, in three the octahedron and the cube, which is none.
    assert [face == white for face in faces] == [True, False, True]
    assert faces[1] == edges[1] == edges[2]
    legend = axes.get_legend()
    assert legend is not None
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["2 dimensions", "3 dimensions", "open: not the shape of the best known"]


def test_latents_of_a_tree_stand_below_their_parents() -> None:
    parents = np.array([0, 1, 1, 1])
    tree: Any = SimpleNamespace(
        sizes=(2, 4),
        parents=[parents],
        cosines=[np.ones(4)],
        powers=[np.ones(2), np.ones(4)],
        ancestors=lambda level: [np.arange(2), parents][level],
        split=lambda level: np.array([False, True]),
    )
    axes = plot_splitting_tree(tree, ax=_axes())
    above, below = (
        np.asarray(c.get_offsets())[:, 0]
        for c in axes.collections
        if str(c.get_gid()).startswith("dictionary")
    )
    # The latent that splits in three takes more room than the other, which needs half.
    np.testing.assert_allclose(above, [0.2, 0.7])
    np.testing.assert_allclose(below, [0.2, 0.5, 0.7, 0.9], atol=0.01)


@pytest.mark.parametrize(("width", "rotation"), [(12.0, 0.0), (2.5, 90.0)])
def test_names_stand_upright_where_they_have_no_room(width: float, rotation: float) -> None:
    report = classify_geometry(_sum("tetrahedron", "pentagon", "digon", "digon", "triangle"))
    axes = plot_dimensionality(report, ax=_axes(width))
    below = [text for text in axes.texts if text.xy[1] == 0.0]  # type: ignore[attr-defined]  # of annotations
    assert {text.get_rotation() for text in below} == {rotation}
