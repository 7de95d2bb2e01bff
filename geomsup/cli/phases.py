"""``geomsup phases``: where one configuration takes over from another."""

from __future__ import annotations

import argparse
from typing import Any

from geomsup.cli.output import UsageError, at_least, checked_picture, print_json, say

__all__ = ["DESCRIPTION", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "where one shape takes over from another, by exact loss"
DESCRIPTION: str = """\
With SHAPES: optimise each of them at every feature probability p, and print where the lowest one
changes as p grows. Features that a shape does not use are dropped.

Without: the phase diagram of N features in M dimensions, over p and the importance of the last
feature relative to the others; with --unit-norm only unit vectors without bias are compared, as in
the theoretical diagrams of "Toy Models of Superposition"."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    size = at_least(1)
    parser.add_argument("shapes", nargs="*", metavar="SHAPE", help='as in pentagon "digon + digon"')
    parser.add_argument("--features", type=size, required=True, metavar="N", help="features")
    parser.add_argument("--hidden", type=size, metavar="M", help="dimensions, without SHAPES")
    parser.add_argument("--unit-norm", action="store_true", help="unit vectors without bias")
    parser.add_argument("--plot", metavar="FILE.png", help="draw it (also .pdf, .svg)")


def run(args: argparse.Namespace) -> int:
    """Compute, print and draw."""
    from geomsup.theory import family_losses, phase_diagram

    if bool(args.shapes) == (args.hidden is not None):
        raise UsageError("give either shapes to compare or --hidden M for a phase diagram")
    if args.shapes and args.unit_norm:
        raise UsageError("--unit-norm belongs to a phase diagram; leave the shapes out")
    if args.plot is not None:
        checked_picture(args.plot)
    result: Any
    if args.shapes:
        result = family_losses(args.shapes, args.features)
    else:
        result = phase_diagram(args.features, args.hidden, unit_norm=args.unit_norm)
    if args.plot is not None:
        _draw(result, args.plot, is_diagram=not args.shapes)
    if args.json:
        print_json({**result.to_dict(), "plot": args.plot})
        return 0
    say(result)
    if args.plot is not None:
        say(f"\npicture: {args.plot}")
    return 0


def _draw(result: Any, path: str, *, is_diagram: bool) -> None:
    from matplotlib.figure import Figure

    from geomsup.plotting import plot_family_losses, plot_phase_diagram

    figure = Figure(figsize=(7.0, 5.0), layout="constrained")
    draw = plot_phase_diagram if is_diagram else plot_family_losses
    draw(result, ax=figure.add_subplot())
    figure.savefig(path, dpi=120)
