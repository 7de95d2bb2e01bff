"""Every verb as a user types it: what it prints, its JSON, its exit status, its errors."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

import geomsup
from geomsup import GeometryReport, classify_geometry
from geomsup.cli import main
from geomsup.theory import FeatureModel
from geomsup.training import ToyModelConfig, TrainingRun, train

Capture = pytest.CaptureFixture[str]

_COMMAND = [sys.executable, "-m", "geomsup"]
_ROOT = Path(geomsup.__file__).parents[1]


def _environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1", **changes}


@pytest.fixture
def run_json(capsys: Capture) -> Callable[..., Any]:
    """Run a command with --json; it must succeed and print one JSON document."""

    def run(*words: str) -> Any:
        assert main([*words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def pentagon(tmp_path: Path) -> Path:
    angles = 2 * np.pi * np.arange(5) / 5
    path = tmp_path / "pentagon.npy"
    np.save(path, np.array([np.cos(angles), np.sin(angles)]))
    return path


@pytest.fixture(scope="module")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four models of one task."""
    config = ToyModelConfig(n_instances=4, n_steps=400, batch_size=64, learning_rate=0.01)
    return train(config, seed=3).save(tmp_path_factory.mktemp("run") / "run.safetensors")


# ---------------------------------------------------------------------- classify


def test_classify_prints_the_report(pentagon: Path, capsys: Capture) -> None:
    assert main(["classify", str(pentagon)]) == 0
    assert capsys.readouterr().out == f"{classify_geometry(np.load(pentagon))}\n"


def test_classify_verbose_adds_the_components(pentagon: Path, capsys: Capture) -> None:
    assert main(["classify", str(pentagon), "--verbose"]) == 0
    component = classify_geometry(np.load(pentagon)).components[0]
    assert capsys.readouterr().out.endswith(f"\n{component}\n")


def test_classify_json_is_a_report(pentagon: Path, run_json: Callable[..., Any]) -> None:
    found = run_json("classify", str(pentagon))
    assert found["file"] == str(pentagon)
    assert found["counts"] == {"pentagon": 1}
    report = GeometryReport.from_json(json.dumps(found))
    assert report.components[0].features == (0, 1, 2, 3, 4)


def test_classify_takes_rows_as_features(
    tmp_path: Path, capsys: Capture, run_json: Callable[..., Any]
) -> None:
    decoder = tmp_path / "decoder.npy"
    np.save(decoder, np.array([[1.0, 0.0], [-0.5, 0.866], [-0.5, -0.866]]))
    assert main(["classify", str(decoder)]) == 0
    warning = capsys.readouterr().err
    assert warning.startswith("geomsup: warning: ")
    assert "--feature-axis 0" in warning
    assert warning.count("\n") == 1
    assert run_json("classify", str(decoder), "--feature-axis", "0")["counts"] == {"triangle": 1}
    assert not capsys.readouterr().err


def test_classify_passes_its_options_on(pentagon: Path, run_json: Callable[..., Any]) -> None:
    options = {"interference_threshold": 0.35, "norm_threshold": 0.25, "noise": 0.125}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    found = run_json("classify", str(pentagon), *flags)
    assert {name: found[name] for name in options} == options


def test_classify_keeps_so_many_candidates(
    tmp_path: Path, rng: np.random.Generator, run_json: Callable[..., Any]
) -> None:
    path = tmp_path / "random.npy"
    np.save(path, rng.normal(size=(3, 8)))
    kept = [
        len(run_json("classify", str(path), *flags)["components"][0]["candidates"])
        for flags in ([], ["--max-candidates", "2"])
    ]
    assert kept[0] > kept[1] == 2


