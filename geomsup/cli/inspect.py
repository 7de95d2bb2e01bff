"""``geomsup inspect``: what a weight file holds, and how to classify it.

Only headers are read, so a checkpoint of many gigabytes is listed at once.
"""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from geomsup.cli.arguments import VerbParser
from geomsup.cli.output import complain, print_json, say, table
from geomsup.errors import GeomsupError, shorten
from geomsup.weights.entries import ArrayInfo, weight_candidates
from geomsup.weights.layout_files import Container, UnknownLayoutError, open_container
from geomsup.weights.opened import OpenedWeights, open_weights

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "list the arrays of a weight file and how to classify them"
DESCRIPTION: str = """\
List the arrays of a weight file, with the command that classifies each; for a run of geomsup train
also what made it, and for a published dictionary or model (a file or its folder) whose layout it
has, and what proves which axis counts the features."""

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("checkpoint.pt", "what is in this file?"),
    ("sae/", "a folder as SAELens and others write it: which axis counts the features?"),
    ("run.safetensors --json", "the settings of a training run, as JSON"),
)

_MAX_COMMANDS = 8


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_file()


def run(args: argparse.Namespace) -> int:
    """List the file."""
    container = open_container(args.file)
    infos = tuple(container.arrays.values())
    made_by = _run_record(str(container.path))
    opened, refusal = _layout(container)
    candidates = [info for info in weight_candidates(infos) if _is_matrix(info)]
    if made_by is not None:
        candidates = [info for info in candidates if info.name == "weights"]
    alone = len(candidates) == 1
    if args.json:
        known = {info.name: _command(container, info, alone, opened) for info in candidates}
        arrays = [
            {
                "name": info.name,
                "shape": list(info.shape),
                "dtype": info.dtype,
                "classify": known.get(info.name),
            }
            for info in infos
        ]
        layout = None if opened is None else opened.to_dict()
        print_json(
            {"file": str(container.path), "arrays": arrays, "run": made_by, "layout": layout}
        )
        return 0

    rows = [
        [
            _label(info.name),
            str(info.shape),
            info.dtype,
            _reading(info) if info in candidates else "–",
        ]
        for info in infos
    ]
    header = ["array", "shape", "dtype", "as weights"]
    say("\n".join(table(header, rows, left=header)))
    if opened is not None:
        say(f"\n{opened}")
    elif refusal:
        say(f"\nlayout  {refusal}")
    if made_by is not None:
        say(f"\n{made_by['title']}")
        say("\n".join(_settings(made_by)))
    if candidates:
        say("\nclassify with")
        for info in candidates[:_MAX_COMMANDS]:
            say(f"  {_command(container, info, alone, opened)}")
        if len(candidates) > _MAX_COMMANDS:
            say(f"  … and so on with the other {len(candidates) - _MAX_COMMANDS}")
        if made_by is not None and made_by["config"]["hidden_activation"] == "relu":
            say(f"or read its neurons with\n  {shlex.join(['geomsup', 'neurons', args.file])}")
        if made_by is None and opened is None:
            say("if rows are the features, as in the decoder of an autoencoder: --feature-axis 0")
    else:
        say("\nno matrix of real numbers here, so there is nothing to classify")
    return 0


def _layout(container: Container) -> tuple[OpenedWeights | None, str]:
    """The published layout of a file, or what it leaves open; neither if it is of none."""
    try:
        return open_weights(container.path), ""
    except UnknownLayoutError:
        return None, ""
    except GeomsupError as error:
        return None, str(error)


def _run_record(path: str) -> dict[str, Any] | None:
    from geomsup.cli.sources import is_run

    if not is_run(path):
        return None
    from geomsup.cli.train import title_of
    from geomsup.training import TrainingRun

    try:
        loaded = TrainingRun.load(path)
    except GeomsupError as error:
        complain("warning", str(error))
        return None
    return {
        "title": title_of(loaded),
        "config": loaded.config.to_dict(),
        "seed": loaded.seed,
        "device": loaded.device,
        "completed_steps": loaded.completed_steps,
        "lowest_loss": float(loaded.losses.min()),
        "highest_loss": float(loaded.losses.max()),
        "provenance": loaded.provenance,
    }


def _settings(record: dict[str, Any]) -> list[str]:
    rows = [(name, shorten(value)) for name, value in record["config"].items()]
    rows.append(("losses", f"{record['lowest_loss']:.6g} … {record['highest_loss']:.6g}"))
    made_with = ", ".join(f"{name} {version}" for name, version in record["provenance"].items())
    rows.append(("made with", made_with))
    width = max(len(name) for name, _ in rows)
    return [f"  {name:<{width}}  {text}" for name, text in rows]


def _is_matrix(info: ArrayInfo) -> bool:
    real = info.dtype.startswith(("float", "bfloat", "int", "uint", "bool"))
    return real and len(info.shape) in (2, 3) and 0 not in info.shape


def _reading(info: ArrayInfo) -> str:
    n_hidden, n_features = info.shape[-2:]
    text = f"{n_features} features in {n_hidden} dimensions"
    return text if len(info.shape) == 2 else f"{info.shape[0]} × {text}"


def _command(
    container: Container, info: ArrayInfo, alone: bool, opened: OpenedWeights | None
) -> str:
    words = ["geomsup", "classify", str(container.home(info.name))]
    if not alone:
        words += ["--key", info.name]
    if opened is not None and opened.key == info.name and opened.feature_axis == 0:
        words += ["--feature-axis", "0"]
    return shlex.join(words)


def _label(name: str) -> str:
    return name if name.isprintable() else shorten(name)
