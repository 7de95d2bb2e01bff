"""``geomsup claim``: is a group of features what it is said to be?"""

from __future__ import annotations

import argparse
import re
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
from geomsup.cli.sources import opened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from geomsup import Claim

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

_RANGE = re.compile(r"(\d+)-(\d+)", re.ASCII)
_MOST_LISTED = 10_000
SUMMARY: str = "is this group of features a ring, a simplex, antipodes … or chance?"
DESCRIPTION: str = """\
Weigh a claim about a group of features: against groups of the same matrix whose members are as near
to each other, against Gaussian clouds with its spectrum, against other orders of its members, and
beside what else may explain it. The answer is supported, contradicted or undecided, and says why.

FILE is a weight file, or the file or folder of a published dictionary or model."""

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("W.npy --feature-axis 0 --features 1,5,9,13,17 --shape ring", "these five lie on a ring"),
    (
        "model.safetensors --key embedding --labels vocab.txt --shape ring "
        "--features monday,tuesday,wednesday,thursday,friday,saturday,sunday --in-order",
        "the days of the week, on a ring and in this order",
    ),
    ("sae/ --features 17,405 --shape antipodes --json", "two latents, as JSON"),
    ("W.npy --feature-axis 0 --features 2,4,8 --shape simplex --html claim.html", "as a page"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_published()
    parser.add_argument(
        "--features",
        required=True,
        metavar="LIST",
        help="indices or labels, with commas; without --labels also ranges, 20-26",
    )
    parser.add_argument(
        "--shape",
        required=True,
        metavar="WORD",
        help="ring, arc, line, simplex, antipodes, bundle, or a name of the catalogue",
    )
    parser.add_argument("--order", metavar="LIST", help="the features as they follow each other")
    parser.add_argument(
        "--in-order", action="store_true", help="they follow each other as --features lists them"
    )
    parser.add_argument(
        "--about",
        choices=("centroid", "origin", "mean"),
        help="centre of the shape (default: what the word means; a tetrahedron or another simplex, "
        "by name, about the origin and about the centroid)",
    )
    parser.add_argument(
        "--background",
        default="same matrix",
        metavar="WHERE",
        help="where controls come from: isotropic, or a file (default: the same matrix)",
    )
    parser.add_argument(
        "--controls",
        dest="n_controls",
        type=at_least(1),
        default=2000,
        metavar="N",
        help="control groups (default: 2000)",
    )
    parser.add_preparation()
    parser.add_argument(
        "--metric", metavar="WHICH", help="inner product: causal, or a file with a matrix"
    )
    parser.add_argument(
        "--by-label", action="store_true", help="numbers in LIST are labels too, not indices"
    )
    parser.add_argument(
        "--mask", metavar="PATTERN", help="no controls with a label that the pattern finds"
    )
    parser.add_seed()
    parser.add_plot("the plane of the claim with the group and its controls")
    parser.add_page()


def run(args: argparse.Namespace) -> int:
    """Weigh the claim."""
    from geomsup import weigh_claim

    checked_page(args.html)
    if args.in_order and args.order is not None:
        raise UsageError("--in-order and --order say two things; leave one out")
    matrix = opened(args.file, args.key, args.layer, args.feature_axis)
    features = _listed(args.features, args)
    order = features if args.in_order else args.order and _listed(args.order, args)
    names = "about background n_controls remove_components fold_norms mask labels seed"
    options: dict[str, Any] = {name: getattr(args, name) for name in names.split()}
    with options_to_blame():
        claim = weigh_claim(
            matrix,
            features,
            args.shape,
            order=order,
            feature_axis=matrix.feature_axis,
            metric=_metric(args.metric),
            **options,
        )
    if args.json:
        print_json({"file": args.file, "matrix": matrix.to_dict(), **claim.to_dict()})
    else:
        say(f"{matrix}\n\n{claim}")
    add_picture(args, lambda: _drawn(claim))
    add_page(args, claim.to_html)
    return 0


def _listed(text: str, args: argparse.Namespace) -> list[int | str]:
    """Indices, ranges of them and labels; a number is an index unless all are labels."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if args.by_label:
        return list(words)
    found: list[int | str] = []
    for word in words:
        ends = None if args.labels is not None else _RANGE.fullmatch(word)  # "1999-2000" is a label
        if ends is None:
            found.append(int(word) if word.isdecimal() else word)
            continue
        first, last = int(ends[1]), int(ends[2])
        if not first < last < first + _MOST_LISTED:
            raise UsageError(
                f"expected a range FIRST-LAST of at most {_MOST_LISTED:,} features, got {word}"
            )
        found += range(first, last + 1)
    return found


def _metric(word: str | None) -> object:
    if word is None or word == "causal":
        return word
    from geomsup.weights import as_weights

    return as_weights(word)


def _drawn(claim: Claim) -> Figure:
    from geomsup.plotting import plot_claim

    return plot_claim(claim, fig=empty_figure((11, 5.2)))
