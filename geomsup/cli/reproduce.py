"""``geomsup reproduce``: published outcomes, run again and scored."""

from __future__ import annotations

import argparse
import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geomsup.cli.arguments import VerbParser, at_least
from geomsup.cli.output import UsageError, complain, options_to_blame, print_json, say, table
from geomsup.errors import GeomsupError

if TYPE_CHECKING:
    from geomsup.experiments.scorecard import Scorecard

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "run published experiments again, and score what comes out"
DESCRIPTION: str = """\
Run the experiments of "Toy Models of Superposition" and of the notes that began this project, and
print a scorecard: what was said, what was found, in how many seeds, and a verdict: "pass" when
every claim holds, "differs" when some do, "fail" when none does.

Results are kept in the folder of --out. What is there already is not run again, so a reproduction
that was interrupted goes on where it stopped, and more seeds cost only what is new."""

_FOLDER = "geomsup-reproduction"


EXAMPLES: tuple[tuple[str, str], ...] = (
    ("--list", "what there is"),
    ("intro uniform", "two of them, in minutes"),
    ("intro --scale paper --seeds 3", "as the source did it, three times"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_argument("ids", nargs="*", metavar="ID", help="experiments (default: all)")
    parser.add_argument("--list", action="store_true", help="list the experiments, and stop")
    parser.add_argument(
        "--scale",
        choices=["smoke", "paper"],
        default="smoke",
        help="smoke takes minutes for all, paper is what the sources did (default: smoke)",
    )
    parser.add_argument(
        "--seeds",
        type=at_least(1),
        metavar="K",
        help="repetitions of each (default: 1 at smoke scale, mostly 3 at paper scale)",
    )
    parser.add_argument(
        "--out", default=_FOLDER, metavar="DIR", help=f"folder to write to (default: {_FOLDER})"
    )
    parser.add_argument(
        "--jobs",
        type=at_least(1),
        metavar="N",
        help="processes side by side, one thread each (default: one for each core)",
    )
    parser.add_argument("--device", default="cpu", help='"cpu", "cuda" or "cuda:1" (default: cpu)')
    parser.add_argument("--no-figures", action="store_true", help="write no pictures")


def run(args: argparse.Namespace) -> None:
    """Run, print each row when it is done, draw, and write the scorecard."""
    from geomsup.experiments import get_experiment

    with options_to_blame():
        for name in args.ids:
            get_experiment(name)
    if args.list:
        _list(args)
        return
    if not args.out:
        raise UsageError("--out must be the name of a folder, got an empty one")
    pictures: list[str] = []
    card, stopped = _reproduced(args, pictures)
    files = _written(args, card)
    if args.json:
        print_json({"out": str(Path(args.out)), "pictures": pictures, **card.to_dict()})
    else:
        say(", ".join(f"{number} {verdict}" for verdict, number in card.counts().items()))
        say(f"scorecard: {files['json']} and {files['md'].name}")
        if pictures:
            say(f"pictures:  {Path(args.out) / args.scale}{os.sep}*.png")
    if stopped:
        raise GeomsupError(f"{', '.join(stopped)} stopped with an error; the scorecard says which")


def _list(args: argparse.Namespace) -> None:
    from geomsup.experiments import get_experiment, list_experiments

    rows = [get_experiment(name) for name in args.ids or list_experiments()]
    if args.json:
        print_json([{"id": row.id, "title": row.title, "says": row.says} for row in rows])
    else:
        header = ("id", "what it is about")
        say("\n".join(table(header, [[row.id, row.title] for row in rows], left=header)))


def _reproduced(args: argparse.Namespace, pictures: list[str]) -> tuple[Scorecard, list[str]]:
    """The scorecard, and the rows that stopped; pictures are drawn as soon as rows are done."""
    from geomsup.experiments import reproduce

    stopped: list[str] = []

    def finish(row: Any, results: tuple[Any, ...]) -> None:
        if not results:
            stopped.append(row.id)
        if not args.json:
            say(f"{row}\n")
        if results and not args.no_figures:
            pictures.append(_draw(row.id, results, Path(args.out) / args.scale))

    try:
        reproduction = reproduce(
            args.ids or None,
            scale=args.scale,
            n_seeds=args.seeds,
            folder=Path(args.out),
            device=args.device,
            jobs=args.jobs or _cores(),
            progress=False if args.json else None,
            on_row=finish,
        )
    except KeyboardInterrupt:
        again = shlex.join(["geomsup", "reproduce", *args.ids, "--scale", args.scale])
        out = "" if args.out == _FOLDER else f" --out {shlex.quote(args.out)}"
        complain("interrupted", f"what is done is kept; {again}{out} goes on from there")
        raise
    return reproduction.scorecard, stopped


def _written(args: argparse.Namespace, card: Scorecard) -> dict[str, Path]:
    """The files of the scorecard, by what they are written in."""
    texts = {
        "json": json.dumps(card.to_dict(), indent=1),
        "md": f"# Scorecard, {args.scale} scale\n\n"
        f"{card.to_markdown(None if args.no_figures else args.scale)}\n",
    }
    files = {kind: Path(args.out) / f"scorecard-{args.scale}.{kind}" for kind in texts}
    for kind, text in texts.items():
        files[kind].write_text(text, encoding="utf-8")
    return files


def _draw(name: str, results: tuple[Any, ...], folder: Path) -> str:
    import matplotlib.pyplot as plt

    from geomsup.experiments import get_experiment

    figure = get_experiment(name).draw(results)
    path = folder / f"{name}.png"
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return str(path)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
