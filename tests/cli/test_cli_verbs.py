"""What holds for every verb: examples, one vocabulary, one exit status for each mistake."""

from __future__ import annotations

import importlib
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from geomsup import progress
from geomsup.cli import main
from geomsup.cli.app import VERBS, verb_parser
from geomsup.training import ToyModelConfig, train
from geomsup.weights.formats import suffixes

Capture = pytest.CaptureFixture[str]

_PARSERS = {name: verb_parser(name) for name in VERBS}
# The least that each verb must be told beside its file.
_NEEDS = {
    "verify": "--p 0.1 --bias 0 --starts 2",
    "optimum": "--features 2 --hidden 1 --p 0.1 --starts 4",
    "phases": "digon --features 2 --p 0.1 0.3",
    "thomson": "4",
    "atlas": "3 2",
    "dictionary": "--restarts 1 --steps 10 --penalty 0.1",
    "attack": "--samples 20",
    "census": "--feature-axis 0 --draws 1",
    "discover": "--frames 10",
    "compare": "--feature-axis 0 --draws 1",
    "claim": "--feature-axis 0 --features 0,1,2,3,4 --shape ring --controls 50",
    "train": "--steps 2 --batch-size 4 --instances 2",
}
_PICTURE_OF = {**_NEEDS, "classify": "", "neurons": ""}


def _takes(name: str, option: str) -> bool:
    return option in _PARSERS[name].format_usage()


def _with(option: str) -> list[str]:
    return [name for name in VERBS if _takes(name, option)]


