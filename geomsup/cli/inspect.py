"""``geomsup inspect``: what a weight file holds, and how to classify it.

Only headers are read, so a checkpoint of many gigabytes is listed at once.
"""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from geomsup.cli.arguments import VerbParser
from geomsup.cli.output import complain, filled, print_json, say, table
from geomsup.errors import GeomsupError, shorten
from geomsup.weights import ArrayInfo
from geomsup.weights.contents import FileContents, contents_of, read_as

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
# From so many features on, chance makes structures too.
_LARGE = 1000


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_file()


def run(args: argparse.Namespace) -> None:
    """List the file."""
    contents = contents_of(args.file)
    made_by = _run_record(str(contents.path))
    offered = [info for info in contents.matrices if made_by is None or info.name == "weights"]
    arguments = {info.name: _arguments(contents, info, len(offered) == 1) for info in offered}
    commands = {name: shlex.join(["geomsup", "classify", *own]) for name, own in arguments.items()}
    if args.json:
        _print_record(contents, made_by, commands)
        return
    _say_contents(contents, commands)
    if made_by is not None:
        say(f"\n{made_by['title']}")
        say("\n".join(_settings(made_by)))
    if not commands:
        say("\nno matrix of real numbers here, so there is nothing to classify")
        return
    _say_commands("classify with", list(commands.values()))
    large = [info.name for info in offered if _is_large(contents, info)]
    if made_by is None and large:
        censuses = [shlex.join(["geomsup", "census", *arguments[name]]) for name in large]
        _say_commands("so many features are weighed against chance by", censuses)
    if made_by is None and contents.opened is None:
        say("if rows are the features, as in the decoder of an autoencoder: --feature-axis 0")
    elif made_by is not None and made_by["config"]["hidden_activation"] == "relu":
        say(f"or read its neurons with\n  {shlex.join(['geomsup', 'neurons', args.file])}")


def _say_contents(contents: FileContents, commands: dict[str, str]) -> None:
    header = ["array", "shape", "dtype", "as weights"]
    rows = [
        [
            _label(info.name),
            str(info.shape),
            info.dtype,
            read_as(info, contents.feature_axis(info.name)) if info.name in commands else "–",
        ]
        for info in contents.arrays
    ]
    say("\n".join(table(header, rows, left=header)))
    if contents.opened is not None:
        say(f"\n{contents.opened}")
    elif contents.open_question:
        say("\n" + filled(f"layout  {contents.open_question}", indent=" " * len("layout  ")))


def _say_commands(title: str, commands: list[str]) -> None:
    say(f"\n{title}")
    for command in commands[:_MAX_COMMANDS]:
        say(f"  {command}")
    if len(commands) > _MAX_COMMANDS:
        say(f"  … and so on with the other {len(commands) - _MAX_COMMANDS}")


def _print_record(
    contents: FileContents, made_by: dict[str, Any] | None, commands: dict[str, str]
) -> None:
    print_json(
        {
            "file": str(contents.path),
            "arrays": [
                {**info.to_dict(), "classify": commands.get(info.name)} for info in contents.arrays
            ],
            "run": made_by,
            "layout": None if contents.opened is None else contents.opened.to_dict(),
        }
    )


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


def _arguments(contents: FileContents, info: ArrayInfo, alone: bool) -> list[str]:
    """What a verb is told so that it takes this array, the right way round."""
    words = [str(contents.container.home(info.name))]
    words += [] if alone else ["--key", info.name]
    words += ["--feature-axis", "0"] if contents.feature_axis(info.name) == 0 else []
    return words


def _is_large(contents: FileContents, info: ArrayInfo) -> bool:
    """Whether it has the size of a dictionary or an embedding, which is the census' business.

    Where nothing says which axis counts the features it is the longer one: a wrong hint costs
    nobody anything.
    """
    axis = contents.feature_axis(info.name)
    n_features = max(info.shape[-2:]) if axis is None else info.shape[-2:][axis]
    return len(info.shape) == 2 and n_features >= _LARGE


def _label(name: str) -> str:
    return name if name.isprintable() else shorten(name)
