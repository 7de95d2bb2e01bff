"""The other objective: the exact expected loss, minimised by quasi-Newton.

It starts where the sampled training starts and ends in a local minimum to many digits, in a small
part of the time; what it cannot do is take a large model, or learn from anything but the one
distribution for which the expected loss is known.
"""

from __future__ import annotations

import numpy as np
import torch

from geomsup.errors import GeomsupError, counted
from geomsup.theory.loss import Problem, expected_loss
from geomsup.theory.models import descend_models
from geomsup.training.config import ToyModelConfig
from geomsup.training.environment import versions
from geomsup.training.records import History, Trajectory
from geomsup.training.run import TrainingRun
from geomsup.training.state import initial_parameters

__all__ = ["minimise"]

# A dense inverse Hessian of so many parameters for each instance.
_MOST_PARAMETERS = 500
# For problems whose zero output has loss one.
_GRADIENT_TOL = 1e-9
_TOL = 1e-10


def minimise(config: ToyModelConfig, seed: int, device: torch.device) -> TrainingRun:
    """Minimise the exact loss of every instance from its own initial weights.

    All instances share the calls of the loss, and nothing else: their arithmetic is elementwise or
    a product of its own, so that the result does not depend on the neighbours.
    """
    _check(config, device)
    weights, _, biases = initial_parameters(config, seed, range(config.n_instances))
    problem = Problem(p=config.probabilities, importance=config.importances)
    normal, size = problem.normalised()
    start = descend_models(weights, biases, normal, gradient_tol=np.inf, max_steps=1, tol=_TOL)
    ends = descend_models(
        weights, biases, normal, gradient_tol=_GRADIENT_TOL, max_steps=config.n_steps, tol=_TOL
    )
    exact = [
        expected_loss(W, b, p, importance, tol=_TOL)
        for W, b, p, importance in zip(ends.W, ends.b, problem.p, problem.importance, strict=True)
    ]
    losses = np.array([one.loss for one in exact])
    # The first evaluation, at the start itself, is no step of the descent.
    n_taken = min(ends.n_calls, config.n_steps)
    # To answer zero costs one.  A descent that ends above has not begun: so far outside the loss
    # is too large for its differences to be numbers.
    hopeless = ~(ends.loss <= 1.0 + _TOL)
    if hopeless.any():
        k = int(np.argmax(hopeless))
        raise GeomsupError(
            f"the descent of instance {k} ended at a loss of {losses[k]:.3g} after "
            f"{counted(n_taken, 'evaluation')}, more than an answer of zero costs ({size[k]:.3g}); "
            "allow more n_steps, or take a smaller init_scale"
        )
    return TrainingRun(
        config=config,
        seed=seed,
        device=str(device),
        completed_steps=n_taken,
        objective="exact",
        weights=ends.W,
        decoders=ends.W,
        biases=ends.b,
        losses=losses,
        loss_errors=np.array([one.error_bound for one in exact]),
        history=History(
            steps=np.array([0, n_taken]), losses=np.array([start.loss, ends.loss]) * size
        ),
        trajectory=Trajectory.empty(config.n_instances, config.n_hidden, config.n_features),
        provenance=versions(),
    )


def _check(config: ToyModelConfig, device: torch.device) -> None:
    if unlike := config.unlike_plain("correlation"):
        name, usual, own = unlike
        raise GeomsupError(
            f"the exact loss is known for {name}={usual!r} only, got {own!r}; train with "
            "objective='sampled'"
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
