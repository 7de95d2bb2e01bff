"""What a weight file offers to a verb, and where results go: a matrix, a stack, a training run.

A file of several models is no error on the command line: whoever has just typed ``geomsup train``
wants to see all of them.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.cli.arguments import VerbParser
from geomsup.cli.output import UsageError, checked_picture, checked_place, say
from geomsup.errors import GeomsupError
from geomsup.weights import as_weights, list_arrays
from geomsup.weights.entries import weight_candidates
from geomsup.weights.files import UnsettledError

if TYPE_CHECKING:
    from geomsup import Census, DictionaryComparison
    from geomsup.training import TrainedModel, TrainingRun
    from geomsup.weights.opened import OpenedWeights

__all__ = [
    "add_targets",
    "checked_targets",
    "chosen_model",
    "is_run",
    "load_matrix",
    "load_run",
    "model_of",
    "opened",
    "saved_tables",
    "stack_in",
]


def is_run(path: str) -> bool:
    """Whether a file says of itself that ``TrainingRun.save`` wrote it."""
    # A pipe would be waited for; whoever reads the file for good says what is wrong with it.
    if Path(path).suffix.lower() != ".safetensors" or not os.path.isfile(path):
        return False
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return (file.metadata() or {}).get("format") == "geomsup.TrainingRun"
    # Whatever is wrong with the file, its reader says so in a better way.
    except (SafetensorError, OSError, ValueError):
        return False


def load_run(path: str) -> TrainingRun:
    """The run in a file, which must be one."""
    from geomsup.training import TrainingRun

    if Path(path).is_file() and not is_run(path):
        raise GeomsupError(
            f"{path!r} is no file of geomsup train; geomsup train --out run.safetensors makes one"
        )
    return TrainingRun.load(path)


def model_of(run: TrainingRun, instance: int) -> TrainedModel:
    """The model that --instance asks for."""
    _check_instance(instance, len(run.losses), "the run")
    return run.model(instance)


def chosen_model(run: TrainingRun, instance: int | None) -> TrainedModel:
    """The model that --instance asks for, or the best of those whose losses compare."""
    from geomsup.training.ranking import n_tasks

    if instance is not None:
        return model_of(run, instance)
    if n_tasks(run) > 1:
        raise UsageError(
            "the models learned different tasks, so none is the best; choose one with --instance K"
        )
    return run.best()


def stack_in(path: str, key: str | None) -> tuple[str, int] | None:
    """Name and length of the stack of matrices that ``key``, or the lack of one, points at."""
    if key is None and is_run(path):
        key = "weights"
    listed = list_arrays(path)
    infos = (
        weight_candidates(listed) if key is None else [info for info in listed if info.name == key]
    )
    if len(infos) != 1 or len(infos[0].shape) != 3 or 0 in infos[0].shape:
        return None
    return infos[0].name, infos[0].shape[0]


def load_matrix(
    path: str,
    key: str | None,
    instance: int | None,
    feature_axis: int,
    read: Callable[..., NDArray[np.float64]] = as_weights,
) -> NDArray[np.float64]:
    """The matrix that --key and --instance ask for, of shape (n_hidden, n_features)."""
    stack = stack_in(path, key)
    if stack is not None:
        name, count = stack
        if instance is None:
            raise UsageError(f"{name!r} holds {count} matrices; choose with --instance")
        _check_instance(instance, count, repr(name))
        key = f"{name}[{instance}]"
    elif instance is not None:
        raise UsageError("--instance chooses from a stack of matrices, but this is one matrix")
    try:
        return read(path, feature_axis=feature_axis, key=key)
    except UnsettledError as error:
        raise UsageError(str(error)) from error


def opened(path: str, key: str | None, layer: int | None, axis: int | None) -> OpenedWeights:
    """The matrix of a published dictionary or model, or of any weight file."""
    from geomsup.weights.layout_files import UnknownLayoutError
    from geomsup.weights.opened import open_weights

    try:
        return open_weights(path, key=key, layer=layer, feature_axis=axis)
    except UnknownLayoutError as error:
        # Of a file that can be read, other words get at the matrix.
        raise (GeomsupError if Path(path).is_dir() else UsageError)(str(error)) from error


def add_targets(parser: VerbParser, result: str, rows: str) -> None:
    """Declare --out and --csv."""
    parser.add_argument("--out", metavar="FILE.safetensors", help=f"save the {result}")
    parser.add_argument("--csv", metavar="FILE.csv", help=f"write the {rows} as a table")


def checked_targets(args: argparse.Namespace) -> None:
    """Refuse what --plot, --csv and --out cannot write, before any work goes into it."""
    from geomsup.storage import checked_target

    checked_picture(args.plot)
    if args.csv is not None:
        checked_place(Path(args.csv))
    if args.out is not None:
        checked_target(args.out)


def saved_tables(
    args: argparse.Namespace,
    found: Census | DictionaryComparison,
    names: tuple[str, str],
    *pictures: Callable[[], None],
) -> None:
    """Write what --out and --csv ask for, the result and a table of it, and then pictures.

    `names` are those of the result and of the rows of the table.  One file that cannot be written
    takes no other with it.
    """
    result, rows = names

    def save() -> None:
        if args.out is not None:
            _say_written(args, result, found.save(args.out))

    def write_table() -> None:
        if args.csv is not None:
            found.table(rows).to_csv(args.csv)
            _say_written(args, rows, args.csv)

    failures = []
    for keep in (save, write_table, *pictures):
        try:
            keep()
        except GeomsupError as error:
            failures.append(str(error))
    if failures:
        raise GeomsupError("; ".join(failures))


def _say_written(args: argparse.Namespace, what: str, where: object) -> None:
    if not args.json:
        say(f"\n{what}: {where}")


def _check_instance(instance: int, count: int, where: str) -> None:
    if instance >= count:
        raise UsageError(
            f"--instance must lie in 0 … {count - 1}, the models of {where}; got {instance}"
        )
