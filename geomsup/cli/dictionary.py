"""``geomsup dictionary``: do sparse autoencoders find the features of a trained model?"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from geomsup.cli.arguments import VerbParser, at_least
from geomsup.cli.output import (
    add_picture,
    figure_of,
    options_to_blame,
    print_json,
    say,
    table,
)
from geomsup.cli.sources import chosen_model, load_run
from geomsup.errors import GeomsupError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from geomsup.dictionary import Recovery
    from geomsup.dictionary.sweep import Setting

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "train sparse autoencoders on the activations of a model"
DESCRIPTION: str = """\
Train sparse autoencoders on the hidden activations h = Wx of a model in a file of geomsup train, at
several sparsities with several restarts each, and say whether their directions are those of the
features and whether they form the same geometry.

Of each setting the restart of lowest loss is compared with the truth. Which setting to believe is
judged without the truth, by how far the restarts agree; in few dimensions that is a guide, not a
proof."""

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("run.safetensors", "dictionaries for the model of lowest loss"),
    ("run.safetensors --instance 3 --penalty 0.03 0.1 0.3", "another model, other penalties"),
    ("run.safetensors --activation topk --k 1 2 --latents 10", "with TopK"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    from geomsup.dictionary.sweep import COUNTS, PENALTIES

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
        help=f"L1 penalties, for relu (default: {' '.join(map(str, PENALTIES))})",
    )
    parser.add_numbers(
        "--k",
        kind=int,
        metavar="N",
        help=f"latents active at a time, for topk (default: {' '.join(map(str, COUNTS))})",
    )
    parser.add_argument(
        "--restarts", type=at_least(1), default=4, metavar="N", help="of each (default: 4)"
    )
    parser.add_argument(
        "--steps", type=at_least(1), default=3000, metavar="N", help="of training (default: 3000)"
    )
    parser.add_seed()
    parser.add_plot("the cosines of features and latents")


def run(args: argparse.Namespace) -> None:
    """Train the dictionaries and compare them with the model."""
    from geomsup.dictionary import train_autoencoders
    from geomsup.dictionary.sweep import (
        compare_settings,
        most_agreed,
        sweep_config,
        training_activations,
    )

    loaded = load_run(args.file)
    if loaded.config.hidden_activation != "linear":
        raise GeomsupError(
            f"the models in {args.file!r} have a ReLU on the hidden layer, so their activations "
            f"are no sums of directions; {shlex.join(['geomsup', 'neurons', args.file])} reads "
            "their neurons"
        )
    model = chosen_model(loaded, args.instance)
    with options_to_blame():
        config = sweep_config(
            model.W.shape[1],
            n_latents=args.n_latents,
            activation=args.activation,
            penalty=args.penalty,
            k=args.k,
            n_restarts=args.restarts,
            n_steps=args.steps,
        )
    trained = train_autoencoders(training_activations(loaded.config, model), config, args.seed)
    settings = compare_settings(trained, model.W, args.restarts)
    chosen = most_agreed(settings)
    if args.json:
        asked = {name: getattr(args, name) for name in ("file", "activation", "seed", "plot")}
        record = {
            "instance": model.instance,
            "chosen": settings.index(chosen) if args.restarts > 1 else None,
            "dictionaries": [setting.to_dict() for setting in settings],
        }
        print_json({**asked, **record})
    else:
        say(f"{model}\ndictionaries of {config.sizes[0]} latents, {args.activation}\n")
        say("\n".join(_table(args, settings)))
        say(f"\n{_verdict(args, chosen)}")
    add_picture(args, lambda: _drawn(chosen.recovery))


def _verdict(args: argparse.Namespace, chosen: Setting) -> str:
    if args.restarts == 1:
        return "one restart each: nothing says which setting to believe; --restarts 4 would"
    by = "penalty" if args.activation == "relu" else "k ="
    return f"restarts agree most at {by} {chosen.best.sparsity:g}\n{chosen.recovery}"


def _table(args: argparse.Namespace, settings: Sequence[Setting]) -> list[str]:
    sparsity = "penalty" if args.activation == "relu" else "k"
    header = [sparsity, "unexplained", "length", "L0", "dead", "agreement", "found", "geometry"]
    cells = [
        [
            f"{setting.best.sparsity:g}",
            f"{setting.best.unexplained:.1%}",
            f"{setting.best.gain:.2f}",
            f"{setting.best.l0:.2f}",
            str(setting.recovery.n_dead),
            "–" if setting.agreement is None else f"{setting.agreement:.3f}",
            f"{int(setting.recovery.recovered.sum())} of {len(setting.recovery.features)}",
            "the same" if setting.recovery.same_geometry else "another",
        ]
        for setting in settings
    ]
    return table(header, cells, left=("geometry",))


def _drawn(recovery: Recovery) -> Figure:
    from geomsup.plotting import plot_matched_cosines

    n_features, n_latents = recovery.similarities.shape
    size = min(3.0 + 0.3 * n_latents, 16.0), min(2.0 + 0.3 * n_features, 16.0)
    return figure_of(size, plot_matched_cosines, recovery)
