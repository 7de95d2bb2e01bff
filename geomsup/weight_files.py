"""Choose one array out of a weight file, and say plainly what is wrong with a file that is bad.

A file that holds exactly one matrix needs no `key`; where there is a choice, the caller makes it,
because a bias of several models has the shape of a weight matrix too. Damaged files make the
parsers of :mod:`geomsup.file_formats` raise almost anything, and this is where all of it becomes
one type of error.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geomsup.errors import GeomsupError, WeightsError, first_line, shorten
from geomsup.file_formats import READERS, ArrayInfo, Entry, Loaded

__all__ = ["list_arrays", "read_arrays", "read_matrix"]

_NPY, _ZIP, _EMPTY_ZIP = b"\x93NUMPY", b"PK\x03\x04", b"PK\x05\x06"
# torch's format of before 1.6: a pickled magic number in front of several pickles.
_LEGACY_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_SIGNATURES = {
    ".npy": (_NPY,),
    ".npz": (_ZIP, _EMPTY_ZIP),
    ".pt": (_ZIP, _LEGACY_TORCH),
    ".pth": (_ZIP, _LEGACY_TORCH),
}
_LOOKS_LIKE = {
    _NPY: "an .npy array",
    _ZIP: "a zip archive (.npz or .pt)",
    _EMPTY_ZIP: "an empty zip archive",
    _LEGACY_TORCH: "a .pt file",
    b"\x80": "a bare pickle, which geomsup never opens",
    b"\x89HDF": "an HDF5 file",
}


def list_arrays(path: str | os.PathLike[str]) -> tuple[ArrayInfo, ...]:
    """What a weight file holds: one record for each array, in the order of the file.

    Only headers are read, except for .pt files in torch's format of before 1.6, which has none.

    Parameters
    ----------
    path : str or path
        A .npy, .npz, .pt, .pth or .safetensors file.

    Returns
    -------
    tuple of ArrayInfo

    Raises
    ------
    WeightsError
        If the file cannot be read, or holds no array.
    """
    return tuple(entry.info for entry in _open(_checked_path(path)).values())


def read_matrix(path: str | os.PathLike[str], key: str | None = None) -> tuple[str, Loaded]:
    """One matrix of a weight file, and a label that names it in messages.

    Parameters
    ----------
    path : str or path
        A .npy, .npz, .pt, .pth or .safetensors file.
    key : str, optional
        As in :func:`geomsup.weights.as_weights`.

    Returns
    -------
    label : str
    matrix : ndarray or torch.Tensor
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
        shape = entries[name].info.shape
        if len(shape) == 3 and index is None:
            raise WeightsError(
                f"expected one matrix, got a stack {shorten(name)} of shape {shape}; choose one "
                f"instance with key={shorten(f'{name}[0]')}"
            )
        loaded = entries[name].load()
    label = f"{shorten(name)} in {shorten(checked.name)}"
    return label, loaded if index is None else loaded[index]


def read_arrays(path: str | os.PathLike[str]) -> dict[str, Loaded]:
    """Every array of a weight file by name, as ndarray or tensor; raises as `read_matrix` does."""
    checked = _checked_path(path)
    entries = _open(checked)
    with _reading(checked):
        return {name: entry.load() for name, entry in entries.items()}


def _only_matrix(entries: dict[str, Entry]) -> tuple[str, None]:
    # Stacks count as well: a file of several trained models holds a 3-D W and a 2-D b, and
    # taking b for the weights would be the worst of guesses.
    infos = [entry.info for entry in entries.values()]
    candidates = [info for info in infos if len(info.shape) >= 2]
    if not candidates:
        raise WeightsError(
            f"expected a 2-D matrix, got only {_listing(infos)}; save the weights themselves"
        )
    if len(candidates) > 1:
        raise WeightsError(
            f"expected one matrix, got {len(candidates)} candidates; choose with key= one of "
            f"{_listing(candidates)}"
        )
    return candidates[0].name, None


def _parse_key(key: object, entries: dict[str, Entry]) -> tuple[str, int | None]:
    if not isinstance(key, str):
        raise WeightsError(f"expected key to be a str, got {shorten(key)}; name an array")
    if key in entries:
        return key, None
    # At most 18 digits: no file has more instances, and int() refuses very long numerals.
    indexed = re.fullmatch(r"(.+)\[(0|[1-9][0-9]{0,17})\]", key, flags=re.DOTALL)
    if indexed is None or indexed[1] not in entries:
        infos = [entry.info for entry in entries.values()]
        raise WeightsError(f"expected key= one of {_listing(infos)}; got {shorten(key)}")
    name, index = indexed[1], int(indexed[2])
    shape = entries[name].info.shape
    if len(shape) != 3 or index >= shape[0]:
        raise WeightsError(
            f"expected a stack of more than {index} matrices for key {shorten(key)}, got shape "
            f"{shape}; choose another instance"
        )
    return name, index


def _listing(infos: list[ArrayInfo], limit: int = 8) -> str:
    shown = ", ".join(f"{shorten(info.name, 60)} {info.shape}" for info in infos[:limit])
    return shown + (f" and {len(infos) - limit} more" if len(infos) > limit else "")


def _checked_path(path: object) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise WeightsError(f"expected the path of a weight file, got a {type(path).__name__}")
    try:
        checked = Path(os.fsdecode(path))
        if checked.is_dir():
            raise WeightsError(f"expected a weight file, got the directory {shorten(path)}")
        if not checked.exists():
            raise WeightsError(f"expected a weight file, but {shorten(path)} does not exist")
        if not checked.is_file():
            raise WeightsError(f"expected a regular file, but {shorten(path)} is not one")
    # Null bytes, lone surrogates and over-long names are ValueErrors or OSErrors by platform.
    except (OSError, TypeError, ValueError) as error:
        if isinstance(error, GeomsupError):
            raise
        raise WeightsError(
            f"expected the path of a weight file, got {shorten(path)} ({first_line(error)})"
        ) from error
    if checked.suffix.lower() not in READERS:
        raise WeightsError(
            f"{shorten(checked.name)}: expected a file ending in {', '.join(READERS)}, got "
            f"{shorten(checked.suffix) if checked.suffix else 'no suffix'}; convert it with np.save"
        )
    return checked


def _open(path: Path) -> dict[str, Entry]:
    with _reading(path):
        with path.open("rb") as stream:
            head = stream.read(16)
        _check_signature(head, path)
        entries = READERS[path.suffix.lower()](path)
        if not entries:
            raise WeightsError("expected at least one array, got none; save it again")
    return entries


def _check_signature(head: bytes, path: Path) -> None:
    suffix = path.suffix.lower()
    if not head:
        raise WeightsError("expected weights, got an empty file; save it again")
    # A safetensors file has no signature, but its JSON header starts at the ninth byte.
    if head.startswith(_SIGNATURES[suffix]) if suffix in _SIGNATURES else head[8:9] == b"{":
        return
    seen = next((what for start, what in _LOOKS_LIKE.items() if head.startswith(start)), None)
    raise WeightsError(
        f"expected a {suffix} file, got one that begins like "
        f"{seen or f'none that geomsup reads ({head[:8]!r})'}; rename it or save it again"
    )


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
            raise WeightsError(f"{shorten(path.name)}: {error}") from None
        except Exception as error:
            raise WeightsError(
                f"{shorten(path.name)}: expected a sound {path.suffix} file, got "
                f"{type(error).__name__}: {first_line(error)}; it is damaged or mislabelled, "
                "save it again"
            ) from error
