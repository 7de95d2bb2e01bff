"""``geomsup demo``: the phenomenon in half a minute, with pictures.

Five features in two dimensions, at three feature probabilities whose best configurations are
three different shapes.  Many models are trained for each and the best is shown, because single
models get stuck; how many did is part of what there is to see.
"""

from __future__ import annotations

import argparse
import shlex
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geomsup.cli.arguments import VerbParser, at_least
from geomsup.cli.output import empty_figure, print_json, say
from geomsup.errors import GeomsupError, GeomsupWarning

if TYPE_CHECKING:
    from geomsup.cli.models import Row
    from geomsup.training import TrainingRun

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "train small models, name their geometry, write the pictures"
DESCRIPTION: str = """\
Train toy models that squeeze five features into two dimensions, at three feature probabilities;
print the report on the best model of each, and write pictures and models to a folder. Takes less
than a minute and needs no network."""

# The best configurations known are a triangle, two digons and a pentagon.  At .8 the triangle is
# found by about one model in eight, hence the number of models.
_PROBABILITIES = (0.8, 0.4, 0.05)
_MODELS_EACH = 32
_STEPS = 5_000
_FOLDER = "geomsup-demo"


EXAMPLES: tuple[tuple[str, str], ...] = (
    ("", f"in half a minute, to {_FOLDER}/"),
    ("--out pictures --seed 1", "other models, another folder"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--out", metavar="DIR", default=_FOLDER, help=f"folder to write to (default: {_FOLDER})"
    )
    parser.add_seed()
    parser.add_argument(
        "--steps", type=at_least(1), default=_STEPS, metavar="N", help=f"default: {_STEPS}"
    )
    parser.add_argument(
        "--models",
        type=at_least(1),
        default=_MODELS_EACH,
        metavar="N",
        help=f"models at each probability (default: {_MODELS_EACH})",
    )


def run(args: argparse.Namespace) -> None:
    """Train, report, draw, and say what to try next."""
    from geomsup.cli.models import classified_models

    started = time.perf_counter()
    folder = Path(args.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GeomsupError(f"the folder {args.out!r} cannot be made: {error.strerror}") from error
    if not args.json:
        say(
            f"Training {len(_PROBABILITIES) * args.models} toy models: 5 features in 2 dimensions, "
            f"{args.models} models at each of {len(_PROBABILITIES)} feature probabilities …"
        )
    result = _trained(args)
    groups = [
        classified_models(result.model(k * args.models + i) for i in range(args.models))
        for k in range(len(_PROBABILITIES))
    ]
    if not args.json:
        for rows in groups:
            _say_group(rows)
    saved = result.save(folder / "run.safetensors")
    best = [rows[0] for rows in groups]
    pictures = [_draw_directions(best, folder), *(_draw_report(row, folder) for row in best)]
    seconds = time.perf_counter() - started
    if args.json:
        files = [str(path) for path in (*pictures, saved)]
        record = {"out": str(folder), "seed": args.seed, "seconds": seconds, "files": files}
        print_json({**record, "models": [_record(rows) for rows in groups]})
        return
    say(f"\nDone in {seconds:.0f} s. Written to {folder}/")
    say("  directions.png          the best models side by side, with their ideal shapes")
    say("  report-p*.png           cosines, interference graph and dimensionalities of each")
    say(f"  run.safetensors         all {len(result.losses)} models, with what made them")
    say("\nTry next")
    say(f"  geomsup classify {shlex.quote(str(saved))} --instance {best[-1].instance} --verbose")
    say("  geomsup shapes pentagon")
    say("  geomsup classify YOUR_WEIGHTS.npy        (columns are features)")


def _trained(args: argparse.Namespace) -> TrainingRun:
    from geomsup.training import ToyModelConfig, train

    config = ToyModelConfig(
        n_features=5,
        n_hidden=2,
        feature_probability=[[p] for p in _PROBABILITIES for _ in range(args.models)],
        n_instances=len(_PROBABILITIES) * args.models,
        n_steps=args.steps,
        batch_size=512,
        learning_rate=0.01,
        lr_schedule="cosine",
    )
    with warnings.catch_warnings():
        # After Ctrl-C the trainer says that the work is kept; here it is not.
        warnings.simplefilter("ignore", GeomsupWarning)
        result = train(config, seed=args.seed)
    if result.completed_steps < config.n_steps:
        raise KeyboardInterrupt
    return result


def _say_group(rows: list[Row]) -> None:
    from geomsup.cli.models import distribution

    p = _probability(rows[0])
    say(f"\n== p = {p:g}: each feature is there in {100 * p:g} % of the inputs ==")
    for line in distribution(rows):
        say(line)
    best = rows[0].trained()
    say(f"lowest loss {best.loss:.4f}, instance {best.instance}:\n")
    say(rows[0].report)


def _probability(row: Row) -> float:
    return float(row.trained().feature_probability[0])


def _record(rows: list[Row]) -> dict[str, Any]:
    from geomsup.cli.models import row_dict

    return {
        **row_dict(rows[0]),
        "report": rows[0].report.to_dict(),
        "instances": [row_dict(row) for row in rows],
    }


def _draw_directions(best: list[Row], folder: Path) -> Path:
    from geomsup.cli.models import structures
    from geomsup.plotting import plot_directions

    figure = empty_figure((4.0 * len(best), 5.0))
    for row, ax in zip(best, figure.subplots(1, len(best)), strict=True):
        plot_directions(row.trained().W, row.report, ax=ax)
        ax.set_title(f"p = {_probability(row):g}: {structures(row.report)}")
    path = folder / "directions.png"
    # "tight", because the legends hang below the axes.
    figure.savefig(path, dpi=100, bbox_inches="tight")
    return path


def _draw_report(row: Row, folder: Path) -> Path:
    from geomsup.plotting import plot_report

    path = folder / f"report-p{_probability(row):g}.png"
    figure = plot_report(row.trained().W, row.report, fig=empty_figure((12, 9.5)))
    figure.savefig(path, dpi=100)
    return path
