"""The row on attacks: planted results, models whose vulnerability is known, and one run."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt

from geomsup.experiments import Trainer, get_experiment
from geomsup.experiments.adversarial import adversarial
from geomsup.experiments.adversarial.adversarial import ATTACKS, Config, Result, run, under_attack
from geomsup.experiments.frame.results import load_result, save_result

_RISES, _TRACKS, _EACH, _MASKED = range(4)


def _planted(**changed: Any) -> Result:
    """Four models that bear out all that the source says."""
    features = np.array([1.0, 2.0, 4.0, 8.0])
    fields: dict[str, Any] = {
        "n_features": 12,
        "n_hidden": 4,
        "inverse_densities": np.array([1.0, 3.0, 10.0, 100.0]),
        "losses": np.ones(4),
        "features_per_dimension": features,
        "mean_biases": -0.1 * features,
        "universal": features,
        "linear": 2.0 * features,
        "gradient": 3.0 * features,
        "from_inputs": 0.5 * features,
        "active": np.array([0.9, 0.5, 0.1, 0.01]),
        "universal_error": np.full(4, 0.01),
        "names": ("",) * 4,
    }
    return Result(**{**fields, **changed})


def _copies(number: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """W and b of four dimensions, each of which so many features share.

    One is alone, two are a digon, three add one that points the same way as the first.
    """
    signs = np.array([1.0, -1.0, 1.0])
    return np.kron(np.eye(4), signs * (np.arange(3) < number)), np.zeros(12)


def test_what_bears_the_source_out_passes() -> None:
    outcome = adversarial.check([_planted(), _planted()])
    assert outcome.verdict == "pass"
    assert "8.00 times" in outcome.claims[_RISES].found
    assert "rank correlation 1.00" in outcome.claims[_TRACKS].found
    assert "0.25 times the harm" in outcome.claims[_MASKED].found


@pytest.mark.parametrize(
    ("changed", "claim"),
    [
        ({"universal": np.array([1.0, 1.5, 2.0, 2.9])}, _RISES),
        ({"universal": np.array([1.0, 4.0, 3.0, 2.0])}, _TRACKS),
        ({"linear": np.array([1.0, 40.0, 3.0, 16.0])}, _EACH),
        ({"from_inputs": np.array([1.0, 2.0, 4.0, 20.0])}, _MASKED),
    ],
)
def test_each_claim_fails_alone(changed: dict[str, Any], claim: int) -> None:
    claims = adversarial.check([_planted(**changed)]).claims
    assert [one.holds for one in claims] == [k != claim for k in range(4)]
    assert claims[claim].why


def test_seeds_are_judged_one_by_one() -> None:
    flat = _planted(universal=np.ones(4))
    rises, tracks, *_ = adversarial.check([_planted(), flat]).claims
    assert rises.by_seed == (True, False)
    assert tracks.by_seed == (True, False)  # where nothing can be ranked, nothing follows
    assert "rank correlation 0.00–1.00" in tracks.found


def test_what_no_attack_harms_is_not_divided_by() -> None:
    harmless = _planted(**{name: np.zeros(4) for name in ATTACKS})
    rises, _, _, masked = adversarial.check([harmless]).claims
    assert not rises.holds
    assert "1.00 times, from 0.00" in rises.found
    assert not masked.holds
    first = _planted(universal=np.array([0.0, 1.0, 2.0, 3.0]))
    assert adversarial.check([first]).claims[_RISES].holds


def test_a_model_without_superposition_has_vulnerability_one() -> None:
    for p in (1.0, 0.3):
        found = under_attack(*_copies(1), p)
        for name in ("universal", "linear", "gradient"):
            assert getattr(found, name) == pytest.approx(1.0)


def test_vulnerability_grows_with_what_shares_a_dimension() -> None:
    found = [under_attack(*_copies(number), 1.0 / number).universal for number in (1, 2, 3)]
    assert found[0] < found[1] < found[2]


def test_biases_that_silence_all_outputs_leave_nothing_to_attack() -> None:
    W, b = _copies(3)
    found = under_attack(W, b - 100.0, 0.3)
    assert found.active == 0.0
    assert all(getattr(found, name) == 0.0 for name in ATTACKS)


_SMALL = Config(
    n_features=20, n_hidden=3, inverse_densities=(25.0, 1.0, 3.0, 8.0), n_samples=2048, n_steps=400
)


@cache
def _small() -> Result:
    return run(_SMALL, 0, Trainer())


def test_models_are_trained_and_attacked() -> None:
    result = _small()
    assert result.inverse_densities.tolist() == [1.0, 3.0, 8.0, 25.0]
    assert len(result.names) == 4
    assert all(result.names)
    assert result.linear[-1] > result.linear[0]
    for weaker, stronger in (("universal", "linear"), ("linear", "gradient")):
        assert (getattr(result, weaker) <= getattr(result, stronger) + 1e-9).all()
    again = run(_SMALL, 0, Trainer())
    for name in ATTACKS:
        np.testing.assert_array_equal(getattr(again, name), getattr(result, name))


def test_results_are_kept_judged_and_drawn(tmp_path: Path) -> None:
    save_result(tmp_path / "one.npz", _small(), _SMALL, 0, 1.0)
    found = load_result(tmp_path / "one.npz", Result, _SMALL, 0)
    assert found is not None
    outcome = adversarial.check([found[0], _small()])
    assert len(outcome.claims) == 4
    assert outcome.claims == adversarial.check([_small(), _small()]).claims
    measured = outcome.to_dict()["numbers"]["1"]
    assert measured["universal"] == _small().universal.tolist()
    for results in ([_small()], [_small(), found[0]]):
        figure = get_experiment("adversarial").draw(results)
        assert len(figure.axes) == 3
        plt.close(figure)


def test_both_scales_sweep_from_dense_to_very_sparse() -> None:
    for scale in ("smoke", "paper"):
        config = get_experiment("adversarial").config(scale)
        assert config.budget == 0.1
        assert (min(config.inverse_densities), max(config.inverse_densities)) == (1.0, 100.0)
