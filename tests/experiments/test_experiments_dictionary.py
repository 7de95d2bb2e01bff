"""The rows on sparse autoencoders: checks on planted results, and one short run of each."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt
from numpy.typing import NDArray

from geomsup.experiments import Outcome, Trainer, get_experiment
from geomsup.experiments.dictionaries import sae_recovery, sae_splitting
from geomsup.experiments.frame.results import load_result, save_result

KINDS = ("relu", "topk")


def _recovery(**changed: Any) -> sae_recovery.Result:
    """Two models, two kinds, two settings of two restarts; the second setting has it all right."""
    n = 16
    model = np.repeat([0, 1], 8)
    kind = tuple(np.tile(np.repeat(KINDS, 4), 2).tolist())
    right = np.tile([False, False, True, True], 4)
    is_relu = np.array(kind) == "relu"
    fields: dict[str, Any] = {
        "model": model,
        "kind": kind,
        "n_latents": np.full(n, 5),
        "sparsity": np.where(is_relu, np.where(right, 0.3, 0.01), np.where(right, 1.0, 2.0)),
        "share": np.where(right, 1.0, 0.4),
        "cosine": np.where(right, 0.99, 0.8),
        "n_dead": np.zeros(n, dtype=int),
        "unexplained": np.where(right, 0.1, 0.01),
        "gain": np.where(is_relu, 0.8, 1.0),
        "l0": np.ones(n),
        "loss_recovered": np.full(n, 0.9),
        "agreement": np.where(right, 0.99, 0.8),
        "same_geometry": right,
        "refitted": np.where(right, 0.95, np.nan),
        "sizes": ("5→2", "20→5"),
        "n_hidden": (2, 5),
        "names": ("pentagon", "irregular"),
        "losses": np.array([0.03, 0.05]),
        "best_losses": np.array([0.026, np.nan]),
        "weights": np.eye(2, 5),
        "decoders": np.zeros((8, 2, 5)),
    }
    return sae_recovery.Result(**{**fields, **changed})


def _verdicts(outcome: Outcome) -> list[bool]:
    return [claim.holds for claim in outcome.claims]


def test_recovery_passes_when_agreement_leads_to_the_truth() -> None:
    outcome = sae_recovery.check([_recovery()])
    assert outcome.verdict == "pass"
    assert outcome.numbers["chosen"]["5→2, TopK"] == "5 latents, k = 1"
    assert "best_known" in outcome.to_dict()["numbers"]


def test_recovery_reports_a_choice_that_misleads() -> None:
    outcome = sae_recovery.check([_recovery(agreement=1.8 - _recovery().agreement)])
    held = _verdicts(outcome)
    assert held[:6] == [False] * 6
    assert "the best setting of the grid finds 100%" in outcome.claims[0].why
    # Two latents that span the plane need no true directions: k = 2 in two dimensions.
    assert "span 2 dimensions" in outcome.claims[1].why
    assert "span" not in outcome.claims[3].why


@pytest.mark.parametrize(
    ("field", "claim"),
    [
        ("share", 0),
        ("same_geometry", 4),
        ("unexplained", 6),
        ("gain", 7),
        ("loss_recovered", 8),
    ],
)
def test_each_claim_of_recovery_can_fail(field: str, claim: int) -> None:
    value = getattr(_recovery(), field)
    broken: NDArray[Any] = np.zeros_like(value)
    held = _verdicts(sae_recovery.check([_recovery(**{field: broken})]))
    assert not held[claim]


_RECOVERY = sae_recovery.Config(
    n_features=(4,),
    n_hidden=(2,),
    feature_probability=(0.05,),
    n_models=2,
    model_steps=600,
    size_ratios=(1, 2),
    penalties=(0.01, 0.3),
    active=(1, 2),
    n_restarts=2,
    n_steps=400,
    batch_size=128,
)


@cache
def _small_recovery() -> sae_recovery.Result:
    return sae_recovery.run(_RECOVERY, 0, Trainer())


def test_recovery_runs_keeps_and_draws(tmp_path: Path) -> None:
    result = _small_recovery()
    assert result.share.shape == (2 * 2 * 2 * 2,)
    assert np.isfinite(result.refitted).sum() == 2 * 2
    outcome = sae_recovery.check([result])
    assert len(outcome.claims) == 2 + 5
    save_result(tmp_path / "one.npz", result, _RECOVERY, 0, 1.0)
    again = load_result(tmp_path / "one.npz", sae_recovery.Result, _RECOVERY, 0)
    assert again is not None
    assert sae_recovery.check([again[0]]).to_dict() == outcome.to_dict()
    figure = get_experiment("sae-recovery").draw([result])
    assert [ax.get_xlabel() for ax in figure.axes[-2:]] == ["L1 penalty", "agreement of restarts"]
    plt.close(figure)


_SPLITTING = sae_splitting.Config(
    shares=(0.6, 0.2, 0.2),
    size_ratios=(1, 2, 4),
    n_restarts=3,
    n_restarts_small=3,
    n_steps=1200,
    batch_size=256,
)


@cache
def _small_splitting() -> sae_splitting.Result:
    return sae_splitting.run(_SPLITTING, 0, Trainer())


def test_splitting_runs_keeps_and_draws(tmp_path: Path) -> None:
    result = _small_splitting()
    outcome = sae_splitting.check([result])
    assert outcome.claims[0].says == "the families of 8 latents are the 8 planted clusters"
    assert outcome.claims[0].holds
    assert outcome.claims[2].holds
    assert sae_splitting.nominal_sizes(result) == [8, 16, 32]
    save_result(tmp_path / "one.npz", result, _SPLITTING, 0, 1.0)
    again = load_result(tmp_path / "one.npz", sae_splitting.Result, _SPLITTING, 0)
    assert again is not None
    assert sae_splitting.check([again[0]]).to_dict() == outcome.to_dict()
    assert outcome.claims[0].found.endswith("average linkage of the true directions: 1.00")
    figure = get_experiment("sae-splitting").draw([result])
    assert figure.axes[-1].get_ylabel() == "share that splits"
    plt.close(figure)


def _swapped(result: sae_splitting.Result) -> sae_splitting.Result:
    names = ("decoders", "powers", "parents", "cosines", "coactivations", "dead", "found")
    return dataclasses.replace(result, **{name: getattr(result, name)[::-1] for name in names})


def test_splitting_fails_where_the_unclustered_truth_splits_instead() -> None:
    held = _verdicts(sae_splitting.check([_swapped(_small_splitting())]))
    assert held[2:4] == [False, False]


def test_splitting_fails_where_families_are_not_the_planted_ones() -> None:
    result = dataclasses.replace(_small_splitting(), agreement=np.array([0.5, 0.5]))
    claim = sae_splitting.check([result]).claims[0]
    assert not claim.holds
    assert "follow a neighbour's latent" in claim.why


def test_splitting_fails_where_the_largest_dictionaries_go_on_splitting() -> None:
    # The step from 16 to 32 latents, called one beyond the number of features.
    outcome = sae_splitting.check([dataclasses.replace(_small_splitting(), n_features=16)])
    assert not outcome.claims[-1].holds


def test_both_rows_are_registered() -> None:
    for name in ("sae-recovery", "sae-splitting"):
        assert get_experiment(name).id == name
