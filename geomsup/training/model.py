"""The toy models, their loss and their gradient, for a batch of independent instances.

A model is h = f(Wx), x̂ = g(Vᵀh + b), where f and g stand in `functions.ACTIVATIONS`, and V = W in
the tied models. Parameters of an instance are one matrix θ = [V; b] of shape
(n_hidden + 1, n_features), because then the bias rides along in the matrix products: with
h̃ = [h; 1] the output is g(θᵀh̃), and the gradient of the output layer, θ̄ = h̃·eᵀ, holds the
gradient of b in its last row. An encoder of its own lies in n_hidden further rows below. Samples
run along the *last* axis, so that what differs between features is a column and every elementwise
pass walks memory in order.

On the CPU the result of an instance must not depend on its neighbours, bit for bit. Batched
products (``torch.bmm``) break that: their kernel, and so the rounding, changes with the number of
matrices. Here each instance gets its own product, from a memory block that starts on the same
alignment as every other's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geomsup.training.functions import ACTIVATIONS, TARGETS

__all__ = ["ToyModel", "aligned_empty"]

Product: TypeAlias = Callable[[], object]

# NumPy's matmul runs through the instances without leaving C, two to four times faster than a
# loop over torch.mm on small matrices; its BLAS keeps products up to this size in one thread.
_NUMPY_MULTIPLY_ADDS = 1 << 18
# Floats to which an instance is padded: four vector registers of 512 bits.
_ALIGNMENT = 64


def aligned_empty(
    n_instances: int, rows: int, columns: int, *, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Uninitialised (n_instances, rows, columns) tensor whose instances are aligned alike.

    Rows are padded to whole cache lines when they are long enough for that to cost little, and
    instances always are. The padding is zero and shows in the strides only.
    """
    row = -(-columns // 16) * 16 if columns >= 64 else columns
    instance = -(-rows * row // _ALIGNMENT) * _ALIGNMENT
    memory = torch.zeros(n_instances * instance, dtype=dtype, device=device)
    return memory.as_strided((n_instances, rows, columns), (instance, row, 1))


class ToyModel:
    """A batch of models with room for one batch of samples and the gradient.

    Parameters
    ----------
    importances : ndarray of shape (n_instances, n_features)
        Weight of each feature in the loss.
    n_hidden : int
        Number of hidden dimensions.
    batch_size : int
        Samples in a batch.
    hidden_activation, output_activation : str
        f and g, by their names in `ACTIVATIONS`.
    tied : bool
        Whether V = W.
    target : str
        What the output is compared with, by its name in `TARGETS`.
    dtype, device
        Of all numbers.

    Attributes
    ----------
    theta : Tensor of shape (n_instances, n_rows, n_features)
        The parameters: V above b, and below them W unless it is tied.
    gradient : Tensor of the same shape
        What `backward` computed.
    samples : Tensor of shape (n_instances, n_features, batch_size)
        The batch, to be filled before `backward`.

    Notes
    -----
    With s = θᵀh̃, target y and e_i = 2/B · I_i · (g(s_i) − y_i)·g′(s_i), the gradient of the mean
    loss of B samples is h̃·eᵀ for V and b and (Ve ⊙ f′)·xᵀ for W; their sum for a tied W, which is
    used twice.
    """

    def __init__(
        self,
        importances: NDArray[np.float64],
        n_hidden: int,
        batch_size: int,
        *,
        hidden_activation: str = "linear",
        output_activation: str = "relu",
        tied: bool = True,
        target: str = "identity",
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> None:
        device = torch.device("cpu") if device is None else device
        k, n = importances.shape
        m, batch = n_hidden, batch_size

        def empty(rows: int, columns: int) -> Tensor:
            return aligned_empty(k, rows, columns, dtype=dtype, device=device)

        self._f, self._g = ACTIVATIONS[hidden_activation], ACTIVATIONS[output_activation]
        n_rows = m + 1 if tied else 2 * m + 1
        self._n_hidden, self._tied = m, tied
        self.theta = empty(n_rows, n)
        self.gradient = empty(n_rows, n)
        self.samples = empty(n, batch)
        self._fill_target = TARGETS[target].fill
        self._target = self.samples if self._fill_target is None else empty(n, batch)
        self._importances = importances
        # 2 I / B is applied to the small gradient, not to the long error: it is constant in both
        # products when all features weigh the same. Otherwise the error itself must carry it. Each
        # model goes its own way, the factor of the other being one, so that it is rounded as alone.
        equal = (importances == importances[:, :1]).all(axis=1)
        scale = importances * (2.0 / batch)
        of_gradient = np.where(equal, scale[:, 0], 1.0)[:, None, None]
        of_error = np.where(equal[:, None], 1.0, scale)[:, :, None]
        self._gradient_scale, self._error_scale = (
            torch.from_numpy(factor).to(device, dtype) if used else None
            for factor, used in ((of_gradient, equal.any()), (of_error, not equal.all()))
        )
        self._output = empty(n, batch)
        self._error = empty(n, batch)

        hidden = empty(m + 1, batch)
        hidden[:, m] = 1.0
        self._hidden, self._back = hidden[:, :m], empty(m, batch)
        self._sums = self._hidden if self._f.is_gate else empty(m, batch)
        self._encoder_gradient = empty(m, n) if tied else self.gradient[:, m + 1 :]
        decoder = self.theta[:, : m + 1]
        self._encode = _product(self.weights, self.samples, self._sums)
        self._decode = _product(decoder.transpose(1, 2), hidden, self._output)
        self._decoder_backward = _product(
            hidden, self._error.transpose(1, 2), self.gradient[:, : m + 1]
        )
        self._hidden_backward = _product(self.decoders, self._error, self._back)
        self._encoder_backward = _product(
            self._back, self.samples.transpose(1, 2), self._encoder_gradient
        )

    @property
    def weights(self) -> Tensor:
        """View of W, of shape (n_instances, n_hidden, n_features)."""
        return self.decoders if self._tied else self.theta[:, self._n_hidden + 1 :]

    @property
    def decoders(self) -> Tensor:
        """View of V, of shape (n_instances, n_hidden, n_features)."""
        return self.theta[:, : self._n_hidden]

    @property
    def biases(self) -> Tensor:
        """View of b, of shape (n_instances, n_features)."""
        return self.theta[:, self._n_hidden]

    def set_parameters(self, weights: Tensor, decoders: Tensor, biases: Tensor) -> None:
        """Copy W, V and b; a tied model takes both from V."""
        self.weights.copy_(weights)
        self.decoders.copy_(decoders)
        self.biases.copy_(biases)

    def backward(self) -> None:
        """Compute `gradient` of the mean loss of `samples`."""
        self._forward()
        error, output = self._error, self._output
        if self._g.is_gate:
            # What g would set to zero has no derivative, and is cut from the error.
            torch.sub(output, self._target, out=error)
        else:
            self._g.apply(output, error)
            error.sub_(self._target)
        self._g.pull(error, output)
        if self._error_scale is not None:
            error.mul_(self._error_scale)
        self._decoder_backward()
        self._hidden_backward()
        self._f.pull(self._back, self._sums)
        self._encoder_backward()
        if self._tied:
            self.gradient[:, :-1].add_(self._encoder_gradient)
        if self._gradient_scale is not None:
            self.gradient.mul_(self._gradient_scale)

    def losses(self) -> NDArray[np.float64]:
        """Mean loss of `samples`, summed over features, for each instance.

        Returns
        -------
        ndarray of shape (n_instances,)
        """
        # One instance at a time, for the same reason as the products.
        return np.array(
            [
                (importance * squares.mean(axis=1)).sum()
                for importance, squares in zip(
                    self._importances, self.squared_errors(), strict=True
                )
            ]
        )

    def squared_errors(self) -> Iterator[NDArray[np.float64]]:
        """(y − x̂)² of the `samples`, instance after instance.

        Yields
        ------
        ndarray of shape (n_features, batch_size)
        """
        self._forward()
        for output, target in zip(self._output, self._target, strict=True):
            answer = torch.empty_like(output)
            self._g.apply(output, answer)
            yield answer.sub_(target).square_().double().cpu().numpy()

    def _forward(self) -> None:
        """Fill hidden layer, target, and output before its activation."""
        self._encode()
        self._f.apply(self._sums, self._hidden)
        self._decode()
        if self._fill_target is not None:
            self._fill_target(self.samples, self._target)


def _product(a: Tensor, b: Tensor, out: Tensor) -> Product:
    """Matrix product of every instance, as a call without arguments (the buffers stay put)."""
    if out.device.type != "cpu":
        return lambda: torch.bmm(a, b, out=out)
    if math.prod(a.shape[1:]) * b.shape[2] <= _NUMPY_MULTIPLY_ADDS:
        left, right, result = a.numpy(), b.numpy(), out.numpy()
        return lambda: np.matmul(left, right, out=result)
    triples: Sequence[tuple[Tensor, Tensor, Tensor]] = list(zip(a, b, out, strict=True))

    def one_by_one() -> None:
        for left, right, result in triples:
            torch.mm(left, right, out=result)

    return one_by_one
