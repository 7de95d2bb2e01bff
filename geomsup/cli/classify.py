"""``geomsup classify``: the geometry of a matrix in a file.

A file with several models gets a table of all of them, and the full report of the best one where
losses say which that is.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from geomsup.cli.output import UsageError, at_least, checked_picture, print_json, say
from geomsup.cli.sources import is_run, stack_in
from geomsup.errors import GeomsupError

if TYPE_CHECKING:
    from geomsup import GeometryReport
    from geomsup.cli.models import Row
    from geomsup.training import TrainingRun

__all__ = ["DESCRIPTION", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "name the geometry of a weight matrix in a file"
DESCRIPTION: str = """\
Name the structures that the features of a weight matrix form.

FILE is .npy, .npz, .pt, .pth or .safetensors; nothing in it is executed. Columns of the matrix are
features; --feature-axis 0 says that rows are (autoencoder decoders, embedding tables). A file of
geomsup train gives a table of its models and the report on the one of lowest loss."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", metavar="FILE", help="a weight file")
    parser.add_argument("--key", metavar="NAME", help="which array, when the file has several")
    parser.add_argument(
        "--instance", type=at_least(0), metavar="K", help="which matrix of a stack, from 0"
    )
    parser.add_argument(
        "--feature-axis",
        type=int,
        choices=(-1, 0),
        default=-1,
        help="-1: columns are features (default); 0: rows are",
    )
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
    parser.add_argument("--plot", metavar="FILE.png", help="draw the report (also .pdf, .svg)")
    parser.add_argument(
        "--verbose", action="store_true", help="print the details of each component as well"
    )


def run(args: argparse.Namespace) -> int:
    """Classify one matrix, or all the models of a file."""
    if args.plot is not None:
        checked_picture(args.plot)
    if args.key is None and is_run(args.file):
        return _classify_run(args)
    stack = stack_in(args.file, args.key)
    if stack is not None and args.instance is None:
        return _classify_stack(args, *stack)
    if args.instance is not None and stack is None:
        raise UsageError("--instance chooses from a stack of matrices, but this is a single one")
    key = args.key if stack is None else f"{stack[0]}[{args.instance}]"
    W = _matrix(args, key)
    _show(args, W, _report(args, W), instance=args.instance)
    return 0


def _classify_run(args: argparse.Namespace) -> int:
    from geomsup.cli.models import settings_of
    from geomsup.training import TrainingRun

    loaded = TrainingRun.load(args.file)
    if args.feature_axis != -1:
        raise UsageError("in a file of geomsup train columns are features; drop --feature-axis")
    if args.instance is not None:
        model = loaded.model(args.instance)
        if not args.json:
            say(f"{model}\n")
        _show(args, model.W, _report(args, model.W), instance=args.instance)
        return 0

    _refuse_picture_of_many(args, settings_of(loaded) > 1)
    rows = _rows_of_run(args, loaded)
    if not args.json:
        from geomsup.cli.train import title_of

        say(f"{title_of(loaded)}\nloss: summed over features; lowest first\n")
        _show_rows(rows)
    if settings_of(loaded) > 1:
        _end_without_best(args, rows, "the models learned different tasks, so none is the best")
        return 0
    best = rows[0]
    if not args.json:
        command = shlex.join(["geomsup", "classify", args.file, "--instance", "K"])
        say(f"\nlowest loss: instance {best.instance} ({command} for another)")
        if loaded.config.hidden_activation == "relu":
            # Neurons that fire cannot be turned into one another, as directions can.
            command = shlex.join(["geomsup", "neurons", args.file])
            say(f"its hidden layer has a ReLU: {command} reads the neurons")
        say()
    _show(args, loaded.weights[best.instance], best.report, instance=best.instance, rows=rows)
    return 0


def _classify_stack(args: argparse.Namespace, name: str, count: int) -> int:
    from geomsup.cli.models import Row

    _refuse_picture_of_many(args, True)
    rows = [
        Row(instance=k, report=_report(args, _matrix(args, f"{name}[{k}]"))) for k in range(count)
    ]
    if not args.json:
        say(f"{count} matrices in {name!r}\n")
        _show_rows(rows)
    _end_without_best(args, rows, "the file has no losses to choose by")
    return 0


def _rows_of_run(args: argparse.Namespace, loaded: TrainingRun) -> list[Row]:
    from geomsup.cli.models import classified_models

    models = [loaded.model(k) for k in range(len(loaded.losses))]
    with _options_to_blame():
        return classified_models(models, _options(args))


def _matrix(args: argparse.Namespace, key: str | None) -> Any:
    from geomsup.weights import as_weights

    return as_weights(args.file, feature_axis=args.feature_axis, key=key)


def _report(args: argparse.Namespace, W: Any) -> GeometryReport:
    from geomsup.cli.models import classified

    with _options_to_blame():
        return classified(W, _options(args))


@contextmanager
def _options_to_blame() -> Iterator[None]:
    """Once a matrix has been read and checked, an error is about the options."""
    try:
        yield
    except GeomsupError as error:
        raise UsageError(str(error)) from error


def _options(args: argparse.Namespace) -> dict[str, Any]:
    names = ("interference_threshold", "norm_threshold", "noise", "max_candidates")
    return {name: getattr(args, name) for name in names}


def _show_rows(rows: list[Row]) -> None:
    from geomsup.cli.models import distribution, table_of

    say("\n".join([*table_of(rows), "", *distribution(rows)]).rstrip())


def _show(
    args: argparse.Namespace,
    W: Any,
    report: GeometryReport,
    *,
    instance: int | None = None,
    rows: list[Row] | None = None,
) -> None:
    if args.plot is not None:
        from matplotlib.figure import Figure

        from geomsup.plotting import plot_report

        figure = plot_report(W, report, fig=Figure(figsize=(12, 9.5)))
        figure.savefig(args.plot, dpi=120)
    if args.json:
        _print_record(args, report, instance, rows)
        return
    say(report)
    if args.verbose:
        for component in report.components:
            say(f"\n{component}")
    if args.plot is not None:
        say(f"\npicture: {args.plot}")


def _end_without_best(args: argparse.Namespace, rows: list[Row], reason: str) -> None:
    if args.json:
        _print_record(args, None, None, rows)
        return
    key = [] if args.key is None else ["--key", args.key]
    command = shlex.join(["geomsup", "classify", args.file, *key, "--instance", "K"])
    say(f"\n{reason}; the report on one: {command}")
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


def _refuse_picture_of_many(args: argparse.Namespace, many: bool) -> None:
    if many and args.plot is not None:
        raise UsageError("--plot draws one matrix; choose it with --instance K")


def _auto_or_number(help_text: str) -> dict[str, Any]:
    return {
        "type": _number_or_auto,
        "default": "auto",
        "metavar": "auto|X",
        "help": f"{help_text} (default: auto)",
    }


def _number_or_auto(text: str) -> float | Literal["auto"]:
    if text == "auto":
        return "auto"
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected auto or a number, got {text!r}") from None
