"""Write the page of the command line from the parsers, so that it lists every verb and option.

The file lands among the generated ones before Sphinx reads its sources, and the page includes it.
"""

from __future__ import annotations

import argparse
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_FILE = Path("api/generated/command_line.txt")
# Wider than a terminal, because a page scrolls and a usage line should not break often.
_WIDTH = 96


def verb_sections() -> str:
    """A table of the verbs, then a section for each: what it does, its usage, its examples."""
    from geomsup.cli.app import VERBS

    rows = [f"| [`{name}`](#{name}) | {verb.SUMMARY} |" for name, verb in VERBS.items()]
    sections = [_section(name) for name in VERBS]
    return "\n".join(["| verb | what it does |", "| --- | --- |", *rows, "", *sections])


def _section(name: str) -> str:
    from geomsup.cli.app import VERBS, verb_parser

    verb, parser = VERBS[name], verb_parser(name)
    parser.formatter_class = partial(argparse.RawDescriptionHelpFormatter, width=_WIDTH)
    usage, options = parser.format_help().partition("\nexamples:")[0].split(verb.DESCRIPTION)
    paragraphs = re.sub(r"([*_<])", r"\\\1", verb.DESCRIPTION)
    paragraphs = re.sub(r"(?<!\S)(--[a-z-]+)", r"`\1`", paragraphs)
    examples = [
        f"$ geomsup {name} {words}".rstrip() + f"   # {said}" for words, said in verb.EXAMPLES
    ]
    return "\n".join(
        [
            f"## {name}\n\n{paragraphs}\n",
            "```console",
            *examples,
            "```\n",
            f"```text\n{usage.strip()}\n\n{options.strip()}\n```\n",
        ]
    )


def _write(app: Sphinx) -> None:
    path = Path(app.srcdir) / _FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    text = verb_sections()
    # An unchanged file keeps its date, and its page need not be built again.
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the file before the sources are read."""
    app.connect("builder-inited", _write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
