"""The parser, and how a command ends: exit status, errors and warnings in one line each.

Only the verb that was asked for builds its options, because those of ``train`` come from a
dataclass behind torch.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TextIO

from geomsup import __version__
from geomsup.cli import (
    attack,
    classify,
    demo,
    dictionary,
    inspect,
    neurons,
    optimum,
    phases,
    reproduce,
    shapes,
    thomson,
    train,
    verify,
)
from geomsup.cli.output import UsageError, complain, drop_output, flush, printable_streams
from geomsup.errors import GeomsupError, GeomsupWarning

__all__ = ["main"]

_FAILURE, _USAGE, _INTERRUPTED, _BROKEN_PIPE = 1, 2, 130, 141

_EPILOG = """\
examples:
  geomsup demo                          train small models, name and draw what they do
  geomsup classify weights.npy          name the geometry of your own matrix
  geomsup neurons run.safetensors       which neurons compute which features
  geomsup attack run.safetensors        how much harm a small change of the input does
  geomsup dictionary run.safetensors    do sparse autoencoders find the features?
  geomsup inspect checkpoint.pt         what is in this file?
  geomsup shapes --n-vertices 8         the names there are for eight features
  geomsup optimum --features 5 --hidden 2 --p 0.1
                                        the best configurations there are, by exact loss
  geomsup phases --features 2 --hidden 1 --plot phases.png
                                        the phase diagram of the toy model
  geomsup thomson 12                    the least energy known for 12 points on a sphere
  geomsup reproduce intro               a published outcome, run again and scored

Columns of a matrix are features; see geomsup classify --help for other layouts.
"""


class Verb(Protocol):
    """What a module of this package offers to the parser."""

    SUMMARY: str
    DESCRIPTION: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it, and return the exit status."""


_VERBS: dict[str, Verb] = {
    "demo": demo,
    "train": train,
    "classify": classify,
    "neurons": neurons,
    "attack": attack,
    "dictionary": dictionary,
    "shapes": shapes,
    "inspect": inspect,
    "verify": verify,
    "optimum": optimum,
    "phases": phases,
    "thomson": thomson,
    "reproduce": reproduce,
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
        except GeomsupError as error:
            complain("error", str(error))
            return _FAILURE
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


def _run(words: list[str]) -> int:
    parser = _parser(words)
    if not words:
        parser.print_help(sys.stderr)
        return _USAGE
    try:
        args = parser.parse_args(words)
        try:
            return _VERBS[args.verb].run(args)
        except UsageError as error:
            sub: argparse.ArgumentParser = args.parser
            sub.error(str(error))
    # argparse leaves this way after --help and --version, and when it refuses something.
    except SystemExit as end:
        return int(end.code or 0)


def _parser(words: list[str]) -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="geomsup",
        description="Name the geometry of superposed features in weight matrices.",
        epilog=_EPILOG,
        formatter_class=layout,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"geomsup {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, title="verbs")
    # The options in front of the verb take no values, so the first other word is the verb.
    asked = next((word for word in words if not word.startswith("-")), None)
    for name, verb in _VERBS.items():
        sub = verbs.add_parser(
            name,
            help=verb.SUMMARY,
            description=verb.DESCRIPTION,
            formatter_class=layout,
            allow_abbrev=False,
        )
        if name == asked:
            verb.add_arguments(sub)
            sub.add_argument("--json", action="store_true", help="print JSON and nothing else")
            sub.set_defaults(parser=sub)
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
