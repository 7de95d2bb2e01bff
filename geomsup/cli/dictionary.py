"""``geomsup dictionary``: do sparse autoencoders find the features of a trained model?"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from geomsup.cli.arguments import VerbParser, at_least
from geomsup.cli.output import (
    UsageError,
    add_picture,
    checked_picture,
    options_to_blame,
    print_json,
    say,
    table,
)
from geomsup.cli.sources import load_run, model_of
from geomsup.errors import GeomsupError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from geomsup.dictionary import Autoencoder, Recovery
    from geomsup.training import ToyModelConfig, TrainedModel

    # The best restart of a setting, how far its restarts agree, and how it compares.
    Row = tuple[Autoencoder, float | None, Recovery]

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "train sparse autoencoders on the activations of a model"
DESCRIPTION: str = """\
Train sparse autoencoders on the hidden activations h = Wx of a model in a file of geomsup train, at
several sparsities with several restarts each, and say whether their directions are those of the
features and whether they form the same geometry.

Of each setting the restart of lowest loss is compared with the truth. Which setting to believe is
judged without the truth, by how far the restarts agree; in few dimensions that is a guide, not a
proof."""

# Activations of models whose inputs are not independent are drawn once for all.
_SAMPLES = 1 << 17
_RELU, _TOPK = (0.01, 0.03, 0.1, 0.3, 1.0), (1, 2, 3)


EXAMPLES: tuple[tuple[str, str], ...] = (
    ("run.safetensors", "dictionaries for the model of lowest loss"),
    ("run.safetensors --instance 3 --penalty 0.03 0.1 0.3", "another model, other penalties"),
    ("run.safetensors --activation topk --k 1 2 --latents 10", "with TopK"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_file("a file of geomsup train")
    parser.add_instance("which model, from 0 (default: the one of lowest loss)")
    parser.add_argument(
        "--latents",
        "--n-latents",
        dest="n_latents",
        type=at_least(1),
        metavar="N",
        help="size of the dictionaries (default: twice the number of features)",
    )
    parser.add_argument(
        "--activation", choices=("relu", "topk"), default="relu", help="default: relu"
    )
    parser.add_numbers(
        "--penalty",
        metavar="X",
        help=f"L1 penalties, for relu (default: {' '.join(map(str, _RELU))})",
    )
    parser.add_numbers(
        "--k",
        kind=int,
        metavar="N",
        help=f"latents active at a time, for topk (default: {' '.join(map(str, _TOPK))})",
    )
    parser.add_argument(
        "--restarts", type=at_least(1), default=4, metavar="N", help="of each (default: 4)"
    )
    parser.add_argument(
        "--steps", type=at_least(1), default=3000, metavar="N", help="of training (default: 3000)"
    )
    parser.add_seed()
    parser.add_plot("the cosines of features and latents")


def run(args: argparse.Namespace) -> int:
    """Train the dictionaries and compare them with the model."""
    from geomsup.dictionary import agreement, recover_features, train_autoencoders

    checked_picture(args.plot)
    loaded = load_run(args.file)
    if loaded.config.hidden_activation != "linear":
        raise GeomsupError(
            f"the models in {args.file!r} have a ReLU on the hidden layer, so their activations "
            f"are no sums of directions; {shlex.join(['geomsup', 'neurons', args.file])} reads "
            "their neurons"
        )
    model = _chosen(args, loaded)
    config = _config(args, model)
    found = train_autoencoders(_activations(loaded.config, model), config, args.seed)
    rows = []
    for start in range(0, len(found), args.restarts):
        restarts = found[start : start + args.restarts]
        best = min(restarts, key=lambda one: one.loss)
        agreed = agreement(restarts) if len(restarts) > 1 else None
        rows.append((best, agreed, recover_features(best, model.W)))
    chosen = max(rows, key=lambda row: 0.0 if row[1] is None else row[1])
    if args.json:
        _print_record(args, model, rows, rows.index(chosen))
    else:
        _say(args, model, config.sizes[0], rows, chosen)
    add_picture(args, lambda: _drawn(chosen[2]))
    return 0


def _say(
    args: argparse.Namespace,
    model: TrainedModel,
    size: int,
    rows: Sequence[Row],
    chosen: Row,
) -> None:
    say(f"{model}\ndictionaries of {size} latents, {args.activation}\n")
    say("\n".join(_table(args, rows)))
    if args.restarts > 1:
        by = "penalty" if args.activation == "relu" else "k ="
        say(f"\nrestarts agree most at {by} {chosen[0].sparsity:g}\n{chosen[2]}")
    else:
        say("\none restart each: nothing says which setting to believe; --restarts 4 would")


def _chosen(args: argparse.Namespace, loaded: Any) -> TrainedModel:
    from geomsup.cli.models import settings_of

    if args.instance is not None:
        return model_of(loaded, args.instance)
    if settings_of(loaded) > 1:
        raise UsageError(
            "the models learned different tasks, so none is the best; choose one with --instance"
        )
    best: TrainedModel = loaded.best()
    return best


def _config(args: argparse.Namespace, model: TrainedModel) -> Any:
    from geomsup.dictionary import AutoencoderConfig

    relu = args.activation == "relu"
    if (args.k if relu else args.penalty) is not None:
        raise UsageError("--penalty goes with --activation relu, and --k with --activation topk")
    size = 2 * model.W.shape[1] if args.n_latents is None else args.n_latents
    sparsity: dict[str, Any] = (
        {"penalty": tuple(args.penalty or _RELU)}
        if relu
        else {"k": tuple(args.k or (k for k in _TOPK if k <= size))}
    )
    with options_to_blame():
        return AutoencoderConfig(
            n_latents=size,
            activation=args.activation,
            n_restarts=args.restarts,
            n_steps=args.steps,
            **sparsity,
        )


def _activations(config: ToyModelConfig, model: TrainedModel) -> Any:
    from geomsup.dictionary import ToyActivations
    from geomsup.training import sample_inputs

    if config.correlation == "independent" and not config.signed:
        return ToyActivations(model.W, model.feature_probability)
    return sample_inputs(config, _SAMPLES, instance=model.instance) @ model.W.T


def _table(args: argparse.Namespace, rows: Sequence[Row]) -> list[str]:
    sparsity = "penalty" if args.activation == "relu" else "k"
    header = [sparsity, "unexplained", "length", "L0", "dead", "agreement", "found", "geometry"]
    cells = [
        [
            f"{one.sparsity:g}",
            f"{one.unexplained:.1%}",
            f"{one.gain:.2f}",
            f"{one.l0:.2f}",
            str(recovery.n_dead),
            "–" if agreed is None else f"{agreed:.3f}",
            f"{int(recovery.recovered.sum())} of {len(recovery.features)}",
            "the same" if recovery.same_geometry else "another",
        ]
        for one, agreed, recovery in rows
    ]
    return table(header, cells, left=("geometry",))


def _drawn(recovery: Recovery) -> Figure:
    from matplotlib.figure import Figure

    from geomsup.plotting import plot_matched_cosines

    n_features, n_latents = recovery.similarities.shape
    size = min(3.0 + 0.3 * n_latents, 16.0), min(2.0 + 0.3 * n_features, 16.0)
    figure = Figure(figsize=size, layout="constrained")
    plot_matched_cosines(recovery, ax=figure.add_subplot())
    return figure


def _print_record(
    args: argparse.Namespace,
    model: TrainedModel,
    rows: Sequence[Row],
    chosen: int,
) -> None:
    dictionaries = [
        {
            "sparsity": one.sparsity,
            "unexplained": one.unexplained,
            "gain": one.gain,
            "l0": one.l0,
            "agreement": agreed,
            "decoder": one.decoder.tolist(),
            **recovery.to_dict(),
        }
        for one, agreed, recovery in rows
    ]
    asked = {name: getattr(args, name) for name in ("file", "activation", "seed", "plot")}
    print_json(
        {
            **asked,
            "instance": model.instance,
            "chosen": chosen if args.restarts > 1 else None,
            "dictionaries": dictionaries,
        }
    )
