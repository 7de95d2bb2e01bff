"""How good the trained models are, on samples that none of them has seen.

Training losses are too noisy to rank restarts by. Two choices make a modest sample enough. Every
instance meets the same uniform numbers, turned into features by its own probabilities, so that
what differs between two restarts is their weights and not their luck. And the empty input, which
at low feature probability is most of all inputs, is not drawn: its loss is known exactly (Σ_i I_i
g(b_i)² for f(0) = 0) and so is its probability, so all samples go to inputs with something in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from geomsup.theory.feature_model import FeatureModel, FeatureSet
from geomsup.training.config import ToyModelConfig
from geomsup.training.data import make_sampler, scale_to_unit_norm
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
    features, importances = config.feature_models, config.importances[chosen]
    n_hidden, n_features = weights.shape[1:]
    low, high = _SAMPLE_BOUNDS
    if n_samples is None:
        n_samples = min(max(_ENTRIES // n_features, low), high)
    n_chunks = max(1, n_samples // _CHUNK)
    # One model holds the samples; the parameters of the instances pass through it in turn.
    model = ToyModel(np.ones((1, n_features)), n_hidden, _CHUNK, **config.model_options())
    empty_losses = (importances * _empty_errors(config, decoders, biases) ** 2).sum(axis=1)
    losses, errors = empty_losses.copy(), np.zeros(len(weights))

    # Instances of equal features meet the same samples, which are drawn once for all.
    groups: dict[FeatureModel, list[int]] = {}
    for place, k in enumerate(chosen):
        groups.setdefault(features[k], []).append(place)
    for feature_model, members in groups.items():
        if not feature_model.feature_probability.any():
            continue
        sampler = _NonEmptySampler(feature_model, seed, **config.data_options())
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


@dataclass(frozen=True)
class _Unit:
    """What is empty or not, independently of the others: a feature, or a set of them.

    Parameters
    ----------
    first : int
        The first of its features.
    p : ndarray of shape (size,)
        Their probabilities.
    gate, equal : float
        How often one gate decides for all, and how often values are equal.
    exclusive : bool
        Whether one member at most is present.
    """

    first: int
    p: NDArray[np.float64]
    gate: float = 0.0
    equal: float = 0.0
    exclusive: bool = False

    @property
    def members(self) -> slice:
        return slice(self.first, self.first + len(self.p))

    @property
    def chances(self) -> NDArray[np.float64]:
        """Of each way not to be empty: this member alone, or as the first; then all together."""
        if self.is_single:
            return self.p
        if self.gate == 1.0:  # the first member stands for all
            return np.append(self.p[0], np.zeros(len(self.p) - 1))
        alone = (1.0 - self.gate) * self.p * _none_before(self.p)
        return np.append(alone, self.gate * self.p[0])

    @property
    def is_single(self) -> bool:
        """Whether one member at most is present."""
        return self.exclusive or (len(self.p) == 1 and self.gate < 1.0)

    @property
    def not_empty(self) -> float:
        return float(self.chances.sum())


def _units_of(one: FeatureSet, first: int) -> list[_Unit]:
    p = np.array(one.probabilities)
    if one.presence == "exclusive":
        return [_Unit(first, p, exclusive=True)]
    apart = one.gate == 0.0 and not one.equal_values
    if apart or (one.size == 1 and one.gate < 1.0):
        return [_Unit(first + k, p[k : k + 1]) for k in range(one.size)]
    return [_Unit(first, p, one.gate, one.equal_values)]


def _none_before(not_empty: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probability that all before are empty, of shape (n,)."""
    return np.cumprod(np.append(1.0, 1.0 - not_empty[:-1]))


