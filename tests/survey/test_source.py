"""Rows in blocks against the same done to the whole matrix at once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from geomsup.errors import GeomsupError
from geomsup.geometry.gram import feature_dimensionality
from geomsup.survey import source
from geomsup.survey.source import Rows, mask_of
from geomsup.survey.spectrum import filling_of
from geomsup.weights.opened import open_weights

Array = np.ndarray[Any, np.dtype[np.float64]]


def unit(rows: Array) -> Array:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def prepared(rows: Array, centre: bool, components: int, fold: bool) -> Array:
    if fold:
        rows = unit(rows)
    if centre:
        rows = rows - rows.mean(axis=0)
    if components:
        axes = np.linalg.svd(rows, full_matrices=False)[2][:components]
        rows = rows - rows @ axes.T @ axes
    return rows


@pytest.fixture
def features(rng: np.random.Generator) -> Array:
    return (rng.normal(size=(300, 12)) * np.exp(rng.normal(size=12)) + 0.5) * rng.uniform(
        0.5, 3, size=(300, 1)
    )


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("components", [0, 2])
@pytest.mark.parametrize("fold", [True, False])
def test_what_is_done_to_blocks_is_done_to_the_whole(
    features: Array,
    in_memory: bool,
    centre: bool,
    components: int,
    fold: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(source, "_BLOCK", 12 * 77)
    if not in_memory:
        monkeypatch.setattr(source, "_MOST_BYTES", 0)
    rows = Rows(
        features, feature_axis=0, centre=centre, remove_components=components, fold_norms=fold
    )
    expected = prepared(features, centre, components, fold)
    np.testing.assert_allclose(rows.norms, np.linalg.norm(expected, axis=1), rtol=1e-9)
    np.testing.assert_allclose(rows.units(0, 300), unit(expected), atol=1e-6)
    np.testing.assert_allclose(np.concatenate(list(rows.blocks())), unit(expected), atol=1e-6)
    which = np.array([299, 0, 5])
    np.testing.assert_allclose(rows.exact(which), unit(expected)[which], atol=1e-12)


def containers(features: Array, folder: Path) -> dict[str, tuple[Any, int | None]]:
    import torch

    np.save(folder / "W.npy", features)
    save_file({"W_dec": features, "b_dec": np.zeros(12)}, folder / "sae_weights.safetensors")
    (folder / "cfg.json").write_text('{"d_in": 12, "d_sae": 300}')
    return {
        "rows": (features, 0),
        "columns": (features.T, -1),
        "list": (features.tolist(), 0),
        "float32": (features.astype(np.float32), 0),
        "mapped": (np.load(folder / "W.npy", mmap_mode="r"), 0),
        "path": (folder / "W.npy", 0),
        "folder": (folder, None),
        "opened": (open_weights(folder), None),
        "tensor": (torch.tensor(features), 0),
        "decoder": (SimpleNamespace(W_dec=features, b_dec=np.zeros(12)), None),
    }


def test_whatever_holds_the_matrix(features: Array, tmp_path: Path) -> None:
    for name, (holder, axis) in containers(features, tmp_path).items():
        rows = Rows(holder, feature_axis=axis)
        np.testing.assert_allclose(rows.units(0, 300), unit(features), atol=1e-6, err_msg=name)


def test_features_without_a_direction_and_masked_ones(features: Array) -> None:
    features[[3, 200]] = 0.0
    labels = [f"word{k}" if k % 10 else f"[unused{k}]" for k in range(300)]
    mask = mask_of(r"^\[unused", 300, labels)
    assert mask is not None
    rows = Rows(features, feature_axis=0, mask=mask)
    assert (rows.n_given, rows.n_masked, rows.n_without, rows.n) == (300, 30, 1, 269)
    expected = [k for k in range(300) if k % 10 and k != 3]
    assert rows.features.tolist() == expected
    np.testing.assert_allclose(rows.exact(np.arange(269)), unit(features[expected]), atol=1e-12)


def test_a_feature_that_is_the_mean_has_no_direction_when_centred() -> None:
    features = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [0.0, 0.0]])
    features += [0.3, 0.4]
    rows = Rows(features, feature_axis=0, centre=True)
    assert (rows.n, rows.n_without) == (4, 1)


def test_dimensionalities_and_anisotropy(features: Array) -> None:
    filling, dimensionalities = filling_of(Rows(features, feature_axis=0))
    np.testing.assert_allclose(
        dimensionalities, feature_dimensionality(features, feature_axis=0), rtol=1e-9
    )
    units = unit(features)
    values = np.linalg.eigvalsh(np.cov(units.T, bias=True))
    shares = values / values.sum()
    assert filling.rank == 12
    assert filling.mean_share == pytest.approx(np.square(units.mean(axis=0)).sum())
    assert filling.effective_rank == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
    assert filling.participation_ratio == pytest.approx(1 / np.square(shares).sum())
    assert filling.largest_share == pytest.approx(shares.max())


@pytest.mark.parametrize(
    ("mask", "message"),
    [([1, 0], "booleans"), (np.ones(4, bool), "booleans"), ("(", "regular"), ("x", "labels")],
)
def test_bad_masks(mask: Any, message: str) -> None:
    with pytest.raises(GeomsupError, match=message):
        mask_of(mask, 2, None if isinstance(mask, str) and mask == "x" else ["a", "b"])


@pytest.mark.parametrize(
    ("W", "options", "message"),
    [
        (np.ones((3, 2)), {"feature_axis": None}, "feature_axis"),
        (np.ones(3), {"feature_axis": 0}, "matrix"),
        (np.full((3, 2), np.nan), {"feature_axis": 0}, "finite"),
        (np.diag([1.0, 1.0, 1e200]), {"feature_axis": 0}, "finite.*feature 2"),
        (np.diag([1.0, 1.0, 1e200]), {"feature_axis": 0, "fold_norms": True}, "finite"),
        (np.zeros((3, 2)), {"feature_axis": 0}, "direction"),
        (np.ones((3, 2)), {"feature_axis": 0, "remove_components": 2}, "remove_components"),
        (np.ones((3, 2)), {"feature_axis": 0, "centre": 1}, "centre"),
        (np.array([["a", "b"]]), {"feature_axis": 0}, "real numbers"),
    ],
)
def test_bad_matrices(W: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(GeomsupError, match=message):
        Rows(W, **options)
