"""Sparse autoencoders: configuration, gradient, training, and independence of neighbours."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from geomsup.dictionary import (
    Autoencoder,
    AutoencoderConfig,
    ToyActivations,
    best_of_each,
    load_autoencoders,
    planted_clusters,
    recover_features,
    save_autoencoders,
    train_autoencoders,
)
from geomsup.dictionary.model import AutoencoderBatch, keep_largest
from geomsup.errors import GeomsupError
from geomsup.storage import read_tensors, write_tensors
from geomsup.training import ToyModelConfig, train
from geomsup.training import fit as training_fit
from geomsup.training.fit import Fit
from geomsup.weights import as_weights

Array = NDArray[np.float64]
FIELDS = ("decoder", "encoder", "bias", "centre", "firing", "power")


def _pentagon() -> ToyActivations:
    angles = 2 * np.pi * np.arange(5) / 5
    return ToyActivations(np.array([np.cos(angles), np.sin(angles)]), 0.1)


def _short(**settings: Any) -> AutoencoderConfig:
    return AutoencoderConfig(**{"n_steps": 60, "batch_size": 32, "resample_every": 10, **settings})


def _same(a: Autoencoder, b: Autoencoder) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in FIELDS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_latents": 0}, "n_latents must be an integer of at least 1"),
        ({"n_latents": ()}, "n_latents must name at least one value"),
        ({"n_latents": (8, 8)}, "must not name a value twice"),
        ({"n_latents": 2.5}, "n_latents must be an integer"),
        ({"n_latents": True}, "n_latents must be an integer"),
        ({"penalty": -0.1}, "penalty must be a number from 0 to 1e\\+30, got -0.1"),
        ({"penalty": float("nan")}, "penalty must be a number from 0 to 1e\\+30, got nan"),
        ({"penalty": "much"}, "penalty must be a number"),
        ({"activation": "gelu"}, "activation must be one of relu, topk"),
        ({"activation": "topk", "k": 9, "n_latents": 8}, "k must not exceed the smallest"),
        ({"n_steps": 0}, "n_steps must be an integer of at least 1"),
        ({"learning_rate": 0}, "learning_rate must be a number above 0"),
        ({"resample_every": -1}, "resample_every must be an integer of at least 0"),
    ],
)
def test_config_refuses(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(GeomsupError, match=message):
        AutoencoderConfig(**settings)


def test_config_goes_to_json_and_back() -> None:
    config = AutoencoderConfig(
        n_latents=np.array([4, 8]).tolist(), penalty=[0.1, 0.3], n_restarts=2
    )
    assert AutoencoderConfig(**json.loads(json.dumps(config.to_dict()))) == config
    assert config.settings[:3] == ((4, 0.1, 0), (4, 0.1, 1), (4, 0.3, 0))


def test_learning_rate_falls_at_the_end_and_resampling_stops_at_half_time() -> None:
    config = AutoencoderConfig(n_steps=100, resample_every=20, learning_rate=0.01)
    rates = [config.learning_rate_at(step) for step in (0, 80, 90, 99)]
    assert rates == pytest.approx([0.01, 0.01, 0.005, 0.0005])
    assert [step for step in range(100) if config.resamples_at(step)] == [20, 40]


@pytest.mark.parametrize("k", [1, 2, 4])
def test_keep_largest_is_topk(rng: np.random.Generator, k: int) -> None:
    codes = np.maximum(rng.standard_normal((7, 50)), 0.0)
    kept = codes.copy()
    keep_largest(kept, k)
    values, places = torch.from_numpy(codes).topk(k, dim=0)
    expected = torch.zeros(7, 50, dtype=torch.float64).scatter_(0, places, values)
    assert np.array_equal(kept, expected.numpy())


@pytest.mark.parametrize("active", [None, (1, 3)])
def test_gradient_is_that_of_autograd(
    rng: np.random.Generator, active: tuple[int, ...] | None
) -> None:
    m, n, size = 3, 6, 40
    penalties = np.zeros(2) if active else np.array([0.1, 0.7])
    batch = AutoencoderBatch(m, n, size, penalties, active)
    batch.theta.copy_(torch.from_numpy(rng.standard_normal((2, 2 * m + 1, n))))
    if active:
        batch.bias.zero_()
    batch.normalise()
    batch.centre.copy_(torch.from_numpy(0.3 * rng.standard_normal((2, 1, m))))
    h = torch.from_numpy(rng.standard_normal((m, size))).float()
    batch.backward(h)

    for k in range(2):
        # An independent route: the direction is normalised inside, which projects the gradient.
        theta = batch.theta[k].double().requires_grad_()
        centre = batch.centre[k, 0].double().requires_grad_()
        D = theta[:m] / theta[:m].norm(dim=0)
        z = torch.relu(theta[m:-1].T @ (h.double() - centre[:, None]) + theta[-1][:, None])
        if active:
            least = z.detach().topk(active[k], dim=0).values[-1]
            z = z * (z >= least)
        residual = D @ z + centre[:, None] - h.double()
        loss = (residual.square().sum(0) + float(penalties[k]) * z.sum(0)).mean()
        loss.backward()
        assert theta.grad is not None
        assert centre.grad is not None
        expected = theta.grad.clone()
        if active:
            expected[-1] = 0.0
        assert torch.allclose(batch.gradient[k].double(), expected, atol=2e-6)
        assert torch.allclose(batch.centre_gradient[k, 0].double(), centre.grad, atol=2e-6)


@pytest.mark.parametrize("activation", ["relu", "topk"])
def test_an_autoencoder_does_not_depend_on_its_neighbours(activation: str) -> None:
    # 70 latents: rows of memory that are padded.
    many = _short(
        activation=activation, n_latents=(4, 70), penalty=(0.1, 0.3), k=(1, 3), n_restarts=2
    )
    few = _short(activation=activation, n_latents=70, penalty=0.3, k=3, n_restarts=2)
    found = train_autoencoders(_pentagon(), many, seed=3, progress=False)
    alone = train_autoencoders(_pentagon(), few, seed=3, progress=False)
    assert len(found) == 8
    assert all(_same(a, b) for a, b in zip(found[-2:], alone, strict=True))


def test_the_seed_decides() -> None:
    config = _short(n_latents=6)
    once, again, other = (
        train_autoencoders(_pentagon(), config, seed=seed, progress=False)[0] for seed in (0, 0, 1)
    )
    assert _same(once, again)
    assert not np.array_equal(once.decoder, other.decoder)


def test_training_leaves_the_number_of_threads_alone() -> None:
    before = torch.get_num_threads()
    train_autoencoders(_pentagon(), _short(), progress=False)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_unit_of_the_activations_does_not_matter(scale: float) -> None:
    source = _pentagon()
    found, scaled = (
        train_autoencoders(
            ToyActivations(factor * source.W, 0.1), _short(n_steps=300), progress=False
        )[0]
        for factor in (1.0, scale)
    )
    assert scaled.unexplained == pytest.approx(found.unexplained, rel=0.05)
    assert scaled.loss == pytest.approx(found.loss * scale**2, rel=0.05)


def test_given_activations_are_learnt_like_drawn_ones(rng: np.random.Generator) -> None:
    h = _pentagon().sample(4000, seed=1)
    config = AutoencoderConfig(n_latents=5, penalty=0.1, n_steps=1000, batch_size=64)
    (found,) = train_autoencoders(h, config, progress=False)
    assert found.unexplained < 0.05
    residual = found.reconstruct(h) - h
    assert np.mean(np.sum(residual**2, axis=1)) == pytest.approx(found.error, rel=0.1)
    assert (found.encode(h) >= 0.0).all()


def test_topk_keeps_at_most_k() -> None:
    config = _short(activation="topk", n_latents=9, k=2)
    (found,) = train_autoencoders(_pentagon(), config, progress=False)
    codes = found.encode(_pentagon().sample(500))
    assert (codes > 0.0).sum(axis=1).max() == 2
    assert not found.bias.any()


def test_refitting_never_loses() -> None:
    config = AutoencoderConfig(n_latents=5, penalty=1.0, n_steps=300, batch_size=64)
    (found,) = train_autoencoders(_pentagon(), config, progress=False)
    h = _pentagon().sample(300)
    plain, refitted = (
        np.sum((rebuilt - h) ** 2, axis=1) for rebuilt in (found.reconstruct(h), found.refitted(h))
    )
    assert (refitted <= plain + 1e-12).all()
    assert refitted.sum() < 0.5 * plain.sum()
    silent = (found.encode(h) == 0.0).all(axis=1)
    assert np.array_equal(found.refitted(h)[silent], found.reconstruct(h)[silent])


def test_decoders_are_unit_vectors_and_results_are_read_only() -> None:
    (found,) = train_autoencoders(_pentagon(), _short(), progress=False)
    assert np.linalg.norm(found.decoder, axis=0) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="read-only"):
        found.decoder[0, 0] = 1.0


def test_an_autoencoder_goes_to_json_and_back() -> None:
    (found,) = train_autoencoders(_pentagon(), _short(), progress=False)
    again = Autoencoder.from_dict(json.loads(json.dumps(found.to_dict())))
    assert _same(found, again)
    assert str(again) == str(found)
    with pytest.raises(GeomsupError, match="not the entries of an Autoencoder"):
        Autoencoder.from_dict({"decoder": []})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_resampling_revives_dead_latents(seed: int) -> None:
    # Seeds whose initial values leave latents where no activation is.
    source = ToyActivations(planted_clusters((6,), 24).W, 0.02)
    without, with_it = (
        train_autoencoders(
            source,
            AutoencoderConfig(
                n_latents=12, penalty=0.3, n_steps=400, batch_size=64, resample_every=every
            ),
            seed=seed,
            progress=False,
        )[0]
        for every in (0, 20)
    )
    assert with_it.alive.sum() > without.alive.sum()


def test_best_of_each_takes_the_lowest_loss() -> None:
    found = train_autoencoders(
        _pentagon(), _short(n_latents=(4, 8), n_restarts=3), seed=1, progress=False
    )
    best = best_of_each(found)
    assert [one.n_latents for one in best] == [4, 8]
    assert best[0].loss == min(one.loss for one in found[:3])
    assert best[1].loss == min(one.loss for one in found[3:])


@pytest.mark.parametrize(
    ("activations", "message"),
    [
        (np.zeros((10, 3)), "activations are all zero"),
        (np.ones(5), "of shape \\(n_samples, n_hidden\\)"),
        ([[1.0, np.nan]], "activations must be .* expected finite numbers, got 1 NaN"),
        ("many", "activations must be ToyActivations or an array"),
    ],
)
def test_activations_are_checked(activations: object, message: str) -> None:
    with pytest.raises(GeomsupError, match=message):
        train_autoencoders(activations, _short(), progress=False)


def _as_npy(h: Array, folder: Path) -> object:
    np.save(folder / "h.npy", h)
    return folder / "h.npy"


def _as_pt(h: Array, folder: Path) -> object:
    torch.save({"h": torch.from_numpy(h)}, folder / "h.pt")
    return str(folder / "h.pt")


@pytest.mark.parametrize(
    "give",
    [
        lambda h, _: h.tolist(),
        lambda h, _: torch.from_numpy(h).requires_grad_(),
        lambda h, _: torch.from_numpy(h).bfloat16(),
        lambda h, _: torch.from_numpy(h).half(),
        _as_npy,
        _as_pt,
    ],
)
def test_activations_are_read_as_weights_are(
    give: Callable[[Array, Path], object], tmp_path: Path
) -> None:
    # Numbers of eight bits, exact in every kind.
    h = np.round(16 * _pentagon().sample(300, seed=1)) / 16
    given = give(h, tmp_path)
    (expected,) = train_autoencoders(h, _short(), progress=False)
    (found,) = train_autoencoders(given, _short(), progress=False)
    assert _same(found, expected)
    if isinstance(given, torch.Tensor):
        (turned,) = train_autoencoders(given.T, _short(), progress=False, feature_axis=0)
        assert _same(turned, expected)
    for name in ("encode", "reconstruct", "refitted"):
        assert np.array_equal(getattr(found, name)(given), getattr(expected, name)(h))


def test_rows_may_be_features() -> None:
    with pytest.raises(GeomsupError, match="feature_axis is about arrays"):
        train_autoencoders(_pentagon(), _short(), feature_axis=0)
    W = _pentagon().W
    for turned in (W.T, torch.from_numpy(W.T.copy()).requires_grad_()):
        source = ToyActivations(turned, 0.1, feature_axis=0)  # type: ignore[arg-type]  # read
        assert np.array_equal(source.W, W)
        assert recover_features(W, turned, feature_axis=0).share == 1.0


# ---------------------------------------------------------------------- files


def test_autoencoders_are_saved_with_what_made_them(tmp_path: Path) -> None:
    config = _short(n_latents=(3, 6), penalty=(0.1, 0.2))
    found = train_autoencoders(_pentagon(), config, seed=7, progress=False)
    path = save_autoencoders(tmp_path / "sae.safetensors", found)
    again = load_autoencoders(path)
    assert [one.to_dict() for one in again] == [one.to_dict() for one in found]
    made = again[0].provenance
    assert made["seed"] == 7
    assert made["config"] == config.to_dict()
    assert {"geomsup", "torch", "numpy", "python"} <= set(made)
    assert np.array_equal(as_weights(path, key="3.decoder"), found[3].decoder)
    assert path.read_bytes() == save_autoencoders(path, again).read_bytes()
    assert load_autoencoders(save_autoencoders(path, found[1]))[0].to_dict() == found[1].to_dict()


def test_files_of_autoencoders_are_checked(tmp_path: Path) -> None:
    (found,) = train_autoencoders(_pentagon(), _short(), progress=False)
    path = save_autoencoders(tmp_path / "sae.safetensors", found)
    content = path.read_bytes()
    place = content.index(found.decoder.tobytes())
    path.write_bytes(content[:place] + b"\1" + content[place + 1 :])
    with pytest.raises(GeomsupError, match="checksum does not fit"):
        load_autoencoders(path)
    with pytest.raises(GeomsupError, match="does not exist"):
        load_autoencoders(tmp_path / "none.safetensors")
    with pytest.raises(GeomsupError, match="no autoencoder to save"):
        save_autoencoders(path, [])
    with pytest.raises(GeomsupError, match="must be Autoencoders"):
        save_autoencoders(path, [3])  # type: ignore[list-item]  # on purpose
    with pytest.raises(GeomsupError, match=r"named \*\.safetensors"):
        save_autoencoders(tmp_path / "sae.pt", found)
    train(ToyModelConfig(n_instances=1, n_steps=2, batch_size=8)).save(path)
    with pytest.raises(GeomsupError, match="holds no trained autoencoders"):
        load_autoencoders(path)
    changes: list[tuple[dict[str, Any], str]] = [
        ({"decoder": [[1.0]]}, "its encoder must have shape"),
        ({"sparsity": "much"}, "sparsity .* must be a finite number"),
        ({"activation": "gelu"}, "activation must be one of relu, topk"),
        ({"activation": "topk", "sparsity": 0.5}, "its k must lie in"),
        ({"restart": 1.5}, "restart .* must be an integer"),
    ]
    for change, words in changes:
        with pytest.raises(GeomsupError, match=f"not the entries of an Autoencoder: .*{words}"):
            Autoencoder.from_dict({**found.to_dict(), **change})


# ---------------------------------------------------------------------- checkpoints


class _Killed(Exception):
    pass


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("activation", ["relu", "topk"])
@pytest.mark.parametrize("at", [7, 60, 95, 119])
def test_what_goes_on_from_a_checkpoint_is_the_same(
    at: int, activation: str, given: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _pentagon().sample(200) if given else _pentagon()
    config = _short(n_latents=(4, 7), activation=activation, k=(1, 2), n_restarts=2)
    whole = train_autoencoders(source, config, seed=5, progress=False)
    path = tmp_path / "checkpoint.safetensors"
    take, n_steps = Fit.step, 0

    def dies(self: Fit) -> None:
        nonlocal n_steps
        if n_steps == at:
            raise _Killed
        n_steps += 1
        take(self)

    def again() -> tuple[Autoencoder, ...]:
        return train_autoencoders(
            source, config, seed=5, progress=False, checkpoint=path, checkpoint_seconds=1e-9
        )

    monkeypatch.setattr(Fit, "step", dies)
    with pytest.raises(_Killed):
        again()
    # As many steps as are left, and not one more.
    n_steps = at - (2 * config.n_steps - at)
    for _ in range(2):
        resumed = again()
        assert [one.to_dict() for one in resumed] == [one.to_dict() for one in whole]
        assert n_steps == at
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_ctrl_c_writes_the_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.safetensors"
    take, n_steps = Fit.step, 0

    def interrupted(self: Fit) -> None:
        nonlocal n_steps
        n_steps += 1
        if n_steps == 30:
            signal.raise_signal(signal.SIGINT)
        take(self)

    monkeypatch.setattr(Fit, "step", interrupted)
    words = r"after 30 of 60 steps; the same call goes on from .*checkpoint\.safetensors"
    with pytest.raises(KeyboardInterrupt, match=words):
        train_autoencoders(_pentagon(), _short(), progress=False, checkpoint=path)
    (resumed,) = train_autoencoders(_pentagon(), _short(), progress=False, checkpoint=path)
    assert n_steps == 60
    (whole,) = train_autoencoders(_pentagon(), _short(), progress=False)
    assert _same(resumed, whole)


def test_checkpoints_of_other_autoencoders_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    train_autoencoders(_pentagon(), _short(), seed=1, progress=False, checkpoint=path)
    other = ToyActivations(_pentagon().W, 0.2)
    for source, config, seed, words in [
        (_pentagon(), _short(), 2, "its seed is 1, not 2"),
        (_pentagon(), _short(penalty=0.5), 1, r"its penalty is \[0.1\], not \[0.5\]"),
        (other, _short(), 1, "its activations is"),
    ]:
        with pytest.raises(GeomsupError, match=f"belongs to another training: {words}"):
            train_autoencoders(source, config, seed, False, checkpoint=path)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(GeomsupError, match="checksum does not fit"):
        train_autoencoders(_pentagon(), _short(), seed=1, progress=False, checkpoint=path)
    with pytest.raises(GeomsupError, match="checkpoint_seconds must be a number above 0"):
        train_autoencoders(_pentagon(), _short(), checkpoint=path, checkpoint_seconds=0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("completed_steps", 61), ("completed_steps", True), ("random_state", {"words": [[1, 2]]}),
     ("random_state", {}), ("random_state", None)],
)  # fmt: skip
def test_what_no_training_of_autoencoders_writes_is_damage(
    name: str, value: Any, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    kind = "AutoencoderCheckpoint"
    with pytest.MonkeyPatch.context() as patch:
        # Asked to stop before the first step.
        patch.setattr(training_fit, "stop_requests", lambda: nullcontext(lambda: True))
        with pytest.raises(KeyboardInterrupt):
            train_autoencoders(_pentagon(), _short(), progress=False, checkpoint=path)
    _, tensors, said = read_tensors(path, None, kind=kind)
    said["under_way"][name] = value
    write_tensors(path, tensors, said, kind=kind)
    with pytest.raises(GeomsupError, match="is damaged"):
        train_autoencoders(_pentagon(), _short(), progress=False, checkpoint=path)


def test_checkpoints_of_earlier_days_are_read(tmp_path: Path) -> None:
    path, kind = tmp_path / "checkpoint.safetensors", "AutoencoderCheckpoint"
    with pytest.MonkeyPatch.context() as patch:
        asked = iter([False] * 25 + [True])
        patch.setattr(training_fit, "stop_requests", lambda: nullcontext(lambda: next(asked)))
        with pytest.raises(KeyboardInterrupt, match="after 25 of 60 steps"):
            train_autoencoders(_pentagon(), _short(), progress=False, checkpoint=path)
    _, tensors, said = read_tensors(path, None, kind=kind)
    said["under_way"]["completed"] = said["under_way"].pop("completed_steps")
    write_tensors(path, tensors, said, kind=kind)
    (resumed,) = train_autoencoders(_pentagon(), _short(), progress=False, checkpoint=path)
    (whole,) = train_autoencoders(_pentagon(), _short(), progress=False)
    assert _same(resumed, whole)


def test_other_arguments_are_checked() -> None:
    with pytest.raises(GeomsupError, match="config must be an AutoencoderConfig"):
        train_autoencoders(_pentagon(), {"n_latents": 3})  # type: ignore[arg-type]
    with pytest.raises(GeomsupError, match="feature_probability must lie in"):
        ToyActivations(np.eye(2), 1.5)
    with pytest.raises(GeomsupError, match="2 numbers, one for each feature"):
        ToyActivations(np.eye(2), np.array([0.1, 0.2, 0.3]))
    (found,) = train_autoencoders(_pentagon(), _short(), progress=False)
    with pytest.raises(GeomsupError, match="must have shape \\(n_samples, 2\\)"):
        found.encode(np.ones((4, 3)))
