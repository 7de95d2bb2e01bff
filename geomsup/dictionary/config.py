"""Which autoencoders to train: one frozen dataclass, checked when it is built.

Sizes and sparsities are lists, because nobody knows beforehand which are right: a configuration is
the whole grid of sizes × sparsities × restarts, trained on the same samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

import numpy as np

from geomsup.errors import GeomsupError
from geomsup.training.settings import to_lists
from geomsup.validation import (
    brief,
    number_from_zero,
    one_of,
    positive_integer,
    positive_number,
    whole_number,
)

__all__ = ["ACTIVATIONS", "AutoencoderConfig"]

Counts: TypeAlias = int | Sequence[int]
Numbers: TypeAlias = float | Sequence[float]

ACTIVATIONS = ("relu", "topk")
# Share of the training after which no latent is resampled, and the share at whose end the learning
# rate starts to fall: whatever is alive then has time to settle.
_RESAMPLE_UNTIL = 0.5
_DECAY_FROM = 0.8


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig:
    """A grid of sparse autoencoders and how to train them.

    The autoencoder is z = σ(Eᵀ(h − c) + b), ĥ = Dz + c, where the columns of the decoder D are
    unit vectors. With ``activation="relu"``, σ is ReLU and the loss is
    E |h − ĥ|² + penalty · E Σz (Bricken et al. 2023). With "topk", σ keeps the k largest ReLUs of
    each sample, there is no b, and the loss has no penalty (Gao et al. 2024).

    Parameters
    ----------
    n_latents : int or sequence of int, default 16
        Sizes of the dictionary.
    activation : {"relu", "topk"}, default "relu"
    penalty : float or sequence of float, default 0.1
        Weights ≥ 0 of the L1 penalty, for "relu". The unit of length is the root mean square norm
        of the activations that are not zero, so that one penalty suits many models.
    k : int or sequence of int, default 1
        Numbers of latents that may be active at a time, for "topk".
    n_restarts : int, default 1
        Autoencoders of each size and sparsity, which differ in their initial values.
    n_steps : int, default 5000
        Optimiser steps, each on a fresh batch.
    batch_size : int, default 512
        Samples in a batch.
    learning_rate : float, default 3e-3
        Step size of Adam; over the last fifth of the steps it falls linearly to zero.
    resample_every : int, default 500
        Steps between two rounds of resampling in the first half of the training; 0 for none. A
        latent that has not fired since the last round starts again in the direction of a sample
        that is reconstructed badly.

    Raises
    ------
    GeomsupError
        If a value cannot be meant: no size, a negative penalty, k beyond the smallest size, …

    Notes
    -----
    Dead latents are resampled, as Bricken et al. do, rather than revived by the auxiliary loss of
    Gao et al., because that works for both activations and costs nothing between the rounds.

    References
    ----------
    Bricken et al. 2023, "Towards Monosemanticity: Decomposing Language Models With Dictionary
    Learning".
    Gao et al. 2024, "Scaling and evaluating sparse autoencoders".

    Examples
    --------
    >>> from geomsup.dictionary import AutoencoderConfig
    >>> config = AutoencoderConfig(n_latents=(8, 16), penalty=(0.05, 0.1), n_restarts=2)
    >>> len(config.settings), config.settings[-1]
    (8, (16, 0.1, 1))
    """

    n_latents: Counts = 16
    activation: str = "relu"
    penalty: Numbers = 0.1
    k: Counts = 1
    n_restarts: int = 1
    n_steps: int = 5000
    batch_size: int = 512
    learning_rate: float = 3e-3
    resample_every: int = 500

    def __post_init__(self) -> None:
        self._set("activation", one_of("activation", self.activation, ACTIVATIONS))
        self._set("n_latents", _listed("n_latents", self.n_latents, positive_integer))
        self._set("penalty", _listed("penalty", self.penalty, number_from_zero))
        self._set("k", _listed("k", self.k, positive_integer))
        for name in ("n_restarts", "n_steps", "batch_size"):
            self._set(name, positive_integer(name, getattr(self, name)))
        self._set("resample_every", whole_number("resample_every", self.resample_every, 0))
        self._set("learning_rate", positive_number("learning_rate", self.learning_rate))
        if self.activation == "topk" and max(self._k) > min(self.sizes):
            raise GeomsupError(
                f"k must not exceed the smallest n_latents ({min(self.sizes)}), got "
                f"{max(self._k)}; leave the small sizes to a configuration of their own"
            )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of latents."""
        return self.n_latents  # type: ignore[return-value]  # a tuple since __post_init__

    @property
    def sparsities(self) -> tuple[float, ...]:
        """Penalties, or values of k, whichever the activation goes by."""
        return self._k if self.activation == "topk" else self.penalty  # type: ignore[return-value]

    @property
    def settings(self) -> tuple[tuple[int, float, int], ...]:
        """Size, sparsity and restart of every autoencoder, in the order of the results."""
        return tuple(product(self.sizes, self.sparsities, range(self.n_restarts)))

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of a step (0-based)."""
        left = (1.0 - step / self.n_steps) / (1.0 - _DECAY_FROM)
        return self.learning_rate * min(1.0, left)

    def resamples_at(self, step: int) -> bool:
        """Whether dead latents are resampled before a step (0-based)."""
        every = self.resample_every
        return bool(every and step and step % every == 0 and step <= _RESAMPLE_UNTIL * self.n_steps)

    def to_dict(self) -> dict[str, Any]:
        """All settings as numbers, strings and lists, ready for JSON."""
        return {name: to_lists(value) for name, value in vars(self).items()}

    @property
    def _k(self) -> tuple[int, ...]:
        return self.k  # type: ignore[return-value]  # a tuple since __post_init__

    def _set(self, name: str, value: object) -> None:
        # The one way to store a converted value in a frozen dataclass.
        object.__setattr__(self, name, value)


def _listed(name: str, value: Any, checked: Callable[[str, object], float]) -> tuple[float, ...]:
    """One value or a sequence of them as a tuple without repetitions."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    items = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not items:
        raise GeomsupError(f"{name} must name at least one value, got none")
    found = tuple(checked(name, item) for item in items)
    if len(set(found)) < len(found):
        raise GeomsupError(
            f"{name} must not name a value twice, got {brief(value)}; use n_restarts to repeat"
        )
    return found
