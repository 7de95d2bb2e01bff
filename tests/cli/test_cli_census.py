"""``geomsup census``: planted antipodes in files of several kinds, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from geomsup import Census
from geomsup.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """An autoencoder of 120 latents with three antipodal pairs, and names of the latents."""
    decoder = rng.normal(size=(120, 16))
    decoder[60:63] = -decoder[:3]
    sae = tmp_path / "sae"
    sae.mkdir()
    save_file({"W_dec": decoder, "b_dec": np.zeros(16)}, sae / "sae_weights.safetensors")
    (sae / "cfg.json").write_text('{"d_in": 16, "d_sae": 120}')
    (tmp_path / "names.txt").write_text("\n".join(f"word{k}" for k in range(120)))
    np.save(tmp_path / "plain.npy", decoder)
    return tmp_path


def test_a_folder_is_counted_named_saved_and_drawn(folder: Path, capsys: Capture) -> None:
    words = ["census", str(folder / "sae"), "--draws", "2", "--labels", str(folder / "names.txt")]
    words += ["--mask", "^word11.$", "--out", str(folder / "census.safetensors")]
    words += ["--csv", str(folder / "pairs.csv"), "--plot", str(folder / "census.png")]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "rows are features: b_dec (16)" in text
    assert "110 of 120 features in 16 dimensions (10 masked)" in text
    assert "word0 / word60 -1.000" in text
    found = Census.load(folder / "census.safetensors")
    assert found.n_below == 3
    assert str(found) in text
    header, first, *_ = (folder / "pairs.csv").read_text().splitlines()
    assert header == "feature,other,cosine,p,q,label,other_label"
    assert first.split(",")[-2:] in (["word0", "word60"], ["word1", "word61"], ["word2", "word62"])
    assert (folder / "census.png").stat().st_size > 1000


def test_as_json_with_parts_and_a_matrix_as_null(folder: Path, capsys: Capture) -> None:
    path = str(folder / "plain.npy")
    words = ["census", path, "--feature-axis", "0", "--null", path, "--parts", str(folder / "p")]
    assert main([*words, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["null"] == "given matrix"
    assert record["n_above"] + record["n_below"] == 0  # nothing beyond itself
    assert {part.name for part in (folder / "p").iterdir()} == {
        "matrix.safetensors",
        "draw-0.safetensors",
        "structures-0.safetensors",
    }


def test_a_partner_has_an_axis_of_its_own(folder: Path, capsys: Capture) -> None:
    np.save(folder / "out.npy", np.load(folder / "plain.npy").T)
    words = ["census", str(folder / "plain.npy"), "--feature-axis", "0", "--draws", "0", "--json"]
    words += ["--partner", str(folder / "out.npy")]
    assert main(words) == 2
    assert "--partner-axis" in capsys.readouterr().err
    assert main([*words, "--partner-axis", "-1"]) == 0
    partner = json.loads(capsys.readouterr().out)["partner"]
    assert [one["found"] > 100 for one in partner] == [True, True, False]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("", "--feature-axis"),
        ("--feature-axis 0 --null gaussian", "--null"),
        ("--feature-axis 0 --q 2", "q must"),
        ("--feature-axis 0 --mask x", "--labels"),
        ("--feature-axis 0 --out census.npy", "safetensors"),
        ("--feature-axis 0 --labels nowhere.txt", "--labels"),
        ("--feature-axis 0 --csv no/such/pairs.csv", "the folder 'no/such' does not exist"),
        ("--feature-axis 0 --plot no/such/p.png", "the folder 'no/such' does not exist"),
    ],
)
def test_refusals(more: str, message: str, folder: Path, capsys: Capture) -> None:
    assert main(["census", str(folder / "plain.npy"), *more.split()]) in (1, 2)
    assert message in capsys.readouterr().err
