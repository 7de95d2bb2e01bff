"""The README is code: its Python blocks run, print what it shows, and its commands work."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from geomsup.cli import main
from geomsup.cli.app import VERBS

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")


def _blocks() -> list[tuple[str, str]]:
    return BLOCK.findall(README.read_text(encoding="utf-8"))


def _skeleton(text: str) -> tuple[str, list[float]]:
    """The text with its numbers taken out and its columns closed up, and the numbers."""
    numbers = [float(found) for found in NUMBER.findall(text)]
    words = NUMBER.sub("#", text).replace("─", "").split()
    return " ".join(words), numbers


def _run_python_blocks() -> list[tuple[str, str]]:
    """Run the Python blocks in one namespace; pairs of what is shown and what was printed."""
    namespace: dict[str, object] = {}
    pairs = []
    blocks = _blocks()
    for (language, source), following in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if language != "python":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(source, "README.md", "exec"), namespace)
        if following[0] == "text":
            pairs.append((following[1], printed.getvalue()))
        else:
            assert not printed.getvalue(), f"the README does not show what this prints:\n{source}"
    return pairs


def test_python_blocks_print_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pairs = _run_python_blocks()
    assert len(pairs) >= 3
    for shown, printed in pairs:
        words, numbers = _skeleton(shown)
        got_words, got_numbers = _skeleton(printed)
        assert got_words == words
        # The last digits may differ between processors.
        assert got_numbers == pytest.approx(numbers, rel=0.02, abs=0.006)


def test_the_comparison_sees_a_wrong_number_and_a_wrong_word() -> None:
    shown = "pentagon  5  2.23°"
    assert _skeleton("pentagon  5  2.53°")[1] != pytest.approx(_skeleton(shown)[1], rel=0.02)
    assert _skeleton("hexagon  5  2.23°")[0] != _skeleton(shown)[0]


def test_first_example_is_short() -> None:
    _, source = next(block for block in _blocks() if block[0] == "python")
    assert len([line for line in source.splitlines() if line.strip()]) <= 6


@pytest.mark.usefixtures("short_trainings")
def test_commands_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.savez("model.npz", W_dec=rng.normal(size=(9, 3)), W_enc=rng.normal(size=(3, 9)))
    (grid,) = (source for language, source in _blocks() if language == "toml")
    Path("grid.toml").write_text(grid)
    shell = "".join(source for language, source in _blocks() if language == "sh")
    commands = [
        shlex.split(line, comments=True)[1:]
        for line in shell.splitlines()
        if line.startswith("geomsup ")
    ]
    verbs = {words[0] for words in commands}
    assert verbs == set(VERBS)
    for words in commands:
        # The demo in its full length is what `make demo` is for.
        extra = ["--models", "1"] if words[0] == "demo" else []
        assert main([*words, *extra]) == 0, words
        assert capsys.readouterr().out


def test_links_lead_somewhere() -> None:
    text = README.read_text(encoding="utf-8")
    targets = [t for t in re.findall(r"\]\(([^)#]+)\)", text) if not t.startswith("http")]
    assert targets
    assert [t for t in targets if not (README.parent / t).exists()] == []


def test_names_the_test_command() -> None:
    assert "make test" in README.read_text(encoding="utf-8")