_OF_FILES = [
    name for name in VERBS if re.search(r" FILE( OTHER)?\s*$", _PARSERS[name].format_usage())
]
_DRAWING = _with("--plot")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Runs with a linear and with a ReLU hidden layer, and a file of two matrices."""
    folder = tmp_path_factory.mktemp("files")
    sizes: dict[str, Any] = {"n_features": 4, "n_hidden": 2, "n_instances": 2}
    found = {}
    for name in ("linear", "relu"):
        config = ToyModelConfig(
            **sizes,
            hidden_activation=name,
            n_steps=5,
            batch_size=16,
            feature_probability=0.9,
            n_records=5,
        )
        found[name] = str(train(config, seed=0).save(folder / f"{name}.safetensors"))
    np.savez(folder / "two.npz", A=np.eye(2, 3), B=np.eye(2, 4))
    found["two"] = str(folder / "two.npz")
    np.save(folder / "matrix.npy", np.random.default_rng(0).normal(size=(40, 4)))
    found["matrix"] = str(folder / "matrix.npy")
    return found


def _words(name: str, file: str, more: str = "") -> list[str]:
    # What is to recur is there twice.
    own = [file] * ((name in _OF_FILES) + _takes(name, " OTHER") + 2 * _takes(name, " DIR ["))
    return [name, *own, *shlex.split(f"{_NEEDS.get(name, '')} {more}")]


def _run_of(name: str, files: dict[str, str]) -> str:
    kinds = {"neurons": "relu", "census": "matrix", "compare": "matrix", "claim": "matrix"}
    return files[kinds.get(name, "linear")]


def _last_line(capsys: Capture) -> str:
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return printed.err.strip().splitlines()[-1]


# ---------------------------------------------------------------------- help


@pytest.mark.parametrize("name", VERBS)
def test_the_help_has_examples_and_each_parses(name: str, capsys: Capture) -> None:
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    examples = re.findall(rf"^  geomsup {name}(?: (.*))?$", text.split("examples:\n")[1], re.M)
    assert len(examples) == len(VERBS[name].EXAMPLES) >= 2
    for words in examples:
        _PARSERS[name].parse(shlex.split(words))


@pytest.mark.parametrize("name", ["classify", "inspect", "neurons", "verify"])
def test_the_help_names_every_kind_of_file(name: str) -> None:
    kinds = set(re.findall(r"\.[a-z]+", _file_help(name)))
    assert kinds == set(suffixes())


def _file_help(name: str) -> str:
    return next(a.help or "" for a in _PARSERS[name]._actions if a.dest == "file")


def test_the_verbs_are_all_here() -> None:
    """The lists that the tests below go by are not empty by an accident of their making."""
    known = {"census", "claim", "classify", "compare", "neurons", "attack", "timeline"}
    known |= {"dictionary", "inspect", "verify"}
    assert set(_OF_FILES) == known
    assert {"census", "claim", "compare", "classify", "atlas", "timeline"} <= set(_DRAWING)
    assert set(_with("--html")) == {"atlas", "census", "claim", "classify", "sweep", "timeline"}
    assert len(_with("--seed")) >= 5


def test_the_page_lists_every_verb_and_every_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "docs" / "_ext")
    command_line = importlib.import_module("command_line")
    sections = re.split(r"^## ", command_line.verb_sections(), flags=re.MULTILINE)
    assert [text.split("\n")[0] for text in sections[1:]] == list(VERBS)
    for text, name in zip(sections[1:], VERBS, strict=True):
        assert f"[`{name}`](#{name})" in sections[0]
        assert all(option in text for option in _PARSERS[name]._flags.values())
        assert all(f"geomsup {name} {words}".rstrip() in text for words, _ in VERBS[name].EXAMPLES)


# ---------------------------------------------------------------------- one vocabulary


def test_one_thing_has_one_option() -> None:
    typed: dict[str, set[str]] = {}
    for parser in _PARSERS.values():
        for dest, flag in parser._flags.items():
            typed.setdefault(dest, set()).add(flag)
    # In a phase diagram the importance is that of one feature; the option is the same.
    assert {dest: flags for dest, flags in typed.items() if len(flags) > 1} == {}
    assert typed["n_features"] == {"--features"}
    assert typed["n_hidden"] == {"--hidden"}
    assert typed["feature_probability"] == {"--p"}


@pytest.mark.parametrize("name", ["train", "optimum", "phases"])
def test_every_verb_about_sizes_speaks_of_features_hidden_and_p(name: str) -> None:
    args = _PARSERS[name].parse(["--features", "5", "--hidden", "2", "--p", "0.1", "0.2"])
    assert (args.n_features, args.n_hidden) == (5, 2)
    assert args.feature_probability == [0.1, 0.2]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("train", "--n-features 3", "--features 3"),
        ("train", "--n-hidden 3", "--hidden 3"),
        ("train", "--n-steps 3", "--steps 3"),
        ("train", "--n-instances 3", "--instances 3"),
        ("train", "--feature-probability 0.1,0.2", "--p 0.1 0.2"),
        ("train", "--importance 1,0.5,.25", "--importance 1 0.5 .25"),
        ("shapes", "--n-vertices 8", "--vertices 8"),
        ("dictionary", "run --n-latents 8", "run --latents 8"),
        ("dictionary", "run --penalty 0.1,1", "run --penalty 0.1 1"),
        ("dictionary", "run --k 1,2", "run --k 1 2"),
    ],
)
def test_the_old_words_still_work(name: str, old: str, new: str) -> None:
    assert _PARSERS[name].parse(old.split()) == _PARSERS[name].parse(new.split())


@pytest.mark.parametrize(
    "words",
    [
        "W.npy --p .3 .2",
        "--p .3 .2 W.npy",
        "--p=.3 .2 W.npy",
        "--p .3,.2 W.npy",
        "--importance 1 2 W.npy --p .3 .2",
        "--p .3 .2 --importance 1 2e0 -- W.npy",
        "--p .3 .2 --bias -.5 +1. -1e-3 W.npy",
        "--bias -1 --p .3 .2 --starts 3 W.npy --seed 1",
    ],
)
def test_a_list_of_numbers_leaves_the_file_alone(words: str) -> None:
    args = _PARSERS["verify"].parse(words.split())
    assert args.file == "W.npy"
    assert args.feature_probability == [0.3, 0.2]
    assert args.importance in ([1.0], [1.0, 2.0])
    assert args.bias in (None, [-0.5, 1.0, -1e-3], [-1.0])


def test_files_that_begin_like_options_or_numbers() -> None:
    assert _PARSERS["verify"].parse(["--p", ".3", "3.npy"]).file == "3.npy"
    assert _PARSERS["verify"].parse(["--p", ".3", "--", "-W.npy"]).file == "-W.npy"
    args = _PARSERS["phases"].parse(["digon", "--features", "3", "--p", ".1", ".2", "triangle"])
    assert args.shapes == ["digon", "triangle"]
    assert _PARSERS["reproduce"].parse(["intro", "--seeds", "2", "uniform"]).ids == [
        "intro",
        "uniform",
    ]


@pytest.mark.parametrize("words", ["--p W.npy", "W.npy --p", "W.npy --p many", "W.npy --p .1 .x"])
def test_lists_without_numbers_are_wrong_usage(words: str, capsys: Capture) -> None:
    assert main(["verify", *words.split()]) == 2
    assert "--p" in (line := _last_line(capsys)) or ".x" in line


# ---------------------------------------------------------------------- one status for a mistake


@pytest.mark.parametrize("name", _OF_FILES)
@pytest.mark.parametrize("file", ["none.npy", "none.safetensors", "damaged.safetensors", "."])
def test_a_file_that_cannot_be_read_is_a_failure(
    name: str, file: str, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "damaged.safetensors").write_bytes(bytes(range(100)))
    assert main(_words(name, str(tmp_path / file))) == 1
    assert _last_line(capsys).startswith("geomsup: error: ")


@pytest.mark.parametrize("name", _DRAWING)
@pytest.mark.parametrize(
    ("picture", "status"), [("x.bmpp", 2), ("x", 2), ("none/x.png", 1), ("folder.png", 1)]
)
def test_a_picture_that_cannot_be_written(
    name: str, picture: str, status: int, files: dict[str, str], tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "folder.png").mkdir()
    words = _words(name, _run_of(name, files), f"--plot {tmp_path / picture}")
    assert main(words) == status
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", [name for name in _with("--html") if name != "sweep"])
@pytest.mark.parametrize(
    ("page", "status"), [("x.htmk", 2), ("x", 2), ("none/x.html", 1), ("folder.html", 1), ("", 0)]
)
def test_pages_are_written_or_refused_before_any_work(
    name: str, page: str, status: int, files: dict[str, str], tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "folder.html").mkdir()
    target = tmp_path / (page or "x.html")
    assert main(_words(name, _run_of(name, files), f"--html {target}")) == status
    printed = capsys.readouterr().out
    if status:
        assert printed == ""
    else:
        assert f"page: {target}" in printed
        assert target.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize("name", _with("--instance"))
@pytest.mark.parametrize("instance", ["2", "99", "-1", "x"])
def test_an_instance_that_is_not_there(
    name: str, instance: str, files: dict[str, str], capsys: Capture
) -> None:
    assert main(_words(name, _run_of(name, files), f"--instance {instance}")) == 2
    assert "--instance" in _last_line(capsys)


@pytest.mark.parametrize("name", _with("--key"))
@pytest.mark.parametrize("more", ["", "--key C", "--key A[0]", "--key A --instance 0"])
def test_a_matrix_that_is_not_named(
    name: str, more: str, files: dict[str, str], capsys: Capture
) -> None:
    assert main(_words(name, files["two"], more)) == 2
    line = _last_line(capsys)
    assert "--key" in line or "--instance" in line


@pytest.mark.parametrize("name", _with("--seed"))
def test_a_seed_below_zero(name: str, files: dict[str, str], capsys: Capture) -> None:
    assert main(_words(name, _run_of(name, files), "--seed=-1")) == 2
    assert "--seed" in _last_line(capsys)


@pytest.mark.parametrize("name", _with("--p "))
@pytest.mark.parametrize("p", ["1.5", "-0.1", "nan", "0.1 0.1 0.1 0.1 0.1 0.1 2"])
def test_a_probability_that_is_none(
    name: str, p: str, files: dict[str, str], capsys: Capture
) -> None:
    assert main([*_words(name, files["two"]), *(["--key", "A"] * (name == "verify")),
                 "--p", *p.split()]) == 2  # fmt: skip
    assert "--p " in _last_line(capsys)


@pytest.mark.parametrize(
    "words",
    ["shapes pentagn", "phases pentagn --features 7", "reproduce pentagn", "reproduce x --list"],
)
def test_a_name_that_is_not_known(words: str, capsys: Capture) -> None:
    assert main(words.split()) == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("train --feature-probability 1.5", "--p must lie in [0, 1], got 1.5"),
        ("train --p 0.1 0.2", "--p "),
        ("train --hidden 0", "--hidden must"),
        ("train --instances 0", "--instances must"),
        ("train --learning-rate 0", "--learning-rate must"),
        ("train --importance -1", "--importance "),
        ("train --set-size 3", "--set-size needs"),
        ("train --correlation anticorrelated", "--features 5"),
        ("train --batch-size 0", "--batch-size must"),
        ("optimum --features 2 --hidden 1 --p 2", "--p must"),
        ("optimum --features 2 --hidden 1 --p 0.1 --importance -1", "--importance must"),
        ("optimum --features 2000 --hidden 100 --p 0.1", "2000"),
        ("phases --features 8 --hidden 2", "use geomsup optimum"),
        ("phases pentagon --features 3", "raise --features"),
        ("phases --hidden 2", "give --features N, or --pairs K"),
        ("phases --features 3 --hidden 2 --together 0.5", "give --pairs or --sets too"),
        ("phases --pairs 2", "give --hidden M"),
        ("phases --pairs 2 --hidden 2 pentagon", "no shapes"),
        ("phases --pairs 2 --hidden 2 --features 3", "leave --features out"),
        ("phases --pairs 2 --hidden 2 --unit-norm", "leave --pairs out"),
        ("phases --pairs 4 --hidden 2", "4 pairs in 2"),
        ("phases --pairs 2 --hidden 2 --together 1.5", "--together must"),
        ("phases --pairs 2 --hidden 2 --together 0.5 1 --equal-values 0 1", "only one of --p"),
        ("phases digon --features 3 --p 0.3 0.2", "--p must ascend"),
        ("phases --features 3 --hidden 2 --importance 2 1", "--importance must ascend"),
    ],
)
def test_complaints_are_in_the_words_of_the_shell(words: str, says: str, capsys: Capture) -> None:
    assert main(words.split()) == 2
    line = _last_line(capsys)
    assert says in line
    assert not re.search(r"[a-z]_[a-z]|\w=\S", line), line


# ---------------------------------------------------------------------- pictures and bars


@pytest.mark.parametrize("name", _DRAWING)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_picture_that_fails_takes_nothing_with_it(
    name: str,
    as_json: bool,
    files: dict[str, str],
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("Image size of 99999x99 pixels is too large.")

    words = _words(name, _run_of(name, files), "--json" if as_json else "")
    assert main(words) == 0
    without = capsys.readouterr().out
    monkeypatch.setattr(Figure, "savefig", fail)
    assert main([*words, "--plot", str(tmp_path / "x.png")]) == 1
    printed = capsys.readouterr()
    assert "too large" in printed.err
    if as_json:
        assert {**json.loads(without), "plot": None} == {**json.loads(printed.out), "plot": None}
    else:
        assert printed.out == without


def test_a_bar_counts_and_leaves(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(progress, "_SILENT_SECONDS", 0.0)
    with progress.bar(4, "counting", "piece", True) as done:
        for number in (1, 3, 2, 4):
            done(number)
    assert "counting" in capsys.readouterr().err
    with progress.bar(4, "counting", "piece", False) as done:
        done(4)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "doing"),
    [
        ("optimum --features 3 --hidden 2 --p 0.1 --starts 4", "searching"),
        ("phases --features 2 --hidden 1 --p 0.1 --importance 0.5 1", "descending"),
        ("phases digon monosemantic --features 2 --p 0.1 0.3", "optimising"),
    ],
)
def test_long_work_shows_a_bar_in_a_terminal_only(
    words: str, doing: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(progress, "_SILENT_SECONDS", 0.0)
    assert main(words.split()) == 0
    silent = capsys.readouterr()
    assert silent.err == ""
    monkeypatch.setattr(progress, "is_interactive", lambda: True)
    assert main(words.split()) == 0
    printed = capsys.readouterr()
    assert doing in printed.err
    assert printed.out == silent.out


@pytest.mark.parametrize("call", ["best_configuration", "phase_diagram", "phase_boundary"])
def test_the_library_takes_progress_too(call: str) -> None:
    from geomsup import theory
    from geomsup.errors import GeomsupError

    calls: dict[str, Callable[[Any], object]] = {
        "best_configuration": lambda progress: theory.best_configuration(
            2, 1, 0.1, n_starts=2, progress=progress
        ),
        "phase_diagram": lambda progress: theory.phase_diagram(
            2, 1, feature_probability=[0.1], relative_importance=[1.0], progress=progress
        ),
        "phase_boundary": lambda progress: theory.phase_boundary(
            "digon", "monosemantic", n_features=2, feature_probability=0.1, progress=progress
        ),
    }
    if call != "phase_boundary":  # it takes many seconds, and a bar is drawn above
        calls[call](False)
    with pytest.raises(GeomsupError, match="progress must be True, False or None"):
        calls[call]("yes")


def test_errors_of_the_library_name_options_as_a_shell_does() -> None:
    parser = _PARSERS["claim"]
    said = parser.in_own_words("features by label need labels=, got 3; pass key= and feature_axis=")
    assert said == "features by label need --labels, got 3; pass --key and --feature-axis"
    assert parser.in_own_words("pass feature_axis=0 (or key=W)") == (
        "pass --feature-axis 0 (or --key W)"
    )


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["clasify", "W.npy"], "did you mean classify?"),
        (["classify", "W.npy", "--feature-axs", "0"], "did you mean --feature-axis?"),
        (["train", "--target", "identty"], "did you mean identity?"),
        (["qqq"], None),
    ],
)
def test_a_typo_is_answered_with_what_was_meant(
    words: list[str], meant: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert (meant in said) if meant else "did you mean" not in said
