"""``geomsup atlas``: what it prints, and which words do not go together."""

from __future__ import annotations

import json

import pytest

from geomsup.cli import main
from geomsup.theory import atlas_cells, best_known

Capture = pytest.CaptureFixture[str]


def test_all_sizes_have_a_line(capsys: Capture) -> None:
    assert main(["atlas"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 + len(atlas_cells())
    assert any("pentagon – 0.225 | digon + digon, 1 dropped – 0.644" in line for line in lines)


def test_one_size_has_its_phases(capsys: Capture) -> None:
    assert main(["atlas", "3", "2"]) == 0
    out = capsys.readouterr().out
    assert "0.521837659" in out
    assert "triangle" in out


def test_at_some_feature_probabilities_the_configuration_is_printed(capsys: Capture) -> None:
    assert main(["atlas", "5", "2", "--p", "0.1", "0.3", "--json"]) == 0
    optima = json.loads(capsys.readouterr().out)["optima"]
    assert [best["name"] for best in optima] == ["pentagon", "digon + digon, 1 dropped"]
    assert optima[0]["loss"] == best_known(5, 2, 0.1).loss


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["8"], "both the features N"),
        (["--p", "0.1"], "for one size"),
        (["50", "2"], "geomsup optimum"),
        (["2", "5"], "more features than dimensions, got 2 features in 5 dimensions"),
        (["3", "3", "--p", "0.1"], "the loss is zero"),
        (["5", "2", "--p", "0"], "above zero"),
    ],
)
def test_words_that_do_not_go_together(words: list[str], said: str, capsys: Capture) -> None:
    assert main(["atlas", *words]) == 2
    assert said in capsys.readouterr().err


def test_the_thomson_optima_of_a_size_are_said(capsys: Capture) -> None:
    assert main(["atlas"]) == 0
    lines = capsys.readouterr().out.splitlines()
    held = {tuple(line.split()[:2]): line for line in lines[2:-1]}
    assert "  7 6 4  " in held["7", "3"]  # pentagonal bipyramid, octahedron, tetrahedron
    assert "  8~ 7 6 4  " in held["8", "3"]  # and an antiprism, at another height
    assert held["3", "1"].split()[3] == "-"
    assert lines[-1].startswith("Thomson: ")
    assert main(["atlas", "8", "3"]) == 0
    phases = capsys.readouterr().out.splitlines()[3:]
    assert "  shape    square antiprism" in phases[0]
    assert "  optimum  pentagon + digon, 1 dropped" in phases[1]
    assert main(["atlas", "8", "3", "--json"]) == 0
    (cell,) = json.loads(capsys.readouterr().out)["cells"]
    assert cell["thomson"] == ["8~", "7", "6", "4"]
    assert cell["entries"][0]["thomson"] == "shape"
