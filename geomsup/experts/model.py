"""A mixture in training: its loss and its gradient, written out by hand.

All experts lie in one matrix, and so one pair of products serves them all: with the hidden layers
of all experts below each other and those that are not chosen set to zero, h̃ = [h ⊙ c; c], where c
marks the chosen expert, the answer is ReLU(θᵀh̃).  That computes hidden layers which nobody reads,
in exchange for one product instead of many small ones and a sorting of inputs by expert.

Mixtures are trained one after the other, so none can depend on another.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from geomsup.training.model import aligned_empty

__all__ = ["MixtureModel", "choose", "within_capacity"]

Array = NDArray[Any]


def choose(logits: Array, inputs: Array) -> NDArray[np.intp]:
    """The expert of each input: the largest of its logits.

    An empty input tells the router nothing.  Such inputs are dealt out in turn.

    Parameters
    ----------
    logits : ndarray of shape (n_experts, n_samples)
    inputs : ndarray of shape (n_features, n_samples)

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    chosen: NDArray[np.intp] = logits.argmax(axis=0)
    at = np.flatnonzero(~inputs.any(axis=0))
    chosen[at] = np.arange(len(at)) % len(logits)
    return chosen


def within_capacity(chosen: NDArray[np.intp], capacity: int) -> NDArray[np.bool_]:
    """Which inputs their experts still take, first come, first served.

    Examples
    --------
    >>> import numpy as np
    >>> from geomsup.experts.model import within_capacity
    >>> within_capacity(np.array([0, 1, 0, 0]), 2).tolist()
    [True, True, True, False]
    """
    taken = np.ones(len(chosen), dtype=bool)
    for expert in np.flatnonzero(np.bincount(chosen) > capacity):
        taken[np.flatnonzero(chosen == expert)[capacity:]] = False
    return taken