class _NonEmptySampler:
    """Samples of one model, given that the input is not empty.

    The first unit that is not empty is chosen by its probability, and drawn given that; those
    before it are cleared, and those after it left as they fell.

    Parameters
    ----------
    model : FeatureModel
        Whose features are not all absent for ever.
    seed : int
        Seed of the run.
    signed, unit_norm : bool
        As in `make_sampler`.

    Attributes
    ----------
    not_empty : float
        Probability of the condition.
    """

    def __init__(self, model: FeatureModel, seed: int, *, signed: bool, unit_norm: bool) -> None:
        self._units = [
            unit
            for one, at in zip(model.sets, model.slices, strict=True)
            for unit in _units_of(one, at.start)
        ]
        self._signed, self._unit_norm = signed, unit_norm
        self._magnitude = model.magnitude if model.values == "fixed" else None
        none_before = _none_before(np.array([unit.not_empty for unit in self._units]))
        ways = [unit.chances for unit in self._units]
        chances = np.concatenate([way * none for way, none in zip(ways, none_before, strict=True)])
        self._unit_of = np.repeat(np.arange(len(ways)), [len(way) for way in ways])
        self._way_of = np.concatenate([np.arange(len(way)) for way in ways])
        self.not_empty = float(chances.sum())
        self._cumulative = np.cumsum(chances) / self.not_empty
        self._last_possible = int(np.flatnonzero(chances)[-1])
        self._unit_of_feature = np.repeat(
            np.arange(len(ways)), [len(unit.p) for unit in self._units]
        )
        seeds = [stream_seed(seed, Stream.EVALUATION, 0)]
        self._sampler = make_sampler([model], seeds, _CHUNK, signed=signed)
        self._generator = np.random.default_rng(stream_seed(seed, Stream.EVALUATION, 1))
        several = [unit for unit in self._units if not unit.is_single]
        self._widest = max((len(unit.p) for unit in several), default=0)
        self._has_alone = any(unit.gate < 1.0 for unit in several)
        self._has_equal = any(unit.equal > 0.0 for unit in several)

    def draw(self, out: torch.Tensor) -> None:
        """Write fresh samples to ``out``, of shape (1, n_features, samples), on the CPU."""
        self._sampler.draw(out)
        n_samples = out.shape[2]
        choice, value = self._generator.random((2, n_samples))
        chosen = np.searchsorted(self._cumulative, choice, side="right")
        np.minimum(chosen, self._last_possible, out=chosen)
        first, way = self._unit_of[chosen], self._way_of[chosen]
        samples = out[0].numpy()
        samples *= self._unit_of_feature[:, None] > first
        self._fill(samples, first, way, value)
        if self._magnitude is not None:
            np.multiply(np.sign(samples), self._magnitude, out=samples)
        if self._unit_norm:
            scale_to_unit_norm(out[0])

    def _fill(
        self,
        samples: NDArray[np.float32],
        first: NDArray[np.int64],
        way: NDArray[np.int64],
        value: NDArray[np.float64],
    ) -> None:
        """Draw the first unit of each sample, given in which way it is not empty."""
        shape = self._widest, len(value)
        # What no unit asks for is not drawn: what was drawn of a seed before must stay the same.
        values = self._generator.random(shape) if self._widest else np.empty(shape)
        alone = self._generator.random(shape) if self._has_alone else None
        equal = self._generator.random(len(value)) if self._has_equal else None
        starts = np.array([unit.first for unit in self._units])
        sizes = np.array([len(unit.p) for unit in self._units])
        single = np.array([unit.is_single for unit in self._units])
        at = np.flatnonzero(single[first])
        samples[starts[first[at]] + way[at], at] = self._scaled(value[at])
        for number in np.flatnonzero(~single):
            at = np.flatnonzero(first == number)
            unit, size = self._units[number], sizes[number]
            drawn = values[:size, at]
            if equal is not None:
                drawn = np.where(equal[at] < unit.equal, value[at], drawn)
            drawn = self._scaled(drawn)
            if alone is not None:
                members = np.arange(size)[:, None]
                by_itself = (members > way[at]) & (alone[:size, at] < unit.p[:, None])
                together = (unit.gate == 1.0) | (way[at] == size)
                drawn = drawn * (together | (members == way[at]) | by_itself)
            samples[unit.members, at] = drawn

    def _scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return 2.0 * values - 1.0 if self._signed else values
