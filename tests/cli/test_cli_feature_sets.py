"""``--pairs``, ``--sets`` and what goes with them, of the verbs that compute exact losses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from geomsup.cli import main
from geomsup.theory import (
    FeatureModel,
    best_configuration,
    critical_together,
    expected_loss,
    family_losses,
    phase_diagram,
)

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


# ----------------------------------------------------------------------------- geomsup phases


@pytest.mark.parametrize(
    ("words", "model"),
    [
        ("--pairs 2 --together 0.5", lambda p: FeatureModel.pairs(2, p, together=0.5)),
        ("--sets 2x2 --equal-values 0.5", lambda p: FeatureModel.pairs(2, p, equal_values=0.5)),
        (
            "--sets 1x4 --exclusive",
            lambda p: FeatureModel.equal_sets(1, 4, p, presence="exclusive"),
        ),
    ],
)
def test_shapes_are_compared_on_sets(
    words: str, model: Callable[[float], FeatureModel], capsys: Capture
) -> None:
    shapes = ["digon(1, 3) + digon(2, 4)", "monosemantic(1 & 2) + monosemantic(3 & 4)"]
    assert main(["phases", *shapes, *words.split(), "--p", "0.05", "0.2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    exact = family_losses(shapes, 4, [0.05, 0.2], features=model)
    np.testing.assert_array_equal(said["losses"], exact.losses)
    assert said["along"] == "p"
    assert FeatureModel.from_dict(said["models"][0]) == model(0.05)


def test_shapes_are_compared_along_a_correlation(tmp_path: Path, capsys: Capture) -> None:
    picture = tmp_path / "line.png"
    words = "--pairs 1 --p 0.01 --together 0.57 0.6 --plot"
    assert main(["phases", "digon", "monosemantic(1 & 2)", *words.split(), str(picture)]) == 0
    assert (
        f"together = {critical_together(0.01):.6f}  monosemantic(1 & 2)" in capsys.readouterr().out
    )
    assert picture.stat().st_size > 5000


def test_the_diagram_of_sets(tmp_path: Path, capsys: Capture) -> None:
    picture = tmp_path / "diagram.png"
    words = "--sets 2x2 --hidden 2 --unit-norm --p 0.1 0.7 --importance 0.5 2 --json --plot"
    assert main(["phases", *words.split(), str(picture)]) == 0
    said = json.loads(capsys.readouterr().out)
    exact = phase_diagram(
        4,
        2,
        feature_probability=[0.1, 0.7],
        relative_importance=[0.5, 2.0],
        features=lambda p: FeatureModel.pairs(2, p),
        unit_norm=True,
    )
    np.testing.assert_array_equal(said["loss"], exact.loss)
    assert said["phases"] == list(exact.phases)
    assert picture.stat().st_size > 5000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--sets 2x2", "give either shapes to compare or --hidden M"),
        ("digon --sets 2x2 --hidden 2", "give either shapes to compare or --hidden M"),
        ("digon --sets 2x2 --pairs 2", "give --pairs or --sets, not both"),
        ("--sets 2x2 --pairs 2 --hidden 2", "give --pairs or --sets, not both"),
        ("--pairs 2 --hidden 2 --exclusive", "leave --pairs out, and give --sets 2x2"),
        ("digon --features 2 --exclusive", "--exclusive says how sets are"),
        ("digon --features 2 --together 0.5", "--together says how sets are"),
        ("digon --features 3 --pairs 1", "--pairs makes 1 × 2 = 2 features, but there are 3"),
        ("digon --pairs 1 --exclusive --together 0.4 --p 0.1", "give --exclusive or --together"),
        ("digon --pairs 1 --exclusive", "no feature model at p = 0.54: members that exclude"),
        ("digon --pairs 1 --together 0.4 0.5", "only one of --p, --together and --equal-values"),
        ("digon --pairs 1 --p 0.1 --together 0.5 0.4", "--together must ascend"),
        ("digon --pairs 1 --p 0.1 --equal-values 0.5 2", "--equal-values must lie in [0, 1]"),
        ("digon --pairs 1 --importance 0.5", "--importance belongs to a phase diagram"),
        ("digon(1,3) --pairs 1", "has feature 3, expected at most --features 2"),
        ("--sets 2x4 --hidden 2", "--features ≤ 6"),
    ],
)
def test_mistakes_of_phases_end_in_one_line(words: str, message: str, capsys: Capture) -> None:
    assert main(["phases", *words.split()]) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
