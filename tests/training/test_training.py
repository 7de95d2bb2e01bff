"""Training: gradient, data, determinism, physics, and what happens when it goes wrong."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

import geomsup.training.evaluation as evaluation
import geomsup.training.loop as loop
from geomsup.errors import GeomsupError, GeomsupWarning
from geomsup.theory import FeatureModel, FeatureSet
from geomsup.training import ToyModelConfig, TrainingDivergedError, TrainingRun, train
from geomsup.training.data import Sampler
from geomsup.training.environment import is_interactive, plain_arithmetic
from geomsup.training.learner import initial_parameters
from geomsup.training.model import ToyModel, aligned_empty
from geomsup.training.optim import Adam
from geomsup.validation import seed_number

CPU = torch.device("cpu")
_MIXED = FeatureModel(
    (
        FeatureSet(size=2, probability=0.2, together=0.4, equal_values=0.3),
        FeatureSet(size=3, probability=(0.3, 0.0, 0.2), presence="exclusive"),
        FeatureSet(size=1, probability=0.1),
    )
)
_FIXED = FeatureModel.equal_sets(2, 3, 0.3, values="fixed", magnitude=0.7)
_APPLIED = {"linear": lambda s: s, "relu": torch.relu}


def _samples(probability: float, shape: tuple[int, ...], seed: int = 0) -> NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    return np.where(generator.random(shape) < probability, generator.random(shape), 0.0)


@pytest.mark.parametrize("equal_importance", [True, False])
@pytest.mark.parametrize(
    ("n_instances", "n_features", "n_hidden", "batch"),
    # The last shape is too large for NumPy's matmul and takes torch.mm.
    [(3, 6, 2, 64), (1, 2, 1, 1), (2, 8, 9, 33), (2, 80, 20, 257)],
)
@pytest.mark.parametrize(
    "variant",
    [
        {"hidden_activation": f, "output_activation": g, "tied": tied, "target": target}
        for f, g, tied, target in itertools.product(
            ("linear", "relu"),
            ("linear", "relu"),
            (False, True),
            ("identity", "absolute", "minimum"),
        )
    ],
    ids=lambda variant: "-".join(map(str, variant.values())),
)
def test_gradient_agrees_with_autograd(
    variant: dict[str, Any],
    n_instances: int,
    n_features: int,
    n_hidden: int,
    batch: int,
    equal_importance: bool,
) -> None:
    generator = np.random.default_rng(1)
    importances = np.full((n_instances, n_features), 0.7)
    if not equal_importance:
        importances = generator.uniform(0.1, 3.0, (n_instances, n_features))
    shape = (n_instances, n_hidden, n_features)
    V = torch.tensor(generator.normal(size=shape) / np.sqrt(n_hidden), requires_grad=True)
    W = torch.tensor(generator.normal(size=shape) / np.sqrt(n_hidden), requires_grad=True)
    W = V if variant["tied"] else W
    b = torch.tensor(generator.normal(size=(n_instances, n_features)), requires_grad=True)
    sizes = generator.uniform(-1, 1, (n_instances, n_features, batch))
    x = torch.from_numpy(sizes * (generator.random(sizes.shape) < 0.3))
    model = ToyModel(importances, n_hidden, batch, **variant, dtype=torch.float64)
    with torch.no_grad():
        model.set_parameters(W, V, b)
        model.samples.copy_(x)
        model.backward()

    # The definition, written out.
    hidden = torch.einsum("khi,kis->khs", W, x)
    hidden = _APPLIED[variant["hidden_activation"]](hidden)
    output = torch.einsum("khi,khs->kis", V, hidden) + b[:, :, None]
    output = _APPLIED[variant["output_activation"]](output)
    smaller = torch.minimum(x[:, ::2], x[:, 1::2]).repeat_interleave(2, dim=1)
    target = {"identity": x, "absolute": x.abs(), "minimum": smaller}[variant["target"]]
    weighted = torch.from_numpy(importances)[:, :, None] * (target - output) ** 2
    losses = weighted.sum(1).mean(1)
    parameters = [V, b] if variant["tied"] else [V, b, W]
    expected = torch.autograd.grad(losses.sum(), parameters)
    m = n_hidden
    found = [model.gradient[:, :m], model.gradient[:, m], model.gradient[:, m + 1 :]]
    for ours, theirs in zip(found, expected, strict=False):
        scale = float(theirs.abs().max())
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12 * scale + 1e-300)
    np.testing.assert_allclose(model.losses(), losses.detach(), rtol=1e-12)


def test_products_of_the_gpu_path_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    importances = np.ones((3, 5))
    x = torch.from_numpy(_samples(0.5, (3, 5, 40)))
    theta = torch.from_numpy(np.random.default_rng(2).normal(size=(3, 3, 5)))
    gradients = []
    for batched in (False, True):
        if batched:
            monkeypatch.setattr(
                "geomsup.training.model._product",
                lambda a, b, out: lambda: torch.bmm(a, b, out=out),
            )
        model = ToyModel(importances, 2, 40, dtype=torch.float64)
        model.theta.copy_(theta)
        model.samples.copy_(x)
        model.backward()
        gradients.append(model.gradient.clone())
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adam_agrees_with_torch(decay: float) -> None:
    theta = aligned_empty(3, 2, 70, dtype=torch.float64, device=CPU)
    gradient = aligned_empty(3, 2, 70, dtype=torch.float64, device=CPU)
    start = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 2, 70)))
    theta.copy_(start)
    expected = start.clone().requires_grad_()
    ours = Adam(theta, gradient, weight_decay=decay)
    theirs = torch.optim.AdamW([expected], lr=1.0, weight_decay=decay)
    for step in range(20):
        rate = 0.1 / (1 + step)
        gradient.copy_(torch.sin(theta) + 1e-3)
        expected.grad = torch.sin(expected.detach()) + 1e-3
        theirs.param_groups[0]["lr"] = rate
        ours.step(rate)
        theirs.step()
    torch.testing.assert_close(theta, expected.detach(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"batch_size": 37, "n_features": 7, "n_hidden": 3},
        {"feature_probability": np.linspace(0.05, 0.9, 16)[:, None], "lr_schedule": "cosine"},
        {"importance": [1.0, 0.8, 0.6, 0.4, 0.2]},
        {"n_features": 90, "n_hidden": 20, "batch_size": 200, "n_steps": 60},
        {"n_features": 1, "n_hidden": 1, "batch_size": 1000},
        {"n_features": 6, "correlation": "correlated", "set_size": 3, "batch_size": 37},
        {"n_features": 6, "correlation": "anticorrelated", "set_size": 2, "signed": True},
        {"signed": True, "target": "absolute", "tied": False, "hidden_activation": "relu"},
        {"n_features": 6, "target": "minimum", "tied": False, "hidden_activation": "relu"},
        {"optimizer": "adamw", "weight_decay": 0.1, "output_activation": "linear"},
        {"weight_decay": 0.1, "tied": False, "n_warmup": 20},
        # Numbers of rows that differ: instances 0 to 3 and 7 need finer numbers.
        {"feature_probability": [[1e-7 if k in (0, 1, 2, 3, 7) else 0.3] for k in range(16)]},
        {"feature_model": [_MIXED, _FIXED] * 8},
        {"dataset_size": 50, "batch_size": 20, "unit_norm": True},
        {"dataset_size": 50, "n_restarts": 2, "feature_model": _MIXED},
    ],
)
@pytest.mark.usefixtures("short_evaluations")
def test_an_instance_does_not_depend_on_its_neighbours(settings: dict[str, Any]) -> None:
    config = ToyModelConfig(**{"n_steps": 60, "n_instances": 16, **settings})

    def trained(numbers: Sequence[int]) -> TrainingRun:
        with plain_arithmetic():
            return loop._train(config, 5, CPU, instances=numbers)

    everything = trained(range(16))
    for numbers in ([0], [3], [0, 1, 2, 3], [7, 3]):
        part = trained(numbers)
        for name in ("weights", "decoders", "biases", "losses", "loss_errors"):
            np.testing.assert_array_equal(getattr(part, name), getattr(everything, name)[numbers])
        np.testing.assert_array_equal(part.history.losses, everything.history.losses[:, numbers])


def test_more_instances_change_nothing() -> None:
    four, nine = (train(ToyModelConfig(n_instances=k, n_steps=100), seed=2) for k in (4, 9))
    np.testing.assert_array_equal(four.weights, nine.weights[:4])
    np.testing.assert_array_equal(four.losses, nine.losses[:4])


def test_thread_count_changes_nothing_and_is_put_back() -> None:
    config = ToyModelConfig(n_features=60, n_hidden=10, n_instances=3, n_steps=40, batch_size=700)
    before = torch.get_num_threads()
    runs = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            runs.append(train(config, seed=1))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(runs[0].weights, runs[1].weights)
    np.testing.assert_array_equal(runs[0].losses, runs[1].losses)


def test_progress_bar_changes_nothing_and_shows(capsys: pytest.CaptureFixture[str]) -> None:
    config = ToyModelConfig(n_instances=2, n_steps=250, batch_size=32)
    quiet = train(config, progress=False)
    assert capsys.readouterr().err == ""
    loud = train(config, progress=True)
    assert "250/250" in capsys.readouterr().err
    np.testing.assert_array_equal(quiet.weights, loud.weights)
    assert not is_interactive()


def test_neither_torch_nor_numpy_random_state_is_touched() -> None:
    torch.manual_seed(0)
    state = torch.get_rng_state()
    legacy = str(np.random.get_state())  # noqa: NPY002  (the state a user may rely on)
    train(ToyModelConfig(n_instances=1, n_steps=3, batch_size=8))
    assert torch.equal(torch.get_rng_state(), state)
    assert str(np.random.get_state()) == legacy  # noqa: NPY002


def test_seeds() -> None:
    config = ToyModelConfig(n_instances=2, n_steps=5, batch_size=8)
    a, b = train(config, seed=0), train(config, seed=1)
    assert not np.array_equal(a.weights, b.weights)
    # Instances are different runs, not copies of one.
    assert not np.array_equal(a.weights[0], a.weights[1])
    fresh = train(config, seed=None)
    np.testing.assert_array_equal(train(config, seed=fresh.seed).weights, fresh.weights)
    drawn = train(config, seed=np.random.default_rng(7))
    np.testing.assert_array_equal(train(config, seed=drawn.seed).weights, drawn.weights)
    assert seed_number(np.random.default_rng(7)) == drawn.seed
    three: Any = np.int64(3)
    assert seed_number(three) == 3
    wrong: list[Any] = [-1, 1.0, "0", True, [1], -(10**5000), "x" * 500]
    for bad in wrong:
        with pytest.raises(GeomsupError, match="seed must be") as caught:
            train(config, seed=bad)
        assert len(str(caught.value)) < 200


def test_initial_scale_is_xavier_for_one_instance() -> None:
    config = ToyModelConfig(n_features=40, n_hidden=10, n_instances=50, init_scale=2.0)
    weights, decoders, biases = initial_parameters(config, 0, range(50))
    expected = 2.0 * np.sqrt(2 / 50)
    assert weights.std() == pytest.approx(expected, rel=0.03)
    assert decoders is weights
    assert not biases.any()
    untied = dataclasses.replace(config, tied=False)
    again, other, _ = initial_parameters(untied, 0, range(50))
    assert other.std() == pytest.approx(expected, rel=0.03)
    assert not np.array_equal(again, other)


def test_devices() -> None:
    config = ToyModelConfig(n_instances=1, n_steps=2, batch_size=4)
    wrong: list[Any] = ["tpu", "", 3.5, None, "meta", "x" * 500, 10**400, 10**5000]
    for bad in wrong:
        with pytest.raises(GeomsupError, match="cpu") as caught:
            train(config, device=bad)
        assert len(str(caught.value)) < 200
    with pytest.raises(GeomsupError, match=r"not present.*device='cpu'"):
        train(config, device="cuda:99")
    assert train(config, device=torch.device("cpu", 0)).device == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_reaches_the_same_losses() -> None:
    config = ToyModelConfig(n_instances=4, n_steps=3000, learning_rate=1e-2, lr_schedule="cosine")
    losses = [train(config, device=device).best().loss for device in ("cpu", "cuda")]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def test_wrong_arguments() -> None:
    settings: Any = {"n_features": 5}
    with pytest.raises(GeomsupError, match="ToyModelConfig"):
        train(settings)
    answers: list[Any] = ["yes", 10**5000]
    for answer in answers:
        with pytest.raises(GeomsupError, match="progress"):
            train(ToyModelConfig(), progress=answer)
    path: Any = 10**5000
    with pytest.raises(GeomsupError, match="path must be a string or a path, got <int>"):
        train(ToyModelConfig(), checkpoint=path)


def test_divergence_says_where_and_keeps_the_last_good_weights() -> None:
    importance = np.ones((3, 5))
    importance[1] = 1e30
    config = ToyModelConfig(n_instances=3, n_steps=500, batch_size=16, importance=importance)
    with pytest.raises(TrainingDivergedError, match=r"instance 1 .*learning rate 0.001") as caught:
        train(config)
    error = caught.value
    assert isinstance(error, GeomsupError)
    assert (error.instance, error.learning_rate) == (1, 1e-3)
    assert 0 <= error.last_good_step < error.step <= 100
    assert error.weights.shape == (3, 2, 5)
    for name in ("weights", "decoders", "biases"):
        assert np.isfinite(getattr(error, name)).all()


def test_divergence_in_the_last_steps_is_noticed() -> None:
    config = ToyModelConfig(n_instances=1, n_steps=1, batch_size=16, learning_rate=1e25)
    with pytest.raises(TrainingDivergedError, match="step 1 "):
        train(config)


def test_interruption_leaves_a_usable_run(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ToyModelConfig(n_instances=2, n_steps=1000, batch_size=32)
    draw, left = Sampler.draw, 130

    def interrupted(self: Sampler, out: Tensor) -> None:
        nonlocal left
        left -= 1
        if left == -1:
            raise KeyboardInterrupt
        draw(self, out)

    with monkeypatch.context() as patch:
        patch.setattr(Sampler, "draw", interrupted)
        with pytest.warns(GeomsupWarning, match="after 130 of 1000 steps"):
            run = train(whole)
    assert run.completed_steps == 130
    assert run.history.steps[-1] < 130
    assert "130 of 1,000 steps" in str(run)
    short = train(dataclasses.replace(whole, n_steps=130))
    np.testing.assert_array_equal(run.weights, short.weights)
    np.testing.assert_array_equal(run.losses, short.losses)


def test_history_starts_at_the_initial_loss() -> None:
    config = ToyModelConfig(n_instances=3, n_steps=450, batch_size=2048, learning_rate=1e-2)
    run = train(config)
    np.testing.assert_array_equal(run.history.steps, np.arange(0, 450, 2))
    assert run.history.losses.shape == (225, 3)
    losses, _ = evaluation.evaluate(config, *initial_parameters(config, 0, range(3)), 0)
    np.testing.assert_allclose(run.history.losses[0], losses, rtol=0.15)
    assert (run.history.losses[-1] < 0.6 * run.history.losses[0]).all()


def test_evaluation_agrees_with_exact_losses() -> None:
    # Exact: W = 0 with b = p/2 loses p/3 − p²/4 a feature; the identity loses nothing; a digon
    # with b = 0 and unit norms loses p²/6 a feature (its one wrong output is relu(x_1 − x_2)).
    p = np.array([[0.3, 0.3], [0.3, 0.3], [0.2, 0.2]])
    weights = np.zeros((3, 2, 2))
    weights[1] = np.eye(2)
    weights[2, 0] = [1.0, -1.0]
    biases = np.array([[0.15, 0.15], [0.0, 0.0], [0.0, 0.0]])
    importances = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 3.0]])
    config = ToyModelConfig(
        n_features=2, n_hidden=2, n_instances=3, feature_probability=p, importance=importances
    )
    losses, errors = evaluation.evaluate(config, weights, weights, biases, 11)
    exact = [3 * (0.1 - 0.0225), 0.0, 4 * 0.2**2 / 6]
    assert (np.abs(losses - exact) <= 4 * errors + 1e-12).all()
    assert (errors <= 0.015 * losses).all()


@pytest.mark.parametrize(
    ("p", "norm2", "bias", "loss"),
    # Optimal pentagons and their exact losses.
    [
        (0.1, 1.2109800038, -0.209925772377, 0.026305131123932),
        (0.2, 1.06785510282, -0.132027490256, 0.079588052128716),
    ],
)
def test_evaluation_agrees_with_exact_pentagons(
    p: float, norm2: float, bias: float, loss: float
) -> None:
    angles = 2 * np.pi * np.arange(5) / 5
    weights = np.sqrt(norm2) * np.array([[np.cos(angles), np.sin(angles)]])
    config = ToyModelConfig(n_instances=1, feature_probability=p)
    biases = np.full((1, 5), bias)
    estimates = np.array(
        [evaluation.evaluate(config, weights, weights, biases, seed) for seed in range(8)]
    )[:, :, 0]
    combined_error = np.sqrt((estimates[:, 1] ** 2).sum()) / 8
    assert combined_error < 0.002 * loss
    assert abs(estimates[:, 0].mean() - loss) < 4 * combined_error


@pytest.mark.parametrize(
    "settings",
    [
        {"feature_probability": [0.02, 0.3, 0.0, 0.1, 0.05, 0.2]},
        {"feature_probability": [0.1, 0.1, 0.1, 0.3, 0.3, 0.3], "correlation": "correlated"},
        {"feature_probability": [0.1, 0.0, 0.3, 0.5, 0.2, 0.3], "correlation": "anticorrelated"},
        {"tied": False, "hidden_activation": "relu", "target": "absolute"},
        {"tied": False, "hidden_activation": "relu", "target": "minimum"},
        {"output_activation": "linear"},
        {"output_activation": "linear", "hidden_activation": "relu", "tied": False},
    ],
)
@pytest.mark.parametrize("signed", [False, True])
def test_evaluation_agrees_with_plain_sampling(
    settings: dict[str, Any], signed: bool, rng: np.random.Generator
) -> None:
    size = 3 if "correlation" in settings else None
    importance = np.array([1.0, 0.5, 2.0, 0.3, 1.0, 0.7])
    config = ToyModelConfig(
        n_features=6, n_instances=1, importance=importance, set_size=size, signed=signed, **settings
    )
    W, V, b = rng.normal(size=(2, 6)), rng.normal(size=(2, 6)), 0.2 * rng.normal(size=6)
    V = W if config.tied else V
    n, p = 250_000, config.probabilities[0]
    if config.correlation == "independent":
        present = rng.random((n, 6)) < p
    elif config.correlation == "correlated":
        present = np.repeat(rng.random((n, 2)) < p[::3], 3, axis=1)
    else:
        ends = np.cumsum(p.reshape(2, 3), axis=1)
        member = (rng.random((n, 2, 1)) >= ends).sum(axis=2)
        present = (member[:, :, None] == np.arange(3)).reshape(n, 6)
    x = present * rng.uniform(-1.0 if signed else 0.0, 1.0, (n, 6))
    hidden = x @ W.T
    hidden = np.maximum(hidden, 0.0) if config.hidden_activation == "relu" else hidden
    output = hidden @ V + b
    output = np.maximum(output, 0.0) if config.output_activation == "relu" else output
    smaller = np.repeat(np.minimum(x[:, ::2], x[:, 1::2]), 2, axis=1)
    target = {"identity": x, "absolute": np.abs(x), "minimum": smaller}[config.target]
    plain = (target - output) ** 2 @ importance
    losses, errors = evaluation.evaluate(config, W[None], V[None], b[None], 0)
    assert abs(losses[0] - plain.mean()) < 4 * np.hypot(errors[0], plain.std() / 500)
    assert errors[0] < 0.02 * losses[0]


@pytest.mark.parametrize("p", [0.02, 0.3])
def test_the_standard_error_of_a_loss_is_the_spread_of_its_estimates(p: float) -> None:
    W = np.array([[[1.0, -1.0, 0.5], [0.0, 0.3, 1.0]]])
    config = ToyModelConfig(n_features=3, n_instances=1, feature_probability=p)
    losses, errors = np.transpose(
        [
            evaluation.evaluate(config, W, W, np.full((1, 3), 0.1), seed, n_samples=1)
            for seed in range(150)
        ],
        (1, 0, 2),
    )
    # The spread of so many is known to 6 %.
    assert losses.std(ddof=1) == pytest.approx(errors.mean(), rel=0.2)


def test_five_features_in_two_dimensions_reach_the_pentagon() -> None:
    # .0089035937 is the exact loss of the optimal pentagon at p = .05 (docs: theory of the toy
    # model, section 4); two digons and a dropped feature stay at .0177053.
    config = ToyModelConfig(
        feature_probability=0.05, n_steps=2500, learning_rate=1e-2, lr_schedule="cosine"
    )
    run = train(config, seed=0)
    best = run.best()
    assert best.loss == pytest.approx(0.0089035937, rel=0.03)
    assert abs(best.loss - 0.0089035937) < 4 * best.loss_error + 0.01 * 0.0089
    norms = np.linalg.norm(best.W, axis=0)
    angles = np.sort(np.arctan2(best.W[1], best.W[0]))
    gaps = np.diff(np.append(angles, angles[0] + 2 * np.pi))
    np.testing.assert_allclose(gaps, 2 * np.pi / 5, atol=0.05)
    np.testing.assert_allclose(norms, norms.mean(), rtol=0.02)


@pytest.mark.slow
def test_constant_learning_rate_ends_in_known_minima() -> None:
    # The plain recipe gets stuck at times: each instance ends at the pentagon (all five features)
    # or, with four, at the square or two digons, both near .0177 or above.
    run = train(ToyModelConfig(feature_probability=0.05, n_instances=32), seed=1)
    represented = (np.linalg.norm(run.weights, axis=1) > 0.5).sum(axis=1)
    assert (represented == 5).sum() >= 20
    assert run.losses[represented == 5].max() < 0.0098
    assert run.losses[represented == 4].min(initial=1.0) > 0.016


@pytest.mark.parametrize(("probability", "loss"), [(0.0, 0.0), (1.0, 0.2496575814)])
def test_both_ends_of_the_probability(probability: float, loss: float) -> None:
    config = ToyModelConfig(
        feature_probability=probability,
        n_instances=4,
        n_steps=1500,
        learning_rate=1e-2,
        lr_schedule="cosine",
    )
    best = train(config).best()
    assert best.loss == pytest.approx(loss, rel=0.01, abs=1e-6)


def test_leaves_no_thread_settings_in_the_environment() -> None:
    before = dict(os.environ)
    train(ToyModelConfig(n_instances=1, n_steps=2, batch_size=4))
    assert dict(os.environ) == before
