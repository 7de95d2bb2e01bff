"""The rows on sparse autoencoders: checks on planted results, and one short run of each."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt

from geomsup.experiments import Outcome, Trainer, get_experiment
from geomsup.experiments.dictionaries import sae_recovery, sae_splitting
from geomsup.experiments.frame.results import load_result, save_result


def _setting(kind: str, right: bool) -> sae_recovery.Setting:
    """Two restarts of a setting that has it all right, or of one that does not."""
    sparsity = {"relu": (0.01, 0.3), "topk": (2.0, 1.0)}[kind][right]
    return sae_recovery.Setting(
        kind=kind,
        n_latents=5,
        sparsity=sparsity,
        agreement=0.99 if right else 0.8,
        share=np.full(2, 1.0 if right else 0.4),
        cosine=np.full(2, 0.99 if right else 0.8),
        n_dead=np.zeros(2, dtype=int),
        unexplained=np.full(2, 0.1 if right else 0.01),
        gain=np.full(2, 0.8 if kind == "relu" else 1.0),
        l0=np.ones(2),
        loss_recovered=np.full(2, 0.9),
        decoders=(np.zeros((2, 5)),) * 2,
    )


def _grid(kind: str) -> sae_recovery.Grid:
    return sae_recovery.Grid(
        kind=kind,
        settings=(_setting(kind, True), _setting(kind, False)),
        same_geometry=np.ones(2, dtype=bool),
        refitted=np.full(2, 0.95),
    )


def _misled(grid: sae_recovery.Grid) -> sae_recovery.Grid:
    """The same settings, of which the restarts of the wrong one agree better."""
    right, wrong = grid.settings
    settings = (
        dataclasses.replace(wrong, agreement=1.0),
        dataclasses.replace(right, agreement=0.81),
    )
    return dataclasses.replace(grid, settings=settings, same_geometry=np.zeros(2, dtype=bool))


def _recovery(change: Any = lambda grid: grid) -> sae_recovery.Result:
    """Two models, two kinds, two settings of two restarts."""
    grids = tuple(change(_grid(kind)) for kind in sae_recovery.KINDS)
    plane = sae_recovery.Toy(
        weights=np.eye(2, 5), name="pentagon", loss=0.03, best_loss=0.026, grids=grids
    )
    larger = dataclasses.replace(
        plane, weights=np.eye(5, 20), name="irregular", loss=0.05, best_loss=np.nan
    )
    return sae_recovery.Result(toys=(plane, larger))


def _verdicts(outcome: Outcome) -> list[bool]:
    return [claim.holds for claim in outcome.claims]


def test_recovery_passes_when_agreement_leads_to_the_truth() -> None:
    outcome = sae_recovery.check([_recovery()])
    assert outcome.verdict == "pass"
    assert outcome.numbers["chosen"]["5→2, TopK"] == "5 latents, k = 1"
    assert "best_known" in outcome.to_dict()["numbers"]


def test_recovery_reports_a_choice_that_misleads() -> None:
    outcome = sae_recovery.check([_recovery(_misled)])
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
    broken: dict[str, Any] = {field: np.zeros(2, dtype=bool if field == "same_geometry" else float)}

    def change(grid: sae_recovery.Grid) -> sae_recovery.Grid:
        if field == "same_geometry":
            return dataclasses.replace(grid, **broken)
        settings = tuple(dataclasses.replace(one, **broken) for one in grid.settings)
        return dataclasses.replace(grid, settings=settings)

    assert not _verdicts(sae_recovery.check([_recovery(change)]))[claim]


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
    (toy,) = result.toys
    assert [len(grid.settings) for grid in toy.grids] == [2 * 2, 2 * 2]
    for grid in toy.grids:
        agreements = [setting.agreement for setting in grid.settings]
        assert agreements == sorted(agreements, reverse=True)
        assert np.isfinite(grid.refitted).all()
        assert {setting.share.shape for setting in grid.settings} == {(2,)}
        assert all(np.isfinite(one).all() for one in grid.chosen.decoders)
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


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred draws of chance for each check: enough for p-values of a hundredth."""
    monkeypatch.setattr(sae_splitting, "_DRAWS", 200)


def test_splitting_runs_keeps_and_draws(tmp_path: Path) -> None:
    result = _small_splitting()
    outcome = sae_splitting.check([result])
    assert outcome.claims[0].says == "the families of 8 latents are the 8 planted clusters"
    assert outcome.claims[0].holds
    assert outcome.claims[2].holds
    assert result.clustered.sizes == [8, 16, 32]
    save_result(tmp_path / "one.npz", result, _SPLITTING, 0, 1.0)
    again = load_result(tmp_path / "one.npz", sae_splitting.Result, _SPLITTING, 0)
    assert again is not None
    assert sae_splitting.check([again[0]]).to_dict() == outcome.to_dict()
    assert outcome.claims[0].found.endswith("average linkage of the true directions: 1.00")
    figure = get_experiment("sae-splitting").draw([result])
    assert figure.axes[0].get_ylabel() == "share that splits"
    plt.close(figure)


def test_splitting_fails_where_the_unclustered_truth_splits_instead() -> None:
    result = _small_splitting()
    swapped = dataclasses.replace(
        result, clustered=result.unclustered, unclustered=result.clustered
    )
    held = _verdicts(sae_splitting.check([swapped]))
    assert held[2:4] == [False, False]


def test_splitting_fails_where_families_are_not_the_planted_ones() -> None:
    result = _small_splitting()
    levels = tuple(dataclasses.replace(level, agreement=0.5) for level in result.levels)
    claim = sae_splitting.check([dataclasses.replace(result, levels=levels)]).claims[0]
    assert not claim.holds
    assert "follow a neighbour's latent" in claim.why


def test_splitting_fails_where_the_largest_dictionaries_go_on_splitting() -> None:
    # The step from 16 to 32 latents, called one beyond the number of features.
    outcome = sae_splitting.check([dataclasses.replace(_small_splitting(), n_features=16)])
    assert not outcome.claims[-1].holds


def test_both_rows_are_registered() -> None:
    for name in ("sae-recovery", "sae-splitting"):
        assert get_experiment(name).id == name
