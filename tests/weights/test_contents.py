"""What a file or a folder offers: which arrays may be weights, and what a layout says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from geomsup.errors import WeightsError
from geomsup.weights.contents import contents_of, read_as


def test_matrices_of_real_numbers_and_stacks_of_them_are_offered(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {
        "W": np.ones((2, 5), np.float32),
        "stack": np.ones((3, 2, 5)),
        "deep": np.ones((2, 3, 2, 5)),
        "none": np.ones((0, 5)),
        "complex": np.ones((2, 5), np.complex64),
        "b": np.ones(5),
        "positions": np.ones((2, 5), int),
    }
    np.savez(tmp_path / "many.npz", **arrays)
    contents = contents_of(tmp_path / "many.npz")
    assert [info.name for info in contents.arrays] == list(arrays)
    assert {info.name: read_as(info) for info in contents.matrices} == {
        "W": "5 features in 2 dimensions",
        "stack": "3 × 5 features in 2 dimensions",
    }
    assert contents.opened is None
    assert contents.open_question == ""
    assert contents.feature_axis("W") is None


def test_whole_numbers_are_offered_where_there_is_nothing_else(tmp_path: Path) -> None:
    np.save(tmp_path / "W.npy", np.eye(2, 5, dtype=int))
    assert [info.dtype for info in contents_of(tmp_path / "W.npy").matrices] == ["int64"]


def test_a_folder_of_a_known_layout_says_which_axis_counts(tmp_path: Path) -> None:
    arrays = {"W_dec": np.ones((6, 3)), "W_enc": np.ones((3, 6)), "b_enc": np.zeros(6)}
    save_file(arrays, tmp_path / "sae_weights.safetensors")
    contents = contents_of(tmp_path)
    assert contents.path == tmp_path / "sae_weights.safetensors"
    assert contents.feature_axis("W_dec") == 0
    assert contents.feature_axis("W_enc") is None


def test_what_a_layout_leaves_open_is_said(tmp_path: Path) -> None:
    save_file({"W_dec": np.ones((6, 3))}, tmp_path / "sae.safetensors")
    contents = contents_of(tmp_path / "sae.safetensors")
    assert contents.opened is None
    assert "expected a proof of which axis of (6, 3) counts the features" in contents.open_question
    with pytest.raises(WeightsError, match="does not exist"):
        contents_of(tmp_path / "missing.npy")
