"""Names and sizes to shapes.

A name is looked up without regard to case, accents, spaces, hyphens and underscores, so that
"Square_Antiprism" and "schlafli 27" arrive.  A sum of names is taken apart into factors that are
no sums themselves before it is looked up: that way "square ⊕ digon" and "digon ⊕ digon ⊕ digon"
are one shape, the octahedron, and every sum has exactly one canonical name.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from weakref import WeakValueDictionary

from geomsup.errors import GeomsupError, UnknownShapeError
from geomsup.shapes.figures import CODES, FIGURES
from geomsup.shapes.polytopes import Shape
from geomsup.shapes.recipes import (
    MAX_DIM,
    MAX_VERTICES,
    Recipe,
    series_recipe,
    sum_recipe,
    too_large_error,
)
from geomsup.shapes.thomson import NAME_PATTERN, optimum_called, unnamed_optima
from geomsup.shapes.vacant import vacant_recipes
from geomsup.validation import whole_number

__all__ = ["composite_name", "get_shape", "list_shapes"]

_SERIES_WORDS = {
    "gon": "gon",
    "simplex": "simplex",
    "orthoplex": "orthoplex",
    "crosspolytope": "orthoplex",
    "cube": "cube",
    "hypercube": "cube",
}
_SERIES_PATTERN = re.compile(rf"([0-9]+)({'|'.join(_SERIES_WORDS)})")
_SIGNED_SIZE = re.compile(r"\s*[-−–]\s*[0-9]")
# More digits than any size within the limits has; int() refuses very long texts.
_MAX_DIGITS = 9
_SUM_SIGN = re.compile("[⊕+]")
_VACANT = "vacant"
_SEPARATOR = re.compile(r"[\s_\-‐‑‒–—]")
_MAX_NAME = 60


def get_shape(name: str) -> Shape:
    """The shape of a name.

    Parameters
    ----------
    name : str
        A canonical name or synonym ("square antiprism", "5-cell"), a member of an endless series
        ("17-gon", "12-simplex", "9-orthoplex", "7-cube"), a figure without one vertex ("vacant
        icosahedron"), a Thomson optimum ("Thomson 11 in R^3"), or an orthogonal sum of such names
        joined by "⊕" or "+" ("pentagon ⊕ digon").  Case, accents, spaces, hyphens and
        underscores do not matter.

    Returns
    -------
    Shape
        A sum with a classical name comes back under it, any other as "a ⊕ b" with the largest
        factors first.

    Raises
    ------
    UnknownShapeError
        If there is no such name; the message suggests close ones.
    GeomsupError
        If the name is no text, or the shape has more than 4096 vertices or 1024 dimensions.

    Examples
    --------
    >>> get_shape("Pentagon + digon").name
    'pentagonal bipyramid'
    >>> get_shape("digon ⊕ 7-gon ⊕ digon").name
    'heptagon ⊕ digon ⊕ digon'
    >>> get_shape("pentagn")
    Traceback (most recent call last):
        ...
    geomsup.errors.UnknownShapeError: unknown shape 'pentagn'; did you mean 'pentagon'?
    """
    if not isinstance(name, str):
        raise GeomsupError(
            f"expected the name of a shape as str, got {type(name).__name__}; "
            "list_shapes() names all shapes"
        )
    return _shape_called(name.strip())


def list_shapes(n_vertices: int | None = None, dim: int | None = None) -> tuple[Shape, ...]:
    """The shapes of the catalogue, by number of vertices, then dimension, then name.

    Parameters
    ----------
    n_vertices : int, optional
        Only shapes with so many vertices.  The polygon, simplex, orthoplex and cube of that size
        are then included whatever the size, and the Thomson optima without another name.
    dim : int, optional
        Only shapes that span so many dimensions.

    Returns
    -------
    tuple of Shape
        Each shape once, under its canonical name.  Empty when nothing has this size, or it is
        beyond 4096 vertices.

    Raises
    ------
    GeomsupError
        If a size is not a positive integer.

    Examples
    --------
    >>> [shape.name for shape in list_shapes(5) if not shape.rare]
    ['pentagon', 'square pyramid', 'triangular bipyramid', '4-simplex']
    >>> [shape.name for shape in list_shapes(n_vertices=27, dim=6)]
    ['Schläfli 27']
    """
    return _listed(_size(n_vertices, "n_vertices"), _size(dim, "dim"))


def composite_name(factors: Iterable[str]) -> str | None:
    """The classical name of an orthogonal sum.

    Parameters
    ----------
    factors : iterable of str
        Names of the factors in any order, sums among them or not.

    Returns
    -------
    str or None
        Canonical name of the figure that the factors make together; None when it has none, when
        a factor has no name in the catalogue ("irregular"), or when there is only one factor that
        is no sum itself.

    Raises
    ------
    GeomsupError
        If the factors are one text instead of several.

    Examples
    --------
    >>> composite_name(["digon", "digon", "digon"]), composite_name(["square", "monosemantic"])
    ('octahedron', 'square pyramid')
    >>> composite_name(["pentagon", "triangle"]) is None
    True
    """
    if isinstance(factors, str):
        raise GeomsupError(
            f"expected several names, got the text {_shown(factors)}; pass a list of names"
        )
    primitives: list[str] = []
    for factor in factors:
        try:
            primitives += _primitives(factor)
        except GeomsupError:
            return None
    return _classical_name(primitives)


# A shape lives once as long as anybody holds it; the caches below hold the recent ones.
_ALIVE: WeakValueDictionary[str, Shape] = WeakValueDictionary()


# Room for the whole table and a few dozen sizes of the series, whose members can be large.
@lru_cache(maxsize=256)
def _shape_called(name: str) -> Shape:
    return _built(_recipe(name))


def _built(recipe: Recipe) -> Shape:
    shape = _ALIVE.get(recipe.name)
    return _ALIVE.setdefault(recipe.name, recipe.shape()) if shape is None else shape


@lru_cache(maxsize=256)
def _listed(n_vertices: int | None, dim: int | None) -> tuple[Shape, ...]:
    recipes = {recipe.name: recipe for recipe in FIGURES}
    if n_vertices is not None:
        recipes |= {recipe.name: recipe for recipe in _series_of(n_vertices)}
    chosen = [
        recipe
        for recipe in recipes.values()
        if n_vertices in (None, recipe.n_vertices) and dim in (None, recipe.dim)
    ]
    chosen.sort(key=lambda recipe: (recipe.n_vertices, recipe.dim, recipe.name))
    return tuple(_built(recipe) for recipe in chosen)


def _series_of(n_vertices: int) -> Iterator[Recipe]:
    if 2 <= n_vertices <= MAX_VERTICES:
        yield series_recipe("gon", n_vertices)
        if n_vertices - 1 <= MAX_DIM:
            yield series_recipe("simplex", n_vertices - 1)
        if n_vertices % 2 == 0 and n_vertices // 2 <= MAX_DIM:
            yield series_recipe("orthoplex", n_vertices // 2)
        if n_vertices.bit_count() == 1:
            yield series_recipe("cube", n_vertices.bit_length() - 1)
    yield from unnamed_optima(n_vertices)


def _size(value: int | None, argument: str) -> int | None:
    return None if value is None else whole_number(argument, value, 1, None)


def _normalised(name: str) -> str:
    # NFKD splits "ä" into "a" and a combining mark, which goes the way of the separators.
    letters = unicodedata.normalize("NFKD", name).casefold()
    return "".join(c for c in letters if not (_SEPARATOR.match(c) or unicodedata.combining(c)))


def _recipe(name: str) -> Recipe:
    parts = [part.strip() for part in _SUM_SIGN.split(name)]
    if len(parts) == 1:
        return _simple_recipe(name)
    if len(parts) > MAX_VERTICES:
        raise too_large_error(name)
    primitives = [primitive for part in parts for primitive in _primitives(part)]
    classical = _classical_name(primitives)
    if classical is not None:
        return _simple_recipe(classical)
    recipes = sorted(
        (_simple_recipe(primitive) for primitive in primitives),
        key=lambda recipe: (-recipe.n_vertices, -recipe.dim, recipe.name),
    )
    return sum_recipe(" ⊕ ".join(recipe.name for recipe in recipes), recipes, recipes)


def _simple_recipe(name: str) -> Recipe:
    key = _normalised(name)
    if not key:
        raise UnknownShapeError(
            "expected the name of a shape, also on both sides of each ⊕, got an empty one; "
            "list_shapes() names all shapes"
        )
    if _SIGNED_SIZE.match(name):
        # Hyphens are separators, so without this "-3-gon" would be a triangle.
        raise UnknownShapeError(f"expected a positive size, got {_shown(name)}; drop the sign")
    if key in _KNOWN:
        return _KNOWN[key]
    if thomson := NAME_PATTERN.fullmatch(key):
        optimum = optimum_called(*map(int, thomson.groups()))
        if optimum is None:
            raise UnknownShapeError(
                f"no optimum is on record for {_shown(name)}; geomsup.sphere.thomson_optimum "
                "searches one"
            )
        return _recipe(optimum) if isinstance(optimum, str) else optimum
    if key.startswith(_VACANT):
        return _vacant_recipe(name, key.removeprefix(_VACANT))
    member = _SERIES_PATTERN.fullmatch(key)
    if member is None:
        raise _unknown(name, key)
    digits, word = member.groups()
    if len(digits) > _MAX_DIGITS:
        raise too_large_error(name)
    recipe = series_recipe(_SERIES_WORDS[word], int(digits))
    # A figure that the table lists under another series is the table's own recipe.
    return _KNOWN.get(_normalised(recipe.name), recipe)


def _vacant_recipe(name: str, key: str) -> Recipe:
    """What is left of a figure that the table lists no vacant one of; key is the figure's."""
    if not (key in _KNOWN or _SERIES_PATTERN.fullmatch(key)):
        raise _unknown(name, _VACANT + key)
    whole = _simple_recipe(key)
    if set(whole.factors) == {"digon"}:
        return _recipe(" ⊕ ".join([*whole.factors[:-1], "monosemantic"]))
    vacant = list(vacant_recipes(whole))
    if len(vacant) == 1:
        return vacant[0]
    if vacant:
        raise UnknownShapeError(
            f"{_shown(name)} does not say which vertex is missing; choose "
            + " or ".join(repr(recipe.name) for recipe in vacant)
        )
    raise UnknownShapeError(
        f"unknown shape {_shown(name)}; what is left of the {whole.name} has no name of its own"
    )


def _primitives(name: str) -> list[str]:
    if _SUM_SIGN.search(name) and _normalised(name) not in _KNOWN:
        return [leaf for part in _SUM_SIGN.split(name) for leaf in _primitives(part)]
    recipe = _simple_recipe(name)
    if not recipe.factors:
        return [recipe.name]
    return [leaf for factor in recipe.factors for leaf in _primitives(factor)]


def _classical_name(primitives: list[str]) -> str | None:
    if len(primitives) < 2:
        return None
    if set(primitives) == {"digon"}:
        dim = len(primitives)
        return series_recipe("orthoplex", dim).name if dim <= MAX_DIM else None
    return _composites().get(tuple(sorted(primitives)))


@lru_cache(maxsize=1)
def _composites() -> dict[tuple[str, ...], str]:
    return {
        tuple(sorted(_primitives(recipe.name))): recipe.name for recipe in FIGURES if recipe.factors
    }


def _unknown(name: str, key: str) -> UnknownShapeError:
    message = f"unknown shape {_shown(name)}"
    # Comparing is quadratic in the length, and nothing long is close to a name.
    close = difflib.get_close_matches(key, _KNOWN, cutoff=0.7) if len(key) <= _MAX_NAME else []
    if close:
        # Several synonyms of one shape make one suggestion.
        names = dict.fromkeys(repr(_KNOWN[match].name) for match in close)
        return UnknownShapeError(f"{message}; did you mean {' or '.join(names)}?")
    return UnknownShapeError(f"{message}; list_shapes() names all shapes")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_NAME else f"{text[: _MAX_NAME - 1]}…"


_KNOWN = {
    _normalised(text): recipe
    for recipe in (*FIGURES, *CODES)
    for text in (recipe.name, *recipe.synonyms)
}
