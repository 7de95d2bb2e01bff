"""Pictures: what is drawn, that labels keep apart, and that bad input is refused."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import pickle
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from planted import noisy, planted, random_directions, random_orthogonal
from scipy.linalg import block_diag

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver
from matplotlib.text import Text

from geomsup import (
    GeometryReport,
    GeomsupError,
    classify_geometry,
    get_shape,
    list_shapes,
    plotting,
)
from geomsup.dynamics import geometry_timeline
from geomsup.neurons import asymmetric_motifs, neuron_report
from geomsup.plotting import (
    name_color,
    neuron_legend,
    plot_cosines,
    plot_dimensionality,
    plot_directions,
    plot_gram,
    plot_interference_graph,
    plot_neurons,
    plot_report,
)
from geomsup.plotting.canvas import drawn_legend, plain_numbers
from geomsup.plotting.labels import point_labels, spread
from geomsup.plotting.packing import unit_layout
from geomsup.plotting.wireframe import wireframe
from geomsup.theory import FamilyLosses, phase_diagram

Array = NDArray[np.float64]

# Forty components of twelve kinds, with long and short names.
MIXED = (
    ["digon"] * 10
    + ["triangle"] * 6
    + ["pentagon"] * 5
    + ["tetrahedron"] * 4
    + ["monosemantic"] * 4
    + ["square antiprism"] * 3
    + ["tricapped triangular prism"] * 2
    + ["cube"] * 2
    + ["icosahedron", "hexagon", "heptagon", "4-simplex"]
)


@pytest.fixture(autouse=True)
def _closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


def orthogonal_sum(names: list[str], *, sigma: float = 0.01, n_dropped: int = 0) -> Array:
    """Return an orthogonal sum of shapes, turned and shuffled, with columns of norm near 0."""
    rng = np.random.default_rng(7)
    units = block_diag(*(get_shape(name).vertices.T for name in names))
    columns = noisy(random_orthogonal(len(units), rng) @ units, sigma, rng)
    dropped = 0.003 * rng.standard_normal((len(units), n_dropped))
    W = np.concatenate([columns, dropped], axis=1)
    return np.asarray(W[:, rng.permutation(W.shape[1])])


@pytest.fixture(scope="module")
def mixed() -> tuple[Array, GeometryReport]:
    W = orthogonal_sum(MIXED)
    report = classify_geometry(W)
    assert Counter(MIXED) == report.counts()
    return W, report


@pytest.fixture(scope="module")
def digons() -> tuple[Array, GeometryReport]:
    W = orthogonal_sum(["digon"] * 40)
    report = classify_geometry(W)
    assert report.counts() == {"digon": 40}
    return W, report


@pytest.fixture(scope="module")
def frame() -> tuple[Array, GeometryReport]:
    """One component of 90 features in 20 dimensions."""
    W = random_directions(90, 20, np.random.default_rng(3))
    report = classify_geometry(W, interference_threshold=0.2)
    assert [len(component.features) for component in report.components] == [90]
    return W, report


@pytest.fixture(scope="module")
def chain() -> tuple[Array, GeometryReport]:
    """Twenty directions, each leaning on the next: a sparse irregular component."""
    units = np.eye(20) + 0.6 * np.eye(20, k=1)
    report = classify_geometry(units / np.linalg.norm(units, axis=0), interference_threshold=0.3)
    assert [component.name for component in report.components] == ["irregular"]
    return units, report


@pytest.fixture(scope="module")
def empty() -> tuple[Array, GeometryReport]:
    """Weights of which no feature is represented."""
    W = np.zeros((2, 3))
    report = GeometryReport(
        components=(),
        unstructured=None,
        composite=None,
        norms=np.zeros(3),
        dimensionalities=np.zeros(3),
        represented=np.zeros(3, dtype=bool),
        n_hidden=2,
        n_features=3,
        rank=0,
        tightness=0.0,
        edges=np.empty((0, 2), dtype=np.intp),
        cosines=np.empty(0),
        norm_threshold=0.0,
        norm_reason="given by the caller",
        interference_threshold=0.5,
        interference_reason="given by the caller",
        noise=None,
    )
    return W, report


def texts(ax: Axes, gid: str) -> list[Text]:
    return [text for text in ax.texts if text.get_gid() == gid]


def words(ax: Axes, gid: str) -> list[str]:
    return [text.get_text().replace("\n", " ") for text in texts(ax, gid)]


def offsets(ax: Axes, gid: str) -> Array:
    """Return the points of the only scatter with this gid."""
    (points,) = [c for c in ax.collections if c.get_gid() == gid]
    return np.asarray(points.get_offsets())


def assert_apart(ax: Axes, gid: str) -> None:
    """No two labels overlap in the figure as rendered, and all lie within it."""
    canvas = ax.figure.figure.canvas
    canvas.draw()
    renderer = canvas.get_renderer()  # type: ignore[attr-defined]
    # The label itself, without the line that leads to it.
    boxes = [Text.get_window_extent(text, renderer) for text in texts(ax, gid)]
    for (a, first), (b, second) in itertools.combinations(enumerate(boxes), 2):
        assert not first.overlaps(second), (words(ax, gid)[a], words(ax, gid)[b])
    page = ax.figure.figure.bbox
    for box in boxes:
        assert page.x0 <= box.x0
        assert page.y0 <= box.y0
        assert box.x1 <= page.x1
        assert box.y1 <= page.y1


# --- what every picture of a matrix accepts -----------------------------------------------------

# What the functions ask for beside W; a new name needs a line here.
_GRAM = np.array([[1.0, -0.5, -0.5], [0.0, 0.75, -0.75]])
_INHIBITED = np.array([[2, -0.5], [1, 0], [-1, 0], [0, 1.0]])
_OUT = np.array([[0.5, 2], [0, -5], [1, 0], [0, 1.0]])
_WITH_MATRIX = sorted(
    name
    for name in plotting.__all__
    if next(iter(inspect.signature(getattr(plotting, name)).parameters)) == "W"
)


def _as_file(W: Array, folder: Path) -> str:
    path = folder / f"{len(list(folder.iterdir()))}.npy"
    np.save(path, W)
    return str(path)


# Halves and quarters, which every type holds exactly.
_FORMS: dict[str, Callable[[Array, Path], object]] = {
    "list": lambda W, _: W.tolist(),
    "bfloat16 with a gradient": lambda W, _: torch.nn.Parameter(torch.tensor(W).bfloat16()),
    "str": _as_file,
    "path": lambda W, folder: Path(_as_file(W, folder)),
}


def _drawn(name: str, form: Callable[[Array], object], **options: Any) -> Array:
    """The pixels that a function draws of a matrix in some form."""
    function = getattr(plotting, name)
    asked = inspect.signature(function).parameters
    motif = "motif" in asked
    W = _INHIBITED if motif else _GRAM
    if motif:
        options |= {"V": form(_OUT), "motif": asymmetric_motifs(W, _OUT, n_draws=0).motifs[0]}
    elif name == "plot_neurons":
        options["report"] = neuron_report(W)
    elif "report" in asked:
        options["report"] = classify_geometry(W)
    drawn = function(form(W), **options)
    figure = drawn if isinstance(drawn, Figure) else drawn.figure
    figure.set_dpi(40)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    plt.close(figure)
    return np.array(canvas.buffer_rgba())  # type: ignore[no-untyped-call]


def _in_folder(form: Callable[[Array, Path], object], folder: Path, W: Array) -> object:
    return form(W, folder)


def test_all_pictures_of_a_matrix_are_found() -> None:
    assert {"plot_report", "plot_directions", "plot_gram", "plot_cosines"} <= set(_WITH_MATRIX)
    for name in _WITH_MATRIX:
        assert "feature_axis" in inspect.signature(getattr(plotting, name)).parameters, name


@pytest.mark.parametrize("name", _WITH_MATRIX)
def test_a_picture_accepts_what_the_classifier_accepts(name: str, tmp_path: Path) -> None:
    usual = _drawn(name, lambda W: W)
    for what, form in _FORMS.items():
        assert np.array_equal(_drawn(name, partial(_in_folder, form, tmp_path)), usual), what
    turned = _drawn(name, lambda W: torch.tensor(W.T, requires_grad=True), feature_axis=0)
    assert np.array_equal(turned, usual)


@pytest.mark.parametrize("name", _WITH_MATRIX)
@pytest.mark.parametrize("wrong", [2, "rows", None, True])
def test_a_picture_refuses_axes_that_a_matrix_lacks(name: str, wrong: Any) -> None:
    with pytest.raises(GeomsupError, match="feature_axis"):
        _drawn(name, lambda W: W, feature_axis=wrong)


def test_a_matrix_the_other_way_round_is_told_how_to_be_read() -> None:
    W = np.array([[1.0, -0.5, -0.5], [0.0, 0.75, -0.75]])
    with pytest.raises(GeomsupError, match="pass feature_axis=0"):
        plot_report(W.T, classify_geometry(W))
    with pytest.raises(GeomsupError, match="pass feature_axis=-1"):
        plot_report(W, classify_geometry(W), feature_axis=0)


# --- directions ---------------------------------------------------------------------------------


def arrows(ax: Axes) -> list[Any]:
    return [artist for artist in ax.collections if isinstance(artist, Quiver)]


def test_a_pentagon_is_five_arrows_of_true_length(rng: np.random.Generator) -> None:
    W = 1.3 * planted("pentagon", 2, 0.05, rng)
    ax = plot_directions(W, classify_geometry(W))
    (quiver,) = arrows(ax)
    np.testing.assert_allclose(np.array([quiver.U, quiver.V]), W, atol=1e-12)
    assert quiver.scale == 1
    assert ax.get_aspect() == 1.0
    (ghost,) = [c for c in ax.collections if c.get_gid() == "ideal"]
    assert len(ghost.get_segments()) == 5  # type: ignore[attr-defined]
    corners = np.concatenate(ghost.get_segments())  # type: ignore[attr-defined]
    np.testing.assert_allclose(np.linalg.norm(corners, axis=1), 1.3)
    assert sorted(text.get_text() for text in ax.texts) == list("01234")


def test_dropped_features_are_dots_and_not_arrows() -> None:
    W = [[1, -0.5, -0.5, 0.01], [0, 0.866, -0.866, 0.02]]
    ax = plot_directions(W, classify_geometry(W))
    assert sum(quiver.N for quiver in arrows(ax)) == 3
    np.testing.assert_allclose(offsets(ax, "dropped"), [[0.01, 0.02]])
    legend = ax.get_legend()
    assert legend is not None
    assert "dropped: 3" in [text.get_text() for text in legend.get_texts()]


def test_two_digons_have_two_colours_and_one_square_behind() -> None:
    W = orthogonal_sum(["digon", "digon"])
    ax = plot_directions(W, classify_geometry(W))
    assert len({tuple(quiver.get_facecolor()[0]) for quiver in arrows(ax)}) == 2
    (ghost,) = [c for c in ax.collections if c.get_gid() == "ideal"]
    segments = np.array(ghost.get_segments())  # type: ignore[attr-defined]
    assert segments.shape == (4, 2, 2)
    sides = np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1)
    np.testing.assert_allclose(sides, np.sqrt(2), rtol=0.05)


@pytest.mark.parametrize(
    ("name", "n_edges"),
    [("cube", 12), ("square antiprism", 16), ("icosahedron", 30), ("cuboctahedron", 24)],
)
def test_a_solid_shows_its_edges_and_no_diagonals(
    name: str, n_edges: int, rng: np.random.Generator
) -> None:
    W = planted(name, 3, 0.03, rng)
    ax = plot_directions(W, classify_geometry(W))
    assert ax.name == "3d"
    gids = Counter(str(artist.get_gid()).split()[0] for artist in ax.collections)
    assert gids["arrow"] == W.shape[1]
    (ghost,) = [c for c in ax.collections if c.get_gid() == "ideal"]
    assert len(ghost._segments3d) == n_edges  # type: ignore[attr-defined]
    plt.gcf().canvas.draw()


def test_a_component_is_drawn_in_its_own_span() -> None:
    W = orthogonal_sum(["cube", "pentagon", "digon"])
    report = classify_geometry(W)
    drawn = {}
    for number, component in enumerate(report.components):
        drawn[component.name] = plot_directions(W, report, component=number)
    assert drawn["cube"].name == "3d"
    (quiver,) = arrows(drawn["pentagon"])
    # Hardly anything sticks out of the span, so projected lengths are nearly the norms.
    np.testing.assert_allclose(np.hypot(quiver.U, quiver.V), 1, atol=0.01)
    (line,) = arrows(drawn["digon"])
    np.testing.assert_array_equal(line.V, 0)


def test_parallel_features_share_a_label() -> None:
    W = [[1, -0.5, -0.5, 2], [0, 0.866, -0.866, 0], [0, 0, 0, 0]]
    flat = np.array(W)[:2]
    assert plot_directions(flat[:, [0, 1, 2, 0]]).texts[0].get_text() == "0 3"
    # Feature 3 lies on the same ray but ends elsewhere: a label of its own.
    assert len(plot_directions(W).texts) == 4 + 3


def test_a_bare_matrix_has_one_arrow_for_each_non_zero_column() -> None:
    ax = plot_directions([[1, 0, 0.5], [0, 0, 0.5]])
    assert [quiver.N for quiver in arrows(ax)] == [2]
    assert ax.get_legend() is None


def test_one_dimension_is_a_line() -> None:
    ax = plot_directions([[1.0, -1.0]], classify_geometry([[1.0, -1.0]]))
    assert [quiver.N for quiver in arrows(ax)] == [2]
    assert list(ax.get_yticks()) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"W": np.ones((4, 2))}, "4 dimensions and a picture at most 3"),
        ({"W": np.ones((2, 2)), "component": 0}, "pass the report too"),
        ({"W": np.full((2, 2), np.nan)}, "NaN"),
        ({"W": np.ones((3, 2, 2))}, r"W\[i\]"),
        ({"W": [["a"]]}, "real numbers"),
        ({"W": [[1], [2, 3]]}, "rows of equal length"),
        ({"W": np.ones((2, 2)), "report": "pentagon"}, "expected a GeometryReport"),
        ({"W": np.ones((2, 2)), "ax": "here"}, "must be matplotlib Axes"),
    ],
)
def test_directions_refuse_what_they_cannot_draw(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(GeomsupError, match=complaint):
        plot_directions(**arguments)
    assert not plt.get_fignums()


def test_directions_refuse_arguments_that_do_not_fit_together(
    frame: tuple[Array, GeometryReport],
) -> None:
    W, report = frame
    with pytest.raises(GeomsupError, match="there is none here"):
        plot_directions(W, report)
    with pytest.raises(GeomsupError, match="has rank"):
        plot_directions(W, report, component=0)
    for wrong in (1, -1, True, 0.0):
        with pytest.raises(GeomsupError, match="component must be an integer in"):
            plot_directions(W, report, component=wrong)  # type: ignore[arg-type]
    with pytest.raises(
        GeomsupError, match=r"W has 89 features in 20 dimensions, but the report is on 90 in 20"
    ):
        plot_directions(W[:, 1:], report)
    with pytest.raises(GeomsupError, match="projection='3d'"):
        plot_directions(np.eye(3), ax=Figure().add_subplot())
    with pytest.raises(GeomsupError, match="two-dimensional"):
        plot_directions(np.eye(2), ax=Figure().add_subplot(projection="3d"))


@pytest.mark.parametrize(
    ("name", "n_edges"),
    [
        ("digon", 1),
        ("pentagon", 5),
        ("tetrahedron", 6),
        ("cube", 12),
        ("triangular prism", 9),
        ("dodecahedron", 30),
        ("snub cube", 60),
    ],
)
def test_wireframes_have_the_edges_of_the_figure(name: str, n_edges: int) -> None:
    vertices = get_shape(name).vertices
    edges = wireframe(vertices).edges
    assert len(edges) == n_edges
    if len(vertices) > 2 and vertices.shape[1] == 3 and name != "triangular prism":
        # These solids are edge-to-edge regular: all edges are as long as the shortest chord.
        lengths = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
        np.testing.assert_allclose(lengths, lengths[0])


# --- matrices -----------------------------------------------------------------------------------


def test_the_gram_matrix_is_drawn_symmetrically_about_zero() -> None:
    W = np.array([[1.0, -2.0, 0.5], [0.0, 1.0, 0.0]])
    ax = plot_gram(W)
    (image,) = ax.images
    np.testing.assert_allclose(np.asarray(image.get_array()), W.T @ W)
    assert image.get_clim() == (-5.0, 5.0)
    assert len(ax.figure.axes) == 2


def test_cosines_are_cosines_at_any_scale() -> None:
    W = np.array([[3e-140, 0.0, -1e140], [4e-140, 0.0, 0.0]])
    (image,) = plot_cosines(W).images
    expected = [[1.0, 0.0, -0.6], [0.0, 0.0, 0.0], [-0.6, 0.0, 1.0]]
    np.testing.assert_allclose(np.asarray(image.get_array()), np.array(expected))
    assert image.get_clim() == (-1, 1)


def test_a_report_brings_components_together_and_frames_them() -> None:
    W = orthogonal_sum(["pentagon", "digon", "digon", "cube"], n_dropped=7)
    report = classify_geometry(W)
    ax = plot_cosines(W, order=report)
    values = np.abs(np.asarray(ax.images[0].get_array()))
    assert values.shape == (17, 17)
    inside = block_diag(np.ones((8, 8)), np.ones((5, 5)), np.ones((2, 2)), np.ones((2, 2)))
    assert values[inside == 0].max() < 0.1
    (frames,) = [c for c in ax.collections if c.get_gid() == "blocks"]
    assert len(frames.get_paths()) == 4
    assert words(ax, "margin") == ["cube", "pentagon", "2 × digon"]
    assert [int(t.get_text()) for t in ax.get_xticklabels()][:8] == [*report.components[0].features]


def test_an_explicit_order_is_kept() -> None:
    W = np.array([[1.0, 2.0, 3.0]])
    (image,) = plot_gram(W, order=[2, 0]).images
    np.testing.assert_allclose(np.asarray(image.get_array()), [[9, 3], [3, 1]])


def test_zero_weights_have_a_white_map() -> None:
    assert plot_gram(np.zeros((2, 3))).images[0].get_clim() == (-1, 1)


@pytest.mark.parametrize("order", [[3], [-1], [0.5], [[0]], [], "digon", [[0], [1, 2]]])
def test_bad_orders_are_refused(order: Any) -> None:
    with pytest.raises(GeomsupError, match="order must"):
        plot_gram(np.ones((2, 3)), order=order)


def test_enormous_maps_are_refused() -> None:
    with pytest.raises(GeomsupError, match="at most 4000"):
        plot_cosines(np.ones((1, 4001)))


@pytest.mark.parametrize("which", ["mixed", "digons"])
def test_component_names_beside_a_map_keep_apart(
    which: str, request: pytest.FixtureRequest
) -> None:
    W, report = request.getfixturevalue(which)
    assert_apart(plot_gram(W, order=report), "margin")


# --- the interference graph ---------------------------------------------------------------------


@pytest.mark.parametrize("which", ["mixed", "digons", "frame", "chain"])
@pytest.mark.parametrize("numbers", [True, False])
def test_component_labels_keep_apart(
    which: str, numbers: bool, request: pytest.FixtureRequest
) -> None:
    _, report = request.getfixturevalue(which)
    if numbers:
        ax = plot_interference_graph(report)
    else:
        # Axes of the caller, in which little room is left.
        ax = plot_interference_graph(report, ax=plt.figure(figsize=(5, 4)).add_subplot())
    assert len(texts(ax, "component")) == len(report.components)
    assert_apart(ax, "component")


def test_labels_are_the_names(mixed: tuple[Array, GeometryReport]) -> None:
    ax = plot_interference_graph(mixed[1])
    assert Counter(words(ax, "component")) == Counter(MIXED)


def test_nodes_and_edges_are_those_of_the_report() -> None:
    report = classify_geometry(orthogonal_sum(["pentagon", "cube"]), interference_threshold=0.2)
    ax = plot_interference_graph(report)
    assert len(offsets(ax, "nodes")) == report.graph.number_of_nodes()
    for sign, chosen in (("negative", report.cosines < 0), ("positive", report.cosines > 0)):
        (edges,) = [c for c in ax.collections if c.get_gid() == sign]
        assert len(edges.get_segments()) == chosen.sum()  # type: ignore[attr-defined]
        ratio = np.sort(edges.get_linewidth()) / np.sort(np.abs(report.cosines[chosen]))
        np.testing.assert_allclose(ratio, ratio[0])
    legend = ax.get_legend()
    assert legend is not None
    assert [t.get_text() for t in legend.get_texts()] == ["negative", "positive"]


def test_nodes_do_not_touch(chain: tuple[Array, GeometryReport]) -> None:
    ax = plot_interference_graph(chain[1])
    (nodes,) = [c for c in ax.collections if c.get_gid() == "nodes"]
    points = np.asarray(nodes.get_offsets())
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    assert gaps.min() > np.sqrt(nodes.get_sizes().max())  # type: ignore[attr-defined]


@pytest.mark.parametrize(("min_degree", "hidden"), [(1, {"monosemantic"}), (2, {"digon"})])
def test_weakly_connected_features_are_hidden_with_their_labels(
    min_degree: int, hidden: set[str], mixed: tuple[Array, GeometryReport]
) -> None:
    _, report = mixed
    ax = plot_interference_graph(report, min_degree=min_degree)
    names = set(words(ax, "component"))
    assert not names & (hidden | {"monosemantic"})
    assert "triangle" in names
    degrees = [degree for _, degree in report.graph.degree()]
    assert len(offsets(ax, "nodes")) == sum(degree >= min_degree for degree in degrees)


def test_the_same_seed_gives_the_same_picture(mixed: tuple[Array, GeometryReport]) -> None:
    def points(seed: int) -> Array:
        ax = plot_interference_graph(mixed[1], ax=Figure().add_subplot(), seed=seed)
        return offsets(ax, "nodes")

    np.testing.assert_array_equal(points(1), points(1))
    assert np.abs(points(1) - points(2)).max() > 1


def test_nodes_can_be_coloured_by_name(digons: tuple[Array, GeometryReport]) -> None:
    ax = plot_interference_graph(digons[1], color_by="name", labels=False)
    (nodes,) = [c for c in ax.collections if c.get_gid() == "nodes"]
    assert len(np.unique(nodes.get_facecolor(), axis=0)) == 1
    assert not texts(ax, "component")
    assert not ax.child_axes


def test_labels_are_left_out_where_there_is_no_room(
    digons: tuple[Array, GeometryReport],
) -> None:
    ax = plot_interference_graph(digons[1], ax=Figure(figsize=(1.7, 2.1)).add_subplot())
    assert not texts(ax, "component")
    legend = ax.get_legend()
    assert legend is not None
    assert "no room for names" in legend.get_title().get_text()
    # In smaller axes there are fewer of them, and in the smallest there is none.
    ax = plot_interference_graph(digons[1], ax=Figure(figsize=(1.5, 1.5)).add_subplot())
    legend = ax.get_legend()
    assert legend is not None
    drawn = len(offsets(ax, "nodes")) // 2
    assert 0 < drawn < 40
    assert f"{drawn} of 40 components drawn" in legend.get_title().get_text()
    with pytest.raises(GeomsupError, match="no component fits into axes"):
        plot_interference_graph(digons[1], ax=Figure(figsize=(0.7, 0.7)).add_subplot())


def test_multiplicities_and_irregular_components_are_told() -> None:
    W = orthogonal_sum(["pentagon", "triangle"])
    report = classify_geometry(np.concatenate([W, W[:, :1]], axis=1), interference_threshold=0.2)
    ax = plot_interference_graph(report)
    assert sum("(×2)" in name for name in words(ax, "component")) == 1
    points = offsets(ax, "nodes")
    assert len(points) == 9
    assert len(np.unique(points.round(3), axis=0)) == 9
    assert_apart(ax, "component")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"min_degree": -1}, "min_degree must be"),
        ({"min_degree": 1.5}, "min_degree must be"),
        ({"color_by": "rainbow"}, "color_by must be"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_the_graph_refuses_bad_arguments(
    arguments: dict[str, Any], complaint: str, digons: tuple[Array, GeometryReport]
) -> None:
    with pytest.raises(GeomsupError, match=complaint):
        plot_interference_graph(digons[1], **arguments)
    with pytest.raises(GeomsupError, match="expected a GeometryReport"):
        plot_interference_graph(digons[0])  # type: ignore[arg-type]


# --- dimensionality -----------------------------------------------------------------------------


def test_every_represented_feature_is_a_point() -> None:
    W = orthogonal_sum(["pentagon", "digon", "tetrahedron"], n_dropped=5)
    report = classify_geometry(W)
    ax = plot_dimensionality(report)
    heights = offsets(ax, "points")[:, 1]
    expected = report.dimensionalities[report.represented]
    np.testing.assert_allclose(np.sort(heights), np.sort(expected))
    labels = words(ax, "margin")
    assert labels[:3] == ["3/4  tetrahedron", "1/2  digon", "2/5  pentagon"]
    assert set(labels[3:]) == {"pentagon", "tetrahedron", "digon"}
    levels = [np.asarray(line.get_ydata())[0] for line in ax.lines if line.get_gid() == "level"]
    np.testing.assert_allclose(np.array(levels), np.array([0.75, 0.5, 0.4]))


def test_only_levels_near_the_data_are_drawn(frame: tuple[Array, GeometryReport]) -> None:
    _, report = frame
    ax = plot_dimensionality(report)
    assert report.dimensionalities.max() < 0.35
    assert not [line for line in ax.lines if line.get_gid() == "level"]


def test_shapes_of_one_level_share_a_line(mixed: tuple[Array, GeometryReport]) -> None:
    labels = words(plot_dimensionality(mixed[1]), "margin")
    assert "3/8  cube, square antiprism" in labels
    assert "1  monosemantic" in labels
    assert "10 × digon" in labels


@pytest.mark.parametrize("which", ["mixed", "digons", "chain"])
def test_levels_and_names_keep_apart(which: str, request: pytest.FixtureRequest) -> None:
    _, report = request.getfixturevalue(which)
    ax = plot_dimensionality(report)
    ax.set_title("added afterwards, which shrinks the axes")
    assert_apart(ax, "margin")


def test_a_chain_goes_round_the_circle_in_unit_steps(trained: dict[str, Array]) -> None:
    # A large component without a shape, whose vertices hang together one by one.
    component = classify_geometry(trained["W"][3]).components[0]
    n = component.n_vertices
    assert component.match is None
    assert set(component.multiplicities) == {1}
    order = np.random.default_rng(0).permutation(n)
    adjacency = np.zeros((n, n))
    adjacency[order[1:], order[:-1]] = adjacency[order[:-1], order[1:]] = 1.0
    places = unit_layout(component, adjacency, np.random.default_rng(0))
    features = [component.vertices[k][0] for k in order]
    along = places[[component.features.index(i) for i in features]]
    steps = np.linalg.norm(np.diff(along, axis=0), axis=1)
    np.testing.assert_allclose(steps, 1.0, atol=1e-9)


def test_spread_moves_as_little_as_possible() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        wanted = rng.uniform(0, 10, 8)
        rooms = rng.uniform(0.2, 1.5, 8)
        moved = spread(wanted, rooms)
        order = np.argsort(wanted)
        needed = (rooms[order][1:] + rooms[order][:-1]) / 2
        assert np.all(np.diff(moved[order]) >= needed - 1e-9)
        # Convex problem: no small feasible change of the result comes closer to what was wanted.
        best = ((moved - wanted) ** 2).sum()
        for _ in range(50):
            other = moved + 0.05 * rng.standard_normal(8)
            if np.all(np.diff(other[order]) >= needed):
                assert ((other - wanted) ** 2).sum() >= best - 1e-9


def test_spread_keeps_to_its_range() -> None:
    moved = spread(np.array([9.9, 9.8, 0.1]), np.ones(3), 0.0, 10.0)
    np.testing.assert_allclose(moved, [9.5, 8.5, 0.5])
    # Three labels of length 1 in a range of 2 stick out on both sides alike.
    np.testing.assert_allclose(spread(np.zeros(3), np.ones(3), 0.0, 2.0), [0, 1, 2])


@pytest.mark.parametrize("seed", range(4))
def test_labels_of_points_keep_off_each_other_and_off_the_points(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Pairs of points, so near that labels on the same side would lie on the other's.
    centres = np.stack(np.meshgrid(np.arange(4.0), np.arange(4.0)), axis=-1).reshape(-1, 2)
    points = np.concatenate([centres, centres + rng.uniform(-0.12, 0.12, centres.shape)])
    _, ax = plt.subplots(figsize=(6, 5), layout="constrained")
    ax.plot(*points.T, "o", markersize=3)
    ax.margins(0.12)
    names = [f"{k}×4" for k in range(len(points))]
    point_labels(ax, [(x, y) for x, y in points], names, ["black"] * len(points), size=6)
    assert_apart(ax, "point")
    assert words(ax, "point") == names


# --- everything ---------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["mixed", "digons", "frame", "chain"])
def test_the_overview_has_its_panels(which: str, request: pytest.FixtureRequest) -> None:
    W, report = request.getfixturevalue(which)
    figure = plot_report(W, report)
    titles = {ax.get_title() for ax in figure.axes}
    assert {"Interference graph", "Cosines", "Dimensionality"} <= titles
    directions = [title for title in titles if title.startswith("Directions")]
    assert directions == (["Directions, 1 of 40 components"] if which == "mixed" else [])
    for ax in figure.axes:
        if ax.get_title() == "Interference graph":
            assert_apart(ax, "component")
        if ax.get_title() in ("Cosines", "Dimensionality"):
            assert_apart(ax, "margin")


def test_the_overview_of_a_planar_model_draws_all_its_directions() -> None:
    W = orthogonal_sum(["digon", "digon"], n_dropped=1)
    figure = plot_report(W, classify_geometry(W), fig=Figure(figsize=(10, 8)))
    (panel,) = [ax for ax in figure.axes if ax.get_title() == "Directions"]
    assert sum(quiver.N for quiver in arrows(panel)) == 4
    with pytest.raises(GeomsupError, match="must be a matplotlib Figure"):
        plot_report(W, classify_geometry(W), fig=1)  # type: ignore[arg-type]


def test_the_directions_of_one_component_say_that_there_are_others(
    mixed: tuple[Array, GeometryReport],
) -> None:
    W, report = mixed
    legend = plot_directions(W, report, component=3).get_legend()
    assert legend is not None
    assert "39 other components not drawn" in [text.get_text() for text in legend.get_texts()]
    alone = planted("pentagon", 2, 0.01, np.random.default_rng(0))
    for component in (None, 0):
        legend = plot_directions(alone, classify_geometry(alone), component=component).get_legend()
        assert legend is not None
        assert not [text for text in legend.get_texts() if "other" in text.get_text()]


def _many(sizes: list[int], n_loose: int = 0) -> tuple[Array, GeometryReport]:
    """A report on components of given sizes, put together by hand: parallel features on one ray."""
    n = sum(sizes) + n_loose
    ends = np.cumsum([0, *sizes])
    W = np.zeros((len(sizes) + n_loose, n))
    components = []
    pattern = classify_geometry([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]).components[0]
    for k, (start, stop) in enumerate(itertools.pairwise(ends.tolist())):
        W[k, start:stop] = 1.0
        components.append(
            dataclasses.replace(
                pattern,
                features=tuple(range(start, stop)),
                vertices=tuple((i,) for i in range(start, stop)),
                dimensionalities=np.full(stop - start, 1.0 / (stop - start)),
                norms=np.ones(stop - start),
                match=None,
                candidates=(),
                name="irregular",
            )
        )
    W[np.arange(len(sizes), len(W)), np.arange(ends[-1], n)] = 1.0
    near = [(i, i + 1) for start, stop in itertools.pairwise(ends) for i in range(start, stop - 1)]
    report = dataclasses.replace(
        classify_geometry([[1.0, 0.0, 0.0]]),
        components=tuple(components),
        norms=np.ones(n),
        dimensionalities=np.ones(n),
        represented=np.ones(n, dtype=bool),
        n_hidden=len(W),
        n_features=n,
        rank=len(W),
        edges=np.array(near, dtype=np.intp).reshape(-1, 2),
        cosines=np.ones(len(near)),
    )
    return W, report


@pytest.mark.parametrize(
    ("sizes", "drawn", "mapped"),
    [
        ([450, 30, 20], 2, 50),
        ([250, 200, 30], 2, 280),
        ([420], 0, 0),
        ([300, 250], 1, 300),
    ],
)
def test_of_a_large_report_is_drawn_what_has_room(
    sizes: list[int], drawn: int, mapped: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A tenth of what there is room for otherwise, because pictures of thousands take seconds.
    monkeypatch.setattr("geomsup.plotting.graph._MOST_NODES", 300)
    monkeypatch.setattr("geomsup.plotting.matrices._MOST_FEATURES", 400)
    W, report = _many(sizes)
    figure = plot_report(W, report)
    (graph,) = [ax for ax in figure.axes if ax.get_title() == "Interference graph"]
    legend = graph.get_legend()
    if drawn == 0:
        assert "more than 300 features are not drawn" in graph.texts[0].get_text()
    else:
        assert legend is not None
        said = legend.get_title().get_text()
        assert f"{drawn} of {len(sizes)} components drawn" in said
    (cosines,) = [ax for ax in figure.axes if ax.get_title() == "Cosines"]
    if mapped:
        assert np.asarray(cosines.images[0].get_array()).shape == (mapped, mapped)
        assert f"{mapped:,} of {sum(sizes):,} features" in cosines.get_xlabel()


def test_features_outside_every_structure_are_drawn_as_such() -> None:
    W, report = _many([4, 3], n_loose=5)
    ax = plot_dimensionality(report)
    assert len(offsets(ax, "points")) == 12
    assert "5 × unstructured" in words(ax, "margin")
    assert np.asarray(plot_cosines(W, order=report).images[0].get_array()).shape == (12, 12)
    legend = plot_interference_graph(report).get_legend()
    assert legend is not None
    assert "5 unstructured features not drawn" in legend.get_title().get_text()
    nothing = dataclasses.replace(report, components=())
    assert plot_interference_graph(nothing).texts[0].get_text() == "12 unstructured features"
    assert len(plot_report(W, nothing).axes) >= 3
    flat = np.array([[1.0, -0.5, -0.5, 0.3], [0.0, 0.866, -0.866, 0.4]])
    known = classify_geometry(flat)
    loose = dataclasses.replace(known, components=known.components[:-1])
    legend = plot_directions(flat, loose).get_legend()
    assert legend is not None
    assert [t for t in legend.get_texts() if t.get_text().startswith("unstructured: ")]


def test_edges_between_components_do_not_disturb_a_picture() -> None:
    _, report = _many([3, 3])
    crossing = dataclasses.replace(
        report,
        edges=np.append(report.edges, [[2, 3]], axis=0),
        cosines=np.append(report.cosines, 1.0),
    )
    drawn = [plot_interference_graph(one) for one in (report, crossing)]
    counts = [sum(len(c.get_paths()) for c in ax.collections if c.get_gid() == "positive")
              for ax in drawn]  # fmt: skip
    assert counts == [4, 4]


# --- colours ------------------------------------------------------------------------------------


def test_every_name_of_the_catalogue_has_a_colour_of_its_own() -> None:
    names = [shape.name for shape in list_shapes()] + ["irregular", "unstructured"]
    colors = [name_color(name) for name in names]
    assert len(set(colors)) == len(names)
    assert all(re.fullmatch("#[0-9A-F]{6}", color) for color in colors)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("digon + triangle", "triangle ⊕ digon", True),
        ("digon + digon, 1 dropped", "digon ⊕ digon", True),
        ("digon", "digon, 3 dropped", True),
        ("2 × digon, 1 × triangle, 3 dropped", "digon + triangle + digon", True),
        ("1 × digon", "digon", True),
        ("2 × digon = square, 1 dropped", "square", True),
        ("2 × digon", "digon", False),
        ("digon", "digon + digon", False),
        ("digon + digon", "digon + digon + digon", False),
        ("digon(1, 2) ⊕ 3", "digon(1, 3) ⊕ 2", False),
        ("1 (2 dropped)", "2 (1 dropped)", False),
        ("17-gon", "18-gon", False),
        ("vacant octahedron", "octahedron", False),
    ],
)
def test_colours_of_sums_and_phases(one: str, other: str, same: bool) -> None:
    assert (name_color(one) == name_color(other)) is same


def legend_colors(figure: Any) -> dict[str, str]:
    """The colours that the legends of a figure give to names."""
    found = {}
    for ax in figure.axes:
        legend = ax.get_legend()
        for handle, text in (
            zip(legend.legend_handles, legend.get_texts(), strict=True) if legend else ()
        ):
            color = (
                handle.get_facecolor() if hasattr(handle, "get_facecolor") else handle.get_color()
            )
            name = text.get_text().partition(":")[0].partition(", exact")[0]
            found[name] = mpl.colors.to_hex(color).upper()
    return found


def test_one_name_has_one_colour_in_all_pictures(mixed: tuple[Array, GeometryReport]) -> None:
    W, report = mixed
    expected = {name: name_color(name) for name in report.counts()}
    ax = plot_dimensionality(report)
    labels = {
        t.get_text().replace("\n", " ").split(" × ")[-1]: t.get_color() for t in texts(ax, "margin")
    }
    assert {name: labels[name] for name in expected} == expected
    graph = plot_interference_graph(report, color_by="name")
    (nodes,) = [c for c in graph.collections if c.get_gid() == "nodes"]
    shown = {mpl.colors.to_hex(tuple(color)).upper() for color in np.array(nodes.get_facecolor())}
    assert shown == set(expected.values())
    for number, component in enumerate(report.components):
        if component.rank <= 3 and component.name not in {
            c.name for c in report.components[:number]
        }:
            drawn = legend_colors(plot_directions(W, report, component=number).figure)
            assert drawn[component.name] == expected[component.name]
    weights = np.zeros((40, 1, 2))
    weights[:, 0, 0] = 1.0
    weights[20:, 0, 1] = -1.0
    line = plotting.plot_timeline(geometry_timeline(np.arange(40), weights))
    bands = {mpl.colors.to_hex(patch.get_facecolor()).upper() for patch in line.axes[0].patches}
    assert bands == {name_color("monosemantic"), name_color("digon")}
    losses = FamilyLosses(
        n_features=3,
        feature_probability=np.array([0.1, 0.2]),
        shapes=("triangle", "digon ⊕ monosemantic"),
        losses=np.array([[1.0, 2.0], [2.0, 3.0]]),
        boundaries=(),
    )
    drawn = legend_colors(plotting.plot_family_losses(losses).figure)
    assert drawn == {name: name_color(name) for name in losses.shapes}
    diagram = phase_diagram(2, 1, unit_norm=True)
    drawn = legend_colors(plotting.plot_phase_diagram(diagram).figure)
    assert drawn == {name: name_color(name) for name in diagram.phases}


def test_namesakes_differ_in_tone(digons: tuple[Array, GeometryReport]) -> None:
    from geomsup.plotting.style import component_colors

    colors = component_colors(digons[1])
    assert colors[0] == name_color("digon")
    assert len(set(colors[:5])) == 5


def test_a_legend_names_only_what_is_drawn() -> None:
    report = classify_geometry([[1.0, -1.0]])
    legend = plot_interference_graph(report).get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["negative"]
    ax = Figure().add_subplot()
    ax.plot([0, 1], [np.nan, np.nan], label="nothing")
    ax.plot([0, 1], [np.nan, 1.0], label="something")
    drawn_legend(ax)
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["something"]


@pytest.mark.parametrize(
    ("low", "high", "numbers"),
    [
        (0.025, 0.9, ["0.03", "0.05", "0.1", "0.2", "0.3", "0.5"]),
        (0.9, 25, ["1", "2", "3", "5", "10", "20"]),
        (1e-4, 10, ["0.0001", "0.001", "0.01", "0.1", "1", "10"]),
        (6, 9, ["6.6", "7.3", "8.1"]),
    ],
)
def test_plain_numbers_are_few_and_lie_within(low: float, high: float, numbers: list[str]) -> None:
    ax = Figure().add_subplot()
    ax.set(xscale="log", xlim=(low, high))
    plain_numbers(ax.xaxis)
    assert [label.get_text() for label in ax.get_xticklabels()] == numbers
    assert len(ax.xaxis.get_minorticklocs()) == 0


@pytest.mark.parametrize("in_parts", [False, True])
def test_the_legend_of_neurons_speaks_for_the_whole_figure(in_parts: bool) -> None:
    figure = Figure()
    parts = figure.subfigures(2, 1, squeeze=False)[:, 0] if in_parts else (figure, figure)
    first, second = (part.add_subplot(2, 1, k + 1) for k, part in enumerate(parts))
    plot_neurons([[1.0, 0.0]], neuron_report([[1.0, 0.0]]), ax=first)
    plot_neurons([[1.0, 1.0]], neuron_report([[1.0, 1.0]]), ax=second)
    neuron_legend(second)
    legend = second.get_legend()
    assert legend is not None
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["has neurons of its own", "shares a neuron", "polysemantic neuron"]


def test_figures_are_those_of_pyplot() -> None:
    """Others are not seen by the gallery, nor by a notebook."""
    for path in Path(plotting.__file__).parent.rglob("*.py"):
        calls = [
            node.func
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
        ]
        made = [f.id for f in calls if isinstance(f, ast.Name) and f.id == "Figure"]
        assert not made, path


# --- nothing to draw -----------------------------------------------------------------------------


def test_no_represented_features_are_said_to_be_none(empty: tuple[Array, GeometryReport]) -> None:
    W, report = empty
    for ax in (
        plot_directions(W, report),
        plot_gram(W, order=report),
        plot_interference_graph(report),
        plot_dimensionality(report),
    ):
        assert [text.get_text() for text in ax.texts] == ["no represented features"]
    assert len(plot_report(W, report).axes) == 3
    with pytest.raises(GeomsupError, match="there is none"):
        plot_directions(W, report, component=0)


def test_a_single_feature_has_pictures() -> None:
    W = [[0.0, 1.0, 0.0]]
    report = classify_geometry(W)
    figure = plot_report(W, report)
    figure.canvas.draw()
    (graph,) = [ax for ax in figure.axes if ax.get_title() == "Interference graph"]
    assert words(graph, "component") == ["monosemantic"]
    hidden = plot_interference_graph(report, min_degree=1)
    assert [text.get_text() for text in hidden.texts] == ["no feature has 1 edges or more"]


def test_axes_of_the_caller_are_used_and_returned(digons: tuple[Array, GeometryReport]) -> None:
    W, report = digons
    ax = Figure().add_subplot()
    assert plot_interference_graph(report, ax=ax) is ax
    ax = Figure().add_subplot()
    assert plot_dimensionality(report, ax=ax) is ax
    ax = Figure().add_subplot()
    assert plot_cosines(W, ax=ax, order=report) is ax
    assert not plt.get_fignums()


def test_style_sheets_of_the_caller_stay_in_force(digons: tuple[Array, GeometryReport]) -> None:
    before = dict(mpl.rcParams)
    plot_report(*digons)
    assert dict(mpl.rcParams) == before


def test_figures_can_be_pickled(digons: tuple[Array, GeometryReport]) -> None:
    figure = plot_report(*digons)
    again = pickle.loads(pickle.dumps(figure))
    assert len(again.axes) == len(figure.axes)
