"""``geomsup shapes``: the catalogue as a table, one shape as a card, and shapes of one's own."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geomsup.cli.arguments import VerbParser, at_least
from geomsup.cli.output import UsageError, answer, options_to_blame, print_json, say, table

if TYPE_CHECKING:
    from geomsup import Shape

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "list the catalogue of shapes, or show one of them"
DESCRIPTION: str = """\
Show the shapes that geomsup knows by name, or all about one of them.

NAME is a name, a synonym, a member of a series ("17-gon", "12-simplex") or an orthogonal sum
("pentagon + digon"); quotes may be left out. With --vertices the polygon, simplex, cross-polytope
and cube of that size are listed as well.

add FILE puts shapes of your own into your catalogue: a JSON file with name, vertices (or gram),
source and notes, or a list of these; nothing in it is executed. Your catalogue is the file of
--catalogue, or else of the environment's GEOMSUP_CATALOGUE, or else ~/.geomsup/shapes.json. Shapes
in it are listed here, and compete for names where geomsup classify --shapes FILE says so."""


EXAMPLES: tuple[tuple[str, str], ...] = (
    ("", "all of them"),
    ("square antiprism", "one of them"),
    ('"pentagon + digon"', "an orthogonal sum"),
    ("--vertices 8 --dim 3", "those of a size"),
    ("add mine.json", "put shapes of your own into your catalogue"),
)

_VARIABLE = "GEOMSUP_CATALOGUE"
_DEFAULT = Path("~/.geomsup/shapes.json")


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_argument("name", nargs="*", metavar="NAME", help="show this shape")
    size = at_least(1)
    parser.add_argument(
        "--vertices",
        "--n-vertices",
        dest="n_vertices",
        type=size,
        metavar="N",
        help="list shapes of N vertices",
    )
    parser.add_argument("--dim", type=size, metavar="D", help="list shapes of D dimensions")
    parser.add_argument("--catalogue", metavar="FILE.json", help="your own catalogue")


def run(args: argparse.Namespace) -> None:
    """Show one shape, list those of a size, or add to one's own."""
    from geomsup.shapes import load_catalogue

    filtered = args.n_vertices is not None or args.dim is not None
    if args.name and filtered:
        raise UsageError("give either the NAME of a shape or a size to list, not both")
    path = _catalogue(args)
    if args.name[:1] == ["add"]:
        _add(args, path)
        return
    # A catalogue that was named must be there; the usual one need not.
    named = args.catalogue is not None or _VARIABLE in os.environ
    own = load_catalogue(path) if named or path.exists() else ()
    if args.name:
        _show(args, own)
    else:
        _list(args, own, path, filtered=filtered)


def _catalogue(args: argparse.Namespace) -> Path:
    chosen = args.catalogue or os.environ.get(_VARIABLE) or _DEFAULT
    return Path(chosen).expanduser()


def _add(args: argparse.Namespace, path: Path) -> None:
    from geomsup.shapes import add_to_catalogue, load_catalogue

    if len(args.name) != 2:
        raise UsageError("add needs one file of shapes, as in geomsup shapes add mine.json")
    added = load_catalogue(args.name[1])
    all_of_them = add_to_catalogue(added, path)
    if args.json:
        names = [shape.name for shape in added]
        print_json({"catalogue": str(path), "added": names, "shapes": len(all_of_them)})
        return
    say(f"added {', '.join(shape.name for shape in added)}; {path} has {len(all_of_them)} now")
    say(f"next: {shlex.join(['geomsup', 'classify', 'W.npy', '--shapes', str(path)])}")


def _show(args: argparse.Namespace, own: Sequence[Shape]) -> None:
    from geomsup.shapes import get_shape

    name = " ".join(args.name)
    for shape in own:
        if shape.name.casefold() == name.casefold():
            answer(args, shape)
            return
    with options_to_blame():
        answer(args, get_shape(name))


def _list(args: argparse.Namespace, own: Sequence[Shape], path: Path, *, filtered: bool) -> None:
    from geomsup.shapes import list_shapes

    shapes = list_shapes(n_vertices=args.n_vertices, dim=args.dim)
    fitting = [
        shape
        for shape in own
        if args.n_vertices in (None, shape.n_vertices) and args.dim in (None, shape.dim)
    ]
    if args.json:
        print_json([_without_arrays(shape.to_dict()) for shape in (*shapes, *fitting)])
        return
    if not shapes:
        say("the catalogue has no shape of this size; geomsup shapes lists all of them")
    else:
        say("\n".join(_table(shapes)))
        say(f"\n{len(shapes)} shapes; geomsup shapes NAME shows one")
        if not filtered:
            say('and in any size: "17-gon", "12-simplex", "9-orthoplex", "7-cube", sums with "+"')
    if fitting:
        say(f"\nyour own, in {path}:")
        say("\n".join(_table(fitting)))


def _table(shapes: Sequence[Shape]) -> list[str]:
    header = ["name", "vertices", "dim", "mean D", "symmetries", "orthogonal sum of"]
    rows = [
        [
            shape.name,
            str(shape.n_vertices),
            str(shape.dim),
            f"{shape.dimensionality:.4f}",
            f"{shape.symmetry_order:,}",
            " ⊕ ".join(shape.factors),
        ]
        for shape in shapes
    ]
    return table(header, rows, left=("name", "orthogonal sum of"))


def _without_arrays(record: dict[str, Any]) -> dict[str, Any]:
    # They are in the shape's own record; the list is for finding its name.
    return {
        key: value
        for key, value in record.items()
        if key not in ("vertices", "dimensionalities", "family")
    }
