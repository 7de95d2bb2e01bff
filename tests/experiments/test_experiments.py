"""The frame around the experiments: claims, results on disk, resuming, the scorecard, the verb."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import types
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray

import geomsup.experiments.reproduction as reproduction
from geomsup.cli import main
from geomsup.errors import GeomsupError, GeomsupWarning
from geomsup.experiments import (
    Claim,
    Experiment,
    Outcome,
    Trainer,
    get_experiment,
    list_experiments,
    registry,
    reproduce,
)
from geomsup.experiments.frame.results import EarlierFormError, load_result, save_result
from geomsup.training import ToyModelConfig, train

Capture = pytest.CaptureFixture[str]


@dataclass(frozen=True, kw_only=True)
class _Config:
    size: int = 3
    rates: tuple[float, ...] = (0.1, 0.2)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Result:
    numbers: NDArray[np.float64]
    names: tuple[str, ...]
    table: tuple[tuple[int, ...], ...]
    total: float


_CALLS: list[int] = []


def _run(config: _Config, seed: int, trainer: Trainer) -> _Result:
    _CALLS.append(seed)
    if seed == 7:
        raise GeomsupError("seed 7 is no good; take another")
    numbers = np.random.default_rng(seed).normal(size=config.size)
    return _Result(
        numbers=numbers, names=("a", "b"), table=((1, 2), (3,)), total=float(numbers.sum())
    )


def _check(results: Sequence[_Result]) -> Outcome:
    above = tuple(bool(result.total > -10) for result in results)
    return Outcome(
        claims=(
            Claim(says="totals are not small", found="they are not", by_seed=above),
            Claim(says="pigs fly", found="none did", by_seed=(False,), why="no wings"),
        ),
        numbers={"totals": np.array([result.total for result in results]), "never": np.nan},
    )


def _draw(results: Sequence[_Result]) -> Figure:
    return Figure()


_FAKE = Experiment(
    id="fake",
    title="a fake",
    says="totals are not small, and pigs fly",
    source="nobody",
    paper=_Config(),
    smoke=_Config(size=2),
    run=_run,
    check=_check,
    draw=_draw,
    result=_Result,
    paper_seeds=2,
)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake experiments in the place of the real ones."""
    _CALLS.clear()
    known = {"fake": _FAKE, "twin": dataclasses.replace(_FAKE, id="twin", results_of="fake")}
    monkeypatch.setattr(reproduction, "get_experiment", known.__getitem__)
    monkeypatch.setattr(reproduction, "list_experiments", lambda: tuple(known))


def _claim(*by_seed: bool, needed: float = 0.5) -> Claim:
    return Claim(says="s", found="f", by_seed=by_seed, needed=needed)


def test_a_claim_needs_more_than_its_share() -> None:
    assert not _claim(True, False).holds
    assert _claim(True, True, False).holds
    assert not _claim(True, True, False, needed=0.7).holds
    with pytest.raises(GeomsupError, match="at least one seed"):
        _claim()
    no_seeds: Any
    for no_seeds in ("yes", b"yes", 3, None):
        with pytest.raises(GeomsupError, match=rf"booleans, one for each seed, got {no_seeds!r}"):
            Claim(says="s", found="f", by_seed=no_seeds)
    needed: Any
    for needed in (1.0, -0.1, float("nan"), "half", None, True, 10**5000):
        with pytest.raises(GeomsupError, match="needed must be a share"):
            _claim(True, needed=needed)


def test_the_verdict_follows_from_the_claims() -> None:
    good, bad = _claim(True), _claim(False)
    assert Outcome(claims=(good, good)).verdict == "pass"
    assert Outcome(claims=(good, bad)).verdict == "differs"
    assert Outcome(claims=(bad, bad)).verdict == "fail"
    weakest = Outcome(claims=(_claim(True, True, False), _claim(True, False)))
    assert (weakest.agree, weakest.of) == (1, 2)
    for nothing in ((), iter(())):
        with pytest.raises(GeomsupError, match="at least one claim"):
            Outcome(claims=nothing)  # type: ignore[arg-type]
    no_claims: Any
    for no_claims in (good, "pass", None, (good, "pass")):
        with pytest.raises(GeomsupError, match="claims must be a sequence of claims, got"):
            Outcome(claims=no_claims)


