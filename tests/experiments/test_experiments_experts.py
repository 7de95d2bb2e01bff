"""The row on mixtures of experts: checks on planted results, and one short run."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt

from geomsup.experiments import Trainer, get_experiment
from geomsup.experiments.frame.results import load_result, save_result
from geomsup.experiments.mixtures import mixture_of_experts
from geomsup.experiments.mixtures.routed_models import Config, Result, comparisons, run

_BALANCED, _ACTIVE, _TOTAL, _EQUAL, _MORE, _GONE, _TOGETHER = range(7)
_N, _M, _K = 8, 2, 4


def _planted(**changed: Any) -> Result:
    """Dense models of 2, 4 and 8 dimensions that lose 1, 1/4, 1/16, and two perfect mixtures.

    Each has four experts of two features in two dimensions, and loses 1/4.
    """
    rows = [
        (data, gate) for data in ("independent", "sets") for gate in ("dense",) * 3 + ("weighted",)
    ]
    dense = np.array([gate == "dense" for _, gate in rows])
    holds = np.zeros((8, _K, _N), dtype=bool)
    holds[dense, 0] = True
    holds[~dense] = np.kron(np.eye(4), [1, 1]) > 0
    load = np.zeros((8, _K))
    load[dense, 0] = 1.0
    load[~dense] = 0.25
    fields: dict[str, Any] = {
        "data": tuple(data for data, _ in rows),
        "gate": tuple(gate for _, gate in rows),
        "n_experts": np.where(dense, 1, _K),
        "n_hidden": np.array([2, 4, 8, _M] * 2),
        "losses": np.array([1.0, 1 / 4, 1 / 16, 1 / 4] * 2),
        "loss_errors": np.full(8, 1e-3),
        "best_routed": np.array([1.0, 1 / 4, 1 / 16, 1 / 5] * 2),
        "holds": holds,
        "features_per_dimension": np.ones((8, _K)),
        "total_dimensionality": np.ones((8, _K)),
        "load": load,
        "refused": np.zeros(8),
        "together": np.where(np.arange(8) < 4, np.nan, 1.0),
        "norms": holds.astype(float),
        "names": ("",) * 8,
        "set_size": 2,
    }
    return Result(**{**fields, **changed})


def _held(result: Result) -> list[bool]:
    return [claim.holds for claim in mixture_of_experts.check([result]).claims]


def test_perfect_mixtures_pass() -> None:
    outcome = mixture_of_experts.check([_planted()])
    # All but one: the planted mixtures have all four experts, so none has more.
    assert [claim.holds for claim in outcome.claims] == [k != _MORE for k in range(7)]


def test_more_experts_that_hold_less_pass() -> None:
    # Beside the first mixture, one of two experts that hold all features each.
    fields = {name: getattr(_planted(), name) for name in Result.__dataclass_fields__}
    for name, value in fields.items():
        if isinstance(value, tuple):
            fields[name] = (*value, value[3])
        elif isinstance(value, np.ndarray):
            fields[name] = np.concatenate([value, value[[3]]])
    fields["n_experts"][-1] = 2
    fields["holds"][-1, :2] = True
    fields["load"][-1] = [0.5, 0.5, 0.0, 0.0]
    claim = mixture_of_experts.check([Result(**fields)]).claims[_MORE]
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
    between = _planted(losses=np.array([1.0, 1 / 4, 1 / 16, 1 / 2] * 2))
    assert next(comparisons(between)).worth == pytest.approx(2.0 * 2**0.5)


def test_idle_experts_hold_nothing() -> None:
    load = _planted().load.copy()
    load[[3, 7]] = [0.5, 0.5, 0.0, 0.0]
    holds = _planted().holds.copy()
    holds[[3, 7], 2:] = True
    one, _ = comparisons(_planted(load=load, holds=holds))
    assert one.held == pytest.approx(1.0)
    assert one.copies == pytest.approx(1.0)


def _with(name: str, value: float) -> Result:
    table = getattr(_planted(), name).copy()
    table[[3, 7]] = value
    return _planted(**{name: table})


@pytest.mark.parametrize(
    ("result", "claim"),
    [
        (_with("losses", 1.5), _ACTIVE),
        (_with("losses", 1 / 20), _TOTAL),
        (_with("holds", 1), _EQUAL),
        (_with("holds", 1), _GONE),
        (_with("together", 0.5), _TOGETHER),
    ],
)
def test_each_claim_can_fail(result: Result, claim: int) -> None:
    assert not _held(result)[claim]


def test_uneven_loads_are_reported() -> None:
    load = _planted().load.copy()
    load[[3, 7]] = [0.7, 0.3, 0.0, 0.0]
    claim = mixture_of_experts.check([_planted(load=load)]).claims[_BALANCED]
    assert not claim.holds
    assert "4 of 8 experts get less than 1% of the inputs" in claim.why
    assert "the busiest of all 2.80 times" in claim.found


def test_what_better_routing_would_give_is_told() -> None:
    claim = mixture_of_experts.check([_with("losses", 1.5)]).claims[_ACTIVE]
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
    assert result.losses.shape == (2 * (3 + 2 * 2),)
    assert np.isfinite(result.losses).all()
    mixtures = np.array(result.gate) != "dense"
    # No router can do better than one that knows the answers; its sample is another one.
    assert (result.best_routed[mixtures] < 1.1 * result.losses[mixtures]).all()
    sets = np.array(result.data) == "sets"
    assert (result.together[sets] >= 1 / 6).all()
    assert np.isnan(result.together[~sets]).all()
    np.testing.assert_allclose(result.load.sum(axis=1), 1.0)
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
