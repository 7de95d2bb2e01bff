"""From a configuration to trained weights.

What instance k becomes depends on its own settings, the seed and k alone: it has its own random
streams, its own matrix products, and the arithmetic runs in one thread whatever the caller has
set (small models gain nothing from a second one). On the CPU this holds bit for bit; on a GPU the
samples are still those of the instance, but the batched products may round differently.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm.auto import tqdm

from geomsup.errors import GeomsupError, GeomsupWarning
from geomsup.training.config import ToyModelConfig
from geomsup.training.data import RawSampler, Sampler, Stream, TorchSampler, stream_seed
from geomsup.training.environment import (
    is_interactive,
    one_thread,
    resolve_device,
    resolve_seed,
    versions,
)
from geomsup.training.evaluation import evaluate
from geomsup.training.model import ReluOutputModel
from geomsup.training.optim import Adam
from geomsup.training.run import History, TrainingRun

__all__ = ["TrainingDivergedError", "train"]

# Steps between two looks at whether the parameters are still finite (and two moves of the bar).
_CHECK_EVERY = 100
# Losses kept in the history of a run.
_HISTORY_LENGTH = 200


class TrainingDivergedError(GeomsupError):
    """A loss, a weight or a moment of its gradient became NaN or infinite.

    Attributes
    ----------
    step : int
        Step at which it was noticed (weights are looked at every hundred steps).
    instance : int
        First instance it happened to.
    learning_rate : float
        Learning rate of that step.
    last_good_step : int
        Number of steps behind the weights below.
    weights : ndarray of shape (n_instances, n_hidden, n_features)
        The last weights that were all finite.
    biases : ndarray of shape (n_instances, n_features)
        The biases that belong to them.
    """

    def __init__(
        self,
        *,
        step: int,
        instance: int,
        learning_rate: float,
        last_good_step: int,
        weights: NDArray[np.float64],
        biases: NDArray[np.float64],
    ) -> None:
        super().__init__(
            f"the loss of instance {instance} or its gradient was no longer finite at step {step} "
            f"(learning rate {learning_rate:g}, last finite at step {last_good_step}); try a "
            "smaller learning_rate or smaller importances. The error's weights and biases hold "
            "the last good ones"
        )
        self.step = step
        self.instance = instance
        self.learning_rate = learning_rate
        self.last_good_step = last_good_step
        self.weights = weights
        self.biases = biases


def train(
    config: ToyModelConfig,
    seed: int | np.random.Generator | None = 0,
    device: str | torch.device = "cpu",
    progress: bool | None = None,
) -> TrainingRun:
    """Train the models of a configuration.

    Parameters
    ----------
    config : ToyModelConfig
        What to train.
    seed : int, numpy.random.Generator or None, default 0
        A non-negative integer fixes the result. From a generator one number is drawn; None takes
        a fresh one. Either is kept in the run as ``run.seed``, so the run can be repeated.
    device : str or torch.device, default "cpu"
        "cpu", "cuda" or "cuda:1".
    progress : bool, optional
        Whether to show a progress bar. None shows it in a terminal or a notebook.

    Returns
    -------
    TrainingRun
        Weights, biases, losses on a fresh sample, and the trace of the training losses. After
        Ctrl-C it holds what was trained so far, with ``completed_steps < config.n_steps``.

    Raises
    ------
    GeomsupError
        If the seed or the device cannot be used.
    TrainingDivergedError
        If a loss turns NaN or infinite. It carries the last good weights.

    Warns
    -----
    GeomsupWarning
        If Ctrl-C ended the training early.

    Notes
    -----
    On the CPU the result of instance k is the same, bit for bit, whatever the number of instances
    beside it and the number of threads the caller has set; training runs in one thread and puts
    the caller's number back.

    Examples
    --------
    >>> from geomsup.training import ToyModelConfig, train
    >>> run = train(ToyModelConfig(n_instances=2, n_steps=200, batch_size=64), seed=0)
    >>> run.weights.shape
    (2, 2, 5)
    >>> run.best().W.shape
    (2, 5)
    """
    if not isinstance(config, ToyModelConfig):
        raise GeomsupError(
            f"config must be a ToyModelConfig, got {type(config).__name__}; build one with "
            "ToyModelConfig(n_features=5, n_hidden=2, …)"
        )
    if progress is not None and not isinstance(progress, bool):
        raise GeomsupError(f"progress must be True, False or None, got {progress!r}")
    # NumPy need not warn of an overflow: the loop looks for what is not finite, and says where.
    with one_thread(), torch.no_grad(), np.errstate(all="ignore"):
        return _train(
            config,
            resolve_seed(seed),
            resolve_device(device),
            instances=range(config.n_instances),
            show_bar=is_interactive() if progress is None else progress,
        )


def _train(
    config: ToyModelConfig,
    seed: int,
    device: torch.device,
    *,
    instances: Sequence[int],
    show_bar: bool = False,
) -> TrainingRun:
    """Train the instances of these numbers, which need not be all of the configuration's."""
    chosen = list(instances)
    probabilities = config.probabilities[chosen]
    importances = config.importances[chosen]
    model = ReluOutputModel(importances, config.n_hidden, config.batch_size, device=device)
    model.theta.copy_(_initial_parameters(config, seed, chosen))
    sampler = _make_sampler(
        probabilities,
        [stream_seed(seed, Stream.SAMPLES, k) for k in chosen],
        config.batch_size,
        device,
    )
    optimiser = Adam(model.theta, model.gradient)

    record_every = max(1, config.n_steps // _HISTORY_LENGTH)
    steps: list[int] = []
    trace: list[NDArray[np.float64]] = []
    good, good_step, completed = model.theta.clone(), 0, 0

    def check(losses: NDArray[np.float64]) -> None:
        nonlocal good_step
        finite = np.isfinite(losses) & optimiser.is_finite().cpu().numpy()
        if not finite.all():
            raise TrainingDivergedError(
                step=completed,
                instance=chosen[int(np.argmin(finite))],
                learning_rate=config.learning_rate_at(min(completed, config.n_steps - 1)),
                last_good_step=good_step,
                weights=_export(good[:, :-1]),
                biases=_export(good[:, -1]),
            )
        good.copy_(model.theta)
        good_step = completed

    with tqdm(total=config.n_steps, disable=not show_bar, unit="step", desc="training") as bar:
        try:
            for step in range(config.n_steps):
                sampler.draw(model.samples)
                if step % record_every == 0:
                    losses = model.losses()
                    check(losses)
                    steps.append(step)
                    trace.append(losses)
                elif step % _CHECK_EVERY == 0:
                    check(np.zeros(len(chosen)))
                if step % _CHECK_EVERY == 0:
                    bar.update(step - bar.n)
                model.backward()
                optimiser.step(config.learning_rate_at(step))
                completed = step + 1
        except KeyboardInterrupt:
            warnings.warn(
                f"training was interrupted after {completed} of {config.n_steps} steps; the run "
                "holds what was reached by then",
                GeomsupWarning,
                stacklevel=3,
            )
        bar.update(completed - bar.n)

    weights, biases = _export(model.weights), _export(model.biases)
    losses, loss_errors = evaluate(weights, biases, probabilities, importances, seed)
    check(losses)
    return TrainingRun(
        config=config,
        seed=seed,
        device=str(device),
        completed_steps=completed,
        weights=weights,
        biases=biases,
        losses=losses,
        loss_errors=loss_errors,
        history=History(
            steps=np.array(steps[: len(trace)], dtype=np.int64),
            losses=np.array(trace).reshape(len(trace), len(chosen)),
        ),
        provenance=versions(),
    )


def _initial_parameters(
    config: ToyModelConfig, seed: int, instances: Sequence[int]
) -> torch.Tensor:
    """Xavier-normal W above a zero b, the same on every device."""
    m, n = config.n_hidden, config.n_features
    scale = config.init_scale * np.sqrt(2.0 / (m + n))
    theta = np.zeros((len(instances), m + 1, n))
    for block, k in zip(theta, instances, strict=True):
        generator = np.random.Generator(
            np.random.PCG64(stream_seed(seed, Stream.INITIAL_WEIGHTS, k))
        )
        block[:m] = scale * generator.standard_normal((m, n))
    return torch.from_numpy(theta)


def _make_sampler(
    probabilities: NDArray[np.float64],
    seeds: Sequence[np.random.SeedSequence],
    batch_size: int,
    device: torch.device,
) -> Sampler:
    if device.type == "cpu":
        return RawSampler(probabilities, seeds, batch_size)
    return TorchSampler(probabilities, seeds, batch_size, device)


def _export(tensor: torch.Tensor) -> NDArray[np.float64]:
    return tensor.detach().cpu().to(torch.float64).contiguous().numpy().copy()
