"""What a toy model may compute and be compared with: activations with their derivatives, targets.

A configuration takes whatever stands in the two tables by its name, so a new one is one entry:

>>> import torch
>>> from geomsup.training import ACTIVATIONS, Activation, ToyModelConfig, train
>>> def pull_tanh(gradient, sums):
...     gradient.mul_(1.0 - sums.tanh().square())
>>> ACTIVATIONS["tanh"] = Activation(lambda sums, out: torch.tanh(sums, out=out), pull_tanh)
>>> config = ToyModelConfig(hidden_activation="tanh", n_instances=2, n_steps=20, batch_size=32)
>>> train(config, seed=0).weights.shape
(2, 2, 5)
>>> del ACTIVATIONS["tanh"]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

__all__ = ["ACTIVATIONS", "TARGETS", "Activation", "Target"]

Filled: TypeAlias = Callable[[Tensor, Tensor], object]


@dataclass(frozen=True)
class Activation:
    """A function of one number, and its derivative, both written in place.

    Parameters
    ----------
    apply : callable (sums, out)
        Writes f(sums) to ``out``, which may be ``sums`` itself.
    pull : callable (gradient, sums)
        Multiplies ``gradient`` by f′(sums).
    is_gate : bool, default False
        Whether f(s) is either s or zero.  Then a value says as much about f′ as its sum, and the
        model saves a pass over the samples and the memory of one.
    """

    apply: Filled
    pull: Filled
    is_gate: bool = False


@dataclass(frozen=True)
class Target:
    """What the output of a model is compared with.

    Parameters
    ----------
    fill : callable (samples, out), optional
        Writes the right answers to samples of shape (n_instances, n_features, batch_size); the
        samples themselves if left out.
    group : int, default 1
        How many consecutive features make an answer; their number must be a multiple of it.
    """

    fill: Filled | None = None
    group: int = 1


def _copy(values: Tensor, out: Tensor) -> None:
    if out is not values:
        out.copy_(values)


def _leave(_gradient: Tensor, _sums: Tensor) -> None:
    """Multiply by one."""


def _cut(gradient: Tensor, sums: Tensor) -> None:
    """Set a gradient to zero where a sum is not positive: the derivative of ReLU."""
    # One pass instead of a comparison and a product.
    torch.ops.aten.threshold_backward.grad_input(gradient, sums, 0.0, grad_input=gradient)


def _smaller_of_pairs(samples: Tensor, out: Tensor) -> None:
    torch.minimum(samples[:, ::2], samples[:, 1::2], out=out[:, ::2])
    # Both outputs of a pair have the same answer.
    out[:, 1::2] = out[:, ::2]


ACTIVATIONS: dict[str, Activation] = {
    "linear": Activation(_copy, _leave, is_gate=True),
    "relu": Activation(lambda sums, out: torch.clamp_min(sums, 0.0, out=out), _cut, is_gate=True),
}
TARGETS: dict[str, Target] = {
    "identity": Target(),
    "absolute": Target(lambda samples, out: torch.abs(samples, out=out)),
    "minimum": Target(_smaller_of_pairs, group=2),
}
