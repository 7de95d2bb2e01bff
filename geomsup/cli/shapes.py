"""``geomsup shapes``: the catalogue as a table, or one shape as a card."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
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
and cube of that size are listed as well."""


EXAMPLES: tuple[tuple[str, str], ...] = (
    ("", "all of them"),
    ("square antiprism", "one of them"),
    ('"pentagon + digon"', "an orthogonal sum"),
    ("--vertices 8 --dim 3", "those of a size"),
)


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


def run(args: argparse.Namespace) -> None:
    """Show one shape, or list those of a size."""
    from geomsup import get_shape, list_shapes

    filtered = args.n_vertices is not None or args.dim is not None
    if args.name and filtered:
        raise UsageError("give either the NAME of a shape or a size to list, not both")
    if args.name:
        with options_to_blame():
            answer(args, get_shape(" ".join(args.name)))
        return
    shapes = list_shapes(n_vertices=args.n_vertices, dim=args.dim)
    if args.json:
        print_json([_without_arrays(shape.to_dict()) for shape in shapes])
    elif not shapes:
        say("the catalogue has no shape of this size; geomsup shapes lists all of them")
    else:
        say("\n".join(_table(shapes)))
        say(f"\n{len(shapes)} shapes; geomsup shapes NAME shows one")
        if not filtered:
            say('and in any size: "17-gon", "12-simplex", "9-orthoplex", "7-cube", sums with "+"')


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
