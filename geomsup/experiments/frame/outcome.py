"""What a check says: claims, each with what was found, and a verdict that follows from them.

A published outcome is rarely one statement.  Taking it apart into claims that hold or do not keeps
the verdict out of anybody's hands: it is a function of the claims, and the scorecard shows both.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from geomsup.errors import GeomsupError, shorten

__all__ = ["SIGNS", "Claim", "Outcome", "Verdict", "wrapped"]

Verdict: TypeAlias = Literal["pass", "differs", "fail"]


SIGNS = {True: "✓", False: "✗"}
_WIDTH = 98  # of a printed line


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One statement about an experiment, and whether its seeds bear it out.

    Parameters
    ----------
    says : str
        The published statement, in a few words.
    found : str
        What was measured, with its numbers.
    by_seed : tuple of bool
        Whether the statement holds, for each independent repetition: a seed, or a model where
        many are trained side by side.
    needed : float, default 0.5
        The claim holds when *more* than this share of the repetitions bear it out.
    why : str, default ""
        What is known about the reason, where the claim does not hold.
    """

    says: str
    found: str
    by_seed: tuple[bool, ...]
    needed: float = 0.5
    why: str = ""

    def __post_init__(self) -> None:
        given = _items("by_seed", self.by_seed, "booleans, one for each seed")
        object.__setattr__(self, "by_seed", tuple(bool(one) for one in given))
        if not self.by_seed:
            raise GeomsupError("a claim needs at least one seed to be judged by, got none")
        is_number = isinstance(self.needed, int | float) and not isinstance(self.needed, bool)
        if not is_number or not 0.0 <= self.needed < 1.0:
            raise GeomsupError(
                f"needed must be a share from 0 and below 1, got {shorten(self.needed)}"
            )

    @property
    def agree(self) -> int:
        """How many repetitions bear it out."""
        return sum(self.by_seed)

    @property
    def holds(self) -> bool:
        """Whether enough of them do."""
        return self.agree > self.needed * len(self.by_seed)

    def __str__(self) -> str:
        head = f"  {SIGNS[self.holds]} {self.says}: {self.found}"
        if len(self.by_seed) > 1:
            head += f" [{self.agree} of {len(self.by_seed)}]"
        lines = wrapped(head, "", "    ")
        if self.why and not self.holds:
            lines += wrapped(f"why: {self.why}", "    ", "    ")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON."""
        return {
            "says": self.says,
            "found": self.found,
            "holds": self.holds,
            "agree": self.agree,
            "of": len(self.by_seed),
            "needed": self.needed,
            "why": self.why,
        }


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a published outcome.

    Parameters
    ----------
    claims : tuple of Claim
        At least one.
    numbers : dict
        The figures behind them, by name: floats, strings or (nested) lists.

    Examples
    --------
    >>> from geomsup.experiments import Claim, Outcome
    >>> outcome = Outcome(claims=(
    ...     Claim(says="pentagons", found="9 of 16 models", by_seed=(True,) * 9 + (False,) * 7),
    ...     Claim(says="no digons", found="two digons in 7", by_seed=(False,)),
    ... ))
    >>> outcome.verdict, outcome.agree, outcome.of
    ('differs', 0, 1)
    """

    claims: tuple[Claim, ...]
    numbers: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "claims", _items("claims", self.claims, "a sequence of claims"))
        for claim in self.claims:
            if not isinstance(claim, Claim):
                raise GeomsupError(f"claims must be a sequence of claims, got {shorten(claim)}")
        if not self.claims:
            raise GeomsupError("an outcome needs at least one claim, got none")

    @property
    def verdict(self) -> Verdict:
        """ "pass" when every claim holds, "fail" when none does, "differs" in between."""
        held = [claim.holds for claim in self.claims]
        return "pass" if all(held) else "differs" if any(held) else "fail"

    @property
    def agree(self) -> int:
        """Repetitions that bear out the claim with the least support."""
        return self._weakest().agree

    @property
    def of(self) -> int:
        """Repetitions of that claim."""
        return len(self._weakest().by_seed)

    def _weakest(self) -> Claim:
        return min(self.claims, key=lambda claim: claim.agree / len(claim.by_seed))

    def __str__(self) -> str:
        return "\n".join([self.verdict, *map(str, self.claims)])

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON."""
        return {
            "verdict": self.verdict,
            "agree": self.agree,
            "of": self.of,
            "claims": [claim.to_dict() for claim in self.claims],
            "numbers": _plain(self.numbers),
        }


def wrapped(text: str, first: str, others: str) -> list[str]:
    """Printed lines of a text, with what the first and the others begin with."""
    return textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=others, break_on_hyphens=False
    )


def _items(name: str, value: Any, wanted: str) -> tuple[Any, ...]:
    """What a sequence holds; a word is none, for all its letters."""
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        return tuple(value)
    except TypeError:
        raise GeomsupError(f"{name} must be {wanted}, got {shorten(value)}") from None


def _plain(value: Any) -> Any:
    """Numbers of NumPy as numbers of Python, at any depth; what is not finite as None."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
