"""``geomsup timeline``: what a model of a saved run was at each step of its training."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from geomsup.cli.arguments import VerbParser, at_least
from geomsup.cli.output import (
    add_page,
    add_picture,
    checked_page,
    empty_figure,
    options_to_blame,
    print_json,
    say,
)
from geomsup.cli.sources import chosen_model, load_run
from geomsup.errors import GeomsupError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from geomsup.dynamics import GeometryTimeline

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "what a model was at each step of its training, and when it changed"
DESCRIPTION: str = """\
Follow one model of a run through its training: what its features form at each record, when
features jump from one dimensionality to another, when the loss drops, and whether the two coincide.

FILE is a run of geomsup train with --records, which keeps weights on the way."""

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("run.safetensors", "the model of lowest loss"),
    ("run.safetensors --instance 3 --html way.html", "another one, as a page with a slider"),
    ("run.safetensors --name-every 10 --plot way.png", "quicker: every tenth record is named"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_file("a run of geomsup train --records, which keeps weights on the way")
    parser.add_instance("which model, from 0 (default: that of lowest loss)")
    parser.add_argument(
        "--name-every",
        type=at_least(0),
        default=1,
        metavar="N",
        help="name the geometry of every Nth record, 0 for none (default: 1)",
    )
    parser.add_plot("loss, names and levels along the training")
    parser.add_page()


def run(args: argparse.Namespace) -> None:
    """Follow one model."""
    from geomsup.dynamics import geometry_timeline

    checked_page(args.html)
    loaded = load_run(args.file)
    instance = chosen_model(loaded, args.instance).instance
    way = loaded.trajectory
    if len(way.steps) == 0:
        raise GeomsupError(
            f"{args.file!r} has no records of weights on the way; train it again with geomsup "
            "train --records 200"
        )
    weights = way.weights[:, instance]
    with options_to_blame():
        line = geometry_timeline(
            way.steps, weights, way.losses[:, instance], name_every=args.name_every
        )
    if args.json:
        record = {"file": args.file, "instance": instance, "plot": args.plot}
        print_json({**record, **line.to_dict()})
    else:
        say(f"instance {instance} of {args.file}\n\n{line}")
    log_steps = loaded.config.record_schedule == "log"
    add_picture(args, lambda: _drawn(line, log_steps))
    add_page(args, lambda path: line.to_html(path, weights=weights))


def _drawn(line: GeometryTimeline, log_steps: bool) -> Figure:
    from geomsup.plotting import plot_timeline

    return plot_timeline(line, log_steps=log_steps, fig=empty_figure((8.4, 6.4)))
