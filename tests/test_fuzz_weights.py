"""Whatever comes in, as_weights answers with a matrix or with one kind of error."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from fuzz_inputs import bad_inputs

from geomsup.errors import GeomsupError, GeomsupWarning
from geomsup.weights import as_weights, list_arrays


@pytest.mark.parametrize("seed", range(4))
def test_bad_input_gives_a_matrix_or_a_geomsup_error(seed: int, tmp_path: Path) -> None:
    outcomes: Counter[str] = Counter()
    for item in bad_inputs(seed, 2500, tmp_path):
        refusal = ""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", GeomsupWarning)
            try:
                values = as_weights(item)
            except GeomsupError as error:
                refusal = str(error)
        if refusal:
            assert "\n" not in refusal
            assert len(refusal) < 1200
            outcomes["refused"] += 1
        else:
            assert values.dtype == np.float64
            assert values.ndim == 2
            assert values.size > 0
            assert np.isfinite(values).all()
            assert not values.flags.writeable
            outcomes["accepted"] += 1
    # Both ways out must be taken often, or the generator has stopped testing one of them.
    assert min(outcomes["refused"], outcomes["accepted"]) > 200


def test_listing_a_damaged_file_gives_names_or_a_geomsup_error(tmp_path: Path) -> None:
    listed = 0
    for item in bad_inputs(99, 1500, tmp_path):
        if isinstance(item, (str, Path)):
            try:
                listed += len(list_arrays(item)) > 0
            except GeomsupError:
                continue
    assert listed > 25