def test_classify_chooses_an_array(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "two.npz"
    np.savez(path, a=np.array([[1.0, -1, 0, 0], [0, 0, 1, -1]]), b=np.ones((2, 3)))
    assert main(["classify", str(path)]) == 2
    assert "'a' (2, 4), 'b' (2, 3)" in capsys.readouterr().err
    assert main(["classify", str(path), "--key", "a"]) == 0
    assert "2 × digon = square" in capsys.readouterr().out


def test_classify_draws(pentagon: Path, tmp_path: Path, capsys: Capture) -> None:
    picture = tmp_path / "report.png"
    assert main(["classify", str(pentagon), "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out.endswith(f"picture: {picture}\n")


@pytest.mark.parametrize(
    ("name", "status"), [("picture.bmpp", 2), ("picture", 2), ("missing/picture.png", 1)]
)
def test_classify_refuses_a_picture_it_cannot_write(
    pentagon: Path, tmp_path: Path, capsys: Capture, name: str, status: int
) -> None:
    assert main(["classify", str(pentagon), "--plot", str(tmp_path / name)]) == status
    captured = capsys.readouterr()
    assert not captured.out
    assert "error: " in captured.err


def test_classify_shows_all_models_of_a_run_and_the_best(run_file: Path, capsys: Capture) -> None:
    run = TrainingRun.load(run_file)
    best = run.best()
    assert main(["classify", str(run_file)]) == 0
    out = capsys.readouterr().out
    table = out.split("─\n", 1)[1].splitlines()
    assert [int(line.split()[0]) for line in table[:4]] == np.argsort(run.losses).tolist()
    assert f"lowest loss: instance {best.instance} " in out
    assert out.endswith(f"\n{classify_geometry(best.W)}\n")


def test_classify_one_model_of_a_run(run_file: Path, run_json: Callable[..., Any]) -> None:
    run = TrainingRun.load(run_file)
    for k in range(4):
        found = run_json("classify", str(run_file), "--instance", str(k))
        assert found["instance"] == k
        assert found["norms"] == pytest.approx(np.linalg.norm(run.weights[k], axis=0))
    by_key = run_json("classify", str(run_file), "--key", "weights[2]")
    assert by_key["norms"] == pytest.approx(np.linalg.norm(run.weights[2], axis=0))
    everything = run_json("classify", str(run_file))
    assert everything["instance"] == run.best().instance
    assert [row["instance"] for row in everything["instances"]] == np.argsort(run.losses).tolist()


def test_classify_does_not_compare_different_tasks(tmp_path: Path, capsys: Capture) -> None:
    config = ToyModelConfig(
        feature_probability=[[0.5], [0.1], [0.5]], n_instances=3, n_steps=20, batch_size=16
    )
    path = str(train(config, seed=0).save(tmp_path / "sweep.safetensors"))
    assert main(["classify", path]) == 0
    out = capsys.readouterr().out
    assert "different tasks" in out
    assert "lowest loss:" not in out
    # Alike ones stand together.
    table = out.split("─\n", 1)[1].splitlines()[:3]
    assert [line.split()[1] for line in table] == ["0.5", "0.5", "0.1"]
    assert main(["classify", path, "--plot", str(tmp_path / "x.png")]) == 2
    assert main(["classify", path, "--instance", "1"]) == 0


def test_classify_a_stack_without_losses(
    tmp_path: Path, capsys: Capture, run_json: Callable[..., Any]
) -> None:
    path = tmp_path / "stack.npy"
    digons = np.array([[1.0, -1, 0, 0], [0, 0, 1, -1]])
    np.save(path, np.stack([digons, digons[:, [0, 0, 2, 2]]]))
    assert main(["classify", str(path)]) == 0
    out = capsys.readouterr().out
    assert "2 × digon = square" in out
    assert "--instance K" in out
    found = run_json("classify", str(path))
    assert [row["n_represented"] for row in found["instances"]] == [4, 4]
    assert "components" not in found
    assert run_json("classify", str(path), "--instance", "0")["composite"] == "square"


# ---------------------------------------------------------------------- errors


def test_bad_files_give_one_line(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "empty.npy").touch()
    (tmp_path / "noise.safetensors").write_bytes(bytes(range(256)))
    (tmp_path / "text.txt").write_text("1 2 3")
    np.save(tmp_path / "nan.npy", np.full((2, 3), np.nan))
    np.save(tmp_path / "vector.npy", np.ones(3))
    for name in ["empty.npy", "noise.safetensors", "text.txt", "nan.npy", "vector.npy", "no.npy"]:
        assert main(["classify", str(tmp_path / name)]) == 1, name
        captured = capsys.readouterr()
        assert not captured.out
        assert captured.err.startswith("geomsup: error: ")
        assert captured.err.count("\n") == 1
        assert "Traceback" not in captured.err
    assert main(["classify", str(tmp_path)]) == 1
    assert main(["inspect", str(tmp_path / "noise.safetensors")]) == 1


class _Hostile:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this platform")
@pytest.mark.parametrize("verb", ["classify", "neurons", "verify"])
def test_a_pipe_is_not_waited_for(verb: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.safetensors")
    words = [verb, str(tmp_path / "x.safetensors"), *(["--p", "0.1"] if verb == "verify" else [])]
    done = subprocess.run(
        [*_COMMAND, *words], env=_environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert "regular file" in done.stderr


@pytest.mark.parametrize("verb", ["classify", "inspect"])
@pytest.mark.parametrize("legacy", [False, True])
def test_a_hostile_file_does_not_execute(
    tmp_path: Path, capsys: Capture, verb: str, legacy: bool
) -> None:
    target, path = tmp_path / "executed", tmp_path / "hostile.pt"
    content = {"W": torch.ones(2, 3), "extra": _Hostile(target)}
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    assert main([verb, str(path)]) == 1
    assert capsys.readouterr().err.startswith("geomsup: error: ")
    assert not target.exists()
    # The same content does run where pickles are trusted, so the test would see it.
    pickle.loads(pickle.dumps(_Hostile(target)))
    assert target.exists()


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["frobnicate"],
        ["classify"],
        ["classify", "W.npy", "--noise", "loud"],
        ["classify", "W.npy", "--feature-axis", "1"],
        ["classify", "W.npy", "--max-candidates", "0"],
        ["classify", "W.npy", "--instance", "-1"],
        ["classify", "W.npy", "--verb"],
        ["shapes", "--dim", "0"],
        ["shapes", "cube", "--dim", "3"],
        ["train", "--n-steps", "many"],
        ["train", "--n-steps", "0"],
        ["train", "--feature-probability", "1.5"],
        ["train", "--importance", "1,2"],
        ["train", "--importance", "1,,2"],
        ["train", "--out", "run.npz"],
        ["demo", "--seed", "-1"],
    ],
)
def test_wrong_usage_is_status_2(words: list[str], capsys: Capture) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert not captured.out
    if words:
        # One line says what is wrong; the options are in the help.
        assert re.fullmatch(r"geomsup( [a-z]+)?: error: .+\n", captured.err)
    else:
        assert captured.err.startswith("usage: geomsup")


@pytest.mark.parametrize(
    "flags", [["--noise", "7"], ["--interference-threshold", "2"], ["--instance", "0"]]
)
def test_options_that_do_not_fit_the_matrix_are_wrong_usage(
    pentagon: Path, flags: list[str]
) -> None:
    assert main(["classify", str(pentagon), *flags]) == 2


def test_a_matrix_that_is_bad_is_no_wrong_usage(tmp_path: Path, capsys: Capture) -> None:
    """Status 2 says that another key would do; positions beside the weights are no choice."""
    bad = np.array([[1.0, np.nan, 0.0], [0.0, 1.0, 1.0]])
    np.savez(tmp_path / "bad.npz", W=bad, positions=np.ones((2, 3), int))
    assert main(["classify", str(tmp_path / "bad.npz")]) == 1
    assert "expected finite numbers, got 1 NaN" in capsys.readouterr().err
    np.savez(tmp_path / "two.npz", W=bad, V=bad)
    for words, says in (
        ([], "choose with --key one of 'W' (2, 3), 'V' (2, 3)"),
        (["--key", "U"], "expected --key one of 'W' (2, 3), 'V' (2, 3); got 'U'"),
    ):
        assert main(["classify", str(tmp_path / "two.npz"), *words]) == 2
        assert says in capsys.readouterr().err


def test_an_instance_that_is_not_there(run_file: Path, capsys: Capture) -> None:
    assert main(["classify", str(run_file), "--instance", "9"]) == 2
    assert "got 9" in capsys.readouterr().err


def test_a_run_has_its_features_in_columns(run_file: Path) -> None:
    assert main(["classify", str(run_file), "--feature-axis", "0"]) == 2


# ---------------------------------------------------------------------- train


def test_train_saves_what_it_was_asked_for(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "run.safetensors"
    flags = "--n-features 3 --n-hidden 2 --n-instances 2 --n-steps 30 --batch-size 8 --seed 5"
    lists = ["--importance", "1,0.5,.25", "--feature-probability", "0.2"]
    assert (
        main(["train", *flags.split(), *lists, "--lr-schedule", "cosine", "--out", str(out)]) == 0
    )
    text = capsys.readouterr().out
    assert text.startswith("TrainingRun: 2 × (3 → 2), 30 steps")
    assert text.endswith(f"next: geomsup classify {out}\n")
    run = TrainingRun.load(out)
    assert run.seed == 5
    assert run.config == ToyModelConfig(
        n_features=3,
        n_hidden=2,
        n_instances=2,
        n_steps=30,
        batch_size=8,
        importance=(1, 0.5, 0.25),
        feature_probability=0.2,
        lr_schedule="cosine",
    )


def test_train_json(run_json: Callable[..., Any]) -> None:
    found = run_json("train", "--n-instances", "2", "--n-steps", "20", "--batch-size", "8")
    assert np.shape(found["weights"]) == (2, 2, 5)
    assert found["file"] is None
    assert sorted(row["instance"] for row in found["geometry"]) == [0, 1]
    assert found["best"] == int(np.argmin(found["losses"]))


def test_train_takes_a_feature_model(
    tmp_path: Path, run_json: Callable[..., Any], capsys: Capture
) -> None:
    model = FeatureModel.pairs(2, 0.2, together=0.5)
    words = ["--n-instances", "1", "--n-steps", "20", "--batch-size", "8"]
    path = tmp_path / "features.json"
    path.write_text(json.dumps(model.to_dict()))
    for given in (str(path), json.dumps(model.to_dict())):
        found = run_json("train", *words, "--feature-model", given)
        assert found["config"]["feature_model"] == model.to_dict()
        assert np.shape(found["weights"]) == (1, 2, 4)
    for given, says in (
        ("nowhere.json", "cannot be read"),
        ("{1", "is no JSON"),
        ('{"sets": 3}', "sets of the feature model must be a list"),
    ):
        assert main(["train", *words, "--feature-model", given]) == 2
        assert says in capsys.readouterr().err


def test_train_looks_at_the_target_before_training(tmp_path: Path, capsys: Capture) -> None:
    started = time.perf_counter()
    target = tmp_path / "missing" / "run.safetensors"
    assert main(["train", "--n-steps", "100000000", "--out", str(target)]) == 1
    assert time.perf_counter() - started < 10
    assert capsys.readouterr().err.startswith("geomsup: error: ")


def test_train_writes_the_models_elsewhere_if_it_must(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = TrainingRun.save

    def full(self: TrainingRun, path: Any) -> Path:
        if Path(path).parent == tmp_path:
            raise geomsup.GeomsupError(f"{path} cannot be written: no space left")
        return save(self, path)

    monkeypatch.setattr(TrainingRun, "save", full)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    words = ["train", "--n-instances", "2", "--n-steps", "20", "--batch-size", "8"]
    assert main([*words, "--out", str(tmp_path / "run.safetensors")]) == 1
    (saved,) = elsewhere.glob("*/run.safetensors")
    assert len(TrainingRun.load(saved).losses) == 2
    captured = capsys.readouterr()
    assert "cannot be written: no space left" in captured.err
    assert str(saved) in captured.err
    assert f"saved to {saved}" in captured.out


def test_train_keeps_models_and_checkpoint_apart(tmp_path: Path, capsys: Capture) -> None:
    out = str(tmp_path / "run.safetensors")
    same = str(tmp_path / "." / "run.safetensors")
    assert main(["train", "--n-steps", "10", "--out", out, "--checkpoint", same]) == 2
    assert "--out and --checkpoint are one file" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


# The signal comes when the main thread is inside the training loop, however slow the machine.
_INTERRUPTED = """\
import os, signal, sys, threading, time
from geomsup.cli import main
def training():
    frame = sys._current_frames()[threading.main_thread().ident]
    while frame:
        code = frame.f_code
        if code.co_name == "_train" and code.co_filename.endswith("loop.py"):
            return True
        frame = frame.f_back
def interrupt():
    while not training():
        time.sleep(0.05)
    time.sleep(1.0)
    os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Thread(target=interrupt, daemon=True).start()
sys.exit(main(sys.argv[1:]))
"""


def test_train_keeps_the_work_after_ctrl_c(tmp_path: Path) -> None:
    out = tmp_path / "run.safetensors"
    flags = "--n-steps 100000000 --n-instances 1 --batch-size 8"
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED, "train", *flags.split(), "--out", str(out)],
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 130, done.stderr
    assert done.stderr.startswith("geomsup: warning: training was interrupted after")
    assert done.stderr.count("\n") == 1
    assert "of 100,000,000 steps" in done.stdout
    assert 0 < TrainingRun.load(out).completed_steps < 100_000_000


def test_demo_ends_quietly_after_ctrl_c(tmp_path: Path) -> None:
    flags = ["--steps", "100000000", "--models", "1", "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED, "demo", *flags],
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 130, done.stderr
    assert not done.stderr
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------- demo


def test_demo_writes_what_it_names(
    tmp_path: Path,
    capsys: Capture,
    run_json: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "new" / "folder"
    flags = ["--out", str(folder), "--steps", "100", "--models", "2"]
    assert main(["demo", *flags]) == 0
    text = capsys.readouterr().out
    assert f"Written to {folder}/" in text
    assert "Try next" in text
    names = {path.name for path in folder.iterdir()}
    reports = {"report-p0.8.png", "report-p0.4.png", "report-p0.05.png"}
    assert names == {"directions.png", "run.safetensors"} | reports

    # The pictures have been drawn once.
    with monkeypatch.context() as patch:
        patch.setattr("geomsup.plotting.plot_report", lambda *_, fig: fig)
        patch.setattr("geomsup.plotting.plot_directions", lambda *_, ax: ax)
        found = run_json("demo", *flags, "--seed", "1")
    assert {Path(file).name for file in found["files"]} == names
    assert [model["feature_probability"][0] for model in found["models"]] == [0.8, 0.4, 0.05]
    # Whatever the demo tells the user to type must work.
    for line in text.split("Try next\n")[1].splitlines()[:2]:
        assert main(line.split()[1:]) == 0


def test_demo_refuses_a_file_as_folder(pentagon: Path, capsys: Capture) -> None:
    assert main(["demo", "--out", str(pentagon)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


# ---------------------------------------------------------------------- shapes


def test_shapes_lists_the_catalogue(capsys: Capture, run_json: Callable[..., Any]) -> None:
    assert main(["shapes"]) == 0
    out = capsys.readouterr().out
    names = [shape.name for shape in geomsup.list_shapes()]
    assert all(name in out for name in names)
    assert [shape["name"] for shape in run_json("shapes")] == names


def test_shapes_of_a_size(capsys: Capture, run_json: Callable[..., Any]) -> None:
    found = run_json("shapes", "--n-vertices", "6", "--dim", "3")
    names = [shape["name"] for shape in found if shape["vacant_of"] is None]
    assert names == ["octahedron", "triangular prism"]
    assert main(["shapes", "--n-vertices", "3", "--dim", "9"]) == 0
    assert "no shape of this size" in capsys.readouterr().out
    assert run_json("shapes", "--n-vertices", "3", "--dim", "9") == []


@pytest.mark.parametrize("words", [["square", "antiprism"], ["Square_Antiprism"], ["anticube"]])
def test_shapes_shows_one(words: list[str], capsys: Capture, run_json: Callable[..., Any]) -> None:
    shape = geomsup.get_shape("square antiprism")
    assert main(["shapes", *words]) == 0
    assert capsys.readouterr().out == f"{shape}\n"
    assert np.allclose(run_json("shapes", *words)["vertices"], shape.vertices)


def test_shapes_suggests(capsys: Capture) -> None:
    assert main(["shapes", "pentagn"]) == 2
    assert capsys.readouterr().err.endswith("did you mean 'pentagon'?\n")


# ---------------------------------------------------------------------- inspect


def test_inspect_names_the_command_for_each_matrix(
    tmp_path: Path, capsys: Capture, run_json: Callable[..., Any]
) -> None:
    path = tmp_path / "model file.npz"
    np.savez(
        path, enc=np.ones((2, 5)), stack=np.ones((3, 2, 5)), b=np.ones(5), z=np.ones((2, 2)) * 1j
    )
    assert main(["inspect", str(path)]) == 0
    out = capsys.readouterr().out
    assert "5 features in 2 dimensions" in out
    assert "3 × 5 features in 2 dimensions" in out
    assert f"geomsup classify '{path}' --key enc" in out
    commands = {
        array["name"]: array["classify"] for array in run_json("inspect", str(path))["arrays"]
    }
    assert commands["b"] is None
    assert commands["z"] is None
    assert commands["stack"] == f"geomsup classify '{path}' --key stack"


def test_inspect_leads_a_dictionary_to_the_census(tmp_path: Path, capsys: Capture) -> None:
    hint = "so many features are weighed against chance by"
    path = tmp_path / "sae_weights.safetensors"
    arrays = {"W_dec": np.ones((1200, 3)), "W_enc": np.ones((3, 1200)), "b_enc": np.zeros(1200)}
    save_file(arrays, path)
    assert main(["inspect", str(path)]) == 0
    out = capsys.readouterr().out
    # The layout says which axis counts, and the table reads the array as the commands do.
    assert "1200 features in 3 dimensions" in out
    assert "3 features in 1200 dimensions" not in out
    assert f"{hint}\n  geomsup census {path} --key W_dec --feature-axis 0\n" in out
    np.save(tmp_path / "small.npy", np.ones((2, 900)))
    assert main(["inspect", str(tmp_path / "small.npy")]) == 0
    assert hint not in capsys.readouterr().out
    np.save(tmp_path / "stack.npy", np.ones((2, 3, 1200)))
    assert main(["inspect", str(tmp_path / "stack.npy")]) == 0
    assert hint not in capsys.readouterr().out


def test_inspect_shows_what_made_a_run(
    run_file: Path, capsys: Capture, run_json: Callable[..., Any]
) -> None:
    assert main(["inspect", str(run_file)]) == 0
    out = capsys.readouterr().out
    assert "TrainingRun: 4 × (5 → 2), 400 steps" in out
    assert f"torch {torch.__version__}" in out
    assert out.endswith(f"classify with\n  geomsup classify {run_file}\n")
    found = run_json("inspect", str(run_file))
    assert ToyModelConfig.from_dict(found["run"]["config"]) == TrainingRun.load(run_file).config


def test_names_in_a_file_cannot_drive_the_terminal(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "names.npz"
    arrays: dict[str, Any] = {"a\x1b[2Jb": np.ones((2, 3)), "c": np.ones((2, 3))}
    np.savez(path, **arrays)
    assert main(["inspect", str(path)]) == 0
    assert main(["classify", str(path)]) == 2
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err


# ---------------------------------------------------------------------- the program as a whole


def test_version_and_help(capsys: Capture) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"geomsup {geomsup.__version__}\n"
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for verb in ["demo", "train", "classify", "shapes", "inspect"]:
        assert f"\n    {verb} " in out
        assert main([verb, "--help"]) == 0
        assert "--json" in capsys.readouterr().out


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys; from geomsup.cli import main; main(['--help']); main(['shapes', 'digon']); "
        "sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=_environment(), capture_output=True)
    assert done.returncode == 0


@pytest.mark.parametrize("words", [["shapes"], ["shapes", "Schläfli", "27"], ["classify", "W.npy"]])
def test_a_terminal_without_unicode(tmp_path: Path, words: list[str]) -> None:
    np.save(tmp_path / "W.npy", np.eye(2, 3))
    done = subprocess.run(
        [*_COMMAND, *words],
        env=_environment(PYTHONIOENCODING="ascii", PYTHONUTF8="0"),
        cwd=tmp_path,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert b"?" not in done.stdout


def test_main_leaves_the_streams_as_they_were() -> None:
    before = sys.stdout.errors, sys.stderr.errors
    main(["shapes", "digon"])
    assert (sys.stdout.errors, sys.stderr.errors) == before


def test_a_reader_that_leaves() -> None:
    with subprocess.Popen(
        [*_COMMAND, "shapes"], env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*_COMMAND, "shapes"],
            env=_environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("geomsup: error: ")
    assert done.stderr.count("\n") == 1
