"""The words of a claim: what each asks of a group, what it measures, and who else may explain it.

A new word is one function that measures, small where the word holds, one that weighs it beside its
rivals, and one entry in :data:`WORDS`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from geomsup.claims.evidence import SIGNALS, Group, either, marginal
from geomsup.claims.statistics import (
    along_line,
    cosines_of,
    from_shape,
    mean_cosines,
    mean_opposites,
    off_circle,
    orders_in_plane,
    orders_on_line,
    plane_of,
    sides_of,
    tours,
    unevenness,
)
from geomsup.errors import GeomsupError, UnknownShapeError, shorten
from geomsup.matching import Background, Cloud, match_cloud
from geomsup.shapes import Shape, get_shape
from geomsup.survey.bundles import bundle_evidence
from geomsup.validation import one_of

__all__ = ["CENTRES", "WORDS", "Word", "words_for"]

Array = NDArray[np.float64]

CENTRES = ("centroid", "origin", "mean")

# Values of a free parameter of a shape that a group is compared with.
_N_PARAMETERS = 9
# Shapes of the catalogue that are weighed as rivals.
_MOST_SHAPES = 500
_HOPELESS = -1e6
# A figure whose vertices have their mean farther than this from its centre is not about that mean.
_BALANCED = 1e-6


@dataclass(frozen=True, kw_only=True)
class Word:
    """What may be claimed of a group.

    Attributes
    ----------
    name : str
    fewest : int
        Members below which the word says nothing.
    centres : tuple of str
        What it can be about; the first unless something else is asked for.
    measure : callable
        From Gram matrices, and whether their order counts, to numbers that are small where
        the word holds.
    weigh : callable
        From a group to log evidence of the word, under "", and of its rivals.
    statistic : str
        What ``measure`` returns, in words.
    curve : {"closed", "open", "straight", None}
        What members follow each other along, where an order means something.
    shape_alone : callable or None
        A second measure, from Gram matrices, that clouds of the spectrum are held to beside the
        first: a ring with uneven steps is round all the same.
    takes_order : bool
    apart : bool
        Whether a group must also be farther from the mean of the matrix than random groups are,
        for its spread.
    similar : bool
        Whether controls are as near to each other as the group, or groups at random, where
        nearness is what is claimed.
    clouds_from : int or None
        Number of members from which Gaussian clouds with the spectrum of the group are a test: two
        vectors of a spectrum are always opposite, or always not.
    size : int or None
        The number of members that it needs.
    """

    name: str
    fewest: int
    centres: tuple[str, ...]
    measure: Callable[[Array, bool], Array]
    weigh: Callable[[Group], Mapping[str, float]]
    statistic: str
    curve: Literal["closed", "open", "straight"] | None = None
    shape_alone: Callable[[Array], Array] | None = None
    takes_order: bool = True
    apart: bool = False
    similar: bool = True
    clouds_from: int | None = 4
    size: int | None = None


def _closed_tour(grams: Array, ordered: bool) -> Array:
    orders = _natural(grams) if ordered else orders_in_plane(plane_of(grams)[1])
    return tours(grams, orders, closed=True)


def _open_tour(grams: Array, ordered: bool) -> Array:
    orders = _natural(grams) if ordered else orders_on_line(grams, plane_of(grams)[1])
    return tours(grams, orders, closed=False)


def _off_line(grams: Array, ordered: bool) -> Array:
    return along_line(grams, np.arange(grams.shape[-1]) if ordered else None)


def _opposites(grams: Array, ordered: bool) -> Array:
    return mean_opposites(grams, np.arange(grams.shape[-1]) if ordered else None)


def _natural(grams: Array) -> NDArray[np.intp]:
    return np.broadcast_to(np.arange(grams.shape[-1]), grams.shape[:-1])


def _spread_out(group: Group, claimed: str, *, even: bool = False) -> dict[str, float]:
    """Ring, arc, line and simplex beside each other, clusters, and clouds of any rank."""
    zero = np.zeros(len(SIGNALS))
    found = {
        "ring": marginal(group.ring(even=even)),
        "arc": marginal(group.arc()),
        "line": marginal(group.line()),
    }
    flat = group.rank > 2
    found["blob"] = marginal(group.cloud(2)) if flat else 0.0
    found["higher rank"] = marginal(group.clouds(range(3, group.rank)))
    found["clusters"] = marginal(group.clusters())
    found["simplex"] = marginal(either(zero, group.simplex()))
    if claimed == "line":
        # A line in no order is a cloud of one dimension, which is its rival no more than itself.
        found["blob"] = marginal(either(zero, group.cloud(2) if flat else zero))
    if claimed == "simplex":
        found["simplex"] = marginal(group.simplex())
        found["blob"] = 0.0
        found["lower rank"] = marginal(group.clouds(range(1, group.rank)))
        del found["ring"], found["arc"], found["line"], found["higher rank"]
    found = {name: value for name, value in found.items() if np.isfinite(value) or name == claimed}
    return {"": max(found.pop(claimed), _HOPELESS), **found}


def _opposed(group: Group) -> dict[str, float]:
    """Pairs on both ends of axes of their own, beside independent directions and a bundle."""
    cosines = cosines_of(group.gram)
    n, dim = group.n, _whole(group.dim)
    pairs = [(k, k + 1) for k in range(0, n, 2)]
    ways = 0.0
    if group.order is None and n > 2:
        pairs = _most_opposed(cosines)
        ways = float(gammaln(n + 1) - gammaln(n // 2 + 1) - n // 2 * np.log(2))
    half = np.full(len(pairs), 2)
    apart = np.sqrt(np.maximum(2 - 2 * np.array([cosines[i, j] for i, j in pairs]), 0.0))
    both = bundle_evidence(half, apart, np.ones(len(pairs), dtype=np.bool_), dim)
    return {"": float(both.sum()) - ways, "blob": 0.0, "bundle": _one_bundle(cosines, dim)}


def _bundled(group: Group) -> dict[str, float]:
    """One direction, beside independent directions and two bundles."""
    cosines = cosines_of(group.gram)
    dim = _whole(group.dim)
    found = {"": _one_bundle(cosines, dim), "blob": 0.0}
    if group.n > 3:
        found["clusters"] = _two_bundles(cosines, dim)
    return found


def _one_bundle(cosines: Array, dim: int) -> float:
    length = float(np.sqrt(max(cosines.sum(), 0.0)))
    one = bundle_evidence(np.array([len(cosines)]), np.array([length]), np.array([False]), dim)
    return float(one[0])


def _two_bundles(cosines: Array, dim: int) -> float:
    first = np.linalg.eigh(cosines - cosines.mean(axis=0))[1][:, -1] > 0
    sides = [np.flatnonzero(side) for side in (first, ~first)]
    found = sum(_one_bundle(cosines[np.ix_(s, s)], dim) for s in sides if len(s) > 1)
    return found - (len(cosines) - 1) * float(np.log(2))


def _most_opposed(cosines: Array) -> list[tuple[int, int]]:
    left, pairs = set(range(len(cosines))), []
    for pair in np.argsort(cosines, axis=None):
        i, j = divmod(int(pair), len(cosines))
        if i in left and j in left and i != j:
            left -= {i, j}
            pairs.append((i, j))
    return pairs


def _named(group: Group, shape: Shape) -> dict[str, float]:
    """A shape of the catalogue beside the other shapes of as many vertices, and beside none."""
    values, vectors = np.linalg.eigh(cosines_of(group.gram))
    directions = vectors * np.sqrt(np.maximum(values, 0.0))
    directions = directions[:, ::-1][:, : group.rank]
    dim = max(_whole(group.dim), group.rank)
    background = Background(dim=dim, largest=dim, n_directions=group.n, rank=dim)
    result = match_cloud(
        Cloud(directions / np.linalg.norm(directions, axis=1, keepdims=True)),
        background=background,
        noise=None,
        max_candidates=_MOST_SHAPES,
    )
    logs = {one.shape: np.log(max(one.probability, 1e-300)) for one in result.candidates}
    found = {"": float(logs.pop(shape.name, _HOPELESS))}
    found["irregular"] = float(np.log(max(result.irregular_probability, 1e-300)))
    others = sorted(logs, key=lambda name: -logs[name])[:2]
    return {**found, **{name: float(logs[name]) for name in others}}


def _whole(dim: float) -> int:
    return max(2, round(dim))


def _forms(shape: Shape) -> list[Array]:
    """Vertices of a shape in each of its forms, at several values of a free parameter."""
    forms = [form.vertices for form in shape.in_each_form()]
    if shape.family is not None:
        low, high = shape.family.bounds
        values = np.linspace(low, high, _N_PARAMETERS + 2)[1:-1]
        forms += [shape.family.build(float(value)) for value in values]
    return forms


def _of_catalogue(shape: Shape) -> Word:
    forms = _forms(shape)
    sides = [sides_of(form @ form.T) for form in forms]
    balanced = all(np.linalg.norm(form.mean(axis=0)) <= _BALANCED for form in forms)

    def measure(grams: Array, ordered: bool) -> Array:
        del ordered
        return np.asarray(np.min([from_shape(grams, one) for one in sides], axis=0))

    return Word(
        name=shape.name,
        fewest=shape.n_vertices,
        size=shape.n_vertices,
        centres=CENTRES if balanced else CENTRES[1:],
        measure=measure,
        weigh=partial(_named, shape=shape),
        statistic="rms difference of sorted cosines",
        takes_order=False,
    )


WORDS: dict[str, Word] = {
    word.name: word
    for word in (
        Word(
            name="ring",
            fewest=4,
            centres=CENTRES,
            measure=_closed_tour,
            weigh=partial(_spread_out, claimed="ring"),
            statistic="closed tour",
            curve="closed",
            shape_alone=off_circle,
        ),
        Word(
            name="arc",
            fewest=4,
            centres=("centroid",),
            measure=_open_tour,
            weigh=partial(_spread_out, claimed="arc"),
            statistic="open tour",
            curve="open",
        ),
        Word(
            name="line",
            fewest=4,
            centres=("centroid",),
            measure=_off_line,
            weigh=partial(_spread_out, claimed="line"),
            statistic="share off the line",
            curve="straight",
        ),
        Word(
            name="simplex",
            fewest=3,
            centres=("centroid",),
            measure=lambda grams, ordered: unevenness(grams),
            weigh=partial(_spread_out, claimed="simplex"),
            statistic="unevenness of distances",
            apart=True,
            takes_order=False,
            clouds_from=None,
        ),
        Word(
            name="antipodes",
            fewest=2,
            centres=("origin", "mean"),
            measure=_opposites,
            weigh=_opposed,
            statistic="mean cosine of opposites",
            similar=False,
        ),
        Word(
            name="bundle",
            fewest=2,
            centres=("origin", "mean"),
            measure=lambda grams, ordered: mean_cosines(grams),
            weigh=_bundled,
            statistic="minus the mean cosine",
            takes_order=False,
            similar=False,
            clouds_from=None,
        ),
    )
}


def words_for(shape: object, n_members: int, about: object) -> tuple[tuple[Word, str], ...]:
    """The word that is claimed of so many members, and its centre.

    "Tetrahedron" is said of four vectors that are one about the origin, and of four that are one
    beside a common part.  About the centroid the former are not told from any few vectors, and
    about the origin the latter are none: the name of a simplex is looked at about both.

    Raises
    ------
    UnknownShapeError
        If there is no such word and no such shape; the message has near ones.
    GeomsupError
        If the word needs more members, or another centre.
    """
    word = _word(shape, about, n_members)
    if word.size is not None and word.size != n_members:
        raise GeomsupError(
            f"the {word.name} has {word.size} vertices, got {n_members} features; pass as many"
        )
    if n_members < word.fewest:
        raise GeomsupError(
            f"shape {word.name!r} needs {word.fewest} features or more, got {n_members}: fewer are "
            "one whatever they are"
        )
    if word.name == "antipodes" and n_members % 2:
        raise GeomsupError(f"antipodes come in pairs, got {n_members} features")
    if about is not None:
        one_of(f"about of shape {word.name!r}", about, word.centres)
        return ((word, str(about)),)
    if word.apart and word.size is not None:
        return ((word, word.centres[0]), (_word(shape, "origin", n_members), "origin"))
    return ((word, word.centres[0]),)


def _word(shape: object, about: object, n_members: int) -> Word:
    if not isinstance(shape, str):
        raise GeomsupError(f"shape must be a word such as 'ring', got {type(shape).__name__}")
    key = shape.strip().lower()
    if key == "simplex" and about in ("origin", "mean"):
        # About these a simplex has cosines of its own, -1/(n - 1), which the catalogue knows.
        return _of_catalogue(get_shape(f"{max(n_members, 2) - 1}-simplex"))
    if key in WORDS:
        return WORDS[key]
    try:
        return _of_name(get_shape(shape), about)
    except UnknownShapeError as error:
        near = difflib.get_close_matches(key, WORDS, n=1, cutoff=0.7)
        cure = f"did you mean {near[0]!r}?" if near else f"or one of {', '.join(WORDS)}"
        said = f"unknown shape {shorten(shape)}" if near else str(error)
        raise UnknownShapeError(f"{said}; {cure}") from None


def _of_name(shape: Shape, about: object) -> Word:
    """A shape of the catalogue, as the word that says more than a match would."""
    n = shape.n_vertices
    if n == 1:
        raise GeomsupError(
            f"a claim is about a group of features, and {shape.name!r} is said of one alone; "
            "classify_geometry says it"
        )
    special: dict[str, Any] = {"name": shape.name, "size": shape.n_vertices}
    if n == 2:
        return replace(WORDS["antipodes"], **special)
    if shape.dim == n - 1 and about in (None, "centroid"):
        return replace(WORDS["simplex"], **special)
    if shape.dim == 2 and n > 3 and shape.name == get_shape(f"{n}-gon").name:
        even = partial(_spread_out, claimed="ring", even=True)
        return replace(WORDS["ring"], weigh=even, **special)
    return _of_catalogue(shape)
