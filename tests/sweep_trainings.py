"""Trainings for sweeps of tests, apart from other functions because workers load torch for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from geomsup.sweeps.trainings import TRAIN
from geomsup.training import evaluation


def _together(
    configs: Sequence[dict[str, Any]], seeds: Sequence[int]
) -> Sequence[Mapping[str, Any]]:
    # A worker is a process of its own, where no fixture reaches.
    with patch.object(evaluation, "_SAMPLE_BOUNDS", (4096, 8192)):
        return TRAIN.together(configs, seeds)


# As "train", but for the size of the sample on which losses are measured at the end.
BRIEFLY_EVALUATED = replace(TRAIN, together=_together)
