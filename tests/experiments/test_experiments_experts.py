"""The row on mixtures of experts: checks on planted results, and one short run."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt

from geomsup.experiments import Trainer, get_experiment
from geomsup.experiments.frame.results import load_result, save_result
from geomsup.experiments.mixtures import mixture_of_experts
from geomsup.experiments.mixtures.routed_models import Config, Model, Result, comparisons, run

_BALANCED, _ACTIVE, _TOTAL, _EQUAL, _MORE, _GONE, _TOGETHER = range(7)
_N, _M, _K = 8, 2, 4
_DENSE_LOSSES = {2: 1.0, 4: 1 / 4, 8: 1 / 16}


def _model(data: str, gate: str, n_hidden: int, loss: float, best_routed: float) -> Model:
    """One that is dense and holds everything, or four experts that hold two features each."""
    dense = gate == "dense"
    holds = np.ones((1, _N), dtype=bool) if dense else np.kron(np.eye(_K), [1, 1]) > 0
    return Model(
        data=data,
        gate=gate,
        n_hidden=n_hidden,
        loss=loss,
        loss_error=1e-3,
        best_routed=best_routed,
        holds=holds,
        features_per_dimension=np.ones(len(holds)),
        total_dimensionality=np.ones(len(holds)),
        load=np.full(len(holds), 1 / len(holds)),
        refused=0.0,
        together=1.0 if data == "sets" else np.nan,
        norms=holds.astype(float),
        geometry="",
    )


def _planted(**changed: Any) -> Result:
    """Dense models of 2, 4 and 8 dimensions that lose 1, 1/4, 1/16, and two perfect mixtures.

    Each has four experts of two features in two dimensions, and loses 1/4.
    """
    models = []
    for data in ("independent", "sets"):
        models += [_model(data, "dense", m, loss, loss) for m, loss in _DENSE_LOSSES.items()]
        mixture = _model(data, "weighted", _M, 1 / 4, 1 / 5)
        models.append(dataclasses.replace(mixture, **changed))
    return Result(models=tuple(models), set_size=2)


def _held(result: Result) -> list[bool]:
    return [claim.holds for claim in mixture_of_experts.check([result]).claims]


def test_perfect_mixtures_pass() -> None:
    outcome = mixture_of_experts.check([_planted()])
    # All but one: the planted mixtures have all four experts, so none has more.
    assert [claim.holds for claim in outcome.claims] == [k != _MORE for k in range(7)]


def test_more_experts_that_hold_less_pass() -> None:
    # Beside the first mixture, one of two experts that hold all features each.
    mixture = _planted().models[3]
    pair = dataclasses.replace(mixture, holds=np.ones((2, _N), dtype=bool), load=np.full(2, 0.5))
    result = dataclasses.replace(_planted(), models=(*_planted().models, pair))
    claim = mixture_of_experts.check([result]).claims[_MORE]
    assert claim.by_seed == (True, False)
    assert "4 experts hold 0.25–1.00 times as many as 2 do" in claim.found


def test_a_mixture_is_measured_by_dense_models() -> None:
    one, _ = comparisons(_planted())
    assert one.active == pytest.approx(1.0)
    assert one.total == pytest.approx(1 / 16)
    assert one.worth == pytest.approx(4.0)  # dimensions of the dense model that loses 1/4
    assert one.rival == pytest.approx(2.0)  # features per dimension there
    assert one.held == pytest.approx(1.0)
    assert one.copies == pytest.approx(1.0)
    # Half way between two sizes, by ratios.
    assert comparisons(_planted(loss=1 / 2))[0].worth == pytest.approx(2.0 * 2**0.5)


def test_idle_experts_hold_nothing() -> None:
    holds = np.kron(np.eye(_K), [1, 1]) > 0
    holds[2:] = True
    one, _ = comparisons(_planted(load=np.array([0.5, 0.5, 0.0, 0.0]), holds=holds))
    assert one.held == pytest.approx(1.0)
    assert one.copies == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("result", "claim"),
    [
        (_planted(loss=1.5), _ACTIVE),
        (_planted(loss=1 / 20), _TOTAL),
        (_planted(holds=np.ones((_K, _N), dtype=bool)), _EQUAL),
        (_planted(holds=np.ones((_K, _N), dtype=bool)), _GONE),
        (_planted(together=0.5), _TOGETHER),
    ],
)
def test_each_claim_can_fail(result: Result, claim: int) -> None:
    assert not _held(result)[claim]


def test_uneven_loads_are_reported() -> None:
    load = np.array([0.7, 0.3, 0.0, 0.0])
    claim = mixture_of_experts.check([_planted(load=load)]).claims[_BALANCED]
    assert not claim.holds
    assert "4 of 8 experts get less than 1% of the inputs" in claim.why
    assert "the busiest of all 2.80 times" in claim.found


def test_what_better_routing_would_give_is_told() -> None:
    claim = mixture_of_experts.check([_planted(loss=1.5)]).claims[_ACTIVE]
    assert "independent, weighted 0.20" in claim.why


_SMALL = Config(
    n_features=12,
    n_hidden=2,
    n_experts=(2, 6),
    dense_sizes=(2, 4, 12),
    set_size=3,
    feature_probability=0.1,
    n_restarts=1,
    n_steps=120,
    batch_size=128,
    learning_rate=1e-2,
)


@cache
def _small() -> Result:
    return run(_SMALL, 0, Trainer())


def test_it_runs_keeps_and_draws(tmp_path: Path) -> None:
    result = _small()
    assert len(result.models) == 2 * (3 + 2 * 2)
    for one in result.models:
        assert np.isfinite(one.loss)
        # No router can do better than one that knows the answers; its sample is another one.
        assert one.gate == "dense" or one.best_routed < 1.1 * one.loss
        assert one.together >= 1 / 6 if one.data == "sets" else np.isnan(one.together)
        assert one.load.sum() == pytest.approx(1.0)
        assert one.holds.shape == one.norms.shape == (one.n_experts, 12)
    save_result(tmp_path / "one.npz", result, _SMALL, 0, 1.0)
    again = load_result(tmp_path / "one.npz", Result, _SMALL, 0)
    assert again is not None
    outcome = mixture_of_experts.check([again[0], result])
    assert len(outcome.claims) == 7
    assert len(outcome.to_dict()["numbers"]["mixtures"]) == 2 * 2 * 2 * 2
    figure = get_experiment("mixture-of-experts").draw([result, again[0]])
    assert len(figure.axes) >= 2 * 3
    plt.close(figure)


def test_the_largest_mixture_has_room_for_all_features() -> None:
    for scale in ("smoke", "paper"):
        config = get_experiment("mixture-of-experts").config(scale)
        assert max(config.n_experts) * config.n_hidden == config.n_features
        assert {config.n_hidden, config.n_features} <= set(config.dense_sizes)
