"""``--html``: the interactive page from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from geomsup import get_shape
from geomsup.cli import main


@pytest.fixture
def matrix(tmp_path: Path) -> Path:
    path = tmp_path / "W.npy"
    np.save(path, get_shape("pentagon").vertices.T)
    return path


def test_a_report_and_its_page(
    matrix: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, names = tmp_path / "page.html", tmp_path / "names.csv"
    names.write_text("label\na\nb\nc\nd\ne\n")
    assert main(["classify", str(matrix), "--html", str(page), "--labels", str(names)]) == 0
    assert capsys.readouterr().out.endswith(f"page: {page}\n")
    assert "1 × pentagon" in page.read_text(encoding="utf-8")


def test_json_stays_json(matrix: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    assert main(["classify", str(matrix), "--json", "--html", str(page)]) == 0
    assert json.loads(capsys.readouterr().out)["counts"] == {"pentagon": 1}
    assert page.exists()


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("page.png", 2, "expected a page named *.html"),
        ("missing/page.html", 1, "does not exist"),
    ],
)
def test_places_that_cannot_be(
    matrix: Path,
    tmp_path: Path,
    name: str,
    status: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["classify", str(matrix), "--html", str(tmp_path / name)]) == status
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""


def test_labels_that_do_not_fit_cost_only_the_page(
    matrix: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("only one\n")
    options = ["--html", str(tmp_path / "page.html"), "--labels", str(names)]
    assert main(["classify", str(matrix), *options]) == 1
    printed = capsys.readouterr()
    assert "pentagon" in printed.out
    assert "the results are complete, but expected 5 labels" in printed.err


def test_many_models_have_no_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "W.npy", np.ones((3, 2, 4)))
    page = str(tmp_path / "page.html")
    assert main(["classify", str(tmp_path / "W.npy"), "--html", page]) == 2
    assert "--html shows one matrix; choose it with --instance K" in capsys.readouterr().err


def test_a_census_and_its_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = np.random.default_rng(0).normal(size=(120, 16))
    rows[60:64] = -rows[:4]
    np.save(tmp_path / "W.npy", rows)
    page = tmp_path / "page.html"
    words = ["census", str(tmp_path / "W.npy"), "--feature-axis", "0", "--draws", "1"]
    assert main([*words, "--html", str(page)]) == 0
    assert capsys.readouterr().out.endswith(f"page: {page}\n")
    assert "120 features in 16 dimensions" in page.read_text(encoding="utf-8")
