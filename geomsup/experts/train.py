"""From a configuration to trained mixtures of experts.

A mixture has the random streams of the toy model of its number: it meets the same samples, and its
first expert starts where that one starts.  So a mixture of one expert repeats `training.train`, and
what is compared with a dense model was trained on the same data.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.experts.config import MixtureConfig
from geomsup.experts.mixture import Mixture
from geomsup.experts.model import MixtureModel
from geomsup.training.config import ToyModelConfig
from geomsup.training.data import Sampler, make_sampler
from geomsup.training.environment import plain_arithmetic
from geomsup.training.fit import Fit, Learner, Session, session
from geomsup.training.learner import initial_parameters
from geomsup.training.streams import Stream, stream_seed
from geomsup.validation import seed_number

__all__ = ["evaluated", "train_mixtures"]

FloatArray = NDArray[np.float64]

# Variance of the router's initial weights times the number of inputs; a tenth of the usual, as
# Fedus et al. 2021 start theirs (section 2.4).
_ROUTER_SCALE = 0.1
# Samples on which a mixture is evaluated, in so many parts: all experts answer all of a part.
_SAMPLES, _PARTS = 1 << 15, 16
# Share of the training over which refused inputs are counted.
_COUNTED = 0.1


def train_mixtures(
    config: MixtureConfig,
    seed: int | np.random.Generator | None = 0,
    progress: bool | None = None,
) -> tuple[Mixture, ...]:
    """Train mixtures of experts with a top-1 router.

    Parameters
    ----------
    config : MixtureConfig
        What to train; ``config.toy.n_instances`` mixtures.
    seed : int, numpy.random.Generator or None, default 0
        A non-negative integer fixes the result.
    progress : bool, optional
        Whether to show a progress bar.  None shows it in a terminal or a notebook.

    Returns
    -------
    tuple of Mixture

    Raises
    ------
    GeomsupError
        If the configuration is none, or a training diverges.

    Notes
    -----
    Training runs on the CPU in one thread, and a mixture is the same, bit for bit, whatever others
    are trained beside it.  Router and experts are moved by one Adam; there is no noise on the
    router's inputs.

    Examples
    --------
    >>> from geomsup.experts import MixtureConfig, train_mixtures
    >>> from geomsup.training import ToyModelConfig
    >>> toy = ToyModelConfig(n_features=8, n_hidden=2, n_instances=1, n_steps=200, batch_size=128)
    >>> (mixture,) = train_mixtures(MixtureConfig(toy=toy, n_experts=2), progress=False)
    >>> mixture.weights.shape
    (2, 2, 8)
    """
    if not isinstance(config, MixtureConfig):
        raise GeomsupError(f"config must be a MixtureConfig, got {type(config).__name__}")
    toy, number = config.toy, seed_number(seed)
    with (
        plain_arithmetic(),
        session(toy.n_steps * toy.n_instances, "mixtures", progress) as call,
    ):
        return tuple(_trained(config, number, k, call) for k in range(toy.n_instances))


class _MixtureLearner(Learner):
    """One mixture in training."""

    def __init__(self, config: MixtureConfig, seed: int, instance: int) -> None:
        toy = config.toy
        self.schedule, self.weight_decay, self._instance = toy, toy.decoupled_decay, instance
        self._counted_from = int(toy.n_steps * (1.0 - _COUNTED))
        self._n_counted = (toy.n_steps - self._counted_from) * toy.batch_size
        self.model = MixtureModel(
            toy.importances[instance],
            toy.n_hidden,
            config.n_experts,
            toy.batch_size,
            config.capacity,
            weighted=config.gate == "weighted",
            balance=config.balance,
        )
        self.model.set_parameters(*_initial(config, seed, instance))
        self.blocks = {"theta": (self.model.theta, self.model.gradient)}
        stream = stream_seed(seed, Stream.SAMPLES, instance)
        self._sampler = _sampler(toy, instance, stream, toy.batch_size)
        self.random = self._sampler.source

    @property
    def refused(self) -> float:
        """Share of the inputs at the end of the training that found no room."""
        return self.model.n_refused / self._n_counted

    def draw(self, step: int) -> None:
        """Take the batch of a step."""
        if step == self._counted_from:
            self.model.n_refused = 0
        self._sampler.draw(self.model.samples)

    def backward(self) -> None:
        """Compute the gradient of the loss on the batch."""
        self.model.backward()

    def diverged(self, step: int, number: int) -> GeomsupError:
        """An error that names the mixture."""
        return GeomsupError(
            f"mixture {self._instance} is no longer finite after {step} steps; try a smaller "
            "learning_rate"
        )


def _trained(config: MixtureConfig, seed: int, instance: int, call: Session) -> Mixture:
    learner = _MixtureLearner(config, seed, instance)
    Fit(learner).complete(call)
    weights, biases, router = learner.model.parameters()
    mixture = Mixture(
        weights=weights,
        biases=biases,
        router=router,
        gate=config.gate,
        instance=instance,
        load=np.full(config.n_experts, np.nan),
        refused=learner.refused,
    )
    return evaluated(mixture, config.toy, seed)


def evaluated(mixture: Mixture, toy: ToyModelConfig, seed: int) -> Mixture:
    """The same mixture with its loss, and the load of its experts, on a fresh sample.

    Mixtures of one task and seed meet the same sample.  A dense model is a mixture of one expert.

    Parameters
    ----------
    mixture : Mixture
    toy : ToyModelConfig
        The task.
    seed : int
    """
    instance = mixture.instance
    stream = stream_seed(seed, Stream.MIXTURE_EVALUATION)
    drawn = torch.empty((1, toy.n_features, _SAMPLES))
    _sampler(toy, instance, stream, _SAMPLES).draw(drawn)
    x = drawn[0].numpy().T.astype(np.float64)
    answers = np.concatenate([mixture.reconstruct(part) for part in np.array_split(x, _PARTS)])
    losses = ((answers - x) ** 2) @ toy.importances[instance]
    busy = np.bincount(mixture.route(x)[x.any(axis=1)], minlength=mixture.n_experts)
    return replace(
        mixture,
        loss=float(losses.mean()),
        loss_error=float(losses.std() / np.sqrt(len(losses))),
        load=busy / max(1, busy.sum()),
    )


def _initial(config: MixtureConfig, seed: int, instance: int) -> tuple[FloatArray, ...]:
    """W of the first expert as `training.train` has it, the others and R from a stream beside."""
    toy, k = config.toy, config.n_experts
    first, _, _ = initial_parameters(toy, seed, [instance])
    generator = np.random.default_rng(stream_seed(seed, Stream.ROUTER, instance))
    m, n = toy.n_hidden, toy.n_features
    router = np.sqrt(_ROUTER_SCALE / n) * generator.standard_normal((k, n))
    scale = toy.init_scale * np.sqrt(2.0 / (m + n))
    weights = np.concatenate([first, scale * generator.standard_normal((k - 1, m, n))])
    return weights, np.zeros((k, n)), router


def _sampler(
    toy: ToyModelConfig, instance: int, seed: np.random.SeedSequence, size: int
) -> Sampler:
    return make_sampler([toy.feature_models[instance]], [seed], size, **toy.data_options())
