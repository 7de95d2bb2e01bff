"""Mixtures of experts: the gradient, the router's rules, and the model that one expert is."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import seeds

from geomsup.errors import GeomsupError
from geomsup.experts import Mixture, MixtureConfig, evaluated, train_mixtures
from geomsup.experts.model import MixtureModel, choose, within_capacity
from geomsup.training import ToyModelConfig, train

Array = NDArray[np.float64]

_TOY = ToyModelConfig(
    n_features=12, n_hidden=3, n_instances=2, n_steps=150, batch_size=64, learning_rate=1e-2
)


@st.composite
def mixtures(draw: st.DrawFn) -> Mixture:
    k, m, n = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(seeds))
    return Mixture(
        weights=rng.standard_normal((k, m, n)),
        biases=rng.standard_normal((k, n)),
        router=draw(st.sampled_from([0.1, 1.0, 1e3])) * rng.standard_normal((k, n)),
        gate=draw(st.sampled_from(["weighted", "straight-through"])),
        load=np.full(k, 1 / k),
    )


def _inputs(n: int, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    inputs: Array = rng.random((20, n)) * (rng.random((20, n)) < 0.3)
    return inputs


@given(mixtures(), seeds)
def test_router_probabilities_are_probabilities(mixture: Mixture, seed: int) -> None:
    x = _inputs(mixture.weights.shape[2], seed)
    probabilities = mixture.probabilities(x)
    assert (probabilities >= 0.0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)
    full = x.any(axis=1)
    chosen = mixture.route(x)
    own = np.take_along_axis(probabilities, chosen[:, None], axis=1)[:, 0]
    np.testing.assert_allclose(own[full], probabilities[full].max(axis=1))


@given(mixtures(), seeds)
def test_the_chosen_expert_answers(mixture: Mixture, seed: int) -> None:
    x = _inputs(mixture.weights.shape[2], seed)
    chosen, probabilities = mixture.route(x), mixture.probabilities(x)
    for sample, expert, gates, answer in zip(
        x, chosen, probabilities, mixture.reconstruct(x), strict=True
    ):
        W = mixture.weights[expert]
        expected = np.maximum(W.T @ (W @ sample) + mixture.biases[expert], 0.0)
        if mixture.gate == "weighted":
            expected *= gates[expert]
        np.testing.assert_allclose(answer, expected, atol=1e-12)


@given(st.integers(1, 5), st.integers(1, 40), seeds)
def test_no_expert_takes_more_than_its_capacity(n_experts: int, capacity: int, seed: int) -> None:
    chosen = np.random.default_rng(seed).integers(n_experts, size=60)
    taken = within_capacity(chosen, capacity)
    for expert in range(n_experts):
        own = taken[chosen == expert]
        assert own.sum() == min(capacity, len(own))
        assert own[: own.sum()].all(), "first come, first served"


def test_empty_inputs_are_dealt_out_in_turn() -> None:
    inputs = np.zeros((4, 7))
    inputs[1, 3] = 0.5
    logits = np.zeros((3, 7))
    logits[2, 3] = 1.0
    assert choose(logits, inputs).tolist() == [0, 1, 2, 2, 0, 1, 2]


def _model(rng: np.random.Generator, *, weighted: bool, capacity: int) -> MixtureModel:
    n, m, k, batch = 6, 2, 3, 30
    model = MixtureModel(
        rng.random(n) + 0.5,
        m,
        k,
        batch,
        capacity,
        weighted=weighted,
        balance=0.3,
        dtype=torch.float64,
    )
    model.set_parameters(
        rng.standard_normal((k, m, n)),
        0.1 * rng.standard_normal((k, n)),
        rng.standard_normal((k, n)),
    )
    model.samples[0] = torch.from_numpy(rng.random((n, batch)) * (rng.random((n, batch)) < 0.4))
    return model


@pytest.mark.parametrize("capacity", [30, 8])
def test_the_gradient_is_that_of_the_loss(capacity: int) -> None:
    model = _model(np.random.default_rng(0), weighted=True, capacity=capacity)
    model.backward()
    assert (model.n_refused > 0) is (capacity == 8)
    gradient = model.gradient[0].numpy().copy()
    theta = model.theta[0].numpy()
    measured = np.zeros_like(gradient)
    for place in np.ndindex(theta.shape):
        before = theta[place]
        theta[place] = before + 1e-6
        above = model.backward()
        theta[place] = before - 1e-6
        below = model.backward()
        theta[place] = before
        measured[place] = (above - below) / 2e-6
    np.testing.assert_allclose(gradient, measured, atol=1e-7)


def test_straight_through_routes_by_the_gradient_of_a_gate_that_is_one() -> None:
    # x̂ = y · π/π₀, where π₀ is π at this router: one now, with the gradient of π/π₀.
    k, n = 3, 6
    model = _model(np.random.default_rng(1), weighted=False, capacity=30)
    loss = model.backward()
    parts = [torch.from_numpy(part).requires_grad_() for part in model.parameters()]
    weights, biases, router = parts
    x = model.samples[0]
    importance = torch.from_numpy(np.random.default_rng(1).random(n) + 0.5)
    probabilities = torch.softmax(router @ x, dim=0)
    chosen = torch.from_numpy(choose((router @ x).detach().numpy(), x.numpy()))
    answers = torch.relu(torch.einsum("kmi,kmj,jb->kib", weights, weights, x) + biases[:, :, None])
    own = answers[chosen, :, torch.arange(x.shape[1])].T
    gates = probabilities[chosen, torch.arange(x.shape[1])]
    errors = (own * (gates / gates.detach()) - x) ** 2
    shares = torch.bincount(chosen, minlength=k) / x.shape[1]
    expected = (importance @ errors).mean() + 0.3 * k * (shares * probabilities.mean(1)).sum()
    expected.backward()  # type: ignore[no-untyped-call]  # torch has none
    assert loss == pytest.approx(expected.item())
    gradient = model.gradient[0].numpy()
    wanted = [part.grad.reshape(-1, n) for part in parts if part.grad is not None]
    np.testing.assert_allclose(gradient, torch.cat(wanted), atol=1e-12)


@pytest.mark.parametrize("gate", ["weighted", "straight-through"])
def test_one_expert_is_the_dense_model(gate: str) -> None:
    run = train(_TOY, seed=3, progress=False)
    alone = train_mixtures(MixtureConfig(toy=_TOY, n_experts=1, gate=gate), seed=3, progress=False)
    for k, mixture in enumerate(alone):
        np.testing.assert_allclose(mixture.weights[0], run.weights[k], atol=1e-5)
        np.testing.assert_allclose(mixture.biases[0], run.biases[k], atol=1e-5)
        assert mixture.refused == 0.0
        # Other samples, and the trainer's have no empty inputs.
        assert mixture.loss == pytest.approx(run.losses[k], abs=6 * mixture.loss_error)


@cache
def _trained() -> tuple[Mixture, ...]:
    return train_mixtures(MixtureConfig(toy=_TOY, n_experts=3), seed=0, progress=False)


def test_a_mixture_does_not_depend_on_those_beside_it() -> None:
    more = ToyModelConfig(**{**_TOY.to_dict(), "n_instances": 3})
    beside = train_mixtures(MixtureConfig(toy=more, n_experts=3), seed=0, progress=False)
    for one, same in zip(_trained(), beside, strict=False):
        for name in ("weights", "biases", "router", "load"):
            np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
        assert one.loss == same.loss
    assert (_trained()[0].weights != _trained()[1].weights).any()


def test_training_lowers_the_loss_below_that_of_no_answer() -> None:
    nothing = _TOY.n_features * 0.1 / 3  # Σ E x²
    assert all(mixture.loss < 0.7 * nothing for mixture in _trained())
    assert all(mixture.load.sum() == pytest.approx(1.0) for mixture in _trained())


def test_balancing_makes_loads_more_equal() -> None:
    toy = ToyModelConfig(**{**_TOY.to_dict(), "n_steps": 300, "n_instances": 4})
    uneven = []
    for balance in (0.0, 1.0):
        config = MixtureConfig(toy=toy, n_experts=3, balance=balance)
        found = train_mixtures(config, seed=0, progress=False)
        uneven.append(np.mean([mixture.load.max() - mixture.load.min() for mixture in found]))
    assert uneven[1] < 0.5 * uneven[0]


def test_a_tight_capacity_refuses_inputs() -> None:
    config = MixtureConfig(toy=_TOY, n_experts=3, capacity_factor=0.5)
    assert config.capacity == 11
    for mixture in train_mixtures(config, seed=0, progress=False):
        assert mixture.refused >= 1 - 33 / 64


def test_a_mixture_names_what_its_experts_hold() -> None:
    digon = np.array([[1.0, -1.0, 0.1, 0.0], [0.0, 0.0, 0.0, 0.0]])
    long = np.array([[0.0, 0.0, 3.0, 0.0], [0.0, 0.6, 0.0, 3.0]])
    mixture = Mixture(
        weights=np.array([digon, long]),
        biases=np.zeros((2, 4)),
        router=np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]),
        gate="weighted",
        load=np.array([0.5, 0.5]),
    )
    # Below half of the largest norm a feature does not count, though it is longer than one half.
    assert mixture.holds.tolist() == [[True, True, False, False], [False, False, True, True]]
    assert [report.counts() for report in mixture.reports] == [{"digon": 1}, {"monosemantic": 2}]
    assert mixture.route([[0.5, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.2]]).tolist() == [0, 1]
    np.testing.assert_allclose(mixture.features_per_dimension, [1.005, 9.18])
    assert "features held 2, 2, load 50%, 50%" in str(mixture)
    again = Mixture(**mixture.to_dict())
    np.testing.assert_array_equal(again.weights, mixture.weights)
    task = ToyModelConfig(n_features=4, n_hidden=2, n_instances=1)
    assert evaluated(mixture, task, 0).loss > 0.0


@pytest.mark.parametrize(("norm", "held"), [(0.45, False), (0.55, True)])
def test_an_expert_holds_what_is_longer_than_one_half(norm: float, held: bool) -> None:
    # Of an expert whose largest norm is below one too.
    for largest in (0.8, 1.0):
        mixture = Mixture(
            weights=np.diag([largest, norm])[None],
            biases=np.zeros((1, 2)),
            router=np.zeros((1, 2)),
            gate="weighted",
            load=np.ones(1),
        )
        assert mixture.holds.tolist() == [[True, held]]


def test_the_loss_and_the_load_of_a_mixture_are_those_of_its_inputs() -> None:
    # The experts answer a feature each; what both are there for is lost in part.
    p, task = 0.2, ToyModelConfig(n_features=2, n_hidden=1, n_instances=1, feature_probability=0.2)
    mixture = Mixture(
        weights=np.array([[[1.0, 0.0]], [[0.0, 1.0]]]),
        biases=np.zeros((2, 2)),
        router=np.array([[3.0, 0.0], [0.0, 1.0]]),
        gate="straight-through",
        load=np.full(2, np.nan),
    )
    found = [evaluated(mixture, task, seed) for seed in range(40)]
    losses = np.array([one.loss for one in found])
    # The chosen one has 3 x₀ > x₁; of the other feature x² is lost: E x₁² 1(x₁ < 3 x₀), and
    # E x₀² 1(3 x₀ < x₁), for two features that are there.
    exact = p**2 * ((1 / 3 - 1 / 12) + 1 / 324)
    error = losses.std(ddof=1)
    assert abs(losses.mean() - exact) < 4 * error / np.sqrt(40)
    assert error == pytest.approx(np.mean([one.loss_error for one in found]), rel=0.4)
    # Of inputs with something in them: x₀ alone, or both and 3 x₀ > x₁, whose chance is 5/6.
    load = (p * (1 - p) + p**2 * 5 / 6) / (1 - (1 - p) ** 2)
    for one in found[:3]:
        assert one.load == pytest.approx([load, 1 - load], abs=0.02)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"toy": 3}, "toy must be a ToyModelConfig, got int"),
        ({"toy": ToyModelConfig(tied=False)}, "with tied=True, got False"),
        ({"toy": ToyModelConfig(n_records=2)}, "with n_records=0, got 2"),
        ({"n_experts": 0}, "n_experts must be an integer of at least 1, got 0"),
        ({"gate": "soft"}, "gate must be one of weighted, straight-through, got 'soft'"),
        ({"balance": -1.0}, "balance must be a number from 0 to .*, got -1.0"),
        ({"capacity_factor": 0.0}, "capacity_factor must be a number above 0"),
    ],
)
def test_a_config_that_cannot_be_meant_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(GeomsupError, match=message):
        MixtureConfig(**{"toy": _TOY, **changed})


def test_what_cannot_be_used_is_refused() -> None:
    with pytest.raises(GeomsupError, match="config must be a MixtureConfig, got ToyModelConfig"):
        train_mixtures(_TOY)  # type: ignore[arg-type]
    with pytest.raises(GeomsupError, match=r"inputs must have shape \(n_samples, 12\)"):
        _trained()[0].route([[1.0]])
    with pytest.raises(GeomsupError, match=r"must have shape \(1, 3\) by the weights"):
        Mixture(
            weights=np.zeros((1, 2, 3)),
            biases=np.zeros((1, 2)),
            router=np.zeros((1, 3)),
            gate="weighted",
            load=np.ones(1),
        )
    wild = ToyModelConfig(**{**_TOY.to_dict(), "learning_rate": 1e20})
    with pytest.raises(GeomsupError, match="mixture 0 is no longer finite after 100 steps"):
        train_mixtures(MixtureConfig(toy=wild, n_experts=2), progress=False)


def test_settings_turn_into_plain_values() -> None:
    settings = MixtureConfig(toy=_TOY, n_experts=3).to_dict()
    toy = ToyModelConfig.from_dict(settings.pop("toy"))
    assert MixtureConfig(toy=toy, **settings) == MixtureConfig(toy=_TOY, n_experts=3)


@pytest.mark.parametrize(
    ("batch", "factor", "experts", "room"),
    [(100, 1.1, 10, 11), (100, 1.1, 2, 55), (100, 2.2, 4, 55), (50, 1.1, 5, 11), (64, 1.25, 3, 27)],
)
def test_capacity_is_the_product_rounded_up(
    batch: int, factor: float, experts: int, room: int
) -> None:
    # 64 · 1.25 / 3 = 26.7; the others are whole numbers.
    toy = ToyModelConfig(batch_size=batch)
    assert MixtureConfig(toy=toy, n_experts=experts, capacity_factor=factor).capacity == room


@pytest.mark.parametrize("x", [[[np.nan] * 4], [["a"] * 4], [[1j] * 4], [1.0] * 4])
def test_inputs_that_a_mixture_cannot_answer(x: Any) -> None:
    mixture = Mixture(
        weights=np.ones((2, 1, 4)),
        biases=np.zeros((2, 4)),
        router=np.ones((2, 4)),
        gate="weighted",
        load=np.full(2, 0.5),
    )
    with pytest.raises(GeomsupError, match="inputs must"):
        mixture.reconstruct(x)
    with pytest.raises(GeomsupError, match="weights must have shape"):
        Mixture(**{**vars(mixture), "weights": np.ones((2, 4))})
