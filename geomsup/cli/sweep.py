"""``geomsup sweep``: many configurations from one file, and what became of them."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geomsup.cli.arguments import VerbParser, at_least
from geomsup.cli.output import (
    UsageError,
    add_page,
    answer,
    checked_page,
    checked_picture,
    complain,
    figure_of,
    options_to_blame,
    print_json,
    say,
)
from geomsup.errors import GeomsupError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geomsup.sweeps import Result, Store

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "run every combination of some settings, and keep every result"
DESCRIPTION: str = """\
Run the grid of CONFIG.toml, and keep the results in the folder of --out. What is there already is
not run again: after Ctrl-C, a kill or a power cut the same command goes on, and the end result is
the same, bit for bit.

    function = "train"     # or "optimum", "experiment", "module:function"
    seeds = 8              # repetitions of each combination
    [config]               # what is the same in all
    n_steps = 5000
    [grid]                 # lists of values, or ranges
    sparsity = { linspace = [0.0, 0.99, 20] }

status DIR says what is done, failed and missing; plot DIR draws a quantity of the results, --y,
against a field of the grid, --x, or writes a page that draws all of them, --html; compact DIR puts
thousands of results into one file."""

_FOLDER = "geomsup-sweep"

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("grid.toml --n-jobs 2 --out results", "run a grid, or go on with it"),
    ("status results", "how far is it?"),
    ("plot results --x sparsity --y dimensionality", "writes a picture into the folder"),
    ("plot results --html sweep.html", "a page that draws any column against any other"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "grid", metavar="CONFIG.toml", help="a grid; or one of the words status, plot, compact"
    )
    parser.add_argument("folder", nargs="?", metavar="DIR", help="of the results, after a word")
    parser.add_argument(
        "--n-jobs",
        "--jobs",
        dest="n_jobs",
        type=at_least(1),
        default=1,
        metavar="N",
        help="processes side by side, one thread each (default: 1)",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help=f"folder of the results (default: {_FOLDER}), or file of the picture",
    )
    parser.add_argument("--retry-failed", action="store_true", help="try again what failed before")
    parser.add_argument("--x", metavar="FIELD", help="of plot: along the horizontal axis")
    parser.add_argument("--y", metavar="NAME", help="of plot: along the vertical axis")
    parser.add_argument("--by", metavar="FIELD", help="of plot: a line for each value of this")
    parser.add_page()


def run(args: argparse.Namespace) -> int | None:
    """Run the grid, or look at a folder."""
    checked_page(args.html)
    word, folder = args.grid, args.folder
    looks = {"status": _status, "plot": _plot, "compact": _compact}
    if word in looks:
        if folder is None:
            raise UsageError(f"{word} needs a folder, as in geomsup sweep {word} {_FOLDER}")
        return looks[word](args, _store(folder))
    if any(given is not None for given in (args.x, args.y, args.by)):
        raise UsageError(
            f"--x, --y and --by are words of geomsup sweep plot {_FOLDER}; leave them out"
        )
    if folder is not None:
        raise UsageError(f"one file describes the grid, got {word} and {folder}; see --out")
    return _swept(args, word)


def _swept(args: argparse.Namespace, path: str) -> int:
    from geomsup.sweeps import read_grid, sweep

    if Path(path).is_dir():
        raise GeomsupError(
            f"{path!r} is a folder; name the file that describes the grid (see --help), or say "
            f"geomsup sweep status {path} for what a sweep has left there"
        )
    if not Path(path).is_file():
        raise GeomsupError(f"there is no file {path!r}; it describes the grid, see --help")
    with options_to_blame():
        tasks = read_grid(path)
    folder = _FOLDER if args.out is None else args.out
    try:
        done = sweep(
            tasks,
            store=folder,
            n_jobs=args.n_jobs,
            progress=False if args.json else None,
            retry_failed=args.retry_failed,
        )
    except KeyboardInterrupt:
        again = shlex.join(["geomsup", "sweep", path, "--out", folder])
        complain("interrupted", f"what is done is kept; {again} goes on from there")
        raise
    answer(args, done)
    add_page(args, done.to_html)
    if not args.json:
        say(f"next: {shlex.join(['geomsup', 'sweep', 'plot', folder])} --x FIELD --y NAME")
    return 1 if done.failures else 0


def _store(folder: str) -> Store:
    from geomsup.sweeps import Store

    store = Store(folder)
    if not store.exists:
        raise GeomsupError(f"{folder!r} holds no results of a sweep; name the folder of its --out")
    return store


def _status(args: argparse.Namespace, store: Store) -> None:
    counts = store.status()
    if args.json:
        print_json(counts)
        return
    total = counts.pop("tasks")
    say(f"{total:,} tasks: " + ", ".join(f"{count:,} {word}" for word, count in counts.items()))


def _compact(args: argparse.Namespace, store: Store) -> None:
    target = store.compact()
    if args.json:
        print_json({"file": None if target is None else str(target)})
    else:
        say("there are no results yet" if target is None else f"all results are in {target}")


def _plot(args: argparse.Namespace, store: Store) -> None:
    results = store.results()
    drawn = None
    if args.html is None or args.out is not None:
        drawn = _picture(args, store, [result.row() for result in results])
    if args.html is not None:
        with options_to_blame():
            store.to_html(args.html, x=args.x, y=args.y, by=args.by)
    if args.json:
        print_json({"plot": drawn, "html": args.html})
        return
    if args.html is not None:
        say(f"page: {args.html}")
    if drawn is not None:
        say(f"picture: {drawn}")
        pooled = _pooled(results, args.x, args.by)
        if pooled:
            say(f"pooled over {', '.join(pooled)}: --by FIELD draws a line for each value")


def _picture(args: argparse.Namespace, store: Store, rows: list[dict[str, Any]]) -> str:
    """Draw what --x and --y say; returns the file."""
    if args.x is None or args.y is None:
        raise UsageError("plot needs --x FIELD and --y NAME; the rows have " + _names(rows))
    out = args.out or str(store.path / f"{args.y}-against-{args.x}.png")
    checked_picture(out)

    def draw(rows: Any, ax: Any) -> None:
        from geomsup.plotting import plot_sweep

        plot_sweep(rows, args.x, args.y, by=args.by, ax=ax)

    with options_to_blame():
        figure = figure_of((6.4, 4.8), draw, rows)
    figure.savefig(out, dpi=120)
    return str(out)


def _pooled(results: Sequence[Result], x: str, by: str | None) -> list[str]:
    """The fields that differ among the results of one line at one place."""
    values: dict[tuple[str, str], set[str]] = {}
    for result in results:
        row = result.row()
        place = json.dumps([row.get(x), None if by is None else row.get(by)])
        for name, value in result.task.config.items():
            values.setdefault((name, place), set()).add(json.dumps(value))
    return sorted({name for (name, _), several in values.items() if len(several) > 1})


def _names(rows: list[dict[str, Any]]) -> str:
    return ", ".join(dict.fromkeys(name for row in rows for name in row))
