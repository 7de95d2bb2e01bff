"""``geomsup compare``: a planted common part in files of several kinds, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from geomsup import DictionaryComparison
from geomsup.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Two autoencoders that share 40 of 90 latents, one in a folder and one in an array."""
    A, B = rng.normal(size=(2, 90, 24))
    B[50:] = A[:40]
    (tmp_path / "sae").mkdir()
    save_file({"W_dec": A, "b_dec": np.zeros(24)}, tmp_path / "sae" / "sae_weights.safetensors")
    (tmp_path / "sae" / "cfg.json").write_text('{"d_in": 24, "d_sae": 90}')
    np.save(tmp_path / "B.npy", B.T)
    np.savez(tmp_path / "two.npz", A=A, B=B)
    (tmp_path / "names.txt").write_text("\n".join(f"word{k}" for k in range(90)))
    return tmp_path


def test_two_files_are_compared_saved_and_drawn(folder: Path, capsys: Capture) -> None:
    words = ["compare", str(folder / "sae"), str(folder / "B.npy"), "--other-axis", "-1"]
    words += ["--draws", "2", "--labels", str(folder / "names.txt")]
    words += ["--out", str(folder / "found.safetensors"), "--csv", str(folder / "pairs.csv")]
    assert main([*words, "--plot", str(folder / "found.png")]) == 0
    text = capsys.readouterr().out
    assert "rows are features: b_dec (24)" in text
    assert "closest: word" in text
    found = DictionaryComparison.load(folder / "found.safetensors")
    assert found["shared (matched, cos ≥ 0.7)"].found == pytest.approx(40 / 90)
    assert found.matched_b[:40].tolist() == list(range(50, 90))
    lines = (folder / "pairs.csv").read_text().splitlines()
    assert len(lines) == 91
    assert lines[1].startswith("0,50,")
    assert (folder / "found.png").stat().st_size > 1000


def test_json_keys_and_lines(folder: Path, capsys: Capture) -> None:
    words = ["compare", str(folder / "two.npz"), str(folder / "two.npz"), "--feature-axis", "0"]
    words += ["--key", "A", "--other-key", "B", "--draws", "1", "--null", "isotropic", "--json"]
    assert main([*words, "--unsigned", "--threshold", "0.9"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["matrix"]["key"], said["other_matrix"]["key"]) == ("A", "B")
    scores = {one["name"]: one for one in said["scores"]}
    assert scores["shared (matched, |cos| ≥ 0.9)"]["corrected"] == pytest.approx(40 / 90)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("B.npy", "--feature-axis"),
        ("B.npy --other-axis 0", "--other-axis"),
        ("nowhere.npy", "nowhere.npy"),
        ("B.npy --other-axis -1 --null gaussian", "--null"),
        ("B.npy --other-axis -1 --threshold 2", "--threshold must"),
        ("B.npy --other-axis -1 --out found.npy", "safetensors"),
        ("B.npy --other-axis -1 --other-labels nowhere.txt", "--labels"),
        ("B.npy --other-axis -1 --csv no/such/pairs.csv", "the folder 'no/such' does not exist"),
    ],
)
def test_refusals(
    more: str, message: str, folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert main(["compare", "sae", *more.split()]) in (1, 2)
    assert message in capsys.readouterr().err
