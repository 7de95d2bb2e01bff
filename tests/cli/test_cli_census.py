"""``geomsup census``: planted antipodes in files of several kinds, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from geomsup import Census, GeomsupError
from geomsup.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """An autoencoder of 120 latents with three antipodal pairs, and names of the latents."""
    decoder = rng.normal(size=(120, 32))
    decoder[60:63] = -decoder[:3]
    sae = tmp_path / "sae"
    sae.mkdir()
    save_file({"W_dec": decoder, "b_dec": np.zeros(32)}, sae / "sae_weights.safetensors")
    (sae / "cfg.json").write_text('{"d_in": 32, "d_sae": 120}')
    (tmp_path / "names.txt").write_text("\n".join(f"word{k}" for k in range(120)))
    np.save(tmp_path / "plain.npy", decoder)
    return tmp_path


def test_a_folder_is_counted_named_saved_and_drawn(folder: Path, capsys: Capture) -> None:
    words = ["census", str(folder / "sae"), "--draws", "2", "--labels", str(folder / "names.txt")]
    words += ["--mask", "^word11.$", "--out", str(folder / "census.safetensors")]
    words += ["--csv", str(folder / "pairs.csv"), "--plot", str(folder / "census.png")]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "rows are features: b_dec (32)" in text
    assert "110 of 120 features in 32 dimensions (10 masked)" in text
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


def test_a_partner_may_be_one_of_several_arrays(folder: Path, capsys: Capture) -> None:
    rows = np.load(folder / "plain.npy")
    np.savez(folder / "both.npz", up=rows, down=-rows[::-1])
    words = ["census", str(folder / "both.npz"), "--feature-axis", "0", "--draws", "0", "--json"]
    words += ["--no-components", "--key", "up", "--partner", str(folder / "both.npz")]
    assert main([*words, "--partner-key", "up"]) == 0
    partner = json.loads(capsys.readouterr().out)["partner"]
    assert [one["found"] > 100 for one in partner] == [True, True, False]
    assert main([*words, "--partner-key", "sideways"]) in (1, 2)
    assert "sideways" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("", "--feature-axis"),
        ("--feature-axis 0 --null gaussian", "--null"),
        ("--feature-axis 0 --q 2", "q must"),
        ("--feature-axis 0 --mask x", "--labels"),
        ("--feature-axis 0 --out census.npy", "safetensors"),
        ("--feature-axis 0 --labels nowhere.txt", "--labels"),
        ("--feature-axis 0 --device cuda:99", "is not present"),
        ("--feature-axis 0 --csv no/such/pairs.csv", "the folder 'no/such' does not exist"),
        ("--feature-axis 0 --plot no/such/p.png", "the folder 'no/such' does not exist"),
    ],
)
def test_refusals(more: str, message: str, folder: Path, capsys: Capture) -> None:
    assert main(["census", str(folder / "plain.npy"), *more.split()]) in (1, 2)
    assert message in capsys.readouterr().err


def test_a_damaged_part_is_a_failure_and_no_wrong_word(folder: Path, capsys: Capture) -> None:
    words = ["census", str(folder / "plain.npy"), "--feature-axis", "0", "--null", "isotropic"]
    words += ["--draws", "1", "--parts", str(folder / "parts")]
    assert main(words) == 0
    part = folder / "parts" / "draw-0.safetensors"
    part.write_bytes(part.read_bytes()[:-3])
    capsys.readouterr()
    assert main(words) == 1
    assert "remove it, and this part is made again" in capsys.readouterr().err
    part.unlink()
    assert main(words) == 0
    assert main([*words[:-1], str(folder / "plain.npy" / "parts")]) == 1


@pytest.mark.parametrize("failing", ["save", "table"])
def test_what_cannot_be_written_takes_nothing_with_it(
    failing: str, folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object) -> None:
        raise GeomsupError("the disk is full")

    monkeypatch.setattr(Census, failing, fails)
    words = ["census", str(folder / "plain.npy"), "--feature-axis", "0", "--draws", "0"]
    words += ["--null", "isotropic"]
    files = {"--out": "census.safetensors", "--csv": "pairs.csv", "--plot": "census.png"}
    for flag, name in files.items():
        words += [flag, str(folder / name)]
    assert main(words) == 1
    assert "the disk is full" in capsys.readouterr().err
    lost = {"save": "census.safetensors", "table": "pairs.csv"}[failing]
    assert [name for name in files.values() if not (folder / name).exists()] == [lost]


@pytest.mark.parametrize("flag", ["--out", "--csv", "--plot", "--parts"])
@pytest.mark.parametrize("wrong", ["folder", "unwritable", "suffix"])
def test_files_are_checked_before_the_work_begins(
    flag: str, wrong: str, folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    suffix = {"--out": ".safetensors", "--csv": ".csv", "--plot": ".png", "--parts": ""}[flag]
    place = folder / f"taken{suffix}"
    if wrong == "suffix":
        if flag in ("--csv", "--parts"):
            pytest.skip("any name will do")
        place = folder / "taken.exe"
    elif wrong == "unwritable":
        # The superuser may write everywhere, so it is the answer of the system that is changed.
        monkeypatch.setattr("os.access", lambda path, mode: False)
    elif flag == "--parts":
        place.write_text("a file, where a folder is wanted")
    else:
        place.mkdir()
    monkeypatch.setattr("geomsup.survey.census.scan", lambda *args, **options: 1 / 0)
    words = ["census", str(folder / "plain.npy"), "--feature-axis", "0", flag, str(place)]
    assert main(words) == (2 if (flag, wrong) == ("--plot", "suffix") else 1)
    # A census is moved into its folder, so that it is the folder that counts.
    expected = str(folder) if (flag, wrong) == ("--out", "unwritable") else "taken"
    assert expected in capsys.readouterr().err
