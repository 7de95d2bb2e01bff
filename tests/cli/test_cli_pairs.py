"""``geomsup phases --pairs``: the map that is shipped, and lines through it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from geomsup.cli import main

Capture = pytest.CaptureFixture[str]


def test_without_a_line_the_map_is_printed(capsys: Capture) -> None:
    assert main(["phases", "--pairs", "3", "--hidden", "2"]) == 0
    out = capsys.readouterr().out
    assert "3 pairs in 2 dimensions: best strategies as p grows" in out
    assert "c = 1     3 apart | 0.071327 2 apart, 1 collapsed" in out


def test_a_line_along_c_is_computed_and_drawn(tmp_path: Path, capsys: Capture) -> None:
    picture = tmp_path / "line.png"
    words = "phases --pairs 1 --hidden 1 --p 0.01 --together 0.5 0.7 --json --plot"
    assert main([*words.split(), str(picture)]) == 0
    line = json.loads(capsys.readouterr().out)
    (boundary,) = line["boundaries"]
    assert boundary["at"] == pytest.approx(0.578073, abs=1e-6)
    assert (boundary["below"], boundary["above"]) == ("1 opposed", "1 collapsed")
    assert picture.stat().st_size > 5000


def test_one_value_of_rho_is_a_line_along_p(capsys: Capture) -> None:
    words = "phases --pairs 2 --hidden 2 --equal-values 0.8 --p 0.03 0.1"
    assert main(words.split()) == 0
    assert "p = 0.058598  2 collapsed (first order)" in capsys.readouterr().out


def test_one_place_is_answered_and_cannot_be_drawn(capsys: Capture) -> None:
    words = ["phases", "--pairs", "2", "--hidden", "2", "--p", "0.05", "--together", "0.7"]
    assert main(words) == 0
    assert (
        "2 pairs in 2 dimensions, p = 0.05, c = 0.7, ρ = 0:\n  2 apart" in capsys.readouterr().out
    )
    assert main([*words, "--plot", "place.png"]) == 2
    assert "one place is no line to plot" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["--together 0.4 0.5", "--p 0.1 0.2 --equal-values 0.4 0.5"])
def test_two_lists_are_refused_by_the_names_of_the_options(words: str, capsys: Capture) -> None:
    assert main(["phases", "--pairs", "2", "--hidden", "2", *words.split()]) == 2
    assert "only one of --p, --together and --equal-values may be a list" in capsys.readouterr().err
