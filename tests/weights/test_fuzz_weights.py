"""Whatever comes in, as_weights answers with a matrix or with one kind of error."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from fuzz_inputs import SOUND, bad_inputs, damaged_files

from geomsup.errors import GeomsupError, GeomsupWarning
from geomsup.weights import as_weights, list_arrays, load_arrays


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))]
)
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


_KINDS = [".npy", ".npz", "deflated.npz", ".pt", "unsummed.pt", "old.pt", ".bin", ".safetensors"]


def _read_damaged(kind: str, seed: int, count: int, folder: Path) -> Counter[str]:
    """Hold every array of damaged files against what the sound file held."""
    outcomes: Counter[str] = Counter()
    path = folder / f"w.{kind.rsplit('.', 1)[-1]}"
    for content in damaged_files(kind.replace(".bin", ".pt"), seed, count):
        path.write_bytes(content)
        try:
            arrays = load_arrays(path)
        except GeomsupError:
            outcomes["refused"] += 1
            continue
        assert set(arrays) <= set(SOUND)
        for name, array in arrays.items():
            assert array.dtype == SOUND[name].dtype
            assert np.array_equal(array, SOUND[name])
        outcomes["right"] += 1
    return outcomes


@pytest.mark.parametrize("kind", _KINDS)
def test_damaged_files_are_refused_or_read_rightly(kind: str, tmp_path: Path) -> None:
    assert _read_damaged(kind, 0, 400, tmp_path)["refused"] > 200


@pytest.mark.slow
@pytest.mark.parametrize("kind", _KINDS)
def test_five_thousand_damaged_files_of_each_format(kind: str, tmp_path: Path) -> None:
    outcomes = _read_damaged(kind, 1, 5000, tmp_path)
    assert outcomes.total() == 5000
    assert outcomes["refused"] > 2500
