"""Shapes of one's own: files of them, what is refused, and who gets their names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from geomsup import GeomsupError, classify_geometry, get_shape
from geomsup.geometry.report import GeometryReport
from geomsup.shapes import Shape, add_to_catalogue, load_catalogue, own_shape, save_catalogue
from geomsup.shapes.symmetry import SymmetrySearch, congruent

Array = NDArray[np.float64]


def units(rows: Array) -> Array:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def config(n: int, dim: int, seed: int) -> Array:
    return units(np.random.default_rng(seed).normal(size=(n, dim)))


def copy_of(rows: Array, noise: float, rng: np.random.Generator) -> Array:
    """The same configuration turned or mirrored, in another order, with noise."""
    n, dim = rows.shape
    turn = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    return units(rows[rng.permutation(n)] @ turn + noise * rng.normal(size=rows.shape))


@pytest.fixture
def mine() -> tuple[Shape, ...]:
    return (
        own_shape("17-in-6 a", config(17, 6, 1), source="planted"),
        own_shape("9-in-4 a", config(9, 4, 2)),
    )


def test_a_copy_gets_the_name_with_no_change_to_the_package(
    mine: tuple[Shape, ...], rng: np.random.Generator
) -> None:
    for shape in mine:
        for noise in (0.0, 0.02, 0.04):
            W = copy_of(shape.vertices, noise, rng).T
            assert classify_geometry(W).counts() == {"irregular": 1}
            report = classify_geometry(W, shapes=mine)
            assert report.counts() == {shape.name: 1}
            assert GeometryReport.from_json(report.to_json()) == report


def test_a_given_threshold_knows_them_too(mine: tuple[Shape, ...]) -> None:
    report = classify_geometry(mine[1].vertices.T, shapes=mine, interference_threshold=0.0)
    assert report.counts() == {"9-in-4 a": 1}


def test_random_directions_do_not_get_the_name(rng: np.random.Generator) -> None:
    # Twenty shapes of one size, so that many could fit by chance.
    mine = [own_shape(f"8-in-3 {k}", config(8, 3, k)) for k in range(20)]
    named = 0
    for _ in range(40):
        report = classify_geometry(units(rng.normal(size=(8, 3))).T, shapes=mine)
        named += any(part.name.startswith("8-in-3") for part in report.components)
    assert named == 0


def test_what_the_catalogue_knows_keeps_its_name(rng: np.random.Generator) -> None:
    # An octagon that is slightly bent is an octagon to noise, whatever the caller adds.
    bent = own_shape("bent", units(get_shape("octagon").vertices + 0.05 * config(8, 2, 3)))
    W = copy_of(get_shape("octagon").vertices, 0.03, rng).T
    assert classify_geometry(W, shapes=[bent]).counts() == {"octagon": 1}


@pytest.mark.parametrize("form", ["vertices", "gram"])
def test_a_file_gives_back_the_shape(form: str, tmp_path: Path) -> None:
    rows = config(7, 4, 5)
    value = 3 * rows if form == "vertices" else rows @ rows.T
    path = tmp_path / "one.json"
    record = {"name": "seven", form: value.tolist(), "source": "here", "notes": "nice"}
    path.write_text(json.dumps(record))
    (shape,) = load_catalogue(path)
    np.testing.assert_allclose(shape.gram, rows @ rows.T, atol=1e-9)
    assert (shape.source, shape.notes, shape.dim, shape.rare) == ("here", "nice", 4, True)
    assert "nice" in str(shape)


def test_vertices_are_taken_in_their_span() -> None:
    rows = np.hstack([config(6, 3, 0), np.zeros((6, 4))])
    assert own_shape("flat", rows).dim == 3


def test_symmetries_are_counted_by_an_independent_list() -> None:
    # A square pyramid leaned on its base: the reflections and turns of a rectangle remain.
    rows = units(np.array([[2, 1, 1], [2, -1, 1], [-2, 1, 1], [-2, -1, 1], [0, 0, 1.0]]))
    shape = own_shape("tent", rows)
    assert (shape.symmetry_order, shape.chiral) == (4, False)
    found = SymmetrySearch(rows, 1e-9).symmetries()
    assert found.orbits.tolist() == [0, 0, 0, 0, 1]
    assert own_shape("lump", config(7, 3, 8)).chiral


def test_congruent_is_told_from_alike() -> None:
    # The two codes have the same distances from every vertex, and are two codes.
    rook, shrikhande = (get_shape(n).vertices for n in ("rook graph code", "Shrikhande code"))
    turned = copy_of(rook, 0.0, np.random.default_rng(0))
    assert congruent(rook, turned, 1e-9)
    assert not congruent(rook, shrikhande, 1e-9)


def test_adding_keeps_what_is_there(tmp_path: Path, mine: tuple[Shape, ...]) -> None:
    path = tmp_path / "new" / "mine.json"
    add_to_catalogue(mine[:1], path)
    assert [shape.name for shape in add_to_catalogue(mine[1:], path)] == ["17-in-6 a", "9-in-4 a"]
    before = path.read_bytes()
    with pytest.raises(GeomsupError, match="two shapes are called"):
        add_to_catalogue(mine[:1], path)
    again = own_shape("other name", copy_of(mine[0].vertices, 0.0, np.random.default_rng(0)))
    with pytest.raises(GeomsupError, match=r"'other name' is '17-in-6 a' again"):
        add_to_catalogue([again], path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["mine.json"]
    save_catalogue(load_catalogue(path), path)
    assert path.read_bytes() == before


ROWS = config(5, 3, 0).tolist()


@pytest.mark.parametrize(
    ("name", "vertices", "words"),
    [
        ("pentagon", ROWS, "name of the catalogue, the pentagon"),
        ("Pentagon ", ROWS, "without spaces"),
        ("17-gon", ROWS, "name of the catalogue"),
        ("Irregular", ROWS, "has no shape"),
        ("", ROWS, "1 to 60"),
        ("a" * 61, ROWS, "1 to 60"),
        ("a\x1b[31m", ROWS, "printable"),
        ("a\nb", ROWS, "printable"),
        ("a + b", ROWS, "join shapes"),
        (3, ROWS, "1 to 60"),
        ("mine", get_shape("icosahedron").vertices[::-1], "is the icosahedron of the catalogue"),
        ("mine", np.round(get_shape("pentagon").vertices, 4), "is the pentagon"),
        ("mine", [[1, 0], [0, 0], [1, 1]], "vertex 1 of 'mine' is zero"),
        ("mine", [[1, 0], [float("nan"), 0], [1, 1]], "finite numbers"),
        ("mine", [[1, 0], [2, 0], [1, 1]], "the same direction"),
        ("mine", [[1, 0]], "2 to 600 rows"),
        ("mine", [1, 0], "2 to 600 rows"),
        ("mine", [["1", "0"], ["0", "1"]], "table of numbers"),
        ("mine", [[1, 0], [1]], "table of numbers"),
        ("mine", np.ones((601, 2)), "2 to 600 rows"),
        ("mine", None, "either vertices or a gram"),
    ],
)
def test_what_cannot_be_a_shape(name: object, vertices: object, words: str) -> None:
    with pytest.raises(GeomsupError, match=words):
        own_shape(name, vertices)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gram", "words"),
    [
        ([[1, 2], [2, 1]], "eigenvalue -1"),
        ([[1, 0.5], [0.2, 1]], "symmetric"),
        ([[2, 0], [0, 1]], "ones on its diagonal"),
        ([[1, 0, 0], [0, 1, 0]], "square"),
        (3, "square"),
    ],
)
def test_what_cannot_be_a_gram_matrix(gram: object, words: str) -> None:
    with pytest.raises(GeomsupError, match=words):
        own_shape("mine", gram=gram)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("\x00\x01", "not JSON"),
        ("3", "a shape or a list of shapes"),
        ('{"shapes": 3}', "a shape or a list of shapes"),
        ('{"shapes": [3]}', "must be a mapping with a name"),
        ('{"name": "a"}', "either vertices or a gram"),
        (
            '{"name": "a", "vertices": [[1, NaN], [0, 1], [1, 1]]}',
            r"\.json: a shape has finite numbers, got NaN",
        ),
        ('{"name": "a", "vertices": [[1, 1e999], [0, 1], [1, 1]]}', "finite numbers"),
        ('{"name": "a", "vertices": [[1, 0], [0, 1]], "__class__": "x"}', "has an entry"),
        ('{"name": "a", "vertices": {"0": 1}}', "table of numbers"),
        ('{"name": "a", "vertices": [[1, 0], [3, 4], [3, -4]], "source": 3}', "source of 'a'"),
    ],
)
def test_a_file_that_is_none(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(GeomsupError, match=words):
        classify_geometry(np.eye(3), shapes=path)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(GeomsupError, match="cannot be read"):
        load_catalogue(tmp_path / "none.json")
    with pytest.raises(GeomsupError, match="cannot be read"):
        load_catalogue(tmp_path)
    with pytest.raises(GeomsupError, match="pass its path"):
        load_catalogue("")


def test_shapes_must_be_shapes(mine: tuple[Shape, ...]) -> None:
    for wrong in (3, mine[0], [3], [mine[0], mine[0]]):
        with pytest.raises(GeomsupError, match="shapes"):
            classify_geometry(np.eye(3), shapes=wrong)  # type: ignore[arg-type]
