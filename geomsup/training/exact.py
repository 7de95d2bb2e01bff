"""The other objective: the exact expected loss, minimised by quasi-Newton.

It starts where the sampled training starts and ends in a local minimum to many digits, in a small
part of the time; what it cannot do is take a large model, or learn from anything but the feature
models for which the expected loss is known.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, counted
from geomsup.theory.feature_model import FeatureModel
from geomsup.theory.loss import Problem, expected_loss
from geomsup.theory.models import descend_models
from geomsup.training.config import ToyModelConfig
from geomsup.training.environment import versions
from geomsup.training.learner import initial_parameters
from geomsup.training.records import History, Trajectory
from geomsup.training.run import TrainingRun

__all__ = ["minimise"]

# A dense inverse Hessian of so many parameters for each instance.
_MOST_PARAMETERS = 500
# For problems whose zero output has loss one.
_GRADIENT_TOL = 1e-9
_TOL = 1e-10


def minimise(config: ToyModelConfig, seed: int, device: torch.device) -> TrainingRun:
    """Minimise the exact loss of every instance from its own initial weights.

    All instances share the calls of the loss, and nothing else: their arithmetic is elementwise or
    a product of its own, so that the result does not depend on the neighbours.  Weight decay is a
    term λ ‖W‖² of what is minimised, and no part of the losses that are reported.
    """
    _check(config, device)
    weights, _, biases = initial_parameters(config, seed, range(config.n_instances))
    ends_W, ends_b = np.empty_like(weights), np.empty_like(biases)
    objective = np.empty((2, config.n_instances))  # at the start and at the end
    n_taken = 0
    for members, problem in _problems(config):
        normal, size = problem.normalised()
        start, ends = (
            descend_models(
                weights[members],
                biases[members],
                normal,
                gradient_tol=gradient_tol,
                max_steps=max_steps,
                tol=_TOL,
            )
            for gradient_tol, max_steps in ((np.inf, 1), (_GRADIENT_TOL, config.n_steps))
        )
        ends_W[members], ends_b[members] = ends.W, ends.b
        objective[:, members] = np.array([start.loss, ends.loss]) * size
        # The first evaluation, at the start itself, is no step of the descent.
        n_taken = max(n_taken, min(ends.n_calls, config.n_steps))
        # To answer zero costs one.  A descent that ends above has not begun: so far outside the
        # loss is too large for its differences to be numbers.
        hopeless = ~(ends.loss <= 1.0 + _TOL)
        if hopeless.any():
            k = members[int(np.argmax(hopeless))]
            raise GeomsupError(
                f"the descent of instance {k} ended at a loss of {objective[1, k]:.3g} after "
                f"{counted(n_taken, 'evaluation')}, more than an answer of zero costs "
                f"({size[np.argmax(hopeless)]:.3g}); allow more n_steps, or take a smaller "
                "init_scale"
            )
    exact = [
        expected_loss(W, b, model, importance, tol=_TOL)
        for W, b, model, importance in zip(
            ends_W, ends_b, config.feature_models, config.importances, strict=True
        )
    ]
    penalty = config.weight_decay * np.array([(W**2).sum(axis=(1, 2)) for W in (weights, ends_W)])
    return TrainingRun(
        config=config,
        seed=seed,
        device=str(device),
        completed_steps=n_taken,
        objective="exact",
        weights=ends_W,
        decoders=ends_W,
        biases=ends_b,
        losses=np.array([one.loss for one in exact]),
        loss_errors=np.array([one.error_bound for one in exact]),
        history=History(steps=np.array([0, n_taken]), losses=objective - penalty),
        trajectory=Trajectory.empty(config.n_instances, config.n_hidden, config.n_features),
        provenance=versions(),
    )


def _problems(config: ToyModelConfig) -> Iterator[tuple[NDArray[np.intp], Problem]]:
    """The instances that share the calls of the loss, and what they minimise.

    Independent features may differ in their probabilities, others are one model.
    """
    groups: dict[FeatureModel | None, list[int]] = {}
    for k, model in enumerate(config.feature_models):
        groups.setdefault(None if model.is_independent else model, []).append(k)
    for features, members in groups.items():
        problem = Problem(
            p=config.probabilities[members],
            importance=config.importances[members],
            features=features,
            weight_decay=np.full(len(members), config.weight_decay),
        )
        yield np.array(members), problem


def _check(config: ToyModelConfig, device: torch.device) -> None:
    if unlike := config.unlike_plain("dataset_size", "unit_norm"):
        name, usual, own = unlike
        raise GeomsupError(
            f"the exact loss is known for {name}={usual!r} only, got {own!r}; train with "
            "objective='sampled'"
        )
    if config.decoupled_decay:
        raise GeomsupError(
            "the decay of optimizer='adamw' is no term of a loss, so there is nothing exact to "
            f"minimise, got weight_decay={config.weight_decay:g}; with optimizer='adam' it is "
            "λ ‖W‖²"
        )
    if config.n_records:
        raise GeomsupError(
            f"the exact objective keeps no trajectory, got n_records={config.n_records}; train "
            "with objective='sampled' to see how the weights move"
        )
    if device.type != "cpu":
        raise GeomsupError(f"the exact objective runs on the CPU, got device {str(device)!r}")
    n_parameters = config.n_features * (config.n_hidden + 1)
    if n_parameters > _MOST_PARAMETERS:
        raise GeomsupError(
            f"the exact objective takes models of up to {_MOST_PARAMETERS} parameters, got "
            f"{config.n_features} × ({config.n_hidden} + 1) = {n_parameters}; train with "
            "objective='sampled'"
        )
