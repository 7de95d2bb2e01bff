"""``geomsup optimum``: the configurations of least exact loss for a size of model."""

from __future__ import annotations

import argparse

from geomsup.cli.arguments import VerbParser, features_of, one_or_all
from geomsup.cli.output import UsageError, answer, options_to_blame

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "search the configurations of least exact loss"
DESCRIPTION: str = """\
Search the weights and biases of least exact expected loss, and name what is found.

The model is ReLU(W'Wx + b) on features that are present with probability P and then uniform on
(0, 1), independent or in sets (--pairs, --sets). The loss is the sum over features; no data are
sampled. What is printed is the best that was found from many starts, not proved optimal."""


EXAMPLES: tuple[tuple[str, str], ...] = (
    ("--features 5 --hidden 2 --p 0.1", "the pentagon, and what else there is"),
    (
        "--features 3 --hidden 2 --p 0.1 --importance 1 0.5 0.25",
        "features of unequal importance",
    ),
    ("--features 6 --hidden 2 --p 0.05 --starts 500 --json", "from more starts, as JSON"),
    ("--pairs 3 --hidden 2 --p 0.5", "three pairs that come together: collapsed, as PCA does it"),
    (
        "--sets 2x3 --hidden 3 --p 0.1 --together 0.8 --equal-values 0.5",
        "two sets of three, mostly together, half of the time with equal values",
    ),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_size(hidden_required=True, features_required=False)
    parser.add_data()
    parser.add_sets()
    parser.add_weight_decay()


def run(args: argparse.Namespace) -> None:
    """Search and print."""
    from geomsup.theory import best_configuration

    with options_to_blame():
        features = features_of(args, args.n_features)
        if features is None and args.n_features is None:
            raise UsageError("give --features, or --pairs or --sets")
        best = best_configuration(
            args.n_features if features is None else features.n_features,
            args.n_hidden,
            one_or_all(args.feature_probability) if features is None else features,
            one_or_all(args.importance),
            weight_decay=args.weight_decay,
            n_starts=args.n_starts,
            seed=args.seed,
        )
    answer(args, best)
