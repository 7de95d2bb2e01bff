"""``geomsup compare``: what two dictionaries have in common beyond chance."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from geomsup.cli.arguments import VerbParser, at_least
from geomsup.cli.output import (
    add_picture,
    figure_of,
    options_to_blame,
    print_json,
    say,
)
from geomsup.cli.sources import add_targets, checked_targets, opened, saved_tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from geomsup import DictionaryComparison

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "match two dictionaries, and hold what they share against chance"
DESCRIPTION: str = """\
Match the feature directions of two dictionaries one to one such that the mean cosine is greatest,
and print the usual scores (mean max cosine, matched mean, shared, covered, unique, split), each
beside the same score of random dictionaries that are like the two.

FILE and OTHER are weight files, or files or folders of published dictionaries or models. Nothing
but the matrices is read, and nothing in a file is ever executed."""

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("seed0/ seed1/", "two folders as SAELens and others write them"),
    (
        "small.npy large.npy --feature-axis 0 --plot compared.png",
        "dictionaries of two sizes, and what splits",
    ),
    ("W_in.npy W_out.npy --feature-axis 0 --other-axis -1 --unsigned", "lines, not directions"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_file("a weight file, or the file or folder of a published dictionary or model")
    parser.add_argument("other", metavar="OTHER", help="the same, of the other dictionary")
    for start, which in (("", "FILE"), ("other-", "OTHER")):
        parser.add_argument(f"--{start}key", metavar="NAME", help=f"which array of {which}")
        parser.add_argument(
            f"--{start}layer", type=at_least(0), metavar="K", help=f"which layer of {which}"
        )
    parser.add_argument(
        "--feature-axis",
        type=int,
        choices=(-1, 0),
        help="-1: columns are features; 0: rows are; not needed where the layout is known",
    )
    parser.add_argument(
        "--other-axis", type=int, choices=(-1, 0), help="--feature-axis of OTHER, if it is another"
    )
    parser.add_argument(
        "--null",
        default="matched",
        choices=("matched", "isotropic", "shuffled"),
        help="what the draws are like (default: matched)",
    )
    parser.add_argument(
        "--draws",
        dest="n_draws",
        type=at_least(0),
        default=5,
        metavar="N",
        help="draws of the null; each takes as long as the dictionaries (default: 5)",
    )
    parser.add_argument(
        "--unsigned",
        action="store_true",
        help="opposite directions are near to each other",
    )
    parser.add_argument(
        "--threshold", type=float, default=0.7, metavar="COS", help="shared from here (default: .7)"
    )
    parser.add_argument(
        "--split-threshold",
        type=float,
        default=0.5,
        metavar="COS",
        help="part of a feature from here (default: .5)",
    )
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help="names of the features: one on each line, or a .csv with a column label",
    )
    parser.add_argument("--other-labels", metavar="FILE", help="the same, of OTHER")
    add_targets(parser, "comparison", "matches")
    parser.add_seed()
    parser.add_plot("the matched cosines over those of the null")


def run(args: argparse.Namespace) -> int:
    """Compare."""
    from geomsup import compare_dictionaries

    checked_targets(args)
    one = opened(args.file, args.key, args.layer, args.feature_axis)
    axis = args.feature_axis if args.other_axis is None else args.other_axis
    other = opened(args.other, args.other_key, args.other_layer, axis)
    names = "n_draws null threshold split_threshold labels other_labels seed"
    options: dict[str, Any] = {name: getattr(args, name) for name in names.split()}
    with options_to_blame():
        found = compare_dictionaries(one, other, signed=not args.unsigned, **options)
    if args.json:
        files = {
            "file": args.file,
            "matrix": one.to_dict(),
            "other": args.other,
            "other_matrix": other.to_dict(),
        }
        print_json({**files, **found.to_dict()})
    else:
        say(f"A  {one}\n\nB  {other}\n\n{found}")
    saved_tables(
        args, found, ("comparison", "matches"), lambda: add_picture(args, lambda: _drawn(found))
    )
    return 0


def _drawn(found: DictionaryComparison) -> Figure:
    from geomsup.plotting import plot_dictionary_comparison

    return figure_of((8, 4.5), plot_dictionary_comparison, found)
