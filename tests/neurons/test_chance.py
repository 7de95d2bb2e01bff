"""Whether a layer answers its inputs, and whether its neurons are a basis, held against chance."""

from __future__ import annotations

import numpy as np
import pytest

from geomsup.neurons import neuron_report
from geomsup.neurons.chance import own_outputs, random_basis
from geomsup.training import ToyModelConfig, train


def _random_layer(seed: int, n_neurons: int = 60, n_features: int = 24) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2, n_neurons, n_features))


@pytest.mark.parametrize("signed", [False, True])
def test_own_outputs_are_counted_input_by_input(signed: bool) -> None:
    W, V = _random_layer(0, 5, 6)
    W[:, 2] = 0.0  # reaches no output
    added = np.zeros((6, 6))
    for sign in (1.0, -1.0)[: 1 + signed]:
        for i in range(6):
            added[i] += np.maximum(sign * W[:, i], 0.0) @ V
    rows = [i for i in range(6) if added[i].max() > 0.0]
    found = own_outputs(W, V, signed=signed)
    assert found.n_features == len(rows) < 6
    assert found.n_own == sum(int(np.argmax(added[i])) == i for i in rows)
    assert found.expected == pytest.approx(len(rows) / 6, abs=0.15)


def test_layers_without_own_outputs_are_chance() -> None:
    found = [own_outputs(*_random_layer(seed), n_draws=200) for seed in range(60)]
    assert sum(one.is_chance for one in found) >= 53  # 57 are expected, or more
    # Once in n inputs the own output gets most, so n inputs have one.
    assert np.mean([one.n_own for one in found]) == pytest.approx(1.0, abs=0.5)


def test_neurons_may_be_renumbered_and_rescaled() -> None:
    W, V = _random_layer(1)
    scales = np.random.default_rng(2).uniform(0.1, 10.0, size=(60, 1))
    order = np.random.default_rng(3).permutation(60)
    moved = own_outputs((scales * W)[order], (V / scales)[order])
    assert moved.to_dict() == own_outputs(W, V).to_dict()


@pytest.mark.parametrize("n_steps", [100, 1500])
def test_a_trained_layer_answers_until_its_outputs_are_renumbered(n_steps: int) -> None:
    config = ToyModelConfig(
        n_features=20,
        n_hidden=12,
        hidden_activation="relu",
        tied=False,
        target="absolute",
        signed=True,
        n_instances=1,
        n_steps=n_steps,
        learning_rate=3e-3,
    )
    model = train(config, seed=0, progress=False).best()
    assert not own_outputs(model.W, model.V, signed=True).is_chance
    assert own_outputs(model.W, np.roll(model.V, 7, axis=1), signed=True).is_chance


def test_few_features_are_no_evidence_against_a_layer() -> None:
    one = own_outputs(np.eye(2), np.eye(2))
    assert one.p_value > 0.05
    assert not one.is_chance
    nothing = own_outputs(np.zeros((2, 3)), np.ones((2, 3)))
    assert nothing.n_features == 0
    assert not nothing.is_chance


def test_random_weights_are_what_they_are_in_a_random_basis() -> None:
    W = _random_layer(4)[0]
    found = random_basis(neuron_report(W), W)
    ratio = found.neurons_per_feature / found.expected_neurons_per_feature
    assert ratio == pytest.approx(1.0, abs=0.15)
    assert abs(found.n_monosemantic - found.expected_monosemantic) < 5


@pytest.mark.parametrize("tied", [True, False])
def test_neurons_of_their_own_are_lost_when_turned(tied: bool) -> None:
    W, V = np.eye(40), np.eye(40) if tied else 1.2 * np.eye(40)
    found = random_basis(neuron_report(W, V), W, None if tied else V)
    assert found.n_monosemantic == 40
    assert found.neurons_per_feature == 1.0
    # Half of W_ki² is where a neuron fires, so few of the turned features are computed.
    assert found.expected_monosemantic < 10
    assert found.expected_neurons_per_feature > 5


def test_turning_computes_nothing_of_a_layer_too_weak() -> None:
    W = 0.4 * np.eye(40)
    found = random_basis(neuron_report(W), W)
    assert np.isnan(found.expected_neurons_per_feature)
    assert found.to_dict()["expected_neurons_per_feature"] is None
