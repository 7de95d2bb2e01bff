"""The ReLU-output toy model, its loss and its gradient, for a batch of independent instances.

Parameters of an instance are one matrix θ = [W; b] of shape (n_hidden + 1, n_features), because
then the bias rides along in the matrix products: with h̃ = [Wx; 1] the output is ReLU(θᵀh̃), and
the gradient of the output layer, θ̄ = h̃·eᵀ, holds the gradient of b in its last row. Samples run
along the *last* axis, so that what differs between features is a column and every elementwise
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

__all__ = ["ReluOutputModel", "aligned_empty"]

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


class ReluOutputModel:
    """A batch of models x̂ = ReLU(WᵀWx + b) with room for one batch of samples and the gradient.

    Parameters
    ----------
    importances : ndarray of shape (n_instances, n_features)
        Weight of each feature in the loss.
    n_hidden : int
        Number of hidden dimensions.
    batch_size : int
        Samples in a batch.
    dtype, device
        Of all numbers.

    Attributes
    ----------
    theta : Tensor of shape (n_instances, n_hidden + 1, n_features)
        The parameters, W above b.
    gradient : Tensor of shape (n_instances, n_hidden + 1, n_features)
        What `backward` computed.
    samples : Tensor of shape (n_instances, n_features, batch_size)
        The batch, to be filled before `backward`.

    Notes
    -----
    With s = θᵀh̃ and e_i = 2/B · I_i · (s_i − x_i)·1(s_i > 0), the gradient of the mean loss of B
    samples is θ̄ = h̃·eᵀ plus, in the rows of W, (We)·xᵀ: W is used twice, to encode and to decode.
    """

    def __init__(
        self,
        importances: NDArray[np.float64],
        n_hidden: int,
        batch_size: int,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> None:
        device = torch.device("cpu") if device is None else device
        k, n = importances.shape
        m, batch = n_hidden, batch_size

        def empty(rows: int, columns: int) -> Tensor:
            return aligned_empty(k, rows, columns, dtype=dtype, device=device)

        self.theta = empty(m + 1, n)
        self.gradient = empty(m + 1, n)
        self.samples = empty(n, batch)
        self._importances = importances
        # 2 I / B is applied to the small gradient, not to the long error: it is constant in both
        # products when all features weigh the same. Otherwise the error itself must carry it.
        self._uniform = bool((importances == importances[:, :1]).all())
        scale = torch.from_numpy(importances * (2.0 / batch)).to(device, dtype)
        self._scale = scale[:, :1, None] if self._uniform else scale[:, :, None]
        self._output = empty(n, batch)
        self._error = empty(n, batch)
        self._encoder_gradient = empty(m, n)

        hidden = empty(m + 1, batch)
        hidden[:, m] = 1.0
        back = empty(m, batch)
        weights = self.theta[:, :m]
        self._encode = _product(weights, self.samples, hidden[:, :m])
        self._decode = _product(self.theta.transpose(1, 2), hidden, self._output)
        self._decoder_backward = _product(hidden, self._error.transpose(1, 2), self.gradient)
        self._hidden_backward = _product(weights, self._error, back)
        self._encoder_backward = _product(
            back, self.samples.transpose(1, 2), self._encoder_gradient
        )

    @property
    def weights(self) -> Tensor:
        """View of W, of shape (n_instances, n_hidden, n_features)."""
        return self.theta[:, :-1]

    @property
    def biases(self) -> Tensor:
        """View of b, of shape (n_instances, n_features)."""
        return self.theta[:, -1]

    def backward(self) -> None:
        """Compute `gradient` of the mean loss of `samples`."""
        self._encode()
        self._decode()
        error, output = self._error, self._output
        torch.sub(output, self.samples, out=error)
        # (s − x) where s > 0, else 0: one pass instead of a comparison and a product.
        torch.ops.aten.threshold_backward.grad_input(error, output, 0.0, grad_input=error)
        if not self._uniform:
            error.mul_(self._scale)
        self._decoder_backward()
        self._hidden_backward()
        self._encoder_backward()
        self.gradient[:, :-1].add_(self._encoder_gradient)
        if self._uniform:
            self.gradient.mul_(self._scale)

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
        """(x − x̂)² of the `samples`, instance after instance.

        Yields
        ------
        ndarray of shape (n_features, batch_size)
        """
        self._encode()
        self._decode()
        for output, samples in zip(self._output, self.samples, strict=True):
            yield (output.relu() - samples).square_().double().cpu().numpy()


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