class MixtureModel:
    """One mixture, with room for one batch and the gradient.

    Parameters
    ----------
    importance : ndarray of shape (n_features,)
    n_hidden : int
        Dimensions of an expert.
    n_experts, batch_size, capacity : int
    weighted : bool
        Whether the answer is multiplied with the gate.
    balance : float
        Weight α of the balancing loss.
    dtype : torch.dtype
        Of all numbers.

    Attributes
    ----------
    theta, gradient : Tensor of shape (1, n_experts · (n_hidden + 2), n_features)
        W of all experts, above b of all experts, above R; and what `backward` computed.
    samples : Tensor of shape (1, n_features, batch_size)
        The batch, to be filled before `backward`.
    n_refused : int
        Inputs that `backward` found no room for, all batches together.

    Notes
    -----
    With y = ReLU(s), s = θᵀh̃, gate g and error e = I ⊙ (g y − x), the gradient of the mean loss of
    B samples is 2/B times: h̃ δᵀ, δ = g e ⊙ 1(s > 0), for W and b; (Wδ ⊙ c) xᵀ for W, which is
    used twice; and ρ xᵀ for R, where ρ = g (e·y)(c − π), plus the balancing term
    ½ π ⊙ (v − π·v) with v = α k f, f being a constant of the batch.
    """

    def __init__(
        self,
        importance: NDArray[np.float64],
        n_hidden: int,
        n_experts: int,
        batch_size: int,
        capacity: int,
        *,
        weighted: bool,
        balance: float,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        n, k, m, batch = len(importance), n_experts, n_hidden, batch_size

        def empty(rows: int, columns: int) -> torch.Tensor:
            return aligned_empty(1, rows, columns, dtype=dtype, device=torch.device("cpu"))

        self.theta, self.gradient = empty(k * (m + 2), n), empty(k * (m + 2), n)
        self.samples = empty(n, batch)
        self.n_refused = 0
        self._k, self._m, self._capacity = k, m, capacity
        self._weighted, self._balance = weighted, balance
        theta, gradient = self.theta[0].numpy(), self.gradient[0].numpy()
        self._weights, self._output = theta[: k * m], theta[: k * (m + 1)]
        self._router = theta[k * (m + 1) :]
        self._weights_gradient = gradient[: k * m]
        self._output_gradient = gradient[: k * (m + 1)]
        self._router_gradient = gradient[k * (m + 1) :]
        self._gradient = gradient
        self._x = self.samples[0].numpy()
        hidden = empty(k * (m + 1), batch)[0].numpy()
        self._hidden, self._inputs = hidden, hidden[: k * m]
        self._marks = hidden[k * m :]  # c, of the inputs that are taken
        self._back = empty(k * m, batch)[0].numpy()
        self._encoded = empty(k * m, n)[0].numpy()
        self._answers, self._errors = empty(n, batch)[0].numpy(), empty(n, batch)[0].numpy()
        plain = bool((importance == 1.0).all())
        self._importance = None if plain else importance[:, None].astype(self._x.dtype)

    def set_parameters(
        self, weights: NDArray[np.float64], biases: NDArray[np.float64], router: NDArray[np.float64]
    ) -> None:
        """Copy W of shape (n_experts, n_hidden, n_features), b and R of (n_experts, n_features)."""
        k, m = self._k, self._m
        self._weights[:] = weights.reshape(k * m, -1)
        self._output[k * m :] = biases
        self._router[:] = router

    def parameters(self) -> tuple[NDArray[np.float64], ...]:
        """W, b and R in float64, copied."""
        k, m = self._k, self._m
        weights = self._weights.astype(np.float64).reshape(k, m, -1)
        return weights, self._output[k * m :].astype(np.float64), self._router.astype(np.float64)

    def backward(self) -> float:
        """Compute `gradient` of the mean loss of `samples`, and return that loss."""
        x, answers, errors, k = self._x, self._answers, self._errors, self._k
        batch = int(x.shape[1])
        probabilities, chosen, taken, gates = self._route()
        np.matmul(self._weights, x, out=self._inputs)
        in_experts = self._inputs.reshape(k, self._m, batch)
        in_experts *= self._marks[:, None]
        np.matmul(self._output.T, self._hidden, out=answers)
        np.maximum(answers, 0.0, out=answers)
        np.multiply(answers, gates, out=errors)
        errors -= x
        squares: Array = np.einsum("ij,ij->i", errors, errors)
        if self._importance is not None:
            squares *= self._importance[:, 0]
            errors *= self._importance
        # Every answer that was refused is zero, and so is what comes back from it.
        towards = np.einsum("ij,ij->j", errors, answers)
        errors *= gates
        errors *= answers > 0.0
        np.matmul(self._hidden, errors.T, out=self._output_gradient)
        np.matmul(self._weights, errors, out=self._back)
        back = self._back.reshape(k, self._m, batch)
        back *= self._marks[:, None]
        np.matmul(self._back, x.T, out=self._encoded)
        self._weights_gradient += self._encoded
        pull, loss = self._router_pull(probabilities, chosen, gates * towards)
        np.matmul(pull, x.T, out=self._router_gradient)
        self._gradient *= 2.0 / batch
        self.n_refused += int(batch - taken.sum())
        return float(squares.sum()) / batch + loss

    def _route(self) -> tuple[Array, NDArray[np.intp], NDArray[np.bool_], Array]:
        """Probabilities, chosen experts, which inputs are taken, and gates; and set the marks."""
        logits = self._router @ self._x
        chosen = choose(logits, self._x)
        logits -= logits.max(axis=0)
        probabilities = np.exp(logits, out=logits)
        probabilities /= probabilities.sum(axis=0)
        taken = within_capacity(chosen, self._capacity)
        self._marks[:] = (np.arange(self._k)[:, None] == chosen) & taken
        gates = np.ones_like(self._x[0])
        if self._weighted:
            gates = np.take_along_axis(probabilities, chosen[None], axis=0)[0]
        return probabilities, chosen, taken, gates

    def _router_pull(
        self, probabilities: Array, chosen: NDArray[np.intp], towards: Array
    ) -> tuple[Array, float]:
        """Half the gradient for the logits, times the batch size; and the balancing loss."""
        batch = len(chosen)
        pull = -probabilities * towards
        pull[chosen, np.arange(batch)] += towards
        shares = np.bincount(chosen, minlength=self._k) / batch
        uneven = (self._balance * self._k * shares).astype(pull.dtype)
        pull += 0.5 * probabilities * (uneven[:, None] - uneven @ probabilities)
        return pull, float(uneven @ probabilities.mean(axis=1))
