"""Who uses which random numbers: one independent stream for each purpose.

A stream is keyed by (seed, purpose, …), where what follows says of which instance, size or step, so
what an instance sees depends neither on how many others are trained beside it nor on the order in
which they are served.  Numbers are part of every result ever published from a seed: a new purpose
takes a new number, and none is given away again.  `sample_inputs` draws from the seed with no key.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

__all__ = ["Stream", "stream_seed"]


class Stream(IntEnum):
    """Purpose of a random stream; in brackets what its key goes on with."""

    # Toy models.
    INITIAL_WEIGHTS = 0  # (instance)
    SAMPLES = 1  # (instance)
    EVALUATION = 2  # (0: uniform numbers, 1: first units)
    DATASET = 3  # (setting)
    DATASET_ORDER = 4  # (instance, which time all have their turn)
    # Sparse autoencoders.
    DICTIONARY_INITIAL_VALUES = 16  # (size, restart)
    DICTIONARY_BATCHES = 17
    DICTIONARY_EVALUATION = 18
    DICTIONARY_RESAMPLING = 19  # (size, restart, step)
    # Mixtures of experts; inputs and the first expert are those of the toy model of their number.
    ROUTER = 32  # (instance); the other experts too
    MIXTURE_EVALUATION = 33
    # Experiments.
    FEATURE_LOSSES = 64


def stream_seed(seed: int, purpose: Stream, *key: int) -> np.random.SeedSequence:
    """Seed of the stream that serves one purpose."""
    return np.random.SeedSequence(seed, spawn_key=(int(purpose), *key))
