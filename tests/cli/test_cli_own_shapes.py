"""``geomsup shapes add`` and ``geomsup classify --shapes``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from geomsup.cli import main
from geomsup.shapes import save_catalogue
from geomsup.shapes.own import own_shape

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def mine(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with one shape, a matrix that has it, and a home without a catalogue."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GEOMSUP_CATALOGUE", raising=False)
    rows = rng.normal(size=(9, 4))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    np.save(tmp_path / "W.npy", rows.T)
    save_catalogue([own_shape("nine", rows, source="a test")], tmp_path / "mine.json")
    return tmp_path / "mine.json"


def test_a_shape_is_added_listed_shown_and_found(mine: Path, capsys: Capture) -> None:
    own = mine.parent / "own.json"
    words = ["--catalogue", str(own)]
    assert main(["shapes", "add", str(mine), *words]) == 0
    assert f"added nine; {own} has 1 now" in capsys.readouterr().out
    assert main(["shapes", "--vertices", "9", *words]) == 0
    assert capsys.readouterr().out.count("nine") == 1
    assert main(["shapes", "--dim", "3", *words]) == 0
    assert "nine" not in capsys.readouterr().out
    assert main(["shapes", "Nine", *words]) == 0
    assert "a test" in capsys.readouterr().out
    assert main(["shapes", "--json", *words]) == 0
    assert json.loads(capsys.readouterr().out)[-1]["name"] == "nine"
    W = str(mine.parent / "W.npy")
    assert main(["classify", W, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"] == {"irregular": 1}
    assert main(["classify", W, "--json", "--shapes", str(own)]) == 0
    assert json.loads(capsys.readouterr().out)["counts"] == {"nine": 1}


def test_where_the_catalogue_is(
    mine: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["shapes", "add", str(mine), "--json"]) == 0
    usual = mine.parent / ".geomsup" / "shapes.json"
    assert json.loads(capsys.readouterr().out)["catalogue"] == str(usual)
    assert usual.exists()
    monkeypatch.setenv("GEOMSUP_CATALOGUE", str(mine.parent / "other.json"))
    assert main(["shapes", "nine"]) == 1
    assert main(["shapes", "add", str(mine)]) == 0
    assert main(["shapes", "nine"]) == 0


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["shapes", "add"], 2, "add needs one file"),
        (["shapes", "add", "none.json"], 1, "cannot be read"),
        (["shapes", "--catalogue", "none.json"], 1, "cannot be read"),
        (["shapes", "add", "bad.json"], 1, "is not JSON"),
        (["classify", "W.npy", "--shapes", "bad.json"], 1, "is not JSON"),
    ],
)
def test_mistakes_end_in_one_line(
    words: list[str],
    status: int,
    text: str,
    mine: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(mine.parent)
    Path("bad.json").write_text("{")
    assert main(words) == status
    assert text in capsys.readouterr().err.replace("\n", " ")
