"""The demonstrations and the larger model of the notes: measures, checks both ways, small runs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from geomsup.experiments import Trainer
from geomsup.experiments.demonstration import demonstration, larger, stack
from geomsup.experiments.uniform import notes_large
from geomsup.experiments.uniform.census import Census

FloatArray = NDArray[np.float64]


def test_the_best_linear_loss_is_that_of_pca(rng: np.random.Generator) -> None:
    # Weighted by √I the covariance is diagonal, and what is not kept is lost.
    importance, p = np.array([1.0, 0.7, 0.49, 0.3]), 0.4
    x = (rng.random((400_000, 4)) < p) * rng.random((400_000, 4))
    left = np.linalg.eigvalsh(np.cov((np.sqrt(importance) * x).T))[:2].sum()
    assert stack.linear_loss(np.array([p]), importance, 2)[0] == pytest.approx(left, rel=0.01)


def test_superposition_is_what_others_project() -> None:
    W = np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 2.0]])
    assert stack.superposition(W) == pytest.approx([1.0, 1.0, 0.0])
    assert stack.stored(W).tolist() == [True, True, True]
    assert stack.stored(0.5 * W).tolist() == [False, False, True]


def _stack(relu_counts: list[int], top: bool = True) -> stack.Result:
    p = np.array([1.0, 0.3, 0.03, 0.001])
    importance = 0.7 ** np.arange(8.0)
    weights = np.zeros((2, 4, 2, 8))
    weights[0, :, [0, 1], [0, 1] if top else [0, 5]] = 1.0
    biases = np.where(weights.any(axis=2), 0.0, 0.5 * p[:, None])
    for k, count in enumerate(relu_counts):
        # The first has a direction of its own, or the last one.
        weights[1, k, 0, 1:count] = 1.0
        weights[1, k, 0, 0 if top else count - 1] = 0.0
        weights[1, k, 1, 0 if top else count - 1] = 1.0
        weights[1, k, 0, 0] += not top
    pca = stack.linear_loss(p, importance, 2)
    return stack.Result(
        feature_probabilities=p,
        importance=importance,
        weights=weights,
        biases=biases,
        losses=np.array([stack.linear_losses(weights[0], biases[0], p, importance), 0.5 * pca]),
        trained_losses=0.51 * pca,
    )


def test_demonstrations_hold_and_fail() -> None:
    good = stack.check([_stack([2, 3, 5, 7])])
    assert good.verdict == "pass"
    assert good.claims[1].found.endswith(
        "training stopped up to 2.0% above the exact minimum, at 1"
    )
    wrong = stack.check([_stack([2, 6, 3, 2], top=False)])
    assert [claim.holds for claim in wrong.claims] == [False, False, False, False]


def test_linear_losses_need_no_sample(rng: np.random.Generator) -> None:
    p, importance = np.array([0.3, 0.8]), np.array([1.0, 0.6, 0.2])
    W, b = rng.normal(size=(2, 2, 3)), rng.normal(size=(2, 3))
    exact = stack.linear_losses(W, b, p, importance)
    for k in range(2):
        x = (rng.random((400_000, 3)) < p[k]) * rng.random((400_000, 3))
        sampled = ((x - x @ W[k].T @ W[k] - b[k]) ** 2) @ importance
        error = sampled.std() / np.sqrt(len(sampled))
        assert abs(exact[k] - sampled.mean()) < 5 * error


def test_order_of_superposition_is_that_of_dedicated_before_shared() -> None:
    mixed = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, -1.0], [0.0, 0.0, 1.0, 0.0]])
    assert stack.in_order(mixed) == 3 / 4  # 0 before 1 and 3, 2 before 3
    assert np.isnan(stack.in_order(np.eye(3)))


def _notes(name: str, isolated: int, represented: int) -> notes_large.Result:
    return notes_large.Result(
        weights=np.zeros((1, 4, 8)),
        losses=np.ones(1),
        census=Census(
            names=np.array([[name] * 8]),
            components=np.repeat(np.arange(4), 2)[None],
            dimensionalities=np.full((1, 8), 0.5),
        ),
        isolated=np.array([isolated]),
        represented=np.array([represented]),
    )


def test_notes_large_counts_who_stands_alone() -> None:
    assert notes_large.check([_notes("digon", 0, 8)]).verdict == "pass"
    assert notes_large.check([_notes("irregular", 2, 6)]).verdict == "fail"


@pytest.mark.usefixtures("short_evaluations")
def test_small_runs_can_be_checked_and_drawn() -> None:
    from matplotlib import pyplot as plt

    assert larger.Config() == larger.EXPERIMENT.paper
    small = {"n_features": 10, "n_hidden": 4, "n_steps": 200}
    for module, changes in (
        (demonstration, {"feature_probabilities": (1.0, 0.03), "n_restarts": 1} | small),
        (notes_large, small),
    ):
        experiment = module.EXPERIMENT
        config = dataclasses.replace(experiment.smoke, **changes)
        result = experiment.run(config, 0, Trainer())
        assert experiment.check([result]).claims
        if isinstance(result, stack.Result):
            assert np.all(result.losses[1] < result.trained_losses)
        plt.close(experiment.draw([result]))
