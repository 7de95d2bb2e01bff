"""``geomsup verify FILE``: is this configuration a local minimum of the exact loss?"""

from __future__ import annotations

import argparse
import re

from geomsup.cli.arguments import VerbParser, features_of, one_or_all
from geomsup.cli.output import UsageError, answer, options_to_blame
from geomsup.cli.sources import load_matrix

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "tell whether a configuration is a minimum of the exact loss"
DESCRIPTION: str = """\
Tell whether the weights in FILE, with their biases, are a local minimum, a saddle or no critical
point of the exact expected loss, and how far they are from the best configuration known.

The biases are --bias or, without it, the array of FILE named b, bias or biases. Numbers that were
rounded to a few digits are not critical; the escape that is printed then says which optimum is
near, and how much lower it is."""

_BIAS_NAMES = ("b", "bias", "biases")


EXAMPLES: tuple[tuple[str, str], ...] = (
    ("W.npy --p 0.1 --bias -0.2", "is W with these biases a local minimum at p = 0.1?"),
    ("--p 0.1 0.1 0.3 --importance 1 1 0.5 model.npz", "with a value for each feature"),
    ("run.safetensors --instance 3 --p 0.1", "did this model of geomsup train arrive?"),
    ("W.npy --p 0.1 --bias 0 --pairs 3 --together 0.5", "if its features come in pairs"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_matrix()
    parser.add_numbers(
        "--bias", metavar="B", help="output bias, one for all or one for each feature"
    )
    parser.add_argument(
        "--gradient-tol",
        type=float,
        default=1e-6,
        metavar="T",
        help="gradient norm in units of each feature, about the error of W and b, below which a "
        "point counts as critical (default: 1e-6)",
    )
    parser.add_data()
    parser.add_sets()
    parser.add_weight_decay()


def run(args: argparse.Namespace) -> None:
    """Judge and print."""
    from geomsup.theory import verify_optimum

    W = load_matrix(args.file, args.key, args.instance, args.feature_axis)
    bias = one_or_all(args.bias) if args.bias else _bias_in(args)
    with options_to_blame():
        features = features_of(args, W.shape[1])
        verdict = verify_optimum(
            W,
            bias,
            one_or_all(args.feature_probability) if features is None else features,
            one_or_all(args.importance),
            weight_decay=args.weight_decay,
            gradient_tol=args.gradient_tol,
            n_starts=args.n_starts,
            seed=args.seed,
        )
    answer(args, verdict)


def _bias_in(args: argparse.Namespace) -> object:
    """The biases that belong to the matrix: of the same instance, if there are several."""
    from geomsup.weights import load_arrays

    arrays = load_arrays(args.file)
    name = next((name for name in _BIAS_NAMES if name in arrays), None)
    if name is None:
        raise UsageError(
            f"{args.file} holds no array named {', '.join(_BIAS_NAMES)}; give the biases with "
            "--bias"
        )
    biases = arrays[name]
    instance = args.instance
    numbered = re.search(r"\[(\d{1,18})\]$", args.key or "")
    if instance is None and numbered:
        instance = int(numbered[1])
    if biases.ndim == 2 and instance is not None and instance < len(biases):
        return biases[instance]
    return biases
