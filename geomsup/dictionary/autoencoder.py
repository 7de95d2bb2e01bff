"""A trained sparse autoencoder: its directions, and what it was measured to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.dictionary.activations import as_rows
from geomsup.dictionary.config import ACTIVATIONS
from geomsup.dictionary.model import keep_largest
from geomsup.errors import GeomsupError
from geomsup.restoring import restored

__all__ = ["ARRAYS", "Autoencoder", "best_of_each", "check_autoencoders", "codes_of"]

FloatArray = NDArray[np.float64]

# Fields that are arrays.
ARRAYS = ("decoder", "encoder", "bias", "centre", "firing", "power")


@dataclass(frozen=True, kw_only=True, eq=False)
class Autoencoder:
    """A sparse autoencoder, z = σ(Eᵀ(h − c) + b), ĥ = Dz + c, in the units of its activations.

    Parameters
    ----------
    decoder : ndarray of shape (n_hidden, n_latents)
        D; its columns are unit vectors, the directions of the dictionary.
    encoder : ndarray of shape (n_hidden, n_latents)
        E; its columns are what latents read.
    bias : ndarray of shape (n_latents,)
        b.
    centre : ndarray of shape (n_hidden,)
        c, from which codes are counted.
    activation : {"relu", "topk"}
        σ.
    sparsity : float
        The L1 penalty it was trained with, or k.
    restart : int
        Its number among those of this size and sparsity.
    loss : float
        What was minimised, on a fresh sample: the error plus, with a penalty, penalty · s · E Σz,
        where s is the unit of length that the penalty refers to.
    error : float
        E |h − ĥ|².
    unexplained : float
        The error over E |h − E h|²: 0 for a perfect reconstruction.
    gain : float
        E |Dz|² / E Dz·(h − c), the length of reconstructions relative to what would suit them
        best; below 1 they are too short (γ of Rajamanoharan et al. 2024).
    l0 : float
        Mean number of active latents.
    firing : ndarray of shape (n_latents,)
        How often each latent is active, as a share of the samples.
    power : ndarray of shape (n_latents,)
        E z² of each latent.
    provenance : dict
        Seed, configuration and versions that made it; empty where they are not known.
    """

    decoder: FloatArray
    encoder: FloatArray
    bias: FloatArray
    centre: FloatArray
    activation: str
    sparsity: float
    restart: int
    loss: float
    error: float
    unexplained: float
    gain: float
    l0: float
    firing: FloatArray
    power: FloatArray
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ARRAYS:
            array = np.array(getattr(self, name), dtype=np.float64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def n_latents(self) -> int:
        """Size of the dictionary."""
        return int(self.decoder.shape[1])

    @property
    def alive(self) -> NDArray[np.bool_]:
        """Which latents were ever active in the fresh sample, of shape (n_latents,)."""
        return self.firing > 0.0

    def encode(self, activations: object) -> FloatArray:
        """Codes of activations.

        Parameters
        ----------
        activations : array_like, torch.Tensor, str or path, of shape (n_samples, n_hidden)

        Returns
        -------
        ndarray of shape (n_samples, n_latents)

        Raises
        ------
        GeomsupError
            If the activations have another number of dimensions.
        """
        h = as_rows(activations)
        if h.shape[1] != len(self.centre):
            raise GeomsupError(
                f"activations must have shape (n_samples, {len(self.centre)}), got {h.shape}"
            )
        sparsity = self.sparsity if self.activation == "topk" else None
        return codes_of(h, self.encoder, self.bias, self.centre, sparsity)

    def reconstruct(self, activations: object) -> FloatArray:
        """Activations as the autoencoder gives them back, of shape (n_samples, n_hidden)."""
        return self.encode(activations) @ self.decoder.T + self.centre

    def refitted(self, activations: object) -> FloatArray:
        """Reconstructions with the same latents active, and their lengths fitted anew.

        What this regains was lost by codes of the wrong length and not by the choice of latents;
        Gao et al. 2024 measure the shrinkage by L1 so.

        Parameters
        ----------
        activations : array_like of shape (n_samples, n_hidden)

        Returns
        -------
        ndarray of shape (n_samples, n_hidden)
            For each sample the point nearest to it that its active latents can reach, with
            lengths of any sign.
        """
        active = self.encode(activations) > 0.0
        inputs = as_rows(activations) - self.centre
        sets, which = np.unique(active, axis=0, return_inverse=True)
        rebuilt = np.zeros_like(inputs)
        for k, latents in enumerate(sets):
            chosen = self.decoder[:, latents]
            members = which.ravel() == k
            rebuilt[members] = inputs[members] @ (chosen @ np.linalg.pinv(chosen))
        return rebuilt + self.centre

    def to_dict(self) -> dict[str, Any]:
        """All fields as numbers, strings and nested lists, ready for JSON."""
        return {**self.notes(), **{name: getattr(self, name).tolist() for name in ARRAYS}}

    def notes(self) -> dict[str, Any]:
        """All fields but the arrays, ready for JSON."""
        names = [item.name for item in fields(self) if item.name not in ARRAYS]
        return {**{name: getattr(self, name) for name in names}, "provenance": {**self.provenance}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Autoencoder:
        """Rebuild an autoencoder from `to_dict`.

        Raises
        ------
        GeomsupError
            If an entry is missing, or cannot be what it is called.
        """
        try:
            one = restored(cls, data, "the autoencoder")
            _check(one)
        except GeomsupError as error:
            raise GeomsupError(f"these are not the entries of an Autoencoder: {error}") from None
        return one

    def __str__(self) -> str:
        kind = f"top {self.sparsity:.0f}" if self.activation == "topk" else f"L1 {self.sparsity:g}"
        m, n = self.decoder.shape
        return (
            f"Autoencoder {m} → {n}, {kind}: {self.unexplained:.1%} of the variance unexplained, "
            f"L0 {self.l0:.2f}, {n - int(self.alive.sum())} dead"
        )

    __repr__ = __str__


def _check(one: Autoencoder) -> None:
    """Refuse parts that do not fit each other."""
    if one.decoder.ndim != 2 or not one.decoder.size:
        raise GeomsupError(f"its decoder must be a matrix, got shape {one.decoder.shape}")
    m, n = one.decoder.shape
    shapes = {"encoder": (m, n), "bias": (n,), "centre": (m,), "firing": (n,), "power": (n,)}
    for name, shape in shapes.items():
        if (got := getattr(one, name).shape) != shape:
            raise GeomsupError(f"its {name} must have shape {shape}, got {got}")
    if one.activation not in ACTIVATIONS:
        raise GeomsupError(f"its activation must be one of {', '.join(ACTIVATIONS)}")
    if one.activation == "topk" and not (1 <= one.sparsity <= n and one.sparsity % 1 == 0):
        raise GeomsupError(f"its k must lie in 1 … {n}, got {one.sparsity:g}")


def check_autoencoders(dictionaries: Sequence[object]) -> None:
    """Refuse what `train_autoencoders` did not make."""
    if not all(isinstance(one, Autoencoder) for one in dictionaries):
        raise GeomsupError("dictionaries must be Autoencoders; train_autoencoders makes them")


def best_of_each(autoencoders: Sequence[Autoencoder]) -> tuple[Autoencoder, ...]:
    """Of every size and sparsity the restart with the lowest loss.

    Parameters
    ----------
    autoencoders : sequence of Autoencoder
        As `train_autoencoders` returned them.

    Returns
    -------
    tuple of Autoencoder
        In the order of the first restarts.

    Examples
    --------
    >>> from geomsup.dictionary import AutoencoderConfig, ToyActivations
    >>> from geomsup.dictionary import best_of_each, train_autoencoders
    >>> config = AutoencoderConfig(n_latents=(2, 4), n_restarts=3, n_steps=50)
    >>> found = train_autoencoders(ToyActivations([[1, 0, 1], [0, 1, 1]]), config, progress=False)
    >>> len(found), [one.n_latents for one in best_of_each(found)]
    (6, [2, 4])
    """
    best: dict[tuple[int, float], Autoencoder] = {}
    for one in autoencoders:
        key = (one.n_latents, one.sparsity)
        if key not in best or one.loss < best[key].loss:
            best[key] = one
    return tuple(best.values())


def codes_of(
    h: FloatArray,
    encoder: FloatArray,
    bias: FloatArray,
    centre: FloatArray,
    k: float | None,
) -> FloatArray:
    """ReLU(Eᵀ(h − c) + b), of shape (n_samples, n_latents), or the k largest of each sample."""
    codes = encoder.T @ (h - centre).T
    codes += bias[:, None]
    np.maximum(codes, 0.0, out=codes)
    if k is not None:
        keep_largest(codes, int(k))
    return codes.T
