"""Trained autoencoders in one safetensors file, with what made them.

>>> import tempfile
>>> from pathlib import Path
>>> from geomsup.dictionary import AutoencoderConfig, ToyActivations, train_autoencoders
>>> from geomsup.dictionary import load_autoencoders, save_autoencoders
>>> config = AutoencoderConfig(n_latents=(2, 4), n_steps=20)
>>> found = train_autoencoders(ToyActivations([[1, -1]], 0.1), config, seed=3, progress=False)
>>> with tempfile.TemporaryDirectory() as folder:
...     path = save_autoencoders(Path(folder) / "sae.safetensors", found)
...     again = load_autoencoders(path)
>>> [one.n_latents for one in again], again[0].provenance["seed"]
([2, 4], 3)
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.dictionary.autoencoder import ARRAYS, Autoencoder, check_autoencoders
from geomsup.errors import GeomsupError
from geomsup.storage import read_tensors, write_tensors

__all__ = ["autoencoders_of", "load_autoencoders", "parts_of", "save_autoencoders"]

_KIND = "Autoencoders"


def save_autoencoders(
    path: str | os.PathLike[str], autoencoders: Autoencoder | Sequence[Autoencoder]
) -> Path:
    """Write autoencoders to a safetensors file, all of them or nothing.

    Parameters
    ----------
    path : str or path-like
        File to write, ending in ``.safetensors``. An existing file is replaced.
    autoencoders : Autoencoder or sequence of Autoencoder

    Returns
    -------
    Path
        The file.

    Raises
    ------
    GeomsupError
        If there is no autoencoder, or the file cannot be written.

    Notes
    -----
    Tensors are called ``0.decoder``, ``0.encoder``, ``0.bias``, ``0.centre``, ``0.firing``,
    ``0.power``, ``1.decoder``, …, so that ``as_weights(path, key="0.decoder")`` takes the
    directions of the first. Seed, configuration and versions are in the metadata.
    """
    several = [autoencoders] if isinstance(autoencoders, Autoencoder) else list(autoencoders)
    check_autoencoders(several)
    if not several:
        raise GeomsupError("there is no autoencoder to save; train_autoencoders makes some")
    tensors, notes = parts_of(several)
    return write_tensors(path, tensors, {"autoencoders": notes}, kind=_KIND)


def load_autoencoders(path: str | os.PathLike[str]) -> tuple[Autoencoder, ...]:
    """Read the autoencoders that `save_autoencoders` wrote.

    Raises
    ------
    GeomsupError
        If the file is missing, damaged, no safetensors file, or was not written by
        `save_autoencoders`.
    """
    source, tensors, said = read_tensors(path, None, kind=_KIND)
    try:
        return autoencoders_of(tensors, said.get("autoencoders"))
    except GeomsupError as error:
        raise GeomsupError(f"{source} holds no usable autoencoders: {error}") from error


def parts_of(
    autoencoders: Sequence[Autoencoder],
) -> tuple[dict[str, NDArray[Any]], list[dict[str, Any]]]:
    """Arrays of autoencoders by number and name, and all else that is in them."""
    tensors = {
        f"{number}.{name}": getattr(one, name)
        for number, one in enumerate(autoencoders)
        for name in ARRAYS
    }
    return tensors, [one.notes() for one in autoencoders]


def autoencoders_of(tensors: Mapping[str, NDArray[Any]], notes: object) -> tuple[Autoencoder, ...]:
    """Autoencoders from what `parts_of` returned, trusting none of it."""
    if not isinstance(notes, list) or not all(isinstance(note, dict) for note in notes):
        raise GeomsupError("its metadata lists no autoencoders")
    names = {f"{number}.{name}" for number in range(len(notes)) for name in ARRAYS}
    if missing := sorted(names - set(tensors)):
        raise GeomsupError(f"it has no tensor {missing[0]!r}")
    return tuple(
        Autoencoder.from_dict(
            {**note, **{name: np.asarray(tensors[f"{number}.{name}"]) for name in ARRAYS}}
        )
        for number, note in enumerate(notes)
    )
