"""Sweeps over sparsities: what is tried, on which activations, and which setting is believed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from geomsup.dictionary import ToyActivations, agreement, train_autoencoders
from geomsup.dictionary.sweep import (
    COUNTS,
    PENALTIES,
    compare_settings,
    most_agreed,
    sweep_config,
    training_activations,
)
from geomsup.errors import GeomsupError
from geomsup.training import ToyModelConfig, sample_inputs, train

_DIGONS = np.array([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]])


def test_the_grid_grows_with_the_model() -> None:
    config = sweep_config(5, n_restarts=3)
    assert config.sizes == (10,)
    assert (config.penalty, config.n_restarts) == (PENALTIES, 3)
    assert sweep_config(5, n_latents=7).sizes == (7,)
    assert sweep_config(5, activation="topk").k == COUNTS
    # No more latents can be active than there are.
    assert sweep_config(1, n_latents=2, activation="topk").k == (1, 2)
    assert sweep_config(5, penalty=[0.5]).penalty == (0.5,)


@pytest.mark.parametrize(("activation", "sparsity"), [("relu", "k"), ("topk", "penalty")])
def test_sparsities_of_the_other_activation_are_refused(activation: str, sparsity: str) -> None:
    with pytest.raises(GeomsupError, match="penalty= goes with activation=relu"):
        sweep_config(5, activation=activation, **{sparsity: [1]})  # type: ignore[arg-type]  # its name varies


@pytest.mark.parametrize("settings", [{}, {"signed": True, "output_activation": "linear"}])
def test_activations_are_of_the_kind_that_the_model_was_trained_on(
    settings: dict[str, object],
) -> None:
    config = ToyModelConfig(n_instances=2, n_steps=2, batch_size=8, **settings)  # type: ignore[arg-type]  # several types
    model = train(config, seed=0, progress=False).model(1)
    activations = training_activations(config, model)
    if not settings:
        assert isinstance(activations, ToyActivations)
    else:
        inputs = sample_inputs(config, len(activations), instance=1)
        np.testing.assert_array_equal(activations, inputs @ model.W.T)
        assert inputs.min() < 0.0
    hidden = replace(config, hidden_activation="relu")
    with pytest.raises(GeomsupError, match="no sums of directions"):
        training_activations(hidden, model)


def test_each_setting_is_its_best_restart_and_agreement_decides() -> None:
    config = sweep_config(4, penalty=[0.01, 0.3], n_restarts=2, n_steps=800)
    trained = train_autoencoders(ToyActivations(_DIGONS, 0.1), config, progress=False)
    settings = compare_settings(trained, _DIGONS, 2)
    assert [setting.best.sparsity for setting in settings] == [0.01, 0.3]
    for setting, restarts in zip(settings, (trained[:2], trained[2:]), strict=True):
        assert setting.best.loss == min(restart.loss for restart in restarts)
        assert setting.agreement == agreement(restarts)
        assert setting.to_dict()["share"] == setting.recovery.share
    assert most_agreed(settings) is settings[1]
    single = compare_settings(trained[::2], _DIGONS)
    assert [setting.agreement for setting in single] == [None, None]
    assert most_agreed(single) is single[0]
