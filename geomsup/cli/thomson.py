"""``geomsup thomson N``: the least energy known for N points, or a file's directions beside it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from geomsup.cli.arguments import VerbParser, at_least, is_finite_above_zero, reader
from geomsup.cli.output import (
    UsageError,
    add_picture,
    empty_figure,
    options_to_blame,
    print_json,
    say,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from geomsup.sphere import BestKnown

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "the least energy known for N points on a sphere (Thomson problem)"
DESCRIPTION: str = """\
Print the least Coulomb, Riesz or logarithmic energy known for N points on the unit sphere in D
dimensions, whether it is proven to be the least, and how its points fare by the other yardsticks:
smallest angle, frame potential, coherence, overlap. What the shipped table lacks is searched."""


EXAMPLES: tuple[tuple[str, str], ...] = (
    ("12", "the icosahedron, and how it fares by other yardsticks"),
    ("8 --dim 4 --points", "in four dimensions, with coordinates"),
    ("24 --riesz log --plot points.png", "the logarithmic energy, drawn"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_argument("n_points", type=at_least(1), metavar="N", help="number of points")
    parser.add_argument(
        "--dim", type=at_least(1), default=3, metavar="D", help="dimensions (default: 3)"
    )
    parser.add_argument(
        "--riesz",
        type=reader(
            _exponent,
            lambda s: s == "log" or is_finite_above_zero(float(s)),
            "a positive number or log",
        ),
        default=1.0,
        metavar="S",
        help="exponent of the distance, or log (default: 1, Coulomb)",
    )
    parser.add_argument("--points", action="store_true", help="print the coordinates too")
    parser.add_plot("the points")


def _exponent(text: str) -> float | str:
    return "log" if text.lower() == "log" else float(text)


def run(args: argparse.Namespace) -> None:
    """Look up or search, print and draw."""
    from geomsup.sphere import thomson_optimum
    from geomsup.sphere.card import optimum_card, with_itself

    if args.plot is not None and args.dim not in (2, 3):
        raise UsageError("--plot draws two or three dimensions; leave it out, or set --dim")
    with options_to_blame():
        best = thomson_optimum(args.n_points, dim=args.dim, s=args.riesz)
    comparison = with_itself(best)
    if args.json:
        yardsticks = None if comparison is None else comparison.to_dict()
        print_json({**best.to_dict(), "comparison": yardsticks, "plot": args.plot})
    else:
        say(optimum_card(best, comparison))
        if args.points:
            say("\n" + "\n".join("  ".join(f"{x:+.12f}" for x in row) for row in best.points))
    add_picture(args, lambda: _drawn(best))


def _drawn(best: BestKnown) -> Figure:
    from geomsup.plotting import plot_optimum

    return plot_optimum(best, fig=empty_figure((5.4, 5.0)))
