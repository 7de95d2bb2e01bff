"""Keeping work: checkpoints, trajectories, and the exact objective."""

from __future__ import annotations

import dataclasses
import errno
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy
import torch

import geomsup
from geomsup.errors import GeomsupError, GeomsupWarning
from geomsup.storage import read_tensors, write_tensors
from geomsup.theory import FeatureModel, expected_loss
from geomsup.training import ToyModelConfig, TrainingDivergedError, TrainingRun, train
from geomsup.training.checkpoints import Checkpoint
from geomsup.training.data import Sampler
from geomsup.training.environment import stop_requests
from geomsup.training.fit import Fit
from geomsup.training.learner import ToyLearner

_ARRAYS = ("weights", "decoders", "biases", "losses", "loss_errors")
# More steps than two looks at what is finite, and losses that are noted at every other one.
_SMALL = ToyModelConfig(n_instances=3, n_steps=430, batch_size=24, n_records=9)


def _assert_same(one: TrainingRun, other: TrainingRun) -> None:
    for name in _ARRAYS:
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    for record in ("history", "trajectory"):
        for name, value in vars(getattr(one, record)).items():
            assert value.tobytes() == getattr(getattr(other, record), name).tobytes(), name
    assert one.completed_steps == other.completed_steps


class _Killed(Exception):
    pass


