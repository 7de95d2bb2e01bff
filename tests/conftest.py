"""What all tests share: one way to draw random numbers, and no state from earlier runs."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from browsing import chromium

# Pictures are drawn into memory wherever the tests run.
os.environ.setdefault("MPLBACKEND", "Agg")

# A shell's background process starts with Ctrl-C ignored; the tests of it want what a terminal has.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run, and no clock: two workers on a busy machine stall at random.
hypothesis.settings.register_profile("geomsup", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("geomsup")


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that starts at the same seed in each test."""
    return np.random.default_rng(20220914)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, for all tests of a module; those are skipped where there is none."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def trained() -> dict[str, np.ndarray]:
    """Four trained toy models, 200 features in 20 dimensions, p = .5, .3, .2 and .1.

    Equal importance, batch 1024, 12,000 Adam steps with a cosine rate from 1e-3.
    """
    with np.load(Path(__file__).parent / "data" / "uniform_200_20.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture
def short_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The final losses of a training are taken on the fewest samples.

    For tests of bits, files and words: the samples of a small training cost as much as its steps.
    """
    from geomsup.training import evaluation

    monkeypatch.setattr(evaluation, "_SAMPLE_BOUNDS", (1 << 12, 1 << 13))


@pytest.fixture
def short_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No training takes more than sixty steps, whatever its configuration says.

    For tests of what comes before and after.
    """
    from geomsup.dictionary import AutoencoderConfig
    from geomsup.training import ToyModelConfig

    for config in (ToyModelConfig, AutoencoderConfig):
        monkeypatch.setattr(config, "__post_init__", _shortened(config.__post_init__))


def _shortened(checked: Callable[[Any], None]) -> Callable[[Any], None]:
    def shortened(config: Any) -> None:
        checked(config)
        least = max(60, getattr(config, "n_records", 0))
        object.__setattr__(config, "n_steps", min(config.n_steps, least))

    return shortened