def test_results_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "seed-3.npz"
    result = _run(_Config(), 3, Trainer())
    save_result(path, result, _Config(), 3, 1.5)
    found = load_result(path, _Result, _Config(), 3)
    assert found is not None
    loaded, seconds = found
    assert seconds == 1.5
    assert loaded.numbers.tobytes() == result.numbers.tobytes()
    assert not loaded.numbers.flags.writeable
    assert (loaded.names, loaded.table, loaded.total) == (result.names, result.table, result.total)
    assert [file.name for file in path.parent.iterdir()] == ["seed-3.npz"]


@pytest.mark.parametrize("damage", ["absent", "config", "seed", "cut", "text"])
def test_what_is_no_such_result_counts_as_absent(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "seed-0.npz"
    result = _run(_Config(), 0, Trainer())
    if damage != "absent":
        save_result(path, result, _Config(), 0, 1.0)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-30])
    if damage == "text":
        path.write_text("no result")
    config = _Config(size=4) if damage == "config" else _Config()
    assert load_result(path, _Result, config, 1 if damage == "seed" else 0) is None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Leaf:
    name: str
    weights: NDArray[np.float64]
    pieces: tuple[NDArray[np.int64], ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Tree:
    n: int
    first: _Leaf
    leaves: tuple[_Leaf, ...]
    pair: tuple[_Leaf, float]
    ragged: tuple[tuple[NDArray[np.bool_], ...], ...]


def _leaf(name: str, size: int) -> _Leaf:
    weights = np.arange(2.0 * size).reshape(2, size)
    return _Leaf(name=name, weights=weights, pieces=tuple(np.arange(k) for k in range(size)))


_TREE = _Tree(
    n=3,
    first=_leaf("a", 2),
    leaves=(_leaf("b", 0), _leaf("c", 3), _leaf("d", 1)),
    pair=(_leaf("e", 1), 0.5),
    ragged=((), (np.array([True]), np.array([False, True]))),
)


def _parts(value: Any) -> Any:
    """A result as nested lists, whatever it is made of."""
    if dataclasses.is_dataclass(value):
        return {name: _parts(part) for name, part in vars(value).items()}
    if isinstance(value, tuple):
        return [_parts(item) for item in value]
    return (value.dtype.kind, value.tolist()) if isinstance(value, np.ndarray) else value


def _kept(path: Path, without: str = "", **changed: Any) -> None:
    """The toy result in a file, some of whose arrays are others."""
    save_result(path, _TREE, _Config(), 0, 1.0)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if name != without}
    np.savez(path, **{**arrays, **changed})


def test_nested_results_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "seed-0.npz"
    save_result(path, _TREE, _Config(), 0, 1.0)
    with np.load(path) as file:
        assert {"first.weights", "leaves.1.pieces.2", "pair.0.weights", "ragged.1.0"} <= {
            *file.files
        }
    loaded = load_result(path, _Tree, _Config(), 0)
    assert loaded is not None
    assert _parts(loaded[0]) == _parts(_TREE)
    assert not loaded[0].leaves[1].pieces[2].flags.writeable


@pytest.mark.parametrize(
    "changed",
    [
        {"leaves.1.weights": np.array([np.nan])},
        {"leaves.1.weights": np.array(["a"])},
        {"ragged.1.0": np.array([1.0])},
        {"leaves.2.pieces.0": np.array([0.5])},
    ],
)
def test_damage_deep_in_a_result_counts_as_absent(tmp_path: Path, changed: dict[str, Any]) -> None:
    path = tmp_path / "seed-0.npz"
    _kept(path)
    assert load_result(path, _Tree, _Config(), 0) is not None
    _kept(path, **changed)
    assert load_result(path, _Tree, _Config(), 0) is None