def _write_every(n_steps: int, patch: pytest.MonkeyPatch) -> None:
    """Write a checkpoint before one of so many steps, whatever the clock says."""
    steps = itertools.count(1)
    patch.setattr(Checkpoint, "is_due", property(lambda _: next(steps) % n_steps == 0))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"record_schedule": "log", "optimizer": "adamw", "weight_decay": 0.1},
        {"tied": False, "hidden_activation": "relu", "signed": True, "target": "absolute"},
        {"n_features": 6, "correlation": "correlated", "set_size": 2, "lr_schedule": "cosine"},
        {"n_features": 6, "correlation": "anticorrelated", "set_size": 2},
        {"dataset_size": 31, "unit_norm": True, "weight_decay": 0.1, "n_warmup": 100},
        {"dataset_size": 20},
        {"feature_probability": [[0.1], [1e-7], [0.1]]},
        {"feature_model": FeatureModel.equal_sets(1, 5, 0.3, together=0.5, equal_values=0.4)},
    ],
)
@pytest.mark.usefixtures("short_evaluations")
def test_what_goes_on_from_a_checkpoint_is_the_same(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(_SMALL, **settings)
    whole = train(config, seed=5)
    take = Fit.step
    for at in (137, 300, 429):
        path = tmp_path / str(at) / "checkpoint.safetensors"
        path.parent.mkdir()
        steps = 0

        def dies(self: Fit, at: int = at) -> None:
            nonlocal steps
            if steps == at:
                raise _Killed
            steps += 1
            take(self)

        with monkeypatch.context() as patch:
            patch.setattr(Fit, "step", dies)
            _write_every(60, patch)
            with pytest.raises(_Killed):
                train(config, seed=5, checkpoint=path)
        assert path.exists()
        _assert_same(train(config, seed=5, checkpoint=path), whole)
        # It stays, and gives the same run again without any step.
        with monkeypatch.context() as patch:
            patch.setattr(Fit, "step", dies)
            _assert_same(train(config, seed=5, checkpoint=path), whole)
        assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.usefixtures("short_evaluations")
def test_killed_without_warning_and_resumed(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    config = dataclasses.replace(_SMALL, n_steps=3000, n_records=4)
    # Its steps take a hundredth of a second, so that it is not done before it is killed.
    code = (
        "import time\n"
        "from geomsup.training import ToyModelConfig, train\n"
        "from geomsup.training.fit import Fit\n"
        "step = Fit.step\n"
        "Fit.step = lambda self: (time.sleep(0.01), step(self))\n"
        f"train(ToyModelConfig.from_dict({config.to_dict()!r}), seed=2, "
        f"checkpoint={str(path)!r}, checkpoint_seconds=0.05)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(geomsup.__file__).parents[1])}
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as process:
        deadline = time.monotonic() + 60
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "it was done before it could be killed"
    _assert_same(train(config, seed=2, checkpoint=path), train(config, seed=2))


@pytest.mark.usefixtures("short_evaluations")
def test_an_interruption_names_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    draw, drawn = Sampler.draw, 0

    def interrupted(self: Sampler, out: Any) -> None:
        nonlocal drawn
        drawn += 1
        if drawn == 250:
            raise KeyboardInterrupt
        draw(self, out)

    with monkeypatch.context() as patch:
        patch.setattr(Sampler, "draw", interrupted)
        _write_every(60, patch)
        with pytest.warns(GeomsupWarning, match=r"goes on from .*checkpoint\.safetensors"):
            short = train(_SMALL, checkpoint=path)
    assert short.completed_steps == 249
    _assert_same(train(_SMALL, checkpoint=path), train(_SMALL))


@pytest.mark.usefixtures("short_evaluations")
def test_ctrl_c_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long ago the last checkpoint was written, or if there was none yet."""
    path = tmp_path / "checkpoint.safetensors"
    draw, drawn = Sampler.draw, 0

    def interrupted(self: Sampler, out: Any) -> None:
        nonlocal drawn
        drawn += 1
        if drawn == 250:
            signal.raise_signal(signal.SIGINT)
        draw(self, out)

    with monkeypatch.context() as patch:
        patch.setattr(Sampler, "draw", interrupted)
        with pytest.warns(GeomsupWarning, match=r"goes on from .*checkpoint\.safetensors"):
            short = train(_SMALL, checkpoint=path)
    assert short.completed_steps == 250
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    n_draws = 0

    def counted(self: Sampler, out: Any) -> None:
        nonlocal n_draws
        n_draws += 1
        draw(self, out)

    monkeypatch.setattr(Sampler, "draw", counted)
    resumed = train(_SMALL, checkpoint=path)
    n_resumed, n_draws = n_draws, 0
    _assert_same(resumed, train(_SMALL))
    assert n_draws - n_resumed == 250


@pytest.mark.usefixtures("short_evaluations")
def test_a_second_ctrl_c_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    draw, is_first = Sampler.draw, True

    def impatient(self: Sampler, out: Any) -> None:
        nonlocal is_first
        if is_first:
            is_first = False
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        draw(self, out)

    monkeypatch.setattr(Sampler, "draw", impatient)
    with pytest.warns(GeomsupWarning, match="interrupted after 0 of"):
        train(_SMALL)


def test_another_handler_of_ctrl_c_is_left_alone() -> None:
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(0))
    try:
        with stop_requests() as must_stop:
            signal.raise_signal(signal.SIGINT)
            assert not must_stop()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [0]


@pytest.mark.usefixtures("short_evaluations")
def test_checkpoints_of_other_trainings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    config = dataclasses.replace(_SMALL, n_steps=20)
    train(config, seed=1, checkpoint=path)
    with pytest.raises(GeomsupError, match=r"its seed is 1, not 2; name another file, or remove"):
        train(config, seed=2, checkpoint=path)
    other = dataclasses.replace(config, learning_rate=0.5)
    with pytest.raises(GeomsupError, match=r"its learning_rate is 0.001, not 0.5"):
        train(other, seed=1, checkpoint=path)
    run = train(config, seed=1)
    run.save(path)
    with pytest.raises(GeomsupError, match="holds no checkpoint"):
        train(config, seed=1, checkpoint=path)
    with pytest.raises(GeomsupError, match="named \\*\\.safetensors"):
        train(config, checkpoint=tmp_path / "checkpoint.pt")
    with pytest.raises(GeomsupError, match="checkpoint_seconds must be a number above 0"):
        train(config, checkpoint=path, checkpoint_seconds=0)


@pytest.mark.usefixtures("short_evaluations")
def test_damaged_checkpoints_are_refused_or_read(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    config = dataclasses.replace(_SMALL, n_steps=10, n_instances=1, n_records=2)
    train(config, checkpoint=path)
    content = path.read_bytes()
    generator = np.random.default_rng(0)
    refused = 0
    for trial in range(200):
        mangled = bytearray(content)
        if trial % 2:
            mangled = mangled[: generator.integers(len(content))]
        for _ in range(generator.integers(1, 5)):
            if mangled:
                mangled[generator.integers(min(len(mangled), 2500))] = generator.integers(256)
        path.write_bytes(mangled)
        try:
            train(config, checkpoint=path)
        except GeomsupError:
            refused += 1
    assert refused > 100


def _infinite(_tensors: dict[str, Any], said: dict[str, Any]) -> None:
    said["completed_steps"] = float("inf")


def _boolean(_tensors: dict[str, Any], said: dict[str, Any]) -> None:
    said["completed_steps"] = True


def _words(value: object) -> Any:
    def damage(_tensors: dict[str, Any], said: dict[str, Any]) -> None:
        said["random_state"]["words"][0][2] = value

    return damage


def _negative_square(tensors: dict[str, Any], _said: dict[str, Any]) -> None:
    tensors["square"][0] = -1.0


def _set(name: str, change: Any) -> Any:
    def damage(tensors: dict[str, Any], _said: dict[str, Any]) -> None:
        tensors[name] = change(tensors[name])

    return damage


def _nan(array: Any) -> Any:
    array[-1] = np.nan
    return array


@pytest.mark.parametrize(
    "damage",
    [
        _infinite,
        _boolean,
        _words(float("inf")),
        _words(2**64),
        _words(10**30),
        _words(-1),
        _words(1.5),
        _words(True),
        _negative_square,
        _set("history_steps", lambda steps: steps + 1),
        _set("history_steps", lambda steps: steps[:-1]),
        _set("history_losses", _nan),
        _set("history_losses", lambda losses: losses[:, :0].copy()),
        _set("record_steps", lambda steps: steps[::-1].copy()),
        _set("record_theta", _nan),
        _set("record_theta", lambda theta: theta[:, :, :, :1].copy()),
    ],
)
@pytest.mark.usefixtures("short_evaluations")
def test_what_no_training_writes_is_damage(damage: Any, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    # As long as one step, so that a boolean count would be the right number.
    config = dataclasses.replace(_SMALL, n_steps=1, n_records=2)
    train(config, checkpoint=path)
    _, tensors, said = read_tensors(path, None, kind="Checkpoint")
    damage(tensors, said)
    write_tensors(path, tensors, said, kind="Checkpoint")
    with pytest.raises(GeomsupError, match=r"checkpoint\.safetensors is damaged .*; remove it"):
        train(config, checkpoint=path)


def test_the_last_good_weights_outlive_a_divergence(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    config = ToyModelConfig(
        n_instances=2, n_steps=3000, batch_size=16, learning_rate=1e17, tied=False, signed=True
    )
    with pytest.raises(TrainingDivergedError) as caught:
        train(config, checkpoint=path, checkpoint_seconds=1e-9)
    assert np.isfinite(caught.value.decoders).all()
    kept = Fit(ToyLearner(config, 0, torch.device("cpu"), range(2)))
    _, tensors, said = read_tensors(path, None, kind="Checkpoint")
    kept.take(tensors, said)
    assert kept.completed <= caught.value.last_good_step


# ---------------------------------------------------------------------- trajectories


@pytest.mark.parametrize(
    ("schedule", "steps"),
    [("linear", [0, 25, 50, 75, 100]), ("log", [0, 1, 5, 22, 100])],
)
def test_trajectories_follow_their_schedule(schedule: str, steps: list[int]) -> None:
    config = ToyModelConfig(
        n_instances=2, n_steps=100, batch_size=64, n_records=5, record_schedule=schedule
    )
    run = train(config, seed=3)
    kept = run.trajectory
    assert kept.steps.tolist() == steps == list(config.record_steps())
    assert kept.weights.shape == (5, 2, 2, 5)
    np.testing.assert_array_equal(kept.weights[-1], run.weights)
    np.testing.assert_array_equal(kept.biases[-1], run.biases)
    short = train(dataclasses.replace(config, n_steps=steps[2], n_records=0), seed=3)
    np.testing.assert_array_equal(kept.weights[2], short.weights)
    exact = [expected_loss(W, b, 0.1).loss for W, b in zip(run.weights, run.biases, strict=True)]
    np.testing.assert_allclose(kept.losses[-1], exact, rtol=0.1)
    none = train(dataclasses.replace(config, n_records=0), seed=3)
    assert len(none.trajectory) == 0
    np.testing.assert_array_equal(none.weights, run.weights)


def test_one_record_is_the_end_and_none_repeats_a_step() -> None:
    assert ToyModelConfig(n_records=1, n_steps=7).record_steps() == (7,)
    crowded = ToyModelConfig(n_records=50, n_steps=7, record_schedule="log").record_steps()
    assert crowded == tuple(range(8))


# ---------------------------------------------------------------------- the exact objective


def test_exact_losses_are_exact_and_lower() -> None:
    config = ToyModelConfig(
        feature_probability=[[0.05], [0.4]],
        importance=[1.0, 0.9, 0.8, 1.0, 1.0],
        n_instances=8,
        n_restarts=4,
    )
    run = train(config, seed=0, objective="exact")
    assert run.objective == "exact"
    for k in range(8):
        model = run.model(k)
        again = expected_loss(model.W, model.b, model.feature_probability, model.importance)
        assert model.loss == pytest.approx(again.loss, rel=1e-12)
        assert np.abs(again.grad_W).max() < 1e-6
    assert (run.history.losses[-1] < run.history.losses[0]).all()
    sampled = train(
        dataclasses.replace(config, n_steps=3000, learning_rate=1e-2, lr_schedule="cosine"), seed=0
    )
    for ours, theirs in zip(run.best_of_each(), sampled.best_of_each(), strict=True):
        assert ours.loss < theirs.loss + 3 * theirs.loss_error


def test_a_descent_that_never_begins_is_no_result() -> None:
    with pytest.raises(GeomsupError, match=r"ended at a loss of .*take a smaller init_scale"):
        train(ToyModelConfig(n_instances=2, init_scale=1e30), objective="exact")


def test_a_failed_descent_says_how_long_it_was_and_what_zero_costs() -> None:
    config = ToyModelConfig(n_instances=1, n_steps=1, init_scale=3.0)
    words = r"after 1 evaluation, more than an answer of zero costs \(0\.167\)"
    with pytest.raises(GeomsupError, match=words):
        train(config, objective="exact")
    # It may start below: nothing has failed then, and there is one evaluation.
    run = train(dataclasses.replace(config, init_scale=1.0), objective="exact")
    assert ", exact loss, 1 evaluation, seed 0" in str(run)


@pytest.mark.usefixtures("short_evaluations")
def test_one_step_is_no_steps() -> None:
    assert ", 1 step, batch 8," in str(train(ToyModelConfig(n_steps=1, batch_size=8)))


@pytest.mark.usefixtures("short_evaluations")
def test_the_history_ends_with_the_steps() -> None:
    run = train(ToyModelConfig(n_instances=2, n_steps=20), objective="exact")
    assert run.history.steps[-1] <= run.completed_steps <= 20


def test_exact_results_do_not_depend_on_the_neighbours() -> None:
    config = ToyModelConfig(n_instances=7, feature_probability=0.2)
    seven = train(config, seed=4, objective="exact")
    three = train(dataclasses.replace(config, n_instances=3), seed=4, objective="exact")
    for name in _ARRAYS:
        np.testing.assert_array_equal(getattr(three, name), getattr(seven, name)[:3])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"signed": True}, "signed=False only, got True"),
        ({"tied": False}, "tied=True only"),
        ({"target": "absolute"}, "target='identity' only"),
        ({"hidden_activation": "relu"}, "hidden_activation='linear' only"),
        ({"output_activation": "linear"}, "output_activation='relu' only"),
        ({"n_features": 100, "n_hidden": 10}, "up to 500 parameters, got 100 × "),
        ({"n_records": 5}, "keeps no trajectory"),
        ({"dataset_size": 10}, "dataset_size=None only, got 10"),
        ({"unit_norm": True}, "unit_norm=False only, got True"),
        ({"optimizer": "adamw", "weight_decay": 0.1}, "is no term of a loss"),
    ],
)
def test_exact_objective_refuses_what_it_does_not_cover(
    settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(GeomsupError, match=words):
        train(ToyModelConfig(**settings), objective="exact")


def test_the_exact_objective_takes_features_of_every_kind() -> None:
    """Each with its own model, and beside independent ones; as good as the sampled training."""
    pairs = FeatureModel.pairs(2, 0.2, together=0.6, equal_values=0.3)
    exclusive = FeatureModel.pairs(2, 0.2, presence="exclusive")
    plain = FeatureModel.independent(4, [0.1, 0.2, 0.1, 0.2])
    fixed = FeatureModel.pairs(2, 0.2, together=0.5, values="fixed")
    models = (pairs, plain, exclusive, pairs, fixed)
    config = ToyModelConfig(feature_model=models, n_instances=5, n_steps=400, batch_size=512)
    run = train(config, seed=1, objective="exact")
    for k, model in enumerate(models):
        exact = expected_loss(run.weights[k], run.biases[k], model)
        assert run.losses[k] == exact.loss
        assert np.abs(exact.grad_W).max() < 1e-6
    sampled = train(
        dataclasses.replace(config, n_steps=2000, learning_rate=0.01, lr_schedule="cosine"), seed=1
    )
    # Its losses are those of the models; a descent from where it ended does not climb.
    for k, model in enumerate(models):
        exact = expected_loss(sampled.weights[k], sampled.biases[k], model)
        assert abs(sampled.losses[k] - exact.loss) < 4.5 * sampled.loss_errors[k] + 1e-9
    alone = train(
        dataclasses.replace(config, feature_model=pairs, n_instances=1), 1, objective="exact"
    )
    np.testing.assert_array_equal(alone.weights[0], run.weights[0])


def test_weight_decay_is_a_term_of_both_objectives() -> None:
    config = ToyModelConfig(
        n_features=3,
        feature_probability=0.3,
        weight_decay=0.02,
        n_instances=4,
        n_steps=3000,
        batch_size=512,
        learning_rate=0.01,
        lr_schedule="cosine",
    )
    exact = train(config, seed=2, objective="exact")
    sampled = train(config, seed=2)
    free = train(dataclasses.replace(config, weight_decay=0.0), seed=2, objective="exact")
    assert (
        np.linalg.norm(exact.weights, axis=(1, 2)) < np.linalg.norm(free.weights, axis=(1, 2))
    ).all()
    for k in range(4):
        loss = expected_loss(exact.weights[k], exact.biases[k], 0.3, weight_decay=0.02)
        assert np.abs(loss.grad_W).max() < 1e-6
        assert exact.losses[k] == pytest.approx(loss.loss - loss.penalty, abs=1e-12)
        # What the sampled training minimises is the same: there the gradient is small.
        loss = expected_loss(sampled.weights[k], sampled.biases[k], 0.3, weight_decay=0.02)
        without = expected_loss(sampled.weights[k], sampled.biases[k], 0.3)
        assert np.abs(loss.grad_W).max() < 0.1 * np.abs(without.grad_W).max()
    assert exact.history.losses[1] == pytest.approx(exact.losses, abs=1e-9)


def test_objectives_are_named() -> None:
    with pytest.raises(GeomsupError, match="objective must be one of sampled, exact"):
        train(ToyModelConfig(), objective="guessed")
    with pytest.raises(GeomsupError, match="takes no checkpoint"):
        train(ToyModelConfig(), objective="exact", checkpoint="x.safetensors")


# ---------------------------------------------------------------------- files


def _part(target: Path, pid: int) -> Path:
    return target.with_name(f".{target.name}.{pid}.part")


@pytest.mark.usefixtures("short_evaluations")
def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    path, config = tmp_path / "checkpoint.safetensors", dataclasses.replace(_SMALL, n_steps=20)
    code = (
        "import os, signal\n"
        "from geomsup.training import ToyModelConfig, train\n"
        "os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"train(ToyModelConfig.from_dict({config.to_dict()!r}), checkpoint={str(path)!r})"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(geomsup.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    (orphan,) = tmp_path.iterdir()
    assert orphan.suffix == ".part"
    # A writer that lives is left alone, and so is what belongs to another file.
    alive = _part(path, os.getppid())
    others = _part(tmp_path / "other.safetensors", int(orphan.name.split(".")[-2]))
    for file in (alive, others):
        file.write_bytes(b"")
    train(config, checkpoint=path)
    assert {file.name for file in tmp_path.iterdir()} == {path.name, alive.name, others.name}


@pytest.mark.parametrize("fails", ["always", "at first"])
@pytest.mark.usefixtures("short_evaluations")
def test_a_full_disk_does_not_end_the_training(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, config = tmp_path / "checkpoint.safetensors", dataclasses.replace(_SMALL, n_steps=60)
    whole = train(config, seed=5)
    n_calls = 0

    def full(_file: int) -> None:
        nonlocal n_calls
        n_calls += 1
        if fails == "always" or n_calls < 3:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(GeomsupWarning) as caught:
        run = train(config, seed=5, checkpoint=path, checkpoint_seconds=1e-9)
    _assert_same(run, whole)
    assert n_calls > 5
    (warning,) = caught
    assert "checkpoint could not be written" in str(warning.message)
    assert "No space left on device" in str(warning.message)
    assert [file.name for file in tmp_path.iterdir()] == ([] if fails == "always" else [path.name])


@pytest.mark.parametrize("name", ["theta", "mean", "square", "history_losses", "record_theta"])
@pytest.mark.usefixtures("short_evaluations")
def test_a_checkpoint_with_an_altered_number_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    train(dataclasses.replace(_SMALL, n_steps=20), checkpoint=path)
    with safetensors.safe_open(path, framework="np") as file:
        tensors = {key: file.get_tensor(key).copy() for key in file.keys()}  # noqa: SIM118  # no dict
        metadata = file.metadata()
    safetensors.numpy.save_file(tensors, path, metadata)
    # Written by another library, but not changed.
    train(dataclasses.replace(_SMALL, n_steps=20), checkpoint=path)
    tensors[name].flat[0] *= 1 + 1e-6
    tensors[name].flat[0] += 1e-30
    safetensors.numpy.save_file(tensors, path, metadata)
    with pytest.raises(GeomsupError, match="checksum does not fit"):
        train(dataclasses.replace(_SMALL, n_steps=20), checkpoint=path)


@pytest.mark.usefixtures("short_evaluations")
def test_an_altered_note_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    config = dataclasses.replace(_SMALL, n_steps=20)
    train(config, checkpoint=path)
    content = path.read_bytes()
    place = content.index(b'words\\": [[') + len(b'words\\": [[')
    digit = b"2" if content[place : place + 1] == b"1" else b"1"
    path.write_bytes(content[:place] + digit + content[place + 1 :])
    with pytest.raises(GeomsupError, match="checksum does not fit"):
        train(config, checkpoint=path)


@pytest.mark.usefixtures("short_evaluations")
def test_the_same_training_gives_the_same_bytes(tmp_path: Path) -> None:
    contents = set()
    for k in range(4):
        path = tmp_path / f"{k}.safetensors"
        run = train(_SMALL, seed=5, checkpoint=path)
        contents.add((path.read_bytes(), run.save(tmp_path / "run.safetensors").read_bytes()))
    assert len(contents) == 1
    # And the field's library reads them.
    tensors = safetensors.numpy.load_file(tmp_path / "run.safetensors")
    assert np.array_equal(tensors["weights"], run.weights)
    assert tensors["history_steps"].dtype == np.int64
