"""Choose one array out of a weight file, and say plainly what is wrong with a file that is bad.

A file that holds exactly one matrix needs no `key`; where there is a choice, the caller makes it,
because a bias of several models has the shape of a weight matrix too. Damaged files make the
parsers of :mod:`geomsup.weights.formats` raise almost anything, and this is where all of it becomes
one type of error.
"""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from geomsup.errors import GeomsupError, WeightsError, first_line, shorten
from geomsup.weights.entries import ArrayInfo, Entry, Loaded, weight_candidates
from geomsup.weights.formats import begins_like, format_of, suffixes

__all__ = [
    "MAX_BYTES",
    "UnsettledError",
    "chosen_matrix",
    "entries_of",
    "existing_path",
    "list_arrays",
    "listing",
    "read_arrays",
    "read_matrix",
]

# The most that is unpacked from compressed records unless the caller asks for more: 1 GiB.
MAX_BYTES = 2**30


class UnsettledError(WeightsError):
    """The key, or the lack of one, leaves open which array is meant; another would settle it."""


def list_arrays(path: str | os.PathLike[str]) -> tuple[ArrayInfo, ...]:
    """What a weight file holds: one record for each array, in the order of the file.

    Only headers are read.

    Parameters
    ----------
    path : str or path
        A weight file, as :func:`geomsup.weights.matrix.as_weights` takes it.

    Returns
    -------
    tuple of ArrayInfo

    Raises
    ------
    WeightsError
        If the file cannot be read, or holds no array.
    """
    return tuple(entry.info for entry in entries_of(path).values())


def read_matrix(
    path: str | os.PathLike[str], key: str | None = None, max_bytes: int | None = MAX_BYTES
) -> tuple[str, Loaded]:
    """One matrix of a weight file, and a label that names it in messages.

    Parameters
    ----------
    path, key, max_bytes
        As in :func:`geomsup.weights.matrix.as_weights`.

    Returns
    -------
    label : str
    matrix : ndarray
        As the file holds it; its values are not looked at.

    Raises
    ------
    WeightsError
        If the file cannot be read, or `key` does not settle which matrix is meant.
    """
    checked = _checked_path(path)
    entries = _open(checked)
    with _reading(checked):
        name, index = _only_matrix(entries) if key is None else _parse_key(key, entries)
        entry = entries[name]
        if entry.unpacked:
            # The conversion to float64 counts as well.
            _check_size(max(entry.unpacked, 8 * math.prod(entry.info.shape)), max_bytes)
        matrix = _one_of_stack(entry, index)
    return f"{shorten(name)} in {shorten(checked.name)}", matrix


def read_arrays(
    path: str | os.PathLike[str], max_bytes: int | None = MAX_BYTES
) -> dict[str, Loaded]:
    """Every array of a weight file by name; raises as `read_matrix` does."""
    checked = _checked_path(path)
    entries = _open(checked)
    with _reading(checked):
        _check_size(sum(entry.unpacked for entry in entries.values()), max_bytes)
        return {name: entry.load() for name, entry in entries.items()}


def chosen_matrix(entries: Mapping[str, Entry], key: str) -> tuple[str, Loaded]:
    """One of several arrays in memory, and a label for it; raises as `read_matrix` does."""
    name, index = _parse_key(key, entries)
    return shorten(name), _one_of_stack(entries[name], index)


def _one_of_stack(entry: Entry, index: int | None) -> Loaded:
    info = entry.info
    if len(info.shape) == 3 and index is None:
        raise WeightsError(
            f"expected one matrix, got a stack {shorten(info.name)} of shape {info.shape}; choose "
            f"one instance with key={shorten(f'{info.name}[0]')}"
        )
    loaded = entry.load()
    return loaded if index is None else loaded[index]


def _check_size(needed: int, max_bytes: int | None) -> None:
    if max_bytes is not None and needed > max_bytes:
        raise WeightsError(
            f"expected at most {max_bytes:,} bytes in compressed arrays, got {needed:,} once "
            f"unpacked; pass max_bytes={needed} if the file is trusted and the memory is there"
        )


def _only_matrix(entries: Mapping[str, Entry]) -> tuple[str, None]:
    # Stacks count as well: a file of several trained models holds a 3-D W and a 2-D b, and
    # taking b for the weights would be the worst of guesses.
    infos = [entry.info for entry in entries.values()]
    candidates = weight_candidates(infos)
    if not candidates:
        raise WeightsError(
            f"expected a 2-D matrix, got only {listing(infos)}; save the weights themselves"
        )
    if len(candidates) > 1:
        raise UnsettledError(
            f"expected one matrix, got {len(candidates)} candidates; choose with key= one of "
            f"{listing(candidates)}"
        )
    return candidates[0].name, None


