"""What all tests share: one way to draw random numbers, and no state from earlier runs."""

from __future__ import annotations

import os

import hypothesis
import numpy as np
import pytest

# Pictures are drawn into memory wherever the tests run.
os.environ.setdefault("MPLBACKEND", "Agg")

# The same examples in every run, and no clock: two workers on a busy machine stall at random.
hypothesis.settings.register_profile("geomsup", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("geomsup")


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that starts at the same seed in each test."""
    return np.random.default_rng(20220914)
