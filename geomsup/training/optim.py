"""Adam over one padded block of parameters.

torch's own optimisers spend more time on bookkeeping than a small model spends on its gradient;
here a step is seven passes over one flat tensor. The passes run over the padding as well (its
gradient is zero, so it stays zero): every instance then meets the same vector instructions
wherever in the block it lies.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["Adam"]


class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1) for tensors made by `aligned_empty`.

    With weight decay it is AdamW (Loshchilov & Hutter 2019, algorithm 2).

    Parameters
    ----------
    theta, gradient : Tensor
        Parameters, changed in place, and their gradient, read at each step; same shape.
    beta1, beta2, epsilon : float
        Decay of the two moments, and what keeps the quotient finite.
    weight_decay : float
        Share of a parameter that a step takes away, per unit of learning rate.

    Attributes
    ----------
    count : int
        Number of steps taken.
    mean, square : Tensor of shape (n_entries,)
        The two moments with their padding.  These three are all that changes beside the parameters.
    """

    def __init__(
        self,
        theta: Tensor,
        gradient: Tensor,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self._theta = _with_padding(theta)
        self._gradient = _with_padding(gradient)
        self.mean = torch.zeros_like(self._theta)
        self.square = torch.zeros_like(self._theta)
        self._root = torch.empty_like(self._theta)
        self._beta1, self._beta2, self._epsilon = beta1, beta2, epsilon
        self._weight_decay = weight_decay
        self.count = 0
        self._n_instances = theta.shape[0]

    def step(self, learning_rate: float) -> None:
        """Move the parameters by one step."""
        self.count += 1
        if self._weight_decay:
            self._theta.mul_(1.0 - learning_rate * self._weight_decay)
        gradient, root = self._gradient, self._root
        self.mean.lerp_(gradient, 1.0 - self._beta1)
        self.square.mul_(self._beta2).addcmul_(gradient, gradient, value=1.0 - self._beta2)
        torch.sqrt(self.square, out=root)
        root.mul_(1.0 / math.sqrt(1.0 - self._beta2**self.count)).add_(self._epsilon)
        rate = learning_rate / (1.0 - self._beta1**self.count)
        self._theta.addcdiv_(self.mean, root, value=-rate)

    def is_finite(self) -> Tensor:
        """Whether the parameters and the second moments are finite, for each instance.

        A second moment that has overflowed freezes its parameter without any other sign.

        Returns
        -------
        Tensor of shape (n_instances,), bool
        """
        finite = self._theta.isfinite() & self.square.isfinite()
        return finite.view(self._n_instances, -1).all(dim=1)


def _with_padding(tensor: Tensor) -> Tensor:
    """Flat view of all the memory behind a tensor."""
    size = tensor.untyped_storage().nbytes() // tensor.element_size()
    return tensor.as_strided((size,), (1,), 0)
