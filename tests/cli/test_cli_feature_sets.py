"""``--pairs``, ``--sets`` and what goes with them, of the verbs that compute exact losses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from geomsup.cli import main
from geomsup.theory import FeatureModel, best_configuration, expected_loss

Capture = pytest.CaptureFixture[str]

_SMALL = "--hidden 1 --p 0.2 --starts 4 --json"


@pytest.mark.parametrize(
    ("words", "model"),
    [
        ("--pairs 1", FeatureModel.pairs(1, 0.2)),
        ("--sets 1x2 --together 0.5", FeatureModel.pairs(1, 0.2, together=0.5)),
        ("--features 2 --pairs 1 --equal-values 1", FeatureModel.pairs(1, 0.2, equal_values=1.0)),
        ("--pairs 1 --exclusive", FeatureModel.pairs(1, 0.2, presence="exclusive")),
    ],
)
def test_optimum_searches_the_sets_that_were_asked_for(
    words: str, model: FeatureModel, capsys: Capture
) -> None:
    assert main(["optimum", *words.split(), *_SMALL.split()]) == 0
    said = json.loads(capsys.readouterr().out)["minima"][0]["loss"]
    best = best_configuration(2, 1, model, n_starts=4).loss
    assert said == pytest.approx(best, rel=1e-9, abs=1e-15)


def test_weight_decay_is_part_of_the_loss(capsys: Capture) -> None:
    assert main(["optimum", "--features", "2", *_SMALL.split(), "--weight-decay", "0.01"]) == 0
    said = json.loads(capsys.readouterr().out)["minima"][0]
    exact = expected_loss(said["W"], said["b"], 0.2, weight_decay=0.01)
    assert said["loss"] == pytest.approx(exact.loss, rel=1e-9)
    assert exact.penalty > 0.0


def test_verify_judges_on_the_same_data(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "W.npy"
    np.save(path, [[1.0, -1.0]])
    words = ["verify", str(path), "--p", "0.2", "--bias", "0", "--starts", "3", "--json"]
    assert main([*words, "--pairs", "1", "--exclusive"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["verdict"], said["loss"]) == ("local minimum", 0.0)
    assert main([*words, "--pairs", "1", "--weight-decay", "0.1"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["verdict"] == "not critical"
    assert said["loss"] == pytest.approx(0.2 / 3.0 + 0.2, rel=1e-12)
    assert main([*words, "--pairs", "2"]) == 2
    assert "--pairs makes 2 × 2 = 4 features, but there are 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "give --features, or --pairs or --sets"),
        ("--pairs 1 --sets 1x2", "give --pairs or --sets, not both"),
        ("--features 3 --sets 1x2", "--sets makes 1 × 2 = 2 features, but there are 3"),
        ("--features 2 --together 0.5", "--together says how sets are; give --pairs or --sets"),
        ("--features 2 --equal-values 0.5", "--equal-values says how sets are"),
        ("--features 2 --exclusive", "--exclusive says how sets are"),
        ("--pairs 1 --exclusive --together 0.5", "give --exclusive or --together, not both"),
        ("--pairs 1 --together 2", "--together must lie in [0, 1], got 2.0"),
        ("--pairs 1 --p 0.1 0.2", "with --pairs give one --p"),
        ("--sets 2", "such as 2x3, got '2'"),
        ("--sets 0x2", "such as 2x3, got '0x2'"),
        ("--pairs 0", "a whole number ≥ 1"),
        ("--pairs 20", "at most 4096 patterns"),
        ("--features 2 --weight-decay -1", "--weight-decay must be a number from 0"),
    ],
)
def test_mistakes_end_in_one_line(words: str, message: str, capsys: Capture) -> None:
    given = [] if "--p " in words else ["--p", "0.1"]
    assert main(["optimum", "--hidden", "1", *words.split(), *given]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in last
