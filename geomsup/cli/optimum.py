"""``geomsup optimum``: the configurations of least exact loss for a size of model."""

from __future__ import annotations

import argparse

from geomsup.cli.output import at_least, print_json, say

__all__ = ["DESCRIPTION", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "search the configurations of least exact loss"
DESCRIPTION: str = """\
Search the weights and biases of least exact expected loss, and name what is found.

The model is ReLU(W'Wx + b) on features that are present with probability P and then uniform on
(0, 1). The loss is the sum over features; no data are sampled. What is printed is the best that
was found from many starts, not proved optimal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    size = at_least(1)
    parser.add_argument("--features", type=size, required=True, metavar="N", help="features")
    parser.add_argument("--hidden", type=size, required=True, metavar="M", help="dimensions")
    add_data_arguments(parser)


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``verify`` and ``optimum`` both need to know about data and search."""
    parser.add_argument(
        "--p",
        type=float,
        nargs="+",
        required=True,
        metavar="P",
        help="feature probability, one for all or one for each feature",
    )
    parser.add_argument(
        "--importance",
        type=float,
        nargs="+",
        default=[1.0],
        metavar="I",
        help="importance, one for all or one for each feature (default: 1)",
    )
    parser.add_argument(
        "--starts", type=at_least(1), default=100, metavar="K", help="random starts (default: 100)"
    )
    parser.add_argument("--seed", type=at_least(0), default=0, help="of the starts (default: 0)")


def one_or_all(values: list[float]) -> float | list[float]:
    """A single number stands for all features."""
    return values[0] if len(values) == 1 else values


def run(args: argparse.Namespace) -> int:
    """Search and print."""
    from geomsup.theory import best_configuration

    best = best_configuration(
        args.features,
        args.hidden,
        one_or_all(args.p),
        one_or_all(args.importance),
        n_starts=args.starts,
        seed=args.seed,
    )
    if args.json:
        print_json(best.to_dict())
    else:
        say(best)
    return 0