@pytest.mark.parametrize(
    "changed", [{"first": "a"}, {"pair": ("a",)}, {"n": "3"}, {"leaves": "b"}, {"first": _TREE}]
)
def test_fields_of_an_earlier_form_are_told_from_damage(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    path = tmp_path / "seed-0.npz"
    save_result(path, dataclasses.replace(_TREE, **changed), _Config(), 0, 1.0)
    with pytest.raises(EarlierFormError):
        load_result(path, _Tree, _Config(), 0)
    assert load_result(path, _Tree, _Config(), 1) is None


def test_arrays_of_an_earlier_form_are_told_from_damage(tmp_path: Path) -> None:
    path = tmp_path / "seed-0.npz"
    _kept(path, "leaves.1.weights")
    with pytest.raises(EarlierFormError, match="there is no leaves"):
        load_result(path, _Tree, _Config(), 0)
    _kept(path, first_weights=np.ones(2))
    with pytest.raises(EarlierFormError, match="first_weights"):
        load_result(path, _Tree, _Config(), 0)


@pytest.mark.usefixtures("fake")
def test_results_of_an_earlier_form_are_made_again(tmp_path: Path) -> None:
    reproduce(["fake"], n_seeds=2, folder=tmp_path, progress=False)
    for seed in range(2):
        path = tmp_path / "smoke" / "fake" / f"seed-{seed}.npz"
        save_result(path, _TREE, _FAKE.smoke, seed, 1.0)
    with pytest.warns(GeomsupWarning, match="kept results of fake were written") as told:
        again = reproduce(["fake"], n_seeds=2, folder=tmp_path, progress=False)
    assert len(told) == 1
    assert _CALLS == [0, 1, 0, 1]
    assert again.scorecard.rows[0].kept == 0
    assert reproduce(["fake"], folder=tmp_path, progress=False).scorecard.rows[0].kept == 1


@dataclass(frozen=True, kw_only=True, eq=False)
class _Models:
    best_weights: NDArray[np.float64]
    losses: NDArray[np.float64]
    sizes: NDArray[np.int64]
    names: NDArray[np.str_]


@pytest.mark.parametrize(
    ("changes", "is_read"),
    [
        ({}, True),
        ({"best_weights": [0.5, np.nan]}, False),
        ({"best_weights": [0.5, np.inf]}, False),
        ({"best_weights": ["a", "b"]}, False),
        ({"best_weights": [1 + 1j, 2]}, False),
        ({"losses": [np.nan, 1.0]}, True),  # not every loss is looked for
        ({"losses": [1, 2]}, True),
        ({"losses": [True, False]}, False),
        ({"sizes": [1.0, 2.0]}, False),
        ({"sizes": []}, True),
        ({"names": [1.0, 2.0]}, False),
    ],
)
def test_arrays_that_no_run_writes_count_as_damage(
    tmp_path: Path, changes: dict[str, Any], is_read: bool
) -> None:
    good = {"best_weights": [0.5, 1.0], "losses": [0.1, 0.2], "sizes": [1, 2], "names": ["a", "b"]}
    arrays = {name: np.array(value) for name, value in {**good, **changes}.items()}
    path = tmp_path / "seed-0.npz"
    save_result(path, _Models(**arrays), _Config(), 0, 1.0)
    assert (load_result(path, _Models, _Config(), 0) is not None) is is_read


def _of(hint: Any) -> Any:
    """Any value of a type."""
    if get_origin(hint) is np.ndarray:
        return np.zeros(1, dtype=get_args(get_args(hint)[1])[0])
    if get_origin(hint) is tuple:
        return tuple(_of(part) for part in get_args(hint) if part is not Ellipsis)
    if types.NoneType in get_args(hint):
        return None
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint)
        return hint(**{item.name: _of(hints[item.name]) for item in dataclasses.fields(hint)})  # type: ignore[operator]  # a class
    return hint()


@pytest.mark.parametrize("name", list_experiments())
def test_results_declare_the_kinds_of_their_parts(name: str, tmp_path: Path) -> None:
    """Or they would count as damaged for ever."""
    kind = get_experiment(name).result
    path = tmp_path / "seed-0.npz"
    save_result(path, _of(kind), _Config(), 0, 1.0)
    assert load_result(path, kind, _Config(), 0) is not None


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Before:
    losses: NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Since:
    losses: NDArray[np.float64]
    along: str = "p"
    spread: NDArray[np.float64] | None = None
    names: tuple[str, ...] | None = None


