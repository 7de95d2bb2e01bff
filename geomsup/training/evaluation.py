"""How good the trained models are, on samples that none of them has seen.

Training losses are too noisy to rank restarts by. Two choices make a modest sample enough. Every
instance meets the same uniform numbers, turned into features by its own probabilities, so that
what differs between two restarts is their weights and not their luck. And the empty input, which
at low feature probability is most of all inputs, is not drawn: its loss is Σ_i I_i ReLU(b_i)²
exactly and its probability is known, so all samples go to inputs with something in them.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from geomsup.training.data import RawSampler, Stream, stream_seed
from geomsup.training.model import ReluOutputModel

__all__ = ["evaluate"]

# About this many feature values, within bounds on the number of samples, in whole chunks. At 5→2
# and p = .05 the standard error is about half a per cent of the loss of a pentagon.
_ENTRIES = 1 << 22
_SAMPLE_BOUNDS = (1 << 14, 1 << 19)
_CHUNK = 1 << 12


def evaluate(
    weights: NDArray[np.float64],
    biases: NDArray[np.float64],
    probabilities: NDArray[np.float64],
    importances: NDArray[np.float64],
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Loss of trained models on a fresh sample, summed over features, with its standard error.

    The sample depends on the seed and its size on n_features alone; it is drawn on the CPU
    wherever the models were trained.

    Parameters
    ----------
    weights : ndarray of shape (n_instances, n_hidden, n_features)
        Weights W.
    biases : ndarray of shape (n_instances, n_features)
        Biases b.
    probabilities, importances : ndarray of shape (n_instances, n_features)
        Of each feature in each instance.
    seed : int
        Seed of the run.

    Returns
    -------
    losses, loss_errors : ndarray of shape (n_instances,)
        E Σ_i I_i (x_i − x̂_i)² and its standard error.
    """
    n_hidden, n_features = weights.shape[1:]
    low, high = _SAMPLE_BOUNDS
    n_chunks = min(max(_ENTRIES // n_features, low), high) // _CHUNK
    theta = torch.from_numpy(np.concatenate([weights, biases[:, None]], axis=1))
    # One model holds the samples; the parameters of the instances pass through it in turn.
    model = ReluOutputModel(np.ones((1, n_features)), n_hidden, _CHUNK)
    empty_losses = (importances * np.maximum(biases, 0.0) ** 2).sum(axis=1)
    losses, errors = empty_losses.copy(), np.zeros(len(weights))

    # Instances of equal probabilities meet the same samples, which are drawn once for all.
    groups, group_of = np.unique(probabilities, axis=0, return_inverse=True)
    for number, probability in enumerate(groups):
        members = np.flatnonzero(group_of.ravel() == number)
        if not probability.any():
            continue
        sampler = _NonEmptySampler(probability, seed)
        sums, sums_of_squares = np.zeros(len(members)), np.zeros(len(members))
        for _ in range(n_chunks):
            sampler.draw(model.samples)
            for j, k in enumerate(members):
                model.theta.copy_(theta[k])
                (squares,) = model.squared_errors()
                # einsum, not @: the threads of a BLAS could regroup the sum.
                per_sample = np.einsum("i,ij->j", importances[k], squares)
                sums[j] += per_sample.sum()
                sums_of_squares[j] += (per_sample**2).sum()
        n_samples = n_chunks * _CHUNK
        means = sums / n_samples
        variances = np.maximum(sums_of_squares / n_samples - means**2, 0.0)
        not_empty = sampler.not_empty
        losses[members] = (1.0 - not_empty) * empty_losses[members] + not_empty * means
        errors[members] = not_empty * np.sqrt(variances / n_samples)
    return losses, errors


class _NonEmptySampler:
    """Samples of one model, given that the input is not empty.

    Parameters
    ----------
    probability : ndarray of shape (n_features,)
        Probability of each feature, not all zero.
    seed : int
        Seed of the run.

    Attributes
    ----------
    not_empty : float
        Probability of the condition.
    """

    def __init__(self, probability: NDArray[np.float64], seed: int) -> None:
        # P(feature i is the first that is not zero).
        is_first = probability * np.cumprod(np.append(1.0, 1.0 - probability[:-1]))
        self.not_empty = float(is_first.sum())
        self._cumulative = np.cumsum(is_first) / self.not_empty
        self._last_possible = int(np.flatnonzero(is_first)[-1])
        self._rows = np.arange(len(probability))[:, None]
        self._sampler = RawSampler(
            probability[None], [stream_seed(seed, Stream.EVALUATION, 0)], _CHUNK
        )
        self._generator = np.random.default_rng(stream_seed(seed, Stream.EVALUATION, 1))

    def draw(self, out: torch.Tensor) -> None:
        """Write fresh samples to ``out``, of shape (1, n_features, samples), on the CPU."""
        self._sampler.draw(out)
        # Choose the first feature, clear those before it, leave those after it as they fell.
        choice, value = self._generator.random((2, out.shape[2]))
        first = np.searchsorted(self._cumulative, choice, side="right")
        np.minimum(first, self._last_possible, out=first)
        samples = out[0].numpy()
        samples *= self._rows > first
        samples[first, np.arange(out.shape[2])] = value
