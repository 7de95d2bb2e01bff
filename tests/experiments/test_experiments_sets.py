"""Features in sets: exact losses against sampling, measures on planted models, checks both ways."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from geomsup.experiments import Trainer
from geomsup.experiments.frame.measures import best_known, cosines, exact_losses
from geomsup.experiments.learning import geometric_transforms
from geomsup.experiments.sets import anticorrelated, correlated, local_bases, pca_collapse
from geomsup.experiments.sets.set_models import (
    Restarts,
    SetModels,
    SetsConfig,
    pair_cosines,
    partner_ranks,
)
from geomsup.theory import FeatureModel
from geomsup.training import ToyModelConfig
from geomsup.training.evaluation import evaluate

FloatArray = NDArray[np.float64]


def _polygon(angles: Any) -> FloatArray:
    radians = np.radians(np.asarray(angles, dtype=float))
    return np.array([np.cos(radians), np.sin(radians)])


# ---------------------------------------------------------------------- exact losses of sets


@pytest.mark.parametrize("correlation", ["correlated", "anticorrelated"])
@pytest.mark.parametrize(("n_sets", "size", "q"), [(2, 2, 0.3), (2, 3, 0.1), (3, 2, 0.6)])
def test_losses_of_sets_agree_with_the_sampler(
    correlation: Any, n_sets: int, size: int, q: float, rng: np.random.Generator
) -> None:
    config = SetsConfig(set_size=size, set_probability=q)
    sets = config.sets(n_sets, "together" if correlation == "correlated" else "exclusive")
    n = sets.n_features
    W, b = rng.normal(size=(4, 2, n)), 0.2 * rng.normal(size=(4, n))
    models = ToyModelConfig(
        n_features=n,
        n_instances=4,
        feature_probability=sets.feature_probability[0],
        correlation=correlation,
        set_size=size,
    )
    losses, errors = evaluate(models, W, W, b, 0)
    assert (np.abs(losses - exact_losses(W, b, sets)) < 4 * errors).all()


def test_the_best_of_two_correlated_pairs_has_orthogonal_partners() -> None:
    best = best_known(4, 2, FeatureModel.pairs(2, 0.1), n_starts=20)
    assert np.abs(pair_cosines(best.W)).max() < 0.1
    # Equal models are one key of the cache.
    assert best_known(4, 2, FeatureModel.pairs(2, np.float64(0.1)), n_starts=20) is best


# ---------------------------------------------------------------------- measures


@given(st.floats(1e-6, 6.0), st.floats(0, 2 * np.pi), st.permutations([0, 1, 2]))
def test_measures_do_not_depend_on_rotation_scale_or_order_of_pairs(
    scale: float, angle: float, order: list[int]
) -> None:
    W = _polygon([0, 50, 120, 170, 240, 300])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    columns = np.array([[2 * k, 2 * k + 1] for k in order]).ravel()
    other = scale * (turn @ W)[:, columns]
    np.testing.assert_allclose(pair_cosines(other), pair_cosines(W)[order], atol=1e-12)
    np.testing.assert_array_equal(partner_ranks(other), partner_ranks(W)[columns])


def test_partners_that_stand_apart_are_seen() -> None:
    assert (partner_ranks(_polygon([0, 60, 120, 180, 240, 300])) <= 1).all()
    assert partner_ranks(_polygon([0, 120, 60, 180, 240, 300])).max() == 3
    assert cosines(np.zeros((2, 3))).tolist() == np.zeros((3, 3)).tolist()


def test_twisted_triangles_are_not_octahedra() -> None:
    def triads(twist: float) -> FloatArray:
        axis = np.ones(3) / np.sqrt(3)
        across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
        turn = np.eye(3) + np.sin(twist) * across + (1 - np.cos(twist)) * across @ across
        assert np.allclose(turn @ axis, axis)
        return np.concatenate([np.eye(3), -turn @ np.eye(3)], axis=1)

    assert geometric_transforms.antipodes_across(triads(0.0))
    assert not geometric_transforms.twisted_triangles(triads(0.0))
    assert geometric_transforms.twisted_triangles(triads(0.6))
    assert not geometric_transforms.antipodes_across(triads(0.6))
    within = np.array([[1.0, -1, 0, 0, 0, 0], [0, 0, 1, -1, 0, 0], [0, 0, 0, 0, 1, -1]])
    assert not geometric_transforms.antipodes_across(within)


def test_pca_loses_what_is_left_of_the_covariance(rng: np.random.Generator) -> None:
    q = 0.6
    x = np.repeat(rng.random((400_000, 3)) < q, 2, axis=1) * rng.random((400_000, 6))
    left = np.linalg.eigvalsh(np.cov(x.T))[:4].sum()
    assert pca_collapse.pca_loss(q) == pytest.approx(left, rel=0.01)


# ---------------------------------------------------------------------- checks on planted results


def _models(W: FloatArray, loss: float, name: str, best_known: float) -> SetModels:
    """One model of pairs."""
    return SetModels(
        weights=W[None],
        biases=np.zeros((1, W.shape[1])),
        losses=np.array([loss]),
        names=(name,),
        best_known=best_known,
        best_weights=W,
    )


def _anticorrelated(angles: list[float]) -> anticorrelated.Result:
    W = _polygon(angles)
    sets = FeatureModel.pairs(2, 0.05, presence="exclusive")
    loss = float(exact_losses(W[None], np.zeros((1, 4)), sets)[0])
    independent = Restarts(weights=_polygon([0, 90, 180, 270])[None], losses=np.array([0.01]))
    return anticorrelated.Result(pairs=_models(W, loss, "square", 0.0), independent=independent)


def test_anticorrelated_sees_antipodes_and_neighbours() -> None:
    assert anticorrelated.check([_anticorrelated([0, 180, 90, 270])]).verdict == "pass"
    assert anticorrelated.check([_anticorrelated([0, 90, 180, 270])]).verdict == "fail"


def _correlated(two: list[float], three: list[float], name: str) -> correlated.Result:
    return correlated.Result(
        two=_models(_polygon(two), 1.0, "square", 1.0),
        three=_models(_polygon(three), 1.0, name, 1.0),
    )


def test_correlated_sees_right_angles_and_neighbours() -> None:
    hexagon = [0.0, 60, 120, 180, 240, 300]
    assert correlated.check([_correlated([0, 90, 180, 270], hexagon, "hexagon")]).verdict == "pass"
    apart = [0.0, 180, 60, 240, 120, 300]
    outcome = correlated.check([_correlated([0, 180, 90, 270], apart, "hexagon")])
    assert [claim.holds for claim in outcome.claims] == [False, False, True]


def test_local_bases_sees_bases() -> None:
    basis = np.concatenate([np.eye(4), -np.eye(4)[:, ::-1]], axis=1)[None]
    mixed = np.random.default_rng(0).normal(size=(1, 4, 8))
    of_sets, free = (Restarts(weights=W, losses=np.ones(1)) for W in (basis, mixed))
    result = local_bases.Result(sets=of_sets, independent=free, names=("16-cell",), set_size=4)
    assert local_bases.check([result]).verdict == "pass"
    wrong = local_bases.check([dataclasses.replace(result, sets=free)])
    assert not wrong.claims[0].holds


def _collapse(numbers: list[int], ratio: float) -> pca_collapse.Result:
    q = np.array([0.03, 0.1, 0.18, 0.4, 0.7])
    weights = np.stack([_polygon(_paired(number)) for number in numbers])
    pca = np.array([pca_collapse.pca_loss(float(one)) for one in q])
    return pca_collapse.Result(
        set_probabilities=q,
        weights=weights,
        losses=ratio * pca,
        optimal_weights=weights,
        optimal_losses=ratio * pca,
        pca_losses=pca,
    )


def _paired(collapsed: int) -> list[float]:
    return [120 * k + (0 if k < collapsed else 50) * j for k in range(3) for j in range(2)]


def test_pca_collapse_counts_pairs() -> None:
    assert pca_collapse.collapsed(_polygon(_paired(2))) == 2
    assert pca_collapse.check([_collapse([0, 1, 2, 3, 3], 0.99)]).verdict == "pass"
    late = pca_collapse.check([_collapse([0, 0, 1, 2, 3], 0.9)])
    assert [claim.holds for claim in late.claims] == [True, False, False, False, False]


@pytest.mark.usefixtures("short_evaluations")
@pytest.mark.parametrize(
    ("module", "changes"),
    [
        (anticorrelated, {"n_models": 8, "n_steps": 800}),
        (local_bases, {"n_models": 1, "n_steps": 600}),
        (geometric_transforms, {"n_models": 2, "n_steps": 2500, "n_records": 60}),
        (
            pca_collapse,
            {"set_probabilities": (0.02, 0.7), "n_restarts": 4, "n_steps": 800, "n_exact": 1},
        ),
    ],
    ids=lambda value: value.__name__.rpartition(".")[2] if hasattr(value, "check") else "",
)
def test_small_runs_can_be_checked_and_drawn(module: Any, changes: dict[str, Any]) -> None:
    from matplotlib import pyplot as plt

    config = dataclasses.replace(module.EXPERIMENT.smoke, **changes)
    result = module.run(config, 0, Trainer())
    assert module.check([result]).claims
    plt.close(module.EXPERIMENT.draw([result]))
