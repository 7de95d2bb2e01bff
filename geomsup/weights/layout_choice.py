"""Which matrix of a file is the dictionary, and what beside it speaks of its orientation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from geomsup.errors import WeightsError, shorten
from geomsup.weights.entries import ArrayInfo, weight_candidates
from geomsup.weights.files import list_arrays, listing
from geomsup.weights.layout_files import Container, UnknownLayoutError, read_config
from geomsup.weights.layouts import UNKNOWN, Key, Layout, config_words
from geomsup.weights.orientation import Fact, facts_of_arrays, facts_of_config

__all__ = ["Choice", "Request", "choose", "facts", "voucher"]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A matrix of a file that a layout takes for directions."""

    layout: Layout
    key: Key
    name: str
    prefix: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a caller said of the matrix in a file.

    Parameters
    ----------
    layouts : tuple of Layout
        Those that come into question.
    is_layout_asked : bool
        Whether the caller named the one layout.
    key : str or None
        Name or role of the matrix.
    layer : int or None
    axis : int or None
        Which axis counts the features, 0 or 1.
    """

    layouts: tuple[Layout, ...]
    is_layout_asked: bool = False
    key: str | None = None
    layer: int | None = None
    axis: int | None = None


def choose(container: Container, request: Request) -> tuple[list[Choice], str]:
    """What the layouts make of one matrix of the file, and a note on the choice.

    Whoever states the axis may have a file of no layout, if it holds one matrix.
    """
    choices, note = _by_layouts(container, request), ""
    if request.key is not None:
        choices, note = _of_key(container, choices, request.key)
    elif not choices and request.axis is not None:
        alone = weight_candidates(container.arrays.values())
        choices = [_named(info.name) for info in alone] if len(alone) == 1 else []
    _check_that_one_matrix(container, choices, request.key)
    return choices, note


def _by_layouts(container: Container, request: Request) -> list[Choice]:
    asked, name = request.is_layout_asked, container.path.name
    fitting = [layout for layout in request.layouts if asked or layout.fits(name)]
    choices = [choice for layout in fitting for choice in _choices(layout, container.arrays)]
    return choices if choices or asked else _choices(UNKNOWN, container.arrays)


def _of_key(container: Container, choices: list[Choice], key: str) -> tuple[list[Choice], str]:
    """Those of the choices that a key names by name or role, and a note."""
    if not isinstance(key, str):
        raise WeightsError(f"expected key to be a str, got {shorten(key)}; name an array")
    wanted = [choice for choice in choices if key in (choice.name, choice.key.role)]
    if wanted:
        return wanted, ""
    if key in container.arrays:
        return [_named(key)], ""
    if key == "unembedding" and _may_be_tied(container, choices):
        tied = [choice for choice in choices if choice.key.role == "embedding"]
        return tied, "there is no unembedding of its own: it is tied to the embedding"
    return [], ""


def _check_that_one_matrix(container: Container, choices: list[Choice], key: str | None) -> None:
    names = container.arrays
    if not choices:
        wish = "a decoder or an embedding of a known layout" if key is None else shorten(key)
        raise UnknownLayoutError(
            f"{shorten(container.path.name)}: expected {wish}, got "
            f"{listing(list(names.values()))}; pass key= and feature_axis="
        )
    matrices = {choice.name: names[choice.name] for choice in choices}
    if len(matrices) > 1:
        roles = sorted({choice.key.role for choice in choices})
        cure = f" (or {' or '.join(map(repr, roles))})" if len(roles) > 1 else ""
        raise WeightsError(
            f"{shorten(container.path.name)}: expected one matrix of features, got "
            f"{len(matrices)}; pass key= one of {listing(list(matrices.values()))}{cure}"
        )


def _choices(layout: Layout, names: Mapping[str, ArrayInfo]) -> list[Choice]:
    """The matrices of fractional numbers that a layout takes for directions."""
    found = []
    for key in layout.keys:
        for name, info in names.items():
            prefix = key.prefix(name)
            if prefix is None or len(info.shape) < 2 or not info.is_fractional:
                continue
            if not layout.marks or any(prefix + mark in names for mark in layout.marks):
                found.append(Choice(layout=layout, key=key, name=name, prefix=prefix))
    return found


def _named(name: str) -> Choice:
    """An array that no layout knows: nothing beside it speaks of it."""
    unknown = Key(pattern="", feature_axis=None, role="named")
    return Choice(layout=UNKNOWN, key=unknown, name=name, prefix="")


def _may_be_tied(container: Container, choices: list[Choice]) -> bool:
    if not any(choice.key.role == "embedding" for choice in choices):
        return False
    _, config = read_config(container.path, choices[0].layout)
    return all(part.get("tie_word_embeddings") is not False for part in config_words(config))


def voucher(container: Container, choice: Choice, is_asked: bool) -> str:
    """What settles the axis where lengths cannot; "" if nothing does."""
    layout = choice.layout
    if is_asked:
        return f"layout={layout.name!r} was asked for"
    if layout.by_definition:
        return f"{choice.name} has a row for each token by definition"
    name, config = read_config(container.path, layout)
    word = layout.signed_by(config)
    return f"{word} in {name} is of {layout.title}" if word else ""


def facts(container: Container, choice: Choice) -> list[Fact]:
    """The lengths that stand beside a matrix."""
    role, layout = choice.key.role, choice.layout
    if role == "named":
        return []
    name, config = read_config(container.path, layout)
    stated = facts_of_config(config, name, role)
    if role != "decoder":
        return stated
    infos = list(container.arrays.values())
    if layout.biases:
        beside = container.path.with_name(container.path.name.replace("W_dec", layout.biases))
        infos += list_arrays(beside) if beside.is_file() and beside != container.path else ()
    return facts_of_arrays(infos, choice.prefix, layout.dimension_bias) + stated
