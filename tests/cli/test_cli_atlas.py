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
    assert len(lines) == 2 + len(atlas_cells())
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
        (["5", "2", "--p", "0"], "above zero"),
    ],
)
def test_words_that_do_not_go_together(words: list[str], said: str, capsys: Capture) -> None:
    assert main(["atlas", *words]) == 2
    assert said in capsys.readouterr().err
