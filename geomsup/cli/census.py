"""``geomsup census``: what the features of a large matrix hold beyond chance."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geomsup.cli.arguments import VerbParser, at_least
from geomsup.cli.output import (
    UsageError,
    add_page,
    add_picture,
    checked_page,
    empty_figure,
    options_to_blame,
    print_json,
    say,
)
from geomsup.cli.sources import add_targets, checked_targets, opened, saved_tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from geomsup import Census
    from geomsup.weights.opened import OpenedWeights

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "count what a large dictionary or embedding holds beyond chance"
DESCRIPTION: str = """\
Count what the feature directions of a large matrix hold beyond chance: pairs that are closer or
more opposite than the background has it, near-duplicates, antipodes, each beside the same count of
draws of the background.

FILE is a weight file, or the file or folder of a published dictionary or model. Nothing but the
matrix is read, in blocks, and nothing in a file is ever executed."""

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("sae/", "a folder as SAELens and others write it"),
    (
        "model.safetensors --key embedding --centre --labels vocab.txt --mask '^.unused'",
        "word pieces by name, without those that are never used",
    ),
    ("W.npy --feature-axis 0 --null shuffled", "held against shuffled coordinates"),
    (
        "W_in.npy --feature-axis 0 --partner W_out.npy --partner-axis -1",
        "neurons that are opposite in both of their matrices",
    ),
    ("big.safetensors --parts parts/", "can be interrupted, and goes on where it was"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_published()
    parser.add_argument(
        "--null",
        default="matched",
        metavar="NULL",
        help="matched, isotropic, shuffled, or a file with a matrix (default: matched)",
    )
    parser.add_argument(
        "--draws",
        dest="n_draws",
        type=at_least(0),
        default=20,
        metavar="N",
        help="draws of the null; each takes as long as the matrix (default: 20)",
    )
    parser.add_argument(
        "--q", type=float, default=0.05, metavar="Q", help="rate of false pairs (default: .05)"
    )
    parser.add_argument("--centre", action="store_true", help="subtract the mean of the features")
    parser.add_preparation()
    parser.add_argument(
        "--mask", metavar="PATTERN", help="leave out features whose label the pattern finds"
    )
    parser.add_argument(
        "--components",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="look for the structures that pairs form",
    )
    parser.add_argument("--partner", metavar="FILE", help="a second matrix of the same features")
    parser.add_argument(
        "--partner-axis", type=int, choices=(-1, 0), help="its --feature-axis, if it is another"
    )
    parser.add_argument("--partner-key", metavar="NAME", help="which array of the partner")
    parser.add_argument(
        "--partner-layer", type=at_least(0), metavar="K", help="which layer of the partner"
    )
    parser.add_argument("--parts", metavar="FOLDER", help="keep what is done, to go on from there")
    add_targets(parser, "census", "pairs")
    parser.add_argument("--device", default="cpu", help='"cpu", "cuda" or "cuda:1" (default: cpu)')
    parser.add_seed()
    parser.add_page()
    parser.add_plot("the cosines over those of the null, the counts, and structures")


def run(args: argparse.Namespace) -> int:
    """Take the census."""
    from geomsup import census

    checked_targets(args)
    checked_page(args.html)
    matrix = opened(args.file, args.key, args.layer, args.feature_axis)
    names = "n_draws q centre remove_components fold_norms labels mask components seed"
    names += " device"
    options: dict[str, Any] = {name: getattr(args, name) for name in names.split()}
    partner = _partner(args, matrix)
    with options_to_blame():
        found = census(
            matrix,
            feature_axis=matrix.feature_axis,
            null=_null(args.null),
            partner=partner,
            folder=args.parts,
            **options,
        )
    if args.json:
        print_json({"file": args.file, "matrix": matrix.to_dict(), **found.to_dict()})
    else:
        say(f"{matrix}\n\n{found}")
    # Structures are drawn where they are; without any, nobody needs the matrix in one piece.
    shown = matrix if found.components else None
    saved_tables(
        args,
        found,
        ("census", "pairs"),
        lambda: add_picture(args, lambda: _drawn(found, matrix)),
        lambda: add_page(args, lambda path: found.to_html(path, weights=shown)),
    )
    return 0


def _partner(args: argparse.Namespace, matrix: OpenedWeights) -> OpenedWeights | None:
    """The second matrix: by its own layout, by its own options, or read as the first one is."""
    if args.partner is None:
        return None
    axis = args.feature_axis if args.partner_axis is None else args.partner_axis
    return opened(args.partner, args.partner_key, args.partner_layer, axis)


def _null(word: str) -> str:
    from geomsup.survey.background import KINDS

    if word not in KINDS and not Path(word).exists():
        raise UsageError(f"--null must be one of {', '.join(KINDS)}, or a file; got {word!r}")
    return word


def _drawn(found: Census, opened: OpenedWeights) -> Figure:
    from geomsup.plotting.census import figure_size, plot_census

    figure = empty_figure(figure_size(found, opened))
    return plot_census(found, opened, feature_axis=opened.feature_axis, fig=figure)
