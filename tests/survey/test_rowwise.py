"""Largest, mean and quantiles of each row against NumPy's, one row at a time."""

from __future__ import annotations

import numpy as np
import pytest

from geomsup.errors import GeomsupError
from geomsup.survey import rowwise
from geomsup.survey.rowwise import row_cosines


@pytest.mark.parametrize(("n", "dim"), [(2, 3), (3, 2), (40, 7), (700, 12)])
def test_each_row_is_what_numpy_makes_of_its_cosines(n: int, dim: int) -> None:
    W = np.random.default_rng(n).standard_normal((n, dim))
    shares = (0.0, 0.3, 0.95, 0.99, 1.0)
    found = row_cosines(W.T, feature_axis=-1, shares=shares)
    units = W / np.linalg.norm(W, axis=1, keepdims=True)
    cosines = np.abs(units @ units.T)
    others = cosines[~np.eye(n, dtype=bool)].reshape(n, n - 1)
    np.testing.assert_allclose(found.largest, others.max(axis=1), atol=1e-6)
    np.testing.assert_allclose(found.mean, others.mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(found.quantiles, np.quantile(others, shares, axis=1), atol=1e-6)


def test_strips_and_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    W = np.random.default_rng(1).standard_normal((90, 8))
    whole = row_cosines(W, feature_axis=0)
    monkeypatch.setattr(rowwise, "_NUMBERS", 200)
    parts = row_cosines(W, feature_axis=0)
    for name in ("largest", "mean", "quantiles"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=1e-6)


def test_a_feature_without_a_direction_is_left_out() -> None:
    W = np.array([[1.0, 0.0], [0.0, 0.0], [2.0, 0.0], [0.0, 3.0]])
    found = row_cosines(W, feature_axis=0, shares=[])
    np.testing.assert_array_equal(found.features, [0, 2, 3])
    np.testing.assert_allclose(found.largest, [1, 1, 0])
    assert found.quantiles.shape == (0, 3)
    assert found.to_dict()["mean"] == [0.5, 0.5, 0.0]


def test_a_share_beyond_one_is_refused() -> None:
    with pytest.raises(GeomsupError, match="shares must lie in"):
        row_cosines(np.eye(3), feature_axis=0, shares=[95])