def test_fields_that_have_a_default_since_do_not_cost_a_result(tmp_path: Path) -> None:
    path = tmp_path / "seed-0.npz"
    save_result(path, _Before(losses=np.ones(2)), _Config(), 0, 1.0)
    read = load_result(path, _Since, _Config(), 0)
    assert read is not None
    assert (read[0].along, read[0].spread, read[0].names) == ("p", None, None)


def test_what_may_be_nothing_comes_back_as_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "seed-0.npz"
    whole = _Since(losses=np.ones(2), along="c", spread=np.zeros(3), names=("a", "b"))
    for result in (whole, dataclasses.replace(whole, spread=None, names=None)):
        save_result(path, result, _Config(), 0, 1.0)
        read = load_result(path, _Since, _Config(), 0)
        assert read is not None
        assert read[0].along == "c"
        assert read[0].names == result.names
        assert (read[0].spread is None) == (result.spread is None)


@pytest.mark.usefixtures("fake")
def test_what_is_there_is_not_run_again(tmp_path: Path) -> None:
    first = reproduce(folder=tmp_path, progress=False)
    assert _CALLS == [0]  # the twin reads the same result
    assert "kept" not in str(first.scorecard)
    assert [row.id for row in first.scorecard.rows] == ["fake", "twin"]
    again = reproduce(["fake"], folder=tmp_path, n_seeds=3, progress=False)
    assert _CALLS == [0, 1, 2]
    assert re.match(r"fake: .* 3 seeds, 0 s, 1 kept from an earlier run\)", str(again.scorecard))
    third = reproduce(["fake"], folder=tmp_path, n_seeds=3, progress=False)
    assert re.match(r"fake: .* 3 seeds, 0 s, kept from an earlier run\)", str(third.scorecard))
    assert third.scorecard.to_dict() == again.scorecard.to_dict()
    assert again.scorecard.rows[0].seeds == (0, 1, 2)
    assert again.results["fake"][0].total == first.results["fake"][0].total
    reproduce(["twin"], scale="paper", folder=tmp_path, progress=False)
    assert _CALLS == [0, 1, 2, 0, 1]  # another configuration, and two seeds of it


@pytest.mark.usefixtures("fake")
def test_an_error_costs_its_own_row_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(config: _Config, seed: int, trainer: Trainer) -> _Result:
        return _run(config, 7, trainer)

    known = {"fake": _FAKE, "bad": dataclasses.replace(_FAKE, id="bad", run=fails)}
    monkeypatch.setattr(reproduction, "get_experiment", known.__getitem__)
    told: list[tuple[str, int]] = []
    found = reproduce(
        ["bad", "fake"],
        progress=False,
        on_row=lambda row, results: told.append((row.id, len(results))),
    )
    assert [row.outcome.verdict for row in found.scorecard.rows] == ["fail", "differs"]
    assert "seed 7 is no good" in str(found.scorecard)
    assert told == [("bad", 0), ("fake", 1)]


