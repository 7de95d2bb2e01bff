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
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm.auto import tqdm

from geomsup.errors import GeomsupError, GeomsupWarning
from geomsup.storage import checked_target
from geomsup.training.checkpoints import Checkpoint
from geomsup.training.config import ToyModelConfig
from geomsup.training.diverged import TrainingDivergedError
from geomsup.training.environment import (
    is_interactive,
    one_thread,
    resolve_device,
    stop_requests,
    versions,
)
from geomsup.training.evaluation import evaluate
from geomsup.training.records import History, Trajectory
from geomsup.training.run import TrainingRun
from geomsup.training.state import TrainingState
from geomsup.validation import brief, one_of, positive_number, seed_number

__all__ = ["train"]

_OBJECTIVES = ("sampled", "exact")
# Steps between two looks at whether the parameters are still finite (and two moves of the bar).
_CHECK_EVERY = 100
# Samples on which the weights of a trajectory are compared: fewer than for the final losses,
# because there may be hundreds of records, and all of them meet the same samples.
_TRAJECTORY_SAMPLES = 1 << 13


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
        "sampled" takes gradient steps on fresh batches. "exact" minimises the exact expected loss
        (:func:`geomsup.theory.expected_loss`) by quasi-Newton from the same initial weights: for
        small tied ReLU-output models of independent features, on the CPU. It takes at most
        ``n_steps`` evaluations; batch size, optimizer and learning rate play no part.
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
    if progress is not None and not isinstance(progress, bool):
        raise GeomsupError(f"progress must be True, False or None, got {brief(progress)}")
    one_of("objective", objective, _OBJECTIVES)
    every = positive_number("checkpoint_seconds", checkpoint_seconds)
    number, place = seed_number(seed), resolve_device(device)
    if objective == "exact":
        if checkpoint is not None:
            raise GeomsupError("the exact objective takes no checkpoint; it is done in moments")
        # Only here, because the theory stands behind the classifier and its imports.
        from geomsup.training.exact import minimise

        with one_thread(), np.errstate(all="ignore"):
            return minimise(config, number, place)
    # NumPy need not warn of an overflow: the loop looks for what is not finite, and says where.
    with one_thread(), torch.no_grad(), np.errstate(all="ignore"):
        return _train(
            config,
            number,
            place,
            instances=range(config.n_instances),
            show_bar=is_interactive() if progress is None else progress,
            checkpoint=None if checkpoint is None else checked_target(checkpoint),
            checkpoint_seconds=every,
        )


def _train(
    config: ToyModelConfig,
    seed: int,
    device: torch.device,
    *,
    instances: Sequence[int],
    show_bar: bool = False,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = np.inf,
) -> TrainingRun:
    """Train the instances of these numbers, which need not be all of the configuration's."""
    state = TrainingState(config, seed, device, instances)
    kept = Checkpoint(checkpoint, checkpoint_seconds)
    if checkpoint is not None and kept.exists:
        state.load(checkpoint)
    record_at = set(config.record_steps())

    with (
        tqdm(total=config.n_steps, disable=not show_bar, unit="step", desc="training") as bar,
        stop_requests() as must_stop,
    ):
        bar.update(state.completed)
        try:
            while state.completed < config.n_steps and not must_stop():
                step = state.completed
                if step % _CHECK_EVERY == 0 and kept.is_due:
                    _check(state)
                    kept.write(state.save)
                if step in record_at:
                    state.record()
                state.sampler.draw(state.model.samples)
                if step % state.note_every == 0:
                    losses = state.model.losses()
                    _check(state, losses)
                    state.history.append((step, losses))
                elif step % _CHECK_EVERY == 0:
                    _check(state)
                if step % _CHECK_EVERY == 0:
                    bar.update(step - bar.n)
                state.step()
            if checkpoint is not None and state.completed < config.n_steps:
                _check(state)
                kept.write(state.save)
        except KeyboardInterrupt:
            # In the midst of a step: what a checkpoint would hold is not of one piece.
            pass
        bar.update(state.completed - bar.n)
    if state.completed < config.n_steps:
        follows = f", and the same call goes on from {checkpoint}" if kept.exists else ""
        warnings.warn(
            f"training was interrupted after {state.completed} of {config.n_steps} steps; the "
            f"run holds what was reached by then{follows}",
            GeomsupWarning,
            stacklevel=3,
        )
    if state.completed == config.n_steps:
        if config.n_steps in record_at and config.n_steps not in dict(state.records):
            state.record()
        if checkpoint is not None:
            _check(state)
            kept.write(state.save)
    return _finished(state)


def _finished(state: TrainingState) -> TrainingRun:
    """Evaluate the models on fresh samples and put everything together."""
    config, seed = state.config, state.seed
    weights, decoders, biases = state.parts(state.model.theta)
    losses, loss_errors = evaluate(config, weights, decoders, biases, seed, state.instances)
    _check(state, losses)
    steps, noted = state.history_arrays()
    return TrainingRun(
        config=config,
        seed=seed,
        device=str(state.device),
        completed_steps=state.completed,
        objective="sampled",
        weights=weights,
        decoders=decoders,
        biases=biases,
        losses=losses,
        loss_errors=loss_errors,
        history=History(steps=steps, losses=noted),
        trajectory=_trajectory(state),
        provenance=versions(),
    )


def _trajectory(state: TrainingState) -> Trajectory:
    config, k = state.config, len(state.instances)
    if not state.records:
        return Trajectory.empty(k, config.n_hidden, config.n_features)
    steps = np.array([step for step, _ in state.records])
    parts = state.parts(torch.stack([theta for _, theta in state.records]))
    weights, decoders, biases = parts
    flat_weights, flat_decoders, flat_biases = (part.reshape(-1, *part.shape[2:]) for part in parts)
    losses, _ = evaluate(
        config,
        flat_weights,
        flat_decoders,
        flat_biases,
        state.seed,
        state.instances * len(steps),
        n_samples=_TRAJECTORY_SAMPLES,
    )
    return Trajectory(
        steps=steps,
        weights=weights,
        decoders=decoders,
        biases=biases,
        losses=losses.reshape(len(steps), k),
    )


def _check(state: TrainingState, losses: NDArray[np.float64] | None = None) -> None:
    """Stop if anything is not finite; otherwise remember these weights as good ones."""
    finite = state.is_finite()
    if losses is not None:
        finite &= np.isfinite(losses)
    if not finite.all():
        weights, decoders, biases = state.parts(state.good)
        raise TrainingDivergedError(
            step=state.completed,
            instance=state.instances[int(np.argmin(finite))],
            learning_rate=state.config.learning_rate_at(
                min(state.completed, state.config.n_steps - 1)
            ),
            last_good_step=state.good_step,
            weights=weights,
            decoders=decoders,
            biases=biases,
        )
    state.mark_good()
