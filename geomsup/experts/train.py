"""From a configuration to trained mixtures of experts.

A mixture has the random streams of the toy model of its number: it meets the same samples, and its
first expert starts where that one starts.  So a mixture of one expert repeats `training.train`, and
what is compared with a dense model was trained on the same data.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from geomsup.errors import GeomsupError
from geomsup.experts.config import MixtureConfig
from geomsup.experts.mixture import Mixture
from geomsup.experts.model import MixtureModel
from geomsup.training.config import ToyModelConfig
from geomsup.training.data import RawUniforms, Sampler
from geomsup.training.distributions import make_distribution
from geomsup.training.environment import is_interactive, one_thread
from geomsup.training.optim import Adam
from geomsup.training.state import initial_parameters
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
    number = seed_number(seed)
    toy = config.toy
    show_bar = is_interactive() if progress is None else progress
    with (
        one_thread(),
        threadpool_limits(1, user_api="blas"),
        torch.no_grad(),
        np.errstate(all="ignore"),
        tqdm(total=toy.n_steps * toy.n_instances, disable=not show_bar, desc="mixtures") as bar,
    ):
        return tuple(_trained(config, number, k, bar) for k in range(toy.n_instances))


def _trained(config: MixtureConfig, seed: int, instance: int, bar: tqdm[Any]) -> Mixture:
    toy = config.toy
    model = MixtureModel(
        toy.importances[instance],
        toy.n_hidden,
        config.n_experts,
        toy.batch_size,
        config.capacity,
        weighted=config.gate == "weighted",
        balance=config.balance,
    )
    model.set_parameters(*_initial(config, seed, instance))
    samples = _samples(toy, instance, stream_seed(seed, Stream.SAMPLES, instance), toy.batch_size)
    optimiser = Adam(model.theta, model.gradient, weight_decay=toy.weight_decay)
    counted_from = int(toy.n_steps * (1.0 - _COUNTED))
    for step in range(toy.n_steps):
        if step == counted_from:
            model.n_refused = 0
        samples.draw(model.samples)
        model.backward()
        optimiser.step(toy.learning_rate_at(step))
        bar.update()
    if not optimiser.is_finite().all():
        raise GeomsupError(
            f"mixture {instance} is no longer finite after {toy.n_steps} steps; try a smaller "
            "learning_rate"
        )
    weights, biases, router = model.parameters()
    seen = (toy.n_steps - counted_from) * toy.batch_size
    return evaluated(
        Mixture(
            weights=weights,
            biases=biases,
            router=router,
            gate=config.gate,
            instance=instance,
            load=np.full(config.n_experts, np.nan),
            refused=model.n_refused / seen,
        ),
        toy,
        seed,
    )


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
    _samples(toy, instance, stream, _SAMPLES).draw(drawn)
    x = drawn[0].numpy().T.astype(np.float64)
    answers = np.concatenate([mixture.reconstruct(part) for part in np.array_split(x, _PARTS)])
    losses = ((answers - x) ** 2) @ toy.importances[instance]
    busy = np.bincount(mixture.route(x)[x.any(axis=1)], minlength=mixture.n_experts)
    return Mixture(
        weights=mixture.weights,
        biases=mixture.biases,
        router=mixture.router,
        gate=mixture.gate,
        instance=instance,
        loss=float(losses.mean()),
        loss_error=float(losses.std() / np.sqrt(len(losses))),
        load=busy / max(1, busy.sum()),
        refused=mixture.refused,
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


def _samples(
    toy: ToyModelConfig, instance: int, seed: np.random.SeedSequence, size: int
) -> Sampler:
    distribution = make_distribution(
        toy.probabilities[[instance]], **toy.data_options(), upper=RawUniforms.upper
    )
    return Sampler(RawUniforms([seed], distribution.n_rows, size), distribution)
