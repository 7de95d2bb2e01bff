"""From a configuration to trained weights.

What instance k becomes depends on its own settings, the seed and k alone: it has its own random
streams, its own matrix products, and the arithmetic runs in one thread whatever the caller has
set (small models gain nothing from a second one). On the CPU this holds bit for bit; on a GPU the
samples are still those of the instance, but the batched products may round differently.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from geomsup.errors import GeomsupError, GeomsupWarning
from geomsup.training.checkpoints import Checkpoint
from geomsup.training.config import ToyModelConfig
from geomsup.training.environment import plain_arithmetic, resolve_device, versions
from geomsup.training.evaluation import evaluate
from geomsup.training.fit import Fit, session
from geomsup.training.learner import ToyLearner
from geomsup.training.records import History, Trajectory
from geomsup.training.run import TrainingRun
from geomsup.validation import one_of, positive_number, seed_number

__all__ = ["OF_EACH", "train", "train_together"]

_OBJECTIVES = ("sampled", "exact")
_KIND = "Checkpoint"
# Samples on which the weights of a trajectory are compared: fewer than for the final losses,
# because there may be hundreds of records, and all of them meet the same samples.
_TRAJECTORY_SAMPLES = 1 << 13
# Of the sample on which models of many seeds are judged: drawing one for each of them would take
# longer than to train a small model for 500 steps.
_SHARED_SAMPLE = 0
# In which configurations that are trained together may differ.
OF_EACH = ("feature_probability", "feature_model", "importance", "n_instances", "n_restarts")


def train(
    config: ToyModelConfig,
    seed: int | np.random.Generator | None = 0,
    device: str | torch.device = "cpu",
    progress: bool | None = None,
    *,
    objective: str = "sampled",
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 30.0,
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
    objective : {"sampled", "exact"}, default "sampled"
        "sampled" takes gradient steps on batches. "exact" minimises the exact expected loss
        (:func:`geomsup.theory.expected_loss`) by quasi-Newton from the same initial weights: for
        small tied ReLU-output models, whatever their features, on the CPU. It takes at most
        ``n_steps`` evaluations; batch size and learning rate play no part, and neither does the
        optimizer, but that the decay of "adamw" is none of a loss.
    checkpoint : path, optional
        A ``.safetensors`` file in which everything that the training needs to go on is kept. If it
        exists, the training goes on from there, and what comes out is the same, bit for bit, as
        without the interruption (on the same machine). It stays when the training is complete.
    checkpoint_seconds : float, default 30.0
        How old it may become, in seconds.  Ctrl-C writes it once more, after the step under way.

    Returns
    -------
    TrainingRun
        Weights, biases, losses on a fresh sample, and the trace of the training losses. After
        Ctrl-C it holds what was trained so far, with ``completed_steps < config.n_steps``.

    Raises
    ------
    GeomsupError
        If the seed, the device or the checkpoint cannot be used, or the exact objective does not
        cover the models.
    TrainingDivergedError
        If a loss turns NaN or infinite. It carries the last good weights.

    Warns
    -----
    GeomsupWarning
        If Ctrl-C ended the training early, or a checkpoint cannot be written, as on a full disk:
        the training then goes on.

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
    one_of("objective", objective, _OBJECTIVES)
    every = positive_number("checkpoint_seconds", checkpoint_seconds)
    number, place = seed_number(seed), resolve_device(device)
    with plain_arithmetic():
        if objective == "exact":
            if checkpoint is not None:
                raise GeomsupError("the exact objective takes no checkpoint; it is done in moments")
            # Only here, because the theory stands behind the classifier and its imports.
            from geomsup.training.exact import minimise

            return minimise(config, number, place)
        return _train(
            config,
            number,
            place,
            instances=range(config.n_instances),
            progress=progress,
            checkpoint=checkpoint,
            checkpoint_seconds=every,
        )


def train_together(
    configs: Sequence[ToyModelConfig], seeds: Sequence[int]
) -> tuple[TrainingRun, ...]:
    """Train several configurations in one batch, each with the seed of its own, on the CPU.

    Parameters
    ----------
    configs : sequence of ToyModelConfig
        Alike but for feature probability, importance and the number of instances.
    seeds : sequence of int
        One for each.

    Returns
    -------
    tuple of TrainingRun
        The weights are, bit for bit, those of ``train(config, seed)``. The losses are taken on
        one sample for all, whatever the seeds, so that the models of a sweep are compared by
        their weights and not by their luck.

    Raises
    ------
    GeomsupError
        If the configurations differ in more.
    TrainingDivergedError
        If a model diverges; which one, says its place in the whole batch.
    KeyboardInterrupt
        After Ctrl-C: half a training is no result.

    Examples
    --------
    >>> from geomsup.training.loop import train_together
    >>> configs = [
    ...     ToyModelConfig(n_instances=1, n_steps=50, batch_size=64, feature_probability=p)
    ...     for p in (0.1, 0.3)
    ... ]
    >>> rare, often = train_together(configs, [7, 7])
    >>> bool((often.weights == train(configs[1], seed=7).weights).all())
    True
    """
    merged = _merged(configs)
    of_each = [
        (seed, number)
        for config, seed in zip(configs, seeds, strict=True)
        for number in range(config.n_instances)
    ]
    each_seed, numbers = zip(*of_each, strict=True)
    datasets = [k // config.n_restarts for config in configs for k in range(config.n_instances)]
    cpu = torch.device("cpu")
    with plain_arithmetic():
        with session(merged.n_steps, "training", False) as call:
            learner = ToyLearner(merged, each_seed, cpu, range(len(of_each)), numbers, datasets)
            fit = Fit(learner)
            fit.complete(call)
            if call.must_stop():  # asked for in the last step
                raise KeyboardInterrupt
        whole = _finished(fit, learner, _SHARED_SAMPLE, cpu)
    parts, start = [], 0
    for config, seed in zip(configs, seeds, strict=True):
        parts.append(_part(whole, config, seed, slice(start, start + config.n_instances)))
        start += config.n_instances
    return tuple(parts)


def _merged(configs: Sequence[ToyModelConfig]) -> ToyModelConfig:
    """One configuration for the models of all of them."""
    first, *others = [
        {name: value for name, value in vars(config).items() if name not in OF_EACH}
        for config in configs
    ]
    if any(other != first for other in others):
        raise GeomsupError(
            f"configurations that are trained together may differ in {', '.join(OF_EACH)} only"
        )
    data: dict[str, Any] = {
        "feature_probability": np.concatenate([config.probabilities for config in configs])
    }
    if any(config.feature_model is not None for config in configs):
        models = tuple(model for config in configs for model in config.feature_models)
        data = {"feature_model": models, "feature_probability": None}
    return replace(
        configs[0],
        n_instances=sum(config.n_instances for config in configs),
        n_restarts=1,
        importance=np.concatenate([config.importances for config in configs]),
        **data,
    )


def _part(whole: TrainingRun, config: ToyModelConfig, seed: int, models: slice) -> TrainingRun:
    """The models of one configuration of several that were trained together."""
    names = ("weights", "decoders", "biases", "losses", "loss_errors")
    kept = vars(whole.trajectory)
    return replace(
        whole,
        config=config,
        seed=seed,
        **{name: getattr(whole, name)[models] for name in names},
        history=History(steps=whole.history.steps, losses=whole.history.losses[:, models]),
        trajectory=Trajectory(
            **{name: part if name == "steps" else part[:, models] for name, part in kept.items()}
        ),
    )


def _train(
    config: ToyModelConfig,
    seed: int,
    device: torch.device,
    *,
    instances: Sequence[int],
    progress: bool | None = False,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = np.inf,
) -> TrainingRun:
    """Train the instances of these numbers, which need not be all of the configuration's."""
    with session(config.n_steps, "training", progress) as call:
        learner = ToyLearner(config, seed, device, instances)
        fit, kept = Fit(learner), None
        if checkpoint is not None:
            belongs_to = {"config": config.to_dict(), "seed": seed, "device": str(device)}
            belongs_to |= learner.provenance
            kept = Checkpoint(checkpoint, checkpoint_seconds, _KIND, fit, belongs_to)
        # In the midst of a step what a checkpoint would hold is not of one piece.
        with suppress(KeyboardInterrupt):
            fit.run(call, kept)
    if fit.completed < config.n_steps:
        follows = f", and {kept.follows}" if kept is not None and kept.follows else ""
        warnings.warn(
            f"training was interrupted after {fit.completed} of {config.n_steps} steps; the "
            f"run holds what was reached by then{follows}",
            GeomsupWarning,
            stacklevel=3,
        )
    return _finished(fit, learner, seed, device)


