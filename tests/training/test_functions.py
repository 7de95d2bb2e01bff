"""Activations and targets in the two tables, and such as a stranger adds to them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from geomsup.errors import GeomsupError
from geomsup.training import ACTIVATIONS, TARGETS, Activation, Target, ToyModelConfig, train
from geomsup.training.model import ToyModel

# An odd one and one with f(0) ≠ 0; and a target that is not zero for the empty input.
_ADDED = {
    "tanh": Activation(
        lambda sums, out: torch.tanh(sums, out=out),
        lambda gradient, sums: gradient.mul_(1.0 - sums.tanh().square()),
    ),
    "sigmoid": Activation(
        lambda sums, out: torch.sigmoid(sums, out=out),
        lambda gradient, sums: gradient.mul_(sums.sigmoid() * (1.0 - sums.sigmoid())),
    ),
}
_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda s: s,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}


def _complement(x: Tensor) -> Tensor:
    return 1.0 - x


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, activation in _ADDED.items():
        monkeypatch.setitem(ACTIVATIONS, name, activation)
    fill = Target(lambda samples, out: out.copy_(_complement(samples)))
    monkeypatch.setitem(TARGETS, "complement", fill)


@pytest.mark.parametrize("name", ["linear", "relu", *_ADDED])
def test_a_derivative_is_that_of_its_function(name: str) -> None:
    activation = ACTIVATIONS[name]
    sums = torch.tensor([-2.0, -0.3, 0.2, 1.7], dtype=torch.float64)
    gradient, above, below = torch.full((4,), 3.0, dtype=torch.float64), sums + 1e-6, sums - 1e-6
    for value in (above, below):
        activation.apply(value, value)  # in place
    apart = torch.empty_like(sums)
    activation.apply(sums, apart)
    torch.testing.assert_close(apart, (above + below) / 2, rtol=1e-9, atol=1e-9)
    activation.pull(gradient, sums)
    torch.testing.assert_close(gradient, 3.0 * (above - below) / 2e-6, rtol=1e-6, atol=1e-6)
    if activation.is_gate:
        assert all(value in (0.0, total) for value, total in zip(apart, sums, strict=True))


@pytest.mark.parametrize(
    ("f", "g", "tied"),
    list(
        itertools.product(["tanh", "sigmoid", "relu"], ["tanh", "sigmoid", "linear"], [True, False])
    ),
)
def test_an_added_activation_has_the_gradient_of_autograd(f: str, g: str, tied: bool) -> None:
    k, m, n, batch = 2, 3, 4, 25
    rng = np.random.default_rng(3)
    model = ToyModel(
        rng.uniform(0.5, 2.0, (k, n)),
        m,
        batch,
        hidden_activation=f,
        output_activation=g,
        tied=tied,
        target="complement",
        dtype=torch.float64,
    )
    model.theta.copy_(torch.from_numpy(rng.normal(size=model.theta.shape)))
    model.samples.copy_(torch.from_numpy(rng.random((k, n, batch))))
    model.backward()
    theta = model.theta.clone().requires_grad_()
    V, b = theta[:, :m], theta[:, m]
    W = V if tied else theta[:, m + 1 :]
    x = model.samples
    output = _FUNCTIONS[g](V.transpose(1, 2) @ _FUNCTIONS[f](W @ x) + b[:, :, None])
    importances = torch.from_numpy(np.random.default_rng(3).uniform(0.5, 2.0, (k, n)))
    losses = (importances[:, :, None] * (_complement(x) - output) ** 2).sum(1).mean(1)
    (expected,) = torch.autograd.grad(losses.sum(), theta)
    torch.testing.assert_close(model.gradient, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.losses(), losses.detach(), rtol=1e-12)


def test_an_added_activation_and_target_are_trained_and_evaluated() -> None:
    config = ToyModelConfig(
        n_instances=2,
        feature_probability=0.05,
        hidden_activation="sigmoid",
        output_activation="sigmoid",
        tied=False,
        target="complement",
        n_steps=300,
        batch_size=128,
        learning_rate=3e-2,
    )
    run = train(config, seed=0)
    assert run.history.losses[-1].max() < 0.1 * run.history.losses[0].min()
    model = run.best()
    # The plain mean over inputs of any kind, of which most are empty.
    rng = np.random.default_rng(0)
    x = rng.random((200_000, 5)) * (rng.random((200_000, 5)) < 0.05)
    hidden = 1 / (1 + np.exp(-x @ model.W.T))
    squares = (1 / (1 + np.exp(-(hidden @ model.V + model.b))) - (1 - x)) ** 2
    losses = squares.sum(axis=1)
    error = np.hypot(losses.std() / np.sqrt(len(losses)), model.loss_error)
    assert abs(model.loss - losses.mean()) < 4.5 * error
    assert model.loss_error < 0.05 * model.loss
    with pytest.raises(GeomsupError, match="linear, relu, tanh, sigmoid, got 'gelu'"):
        dataclasses.replace(config, hidden_activation="gelu")


@pytest.mark.parametrize(
    ("settings", "others", "expected"),
    [
        (
            {"n_features": 20, "importance": 0.5, "correlation": "correlated", "set_size": 5},
            (),
            None,
        ),
        ({"tied": False, "signed": True}, (), ("tied", True, False)),
        ({"target": "absolute"}, (), ("target", "identity", "absolute")),
        ({"signed": True}, (), ("signed", False, True)),
        ({"hidden_activation": "relu"}, (), ("hidden_activation", "linear", "relu")),
        ({"output_activation": "linear"}, (), ("output_activation", "relu", "linear")),
        ({"n_records": 3}, (), None),
        ({"n_records": 3}, ("n_records",), ("n_records", 0, 3)),
    ],
)
def test_the_plain_model_is_told_from_others(
    settings: dict[str, object], others: tuple[str, ...], expected: object
) -> None:
    assert ToyModelConfig(**settings).unlike_plain(*others) == expected  # type: ignore[arg-type]
