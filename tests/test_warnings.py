"""Who warns of few features in many dimensions: public doors that read a matrix, and they alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest

from geomsup import (
    GeomsupWarning,
    classify_geometry,
    feature_dimensionality,
    interference_graph,
    match_shape,
)
from geomsup.dynamics import WeightRecorder, geometry_timeline
from geomsup.geometry.classify import geometry_of
from geomsup.neurons import neuron_report
from geomsup.sphere import compare_to_optima
from geomsup.theory import best_configuration, expected_loss, verify_optimum
from geomsup.weights import as_weights, matrix_of

_SQUARE = np.eye(2)
_FEW = "2 features in 2 dimensions, so nothing need be in superposition"


@pytest.mark.parametrize(
    "door",
    [
        as_weights,
        classify_geometry,
        feature_dimensionality,
        interference_graph,
        lambda W: compare_to_optima(W, feature_axis=-1),
    ],
)
def test_public_doors_warn_at_the_line_that_called_them(door: Callable[..., object]) -> None:
    with pytest.warns(GeomsupWarning, match=_FEW) as caught:
        door(_SQUARE)
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize(
    "inner",
    [
        matrix_of,
        geometry_of,
        lambda W: match_shape(W, "monosemantic ⊕ monosemantic"),
        lambda W: geometry_timeline([0, 1, 2], [W, W, W]),
        lambda W: WeightRecorder(lambda: W)(0),
        lambda W: neuron_report(W),
        lambda W: expected_loss(W, [0.0, 0.0], 0.5),
        lambda W: verify_optimum(W, [0.0, 0.0], 0.5),
        lambda W: best_configuration(2, len(W), 0.5, n_starts=4),
    ],
)
def test_what_looks_at_more_than_a_matrix_does_not(inner: Callable[..., object]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inner(_SQUARE)


def test_a_seed_is_of_no_use_to_the_classification() -> None:
    W = [[1.0, -1.0, 0.5], [0.0, 0.3, 1.0]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = classify_geometry(W)
        assert classify_geometry(W, seed=0) == plain
    for seed in (1, None, np.random.default_rng(0)):
        with pytest.warns(GeomsupWarning, match="seed has no effect"):
            assert classify_geometry(W, seed=seed) == plain