def _finished(fit: Fit, learner: ToyLearner, seed: int, device: torch.device) -> TrainingRun:
    """Evaluate the models on fresh samples and put everything together."""
    config = learner.config
    weights, decoders, biases = learner.split()
    losses, loss_errors = evaluate(config, weights, decoders, biases, seed, learner.instances)
    fit.check(losses)
    steps, noted = fit.history()
    return TrainingRun(
        config=config,
        seed=seed,
        device=str(device),
        completed_steps=fit.completed,
        objective="sampled",
        weights=weights,
        decoders=decoders,
        biases=biases,
        losses=losses,
        loss_errors=loss_errors,
        history=History(steps=steps, losses=noted),
        trajectory=_trajectory(fit, learner, seed),
        provenance=versions() | learner.provenance,
    )


def _trajectory(fit: Fit, learner: ToyLearner, seed: int) -> Trajectory:
    config, k = learner.config, len(learner.instances)
    if not fit.records:
        return Trajectory.empty(k, config.n_hidden, config.n_features)
    steps = np.array([step for step, _ in fit.records])
    weights, decoders, biases = learner.split(torch.stack([theta for _, theta in fit.records]))
    losses, _ = evaluate(
        config,
        weights.reshape(-1, *weights.shape[2:]),
        decoders.reshape(-1, *decoders.shape[2:]),
        biases.reshape(-1, *biases.shape[2:]),
        seed,
        learner.instances * len(steps),
        n_samples=_TRAJECTORY_SAMPLES,
    )
    return Trajectory(
        steps=steps,
        weights=weights,
        decoders=decoders,
        biases=biases,
        losses=losses.reshape(len(steps), k),
    )
