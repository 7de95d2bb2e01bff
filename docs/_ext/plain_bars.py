"""Let docstrings write |W_i| for a norm and |cosine| for an absolute value.

In reStructuredText bars enclose a substitution, which no docstring here uses.  In a terminal, where
docstrings are read most, a backslash before every bar would be noise; so it is added here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_LITERAL_OR_BAR = re.compile(r"(``.*?``)|\|")


def _escape(app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    in_doctest = False
    for number, line in enumerate(lines):
        # A doctest reaches from its prompt to the next empty line.
        in_doctest = bool(line.strip()) and (in_doctest or line.lstrip().startswith(">>>"))
        if not in_doctest:
            lines[number] = _LITERAL_OR_BAR.sub(lambda match: match[1] or r"\|", line)


def setup(app: Sphinx) -> dict[str, Any]:
    """Escape after napoleon, whose input is what the author wrote."""
    app.connect("autodoc-process-docstring", _escape, priority=600)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
