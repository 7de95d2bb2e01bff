"""``geomsup dictionary``: a planted model whose features an autoencoder must find, and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from geomsup.cli import main
from geomsup.training import ToyModelConfig, train

Capture = pytest.CaptureFixture[str]

_DIGONS = np.array([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]])


def _saved(tmp_path: Path, **settings: Any) -> str:
    """A run of four features in two dimensions, with two digons in the place of what it learned."""
    config = ToyModelConfig(
        **{
            "n_features": 4,
            "n_hidden": 2,
            "n_instances": 1,
            "n_steps": 2,
            "batch_size": 16,
            **settings,
        }
    )
    path = train(config, seed=0).save(tmp_path / "run.safetensors")
    tensors = load_file(path)
    for name in ("weights", "decoders"):
        tensors[name][:] = _DIGONS
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    save_file(tensors, path, metadata)
    return str(path)


@pytest.mark.parametrize(
    "settings",
    [{}, {"correlation": "anticorrelated", "set_size": 4, "feature_probability": 0.2}],
    ids=["independent", "anticorrelated"],
)
def test_planted_digons_are_found(
    tmp_path: Path, capsys: Capture, settings: dict[str, Any]
) -> None:
    path, picture = _saved(tmp_path, **settings), tmp_path / "cosines.png"
    words = ["dictionary", path, "--penalty", "0.01", "0.3", "--restarts", "2", "--steps", "800"]
    assert main([*words, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [one["sparsity"] for one in record["dictionaries"]] == [0.01, 0.3]
    strict = record["dictionaries"][1]
    assert strict["share"] == 1.0
    assert strict["same_geometry"]
    assert np.shape(strict["decoder"]) == (2, 8)
    agreements = [one["agreement"] for one in record["dictionaries"]]
    assert record["chosen"] == int(np.argmax(agreements))
    assert main([*words, "--plot", str(picture)]) == 0
    text = capsys.readouterr().out
    assert "there: 2 × digon" in text
    assert "4 of 4  the same" in text
    assert picture.stat().st_size > 1000


def test_topk_and_a_single_restart(tmp_path: Path, capsys: Capture) -> None:
    words = ["dictionary", _saved(tmp_path), "--activation", "topk", "--k", "1"]
    words += ["--restarts", "1", "--steps", "300", "--n-latents", "6"]
    assert main([*words, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["chosen"] is None
    (one,) = record["dictionaries"]
    assert one["agreement"] is None
    assert one["l0"] <= 1.0
    assert main(words) == 0
    assert "nothing says which setting to believe" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--k", "1"], "--k with --activation topk"),
        (["--activation", "topk", "--penalty", "1"], "--penalty goes with"),
        (["--activation", "topk", "--k", "9"], "k must not exceed"),
        (["--penalty=-1"], "penalty must be a number from 0"),
        (["--penalty", "1,x"], "separated by spaces"),
        (["--penalty", "1,1"], "twice"),
        (["--restarts", "0"], "≥ 1"),
    ],
)
def test_options_that_cannot_be_meant(
    tmp_path: Path, capsys: Capture, words: list[str], says: str
) -> None:
    assert main(["dictionary", _saved(tmp_path), *words]) == 2
    assert says in capsys.readouterr().err.splitlines()[-1]


def test_models_without_an_answer(tmp_path: Path, capsys: Capture) -> None:
    path = _saved(tmp_path, hidden_activation="relu")
    assert main(["dictionary", path]) == 1
    assert "geomsup neurons" in capsys.readouterr().err
    path = _saved(tmp_path, feature_probability=[[0.5], [0.1]], n_instances=2)
    assert main(["dictionary", path]) == 2
    assert "--instance" in capsys.readouterr().err.splitlines()[-1]
    assert main(["dictionary", path, "--instance", "5"]) == 2
    assert "--instance must lie in" in capsys.readouterr().err
