"""``geomsup phases``: where one configuration takes over from another."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from geomsup.cli.arguments import VerbParser, at_least, one_or_all
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
the theoretical diagrams of "Toy Models of Superposition".

With --pairs: which strategy is best for K pairs of features in M dimensions, members apart or
collapsed onto their mean as PCA does it, and where that changes.  With one value of --p (and of
the others) the answer is that for this place; with a list for one of --p, --together and
--equal-values, or without --p, along that line; with none of the three, the map that comes with
the package, over p and how often pairs come together."""


EXAMPLES: tuple[tuple[str, str], ...] = (
    ('pentagon "digon + digon" --features 5', "where two digons take over from the pentagon"),
    ('pentagon "digon + digon" --features 5 --p 0.1 0.2 0.3', "the same, at these p only"),
    ("--features 2 --hidden 1 --plot phases.png", "the phase diagram of the toy model"),
    ("--features 3 --hidden 2 --p 0.1 0.5 --importance 0.3 1 3", "a small one"),
    ("--pairs 3 --hidden 2", "the map of three pairs in two dimensions"),
    ("--pairs 3 --hidden 2 --p 0.05 --together 0.7", "which is best at this place"),
    ("--pairs 2 --hidden 2 --equal-values 0.8", "along p, values equal in four cases of five"),
    ("--pairs 2 --hidden 2 --p 0.4 --together 0.4 0.6 0.8 1", "along c, at one p"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_argument("shapes", nargs="*", metavar="SHAPE", help='as in pentagon "digon + digon"')
    parser.add_size(hidden_required=False, features_required=False)
    parser.add_argument(
        "--pairs", dest="n_pairs", type=at_least(1), metavar="K", help="features in K pairs"
    )
    parser.add_numbers(
        "--together",
        metavar="C",
        help="with --pairs: how often one gate decides for both members (default: 1)",
    )
    parser.add_numbers(
        "--equal-values",
        metavar="RHO",
        help="with --pairs: how often the members of a pair have one value (default: 0)",
    )
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

    _check(args)
    result: Any
    with options_to_blame():
        if args.n_pairs is not None:
            result = _of_pairs(args)
        elif args.shapes:
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
    add_picture(args, lambda: _drawn(result))


def _check(args: argparse.Namespace) -> None:
    """Options that belong together."""
    if args.n_pairs is not None:
        if args.shapes or args.n_hidden is None:
            raise UsageError("with --pairs give --hidden M, and no shapes")
        if args.n_features not in (None, 2 * args.n_pairs):
            raise UsageError(
                f"--pairs {args.n_pairs} makes {2 * args.n_pairs} features; leave --features out"
            )
        if args.unit_norm or args.relative_importance:
            option = "unit-norm" if args.unit_norm else "importance"
            raise UsageError(f"--{option} belongs to a phase diagram; leave --pairs out")
        return
    for option, value in (("together", args.together), ("equal-values", args.equal_values)):
        if value:
            raise UsageError(f"--{option} says how pairs are; give --pairs too")
    if args.n_features is None:
        raise UsageError("give --features N, or --pairs K")
    if bool(args.shapes) == (args.n_hidden is not None):
        raise UsageError("give either shapes to compare or --hidden M for a phase diagram")
    for option, value in (("unit-norm", args.unit_norm), ("importance", args.relative_importance)):
        if args.shapes and value:
            raise UsageError(f"--{option} belongs to a phase diagram; leave the shapes out")


def _of_pairs(args: argparse.Namespace) -> Any:
    """The map that is shipped, or a line through one."""
    from geomsup.theory import pair_map, pair_phases

    given = {
        "feature_probability": args.feature_probability,
        "together": args.together,
        "equal_values": args.equal_values,
    }
    if not any(given.values()):
        return pair_map(args.n_pairs, args.n_hidden)
    options: dict[str, Any] = {
        name: one_or_all(values) for name, values in given.items() if values is not None
    }
    lists = sum(isinstance(each, list) for each in options.values())
    lists += args.feature_probability is None
    if lists > 1:
        raise UsageError(
            "only one of --p, --together and --equal-values may be a list (--p is one unless it "
            "has a value); give one value for the others"
        )
    if args.plot and not lists:
        raise UsageError("one place is no line to plot; give a list for --p, or leave --plot out")
    return pair_phases(args.n_pairs, args.n_hidden, **options)


def _drawn(result: Any) -> Figure:
    from geomsup import plotting

    draw: Any = {
        "PairMap": plotting.plot_pair_map,
        "PairPhases": plotting.plot_pair_phases,
        "PhaseDiagram": plotting.plot_phase_diagram,
        "FamilyLosses": plotting.plot_family_losses,
    }[type(result).__name__]
    return figure_of((7.0, 5.0), draw, result)
