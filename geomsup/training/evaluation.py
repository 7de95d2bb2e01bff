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
    estimates = [
        _evaluate_one(*instance, seed)
        for instance in zip(weights, biases, probabilities, importances, strict=True)
    ]
    losses, errors = np.array(estimates).T
    return losses, errors


def _evaluate_one(
    weights: NDArray[np.float64],
    biases: NDArray[np.float64],
    probability: NDArray[np.float64],
    importance: NDArray[np.float64],
    seed: int,
) -> tuple[float, float]:
    n_hidden, n_features = weights.shape
    low, high = _SAMPLE_BOUNDS
    n_chunks = min(max(_ENTRIES // n_features, low), high) // _CHUNK
    n_samples = n_chunks * _CHUNK

    # P(feature i is the first that is not zero); the sum is P(the input is not empty).
    is_first = probability * np.cumprod(np.append(1.0, 1.0 - probability[:-1]))
    not_empty = float(is_first.sum())
    empty_loss = float(importance @ np.maximum(biases, 0.0) ** 2)
    if not_empty == 0.0:
        return empty_loss, 0.0
    cumulative = np.cumsum(is_first) / not_empty
    last_possible = int(np.flatnonzero(is_first)[-1])

    model = ReluOutputModel(importance[None], n_hidden, _CHUNK)
    model.weights.copy_(torch.from_numpy(weights))
    model.biases.copy_(torch.from_numpy(biases))
    sampler = RawSampler(probability[None], [stream_seed(seed, Stream.EVALUATION, 0)], _CHUNK)
    generator = np.random.default_rng(stream_seed(seed, Stream.EVALUATION, 1))
    samples = model.samples[0].numpy()
    rows, columns = np.arange(n_features)[:, None], np.arange(_CHUNK)
    total = total_of_squares = 0.0
    for _ in range(n_chunks):
        sampler.draw(model.samples)
        # Condition on "not empty": choose the first feature, clear those before it, leave those
        # after it as they fell.
        choice, value = generator.random((2, _CHUNK))
        first = np.minimum(np.searchsorted(cumulative, choice, side="right"), last_possible)
        samples *= rows > first
        samples[first, columns] = value
        losses = model.sample_losses()[0]
        total += float(losses.sum())
        total_of_squares += float(np.dot(losses, losses))
    mean = total / n_samples
    variance = max(total_of_squares / n_samples - mean**2, 0.0)
    loss = (1.0 - not_empty) * empty_loss + not_empty * mean
    return loss, not_empty * float(np.sqrt(variance / n_samples))
