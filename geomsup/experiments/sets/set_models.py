"""Models of features in sets: trained, named, with exact losses, and how their pairs stand.

The paper trained a model several times and kept the lowest loss.  So the unit that is judged is
the best of a group of restarts; the share of all restarts is reported beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame import Trainer, model_config
from geomsup.experiments.frame.measures import best_known, cosines, exact_losses, names_of
from geomsup.theory import FeatureModel
from geomsup.theory.feature_model import Presence

__all__ = [
    "Restarts",
    "SetModels",
    "SetsConfig",
    "pair_cosines",
    "partner_ranks",
    "train_sets",
]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class SetsConfig:
    """The source gives numbers of features and dimensions, and no sparsity."""

    set_size: int = 2
    n_hidden: int = 2
    set_probability: float = 0.05
    n_models: int = 64
    n_steps: int = 8000

    def sets(self, n_sets: int, presence: Presence) -> FeatureModel:
        """So many sets, of features that come together or exclude each other."""
        share = self.set_size if presence == "exclusive" else 1
        return FeatureModel.equal_sets(
            n_sets, self.set_size, self.set_probability / share, presence=presence
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Restarts:
    """Models of one task, with losses on the trainer's fresh sample or exact ones.

    Attributes
    ----------
    weights : ndarray of shape (n_models, n_hidden, n_features)
    losses : ndarray of shape (n_models,)
    """

    weights: FloatArray
    losses: FloatArray

    def best_of_groups(self, size: int) -> NDArray[np.intp]:
        """Index of the lowest loss in every group of so many consecutive restarts.

        All are one group where there are fewer.
        """
        size = min(size, len(self.losses))
        groups = self.losses[: len(self.losses) // size * size].reshape(-1, size)
        lowest: NDArray[np.intp] = groups.argmin(axis=1) + size * np.arange(len(groups))
        return lowest


@dataclass(frozen=True, kw_only=True, eq=False)
class SetModels(Restarts):
    """Models of features in sets, whose losses are exact, and the best known one.

    Attributes
    ----------
    biases : ndarray of shape (n_models, n_features)
    names : tuple of str
    best_known : float
        The lowest exact loss that a search finds.
    best_weights : ndarray of shape (n_hidden, n_features)
        Its weights.
    """

    biases: FloatArray
    names: tuple[str, ...]
    best_known: float
    best_weights: FloatArray


def train_sets(
    trainer: Trainer, name: str, sets: FeatureModel, config: SetsConfig, seed: int
) -> SetModels:
    """Train restarts of one task, of sets alike, and find the best known loss of it."""
    models = model_config(
        config,
        feature_model=sets,
        set_size=None,
        n_instances=config.n_models,
        n_restarts=config.n_models,
        learning_rate=1e-2,
        lr_schedule="cosine",
    )
    trained = trainer.train(name, models, seed)
    best = best_known(sets.n_features, config.n_hidden, sets)
    return SetModels(
        weights=trained.weights,
        biases=trained.biases,
        losses=exact_losses(trained.weights, trained.biases, sets),
        names=names_of(trained.weights),
        best_known=best.loss,
        best_weights=best.W,
    )


def pair_cosines(weights: FloatArray) -> FloatArray:
    """Cosine within each pair of consecutive features.

    Parameters
    ----------
    weights : ndarray of shape (…, n_hidden, n_features)

    Returns
    -------
    ndarray of shape (…, n_features // 2)

    Examples
    --------
    >>> pair_cosines(np.array([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 2.0]])).tolist()
    [-1.0, 1.0]
    """
    between = cosines(weights)
    first = np.arange(0, weights.shape[-1] - 1, 2)
    within: FloatArray = between[..., first, first + 1]
    return within


def partner_ranks(weights: FloatArray) -> NDArray[np.intp]:
    """How many directions are nearer to each feature than that of its partner in the pair.

    In two dimensions the members of a pair are adjacent when both numbers are at most one.

    Parameters
    ----------
    weights : ndarray of shape (…, n_hidden, n_features)

    Returns
    -------
    ndarray of int of shape (…, n_features)

    Examples
    --------
    >>> partner_ranks(np.array([[1.0, -1.0, 0.9, -0.9], [0.0, 0.0, 0.1, -0.1]])).tolist()
    [2, 2, 2, 2]
    """
    between = cosines(weights)
    n = weights.shape[-1]
    everyone = np.arange(n)
    between[..., everyone, everyone] = -np.inf
    own = between[..., everyone, everyone ^ 1]
    ranks: NDArray[np.intp] = (between > own[..., None]).sum(axis=-1)
    return ranks
