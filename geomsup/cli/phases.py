"""``geomsup phases``: where one configuration takes over from another."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from geomsup.cli.arguments import VerbParser, features_of, one_or_all
from geomsup.cli.output import UsageError, add_picture, figure_of, options_to_blame, print_json, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from geomsup.theory import FeatureModel

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "where one shape takes over from another, by exact loss"
DESCRIPTION: str = """\
With SHAPES: optimise each of them at every feature probability p, and print where the lowest one
changes as p grows. Features take the vertices in order, unless a shape says which it has, as
"digon(1, 3) + digon(2, 4)" does, or "triangle(1 & 2, 3 & 4, 5 & 6)" with two on each vertex. Those
that a shape does not use are dropped.

With --hidden: the phase diagram of N features in M dimensions, over p and the importance of the
last feature relative to the others; with --unit-norm only unit vectors without bias are compared,
as in the theoretical diagrams of "Toy Models of Superposition".

Both for features in sets, with --sets (or, with SHAPES, --pairs). A list for --together or
--equal-values then takes the place of p, which has one value.

With --pairs and --hidden: which strategy is best for K pairs of features in M dimensions, members
apart or collapsed onto their mean as PCA does it, and where that changes.  With one value of --p
(and of the others) the answer is that for this place; with a list for one of --p, --together and
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
    (
        '"digon(1, 3)" "monosemantic(1 & 3)" --sets 1x3 --p 0.1 --together 0.2 0.5 0.9',
        "two of a set of three, opposed or on one vertex, along c",
    ),
    ("--sets 2x2 --hidden 2 --p 0.1 0.4 --importance 0.3 1", "a phase diagram of pairs"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_argument("shapes", nargs="*", metavar="SHAPE", help='as in pentagon "digon + digon"')
    parser.add_size(hidden_required=False, features_required=False)
    parser.add_sets(several=True)
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
        if args.n_pairs is not None and not args.shapes:
            result = _of_pairs(args)
        elif args.shapes:
            result = family_losses(args.shapes, **_data(args))
        else:
            result = phase_diagram(
                n_hidden=args.n_hidden,
                relative_importance=args.relative_importance,
                unit_norm=args.unit_norm,
                **_data(args),
            )
    if args.json:
        print_json({**result.to_dict(), "plot": args.plot})
    else:
        say(result)
    add_picture(args, lambda: _drawn(result))


def _check(args: argparse.Namespace) -> None:
    """Options that belong together."""
    if args.n_pairs is not None and not args.shapes:
        _check_map(args)
        return
    if args.n_features is None and args.n_pairs is None and args.of_sets is None:
        raise UsageError("give --features N, or --pairs K or --sets NxSIZE")
    if args.n_pairs is not None and args.n_hidden is not None:
        raise UsageError("with --pairs and --hidden M give no shapes")
    if bool(args.shapes) == (args.n_hidden is not None):
        raise UsageError("give either shapes to compare or --hidden M for a phase diagram")
    for option, value in (("unit-norm", args.unit_norm), ("importance", args.relative_importance)):
        if args.shapes and value:
            raise UsageError(f"--{option} belongs to a phase diagram; leave the shapes out")


def _check_map(args: argparse.Namespace) -> None:
    """What goes with --pairs and --hidden."""
    pairs = f"--pairs {args.n_pairs}"
    if args.of_sets is not None:
        raise UsageError("give --pairs or --sets, not both")
    if args.n_hidden is None:
        raise UsageError("with --pairs give --hidden M, or shapes to compare")
    if args.n_features not in (None, 2 * args.n_pairs):
        raise UsageError(f"{pairs} makes {2 * args.n_pairs} features; leave --features out")
    instead = f"leave --pairs out, and give --sets {args.n_pairs}x2"
    if args.unit_norm or args.relative_importance:
        option = "unit-norm" if args.unit_norm else "importance"
        raise UsageError(f"--{option} belongs to a phase diagram; {instead}")
    if args.exclusive:
        raise UsageError(f"the map of pairs is of those that come together; {instead}")


def _data(args: argparse.Namespace) -> dict[str, Any]:
    """The features, and what their distribution goes through along an axis."""
    if args.n_pairs is None and args.of_sets is None:
        features_of(args, args.n_features)  # options that say how sets are
        return {"n_features": args.n_features, "feature_probability": args.feature_probability}
    given = _one_line(args)
    axis = next(
        (name for name, values in given.items() if values and len(values) > 1),
        "feature_probability",
    )
    fixed = {name: values[0] for name, values in given.items() if values and name != axis}

    def model_at(value: float) -> FeatureModel | None:
        here = {"together": None, "equal_values": None, **fixed, axis: value}
        one = {**vars(args), **here, "feature_probability": [here["feature_probability"]]}
        return features_of(argparse.Namespace(**one), args.n_features)

    # Results call the axis what the argument of its function is called.
    functions: dict[str, Any] = {
        "feature_probability": lambda p: model_at(p),
        "together": lambda together: model_at(together),
        "equal_values": lambda equal_values: model_at(equal_values),
    }
    n_sets, size = args.of_sets or (args.n_pairs, 2)
    return {
        "n_features": n_sets * size,
        "feature_probability": given[axis],
        "features": functions[axis],
    }


def _one_line(args: argparse.Namespace) -> dict[str, list[float] | None]:
    """The values of p, c and rho, of which one is a list at most."""
    given: dict[str, list[float] | None] = {
        "feature_probability": args.feature_probability,
        "together": args.together,
        "equal_values": args.equal_values,
    }
    lists = sum(values is not None and len(values) > 1 for values in given.values())
    lists += args.feature_probability is None
    if lists > 1:
        raise UsageError(
            "only one of --p, --together and --equal-values may be a list (--p is one unless it "
            "has a value); give one value for the others"
        )
    return given


def _of_pairs(args: argparse.Namespace) -> Any:
    """The map that is shipped, or a line through one."""
    from geomsup.theory import pair_map, pair_phases

    if args.feature_probability is args.together is args.equal_values is None:
        return pair_map(args.n_pairs, args.n_hidden)
    given = _one_line(args)
    options: dict[str, Any] = {
        name: one_or_all(values) for name, values in given.items() if values is not None
    }
    is_line = args.feature_probability is None or any(
        isinstance(each, list) for each in options.values()
    )
    if args.plot and not is_line:
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
