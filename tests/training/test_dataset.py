"""A fixed data set in the place of fresh samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from geomsup.errors import GeomsupError
from geomsup.training import ToyModelConfig, train, training_set
from geomsup.training.dataset import DatasetBatches
from geomsup.training.loop import train_together

_CONFIG = ToyModelConfig(
    n_features=12, feature_probability=0.3, dataset_size=20, n_instances=4, n_steps=30
)


def test_a_model_of_few_samples_fits_them_and_no_others() -> None:
    config = replace(
        _CONFIG,
        feature_probability=0.1,
        n_features=40,
        dataset_size=3,
        unit_norm=True,
        n_steps=3000,
        learning_rate=0.01,
        lr_schedule="cosine",
    )
    run = train(config, seed=1)
    for k in range(4):
        X = training_set(config, 1, instance=k)
        answers = np.maximum(X @ run.weights[k].T @ run.weights[k] + run.biases[k], 0.0)
        loss = ((answers - X) ** 2).sum(axis=1).mean()
        assert loss < 0.3
        assert run.losses[k] > 2 * loss
        # The history holds the losses on all of it, before the steps.
        assert run.history.losses[-1, k] == pytest.approx(loss, rel=0.05, abs=1e-4)


def test_the_samples_are_those_of_the_features() -> None:
    X = training_set(replace(_CONFIG, dataset_size=20_000), 3)
    assert X.shape == (20_000, 12)
    assert np.abs((X > 0).mean(axis=0) - 0.3).max() < 4.5 * np.sqrt(0.21 / 20_000)
    scaled = training_set(replace(_CONFIG, unit_norm=True), 3)
    norms = np.linalg.norm(scaled, axis=1)
    np.testing.assert_allclose(norms[norms > 0], 1.0, rtol=1e-6)


def test_restarts_have_one_data_set_and_settings_their_own() -> None:
    config = replace(_CONFIG, n_restarts=2)
    sets = [training_set(config, 3, instance=k) for k in range(4)]
    np.testing.assert_array_equal(sets[0], sets[1])
    assert not np.array_equal(sets[1], sets[2])
    assert not np.array_equal(sets[0], training_set(config, 4))
    # More instances, and other restarts, change nothing.
    np.testing.assert_array_equal(sets[2], training_set(_CONFIG, 3, instance=1))
    run = train(config, seed=3)
    assert not np.array_equal(run.weights[0], run.weights[1])


def test_a_training_with_others_sees_its_own_data() -> None:
    configs = [
        replace(_CONFIG, n_restarts=2, batch_size=8),
        replace(_CONFIG, n_instances=2, batch_size=8, feature_probability=0.2),
    ]
    for config, seed, run in zip(configs, (5, 6), train_together(configs, [5, 6]), strict=True):
        np.testing.assert_array_equal(run.weights, train(config, seed=seed).weights)


def test_every_sample_has_its_turn() -> None:
    data = torch.arange(2 * 7, dtype=torch.float32).reshape(2, 1, 7)
    batches = DatasetBatches(data, 3, [4, 4], [0, 1])
    out = torch.empty((2, 1, 3))
    seen: list[list[float]] = [[], []]
    for _ in range(7):
        batches.draw(out)
        for k in range(2):
            seen[k] += out[k, 0].tolist()
    for k in range(2):
        turns = np.reshape(seen[k], (3, 7))
        np.testing.assert_array_equal(np.sort(turns, axis=1), np.tile(data[k, 0], (3, 1)))
        assert len({tuple(turn) for turn in turns}) == 3
    assert seen[0] != [value - 7 for value in seen[1]]


def test_a_run_knows_its_data_and_a_checkpoint_asks_for_it(tmp_path: Any) -> None:
    path = tmp_path / "checkpoint.safetensors"
    run = train(_CONFIG, seed=2, checkpoint=path)
    assert len(run.provenance["dataset"]) == 32
    assert "dataset" not in train(replace(_CONFIG, dataset_size=None)).provenance
    with pytest.raises(GeomsupError, match="its seed is 2, not 3"):
        train(_CONFIG, seed=3, checkpoint=path)


def test_who_has_no_data_set() -> None:
    wrong: Any
    for wrong in (ToyModelConfig(), {"dataset_size": 3}, None):
        with pytest.raises(GeomsupError, match="a ToyModelConfig with a dataset_size"):
            training_set(wrong, 0)
    with pytest.raises(GeomsupError, match="instance must be"):
        training_set(_CONFIG, 0, instance=4)
