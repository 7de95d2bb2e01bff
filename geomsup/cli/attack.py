"""``geomsup attack``: how vulnerable the models of a training run are."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from geomsup.cli.arguments import VerbParser, at_least, is_finite_above_zero, reader
from geomsup.cli.output import UsageError, add_picture, figure_of, print_json, say
from geomsup.cli.sources import load_run, model_of
from geomsup.errors import GeomsupError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from geomsup.attacks import Vulnerability
    from geomsup.training import ToyModelConfig, TrainedModel

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "attack the models of a training run"
DESCRIPTION: str = """\
Attack the models x^ = ReLU(W^T W x + b) of a file of geomsup train with small changes of their
inputs, and print how much their loss rises: along one direction for all inputs, along the worst
of these directions for each input, and by gradient ascent from there.

The unit is what an attack costs a model that stores as many features as it has dimensions, without
superposition: the square of the budget. Inputs are fresh ones of the kind that the model was
trained on. The one direction is chosen on one half of them and measured on the other, both ways.
"active" is the share of the outputs that are above zero before the attack: the others have no
gradient, and small changes of the input do not show there."""


EXAMPLES: tuple[tuple[str, str], ...] = (
    ("run.safetensors", "all models of a file of geomsup train"),
    ("run.safetensors --instance 3 --budget 0.05", "one of them, by smaller changes"),
    ("run.safetensors --plot attacks.png", "vulnerability over features per dimension"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_file("a file of geomsup train")
    parser.add_instance("only this model, from 0")
    parser.add_argument(
        "--budget",
        type=reader(float, is_finite_above_zero, "a number above 0"),
        default=0.1,
        metavar="X",
        help="norm of a change, relative to the mean norm of an input (default: 0.1)",
    )
    parser.add_argument(
        "--samples",
        type=at_least(2),
        default=8192,
        metavar="N",
        help="inputs, at least 2 (default: 8192)",
    )
    parser.add_seed()
    parser.add_plot("vulnerability against features per dimension")


def run(args: argparse.Namespace) -> None:
    """Attack one model, or all of them."""
    from geomsup.cli.models import model_dict
    from geomsup.cli.train import title_of
    from geomsup.training.ranking import ranked

    loaded = load_run(args.file)
    _check_task(args.file, loaded.config)
    models = ranked(loaded) if args.instance is None else [model_of(loaded, args.instance)]
    attacked = _attacked(args, models, loaded.config)
    if args.json:
        rows = [
            {**model_dict(model), **one.to_dict()}
            for model, one in zip(models, attacked, strict=True)
        ]
        asked = {name: getattr(args, name) for name in ("file", "samples", "seed", "plot")}
        print_json({**asked, "relative_budget": args.budget, "instances": rows})
    else:
        say(
            f"{title_of(loaded)}\n{args.samples} inputs, changes of {args.budget:g} of their mean "
            "norm; rise of the loss in budget²\n"
        )
        say("\n".join(_table(models, attacked)))
    add_picture(args, lambda: _drawn(attacked))


def _drawn(attacked: list[Vulnerability]) -> Figure:
    from geomsup.plotting import plot_vulnerability

    return figure_of((6.0, 5.0), plot_vulnerability, attacked)


def _table(models: list[TrainedModel], attacked: list[Vulnerability]) -> list[str]:
    from geomsup.cli.models import model_table

    header = ["instance", "features/dim", "one direction", "each input", "and ascent", "active"]
    cells = [
        [
            str(model.instance),
            f"{one.features_per_dimension:.2f}",
            *(
                f"{getattr(one, kind):.2f} ± {getattr(one, f'{kind}_error'):.2f}"
                for kind in ("universal", "linear", "gradient")
            ),
            f"{one.active:.1%}",
        ]
        for model, one in zip(models, attacked, strict=True)
    ]
    return model_table(header, cells, models, words=False)


def _check_task(path: str, config: ToyModelConfig) -> None:
    """Attacks are on the tied ReLU-output model that copies its input."""
    if unlike := config.unlike_plain():
        name, _, value = unlike
        raise GeomsupError(
            f"attacks are on models x̂ = ReLU(WᵀWx + b) that copy features ≥ 0, but those in "
            f"{path!r} have {name} = {value!r}"
        )


def _attacked(
    args: argparse.Namespace, models: list[TrainedModel], config: ToyModelConfig
) -> list[Vulnerability]:
    from geomsup.attacks import vulnerability
    from geomsup.cli.models import with_bar
    from geomsup.training import sample_inputs

    attacked = []
    for model in with_bar(models, "model", "attacking"):
        x = sample_inputs(config, args.samples, instance=model.instance, seed=args.seed)
        if not x.any():
            raise UsageError(
                f"all {args.samples} inputs of instance {model.instance} are empty; take more "
                "--samples"
            )
        attacked.append(
            vulnerability(model.W, model.b, x, budget=args.budget, importance=model.importance)
        )
    return attacked
