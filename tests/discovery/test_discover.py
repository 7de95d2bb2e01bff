"""discover: what it takes, what it finds, what it refuses, and what comes after."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from unnamed_copies import copy_of, units  # a helper beside the tests

from geomsup import GeomsupError, GeomsupWarning, classify_geometry
from geomsup import discover as discover_at_length
from geomsup.cli import main
from geomsup.discovery import Discovery
from geomsup.geometry.report import GeometryReport
from geomsup.plotting import plot_discovery, plot_found_shape
from geomsup.shapes import get_shape, load_catalogue, own_shape
from geomsup.sweeps import Result, Store, Task

Array = NDArray[np.float64]
# Few frames, because drawing the null takes longer than all the rest.
discover = partial(discover_at_length, n_frames=24, progress=False)
quick = partial(discover_at_length, n_frames=10, progress=False)


def matrices(rng: np.random.Generator) -> tuple[Array, list[Array]]:
    """A shape of eleven in four, and models: four with a copy of it, four with none."""
    shape = units(rng.normal(size=(11, 4)))
    runs = [copy_of(shape, 0.01, rng).T for _ in range(4)]
    runs += [units(rng.normal(size=(11, 4))).T for _ in range(4)]
    return shape, runs


@pytest.fixture
def stored(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A sweep's folder that has those models."""
    store = Store(tmp_path / "sweep")
    for k, W in enumerate(matrices(rng)[1]):
        store.add([Result.of(Task("math:hypot", {"x": k}), {"weights": W[None], "loss": 0.1})])
    return store.path


def test_a_round_trip_to_held_out_copies(tmp_path: Path, rng: np.random.Generator) -> None:
    shape, runs = matrices(rng)
    found = discover(runs)
    (one,) = found.shapes
    assert (one.name, one.runs, one.symmetry_order) == ("11-in-4 a", (0, 1, 2, 3), 1)
    assert one.beyond_chance
    assert one.noise == pytest.approx(0.01, rel=0.3)
    assert one.known_as == ""
    path = tmp_path / "mine.json"
    assert [saved.name for saved in found.save(path)] == ["11-in-4 a"]
    for noise in (0.01, 0.02, 0.04):
        held_out = copy_of(shape, noise, rng).T
        assert classify_geometry(held_out).counts() == {"irregular": 1}
        assert classify_geometry(held_out, shapes=path).counts() == {"11-in-4 a": 1}
        assert classify_geometry(held_out, shapes=[one.shape("mine")]).counts() == {"mine": 1}
    stranger = units(rng.normal(size=(11, 4))).T
    assert classify_geometry(stranger, shapes=path).counts() == {"irregular": 1}
    # What has a name now is not discovered again.
    again = discover(runs, shapes=path)
    assert again.shapes == ()
    assert "none of them occurs twice" in str(again)
    with pytest.raises(GeomsupError, match="nothing to save"):
        again.save(path)


def test_every_kind_of_run(stored: Path, rng: np.random.Generator) -> None:
    runs = matrices(rng)[1]
    wanted = quick(runs).shapes[0].cosines[0].value
    ways = [[classify_geometry(W) for W in runs], np.array(runs), (W for W in runs)]
    for way in ways:
        assert quick(way).shapes[0].cosines[0].value == pytest.approx(wanted)
    assert quick([W.T for W in runs], feature_axis=0).shapes[0].runs == (0, 1, 2, 3)
    for place in (str(stored), Store(stored), [Store(stored)]):
        assert len(quick(place).shapes[0].runs) == 4


def test_two_copies_in_one_model_are_one_run(rng: np.random.Generator) -> None:
    shape = units(rng.normal(size=(9, 3)))
    W = np.zeros((6, 18))
    W[:3, :9], W[3:, 9:] = shape.T, copy_of(shape, 0.0, rng).T
    (one,) = discover([W]).shapes
    assert (one.runs, len(one.members), one.member_runs) == ((0,), 2, (0, 0))
    assert sorted(one.members) == [tuple(range(9)), tuple(range(9, 18))]


def test_the_same_seed_gives_the_same(rng: np.random.Generator) -> None:
    runs = matrices(rng)[1]
    first, second = (discover(runs, seed=3) for _ in range(2))
    assert first.to_dict() == second.to_dict()
    json.dumps(first.to_dict(), allow_nan=False)
    assert first["11-in-4 a"].dim == 4
    with pytest.raises(KeyError):
        first["11-in-4 b"]


def test_the_screen_and_the_pictures(rng: np.random.Generator) -> None:
    found = quick(matrices(rng)[1])
    text = str(found)
    assert len(text.splitlines()) < 24
    assert all(word in text for word in ("8 models", "11-in-4 a", "pairs by chance"))
    assert "copies in 4 runs" in str(found.shapes[0])
    figure = plot_discovery(found, fig=Figure())
    assert len(figure.axes) == 2  # with a colour bar
    axes = plot_found_shape(found.shapes[0], ax=Figure().add_subplot())
    assert axes.images[0].get_array().shape == (11, 11)  # type: ignore[union-attr]
    nothing = quick([rng.normal(size=(3, 8))])
    with pytest.raises(GeomsupError, match="nothing to draw"):
        plot_discovery(nothing)
    with pytest.raises(GeomsupError, match=r"geomsup\.discover"):
        plot_found_shape(3)  # type: ignore[arg-type]