@pytest.mark.usefixtures("fake")
def test_it_runs_on_any_executor_and_goes_on_from_what_is_kept(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as executor:
        first = reproduce(["fake"], n_seeds=3, folder=tmp_path, executor=executor, progress=False)
    assert sorted(_CALLS) == [0, 1, 2]
    again = reproduce(["fake"], n_seeds=3, folder=tmp_path, progress=False)
    assert sorted(_CALLS) == [0, 1, 2]
    assert again.scorecard.rows[0].kept == 3
    assert str(again.scorecard.rows[0].outcome) == str(first.scorecard.rows[0].outcome)
    with pytest.raises(GeomsupError, match="executor must have a method submit"):
        reproduce(["fake"], executor=3, progress=False)


@pytest.mark.slow
def test_processes_give_the_results_of_this_one(tmp_path: Path) -> None:
    one, two = (
        reproduce(
            ["notes-triangle"], n_seeds=2, folder=tmp_path / f"{jobs}", jobs=jobs, progress=False
        )
        for jobs in (1, 2)
    )
    for first, second in zip(*(each.results["notes-triangle"] for each in (one, two)), strict=True):
        np.testing.assert_array_equal(first.weights, second.weights)
        np.testing.assert_array_equal(first.biases, second.biases)


@pytest.mark.usefixtures("fake")
def test_the_scorecard_says_it_everywhere() -> None:
    card = reproduce(["fake"], scale="paper", progress=False).scorecard
    row = card.rows[0]
    assert card.counts() == {"pass": 0, "differs": 1, "fail": 0}
    text = str(card)
    assert text.startswith("fake: differs   (paper scale, 2 seeds")
    for words in (
        "✓ totals are not small: they are not [2 of 2]",
        "✗ pigs fly: none did",
        "no wings",
    ):
        assert words in text
        assert words.split(" [")[0] in card.to_markdown()
        assert words.split(" [")[0] in card._repr_html_()
    said = json.loads(json.dumps(card.to_dict(), allow_nan=False))
    assert said["rows"][0]["numbers"]["never"] is None
    assert said["rows"][0]["config"] == {"size": 3, "rates": [0.1, 0.2]}
    assert said["rows"][0]["seeds"] == [0, 1]
    assert said["provenance"]["numpy"] == np.__version__
    assert row.outcome.of == 1


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ids": []}, "at least one experiment"),
        ({"scale": "large"}, "scale must be one of smoke, paper"),
        ({"n_seeds": 0}, "n_seeds must be an integer of at least 1"),
        ({"jobs": 1.5}, "jobs must be an integer of at least 1"),
        ({"device": "abacus"}, "device must be"),
    ],
)
def test_wrong_arguments_stop_it_before_anything_runs(options: dict[str, Any], words: str) -> None:
    with pytest.raises(GeomsupError, match=words):
        reproduce(**options)
    assert not _CALLS


def test_unknown_ids_name_the_nearest() -> None:
    with pytest.raises(GeomsupError, match="did you mean 'notes-pentagon'"):
        get_experiment("notes-pentagram")
    with pytest.raises(GeomsupError, match="there are: notes-triangle"):
        get_experiment("qqq")


@pytest.mark.parametrize("name", list_experiments())
def test_every_experiment_says_what_it_is(name: str) -> None:
    one = get_experiment(name)
    assert one.id == name
    assert type(one.paper) is type(one.smoke) is not type(None)
    assert one.paper == type(one.paper)(), "the defaults are the published values"
    assert one.says
    assert one.title
    assert one.source
    if one.results_of:
        assert get_experiment(one.results_of).result is one.result


