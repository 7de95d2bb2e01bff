"""How good the trained models are, on samples that none of them has seen.

Training losses are too noisy to rank restarts by. Two choices make a modest sample enough. Every
instance meets the same uniform numbers, turned into features by its own probabilities, so that
what differs between two restarts is their weights and not their luck. And the empty input, which
at low feature probability is most of all inputs, is not drawn: its loss is known exactly (Σ_i I_i
g(b_i)² for f(0) = 0) and so is its probability, so all samples go to inputs with something in them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from geomsup.training.config import ToyModelConfig
from geomsup.training.data import RawUniforms, Sampler
from geomsup.training.distributions import make_distribution
from geomsup.training.functions import ACTIVATIONS, TARGETS
from geomsup.training.model import ToyModel
from geomsup.training.streams import Stream, stream_seed

__all__ = ["evaluate"]

# About this many feature values, within bounds on the number of samples, in whole chunks. At 5→2
# and p = .05 the standard error is about half a per cent of the loss of a pentagon.
_ENTRIES = 1 << 22
_SAMPLE_BOUNDS = (1 << 14, 1 << 19)
_CHUNK = 1 << 12


def evaluate(
    config: ToyModelConfig,
    weights: NDArray[np.float64],
    decoders: NDArray[np.float64],
    biases: NDArray[np.float64],
    seed: int,
    instances: Sequence[int] | None = None,
    *,
    n_samples: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Loss of trained models on a fresh sample, summed over features, with its standard error.

    The sample depends on the seed and its size on n_features alone; it is drawn on the CPU
    wherever the models were trained.

    Parameters
    ----------
    config : ToyModelConfig
        What they were trained on.
    weights, decoders : ndarray of shape (n_instances, n_hidden, n_features)
        W and V.
    biases : ndarray of shape (n_instances, n_features)
        Biases b.
    seed : int
        Seed of the run.
    instances : sequence of int, optional
        Numbers of these instances in the configuration; all of them by default.
    n_samples : int, optional
        How many samples, up to whole chunks; by default as many as the accuracy of a final loss
        asks for.

    Returns
    -------
    losses, loss_errors : ndarray of shape (n_instances,)
        E Σ_i I_i (y_i − x̂_i)² and its standard error.
    """
    chosen = list(range(config.n_instances) if instances is None else instances)
    probabilities, importances = config.probabilities[chosen], config.importances[chosen]
    n_hidden, n_features = weights.shape[1:]
    low, high = _SAMPLE_BOUNDS
    if n_samples is None:
        n_samples = min(max(_ENTRIES // n_features, low), high)
    n_chunks = max(1, n_samples // _CHUNK)
    # One model holds the samples; the parameters of the instances pass through it in turn.
    model = ToyModel(np.ones((1, n_features)), n_hidden, _CHUNK, **config.model_options())
    empty_losses = (importances * _empty_errors(config, decoders, biases) ** 2).sum(axis=1)
    losses, errors = empty_losses.copy(), np.zeros(len(weights))

    # Instances of equal probabilities meet the same samples, which are drawn once for all.
    groups, group_of = np.unique(probabilities, axis=0, return_inverse=True)
    for number, probability in enumerate(groups):
        members = np.flatnonzero(group_of.ravel() == number)
        if not probability.any():
            continue
        sampler = _NonEmptySampler(config, probability, seed)
        sums, sums_of_squares = np.zeros(len(members)), np.zeros(len(members))
        for _ in range(n_chunks):
            sampler.draw(model.samples)
            for j, k in enumerate(members):
                model.set_parameters(
                    *(torch.from_numpy(part[k]) for part in (weights, decoders, biases))
                )
                (squares,) = model.squared_errors()
                # einsum, not @: the threads of a BLAS could regroup the sum.
                per_sample = np.einsum("i,ij->j", importances[k], squares)
                sums[j] += per_sample.sum()
                sums_of_squares[j] += (per_sample**2).sum()
        drawn = n_chunks * _CHUNK
        means = sums / drawn
        variances = np.maximum(sums_of_squares / drawn - means**2, 0.0)
        not_empty = sampler.not_empty
        losses[members] = (1.0 - not_empty) * empty_losses[members] + not_empty * means
        errors[members] = not_empty * np.sqrt(variances / drawn)
    return losses, errors


def _empty_errors(
    config: ToyModelConfig, decoders: NDArray[np.float64], biases: NDArray[np.float64]
) -> NDArray[np.float64]:
    """x̂ − y of the empty input, of shape (n_instances, n_features)."""
    hidden, target = torch.zeros(decoders.shape[1:2]).double(), torch.zeros(1, biases.shape[1], 1)
    ACTIVATIONS[config.hidden_activation].apply(hidden, hidden)
    answers = torch.from_numpy(np.einsum("kmi,m->ki", decoders, hidden) + biases)
    ACTIVATIONS[config.output_activation].apply(answers, answers)
    if (fill := TARGETS[config.target].fill) is not None:
        fill(target.clone(), target)
    return (answers - target[..., 0]).numpy()


class _NonEmptySampler:
    """Samples of one model, given that the input is not empty.

    A unit is what is empty or not, independently of the others: a feature or a set of them.

    Parameters
    ----------
    config : ToyModelConfig
        How the data are drawn.
    probability : ndarray of shape (n_features,)
        Probability of each feature, not all zero.
    seed : int
        Seed of the run.

    Attributes
    ----------
    not_empty : float
        Probability of the condition.
    """

    def __init__(self, config: ToyModelConfig, probability: NDArray[np.float64], seed: int) -> None:
        size = config.set_size or 1
        in_units = probability.reshape(-1, size)
        self._together = config.correlation == "correlated"
        of_unit = in_units[:, 0] if self._together else in_units.sum(axis=1)
        # P(this feature is present in the first unit that is not empty); of a correlated set, the
        # first feature stands for all.
        none_before = np.cumprod(np.append(1.0, 1.0 - of_unit[:-1]))
        is_first = in_units * none_before[:, None]
        if self._together:
            is_first[:, 1:] = 0.0
        is_first = is_first.ravel()
        self.not_empty = float(is_first.sum())
        self._cumulative = np.cumsum(is_first) / self.not_empty
        self._last_possible = int(np.flatnonzero(is_first)[-1])
        self._size, self._signed = size, config.signed
        self._units = np.arange(len(probability))[:, None] // size
        seeds = [stream_seed(seed, Stream.EVALUATION, 0)]
        distribution = make_distribution(
            probability[None], **config.data_options(), upper=RawUniforms.upper
        )
        self._sampler = Sampler(RawUniforms(seeds, distribution.n_rows, _CHUNK), distribution)
        self._generator = np.random.default_rng(stream_seed(seed, Stream.EVALUATION, 1))

    def draw(self, out: torch.Tensor) -> None:
        """Write fresh samples to ``out``, of shape (1, n_features, samples), on the CPU."""
        self._sampler.draw(out)
        # Choose the first unit, clear those before it, leave those after it as they fell.
        n_samples = out.shape[2]
        choice, value = self._generator.random((2, n_samples))
        chosen = np.searchsorted(self._cumulative, choice, side="right")
        np.minimum(chosen, self._last_possible, out=chosen)
        first = self._units[chosen, 0]
        samples, columns = out[0].numpy(), np.arange(n_samples)
        samples *= self._units > first
        if self._together:
            values = self._generator.random((self._size, n_samples))
            samples[chosen + np.arange(self._size)[:, None], columns] = self._scaled(values)
        else:
            samples[chosen, columns] = self._scaled(value)

    def _scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return 2.0 * values - 1.0 if self._signed else values
