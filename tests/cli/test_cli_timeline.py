"""``geomsup timeline``: what a model of a saved run was at each step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geomsup.cli import main
from geomsup.dynamics import geometry_timeline
from geomsup.training import ToyModelConfig, train

Capture = pytest.CaptureFixture[str]


def _saved(path: Path, **settings: Any) -> str:
    config = ToyModelConfig(n_instances=2, n_steps=40, batch_size=32, **settings)
    return str(train(config, seed=0, progress=False).save(path))


def test_the_best_model_is_followed(tmp_path: Path, capsys: Capture) -> None:
    path = _saved(tmp_path / "run.safetensors", n_records=8)
    assert main(["timeline", path, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    from geomsup.training import TrainingRun

    run = TrainingRun.load(path)
    best, way = int(np.argmin(run.losses)), run.trajectory
    line = geometry_timeline(way.steps, way.weights[:, best], way.losses[:, best])
    assert record["instance"] == best
    assert record["names"] == list(line.names)
    page = tmp_path / "page.html"
    assert main(["timeline", path, "--instance", str(1 - best), "--html", str(page)]) == 0
    said = capsys.readouterr().out
    assert f"instance {1 - best} of {path}" in said
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("settings", "status", "says"),
    [
        ({}, 1, "geomsup train --records 200"),
        ({"n_records": 5, "feature_probability": [[0.1], [0.2]]}, 2, "--instance K"),
    ],
)
def test_runs_that_cannot_be_followed(
    settings: dict[str, Any], status: int, says: str, tmp_path: Path, capsys: Capture
) -> None:
    path = _saved(tmp_path / "run.safetensors", **settings)
    assert main(["timeline", path]) == status
    assert says in capsys.readouterr().err


def test_a_run_on_few_samples_says_whose_geometry_it_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = "train --features 60 --p 0.03 --dataset-size 4 --instances 1 --steps 20"
    assert main(words.split()) == 0
    out = capsys.readouterr().out
    assert "60 unstructured" in out
    assert "nothing represented" not in out
    assert "trained on 4 samples, the losses are on others" in out
