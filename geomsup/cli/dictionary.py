"""``geomsup dictionary``: do sparse autoencoders find the features of a trained model?"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from geomsup.cli.output import UsageError, at_least, checked_picture, print_json, say, table
from geomsup.cli.sources import load_run
from geomsup.errors import GeomsupError

if TYPE_CHECKING:
    from geomsup.dictionary import Autoencoder, Recovery
    from geomsup.training import ToyModelConfig, TrainedModel

__all__ = ["DESCRIPTION", "SUMMARY", "add_arguments", "run"]

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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", metavar="FILE", help="a file of geomsup train")
    parser.add_argument(
        "--instance",
        type=at_least(0),
        metavar="K",
        help="which model, from 0 (default: the one of lowest loss)",
    )
    parser.add_argument(
        "--n-latents",
        type=at_least(1),
        metavar="N",
        help="size of the dictionaries (default: twice the number of features)",
    )
    parser.add_argument(
        "--activation", choices=("relu", "topk"), default="relu", help="default: relu"
    )
    parser.add_argument(
        "--penalty",
        type=_several(float),
        metavar="X[,X...]",
        help=f"L1 penalties, for relu (default: {','.join(map(str, _RELU))})",
    )
    parser.add_argument(
        "--k",
        type=_several(int),
        metavar="N[,N...]",
        help=f"latents active at a time, for topk (default: {','.join(map(str, _TOPK))})",
    )
    parser.add_argument(
        "--restarts", type=at_least(1), default=4, metavar="N", help="of each (default: 4)"
    )
    parser.add_argument(
        "--steps", type=at_least(1), default=3000, metavar="N", help="of training (default: 3000)"
    )
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="N", help="default: 0")
    parser.add_argument(
        "--plot", metavar="FILE.png", help="draw the cosines of features and latents"
    )


def run(args: argparse.Namespace) -> int:
    """Train the dictionaries and compare them with the model."""
    from geomsup.dictionary import agreement, recover_features, train_autoencoders

    if args.plot is not None:
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
    if args.plot is not None:
        _draw(args.plot, chosen[2])
    if args.json:
        _print_record(args, model, rows, rows.index(chosen))
        return 0
    say(f"{model}\ndictionaries of {config.sizes[0]} latents, {args.activation}\n")
    say("\n".join(_table(args, rows)))
    if args.restarts > 1:
        by = "penalty" if args.activation == "relu" else "k ="
        say(f"\nrestarts agree most at {by} {chosen[0].sparsity:g}\n{chosen[2]}")
    else:
        say("\none restart each: nothing says which setting to believe; --restarts 4 would")
    if args.plot is not None:
        say(f"\npicture: {args.plot}")
    return 0


def _chosen(args: argparse.Namespace, loaded: Any) -> TrainedModel:
    from geomsup.cli.models import settings_of

    if args.instance is not None:
        model: TrainedModel = loaded.model(args.instance)
        return model
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
    sparsity = (
        {"penalty": args.penalty or _RELU}
        if relu
        else {"k": args.k or tuple(k for k in _TOPK if k <= size)}
    )
    try:
        return AutoencoderConfig(
            n_latents=size,
            activation=args.activation,
            n_restarts=args.restarts,
            n_steps=args.steps,
            **sparsity,
        )
    except GeomsupError as error:
        raise UsageError(str(error)) from error


def _activations(config: ToyModelConfig, model: TrainedModel) -> Any:
    from geomsup.dictionary import ToyActivations
    from geomsup.training import sample_inputs

    if config.correlation == "independent" and not config.signed:
        return ToyActivations(model.W, model.feature_probability)
    return sample_inputs(config, _SAMPLES, instance=model.instance) @ model.W.T


def _table(
    args: argparse.Namespace, rows: Sequence[tuple[Autoencoder, float | None, Recovery]]
) -> list[str]:
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


def _draw(path: str, recovery: Recovery) -> None:
    from matplotlib.figure import Figure

    from geomsup.plotting import plot_matched_cosines

    n_features, n_latents = recovery.similarities.shape
    size = min(3.0 + 0.3 * n_latents, 16.0), min(2.0 + 0.3 * n_features, 16.0)
    figure = Figure(figsize=size, layout="constrained")
    plot_matched_cosines(recovery, ax=figure.add_subplot())
    figure.savefig(path, dpi=120)


def _print_record(
    args: argparse.Namespace,
    model: TrainedModel,
    rows: Sequence[tuple[Autoencoder, float | None, Recovery]],
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


def _several(kind: Callable[[str], float]) -> Callable[[str], tuple[float, ...]]:
    """An argparse type: numbers joined by commas."""

    def numbers(text: str) -> tuple[float, ...]:
        try:
            return tuple(kind(word) for word in text.split(","))
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"expected numbers joined by commas, got {text!r}"
            ) from None

    return numbers