def _parse_key(key: object, entries: Mapping[str, Entry]) -> tuple[str, int | None]:
    """The array that a key names, and the instance where it is a stack."""
    if not isinstance(key, str):
        raise WeightsError(f"expected key to be a str, got {shorten(key)}; name an array")
    if key in entries:
        return key, None
    counted = _from_the_front(key, entries)
    if counted in entries:
        return counted, None
    # At most 18 digits: no file has more instances, and int() refuses very long numerals.
    indexed = re.fullmatch(r"(.+)\[(-?[1-9][0-9]{0,17}|0)\]", counted, flags=re.DOTALL)
    if indexed is not None and indexed[1] in entries:
        name, index = indexed[1], int(indexed[2])
        shape = entries[name].info.shape
        if len(shape) != 3 or not -shape[0] <= index < shape[0]:
            raise UnsettledError(
                f"expected a stack of more than {index if index >= 0 else -index - 1} matrices "
                f"for key {shorten(key)}, got shape {shape}; choose another instance"
            )
        return name, index
    inside = {
        name: entry
        for name, entry in entries.items()
        if name.startswith((f"{counted}.", f"{counted}["))
    }
    if inside and counted:
        return _only_matrix(inside)
    infos = [entry.info for entry in entries.values()]
    raise UnsettledError(f"expected key= one of {listing(infos)}; got {shorten(key)}")


def _from_the_front(key: str, entries: Mapping[str, Entry]) -> str:
    """A key with places of lists that are counted from the end, as in W[-1], turned around.

    Lists are as long as their last item that holds an array.
    """
    while (found := re.search(r"\[-([1-9][0-9]{0,8})\]", key)) is not None:
        before = key[: found.start()]
        place = re.compile(re.escape(before) + r"\[([0-9]+)\]")
        places = [int(match[1]) for name in entries if (match := place.match(name))]
        number = max(places, default=-1) + 1 - int(found[1])
        if number < 0:
            break
        key = f"{before}[{number}]{key[found.end() :]}"
    return key


def listing(infos: list[ArrayInfo], limit: int = 8) -> str:
    """Names and shapes for a message."""
    shown = ", ".join(f"{shorten(info.name, 60)} {info.shape}" for info in infos[:limit])
    return shown + (f" and {len(infos) - limit} more" if len(infos) > limit else "")


def existing_path(path: str | os.PathLike[str], wanted: str) -> Path:
    """A path that something stands at; `wanted` is what a message calls it."""
    try:
        checked = Path(os.fsdecode(path))
        if not checked.exists():
            raise WeightsError(f"expected {wanted}, but {shorten(path)} does not exist")
    # Null bytes, lone surrogates and over-long names are ValueErrors or OSErrors by platform.
    except (OSError, TypeError, ValueError) as error:
        if isinstance(error, GeomsupError):
            raise
        raise WeightsError(
            f"expected the path of {wanted}, got {shorten(path)} ({first_line(error)})"
        ) from error
    return checked


def _checked_path(path: object) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise WeightsError(f"expected the path of a weight file, got a {type(path).__name__}")
    checked = existing_path(path, "a weight file")
    if checked.is_dir():
        raise WeightsError(f"expected a weight file, got the directory {shorten(path)}")
    if not checked.is_file():
        raise WeightsError(f"expected a regular file, but {shorten(path)} is not one")
    if format_of(checked) is None:
        raise WeightsError(
            f"{shorten(checked.name)}: expected a file ending in {', '.join(suffixes())}, got "
            f"{shorten(checked.suffix) if checked.suffix else 'no suffix'}; convert it with np.save"
        )
    return checked


def entries_of(path: str | os.PathLike[str]) -> dict[str, Entry]:
    """What a weight file holds, by name; raises as `list_arrays` does."""
    return _open(_checked_path(path))


def _open(path: Path) -> dict[str, Entry]:
    kind = format_of(path)
    assert kind is not None  # by _checked_path
    with _reading(path):
        with path.open("rb") as stream:
            head = stream.read(16)
        if not head:
            raise WeightsError("expected weights, got an empty file; save it again")
        if not kind.fits(head):
            seen = begins_like(head) or f"none that geomsup reads ({head[:8]!r})"
            raise WeightsError(
                f"expected a {path.suffix.lower()} file, got one that begins like {seen}; rename "
                "it or save it again"
            )
        entries = kind.read(path)
        if not entries:
            raise WeightsError("expected at least one array, got none; save it again")
    return entries


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Give every failure over a file one type and its name, and keep a reader's warnings in.

    The parsers run over bytes that may be damaged on purpose; what they raise is not documented
    and differs between versions, hence the broad clause.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except WeightsError as error:
            raise type(error)(f"{shorten(path.name)}: {error}") from None
        except Exception as error:
            raise WeightsError(
                f"{shorten(path.name)}: expected a sound {path.suffix} file, got "
                f"{type(error).__name__}: {first_line(error)}; it is damaged or mislabelled, "
                "save it again"
            ) from error
