"""``geomsup phases``: where one configuration takes over from another."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from geomsup.cli.arguments import VerbParser
from geomsup.cli.output import UsageError, add_picture, figure_of, options_to_blame, print_json, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "where one shape takes over from another, by exact loss"
DESCRIPTION: str = """\
With SHAPES: optimise each of them at every feature probability p, and print where the lowest one
changes as p grows. Features that a shape does not use are dropped.

Without: the phase diagram of N features in M dimensions, over p and the importance of the last
feature relative to the others; with --unit-norm only unit vectors without bias are compared, as in
the theoretical diagrams of "Toy Models of Superposition"."""


EXAMPLES: tuple[tuple[str, str], ...] = (
    ('pentagon "digon + digon" --features 5', "where two digons take over from the pentagon"),
    ('pentagon "digon + digon" --features 5 --p 0.1 0.2 0.3', "the same, at these p only"),
    ("--features 2 --hidden 1 --plot phases.png", "the phase diagram of the toy model"),
    ("--features 3 --hidden 2 --p 0.1 0.5 --importance 0.3 1 3", "a small one"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_argument("shapes", nargs="*", metavar="SHAPE", help='as in pentagon "digon + digon"')
    parser.add_size(hidden_required=False)
    parser.add_numbers(
        "--p",
        "--feature-probability",
        dest="feature_probability",
        metavar="P",
        help="ascending feature probabilities to look at (default: 25 of them)",
    )
    parser.add_numbers(
        "--importance",
        dest="relative_importance",
        metavar="I",
        help="ascending importances of the last feature, without SHAPES (default: 25, 0.1 to 10)",
    )
    parser.add_argument("--unit-norm", action="store_true", help="unit vectors without bias")
    parser.add_plot("it")


def run(args: argparse.Namespace) -> None:
    """Compute, print and draw."""
    from geomsup.theory import family_losses, phase_diagram

    if bool(args.shapes) == (args.n_hidden is not None):
        raise UsageError("give either shapes to compare or --hidden M for a phase diagram")
    for option, value in (("unit-norm", args.unit_norm), ("importance", args.relative_importance)):
        if args.shapes and value:
            raise UsageError(f"--{option} belongs to a phase diagram; leave the shapes out")
    result: Any
    with options_to_blame():
        if args.shapes:
            result = family_losses(args.shapes, args.n_features, args.feature_probability)
        else:
            result = phase_diagram(
                args.n_features,
                args.n_hidden,
                feature_probability=args.feature_probability,
                relative_importance=args.relative_importance,
                unit_norm=args.unit_norm,
            )
    if args.json:
        print_json({**result.to_dict(), "plot": args.plot})
    else:
        say(result)
    add_picture(args, lambda: _drawn(result, is_diagram=not args.shapes))


def _drawn(result: Any, *, is_diagram: bool) -> Figure:
    from geomsup.plotting import plot_family_losses, plot_phase_diagram

    return figure_of((7.0, 5.0), plot_phase_diagram if is_diagram else plot_family_losses, result)
