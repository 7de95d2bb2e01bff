"""The scorecard: one row for each published outcome, and how it prints.

The same table goes to the terminal, to a notebook, to JSON and to the documentation.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from html import escape
from typing import Any

from geomsup.experiments.frame.outcome import SIGNS, Claim, Outcome, wrapped

__all__ = ["Scorecard", "ScorecardRow"]

_COLUMNS = ("id", "what is said", "what was found", "seeds", "verdict")


@dataclass(frozen=True, kw_only=True, eq=False)
class ScorecardRow:
    """One experiment: what was said, what was found.

    Parameters
    ----------
    id, title, says, source : str
        As in `Experiment`.
    scale : str
        "smoke" or "paper".
    seeds : tuple of int
        Seeds of the repetitions.
    seconds : float
        Time that they took together, in seconds.
    config : dict
        Configuration of the repetitions.
    outcome : Outcome
        What the check says.
    kept : int, default 0
        How many of the repetitions were made by an earlier run, and only read now; their seconds
        were spent then.
    """

    id: str
    title: str
    says: str
    source: str
    scale: str
    seeds: tuple[int, ...]
    seconds: float
    config: dict[str, Any]
    outcome: Outcome
    kept: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON: the same ones, whether results were kept or made."""
        return {
            "id": self.id,
            "title": self.title,
            "says": self.says,
            "source": self.source,
            "scale": self.scale,
            "seeds": list(self.seeds),
            "seconds": self.seconds,
            "config": self.config,
            **self.outcome.to_dict(),
        }

    def __str__(self) -> str:
        lines = [f"{self.id}: {self.outcome.verdict}   ({self._made()})"]
        lines += wrapped(self.says, "  ", "  ")
        return "\n".join([*lines, *map(str, self.outcome.claims)])

    def _made(self) -> str:
        seeds = "1 seed" if len(self.seeds) == 1 else f"{len(self.seeds)} seeds"
        kept = ""
        if self.kept:
            which = "" if self.kept == len(self.seeds) else f"{self.kept} "
            kept = f", {which}kept from an earlier run"
        return f"{self.scale} scale, {seeds}, {self.seconds:.0f} s{kept}"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Scorecard:
    """The rows of a reproduction.

    Parameters
    ----------
    rows : tuple of ScorecardRow
    provenance : dict
        Versions that made it.
    """

    rows: tuple[ScorecardRow, ...]
    provenance: dict[str, str]

    def counts(self) -> dict[str, int]:
        """Rows by verdict."""
        found = Counter(row.outcome.verdict for row in self.rows)
        return {verdict: found[verdict] for verdict in ("pass", "differs", "fail")}

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON."""
        return {
            "provenance": self.provenance,
            "counts": self.counts(),
            "rows": [row.to_dict() for row in self.rows],
        }

    def __str__(self) -> str:
        counts = ", ".join(f"{number} {verdict}" for verdict, number in self.counts().items())
        return "\n\n".join([*map(str, self.rows), counts])

    __repr__ = __str__

    def to_markdown(self, figures: str | None = None) -> str:
        """A summary table, and a section for each row.

        Parameters
        ----------
        figures : str, optional
            Folder of the pictures, as seen from where the text will be; the picture of a row is
            named after its id.  Without it there are none.
        """
        lines = [
            "| row | what it is about | verdict | claims that hold | seeds | time |",
            "|---|---|---|---|---|---|",
        ]
        for row in self.rows:
            held = sum(claim.holds for claim in row.outcome.claims)
            cells = [
                f"[`{row.id}`](#{row.id})",
                row.title,
                row.outcome.verdict,
                f"{held} of {len(row.outcome.claims)}",
                str(len(row.seeds)),
                f"{row.seconds:.0f} s",
            ]
            lines.append("| " + " | ".join(cells) + " |")
        for row in self.rows:
            lines += ["", f"## {row.id}", "", f"{_plain_text(row.says)}.", f"({row.source}.)", ""]
            for claim in row.outcome.claims:
                lines.append(f"- {_plain_text(_cell(claim))}.")
            if figures is not None:
                lines += ["", f"![{row.title}]({figures}/{row.id}.png)"]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
        body = ""
        for row in self.rows:
            found = "<br>".join(escape(_cell(claim)) for claim in row.outcome.claims)
            seeds = f"{row.outcome.agree} of {row.outcome.of}"
            cells = [escape(row.id), escape(row.says), found, seeds, row.outcome.verdict]
            body += "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
        return f"<table><tr>{head}</tr>{body}</table>"


def _cell(claim: Claim) -> str:
    count = f" [{claim.agree} of {len(claim.by_seed)}]" if len(claim.by_seed) > 1 else ""
    why = f" (why: {claim.why})" if claim.why and not claim.holds else ""
    return f"{SIGNS[claim.holds]} {claim.says}: {claim.found}{count}{why}"


def _plain_text(text: str) -> str:
    """Text whose signs Markdown would take for its own, escaped."""
    return re.sub(r"([*_|\[\]])", r"\\\1", text)
