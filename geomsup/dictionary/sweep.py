"""Dictionaries of several sparsities for one trained model, and which of them to believe.

Of each sparsity the restart of lowest loss stands for all. Which sparsity to believe is judged
without the truth, by how far the restarts agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from geomsup.dictionary.activations import ToyActivations
from geomsup.dictionary.autoencoder import Autoencoder
from geomsup.dictionary.config import AutoencoderConfig
from geomsup.dictionary.recovery import Recovery, agreement, recover_features
from geomsup.errors import GeomsupError
from geomsup.training.config import ToyModelConfig
from geomsup.training.inputs import sample_inputs
from geomsup.training.run import TrainedModel

__all__ = [
    "COUNTS",
    "PENALTIES",
    "Setting",
    "compare_settings",
    "most_agreed",
    "sweep_config",
    "training_activations",
]

# Sparsities to try where none are named: L1 penalties, and numbers of active latents.
PENALTIES, COUNTS = (0.01, 0.03, 0.1, 0.3, 1.0), (1, 2, 3)
# Activations of models whose inputs are not independent are drawn once for all.
_SAMPLES = 1 << 17


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """One size and sparsity: its best restart, how far restarts agree, and what was recovered.

    ``agreement`` is None of a single restart.
    """

    best: Autoencoder
    agreement: float | None
    recovery: Recovery

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON."""
        return {
            "sparsity": self.best.sparsity,
            "unexplained": self.best.unexplained,
            "gain": self.best.gain,
            "l0": self.best.l0,
            "agreement": self.agreement,
            "decoder": self.best.decoder.tolist(),
            **self.recovery.to_dict(),
        }


def sweep_config(
    n_features: int,
    *,
    n_latents: int | None = None,
    activation: str = "relu",
    penalty: Sequence[float] | None = None,
    k: Sequence[int] | None = None,
    **others: Any,
) -> AutoencoderConfig:
    """The grid of sparsities for a model of so many features.

    Parameters
    ----------
    n_features : int
    n_latents : int, optional
        Size of the dictionaries; twice the number of features by default.
    activation : {"relu", "topk"}
    penalty : sequence of float, optional
        For "relu": `PENALTIES` by default.
    k : sequence of int, optional
        For "topk": those of `COUNTS` that the size allows by default.
    **others
        Passed on to :class:`AutoencoderConfig`.

    Raises
    ------
    GeomsupError
        If the sparsities are those of the other activation, or cannot be meant.

    Examples
    --------
    >>> from geomsup.dictionary.sweep import sweep_config
    >>> config = sweep_config(1, activation="topk", n_restarts=4)
    >>> config.n_latents, config.k
    ((2,), (1, 2))
    """
    size = 2 * n_features if n_latents is None else n_latents
    if (k if activation == "relu" else penalty) is not None:
        raise GeomsupError("penalty= goes with activation=relu, and k= with activation=topk")
    if activation == "relu":
        others["penalty"] = tuple(penalty or PENALTIES)
    else:
        others["k"] = tuple(k or (count for count in COUNTS if count <= size))
    return AutoencoderConfig(n_latents=size, activation=activation, **others)


def training_activations(config: ToyModelConfig, model: TrainedModel) -> Any:
    """Hidden activations Wx of a model on inputs of the kind that it was trained on.

    A stream of fresh ones where features are independent, a sample of 2¹⁷ otherwise.

    Raises
    ------
    GeomsupError
        If the hidden layer has a ReLU: its activations are no sums of directions.
    """
    if config.hidden_activation != "linear":
        raise GeomsupError(
            "models with a ReLU on the hidden layer have activations that are no sums of "
            "directions; geomsup.neurons reads their neurons"
        )
    plain = not config.signed and not config.unit_norm
    if plain and config.feature_models[model.instance].is_independent:
        return ToyActivations(model.W, model.feature_probability)
    return sample_inputs(config, _SAMPLES, instance=model.instance) @ model.W.T


def compare_settings(
    autoencoders: Sequence[Autoencoder], W: object, n_restarts: int = 1
) -> tuple[Setting, ...]:
    """The best restart of each size and sparsity beside the true directions.

    Parameters
    ----------
    autoencoders : sequence of Autoencoder
        What :func:`train_autoencoders` returned: restarts of a setting follow each other.
    W : array_like of shape (n_hidden, n_features)
    n_restarts : int, default 1

    Examples
    --------
    >>> from geomsup.dictionary import ToyActivations, train_autoencoders
    >>> from geomsup.dictionary.sweep import compare_settings, most_agreed, sweep_config
    >>> W = [[1, -1, 0, 0], [0, 0, 1, -1]]
    >>> config = sweep_config(4, penalty=(0.03, 0.3), n_restarts=2, n_steps=800)
    >>> trained = train_autoencoders(ToyActivations(W, 0.1), config, progress=False)
    >>> most_agreed(compare_settings(trained, W, 2)).recovery.share
    1.0
    """
    settings = []
    for start in range(0, len(autoencoders), n_restarts):
        restarts = autoencoders[start : start + n_restarts]
        best = min(restarts, key=lambda restart: restart.loss)
        settings.append(
            Setting(
                best=best,
                agreement=agreement(restarts) if n_restarts > 1 else None,
                recovery=recover_features(best, W),
            )
        )
    return tuple(settings)


def most_agreed(settings: Sequence[Setting]) -> Setting:
    """The setting whose restarts agree most; the first where there is one restart each."""
    return max(settings, key=lambda setting: setting.agreement or 0.0)