def test_a_figure_of_the_catalogue_is_said_to_be_one(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    # Reports of which a threshold left the name out: twelve strangers about an icosahedron.
    from geomsup.discovery.collecting import Unnamed
    from geomsup.discovery.discover import _found
    from geomsup.discovery.grouping import grouped

    rows = get_shape("icosahedron").vertices
    alike = [
        Unnamed(run=k, features=tuple(range(12)), points=copy_of(rows, 0.01, rng)) for k in range(6)
    ]
    (group,) = grouped(np.array([one.points for one in alike]), 0.03, rng)
    from geomsup.discovery.chance import Chance

    one = _found("12-in-3 a", group, alike, Chance(n_frames=240, n_agreeing=0))
    assert (one.known_as, one.symmetry_order) == ("icosahedron", 120)
    with pytest.raises(GeomsupError, match="is the icosahedron"):
        one.shape()


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([], "no runs"),
        (3, "runs must be"),
        (None, "runs must be"),
        ([3], "run 0"),
        ([np.eye(3), "none.npy"], "run 1"),
        ([np.full((2, 3), np.nan)], "run 0"),
        ("no such folder", "no results of a sweep"),
        ([[[1, -1, 0, 0], [0, 0, 1, -1]]], "2 components in 1 model, and none is irregular"),
        ({"a": [[1, -1]]}, r"got a mapping; pass list\(runs.values\(\)\)"),
    ],
)
def test_what_it_refuses(runs: object, words: str) -> None:
    with pytest.raises(GeomsupError, match=words):
        discover(runs)


def test_options_out_of_range(rng: np.random.Generator) -> None:
    runs = [rng.normal(size=(3, 8))]
    for options in ({"noise": 0.0}, {"noise": "auto"}, {"n_frames": 9}, {"seed": -1}):
        with pytest.raises(GeomsupError, match=next(iter(options))):
            discover(runs, **options)


def test_a_report_from_json_has_no_directions(rng: np.random.Generator) -> None:
    report = classify_geometry(rng.normal(size=(4, 11)))
    with pytest.raises(GeomsupError, match="leaves directions out"):
        discover([GeometryReport.from_json(report.to_json())])


def test_damaged_files_of_a_store(stored: Path) -> None:
    files = sorted(stored.glob("results/*/*"))
    files[0].write_bytes(files[0].read_bytes()[:-9])
    with pytest.warns(GeomsupWarning, match="counts as absent"):
        assert discover(stored).n_runs == 7
    for path in files:
        path.write_bytes(b"no results")
    with (
        pytest.warns(GeomsupWarning, match="counts as absent"),
        pytest.raises(GeomsupError, match="no result has weights"),
    ):
        discover(stored)


def test_diverged_models_are_left_out(stored: Path) -> None:
    W = np.full((1, 4, 11), np.nan)
    Store(stored).add([Result.of(Task("math:hypot", {"x": 99}), {"weights": W})])
    with pytest.warns(GeomsupWarning, match="1 model of the store diverged"):
        assert discover(stored).n_runs == 8


def test_a_store_without_models(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add([Result.of(Task("math:hypot", {"x": 1}), {"loss": 0.5})])
    with pytest.raises(GeomsupError, match="no result has weights"):
        discover(tmp_path)


def test_from_a_shell(stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine, picture = tmp_path / "mine.json", tmp_path / "found.png"
    words = ["discover", str(stored), "--save", str(mine), "--plot", str(picture)]
    assert main([*words, "--frames", "24"]) == 0
    text = capsys.readouterr().out
    assert "11-in-4 a" in text
    assert "saved 11-in-4 a" in text
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert [shape.name for shape in load_catalogue(mine)] == ["11-in-4 a"]
    assert main(["discover", str(stored), "--json", "--frames", "24"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert len(record["shapes"][0]["runs"]) == 4
    for words, status in (
        ([str(tmp_path / "none")], 1),
        ([str(tmp_path)], 1),
        ([str(stored), "--noise", "3"], 2),
        ([str(stored), "--save", str(tmp_path / "no" / "x.json")], 1),
    ):
        assert main(["discover", *words]) == status
        assert len(capsys.readouterr().err.strip().splitlines()) >= 1


def test_results_are_what_the_package_hands_out(rng: np.random.Generator) -> None:
    found = quick(matrices(rng)[1])
    assert isinstance(found, Discovery)
    shape = found.shapes[0].shape("new name")
    assert shape.name == "new name"
    assert own_shape("same", shape.vertices).symmetry_order == shape.symmetry_order