def test_the_row_of_the_documentation_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file and one line, as the page on reproduction says."""
    page = (Path(__file__).parents[2] / "docs" / "reproduction.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    row = types.ModuleType("geomsup.experiments.uniform.all_stored")
    monkeypatch.setitem(sys.modules, row.__name__, row)
    exec(compile(source, "reproduction.md", "exec"), vars(row))  # our own page
    assert '`"all-stored": "uniform"`' in page
    monkeypatch.setitem(registry._THEMES, "all-stored", "uniform")
    found = reproduce(["all-stored"], folder=tmp_path, progress=False)
    assert found.scorecard.rows[0].outcome.numbers["least_norms"].shape == (1, 8)
    again = reproduce(["all-stored"], folder=tmp_path, progress=False)
    assert again.scorecard.rows[0].kept == 1
    assert len(get_experiment("all-stored").draw(again.results["all-stored"]).axes) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", list_experiments())
def test_smoke_run(name: str, tmp_path: Path) -> None:
    """Every row runs, survives the disk, is drawn, and holds at least one of its claims."""

    found = reproduce([name], folder=tmp_path, progress=False)
    again = reproduce([name], folder=tmp_path, progress=False)
    assert again.scorecard.to_dict() == found.scorecard.to_dict()
    assert found.scorecard.rows[0].outcome.verdict != "fail"
    figure = get_experiment(name).draw(again.results[name])
    figure.savefig(tmp_path / "figure.png")


def test_the_trainer_keeps_checkpoints_where_it_is_told(tmp_path: Path) -> None:
    config = ToyModelConfig(n_instances=1, n_steps=20, batch_size=8)
    kept = Trainer(folder=tmp_path / "new").train("one", config, 0)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["one.safetensors"]
    free = Trainer().train("one", config, 0)
    assert kept.weights.tobytes() == free.weights.tobytes()


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    trainer = Trainer(folder=tmp_path / "file" / "in")
    with pytest.raises(GeomsupError, match=r"folder .* cannot be made"):
        trainer.train("one", ToyModelConfig(n_instances=1, n_steps=1, batch_size=8), 0)
    result = _run(_Config(), 0, trainer)
    with pytest.raises(GeomsupError, match=r"folder .* cannot be made"):
        save_result(tmp_path / "file" / "seed-0.npz", result, _Config(), 0, 1.0)


def test_an_interrupted_training_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    import geomsup.experiments.frame.experiment as module

    config = ToyModelConfig(n_instances=1, n_steps=20, batch_size=8)
    short = dataclasses.replace(train(config, progress=False), completed_steps=10)
    monkeypatch.setattr(module, "train", lambda *_, **__: short)
    with pytest.raises(KeyboardInterrupt):
        Trainer().train("one", config, 0)


# ---------------------------------------------------------------------- the verb


def test_reproduce_lists(capsys: Capture) -> None:
    assert main(["reproduce", "--list"]) == 0
    assert "notes-pentagon" in capsys.readouterr().out
    assert main(["reproduce", "--list", "intro", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["id"] == "intro"


def test_reproduce_writes_scorecard_and_figure(tmp_path: Path, capsys: Capture) -> None:
    words = ["reproduce", "notes-pentagon", "--out", str(tmp_path / "new"), "--jobs", "1"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert out.startswith("notes-pentagon: pass")
    assert out.count("\n") < 20
    card = json.loads((tmp_path / "new" / "scorecard-smoke.json").read_text(encoding="utf-8"))
    assert card["rows"][0]["verdict"] == "pass"
    page = (tmp_path / "new" / "scorecard-smoke.md").read_text("utf-8")
    assert "| [`notes-pentagon`](#notes-pentagon) |" in page
    assert "](smoke/notes-pentagon.png)" in page
    assert (tmp_path / "new" / "smoke" / "notes-pentagon.png").stat().st_size > 10_000
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"] == {"pass": 1, "differs": 0, "fail": 0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ids": 3}, "ids must be names of experiments, got 3"),
        ({"ids": "introduction"}, "no experiment has the id 'introduction'"),
        ({"ids": "intro", "folder": ""}, "folder must be the path of a folder"),
        ({"ids": "intro", "folder": 3}, "folder must be the path of a folder, got 3"),
        ({"ids": "intro", "folder": __file__}, "folder .* cannot be made: .*; name another"),
        ({"ids": "intro", "folder": f"{__file__}/in"}, "folder .* cannot be made"),
        ({"ids": "intro", "folder": "a\0b"}, "folder .* cannot be made"),
        ({"ids": b"intro"}, "no experiment has the id b'intro'"),
        ({"ids": "intro" * 100}, r"no experiment has the id 'intro.{1,99}; there are"),
        ({"ids": [10**5000]}, "no experiment has the id <int>"),
        ({"ids": "intro", "n_seeds": -(10**5000)}, "n_seeds must be an integer .*, got <int>"),
    ],
)
def test_reproduce_says_what_is_wrong(
    arguments: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "train", lambda *_, **__: pytest.fail("something was run"))
    with pytest.raises(GeomsupError, match=message):
        reproduce(**arguments)


def test_reproduce_refuses(tmp_path: Path, capsys: Capture) -> None:
    assert main(["reproduce", "notes-pentagram", "--out", str(tmp_path)]) == 2
    assert "did you mean 'notes-pentagon'?" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["reproduce", "intro", "--out", str(tmp_path / "file")]) == 1
    assert "cannot be made" in capsys.readouterr().err
    assert main(["reproduce", "intro", "--out", ""]) == 2
    assert "--out must be the name of a folder" in capsys.readouterr().err
    assert main(["reproduce", "intro", "--out", str(tmp_path), "--device", "cuda:9"]) == 1
    assert "is not present" in capsys.readouterr().err
