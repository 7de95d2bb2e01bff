"""``geomsup train``: toy models from the command line, and what each of them became.

The options are the fields of ``ToyModelConfig``, so that a new setting is an option at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geomsup.cli.arguments import VerbParser, one_or_all
from geomsup.cli.output import UsageError, complain, options_to_blame, print_json, say
from geomsup.errors import GeomsupError, counted, first_line, shorten

if TYPE_CHECKING:
    from geomsup.cli.models import Row
    from geomsup.training import ToyModelConfig, TrainingRun

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "train toy models and name what each became"
DESCRIPTION: str = """\
Train toy models side by side and name the geometry of each.

The models share nothing but the settings; the one of lowest loss is the one to look at. Settings
of single features are lists: --importance 1 0.9 0.81 0.729 0.656"""

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("--features 5 --hidden 2 --p 0.05 --out run.safetensors", "16 models, kept"),
    ("--importance 1 0.9 0.81 0.729 0.656 --steps 5000", "features of falling importance"),
    (
        "--features 2 --hidden 2 --hidden-activation relu --no-tied --instances 4",
        "neurons that compute, for geomsup neurons",
    ),
)

# What every verb calls them; the names of the configuration stay as aliases.
_SHORT = {
    "n_features": "--features",
    "n_hidden": "--hidden",
    "feature_probability": "--p",
    "n_instances": "--instances",
    "n_restarts": "--restarts",
    "n_steps": "--steps",
    "n_records": "--records",
    "n_warmup": "--warmup",
}


def add_arguments(parser: VerbParser) -> None:
    """Declare the options, one for each field of the configuration."""
    from geomsup.training import ToyModelConfig

    readers: dict[str, tuple[Callable[[str], Any], str]] = {
        "int": (int, "N"),
        "int | None": (int, "N"),
        "float": (float, "X"),
        "str": (str, "NAME"),
        "FeatureModel | tuple[FeatureModel, ...] | None": (_feature_model, "FILE"),
    }
    for field in dataclasses.fields(ToyModelConfig):
        long = f"--{field.name.replace('_', '-')}"
        names = [_SHORT[field.name], long] if field.name in _SHORT else [long]
        default = _shown(field.default)
        options: dict[str, Any] = {
            "dest": field.name,
            # Left out, so that the dataclass alone knows the defaults.
            "default": argparse.SUPPRESS,
            "help": f"{field.metadata['help']} (default: {default})",
        }
        if field.type == "bool":
            parser.add_argument(*names, action=argparse.BooleanOptionalAction, **options)
        elif str(field.type).startswith("PerFeature"):
            parser.add_numbers(*names, metavar="X", **options)
        else:
            read, metavar = readers[str(field.type)]
            choices = field.metadata.get("choices")
            shown = None if choices else metavar
            parser.add_argument(*names, type=read, choices=choices, metavar=shown, **options)
    parser.add_argument(
        "--objective",
        choices=["sampled", "exact"],
        default="sampled",
        help="fresh batches, or the exact expected loss of small models (default: sampled)",
    )
    parser.add_seed()
    parser.add_argument("--device", default="cpu", help='"cpu", "cuda" or "cuda:1" (default: cpu)')
    parser.add_argument(
        "--out", metavar="FILE.safetensors", help="keep the models, with all that made them"
    )
    parser.add_argument(
        "--checkpoint",
        metavar="FILE.safetensors",
        help="go on from here if it exists, and keep the state here while training",
    )


def _feature_model(text: str) -> Any:
    """What a JSON file, or JSON itself, says of the features; the configuration checks it."""
    try:
        return json.loads(text if text.lstrip().startswith(("{", "[")) else Path(text).read_text())
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text!r} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{shorten(text)} is no JSON: {first_line(error)}"
        ) from error


def run(args: argparse.Namespace) -> int:
    """Train, save, classify, print."""
    from geomsup.cli.models import classified_models, row_dict
    from geomsup.training import train

    config = _config(args)
    _check_targets(args)
    result = train(
        config,
        seed=args.seed,
        device=args.device,
        objective=args.objective,
        checkpoint=args.checkpoint,
    )
    saved = None if args.out is None else _saved(result, Path(args.out))
    rows = classified_models(result)
    if args.json:
        geometry = [row_dict(row) for row in rows]
        best = rows[0].instance
        print_json({"file": saved, **result.to_dict(), "best": best, "geometry": geometry})
    else:
        _say(result, rows, saved)
    if saved is not None and saved != args.out:
        return 1
    # train() turns Ctrl-C into a shorter run; the work is kept, and the status tells.
    stopped = args.objective == "sampled" and result.completed_steps < config.n_steps
    return 130 if stopped else 0


def _config(args: argparse.Namespace) -> ToyModelConfig:
    from geomsup.training import ToyModelConfig

    given = {
        field.name: getattr(args, field.name)
        for field in dataclasses.fields(ToyModelConfig)
        if hasattr(args, field.name)
    }
    single = {
        name: one_or_all(value)
        for name, value in given.items()
        if type(value) is list and name != "feature_model"
    }
    with options_to_blame():
        return ToyModelConfig(**given | single)


def _check_targets(args: argparse.Namespace) -> None:
    """Find out before the training, not after it, that a file cannot be written."""
    targets = {
        name: Path(path)
        for name, path in (("--out", args.out), ("--checkpoint", args.checkpoint))
        if path is not None
    }
    for name, target in targets.items():
        if target.suffix != ".safetensors":
            raise UsageError(f"{name} must end in .safetensors, got {target.name!r}")
        if target.is_dir() or not target.parent.is_dir():
            raise GeomsupError(
                f"{str(target)!r} cannot be written: name a file in a folder that exists"
            )
    if len({target.resolve() for target in targets.values()}) < len(targets):
        raise UsageError(
            f"--out and --checkpoint are one file, {args.out!r}; the models would overwrite what "
            "the training needs to go on: name two"
        )


def _say(result: TrainingRun, rows: list[Row], saved: str | None) -> None:
    from geomsup.cli.models import distribution, table_of

    say("\n".join([*str(result).splitlines()[:2], ""]))
    say("\n".join([*table_of(rows), "", *distribution(rows)]).rstrip() + "\n")
    if result.config.dataset_size is not None:
        samples = counted(result.config.dataset_size, "sample")
        say(
            f"trained on {samples}, the losses are on others; the geometry of the samples is that\n"
            "of training_set(config, seed) @ W.T, with rows as features\n"
        )
    if saved is None:
        say("not saved; --out run.safetensors keeps the models")
        return
    # Neurons that fire have a basis of their own, and are read one by one.
    verb = "neurons" if result.config.hidden_activation == "relu" else "classify"
    say(f"saved to {saved}\nnext: geomsup {verb} {shlex.quote(saved)}")


def _saved(result: TrainingRun, target: Path) -> str:
    """Where the models were written; not at the target if that fails after all the training."""
    try:
        return str(result.save(target))
    except GeomsupError as error:
        elsewhere = Path(tempfile.mkdtemp(prefix="geomsup-")) / target.name
        saved = str(result.save(elsewhere))
        complain("warning", f"{error}; the models are in {saved} instead")
        return saved


def title_of(result: object) -> str:
    """What was trained, in one line."""
    return str(result).partition("\n")[0]


def _shown(default: object) -> str:
    words = {True: "yes", False: "no"}
    return words[default] if isinstance(default, bool) else f"{default}".lower()
