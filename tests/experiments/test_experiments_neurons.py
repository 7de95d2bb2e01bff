"""The rows on neurons: planted results, each claim by itself, and one small run of each."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt
from numpy.typing import NDArray

from geomsup.experiments import Trainer, get_experiment
from geomsup.experiments.frame.results import load_result, save_result
from geomsup.experiments.neurons import computation, relu_hidden
from geomsup.experiments.neurons.computation import secondary_weights, without_superposition
from geomsup.experiments.neurons.computing_models import Layers, SmallLayers, dropped_variance
from geomsup.experiments.neurons.computing_models import Result as Computed
from geomsup.experiments.neurons.relu_hidden import Result as Hidden
from geomsup.experiments.neurons.relu_hidden import code_names

FloatArray = NDArray[np.float64]

_ALONE = np.eye(5, 10)
_PAIRS = np.array(
    [[1.0 if k in (i, j) else -0.6 for i in range(5) for j in range(i)] for k in range(5)]
)


def _with_code() -> FloatArray:
    """Three neurons of their own and a 3-in-2 code."""
    W = np.zeros((5, 10))
    W[[0, 1, 2], [0, 1, 2]] = 1.0
    W[3:, 3:6] = [[0.9, -0.8, 0.8], [0.9, 0.8, -0.8]]
    return W


def _hidden(*weights: FloatArray) -> Hidden:
    p = np.array([0.5, 0.25, 0.04])
    return Hidden(
        feature_probabilities=p,
        importance=np.power(0.75, np.arange(10.0)),
        weights=np.array(weights),
        biases=np.zeros((3, 10)),
        losses=np.array([[1.0, 1.005, 2.0]] * 3),
    )


def test_neurons_that_bear_the_source_out_pass() -> None:
    outcome = relu_hidden.check([_hidden(_ALONE, _with_code(), _PAIRS)])
    assert outcome.verdict == "pass"
    alone, codes, pairs, _ = (claim.found for claim in outcome.claims)
    assert alone == "at 0.5 5 × monosemantic"
    assert codes == "at 0.25 3 × monosemantic, 3-in-2 (all non-empty sets)"
    assert pairs == "at 0.04 10-in-5 (all pairs); in all, 10 of 10 features are on two neurons"
    assert outcome.numbers["share_of_models_within_1_percent"] == pytest.approx([2 / 3] * 3)


@pytest.mark.parametrize(
    ("weights", "failing"),
    [
        ((_with_code(), _with_code(), _PAIRS), {0}),
        ((_ALONE, _ALONE, _PAIRS), {1}),
        ((_ALONE, _PAIRS, _PAIRS), {1}),
        ((_ALONE, _with_code(), _with_code()), {2}),
        ((_ALONE, _with_code(), _ALONE), {2, 3}),
    ],
)
def test_each_claim_on_codes_fails_alone(
    weights: tuple[FloatArray, ...], failing: set[int]
) -> None:
    claims = relu_hidden.check([_hidden(*weights)]).claims
    assert {k for k, claim in enumerate(claims) if not claim.holds} == failing


def test_codes_in_one_line() -> None:
    report = _hidden(_ALONE, _with_code(), _PAIRS).reports()[1]
    assert code_names(report) == "3 × monosemantic, 3-in-2 (all non-empty sets)"


def test_a_dropped_output_loses_its_variance(rng: np.random.Generator) -> None:
    p, size = 0.3, 2_000_000
    x, y = rng.uniform(-1, 1, (2, size)) * (rng.random((2, size)) < p)
    assert np.abs(x).var() == pytest.approx(float(dropped_variance(p, signed=True)), rel=0.01)
    smaller = np.minimum(np.abs(x), np.abs(y))
    assert smaller.var() == pytest.approx(float(dropped_variance(p, signed=False)), rel=0.02)


def _absolute(n: int, own: int) -> tuple[FloatArray, FloatArray]:
    """Pairs of neurons for so many of n features."""
    W = np.vstack([np.eye(own, n), -np.eye(own, n)])
    return W, np.abs(W)


def _shared() -> tuple[FloatArray, FloatArray]:
    """Two features with neurons of their own, eight in asymmetric superposition by pairs."""
    W, V = np.zeros((24, 20)), np.zeros((24, 20))
    W[[0, 1, 2, 3], [0, 0, 1, 1]] = 1.0, -1.0, 1.0, -1.0
    V[[0, 1, 2, 3], [0, 0, 1, 1]] = 1.0
    for block in range(4):
        k, a = 4 + 4 * block, 2 + 2 * block
        W[k, [a, a + 1]], V[k, [a, a + 1]] = (2.0, -0.5), (0.5, 2.0)
        W[k + 1, a], V[k + 1, a + 1] = 1.0, -5.0
        W[k + 2, a], V[k + 2, a] = -1.0, 1.0
        W[k + 3, a + 1], V[k + 3, a + 1] = 1.0, 1.0
    return W, V


def _computed(**changed: Any) -> Computed:
    """A result that bears the source out, but for fields such as ``many__W``."""
    few, dense, sparse = _absolute(3, 3), _absolute(20, 12), _shared()
    p = np.array([1.0, 0.1])
    variance = dropped_variance(p, signed=True)
    answered = np.where(np.arange(20) < np.array([[12], [14]]), 0.0, 1.0)
    parts = {
        "few": SmallLayers(
            losses=np.array([1.0, 1e-9]),
            W=np.array([np.zeros((6, 3)), few[0]]),
            V=np.array([np.zeros((6, 3)), few[1]]),
        ),
        "many": Layers(
            signed=True,
            feature_probabilities=p,
            importance=np.ones(20),
            W=np.array([dense[0], sparse[0]]),
            V=np.array([dense[1], sparse[1]]),
            b=np.zeros((2, 20)),
            losses=8.0 * variance[:, None] * np.array([[1.0, 1.1], [0.5, 0.6]]),
            feature_losses=variance[:, None] * answered,
        ),
        "gates": Layers(
            signed=False,
            feature_probabilities=np.array([0.5, 0.15]),
            importance=np.ones(4),
            W=np.ones((2, 3, 4)),
            V=np.ones((2, 3, 4)),
            b=-np.ones((2, 4)),
            losses=np.ones((2, 2)),
            feature_losses=np.zeros((2, 4)),
        ),
    }
    for name, value in changed.items():
        part, _, field = name.partition("__")
        parts[part] = dataclasses.replace(parts[part], **{field: value})  # type: ignore[type-var]  # both are dataclasses
    return Computed(**parts)  # type: ignore[arg-type]  # by their names


def test_the_best_without_superposition_is_known() -> None:
    layers = _computed().many
    expected = 8.0 * dropped_variance(layers.feature_probabilities, signed=True)
    assert without_superposition(layers) == pytest.approx(expected)
    assert layers.answered().tolist() == [12.0, 14.0]


def test_layers_that_bear_the_source_out_pass() -> None:
    outcome = computation.check([_computed()])
    assert outcome.verdict == "pass", str(outcome)
    assert outcome.numbers["neurons"][0][1]["polysemantic"] == 4
    assert outcome.numbers["motifs_found"][0] == [0, 4]
    assert secondary_weights(_computed().many, 1).tolist() == [0.25] * 4


_PAIRED, _DENSE, _MORE, _SHIFT, _OWN, _PRIMARY, _MOTIF, _GATES = range(8)


@pytest.mark.parametrize(
    ("changed", "failing"),
    [
        ({"few__losses": np.array([0.5, 1.0])}, {_PAIRED}),
        (
            {"many__W": _computed().many.W[[1, 1]], "many__V": _computed().many.V[[1, 1]]},
            {_DENSE, _SHIFT},
        ),
        (
            {"many__W": _computed().many.W[[0, 0]], "many__V": _computed().many.V[[0, 0]]},
            {_SHIFT, _OWN, _PRIMARY, _MOTIF},
        ),
        ({"many__losses": 10.0 * _computed().many.losses}, {_MORE}),
        ({"many__feature_losses": np.ones((2, 20))}, {_MORE}),
        ({"many__V": np.maximum(_computed().many.V, 0.0)}, {_MOTIF}),
        (
            {"many__W": _computed().many.W[:, :, ::-1], "many__V": _computed().many.V[:, :, ::-1]},
            {_OWN},
        ),
        ({"gates__feature_losses": np.ones((2, 4))}, {_GATES}),
    ],
)
def test_each_claim_on_computation_fails_alone(changed: dict[str, Any], failing: set[int]) -> None:
    claims = computation.check([_computed(**changed)]).claims
    assert {k for k, claim in enumerate(claims) if not claim.holds} == failing


@pytest.mark.usefixtures("short_evaluations")
@pytest.mark.parametrize("name", ["relu-hidden", "computation"])
def test_a_small_run_goes_to_file_and_to_paper(name: str, tmp_path: Path) -> None:
    experiment = get_experiment(name)
    small: dict[str, Any] = {"n_steps": 60, "n_restarts": 2, "batch_size": 64}
    if name == "computation":
        small |= {"few_restarts": 2, "gate_restarts": 2, "gate_steps": 60}
    config = dataclasses.replace(experiment.smoke, **small)
    result = experiment.run(config, 0, Trainer())
    path = tmp_path / "result.npz"
    save_result(path, result, config, 0, 1.5)
    loaded = load_result(path, experiment.result, config, 0)
    assert loaded is not None
    again, seconds = loaded
    assert seconds == 1.5
    np.testing.assert_equal(dataclasses.asdict(again), dataclasses.asdict(result))
    repeated = experiment.run(config, 0, Trainer())
    np.testing.assert_equal(dataclasses.asdict(repeated), dataclasses.asdict(result))
    assert experiment.check([again]).claims
    figure = get_experiment(name).draw([again])
    figure.canvas.draw()
    plt.close(figure)
