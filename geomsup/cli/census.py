"""``geomsup census``: what the features of a large matrix hold beyond chance."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geomsup.cli.arguments import VerbParser, at_least
from geomsup.cli.output import (
    UsageError,
    add_picture,
    checked_picture,
    checked_place,
    options_to_blame,
    print_json,
    say,
)
from geomsup.errors import GeomsupError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from geomsup import Census
    from geomsup.weights.opened import OpenedWeights

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "opened_weights", "run"]

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
        help="look for the structures that pairs form (default: among up to 8,192 features)",
    )
    parser.add_argument("--partner", metavar="FILE", help="a second matrix of the same features")
    parser.add_argument(
        "--partner-axis", type=int, choices=(-1, 0), help="its --feature-axis, if it is another"
    )
    parser.add_argument("--parts", metavar="FOLDER", help="keep what is done, to go on from there")
    parser.add_argument("--out", metavar="FILE.safetensors", help="save the census")
    parser.add_argument("--csv", metavar="FILE.csv", help="write the pairs as a table")
    parser.add_seed()
    parser.add_plot("the cosines over those of the null, and the counts")


def run(args: argparse.Namespace) -> int:
    """Take the census."""
    from geomsup import census
    from geomsup.storage import checked_target

    checked_picture(args.plot)
    if args.csv is not None:
        checked_place(Path(args.csv))
    if args.out is not None:
        checked_target(args.out)
    opened = opened_weights(args)
    names = "n_draws q centre remove_components fold_norms labels mask components seed"
    names += " partner partner_axis"
    options: dict[str, Any] = {name: getattr(args, name) for name in names.split()}
    with options_to_blame():
        found = census(
            opened,
            feature_axis=opened.feature_axis,
            null=_null(args.null),
            folder=args.parts,
            **options,
        )
    if args.json:
        print_json({"file": args.file, "matrix": opened.to_dict(), **found.to_dict()})
    else:
        say(f"{opened}\n\n{found}")
    _write(args, found)
    add_picture(args, lambda: _drawn(found))
    return 0


def opened_weights(args: argparse.Namespace) -> OpenedWeights:
    """The matrix that FILE, --key, --layer and --feature-axis mean."""
    from geomsup.weights.layout_files import UnknownLayoutError
    from geomsup.weights.opened import open_weights

    try:
        return open_weights(
            args.file, key=args.key, layer=args.layer, feature_axis=args.feature_axis
        )
    except UnknownLayoutError as error:
        # Of a file that can be read, other words get at the matrix.
        raise (GeomsupError if Path(args.file).is_dir() else UsageError)(str(error)) from error


def _null(word: str) -> str:
    from geomsup.survey.background import KINDS

    if word not in KINDS and not Path(word).exists():
        raise UsageError(f"--null must be one of {', '.join(KINDS)}, or a file; got {word!r}")
    return word


def _write(args: argparse.Namespace, found: Census) -> None:
    said = []
    if args.out is not None:
        said.append(f"census: {found.save(args.out)}")
    if args.csv is not None:
        try:
            found.table("pairs").to_csv(args.csv)
        except GeomsupError as error:
            raise GeomsupError(f"the results are complete, but {error}") from error
        said.append(f"pairs: {args.csv}")
    if said and not args.json:
        say("\n" + "\n".join(said))


def _drawn(found: Census) -> Figure:
    from matplotlib.figure import Figure

    from geomsup.plotting import plot_census

    return plot_census(found, fig=Figure(figsize=(11, 8), layout="constrained"))
