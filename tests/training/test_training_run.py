"""TrainingRun: choosing, printing, saving and loading."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.training import ToyModelConfig, TrainingRun, train

ARRAYS = ("weights", "decoders", "biases", "losses", "loss_errors")
# Made by the first release of the trainer: 2 × (5 → 2), 50 steps of batch 16, seed 4.
_VERSION_1 = Path(__file__).parents[1] / "data" / "run-version-1.safetensors"


@pytest.fixture(scope="module")
def run() -> TrainingRun:
    config = ToyModelConfig(n_features=4, n_instances=3, n_steps=60, batch_size=16)
    return train(config, seed=3)


@pytest.fixture
def saved(run: TrainingRun, tmp_path: Path) -> Path:
    return run.save(tmp_path / "run.safetensors")


def test_shapes_and_kinds(run: TrainingRun) -> None:
    assert run.weights.shape == (3, 2, 4)
    assert run.biases.shape == (3, 4)
    assert run.losses.shape == run.loss_errors.shape == (3,)
    for name in ARRAYS:
        array = getattr(run, name)
        assert array.dtype == np.float64
        assert not array.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        run.weights[0, 0, 0] = 1.0
    assert not run.history.losses.flags.writeable


def test_best_is_the_lowest_loss(run: TrainingRun) -> None:
    best = run.best()
    assert best.instance == int(np.argmin(run.losses))
    assert best.loss == run.losses.min()
    np.testing.assert_array_equal(best.W, run.weights[best.instance])
    np.testing.assert_array_equal(best.b, run.biases[best.instance])
    assert f"instance {best.instance}" in str(best)
    json.dumps(best.to_dict())
    worst = int(np.argmax(run.losses))
    assert run.best(among=[worst]).instance == worst


def test_files_of_the_first_version_are_read() -> None:
    old = TrainingRun.load(_VERSION_1)
    again = train(ToyModelConfig(n_instances=2, n_steps=50, batch_size=16), seed=4)
    np.testing.assert_allclose(old.weights, again.weights, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(old.decoders, old.weights)
    assert len(old.trajectory) == 0
    assert old.objective == "sampled"


def test_an_untied_run_keeps_its_decoders(tmp_path: Path) -> None:
    config = ToyModelConfig(n_instances=2, n_steps=20, batch_size=16, tied=False, n_records=3)
    run = train(config, seed=0)
    loaded = TrainingRun.load(run.save(tmp_path / "run.safetensors"))
    assert not np.array_equal(run.decoders, run.weights)
    np.testing.assert_array_equal(loaded.decoders, run.decoders)
    np.testing.assert_array_equal(loaded.trajectory.decoders, run.trajectory.decoders)
    np.testing.assert_array_equal(run.model(1).V, run.decoders[1])


def test_best_of_each_setting() -> None:
    config = ToyModelConfig(
        feature_probability=[[0.1], [0.3]], n_instances=6, n_restarts=3, n_steps=60, batch_size=16
    )
    run = train(config, seed=1)
    assert config.n_settings == 2
    assert config.probabilities[:, 0].tolist() == [0.1] * 3 + [0.3] * 3
    best = run.best_of_each()
    assert [model.loss for model in best] == run.losses.reshape(2, 3).min(axis=1).tolist()
    assert [model.instance // 3 for model in best] == [0, 1]


def test_best_refuses_to_compare_different_tasks() -> None:
    config = ToyModelConfig(
        n_instances=3, n_steps=2, batch_size=4, feature_probability=[[0.1], [0.1], [0.01]]
    )
    run = train(config)
    with pytest.raises(GeomsupError, match=r"differ in feature_probability.*among=\[0, 1\]"):
        run.best()
    assert run.best(among=[0, 1]).instance in (0, 1)
    wrong: list[Any] = [[], [3], [-1], [0.5], [True]]
    for bad in wrong:
        with pytest.raises(GeomsupError):
            run.best(among=bad)


def test_table(run: TrainingRun) -> None:
    text = str(run)
    assert "3 × (4 → 2), 60 steps" in text
    assert "summed over features" in text
    first = text.splitlines()[3].split()
    assert int(first[0]) == run.best().instance
    assert float(first[2]) == pytest.approx(run.losses.min(), rel=1e-5)
    assert "<table>" in run._repr_html_()
    many = train(ToyModelConfig(n_instances=25, n_steps=1, batch_size=2))
    assert "and 5 more" in str(many)
    assert "and 5 more" in many._repr_html_()


def test_to_dict_is_json(run: TrainingRun) -> None:
    said = json.loads(json.dumps(run.to_dict()))
    np.testing.assert_array_equal(said["weights"], run.weights)
    assert ToyModelConfig.from_dict(said["config"]) == run.config
    assert said["provenance"].keys() >= {"geomsup", "torch", "numpy", "python"}


def test_save_and_load(run: TrainingRun, saved: Path) -> None:
    again = TrainingRun.load(saved)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(again, name), getattr(run, name))
        assert not getattr(again, name).flags.writeable
    np.testing.assert_array_equal(again.history.steps, run.history.steps)
    np.testing.assert_array_equal(again.history.losses, run.history.losses)
    assert again.config == run.config
    assert (again.seed, again.device, again.completed_steps) == (3, "cpu", 60)
    assert again.provenance == run.provenance
    assert run.provenance["torch"] == torch.__version__
    assert os.listdir(saved.parent) == [saved.name]
    run.save(str(saved))  # replaces, also by a path given as text


def test_saved_file_is_plain_safetensors(run: TrainingRun, saved: Path) -> None:
    tensors = safetensors.numpy.load_file(saved)
    np.testing.assert_array_equal(tensors["weights"], run.weights)
    np.testing.assert_array_equal(tensors["biases"], run.biases)


def test_saved_weights_are_read_by_as_weights(run: TrainingRun, saved: Path) -> None:
    weights = pytest.importorskip("geomsup.weights")
    np.testing.assert_array_equal(weights.as_weights(saved, key="weights[2]"), run.weights[2])


def test_save_refuses(run: TrainingRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GeomsupError, match="is a directory"):
        run.save(tmp_path)
    with pytest.raises(GeomsupError, match="does not exist; make it first"):
        run.save(tmp_path / "missing" / "run.safetensors")
    with pytest.raises(GeomsupError, match=r"named \*\.safetensors, got the file name 'run.npz'"):
        run.save(tmp_path / "run.npz")
    no_path: Any = 7
    with pytest.raises(GeomsupError, match="path must be"):
        run.save(no_path)
    with pytest.raises(GeomsupError, match="cannot be written"):
        run.save(tmp_path / "a\0.safetensors")
    assert os.listdir(tmp_path) == []


def test_a_failed_save_keeps_the_old_file(
    run: TrainingRun, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()

    def full_disk(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(GeomsupError, match="No space left"):
        run.save(saved)
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


def _rewrite(
    run: TrainingRun,
    path: Path,
    *,
    tensors: dict[str, NDArray[Any]] | None = None,
    drop: Sequence[str] = (),
    header: dict[str, str] | None = None,
    **said: object,
) -> Path:
    content = {**run._tensors(), **(tensors or {})}
    for name in drop:
        del content[name]
    metadata = {"format_version": 2, **run._metadata(), **said}
    text = json.dumps(metadata)
    path.write_bytes(
        safetensors.numpy.save(
            content, header or {"format": "geomsup.TrainingRun", "geomsup": text}
        )
    )
    return path


def test_load_refuses_foreign_and_wrong_files(
    run: TrainingRun, saved: Path, tmp_path: Path
) -> None:
    path = tmp_path / "other.safetensors"

    def refused(words: str) -> None:
        with pytest.raises(GeomsupError, match=words) as caught:
            TrainingRun.load(path)
        assert type(caught.value) is GeomsupError

    with pytest.raises(GeomsupError, match="does not exist"):
        TrainingRun.load(tmp_path / "nothing.safetensors")
    with pytest.raises(GeomsupError, match="is a directory"):
        TrainingRun.load(tmp_path)
    no_path: Any = 7
    with pytest.raises(GeomsupError, match="path must be"):
        TrainingRun.load(no_path)
    path.write_bytes(b"")
    refused("no readable safetensors")
    np.save(tmp_path / "array.npy", run.weights)
    path.write_bytes((tmp_path / "array.npy").read_bytes())
    refused("no readable safetensors")
    path.write_bytes(safetensors.numpy.save({"weights": run.weights}))
    refused("lacks the metadata")
    kind = {"format": "geomsup.TrainingRun"}
    for text, words in [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "no JSON object"),
        ("{}", "format version"),
        ('{"format_version": 3}', "update geomsup"),
    ]:
        _rewrite(run, path, header={**kind, "geomsup": text})
        refused(words)
    _rewrite(run, path, header=kind)
    refused("lacks the metadata")
    _rewrite(run, path, drop=["biases"])
    refused("no tensor 'biases'")
    _rewrite(run, path, drop=["decoders"])
    refused("no tensor 'decoders'")
    _rewrite(run, path, tensors={"weights": run.weights.astype(np.float32)})
    refused("F64, got F32")
    _rewrite(run, path, tensors={"weights": run.weights[:2]})
    refused(r"shape \(3, 2, 4\)")
    _rewrite(run, path, tensors={"history_steps": np.zeros((0, 2), dtype=np.int64)})
    refused("history_steps")
    _rewrite(run, path, tensors={"losses": np.array([1.0, np.nan, 2.0])})
    refused("NaN")
    mistaken: list[dict[str, Any]] = [
        {"seed": -1},
        {"seed": 1.5},
        {"seed": True},
        {"completed_steps": None},
        {"completed_steps": 61},
        {"device": 3},
        {"provenance": []},
        {"config": 5},
        {"config": {"n_features": 0}},
        {"config": {"colour": 1}},
        {"config": {**run.config.to_dict(), "n_instances": 10**18}},
    ]
    for said in mistaken:
        _rewrite(run, path, **said)
        refused("no usable training run")


def test_mangled_files_are_refused_or_read(saved: Path, tmp_path: Path) -> None:
    content = saved.read_bytes()
    generator = np.random.default_rng(0)
    path = tmp_path / "mangled.safetensors"
    refused = 0
    for trial in range(400):
        mangled = bytearray(content)
        if trial % 2:
            mangled = mangled[: generator.integers(len(content))]
        # Mostly the header, where the meaning is.
        for _ in range(generator.integers(1, 5)):
            if mangled:
                mangled[generator.integers(min(len(mangled), 1500))] = generator.integers(256)
        path.write_bytes(mangled)
        try:
            TrainingRun.load(path)
        except GeomsupError:
            refused += 1
    assert refused > 200
