"""``geomsup verify FILE``: is this configuration a local minimum of the exact loss?"""

from __future__ import annotations

import argparse
import re

from geomsup.cli.optimum import add_data_arguments, one_or_all
from geomsup.cli.output import print_json, say
from geomsup.errors import GeomsupError

__all__ = ["DESCRIPTION", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "tell whether a configuration is a minimum of the exact loss"
DESCRIPTION: str = """\
Tell whether the weights in FILE, with their biases, are a local minimum, a saddle or no critical
point of the exact expected loss, and how far they are from the best configuration known.

The biases are --bias or, without it, the array of FILE named b, bias or biases. Numbers that were
rounded to a few digits are not critical; the escape that is printed then says which optimum is
near, and how much lower it is."""

_BIAS_NAMES = ("b", "bias", "biases")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", metavar="FILE", help=".npy, .npz, .pt, .pth or .safetensors")
    parser.add_argument("--key", help="which array of the file, as in W or W[2]")
    parser.add_argument(
        "--feature-axis",
        type=int,
        default=-1,
        choices=[-1, 0, 1],
        help="axis of the matrix that counts features (default: -1, columns)",
    )
    parser.add_argument(
        "--bias",
        type=float,
        nargs="+",
        metavar="B",
        help="output bias, one for all or one for each feature",
    )
    parser.add_argument(
        "--gradient-tol",
        type=float,
        default=1e-6,
        metavar="T",
        help="gradient norm, relative to the loss of the zero output, below which a point counts "
        "as critical (default: 1e-6)",
    )
    add_data_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Judge and print."""
    from geomsup.theory import verify_optimum
    from geomsup.weights import as_weights

    W = as_weights(args.file, key=args.key, feature_axis=args.feature_axis)
    verdict = verify_optimum(
        W,
        one_or_all(args.bias) if args.bias else _bias_in(args.file, args.key),
        one_or_all(args.p),
        one_or_all(args.importance),
        gradient_tol=args.gradient_tol,
        n_starts=args.starts,
        seed=args.seed,
    )
    if args.json:
        print_json(verdict.to_dict())
    else:
        say(verdict)
    return 0


def _bias_in(path: str, key: str | None) -> object:
    """The biases that belong to the matrix `key` names: of the same instance, if it names one."""
    from geomsup.weights import load_arrays

    arrays = load_arrays(path)
    name = next((name for name in _BIAS_NAMES if name in arrays), None)
    if name is None:
        raise GeomsupError(
            f"{path} holds no array named {', '.join(_BIAS_NAMES)}; give the biases with --bias"
        )
    instance = re.search(r"\[(\d+)\]$", key or "")
    biases = arrays[name]
    if biases.ndim == 2 and instance and int(instance[1]) < len(biases):
        return biases[int(instance[1])]
    return biases
