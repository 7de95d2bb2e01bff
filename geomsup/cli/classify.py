"""``geomsup classify``: the geometry of a matrix in a file.

A file with several models gets a table of all of them, and the full report of the best one where
losses say which that is.
"""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING, Any

from geomsup.cli.arguments import VerbParser, at_least, reader
from geomsup.cli.output import (
    UsageError,
    add_page,
    add_picture,
    checked_page,
    empty_figure,
    options_to_blame,
    print_json,
    say,
)
from geomsup.cli.sources import is_run, load_matrix, model_of, stack_in

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from geomsup import GeometryReport, Shape
    from geomsup.cli.models import Row

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "name the geometry of a weight matrix in a file"
DESCRIPTION: str = """\
Name the structures that the features of a weight matrix form.

Columns of the matrix are features; --feature-axis 0 says that rows are (autoencoder decoders,
embedding tables). A file of geomsup train gives a table of its models and the report on the one of
lowest loss."""


EXAMPLES: tuple[tuple[str, str], ...] = (
    ("W.npy", "columns are features"),
    ("model.npz --key W_dec --feature-axis 0", "rows are, as in the decoder of an autoencoder"),
    ("run.safetensors --instance 3 --verbose", "one model of geomsup train, with all details"),
    ("W.npy --plot report.png", "with a picture"),
    ("W.npy --html report.html --labels names.csv", "as a page to look into, and to mail"),
    ("W.npy --shapes mine.json", "with shapes of your own beside the catalogue's"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_matrix()
    parser.add_argument(
        "--interference-threshold",
        **_auto_or_number("least |cosine| of two features that interfere"),
    )
    parser.add_argument(
        "--norm-threshold", **_auto_or_number("norm above which a feature is represented")
    )
    parser.add_argument("--noise", **_auto_or_number("angular noise per tangent axis, in radians"))
    parser.add_argument(
        "--max-candidates",
        type=at_least(1),
        default=5,
        metavar="N",
        help="matches to keep for each component (default: 5)",
    )
    parser.add_argument(
        "--shapes",
        metavar="FILE.json",
        help="shapes of your own that compete as well; geomsup shapes --help says how they look",
    )
    parser.add_plot("the report")
    parser.add_page()
    parser.add_labels("names of the features for --html")
    parser.add_argument(
        "--verbose", action="store_true", help="print the details of each component as well"
    )


def run(args: argparse.Namespace) -> None:
    """Classify one matrix, or all the models of a file."""
    checked_page(args.html)
    args.shapes = _own_shapes(args.shapes)
    if args.key is None and is_run(args.file):
        _classify_run(args)
        return
    stack = stack_in(args.file, args.key)
    if stack is not None and args.instance is None:
        _classify_stack(args, *stack)
        return
    W = load_matrix(args.file, args.key, args.instance, args.feature_axis)
    _show(args, W, _report(args, W), args.instance)


def _classify_run(args: argparse.Namespace) -> None:
    from geomsup.cli.models import classified_models
    from geomsup.cli.train import title_of
    from geomsup.training import TrainingRun
    from geomsup.training.ranking import n_tasks

    loaded = TrainingRun.load(args.file)
    if args.feature_axis != -1:
        raise UsageError("in a file of geomsup train columns are features; drop --feature-axis")
    if args.instance is not None:
        model = model_of(loaded, args.instance)
        if not args.json:
            say(f"{model}\n")
        _show(args, model.W, _report(args, model.W), args.instance)
        return
    alike = n_tasks(loaded) == 1
    if not alike:
        _refuse_picture_of_many(args)
    with options_to_blame():
        rows = classified_models(loaded, _options(args))
    if not args.json:
        say(f"{title_of(loaded)}\nloss: summed over features; lowest first\n")
        _say_rows(rows)
    if not alike:
        _end_without_best(args, rows, "the models learned different tasks, so none is the best")
        return
    best = rows[0]
    if not args.json:
        say(f"\nlowest loss: instance {best.instance} ({_command(args)} for another)")
        if loaded.config.hidden_activation == "relu":
            # Neurons that fire cannot be turned into one another, as directions can.
            command = shlex.join(["geomsup", "neurons", args.file])
            say(f"its hidden layer has a ReLU: {command} reads the neurons")
        say()
    _show(args, loaded.weights[best.instance], best.report, best.instance, rows)


def _classify_stack(args: argparse.Namespace, name: str, count: int) -> None:
    from geomsup.cli.models import Row, with_bar

    _refuse_picture_of_many(args)
    rows = []
    for k in with_bar(range(count), "matrix"):
        W = load_matrix(args.file, args.key, k, args.feature_axis)
        rows.append(Row(instance=k, report=_report(args, W)))
    if not args.json:
        say(f"{count} matrices in {name!r}\n")
        _say_rows(rows)
    _end_without_best(args, rows, "the file has no losses to choose by")


def _report(args: argparse.Namespace, W: Any) -> GeometryReport:
    from geomsup.geometry.classify import geometry_of

    with options_to_blame():
        return geometry_of(W, **_options(args))


def _own_shapes(path: str | None) -> tuple[Shape, ...]:
    """Read once, for all models of a file; what is wrong with them is no matter of the options."""
    if path is None:
        return ()
    from geomsup.shapes import load_catalogue

    return load_catalogue(path)


def _options(args: argparse.Namespace) -> dict[str, Any]:
    names = ("interference_threshold", "norm_threshold", "noise", "max_candidates", "shapes")
    return {name: getattr(args, name) for name in names}


def _say_rows(rows: list[Row]) -> None:
    from geomsup.cli.models import distribution, table_of

    say("\n".join([*table_of(rows), "", *distribution(rows)]).rstrip())


def _show(
    args: argparse.Namespace,
    W: Any,
    report: GeometryReport,
    instance: int | None,
    rows: list[Row] | None = None,
) -> None:
    if args.json:
        _print_record(args, report, instance, rows)
    else:
        say(report)
        for component in report.components if args.verbose else ():
            say(f"\n{component}")
    add_picture(args, lambda: _drawn(W, report))
    add_page(args, lambda path: report.to_html(path, weights=W, labels=args.labels))


def _drawn(W: Any, report: GeometryReport) -> Figure:
    from geomsup.plotting import plot_report

    return plot_report(W, report, fig=empty_figure((12, 9.5)))


def _end_without_best(args: argparse.Namespace, rows: list[Row], reason: str) -> None:
    if args.json:
        _print_record(args, None, None, rows)
        return
    say(f"\n{reason}; the report on one: {_command(args)}")
    if args.verbose:
        for row in rows:
            say(f"\ninstance {row.instance}\n{row.report}")


def _print_record(
    args: argparse.Namespace,
    report: GeometryReport | None,
    instance: int | None,
    rows: list[Row] | None,
) -> None:
    from geomsup.cli.models import row_dict

    # The fields of the report stay at the top, where GeometryReport.from_json looks for them.
    record = {
        "file": args.file,
        "key": args.key,
        "instance": instance,
        "instances": None if rows is None else [row_dict(row) for row in rows],
        "plot": args.plot,
    }
    print_json(record if report is None else {**record, **report.to_dict()})


def _command(args: argparse.Namespace) -> str:
    """How to classify one model of several."""
    key = [] if args.key is None else ["--key", args.key]
    return shlex.join(["geomsup", "classify", args.file, *key, "--instance", "K"])


def _refuse_picture_of_many(args: argparse.Namespace) -> None:
    for option, target in (("--plot", args.plot), ("--html", args.html)):
        if target is not None:
            raise UsageError(f"{option} shows one matrix; choose it with --instance K")


def _auto_or_number(help_text: str) -> dict[str, Any]:
    return {
        "type": reader(
            lambda text: text if text == "auto" else float(text),
            lambda value: True,
            "auto or a number",
        ),
        "default": "auto",
        "metavar": "auto|X",
        "help": f"{help_text} (default: auto)",
    }
