"""The parser, and how a command ends: exit status, errors and warnings in one line each.

Only the verb that was asked for builds its options, because those of ``train`` and ``dictionary``
come from packages behind torch.  Status 2 says that other words are needed, 1 that a file could not
be read or written, or that a computation failed.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Protocol, TextIO, cast

from geomsup import __version__
from geomsup.cli.arguments import OneLineParser, VerbParser
from geomsup.cli.output import (
    UsageError,
    checked_picture,
    complain,
    drop_output,
    flush,
    printable_streams,
)
from geomsup.errors import GeomsupError, GeomsupWarning

__all__ = ["VERBS", "main", "verb_parser"]

_FAILURE, _USAGE, _INTERRUPTED, _BROKEN_PIPE = 1, 2, 130, 141

_EPILOG = """\
examples:
  geomsup demo                          train small models, name and draw what they do
  geomsup classify weights.npy          name the geometry of your own matrix
  geomsup census sae/                   what a large dictionary holds beyond chance
  geomsup compare seed0/ seed1/         what two dictionaries have in common
  geomsup claim sae/ --features 3,8,21,34 --shape ring
                                        is this group what it is said to be?
  geomsup timeline run.safetensors      what a model was at each step of its training
  geomsup neurons run.safetensors       which neurons compute which features
  geomsup attack run.safetensors        how much harm a small change of the input does
  geomsup dictionary run.safetensors    do sparse autoencoders find the features?
  geomsup inspect checkpoint.pt         what is in this file?
  geomsup shapes --vertices 8           the names there are for eight features
  geomsup optimum --features 5 --hidden 2 --p 0.1
                                        the best configurations there are, by exact loss
  geomsup phases --features 2 --hidden 1 --plot phases.png
                                        the phase diagram of the toy model
  geomsup atlas 8 3                     the best known for 8 features in 3 dimensions, for all p
  geomsup thomson 12                    the least energy known for 12 points on a sphere
  geomsup reproduce intro               a published outcome, run again and scored
  geomsup sweep grid.toml --n-jobs 2    every combination of some settings, all results kept
  geomsup discover geomsup-sweep        the shapes without a name that recur in these

Columns of a matrix are features; see geomsup classify --help for other layouts.
"""


class Verb(Protocol):
    """What a module of this package offers to the parser."""

    SUMMARY: str
    DESCRIPTION: str
    # Words after the verb, and what they do.
    EXAMPLES: tuple[tuple[str, str], ...]

    def add_arguments(self, parser: VerbParser) -> None:
        """Declare the options."""

    def run(self, args: argparse.Namespace) -> int | None:
        """Do it, and return the exit status where it is not 0."""


# A verb is a module of this package and a name here.
VERBS: dict[str, Verb] = {
    name: cast(Verb, import_module(f"geomsup.cli.{name}"))
    for name in (
        "demo",
        "train",
        "classify",
        "census",
        "compare",
        "claim",
        "timeline",
        "neurons",
        "attack",
        "dictionary",
        "shapes",
        "inspect",
        "verify",
        "optimum",
        "phases",
        "atlas",
        "thomson",
        "reproduce",
        "sweep",
        "discover",
    )
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of ``geomsup``.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the name of the program; those of the process by default.

    Returns
    -------
    int
        Exit status: 0, 1 for a failure, 2 for wrong usage, 130 after Ctrl-C, 141 when whoever
        read the output has gone.

    Examples
    --------
    >>> main(["shapes", "digon"])                               # doctest: +ELLIPSIS
    digon
      vertices        2 in R^1
      ...
    0
    """
    words = sys.argv[1:] if argv is None else list(argv)
    with printable_streams(), _warnings_in_one_line():
        try:
            status = _run(words)
            flush()
        except KeyboardInterrupt:
            return _INTERRUPTED
        except BrokenPipeError:
            drop_output()
            return _BROKEN_PIPE
        except (OSError, MemoryError) as error:
            drop_output()
            complain("error", f"{error}" or "out of memory")
            return _FAILURE
    return status


def verb_parser(name: str) -> VerbParser:
    """The parser of the words after a verb.

    Parameters
    ----------
    name : str
        The verb, one of ``VERBS``.
    """
    verb = VERBS[name]
    examples = "\n".join(
        f"  geomsup {name} {words}".rstrip() + f"\n      {text}" for words, text in verb.EXAMPLES
    )
    parser = VerbParser(
        prog=f"geomsup {name}",
        description=verb.DESCRIPTION,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verb.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    return parser


def _run(words: list[str]) -> int:
    if not words:
        _parser().print_help(sys.stderr)
        return _USAGE
    try:
        # Everything in front of a verb is a question about the program, or a mistake.
        if words[0] not in VERBS:
            parser = _parser()
            parser.parse_args(words)
            parser.error(f"expected the verb first, got {words[0]!r}")
        own = verb_parser(words[0])
        args = own.parse(words[1:])
        try:
            checked_picture(getattr(args, "plot", None))
            return VERBS[words[0]].run(args) or 0
        except UsageError as error:
            own.refuse(own.in_own_words(str(error)))
        except GeomsupError as error:
            complain("error", own.in_own_words(str(error)))
            return _FAILURE
    # argparse leaves this way after --help and --version, and when it refuses something.
    except SystemExit as end:
        return int(end.code or 0)


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog="geomsup",
        description="Name the geometry of superposed features in weight matrices.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"geomsup {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, title="verbs")
    for name, verb in VERBS.items():
        verbs.add_parser(name, help=verb.SUMMARY, allow_abbrev=False)
    return parser


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Print each of our own warnings once, without the line of code that raised it."""
    seen = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", GeomsupWarning)
        usual = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if not issubclass(category, GeomsupWarning):
                usual(message, category, filename, lineno, file, line)
            elif str(message) not in seen:
                seen.add(str(message))
                complain("warning", str(message))

        warnings.showwarning = show
        yield
