"""``geomsup claim``: a planted ring by index and by label, and refusals."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from geomsup.cli import main
from geomsup.cli.claim import _listed
from geomsup.cli.output import UsageError

Capture = pytest.CaptureFixture[str]

WEEK = "mon,tue,wed,thu,fri,sat,sun"


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A matrix whose features 10 to 16 are a ring, and their names."""
    rows = rng.normal(size=(300, 24))
    angles = 2 * np.pi * np.arange(7) / 7
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    rows[10:17] = 3 * (circle @ rows[:2] / np.sqrt(2) + rows[2]) + 0.3 * rng.normal(size=(7, 24))
    np.save(tmp_path / "W.npy", rows)
    names = [str(k) for k in range(300)]
    names[10:17] = WEEK.split(",")
    (tmp_path / "names.txt").write_text("\n".join(names))
    return tmp_path


def words(folder: Path, features: str, more: str = "") -> list[str]:
    own = ["claim", str(folder / "W.npy"), "--feature-axis", "0", "--controls", "200"]
    return [*own, "--shape", "ring", "--features", features, *more.split()]


def test_a_ring_by_index_is_printed_and_drawn(folder: Path, capsys: Capture) -> None:
    picture = folder / "ring.png"
    assert main(words(folder, "10,11,12,13,14,15,16", f"--plot {picture}")) == 0
    text = capsys.readouterr().out
    assert "ring of 7 about the centroid: supported" in text
    assert "in order: 10, 11, 12, 13, 14, 15, 16" in text
    assert picture.stat().st_size > 1000


def test_by_label_in_order_as_json(folder: Path, capsys: Capture) -> None:
    more = f"--labels {folder / 'names.txt'} --in-order --json"
    assert main(words(folder, WEEK, more)) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["verdict"] == "supported"
    assert record["labels"] == WEEK.split(",")
    assert record["order"] == [*range(10, 17)]
    assert record["is_ordered"] is True
    assert record["p_order"] <= 0.01
    shuffled = "mon,thu,sun,tue,sat,wed,fri"
    more = f"--labels {folder / 'names.txt'} --order {shuffled} --json"
    assert main(words(folder, WEEK, more)) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "contradicted"


def test_a_number_is_an_index_unless_all_are_labels(folder: Path, capsys: Capture) -> None:
    names = folder / "names.txt"
    names.write_text("\n".join(["x", *names.read_text().splitlines()[:-1]]))
    for more, first in (("", 20), ("--by-label", 21)):
        assert main(words(folder, "20,21,22,23", f"--labels {names} --json {more}")) == 0
        assert json.loads(capsys.readouterr().out)["features"][0] == first


def test_an_inner_product_and_a_background_from_files(folder: Path, capsys: Capture) -> None:
    np.save(folder / "M.npy", 4 * np.eye(24))
    plain = words(folder, "10,11,12,13,14,15,16", "--json")
    assert main([*plain, "--metric", str(folder / "M.npy")]) == 0
    assert main(plain) == 0
    first, second = (json.loads(part + "\n}") for part in capsys.readouterr().out.split("\n}")[:2])
    assert first["statistic"] == pytest.approx(second["statistic"], rel=1e-4)
    assert main([*plain, "--background", str(folder / "W.npy"), "--metric", "causal"]) == 0


@pytest.mark.parametrize(
    ("features", "more", "message"),
    [
        ("10,11,12", "", "needs 4 features"),
        ("10,11,12,300", "", "each of --features must be an integer in 0 … 299, got 300"),
        ("10,11,12,12", "", "--features must be distinct"),
        ("mon,tue,wed,thu", "", "by label need"),
        ("10,11,12,13", "--order 10,11,12,14", "--order must have each of the 4 features once"),
        ("10,11,12,13", "--order 10,11,12,13 --in-order", "say two things"),
        ("10,11,12,13", "--shape rign", "did you mean 'ring'"),
        ("10,11,12,13", "--background nowhere.npy", "nowhere.npy"),
    ],
)
def test_other_words_are_asked_for(
    folder: Path, capsys: Capture, features: str, more: str, message: str
) -> None:
    assert main(words(folder, features, more)) in (1, 2)
    assert message in capsys.readouterr().err


def test_a_range_stands_for_its_indices_where_there_are_no_labels() -> None:
    plain = argparse.Namespace(by_label=False, labels=None)
    assert _listed("2-4, 9", plain) == [2, 3, 4, 9]
    labelled = argparse.Namespace(by_label=False, labels="years.txt")
    assert _listed("1999-2000,3", labelled) == ["1999-2000", 3]
    for wrong in ("4-2", "3-3", "0-999999999"):
        with pytest.raises(UsageError, match="expected a range FIRST-LAST"):
            _listed(wrong, plain)
