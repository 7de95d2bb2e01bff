"""A batch of sparse autoencoders of one size, their loss and its gradient.

z = σ(Eᵀ(h − c) + b), ĥ = Dz + c, with unit columns of D, and σ either ReLU or "the k largest
ReLUs of a sample", the latter without b.  One block of memory holds D above E above b, so that
the bias of the encoder rides along in the products, with h̃ = [h − c; 1], and one optimiser moves
all three.

All autoencoders of a batch see the same samples.  As in the trainer of toy models every one has
its own products, from memory that is aligned alike, so that on the CPU none depends, bit for bit,
on those beside it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geomsup.training.model import aligned_empty

__all__ = ["AutoencoderBatch"]

_CPU = torch.device("cpu")


class AutoencoderBatch:
    """Autoencoders of equal size, with room for one batch of samples and the gradient.

    Parameters
    ----------
    n_hidden, n_latents, batch_size : int
    penalties : ndarray of shape (n_instances,)
        Weight of Σz in the loss; 0 without.
    active : tuple of int, optional
        How many latents of each instance may be active; there is no bias b then.  All of them,
        and a bias, if left out.

    Attributes
    ----------
    theta, gradient : Tensor of shape (n_instances, 2 * n_hidden + 1, n_latents)
        D above E above b, and what `backward` computed.
    centre, centre_gradient : Tensor of shape (n_instances, 1, n_hidden)
        The point c that codes are counted from, and its gradient.
    fired : Tensor of shape (n_instances, n_latents)
        Latents that were active in any `backward` since the caller last cleared this.

    Notes
    -----
    The loss is the mean of |h − ĥ|² + penalty · Σz over the samples.  With r = ĥ − h, its gradient
    is 2/B times: rzᵀ for D; h̃z̄ᵀ for [E; b], where z̄ = (Dᵀr + penalty/2)·1(z > 0); and
    Σr − EΣz̄ for c.
    """

    def __init__(
        self,
        n_hidden: int,
        n_latents: int,
        batch_size: int,
        penalties: NDArray[np.float64],
        active: tuple[int, ...] | None = None,
    ) -> None:
        n_instances, m = len(penalties), n_hidden

        def empty(rows: int, columns: int) -> Tensor:
            return aligned_empty(n_instances, rows, columns, dtype=torch.float32, device=_CPU)

        self.theta = empty(2 * m + 1, n_latents)
        self.gradient = empty(2 * m + 1, n_latents)
        self.centre = empty(1, m)
        self.centre_gradient = empty(1, m)
        self._half_penalty = torch.from_numpy(0.5 * penalties).float()[:, None, None]
        self._penalised = bool(penalties.any())
        self._active = active
        self._has_bias = active is None
        self._scale = 2.0 / batch_size
        self._inputs = empty(m + 1, batch_size)
        self._inputs[:, m] = 1.0
        self._residual = empty(m, batch_size)
        self._codes = empty(n_latents, batch_size)
        self._back = empty(n_latents, batch_size)
        self._m = m
        self.fired = torch.zeros((n_instances, n_latents), dtype=torch.bool)

    @property
    def decoder(self) -> Tensor:
        """View of D, of shape (n_instances, n_hidden, n_latents)."""
        return self.theta[:, : self._m]

    @property
    def encoder(self) -> Tensor:
        """View of E, of shape (n_instances, n_hidden, n_latents)."""
        return self.theta[:, self._m : -1]

    @property
    def bias(self) -> Tensor:
        """View of b, of shape (n_instances, n_latents)."""
        return self.theta[:, -1]

    def backward(self, samples: Tensor) -> None:
        """Compute the gradient of the mean loss of samples of shape (n_hidden, batch_size)."""
        self._forward(samples)
        m, codes, back, residual = self._m, self._codes, self._back, self._residual
        _multiply(self.decoder.transpose(1, 2), residual, back)
        if self._penalised:
            back.add_(self._half_penalty)
        torch.ops.aten.threshold_backward.grad_input(back, codes, 0.0, grad_input=back)
        _multiply(residual, codes.transpose(1, 2), self.gradient[:, :m])
        _multiply(self._inputs, back.transpose(1, 2), self.gradient[:, m:])
        bias_gradient = self.gradient[:, -1:]
        self.fired |= bias_gradient[:, 0] != 0.0
        _multiply(bias_gradient, self.encoder.transpose(1, 2), self.centre_gradient)
        torch.sub(residual.sum(2)[:, None], self.centre_gradient, out=self.centre_gradient)
        if not self._has_bias:
            bias_gradient.zero_()
        self.gradient.mul_(self._scale)
        self.centre_gradient.mul_(self._scale)
        # Columns of D stay on the unit sphere: only the part along it counts (Bricken et al.).
        decoder, gradient = self.decoder, self.gradient[:, :m]
        gradient.sub_((decoder * gradient).sum(1, keepdim=True) * decoder)

    def normalise(self) -> None:
        """Put the columns of D back on the unit sphere."""
        decoder = self.decoder
        decoder.div_(decoder.square().sum(1, keepdim=True).sqrt_())

    def squared_errors(self, samples: Tensor) -> Tensor:
        """|h − ĥ|² of each sample, of shape (n_instances, batch_size)."""
        self._forward(samples)
        return self._residual.square().sum(1)

    def _forward(self, samples: Tensor) -> None:
        m, codes, residual = self._m, self._codes, self._residual
        centre = self.centre.transpose(1, 2)
        inputs = self._inputs[:, :m]
        torch.sub(samples, centre, out=inputs)
        _multiply(self.theta[:, m:].transpose(1, 2), self._inputs, codes)
        codes.relu_()
        if self._active is not None:
            for code, k in zip(codes, self._active, strict=True):
                keep_largest(code.numpy(), k)
        _multiply(self.decoder, codes, residual)
        residual.sub_(inputs)


def keep_largest(codes: NDArray[np.floating], k: int) -> None:
    """Set all but the k largest entries of each column to zero, in place.

    Entries are not negative.  One maximum after the other is faster than any sort while k is
    small: it runs along rows.
    """
    least, rest = codes.max(axis=0), codes
    for _ in range(k - 1):
        rest = np.where(rest < least, rest, 0.0)
        least = rest.max(axis=0)
    codes[codes < least] = 0.0


def _multiply(a: Tensor, b: Tensor, out: Tensor) -> None:
    """Matrix product of every instance, one by one."""
    np.matmul(a.numpy(), b.numpy(), out=out.numpy())
