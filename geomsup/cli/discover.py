"""``geomsup discover``: the unnamed shapes that recur in the models of a sweep."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from geomsup.cli.arguments import VerbParser, at_least
from geomsup.cli.output import (
    add_picture,
    answer,
    checked_place,
    complain,
    empty_figure,
    options_to_blame,
    say,
)
from geomsup.cli.sources import is_run, load_run

if TYPE_CHECKING:
    from geomsup.discovery import Discovery

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "find the shapes without a name that many models have in common"
DESCRIPTION: str = """\
Collect the components without a name in all models of a sweep, group them up to rotation,
reflection and order, and count in how many models each recurs, beside random tight frames that go
through the same procedure. Each gets a working name, its symmetries, and the cosines of its mean.

DIR is the folder of geomsup sweep --out; weight files will do as well."""

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("geomsup-sweep", "what recurs among the models of a sweep"),
    ("geomsup-sweep --save mine.json", "and keep it: geomsup classify W.npy --shapes mine.json"),
    ("a.npy b.npy c.npy --plot found.png", "three matrices, with a picture"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_argument("source", nargs="+", metavar="DIR", help="folder of a sweep, or files")
    parser.add_argument(
        "--noise",
        type=float,
        default=0.05,
        metavar="X",
        help="the most angular noise of a copy, per tangent axis, in radians (default: 0.05)",
    )
    parser.add_argument(
        "--frames",
        dest="n_frames",
        type=at_least(10),
        default=100,
        metavar="N",
        help="random tight frames of each size (default: 100)",
    )
    parser.add_argument(
        "--shapes", metavar="FILE.json", help="shapes of your own that have names already"
    )
    parser.add_argument(
        "--save", metavar="FILE.json", help="add what recurs beyond chance to a catalogue"
    )
    parser.add_feature_axis("--feature-axis", "columns of a file")
    parser.add_seed()
    parser.add_plot("the cosines of the shapes, orbit by orbit")


def run(args: argparse.Namespace) -> None:
    """Look at one store, or at some files."""
    from geomsup.discovery import discover
    from geomsup.plotting import plot_discovery
    from geomsup.shapes import load_catalogue

    if args.save is not None:
        checked_place(Path(args.save))
    known = () if args.shapes is None else load_catalogue(args.shapes)
    one_folder = len(args.source) == 1 and Path(args.source[0]).is_dir()
    found = discover(
        args.source[0] if one_folder else [_models(path) for path in args.source],
        noise=_noise(args),
        shapes=known,
        n_frames=args.n_frames,
        feature_axis=args.feature_axis,
        seed=args.seed,
        progress=False if args.json else None,
    )
    answer(args, found)
    if args.save is not None:
        _save(args, found)
    if found.shapes:
        add_picture(args, lambda: plot_discovery(found, fig=empty_figure((12, 8))))
    elif args.plot is not None:
        complain("warning", "no picture, as nothing recurs")


def _models(path: str) -> object:
    """What a file holds: a run of geomsup train, or one matrix."""
    return load_run(path) if is_run(path) else path


def _noise(args: argparse.Namespace) -> float:
    from geomsup.validation import number_within

    with options_to_blame():
        return number_within("noise", args.noise, 1e-6, 0.25)


def _save(args: argparse.Namespace, found: Discovery) -> None:
    added = found.save(args.save)
    if not args.json:
        say(f"\nsaved {', '.join(shape.name for shape in added)}")
        say(f"next: {shlex.join(['geomsup', 'classify', 'W.npy', '--shapes', args.save])}")
