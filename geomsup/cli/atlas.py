"""``geomsup atlas``: the best configurations known, at every feature probability."""

from __future__ import annotations

import argparse
from itertools import groupby
from typing import TYPE_CHECKING

from geomsup.cli.arguments import VerbParser, at_least
from geomsup.cli.output import (
    UsageError,
    add_page,
    add_picture,
    checked_page,
    figure_of,
    options_to_blame,
    print_json,
    say,
    table,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from geomsup.theory import AtlasCell
    from geomsup.theory.atlas import Atlas

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "the best configurations known, at every feature probability"
DESCRIPTION: str = """\
Look up the weights and biases of least exact loss that are known for N independent features of
equal importance in M dimensions: which shape it is as the feature probability P grows, where one
gives way to another, and how.

Without N and M: one line for each size in the atlas, with the Thomson optima that it holds. With
both: the phases of this size. With P too: the configuration there, brought to full precision."""

_THOMSON = (
    "Thomson: numbers of charges whose arrangement of least energy is a phase; ~ its shape alone, "
    "with other angles"
)

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("", "all sizes"),
    ("8 3", "the phases of eight features in three dimensions"),
    ("8 3 --p 0.1", "the square antiprism, and what comes next"),
    ("--plot atlas.png", "the periodic table of superposition"),
    ("--html atlas.html", "the same as a page: every optimum can be turned"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    size = at_least(1)
    parser.add_argument("n_features", nargs="?", type=size, metavar="N", help="features")
    parser.add_argument("n_hidden", nargs="?", type=size, metavar="M", help="dimensions")
    parser.add_numbers(
        "--p",
        "--feature-probability",
        dest="feature_probability",
        metavar="P",
        help="feature probabilities in (0, 1] to look at",
    )
    parser.add_plot("the atlas, or the phases of one size")
    parser.add_page()


def run(args: argparse.Namespace) -> None:
    """Look up, print and draw."""
    from geomsup.theory import best_known

    checked_page(args.html)
    cells = _chosen(args)
    if args.feature_probability is not None:
        with options_to_blame():
            optima = [best_known(*cells[0].key, p) for p in args.feature_probability]
        if args.json:
            print_json({"optima": [best.to_dict() for best in optima], "plot": args.plot})
        else:
            say("\n".join(map(str, optima)))
    elif args.json:
        print_json({"cells": [cell.to_dict() for cell in cells], "plot": args.plot})
    else:
        say(cells[0] if args.n_features is not None else _overview(cells))
    add_picture(args, lambda: _drawn(cells))
    add_page(args, cells.to_html)


def _chosen(args: argparse.Namespace) -> Atlas:
    """The cell that is asked for, or all of them."""
    from geomsup.theory import atlas_cells
    from geomsup.theory.atlas import Atlas
    from geomsup.theory.atlas.known import known_cell

    if args.n_features is not None and args.n_hidden is None:
        raise UsageError("give both the features N and the dimensions M, or neither")
    if args.n_features is None:
        if args.feature_probability is not None:
            raise UsageError("--p is for one size; give the features N and the dimensions M too")
        return atlas_cells()
    key = args.n_features, args.n_hidden
    with options_to_blame():
        return Atlas([known_cell(*key)])


def _overview(cells: tuple[AtlasCell, ...]) -> str:
    """A line for each cell."""
    rows = [
        [
            str(cell.n_features),
            str(cell.n_hidden),
            str(len(cell.entries)),
            " ".join(cell.thomson) or "-",
            _phases(cell),
        ]
        for cell in cells
    ]
    header = ["N", "M", "phases", "Thomson", "as p grows (up to which p)"]
    return "\n".join([*table(header, rows, left=header[-2:]), _THOMSON])


def _phases(cell: AtlasCell) -> str:
    """Names as p grows; neighbours of one name, which differ in symmetry, are one."""
    runs = (list(run) for _, run in groupby(cell.entries, key=lambda entry: entry.name))
    return " | ".join(
        f"{run[-1].name} – {run[-1].high:.3g}" if run[-1].ends else run[-1].name for run in runs
    )


def _drawn(cells: tuple[AtlasCell, ...]) -> Figure:
    from geomsup.plotting import plot_atlas

    return figure_of((14.0, 7.5) if len(cells) > 1 else (8.0, 4.0), plot_atlas, cells)
