"""``geomsup sweep``: a grid from a file, its state, and its picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from geomsup.cli import main
from geomsup.sweeps import Store

Capture = pytest.CaptureFixture[str]

_GRID = 'function = "sweep_functions:{}"\nseeds = 2\n[grid]\nx = [0.1, 0.2, 0.9]\n'


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "grid.toml"
    path.write_text(_GRID.format("square"))
    return str(path)


def test_a_grid_is_run_looked_at_drawn_and_compacted(
    config: str, tmp_path: Path, capsys: Capture
) -> None:
    out = str(tmp_path / "out")
    assert main(["sweep", config, "--out", out]) == 0
    assert f"6 tasks in {out}, 0 failed" in capsys.readouterr().out
    assert main(["sweep", config, "--out", out, "--json", "--n-jobs", "2"]) == 0
    rows = json.loads(capsys.readouterr().out)["results"]
    assert [row["x"] for row in rows] == [0.1, 0.1, 0.2, 0.2, 0.9, 0.9]
    assert main(["sweep", "status", out]) == 0
    assert capsys.readouterr().out == "6 tasks: 6 done, 0 failed, 0 missing\n"
    assert main(["sweep", "status", out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["done"] == 6
    assert main(["sweep", "plot", out, "--x", "x", "--y", "square"]) == 0
    assert (tmp_path / "out" / "square-against-x.png").read_bytes()[:4] == b"\x89PNG"
    picture = tmp_path / "x.svg"
    words = ["sweep", "plot", out, "--x", "x", "--y", "square", "--out", str(picture), "--json"]
    assert main(words) == 0
    assert picture.exists()
    assert main(["sweep", "compact", out]) == 0
    assert len(list(Path(out).glob("results/*/*"))) == 1
    assert len(Store(out)) == 6


def test_a_page_of_a_sweep(config: str, tmp_path: Path, capsys: Capture) -> None:
    """Of a folder and of a grid that is run; with a picture if that is asked for as well."""
    out, page = str(tmp_path / "out"), tmp_path / "page.html"
    assert main(["sweep", config, "--out", out, "--html", str(page)]) == 0
    assert f"page: {page}" in capsys.readouterr().out
    first = page.read_text(encoding="utf-8")
    assert first.startswith("<!doctype html>")
    assert main(["sweep", "plot", out, "--html", str(page), "--y", "x", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"plot": None, "html": str(page)}
    assert page.read_text(encoding="utf-8") != first
    picture = str(tmp_path / "x.png")
    words = ["--x", "x", "--y", "square", "--out", picture]
    assert main(["sweep", "plot", out, "--html", str(page), *words]) == 0
    said = capsys.readouterr().out
    assert f"page: {page}" in said
    assert f"picture: {picture}" in said
    assert Path(picture).exists()
    assert main(["sweep", "plot", out, "--html", str(page), "--x", "nothing"]) == 2
    assert "'nothing'" in capsys.readouterr().err


def test_what_a_picture_pools_is_said(tmp_path: Path, capsys: Capture) -> None:
    path, out = tmp_path / "grid.toml", str(tmp_path / "out")
    path.write_text('function = "sweep_functions:square"\n[grid]\nx = [1, 2]\nlabel = ["a", "b"]\n')
    assert main(["sweep", str(path), "--out", out]) == 0
    words = ["sweep", "plot", out, "--x", "x", "--y", "square"]
    capsys.readouterr()
    assert main(words) == 0
    assert "pooled over label: --by FIELD" in capsys.readouterr().out
    assert main([*words, "--by", "label"]) == 0
    assert "pooled" not in capsys.readouterr().out


def test_a_number_that_is_none_is_null_in_json(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "grid.toml"
    path.write_text('function = "sweep_functions:nan"\n')
    assert main(["sweep", str(path), "--out", str(tmp_path / "out"), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["results"]
    assert row["loss"] is None


def test_failures_end_in_status_one(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "grid.toml"
    path.write_text(_GRID.format("fail_above"))
    out = str(tmp_path / "out")
    assert main(["sweep", str(path), "--out", out]) == 1
    printed = capsys.readouterr()
    assert "6 tasks in" in printed.out
    assert "2 of 6 tasks failed" in printed.err
    assert main(["sweep", str(path), "--out", out, "--retry-failed"]) == 1
    assert main(["sweep", "status", out]) == 0
    assert "4 done, 2 failed, 0 missing" in capsys.readouterr().out


def test_an_interrupt_says_how_to_go_on(
    config: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("geomsup.sweeps.sweep", stop)
    assert main(["sweep", config, "--out", "there"]) == 130
    assert f"geomsup sweep {config} --out there goes on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        ("sweep none.toml", 1, "there is no file 'none.toml'"),
        ("sweep status", 2, "status needs a folder"),
        ("sweep status nowhere", 1, "'nowhere' holds no results of a sweep"),
        ("sweep {config} more", 2, "one file describes the grid"),
        ("sweep {config} --out {config}", 1, "is a file; name a folder"),
        ("sweep {config} --x x", 2, "--x, --y and --by are words of geomsup sweep plot"),
        ("sweep {config} --n-jobs 0", 2, "expected a whole number"),
        ("sweep plot {out}", 2, "plot needs --x FIELD and --y NAME; the rows have id, function"),
        ("sweep plot {out} --x x --y none", 2, "the rows have no 'none'; they have id, function"),
        ("sweep plot {out} --x x --y sqare", 2, "have no 'sqare'; did you mean 'square'?"),
        ("sweep plot {out} --x x --y square --out x.bmpp", 2, "expected a picture named"),
    ],
)
def test_mistakes_end_in_one_line(
    words: str, status: int, says: str, config: str, tmp_path: Path, capsys: Capture
) -> None:
    out = str(tmp_path / "out")
    assert main(["sweep", config, "--out", out]) == 0
    capsys.readouterr()
    assert main(words.format(config=config, out=out).split()) == status
    assert says in capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize("text", ["[grid]\nsparsity = []\n", "seeds = 'x'\n", "a = \n"])
def test_what_is_no_grid_is_wrong_usage(text: str, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "grid.toml"
    path.write_text(text)
    assert main(["sweep", str(path), "--out", str(tmp_path / "out")]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
